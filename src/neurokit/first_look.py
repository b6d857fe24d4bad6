"""First look: what a loader's first batch tells a trainer, and whether its data can be learnt at all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

from neurokit import modes, probe
from neurokit.data.batch import Batch
from neurokit.data.conversion import Conversion
from neurokit.data.finite import not_finite_in_batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader
from neurokit.probe import FirstLook, call
from neurokit.runtime import floating_dtype
from neurokit.seeding import preserved_rng
from neurokit.task import Task

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

_NOTHING = FirstLook(Task(), "", {}, batch=None)


def look_at(
    trainer: Trainer, loader: Loader, targets: Any, *, checks: bool, names: tuple[str, str] = ("x", "y")
) -> FirstLook:
    """Look once at the first batch: what is asked, and whether it can be learnt at all. Changes nothing.

    Args:
        trainer: Who will learn from it, or be evaluated on it.
        loader: The data.
        targets: How the loss takes its targets, as ``data.Targets``, by output name where it has several.
        checks: Look at all data in memory as well.
        names: What the user calls inputs and targets, for messages.

    Raises:
        ValueError: If model, loss and data do not belong together, or nothing can be learnt from them.
        TypeError: If there is no telling which output is the prediction.
    """
    model, criterion, plain = trainer.model, trainer.criterion, trainer.is_plain
    dtype = floating_dtype(model)
    lazy = probe.has_lazy_parameters(model)
    needed = lazy or bool(trainer.arguments["metrics"])
    if criterion is None and not plain:
        return _NOTHING
    if not checks and not needed and trainer.task is not None:
        return FirstLook(trainer.task, "", trainer.conversion.casts, batch=None)
    batch = Conversion(dtype, targets)(trainer.runtime.place(loader.peek()))
    try:
        look = probe.look(model, criterion, batch, targets, dtype, names)
    except Exception as error:
        torchs = isinstance(error, RuntimeError) and plain and checks  # such as BCELoss, to which NaN is no share
        if torchs and isinstance(loader, InMemoryLoader) and (found := loader.not_finite()):
            raise probe.not_finite_error(found, floating_dtype(model)) from error
        if plain and criterion is None and isinstance(error, TypeError):
            raise TypeError(
                f"{error} With loss=None everything a batch holds goes to forward, because the model returns its "
                "own loss. Is a loss missing, such as Trainer(model, loss='cross_entropy')?"
            ) from error
        if lazy or (plain and (needed or criterion is not None)):
            raise
        return _NOTHING  # the user's own step may never call forward
    checked_task(trainer, look.task, loader)
    if checks:
        convert = Conversion(floating_dtype(model), targets, look.casts)
        _check_finite(trainer, loader, batch, convert, names)
        if plain and isinstance(loader, InMemoryLoader):
            probe.check_ids(model, loader, lambda rows: convert(trainer.runtime.place(rows)), convert.dtype)
    if plain and checks and not any(parameter.requires_grad for parameter in model.parameters()):
        count = sum(1 for _ in model.parameters())
        raise ValueError(
            f"None of the {count} parameter tensors of {type(model).__name__} is trainable: everything is "
            "frozen. Set requires_grad_(True) on the part that is to learn."
        )
    return look


def checked_task(trainer: Trainer, task: Any, loader: Loader) -> Any:
    """Check every target in memory; return the task, without ``ignore_index`` where none of them can be ignored.

    A step of the user's own may ignore rows that the data do not.
    """
    criterion = trainer.criterion
    if not isinstance(loader, InMemoryLoader) or criterion is None:
        return task
    if isinstance(criterion, dict):
        checked: Any = {
            name: probe.checked_targets(one, task[name], loader.y[name], f"{loader.target_name}[{name!r}]")
            for name, one in criterion.items()
        }
    else:
        checked = probe.checked_targets(criterion, task, loader.y, loader.target_name)
    return checked if trainer.is_plain else task


def _check_finite(trainer: Trainer, loader: Loader, batch: Batch, convert: Conversion, names: tuple[str, str]) -> None:
    """Refuse NaN and infinity that reach outputs or loss; a step of the user's own may deal with them."""
    if isinstance(loader, InMemoryLoader):
        found = loader.not_finite()
        batch = loader.around(found) if found else batch
    else:
        found = not_finite_in_batch(batch, names)
    if not found:
        return
    if not trainer.is_plain:
        logger.warning("%s. Your own step or loss gets them as they are.", "; ".join(map(str, found)))
        return
    batch = convert(trainer.runtime.place(batch))
    with modes.evaluating(trainer.model), torch.no_grad(), preserved_rng():
        outputs = call(trainer.model, batch.x)
        loss = None if trainer.criterion is None else trainer.compute_loss(batch).loss
    probe.refuse_not_finite(found, outputs, loss, floating_dtype(trainer.model))
