from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from neurokit.encoding import Field, infer_fields


def test_fields_say_what_training_rows_had() -> None:
    frame = pd.DataFrame(
        {
            "age": [22.0, np.nan, 26.0, 8.0],
            "siblings": [1, 0, 1, 3],
            "port": pd.Categorical(["S", "C", None, "S"]),
            "alone": [True, False, False, False],
            "boarded": pd.to_datetime(["1912-04-10", "1912-04-12", "1912-04-11", "1912-04-10"]),
        }
    )
    assert infer_fields(frame) == (
        (
            Field("age", "number", True, None, 8.0, 26.0, 22.0),
            Field("siblings", "integer", False, None, 0.0, 3.0, 1),
            Field("port", "category", True, ("C", "S"), None, None, "S"),
            Field("alone", "boolean", False, None, None, None, False),
            Field("boarded", "date", False, None, "1912-04-10", "1912-04-12", "1912-04-10"),
        ),
        {},
    )


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([1, 2], dtype="Int64"), "integer"),
        (pd.Series([1, None], dtype="Int64"), "integer"),
        (pd.Series([1.5, None], dtype="Float64"), "number"),
        (pd.Series([True, None], dtype="boolean"), "boolean"),
        (pd.Series([True, False, None], dtype=object), "boolean"),
        (pd.Series([1, 2.5, None], dtype=object), "number"),
        (pd.Series(["a", None], dtype="string"), "category"),
        (pd.Series(["2024-01-01", None]), "category"),
        (pd.Series([pd.Timestamp("2024-01-01"), None], dtype=object), "date"),
        (pd.Series(pd.to_datetime(["2024-01-01"]).tz_localize("Europe/Zurich")), "date"),
        (pd.Series([1, 2], dtype=np.uint8), "integer"),
        (pd.Series([1, 2], dtype="category"), "integer"),
    ],
)
def test_types_are_told_from_dtypes_and_values(values, kind) -> None:
    assert infer_fields(pd.DataFrame({"x": values})).fields[0].type == kind


def test_nearly_unique_texts_and_empty_columns_are_left_out_unless_kept() -> None:
    frame = pd.DataFrame({"name": [f"person {n}" for n in range(50)], "empty": [None] * 50, "x": range(50)})
    found = infer_fields(frame)
    assert [field.name for field in found.fields] == ["x"]
    assert found.left_out == {
        "name": "its texts are nearly unique (50 distinct in 50 rows), as names and identifiers are",
        "empty": "it has no value in any training row",
    }
    assert [field.name for field in infer_fields(frame, keep=["name"]).fields] == ["name", "x"]
    assert [field.name for field in infer_fields(frame, categories=["name"]).fields] == ["name", "x"]


def test_a_field_lists_at_most_a_thousand_categories() -> None:
    frame = pd.DataFrame({"x": [str(n) for n in range(1500)] * 3})
    assert len(infer_fields(frame).fields[0].categories) == 1000


@pytest.mark.parametrize(
    ("frame", "arguments", "message"),
    [
        (pd.DataFrame({"x": [1, "a"]}, dtype=object), {}, r"'x' mixes types: row 0 has 1 \(integer\), row 1 has 'a'"),
        (pd.DataFrame({"x": [pd.Timedelta("1D")]}), {}, "holds Timedeltas"),
        (pd.DataFrame({"x": [[1]]}), {}, "holds lists"),
        (pd.DataFrame({0: [1]}), {}, "A column is named 0"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), {}, "'x' occurs twice"),
        (pd.DataFrame({"x": [1]}), {"categories": ["X"]}, "There is no column 'X'. Did you mean 'x'"),
        (pd.DataFrame({"x": [1]}), {"keep": ["y"]}, "There is no column 'y'"),
        (pd.DataFrame({"x": [1]}), {"types": {"x": "float"}}, "Did you mean 'number'"),
        (pd.DataFrame({"x": ["a"]}), {"types": {"x": "number"}}, "'x' has 'a' in row 0"),
    ],
)
def test_what_has_no_type_is_refused(frame, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        infer_fields(frame, **arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "A field lacks 'name'"),
        (None, "A field is a dict"),
        ({"nullable": "no"}, "nullable is true or false"),
        ({"type": "float"}, "is one of 'number'"),
        ({"categories": ["a"]}, "has categories where that is 'category'"),
        ({"type": "category"}, "has categories where that is 'category'"),
        ({"type": "category", "categories": ["a", 1]}, "mixes number and text values"),
        ({"type": "category", "categories": ["a", "a"]}, "has a value twice"),
        ({"minimum": "low"}, "minimum is a finite number"),
        ({"example": [1]}, "example is a finite number"),
        ({"name": ""}, "The name of a field is a text"),
        ({"more": 1}, "has no entry 'more'"),
    ],
)
def test_a_strangers_field_is_read_strictly(values, message) -> None:
    whole = Field("x", "number").to_dict()
    assert Field.from_dict(whole) == Field("x", "number")
    with pytest.raises(ValueError, match=message):
        Field.from_dict(whole | values if values else values)
