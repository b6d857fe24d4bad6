"""Fine-tuning: first the head alone, then all of the model with lower rates below."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from neurokit.arguments import check_count, check_keywords, check_number
from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import listed
from neurokit.callbacks.lr_schedule import LRSchedule
from neurokit.callbacks.rates import set_rate
from neurokit.history import History
from neurokit.trainer import Trainer
from neurokit.transfer.freezing import check_name, flags, freeze, is_under, unfreeze
from neurokit.transfer.groups import base_rate, check_decay, check_takes_groups, regroup
from neurokit.transfer.heads import NoTellingError, find_head

logger = logging.getLogger("neurokit")


class FineTuningHistory(History):
    """The numbers of both phases of ``fine_tune``, one epoch after the other.

    Attributes:
        phases: The history of each phase, as its ``fit`` returned it.
        head: The names of the parts that the first phase trained.

    Example:
        >>> phases = [History(), History()]
        >>> for number, phase in enumerate(phases):
        ...     phase.append(0, {"loss": 1.0 - number / 2})
        >>> history = FineTuningHistory(phases, head=["fc"])
        >>> history.epoch, history.history["loss"], len(history.phases)
        ([0, 1], [1.0, 0.5], 2)
    """

    def __init__(self, phases: list[History], head: list[str]) -> None:
        super().__init__()
        self.phases = phases
        self.head = head
        for phase in phases:
            self.directions |= phase.directions
            for index in range(len(phase.epoch)):
                logs = {name: values[index] for name, values in phase.history.items()}
                self.append(len(self.epoch), logs)
        self.stop_reason = phases[-1].stop_reason


def fine_tune(
    trainer: Trainer,
    x: Any,
    y: Any = None,
    *,
    head_epochs: int = 1,
    full_epochs: int = 3,
    learning_rate: float | None = None,
    decay: float = 0.75,
    head: str | list[str] | None = None,
    **fit_arguments: Any,
) -> FineTuningHistory:
    """Teach a pretrained model something new: its head first, then all of it, and return what each epoch gave.

    In the first phase everything below the head is frozen, BatchNorm's statistics included, so that the gradients of a
    head that knows nothing yet cannot spoil what the model knows. In the second all of it learns, each layer at
    ``decay`` times the rate of the one above (see ``transfer.param_groups``). Each phase is a ``fit`` of its own.

    What you froze yourself stays frozen in both phases, and is named; except that where you froze everything below the
    head, which is what the first phase does, the second thaws it.

    Afterwards modes are as they were, what the second phase trained is trainable, and the optimizer keeps the groups
    and rates of the second phase, so that another ``fit`` goes on gently; ``transfer.regroup(optimizer, model,
    decay=1)`` levels them. ``trainer.history`` and ``trainer.record`` are the second phase's; the record's parameters
    say under ``fine_tune`` what the first was. If a phase raises, what may learn, modes and the optimizer's groups are
    as they were before; weights are as trained.

    Args:
        trainer: Its model has the new head already: see ``transfer.replace_head``.
        x: As in ``fit``; something that can be gone through twice.
        y: As in ``fit``.
        head_epochs: Epochs of the first phase; 0 leaves it out.
        full_epochs: Epochs of the second; 0 leaves it out.
        learning_rate: That of the head, in both phases; ``None`` is the optimizer's own.
        decay: The factor from each layer to the one below, in the second phase.
        head: Names of the parts that train first; ``None`` finds the classifier as ``replace_head`` does.
        **fit_arguments: Others of ``fit``, for both phases, such as ``validation_data`` and ``batch_size``. An
            ``EarlyStopping`` that ends the first phase begins anew in the second. Callbacks that write files
            (``ModelCheckpoint``, ``CSVLogger``, ``TensorBoard``) follow the last phase only: a file is one run's.

    Raises:
        ValueError: If there is no telling which the head is, or the optimizer does not hold it.
        TypeError: If ``fit`` has no such argument, x can be gone through only once, or it gets no Trainer.

    Source:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), section 3.

    Example:
        >>> import torch
        >>> from neurokit import Trainer
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> x = torch.randn(64, 2)
        >>> history = fine_tune(Trainer(model, loss="cross_entropy"), x, (x[:, 0] > 0).long(), verbose=0)
        >>> history.epoch, history.head
        ([0, 1, 2, 3], ['2'])
    """
    _check(trainer, x, head_epochs, full_epochs, learning_rate, decay, fit_arguments)
    callbacks = listed(fit_arguments.pop("callbacks", ()))
    _check_schedules(callbacks, full_epochs)
    names = _head_names(trainer.model, head)
    _check_held(trainer, names)
    phases: list[History] = []
    restore = _remembered(trainer)
    story: dict[str, Any] = {
        "head": names, "head_epochs": head_epochs, "full_epochs": full_epochs, "decay": decay,
        "learning_rate": learning_rate,
    }  # fmt: skip
    rates = [base_rate(group) for group in _groups(trainer)]
    try:
        if head_epochs:
            again = flags(trainer.model)
            _freeze_below(trainer.model, names)
            _set_rates(trainer, rates, learning_rate)
            called = [one for one in callbacks if not (one.makes_files and full_epochs)]
            with _told(trainer, story | {"phase": "head"}):
                phases.append(trainer.fit(x, y, epochs=head_epochs, callbacks=called, **fit_arguments))
            _tell_first(story, trainer, phases[0])
            again()
            _set_rates(trainer, rates, None)
        if full_epochs and not (phases and phases[-1].stop_reason == "interrupted"):
            restore_modes = _thaw(trainer.model, names)
            for optimizer in trainer.optimizers.values():
                regroup(optimizer, trainer.model, decay=decay, learning_rate=learning_rate)
            phase = {"phase": "full", "learning_rates": _shown_rates(trainer)}
            with _told(trainer, story | phase):
                phases.append(trainer.fit(x, y, epochs=full_epochs, callbacks=callbacks, **fit_arguments))
            restore_modes()
    except BaseException:
        restore()
        raise
    return FineTuningHistory(phases, names)


def _check(
    trainer: Trainer, x: Any, head_epochs: Any, full_epochs: Any, learning_rate: Any, decay: Any, given: dict[str, Any]
) -> None:
    """Refuse what cannot be, before anything is changed."""
    if not isinstance(trainer, Trainer):
        raise TypeError(
            f"fine_tune takes a Trainer, and got a {type(trainer).__name__}. Build one around the model: "
            "fine_tune(nk.Trainer(model, loss='cross_entropy'), x, y)."
        )
    known = [name for name in inspect.signature(trainer.fit).parameters if name not in ("x", "y", "epochs", "resume")]
    own = ["head_epochs", "full_epochs", "learning_rate", "decay", "head"]
    if "epochs" in given:
        raise TypeError(
            f"fine_tune has two phases, and got epochs={given['epochs']!r}. Pass head_epochs=1, full_epochs=10."
        )
    if "resume" in given:
        raise TypeError(
            "fine_tune does not resume: each of its phases is a run. Go on with the second by "
            "transfer.regroup(trainer.optimizer, trainer.model), then trainer.fit(x, y, epochs=..., resume=folder)."
        )
    check_keywords("fine_tune", given, [*own, *known])
    check_count("head_epochs", head_epochs, 0, such_as=1)
    check_count("full_epochs", full_epochs, 0, such_as=3)
    if not head_epochs and not full_epochs:
        raise ValueError("head_epochs and full_epochs are both 0, so nothing would be trained. Pass head_epochs=1.")
    if learning_rate is not None:
        check_number("learning_rate", learning_rate, "a number above 0", lambda rate: rate > 0, such_as=1e-3)
    check_decay(decay)
    if full_epochs:
        for optimizer in trainer.optimizers.values():
            check_takes_groups(optimizer)
    if isinstance(x, Iterator) and head_epochs and full_epochs:
        raise TypeError(
            f"x is a {type(x).__name__}, which gives its batches once, and fine_tune goes through them in both phases. "
            "Pass something that can be gone through again (arrays, a Dataset, a DataLoader)."
        )
    if not trainer.optimizers:
        raise ValueError(
            "The model's lazy parameters have no shapes yet, so it is not pretrained. Load weights, or show it data "
            "with trainer.predict(x[:2]), then fine-tune."
        )


def _check_schedules(callbacks: list[Callback], full_epochs: int) -> None:
    """Refuse a scheduler that knows the optimizer's groups as they are now."""
    made = [
        one.scheduler for one in callbacks if isinstance(one, LRSchedule) and isinstance(one.scheduler, LRScheduler)
    ]
    if made and full_epochs:
        kind = type(made[0]).__name__
        raise ValueError(
            f"LRSchedule holds a {kind} that was built for the optimizer's present groups, and the second phase groups "
            f"it by layers. Pass its name or class: nk.LRSchedule({kind!r}, ...)."
        )


