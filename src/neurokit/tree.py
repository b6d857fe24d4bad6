"""Tree: one function over every tensor in nested tuples, lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


def map_tensors(function: Callable[[Tensor], Any], value: Any) -> Any:
    """Apply a function to each tensor and each array of numbers; keep the structure, and everything else as it is."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return function(torch.from_numpy(value))
    if isinstance(value, PackedSequence):
        data = function(value.data)  # the other fields are lengths and orders, which stay on the CPU
        return value.to(data.device)._replace(data=data)
    if isinstance(value, Mapping):
        return {key: map_tensors(function, member) for key, member in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(function, member) for member in value))
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(function, member) for member in value)
    return value
