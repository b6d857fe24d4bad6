"""Split: which rows train and which validate, drawn with a seed and, for classes, the same share of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def split_rows(rows: int, fraction: float, seed: int, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the row numbers for training and for validation, both sorted, int64.

    Args:
        rows: How many rows there are.
        fraction: The share that validates, between 0 and 1.
        seed: The draw is a function of it; no global stream is touched.
        labels: Class indices ``(rows,)``; each class keeps its share on both sides, to within one row. ``None`` for a
            plain draw.

    Raises:
        ValueError: If the fraction is not between 0 and 1, or one side would be left without rows.

    Example:
        >>> train, validation = split_rows(10, 0.2, seed=0)
        >>> len(train), len(validation)
        (8, 2)
    """
    if isinstance(fraction, (str, bytes)) or not 0 < fraction < 1:
        raise ValueError(
            f"validation_split is the share of rows that validate, between 0 and 1, got {fraction!r}. "
            f"Pass 0.2 for a fifth{_as_share(fraction, rows)}, or no validation_split to validate on none."
        )
    held_out = round(rows * fraction)
    if not 0 < held_out < rows:
        raise ValueError(
            f"validation_split={fraction} of {rows} rows leaves {rows - held_out} to train and {held_out} to validate. "
            "Pass more rows, another share, or validation_data."
        )
    generator = torch.Generator().manual_seed(seed % 2**64)
    drawn = torch.randperm(rows, generator=generator)
    if labels is not None:
        drawn = drawn[labels[drawn].argsort(stable=True)]  # class after class, in random order within each
    # Every (rows / held_out)-th of them from a random start on: of a class's rows its share, rounded up or down.
    start = torch.rand((), dtype=torch.float64, generator=generator)
    picked = ((torch.arange(held_out) + start) * (rows / held_out)).to(torch.int64).clamp(max=rows - 1)
    validates = torch.zeros(rows, dtype=torch.bool)
    validates[drawn[picked]] = True
    return (~validates).nonzero().reshape(-1), validates.nonzero().reshape(-1)


def _as_share(given: Any, rows: int) -> str:
    """What a number of rows or of per cent would be as a share."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 1 < given < rows:
        return ""
    share = f", {given / 100:g} for {given:g} %" if given < 100 else ""
    return share + f", {given / rows:.4g} for {given:g} rows"
