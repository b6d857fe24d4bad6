from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from neurokit.encoding import Field, TableEncoding, infer_fields
from neurokit.encoding.categories import CategoryColumn
from neurokit.storage import parse_json

FRAME = pd.DataFrame(
    {
        "age": [22.0, np.nan, 26.0, 35.0, 35.0, 8.0],
        "siblings": [1, 1, 0, 1, 0, 3],
        "sex": ["male", "female", "female", "female", "male", "male"],
        "port": ["S", "C", None, "S", "S", "Q"],
        "alone": [False, False, True, False, True, False],
        "boarded": pd.to_datetime(["1912-04-10", "1912-04-11", None, "1912-04-12", "1912-04-10", "1912-04-10"]),
    }
)


def _rows(frame: pd.DataFrame) -> list[dict]:
    return [
        {
            name: None if pd.isna(value) else value.isoformat() if isinstance(value, datetime) else
            value.item() if isinstance(value, np.generic) else value
            for name, value in row.items()
        }
        for row in frame.astype(object).to_dict("records")
    ]  # fmt: skip


def _through_json(encoding: TableEncoding) -> TableEncoding:
    return TableEncoding.from_dict(parse_json(json.dumps(encoding.to_dict(), allow_nan=False).encode()))


def _same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes() for name in one
    )


# ------------------------------------------------------------------------------------------------ what comes out


@pytest.mark.parametrize("layout", ["embedded", "one-hot"])
def test_a_table_becomes_the_inputs_that_the_layout_promises(layout) -> None:
    encoding = TableEncoding.fit(FRAME, layout=layout)
    found = encoding.transform(FRAME)
    if layout == "embedded":
        assert found["numbers"].dtype == np.float32
        assert found["categories"].dtype == np.int64
        assert encoding.cardinalities == (3, 5)
        assert (found["categories"].max(0) < np.array(encoding.cardinalities)).all()
    else:
        assert found["x"].dtype == np.float32
    for one in encoding.inputs:
        assert found[one["name"]].shape == (6, *one["shape"])
        assert str(found[one["name"]].dtype) == one["dtype"]
        assert len(one["columns"]) == one["shape"][0]
    assert all(np.isfinite(one).all() for one in found.values())


def test_inputs_without_columns_are_absent() -> None:
    assert list(TableEncoding.fit(FRAME[["age"]]).transform(FRAME)) == ["numbers"]
    assert list(TableEncoding.fit(FRAME[["sex"]]).transform(FRAME)) == ["categories"]


def test_standard_scaling_is_scikit_learns() -> None:
    x = load_iris(as_frame=True).data
    found = TableEncoding.fit(x, scaling="standard").transform(x)["numbers"]
    np.testing.assert_allclose(found, StandardScaler().fit_transform(x), rtol=1e-5, atol=1e-6)


def test_quantile_scaling_follows_scikit_learns() -> None:
    x = pd.DataFrame({"skewed": np.random.default_rng(0).lognormal(size=5000)})
    found = TableEncoding.fit(x).transform(x)["numbers"][:, 0]
    expected = QuantileTransformer(output_distribution="normal", n_quantiles=1000).fit_transform(x)[:, 0]
    middle = np.abs(expected) < 2.0
    np.testing.assert_allclose(found[middle], expected[middle], atol=0.02)
    assert abs(found.mean()) < 1e-3
    assert abs(found.std() - 1) < 1e-3
    assert np.abs(found).max() < 5  # the largest of skewed values, standard-scaled, lies at 20


def test_one_hot_is_scikit_learns_and_unknown_is_all_zeros() -> None:
    frame = FRAME[["sex"]]
    encoding = TableEncoding.fit(frame, layout="one-hot")
    expected = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(frame)
    new = pd.DataFrame({"sex": ["female", "x"]})
    np.testing.assert_array_equal(encoding.transform(new)["x"], expected.transform(new))
    assert encoding.columns == {"x": ["sex=female", "sex=male"]}


def test_a_missing_number_is_the_median_and_is_told() -> None:
    encoding = TableEncoding.fit(FRAME[["age"]])
    found = encoding.transform([{"age": None}, {"age": 26.0}])["numbers"]
    assert found[0, 0] == found[1, 0]
    assert found[:, 1].tolist() == [1, 0]


