from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from neurokit.assessment.groups.sensitive import BETWEEN, sensitive_columns, with_intersections


def test_categories_keep_their_order_and_unused_ones_are_left_out() -> None:
    values = pd.Categorical(["mid", "low", "high"], categories=["low", "mid", "never", "high"], ordered=True)
    [column] = sensitive_columns({"income": values}, rows=3)
    assert column.groups == ("low", "mid", "high")
    assert list(column.labels) == ["mid", "low", "high"]


def test_codes_are_in_the_order_of_numbers_and_whole_ones_without_a_point() -> None:
    [column] = sensitive_columns({"code": [10.0, 9.0, None, 2.5]}, rows=4)
    assert column.groups == ("2.5", "9", "10", "missing")


def test_booleans_and_numbers_beside_text_are_groups() -> None:
    flag, mixed = sensitive_columns({"flag": [True, False, True], "mixed": [1, "one", 1.0]}, rows=3)
    assert flag.groups == ("False", "True")
    assert mixed.groups == ("1", "one")


def test_a_value_that_is_called_missing_and_one_that_is_are_one_group() -> None:
    [column] = sensitive_columns({"sex": ["missing", None, "  ", "f"]}, rows=4)
    assert column.groups == ("f", "missing")
    assert list(column.labels) == ["missing"] * 3 + ["f"]


def test_a_column_without_a_known_value_is_one_group() -> None:
    [column] = sensitive_columns({"sex": [None, None]}, rows=2)
    assert column.groups == ("missing",)


@pytest.mark.parametrize(
    "table", [np.array([["f", "x"], ["m", "y"], ["f", "y"]]), [["f", "x"], ["m", "y"], ["f", "y"]]]
)
def test_two_columns_in_an_array_get_names(table: object) -> None:
    columns = sensitive_columns(table, rows=3)
    assert [(one.name, one.groups) for one in columns] == [("sensitive_1", ("f", "m")), ("sensitive_2", ("x", "y"))]


def test_several_series_are_several_columns() -> None:
    sex, age = pd.Series(["f", "m"], name="sex"), pd.Series(["old", "old"], name="age")
    assert [one.name for one in sensitive_columns([sex, age], rows=2)] == ["sex", "age"]


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="names 'a' twice"):
        sensitive_columns(pd.DataFrame([[1, 2]] * 3, columns=["a", "a"]), rows=3)


def test_a_small_intersection_shows_empty_cells_and_a_large_one_only_rows() -> None:
    few = with_intersections(sensitive_columns({"a": ["x", "y"], "b": ["x", "y"]}, rows=2))[-1]
    assert few.groups == tuple(BETWEEN.join(cell) for cell in ("xx", "xy", "yx", "yy"))
    letters = [f"{row:02}" for row in range(50)]
    many = with_intersections(sensitive_columns({"a": letters, "b": letters[::-1]}, rows=50))[-1]
    assert len(many.groups) == 50
    assert many.groups[0] == BETWEEN.join(("00", "49"))


def test_bands_hold_every_row_and_meet_without_a_gap() -> None:
    ages = np.random.default_rng(0).integers(0, 100, 1000)
    [column] = sensitive_columns({"age": ages}, rows=1000)
    edges = np.quantile(ages, [0.25, 0.5, 0.75])
    expected = np.searchsorted(edges, ages)  # over an edge is the next band
    assert list(column.labels) == [column.groups[band] for band in expected]
    assert column.groups[1] == f"over {edges[0]:g} to {edges[1]:g}"
