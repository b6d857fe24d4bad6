"""Collecting: one pass over rows with targets, after which every question about the model's answers can be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from neurokit.arguments import check_count, suggestions, suggests_arguments
from neurokit.assessment.assessment import Assessment
from neurokit.assessment.checking import checked_names
from neurokit.assessment.measures import Answers, Statistic, statistics
from neurokit.assessment.own_metrics import own_statistics
from neurokit.assessment.protected import ProtectedColumn, check_features
from neurokit.assessment.rows import has_items, readable, sensitive_values
from neurokit.data.arrays import is_table
from neurokit.data.inputs import Known
from neurokit.outputs import describe_outputs
from neurokit.predictions import labels_of, probabilities, to_numpy
from neurokit.task import Task

if TYPE_CHECKING:
    from neurokit.data.batch import Batch
    from neurokit.step import StepOutput
    from neurokit.trainer import Trainer

Array = np.ndarray[Any, Any]

_HAD_A_PART = ("validation", "training", "val", "train")


@suggests_arguments
def assess(
    trainer: Trainer,
    x: Any,
    y: Any = None,
    class_names: Sequence[str] | Mapping[Any, str] | None = None,
    *,
    name: str = "test",
    output: str | None = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    rows: Any = None,
    sensitive: Any = None,
    exclude: Iterable[str] = (),
    acknowledge: Iterable[str] = (),
    confidence: float = 0.95,
    seed: int = 0,
) -> Assessment:
    """Collect what is true and what the model says, once; the assessment answers everything about it.

    Args:
        trainer: The trainer, fitted or loaded.
        x: As in ``evaluate``.
        y: As in ``evaluate``.
        class_names: Names in the order of the classes, or a dict by label; the labels themselves when ``None``.
        name: What the rows are to the model: ``"test"``, ``"validation"``, ``"training"``. Of any but the last two it
            is looked whether they had a part in training.
        output: Which output, where the loss is a dict by output name.
        sample_weight: One weight per row, for every number but those that count rows.
        batch_size: As in ``evaluate``.
        rows: What a person sees of each row, where the model sees something else: the table before it became numbers.
            ``top_losses`` shows it, and its columns are the ones that the next three name.
        sensitive: What makes groups, for ``groups``, card and report: one value per row, a table or dict of several, or
            the names of columns of x, whether the model uses them or not.
        exclude: Columns of x that the model does not use: they are there for ``sensitive``.
        acknowledge: Columns that look like protected attributes and are used knowingly: nothing is said of them.
        confidence: How often an interval holds the true value.
        seed: Of the bootstrap's resamples.

    Raises:
        ValueError: If the task cannot be told, has several answers a row, or something does not fit.
        TypeError: If something is of the wrong kind, such as a module in the place of a trainer.

    Warns:
        SensitiveFeatureWarning: If a column of x that the model uses looks like a protected attribute.

    Example:
        >>> from torch import nn
        >>> from neurokit import Trainer
        >>> trainer = Trainer(nn.Linear(1, 2), loss="cross_entropy")
        >>> assessment = assess(trainer, torch.linspace(-1, 1, 8)[:, None], torch.arange(8) // 4, ["low", "high"])
        >>> assessment.n, assessment.positive
        (8, 'high')
    """
    _check(trainer, name, seed)
    shown = x if rows is None else rows
    protected, excluded = _looked_at(trainer, x, shown, sensitive, exclude, acknowledge)
    if is_table(x):
        x = x.drop(columns=[one for one in excluded if one in x.columns])
    judged = name not in _HAD_A_PART
    passed = trainer.answered(x, y, batch_size=batch_size, sample_weight=sample_weight, judged=judged)
    given = _collected(trainer, passed, output)
    answers, kept = _answers(given)
    task = given.task
    names = None if task.kind == "regression" else checked_names(class_names, answers.scores.shape[1], task.classes)
    numbers = np.flatnonzero(kept)
    found = None if sensitive is None else sensitive_values(sensitive, shown, numbers)
    return Assessment(
        answers, class_names=names, name=name, rows=readable(shown, _reads_in_order(x)), numbers=numbers,
        record=trainer.record, training=_training(trainer, output), sensitive=found, confidence=confidence, seed=seed,
        findings=trainer.findings, protected=protected, own=_own(trainer, given, answers, kept),
    )  # fmt: skip


def _own(trainer: Trainer, given: _Given, answers: Answers, kept: Array) -> dict[str, Statistic]:
    """The trainer's own metrics; none where it has several outputs, each with its own."""
    if isinstance(trainer.task, Mapping):
        return {}
    told, true = given.predictions[kept], given.targets[kept]
    weight = None if given.weight is None else given.weight[kept]
    return own_statistics(trainer.arguments["metrics"], given.task, told, true, weight, statistics(answers))


def _check(trainer: Any, name: Any, seed: Any) -> None:
    if not hasattr(trainer, "answered"):
        raise TypeError(
            f"assess takes a Trainer, got a {type(trainer).__name__}. Pass nk.Trainer(model, loss='cross_entropy'), or "
            "the scores of any other model to nk.Assessment.from_arrays(y_true, scores, kind='multiclass')."
        )
    if not isinstance(name, str) or not name:
        raise TypeError(f"name says what the rows are, such as 'test' or 'validation', got {name!r}.")
    check_count("seed", seed, 0, such_as=0)


def _looked_at(
    trainer: Trainer, x: Any, shown: Any, sensitive: Any, exclude: Any, acknowledge: Any
) -> tuple[list[ProtectedColumn], list[str]]:
    """The columns that say who a row is about, of which a warning may have told, and those the model does not get."""
    if not isinstance(exclude, Iterable):
        raise TypeError(f"exclude is a list of column names, got {exclude!r}. Pass exclude=['sex'], for instance.")
    excluded = [exclude] if isinstance(exclude, str) else list(exclude)
    if not is_table(shown):
        if excluded:
            raise ValueError(f"exclude names the columns {excluded}, and x has no names. Pass a DataFrame.")
        return [], []
    named = [one for one in _names(sensitive) if one in shown.columns]
    excluded += [one for one in named if one not in excluded and _was_not_learnt_from(trainer, x, one)]
    values = None if named or sensitive is None else sensitive_values(sensitive, shown, np.arange(len(shown)))
    protected = check_features(
        shown, sensitive=[one for one in named if one not in excluded], exclude=excluded, acknowledge=acknowledge,
        sensitive_values=_as_columns(values), stacklevel=5,  # the line that calls assess
    )  # fmt: skip
    return protected, excluded


def _was_not_learnt_from(trainer: Trainer, x: Any, column: str) -> bool:
    """Whether x has a column that the table of the fit had not."""
    met = trainer.reading(0).inputs.get("", Known()).columns
    return is_table(x) and bool(met) and column in x.columns and column not in met


def _as_columns(values: Any) -> Any:
    """Values that make groups as named columns, where they have no names."""
    if values is None or isinstance(values, Mapping) or is_table(values) or getattr(values, "name", None) is not None:
        return values
    return {"sensitive": values}


def _training(trainer: Trainer, output: str | None) -> Mapping[str, Any]:
    """How the targets of training were distributed: of this output, where there are several."""
    told = trainer.record.balance.get("train") or {}
    return told.get(output) or {} if output is not None and isinstance(trainer.task, Mapping) else told


def _names(given: Any) -> list[str]:
    """The names among what may be names or values."""
    if isinstance(given, str):
        return [given]
    return list(given) if isinstance(given, (list, tuple)) and all(isinstance(one, str) for one in given) else []


def _reads_in_order(x: Any) -> bool:
    if not isinstance(x, DataLoader):
        return True
    return has_items(x.dataset) and type(getattr(x, "sampler", None)) in (SequentialSampler, RandomSampler)


class _Given(NamedTuple):
    """One pass's answers: the task, predictions, targets and weights, batch after batch joined."""

    task: Task
    predictions: Tensor
    targets: Tensor
    weight: Tensor | None


def _collected(trainer: Trainer, passed: Iterable[tuple[Batch, StepOutput]], output: str | None) -> _Given:
    predictions, targets, weights = [], [], []
    for batch, answered in passed:
        told, true = (_chosen(one, trainer.task, output) for one in (answered.predictions, answered.targets))
        if not isinstance(told, Tensor) or not isinstance(true, Tensor):
            raise ValueError(
                f"assess compares predictions with targets, and the model gave {describe_outputs(told)} for "
                f"{describe_outputs(true)}. Return StepOutput(loss, predictions, targets) from compute_loss, or use "
                "Assessment.from_arrays(y_true, scores, kind=...)."
            )
        predictions.append(told.detach().cpu())
        targets.append(true.detach().cpu())
        if batch.weight is not None:
            weights.append(batch.weight.cpu())
    task: Any = trainer.task
    if isinstance(task, Mapping):
        task = task[_output_name(task, output)]
    return _Given(task or Task(), torch.cat(predictions), torch.cat(targets), torch.cat(weights) if weights else None)


def _chosen(value: Any, task: Any, output: str | None) -> Any:
    return value[_output_name(task, output)] if isinstance(task, Mapping) and isinstance(value, Mapping) else value


def _output_name(tasks: Mapping[str, Task], output: str | None) -> str:
    if output in tasks:
        return str(output)
    hint = suggestions(str(output), tasks) if output else ""
    got = "" if output is None else f", got output={output!r}"
    raise ValueError(
        f"The model has the outputs {', '.join(map(repr, tasks))}, and an assessment is of one{got}.{hint} Pass "
        f"output={next(iter(tasks))!r}."
    )


def _answers(given: _Given) -> tuple[Answers, Array]:
    """The answers that count, as arrays, and which rows they are of."""
    task, told, true = given.task, given.predictions, given.targets
    if task.kind is None:
        raise ValueError(
            "assess cannot tell what this model was asked: its loss is a function of your own. Use "
            "Assessment.from_arrays(y_true, scores, kind='multiclass'), with 'binary', 'multilabel' or 'regression'."
        )
    width = {"multiclass": 2, "multilabel": 2, "regression": 2, "binary": 2}[task.kind]
    if told.ndim > width or task.classes_last:
        raise ValueError(
            f"assess takes one answer a row, and the model gave {tuple(told.shape)} for {len(told)} rows: one at each "
            "position. Rows of one picture or text are not independent, so that intervals would be too narrow. Use "
            "Assessment.from_arrays with one score a row."
        )
    if not bool(torch.isfinite(true).all()):
        bad = (~torch.isfinite(true.reshape(len(true), -1))).any(1).nonzero()
        raise ValueError(
            f"y holds NaN or an infinite number, first in row {int(bad[0])} ({len(bad)} of {len(true)}). Leave these "
            "rows out, of x too: keep = numpy.isfinite(y)."
        )
    if not bool(torch.isfinite(told).all()):
        row = int((~torch.isfinite(told.reshape(len(told), -1))).any(1).nonzero()[0])
        raise ValueError(
            f"The model gave NaN or an infinite number, first for row {row}. Look at that row of x: fill what is "
            "missing, or leave it out."
        )
    kept = torch.ones(len(told), dtype=torch.bool)
    if task.kind == "multiclass":
        if true.is_floating_point():
            raise ValueError("The targets are a share of each class, and assess compares with one. Pass y.argmax(1).")
        true = true.reshape(-1)
        if task.ignore_index is not None:
            kept = true != task.ignore_index
    told, true = told[kept], true[kept]
    weight = None if given.weight is None else given.weight[kept].double().numpy()
    if not len(told):
        raise ValueError("There is no row to assess: x is empty, or the loss ignores every target.")
    return Answers("binary" if _tells_two(task) else task.kind, *_arrays(task, told, true), weight), kept.numpy()


def _tells_two(task: Task) -> bool:
    """Whether there are two classes, also where the model has an output for each."""
    return task.kind == "binary" or (task.kind == "multiclass" and task.num_classes == 2)


def _arrays(task: Task, told: Tensor, true: Tensor) -> tuple[Array, Array, Array]:
    """What is true, what the model says, and its scores."""
    if task.kind == "regression":
        values, numbers = to_numpy(told.double()), to_numpy(true.double())
        values, numbers = (one.reshape(-1) if one.shape[1:] == (1,) else one for one in (values, numbers))
        return numbers.reshape(values.shape), values, values
    scores = probabilities(task, told.double())  # in single precision, sure answers round to 1, and losses end at 16
    labels = to_numpy(true.round().to(torch.int64)) if task.kind == "multilabel" else to_numpy(true.reshape(-1).long())
    plain = Task(task.kind, task.activation, task.num_classes)  # indices, not the user's own labels
    return labels, labels_of(plain, told), scores
