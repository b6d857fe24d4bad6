"""What the model is asked for (two classes, many, several labels at once, a number), and how its outputs answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Kind = Literal["binary", "multiclass", "multilabel", "regression"]
Activation = Literal["softmax", "exp", "sigmoid", "identity"]


@dataclass(frozen=True)
class Task:
    """The kind of question a run answers, told once from its loss and targets, before training.

    Attributes:
        kind: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``; ``None`` when it cannot be told.
        activation: What turns the model's outputs into probabilities. ``"exp"`` is for log-probabilities.
        num_classes: Number of classes, or of labels in the multi-label case; ``None`` for regression.
        classes: The user's own class labels in column order, when they were encoded; ``None`` for 0, 1, 2, ...
        ignore_index: Targets of this value count for nothing, neither in the loss nor in a metric.
        classes_last: The model itself puts classes on the last axis, as language models do; here they are on axis 1.
    """

    kind: Kind | None = None
    activation: Activation = "identity"
    num_classes: int | None = None
    classes: np.ndarray[Any, Any] | None = None
    ignore_index: int | None = None
    classes_last: bool = False

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Return the probabilities behind raw predictions, in their shape: many classes are on axis 1.

        Example:
            >>> Task("binary", "sigmoid").probabilities(torch.tensor([0.0]))
            tensor([0.5000])
        """
        if self.activation == "softmax":
            return predictions.softmax(dim=min(1, predictions.ndim - 1))
        if self.activation == "exp":
            return predictions.exp()
        return predictions.sigmoid() if self.activation == "sigmoid" else predictions

    def labels(self, predictions: Tensor) -> Tensor:
        """Return class indices: argmax over axis 1 for many classes, else one 0 or 1 for each output.

        Raises:
            ValueError: If the task has no classes.

        Example:
            >>> Task("multiclass", "softmax", 3).labels(torch.tensor([[0.1, 2.0, 0.3]]))
            tensor([1])
        """
        if self.kind == "multiclass":
            return predictions.argmax(dim=min(1, predictions.ndim - 1))
        if self.kind in ("binary", "multilabel"):
            return (predictions > (0.0 if self.activation == "sigmoid" else 0.5)).to(torch.int64)
        raise ValueError(f"A {self.kind or 'custom'} task has no class labels. Use predict for its numbers.")

    def describe(self) -> str:
        """Return the task in a few words, such as ``"multiclass, 10 classes"``."""
        counted = "labels" if self.kind == "multilabel" else "classes"
        return f"{self.kind or 'not known'}" + (f", {self.num_classes} {counted}" if self.num_classes else "")


def in_words(task: Task | Mapping[str, Task] | None) -> str:
    """Return what a trainer is asked in a few words: one task, several by output name, or none yet."""
    if isinstance(task, Mapping):
        return "; ".join(f"{name}: {one.describe()}" for name, one in task.items())
    return "told from loss and targets when fit begins" if task is None else task.describe()
