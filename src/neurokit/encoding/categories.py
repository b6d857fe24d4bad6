"""Categories: a column of categories as indices, with a bucket for those that training never saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurokit.encoding.plain import Scalar, flag, found_at, kind_of, listed, scalar, taken_apart, text

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class CategoryColumn:
    """How one column of categories is encoded: an index for each value.

    Index 0 is the bucket of values that training never saw, and of those it saw too rarely to learn from. The values
    follow from 1 on, sorted; where training rows had missing ones, these come last, as a value of their own. A text
    that is not known as it stands is looked up without the spaces around it, and is a missing one where it is nothing
    else.

    Attributes:
        name: The column.
        values: The values with an index of their own, sorted.
        told: Training rows had missing values, so that these have an index of their own.
        rare: Training rows were put into the bucket, so that the model learns what it means.
    """

    name: str
    values: tuple[Scalar, ...]
    told: bool
    rare: bool

    @classmethod
    def fit(cls, name: str, values: Sequence[Scalar | None], min_count: int) -> CategoryColumn:
        """Return how a column is encoded, from its training values, ``None`` where one is missing.

        A value is rare that fewer than ``min_count`` rows have, and fewer than one in a hundred.
        """
        counts = Counter(value for value in values if value is not None)
        least = min(min_count, len(values) / 100)
        kept = sorted(value for value, count in counts.items() if count >= least)
        return cls(name, tuple(kept), None in set(values), len(kept) < len(counts))

    @property
    def cardinality(self) -> int:
        """How many indices there are, the bucket included."""
        return 1 + len(self.values) + self.told

    @property
    def columns(self) -> list[str]:
        """The names of its columns one-hot: the bucket has one only where training rows were put into it."""
        named = [f"{self.name}={value}" for value in self.values]
        return [f"{self.name} (rare or unknown)"] * self.rare + named + [f"{self.name} (missing)"] * self.told

    def __call__(self, values: Sequence[Scalar | None]) -> Array:
        """Return the index of each value, int64 ``(rows,)``."""
        places: dict[Scalar | None, int] = {value: place for place, value in enumerate(self.values, 1)}
        if self.told:
            places[None] = self.cardinality - 1
        return np.array([found_at(places, value, 0) for value in values], dtype=np.int64)

    def one_hot(self, values: Sequence[Scalar | None]) -> Array:
        """Return ``(rows, columns)`` float32: 1 in a value's own column; nothing for what has none."""
        indices = self(values)
        found = np.zeros((len(indices), self.cardinality), dtype=np.float32)
        found[np.arange(len(indices)), indices] = 1.0
        return found[:, 0 if self.rare else 1 :]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, "values": list(self.values), "told": self.told, "rare": self.rare}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CategoryColumn:
        """Return what ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none.
        """
        found = taken_apart(values, "A column of categories", ("name", "values", "told", "rare"))
        own = [scalar(one, "values") for one in listed(found["values"], "values")]
        kind_of(own, "values")
        return cls(text(found["name"], "name"), tuple(own), flag(found["told"], "told"), flag(found["rare"], "rare"))
