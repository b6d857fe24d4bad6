"""Curves: what happens, and with which probability it was told, over all thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.assessment.measures import Answers

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


def roc(answers: Answers, names: Sequence[str]) -> pd.DataFrame:
    """Return false and true positive rate at each threshold, for each class where there are more than two.

    Example:
        >>> y = np.asarray([0, 1])
        >>> roc(Answers("binary", y, y, np.asarray([[0.9, 0.1], [0.2, 0.8]])), ["no", "yes"])["threshold"].tolist()
        [inf, 0.8, 0.1]
    """
    from sklearn.metrics import roc_curve

    columns = ("false_positive_rate", "true_positive_rate", "threshold")
    return _curves(answers, names, partial(roc_curve, drop_intermediate=False), columns)


def precision_recall(answers: Answers, names: Sequence[str]) -> pd.DataFrame:
    """Return precision and recall at each threshold, for each class where there are more than two."""
    from sklearn.metrics import precision_recall_curve

    return _curves(answers, names, precision_recall_curve, ("precision", "recall", "threshold"))


def _curves(answers: Answers, names: Sequence[str], curve: Callable[..., Any], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for name, happened, score in events(answers, names):
        *numbers, thresholds = curve(happened, score, sample_weight=answers.weight)
        thresholds = np.append(thresholds, [np.inf] * (len(numbers[0]) - len(thresholds)))
        table = pd.DataFrame(dict(zip(columns, [*numbers, thresholds], strict=True)))
        tables.append(table if answers.kind == "binary" else table.assign(**{"class": name}))
    return pd.concat(tables, ignore_index=True)


def events(answers: Answers, names: Sequence[str]) -> list[tuple[str, Array, Array]]:
    """Return each class with whether it is true of each row, and its probability: of two classes, the second.

    A class that is true of every row, or of none, has no curve and is left out.
    """
    if answers.kind == "binary":
        return [(names[1], answers.y_true == 1, answers.scores[:, 1])]
    table = answers.y_true == 1 if answers.kind == "multilabel" else answers.y_true[:, None] == np.arange(len(names))
    found = [(name, table[:, index], answers.scores[:, index]) for index, name in enumerate(names)]
    return [(name, happened, score) for name, happened, score in found if 0 < happened.sum() < len(happened)]


def told_events(answers: Answers, names: Sequence[str]) -> tuple[Array, Array, str]:
    """Return what came true, with which probability it was told, and what it is in words: one event a row.

    Of two classes that is the second, of more that the likeliest is right; of labels each is an event.
    """
    if answers.kind == "binary":
        return answers.y_true == 1, answers.scores[:, 1], names[1]
    if answers.kind == "multilabel":
        return answers.y_true.ravel() == 1, answers.scores.ravel(), "a label holds"
    return answers.y_true == answers.y_pred, answers.scores.max(1), "the likeliest class is right"
