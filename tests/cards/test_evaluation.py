from __future__ import annotations

from typing import Any

from neurokit import RunRecord
from neurokit.cards.evaluation import evaluation_sections, places


def sections(**found: Any) -> dict[str, str]:
    return dict(evaluation_sections(RunRecord(assessments={"test": {"n": 60, "confidence": 0.9} | found})))


def test_without_an_assessment_it_says_so() -> None:
    assert "Not assessed" in dict(evaluation_sections(RunRecord()))["Evaluation"]


def test_numbers_stand_beside_the_baseline() -> None:
    accuracy = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 60}
    found = sections(
        metrics={"accuracy": accuracy, "log_loss": {"value": None, "low": None, "high": None, "n": 60}},
        baseline={"description": "always 'a'", "metrics": {"accuracy": {"value": 0.5}}},
        lift={"metric": "accuracy", "value": 0.4, "low": 0.3, "high": 0.5},
    )
    assert "| accuracy | 0.9 | 0.8 to 0.95 | 60 | 0.5 |" in found["Evaluation/test"]
    assert "| log loss | not defined |  | 60 |  |" in found["Evaluation/test"]
    assert "- Baseline: always 'a'." in found["Evaluation/test"]
    assert "better by 0.4 (0.3 to 0.5) on test, n = 60" in found["Evaluation/test"]
    assert "Intervals are of 90 %." in found["Evaluation"]


def test_a_matrix_of_many_classes_becomes_a_list_of_its_mistakes() -> None:
    labels = [f"c{place}" for place in range(15)]
    counts = [[0] * 15 for _ in labels]
    counts[3][4], counts[5][6], counts[3][3] = 2, 7, 6
    written = sections(confusion={"labels": labels, "counts": counts})["Evaluation/test/Confusion matrix"]
    assert written.splitlines()[2:] == ["| c5 | c6 | 7 | 100.0 % |", "| c3 | c4 | 2 | 25.0 % |"]
    none = sections(confusion={"labels": labels, "counts": [[0] * 15 for _ in labels]})
    assert "No class was taken for another" in none["Evaluation/test/Confusion matrix"]


def test_decisions_come_with_rule_counts_and_costs() -> None:
    policy = {
        "threshold": 0.3, "band": [0.25, 0.35], "costs": {"false_positive": 1.0}, "positive": "ill",
        "rule": "ill from 0.3", "temperature": 1.4, "chosen_on": {"name": "validation", "n": 40},
    }  # fmt: skip
    written = sections(
        decisions={
            "policy": policy, "n": 60, "counts": {"ill": 15, "well": 45}, "outcomes": {"true_positive": 12},
            "cost": {"total": {"value": 4.0, "low": 1.0, "high": 8.0}}, "compare": {"always ill": 45.0},
        }
    )["Evaluation/test/Decisions"]  # fmt: skip
    for words in (
        "- ill from 0.3", "of ill of 0.3, chosen on validation (n = 40)", "Between 0.25 and 0.35", "temperature 1.4",
        "false positive 1", "| ill | 15 | 25.0 % |", "| true positive | 12 |", "| as decided, total | 4 (1 to 8) |",
        "| always ill | 45 |",
    ):  # fmt: skip
        assert words in written


def test_groups_come_with_their_sizes_gaps_and_notes() -> None:
    written = sections(
        groups={
            "sensitive": ["sex"], "min_group": 30, "metrics": ["recall"], "notes": ["One group was cut."],
            "groups": [
                {"column": "sex", "group": "f", "n": 40, "small": False,
                 "metrics": {"recall": {"value": 0.9, "low": 0.8, "high": 1.0}}},
                {"column": "sex", "group": "m", "n": 20, "small": True, "control": "old",
                 "metrics": {"recall": {"value": None}}},
            ],
            "gaps": [
                {"column": "sex", "metric": "recall", "difference": {"value": None}, "ratio": None, "worst": None,
                 "best": None, "meaning": "found more often"},
            ],
        }
    )["Evaluation/test/Groups"]  # fmt: skip
    for words in (
        "Groups of fewer than 30 rows", "| sex | f | 40 | 0.9 (0.8 to 1) |",
        "| sex | old: m (small) | 20 | not defined |",
        "| sex | recall | not defined |", "- recall: found more often.", "- One group was cut.",
    ):  # fmt: skip
        assert words in written


def test_names_that_would_share_a_place_get_one_each() -> None:
    record = RunRecord(assessments={"a/b": {}, "a-b": {}, "": {}, "a\nb": {}, "a b": {}})
    found = places(record)
    assert found["a/b"] == "Evaluation/a-b"
    assert len(set(found.values())) == 5
    assert all(place.count("/") == 1 for place in found.values())


def test_the_splits_of_the_run_that_nobody_assessed_are_said() -> None:
    data = {"train": {"rows": 80}, "validation": {"rows": 20}}
    assessed = {"test": {"n": 30}}
    told = dict(evaluation_sections(RunRecord(data=data, assessments=assessed)))["Evaluation"]
    assert "train (n = 80) and validation (n = 20) were not assessed" in told
    told = dict(evaluation_sections(RunRecord(data=data, assessments=assessed | {"Val": {"n": 20}})))["Evaluation"]
    assert "train (n = 80) was not assessed" in told
    everything = assessed | {"validation": {"n": 20}, "train": {"n": 80}}
    told = dict(evaluation_sections(RunRecord(data=data | {"test": None}, assessments=everything)))["Evaluation"]
    assert "not assessed" not in told
