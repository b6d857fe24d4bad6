"""Measures: what a model's answers are worth, as numbers with intervals, equal to scikit-learn's."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurokit import totals
from neurokit.assessment.intervals import RESAMPLES, Estimate, bootstrap, mean_of_rates, wilson
from neurokit.task import Kind
from neurokit.totals import Totals

Array = np.ndarray[Any, Any]
Statistic = Callable[[Array], float]  # of how often each row counts

LOWER_IS_BETTER = frozenset(("log_loss", "brier", "hamming_loss", "mae", "mse", "rmse", "median_absolute_error"))
NEARER_ZERO_IS_BETTER = frozenset(("mean_error",))
MANY_CLASSES = 20  # an area under the curve of each of more is computed once, and never resampled


@dataclass(frozen=True)
class Answers:
    """What is true of some rows, and what a model says of them.

    Attributes:
        kind: What was asked.
        y_true: Class indices ``(N,)``, labels of 0 and 1 ``(N, L)``, or values ``(N,)`` or ``(N, K)``.
        y_pred: The same, as the model has it.
        scores: Probabilities ``(N, C)`` or ``(N, L)``; for regression the predicted values.
        weight: One weight per row, ``(N,)``; ``None`` where all count alike.
    """

    kind: Kind
    y_true: Array
    y_pred: Array
    scores: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.y_true)

    def losses(self) -> Array:
        """Return the loss of each row ``(N,)``: minus the log-probability of what is true, or the squared error."""
        if self.kind == "regression":
            return _row_means(np.square(self.scores - self.y_true))
        if self.kind == "multilabel":
            told = np.where(self.y_true == 1, self.scores, 1 - self.scores)
            return _row_means(-np.log(np.clip(told, np.finfo(told.dtype).eps, 1)))
        told = self.scores[np.arange(len(self)), self.y_true]
        losses: Array = -np.log(np.clip(told, np.finfo(told.dtype).eps, 1))  # clipped as scikit-learn does
        return losses


def measure(answers: Answers, *, confidence: float, seed: int, resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """Return every metric of the task: rates and means of rates with Wilson's interval, others with a bootstrap's.

    Rows with weights of their own are no counts, so that their rates have a bootstrap's interval too. The area under
    the curves of more than 20 classes has none: it would take minutes.

    Args:
        answers: What is true, and what the model says.
        confidence: How often an interval holds the true value.
        seed: Of the resamples.
        resamples: How many at most; 0 leaves their intervals out.

    Example:
        >>> y = np.asarray([0, 1, 1, 0])
        >>> found = measure(Answers("binary", y, y, np.eye(2)[y]), confidence=0.95, seed=0)
        >>> found["accuracy"]
        1 (0.51 to 1, n = 4)
    """
    known = statistics(answers)
    found = {} if answers.weight is not None else _RATES[answers.kind](answers, confidence)
    costly = {"roc_auc"} if answers.kind == "multiclass" and answers.scores.shape[1] > MANY_CLASSES else set()
    for names, draws in ((known.keys() - found.keys() - costly, resamples), (costly, 0)):
        drawn = {name: known[name] for name in sorted(names)}
        found |= bootstrap(
            drawn, len(answers), seed=seed, confidence=confidence, resamples=draws, width=_curves(answers)
        )
    return {name: found[name] for name in known}


def statistics(answers: Answers) -> dict[str, Statistic]:
    """Return every metric of the task, by name, as a function of how often each row counts, int64 ``(N,)``.

    A group of the rows is the statistic of its answers, all counted once; a resample is a bincount of what was drawn.
    What takes time, such as sorting by score, is done at the first call and serves the others.

    Args:
        answers: What is true, and what the model says.

    Example:
        >>> y = np.asarray([0, 1, 1, 0])
        >>> accuracy = statistics(Answers("binary", y, np.asarray([0, 1, 0, 0]), np.eye(2)[y]))["accuracy"]
        >>> accuracy(np.asarray([1, 1, 1, 1])), accuracy(np.asarray([0, 1, 3, 0]))
        (0.75, 0.25)
    """
    return _STATISTICS[answers.kind](answers)


def roc_auc(true: Array, score: Array) -> float:
    """Return how often a row that is true has the higher score of a pair, ties counting half; NaN where one is missing.

    Args:
        true: Which rows are, bool ``(N,)``.
        score: Any numbers ``(N,)``.

    Example:
        >>> roc_auc(np.asarray([False, True, False, True]), np.asarray([1, 2, 2, 3]))
        0.875
    """
    return _ranked(true, score, None, _area)(np.ones(len(true), dtype=np.int64))


def _curves(answers: Answers) -> int:
    """How many curves a resample costs: one for each class or label, where there are more than two."""
    return answers.scores.shape[1] if answers.kind in ("multiclass", "multilabel") else 1


def lift(answers: Answers, other: Answers, metric: str, *, confidence: float, seed: int) -> Estimate:
    """Return by how much answers are better than other answers to the same rows, resampled in pairs.

    Args:
        answers: What one model says.
        other: What another says of the same rows.
        metric: A name that ``measure`` gives. Where lower is better, the difference is turned around; of a mean error,
            the distances from 0 are compared.
        confidence: How often the interval holds the true difference.
        seed: Of the resamples.
    """
    ours, theirs = (statistics(one)[metric] for one in (answers, other))
    sign = -1 if metric in LOWER_IS_BETTER or metric in NEARER_ZERO_IS_BETTER else 1

    def worth(value: float) -> float:
        return sign * abs(value) if metric in NEARER_ZERO_IS_BETTER else sign * value

    fixed: list[float] = []

    def paired(counts: Array) -> float:
        fixed.append(theirs(counts))
        return worth(ours(counts)) - worth(fixed[-1])

    found = bootstrap({metric: paired}, len(answers), seed=seed, confidence=confidence, width=_curves(answers))[metric]
    alone = _RATES[answers.kind](answers, confidence).get(metric) if answers.weight is None else None
    if alone is None or max(fixed) > min(fixed):
        return found
    return Estimate(found, alone.low - fixed[0], alone.high - fixed[0], alone.n, alone.method, confidence)


# ---------------------------------------------------------------------------------------- two classes


def _rates_of_two(answers: Answers, confidence: float) -> dict[str, Estimate]:
    """The metrics that are rates, and the one that is the mean of two."""
    true, told = answers.y_true == 1, answers.y_pred == 1
    cases = {"accuracy": (true == told, true | ~true), "precision": (true & told, told), "recall": (true & told, true),
             "specificity": (~true & ~told, ~true)}  # fmt: skip
    found = {name: wilson(int(hits.sum()), int(of.sum()), confidence) for name, (hits, of) in cases.items()}
    occurring = [found[name] for name in ("specificity", "recall") if found[name].n]
    return found | {"balanced_accuracy": mean_of_rates(occurring)}


def _of_two(answers: Answers) -> dict[str, Statistic]:
    true = answers.y_true == 1
    positive = answers.scores[:, 1]
    squares = np.square(positive - true)
    counted = _counted(answers, 2)
    return {
        "accuracy": _mean(answers.y_true == answers.y_pred, answers.weight),
        "balanced_accuracy": counted(totals.balanced_accuracy),
        "precision": counted(totals.precision),
        "recall": counted(totals.recall),
        "specificity": counted(lambda summed: _ratio(summed.sums[0, 0], summed.sums[2, 0])),
        "f1": counted(totals.f1),
        "matthews_corrcoef": counted(totals.matthews_corrcoef),
        "roc_auc": _ranked(true, positive, answers.weight, _area),
        "average_precision": _ranked(true, positive, answers.weight, _average_precision),
        "log_loss": _mean(answers.losses(), answers.weight),
        "brier": _mean(squares, answers.weight),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


# ---------------------------------------------------------------------------------------- many classes


def _rates_of_many(answers: Answers, confidence: float) -> dict[str, Estimate]:
    hits = answers.y_true == answers.y_pred
    cases, right = np.bincount(answers.y_true), np.bincount(answers.y_true, weights=hits)
    recalls = [wilson(int(right[index]), int(cases[index]), confidence) for index in np.flatnonzero(cases)]
    return {"accuracy": wilson(int(hits.sum()), len(hits), confidence), "balanced_accuracy": mean_of_rates(recalls)}


def _of_many(answers: Answers) -> dict[str, Statistic]:
    counted = _counted(answers, answers.scores.shape[1])

    def area(index: int) -> Statistic:
        return _ranked(answers.y_true == index, answers.scores[:, index], answers.weight, _area)

    present = np.unique(answers.y_true).tolist()
    areas = list(map(area, present)) if len(present) <= MANY_CLASSES else []
    return {
        "accuracy": _mean(answers.y_true == answers.y_pred, answers.weight),
        "balanced_accuracy": counted(totals.balanced_accuracy),
        "precision": counted(totals.precision),
        "recall": counted(totals.recall),
        "f1": counted(totals.f1),
        "matthews_corrcoef": counted(totals.matthews_corrcoef),
        "roc_auc": _average(lambda: areas or map(area, present)),  # of very many, made again: their orders take memory
        "log_loss": _mean(answers.losses(), answers.weight),
    }


def _counted(answers: Answers, classes: int) -> Callable[[Callable[[Totals], float]], Statistic]:
    """Return what makes a statistic of a number that hits, predicted and true rows of each class give.

    Rows are counted by their cell of the confusion matrix once; a resample then costs one sum for each cell.
    """
    true, told = answers.y_true.astype(np.int64), answers.y_pred.astype(np.int64)
    cells = true * classes + told
    weight = answers.weight

    occurring = np.bincount(true, minlength=classes) > 0

    def class_counts(counts: Array) -> Totals:
        weights = counts if weight is None else counts * weight
        matrix = np.bincount(cells, weights=weights, minlength=classes**2).reshape(classes, classes)
        sums = np.stack([matrix.diagonal(), matrix.sum(0), matrix.sum(1)])
        return Totals(sums, float(sums[2].sum()), int(counts.sum()), answers.kind)

    def with_both(number: Callable[[Totals], float]) -> Statistic:
        """Of two classes, a resample without one of them tells nothing of either."""

        def statistic(counts: Array) -> float:
            summed = class_counts(counts)
            lost = classes == 2 and bool((summed.sums[2] == 0)[occurring].any())
            return math.nan if lost else number(summed)

        return statistic

    return with_both


# ---------------------------------------------------------------------------------------- several labels at once


def _rate_of_rows(answers: Answers, confidence: float) -> dict[str, Estimate]:
    hits = (answers.y_true == answers.y_pred).all(1)
    return {"subset_accuracy": wilson(int(hits.sum()), len(hits), confidence)}


def _of_labels(answers: Answers) -> dict[str, Statistic]:
    true, told, weight = answers.y_true == 1, answers.y_pred == 1, answers.weight
    parts = np.stack([true & told, told, true], axis=1).astype(np.float64)  # (N, 3, L)

    def counted(number: Callable[[Totals], float]) -> Statistic:
        def statistic(counts: Array) -> float:
            weights = counts if weight is None else counts * weight
            return number(Totals(np.tensordot(weights, parts, 1), float(weights.sum()), len(true), "multilabel"))

        return statistic

    columns = range(true.shape[1])
    areas = [_ranked(true[:, column], answers.scores[:, column], weight, _area) for column in columns]
    precisions = [_ranked(true[:, column], answers.scores[:, column], weight, _average_precision) for column in columns]
    return {
        "subset_accuracy": _mean((true == told).all(1), weight),
        "hamming_loss": _mean(_row_means(true != told), weight),
        "precision": counted(totals.precision),
        "recall": counted(totals.recall),
        "f1": counted(totals.f1),
        "roc_auc": _average(lambda: areas),
        "average_precision": _average(lambda: precisions),
        "log_loss": _mean(answers.losses(), weight),
    }


# ---------------------------------------------------------------------------------------- numbers


def _of_numbers(answers: Answers) -> dict[str, Statistic]:
    true, errors, weight = answers.y_true, answers.scores - answers.y_true, answers.weight
    deviations = true - true.mean(0)
    parts = np.stack([np.square(errors), deviations, np.square(deviations)], axis=1)  # (N, 3) or (N, 3, K)

    def r2(counts: Array) -> float:
        weights = counts if weight is None else counts * weight
        sums = np.tensordot(weights, parts, 1)
        return totals.r2(Totals(sums, float(weights.sum()), int(counts.sum()), "regression"))

    def rmse(counts: Array) -> float:
        weights = counts if weight is None else counts * weight
        return totals.root_mean(Totals(np.tensordot(weights, parts[:, 0], 1), float(weights.sum()), 0, "regression"))

    return {
        "mae": _mean(_row_means(np.abs(errors)), weight),
        "mse": _mean(_row_means(np.square(errors)), weight),
        "rmse": rmse,
        "r2": r2,
        "median_absolute_error": _median(np.abs(errors), weight),
        "mean_error": _mean(_row_means(errors), weight),
    }


def _median(values: Array, weight: Array | None) -> Statistic:
    """The median over rows, averaged over columns; that of a weighted row set is where half the weight is passed."""
    columns = values.reshape(len(values), -1).T
    orders = [column.argsort(kind="stable") for column in columns]

    def statistic(counts: Array) -> float:
        weights = counts if weight is None else counts * weight
        return float(
            np.mean([_middle(column[order], weights[order]) for column, order in zip(columns, orders, strict=True)])
        )

    return statistic


def _middle(values: Array, weights: Array) -> float:
    passed = np.cumsum(weights)
    half = passed[-1] / 2
    lower = values[np.searchsorted(passed, half, "left")]
    return float((lower + values[min(np.searchsorted(passed, half, "right"), len(values) - 1)]) / 2)


# ---------------------------------------------------------------------------------------- statistics


def _row_means(values: Array) -> Array:
    means: Array = values.reshape(len(values), -1).mean(1)
    return means


def _mean(values: Array, weight: Array | None) -> Statistic:
    values = values.astype(np.float64)

    def statistic(counts: Array) -> float:
        weights = counts if weight is None else counts * weight
        return float(weights @ values / weights.sum())

    return statistic


def _average(statistics: Callable[[], Iterable[Statistic]]) -> Statistic:
    """The mean over classes or labels, of those for which there is a number."""

    def statistic(counts: Array) -> float:
        found = [value for value in (one(counts) for one in statistics()) if math.isfinite(value)]
        return float(np.mean(found)) if found else math.nan

    return statistic


def _ranked(true: Array, score: Array, weight: Array | None, number: Callable[[Array, Array], float]) -> Statistic:
    """A number that the true and false positives above each score give: sorted once, summed for each resample."""

    @functools.cache
    def ordered() -> tuple[Array, Array, Array]:
        order, ends = falling(score)
        return order, true[order].astype(np.float64), ends

    def statistic(counts: Array) -> float:
        order, true, ends = ordered()
        weights = (counts if weight is None else counts * weight)[order]
        hits, above = np.cumsum(weights * true)[ends], np.cumsum(weights)[ends]
        return number(hits, above - hits)

    return statistic


def falling(score: Array) -> tuple[Array, Array]:
    """The rows from the highest score to the lowest, and where in them each distinct score ends."""
    order = score.argsort(kind="stable")[::-1]
    return order, np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)


def _area(hits: Array, misses: Array) -> float:
    """The area under the ROC curve; NaN where one class is missing."""
    if not hits[-1] or not misses[-1]:
        return math.nan
    rate, false_rate = np.append(0, hits) / hits[-1], np.append(0, misses) / misses[-1]
    return float(np.trapezoid(rate, false_rate))


def _average_precision(hits: Array, misses: Array) -> float:
    """The mean precision over recall, in steps; NaN where nothing is positive."""
    if not hits[-1]:
        return math.nan
    above = hits + misses
    precision = np.divide(hits, above, out=np.zeros_like(hits), where=above > 0)
    return float(np.diff(np.append(0, hits)) @ precision / hits[-1])


_STATISTICS: dict[Kind, Callable[[Answers], dict[str, Statistic]]] = {
    "binary": _of_two, "multiclass": _of_many, "multilabel": _of_labels, "regression": _of_numbers,
}  # fmt: skip
_RATES: dict[Kind, Callable[[Answers, float], dict[str, Estimate]]] = {
    "binary": _rates_of_two, "multiclass": _rates_of_many, "multilabel": _rate_of_rows, "regression": lambda *_: {},
}  # fmt: skip
