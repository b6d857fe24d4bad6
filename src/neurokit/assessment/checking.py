"""Checking: that names, truths and scores belong together, before anything is computed of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurokit.task import Kind

Array = np.ndarray[Any, Any]


def checked_names(class_names: Any, classes: int, labels: Array | None = None) -> list[str]:
    """Return a name for each class.

    Args:
        class_names: Names in the order of the classes, a dict by label, or ``None``.
        classes: How many there are.
        labels: The user's own labels, which are names where no others are given.

    Raises:
        ValueError: If there are more or fewer names than classes, or two of the same.

    Example:
        >>> checked_names({1: "yes", 0: "no"}, 2)
        ['no', 'yes']
    """
    if isinstance(class_names, str):
        raise TypeError(f"class_names is a list of names, got {class_names!r}. Pass one name for each class.")
    own = list(range(classes)) if labels is None else labels.tolist()
    if isinstance(class_names, Mapping):
        missing = [label for label in own if label not in class_names]
        if missing:
            raise ValueError(f"class_names has no name for {missing[0]!r}. It has {list(class_names)[:8]}.")
        class_names = [class_names[label] for label in own]
    names = [str(one) for one in (own if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"class_names has {len(names)} names, and there are {classes} classes. Pass one for each.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"class_names has {twice!r} twice, and classes are told apart by them. Pass one for each.")
    return names


def check_arrays(kind: Kind, true: Array, told: Array, weight: Array | None) -> None:
    """Refuse answers that do not belong together.

    Raises:
        ValueError: If lengths or shapes differ, a number is not finite, or a score is no probability.
    """
    if len(true) != len(told) or not len(true):
        raise ValueError(f"y_true has {len(true)} rows and scores {len(told)}. Pass one each for every row.")
    wide = kind in ("binary", "multiclass")
    if (told.ndim != 2 if wide else told.shape != true.shape) or (wide and true.ndim != 1):
        raise ValueError(
            f"y_true has the shape {true.shape} and scores {told.shape}. For a {kind} task pass "
            f"{'(N,) class indices and (N, C) probabilities' if wide else 'both in the same shape'}."
        )
    if weight is not None and weight.shape != (len(true),):
        raise ValueError(f"sample_weight has the shape {weight.shape}, and there are {len(true)} rows. Pass (N,).")
    if weight is not None and not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError("sample_weight is one finite weight of 0 or more per row, some of them above 0.")
    if not np.isfinite(told).all() or not np.isfinite(true.astype(np.float64)).all():
        raise ValueError("y_true or scores hold NaN or infinite numbers. Leave these rows out of both.")
    if kind == "regression":
        return
    if told.min() < -1e-6 or told.max() > 1 + 1e-6:
        raise ValueError(
            f"scores go from {told.min():.3g} to {told.max():.3g}, and probabilities from 0 to 1. Pass what "
            "predict_proba gives."
        )
    classes = told.shape[1] if wide else 2
    if true.min() < 0 or true.max() >= classes or (true != true.astype(np.int64)).any():
        raise ValueError(
            f"y_true holds {true.min()} to {true.max()}, and there are {classes} classes. Pass indices from 0 to "
            f"{classes - 1}."
        )
