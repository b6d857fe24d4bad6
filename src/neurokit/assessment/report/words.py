"""Plain words for numbers: what a metric is called and means, and how a value is written for someone who decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurokit import wording

NOTHING = "\u2013"  # a dash, in a cell where there is no number
MINUS = "\u2212"
_ROUNDING = 1e-12  # what is left where a sum ought to be zero


@dataclass(frozen=True)
class Metric:
    """How a metric is told.

    Attributes:
        label: What it is called.
        meaning: One sentence; ``{positive}`` stands for the class in question.
        unit: ``"rate"`` (written as a percentage), ``"lost rate"`` (the same, and lower is better), ``"score"`` (higher
            is better), ``"loss"`` (lower is better), ``"error"`` (lower is better, in the target's units) or
            ``"signed"`` (zero is best, in the target's units); ``"own"`` of a user's metric, of which nobody knows.
    """

    label: str
    meaning: str
    unit: str


_OF_EVERY_KIND = {
    "accuracy": Metric("Accuracy", "Of all rows, the share it answers right.", "rate"),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "The share right, averaged over the classes: a rare one counts as much as any.", "rate"
    ),
    "precision": Metric(
        "Precision", "Of the rows to which it gives a class, the share that belongs there; averaged over them.", "rate"
    ),
    "recall": Metric("Recall", "Of the rows of a class, the share it finds; averaged over the classes.", "rate"),
    "f1": Metric("F1", "Precision and recall in one number, their harmonic mean.", "rate"),
    "matthews_corrcoef": Metric("Matthews correlation", "Agreement beyond chance: 0 is guessing, 1 perfect.", "score"),
    "roc_auc": Metric("ROC AUC", "How often it ranks a row of a class above one of another; 0.5 is guessing.", "score"),
    "average_precision": Metric("Average precision", "Precision, averaged over every possible threshold.", "score"),
    "log_loss": Metric("Log loss", "How far its probabilities are from what happened; lower is better.", "loss"),
    "brier": Metric("Brier score", "Squared distance of probability and outcome; lower is better.", "loss"),
    "hamming_loss": Metric(
        "Share of labels wrong", "Of all single yes-or-no labels, the share it answers wrong.", "lost rate"
    ),
    "subset_accuracy": Metric("Every label right", "Of all rows, the share with not one wrong label.", "rate"),
    "r2": Metric("R²", "The share of the ups and downs it accounts for: 0 is the baseline, 1 perfect.", "score"),
    "mae": Metric("Mean absolute error", "How far it is off, on average.", "error"),
    "mse": Metric("Mean squared error", "The square of how far it is off, on average; lower is better.", "loss"),
    "rmse": Metric("Root mean squared error", "Its root: how far it is off, with large misses counting more.", "error"),
    "median_absolute_error": Metric("Median absolute error", "Half of the rows are off by less than this.", "error"),
    "mean_error": Metric("Mean error", "Above zero it predicts too much on average, below too little.", "signed"),
}
_OF_A_KIND = {
    "binary": {
        "precision": Metric("Precision", "Of the rows it calls {positive}, the share that is.", "rate"),
        "recall": Metric("Recall", "Of the rows that are {positive}, the share it finds.", "rate"),
        "specificity": Metric("Specificity", "Of the rows that are not {positive}, the share it leaves alone.", "rate"),
        "f1": Metric("F1", "Precision and recall of {positive} in one number, their harmonic mean.", "rate"),
        "roc_auc": Metric("ROC AUC", "How often a {positive} row ranks above another; 0.5 is guessing.", "score"),
    },
    "multilabel": {
        "precision": Metric(
            "Precision", "Of the labels it gives, the share that is right; averaged over them.", "rate"
        ),
        "recall": Metric("Recall", "Of the labels that apply, the share it finds; averaged over the labels.", "rate"),
    },
}


_OF_GROUPS = {
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "brier_score": "Brier score",
    "mae": "Mean absolute error",
    "mse": "Mean squared error",
    "rmse": "Root mean squared error",
    "r2": "R²",
}


def group_metric(name: str) -> str:
    """Return what a metric of a group is called."""
    return _OF_GROUPS.get(name, capital(name.replace("_", " ")))


def metric(name: str, kind: str, positive: str | None = None) -> Metric:
    """Return how a metric of a kind of task is told; one that is not known here is called by its name.

    Example:
        >>> metric("recall", "binary", "ill").meaning
        'Of the rows that are “ill”, the share it finds.'
    """
    plain = Metric(capital(name.replace("_", " ")), "", "own")
    known = _OF_A_KIND.get(kind, {}).get(name) or _OF_EVERY_KIND.get(name, plain)
    meaning = known.meaning.replace("{positive}", quoted("the positive class" if positive is None else positive))
    return Metric(known.label, meaning, known.unit)


# Numbers


def number(value: float | None) -> str:
    """Return three significant digits, or a whole number where there are more; a dash where there is no number.

    Example:
        >>> number(0.12345), number(1234.5)
        ('0.123', '1,234')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) < _ROUNDING:
        return "0"
    return wording.number(value).replace("-", MINUS)


def percent(share: float | None) -> str:
    """Return a share as a percentage; nothing is rounded to none or to all of it.

    Example:
        >>> percent(0.5), percent(0.9999), percent(1.0)
        ('50.0 %', '99.9 %', '100 %')
    """
    if share is None or not math.isfinite(share):
        return NOTHING
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    shown = math.copysign(min(max(abs(share) * 100, 0.1), 99.9), share) if abs(share) < 1 else share * 100
    return f"{shown:.1f} %".replace("-", MINUS)


def value(found: float | None, unit: str) -> str:
    """Return a number in the form of its unit."""
    return percent(found) if unit.endswith("rate") else number(found)


def interval(found: Mapping[str, Any], unit: str) -> str:
    """Return both ends of an interval; "" where there is none.

    Example:
        >>> interval({"low": 0.825, "high": 0.944}, "rate")
        '82.5 % to 94.4 %'
    """
    if found.get("low") is None or found.get("high") is None:
        return ""
    return f"{value(found['low'], unit)} to {value(found['high'], unit)}"


def with_interval(found: Mapping[str, Any], unit: str) -> str:
    """Return a value with its interval in brackets, where it has one."""
    ends = interval(found, unit)
    return value(found.get("value"), unit) + (f" ({ends})" if ends else "")


def difference(found: float | None, unit: str) -> str:
    """Return how far two numbers lie apart, in percentage points for rates.

    Example:
        >>> difference(0.125, "rate"), difference(-2.0, "error")
        ('12.5 points', '2')
    """
    if found is None or not math.isfinite(found):
        return NOTHING
    return f"{abs(found) * 100:.1f} points" if unit.endswith("rate") else number(abs(found))


# Names


def quoted(name: object) -> str:
    """Return a name in quotation marks."""
    return f"“{name}”"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Return names as part of a sentence.

    Example:
        >>> listed(["a", "b", "c"]), listed(list("abcdefgh"), most=3)
        ('a, b and c', 'a, b, c and 5 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    *others, last = names or [""]
    return f"{', '.join(others)} and {last}" if others else last


def capital(text: str) -> str:
    """Return text with a capital first letter, the others as they are.

    Example:
        >>> capital("always Yes")
        'Always Yes'
    """
    return text[:1].upper() + text[1:]


def shortened(name: object, most: int = 26) -> str:
    """Return a name that fits beside an axis, on one line; its middle is left out, since ends tell names apart.

    Example:
        >>> shortened("a_very_long_column_name_of_last_year", most=20)
        'a_very_lon…last_year'
    """
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in str(name)).split())
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"
