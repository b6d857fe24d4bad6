"""Step: what one step of a pipeline did, with every count it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurokit.wording import duration


@dataclass(frozen=True)
class Step:
    """What one step of a pipeline did.

    Attributes:
        name: Its method.
        arguments: What it was called with, as far as that can be written down.
        rows: Rows of the table before and after it.
        columns: Columns of the table before and after it.
        notes: What it did and noticed, in sentences, with counts.
        seconds: How long it took.

    Example:
        >>> print(Step("clean_data", {}, rows=(150, 149), columns=(5, 5), notes=["1 row dropped"], seconds=0.5))
        clean_data: 150 -> 149 x 5 (0.5 s)
          - 1 row dropped
    """

    name: str
    arguments: Mapping[str, Any]
    rows: tuple[int, int]
    columns: tuple[int, int]
    notes: Sequence[str] = field(default=())
    seconds: float = 0.0

    def __str__(self) -> str:
        size = " x ".join(_changed(*counts) for counts in (self.rows, self.columns))
        return "\n".join([f"{self.name}: {size} ({duration(self.seconds)})", *(f"  - {note}" for note in self.notes)])


def _changed(before: int, after: int) -> str:
    return f"{after:,}" if before == after else f"{before:,} -> {after:,}"
