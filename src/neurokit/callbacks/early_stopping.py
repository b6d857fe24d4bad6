"""EarlyStopping: ends a run that has stopped improving, and gives back its best weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from neurokit.arguments import check_count, check_flag, check_number, suggests_arguments
from neurokit.callbacks.announce import announce
from neurokit.callbacks.callback import Callback, Logs
from neurokit.callbacks.monitor import Monitor


class EarlyStopping(Callback):
    """Stops training when a monitored value has not improved for ``patience`` epochs.

    The parameters and rules are Keras 3's; a patience of 0 or 1 stops at the first epoch without improvement, and epoch
    0 is never stopped. Four things are done otherwise:

    - A NaN counts as no improvement and never becomes the best (in Keras, one in the first epoch stays the best).
    - A value has to beat ``baseline`` within ``patience`` epochs, and patience counts from there. In Keras a run that
      keeps improving without ever reaching the baseline is never stopped.
    - A misspelt ``monitor``, or a ``mode`` that does not exist, fails before the first epoch. In Keras it only warns.
    - The best weights are put back on every way out, Ctrl-C and exceptions included.

    An epoch that has not logged the value, as one without validation, is passed over. A run that had stopped and is
    resumed stops again at once.

    Args:
        monitor: The name to watch.
        min_delta: A smaller change is no improvement.
        patience: Epochs without improvement after which training stops.
        verbose: 1 prints a line when it stops or puts weights back.
        mode: ``"min"``, ``"max"``, or ``"auto"`` to take the metric's own direction.
        baseline: A value to be beaten.
        restore_best_weights: Put the best epoch's weights back at the end, whether or not it stopped early.
        start_from_epoch: The first epoch that counts, from 0.

    Attributes:
        best: The best value so far.
        best_epoch: Its epoch, from 0; ``None`` before the first.
        wait: Epochs since the last improvement.
        stopped_epoch: The epoch in which it stopped the run, from 0; 0 when it has not.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range; at the begin of training, if the name will not be logged.

    Example:
        >>> EarlyStopping(patience=3, restore_best_weights=True).monitor
        'val_loss'
    """

    @suggests_arguments
    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        check_count("patience of EarlyStopping", patience, 0, such_as=3)
        check_count("start_from_epoch of EarlyStopping", start_from_epoch, 0)
        check_flag("restore_best_weights of EarlyStopping", restore_best_weights)
        if baseline is not None:
            check_number("baseline of EarlyStopping", baseline, "a number to be beaten", lambda _: True, such_as=0.9)
        self.monitor = monitor
        self.min_delta = min_delta
        self.mode = mode
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._watch = Monitor(monitor, mode, min_delta, owner="EarlyStopping")
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.best = self._watch.worst
        self.best_epoch: int | None = None
        self.wait = 0
        self.stopped_epoch = 0
        self._weights: dict[str, Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._watch.resolve(self.trainer)
        self._begin_anew()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self._watch.read(logs or {})
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._watch.improved(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._weights = _copy_of(self.model)
            if self.baseline is None or self._watch.improved(current, self.baseline):
                self.wait = 0
        if 0 < self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self._stop()

    def _stop(self) -> None:
        name = self.monitor
        if self.best_epoch is None:
            why = f"{name} was never a number"
        elif self.baseline is not None and not self._watch.improved(self.best, self.baseline):
            why = f"{name} has not beaten the baseline {self.baseline:g} (best {self.best:.6g})"
        else:
            why = f"{name} has not improved on {self.best:.6g} since epoch {self.best_epoch + 1}"
        self.trainer.stop(f"EarlyStopping: {why}")
        if self.verbose:
            announce(f"epoch {self.stopped_epoch + 1}: stopping early, {why}")

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._weights is not None and self.best_epoch is not None:
            self.model.load_state_dict(self._weights)
            if self.verbose:
                announce(f"the weights of epoch {self.best_epoch + 1}, the best, are back in the model")
        self._weights = None

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "weights": self._weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.wait, self.stopped_epoch = state["wait"], state["stopped_epoch"]
        self._weights = state["weights"]
        if self.stopped_epoch:
            self._stop()


def _copy_of(model: nn.Module) -> dict[str, Any]:
    """Return a module's state dict as copies on the same device; what is not a tensor is extra state."""
    return {
        name: value.detach().clone() if isinstance(value, Tensor) else copy.deepcopy(value)
        for name, value in model.state_dict().items()
    }
