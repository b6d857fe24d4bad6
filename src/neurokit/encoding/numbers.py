"""Numbers: a column of numbers as the model sees it, scaled, with what is missing filled and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurokit.encoding.curve import Curve
from neurokit.encoding.plain import flag, number, taken_apart, text

Array = np.ndarray[Any, Any]

FILLINGS = ("median", "mean", "zero")


@dataclass(frozen=True)
class NumberColumn:
    """How one column of numbers is encoded: filled where it is missing, then scaled.

    Attributes:
        name: The column.
        curve: The scale.
        filling: What stands for a missing value, in the column's own numbers.
        told: Training rows had missing values, so a second column is 1 where one is missing, else 0.
    """

    name: str
    curve: Curve
    filling: float
    told: bool

    @classmethod
    def fit(cls, name: str, values: Array, scaling: str, filling: str) -> NumberColumn:
        """Return how a column is encoded, from its training values.

        Args:
            name: The column.
            values: float64 numbers ``(rows,)``, NaN where one is missing.
            scaling: As ``Curve.fit`` takes it.
            filling: ``"median"``, ``"mean"`` or ``"zero"``.
        """
        missing = np.isnan(values)
        known = values[~missing]
        middle = 0.0
        if len(known) and filling == "median":
            middle = 2 * float(np.median(known / 2))  # of an even number it adds two
        elif len(known) and filling == "mean":
            largest = np.abs(known).max() or 1.0
            middle = float((known / largest).mean() * largest)
        return cls(name, Curve.fit(known, scaling), middle, bool(missing.any()))

    @property
    def columns(self) -> list[str]:
        """The names of the columns it gives."""
        return [self.name, f"{self.name} (missing)"] if self.told else [self.name]

    def __call__(self, values: Array) -> Array:
        """Return ``(rows, columns)`` float32 for float64 values ``(rows,)``, NaN where one is missing."""
        missing = np.isnan(values)
        scaled = self.curve(np.where(missing, self.filling, values))
        return np.stack([scaled, missing] if self.told else [scaled], axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, "curve": self.curve.to_dict(), "filling": self.filling, "told": self.told}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NumberColumn:
        """Return what ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none.
        """
        found = taken_apart(values, "A column of numbers", ("name", "curve", "filling", "told"))
        return cls(
            text(found["name"], "name"), Curve.from_dict(found["curve"]), number(found["filling"], "filling"),
            flag(found["told"], "told"),
        )  # fmt: skip