def test_a_missing_category_is_one_of_its_own_and_an_unknown_one_goes_to_the_bucket() -> None:
    encoding = TableEncoding.fit(FRAME[["port"]])
    found = encoding.transform([{"port": value} for value in ("C", "Q", "S", None, "X")])["categories"]
    assert found[:, 0].tolist() == [1, 2, 3, 4, 0]


def test_what_was_never_missing_in_training_is_filled_and_said(caplog) -> None:
    encoding = TableEncoding.fit(FRAME[["siblings", "sex"]])
    with caplog.at_level(logging.WARNING, "neurokit"):
        found = encoding.transform([{"siblings": None, "sex": None}, {"siblings": 1, "sex": "male"}])
    assert "'siblings' is missing in 1 of 2 rows, and training rows had none missing: filled" in caplog.text
    assert "'sex' is missing in 1 of 2 rows" in caplog.text
    assert found["categories"][0, 0] == 0
    assert found["numbers"][0, 0] == found["numbers"][1, 0]


def test_rare_categories_join_the_bucket_which_is_said() -> None:
    frame = pd.DataFrame({"deck": ["A"] * 300 + ["B"] * 296 + ["T"] * 4})
    encoding = TableEncoding.fit(frame)
    assert encoding.notes == ["deck: 1 rare categories ('T'), 4 rows in all, join the unknown ones"]
    assert encoding.transform(frame)["categories"][-1, 0] == 0
    assert encoding.fields[0].categories == ("A", "B", "T")
    one_hot = TableEncoding.fit(frame, layout="one-hot")
    assert one_hot.columns["x"] == ["deck (rare or unknown)", "deck=A", "deck=B"]
    assert one_hot.transform([{"deck": "T"}, {"deck": "new"}])["x"].tolist() == [[1, 0, 0]] * 2


def test_few_rows_have_no_rare_categories() -> None:
    assert TableEncoding.fit(pd.DataFrame({"kind": ["a", "b", "c", "c"]})).cardinalities == (4,)


def test_dates_become_their_parts() -> None:
    days = pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-12-31", "2023-07-01", None])})
    encoding = TableEncoding.fit(days, scaling="standard")
    names = encoding.columns["numbers"]
    found = pd.DataFrame(encoding.transform(days)["numbers"], columns=names)
    assert names == ["day: days", "day: year", "day: month (sine)", "day: month (cosine)", "day: weekday (sine)",
                     "day: weekday (cosine)", "day (missing)"]  # fmt: skip
    expected = days.day.dt.month.sub(1).mul(2 * np.pi / 12)
    np.testing.assert_allclose(found["day: month (sine)"][:3], np.sin(expected)[:3], atol=1e-6)
    weekday = days.day.dt.day_of_week.mul(2 * np.pi / 7)
    np.testing.assert_allclose(found["day: weekday (cosine)"][:3], np.cos(weekday)[:3], atol=1e-6)
    known = days.day[:3].astype("int64")
    np.testing.assert_allclose(found["day: days"][:3], (known - known.mean()) / known.std(ddof=0), atol=1e-5)
    assert found.iloc[3, 2:].tolist() == [0, 0, 0, 0, 1]


def test_hours_are_parts_where_dates_have_a_time_and_zones_are_one_moment() -> None:
    moments = pd.to_datetime(["2024-01-01 06:00", "2024-01-02 18:30"])
    encoding = TableEncoding.fit(pd.DataFrame({"at": moments}), date_parts={"at": ["hour"]})
    assert encoding.columns["numbers"] == ["at: hour (sine)", "at: hour (cosine)"]
    np.testing.assert_allclose(encoding.transform([{"at": "2024-05-05T06:00:00"}])["numbers"], [[1, 0]], atol=1e-6)
    assert "at: hour (sine)" in TableEncoding.fit(pd.DataFrame({"at": moments})).columns["numbers"]
    east = datetime(2024, 5, 5, 8, tzinfo=timezone(timedelta(hours=2)))
    ways = [[{"at": "2024-05-05T06:00:00Z"}], [{"at": "2024-05-05T08:00:00+02:00"}], [{"at": east}],
            pd.DataFrame({"at": pd.to_datetime(["2024-05-05T08:00+02:00"])})]  # fmt: skip
    assert len({encoding.transform(one)["numbers"].tobytes() for one in ways}) == 1
    assert _same(encoding.transform([{"at": date(2024, 5, 5)}]), encoding.transform([{"at": "2024-05-05"}]))


