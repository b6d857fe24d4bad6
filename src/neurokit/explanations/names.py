"""Names: what columns are called, and what a table's own values look like."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from neurokit.data.arrays import is_array_like, is_table, map_leaves
from neurokit.data.inputs import Known, column_names
from neurokit.explanations.columns import Array, Leaf


def feature_names_of(
    model: Any, x: Any, known: Mapping[str, Known], leaves: Sequence[Leaf], given: Sequence[str] | None
) -> list[str]:
    """Return a name for every column: given, a table's own, one that a fit met, else ``"Feature 3"``.

    Of several inputs each name begins with that of its input: the keyword, or forward's parameter at its place.

    Args:
        model: What is explained.
        x: The rows as the user passed them.
        known: What a fit remembers of the inputs.
        leaves: The inputs.
        given: What the user calls the columns.

    Raises:
        ValueError: If there are not as many names as columns.
    """
    width = sum(leaf.width for leaf in leaves)
    if given is not None:
        if len(given) != width:
            raise ValueError(f"feature_names has {len(given)} names, and x has {width} columns. Pass one for each.")
        return list(map(str, given))
    own = _of_tables(x)
    found: list[str] = []
    for prefix, leaf in zip(_prefixes(model, leaves), leaves, strict=True):
        names: Sequence[str] = own.get(leaf.path, ())
        met = known.get(leaf.path, Known()).columns
        if met and (not names or set(names) == set(met)):
            names = met  # a trainer puts a table's columns into the order of fit
        has_names = len(names) == leaf.width > 0
        columns = [str(name) for name in names] if has_names else [f"Feature {place}" for place in range(leaf.width)]
        if prefix:
            columns = [prefix] if leaf.width == 1 and not has_names else [f"{prefix}.{name}" for name in columns]
        found += columns
    return found


def _of_tables(x: Any) -> dict[str, Sequence[str]]:
    """The column names of each table in x, by where it is."""
    found: dict[str, Sequence[str]] = {}
    map_leaves(lambda value, path: found.setdefault(path, column_names(value)), x if is_array_like(x) else None, "")
    return found


def _prefixes(model: Any, leaves: Sequence[Leaf]) -> list[str]:
    if len(leaves) == 1:
        return [""]
    module = getattr(model, "model", model)
    parameters = list(inspect.signature(module.forward).parameters) if isinstance(module, nn.Module) else []
    names = []
    for place, leaf in enumerate(leaves):
        key = leaf.path.strip("[]'\"").replace("']['", ".")
        if key.isdigit():
            key = parameters[place] if place < len(parameters) else f"input {place}"
        names.append(key)
    return names


def table_values(x: Any, known: Mapping[str, Known]) -> dict[str, Array]:
    """Return each table's values as the user wrote them, arrays of objects, by where it is in x.

    Args:
        x: The rows as the user passed them.
        known: What a fit remembers: its order of columns is the one of the explanation.
    """
    found: dict[str, Array] = {}

    def look(value: Any, path: str) -> None:
        met = known.get(path, Known()).columns
        if is_table(value):
            names = column_names(value)
            if met and set(names) == set(met):
                value = value.iloc[:, [names.index(column) for column in met]]
            shown = np.array(value.to_numpy(dtype=object))  # a table of dates alone gives a view that is read only
            for place, dtype in enumerate(value.dtypes):
                if dtype.kind not in "biuf":  # shap puts them together with words: dates and NaN must be some
                    words = np.asarray([str(one) for one in shown[:, place]], dtype=object)
                    shown[:, place] = np.where(value.iloc[:, place].isna(), "missing", words)
            found[path] = shown

    if is_array_like(x):
        map_leaves(look, x, "")
    return found
