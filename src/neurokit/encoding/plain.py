"""Plain values: what a bundle's JSON says, taken apart strictly, since a bundle may come from a stranger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from neurokit.arguments import suggestions

Scalar = bool | int | float | str


def taken_apart(values: Any, owner: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the entries of a mapping that must have these keys and no others.

    Args:
        values: What arrived.
        owner: What it describes, for messages.
        names: Its keys.

    Raises:
        ValueError: If it is something else; names what is missing or unknown.

    Example:
        >>> taken_apart({"a": 1}, "A pair", ("a", "b"))
        Traceback (most recent call last):
        ValueError: A pair lacks 'b'. It has 'a', 'b'.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{owner} is a dict of {', '.join(map(repr, names))}, got {values!r:.60}.")
    for name in values:
        if name not in names:
            raise ValueError(f"{owner} has no entry {name!r:.60}.{suggestions(str(name)[:60], names)}")
    for name in names:
        if name not in values:
            raise ValueError(f"{owner} lacks {name!r}. It has {', '.join(map(repr, names))}.")
    return dict(values)


def text(value: Any, what: str) -> str:
    """Return a text that is not empty, or raise."""
    if type(value) is not str or not value:
        raise ValueError(f"{what} is a text, got {value!r:.60}.")
    return value


def flag(value: Any, what: str) -> bool:
    """Return a truth value, or raise."""
    if type(value) is not bool:
        raise ValueError(f"{what} is true or false, got {value!r:.60}.")
    return value


def number(value: Any, what: str) -> float:
    """Return a finite number, or raise."""
    if type(value) not in (int, float) or abs(value) >= 2**1023 * 2 or not math.isfinite(value):
        raise ValueError(f"{what} is a finite number, got {value!r:.60}.")
    return float(value)


def whole(value: Any, what: str, least: int = 0) -> int:
    """Return a whole number of at least so much, or raise."""
    if type(value) is not int or not least <= value < 2**63:
        raise ValueError(f"{what} is a whole number of {least} or more, got {value!r:.60}.")
    return value


def listed(value: Any, what: str) -> list[Any]:
    """Return a list, or raise."""
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{what} is a list, got {value!r:.60}.")
    return list(value)


def numbers(value: Any, what: str) -> list[float]:
    """Return a list of finite numbers, or raise."""
    return [number(one, f"{what}[{place}]") for place, one in enumerate(listed(value, what))]


def choice(value: Any, what: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices, or raise."""
    if type(value) is not str or value not in choices:
        raise ValueError(f"{what} is one of {', '.join(map(repr, choices))}, got {value!r:.60}.")
    return value


def scalar(value: Any, what: str) -> Scalar:
    """Return a text, a truth value or a finite number, or raise."""
    if type(value) in (str, bool):
        return value  # type: ignore[no-any-return]
    number(value, what)
    return value  # type: ignore[no-any-return]


def kind_of(values: list[Scalar], what: str) -> str:
    """Return whether distinct values are ``"text"``, ``"boolean"`` or ``"number"``, or raise where they are mixed.

    Example:
        >>> kind_of([1, 2.5], "A vocabulary")
        'number'
    """
    kinds = {"text" if type(one) is str else "boolean" if type(one) is bool else "number" for one in values}
    if len(kinds) > 1:
        raise ValueError(f"{what} mixes {' and '.join(sorted(kinds))} values. They are of one kind.")
    if len(set(values)) < len(values):
        raise ValueError(f"{what} has a value twice.")
    return kinds.pop() if kinds else "text"


def found_at(places: Mapping[Any, int], value: Any, otherwise: int) -> int:
    """Return the place of a value; of a text that has none as it stands, that of the text without spaces around it.

    Example:
        >>> found_at({"no": 0, "yes": 1}, " yes", -1), found_at({"no": 0, "yes": 1}, "maybe", -1)
        (1, -1)
    """
    if value in places:
        return places[value]
    return places.get(value.strip() or None, otherwise) if type(value) is str else otherwise
