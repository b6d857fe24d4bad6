from __future__ import annotations

import math
from typing import Any

import pytest

from neurokit import RunRecord
from neurokit.cards.front_matter import front_matter, pipeline_tag, title, to_yaml


def signature(shape: list[int] | None, kind: str | None, dtype: str = "float32", **more: Any) -> dict[str, Any]:
    return {
        "inputs": [{"name": "x", "dtype": dtype, "shape": shape, "columns": None} | more],
        "outputs": [{"kind": kind}],
    }


@pytest.mark.parametrize(
    ("told", "tag"),
    [
        (signature([4], "binary"), "tabular-classification"),
        (signature([4], "multilabel"), "tabular-classification"),
        (signature([4], "regression", "float64"), "tabular-regression"),
        (signature([4], "binary", "int64", columns=["a"]), "tabular-classification"),
        (signature([4], "binary", "int64"), None),  # may be tokens
        (signature([3, 8, 8], "multiclass"), "image-classification"),
        (signature([8, 8, 3], "multiclass"), None),
        (signature([3, 8, 8], "regression"), None),
        (signature([4], None), None),
        (signature(None, "binary"), None),
        ({}, None),
        ({"inputs": [{"shape": [1]}] * 2, "outputs": [{"kind": "binary"}]}, None),
    ],
)
def test_the_task_is_named_only_where_the_signature_tells_it(told: dict[str, Any], tag: str | None) -> None:
    assert pipeline_tag(RunRecord(signature=told)) == tag


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("MIT", {"license": "mit"}),
        ("Apache 2.0", {"license": "apache-2.0"}),
        ("cc-by-4.0", {"license": "cc-by-4.0"}),
        ("Only within: the house", {"license": "other", "license_name": "Only within: the house"}),
        ("", {}),
    ],
)
def test_a_license_is_one_the_hub_knows_or_other_with_its_name(given: str, expected: dict[str, str]) -> None:
    found = front_matter(RunRecord(answers={"license": given}))
    assert {key: found[key] for key in found if key.startswith("license")} == expected


def test_numbers_that_are_none_are_left_out_and_so_are_results_without_any() -> None:
    metrics = {"a": {"value": None}, "b": {"value": math.inf}, "c": {"value": 0.5, "n": 3, "low": None, "high": None}}
    record = RunRecord(assessments={"test": {"kind": "binary", "metrics": metrics}, "none": {"metrics": {}}})
    found = front_matter(record)
    assert found["metrics"] == ["c"]
    [result] = found["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "c", "value": 0.5, "name": "c", "args": {"n": 3}}]
    assert "model-index" not in front_matter(RunRecord(assessments={"none": {"metrics": {}}}))


def test_a_data_set_goes_by_the_name_it_was_given() -> None:
    record = RunRecord(assessments={"test": {"kind": "regression", "metrics": {"mae": {"value": 1.0}}}})
    record.answers = {"data_name": "Housing (1990)", "name": "Price"}
    [index] = front_matter(record)["model-index"]
    assert index["name"] == "Price"
    assert index["results"][0]["dataset"] == {"type": "housing-1990", "name": "Housing (1990)", "split": "test"}
    assert index["results"][0]["task"]["type"] == "regression"


def test_yaml_gives_back_what_was_written_also_where_words_mean_something_to_it() -> None:
    yaml = pytest.importorskip("yaml")
    words = [
        "no",
        "null",
        "1e3",
        "2024-01-01",
        "- a",
        "a: b",
        "#",
        "é",
        "'",
        '"',
        "{}",
        "*a",
        "&a",
        "!x",
        "---",
        "...",
        "%",
    ]
    found = {"tags": words, "value": 0.1 + 0.2, "small": 1e-300}
    written = to_yaml(found)
    assert yaml.safe_load(written.removeprefix("---\n").removesuffix("---\n")) == found
    assert "é" in written


def test_a_card_without_a_name_is_called_by_its_class() -> None:
    assert title(RunRecord(model={"class": "Sequential"})) == "Sequential"
    assert title(RunRecord()) == "Model"
