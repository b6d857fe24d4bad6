"""Collating: which samples ``default_collate`` could not make one batch of, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

_PICTURES = (
    "End the dataset's transform with torchvision's v2.PILToTensor(), and begin the model with "
    "v2.ToDtype(torch.float32, scale=True); or end it with ToTensor()."
)


def refuse_samples(samples: Any, names: Sequence[str], error: Exception) -> None:
    """Raise an error that names the samples ``default_collate`` failed at; do nothing where it failed otherwise.

    Args:
        samples: What it was given.
        names: What the user calls each.
        error: What it said, the cause.

    Raises:
        ValueError: If two samples differ in shape or structure.
        TypeError: If one holds something that no batch is made of, such as a picture that is no tensor.
    """
    if not isinstance(samples, Sequence) or len(samples) != len(names) or not samples:
        return
    if isinstance(error, TypeError) and str(error).startswith("default_collate: "):
        for path, value in _leaves(samples[0]):
            if not isinstance(value, (Tensor, np.ndarray, np.generic, int, float, str, bytes)):
                where = f" in entry {path}" if path else ""
                kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
                raise TypeError(
                    f"Sample {names[0]} of the dataset holds a {kind}{where}, and a batch is made of "
                    f"tensors, arrays, numbers and text. {mend_of(value, 'pass DataLoader(..., collate_fn=...)')}"
                ) from error
    _refuse_ragged(samples, names, error)


def mend_of(value: Any, otherwise: str) -> str:
    """What to do about a value that is no tensor, or else."""
    if "PIL" in type(value).__module__:
        return _PICTURES
    return f"Make a tensor of it or leave it out, in the dataset, or {otherwise}."


def _refuse_ragged(samples: Sequence[Any], names: Sequence[str], error: Exception) -> None:
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


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """What a sample holds, with where it is."""
    if isinstance(value, Mapping):
        return [leaf for key, one in value.items() for leaf in _leaves(one, f"{path}[{key!r}]")]
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [leaf for at, one in enumerate(value) for leaf in _leaves(one, f"{path}[{at}]")]
    return [(path, value)]


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
