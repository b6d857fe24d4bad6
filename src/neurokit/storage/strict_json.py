"""JSON that is read strictly, within limits: a file may come from a stranger."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from neurokit.storage.limits import LIMITS, Limits, open_regular

MAX_JSON_BYTES = LIMITS.json_bytes

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_json(path: Path, limits: Limits = LIMITS) -> Any:
    """Return what a JSON file says, as ``parse_json`` reads it, without taking in more than the limit."""
    with open_regular(path) as file:
        return parse_json(file.read(limits.json_bytes + 1), limits)


def parse_json(text: bytes, limits: Limits = LIMITS, *, objects: int | None = None) -> Any:
    """Return what JSON says, read strictly: UTF-8, no NaN or infinity, no key twice, nothing beyond the limits.

    Args:
        text: The bytes.
        limits: What it may ask for.
        objects: How many objects it may have, where that is fewer than values.

    Raises:
        ValueError: If it is anything else; says what.

    Example:
        >>> parse_json(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: the key 'a' occurs twice
    """
    check_json(text, limits, objects)
    try:
        return json.loads(
            text.decode(), object_pairs_hook=without_duplicates, parse_float=_finite, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_json(text: bytes, limits: Limits = LIMITS, objects: int | None = None, *, long_numbers: bool = False) -> None:
    """Raise unless a JSON text keeps to the limits. Looks at bytes only: nothing is built, whatever it asks for.

    Args:
        text: The bytes.
        limits: What it may ask for.
        objects: As ``parse_json`` takes it.
        long_numbers: Let numbers of any length pass, for who reads them so that their length costs nothing.

    Raises:
        ValueError: If it does not; says which limit.
    """
    if len(text) > limits.json_bytes:
        raise ValueError(f"it has more than the {limits.json_bytes:,} bytes that are read")
    plain = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")  # leaves no quote but those around a text
    too_many = ValueError(f"it has more than the {limits.json_values:,} values that are read")
    if plain.count(b'"') > 4 * limits.json_values:  # two for a text, two for its key
        raise too_many
    if len(plain) > limits.string_length and max(map(len, plain.split(b'"')[1::2]), default=0) > limits.string_length:
        raise ValueError(f"it has a text of more than the {limits.string_length:,} bytes that are read")
    bare = _without_texts(plain)
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > limits.json_values:
        raise too_many
    if objects is not None and bare.count(b"{") > objects:
        raise ValueError(f"it has more than the {objects:,} objects that are read")
    if not long_numbers and _has_long_number(bare, limits.integer_digits):
        raise ValueError(f"it has a number of more than the {limits.integer_digits} digits that are read")
    if _is_deeper(bare, limits.json_depth):
        raise ValueError(f"it is nested deeper than {limits.json_depth} levels")


def _without_texts(plain: bytes) -> bytes:
    """Return the structure and the numbers of a JSON text; a piece at a time, so that it takes little memory."""
    found, inside = [], 0
    for begin in range(0, len(plain), 1 << 16):
        parts = plain[begin : begin + (1 << 16)].split(b'"')
        found.append(b"".join(parts[inside::2]))
        inside = (inside + len(parts) - 1) % 2
    return b"".join(found)


def _has_long_number(bare: bytes, digits: int) -> bool:
    """Return whether a whole number has more digits than that, or a fraction far more: reading takes their square."""
    if b"0" * (digits + 1) not in bare.translate(_DIGITS):  # as good as always, and a hundred times faster
        return False
    return re.search(rb"(?<![.\d])\d{%d}|\d{40}" % (digits + 1), bare) is not None


def _is_deeper(bare: bytes, depth: int) -> bool:
    """Return whether brackets lie in each other deeper than that: each round takes the innermost away."""
    brackets = bare.translate(None, _NO_BRACKETS).replace(b"{", b"[").replace(b"}", b"]")
    for _ in range(depth):
        before, brackets = brackets, brackets.replace(b"[]", b"")
        if len(brackets) == len(before):  # what is left has no partner, which is the parser's to refuse
            return False
    return b"[]" in brackets


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs; a key twice is an error, where ``json`` would take the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice!r:.40} occurs twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
