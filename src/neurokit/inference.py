"""Inference: how many rows a model is asked about at once where nobody said, and how many are scored together."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from neurokit import modes
from neurokit.data.batch import count_rows
from neurokit.data.memory import BLOCK_BYTES
from neurokit.probe import call
from neurokit.seeding import preserved_rng
from neurokit.tree import map_tensors

ROWS: Final = 256  # where an activation cannot be seen
FEWEST: Final = 32  # so many go through any model at once
_CACHE: Final = 2**20  # bytes: an activation of so many stays in a core's cache, and its memory is used again
_SPILLS: Final = 4 * 2**20  # bytes: above it, convolutions lose more by memory than they gain by rows
_MANY, _MOST = 128, 4096
_ON_A_DEVICE: Final = (64 * 2**20, 256, 8192)  # bytes, fewest and most rows: there is room, and launches cost


class Sizes(NamedTuple):
    """Numbers of rows for a pass over data in memory.

    Attributes:
        batch: Rows that are read, scored and handed on together.
        portion: How many of them go through the model at once, no more than these.
    """

    batch: int
    portion: int


def fastest_sizes(model: nn.Module, x: Any) -> Sizes:
    """Return how many rows go through a model fastest, from the largest activation of a few.

    On a CPU rows are cheap until activations leave the cache: on a small MLP 4,096 rows take a seventh of the time that
    they take in batches of 32, and on a convolutional net with large feature maps 1,024 rows take twice as long. What
    is done between two calls of the model costs the same for few rows as for many. So where few go through at once,
    several such portions make a batch, if inputs and outputs are one tensor each, and small.

    Args:
        model: The user's module, which is run once, in eval mode and without gradients; nothing of that is left.
        x: Two rows of its inputs, placed and cast.

    Returns:
        Powers of two; 256 where the model does not take these rows.

    Example:
        >>> fastest_sizes(nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1)), torch.zeros(2, 10))
        Sizes(batch=4096, portion=4096)
        >>> fastest_sizes(nn.Sequential(nn.Conv2d(1, 32, 3), nn.AdaptiveAvgPool2d(1)), torch.zeros(2, 1, 28, 28))
        Sizes(batch=256, portion=32)
    """
    largest = 0

    def note(value: Tensor) -> None:
        nonlocal largest
        largest = max(largest, value.nbytes)

    hook = nn.modules.module.register_module_forward_hook(lambda _, inputs, outputs: map_tensors(note, outputs))
    try:
        with modes.evaluating(model), torch.no_grad(), preserved_rng():
            outputs = call(model, x)
    except Exception:  # the first batch meets it again, and says more
        return Sizes(ROWS, ROWS)
    finally:
        hook.remove()
    map_tensors(note, (x, outputs))
    rows = max(1, count_rows(x))
    per_row = max(1, largest // rows)
    if next((one.device.type for one in model.parameters()), "cpu") != "cpu":
        budget, fewest, most = _ON_A_DEVICE
        size = _power_of_two(budget // per_row, fewest, most)
        return Sizes(size, size)
    portion = _power_of_two(max(_CACHE // per_row, min(_MANY, _SPILLS // per_row)), FEWEST, _MOST)
    if not all(isinstance(one, Tensor) and one.shape[:1] == (rows,) for one in (x, outputs)):
        return Sizes(portion, portion)  # nobody knows how such portions become one
    kept = max(1, (x.nbytes + outputs.nbytes) // rows)
    return Sizes(max(portion, _power_of_two(BLOCK_BYTES // kept, FEWEST, ROWS)), portion)


def in_portions(model: nn.Module, x: Any, rows: int) -> Any:
    """Return what a model says of a batch, asked about no more than so many rows at once, in portions of even size.

    Example:
        >>> in_portions(nn.Flatten(), torch.zeros(5, 2, 2), rows=2).shape
        torch.Size([5, 4])
    """
    if not isinstance(x, Tensor) or len(x) <= rows:  # others are a callback's, which asks in the middle of a batch
        return call(model, x)
    return torch.cat([model(part) for part in x.chunk(-(-len(x) // rows))])


def _power_of_two(rows: int, fewest: int, most: int) -> int:
    """The largest power of two that is no more, within bounds that are powers of two."""
    return min(most, max(fewest, 1 << max(rows, 1).bit_length() - 1))
