"""CompiledStep: forward, loss, backward and update as one program, which ``compile=True`` asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from neurokit.callbacks.hooks import Hooks
from neurokit.compiling.alone import is_alone
from neurokit.compiling.capture import (
    CAPTURED,
    Captured,
    CaptureError,
    Held,
    held_by_modules,
    keep_gradients,
    keep_rebound,
    reason_against_capture,
)
from neurokit.compiling.optimizer import CannotFollowError, StandIn, reason_against, reason_against_change, tested
from neurokit.compiling.program import Program
from neurokit.compiling.refusals import REFUSED, told
from neurokit.data.batch import Batch, count_rows
from neurokit.data.sources import Loader
from neurokit.diagnostics import Finding
from neurokit.places import line_of
from neurokit.step import StepOutput
from neurokit.tree import map_tensors
from neurokit.wording import counted, number

if TYPE_CHECKING:
    from neurokit.runtime import Runtime
    from neurokit.trainer import Trainer

AS_IT_IS = 8  # steps of every fit that run uncompiled: optimizers make their state, and it is seen how long they take
_MEASURED = 8  # compiled steps that are timed


class CompiledStep:
    """Runs ``trainer.learn`` as one program of ``torch.compile``; as it is where it cannot be one, which is said.

    The first steps of a fit, and batches of another number of rows, run as they are: a second program would cost more
    than it saves, and the weights are the same to float tolerance. Which steps these are does not depend on where a
    run was interrupted, so a resumed run draws the same random numbers.

    On CUDA the program is captured as a graph, which is replayed in one launch; where it cannot be, the program runs
    without.

    Args:
        trainer: Whose step it is.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._program: Program | Captured | None = None
        self._alone = False  # whether no code of the user's runs between two steps
        self._stand_ins: list[StandIn] = []
        self._refused = False
        self._captures = trainer.runtime.device.type in CAPTURED
        self._held: Held | None = None  # until the first call of a program that is to be captured
        self.begin(None)

    def begin(self, rows: int | None) -> None:
        """A fit begins.

        Args:
            rows: Rows in a full batch; ``None`` where the loader has no number: then the first batch tells.
        """
        self._rows = rows
        self._before: list[float] = []  # seconds of steps as they are
        self._after: list[float] = []  # and of compiled ones
        self._compiling: float | None = None  # seconds that compiling took in this fit, until they are told
        self._tested: list[list[tuple[str, Any]]] = []  # settings that may not change, as they were at the first step

    def __call__(self, batch: Batch) -> StepOutput:
        """Learn from one batch."""
        if self._refused:
            return self._as_it_is(batch)
        rows = count_rows(batch.x)
        if self._rows is None:
            self._rows = rows
        if rows != self._rows or self._trainer.state.step < AS_IT_IS:
            self._tested = self._tested or [tested(one) for one in self._trainer.steppers]
            return self._timed(self._before if rows == self._rows else [], self._as_it_is, batch)
        if self._program is None:
            return self._compiled(batch)
        try:
            self._follow()
        except CannotFollowError as error:
            return self._refuse(str(error), batch)
        if self._compiling is None:
            return self._run(batch)
        output = self._timed(self._after, self._run, batch)
        if len(self._after) == max(_MEASURED, self._trainer.runtime.accumulate):  # a window has two or three programs
            self.tell()
        return output

    def begin_steps(self, loader: Loader, hooks: Hooks) -> None:
        """The steps of an epoch begin; they have ended at the next ``refresh``.

        Args:
            loader: The training data.
            hooks: The callbacks of this fit.
        """
        self.refresh()
        self._alone = is_alone(self._trainer, loader, hooks)

    def refresh(self) -> None:
        """Look anew at what the program relies on; forget it if an optimizer got another state or other parameters."""
        self._alone = False
        if not all(one.is_current() for one in self._stand_ins):
            self._program, self._stand_ins = None, []
        if isinstance(self._program, Program):
            self._program.forget()

    def end(self) -> None:
        """A fit ends."""
        self.tell()
        if isinstance(self._program, Captured):
            keep_gradients(self._trainer.model)

    def tell(self) -> None:
        """Say how long compiling took, and after how many steps that pays; nothing where it was said."""
        seconds, self._compiling = self._compiling, None
        if seconds is None:
            return
        replayed = isinstance(self._program, Captured) and not self._program.skipped
        text = f"compile=True: the step is one program, made in {number(seconds)} s"
        text += ", and replayed as a CUDA graph." if replayed else "."
        if self._before and len(self._after) > 1 and self._trainer.runtime.device.type == "cpu":  # else they only queue
            text += _worth(seconds, min(self._before), min(self._after[1:]), self._planned)  # what else runs slows some
        self._trainer.tell(Finding("note", text))

    @property
    def _planned(self) -> int | None:
        state = self._trainer.state
        return None if state.steps_per_epoch is None else state.steps_per_epoch * state.epochs

    def _as_it_is(self, batch: Batch) -> StepOutput:
        if isinstance(self._program, Program):
            self._program.forget()  # the user's forward runs, which may change what the program relies on
        return self._trainer.learn(batch, self._trainer.steppers)

    def _timed(self, seconds: list[float], learn: Callable[[Batch], StepOutput], batch: Batch) -> StepOutput:
        began = time.perf_counter()
        output = learn(batch)
        seconds.append(time.perf_counter() - began)
        return output

    def _compiled(self, batch: Batch) -> StepOutput:
        """Make the program, and run its first step."""
        trainer = self._trainer
        steppers = trainer.steppers
        changes = map(_change, steppers, self._tested)
        for reason in filter(None, [_reason_against(trainer.runtime), *map(reason_against, steppers), *changes]):
            return self._refuse(reason, batch)
        if self._captures and (why := reason_against_capture(steppers, trainer.runtime.accumulate)):
            self._leave_uncaptured(why)
        self._make()
        self._compiling = 0.0
        return self._run(batch)

    def _make(self) -> None:
        steppers = self._trainer.steppers
        for one in steppers:
            _expect_gradients(one)
        self._stand_ins = [StandIn(one, in_place=self._captures) for one in steppers]
        traced = tuple(one.traced for one in self._stand_ins)
        self._held = None
        if self._captures:
            self._held = held_by_modules(self._trainer.model)
            self._program = Captured(Program(_step(self._trainer.learn, traced), **Captured.OPTIONS))
        else:
            self._program = Program(_step(self._trainer.learn, traced))

    def _leave_uncaptured(self, reason: str) -> None:
        self._captures = False
        text = f"compile=True: the step is one program and no CUDA graph, which would launch it at once: {reason}."
        self._trainer.tell(Finding("note", text))

    def _run(self, batch: Batch) -> StepOutput:
        """Run the program; where it refuses, which it does before it changes anything, the step as it is."""
        try:
            output = self._called(batch)
        except CaptureError as error:
            self._leave_uncaptured(str(error))
            self._make()
            output = self._called(batch)
        if self._held is not None and (why := keep_rebound(self._trainer.model, self._held)):
            self._leave_uncaptured(why)
            self._make()
        self._held = None
        if self._captures and isinstance(self._program, Captured) and self._program.skipped:
            self._leave_uncaptured(self._program.skipped)
        return output

    def _follow(self) -> None:
        changes = [one.follow() for one in self._stand_ins]
        if any(changes) and isinstance(self._program, Program):
            self._program.forget()

    def _called(self, batch: Batch) -> StepOutput:
        try:
            return self._output(batch)
        except REFUSED:
            pass  # it has to be compiled, or compiled anew, for which the compiler must see backward()
        began = time.perf_counter()
        try:
            with torch._dynamo.config.patch(trace_autograd_ops=True):
                output = self._output(batch)
        except REFUSED as error:
            place = line_of(error)
            reason = told(error) + (f", at {place}" if place else "")
        else:
            if self._compiling is not None:
                self._compiling += time.perf_counter() - began
            return output
        return self._refuse(reason, batch)

    def _output(self, batch: Batch) -> StepOutput:
        program = self._program
        assert program is not None
        if self._alone and isinstance(program, Program):
            return StepOutput(*program.again(batch))
        return StepOutput(*program(batch))

    def _refuse(self, reason: str, batch: Batch) -> StepOutput:
        self._refused, self._program, self._stand_ins, self._compiling = True, None, [], None
        self._trainer.tell(
            Finding("note", f"compile=True: the step cannot be one program, and runs as it is: {reason}.")
        )
        return self._as_it_is(batch)


