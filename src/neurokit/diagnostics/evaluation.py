"""Evaluation: what is known when ``evaluate`` is done, which the last checks look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurokit.data.batch import Batch
from neurokit.data.sources import Loader

if TYPE_CHECKING:
    from neurokit.diagnostics.rows import Selection
    from neurokit.diagnostics.setup import Answer


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that was made after a fit.

    Attributes:
        loader: What was evaluated.
        logs: What came of it.
        selections: Rows that fits have chosen by.
        updates: Optimizer updates in the last fit.
        answers: Returns what the model says of a batch, with what is true; nothing where that is not known.
        batch: Nothing: only rows in memory are looked at again.
    """

    loader: Loader
    logs: Mapping[str, float]
    selections: Sequence[Selection]
    updates: int
    answers: Callable[[Batch], list[Answer]]
    batch: None = None
