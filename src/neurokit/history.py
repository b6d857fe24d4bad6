"""History: the numbers of a run, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from neurokit.arguments import check_choice, suggestions
from neurokit.plots import learning_curves

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Direction = Literal["min", "max"]


class BestValue(float):
    """A number that knows the epoch it was reached in.

    Attributes:
        value: The number, as a plain float.
        epoch: The epoch, counted from 0.
    """

    epoch: int

    def __new__(cls, value: float, epoch: int) -> BestValue:
        """Return the number with its epoch."""
        best = super().__new__(cls, value)
        best.epoch = epoch
        return best

    @property
    def value(self) -> float:
        """The number alone."""
        return float(self)

    def __getnewargs__(self) -> tuple[float, int]:  # type: ignore[override]
        return float(self), self.epoch

    def __repr__(self) -> str:
        return f"{float(self):.6g} (epoch {self.epoch})"

    __str__ = float.__repr__


class History:
    """What every epoch logged, as Keras keeps it: one list a name, one entry an epoch.

    Args:
        directions: Which way each name is better; ``None`` for one where that means nothing, such as ``lr``.

    Attributes:
        history: The numbers by name: ``loss``, ``accuracy``, ``val_loss``, ``lr``, ...
        epoch: The epochs they belong to, counted from 0.
        stop_reason: Why the run ended; ``None`` while it goes on.
        directions: As given.

    Example:
        >>> history = History({"loss": "min"})
        >>> for epoch, loss in enumerate([0.9, 0.4, 0.5]):
        ...     history.append(epoch, {"loss": loss})
        >>> history
        History(3 epochs, loss=0.5)
        >>> history.best("loss")
        0.4 (epoch 1)
    """

    def __init__(self, directions: Mapping[str, Direction | None] | None = None) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.stop_reason: str | None = None
        self.directions: dict[str, Direction | None] = dict(directions or {})

    def append(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Add an epoch. A name that was not logged in an epoch, now or before, has NaN there."""
        for name in logs:
            self.history.setdefault(name, [math.nan] * len(self.epoch))
        for name, values in self.history.items():
            values.append(float(logs.get(name, math.nan)))
        self.epoch.append(int(epoch))

    def best(self, monitor: str, mode: Literal["auto", "min", "max"] = "auto") -> BestValue:
        """Return the best value of a name and its epoch: the first, where several are equal. NaN is never the best.

        Args:
            monitor: A name in ``history``.
            mode: ``"min"`` or ``"max"``; ``"auto"`` takes the direction its metric declares.

        Raises:
            ValueError: If the name is unknown, its direction is, or it was never a number.
        """
        check_choice("mode", mode, ("auto", "min", "max"))
        if not self.epoch:
            raise ValueError("The history is empty: no epoch was completed yet. Call fit first.")
        if monitor not in self.history:
            hint = suggestions(str(monitor), self.history) or " Name one of these."
            raise ValueError(f"{monitor!r} was never logged; this history has {sorted(self.history)}.{hint}")
        direction = self.directions.get(monitor) if mode == "auto" else mode
        if direction is None:
            raise ValueError(f"Nothing says which way {monitor!r} is better. Pass mode='min' or mode='max'.")
        numbers = [
            (value, epoch)
            for value, epoch in zip(self.history[monitor], self.epoch, strict=True)
            if not math.isnan(value)
        ]
        if not numbers:
            raise ValueError(f"{monitor!r} was NaN in each of the {len(self.epoch)} epochs, and NaN is never the best.")
        sign = 1 if direction == "min" else -1
        return BestValue(*min(numbers, key=lambda number: sign * number[0]))

    def to_frame(self) -> pd.DataFrame:
        """Return a ``pandas.DataFrame``: a column a name, a row an epoch, indexed by ``epoch`` from 0."""
        import pandas as pd

        return pd.DataFrame(self.history, index=pd.Index(self.epoch, name="epoch", dtype="int64"), dtype="float64")

    def plot(self, ax: Any = None) -> np.ndarray[Any, Any]:
        """Draw the learning curves, training and validation in pairs, and return the axes.

        Args:
            ax: One matplotlib ``Axes`` for all curves, or several; ``None`` makes a figure with one for each name.

        Raises:
            ValueError: If the history is empty.
        """
        return learning_curves(self.history, self.epoch, ax)

    def state_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "history": {name: list(values) for name, values in self.history.items()},
            "epoch": list(self.epoch),
            "stop_reason": self.stop_reason,
            "directions": dict(self.directions),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` returned; directions that are known here already stay.

        Raises:
            ValueError: If it is something else; nothing is changed then.
        """
        try:
            history = {str(name): [float(value) for value in values] for name, values in state["history"].items()}
            epoch, reason = [int(epoch) for epoch in state["epoch"]], state["stop_reason"]
            directions = dict(state["directions"])
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"This is not the state of a History: {error!r:.200}.") from error
        if any(len(values) != len(epoch) for values in history.values()) or not isinstance(reason, str | None):
            raise ValueError("This is not the state of a History: its lists are not of one length, or it ended oddly.")
        self.history, self.epoch, self.stop_reason = history, epoch, reason
        self.directions = directions | self.directions

    def __repr__(self) -> str:
        last = [f"{name}={values[-1]:.4g}" for name, values in self.history.items() if name != "lr"][:4]
        epochs = "1 epoch" if len(self.epoch) == 1 else f"{len(self.epoch)} epochs"
        return f"History({', '.join([epochs, *last])}{f', {self.stop_reason}' if self.stop_reason else ''})"
