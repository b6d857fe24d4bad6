"""Ragged samples: which two could not be stacked into one batch, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor


def refuse_ragged(samples: Any, names: Sequence[str], error: Exception) -> None:
    """Raise an error that names the first two samples of unequal shape; do nothing where all have the same.

    Args:
        samples: What ``default_collate`` was given.
        names: What the user calls each.
        error: What it said, the cause.

    Raises:
        ValueError: If two samples differ in shape or structure.
    """
    if not isinstance(samples, Sequence) or len(samples) != len(names):
        return
    shapes = _shapes(samples[0])
    for name, sample in zip(names[1:], samples[1:], strict=True):
        others = _shapes(sample)
        for path in [*shapes, *others]:
            first, other = shapes.get(path, "missing"), others.get(path, "missing")
            if first != other:
                where = f" in entry {path}" if path else ""
                raise ValueError(
                    f"Samples {names[0]} and {name} of the dataset cannot be stacked into one batch: {first} against "
                    f"{other}{where}. default_collate needs one shape. Pad or crop them in the dataset, or pass "
                    "DataLoader(..., collate_fn=...), a function from a list of samples to a batch, such as one with "
                    "torch.nn.utils.rnn.pad_sequence."
                ) from error


def _shapes(value: Any, path: str = "") -> dict[str, str]:
    """What ``default_collate`` must find alike in all samples, by where it is in a sample."""
    if isinstance(value, (Tensor, np.ndarray)):
        return {path: f"shape {tuple(value.shape)}"}
    if isinstance(value, Mapping):
        return {deep: shape for key, one in value.items() for deep, shape in _shapes(one, f"{path}[{key!r}]").items()}
    if isinstance(value, (list, tuple)):
        inner = {deep: shape for at, one in enumerate(value) for deep, shape in _shapes(one, f"{path}[{at}]").items()}
        return {path: f"{len(value)} entries"} | inner
    number = isinstance(value, (int, float, np.number))
    return {path: "a number" if number else f"a {type(value).__name__}"}
