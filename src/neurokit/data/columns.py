"""Columns: inputs, targets and weights in memory, one row each per sample."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from neurokit.data.arrays import is_sparse, is_table, map_leaves, to_column, to_tensor
from neurokit.data.finite import Label
from neurokit.data.inputs import column_names
from neurokit.data.targets import Targets

logger = logging.getLogger("neurokit")


def to_columns(
    x: Any,
    y: Any,
    weight: Any,
    *,
    targets: Mapping[str, Targets] | Targets,
    dtype: torch.dtype,
    names: tuple[str, str, str],
    may_be_empty: bool = False,
) -> tuple[Any, Any, Tensor | None]:
    """Return inputs, targets and weights in memory as columns of equal length.

    Raises:
        ValueError: If lengths differ, or weights are negative or not finite.
    """
    _note_indexes(x, y, names)
    x = map_leaves(lambda value, name: to_column(value, name, dtype, may_be_empty=may_be_empty), x, names[0])
    if y is not None:
        y = _targets(y, targets, names[1])
    weight = None if weight is None else _weights(weight, names[2]).to(dtype)
    lengths: dict[str, int] = {}
    for value, name in zip((x, y, weight), names, strict=True):
        if value is not None:
            map_leaves(lambda column, name: lengths.__setitem__(name, len(column)), value, name)
    if len(set(lengths.values())) > 1:
        rows = ", ".join(f"{name} has {rows} rows" for name, rows in lengths.items())
        raise ValueError(
            f"Lengths differ: {rows}. Pass one row each per sample; to see what the data are: "
            f"print({', '.join(f'len({name})' for name in list(lengths)[:3])})."
        )
    return x, y, weight


def label_columns(x: Any, y: Any, weight: Any, names: tuple[str, str, str]) -> list[Label]:
    """Return what the user calls each column of inputs, targets and weights, in their order."""
    labels: list[Label] = []

    def add_input(value: Any, name: str) -> None:
        filled = f"{name} = numpy.nan_to_num({name})"
        if is_table(value):
            filled = f"{name} = {name}.fillna({name}.median())"
        elif is_sparse(value):
            filled = f"{name}.data = numpy.nan_to_num({name}.data)"
        mend = f"Fill them, for example {filled}, or leave these rows out of x and y alike"
        labels.append(Label(name, column_names(value), mend))

    map_leaves(add_input, x, names[0])
    for other, name in ((y, names[1]), (weight, names[2])):
        if other is not None:
            map_leaves(lambda _, leaf: labels.append(Label(leaf, (), _without(leaf))), other, name)
    return labels


def _without(name: str) -> str:
    return f"Leave these rows out of x and y alike: keep = numpy.isfinite({name})"


def _note_indexes(x: Any, y: Any, names: tuple[str, str, str]) -> None:
    """Say so where two tables have rows of different names, which often means that one was shuffled or filtered."""
    if hasattr(x, "iloc") and hasattr(y, "iloc") and len(x) == len(y) and not x.index.equals(y.index):
        logger.warning(
            "%s and %s have different indexes. Rows are matched by position, the first with the first.", *names[:2]
        )


def _targets(y: Any, targets: Mapping[str, Targets] | Targets, name: str) -> Any:
    if isinstance(targets, Targets):
        return targets.from_memory(y, name)
    if not isinstance(y, Mapping) or y.keys() != targets.keys():
        got = sorted(y) if isinstance(y, Mapping) else type(y).__name__
        raise ValueError(
            f"The loss is a dict for the outputs {sorted(targets)}, so {name} is a dict of the same names; got {got}."
        )
    return {output: one.from_memory(y[output], f"{name}[{output!r}]") for output, one in targets.items()}


def _weights(value: Any, name: str) -> Tensor:
    if isinstance(value, Mapping):
        raise TypeError(
            f"{name} is a dict, {value!r:.60}, and it takes one weight per row. Weights by class are class_weight, an "
            "argument of fit."
        )
    weight = to_tensor(value, name)
    weight = weight.reshape(-1) if weight.shape[1:] == (1,) else weight
    bad = ~torch.isfinite(weight) | (weight < 0)
    if weight.ndim == 1 and bool((weight > 0).any()) and not bool(bad.any()):
        return weight
    span = f", from {weight.min().item():g} to {weight.max().item():g}" if weight.numel() else ""
    mend = "Pass one above 0 for each row that counts, or leave it out."
    if weight.ndim != 1:
        mend = "Pass one column."
    elif bool(bad.any()):
        row = int(bad.nonzero()[0])
        span += f", first not so in row {row} ({weight[row].item():g})"
        mend = f"To leave a row out give it 0: numpy.nan_to_num({name}).clip(0)."
    raise ValueError(
        f"{name} is one finite weight of 0 or more per row, some of them above 0; got shape "
        f"{tuple(weight.shape)}{span}. {mend}"
    )
