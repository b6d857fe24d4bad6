"""Ratios: one column divided by another, declared as data, safe against zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neurokit.encoding.plain import taken_apart, text

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ratio:
    """A column that is the ratio of two others; missing where either is missing or the denominator is zero.

    Attributes:
        name: What it is called.
        numerator: A column of numbers.
        denominator: Another.

    Example:
        >>> Ratio("price_per_metre", "price", "area")(np.array([6.0, 5.0]), np.array([2.0, 0.0]))
        array([ 3., nan])
    """

    name: str
    numerator: str
    denominator: str

    def __call__(self, numerator: Array, denominator: Array) -> Array:
        """Return the ratio of float64 numbers, NaN where there is none."""
        with np.errstate(all="ignore"):
            ratio = numerator / denominator
        return np.where(np.isfinite(ratio), ratio, np.nan)

    @classmethod
    def of(cls, name: str, pair: Any) -> Ratio:
        """Return the ratio of a pair of columns, as a user writes it.

        Raises:
            ValueError: If it is no pair.
        """
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(
                f"The ratio {name!r} is two columns, got {pair!r:.60}. Pass {{{name!r}: ['numerator', 'denominator']}}."
            )
        return cls(name, *pair)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Ratio:
        """Return the ratio that ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none.
        """
        found = taken_apart(values, "A ratio", ("name", "numerator", "denominator"))
        return cls(**{name: text(value, f"The {name} of a ratio") for name, value in found.items()})
