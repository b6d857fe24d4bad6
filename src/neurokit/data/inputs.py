"""Inputs: the columns of tables and the shape of a row, remembered from ``fit`` to read later data the same way."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from neurokit.arguments import suggestions
from neurokit.data.arrays import is_array_like, is_table, map_leaves

logger = logging.getLogger("neurokit")


class Known(NamedTuple):
    """One input as ``fit`` met it.

    Attributes:
        columns: The names of a table's columns; empty for what has none, or only numbers them.
        row: The shape of one row; ``None`` where nobody knows.
    """

    columns: tuple[str, ...] = ()
    row: tuple[int, ...] | None = None


def column_names(value: Any) -> tuple[str, ...]:
    """Return the names of a table's columns; none for other data, and for columns that are only numbered."""
    labels = list(value.columns) if is_table(value) else []
    return () if all(isinstance(label, (int, np.integer)) for label in labels) else tuple(map(str, labels))


def known_inputs(x: Any, columns: list[Any]) -> dict[str, Known]:
    """Return what to remember of inputs: one entry for each, by where it is in x (``""``, ``"[0]"``, ``"['age']"``).

    Args:
        x: The inputs as the user passed them.
        columns: The same as columns, each leaf of x in turn.
    """
    known: dict[str, Known] = {}
    parts = iter(columns)

    def remember(value: Any, path: str) -> None:
        known[path] = Known(column_names(value), tuple(next(parts).shape[1:]))

    map_leaves(remember, x if is_array_like(x) else None, "")
    return known


def restored_inputs(state: Mapping[str, Any] | None) -> dict[str, Known]:
    """Return what a checkpoint remembers of inputs; nothing where it is of a time before that."""
    found = {
        path: Known(tuple(one["columns"]), None if one["row"] is None else tuple(one["row"]))
        for path, one in (state or {}).items()
    }
    for path, known in found.items():
        names, sizes = (path, *known.columns), known.row or ()
        if not all(isinstance(name, str) for name in names) or not all(type(size) is int for size in sizes):
            raise TypeError(f"the input {path!r:.40} is remembered as {known!r:.80}")
    return found


def read_like(x: Any, known: Mapping[str, Known], name: str, *, anew: bool = False) -> Any:
    """Return inputs with the columns of their tables in the order they had in ``fit``.

    Args:
        x: The inputs.
        known: What ``fit`` met, from ``known_inputs``.
        name: What the user calls x, for messages.
        anew: Other columns are new data to learn from, not a mistake.

    Raises:
        ValueError: If a table has the same name twice, lacks a column or has another one, or x is one sample.
    """

    def read(value: Any, leaf: str) -> Any:
        met = known.get(leaf.removeprefix(name), Known())
        if not anew:
            _refuse_one_sample(value, leaf, met.row)
        names = column_names(value)
        _refuse_twice(names, leaf)
        if not names or not met.columns or names == met.columns:
            return value
        if set(names) != set(met.columns):
            if anew:
                return value
            raise _other_columns(names, met.columns, leaf)
        logger.warning("%s has the columns of fit in another order. They are taken by name, %r first.", leaf, met[0][0])
        return value.iloc[:, [names.index(column) for column in met.columns]]

    return map_leaves(read, x, name)


def _refuse_twice(names: tuple[str, ...], name: str) -> None:
    twice = [column for column, count in Counter(names).items() if count > 1]
    if twice:
        at = [position for position, column in enumerate(names) if column == twice[0]]
        raise ValueError(
            f"{name} has {len(at)} columns named {twice[0]!r}, at positions {', '.join(map(str, at))}; evaluate and "
            f"predict find columns by name, so each needs its own. Rename one, or keep the first of each: "
            f"{name} = {name}.loc[:, ~{name}.columns.duplicated()]."
        )


def _other_columns(names: tuple[str, ...], met: tuple[str, ...], name: str) -> ValueError:
    missing = [column for column in met if column not in names]
    extra = [column for column in names if column not in met]
    found = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has {_listed(extra)}, which fit did not"] * bool(extra)
    mend = f"Pass {name}[{list(met)}]." if len(met) <= 8 else f"Pass {name} without {_listed(extra)}."
    if missing:
        mend = f"Add {'it' if len(missing) == 1 else 'them'}, or fit without."
        hints = [(column, suggestions(column, extra, 1)) for column in missing]
        mend = next((f"{hint.strip()} Rename it to {column!r}." for column, hint in hints if hint), mend)
    return ValueError(f"{name} {' and '.join(found)}; the model was fitted on {_listed(list(met))}. {mend}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"the column{'s' * (len(names) > 1)} {', '.join(map(repr, names[:6]))}{more}"


def _refuse_one_sample(value: Any, name: str, row: tuple[int, ...] | None) -> None:
    """Refuse one sample passed alone, whose numbers would be read as rows."""
    if not row or is_table(value):
        return
    if hasattr(value, "shape"):
        shape = tuple(value.shape)
    else:
        alike = isinstance(value, list) and len(value) == row[0] and np.ndim(value[0]) == len(row) - 1
        shape = np.shape(value) if alike else ()
    if shape == row:
        mend = "A row of a table is taken as table.iloc[[0]], not as table.iloc[0]" if hasattr(value, "iloc") else ""
        raise one_sample(name, shape, mend)


def one_sample(name: str, shape: tuple[int, ...], mend: str = "") -> ValueError:
    """Return the error for a sample that came alone, without the axis of rows."""
    return ValueError(
        f"{name} has the shape of one sample, {shape}, and the first axis of data is that of rows: it takes "
        f"{(1, *shape)} for one sample. {mend or f'Slice it, as x[0:1], or add the axis: numpy.asarray({name})[None]'}."
    )
