"""Curve: how a column's numbers are scaled, a line through a few knots, flat data in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from neurokit.encoding.plain import number, numbers, taken_apart

Array = np.ndarray[Any, Any]

KNOTS = 128
SCALINGS = ("quantile", "standard")


@dataclass(frozen=True)
class Curve:
    """A rising line through knots: from a column's own numbers to numbers of about one.

    Beyond the training rows it rises by the logarithm of the distance, ``log1p(distance / spread)``, so that a value
    ten thousand spreads away is nine steps away: order is kept, and nothing explodes. A single knot makes everything 0:
    a column that never changed in training says nothing.

    Attributes:
        before: The knots in the column's own numbers, rising.
        after: What they become.
        spread: A usual distance in the column's own numbers.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    spread: float

    @classmethod
    def fit(cls, values: Array, scaling: str) -> Curve:
        """Return the curve of training values.

        Args:
            values: Finite float64 numbers ``(rows,)``.
            scaling: ``"standard"`` subtracts the mean and divides by the standard deviation. ``"quantile"`` gives each
                value the place on a normal distribution that its rank has (as scikit-learn's ``QuantileTransformer``
                does), through at most 128 knots, so that skew and outliers do no harm; then to mean 0, deviation 1.
        """
        distinct, counts = np.unique(values, return_counts=True)
        apart = np.r_[True, np.diff(distinct / 2) > 0] if len(distinct) else np.zeros(0, bool)  # not so of subnormals
        if apart.sum() < 2:
            return cls((float(distinct[0]) if len(distinct) else 0.0,), (0.0,), 1.0)
        low, high = np.quantile(values / 4, (0.05, 0.95))
        spread = float(high - low) or float(distinct[-1] / 4 - distinct[0] / 4)
        if scaling == "standard":
            before = distinct[[0, -1]]
            largest = max(abs(before[0]), abs(before[1]))
            shares = values / largest  # 1e300 squared is no number
            after = (before / largest - shares.mean()) / (shares.std() or 1.0)
            return cls(_listed(before), _listed(after), max(spread, 5e-324))
        ranks = (np.cumsum(counts) - counts / 2) / len(values)  # the middle of a value's own
        if len(distinct) > KNOTS:
            wanted = np.unique(np.searchsorted(ranks, np.linspace(0, 1, KNOTS)).clip(0, len(distinct) - 1))
            distinct, ranks, apart = distinct[wanted], ranks[wanted], apart[wanted]
        distinct, ranks = distinct[apart], ranks[apart]
        normal = NormalDist()
        curve = cls(_listed(distinct), tuple(normal.inv_cdf(float(rank)) for rank in ranks), max(spread, 5e-324))
        scaled = curve(values)
        after = (np.array(curve.after) - scaled.mean()) / scaled.std()
        return cls(curve.before, _listed(after), curve.spread)

    def __call__(self, values: Array) -> Array:
        """Return scaled numbers, float64, for finite numbers of any shape."""
        if len(self.before) == 1:
            return np.zeros(np.shape(values))
        before, after = np.array(self.before), np.array(self.after)
        right = np.searchsorted(before, values, side="right").clip(1, len(before) - 1)
        left = right - 1
        inside = values.clip(before[0], before[-1])
        share = (inside / 2 - before[left] / 2) / (before[right] / 2 - before[left] / 2)  # halves cannot overflow
        scaled: Array = after[left] + share * (after[right] - after[left])
        beyond = values / 4 - inside / 4
        with np.errstate(over="ignore"):
            spreads = 4 * (np.abs(beyond) / self.spread)
        scaled += np.sign(beyond) * np.log1p(spreads.clip(max=1e300))
        return scaled

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON values."""
        return {"before": list(self.before), "after": list(self.after), "spread": self.spread}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Curve:
        """Return the curve that ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none.
        """
        found = taken_apart(values, "A curve", ("before", "after", "spread"))
        before, after = numbers(found["before"], "before"), numbers(found["after"], "after")
        spread = number(found["spread"], "spread")
        if not 1 <= len(before) == len(after) <= KNOTS or spread <= 0:
            raise ValueError(
                f"A curve has as many knots before as after, 1 to {KNOTS}, and a spread above 0; got {len(before)}, "
                f"{len(after)} and {spread}."
            )
        if not (np.diff(np.array(before) / 2) > 0).all() or not (np.diff(np.array(after) / 2) >= 0).all():
            raise ValueError("The knots of a curve rise, and these do not.")
        return cls(tuple(before), tuple(after), spread)


def _listed(values: Array) -> tuple[float, ...]:
    return tuple(map(float, values))
