"""Failures: what to say when training breaks down, from what is still known: the first bad place, and the mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from neurokit.data.batch import Batch, count_rows
from neurokit.data.datasets import DatasetLoader
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader
from neurokit.tree import map_tensors

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

_SHOWN = 4  # losses before the first bad one


class NonFiniteLoss(ArithmeticError):  # noqa: N818  the name is the public contract
    """The loss became NaN or infinite. The message names the first step at which it did, and what was bad first.

    Attributes:
        epoch: The epoch, from 0.
        batch: The batch in that epoch, from 0.
        loss: The first value that was not finite.

    Example:
        >>> raise NonFiniteLoss(epoch=0, batch=2, loss=float("nan"))
        Traceback (most recent call last):
        neurokit.failures.NonFiniteLoss: The loss is nan since batch 3 of epoch 1, ...
    """

    def __init__(self, epoch: int, batch: int, loss: float, cause: str = "") -> None:
        self.epoch, self.batch, self.loss = epoch, batch, loss
        super().__init__(
            f"The loss is {loss} since batch {batch + 1} of epoch {epoch + 1}, and nothing is learnt from there on. "
            + (cause or "Look for NaN in the data, lower learning_rate, or set max_grad_norm.")
        )


def check_finite(trainer: Trainer, loader: Loader) -> None:
    """Raise ``NonFiniteLoss`` if a step of this epoch had a loss that is not finite. Reads the device.

    Args:
        trainer: Its means hold the loss of every step.
        loader: The training data, in which the batch of the first bad step is looked up again where that is cheap.
    """
    for name in trainer.means.names():
        found = trainer.means.first_not_finite(name) if name.endswith("loss") else None
        if found is not None:
            step, value = found
            cause = _in_the_batch(trainer, loader, step) or _in_the_losses(trainer, name, step)
            raise NonFiniteLoss(trainer.state.epoch, step, value, cause)


def _in_the_batch(trainer: Trainer, loader: Loader, step: int) -> str:
    """What is not finite in the data of a step; empty when all of it is finite, or cannot be looked at again."""
    state = trainer.state
    if not isinstance(loader, (InMemoryLoader, DatasetLoader)) or not loader.num_batches:
        return ""
    passes_back, first = divmod(state.data_batch - (state.batch - step), loader.num_batches)
    batch = trainer.place(next(iter(loader.batches(state.data_pass + passes_back, first))))
    for name, part in (("x", batch.x), ("y", batch.y), ("sample_weight", batch.weight)):
        if place := _first_bad(part):
            return (
                f"The data hold the first bad value: {name}{place} of that batch. Fill such values or drop their rows: "
                f"good = numpy.isfinite({name}.reshape(len({name}), -1)).all(1)."
            )
    return ""


def _first_bad(part: Any) -> str:
    """Where the first value is that is not finite, such as ``" is nan in row 3, column 0"``; empty where none is."""
    places: list[str] = []

    def look(tensor: Tensor) -> Tensor:
        bad = ~torch.isfinite(tensor)
        if not places and bool(bad.any()):
            row, *rest = bad.nonzero()[0].tolist()
            column = f", column {rest[0] if len(rest) == 1 else tuple(rest)}" if rest else ""
            places.append(f" is {tensor[(row, *rest)].item()} in row {row}{column}")
        return tensor

    map_tensors(look, part)
    return places[0] if places else ""


def _in_the_losses(trainer: Trainer, name: str, step: int) -> str:
    """What the losses of the steps before tell, the data being finite as far as is known."""
    state = trainer.state
    bad = [key for key, one in trainer.model.named_parameters() if not bool(torch.isfinite(one).all())]
    weights = f" Of the weights, {len(bad)} tensors are not finite now, {bad[0]} among them." if bad else ""
    before = trainer.means.last_values(name, step, _SHOWN)
    if not before and state.epoch == 0:
        return (
            "It is the first batch, on the weights as they were given: the model or the loss makes it from its own "
            "input, as log(0), 0/0 or the root of a negative number do. Try trainer.predict(x[:1]) and the loss alone."
            + weights
        )
    shown = ", ".join(f"{value:.4g}" for value in before)
    if len(before) > 1 and before[-1] > 3 * min(before):
        return (
            f"The losses before it, {shown}, grew: the steps are too large. Lower learning_rate (it is "
            f"{next(iter(trainer.learning_rates().values())):g}), or pass max_grad_norm=1.0 to Trainer.{weights}"
        )
    said = f"The losses before it were {shown}. " if shown else ""
    return f"{said}Look for log(0), 0/0 or NaN in the data, lower learning_rate, or set max_grad_norm.{weights}"


def out_of_memory(error: BaseException, batch: Batch, accumulate: int) -> str:
    """Return how to go on after an allocation failed, with this batch's numbers; empty for any other error."""
    text = str(error)
    if not (isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in text):
        return ""
    rows = count_rows(batch.x)
    half = max(1, rows // 2)
    return (
        f"Memory ran out on a batch of {rows} rows. The same training in half the memory: fit(..., batch_size={half}) "
        f"with Trainer(..., accumulate={2 * accumulate}). Nothing on disk was changed."
        if rows > 1
        else "Memory ran out on a batch of one row: the model or the row is too large for this device."
    )
