"""Inference: how many rows a model is asked about at once where nobody said."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from neurokit import modes
from neurokit.data.batch import count_rows
from neurokit.probe import call
from neurokit.seeding import preserved_rng
from neurokit.tree import map_tensors

ROWS: Final = 256  # where an activation cannot be seen
_CACHE: Final = 2**20  # bytes: an activation of so many stays in a core's cache, and its memory is used again
_SPILLS: Final = 4 * 2**20  # bytes: above it, convolutions lose more by memory than they gain by rows
_FEWEST, _MANY, _MOST = 32, 128, 4096
_ON_A_DEVICE: Final = (64 * 2**20, 256, 8192)  # bytes, fewest and most rows: there is room, and launches cost


def rows_at_once(model: nn.Module, x: Any) -> int:
    """Return how many rows go through a model fastest, from the largest activation of a few.

    On a CPU rows are cheap until activations leave the cache: on a small MLP 4,096 rows take a seventh of the time that
    they take in batches of 32, and on a convolutional net with large feature maps 1,024 rows take twice as long.

    Args:
        model: The user's module, which is run once, in eval mode and without gradients; nothing of that is left.
        x: A few rows of its inputs, placed and cast.

    Returns:
        A power of two; 256 where the model does not take these rows.

    Example:
        >>> rows_at_once(nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1)), torch.zeros(2, 10))
        4096
        >>> rows_at_once(nn.Conv2d(1, 32, 3), torch.zeros(2, 1, 28, 28))
        32
    """
    largest = 0

    def note(value: Tensor) -> None:
        nonlocal largest
        largest = max(largest, value.nbytes)

    hook = nn.modules.module.register_module_forward_hook(lambda _, inputs, outputs: map_tensors(note, outputs))
    try:
        with modes.evaluating(model), torch.no_grad(), preserved_rng():
            map_tensors(note, call(model, x))
    except Exception:  # the first batch meets it again, and says more
        return ROWS
    finally:
        hook.remove()
    map_tensors(note, x)
    per_row = max(1, largest // max(1, count_rows(x)))
    if next((one.device.type for one in model.parameters()), "cpu") != "cpu":
        budget, fewest, most = _ON_A_DEVICE
        return _power_of_two(budget // per_row, fewest, most)
    return _power_of_two(max(_CACHE // per_row, min(_MANY, _SPILLS // per_row)), _FEWEST, _MOST)


def _power_of_two(rows: int, fewest: int, most: int) -> int:
    """The largest power of two that is no more, within bounds that are powers of two."""
    return min(most, max(fewest, 1 << max(rows, 1).bit_length() - 1))
