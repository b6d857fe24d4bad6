"""Callback: what happens around training without changing its maths. Override the hooks you need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from neurokit.trainer import Trainer

Logs = dict[str, float]
BatchLogs = Mapping[str, float]


class Callback:
    """Watches a run through Keras's hooks; may end it with ``self.trainer.stop(reason)``.

    Epochs and batches count from 0. Batch logs are running means that are computed when read; epoch logs are
    floats in one dict that all callbacks share. A hook that no callback overrides is never called.
    A callback that remembers anything defines ``state_dict`` and ``load_state_dict``: on resume ``on_train_begin``
    comes first, then ``load_state_dict``.

    Attributes:
        trainer: The trainer that runs this callback, set before the first hook.
        order: Callbacks of a lower order see every event first; equal ones keep the order of the user's list.
        makes_files: Whether ``on_train_begin`` makes files. Such callbacks begin after all others of any order, so that
            a fit that one of those refuses leaves none. In either group those that are ``for_one`` are first.
        for_one: Whether, of several processes, only the first runs this callback: one that writes or draws, and neither
            moves weights nor stops the fit. What ``on_train_begin`` raises there is raised in all.

    Example:
        >>> class Shout(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(f"epoch {epoch + 1}: {logs['loss']:.3f}")
    """

    trainer: Trainer
    order: int = 0
    makes_files: bool = False
    for_one: bool = False

    @property
    def model(self) -> nn.Module:
        """The user's own module, never a wrapper."""
        return self.trainer.model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once, after everything was checked and before the first epoch."""

    def on_interrupt(self, logs: Logs | None = None) -> None:
        """Called between two steps, when Ctrl-C or a scheduler's signal ends the run; the whole of it can be saved."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called on every way out of ``fit``, with the last epoch's logs."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after training and validation of an epoch; ``logs`` holds both."""

    def on_train_batch_begin(self, batch: int, logs: BatchLogs | None = None) -> None:
        """Called before a training step."""

    def on_train_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        """Called after a training step; ``logs`` are the epoch's running means so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before a validation or an ``evaluate``."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after a validation or an ``evaluate``, with its results (no ``val_`` prefix)."""

    def on_test_batch_begin(self, batch: int, logs: BatchLogs | None = None) -> None:
        """Called before a batch is evaluated."""

    def on_test_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        """Called after a batch was evaluated."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after the last batch was predicted."""

    def on_predict_batch_begin(self, batch: int, logs: BatchLogs | None = None) -> None:
        """Called before a batch is predicted."""

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called after a batch was predicted, with ``{"outputs": ...}``."""

    def state_dict(self) -> dict[str, Any]:
        """What must survive a crash: numbers, strings, lists, dicts and tensors."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
