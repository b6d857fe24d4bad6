from __future__ import annotations

import math

import pytest

from neurokit import wording


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (-0.5, "-0.5"),
        (0.0001234, "0.000123"),
        (999.6, "1,000"),
        (999.4, "999"),
        (1234567, "1,234,567"),
        (math.nan, "nan"),
    ],
)
def test_a_number_is_short_and_never_more_certain_than_it_is(value: float, written: str) -> None:
    assert wording.number(value) == written


def test_what_is_nearly_one_is_not_written_as_one() -> None:
    assert wording.number(0.9996) == "0.9996"
    assert wording.number(-0.999999) == "-0.999999"


def test_a_time_below_a_minute_and_one_that_is_none_stay_seconds() -> None:
    assert wording.duration(59.4) == "59.4 s"
    assert wording.duration(math.nan) == "nan s"
    assert [wording.duration(seconds) for seconds in (59.99, 3599.7, 86400)] == ["60 s", "1 h 0 min", "24 h 0 min"]


def test_sizes_and_counts_have_their_units() -> None:
    assert [wording.size(count) for count in (1000, 2048, 3 << 30)] == ["1000 bytes", "2.0 KiB", "3.0 GiB"]
    assert [wording.counted(1, "row"), wording.counted(2.0, "batch", "batches")] == ["1 row", "2 batches"]
