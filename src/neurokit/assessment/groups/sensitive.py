"""Sensitive columns: whatever says who a row is about, as named columns of text groups."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

MISSING: Final = "missing"
BETWEEN: Final = " \N{MULTIPLICATION SIGN} "  # the parts of an intersection
_BANDS = 4
_MOST_NUMBERS = 10  # a number with more distinct values than this is a quantity and not a code
_MOST_GROUPS = 200  # a text with more distinct values than this names rows and not groups
_MOST_CELLS = 60  # an intersection with more cells shows those that hold a row


@dataclass(frozen=True, eq=False)
class SensitiveColumn:
    """A column by which rows are grouped.

    Attributes:
        name: As in "sex"; of an intersection those of its columns.
        labels: The group of each row, as text, an object array of shape ``(n,)``.
        groups: Every group in the order in which a reader expects them. An intersection of few cells also holds those
            without a row.
        notes: What was done to the values: missing ones, numbers cut into bands.
        parts: The columns that an intersection is made of; its own name otherwise.
    """

    name: str
    labels: Array
    groups: tuple[str, ...]
    notes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def sensitive_columns(values: Any, rows: int, argument: str = "sensitive") -> list[SensitiveColumn]:
    """Return the columns that a person passed, in whatever form they came.

    Rows belong together by position; the index of a Series is not looked at. Missing values become the group
    ``"missing"``. Numbers and dates with more than ten distinct values are cut into four bands of about as many rows.

    Args:
        values: One value for each row, as an array, list, tensor or Series; several columns as a DataFrame, a dict of
            names and values, or an array of shape ``(rows, columns)``.
        rows: How many there are.
        argument: What the user calls it, for messages.

    Raises:
        ValueError: If lengths differ, a name comes twice, or a column names single rows.
        TypeError: If it is no column at all.

    Example:
        >>> [column] = sensitive_columns({"sex": ["f", "m", None]}, rows=3)
        >>> column.groups
        ('f', 'm', 'missing')
    """
    import pandas as pd

    columns = []
    for name, given in _named(values, rows, argument):
        series = pd.Series(np.asarray(given, dtype=object) if isinstance(given, (list, tuple)) else given)
        if len(series) != rows:
            raise ValueError(_wrong_length(argument, name, given, len(series), rows))
        columns.append(_column(name, series.reset_index(drop=True), argument))
    names = [column.name for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{argument} names {twice[0]!r} twice. Give each column a name of its own.")
    return columns


def _named(values: Any, rows: int, argument: str) -> Iterable[tuple[str, Any]]:
    """The columns with their names; those without one are called after the argument."""
    import pandas as pd

    if isinstance(values, (str, bytes)) or values is None or np.isscalar(values):
        raise TypeError(
            f"{argument} is one value for each row, got {values!r}. Pass the values themselves, such as "
            f"{argument}=table['sex']."
        )
    if isinstance(values, pd.DataFrame):
        return [(str(name), values.iloc[:, place]) for place, name in enumerate(values.columns)]
    if isinstance(values, Mapping):
        return [(str(name), _plain(given)) for name, given in values.items()]
    if isinstance(values, pd.Series):
        return [(argument if values.name is None else str(values.name), values)]
    if isinstance(values, (list, tuple)) and values and all(isinstance(one, pd.Series) for one in values):
        return [pair for one in values for pair in _named(one, rows, argument)]
    if isinstance(values, pd.Categorical):
        return [(argument, values)]
    table = _plain(values)
    array = np.asarray(table, dtype=object) if isinstance(table, (list, tuple)) else np.asarray(table)
    if array.ndim == 2 and array.shape[0] != rows and array.shape[1] == rows:
        array = array.T
    if array.ndim == 2 and array.shape[1] > 1:
        return [(f"{argument}_{place + 1}", array[:, place]) for place in range(array.shape[1])]
    if array.ndim == 2:
        array = array[:, 0]
    if array.ndim != 1:
        raise TypeError(
            f"{argument} is one value for each row, got an array of shape {array.shape}. Pass {rows} values, a "
            "DataFrame of several columns, or a dict of names and values."
        )
    return [(argument, array)]


def _plain(values: Any) -> Any:
    """Tensors as arrays, on whatever device they are; everything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _wrong_length(argument: str, name: str, given: Any, length: int, rows: int) -> str:
    what = argument if name == argument else f"{argument} column {name!r}"
    message = f"{what} has {length} values, and {rows} rows were assessed. Pass one for each row, in their order"
    if isinstance(given, (list, tuple, np.ndarray)) and length < rows and all(isinstance(one, str) for one in given):
        first = [str(one) for one in given[:3]]
        return f"{message}; if {', '.join(map(repr, first))} are names of columns, pass table[{first}]."
    return f"{message}: the same split and the same dropped rows as x."


