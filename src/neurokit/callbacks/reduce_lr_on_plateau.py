"""ReduceLROnPlateau: a lower learning rate each time the run has stopped improving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurokit.arguments import check_count, check_number, suggests_arguments
from neurokit.callbacks.announce import announce
from neurokit.callbacks.callback import Callback, Logs
from neurokit.callbacks.monitor import Monitor
from neurokit.callbacks.rates import set_rate


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rates by ``factor`` when a monitored value has not improved for ``patience`` epochs.

    The parameters and rules are Keras 3's, not those of torch's scheduler of this name (``LRSchedule`` takes that one):
    it reduces one epoch earlier than torch's of the same patience, and ``min_delta`` is absolute. Every parameter group
    of every optimizer is reduced, down to ``min_lr``; once all are there nothing happens any more, not even a cooldown.

    Two things are done otherwise: a NaN counts as no improvement and never becomes the best; and a misspelt
    ``monitor``, or a ``mode`` that does not exist, fails before the first epoch.

    Args:
        monitor: The name to watch.
        factor: What the rates are multiplied by, between 0 and 1.
        patience: Epochs without improvement after which they are.
        verbose: 1 prints a line when they are.
        mode: ``"min"``, ``"max"``, or ``"auto"`` to take the metric's own direction.
        min_delta: A smaller change is no improvement.
        cooldown: Epochs after a reduction in which patience does not count.
        min_lr: No rate is reduced below this.

    Attributes:
        best: The best value so far.
        wait: Epochs since the last improvement, reduction or cooldown.
        cooldown_counter: Epochs of cooldown that are left.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the factor is no reduction or another argument out of range; at the begin of training, if the
            name will not be logged.

    Example:
        >>> ReduceLROnPlateau(factor=0.5, patience=3).factor
        0.5
    """

    @suggests_arguments
    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        owner = "of ReduceLROnPlateau"
        check_number(f"factor {owner}", factor, "a number between 0 and 1", lambda one: 0 < one < 1, such_as=0.1)
        check_count(f"patience {owner}", patience, 0)
        check_count(f"cooldown {owner}", cooldown, 0, such_as=2)
        check_number(f"min_lr {owner}", min_lr, "a number of 0 or more", lambda rate: rate >= 0, such_as=1e-6)
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._watch = Monitor(monitor, mode, min_delta, owner="ReduceLROnPlateau")
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.best = self._watch.worst
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._watch.resolve(self.trainer)
        self._begin_anew()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self._watch.read(logs or {})
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._watch.improved(current, self.best):
            self.best = current
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self, epoch: int) -> bool:
        """Lower every rate above ``min_lr``; return whether there was one."""
        groups = [group for optimizer in self.trainer.optimizers.values() for group in optimizer.param_groups]
        above = [group for group in groups if float(group["lr"]) > self.min_lr]
        for group in above:
            set_rate(group, max(float(group["lr"]) * self.factor, self.min_lr))
        if above and self.verbose:
            rates = ", ".join(f"{float(group['lr']):.6g}" for group in groups)
            announce(f"epoch {epoch + 1}: reducing the learning rate to {rates}")
        return bool(above)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.wait, self.cooldown_counter = state["best"], state["wait"], state["cooldown_counter"]
