from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurokit.encoding import Target, infer_kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"], "binary"),
        ([True, False], "binary"),
        ([0.0, 1.0], "binary"),
        ([2.5, 3.5, 2.5], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([0, 1, 2] * 10, "multiclass"),
        ([0.0, 1.0, 2.0] * 10, "multiclass"),
        ([0, 1, 2] * 9, "regression"),
        (list(range(21)) * 50, "regression"),
        ([0.5, 1.0, 2.0] * 10, "regression"),
        (np.linspace(0, 1, 30), "regression"),
        (pd.Series([1, 2, 1], dtype="Int64"), "binary"),
        (pd.Categorical(["x", "y"]), "binary"),
    ],
)
def test_the_kind_is_told_by_a_rule(values, kind) -> None:
    assert infer_kind(values) == kind
    assert Target.fit("y", values).kind == kind


@pytest.mark.parametrize("values", [["b", "a", "c"], [3, 1, 2], [True, False], [1.0, 2.0, 3.0], [0.5, 1.5]])
def test_classes_come_back_as_they_were(values) -> None:
    target = Target.fit("y", values, kind="multiclass")
    again = Target.from_dict(json.loads(json.dumps(target.to_dict())))
    assert again == target
    assert again.encode(values).dtype == np.int64
    assert again.decode(again.encode(values)).tolist() == values
    assert list(again.classes) == sorted(values)


@given(st.lists(st.floats(-1e15, 1e15), min_size=2))
def test_numbers_come_back_in_their_own_units(values) -> None:
    if len(set(values)) < 2 or np.ptp(values) < 1e-6 * max(1.0, np.abs(values).max()):
        return
    target = Target.fit("y", values, kind="regression")
    scaled = target.encode(values)
    assert scaled.dtype == np.float32
    assert abs(scaled.mean()) < 1e-2
    np.testing.assert_allclose(target.decode(scaled), values, atol=1e-5 * np.abs(values).max() + 1e-6 * target.scale)
    assert target.decode(scaled.reshape(-1, 1)).shape == (len(values), 1)
    assert Target.from_dict(json.loads(json.dumps(target.to_dict()))) == target


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([], "auto", "has no rows"),
        (["a", None], "auto", "is missing in row 1"),
        ([1.0, np.nan], "auto", "is missing in row 1"),
        (pd.Series([1, None], dtype="Int64"), "auto", "is missing in row 1"),
        ([1.0, np.inf, 3.0], "auto", "is inf in row 1"),
        (["a", "a"], "auto", "is 'a' in every training row"),
        ([2.0, 2.0], "regression", "is 2 in every training row"),
        (["a", "b", "c"], "binary", "kind='binary' is for two classes, and 'y' has 3"),
        (["a", "b", "c"], "regression", "is the text 'a' in row 0"),
        (["a", 1], "multiclass", "mixes"),
        ([[1], [2]], "auto", r"is \[1\]"),
        ([1, 2], "classification", "Did you mean 'multiclass'"),
    ],
)
def test_what_cannot_be_a_target_is_refused(values, kind, message) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Target.fit("y", values, kind=kind)


def test_an_unknown_label_is_named() -> None:
    target = Target.fit("y", ["cat", "dog"])
    with pytest.raises(ValueError, match=r"is 'cta' in row 1, and training rows had 'cat', 'dog'\. Did you mean 'cat'"):
        target.encode(["cat", "cta"])
    with pytest.raises(ValueError, match="is True in row 0"):
        Target.fit("y", [0, 1]).encode([True])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "ranking"}, "kind of a target is one of"),
        ({"classes": None}, "is a list"),
        ({"classes": ["a"]}, "binary target has 2 classes, got 1"),
        ({"classes": ["a", "a"]}, "twice"),
        ({"classes": ["a", 1]}, "mixes"),
        ({"classes": ["a", None]}, "finite number"),
        ({"mean": 1.0}, "not scaled"),
        ({"scale": 0.0}, "above 0"),
        ({"kind": "regression"}, "has no classes"),
        ({"name": 3}, "is a text"),
        ({"more": 1}, "no entry 'more'"),
    ],
)
def test_a_strangers_target_is_read_strictly(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        Target.from_dict(Target.fit("y", ["a", "b"]).to_dict() | change)