def test_ratios_are_safe_against_zero_and_counted() -> None:
    frame = pd.DataFrame({"rooms": [6.0, 8.0, 5.0, 4.0], "households": [2.0, 0.0, np.nan, 1.0]})
    encoding = TableEncoding.fit(frame, ratios={"rooms_each": ["rooms", "households"]}, scaling="standard")
    assert encoding.notes == ["rooms_each: missing in 2 rows, 1 of them because households is 0"]
    found = pd.DataFrame(encoding.transform(frame)["numbers"], columns=encoding.columns["numbers"])
    assert found["rooms_each (missing)"].tolist() == [0, 1, 1, 0]
    assert found["rooms_each"].tolist() == [-1, 0, 0, 1]  # 3, 3.5, 3.5, 4
    assert encoding.sources["rooms_each"] == ("rooms", "households")


# --------------------------------------------------------------------------------- the same numbers, always


@pytest.mark.parametrize("layout", ["embedded", "one-hot"])
def test_json_dicts_and_tables_are_encoded_to_the_same_bits(layout) -> None:
    encoding = TableEncoding.fit(FRAME, layout=layout, ratios={"ratio": ["age", "siblings"]})
    assert _same(encoding.transform(FRAME), encoding.transform(_rows(FRAME)))
    assert _same(encoding.transform(FRAME), _through_json(encoding).transform(FRAME))
    assert _through_json(encoding).to_dict() == encoding.to_dict()


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.sampled_from([0.0, -0.0, 5e-324, 1.5e308])
TEXTS = st.text(max_size=3) | st.none()
TABLES = st.integers(1, 12).flatmap(
    lambda rows: st.fixed_dictionaries(
        {
            "a": st.lists(NUMBERS, min_size=rows, max_size=rows),
            "b": st.lists(NUMBERS, min_size=rows, max_size=rows),
            "c": st.lists(TEXTS, min_size=rows, max_size=rows),
            "d": st.lists(st.booleans() | st.none(), min_size=rows, max_size=rows),
            "e": st.lists(st.datetimes() | st.none(), min_size=rows, max_size=rows),
        }
    )
)
FIELDS = (Field("a", "number"), Field("b", "number"), Field("d", "boolean"), Field("e", "date"))


def _table(columns: dict) -> tuple[pd.DataFrame, tuple[Field, ...]]:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    known = tuple(sorted({one for one in columns["c"] if one is not None}))
    return frame, (*FIELDS, Field("c", "category", categories=known))


@settings(max_examples=60, deadline=None)
@given(TABLES, TABLES, st.sampled_from(["embedded", "one-hot"]), st.sampled_from(["quantile", "standard"]))
@pytest.mark.filterwarnings("error")
def test_whatever_the_numbers_encoding_is_finite_exact_through_json_and_row_by_row(train, new, layout, scaling) -> None:
    frame, fields = _table(train)
    encoding = TableEncoding.fit(frame, fields, layout=layout, scaling=scaling, ratios={"r": ["a", "b"]})
    rows, _ = _table(new)
    found = encoding.transform(rows)
    assert all(np.isfinite(one).all() for one in found.values())
    assert _same(found, _through_json(encoding).transform(rows))
    alone = [encoding.transform(rows.iloc[[place]]) for place in range(len(rows))]
    assert _same(found, {name: np.concatenate([one[name] for one in alone]) for name in found})
    for name, cardinality in zip(["categories"] * (layout == "embedded"), encoding.cardinalities, strict=False):
        assert (found[name] < cardinality).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300), st.lists(st.floats(-1e12, 1e12), max_size=20),
       st.sampled_from(["quantile", "standard"]))  # fmt: skip
def test_a_scale_keeps_the_order_of_numbers(train, new, scaling) -> None:
    encoding = TableEncoding.fit(pd.DataFrame({"a": train}), scaling=scaling)
    ordered = pd.DataFrame({"a": np.sort(np.array([*train, *new]))})
    scaled = encoding.transform(ordered)["numbers"][:, 0].astype(np.float64)
    assert (np.diff(scaled) >= -1e-6).all()
    assert np.abs(scaled).max() < 700


def test_the_encoding_of_training_rows_knows_nothing_of_other_rows() -> None:
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"a": rng.normal(size=50), "b": rng.choice(list("xyz"), 50)})
    encoding = TableEncoding.fit(train)
    before = encoding.to_dict()
    encoding.transform(pd.DataFrame({"a": [1e9], "b": ["never seen"]}))
    assert encoding.to_dict() == before
    assert TableEncoding.fit(train).to_dict() == before


