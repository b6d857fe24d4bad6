"""Wording: numbers as people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable


def number(value: float, digits: int = 3) -> str:
    """Return a number in few digits: whole from 1,000 on, with thousands apart; below 1 never rounded up to it.

    Args:
        value: Any number.
        digits: Significant ones, below 1,000.

    Example:
        >>> number(0.97368), number(0.99996), number(35552.18), number(114), number(1e-12)
        ('0.974', '0.99996', '35,552', '114', '1e-12')
    """
    value = float(value)
    if 1000 <= abs(float(f"{value:.{max(digits, 3)}g}")) < 1e15:
        return f"{value:,.0f}"
    written = f"{value:.{digits}g}"
    while abs(value) < 1 <= abs(float(written)) and digits < 12:
        digits += 1
        written = f"{value:.{digits}g}"
    return written


def counted(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "row"), counted(1234, "row"), counted(2, "class", "classes")
        ('1 row', '1,234 rows', '2 classes')
    """
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def several(names: Iterable[str], most: int = 12) -> str:
    """Return names with commas between them; of very many the first ones, and how many more there are.

    Example:
        >>> several(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def size(count: float) -> str:
    """Return a number of bytes in the unit that suits it.

    Example:
        >>> size(268), size(119040)
        ('268 bytes', '116.2 KiB')
    """
    if count < 1024:
        return f"{count:.0f} bytes"
    for unit in ("KiB", "MiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} GiB"


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Example:
        >>> duration(0.02066), duration(75), duration(7322)
        ('0.0207 s', '1 min 15 s', '2 h 2 min')
    """
    if not math.isfinite(seconds) or seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