def _head_names(model: nn.Module, head: str | list[str] | None) -> list[str]:
    if head is None:
        try:
            found = find_head(model)
        except NoTellingError as error:
            near = error.candidates[-1:] or [name for name, _ in model.named_children()][-1:] or ["..."]
            raise ValueError(
                f"There is no telling which layer is the head of {type(model).__name__}: {error.why}. Say which part "
                f"trains first: fine_tune(trainer, x, y, head={near[0]!r})."
            ) from None
        return [found.name, *found.auxiliary]
    names = [head] if isinstance(head, str) else list(head)
    for name in names:
        check_name(model, name)
        if not any(is_under(one, name) for one, _ in model.named_parameters(remove_duplicate=False)):
            raise ValueError(f"head={name!r} has no parameters, so it cannot train first. Name a part that learns.")
    return names


def _in_head(name: str, head: list[str]) -> bool:
    return any(is_under(name, one) for one in head)


def _check_held(trainer: Trainer, head: list[str]) -> None:
    """Refuse a head that no optimizer holds: it was replaced after the trainer was built."""
    held = {one for group in _groups(trainer) for one in group["params"]}
    named = trainer.model.named_parameters(remove_duplicate=False)
    left = [name for name, one in named if _in_head(name, head) and one not in held]
    if left:
        raise ValueError(
            f"The trainer's optimizer does not hold {', '.join(left)}, so the head could not learn. Replace the head "
            "first, then build the Trainer."
        )


