"""Permutation importance: how much worse the answers get when one column is shuffled, with an interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from neurokit.arguments import check_count, check_number, suggests_arguments
from neurokit.data.arrays import to_tensor
from neurokit.data.sources import make_loader
from neurokit.explanations.columns import Array, Columns
from neurokit.explanations.functions import Explained, all_rows, answer_of, explained, rows_of, take
from neurokit.explanations.names import feature_names_of
from neurokit.metrics import MetricSet
from neurokit.task import Task
from neurokit.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_DEFAULT_METRICS = {"binary": "accuracy", "multiclass": "accuracy", "multilabel": "accuracy", "regression": "r2"}


@dataclass(frozen=True)
class PermutationImportance:
    """How much worse a metric gets when one column is shuffled, the columns that matter most first.

    Attributes:
        names: The columns.
        mean: The mean drop of each over the repeats ``(columns,)``: what the metric loses, or an error gains.
        low: The interval's lower end for each.
        high: Its upper end.
        drops: Every repeat's drop ``(columns, repeats)``.
        metric: What was measured.
        baseline: Its value with nothing shuffled.
        confidence: Of the interval.
        rows: How many rows were judged.
        seed: Of the shuffling and the resampling.
    """

    names: list[str]
    mean: Array
    low: Array
    high: Array
    drops: Array
    metric: str
    baseline: float
    confidence: float
    rows: int
    seed: int

    @property
    def data(self) -> list[dict[str, Any]]:
        """The numbers behind the plot: one entry for each column, as plain values."""
        columns = zip(self.names, self.mean.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        return [{"name": name, "importance": mean, "low": low, "high": high} for name, mean, low, high in columns]

    def to_frame(self) -> DataFrame:
        """Return a DataFrame with one row for each column of the data."""
        import pandas as pd

        return pd.DataFrame(self.data, columns=["name", "importance", "low", "high"])

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the single repeats as plain values for JSON."""
        return {
            "metric": self.metric, "baseline": self.baseline, "confidence": self.confidence, "rows": self.rows,
            "repeats": self.drops.shape[1], "seed": self.seed, "features": self.data,
        }  # fmt: skip

    def plot(self, ax: Axes | None = None, *, top: int = 20) -> Axes:
        """Draw the columns that matter most with their intervals; return the axes.

        Args:
            ax: Where to draw; ``None`` makes a figure.
            top: How many columns to draw.
        """
        shown = slice(0, top)
        names = self.names[shown]
        if ax is None:
            from matplotlib import pyplot as plt

            ax = plt.subplots(figsize=(6.4, 1.2 + 0.3 * len(names)), layout="constrained")[1]
        mean, places = self.mean[shown], np.arange(len(names))
        spread = np.maximum(np.stack([mean - self.low[shown], self.high[shown] - mean]), 0.0)
        ax.barh(places, mean, xerr=spread, color="C0", ecolor="0.4", capsize=2)
        ax.set_yticks(places, [name.replace("$", r"\$") for name in names])
        ax.invert_yaxis()
        ax.axvline(0.0, color="0.6", linewidth=0.8)
        ax.set_xlabel(f"change for the worse of {self.metric} ({self.baseline:.3g}) when shuffled")
        return ax

    def __str__(self) -> str:
        width = max(map(len, self.names), default=0)
        lines = [f"{self.metric} {self.baseline:.4g} on {self.rows} rows; lost when one column is shuffled:"]
        for one in self.data:
            interval = f"[{one['low']:+.4f}, {one['high']:+.4f}]"
            lines.append(f"  {one['name']:<{width}}  {one['importance']:+.4f}  {interval}")
        return "\n".join(lines)


