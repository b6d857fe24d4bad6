"""Rows: the data behind the answers, as the user passed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from neurokit.arguments import suggestions
from neurokit.data.arrays import is_array_like, is_table, map_leaves

Array = np.ndarray[Any, Any]

_MOST_COLUMNS = 100  # of an array without names; a picture is no table


def readable(x: Any, in_order: bool) -> Any:
    """Return what rows can be read from by their number: the data, a loader's dataset, or ``None``.

    Args:
        x: What was assessed.
        in_order: Whether it was read in the order of its rows.
    """
    if isinstance(x, DataLoader):
        x = x.dataset
    if not in_order:
        return None
    return x if is_array_like(x) or has_items(x) else None


def has_items(x: Any) -> bool:
    """Tell whether single rows can be read by their number, as of a map-style dataset."""
    return hasattr(x, "__getitem__") and hasattr(x, "__len__")


def rows_at(x: Any, numbers: Any) -> Any:
    """Return rows by their numbers, one or several, in the structure of x; of a dataset, its item or items.

    Raises:
        ValueError: If they cannot be read again.
    """
    if x is None:
        raise ValueError(
            "The rows cannot be read again: they came from a stream, or in an order of its own. Assess arrays, or a "
            "DataLoader without a sampler."
        )
    if not is_array_like(x):
        return x[int(numbers)] if np.ndim(numbers) == 0 else [x[int(number)] for number in numbers]

    def take(value: Any, name: str) -> Any:
        if hasattr(value, "iloc"):
            return value.iloc[numbers]
        if isinstance(value, list):
            return value[int(numbers)] if np.ndim(numbers) == 0 else [value[int(number)] for number in numbers]
        return value.tocsr()[numbers] if hasattr(value, "tocsr") else value[numbers]

    return map_leaves(take, x, "x")


def columns_of(x: Any, numbers: Array) -> Any:
    """Return rows of a table, or of an array of two axes, as a data frame; ``None`` for all other data."""
    import pandas as pd

    if is_table(x):
        found = pd.DataFrame(x.iloc[numbers]).copy()
        if not isinstance(x.index, pd.RangeIndex):  # names of rows, such as a patient's number
            found.insert(0, x.index.name or "index", found.index)
        return found
    if isinstance(x, list) or (x is not None and not is_array_like(x)):
        x = _inputs(x, numbers)
        numbers = np.arange(len(numbers))
    shape: tuple[int, ...] = tuple(getattr(x, "shape", ()))
    if isinstance(x, (tuple, Mapping)) or len(shape) != 2 or shape[1] > _MOST_COLUMNS:
        return None
    rows = rows_at(x, numbers)
    values = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows.cpu() if hasattr(rows, "cpu") else rows)
    return pd.DataFrame(values, columns=[f"x[{index}]" for index in range(shape[1])])


def _inputs(dataset: Any, numbers: Array) -> Any:
    """The inputs of some items of a dataset as one array, where they are rows of numbers; else ``None``."""
    first = [item[0] if isinstance(item, tuple) and item else item for item in rows_at(dataset, numbers)]
    rows = [np.asarray(one) for one in first if hasattr(one, "__array__")]
    alike = len(rows) == len(first) and all(one.ndim == 1 and one.shape == rows[0].shape for one in rows)
    return np.stack(rows) if alike and rows else None


def sensitive_values(given: Any, x: Any, numbers: Array) -> Any:
    """Return what makes groups, a value for each assessed row: columns of x by name, other values as they came.

    Args:
        given: Values, or the name or names of columns of x.
        x: The rows.
        numbers: Which of them were assessed.

    Raises:
        ValueError: If a name is none of a column.
    """
    names = [given] if isinstance(given, str) else given
    are_names = isinstance(names, (list, tuple)) and names and all(isinstance(one, str) for one in names)
    if are_names and (isinstance(given, str) or (is_table(x) and len(names) != len(x))):
        known = list(map(str, x.columns)) if is_table(x) else []
        for name in names:
            if name not in known:
                hint = suggestions(name, known) or (f" It has {', '.join(known[:12])}." if known else "")
                raise ValueError(
                    f"sensitive names the column {name!r}, and x has {'none of that name' if known else 'no names'}."
                    f"{hint} Pass one value for each row, such as table[{name!r}]."
                )
        return x[list(names)].iloc[numbers]
    if isinstance(given, Mapping):
        return {name: _chosen(values, numbers) for name, values in given.items()}
    return _chosen(given, numbers)


def _chosen(values: Any, numbers: Array) -> Any:
    """The values of assessed rows; all of them where none was left out, or lengths differ, which is told later."""
    if len(values) == len(numbers) or len(values) <= numbers.max(initial=-1):
        return values
    return values.iloc[numbers] if hasattr(values, "iloc") else np.asarray(values, dtype=object)[numbers]
