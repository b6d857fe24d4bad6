"""Checks of learning-rate schedules: as long as the run, counted in what they step by, and stepped at all."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from neurokit.callbacks.lr_schedule import LRSchedule
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import FirstEpoch
from neurokit.diagnostics.setup import Setup

_LENGTHS = {  # which option says how long a schedule is; ConstantLR and LinearLR have 5 as their default
    lr_scheduler.CosineAnnealingLR: "T_max",
    lr_scheduler.CosineAnnealingWarmRestarts: "T_0",
    lr_scheduler.PolynomialLR: "total_iters",
    lr_scheduler.LinearLR: "total_iters",
    lr_scheduler.ConstantLR: "total_iters",
}
_TOO_LONG = 7  # a cosine of which a seventh is run has come down by a twentieth: as good as constant
_NOTHING_LEFT = 1e-9


class _Schedule(NamedTuple):
    """One scheduler with what decides about its length.

    Attributes:
        kind: Its class.
        options: Its arguments, as far as they were given.
        per: What it steps by.
        goes_on: Whether it may have stepped before this fit, and go on after it.
    """

    kind: type[LRScheduler]
    options: Mapping[str, Any]
    per: str
    goes_on: bool


def schedule_length(setup: Setup) -> Finding | None:
    """A schedule is longer or shorter than the run, as one is whose epochs are counted in steps (S17)."""
    found = [_misfit(one, setup) for callback in _lr_schedules(setup) for one in _as_given(callback)]
    return next((finding for finding in found if finding is not None), None)


def built_schedule_length(epoch: FirstEpoch) -> Finding | None:
    """A schedule that a factory built is longer or shorter than the run (S17)."""
    if epoch.setup.rehearsal:  # in which callbacks do not run
        return None
    for callback in _lr_schedules(epoch.setup):
        if isinstance(callback.scheduler, LRScheduler) or _class_and_options(callback) is not None:
            continue
        for scheduler in callback.schedulers:
            one = _Schedule(type(scheduler), vars(scheduler), callback._per, goes_on=False)
            if (finding := _misfit(one, epoch.setup)) is not None:
                return finding
    return None


def _lr_schedules(setup: Setup) -> list[LRSchedule]:
    return [one for one in setup.callbacks if isinstance(one, LRSchedule)]


def _class_and_options(callback: LRSchedule) -> tuple[type[LRScheduler], dict[str, Any]] | None:
    """The class behind a name, a class or a partial of one; ``None`` for an instance or another factory."""
    scheduler, options = callback.scheduler, dict(callback.options)
    if isinstance(scheduler, functools.partial):
        options, scheduler = {**scheduler.keywords, **options}, scheduler.func
    return (scheduler, options) if isinstance(scheduler, type) and issubclass(scheduler, LRScheduler) else None


def _as_given(callback: LRSchedule) -> Iterator[_Schedule]:
    """What is known of a callback's schedule before it is built."""
    if isinstance(callback.scheduler, LRScheduler):
        kind: type[LRScheduler] = type(callback.scheduler)
        per = callback.per or ("step" if _by_update(kind) else "epoch")
        yield _Schedule(kind, vars(callback.scheduler), per, goes_on=True)
    elif (given := _class_and_options(callback)) is not None:
        kind, options = given
        filled_in = callback._fills_in() is not None
        if kind is lr_scheduler.OneCycleLR and {"epochs", "steps_per_epoch"} <= options.keys():
            options["total_steps"] = options["epochs"] * options["steps_per_epoch"]
        yield _Schedule(kind, options, callback.per or ("step" if filled_in or _by_update(kind) else "epoch"), False)


def _by_update(kind: type[LRScheduler]) -> bool:
    return issubclass(kind, (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR))


def _misfit(one: _Schedule, setup: Setup) -> Finding | None:
    updates = None if setup.updates_per_epoch is None else setup.updates_per_epoch * setup.epochs
    steps = setup.epochs if one.per == "epoch" else updates
    if steps is None or steps < 1:
        return None
    if issubclass(one.kind, lr_scheduler.OneCycleLR):
        return _one_cycle(one, steps, setup)
    if one.goes_on:  # what it did before, and will do in fits to come, is not known here
        return None
    looks: list[Callable[[_Schedule, int, Setup], Finding | None]] = [_never_acts, _counts_steps, _vanishes]
    return next((finding for look in looks if (finding := look(one, steps, setup)) is not None), None)


def _one_cycle(one: _Schedule, steps: int, setup: Setup) -> Finding | None:
    total, done = one.options.get("total_steps"), one.options.get("last_epoch", 0) if one.goes_on else 0
    if not isinstance(total, int) or total < 1:
        return None
    left = total - max(done, 0)
    unit = "updates" if one.per == "step" else "epochs"
    mend = (
        "Leave total_steps, epochs and steps_per_epoch out of LRSchedule('OneCycleLR', max_lr=...): it fills them in."
    )
    if left < steps:
        return Finding("error", f"OneCycleLR ends after {left} more steps, and this run has {steps} to go. {mend}")
    if not one.goes_on and steps < 0.9 * total:
        return Finding(
            "warning",
            f"OneCycleLR is {total} steps long, and this run has {steps} {unit}, so it stops in the middle of the "
            f"cycle at a high rate. {mend}",
        )
    return None


