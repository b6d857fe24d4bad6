"""Dates: a moment as numbers that a model can use, the cyclic ones as a point on a circle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurokit.encoding.numbers import NumberColumn
from neurokit.encoding.plain import choice, flag, listed, taken_apart, text

Array = np.ndarray[Any, Any]

PARTS = ("days", "year", "month", "weekday", "hour")
_CYCLES = {"month": 12.0, "weekday": 7.0, "hour": 24.0}


@dataclass(frozen=True)
class DateColumn:
    """How one column of dates is encoded: the parts of each date.

    ``"days"`` since the earliest training date and ``"year"`` are scaled as numbers are. ``"month"``, ``"weekday"`` and
    ``"hour"`` are cyclic, and become sine and cosine, so that December lies beside January; a missing date is the
    circle's middle.

    Attributes:
        name: The column.
        parts: Which parts, in this order.
        scaled: How days and year are encoded, those of them that are among the parts.
        told: Training rows had missing dates, so a last column is 1 where one is missing, else 0.
    """

    name: str
    parts: tuple[str, ...]
    scaled: tuple[NumberColumn, ...]
    told: bool

    @classmethod
    def fit(
        cls, name: str, days: Array, scaling: str, filling: str, parts: tuple[str, ...] | None = None
    ) -> DateColumn:
        """Return how a column is encoded, from its training dates.

        Args:
            name: The column.
            days: Days since 1970-01-01 as float64, NaN where the date is missing.
            scaling: As ``Curve.fit`` takes it.
            filling: As ``NumberColumn.fit`` takes it.
            parts: Which parts; ``None`` is all, hours only where training dates have a time of day.
        """
        known = days[~np.isnan(days)]
        if parts is None:
            parts = PARTS if (known % 1 != 0).any() else PARTS[:-1]
        plain = [part for part in parts if part not in _CYCLES]
        scaled = [
            NumberColumn.fit(f"{name}: {part}", _part(days, part), scaling, filling) for part in plain
        ]  # fmt: skip
        untold = tuple(NumberColumn(one.name, one.curve, one.filling, False) for one in scaled)
        return cls(name, tuple(parts), untold, bool(np.isnan(days).any()))

    @property
    def columns(self) -> list[str]:
        """The names of the columns it gives."""
        named = []
        for part in self.parts:
            ends = (" (sine)", " (cosine)") if part in _CYCLES else ("",)
            named += [f"{self.name}: {part}{end}" for end in ends]
        return named + [f"{self.name} (missing)"] * self.told

    def __call__(self, days: Array) -> Array:
        """Return ``(rows, columns)`` float32 for days since 1970-01-01 ``(rows,)``, NaN where the date is missing."""
        missing = np.isnan(days)
        by_part = dict(zip((part for part in self.parts if part not in _CYCLES), self.scaled, strict=True))
        found = []
        for part in self.parts:
            values = _part(days, part)
            if part in by_part:
                found.append(by_part[part](values)[:, 0])
                continue
            angles = 2 * np.pi * values / _CYCLES[part]
            found += [np.where(missing, 0.0, np.sin(angles)), np.where(missing, 0.0, np.cos(angles))]
        return np.stack([*found, missing] if self.told else found, axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        scaled = [one.to_dict() for one in self.scaled]
        return {"name": self.name, "parts": list(self.parts), "scaled": scaled, "told": self.told}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DateColumn:
        """Return what ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none.
        """
        found = taken_apart(values, "A column of dates", ("name", "parts", "scaled", "told"))
        parts = tuple(choice(one, "parts", PARTS) for one in listed(found["parts"], "parts"))
        scaled = tuple(NumberColumn.from_dict(one) for one in listed(found["scaled"], "scaled"))
        name = text(found["name"], "name")
        wanted = [f"{name}: {part}" for part in parts if part not in _CYCLES]
        if len(set(parts)) < len(parts) or not parts or [one.name for one in scaled] != wanted:
            raise ValueError(f"A column of dates has each part once, and a scale for days and year; got {parts}.")
        if any(one.told for one in scaled):
            raise ValueError("What is missing is told once for a date, not by its parts.")
        return cls(name, parts, scaled, flag(found["told"], "told"))


def _part(days: Array, part: str) -> Array:
    """One part of each date, float64; NaN where the date is missing."""
    if part == "days":
        return days
    missing = np.isnan(days)
    whole = np.floor(np.where(missing, 0, days))
    if part == "weekday":
        found = (whole + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    elif part == "hour":
        found = (np.where(missing, 0, days) - whole) * 24
    else:
        dates = whole.astype(np.int64).astype("datetime64[D]")
        years = dates.astype("datetime64[Y]").astype(np.int64)
        months = dates.astype("datetime64[M]").astype(np.int64) % 12
        found = (years + 1970 if part == "year" else months).astype(np.float64)
    return np.where(missing, np.nan, found)
