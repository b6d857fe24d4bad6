"""Numbers as a person reads them: few digits, and never more certain than they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

NOT_DEFINED: Final = "not defined"
NOT_NAMED: Final = "data of this run"
NAMES: Final = {  # of metrics, where their identifiers read badly
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R²",
    "brier": "Brier score",
    "matthews_corrcoef": "Matthews correlation",
}


def metric_name(name: str) -> str:
    """Return a metric's identifier in words."""
    return NAMES.get(name, name.replace("_", " "))


def number(value: Any, digits: int = 3) -> str:
    """Return a number in a few digits; what is below 1 is never rounded up to it.

    Example:
        >>> number(0.97368), number(0.99996), number(2859.69), number(114)
        ('0.974', '0.99996', '2,860', '114')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOT_DEFINED
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or (abs(value) >= 1000 and abs(value) < 1e15):
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.{digits}g}"
    written = f"{value:.{digits}g}"
    while abs(value) < 1 <= abs(float(written)) and digits < 12:
        digits += 1
        written = f"{value:.{digits}g}"
    return written


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


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Example:
        >>> duration(0.02066), duration(75), duration(7322)
        ('0.0207 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} bytes" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def times(shape: Iterable[int]) -> str:
    """Return a shape as people write it, with a multiplication sign between its axes."""
    return " \N{MULTIPLICATION SIGN} ".join(map(str, shape))


def counted(count: Any, one: str, many: str = "") -> str:
    """Return a count with its noun: "1 row", "2 rows", "rows not counted"."""
    if not isinstance(count, (int, float)) or isinstance(count, bool):
        return f"{many or one + 's'} not counted"
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
