"""LRSchedule: any of torch's learning-rate schedulers, stepped when its class wants it, over the length of the run."""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Literal

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from neurokit.arguments import check_choice, check_keywords, nearest, suggestions
from neurokit.callbacks.callback import BatchLogs, Callback, Logs
from neurokit.callbacks.monitor import Monitor
from neurokit.callbacks.rates import set_rate

Per = Literal["step", "epoch"]
Factory = Callable[..., LRScheduler]

_PER_STEP = (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR)

_LENGTH: dict[type[LRScheduler], str] = {
    lr_scheduler.OneCycleLR: "total_steps",
    lr_scheduler.CosineAnnealingLR: "T_max",
    lr_scheduler.PolynomialLR: "total_iters",
    lr_scheduler.LinearLR: "total_iters",
}


class LRSchedule(Callback):
    """Runs a scheduler of ``torch.optim.lr_scheduler``, and knows which step after an update and which after an epoch.

    =====================================================  ===================================================
    Scheduler                                              Steps
    =====================================================  ===================================================
    ``OneCycleLR``, ``CyclicLR``                           after each update of the weights
    ``CosineAnnealingLR`` without ``T_max``,               after each update: their length, filled in, is the
    ``PolynomialLR``, ``LinearLR`` without                 number of planned updates
    ``total_iters``
    ``SequentialLR``, ``ChainedScheduler``                 after each update if one of theirs does
    ``ReduceLROnPlateau``                                  after each epoch, with the monitored value
    all others, and the above with a length of their own   after each epoch
    =====================================================  ===================================================

    ``per`` overrides the table, as it must for a ``LambdaLR`` whose function counts steps. An update is what an
    accumulation window ends with. ``total_steps`` of ``OneCycleLR``, unless given, is the number of planned updates.

    A schedule from a name, a class or a factory is built anew by every ``fit``, for each optimizer, and starts from the
    rate the one before it started from, unless you have changed the rate since. An instance goes on where it stands.

    Args:
        scheduler: A name in any case (``"OneCycleLR"``), a class, a factory ``optimizer -> scheduler``, or an instance.
        per: ``"step"`` steps it after each update, ``"epoch"`` after each epoch; ``None`` reads the table.
        optimizer: The one optimizer it is for, by name, where the trainer has several; ``None`` is all of them.
        monitor: What ``ReduceLROnPlateau`` compares; ``None`` is ``val_loss`` when there is validation, else ``loss``.
        **options: For a name or class: its arguments, such as ``max_lr=0.1``.

    Raises:
        TypeError: If ``scheduler`` is none of these, or options come with an instance.
        ValueError: If a name is unknown; at the begin of training, if the length cannot be known, or ends too early.

    Example:
        >>> LRSchedule("onecyclelr", max_lr=0.1).scheduler.__name__
        'OneCycleLR'
    """

    def __init__(
        self,
        scheduler: str | Factory | LRScheduler,
        *,
        per: Per | None = None,
        optimizer: str | None = None,
        monitor: str | None = None,
        **options: Any,
    ) -> None:
        if per is not None:  # which reads the table
            check_choice("per of LRSchedule", per, ("step", "epoch"), batch="step", update="step")
        if isinstance(scheduler, str):
            scheduler = _by_name(scheduler)
        if isinstance(scheduler, functools.partial) and _is_class(scheduler.func) and not scheduler.args:
            options, scheduler = {**scheduler.keywords, **options}, scheduler.func
        if not isinstance(scheduler, LRScheduler) and not callable(scheduler):
            raise TypeError(
                f"LRSchedule takes a scheduler's name, class, factory or instance, and got {scheduler!r:.60}. Pass "
                "one, such as LRSchedule('OneCycleLR', max_lr=0.1)."
            )
        if options and not _is_class(scheduler):
            raise TypeError(
                f"The options {sorted(options)} are for a name or class, and LRSchedule got a {_name(scheduler)}. Give "
                "them to the scheduler itself."
            )
        if _is_class(scheduler):
            _check_options(scheduler, options)
        self.scheduler: Factory | LRScheduler = scheduler
        self.per = per
        self.optimizer = optimizer
        self.monitor = monitor
        self.options = options
        self.schedulers: list[LRScheduler] = []
        self._per: Per = "epoch"
        self._monitor: Monitor | None = None
        self._updates = 0
        self._before: list[tuple[dict[str, Any], dict[str, Any]]] = []  # parameter groups and their options

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.schedulers, self._before, self._updates = [], [], 0
        optimizers = self._optimizers()
        if isinstance(self.scheduler, LRScheduler):
            if not any(self.scheduler.optimizer is optimizer for optimizer in optimizers):
                raise ValueError(
                    f"This {_name(self.scheduler)} is bound to an optimizer that is not this trainer's, so its steps "
                    "would change nothing. Build it from trainer.optimizer, or pass its class."
                )
            self.schedulers = [self.scheduler]
        else:
            options = self._filled_in()
            self._before = [(group, _options(group)) for optimizer in optimizers for group in optimizer.param_groups]
            for optimizer in optimizers:
                _start_over(optimizer)
                self.schedulers.append(_build(self.scheduler, optimizer, options))
        by_update = self._fills_in() is not None or any(map(_steps_per_update, self.schedulers))
        self._per = self.per or ("step" if by_update else "epoch")
        self._monitor = self._watch()
        self._check_length()

    def _optimizers(self) -> list[Optimizer]:
        known = self.trainer.optimizers
        if self.optimizer is None:
            return list(known.values())
        if self.optimizer not in known:
            names = [name for name in known if name]
            has = f"has {names}" if names else "has one, which needs no name"
            mend = suggestions(self.optimizer, names) or " Leave optimizer out of LRSchedule to schedule all."
            raise ValueError(f"LRSchedule is for the optimizer {self.optimizer!r}, and this trainer {has}.{mend}")
        return [known[self.optimizer]]

    def _filled_in(self) -> dict[str, Any]:
        """The scheduler's options, its length and direction among them."""
        options = dict(self.options)
        if name := self._fills_in():
            options[name] = self._planned("epoch" if self.per == "epoch" else "step")
        if _is_class(self.scheduler, lr_scheduler.ReduceLROnPlateau) and "mode" not in options:
            monitor = Monitor(self._monitored(), owner="LRSchedule")
            monitor.resolve(self.trainer)
            options["mode"] = monitor.direction
        return options

    def _fills_in(self) -> str | None:
        """The name of the option that says how long the schedule is, if it is ours to fill in."""
        name = next((name for kind, name in _LENGTH.items() if _is_class(self.scheduler, kind)), None)
        return None if name in self.options or {"epochs", "steps_per_epoch"} <= self.options.keys() else name

    def _planned(self, per: Per) -> int:
        """How often a schedule steps in the planned run."""
        state = self.trainer.state
        if per == "epoch":
            return state.epochs
        if state.updates_per_epoch is None:
            raise ValueError(
                f"{_name(self.scheduler)} is as long as the run, and these data do not say how many batches "
                f"they have. Pass steps_per_epoch to fit, or {self._fills_in()} to LRSchedule."
            )
        return state.epochs * state.updates_per_epoch

    def _watch(self) -> Monitor | None:
        """What a ``ReduceLROnPlateau`` of torch is stepped with; ``None`` for every other scheduler."""
        plateaus = [one for one in self.schedulers if isinstance(one, lr_scheduler.ReduceLROnPlateau)]
        if not plateaus:
            if self.monitor is not None:
                raise ValueError(f"monitor={self.monitor!r} was given, and {_name(self.scheduler)} watches nothing.")
            return None
        if self.per == "step":
            raise ValueError("ReduceLROnPlateau compares epochs. Leave per='step' out.")
        monitor = Monitor(self._monitored(), plateaus[0].mode, owner="LRSchedule")
        monitor.resolve(self.trainer)
        better = self.trainer.monitors.get(monitor.name)
        if better not in (None, monitor.direction):
            raise ValueError(f"ReduceLROnPlateau has mode={monitor.mode!r}, and {monitor.name!r} is a {better}imum.")
        return monitor

    def _monitored(self) -> str:
        return self.monitor or ("val_loss" if "val_loss" in self.trainer.monitors else "loss")

    def _check_length(self) -> None:
        """Raise if a one-cycle schedule, which cannot go on after its end, is shorter than what is left of the run."""
        state = self.trainer.state
        if self._per == "step" and state.updates_per_epoch is None:
            return
        for scheduler in self.schedulers:
            if not isinstance(scheduler, lr_scheduler.OneCycleLR):
                continue
            needed = self._planned(self._per) - (state.updates if self._per == "step" else state.epoch)
            left = scheduler.total_steps - scheduler.last_epoch
            if left < needed:
                raise ValueError(
                    f"OneCycleLR ends after {left} more steps, and this run has {needed} to go. Leave total_steps out "
                    "to have it filled in; a resumed run needs as many epochs as it began with."
                )

    def on_train_batch_begin(self, batch: int, logs: BatchLogs | None = None) -> None:
        if self._per == "step":  # not at a batch's end: the epoch logs the rate of its last step
            self._catch_up()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._monitor is None:
            self._catch_up()
        elif (value := self._monitor.read(logs or {})) is not None:
            self._catch_up(value)

    def _catch_up(self, *value: float) -> None:
        """Step, if the weights were updated since the last step."""
        updates = self.trainer.state.updates
        if updates != self._updates:
            self._step(*value)
            self._updates = updates

    def _step(self, *value: float) -> None:
        first = self._updates == 0  # of which torch complains in fp16, where the update may have been skipped
        with warnings.catch_warnings() if first else nullcontext():
            if first:
                warnings.filterwarnings("ignore", "Detected call of", UserWarning)
            for scheduler in self.schedulers:
                scheduler.step(*value)  # type: ignore[arg-type]  # ReduceLROnPlateau's takes the value

    def on_train_end(self, logs: Logs | None = None) -> None:
        for group, before in self._before:
            if self.trainer.state.updates == 0:  # nothing was trained: leave nothing changed
                _put_back(group, before)
            else:
                group["scheduled_lr"] = [float(before["lr"]), float(group["lr"])]
        self._before = []

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self._updates, "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._updates = state["updates"]
        for scheduler, own in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(copy.deepcopy(own))  # some of torch's take entries out of it
        self._check_length()


