from __future__ import annotations

from neurokit import RunRecord
from neurokit.cards.datasheet import data_sections, how_split
from neurokit.cards.sections import sections


def test_an_array_that_two_splits_share_stands_in_the_table_once() -> None:
    array = {"shape": [9, 2], "dtype": "float32", "rows": 9, "sha256": "ab" * 32, "sampled": True}
    data = {
        "train": {"rows": 6, "x": {"left": array, "right": array | {"shape": [9]}}},
        "validation": {"rows": 3, "x": array},
    }
    written = dict(data_sections(RunRecord(data=data)))["Data/Fingerprint"]
    assert written.count("ab" * 32) == 3
    assert r"| train | x\[left\] | 9 " in written
    assert "(of evenly spaced rows)" in written
    data["validation"]["x"] = data["train"]["x"]
    assert "| train, validation | " in dict(data_sections(RunRecord(data=data)))["Data/Fingerprint"]


def test_it_is_said_how_validation_rows_were_chosen() -> None:
    record = RunRecord(data={"train": {"rows": 80}, "validation": {"rows": 20}})
    assert how_split(record) == "The 20 validation rows came as a data set of their own."
    record.split = {"how": "random", "fraction": 0.2, "seed": 7, "indices": list(range(20))}
    assert how_split(record) == "20 % of the rows (20 rows) validate and were not trained on; drawn random, seed 7."
    assert "none validated" in how_split(RunRecord(data={"train": {"rows": 1}, "validation": None}))


def test_classes_come_with_their_shares_and_many_are_folded() -> None:
    record = RunRecord(balance={"train": {"counts": {"cat": 1, "dog": 3}}, "validation": {"counts": {"dog": 2}}})
    written = dict(data_sections(record))["Data/Balance"]
    assert "| cat | 1 (25.0 %) | 0 (0.0 %) |" in written
    assert "| dog | 3 (75.0 %) | 2 (100.0 %) |" in written
    many = RunRecord(balance={"train": {"counts": {str(name): 1 for name in range(50)}}})
    assert "<summary>The rows of 50 classes</summary>" in dict(data_sections(many))["Data/Balance"]


def test_each_output_has_its_own_balance() -> None:
    numbers = {"mean": 1.0, "std": 0.5, "min": 0.0, "max": 2.0}
    record = RunRecord(balance={"train": {"kind": {"counts": {"a": 1}}, "size": numbers}})
    written = dict(data_sections(record))["Data/Balance"]
    assert "class of kind" in written
    assert "| train of size | 1 | 0.5 | 0 | 2 |" in written


def test_what_checks_saw_of_the_data_is_named_here_and_said_once_under_limits() -> None:
    found = [
        {"level": "warning", "message": "Rows are in both sets.", "code": "shared-rows"},
        {"level": "warning", "message": "Softmax twice.", "code": "double-softmax"},
    ]
    record = RunRecord(findings=found, answers={"data_quality": "Labels are noisy."})
    record.assessments = {"test": {"n": 9, "findings": [*found, {"level": "warning", "code": "one-class"}]}}
    written = dict(data_sections(record))["Data/Quality issues"]
    assert written == "Labels are noisy.\n\nThe checks saw shared-rows, one-class: see Limits."
    assert "\n".join(sections(record).values()).count("Rows are in both sets.") == 1
    assert "Warning: Rows are in both sets. (shared-rows)" in sections(record)["Limits"]
