"""Measures: what a model's answers are worth, as numbers with intervals, equal to scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurokit import totals
from neurokit.assessment.intervals import Estimate, bootstrap, wilson
from neurokit.task import Kind
from neurokit.totals import Totals

Array = np.ndarray[Any, Any]
Statistic = Callable[[Array], float]  # of how often each row counts

LOWER_IS_BETTER = frozenset(("log_loss", "brier", "hamming_loss", "mae", "rmse", "median_absolute_error"))


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


def measure(answers: Answers, *, confidence: float, seed: int) -> dict[str, Estimate]:
    """Return every metric of the task: rates with Wilson's interval, the others with a seeded bootstrap's.

    Rows with weights of their own are no counts, so that their rates have a bootstrap's interval too.

    Args:
        answers: What is true, and what the model says.
        confidence: How often an interval holds the true value.
        seed: Of the resamples.

    Example:
        >>> y = np.asarray([0, 1, 1, 0])
        >>> found = measure(Answers("binary", y, y, np.eye(2)[y]), confidence=0.95, seed=0)
        >>> found["accuracy"]
        1 (0.51 to 1, n = 4)
    """
    statistics, rates = _STATISTICS[answers.kind](answers), _RATES[answers.kind](answers)
    if answers.weight is not None:
        rates = {}
    drawn = {name: statistic for name, statistic in statistics.items() if name not in rates}
    found = bootstrap(drawn, len(answers), seed=seed, confidence=confidence)
    found |= {name: wilson(hits, cases, confidence) for name, (hits, cases) in rates.items()}
    return {name: found[name] for name in statistics}


def lift(answers: Answers, other: Answers, metric: str, *, confidence: float, seed: int) -> Estimate:
    """Return by how much answers are better than other answers to the same rows, resampled in pairs.

    Args:
        answers: What one model says.
        other: What another says of the same rows.
        metric: A name that ``measure`` gives. Where lower is better, the difference is turned around.
        confidence: How often the interval holds the true difference.
        seed: Of the resamples.
    """
    ours, theirs = (_STATISTICS[one.kind](one)[metric] for one in (answers, other))
    sign = -1 if metric in LOWER_IS_BETTER else 1
    paired = bootstrap({metric: lambda counts: sign * (ours(counts) - theirs(counts))}, len(answers), seed=seed,
                       confidence=confidence)  # fmt: skip
    return paired[metric]


# ---------------------------------------------------------------------------------------- two classes


def _rates_of_two(answers: Answers) -> dict[str, tuple[int, int]]:
    """Hits and cases of the metrics that are rates."""
    true, told = answers.y_true == 1, answers.y_pred == 1
    return {
        "accuracy": (int((true == told).sum()), len(true)),
        "precision": (int((true & told).sum()), int(told.sum())),
        "recall": (int((true & told).sum()), int(true.sum())),
        "specificity": (int((~true & ~told).sum()), int((~true).sum())),
    }


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


def _rate_of_hits(answers: Answers) -> dict[str, tuple[int, int]]:
    return {"accuracy": (int((answers.y_true == answers.y_pred).sum()), len(answers))}


def _of_many(answers: Answers) -> dict[str, Statistic]:
    counted = _counted(answers, answers.scores.shape[1])
    areas = [
        _ranked(answers.y_true == index, answers.scores[:, index], answers.weight, _area)
        for index in np.unique(answers.y_true)
    ]
    return {
        "accuracy": _mean(answers.y_true == answers.y_pred, answers.weight),
        "balanced_accuracy": counted(totals.balanced_accuracy),
        "precision": counted(totals.precision),
        "recall": counted(totals.recall),
        "f1": counted(totals.f1),
        "matthews_corrcoef": counted(totals.matthews_corrcoef),
        "roc_auc": _average(areas),
        "log_loss": _mean(answers.losses(), answers.weight),
    }


def _counted(answers: Answers, classes: int) -> Callable[[Callable[[Totals], float]], Statistic]:
    """Return what makes a statistic of a number that hits, predicted and true rows of each class give.

    Rows are counted by their cell of the confusion matrix once; a resample then costs one sum for each cell.
    """
    true, told = answers.y_true.astype(np.int64), answers.y_pred.astype(np.int64)
    cells = true * classes + told
    weight = answers.weight

    def class_counts(counts: Array) -> Totals:
        weights = counts if weight is None else counts * weight
        matrix = np.bincount(cells, weights=weights, minlength=classes**2).reshape(classes, classes)
        sums = np.stack([matrix.diagonal(), matrix.sum(0), matrix.sum(1)])
        return Totals(sums, float(sums[2].sum()), int(counts.sum()), answers.kind)

    return lambda number: lambda counts: number(class_counts(counts))


# ---------------------------------------------------------------------------------------- several labels at once


def _rate_of_rows(answers: Answers) -> dict[str, tuple[int, int]]:
    return {"subset_accuracy": (int((answers.y_true == answers.y_pred).all(1).sum()), len(answers))}


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
        "roc_auc": _average(areas),
        "average_precision": _average(precisions),
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


def _average(statistics: list[Statistic]) -> Statistic:
    return lambda counts: float(np.mean([statistic(counts) for statistic in statistics]))


def _ranked(true: Array, score: Array, weight: Array | None, number: Callable[[Array, Array], float]) -> Statistic:
    """A number that the true and false positives above each score give: sorted once, summed for each resample."""
    order = score.argsort(kind="stable")[::-1]
    true, ordered = true[order].astype(np.float64), score[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # rows of one score are passed together

    def statistic(counts: Array) -> float:
        weights = (counts if weight is None else counts * weight)[order]
        hits, above = np.cumsum(weights * true)[ends], np.cumsum(weights)[ends]
        return number(hits, above - hits)

    return statistic


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
_RATES: dict[Kind, Callable[[Answers], dict[str, tuple[int, int]]]] = {
    "binary": _rates_of_two, "multiclass": _rate_of_hits, "multilabel": _rate_of_rows, "regression": lambda _: {},
}  # fmt: skip
