from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from neurokit.explanations.columns import Columns


@pytest.mark.parametrize(
    ("x", "background"),
    [
        (torch.randn(4, 2, 3), torch.randn(5, 2, 3)),
        (torch.randn(4, 3).bfloat16(), torch.randn(5, 3).bfloat16()),
        (torch.randint(0, 9, (4, 3)), torch.randint(0, 9, (5, 3))),
        (torch.tensor([[True], [False]]), torch.tensor([[True]])),
        (torch.tensor([2**60, 2**60 + 1]), torch.tensor([2**60 + 2])),
        (np.array([[np.nan, 1.0], [np.inf, 2.0]]), np.array([[3.0, -np.inf]])),
        (np.array([["a", 1], ["b", None]], dtype=object), np.array([["c", 1]], dtype=object)),
        ({"a": torch.randn(3), "b": (torch.ones(3, 2), np.zeros((3, 1)))},
         {"a": torch.randn(2), "b": (torch.ones(2, 2), np.ones((2, 1)))}),
    ],
)  # fmt: skip
def test_rows_come_back_as_they_were(x, background):
    columns = Columns(x, background)

    def compare(found, expected):
        if isinstance(expected, dict):
            return [compare(found[key], expected[key]) for key in expected]
        if isinstance(expected, tuple):
            return [compare(*pair) for pair in zip(found, expected, strict=True)]
        assert type(found) is type(expected)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        if isinstance(expected, torch.Tensor):
            assert torch.equal(found, expected)
        else:
            np.testing.assert_array_equal(found, expected)
        return None

    compare(columns.decode(columns.x), x)
    compare(columns.decode(columns.background), background)
    assert np.isfinite(columns.x).all()
    assert columns.x.dtype == np.float64


def test_a_table_comes_back_with_its_dtypes_and_gaps():
    table = pd.DataFrame({
        "number": [1.5, np.nan, 2.5],
        "count": [3, 1, 2],
        "word": ["b", None, "a"],
        "kind": pd.Categorical(["q", "p", None], categories=["p", "q", "r"], ordered=True),
        "day": pd.to_datetime(["2020-01-02", "2020-01-01", None]),
        "flag": [True, False, True],
        "whole": pd.array([1, None, 3], dtype="Int64"),
    })  # fmt: skip

    columns = Columns(table, table[:1])

    pd.testing.assert_frame_equal(columns.decode(columns.x), table)
    numbers = columns.numbers()[0]
    np.testing.assert_array_equal(numbers[:, 2], [1, np.nan, 0])  # in their order, NaN where missing
    np.testing.assert_array_equal(numbers[:, 3], [1, 0, np.nan])
    np.testing.assert_array_equal(numbers[:, 0], table["number"])


def test_near_numbers_are_coded_and_far_ones_are_not():
    x = torch.tensor([[1e9, 1.0], [1e9 + 128, 2.0]])

    columns = Columns(x, x[:1])

    assert not np.isclose(columns.x[0, 0], columns.x[1, 0])
    np.testing.assert_array_equal(columns.x[:, 1], [1.0, 2.0])
    assert torch.equal(columns.plain().decode(np.array([[0.5, 0.5]])), torch.tensor([[0.5, 0.5]]))


def test_two_dtypes_of_one_input_become_their_common_one():
    columns = Columns(torch.tensor([[1], [2]]), torch.tensor([[0.5]]))

    assert columns.decode(columns.background).tolist() == [[0.5]]
    table = Columns(pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [0.5]}))
    assert table.decode(table.background)["a"].tolist() == [0.5]


def test_categories_that_mean_two_things_are_refused():
    first = pd.DataFrame({"kind": pd.Categorical(["a", "b"])})
    second = pd.DataFrame({"kind": pd.Categorical(["c", "b"])})

    with pytest.raises(ValueError, match="The column 'kind' is of other categories in background"):
        Columns(first, second)
