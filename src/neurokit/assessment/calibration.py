"""Calibration: whether probabilities mean what they say, and the temperature that makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.assessment.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

_COLDEST, _HOTTEST = 0.05, 20.0  # beyond these the rows tell no temperature: all are right, or nothing is learnt


@dataclass(frozen=True)
class Calibration:
    """How often answers of a given probability are right.

    Attributes:
        error: The expected calibration error: the mean distance between probability and rate, weighted by rows.
        table: A row for each bin that holds any: ``probability`` (mean), ``rate`` of the event, its interval ``low``
            and ``high``, and the number of rows ``n``.
        event: What the probability is of.
    """

    error: float
    table: pd.DataFrame
    event: str


def calibration(
    happened: Array,
    probability: Array,
    event: str,
    *,
    bins: int,
    weight: Array | None,
    confidence: float,
    independent: bool = True,
) -> Calibration:
    """Compare probabilities with how often what they speak of happened, bin by bin of equal width.

    Source of the error: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.

    Args:
        happened: Whether it did, ``(N,)``.
        probability: Its predicted probability, ``(N,)``.
        event: What it is, in words.
        bins: How many.
        weight: One weight per row, or ``None``.
        confidence: Of the intervals of the rates, Wilson's; there are none with weights.
        independent: Whether they are: several labels of one row are not, and have no intervals.

    Example:
        >>> found = calibration(np.array([0, 1, 1]), np.array([0.1, 0.8, 0.9]), "rain", bins=2, weight=None,
        ...                     confidence=0.95)
        >>> round(found.error, 3)
        0.133
    """
    import pandas as pd

    weights = np.ones(len(happened)) if weight is None else weight
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.digitize(probability, edges, right=True)
    rows, error = [], 0.0
    for index in np.unique(place):
        here = place == index
        share = weights[here].sum()
        if not share:
            continue
        mean = float(weights[here] @ probability[here] / share)
        rate = float(weights[here] @ happened[here] / share)
        interval = wilson(int(happened[here].sum()), int(here.sum()), confidence)
        ends = (interval.low, interval.high) if weight is None and independent else (math.nan, math.nan)
        rows.append((mean, rate, *ends, int(here.sum())))
        error += share / weights.sum() * abs(mean - rate)
    return Calibration(float(error), pd.DataFrame(rows, columns=["probability", "rate", "low", "high", "n"]), event)


def fit_temperature(scores: Array, y_true: Array, weight: Array | None = None) -> float:
    """Return the temperature that makes probabilities fit best: above 1 they were too sure of themselves.

    The one number T > 0 for which softmax(log(p) / T) has the smallest log loss; which class is likeliest never
    changes. It is learnt on validation rows and used on others. Bounded to 0.05 and 20, where rows tell none.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2; scikit-learn's
    ``CalibratedClassifierCV(method="temperature")`` finds the same.

    Args:
        scores: Probabilities ``(N, C)``.
        y_true: Class indices ``(N,)``.
        weight: One weight per row, or ``None``.

    Example:
        >>> sure = np.array([[0.99, 0.01], [0.99, 0.01], [0.99, 0.01], [0.01, 0.99]])
        >>> round(fit_temperature(sure, np.array([0, 0, 1, 1])), 1)  # right for 3 of 4, as it were 99 %
        4.2
    """
    from scipy.optimize import minimize_scalar

    logs, weights = _logs(scores), np.ones(len(y_true)) if weight is None else weight
    here = np.arange(len(y_true))

    def loss(log_temperature: float) -> float:
        scaled = logs / math.exp(log_temperature)
        highest = scaled.max(1)
        normalizer = highest + np.log(np.exp(scaled - highest[:, None]).sum(1))
        return float(weights @ (normalizer - scaled[here, y_true]) / weights.sum())

    found = minimize_scalar(loss, bounds=(math.log(_COLDEST), math.log(_HOTTEST)), method="bounded",
                            options={"xatol": 1e-6})  # fmt: skip
    return float(math.exp(found.x))


def with_temperature(scores: Array, temperature: float) -> Array:
    """Return probabilities ``(N, C)`` at a temperature: softmax(log(p) / T).

    Example:
        >>> with_temperature(np.array([[0.9, 0.1]]), 2.0)
        array([[0.75, 0.25]])
    """
    scaled = _logs(scores) / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    made: Array = powers / powers.sum(1, keepdims=True)
    return made


def _logs(scores: Array) -> Array:
    logs: Array = np.log(np.clip(scores, np.finfo(scores.dtype).tiny, 1)).astype(np.float64)
    return logs
