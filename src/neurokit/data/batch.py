"""Batch: what one training step gets, however the data arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from neurokit.data.arrays import holds_numbers, is_array, to_tensor


class Batch(NamedTuple):
    """One batch: inputs, targets and, where rows count unequally, their weights.

    Attributes:
        x: A tensor, a tuple of inputs by position, or a dict of inputs by keyword; rows on the first axis.
        y: Targets, in whatever structure the loss takes; ``None`` without.
        weight: One weight per row, ``(rows,)``; ``None`` when all count the same.

    Example:
        >>> Batch(x=torch.zeros(2, 3), y=torch.tensor([0, 1])).weight is None
        True
    """

    x: Any
    y: Any = None
    weight: Tensor | None = None


def parse_batch(item: Any, whole: bool) -> Batch:
    """Read what a loader yielded as a ``Batch`` of tensors.

    Args:
        item: ``x``, ``(x, y)``, ``(x, y, weight)`` (a list is read as a tuple) or a mapping.
        whole: Do not take it apart: all of it goes to ``forward``, because the model returns its own loss.

    Raises:
        ValueError: If a tuple has another number of entries, or a third entry does not look like weights.

    Example:
        >>> parse_batch([np.zeros((2, 3)), [0, 1]], whole=False).y
        tensor([0, 1])
    """
    if isinstance(item, Batch):
        return Batch(*map(_tensors, item))
    if isinstance(item, list):
        item = tuple(item)
    if whole or not isinstance(item, (tuple, Mapping)) or isinstance(item, PackedSequence):
        return Batch(_tensors(item))
    if isinstance(item, Mapping):
        if "x" not in item or not item.keys() <= {"x", "y", "weight"}:
            return Batch(_tensors(item))
        item = tuple(item.get(name) for name in Batch._fields)
    if not 1 <= len(item) <= 3:
        raise ValueError(
            f"A batch is x, (x, y) or (x, y, weight), and this loader yields {len(item)} entries: {_shapes(item)}. "
            "Several inputs are a tuple of their own: ((a, b), y)."
        )
    x, y, weight = (*item, None, None)[:3]
    batch = Batch(_collated(x), _collated(y), _collated(weight))
    if weight is not None:
        _check_weights(batch)
    return batch


def _collated(value: Any) -> Any:
    """Read a list as what it was before it was collated: a tuple of inputs, or a column of numbers."""
    if isinstance(value, list) and value:
        if all(map(_is_collated, value)):
            return tuple(map(_tensors, value))
        if all(isinstance(member, (int, float, np.number, np.bool_)) for member in value):
            return torch.as_tensor(value)
    return _tensors(value)


def _is_collated(value: Any) -> bool:
    """Tell whether a value is what collating numbers makes: a tensor, an array, or a list of such."""
    return isinstance(value, (Tensor, np.ndarray)) or (
        isinstance(value, list) and bool(value) and all(map(_is_collated, value))
    )


def _tensors(value: Any) -> Any:
    """Turn every array in nested tuples, lists and mappings into a tensor; leave the rest as it is."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        return {key: _tensors(member) for key, member in value.items()}
    if isinstance(value, PackedSequence):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_tensors, value))
    if isinstance(value, (tuple, list)):
        return type(value)(map(_tensors, value))
    if is_array(value) and holds_numbers(value) and np.ndim(value):
        return to_tensor(value, "a batch")
    return value


def _check_weights(batch: Batch) -> None:
    rows, weight = count_rows(batch.x), batch.weight
    if looks_like_weights(weight) and len(weight) == rows:  # type: ignore[arg-type]
        return
    got = type(weight).__name__
    if isinstance(weight, Tensor):
        span = f", from {weight.min().item():g} to {weight.max().item():g}" if weight.numel() else ""
        got = f"{weight.dtype} of shape {tuple(weight.shape)}{span}"
    raise ValueError(
        f"The third entry of a batch is read as one floating weight of 0 or more per row, {rows} here, and this one is "
        f"{got}. Two inputs and a target are written ((a, b), y); weights need float(): (x, y, weight.float())."
    )


def looks_like_weights(weight: Any) -> bool:
    """Tell whether a value is a column of floating numbers of 0 or more; their signs are read on the CPU only."""
    if not isinstance(weight, Tensor) or not weight.is_floating_point() or weight.ndim != 1:
        return False
    return weight.device.type != "cpu" or bool((weight >= 0).all())


def look_at(item: Any, whole: bool) -> Batch:
    """Read a first item, and refuse one that has no rows before anything is trained on it."""
    batch = parse_batch(item, whole)
    rows = count_rows(batch.x)
    y = batch.y
    if not whole and (isinstance(y, (int, float, np.number, np.bool_)) or (isinstance(y, Tensor) and not y.ndim)):
        number = y.item() if isinstance(y, Tensor) else y
        raise ValueError(
            f"The loader yields single samples, not batches: x is a {_shapes(batch.x)}, and y the one number {number}. "
            "Give the DataLoader a batch_size, DataLoader(dataset, batch_size=32), or put samples together: "
            "torch.stack, torch.tensor."
        )
    if rows == 0:
        raise ValueError(
            f"The first batch has 0 rows: its x is a {_shapes(batch.x)}. Pass at least one row a batch, or see what "
            "left none: a filter, a collate_fn that drops samples."
        )
    return batch


def _shapes(value: Any) -> str:
    """A structure of tensors as the tree of its shapes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_shapes(member)}" for key, member in list(value.items())[:6]) + "}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_shapes, value[:6]))}{', ...' if len(value) > 6 else ''})"
    shape = getattr(value, "shape", None)
    if shape is None:
        return repr(value) if isinstance(value, (int, float, str, type(None))) else type(value).__name__
    return f"{type(value).__name__.lower().replace('ndarray', 'array')} of shape {tuple(shape)}"


def count_rows(value: Any) -> int:
    """Return the number of rows in a batch's inputs: the first axis, or the length of the outer list.

    Raises:
        TypeError: If there is nothing that has rows.
    """
    if isinstance(value, Tensor) and value.ndim:
        return int(value.shape[0])
    if isinstance(value, list):
        return len(value)
    if isinstance(value, PackedSequence):
        return int(value.batch_sizes[0])
    for member in value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ():
        if isinstance(member, (list, tuple, Mapping)) or (isinstance(member, Tensor) and member.ndim):
            return count_rows(member)
    mend = "Yield tensors or arrays, or tuples, lists or dicts of them."
    if value is None:
        mend += " None often comes from a collate_fn or __getitem__ without a return."
    elif isinstance(value, Tensor):
        mend = "Give the DataLoader a batch_size, or yield batches: torch.stack(samples)."
    elif isinstance(value, (str, bytes)):
        mend = f"Yield tensors: text becomes token ids first. {mend}"
    told = "" if value is None else f", {_shapes(value):.80}"
    raise TypeError(f"A batch of {type(value).__name__} has no rows to count{told}. {mend}")
