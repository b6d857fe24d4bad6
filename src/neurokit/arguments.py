"""Arguments: plain checks that say what arrived and what is taken."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def nearest(name: str, choices: Iterable[str], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the names that a misspelt one may have meant, the nearest first; upper and lower case are one.

    Example:
        >>> nearest("Adan", ["sgd", "adam", "nadam"])
        ['adam', 'nadam']
    """
    by_key: dict[str, str] = {}
    for choice in choices:
        by_key.setdefault(choice.lower(), choice)
    return [by_key[key] for key in difflib.get_close_matches(name.lower(), by_key, n=count, cutoff=cutoff)]


def question(names: Iterable[str]) -> str:
    """Return names as the last sentence of a message, " Did you mean 'adam' or 'nadam'?"; "" where there is none."""
    *others, last = map(repr, dict.fromkeys(names)) if names else [""]
    return f" Did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if last else ""


def suggestions(name: str, choices: Iterable[str], count: int = 3, cutoff: float = 0.6) -> str:
    """Return the names that a misspelt one may have meant, as the last sentence of a message; "" where none is near.

    Args:
        name: What the user wrote.
        choices: What exists.
        count: How many to name at most, the nearest first.
        cutoff: How near they have to be, from 0 (anything) to 1 (the same), as ``difflib`` measures it.

    Example:
        >>> suggestions("adan", ["sgd", "adam", "nadam"])
        " Did you mean 'adam' or 'nadam'?"
    """
    return question(nearest(name, choices, count, cutoff))


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Refuse a value that is none of the choices, naming the nearest."""
    if value not in choices or isinstance(value, bool):
        hint = suggestions(str(value), map(str, choices), 1)
        raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, got {value!r}.{hint}")


def check_count(name: str, value: Any) -> None:
    """Refuse what is no whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is a whole number, got {value!r} ({type(value).__name__}).")
    if value < 1:
        raise ValueError(f"{name} is 1 or more, got {value}.")