def _step(learn: Callable[..., StepOutput], optimizers: tuple[Any, ...]) -> Callable[[Batch], tuple[Any, ...]]:
    def step(batch: Batch) -> tuple[Any, ...]:
        output = learn(batch, optimizers)
        assert output.loss is not None  # learn has seen to it
        parts = {name: (loss.detach(), weight) for name, (loss, weight) in output.parts.items()}
        detached = map_tensors(Tensor.detach, output.predictions)
        return output.loss.detach(), detached, output.targets, output.weight, parts  # torch 2.11 returns no StepOutput

    return step


def _reason_against(runtime: Runtime) -> str | None:
    if runtime.scaler is not None:
        return "precision='fp16' looks at the size of the gradients before each update"
    return None


def _change(optimizer: Any, before: list[tuple[str, Any]]) -> str | None:
    """Return why a schedule that has begun cannot be followed, in words; ``None`` where it can, or there is none."""
    pairs = zip(before, tested(optimizer), strict=False)  # groups that came later are at the end
    changed = (name for (name, value), (_, other) in pairs if value != other)
    return next((reason_against_change(optimizer, name) for name in changed), None)


def _expect_gradients(optimizer: Any) -> None:
    """Give parameters that have learnt the gradient that a step before this one, or before a checkpoint, left."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is None and parameter.requires_grad and (parameter in optimizer.state):
                parameter.grad = torch.zeros_like(parameter)


def _worth(seconds: float, before: float, after: float, planned: int | None) -> str:
    """Say what a step takes now, and after how many steps compiling pays.

    Args:
        seconds: What compiling took.
        before: Seconds of a step as it is.
        after: Seconds of a compiled step.
        planned: Steps of the whole fit, where that is known.
    """
    took = f" A step takes {number(1000 * after)} ms where it took {number(1000 * before)}"
    if after >= before:
        return f"{took}, so that it does not pay here: leave compile out."
    steps = round(seconds / (before - after))
    text = f"{took}, which pays after {counted(steps, 'step')}"
    if planned is None:
        return f"{text}."
    return f"{text}; this fit has {number(planned)}" + (": compile=False is faster." if steps > planned else ".")
