"""RunningMeans: the weighted means of what an epoch's steps logged, exact, and read from the device only when asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from neurokit.devices import sent

SUM: Final = "sum"  # in place of a weight: the value is a sum over rows and no mean, and is reported as the sum of all
_CHUNK = 1024  # steps folded into one vector at a time, so that a long epoch does not keep a million small tensors


class RunningMeans:
    """One vector per name holds each step's value, another its weight. Nothing is summed before it is read.

    So a mean does not depend on when it was read, and the first step that was not finite can be named.

    Args:
        device: Where the steps' values are.

    Attributes:
        device: The same.

    Example:
        >>> means = RunningMeans(torch.device("cpu"))
        >>> means.add({"loss": 1.0}, rows=30)
        >>> means.add({"loss": 5.0}, rows=10)
        >>> means.compute()
        {'loss': 2.0}
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        self._steps: list[tuple[Mapping[str, Any], Mapping[str, Any], int]] = []
        self._values: dict[str, Tensor] = {}
        self._weights: dict[str, Tensor] = {}
        self._sums: set[str] = set()
        self._last: tuple[str, ...] = ()  # what the step logged that was folded last

    def add(self, logs: Mapping[str, Any], rows: int) -> None:
        """Note what one step logged over a batch of ``rows`` rows. Scalars on the CPU are read at once.

        Raises:
            TypeError: If these are no values by name.
            ValueError: If a value is no single number.
        """
        if not (self._steps or self._values):
            _check_logs(logs)
        reads = self.device.type == "cpu"  # elsewhere a copy to the CPU may be under way still
        notes: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for note, numbers in zip(notes, (logs, getattr(logs, "weights", {})), strict=True):
            for name, number in numbers.items():
                if reads and type(number) is Tensor and number.is_cpu and not number.ndim and not number.is_complex():
                    note[name] = number.tolist()  # kept, it would lie among the next step's activations
                else:
                    note[name] = number.detach() if getattr(number, "requires_grad", False) else number
        self._steps.append((*notes, rows))
        if len(self._steps) == _CHUNK:
            self._fold()

    def _fold(self) -> None:
        steps, self._steps = self._steps, []
        if steps:
            self._last = tuple(steps[-1][0])
        for name in dict.fromkeys(name for logs, _, _ in steps for name in logs):
            noted = [(logs[name], weights.get(name, rows)) for logs, weights, rows in steps if name in logs]
            if isinstance(noted[0][1], str):
                self._sums.add(name)
                noted = [(value, 1) for value, _ in noted]
            self._values[name] = self._extended(self._values.get(name), [value for value, _ in noted])
            self._weights[name] = self._extended(self._weights.get(name), [weight for _, weight in noted])

    def _extended(self, vector: Tensor | None, numbers: list[Any]) -> Tensor:
        if all(isinstance(number, Tensor) and number.device == numbers[0].device for number in numbers):
            new = torch.stack([number.reshape(()) for number in numbers]).to(self.device, self._dtype)
        else:
            new = sent(torch.tensor([float(number) for number in numbers], dtype=self._dtype), self.device)
        return new if vector is None else torch.cat([vector, new])

    def withdraw(self) -> None:
        """Forget the step that was noted last: it trained on a row that counts nothing."""
        self._fold()
        for name in self._last:
            self._values[name], self._weights[name] = self._values[name][:-1], self._weights[name][:-1]
            if not len(self._values[name]):
                del self._values[name], self._weights[name]

    def summed(self) -> dict[str, tuple[float, float, bool]]:
        """Return for each name its mean, the weight of it, and whether it is a sum: what other processes need."""
        self._fold()
        return {
            name: (float(self.mean(name)), float(self._weights[name].sum()), name in self._sums)
            for name in self._values
        }

    def names(self) -> list[str]:
        """Return the names logged so far."""
        self._fold()
        return list(self._values)

    def mean(self, name: str) -> Tensor:
        """Return the mean of one name so far, a scalar on the device; the sum, where the steps logged sums."""
        self._fold()
        values, weights = self._values[name], self._weights[name]
        total = torch.where(weights == 0, 0, values * weights).sum()  # where nothing counted the loss is 0/0
        return total if name in self._sums else total / weights.sum()

    def compute(self) -> dict[str, float]:
        """Return every mean as a float: one host read."""
        return dict(zip(self.names(), self.stacked().tolist(), strict=True))

    def stacked(self) -> Tensor:
        """Return every mean, in the order of the names, as one vector on the device."""
        means = [self.mean(name) for name in self.names()]
        return torch.stack(means) if means else torch.empty(0)

    def first(self, name: str) -> float | None:
        """Return the value of the first step that logged a name; ``None`` where none did, or it logs sums."""
        self._fold()
        return float(self._values[name][0]) if name in self._values and name not in self._sums else None

    def first_not_finite(self, name: str = "loss") -> tuple[int, float] | None:
        """Return the first step, from 0, whose value was not finite, and that value; ``None`` when all were."""
        self._fold()
        if name not in self._values:
            return None
        bad = ~torch.isfinite(self._values[name]) & (self._weights[name] != 0)
        if not bool(bad.any()):
            return None
        step = int(bad.nonzero()[0])
        return step, float(self._values[name][step])

    def last_values(self, name: str, step: int, count: int) -> list[float]:
        """Return the values of up to ``count`` steps before a step: one host read."""
        self._fold()
        return [float(value) for value in self._values[name][max(0, step - count) : step].tolist()]

    def state_dict(self) -> dict[str, Any]:
        """Return the vectors, so that an epoch resumed in its middle ends with the same bits."""
        self._fold()
        return {"values": dict(self._values), "weights": dict(self._weights), "sums": sorted(self._sums)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        self._steps = []
        self._values = {name: vector.to(self.device) for name, vector in state["values"].items()}
        self._weights = {name: vector.to(self.device) for name, vector in state["weights"].items()}
        self._sums = set(state["sums"])


def _check_logs(logs: Any) -> None:
    if not isinstance(logs, Mapping):
        raise TypeError(
            f"The step returned {logs if logs is None else type(logs).__name__}. Return a dict of what to log, such as "
            "{'loss': loss}; it may be empty."
        )
    for name, value in logs.items():
        if isinstance(value, (str, bytes)) or (isinstance(value, Tensor) and value.numel() != 1):
            arrived = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise ValueError(f"What a step logs is one number by name, and {name!r} is {arrived}. Take its mean.")