def _column(name: str, series: Any, argument: str) -> SensitiveColumn:
    import pandas as pd

    notes = []
    if series.dtype == object:
        series = series.infer_objects()
    missing = (series.isna() | (series.astype(str).str.strip() == "")).to_numpy(dtype=bool)
    if missing.any():
        notes.append(f"{name!r} is missing in {missing.sum()} of {len(series)} rows: they are the group {MISSING!r}.")
    known = series[~missing]
    quantity = pd.api.types.is_numeric_dtype(known) or pd.api.types.is_datetime64_any_dtype(known)
    if quantity and not pd.api.types.is_bool_dtype(known) and known.nunique() > _MOST_NUMBERS:
        texts, groups = _bands(known)
        notes.append(
            f"{name!r} has {known.nunique()} distinct values and was cut into {len(groups)} bands of about as many "
            f"rows: {', '.join(groups)}. For bands of your own pass pd.cut(values, edges), and to keep every value "
            "values.astype(str)."
        )
    else:
        distinct = list(known.unique())
        ordered = isinstance(known.dtype, pd.CategoricalDtype)  # its categories come in the order they have
        distinct = [one for one in known.cat.categories if one in distinct] if ordered else _sorted(distinct)
        if len(distinct) > _MOST_GROUPS:
            raise ValueError(
                f"{argument} column {name!r} has {len(distinct)} distinct values in {len(series)} rows: it names rows, "
                f"not groups. Pass fewer groups (at most {_MOST_GROUPS}), such as its first letters or pd.cut of it."
            )
        texts = np.asarray([_text(value) for value in known], dtype=object)
        groups = list(dict.fromkeys(_text(value) for value in distinct))
    labels = np.full(len(series), MISSING, dtype=object)
    labels[~missing] = texts
    if missing.any() and MISSING not in groups:
        groups.append(MISSING)
    return SensitiveColumn(name, labels, tuple(groups), tuple(notes), (name,))


def _sorted(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # numbers beside text
        return sorted(values, key=str)


def _text(value: Any) -> str:
    """A value as a group is called: 1.0, which a missing value made of 1, is "1"."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _bands(known: Any) -> tuple[Array, list[str]]:
    """Cut a quantity at its quartiles; equal ones fall together."""
    import pandas as pd

    codes, edges = pd.qcut(known, _BANDS, labels=False, retbins=True, duplicates="drop")
    if len(edges) < 3:  # nearly all rows have one value: the least and the others
        edges = np.asarray([known.min(), known.min(), known.max()])
        codes = (known > known.min()).astype(int)
    written = [str(edge.date()) if isinstance(edge, pd.Timestamp) else f"{edge:.6g}" for edge in edges]
    last = len(written) - 2
    groups = [
        f"up to {written[1]}"
        if place == 0
        else f"over {written[place]}" + (f" to {written[place + 1]}" if place < last else "")
        for place in range(last + 1)
    ]
    return np.asarray(groups, dtype=object)[np.asarray(codes, dtype=int)], groups


def with_intersections(columns: list[SensitiveColumn]) -> list[SensitiveColumn]:
    """Return each column alone, then what they make together: of up to three columns all of it, of more the pairs.

    Example:
        >>> columns = sensitive_columns({"sex": ["f", "m"], "age": ["old", "young"]}, rows=2)
        >>> [len(one.groups) for one in with_intersections(columns)]
        [2, 2, 4]
    """
    largest = len(columns) if len(columns) <= 3 else 2
    together = [
        _intersection(chosen)
        for size in range(2, largest + 1)
        for chosen in itertools.combinations(columns, size)
    ]  # fmt: skip
    return [*columns, *together]


def _intersection(columns: tuple[SensitiveColumn, ...]) -> SensitiveColumn:
    rows = list(zip(*(one.labels for one in columns), strict=True))
    cells: Iterable[tuple[str, ...]] = itertools.product(*(one.groups for one in columns))
    if math.prod(len(one.groups) for one in columns) > _MOST_CELLS:
        places = [{group: place for place, group in enumerate(one.groups)} for one in columns]
        cells = sorted(set(rows), key=lambda cell: [place[part] for place, part in zip(places, cell, strict=True)])
    names = tuple(one.name for one in columns)
    labels = np.asarray([BETWEEN.join(cell) for cell in rows], dtype=object)
    return SensitiveColumn(BETWEEN.join(names), labels, tuple(BETWEEN.join(cell) for cell in cells), (), names)
