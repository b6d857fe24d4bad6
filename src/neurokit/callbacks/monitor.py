"""Monitor: which logged value a callback watches, and when a new one is better than the best so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from neurokit.arguments import check_number, nearest, question, suggestions
from neurokit.metrics import metric_names

if TYPE_CHECKING:
    from neurokit.trainer import Trainer


class Monitor:
    """Watches one name of the epoch logs for a callback; a NaN is never an improvement, not even over nothing.

    Which direction is better comes from the metric, as ``trainer.monitors`` tells it, and is never guessed from a name.
    A callback that adds a value to the epoch logs makes it known to those after it in its own ``on_train_begin``, with
    ``self.trainer.monitors["gap"] = "min"``.

    Args:
        name: A name in the epoch logs, such as ``"val_loss"``.
        mode: ``"min"``, ``"max"``, or ``"auto"`` to take the metric's own direction.
        min_delta: A smaller change is no improvement; the sign does not matter, as in Keras.
        owner: The callback, as error messages call it.

    Raises:
        ValueError: If the mode is none of the three.

    Example:
        >>> monitor = Monitor("val_loss", "min", min_delta=0.01, owner="EarlyStopping")
        >>> [monitor.improved(current, best=0.52) for current in (0.50, 0.515, math.nan)]
        [True, False, False]
    """

    def __init__(self, name: str, mode: str = "auto", min_delta: float = 0.0, *, owner: str) -> None:
        if not isinstance(name, str):
            raise TypeError(
                f"monitor of {owner} is a name in the epoch logs, got {name!r} ({type(name).__name__}). Pass one, such "
                "as monitor='val_loss'."
            )
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"{owner} got mode={mode!r}. Pass 'min', 'max', or 'auto' for the metric's own direction."
                f"{suggestions(str(mode), ('min', 'max', 'auto'))}"
            )
        check_number(f"min_delta of {owner}", min_delta, "a number to be exceeded", lambda _: True, such_as=0.001)
        self.name, self.mode, self.min_delta, self.owner = name, mode, abs(min_delta), owner
        self.direction: str = mode
        self._expected = True

    def resolve(self, trainer: Trainer) -> None:
        """Find the name and its direction among what this fit will log; for ``on_train_begin``.

        A fit with a training step of its own may log more than is known beforehand. A name that is not known is then
        taken if ``mode`` is given, and has to appear by the end of the first epoch.

        Raises:
            ValueError: If the name will not be logged, or nothing tells which direction is better.
        """
        known = trainer.monitors
        is_known = self.name in known
        self._expected = is_known and trainer.monitors_are_complete
        if not is_known and trainer.monitors_are_complete:
            raise ValueError(self._not_logged(known, "logs"))
        direction = known.get(self.name) if self.mode == "auto" else self.mode
        if direction is None:
            unknown = "" if is_known else f"{self._not_logged(known, 'is known to log')} If it is right: "
            raise ValueError(
                f"{unknown}{self.owner} cannot tell whether a high or a low {self.name!r} is better. Pass mode='min' "
                "or mode='max'."
            )
        self.direction = direction

    def _not_logged(self, logged: Iterable[str], verb: str) -> str:
        """What is wrong with the name, the nearest name first."""
        names = sorted(logged)
        if self.name.startswith("val_") and not any(name.startswith("val_") for name in names):
            return (
                f"{self.owner} watches {self.name!r}, and this fit has no validation data. Pass validation_data or "
                f"validation_split to fit, or monitor one of {names}."
            )
        listed = nearest(self.name, names, count=len(names), cutoff=0.0)
        hint = suggestions(self.name, names) or self._metric_meant(names) or " Monitor one of these."
        return f"{self.owner} watches {self.name!r}, and this fit {verb} {listed}.{hint}"

    def _metric_meant(self, names: list[str]) -> str:
        """What to do where the name is another one for a metric, such as "acc"."""
        prefix = "val_" if self.name.startswith("val_") else ""
        metric = next(iter(metric_names(self.name.removeprefix("val_"))), None)
        if metric is None or prefix + metric in names:
            return question([prefix + metric] if metric else [])
        return f" For a metric pass metrics=[{metric!r}] to Trainer, and monitor {prefix + metric!r}."

    def read(self, logs: Mapping[str, float]) -> float | None:
        """Return an epoch's value, or ``None`` where this epoch has none, as one without validation.

        Raises:
            ValueError: If the name was not known beforehand, and the first epoch has not logged it either.
        """
        value = logs.get(self.name)
        if value is None and not self._expected:
            raise ValueError(self._not_logged(logs, "logged"))
        self._expected = True
        return None if value is None else float(value)

    @property
    def worst(self) -> float:
        """The value that every number improves on."""
        return math.inf if self.direction == "min" else -math.inf

    def improved(self, current: float, best: float) -> bool:
        """Return whether ``current`` is better than ``best`` by more than ``min_delta``."""
        if self.direction == "min":
            return current + self.min_delta < best
        return current - self.min_delta > best