@suggests_arguments
def permutation_importance(
    trainer_or_module: Any,
    x: Any,
    y: Any = None,
    *,
    metric: Any = None,
    repeats: int = 10,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = 200,
    feature_names: Sequence[str] | None = None,
) -> PermutationImportance:
    """Return how much worse the answers get when one column is shuffled, for each column, with intervals.

    A ranking for people who need no more: which columns the model could not do without on these rows. Twins share
    their importance, and may both look dispensable because each stands in for the other. Rows that were trained on
    say what the model leans on, held-out rows what helps it.

    The interval is a percentile bootstrap over rows and repeats: each resample draws as many rows as there are, with
    one of the repeats. So it holds what another test set would change, which repeating alone cannot tell.

    Args:
        trainer_or_module: A trainer, a module, an estimator, or a function from rows to labels, probabilities or
            numbers; a table's columns are shuffled as they are, text included.
        x: Rows as ``predict`` takes them; they are not changed.
        y: What is true, as ``evaluate`` takes it.
        metric: A metric's name, ``nk.Metric``, or one of scikit-learn's functions; ``None`` is accuracy for classes
            and r2 for numbers.
        repeats: How often each column is shuffled.
        seed: Of the shuffling and the resampling.
        confidence: Of the interval, between 0 and 1.
        resamples: How many the interval is made of.
        feature_names: What to call the columns, where x does not say.

    Raises:
        ValueError: If there is no telling which values of the metric are good, or x and y do not fit.
        TypeError: If the first argument answers no rows.

    Example:
        >>> from torch import nn
        >>> model = nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     _ = model.weight.copy_(torch.tensor([[1.0, 0.0]])), model.bias.zero_()
        >>> x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        >>> found = permutation_importance(model, x, x[:, 0], feature_names=["used", "unused"])
        >>> found.names, bool(found.low[0] > 0), float(found.mean[1])
        (['used', 'unused'], True, 0.0)
    """
    check_count("repeats", repeats)
    check_count("seed", seed, 0, such_as=0)
    check_count("resamples", resamples, such_as=200)
    check_number("confidence", confidence, "a number between 0 and 1", lambda one: 0 < one < 1, such_as=0.95)
    target = explained(trainer_or_module, "auto" if _is_function(trainer_or_module) else "logit")
    with target.untouched():
        rows, judge = _judge(trainer_or_module, target, x, y, metric)
        columns = Columns(rows, take(rows, slice(0, 1)))
        names = feature_names_of(trainer_or_module, x, target.known, columns.leaves, feature_names)
        found = _shuffled(judge, columns, repeats, np.random.default_rng(seed), resamples)
    drops, resampled = found
    mean = drops.mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=1)
    order = np.argsort(-mean, kind="stable")
    return PermutationImportance(
        [names[place] for place in order], mean[order], low[order], high[order], drops[order], judge.name,
        judge.baseline, confidence, len(columns.x), seed,
    )  # fmt: skip


def _shuffled(
    judge: _Judge, columns: Columns, repeats: int, rng: np.random.Generator, resamples: int
) -> tuple[Array, Array]:
    """Every column's drops ``(columns, repeats)``, and those of resampled rows ``(columns, resamples)``."""
    matrix = columns.x.copy()
    rows, width = matrix.shape
    first = int(rng.integers(2**62))

    def drawn(resample: int) -> Array:  # again for each column, as all of them together take memory
        found: Array = np.random.default_rng((first, int(resample))).integers(rows, size=(rows,))
        return found

    judge.take(columns.decode(matrix))
    judge.baseline = judge.score()
    before = np.array([judge.score(drawn(one)) for one in range(resamples)])
    drops, resampled = np.zeros((width, repeats)), np.zeros((width, resamples))
    for column in range(width):
        own = matrix[:, column].copy()
        turns = np.array_split(np.arange(resamples), repeats)
        for repeat in range(repeats):
            matrix[:, column] = own[rng.permutation(rows)]
            judge.take(columns.decode(matrix))
            drops[column, repeat] = judge.sign * (judge.baseline - judge.score())
            for turn in turns[repeat]:
                resampled[column, turn] = judge.sign * (before[turn] - judge.score(drawn(turn)))
        matrix[:, column] = own
    return drops, resampled


class _Judge:
    """A metric of one function's answers, over all rows or some.

    Attributes:
        name: The metric's.
        sign: 1 where higher values are better, -1 where lower ones are.
        baseline: Its value with nothing shuffled.
    """

    baseline = float("nan")

    def __init__(self, answers: Callable[[Any], Tensor], targets: Tensor, task: Task, metric: Any) -> None:
        if metric is None and task.kind is None:
            raise ValueError(
                "There is no telling from loss and targets what is asked, so there is no metric to measure by. Pass "
                "metric=nk.Metric(function, needs='scores', direction='max')."
            )
        self._metrics = MetricSet.resolve([_DEFAULT_METRICS[str(task.kind)] if metric is None else metric], task)
        [self.name] = self._metrics.names
        direction = self._metrics.directions[self.name]
        if direction is None:
            raise ValueError(
                f"Nobody said which values of {self.name!r} are good, so there is no telling what is worse. Pass "
                f"metric=nk.Metric({self.name}, direction='max'), or 'min' for an error."
            )
        self.sign = 1.0 if direction == "max" else -1.0
        self._answers, self._targets = answers, targets

    def take(self, rows: Any) -> None:
        """Ask for the answers to rows."""
        self._predictions = self._answers(rows)

    def score(self, rows: Array | None = None) -> float:
        """Return the metric of the answers, to all rows or some."""
        chosen = slice(None) if rows is None else torch.from_numpy(rows)
        self._metrics.reset()
        self._metrics.update(self._predictions[chosen], self._targets[chosen])
        return float(self._metrics.compute()[self.name])


def _is_function(model: Any) -> bool:
    return not isinstance(model, (Trainer, torch.nn.Module))


