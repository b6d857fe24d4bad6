"""Sample: a few rows of data in memory, spread over all of them, for checks that need no more."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neurokit.data.arrays import Column, map_leaves
from neurokit.data.memory import InMemoryLoader

_LEAST_ROWS, _MOST_VALUES = 8, 2**20


def spread(rows: int, most: int) -> Tensor:
    """Return at most ``most`` of the positions 0 to ``rows - 1``, evenly spread; no random stream is touched.

    Example:
        >>> spread(10, 4).tolist()
        [0, 3, 6, 9]
    """
    if rows <= most or most < 2:
        return torch.arange(min(rows, most))
    return (torch.arange(most, dtype=torch.float64) * ((rows - 1) / (most - 1))).round().to(torch.int64)


def inputs(loader: InMemoryLoader) -> dict[str, Column]:
    """Return the columns of x by the name a user would call them: ``x``, ``x[0]``, ``x['image']``."""
    found: dict[str, Column] = {}
    map_leaves(lambda column, name: found.setdefault(name, column), loader.x, "x")
    return found


def row_numbers(loader: InMemoryLoader, positions: Tensor | None = None) -> Tensor | None:
    """Return the columns' row numbers at positions of a loader; ``None`` for all rows of the columns."""
    if positions is None:
        return loader.rows
    return positions if loader.rows is None else loader.rows[positions]


def picked(column: Column, rows: Tensor | None, features: Tensor) -> Tensor:
    """Return some features of some rows, ``(rows, features)``, without reading the others.

    Args:
        column: A tensor, its features counted as if it had two axes.
        rows: Row numbers; all of them when ``None``.
        features: Feature numbers.
    """
    assert isinstance(column, Tensor)
    table, features = column.reshape(len(column), -1), features.to(column.device)
    if rows is None:
        return table.index_select(1, features).cpu()
    return table[rows.to(column.device).unsqueeze(1), features].cpu()


def rows_of(loader: InMemoryLoader, most: int) -> dict[str, Tensor]:
    """Return a spread of whole rows of every dense input, by name: fewer than ``most`` where rows are large."""
    found = {}
    for name, column in inputs(loader).items():
        if isinstance(column, Tensor):
            few = max(_LEAST_ROWS, min(most, _MOST_VALUES // max(1, column[:1].numel())))
            rows = row_numbers(loader, spread(loader.num_rows, few))
            assert rows is not None
            found[name] = column.index_select(0, rows.to(column.device))
    return found


def labels_in_order(targets: Any) -> Tensor | None:
    """Return one class index or one 0 or 1 per row, where targets are that; else ``None``."""
    if not isinstance(targets, Tensor) or targets.numel() != len(targets):
        return None
    labels = targets.reshape(-1)
    if labels.is_floating_point() and not bool(((labels == 0) | (labels == 1)).all()):
        return None
    return labels
