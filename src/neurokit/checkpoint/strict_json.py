"""JSON that is read strictly, within limits: a file may come from a stranger."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

MAX_JSON_BYTES = 8 << 20


def read_json(path: Path) -> Any:
    """Return what a JSON file says, as ``parse_json`` reads it, without taking in more than the limit."""
    with path.open("rb") as file:
        return parse_json(file.read(MAX_JSON_BYTES + 1))


def parse_json(text: bytes, limit: int = MAX_JSON_BYTES) -> Any:
    """Return what JSON says, read strictly: UTF-8, no NaN, no key twice, no more bytes than ``limit``.

    Raises:
        ValueError: If it is anything else; says what.

    Example:
        >>> parse_json(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: the key 'a' occurs twice
    """
    if len(text) > limit:
        raise ValueError(f"it has more than the {limit:,} bytes that are read")
    try:
        return json.loads(text.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice!r:.40} occurs twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
