"""Planning: everything a fit needs, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from neurokit import diagnostics, modes, probe
from neurokit.arguments import check_choice, check_count, check_flag
from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import Hooks, listed
from neurokit.callbacks.progress_bar import progress
from neurokit.data.batch import Batch
from neurokit.data.conversion import Conversion
from neurokit.data.inputs import restored_inputs
from neurokit.data.sources import refuse_endless
from neurokit.data.training import TrainingData
from neurokit.diagnostics import Finding, Setup
from neurokit.diagnostics.setup import optimizers_of
from neurokit.first_look import checked_task, look_at
from neurokit.metrics import MetricSet
from neurokit.probe import FirstLook
from neurokit.rehearsal import preserved, unsaid
from neurokit.runtime import floating_dtype
from neurokit.saved_state import read_to_resume
from neurokit.state import TrainingState
from neurokit.step import StepOutput
from neurokit.task import Task
from neurokit.tree import by_name

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

_VALIDATION_PAIR = ("validation_data[0]", "validation_data[1]")
_VALIDATION_LOADER = ("validation_data", "y of validation_data")


@dataclass
class Plan:
    """A fit that was checked and has not begun.

    Attributes:
        arguments: Those of ``fit``, for the record.
        data: What trains and what validates.
        targets: How the loss takes its targets, with the labels of this data.
        look: What the first batch told.
        asked: The task as the training data ask it: without ``ignore_index`` where none of them is ignored.
        class_weight: One weight per class, for the loss.
        metrics: Those of training.
        state: Counters at their beginning.
        hooks: The callbacks of this fit.
        restored: The checkpoint to go on from.
        findings: What the checks found.
    """

    arguments: dict[str, Any]
    data: TrainingData
    targets: Any
    look: FirstLook
    asked: Task | dict[str, Task]
    class_weight: Tensor | None
    metrics: MetricSet
    state: TrainingState
    hooks: Hooks
    restored: dict[str, Any] | None
    findings: list[Finding]

    def notes(self, model: torch.nn.Module) -> Iterator[str]:
        """Yield what is worth knowing about this fit as it begins."""
        if not any(module.training for module in model.modules()):
            yield "The whole model is in eval(), as pretrained ones arrive: it trains as a whole, dropout too."
        if getattr(self.data.train, "joins", False):
            yield "The last batch would have one row, too few for BatchNorm: it joins the batch before it."

    def beginning(self) -> str:
        """Return why a fit that was to resume starts anew; "" where it does not. It says nothing of the model."""
        folder = self.arguments["resume"]
        if folder is None or self.restored is not None:
            return ""
        if not Path(folder).expanduser().exists():
            return f"{folder} is new, with no checkpoint to resume from: the run starts at the beginning."
        return f"{folder} holds no checkpoint to resume from that is sound: the run starts at the beginning."


def plan_fit(
    trainer: Trainer, x: Any, y: Any, *, batch_size: int | None, epochs: int, validation_data: Any,
    validation_split: float, shuffle: bool, sample_weight: Any, class_weight: Any, steps_per_epoch: int | None,
    callbacks: Any, resume: str | Path | None, checks: bool | Mapping[str, bool], verbose: Literal["auto"] | int,
) -> Plan:  # fmt: skip
    """Check everything a fit needs, and change nothing. The arguments are those of ``fit``.

    Raises:
        TypeError: If something is of the wrong kind.
        ValueError: If something is out of range or does not fit.
        RuntimeError: If the trainer is in the middle of a fit.
    """
    callbacks = listed(callbacks)
    if trainer.is_fitting:
        raise RuntimeError("This trainer is in the middle of a fit. Call fit again after it, not in a callback.")
    check_count("epochs", epochs)
    check_choice("verbose", verbose, ("auto", 0, 1, 2), true=1, false=0)
    check_flag("shuffle", shuffle)
    codes = diagnostics.chosen(checks)
    for name, value in (("batch_size", batch_size), ("steps_per_epoch", steps_per_epoch)):
        if value is not None:
            check_count(name, value, such_as=32)
    restored = read_to_resume(resume, trainer.division)
    seed = trainer.data_seed(restored)
    inputs = None if restored is None else restored_inputs(restored.get("inputs"))
    reading = trainer.reading(seed, inputs, join_lone_row=modes.trains_batch_norm(trainer.model))
    data = TrainingData.read(
        x, y, sample_weight, reading, batch_size=batch_size, shuffle=shuffle,
        validation_data=validation_data, validation_split=validation_split,
    )  # fmt: skip
    _check_passes(data, epochs, steps_per_epoch)
    look = look_at(trainer, data.train, reading.targets, checks=bool(codes))
    if data.validation is not None:
        names = _VALIDATION_PAIR if isinstance(validation_data, tuple) else _VALIDATION_LOADER
        held_out = look_at(trainer, data.validation, reading.targets, checks=bool(codes), names=names)
        look = look._replace(casts={**held_out.casts, **look.casts})  # training tells the task
    per_epoch = steps_per_epoch or data.train.num_batches
    updates = None if per_epoch is None else -(-per_epoch // trainer.runtime.accumulate)
    asked = checked_task(trainer, look.task, data.train)
    state = TrainingState(seed=seed, epochs=epochs, steps_per_epoch=per_epoch, updates_per_epoch=updates)
    setup = setup_of(trainer, data, reading.targets, look, state, callbacks) if codes else None
    metrics = MetricSet.resolve(trainer.arguments["metrics"], asked)
    if setup is not None:
        _try_metrics(metrics, setup)
    watches = [] if setup is None else diagnostics.watch(setup, codes, trainer.tell)
    return Plan(
        arguments={
            "batch_size": batch_size, "epochs": epochs, "validation_split": validation_split, "shuffle": shuffle,
            "sample_weight": sample_weight is not None, "class_weight": class_weight,
            "steps_per_epoch": steps_per_epoch, "callbacks": callbacks, "resume": resume, "checks": checks,
            "verbose": verbose,
        },
        data=data,
        targets=reading.targets,
        look=look,
        asked=asked,
        class_weight=probe.class_weights(class_weight, look.task, trainer.criterion),
        metrics=metrics,
        state=state,
        findings=[] if setup is None else diagnostics.examine(setup, codes),
        hooks=Hooks([*watches, _Bookkeeper(), *callbacks, *progress(verbose)], trainer),
        restored=restored,
    )  # fmt: skip


class _Bookkeeper(Callback):
    """Writes down each epoch once the user's callbacks have seen it; checkpoints come after."""

    order = 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.trainer.end_epoch(epoch, logs or {})


