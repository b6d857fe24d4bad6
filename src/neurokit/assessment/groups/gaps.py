"""Gaps: the interval of how far groups are apart, put together from the intervals of the groups."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@functools.lru_cache
def pair_quantile(groups: int, confidence: float) -> float:
    """Return how many standard errors cover every pair of ``groups`` at once; with two, the normal quantile.

    The largest gap is a pair picked after looking. Source: Tukey's studentized range.

    Example:
        >>> round(pair_quantile(2, 0.95), 2), round(pair_quantile(5, 0.95), 2)
        (1.96, 2.73)
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(confidence, groups, math.inf)) / math.sqrt(2)


def difference_ends(points: Array, low: Array, high: Array) -> tuple[float, float]:
    """Return the interval of the largest difference of any pair, from the groups' own intervals; never below 0.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10.

    Args:
        points: The groups' numbers ``(groups,)``.
        low: The lower ends of their intervals.
        high: The upper ends.

    Example:
        >>> from neurokit.assessment.intervals import wilson_ends
        >>> ends = np.array([wilson_ends(56 / 70, 70, 1.96), wilson_ends(48 / 80, 80, 1.96)]).T
        >>> [round(end, 4) for end in difference_ends(np.array([56 / 70, 48 / 80]), *ends)]
        [0.0524, 0.3339]
    """
    apart = points[:, None] - points[None]
    down, up = points - low, high - points
    least = _off_diagonal(apart - np.hypot(down[:, None], up[None]))
    most = _off_diagonal(apart + np.hypot(up[:, None], down[None]))
    if np.isnan(least).any():
        return math.nan, math.nan
    return max(0.0, float(least.max())), float(most.max())


def ratio_ends(points: Array, low: Array, high: Array) -> tuple[float, float]:
    """Return the interval of the smallest ratio of any pair, from the groups' own intervals; never above 1.

    Source: Donner and Zou 2012, "Closed-form confidence intervals for functions of the normal mean and standard
    deviation", with the fraction multiplied out so that a rate of 0 is no trouble.

    Args:
        points: The groups' numbers ``(groups,)``, 0 or more.
        low: The lower ends of their intervals.
        high: The upper ends.

    Example:
        >>> [round(end, 2) for end in ratio_ends(np.array([0.5, 1.0]), np.array([0.4, 0.9]), np.array([0.6, 1.1]))]
        [0.39, 0.62]
    """
    if np.isnan(low).any() or np.isnan(high).any():
        return math.nan, math.nan
    low = np.clip(low, 0, None)
    below, above = low * (2 * points - low), high * (2 * points - high)
    product = points[:, None] * points[None]
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0: nothing is known of that pair
        root = np.sqrt(np.clip(product**2 - below[:, None] * above[None], 0, None))
        least = np.nan_to_num(_off_diagonal(below[:, None] / (product + root)), nan=0.0)
        root = np.sqrt(np.clip(product**2 - above[:, None] * below[None], 0, None))
        most = np.nan_to_num(_off_diagonal((product + root) / below[None]), nan=math.inf)
    return max(0.0, float(least.min())), min(1.0, float(most.min()))


def _off_diagonal(pairs: Array) -> Array:
    return pairs[~np.eye(len(pairs), dtype=bool)]
