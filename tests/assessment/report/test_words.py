from __future__ import annotations

import math

import pytest

from neurokit.assessment.report import words


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.25, "25.0 %"), (math.nan, "\u2013"),
     (None, "\u2013"), (-0.125, "\u221212.5 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(share, told):
    assert words.percent(share) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0"), (-2e-15, "0"), (12345.6, "12,346"), (-0.5, "\u22120.5"), (1e-7, "1e\u221207"), (math.inf, "\u2013")],
)
def test_numbers_have_three_digits(value, told):
    assert words.number(value) == told


def test_a_metric_that_is_not_known_is_called_by_its_name():
    assert words.metric("top_k_accuracy", "multiclass") == words.Metric("Top k accuracy", "", "own")


def test_every_metric_that_is_measured_has_words_of_its_own(every):
    for name in every.metrics:
        told = words.metric(name, every.kind, every.positive)
        assert told.meaning
        assert "{" not in told.meaning
        assert told.unit in ("rate", "lost rate", "score", "loss", "error", "signed")


def test_a_name_is_cut_on_one_line_and_loses_what_cannot_be_shown():
    assert words.shortened("a\nb\x00c\u202ed") == "a b c d"
    assert len(words.shortened("x" * 500)) == 26