def _by_name(name: str) -> type[LRScheduler]:
    classes = [one for one in vars(lr_scheduler).values() if _is_class(one) and not one.__name__.startswith("_")]
    known: dict[str, type[LRScheduler]] = {one.__name__.lower(): one for one in classes if one is not LRScheduler}
    if name.lower() not in known:
        names = [one.__name__ for one in known.values()]
        listed = ", ".join(nearest(name, names, count=len(names), cutoff=0.0))
        raise ValueError(
            f"torch has no scheduler {name!r}.{suggestions(name, names)} It has {listed}. LRSchedule takes a class as "
            "well."
        )
    return known[name.lower()]


def _check_options(scheduler: Any, options: Mapping[str, Any]) -> None:
    """Refuse what the class does not take, or lacks, when the schedule is written and not when it is run."""
    _, *parameters = inspect.signature(scheduler).parameters.values()  # the first is the optimizer
    taken = {one.name: one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        check_keywords(_name(scheduler), options, taken)
    ours = next((name for kind, name in _LENGTH.items() if _is_class(scheduler, kind)), None)
    needed = [name for name, one in taken.items() if one.default is one.empty and name not in {*options, ours}]
    if needed:
        raise TypeError(
            f"LRSchedule({_name(scheduler)!r}) needs {' and '.join(needed)}, and got {dict(options)}. Pass "
            f"LRSchedule({_name(scheduler)!r}, {', '.join(f'{name}=...' for name in needed)})."
        )


def _is_class(scheduler: Any, kind: type[LRScheduler] = LRScheduler) -> bool:
    return isinstance(scheduler, type) and issubclass(scheduler, kind)


def _name(scheduler: Any) -> str:
    return str(getattr(scheduler, "__name__", type(scheduler).__name__))


def _options(group: dict[str, Any]) -> dict[str, Any]:
    """Return copies of a parameter group's options."""
    return copy.deepcopy({name: value for name, value in group.items() if name != "params"})


def _put_back(group: dict[str, Any], options: dict[str, Any]) -> None:
    for name in group.keys() - options.keys() - {"params"}:
        del group[name]
    group.update(options)


def _start_over(optimizer: Optimizer) -> None:
    """Put back the rates before an earlier fit's schedule, where nobody has changed them since."""
    for group in optimizer.param_groups:
        before, left = group.pop("scheduled_lr", (None, None))
        if left == float(group["lr"]):
            set_rate(group, before)
        group.pop("initial_lr", None)


def _build(factory: Factory, optimizer: Optimizer, options: Mapping[str, Any]) -> LRScheduler:
    try:
        scheduler = factory(optimizer, **options)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        if not _is_class(factory):  # the user's own code, which says best what is wrong
            raise
        refused = TypeError if isinstance(error, TypeError) else ValueError
        raise refused(
            f"{_name(factory)} refused its options {dict(options)}: {error}. Pass LRSchedule others, as torch's "
            "documentation of it says."
        ) from error
    if not isinstance(scheduler, LRScheduler):
        raise TypeError(f"The factory given to LRSchedule returned a {type(scheduler).__name__}, not a scheduler.")
    if scheduler.optimizer is not optimizer:
        raise ValueError(f"The factory returned a {_name(scheduler)} for another optimizer than it was given.")
    return scheduler


def _steps_per_update(scheduler: LRScheduler) -> bool:
    inner = getattr(scheduler, "_schedulers", ())  # of SequentialLR and ChainedScheduler
    return isinstance(scheduler, _PER_STEP) or any(map(_steps_per_update, inner))
