"""Intervals: a number measured on some rows, with the range in which the true one may lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neurokit.arguments import check_number
from neurokit.wording import number

Array = np.ndarray[Any, Any]

RESAMPLES = 1000
_MOST_DRAWN = 20_000_000  # rows drawn for one interval: of very many rows fewer resamples tell as much
_MOST_COMPUTED = 5 * _MOST_DRAWN
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

    def __repr__(self) -> str:
        ends = "" if math.isnan(self.low) else f"{number(self.low)} to {number(self.high)}, "
        return f"{number(self)} ({ends}n = {self.n})"

    __str__ = __repr__


def check_confidence(confidence: float) -> None:
    """Refuse what is no share between 0 and 1."""
    check_number("confidence", confidence, "a number between 0 and 1", lambda share: 0 < share < 1, such_as=0.95)


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors an interval reaches to each side; 1.96 for 0.95."""
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2))


def wilson_ends(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's interval of a rate over ``n`` cases, which need not be a whole number.

    Example:
        >>> [round(end, 3) for end in wilson_ends(0.9, 100, 1.96)]
        [0.826, 0.945]
    """
    if not n or math.isnan(rate):
        return math.nan, math.nan
    square = quantile**2 / n
    centre = (rate + square / 2) / (1 + square)
    half = math.sqrt(square * (rate * (1 - rate) + square / 4)) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def wilson(hits: int, n: int, confidence: float = 0.95) -> Estimate:
    """Return a rate, ``hits`` of ``n`` cases, with Wilson's interval, which stays inside 0 and 1; NaN of no cases.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Example:
        >>> wilson(0, 10)
        0 (0 to 0.278, n = 10)
    """
    rate = hits / n if n else math.nan
    return Estimate(rate, *wilson_ends(rate, n, normal_quantile(confidence)), n, "wilson", confidence)


def mean_of_rates(rates: Sequence[Estimate]) -> Estimate:
    """Return the mean of rates of different cases, with the interval that theirs give: square and add.

    It holds also where a class has few cases, all of them right, of which resamples would know nothing.

    Source: Zou, Huang and Zhang 2009, "A note on confidence interval estimation for a linear function of binomial
    proportions".

    Example:
        >>> mean_of_rates([wilson(95, 95), wilson(5, 5)])
        1 (0.782 to 1, n = 100)
    """
    mean, count = float(np.mean(rates)), len(rates)
    below, above = (
        math.sqrt(sum((float(one) - end) ** 2 for one, end in zip(rates, ends, strict=True))) / count
        for ends in ([one.low for one in rates], [one.high for one in rates])
    )
    return Estimate(mean, mean - below, mean + above, sum(one.n for one in rates), "wilson", rates[0].confidence)


def bootstrap(
    statistics: Mapping[str, Callable[[Array], float]],
    n: int,
    *,
    seed: int | Sequence[int] = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    width: int = 1,
) -> dict[str, Estimate]:
    """Return statistics of ``n`` rows, each with its percentile interval over the same seeded resamples.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13. Of more than 20,000 rows, fewer
    resamples are drawn, at least 100. No global random stream is touched. Resamples on which a statistic is not
    defined (an AUC where only one class was drawn) are left out. Where all of them give the same, such as an AUC of 1,
    there is no interval: that nothing else was drawn makes nobody certain.

    Args:
        statistics: By name: each takes how often every row counts, int64 ``(n,)``, and returns a number, or NaN.
        n: The number of rows.
        seed: Of the resamples.
        confidence: How often an interval holds the true value.
        resamples: How many are drawn at most; 0 leaves the intervals out.
        width: How many numbers a row costs, such as the curves of many classes: of much to compute, less is drawn.

    Example:
        >>> x = np.arange(100.0)
        >>> bootstrap({"mean": lambda counts: np.average(x, weights=counts)}, 100)
        {'mean': 49.5 (43.8 to 55, n = 100)}
    """
    once = np.ones(n, dtype=np.int64)
    values = {name: float(statistic(once)) for name, statistic in statistics.items()}
    if not resamples or not statistics:
        return {name: Estimate(value, n=n, confidence=confidence) for name, value in values.items()}
    generator = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in statistics}
    for _ in range(max(_FEWEST, min(resamples, _MOST_DRAWN // n, _MOST_COMPUTED // (n * width)))):
        counts = np.bincount(generator.integers(n, size=n), minlength=n)
        for name, statistic in statistics.items():
            found[name].append(statistic(counts))
    return {name: _percentiles(value, np.asarray(found[name]), n, confidence) for name, value in values.items()}


def _percentiles(value: float, found: Array, n: int, confidence: float) -> Estimate:
    """A value with the range of its resamples, where these tell one."""
    return Estimate(value, *percentiles(value, found, confidence), n, "bootstrap", confidence)


def percentiles(value: float, found: Array, confidence: float) -> tuple[float, float]:
    """Return both ends of what resamples gave; NaN where hardly any gave a number, or all gave the same.

    Args:
        value: That of the rows themselves.
        found: Those of the resamples, NaN where it is not defined.
        confidence: The share of them that lies between the ends.

    Example:
        >>> percentiles(0.5, np.linspace(0, 1, 1001), 0.9)
        (0.04..., 0.95...)
    """
    found = found[np.isfinite(found)]
    if not math.isfinite(value) or len(found) < _FEWEST // 2:
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail]).tolist()
    return (math.nan, math.nan) if low == high else (low, high)
