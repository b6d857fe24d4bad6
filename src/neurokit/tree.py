"""Tree: one function over every tensor in nested tuples, lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

Value = TypeVar("Value")


def map_tensors(function: Callable[[Tensor], Any], value: Any, orders: Callable[[Tensor], Any] | None = None) -> Any:
    """Apply a function to each tensor and each array of numbers; keep the structure, and everything else as it is.

    Args:
        function: What is applied.
        value: The structure.
        orders: What is applied to the orders of packed sequences, which are row numbers and lie beside the data; they
            follow these to their device when ``None``.
    """
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return function(torch.from_numpy(value))
    if isinstance(value, PackedSequence):
        data = function(value.data)
        moved = orders or (lambda order: order.to(data.device) if isinstance(data, Tensor) else order)
        sorting = (None if order is None else moved(order) for order in (value.sorted_indices, value.unsorted_indices))
        return PackedSequence(data, value.batch_sizes, *sorting)  # the sizes stay on the CPU
    if isinstance(value, Mapping):
        return {key: map_tensors(function, member, orders) for key, member in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(function, member, orders) for member in value))
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(function, member, orders) for member in value)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """Return every tensor of a structure, in its order; arrays of numbers as tensors.

    Example:
        >>> tensors_in({"a": torch.tensor(1), "b": (torch.tensor(2), "text")})
        [tensor(1), tensor(2)]
    """
    found: list[Tensor] = []

    def add(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(add, value, orders=add)
    return found


def by_name(value: Value | dict[str, Value]) -> dict[str, Value]:
    """Return what a trainer has once for each output, by the output's name; what it has once only, under ``""``."""
    return value if isinstance(value, dict) else {"": value}
