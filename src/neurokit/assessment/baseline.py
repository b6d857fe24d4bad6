"""Baseline: the one answer that needs no model, against which a model is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurokit.assessment.measures import Answers
from neurokit.wording import number

Array = np.ndarray[Any, Any]


def constant_answers(answers: Answers, names: Sequence[str], training: Mapping[str, Any]) -> tuple[Answers, str]:
    """Return the same answer for every row, and what it is in words.

    For classes it is the most frequent one, with the classes' shares as probabilities; for several labels whether each
    mostly holds; for numbers their mean. What counts is training, where it is known, else these rows.

    Args:
        answers: What a model says, of which only what is true is looked at.
        names: Of the classes or labels.
        training: How the targets of training were distributed, as ``RunRecord.balance`` has it.

    Example:
        >>> y = np.asarray([0, 0, 1])
        >>> constant_answers(Answers("binary", y, y, np.eye(2)[y]), ["no", "yes"], {})[1]
        "always 'no', the most frequent class of these rows"
    """
    if answers.kind == "regression":
        return _mean(answers, training)
    shares, where = _shares(answers, names, training)
    scores = np.tile(shares, (len(answers), 1))
    if answers.kind == "multilabel":
        told = (scores > 0.5).astype(np.int64)
        return _replaced(answers, told, scores), f"for each label what is more frequent {where}"
    said = f"always {names[int(shares.argmax())]!r}, the most frequent class {where}"
    return _replaced(answers, scores.argmax(1), scores), said


def _mean(answers: Answers, training: Mapping[str, Any]) -> tuple[Answers, str]:
    mean, where = training.get("mean"), "in training"
    if mean is None or answers.y_true.ndim > 1:
        mean, where = np.average(answers.y_true, axis=0, weights=answers.weight), "of these rows"
    told = np.broadcast_to(np.asarray(mean, dtype=np.float64), answers.y_true.shape)
    said = f"always {number(float(mean), 4)}, the mean {where}" if np.ndim(mean) == 0 else f"always the means {where}"
    return _replaced(answers, told, told), said


def _shares(answers: Answers, names: Sequence[str], training: Mapping[str, Any]) -> tuple[Array, str]:
    """How frequent each class, or label, is, and where that was counted."""
    counts, rows = training.get("counts") or {}, training.get("rows") or 0
    if len(counts) == len(names) and rows:
        return np.clip(np.asarray(list(counts.values()), dtype=np.float64) / rows, 0, 1), "in training"
    table = answers.y_true if answers.kind == "multilabel" else np.eye(len(names))[answers.y_true]
    shares: Array = np.average(table, axis=0, weights=answers.weight)
    return shares, "of these rows"


def _replaced(answers: Answers, told: Array, scores: Array) -> Answers:
    return Answers(answers.kind, answers.y_true, told, scores, answers.weight)