def _groups(trainer: Trainer) -> list[dict[str, Any]]:
    return [group for optimizer in trainer.optimizers.values() for group in optimizer.param_groups]


def _remembered(trainer: Trainer) -> Callable[[], None]:
    """Remember what may learn, modes and groups; return what puts them back. What was learnt is not taken back."""
    restore_flags = flags(trainer.model)
    groups = [(one, [(group, dict(group)) for group in one.param_groups]) for one in trainer.optimizers.values()]

    def restore() -> None:
        restore_flags()
        for optimizer, before in groups:
            _put_back(optimizer, before)

    return restore


def _put_back(optimizer: Optimizer, before: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for group, values in before:
        group.clear()
        group.update(values)
    optimizer.param_groups[:] = [group for group, _ in before]


def _freeze_below(model: nn.Module, head: list[str]) -> None:
    """Freeze everything but the head, which learns even if it was frozen."""
    if any(not _in_head(name, head) for name, _ in model.named_parameters(remove_duplicate=False)):
        freeze(model, predicate=lambda name, _: not _in_head(name, head))
    unfreeze(model, prefix=head)


def _thaw(model: nn.Module, head: list[str]) -> Callable[[], None]:
    """Let all learn but what the user froze; return what puts the modes back."""
    named = list(model.named_parameters(remove_duplicate=False))
    below = [(name, one) for name, one in named if not _in_head(name, head)]
    frozen = [name for name, one in below if not one.requires_grad]
    modes = [(one, one.training) for one in model.modules()]
    if frozen and len(frozen) == len(below):
        unfreeze(model)
        logger.warning(
            "Everything below the head (%s) had been frozen, as in the first phase of fine_tune: the second trains it.",
            ", ".join(head),
        )
        return lambda: None
    if frozen:
        logger.warning(
            "%d of %d parameter tensors were frozen before fine_tune and stay so, %s first. To train them too, call "
            "transfer.unfreeze(model) before.",
            len(frozen), len(named), frozen[0],
        )  # fmt: skip
    unfreeze(model, prefix=head)

    def restore() -> None:
        for module, mode in modes:
            module.training = mode

    return restore


def _set_rates(trainer: Trainer, rates: list[float], rate: float | None) -> None:
    """Give the groups a rate, or each its own back, whatever a schedule made of it."""
    for group, own in zip(_groups(trainer), rates, strict=False):  # a callback may have added some
        group.pop("scheduled_lr", None)
        set_rate(group, own * float(group.get("rate_factor", 1.0)) if rate is None else rate)


def _shown_rates(trainer: Trainer) -> dict[str, float]:
    return {str(group.get("name", place)): float(group["lr"]) for place, group in enumerate(_groups(trainer))}


def _tell_first(story: dict[str, Any], trainer: Trainer, history: History) -> None:
    """Note what the first phase came to, for the record of the second."""
    record = trainer.record
    story["first_phase"] = {
        "epochs_run": len(history.epoch), "stop_reason": history.stop_reason, "metrics": dict(record.metrics),
        "trainable": record.model.get("trainable"), "timings": dict(record.timings), "findings": list(record.findings),
    }  # fmt: skip


@contextmanager
def _told(trainer: Trainer, story: dict[str, Any]) -> Iterator[None]:
    """Have the record of a fit say, from its beginning, that it is a phase of ``fine_tune``."""
    arguments = trainer.arguments
    trainer.arguments = {**arguments, "fine_tune": story}
    try:
        yield
    finally:
        trainer.arguments = arguments
