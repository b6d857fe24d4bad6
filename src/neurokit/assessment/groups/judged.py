"""Judged: what was predicted for which truth, row by row, as arrays that belong together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurokit.assessment.measures import Answers
from neurokit.task import Kind

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Judged:
    """What was predicted for which truth, row by row.

    Attributes:
        kind: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
        y_true: Class indices ``(n,)``, 0 and 1 for each label ``(n, labels)``, or numbers ``(n,)`` or ``(n, outputs)``.
        y_pred: Predictions of the same shape.
        scores: Probabilities, ``(n, classes)`` or the positive class's ``(n,)``; may be ``None``.
        weights: The rows' weights ``(n,)``; ``None`` for equal ones.
        class_names: In the order of the indices.
    """

    kind: Kind
    y_true: Array
    y_pred: Array
    scores: Array | None
    weights: Array | None
    class_names: Sequence[str]

    @property
    def weight(self) -> Array:
        """The weights, also where all are 1."""
        return np.ones(len(self.y_true)) if self.weights is None else self.weights

    @functools.cached_property
    def answers(self) -> Answers:
        """All rows as ``measures`` takes them; scores of 0 stand where there are none, and are asked for nothing."""
        true, told = self.y_true, self.y_pred
        if self.kind == "regression":
            true, told = true.astype(float), told.astype(float)
            return Answers(self.kind, true, told, told, self.weights)
        if self.kind == "multiclass":
            true, told = true.astype(np.int64), told.astype(np.int64)
            width = max(3, len(self.class_names), int(max(true.max(), told.max())) + 1)  # of two, neither is "positive"
        else:
            true, told = ((one.astype(int) == 1).astype(np.int64) for one in (true, told))
            width = true.shape[1] if self.kind == "multilabel" else 2
        scores = np.broadcast_to(0.0, (len(true), width)) if self.scores is None else self.scores.astype(float)
        if self.kind == "binary" and scores.ndim == 1:
            scores = np.stack([1 - scores, scores], axis=1)
        if scores.shape[1] < width:
            scores = np.pad(scores, ((0, 0), (0, width - scores.shape[1])))
        return Answers(self.kind, true, told, scores, self.weights)


def judged_rows(
    kind: Any, y_true: Any, y_pred: Any, scores: Any = None, weights: Any = None, class_names: Any = None
) -> Judged:
    """Return what was predicted as arrays that belong together, whatever they came as.

    Args:
        kind: As in ``Judged``.
        y_true: Arrays, tensors or lists, one entry for each row; a column of one number each is taken as well.
        y_pred: Predictions of the same shape.
        scores: As in ``Judged``.
        weights: As in ``Judged``.
        class_names: In the order of the indices; "0", "1", ... without.

    Raises:
        ValueError: If lengths or shapes differ, there are fewer than two rows, or a weight is negative.

    Example:
        >>> judged_rows("binary", [[0], [1]], [0, 1]).y_true
        array([0, 1])
    """
    arrays = {"y_true": y_true, "y_pred": y_pred, "scores": scores, "sample_weight": weights}
    plain = {
        name: np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
        for name, given in arrays.items()
        if given is not None
    }
    rows = len(plain["y_true"])
    if rows < 2:
        raise ValueError(f"Groups are compared on two rows or more, got {rows}. Pass the rows of a test split.")
    for name, values in plain.items():
        if len(values) != rows:
            raise ValueError(f"y_true has {rows} rows and {name} has {len(values)}. Pass one for each row.")
    true, predicted, weight = plain["y_true"], plain["y_pred"], plain.get("sample_weight")
    if kind in ("binary", "multiclass"):
        true, predicted = true.reshape(rows, -1), predicted.reshape(rows, -1)
        if true.shape[1] != 1 or predicted.shape[1] != 1:
            raise ValueError(
                f"A {kind} task has one class index for each row, got y_true {plain['y_true'].shape} and y_pred "
                f"{plain['y_pred'].shape}. Pass indices: scores.argmax(1)."
            )
        true, predicted = true[:, 0], predicted[:, 0]
    elif true.size != predicted.size:
        raise ValueError(f"y_true is {true.shape} and y_pred {predicted.shape}. Pass predictions of the same shape.")
    else:
        predicted = predicted.reshape(true.shape)
        if kind == "regression" and true.ndim == 2 and true.shape[1] == 1:
            true, predicted = true[:, 0], predicted[:, 0]
    if weight is not None:
        weight = weight.reshape(rows).astype(float)
        if not np.isfinite(weight).all() or (weight < 0).any():
            raise ValueError("sample_weight holds negative or infinite numbers. Pass weights of 0 or more.")
    names = class_names if class_names is not None else [str(place) for place in range(_classes(kind, true, plain))]
    given = plain.get("scores")
    if given is not None and given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    return Judged(kind, true, predicted, given, weight, [str(name) for name in names])


def _classes(kind: str, true: Array, plain: dict[str, Array]) -> int:
    if kind == "binary":
        return 2
    if kind == "multiclass":
        scores = plain.get("scores")
        return scores.shape[1] if scores is not None and scores.ndim == 2 else int(true.max()) + 1
    return 0
