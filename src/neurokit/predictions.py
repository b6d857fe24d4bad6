"""Predictions: a model's outputs as NumPy arrays, probabilities, and the user's own labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurokit.outputs import output_fields
from neurokit.task import Task


def probabilities(task: Task, predictions: Tensor) -> Any:
    """Return probabilities as an array: one for each class, also where one output tells two apart, or for each label.

    Raises:
        ValueError: If the loss does not say how outputs become probabilities.

    Example:
        >>> probabilities(Task("binary", "sigmoid", 2), torch.zeros(3, 1))
        array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], dtype=float32)
    """
    has_none = task.kind not in ("binary", "multiclass", "multilabel")
    if has_none or (task.activation == "identity" and task.kind == "multiclass"):
        raise ValueError(
            f"predict_proba needs a loss that says how outputs become probabilities, and this task is "
            f"{task.describe()}. Use 'cross_entropy' or 'bce_with_logits', or predict for the outputs themselves."
        )
    raw = _classes_second(task, predictions).to(_computing_dtype(predictions))
    found = task.probabilities(raw)
    if task.kind == "binary":
        other = task.probabilities(-raw) if task.activation == "sigmoid" else 1 - found  # 1 - p would lose small ones
        found = torch.cat([one.unsqueeze(1) if one.ndim == 1 else one for one in (other, found)], dim=1)
    return to_numpy(found.movedim(1, -1) if task.classes_last else found)


def labels_of(task: Task, predictions: Tensor) -> Any:
    """Return the most probable class for each row as an array, in the user's own labels.

    Raises:
        ValueError: If the task has no classes.

    Example:
        >>> labels_of(Task("multiclass", "softmax", 2, np.array(["cat", "dog"])), torch.tensor([[0.1, 0.9]]))
        array(['dog'], dtype='<U3')
    """
    labels = task.labels(_classes_second(task, predictions))
    if task.kind == "binary" and labels.ndim > 1:
        labels = labels.squeeze(1)
    array = labels.cpu().numpy()
    return array if task.classes is None else task.classes[array]


def _classes_second(task: Task, predictions: Tensor) -> Tensor:
    return predictions.movedim(-1, 1) if task.classes_last else predictions


def _computing_dtype(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)  # in half precision, rows would not add up to 1


def to_numpy(outputs: Any) -> Any:
    """Return a structure of tensors as one of NumPy arrays; bfloat16, which NumPy lacks, as float32.

    Dataclasses and other objects become dicts of what they hold; one that holds no tensor itself, such as a language
    model's cache, becomes ``None``.
    """
    if isinstance(outputs, Tensor):
        tensor = outputs.detach().cpu()
        return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return type(outputs)(*map(to_numpy, outputs))
    if isinstance(outputs, (tuple, list)):
        return type(outputs)(map(to_numpy, outputs))
    if isinstance(outputs, Mapping) or dataclasses.is_dataclass(outputs):
        return {name: to_numpy(value) for name, value in output_fields(outputs).items()}
    if not hasattr(outputs, "__dict__"):
        return outputs
    fields = output_fields(outputs)
    held = any(isinstance(value, Tensor) for value in fields.values())
    return {name: to_numpy(value) for name, value in fields.items()} if held else None


def joined(batches: Sequence[Any]) -> Any:
    """Return one structure of arrays from one for each batch, rows after rows.

    A list of arrays of equal length is read as several outputs, as a tuple is; any other list holds one entry per row.
    """
    first = batches[0] if batches else None
    if isinstance(first, np.ndarray):
        return np.concatenate(batches) if first.ndim else np.asarray(batches)
    if isinstance(first, dict):
        return {name: joined([batch[name] for batch in batches]) for name in first}
    if isinstance(first, list) and not all(map(_are_outputs, batches)):
        return [row for batch in batches for row in batch]
    if isinstance(first, (tuple, list)):
        parts = [joined(column) for column in zip(*batches, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    return first


def _are_outputs(members: list[Any]) -> bool:
    return all(isinstance(one, np.ndarray) and one.ndim > 0 for one in members) and len(set(map(len, members))) == 1
