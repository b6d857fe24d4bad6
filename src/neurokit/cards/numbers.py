"""Numbers as a person reads them: few digits, and never more certain than they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from neurokit import wording

NOT_DEFINED: Final = "not defined"
NOT_NAMED: Final = "data of this run"
NAMES: Final = {  # of metrics, where their identifiers read badly
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "rmse": "root mean squared error",
    "r2": "R²",
    "brier": "Brier score",
    "brier_score": "Brier score",
    "matthews_corrcoef": "Matthews correlation",
}


def metric_name(name: str) -> str:
    """Return a metric's identifier in words."""
    return NAMES.get(name, name.replace("_", " "))


def number(value: Any, digits: int = 3) -> str:
    """Return a number in a few digits, anything else as text; words where there is none.

    Example:
        >>> number(0.97368), number(None), number("none")
        ('0.974', 'not defined', 'none')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOT_DEFINED
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return wording.number(value, digits)


def interval(estimate: Any) -> str:
    """Return the ends of an estimate's interval, "0.926 to 0.991"; "" where it has none."""
    if not isinstance(estimate, Mapping) or estimate.get("low") is None or estimate.get("high") is None:
        return ""
    return f"{number(estimate['low'])} to {number(estimate['high'])}"


def estimate(given: Any) -> str:
    """Return an estimate with its interval, "0.974 (0.926 to 0.991)", or a number alone.

    Example:
        >>> estimate({"value": 0.9, "low": 0.826, "high": 0.945})
        '0.9 (0.826 to 0.945)'
    """
    if not isinstance(given, Mapping):
        return number(given)
    ends = interval(given)
    return number(given.get("value")) + (f" ({ends})" if ends else "")


def share(part: float, whole: float) -> str:
    """Return a part of a whole in per cent."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def times(shape: Iterable[int]) -> str:
    """Return a shape as people write it, with a multiplication sign between its axes."""
    return " \N{MULTIPLICATION SIGN} ".join(map(str, shape))


def counted(count: Any, one: str, many: str = "") -> str:
    """Return a count with its noun: "1 row", "2 rows", "rows not counted"."""
    if not isinstance(count, (int, float)) or isinstance(count, bool):
        return f"{many or one + 's'} not counted"
    return wording.counted(count, one, many)
