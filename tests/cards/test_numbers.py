from __future__ import annotations

import math
from typing import Any

import pytest

from neurokit.cards.numbers import counted, estimate, interval, metric_name, number, share


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.97368, "0.974"), (1.0, "1"), (0.9996, "0.9996"), (0.99999999, "0.99999999"), (-0.9999, "-0.9999"),
        (2859.69, "2,860"), (114, "114"), (1234567, "1,234,567"), (1.5e-7, "1.5e-07"), (3e20, "3e+20"),
        (None, "not defined"), (math.nan, "not defined"), (math.inf, "inf"), (10**40, "1e+40"), (True, "True"),
        (0.0, "0"),
    ],
)  # fmt: skip
def test_a_number_is_written_in_a_few_digits(value: Any, written: str) -> None:
    assert number(value) == written


def test_a_number_below_one_never_reads_as_one() -> None:
    for nines in range(1, 12):
        assert float(number(1 - 10.0**-nines)) < 1


def test_an_estimate_has_its_interval_where_there_is_one() -> None:
    assert estimate({"value": 0.9, "low": 0.8, "high": 0.95}) == "0.9 (0.8 to 0.95)"
    assert estimate({"value": 0.9, "low": None, "high": None}) == "0.9"
    assert estimate({"value": None}) == "not defined"
    assert estimate(3) == "3"
    assert interval({"low": 0.8, "high": None}) == ""
    assert interval(None) == ""


def test_shares_and_counts_have_their_words() -> None:
    assert (share(1, 3), share(0, 0)) == ("33.3 %", "")
    assert (counted(1, "row"), counted(2, "row"), counted(2, "batch", "batches")) == ("1 row", "2 rows", "2 batches")
    assert counted(None, "row") == "rows not counted"
    assert (metric_name("r2"), metric_name("balanced_accuracy")) == ("R²", "balanced accuracy")
