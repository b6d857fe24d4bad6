"""Rows: what a caller passes, as the arrays that a program takes. NumPy only; tables are looked at, not imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurokit.arguments import suggestions
from neurokit.bundle.interface import Input, Interface

Array = np.ndarray[Any, Any]


def to_arrays(rows: Any, interface: Interface) -> dict[str, Array]:
    """Return rows as one array for each input, by its name, of the same number of rows.

    Args:
        rows: For one input an array, a tensor, a table, or, where columns have names, a list of dicts. For several a
            tuple, a dict, or a list of dicts by their names.
        interface: What the program takes.

    Raises:
        TypeError: If it is something else, or holds what are no numbers.
        ValueError: If an input or column is missing, rows have another shape, or numbers of rows differ.
    """
    given = _by_name(rows, interface)
    arrays = {one.name: _array(given[one.name], one) for one in interface.inputs}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {rows} rows" for name, rows in lengths.items())
        raise ValueError(f"Lengths differ: {told}. Pass one row of each for every sample.")
    return arrays


def _by_name(rows: Any, interface: Interface) -> Mapping[str, Any]:
    names = [one.name for one in interface.inputs]
    if interface.passed == "alone":
        return {names[0]: rows}
    if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
        _refuse_other_names(set().union(*rows), names)
        return {name: [_entry(row, name, number) for number, row in enumerate(rows)] for name in names}
    if isinstance(rows, Mapping):
        _refuse_other_names(rows, names)
        return rows
    if isinstance(rows, tuple) and len(rows) == len(names):
        return dict(zip(names, rows, strict=True))
    raise TypeError(
        f"This bundle takes {len(names)} inputs, {', '.join(names)}, and got a {type(rows).__name__}. Pass a tuple of "
        "them, or a dict by these names."
    )


def _entry(row: Mapping[str, Any], name: str, number: int) -> Any:
    if name not in row:
        raise ValueError(f"Row {number} has no {name!r}; it has {', '.join(map(str, row))}.")
    return row[name]


def _refuse_other_names(given: Any, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in given]
    other = [str(name) for name in given if name not in names]
    if missing or other:
        wrong = f"lacks {missing[0]!r}" if missing else f"has {other[0]!r}, which is none of them"
        hint = suggestions(missing[0] if missing else other[0], other if missing else names)
        raise ValueError(f"This bundle takes the inputs {', '.join(names)}, and what was passed {wrong}.{hint}")


def _array(value: Any, one: Input) -> Array:
    """One input's rows as an array of its dtype."""
    if one.columns is not None:
        value = _in_order(value, one)
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif hasattr(value, "toarray"):
        value = value.toarray()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"The rows of {one.name!r} differ in their shape: {error}.") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"The input {one.name!r} takes numbers ({one.dtype}), and got {array.dtype} such as {array.flat[0]!r:.40}."
            if array.size else f"The input {one.name!r} takes numbers ({one.dtype}), and got none."
        )  # fmt: skip
    expected = ", ".join("any" if size is None else str(size) for size in one.shape)
    fits = array.ndim == len(one.shape) + 1 and all(
        size in (None, found) for size, found in zip(one.shape, array.shape[1:], strict=True)
    )
    if not fits:
        mend = "Add the axis of rows: x[None]." if array.ndim == len(one.shape) else "Pass one row per sample."
        raise ValueError(f"A row of {one.name!r} has the shape ({expected}), and got an array of {array.shape}. {mend}")
    return _cast(array, one)


def _cast(array: Array, one: Input) -> Array:
    cast = array.astype(one.dtype, copy=False)
    if cast.dtype.kind in "biu" and array.dtype != cast.dtype and not np.array_equal(cast, array):
        raise ValueError(f"The input {one.name!r} takes {one.dtype}, and got {array.dtype} that does not fit into it.")
    return cast


def _in_order(value: Any, one: Input) -> Any:
    """A table's columns, or the entries of dicts, in the order of the fit."""
    assert one.columns is not None
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        for number, row in enumerate(value):
            _refuse_other_columns(row, one, f"Row {number}")
        return [[row[name] for name in one.columns] for row in value]
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        _refuse_other_columns([str(name) for name in value.columns], one, "The table")
        return value.rename(columns=str)[list(one.columns)].to_numpy()
    return value


def _refuse_other_columns(given: Any, one: Input, what: str) -> None:
    assert one.columns is not None
    missing = [name for name in one.columns if name not in given]
    if missing:
        raise ValueError(f"{what} lacks the column {missing[0]!r}.{suggestions(missing[0], map(str, given))}")


def rows_of(arrays: Mapping[str, Array]) -> int:
    """Return how many rows there are."""
    return len(next(iter(arrays.values())))