def test_constant_columns_say_nothing_and_huge_values_do_no_harm() -> None:
    frame = pd.DataFrame({"same": [7.0] * 5, "huge": [1.0, 2.0, 3.0, 4.0, 1e300]})
    for scaling in ("standard", "quantile"):
        encoding = TableEncoding.fit(frame, scaling=scaling)
        found = encoding.transform(pd.DataFrame({"same": [7.0, 8.0], "huge": [2.0, -1e308]}))["numbers"]
        assert found[:, 0].tolist() == [0, 0]
        assert np.isfinite(found).all()


def test_unknown_categories_never_fail_and_whole_floats_are_their_whole_numbers() -> None:
    frame = pd.DataFrame({"pclass": [1, 2, 3, 3]})
    fields = infer_fields(frame, categories=["pclass"]).fields
    encoding = TableEncoding.fit(frame, fields)
    assert fields[0].categories == (1, 2, 3)
    assert encoding.transform(pd.DataFrame({"pclass": [3.0, 1.0, 9.0]}))["categories"][:, 0].tolist() == [3, 1, 0]


# --------------------------------------------------------------------------------------------- what is refused

ENCODING = TableEncoding.fit(FRAME)
ROW = {"age": 1.5, "siblings": 1, "sex": "male", "port": "S", "alone": True, "boarded": "1912-04-10"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "12a"}, "The column 'age' has '12a' in row 1, counted from 0, and its values are each a number."),
        ({"age": ""}, "'age' has ''"),
        ({"age": "1_0"}, "'age' has '1_0'"),
        ({"age": "nan"}, "'age' has 'nan'"),
        ({"age": True}, r"'age' has True \(bool\) in row 1"),
        ({"age": [1]}, r"'age' has \[1\] \(list\)"),
        ({"age": float("inf")}, "'age' has inf in row 1, counted from 0, and its values are each a finite number"),
        ({"age": 10**400}, "a finite number"),
        ({"siblings": 1.5}, "a whole number"),
        ({"alone": 2}, "true or false"),
        ({"alone": "yes"}, "true or false"),
        ({"sex": 1}, "a text, such as 'female'"),
        ({"boarded": "10 April 1912"}, "a date as ISO 8601, such as '2024-05-31'"),
        ({"boarded": 5}, "a date as ISO 8601"),
    ],
)
def test_a_wrong_value_is_named_by_column_and_row(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        ENCODING.transform([ROW, ROW | change])
    table = pd.DataFrame([ROW, ROW]).astype(object)
    for name, value in change.items():
        table.at[1, name] = value
    with pytest.raises(ValueError, match=message):
        ENCODING.transform(table)


def test_numbers_as_text_are_numbers() -> None:
    text = ROW | {"age": " 1.5e0 ", "siblings": "1"}
    assert _same(ENCODING.transform([text]), ENCODING.transform([ROW]))


def test_infinity_in_a_table_of_floats_is_refused() -> None:
    with pytest.raises(ValueError, match="The column 'a' has -inf in row 2"):
        TableEncoding.fit(pd.DataFrame({"a": [1.0, 2.0, -np.inf]}), [Field("a", "number")])


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (ROW, TypeError, r"Rows are a DataFrame or a list of dicts, got dict. For a single row, pass \[row\]"),
        ("age", TypeError, "got str"),
        ([[1, 2]], TypeError, "Row 0 is a list"),
        ([{**ROW, "Age": 1} | {"age": 1}, {k: v for k, v in ROW.items() if k != "age"} | {"Age": 1}], ValueError,
         "Row 1 lacks the column 'age'. Did you mean 'Age'"),
        (pd.DataFrame([ROW]).drop(columns=["sex", "port"]), ValueError, "The table lacks the columns 'sex', 'port'"),
        (pd.DataFrame([[*ROW.values(), 1]], columns=[*ROW, "age"]), ValueError, "The table has 2 columns 'age'"),
    ],
)  # fmt: skip
def test_rows_that_are_none_are_refused(rows, error, message) -> None:
    with pytest.raises(error, match=message):
        ENCODING.transform(rows)


def test_other_columns_are_left_alone_unless_strict() -> None:
    assert _same(ENCODING.transform([ROW | {"agee": 1}]), ENCODING.transform([ROW]))
    with pytest.raises(ValueError, match=r"has the column 'agee', which the model does not take\. Did you mean 'age'"):
        ENCODING.transform([ROW | {"agee": 1}], strict=True)


