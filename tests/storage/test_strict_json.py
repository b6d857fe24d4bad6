from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from neurokit.storage import Limits, parse_json


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' occurs twice"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "1e999 is not JSON"),
        (b"\xff", "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf[1]", "BOM"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 65 + b"]" * 65, "nested deeper than 64 levels"),
        (b'[{"a":' * 33 + b"1" + b"}]" * 33, "nested deeper than 64 levels"),
        (b"9" * 21, "a number of more than the 20 digits"),
        (b"-" + b"9" * 1_000_000, "a number of more than the 20 digits"),
        (b"0." + b"9" * 1_000_000, "a number of more than the 20 digits"),
        (b"[" + b"[]," * 300_000 + b"[]]", "more than the 300,000 values"),
        (b"[" + b'"",' * 2_000_000 + b'""]', "more than the 300,000 values"),
        (b'["' + b"x" * (8 << 20) + b'"]', "more than the 8,388,608 bytes"),
        (b"{", "Expecting property name"),
        (b"", "Expecting value"),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_json_is_read_strictly(text: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        parse_json(text)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(json_bytes=10), "more than the 10 bytes"),
        (Limits(json_values=3), "more than the 3 values"),
        (Limits(json_depth=1), "deeper than 1 levels"),
        (Limits(string_length=2), "a text of more than the 2 bytes"),
        (Limits(integer_digits=3), "more than the 3 digits"),
    ],
)
def test_every_limit_can_be_lowered(limits: Limits, what: str) -> None:
    text = b'[["abc"], 1234, 5]'

    assert parse_json(text) == [["abc"], 1234, 5]
    with pytest.raises(ValueError, match=what):
        parse_json(text, limits)


def test_limits_can_be_raised() -> None:
    assert parse_json(b"[" * 100 + b"]" * 100, Limits(json_depth=100))
    assert parse_json(b"9" * 30, Limits(integer_digits=30)) == 10**30 - 1


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "8"])
def test_a_limit_is_a_positive_whole_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"Limits\(json_depth=...\) is a whole number of at least 1"):
        Limits(json_depth=value)


def test_limits_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Limits().tensors = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    "make",
    [
        lambda: b'["' + b'\\"' * 4_000_000,
        lambda: b'"' * 8_000_000,
        lambda: b"[" * 8_000_000,
        lambda: b'"\\\\",' * 1_600_000,
        lambda: b"[" + b",".join([b"[" * 60 + b"]" * 60] * 5000) + b"]",
        lambda: b"{" * 4_000_000 + b"}" * 4_000_000,
        lambda: b"1," * 4_000_000,
        lambda: b" " * 8_000_000,
        lambda: b'{"a":1' + b',"a":1' * 290_000 + b"}",
    ],
)
def test_the_cost_of_refusing_is_linear(make: Callable[[], bytes]) -> None:
    text, start = make(), time.process_time()

    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)

    assert time.process_time() - start < 1.5


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_all_that_json_writes_of_plain_values_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, indent=1, ensure_ascii=True).encode()) == value
