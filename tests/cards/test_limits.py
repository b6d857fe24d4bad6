from __future__ import annotations

from typing import Any

import pytest

from neurokit import RunRecord
from neurokit.cards.limits import limits


def trained(**fields: Any) -> RunRecord:
    assessed = {"test": {"n": 500, "groups": {"groups": [{"n": 250, "small": False}]}}}
    usual: dict[str, Any] = {
        "data": {"train": {"rows": 9, "x": {}}}, "epochs_run": 3, "stop_reason": "completed", "assessments": assessed,
        "git": {"commit": "c", "branch": "b", "dirty": False},
    }  # fmt: skip
    return RunRecord(**usual | fields)


def assessed(**fields: Any) -> RunRecord:
    usual = {"n": 500, "groups": {"min_group": 30, "groups": [{"n": 250, "small": False}]}}
    return trained(assessments={"test": usual | fields})


def test_a_clean_run_has_no_limits() -> None:
    assert limits(trained()) == []


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (trained(assessments={}), "Nobody measured"),
        (trained(stop_reason=None), "had not ended"),
        (trained(stop_reason="interrupted", parameters={"epochs": 9}), "interrupted after 3 of 9 epochs"),
        (trained(stop_reason="NonFiniteLoss: The loss is inf"), "ended with an error: NonFiniteLoss: The loss is inf"),
        (trained(git=None), "outside of a git repository"),
        (trained(git={"dirty": True}), "differed from its commit"),
        (trained(data={"train": {"rows": 9, "source": "DataLoader"}}), "train came from a loader"),
        (trained(findings=[{"level": "warning", "message": "Sorted.", "code": "s"}]), "Warning: Sorted. (s)"),
        (trained(explanation={"notes": ["Few rows."]}), "Explanation: Few rows."),
        (
            trained(signature={"inputs": [{"columns": ["patientAge", "average", "Sex"]}]}),
            "say who a person is: patientAge (age), Sex (sex).",
        ),
        (assessed(n=36), "test has 36 rows"),
        (assessed(lift={"metric": "accuracy", "value": -0.1, "low": -0.2, "high": 0.0}), "no better than the baseline"),
        (assessed(lift={"metric": "accuracy", "value": 0.1, "low": -0.2, "high": 0.3}), "not certain that the model"),
        (assessed(classes=[{"name": "rare", "support": 4.0}]), "rare (4.0)"),
        (assessed(calibration={"error": 0.3}), "do not read them as chances"),
        (assessed(findings=[{"level": "note", "message": "Said.", "code": ""}]), "On test (n = 500): Note: Said."),
        (assessed(groups=None), "it was not measured"),
        (
            assessed(groups={"min_group": 30, "groups": [{"column": "sex", "group": "f", "n": 4, "small": True}]}),
            "fewer than 30 rows on test (n = 500), of which nothing can be said: sex = f (4)",
        ),
        (
            assessed(
                groups={
                    "groups": [{"n": 99, "small": False}],
                    "gaps": [
                        {"column": "sex", "metric": "recall", "worst": "f", "best": "m",
                         "difference": {"value": 0.2, "low": 0.1, "high": 0.3}},
                    ],
                }
            ),
            "the groups of sex differ in recall by 0.2 (0.1 to 0.3): f against m",
        ),
        (assessed(decisions={"same_rows": True}), "which flatters it"),
        (
            assessed(protected=[{"name": "sex", "stand_ins": [{"column": "height", "auc": 0.847}]}]),
            "height (AUC 0.847) can stand in for sex",
        ),
    ],
)  # fmt: skip
def test_what_a_reader_must_not_overlook_is_said(record: RunRecord, words: str) -> None:
    found = limits(record)
    assert len(found) == 1
    assert words in found[0]


def test_what_two_data_sets_showed_is_said_once_with_both_of_them() -> None:
    finding = {"level": "warning", "message": "Chosen on it.", "code": "selection-on-test"}
    one = {"n": 500, "groups": {"groups": [{"n": 250, "small": False}]}, "findings": [finding]}
    found = limits(trained(assessments={"validation": one, "test": one}))
    assert found == ["On validation (n = 500) and test (n = 500): Warning: Chosen on it. (selection-on-test)"]


def test_what_training_noticed_is_not_said_again_of_each_data_set() -> None:
    finding = {"level": "warning", "message": "Sorted.", "code": "sorted-labels"}
    record = assessed(findings=[finding])
    record.findings = [finding]
    assert limits(record) == ["Warning: Sorted. (sorted-labels)"]