def _judge(model: Any, target: Explained, x: Any, y: Any, metric: Any) -> tuple[Any, _Judge]:
    """The rows, and what judges the answers to them."""
    if isinstance(model, Trainer):
        if isinstance(model.criterion, dict):
            first = next(iter(model.criterion))
            raise ValueError(
                f"permutation_importance judges one output, and this trainer has {len(model.criterion)}. Pass a "
                f"function that returns the one that is meant: lambda rows: trainer.predict(rows)[{first!r}]."
            )
        how = model.reading(model.state.seed)._asdict() | {"batch_size": None, "default_batch_size": 256}
        batch = all_rows(make_loader(x, y, None, **how))
        targets = model.place(batch).y
        if targets is None:
            raise _no_targets()
        target(take(batch.x, slice(0, 2)))
        task = target.tasks[""]
        if task.kind is None and metric is None:
            task = _task_by_shape(targets, target(take(batch.x, slice(0, 2)))[""].shape[1])
        return batch.x, _Judge(lambda rows: torch.from_numpy(target(rows)[""]), targets.cpu(), task, metric)
    if y is None:
        raise _no_targets()
    rows = target.read(x, "x")
    labels = np.asarray(y.detach().cpu() if isinstance(y, Tensor) else y)
    if len(labels) != rows_of(rows):
        raise ValueError(f"x has {rows_of(rows)} rows and y has {len(labels)}. Pass what is true for each row of x.")
    labels = labels.reshape(-1) if labels.size == len(labels) else labels
    if _is_function(model):
        return rows, _of_function(model, rows, labels, metric)
    width = target(take(rows, slice(0, 2)))[""].shape[1]
    is_numbers = labels.dtype.kind == "f" and not (width > 1 and labels.ndim == 1 and _are_whole(labels))
    if is_numbers:
        task, truth = Task("regression"), torch.from_numpy(labels.astype(np.float64))
    else:
        classes, places = np.unique(labels, return_inverse=True)
        is_index = labels.dtype.kind in "iuf" and classes.min() >= 0 and classes.max() < max(width, 2)
        truth = torch.from_numpy(labels.astype(np.int64) if is_index else places.astype(np.int64))
        task = Task("multiclass", "softmax", width) if width > 1 else Task("binary", "sigmoid", 2)
    return rows, _Judge(lambda some: torch.from_numpy(target(some)[""]), truth, task, metric)


def _are_whole(labels: Array) -> bool:
    return bool((labels == np.round(labels)).all())


def _task_by_shape(targets: Tensor, width: int) -> Task:
    """What a loss of the user's own asks, told by what is true."""
    if targets.is_floating_point():
        return Task("regression")
    return Task("multiclass", "softmax", width) if width > 1 else Task("binary", "sigmoid", 2)


def _no_targets() -> ValueError:
    return ValueError("permutation_importance compares answers with what is true. Pass y, one entry for each row of x.")


def _of_function(function: Any, rows: Any, labels: Array, metric: Any) -> _Judge:
    """What judges a function of the user's, which returns labels, probabilities or numbers."""
    answer = answer_of(function)
    first = np.asarray(answer(rows))
    if len(first) != len(labels):
        raise ValueError(f"The function returned {len(first)} answers for {len(labels)} rows. Return one for each.")
    if labels.dtype.kind == "f":
        return _Judge(
            lambda some: to_tensor(np.asarray(answer(some)), "answers").double(),
            torch.from_numpy(labels.astype(np.float64)), Task("regression"), metric,
        )  # fmt: skip
    says_labels = first.ndim == 1 and first.dtype.kind != "f"
    known = getattr(function, "classes_", None)
    classes = np.unique(np.concatenate([labels, first])) if says_labels else np.unique(labels)
    classes = np.asarray(known) if known is not None and not says_labels else classes
    width = 1 if first.ndim == 1 else first.shape[1]
    if not says_labels and known is None and labels.dtype.kind in "iu" and classes.max() < max(width, 2):
        classes = np.arange(max(width, 2))
    places = np.searchsorted(classes, labels)
    truth = torch.from_numpy(places.astype(np.int64))

    def answers(some: Any) -> Tensor:
        found = np.asarray(answer(some))
        if says_labels:
            return torch.from_numpy((found[:, None] == classes).astype(np.float64))
        # as logits, of which softmax and sigmoid make the same probabilities again
        found = found.astype(np.float64)
        if found.ndim == 1 or found.shape[1] == 1:
            found = np.clip(found.reshape(-1), 1e-15, 1 - 1e-15)
            return torch.from_numpy(np.log(found) - np.log1p(-found))
        is_share = (found >= 0).all() and np.allclose(found.sum(axis=1), 1.0, atol=1e-3)
        return torch.from_numpy(np.log(np.clip(found, 1e-300, None)) if is_share else found)

    task = Task("multiclass", "softmax", len(classes)) if says_labels or width > 1 else Task("binary", "sigmoid", 2)
    return _Judge(answers, truth, task, metric)
