"""Broadcasting: seen at work, where a loss compares every prediction with every target instead of row with row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


def crosses(one: Any, other: Any) -> bool:
    """Whether broadcasting would put the rows of one along another axis of the other, of length one."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return False
    short, long = sorted((one, other), key=lambda tensor: tensor.ndim)
    gap = long.ndim - short.ndim
    if not short.ndim or not gap or len(short) != len(long) or len(short) < 2 or long.shape[gap] != 1:
        return False
    pairs = zip(reversed(short.shape), reversed(long.shape), strict=False)
    return all(a == b or 1 in (a, b) for a, b in pairs)


class Broadcasts(TorchFunctionMode):
    """Notes the shapes of the first predictions and targets that an operation broadcast row against row.

    Attributes:
        shapes: Of predictions and targets; ``None`` while none was seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        tensors = [one for one in (*args, *(kwargs or {}).values()) if isinstance(one, Tensor)]
        if self.shapes is None and len(tensors) == 2 and isinstance(result, Tensor):
            # predictions learn and targets do not; two of a kind are a comparison of pairs, which is meant
            learning = [one for one in tensors if one.requires_grad]
            given = [one for one in tensors if not one.requires_grad]
            if len(learning) == len(given) == 1 and crosses(*tensors) and _is_of_rows(result, tensors):
                self.shapes = tuple(learning[0].shape), tuple(given[0].shape)
        return result


def _is_of_rows(result: Tensor, compared: list[Tensor]) -> bool:
    """Whether a result came from broadcasting: of the common shape, or one number that was made of it."""
    return result.ndim == 0 or result.shape == torch.broadcast_shapes(*(one.shape for one in compared))
