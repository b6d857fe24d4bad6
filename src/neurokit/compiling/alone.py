"""Alone: whether all code that runs between the steps of an epoch is this library's and torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.optim import lr_scheduler

from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import Hooks, is_ours
from neurokit.callbacks.lr_schedule import LRSchedule
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

_OVERRIDABLE = ("train_step", "compute_loss", "learn", "place")
_WITHOUT_FUNCTIONS = (
    lr_scheduler.OneCycleLR, lr_scheduler.CosineAnnealingLR, lr_scheduler.CosineAnnealingWarmRestarts,
    lr_scheduler.StepLR, lr_scheduler.MultiStepLR, lr_scheduler.ExponentialLR, lr_scheduler.LinearLR,
    lr_scheduler.ConstantLR, lr_scheduler.PolynomialLR, lr_scheduler.ReduceLROnPlateau,
)  # fmt: skip


def is_alone(trainer: Trainer, loader: Loader, hooks: Hooks) -> bool:
    """Tell whether nothing of the user's runs between two steps, and a step is the trainer's own.

    Then nothing changes from step to step but what this library changes: numbers in tensors, the optimizers' settings,
    and how far the run is. Of the user's are datasets and loaders, callbacks that hear of batches, metric objects,
    losses that are functions, and methods of a subclass.

    Args:
        trainer: What trains.
        loader: Its training data.
        hooks: The callbacks of this fit.
    """
    return (
        isinstance(loader, InMemoryLoader)
        and not any(_is_overridden(trainer, name) for name in _OVERRIDABLE)
        and all(type(one.function).__module__.startswith("torch.nn.") for one in trainer.criteria())
        and trainer.metrics.is_streaming
        and all(map(_changes_no_model, hooks.hearing("on_train_batch_begin", "on_train_batch_end")))
    )


def _is_overridden(trainer: Trainer, name: str) -> bool:
    method = getattr(type(trainer), name)
    return name in vars(trainer) or not is_ours(method)


def _changes_no_model(callback: Callback) -> bool:
    if isinstance(callback, LRSchedule) and any(type(one) not in _WITHOUT_FUNCTIONS for one in callback.schedulers):
        return False
    return is_ours(type(callback))