def _check_passes(data: TrainingData, epochs: int, steps_per_epoch: int | None) -> None:
    """Refuse an iterator that would be empty in the second epoch, or never end in the first."""
    if steps_per_epoch is None:
        refuse_endless(getattr(data.train, "source", None), "x")
    if data.train.one_shot and epochs > 1 and steps_per_epoch is None:
        raise ValueError(
            f"x is a one-shot iterator: after its end there is nothing for the other {epochs - 1} of {epochs} epochs. "
            "Pass something that can be gone through again (arrays, a Dataset, a DataLoader), or steps_per_epoch."
        )
    if data.validation is not None and data.validation.one_shot and epochs > 1:
        raise ValueError(
            f"validation_data is a one-shot iterator, and each of {epochs} epochs validates. "
            "Pass something that can be gone through again (arrays, a Dataset, a DataLoader)."
        )


def setup_of(
    trainer: Trainer,
    data: TrainingData,
    targets: Any,
    look: FirstLook,
    state: TrainingState,
    callbacks: list[Callback],
) -> Setup:
    """Return what is known before the first step, for the checks."""
    convert = Conversion(floating_dtype(trainer.model), targets, look.casts)
    first = look.batch
    if first is None and not trainer.steps_itself and not probe.has_lazy_parameters(trainer.model):
        first = trainer.runtime.place(data.train.peek())
    batch = None if first is None else convert(first)
    rehearsed = trainer.rehearsed or {}  # its callbacks do not run, and it has one epoch
    return Setup(
        model=trainer.model, losses=by_name(trainer.criterion) if trainer.criterion else {}, tasks=by_name(look.task),
        optimizers=optimizers_of(trainer.optimizers, vars(trainer)),
        callbacks=rehearsed.get("callbacks", callbacks), train=data.train, validation=data.validation,
        batch=batch, outputs=_outputs_with_graph(trainer, batch),
        forward=lambda: _outputs_with_graph(trainer, batch), trial=lambda: _tried(trainer, batch),
        epochs=rehearsed.get("epochs", state.epochs), steps_per_epoch=state.steps_per_epoch,
        updates_per_epoch=state.updates_per_epoch, steps_itself=trainer.steps_itself, plain=trainer.is_plain,
        trained=any(one.state for one in trainer.optimizers.values()), rehearsal=trainer.rehearsed is not None,
        overrides=trainer.overrides,
    )  # fmt: skip


def _outputs_with_graph(trainer: Trainer, batch: Batch | None) -> Any:
    """What the model makes of a batch in eval mode; ``None`` where a step of the user's calls it, or may."""
    if batch is None or trainer.steps_itself:
        return None
    try:
        with trainer.runtime.autocast:
            return probe.outputs_with_graph(trainer.model, batch.x)
    except Exception:
        if trainer.is_plain and trainer.criterion is not None:
            raise
        return None  # a compute_loss of the user's may call the model with something else


def _tried(trainer: Trainer, batch: Batch | None) -> StepOutput | None:
    """What a training step would compute of a batch, its graph attached; nothing else of it is left behind."""
    if batch is None or trainer.steps_itself:
        return None
    with preserved(trainer), unsaid(), modes.training(trainer.model), torch.enable_grad():
        try:
            output = trainer.compute_loss(batch)
        except Exception:  # the first step of training meets it again, and says more
            return None
    return output if isinstance(output, StepOutput) else None


@torch.no_grad()
def _try_metrics(metrics: MetricSet, setup: Setup) -> None:
    """Have metrics take in the first batch and forget it: what they refuse is refused before a step is made."""
    answers = {answer.name: answer for answer in setup.answers()}
    if not answers or not metrics.names or setup.batch is None:
        return
    predictions: Any = {name: answer.predictions.detach() for name, answer in answers.items()}
    targets: Any = {name: answer.targets for name, answer in answers.items()}
    if "" in answers:
        predictions, targets = predictions[""], targets[""]
    metrics.fresh().update(predictions, targets, setup.batch.weight)
