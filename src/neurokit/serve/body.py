"""Bodies: read no further than the limit, and strictly, before anything is made of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from neurokit.serve.errors import MEANINGS, FieldError, RequestError, invalid, unknown_fields
from neurokit.serve.requests import names_of
from neurokit.storage import Limits
from neurokit.storage.strict_json import check_json, without_duplicates

if TYPE_CHECKING:
    from fastapi import Request

_DEEPEST = 32
_LET_PASS = 4  # times the largest body
_LONGEST = 20  # digits of a number that stays whole
_LARGE = 32 << 10  # bytes; reading more takes milliseconds, in which others would wait
_MORE = 20  # unknown fields of a row that are named one by one
_TYPES = ("application/json", "text/json")


async def read_body(request: Request, model: type[BaseModel], most: int, seconds: float) -> BaseModel:
    """Return a request's body as its model.

    Args:
        request: What is being asked.
        model: What its body shall be.
        most: Bytes that are read.
        seconds: That it may take to arrive.

    Raises:
        RequestError: If it is too large or too slow, no JSON, or no such model; says where.
        ClientDisconnect: If whoever asks leaves meanwhile.
    """
    kind, _, options = request.headers.get("content-type", "").partition(";")
    charset = options.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() not in _TYPES or charset not in ("", "utf-8", "utf8"):
        raise RequestError(415, MEANINGS[415])
    try:
        async with asyncio.timeout(seconds):
            content = await _content(request, most)
    except TimeoutError:
        late = f"The body did not arrive within {seconds:g} seconds."
        raise RequestError(408, late, headers={"Connection": "close"}) from None
    try:
        if len(content) <= _LARGE:
            return _read(content, model, most)
        return await asyncio.to_thread(_read, content, model, most)
    except ValidationError as error:
        raise await asyncio.to_thread(invalid, error) from None


def _read(content: bytes, model: type[BaseModel], most: int) -> BaseModel:
    values = _parsed(content, most)
    _refuse_crowds(values, model)
    return model.model_validate(values)


def _refuse_crowds(values: Any, model: type[BaseModel]) -> None:
    """Refuse a row that has many times the fields there are, each of which would be an error of its own."""
    rows = values.get("rows") if isinstance(values, dict) else None
    known = names_of(model)
    for place, row in enumerate(rows if isinstance(rows, list) and known else ()):
        if isinstance(row, dict) and len(row) > 2 * len(known) + _MORE:
            raise unknown_fields(place, [name for name in row if name not in known])


async def _content(request: Request, most: int) -> bytes:
    """The body. Of one that is too large the rest is let pass for a while: a client reads no answer while it sends."""
    too_large = RequestError(413, f"The body has more than the {most:,} bytes that are read.")
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told[:20]) > _LET_PASS * most:
        raise too_large
    content, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LET_PASS * most:
            raise too_large
        if size <= most:
            content += chunk
    if size > most:
        raise too_large
    if not content:
        raise RequestError(400, "The body is empty.", [FieldError(field="", message="is empty")])
    return bytes(content)


@cache
def _limits(most: int) -> Limits:
    return replace(Limits(), json_bytes=most, json_depth=_DEEPEST, string_length=most, json_values=most)


def _parsed(content: bytes, most: int) -> Any:
    """What JSON says. Numbers that are too large or none are infinite or NaN here, so that their fields are named."""
    try:
        check_json(content, _limits(most), long_numbers=True)
        return json.loads(content.decode(), object_pairs_hook=without_duplicates, parse_int=_whole)
    except UnicodeDecodeError:
        raise RequestError(400, "The body cannot be read: it is not UTF-8 text.") from None
    except RecursionError:
        raise RequestError(400, "The body cannot be read: it is nested too deeply.") from None
    except ValueError as error:
        raise RequestError(400, f"The body cannot be read: {_without_values(error)}.") from None


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST else float(text)


def _without_values(error: ValueError) -> str:
    """What is wrong with JSON, without what it held."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, in line {error.lineno}, column {error.colno}"
    text = str(error)
    return "a key occurs twice" if text.startswith("the key ") else text