def test_no_rows_give_no_rows() -> None:
    assert ENCODING.transform([])["numbers"].shape == (0, ENCODING.inputs[0]["shape"][0])
    assert ENCODING.transform(FRAME.iloc[:0])["categories"].shape == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ratios": {"r": ["age", "sex"]}}, "The ratio 'r' needs the column of numbers 'sex', which is a category"),
        ({"ratios": {"r": ["age", "sibling"]}}, "which is not there. Did you mean 'siblings'"),
        ({"ratios": {"r": "age"}}, "The ratio 'r' is two columns, got 'age'"),
        ({"ratios": {"age": ["age", "siblings"]}}, "A ratio has the name of another column"),
        ({"layout": "onehot"}, "Did you mean 'one-hot'"),
        ({"scaling": "zscore"}, "Did you mean 'standard'"),
        ({"date_parts": {"boarded": ["dayofweek"]}}, "Did you mean 'weekday'"),
        ({"date_parts": {"board": ["year"]}}, "Did you mean 'boarded'"),
    ],
)
def test_mistakes_in_fitting_are_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        TableEncoding.fit(FRAME, **arguments)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="has no rows"):
        TableEncoding.fit(FRAME.iloc[:0])
    with pytest.raises(ValueError, match="no column to encode"):
        TableEncoding.fit(pd.DataFrame({"a": [None, None]}))


def test_too_many_columns_one_hot_are_refused() -> None:
    frame = pd.DataFrame({"id": [str(number) for number in range(10_001)]})
    with pytest.raises(ValueError, match="makes 10,001 columns, 10,002 of them for 'id'"):
        TableEncoding.fit(frame, infer_fields(frame, keep=["id"]).fields, layout="one-hot", min_count=1)


# -------------------------------------------------------------------------------------------- dicts of strangers


def _paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in items:
        yield from _paths(entry, (*path, key))


def _changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(copy[path[0]], path[1:], new)
    return copy


DICT = TableEncoding.fit(FRAME, ratios={"ratio": ["age", "siblings"]}).to_dict()
PATHS = list(_paths(DICT))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PATHS), st.sampled_from(
    [None, True, -1, 3, 2**80, 0.5, "", "x", [], {}, [1], ["x"], {"x": 1}, float("nan"), float("inf")]))  # fmt: skip
def test_a_strangers_dict_is_refused_or_encodes_finite_numbers(path, new) -> None:
    try:
        encoding = TableEncoding.from_dict(_changed(DICT, path, new))
    except ValueError:
        return
    rows = [{field.name: None for field in encoding.fields}]
    for one in encoding.transform(rows).values():
        assert np.isfinite(one).all()


@pytest.mark.parametrize("path", [one for one in PATHS if one and isinstance(one[-1], str)])
def test_every_entry_is_needed_and_no_other_is_taken(path) -> None:
    inner = DICT
    for key in path[:-1]:
        inner = inner[key]
    with pytest.raises(ValueError, match=f"lacks '{path[-1]}'"):
        TableEncoding.from_dict(_changed(DICT, path[:-1], {k: v for k, v in inner.items() if k != path[-1]}))
    with pytest.raises(ValueError, match="has no entry 'more'"):
        TableEncoding.from_dict(_changed(DICT, path[:-1], inner | {"more": 1}))


def test_the_room_needs_neither_torch_nor_pandas_to_answer_rows() -> None:
    code = f"""
import json, sys
from neurokit.encoding import TableEncoding
encoding = TableEncoding.from_dict(json.loads({json.dumps(json.dumps(ENCODING.to_dict()))}))
encoding.transform([{ROW!r}])
assert not {{"torch", "pandas", "sklearn", "scipy"}} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_text_is_looked_up_without_spaces_where_it_is_not_known_with_them() -> None:
    known = CategoryColumn("town", ("Bern", "Chur ", "Chur"), told=True, rare=False)

    assert known([" Bern", "Chur ", "Chur", "\tChur", "", "  ", None, "Genf", 3, False]).tolist() == [
        1, 2, 3, 3, 4, 4, 4, 0, 0, 0,
    ]  # fmt: skip
    assert CategoryColumn("town", ("Bern",), told=False, rare=False)(["", None]).tolist() == [0, 0]
    assert CategoryColumn("flag", (True,), told=True, rare=False)([False, True, None]).tolist() == [0, 1, 2]
