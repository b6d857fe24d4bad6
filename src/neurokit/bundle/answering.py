"""Answering: a program's outputs as probabilities, labels and numbers, as ``Trainer`` gives them. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurokit.bundle.interface import Question

Array = np.ndarray[Any, Any]


def probabilities(question: Question, outputs: Array) -> Array:
    """Return a probability for each class, also where one output tells two apart, or for each label.

    Args:
        question: What is asked.
        outputs: The program's, ``(N,)``, ``(N, 1)`` or ``(N, C)``, with further axes after that.

    Raises:
        ValueError: If the loss did not say how outputs become probabilities.

    Example:
        >>> probabilities(Question(kind="binary", activation="sigmoid", num_classes=2), np.zeros((1, 1)))
        array([[0.5, 0.5]])
    """
    if not question.has_probabilities:
        raise ValueError(
            f"{_told(question)} gives no probabilities: it was trained for {question.kind or 'a loss of its own'}. Use "
            "predict for its numbers."
        )
    raw = np.moveaxis(outputs, -1, 1) if question.classes_last else outputs
    raw = raw.astype(np.result_type(raw.dtype, np.float32), copy=False)  # in half precision rows would not add up to 1
    found = _activated(question, raw)
    if question.kind == "binary":
        other = _activated(question, -raw) if question.activation == "sigmoid" else 1 - found  # 1 - p loses small ones
        found = np.concatenate([one[:, None] if one.ndim == 1 else one for one in (other, found)], axis=1)
    return np.moveaxis(found, 1, -1) if question.classes_last else found


def _told(question: Question) -> str:
    return f"The output {question.name!r}" if question.name else "This model"


def _activated(question: Question, raw: Array) -> Array:
    if question.activation == "softmax":
        axis = min(1, raw.ndim - 1)
        shares = np.exp(raw - raw.max(axis=axis, keepdims=True))
        return np.asarray(shares / shares.sum(axis=axis, keepdims=True))
    if question.activation == "exp":
        return np.asarray(np.exp(raw))
    if question.activation == "sigmoid":
        small = np.exp(-np.abs(raw))  # never overflows
        return np.asarray(np.where(raw >= 0, 1 / (1 + small), small / (1 + small)))
    return raw


def labels(question: Question, outputs: Array) -> Array:
    """Return the most probable class of each row in the user's own labels; 0 or 1 for each of several labels.

    Raises:
        ValueError: If there are no classes.
    """
    if question.kind not in ("binary", "multiclass", "multilabel"):
        trained = question.kind or "a loss of its own"
        raise ValueError(f"{_told(question)} has no classes: it was trained for {trained}.")
    raw = np.moveaxis(outputs, -1, 1) if question.classes_last else outputs
    if question.kind == "multiclass":
        return named(question, raw.argmax(axis=min(1, raw.ndim - 1)))
    found = (raw > (0.0 if question.activation == "sigmoid" else 0.5)).astype(np.int64)
    if question.kind == "binary" and found.ndim > 1:
        found = found[:, 0]
    return found if question.kind == "multilabel" else named(question, found)


def named(question: Question, indices: Array) -> Array:
    """Return class indices as the user's own labels."""
    if question.classes is None:
        return indices
    same = len({type(one) for one in question.classes}) == 1
    return np.array(question.classes, dtype=None if same else object)[indices]


def values(question: Question, outputs: Array) -> Array:
    """Return numbers in the target's own unit, ``(N,)`` for one a row; in double precision where they are scaled."""
    plain = (question.mean, question.scale) == (0.0, 1.0)
    numbers = outputs if plain else outputs.astype(np.float64) * question.scale + question.mean
    return np.asarray(numbers[:, 0] if numbers.shape[1:] == (1,) else numbers)


def joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    """Return the outputs of all batches, rows after rows, by name."""
    first = parts[0]
    return first if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in first}


def rebuilt(structure: Any, outputs: Mapping[str, Array]) -> Any:
    """Return outputs as the module returns them: a name in the structure stands for the array of that name."""
    if isinstance(structure, Mapping):
        return {name: rebuilt(one, outputs) for name, one in structure.items()}
    if isinstance(structure, (list, tuple)):
        return tuple(rebuilt(one, outputs) for one in structure)
    return None if structure is None else outputs[structure]
