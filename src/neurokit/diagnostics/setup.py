"""Setup: what is known of a fit before its first step, which the first checks look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit.callbacks.callback import Callback
from neurokit.data.batch import Batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader
from neurokit.diagnostics.sample import row_numbers, spread
from neurokit.losses import Criterion
from neurokit.outputs import output_fields, prediction
from neurokit.task import Task

_MOST_VALUES = 2**20  # of the targets that are looked at


class Answer(NamedTuple):
    """One loss and what it compares, on the first batch.

    Attributes:
        name: The output's name where the loss is a dict; empty for a single loss.
        criterion: The loss.
        task: What it asks.
        predictions: What the model gave in eval mode, with its graph: ``predictions.grad_fn`` tells the last operation.
        targets: What is true, as the loss takes it.
    """

    name: str
    criterion: Criterion
    task: Task
    predictions: Tensor
    targets: Any


def compared(
    losses: Mapping[str, Criterion], tasks: Mapping[str, Task], outputs: Any, targets: Any
) -> Iterator[Answer]:
    """Yield each loss with what it compares of a batch's outputs and targets."""
    for name, criterion in losses.items():
        predictions = output_fields(outputs)[name] if name else prediction(outputs)
        yield Answer(name, criterion, tasks[name], predictions, targets[name] if name else targets)


@dataclass(frozen=True)
class Setup:
    """A fit that was planned and has not begun.

    Attributes:
        model: The user's module.
        losses: The loss under ``""``, or one per output name; empty for a model that returns its own.
        tasks: What each loss asks, by the same names.
        optimizers: By name; a single one under ``""``; with those that the user's own trainer keeps elsewhere. Empty
            for a lazy model that has not seen data.
        callbacks: The user's callbacks.
        train: What trains. ``train.y`` and ``train.x`` are whole columns where data are in memory (``rows`` says which
            of their rows are used); see ``in_memory``.
        validation: What validates, or ``None``.
        batch: The first rows of the training data, on the device and in the dtypes that the model takes; ``None``
            where nobody knows what a step of the user's own makes of them.
        outputs: What the model made of them in eval mode, its graph attached; ``None`` where a ``train_step`` of the
            user's decides what is called, or a ``compute_loss`` of theirs calls the model otherwise.
        forward: Makes ``outputs`` again, for those who listen at a layer.
        trial: What a training step would compute of them: a ``StepOutput`` with its graph, or ``None`` where that
            fails, which the first step will say better. Whatever it changes is put back, which costs a copy of the
            weights: ask only when there is something to confirm.
        epochs: Planned epochs.
        steps_per_epoch: Batches in an epoch; ``None`` when the data do not say.
        updates_per_epoch: Optimizer updates in an epoch; ``None`` when the data do not say.
        steps_itself: Whether ``train_step`` is the user's own.
        plain: Whether neither ``train_step`` nor ``compute_loss`` is the user's own.
        trained: Whether this trainer's optimizers have made steps before.
        overrides: Which of ``train_step`` and ``compute_loss`` are the user's own.
        rehearsal: Whether this is a rehearsal of a few steps, in which callbacks are looked at and do not run.
    """

    model: nn.Module
    losses: Mapping[str, Criterion]
    tasks: Mapping[str, Task]
    optimizers: Mapping[str, Optimizer]
    callbacks: Sequence[Callback]
    train: Loader
    validation: Loader | None
    batch: Batch | None
    outputs: Any
    forward: Callable[[], Any]
    trial: Callable[[], Any]
    epochs: int
    steps_per_epoch: int | None
    updates_per_epoch: int | None
    steps_itself: bool
    plain: bool
    trained: bool
    rehearsal: bool = False
    overrides: frozenset[str] = frozenset()

    def answers(self) -> Iterator[Answer]:
        """Yield each loss with what it compares; nothing where the user's code decides that."""
        if not self.plain or self.outputs is None or self.batch is None or self.batch.y is None:
            return
        yield from compared(self.losses, self.tasks, self.outputs, self.batch.y)

    def in_training(self, answer: Answer) -> Answer:
        """Return the same answer as training mode gives it; as it is where that fails."""
        output = self.trial()
        if output is None:
            return answer
        predictions = output.predictions[answer.name] if answer.name else output.predictions
        return answer._replace(predictions=predictions)

    def all_targets(self, answer: Answer) -> Any:
        """Return the targets of the training rows where they are in memory, else those of the first batch.

        Of more than a million values, rows evenly spread.
        """
        loader = self.in_memory
        whole = None if loader is None else loader.y[answer.name] if answer.name else loader.y
        if loader is None or not isinstance(whole, Tensor) or not isinstance(answer.targets, Tensor):
            return answer.targets
        few = max(1, _MOST_VALUES * len(whole) // max(1, whole.numel()))
        if loader.rows is None and len(whole) <= few:
            return whole
        rows = row_numbers(loader, spread(loader.num_rows, few))
        assert rows is not None
        return whole[rows.to(whole.device)]

    @property
    def in_memory(self) -> InMemoryLoader | None:
        """The training data where they are in memory, else ``None``."""
        return self.train if isinstance(self.train, InMemoryLoader) else None


def optimizers_of(known: Mapping[str, Optimizer], attributes: Mapping[str, Any]) -> dict[str, Optimizer]:
    """Return a trainer's optimizers, and those that a subclass keeps as attributes of its own."""
    found = dict(known)
    for name, value in attributes.items():
        held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        for one in held:
            if isinstance(one, Optimizer) and all(one is not other for other in found.values()):
                found[f"{name}.{len(found)}"] = one
    return found
