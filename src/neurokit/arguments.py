"""Arguments: plain checks that say what arrived and what is taken."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Refuse a value that is none of the choices, naming the nearest."""
    if value not in choices or isinstance(value, bool):
        nearest = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, got {value!r}.{hint}")


def check_count(name: str, value: Any) -> None:
    """Refuse what is no whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is a whole number, got {value!r} ({type(value).__name__}).")
    if value < 1:
        raise ValueError(f"{name} is 1 or more, got {value}.")


def suggestions(name: str, choices: Iterable[str], count: int = 3, cutoff: float = 0.6) -> str:
    """Return the nearest choices as a question to end a message with, or ``""`` when none is near.

    Example:
        >>> suggestions("adma", ["adam", "adamw", "sgd"])
        " Did you mean 'adam' or 'adamw'?"
    """
    lower = {choice.lower(): choice for choice in reversed(list(choices))}
    near = [repr(lower[one]) for one in difflib.get_close_matches(name.lower(), lower, n=count, cutoff=cutoff)]
    return f" Did you mean {', '.join(near[:-1])}{' or ' * (len(near) > 1)}{near[-1]}?" if near else ""
