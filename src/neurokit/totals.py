"""Totals: from sums over rows to the number they give, on the host in float64."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from neurokit.task import Kind

Array = np.ndarray[Any, Any]


class Totals(NamedTuple):
    """Sums over rows, and what they are sums over.

    Attributes:
        sums: What was added up, float64; of class counts ``(3, classes)``: hits, predicted and true rows.
        weight: The rows' weights, added up.
        rows: How many rows there were.
        kind: What was asked.
    """

    sums: Array
    weight: float
    rows: int
    kind: Kind | None


def mean(totals: Totals) -> float:
    """Return the mean over rows, and over columns where there are several.

    Example:
        >>> mean(Totals(np.asarray(3.0), 4.0, 4, None))
        0.75
    """
    return float((totals.sums / totals.weight).mean())


def root_mean(totals: Totals) -> float:
    """Return the root of the mean over rows, averaged over columns where there are several."""
    return float(np.sqrt(totals.sums / totals.weight).mean())


def r2(totals: Totals) -> float:
    """Return the explained share of the targets' variance; 1 or 0 for constant targets, as scikit-learn has it."""
    squared_errors, deviations, squares = totals.sums
    spread = np.asarray(squares - deviations**2 / totals.weight)
    constant = np.where(squared_errors == 0, 1.0, 0.0)
    share = np.where(spread > 0, 1 - squared_errors / np.where(spread > 0, spread, 1), constant)
    return float(share.mean()) if totals.rows > 1 else math.nan


def precision(totals: Totals) -> float:
    """Return how many of the rows that were called so are: of the second of two classes, else the classes' mean."""
    hits, predicted, _ = _judged(totals)
    return float(_ratio(hits, predicted).mean())


def recall(totals: Totals) -> float:
    """Return how many of the rows that are so were called so: of the second of two classes, else the classes' mean."""
    hits, _, true = _judged(totals)
    return float(_ratio(hits, true).mean())


def f1(totals: Totals) -> float:
    """Return the harmonic mean of precision and recall: of the second of two classes, else the classes' mean."""
    hits, predicted, true = _judged(totals)
    return float(_ratio(2 * hits, predicted + true).mean())


def _judged(totals: Totals) -> Array:
    """Return the columns of the class counts that are averaged over: the second of two, else those that occur."""
    counts = totals.sums
    if totals.kind == "multilabel":
        return counts
    return counts[:, 1:] if counts.shape[1] == 2 else counts[:, counts[1] + counts[2] > 0]


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


def balanced_accuracy(totals: Totals) -> float:
    """Return the mean recall of the classes that occur."""
    hits, _, true = totals.sums
    return float((hits[true > 0] / true[true > 0]).mean())


def matthews_corrcoef(totals: Totals) -> float:
    """Return the correlation of predicted and true classes (Gorodkin 2004); 0 where one of them never varies."""
    hits, predicted, true = totals.sums
    covariance = hits.sum() * true.sum() - predicted @ true
    variances = (predicted.sum() ** 2 - predicted @ predicted) * (true.sum() ** 2 - true @ true)
    return float(covariance / np.sqrt(variances)) if variances > 0 else 0.0
