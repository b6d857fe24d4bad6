"""SharedRuntime: a step of one of several processes, whose gradients are those of the whole batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from neurokit.distributed import Averaging
from neurokit.processes import Group
from neurokit.runtime import Precision, Rows, Runtime

if TYPE_CHECKING:
    from neurokit.distributed.sharding import Sharding


class SharedRuntime(Runtime):
    """Backpropagates sums and divides once by the weight of the whole batch, or window, over all processes.

    So a process may hold more rows than another, rows that count more, or none, and the update is that of one process
    that holds them all.

    Args:
        group: The processes.
        overlaps: Whether gradients are reduced while the backward pass runs.
    """

    weighs = True

    def __init__(
        self,
        device: torch.device,
        precision: Precision,
        accumulate: int,
        max_grad_norm: float | None,
        *,
        group: Group,
        overlaps: bool,
    ) -> None:
        super().__init__(device, precision, accumulate, max_grad_norm)
        self.group = group
        self.engine: Averaging | Sharding = Averaging(group, overlaps=overlaps, closes=self._is_closing)
        self._rows = self._whole = 1
        self._alike = False
        self._known: float | None = (
            0.0  # the weight of the open window in all processes; None: its weights must be added up
        )
        self._divides = True  # whether the open window is of means

    def _is_closing(self) -> bool:
        return self.closes

    def begin_step(self, rows: int, whole: int, *, alike: bool) -> None:
        """Take a share of a batch: ``rows`` of its ``whole`` rows, or none, and a row that counts nothing.

        ``alike`` says that rows have one shape in all processes, so that a loss counts as much in each of them.
        """
        self._rows, self._whole, self._alike = rows, whole, alike
        self.engine.share = rows / whole

    def _in_rows(self, weight: Tensor | float | str | None) -> float | None:
        """What a row of this process weighs, where it weighs the same in the others; ``None`` where nobody knows."""
        if weight is None or isinstance(weight, Rows):
            return 1.0
        return weight / max(self._rows, 1) if self._alike and isinstance(weight, int) else None

    def backward(self, loss: Tensor, weight: Tensor | float | str | None = None) -> None:
        """Compute gradients of this process's part of a mean.

        Args:
            loss: The mean over this process's rows, as it is reported.
            weight: What it is a mean over: rows when ``None``; ``"sum"`` for a sum, never divided.
        """
        if self.accumulate > 1:
            self._add_to_window(loss, weight)
            return
        share: Tensor | float = self._rows / self._whole
        if isinstance(weight, str):
            share = float(self._rows > 0)
        elif self._in_rows(weight) is None:
            own = torch.as_tensor(weight, device=self.device).detach().double() * (self._rows > 0)
            whole = self.group.add_up(own)
            share = torch.where(whole == 0, 0, own / whole)
        if self.engine.adds_up_inside:
            loss, share = loss * share, 1.0
        self.engine.share = share
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def _add_to_window(self, loss: Tensor, weight: Tensor | float | str | None) -> None:
        """Backpropagate a sum, to be divided with the others of its window by what all processes' rows weigh."""
        self.engine.share = 1.0
        if not self._is_open:
            self._known, self._divides = 0.0, True
        if isinstance(weight, str):
            self._divides = False
            loss = loss * (self._rows > 0)
        elif (each := self._in_rows(weight)) is not None:
            self._known = None if self._known is None else self._known + each * self._whole
            weight = each * self._rows
        else:
            self._known = None
            weight = weight * (self._rows > 0)  # type: ignore[operator]
        super().backward(loss, weight)

    def step(self, optimizers: Iterable[Optimizer]) -> None:
        """Update the weights, if the present batch closes its window."""
        if self.closes:
            self.engine.complete(self._parameters)
        super().step(optimizers)

    def _window_total(self) -> Tensor | float:
        """What the open window weighs in all processes; one small message where nobody knows before."""
        if not self._divides:
            return 1.0
        if self._known is not None:
            return self._known
        total = self.group.add_up(self._window_weight).float()
        return float(total) if self.engine.divides_by_numbers else total

    def settle(self) -> None:
        """Give every process the first one's running statistics, for an evaluation."""
        self.engine.share_buffers()

    def detach(self) -> None:
        """Take the engine off the model."""
        self.engine.detach()

    def state_dict(self) -> dict[str, Any]:
        """As one process would have it: an open window holds the gradients and the weight of all processes."""
        state = super().state_dict()
        if "window" in state:
            gradients = [None if one is None else self.engine.total(one) for one in state["window"]["gradients"]]
            state["window"] = {"weight": self._window_total(), "gradients": gradients}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave: of an open window each process its part."""
        super().load_state_dict(state)
        if not self._is_open:
            return
        self._known = None
        if not self.group.is_first:
            self._window_weight.zero_()
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad = self.engine.part(parameter, parameter.grad)
