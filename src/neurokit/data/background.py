"""Background: a few rows of the training inputs, which stand for what the model knew when it is explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from neurokit.data.batch import Batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader
from neurokit.data.split import split_rows
from neurokit.tree import map_tensors

BACKGROUND_ROWS = 100  # explanations average over so many; more cost time and change little
_MOST_BYTES = 16 << 20  # of large pictures fewer rows are kept


def background(loader: Loader, first: Batch | None, seed: int, rows: int = BACKGROUND_ROWS) -> Any:
    """Return up to ``rows`` rows of a loader's inputs on the host: a seeded sample with each class in its share.

    Of data that are not in memory these are the first rows of its first batch: more would cost a pass. ``None`` where
    there is none, or inputs have no rows to take.

    Args:
        loader: The training data.
        first: Its first batch, where one was looked at.
        seed: The sample is a function of it; no global stream is touched.
        rows: How many at most; fewer where they take more than 16 MiB.
    """
    if not isinstance(loader, InMemoryLoader):
        return None if first is None or not _is_plain(first.x) else _host(first.x, _affordable(first.x, rows))
    rows = _affordable(loader.rows_at(torch.zeros(1, dtype=torch.int64)).x, rows)
    chosen = torch.arange(loader.num_rows)
    if loader.num_rows > rows:
        chosen = split_rows(loader.num_rows, rows / loader.num_rows, seed, _classes(loader))[1]
    return _host(loader.rows_at(chosen).x, rows)


def _is_plain(x: Any) -> bool:
    """Tell whether inputs are tensors with rows, or tuples or mappings of such; a list's members are rows."""
    if isinstance(x, Mapping):
        return all(map(_is_plain, x.values()))
    if type(x) is tuple:
        return all(map(_is_plain, x))
    return isinstance(x, Tensor) and x.ndim > 0


def _affordable(x: Any, rows: int) -> int:
    """How many rows like these are kept."""
    sizes: list[int] = []
    map_tensors(lambda tensor: sizes.append(tensor[:1].nbytes), x)
    return max(1, min(rows, _MOST_BYTES // max(1, sum(sizes))))


def _host(x: Any, rows: int) -> Any:
    return map_tensors(lambda tensor: tensor[:rows].detach().cpu().clone(), x)


def _classes(loader: InMemoryLoader) -> Tensor | None:
    """The class index of each row, where rows have one."""
    y = loader.y
    if not isinstance(y, Tensor) or y.is_floating_point() or y.numel() != len(y):
        return None
    labels = y.reshape(-1).cpu()
    return labels if loader.rows is None else labels[loader.rows]
