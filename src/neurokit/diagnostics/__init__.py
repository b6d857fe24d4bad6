"""Diagnostics: the mistakes that train without an error, each named with its mend by a check of its own.

A check is one function: it looks at a ``Setup`` before the first step, at the ``FirstEpoch`` once that is over, or at
an ``Evaluation`` after the fit, and returns a ``Finding`` or ``None``. Its name is its code, with hyphens.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurokit.arguments import suggestions
from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import listed
from neurokit.diagnostics import judgement, loaders, modes, outputs, reductions, rows, scales, schedules, steps
from neurokit.diagnostics.evaluation import Evaluation
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import Begun, FirstEpoch
from neurokit.diagnostics.setup import Setup
from neurokit.rehearsal import preserved, unsaid

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

__all__ = ["diagnose", "examine", "watch", "chosen", "judge", "Evaluation", "Finding", "FirstEpoch", "Setup"]


def _by_code(*checks: Callable[[Any], Finding | None]) -> dict[str, Callable[[Any], Finding | None]]:
    return {check.__name__.replace("_", "-"): check for check in checks}


BEFORE = _by_code(
    outputs.no_gradient,
    outputs.double_softmax,
    outputs.missing_log_softmax,
    outputs.broadcast_loss,
    outputs.unreachable_targets,
    rows.shared_rows,
    rows.sorted_labels,
    scales.feature_scales,
    scales.large_targets,
    scales.scaler_before_split,
    steps.not_in_optimizer,
    schedules.schedule_length,
    schedules.schedule_unused,
    reductions.sum_loss,
    loaders.partial_sampler,
    loaders.same_augmentation,
    loaders.random_validation,
) | {"nothing-learns": steps.zero_learning_rate}  # the same mistakes, as far as they can be seen this early
AFTER = {"sum-loss": reductions.hidden_sum, "schedule-length": schedules.built_schedule_length} | _by_code(
    judgement.first_loss,
    judgement.one_class,
    modes.forgotten_mode,
    modes.frozen_batchnorm,
    reductions.hidden_weights,
    reductions.ignored_sample_weight,
    loaders.epoch_not_set,
    steps.gradients_not_cleared,
    steps.unreached_parameters,
    modes.batchnorm_in_evaluation,
    steps.nothing_learns,
)  # errors last: they end the fit, and what comes before them is told
EVALUATED = _by_code(
    judgement.one_class,
    rows.selection_on_test,
)


_REHEARSED_STEPS = 4
_OWN_STEPS = 16  # of a step of the user's own, which may accumulate over several batches


def chosen(checks: bool | Mapping[str, bool]) -> set[str]:
    """Return the codes of the checks to make.

    Args:
        checks: All or none of them, or a dict by code, in which those that are not named are made.

    Raises:
        ValueError: If there is no check of a name.
        TypeError: If it is neither a bool nor a dict of them.

    Example:
        >>> "double-softmax" in chosen({"double-softmax": False})
        False
    """
    known = {*BEFORE, *AFTER, *EVALUATED}
    if isinstance(checks, bool):
        return known if checks else set()
    if not isinstance(checks, Mapping) or not all(isinstance(value, bool) for value in checks.values()):
        raise TypeError(f"checks is True, False, or a dict such as {{'double-softmax': False}}, got {checks!r}.")
    for code in checks:
        if code not in known:
            hint = suggestions(str(code), known)
            raise ValueError(f"There is no check named {code!r}.{hint} Known: {', '.join(sorted(known))}.")
    return {code for code in known if checks.get(code, True)}


def judge(evaluation: Evaluation, codes: set[str]) -> list[Finding]:
    """Make the checks of an evaluation, and return what they found."""
    return _made(EVALUATED, evaluation, codes)


def examine(setup: Setup, codes: set[str]) -> list[Finding]:
    """Make the checks that need no training, and return what they found; a rehearsal was examined before."""
    if setup.rehearsal:
        return []
    return _made(BEFORE, setup, codes)


def _made(checks: Mapping[str, Callable[[Any], Finding | None]], subject: Any, codes: set[str]) -> list[Finding]:
    """Make those of the checks that were chosen, and return what they found, with their codes."""
    found = ((code, check(subject)) for code, check in checks.items() if code in codes)
    return [replace(finding, code=code) for code, finding in found if finding is not None]


def watch(setup: Setup, codes: set[str], tell: Callable[[Finding], Any]) -> list[Callback]:
    """Return the callbacks that make the checks of the first epoch; none where there is nothing to check."""
    checks = {code: check for code, check in AFTER.items() if code in codes}
    if not checks:
        return []
    epoch = FirstEpoch(replace(setup, outputs=None), checks, tell)  # the graph of the outputs holds much memory
    return [epoch, Begun(epoch)]


def diagnose(trainer: Trainer, x: Any, y: Any = None, **fit_arguments: Any) -> list[Finding]:
    """Return what ``fit`` would find in this set-up, without training: an empty list for a clean one.

    The checks look at model, loss, optimizer and data; then a few steps are rehearsed and undone, so that weights,
    optimizer, counters, history and every random stream are what they were. What ``fit`` would refuse is a finding too,
    of level ``"error"`` and, where no check has a code for it, of code ``"refused"``.

    Args:
        trainer: The trainer, as it would fit.
        x: As in ``fit``.
        y: As in ``fit``.
        **fit_arguments: Other arguments of ``fit``, such as ``validation_data`` and ``callbacks``; callbacks are looked
            at and not run.

    Raises:
        TypeError: If ``fit`` has no such argument, or x is an iterator that a look would use up.

    Example:
        >>> import torch
        >>> from neurokit import Trainer
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Softmax(dim=1))
        >>> trainer = Trainer(model, loss="cross_entropy")
        >>> [finding.code for finding in diagnose(trainer, torch.rand(8, 2), torch.arange(8) % 3)]
        ['double-softmax']
    """
    given = inspect.signature(trainer.fit).bind(x, y, **fit_arguments)
    if isinstance(x, Iterator):
        raise TypeError(
            f"x is a {type(x).__name__}, which gives its batches once: a look would take them from the fit. Pass "
            "something that can be gone through again (arrays, a Dataset, a DataLoader)."
        )
    given.apply_defaults()
    arguments = given.arguments | {"callbacks": listed(given.arguments["callbacks"]), "resume": None}
    with preserved(trainer), unsaid():
        try:
            return trainer.rehearse(arguments, _OWN_STEPS if trainer.steps_itself else _REHEARSED_STEPS)
        except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            found = [finding for finding in trainer.findings if finding.code]
            if not any(finding.level == "error" for finding in found):
                found.append(Finding("error", str(error), "refused"))
            return found
