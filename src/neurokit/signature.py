"""Signature: what goes into a model and what comes out, as plain values, for whoever meets the model later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurokit.data.arrays import map_leaves
from neurokit.data.inputs import Known
from neurokit.task import Task


def signature(x: Any, inputs: Mapping[str, Known], task: Task | Mapping[str, Task] | None) -> dict[str, Any]:
    """Return inputs (name, dtype, shape of a row, columns) and outputs (name, kind of question, classes).

    Args:
        x: The inputs of a batch, a structure of tensors; others are told by their class.
        inputs: What ``fit`` remembers of them, by their path in x.
        task: What is asked, by output name where there are several.

    Example:
        >>> told = signature(torch.zeros(8, 2), {"": Known(("age", "height"), (2,))}, Task("regression"))
        >>> told["inputs"]
        [{'name': 'x', 'dtype': 'float32', 'shape': [2], 'columns': ['age', 'height']}]
    """
    told: list[dict[str, Any]] = []

    def tell(value: Any, path: str) -> None:
        known = inputs.get(path, Known())
        entry: dict[str, Any] = {"name": f"x{path}", "dtype": type(value).__name__, "shape": None}
        if isinstance(value, Tensor):
            entry |= {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape[1:])}
        told.append(entry | {"columns": list(known.columns) or None})

    map_leaves(tell, x, "")
    tasks = dict(task) if isinstance(task, Mapping) else {"": task or Task()}
    return {"inputs": told, "outputs": [_output(name, one) for name, one in tasks.items()]}


def _output(name: str, task: Task) -> dict[str, Any]:
    classes = None if task.classes is None else task.classes.tolist()
    return {
        "name": name, "kind": task.kind, "activation": task.activation, "num_classes": task.num_classes,
        "classes": classes,
    }  # fmt: skip


_MOST_CLASSES = 1000


def balance(y: Any, task: Task | Mapping[str, Task] | None) -> dict[str, Any]:
    """Return how targets are distributed: rows of each class or label, or mean, deviation and range of numbers.

    Args:
        y: Targets in memory, a tensor, or a mapping by output name.
        task: What is asked, likewise.

    Example:
        >>> balance(torch.tensor([0, 1, 1]), Task("multiclass", "softmax", 2, np.array(["cat", "dog"])))
        {'rows': 3, 'counts': {'cat': 1, 'dog': 2}}
    """
    if isinstance(y, Mapping):
        tasks = task if isinstance(task, Mapping) else {}
        return {str(name): balance(one, tasks.get(name)) for name, one in y.items()}
    if not isinstance(y, Tensor) or not isinstance(task, Task) or task.kind is None or not y.numel():
        return {}
    if task.kind == "regression":
        values = y.double()
        numbers = {"mean": values.mean(), "std": values.std(correction=0), "min": values.min(), "max": values.max()}
        return {name: float(value) for name, value in numbers.items()}
    if task.kind == "multilabel":
        table = y.reshape(-1, y.shape[-1])
        counts = table.double().sum(0).int().tolist()
        return {"rows": len(table), "counts": dict(zip(_names(task, y.shape[-1]), counts, strict=True))}
    if task.kind == "multiclass" and y.is_floating_point():  # a share of each class
        return {}
    if y.numel() != len(y):  # one at each position: pixels or words, not rows
        return {}
    labels = y.reshape(-1).to(torch.int64)
    labels = labels[labels != (-1 if task.ignore_index is None else task.ignore_index)]
    size = max(task.num_classes or 2, int(labels.max()) + 1 if len(labels) else 0)
    if size > _MOST_CLASSES or (len(labels) and labels.min() < 0):
        return {}
    counts = torch.bincount(labels, minlength=size).tolist()
    return {"rows": len(labels), "counts": dict(zip(_names(task, size), counts, strict=True))}


def _names(task: Task, size: int) -> list[str]:
    names = np.arange(size) if task.classes is None else task.classes
    return [str(name) for name in names.tolist()]
