"""Intervals: a number measured on some rows, with the range in which the true one may lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neurokit.arguments import check_number
from neurokit.wording import number

Array = np.ndarray[Any, Any]

RESAMPLES = 1000
_MOST_DRAWN = 20_000_000  # rows drawn for one interval: of very many rows fewer resamples tell as much
_FEWEST = 100


class Estimate(float):
    """A number measured on ``n`` rows, with the interval its uncertainty gives. It computes as the float it is.

    Attributes:
        low: The lower end of the interval; NaN where there is none.
        high: The upper end.
        n: The rows, or cases, it was measured on.
        method: Where the interval comes from: ``"wilson"``, ``"bootstrap"``, or ``""`` where there is none.
        confidence: How often such an interval holds the true value, 0.95 unless told otherwise.

    Example:
        >>> accuracy = wilson(90, 100)
        >>> accuracy
        0.9 (0.826 to 0.945, n = 100)
        >>> accuracy > 0.5, accuracy.low > 0.5
        (True, True)
    """

    low: float
    high: float
    n: int
    method: str
    confidence: float

    def __new__(
        cls,
        value: float,
        low: float = math.nan,
        high: float = math.nan,
        n: int = 0,
        method: str = "",
        confidence: float = 0.95,
    ) -> Estimate:
        """Make a float that knows its interval."""
        made = super().__new__(cls, value)
        made.low, made.high, made.n, made.method, made.confidence = float(low), float(high), int(n), method, confidence
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return float(self), self.low, self.high, self.n, self.method, self.confidence

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values; ``None`` where there is no number."""
        ends = {"value": float(self), "low": self.low, "high": self.high}
        numbers = {name: value if math.isfinite(value) else None for name, value in ends.items()}
        return {**numbers, "n": self.n, "method": self.method, "confidence": self.confidence}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Estimate:
        """Return what ``to_dict`` gave."""
        value, low, high = (math.nan if values[name] is None else values[name] for name in ("value", "low", "high"))
        return cls(value, low, high, values["n"], values["method"], values["confidence"])

    def __repr__(self) -> str:
        ends = "" if math.isnan(self.low) else f"{number(self.low)} to {number(self.high)}, "
        return f"{number(self)} ({ends}n = {self.n})"

    __str__ = __repr__


def check_confidence(confidence: float) -> None:
    """Refuse what is no share between 0 and 1."""
    check_number("confidence", confidence, "a number between 0 and 1", lambda share: 0 < share < 1, such_as=0.95)


def wilson(hits: int, n: int, confidence: float = 0.95) -> Estimate:
    """Return a rate, ``hits`` of ``n`` cases, with Wilson's interval, which stays inside 0 and 1; NaN of no cases.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference"; computed by SciPy.

    Example:
        >>> wilson(0, 10)
        0 (0 to 0.278, n = 10)
    """
    if n == 0:
        return Estimate(math.nan, n=0, method="wilson", confidence=confidence)
    from scipy.stats import binomtest

    interval = binomtest(int(hits), int(n)).proportion_ci(confidence, method="wilson")
    return Estimate(hits / n, interval.low, interval.high, n, "wilson", confidence)


def bootstrap(
    statistics: Mapping[str, Callable[[Array], float]],
    n: int,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """Return statistics of ``n`` rows, each with its percentile interval over the same seeded resamples.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13. Of more than 20,000 rows, fewer
    resamples are drawn, at least 100. No global random stream is touched. Resamples on which a statistic is not
    defined (an AUC where only one class was drawn) are left out.

    Args:
        statistics: By name: each takes how often every row counts, int64 ``(n,)``, and returns a number, or NaN.
        n: The number of rows.
        seed: Of the resamples.
        confidence: How often an interval holds the true value.
        resamples: How many are drawn at most.

    Example:
        >>> x = np.arange(100.0)
        >>> bootstrap({"mean": lambda counts: np.average(x, weights=counts)}, 100)
        {'mean': 49.5 (43.8 to 55, n = 100)}
    """
    once = np.ones(n, dtype=np.int64)
    values = {name: float(statistic(once)) for name, statistic in statistics.items()}
    if n == 0:
        return {name: Estimate(math.nan, method="bootstrap", confidence=confidence) for name in statistics}
    generator = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in statistics}
    for _ in range(max(_FEWEST, min(resamples, _MOST_DRAWN // n))):
        counts = np.bincount(generator.integers(n, size=n), minlength=n)
        for name, statistic in statistics.items():
            found[name].append(statistic(counts))
    return {name: _percentiles(value, np.asarray(found[name]), n, confidence) for name, value in values.items()}


def _percentiles(value: float, found: Array, n: int, confidence: float) -> Estimate:
    """A value with the range of its resamples; without, where hardly any of them gave a number."""
    found = found[np.isfinite(found)]
    if not math.isfinite(value) or len(found) < _FEWEST // 2:
        return Estimate(value, n=n, method="bootstrap", confidence=confidence)
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return Estimate(value, low, high, n, "bootstrap", confidence)