def _never_acts(one: _Schedule, steps: int, setup: Setup) -> Finding | None:
    """A schedule whose first change comes after the run, or that has hardly moved by then."""
    name, first = _first_change(one)
    by_steps = issubclass(one.kind, tuple(_LENGTHS))
    if first is None or first < (_TOO_LONG * steps if by_steps else steps):
        return None
    updates, unit = setup.updates_per_epoch, "epoch" if one.per == "epoch" else "update"
    mend = f"Pass {name} in {unit}s, below {steps}"
    if one.per == "epoch" and updates is not None and updates > 1:
        mend += f", or per='step' if the {first} are updates of the weights ({updates} an epoch)"
    what = "has hardly begun when it ends" if by_steps else "never changes the rate"
    return Finding(
        "warning",
        f"{one.kind.__name__} with {name}={one.options[name]} steps once an {unit}, and this run has {steps} {unit}s: "
        f"it {what}. {mend}.",
    )


def _first_change(one: _Schedule) -> tuple[str, int | None]:
    for kind, name in _LENGTHS.items():
        if issubclass(one.kind, kind):
            length = one.options.get(name)
            return name, length if isinstance(length, int) else None
    if issubclass(one.kind, lr_scheduler.StepLR):
        size = one.options.get("step_size")
        return "step_size", size if isinstance(size, int) else None
    if issubclass(one.kind, lr_scheduler.MultiStepLR):
        given = one.options.get("milestones")
        milestones = list(given) if isinstance(given, (list, tuple, Mapping)) else []
        return "milestones", min(milestones) if milestones else None
    return "", None


def _counts_steps(one: _Schedule, steps: int, setup: Setup) -> Finding | None:
    """A LambdaLR per epoch whose function is still near 0 when the run ends, and was made to count updates."""
    functions = one.options.get("lr_lambda", one.options.get("lr_lambdas"))
    updates = setup.updates_per_epoch
    if one.per != "epoch" or not issubclass(one.kind, lr_scheduler.LambdaLR) or updates is None or updates < 2:
        return None
    total = updates * setup.epochs
    for function in functions if isinstance(functions, (list, tuple)) else [functions]:
        try:
            reached = max(float(function(epoch)) for epoch in range(min(steps, 100)))
            meant = max(float(function(total * part // 32)) for part in range(33))
        except Exception:  # the user's own function, called at numbers it may not take
            return None
        if reached < 0.1 * meant:
            return Finding(
                "warning",
                f"LambdaLR steps once an epoch, and in {setup.epochs} epochs its function reaches {reached:.3g} of the "
                f"learning rate; at the {total} updates of the run it would reach {meant:.3g}: it counts updates. "
                "Write nk.LRSchedule('LambdaLR', lr_lambda=..., per='step').",
            )
    return None


def _vanishes(one: _Schedule, steps: int, setup: Setup) -> Finding | None:
    """A decay made for epochs and applied at each update: nothing of the rate is left long before the end."""
    if one.per != "step":
        return None
    period = 1 if issubclass(one.kind, lr_scheduler.ExponentialLR) else one.options.get("step_size")
    gamma = one.options.get("gamma", 0.1)
    if issubclass(one.kind, lr_scheduler.CosineAnnealingLR):
        period = one.options.get("T_max")
        if isinstance(period, int) and period <= setup.epochs and steps >= 10 * period and setup.epochs > 1:
            return Finding(
                "warning",
                f"CosineAnnealingLR with T_max={period} steps after each of {steps} updates, so the rate goes up and "
                f"down {steps // (2 * period)} times. Leave per='step' out if {period} are epochs, or leave T_max out "
                "to have it filled in.",
            )
        return None
    if not issubclass(one.kind, (lr_scheduler.StepLR, lr_scheduler.ExponentialLR)) or not isinstance(period, int):
        return None
    if not isinstance(gamma, (int, float)) or not 0 < gamma < 1:
        return None
    left = math.exp(max(-700.0, steps // period * math.log(gamma)))
    if left >= _NOTHING_LEFT:
        return None
    return Finding(
        "warning",
        f"{one.kind.__name__} with gamma={gamma} steps after each update, and {steps} updates leave {left:.0e} of the "
        f"learning rate: nothing is learnt in the rest of the run. Leave per='step' out to step once an epoch.",
    )


def schedule_unused(setup: Setup) -> Finding | None:
    """A torch scheduler was built on the optimizer, and nothing steps it (S17)."""
    own = [one for one in setup.callbacks if type(one).__module__.split(".")[0] != "neurokit"]
    groups = [group for one in setup.optimizers.values() for group in one.param_groups]
    hooked = any(type(one).__name__ == "LambdaCallback" for one in setup.callbacks)
    if not setup.plain or own or hooked or _lr_schedules(setup) or setup.epochs < 2:  # who fits epoch by epoch steps it
        return None
    if not any("initial_lr" in group and "scheduled_lr" not in group for group in groups):
        return None
    return Finding(
        "warning",
        f"A scheduler of torch was built on this optimizer, and nothing steps it in the {setup.epochs} epochs of this "
        "fit, so the learning rate stays as it is. Pass it to fit: callbacks=[nk.LRSchedule(scheduler)].",
    )
