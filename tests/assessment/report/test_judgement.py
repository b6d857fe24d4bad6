from __future__ import annotations

import numpy as np
import pytest

from neurokit.assessment.assessment import Assessment
from neurokit.assessment.report import judgement


def judged(assessment):
    found = assessment.to_dict()
    return judgement.good_for(assessment, found), judgement.not_for(assessment, found)


def of_counts(counts, names):
    """An assessment with this confusion matrix, its answers sure."""
    y = np.repeat(np.arange(len(counts)), np.sum(counts, axis=1))
    told = np.concatenate([np.repeat(np.arange(len(counts)), row) for row in counts])
    scores = np.full((len(y), len(counts)), 0.02 / (len(counts) - 1))
    scores[np.arange(len(y)), told] = 0.98
    kind = "binary" if len(counts) == 2 else "multiclass"
    return Assessment.from_arrays(y, scores, kind=kind, class_names=names)


def test_guessing_is_shown_to_be_good_for_nothing():
    y = np.tile([0, 1], 100)
    good, bad = judged(Assessment.from_arrays(y, np.full(200, 0.5), kind="binary"))
    assert not any("better than the baseline" in said or said.startswith("Finding “1”") for said in good)
    assert bad[0].startswith("Replacing the baseline: by accuracy, the difference to it could be chance")


def test_a_model_worse_than_the_baseline_is_not_for_use():
    good, bad = judged(of_counts([[10, 150], [20, 20]], ["a", "b"]))
    assert bad[0].startswith("Use as it is: by accuracy it is worse than the baseline")
    assert not any("Doing better" in said for said in good)


def test_a_class_that_is_missed_is_named_and_one_that_is_found_too():
    good, bad = judged(of_counts([[95, 5, 0], [0, 97, 3], [40, 30, 30]], ["cat", "dog", "owl"]))
    assert any(said.startswith("Finding “dog”: it finds 97.0 % of 100 (91.5 % to 99.0 %)") for said in good)
    assert any(said.startswith("Cases in which “owl” must not be missed: it finds 30.0 % of 100") for said in bad)
    assert not any("“dog”" in said for said in bad)


def test_few_rows_of_a_class_are_anecdotes():
    good, bad = judged(of_counts([[150, 0], [0, 8]], ["common", "rare"]))
    assert any("fewer than 30 rows: “rare” (8)" in said for said in bad)
    assert not any("“rare”" in said for said in good)


def test_nothing_good_is_said_of_a_hundred_rows_less_one():
    good, bad = judged(of_counts([[50, 0], [0, 49]], ["a", "b"]))
    assert good == []
    assert any("measured on 99 rows only" in said for said in bad)


def test_overconfidence_is_told_as_what_it_is():
    _, bad = judged(of_counts([[70, 30], [30, 70]], ["a", "b"]))
    assert any(said.startswith("Taking its probabilities at their word: they are off by 28.0 points") for said in bad)


def test_a_bias_and_large_targets_are_named():
    true = np.linspace(0, 100, 500)
    noise = np.random.default_rng(0).standard_normal(500)
    told = true + noise + np.where(true > 80, 30, 0)
    _, bad = judged(Assessment.from_arrays(true, told, kind="regression"))
    bias = f"{(told - true).mean():.3g}"
    assert any(said.startswith(f"Sums and averages: it predicts too high, by {bias} on average") for said in bad)
    assert any(said.startswith("Actual values of 80.2 to 100: there it is off by 30") for said in bad)
    assert any(said.startswith("Values below 0 or above 100") for said in bad)


def test_a_gap_that_chance_does_not_explain_is_named():
    generator = np.random.default_rng(0)
    group = np.repeat(["north", "south"], 200)
    y = generator.integers(0, 2, 400)
    right = np.where(group == "north", True, generator.random(400) < 0.6)
    told = np.where(right, y, 1 - y)
    made = Assessment.from_arrays(y, np.where(told, 0.9, 0.1), kind="binary", sensitive={"region": group})
    found = [said for said in judged(made)[1] if "region" in said]
    assert len(found) == 1
    assert "“south” has the worst" in found[0]
    assert "points from “north”" in found[0]


def test_a_selection_rate_is_lowest_and_not_worst(binary):
    found = binary.to_dict()
    ends = {"value": 0.3, "low": 0.2, "high": 0.4}
    gap = {
        "column": "age",
        "metric": "selection_rate",
        "difference": ends,
        "worst": "old",
        "best": "young",
        "directed": False,
    }
    found["groups"] = {"gaps": [gap, {**gap, "metric": "base_rate", "difference": {**ends, "value": 0.35}}]}
    said = [one for one in judgement.not_for(binary, found) if "“age”" in one]
    assert said == [
        "Treating groups of “age” alike without a closer look: “old” has the lowest selection rate, 30.0 points from "
        "“young”."
    ]


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(0.1, 0.3, True), (0.0, 0.3, False), (-0.3, -0.1, True), (None, None, False)]
)
def test_a_gap_is_shown_where_its_interval_leaves_out_zero(low, high, shown):
    assert judgement.gap_is_shown({"difference": {"value": 0.2, "low": low, "high": high}}) is shown


def test_tiles_hold_what_was_measured(every):
    found = every.to_dict()
    tiles = judgement.tiles(every, found)
    assert 3 <= len(tiles) <= 4
    assert tiles[-1].value == f"{every.n:,}"
    for tile in tiles[:-1]:
        assert tile.interval
        assert "n = " in tile.note
        if tile.scale:
            assert 0 <= tile.scale["low"] <= tile.scale["value"] <= tile.scale["high"] <= 1
