"""NaN and infinity: found by one sum, named by column and row."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from neurokit.data.arrays import SparseRows
from neurokit.data.batch import Batch
from neurokit.data.finite import Label, is_finite, not_finite, not_finite_in_batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import make_loader
from neurokit.data.targets import Targets

X = torch.arange(40.0).reshape(10, 4)


def with_at(*places, value=torch.nan, of=X):
    changed = of.clone()
    for place in places:
        changed[place] = value
    return changed


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_one_bad_number_is_found_in_any_dtype(dtype, value):
    found = not_finite(with_at((7, 2), value=value).to(dtype), Label("x"))
    assert (found.nan, found.infinite) == ((1, 0) if value != value else (0, 1))
    assert (found.rows, found.columns) == ([7], {"2": 1})
    assert not_finite(X.to(dtype), Label("x")) is None


def test_infinities_of_both_signs_do_not_cancel():
    both = with_at((0, 0), value=torch.inf)
    both[1, 1] = -torch.inf
    assert not_finite(both, Label("x")).infinite == 2


def test_finite_numbers_whose_sum_is_infinite_are_finite():
    assert not_finite(torch.full((10, 4), 3e38), Label("x")) is None
    assert not_finite(torch.full((200, 4), 6e4, dtype=torch.float16), Label("x")) is None


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_whole_numbers_are_finite(dtype):
    assert not_finite(torch.ones(3, 2, dtype=dtype), Label("x")) is None


def test_columns_are_counted_by_name():
    found = not_finite(with_at((3, 1), (5, 1), (5, 3)), Label("x", ("age", "fare", "weight", "height")))
    assert found.columns == {"'fare'": 2, "'height'": 1}
    assert str(found) == "x holds 3 NaN in columns 'fare' (2), 'height' (1), first in row 3 (2 rows in all)"


def test_many_columns_are_counted_and_not_listed():
    text = str(not_finite(torch.full((2, 9), torch.nan), Label("x")))
    assert (
        text == "x holds 18 NaN in columns 0 (2), 1 (2), 2 (2), 3 (2), 4 (2) and 4 more, first in row 0 (2 rows in all)"
    )


@pytest.mark.parametrize("shape", [(6,), (6, 3, 2), (6, 3, 2, 2)])
def test_rows_of_any_shape_are_named(shape):
    values = torch.zeros(shape)
    values[4] = torch.nan
    found = not_finite(values, Label("x"))
    assert (found.rows, found.columns) == ([4], {})


def test_a_place_beyond_the_first_block_is_named(monkeypatch):
    monkeypatch.setattr("neurokit.data.finite._BLOCK", 3)
    found = not_finite(with_at((2, 0), (8, 0)), Label("x"))
    assert (found.rows, found.columns) == ([2, 8], {"0": 2})


def test_only_rows_that_are_asked_for_count():
    values = with_at((2, 0), (8, 0))
    assert not_finite(values, Label("x"), torch.tensor([9, 8, 7])).rows == [8]
    assert not_finite(values, Label("x"), torch.tensor([9, 7])) is None


def test_sparse_rows_are_read_without_making_them_dense():
    matrix = scipy.sparse.csr_array(with_at((6, 1)).numpy())
    rows = SparseRows(matrix, "x", torch.float32)
    assert not_finite(rows, Label("x")).rows == [6]
    huge = scipy.sparse.csr_array((np.ones(1), ([10**6 - 1], [7])), shape=(10**6, 10**6))
    assert not_finite(SparseRows(huge, "x", torch.float32), Label("x")) is None


def test_a_batch_of_a_loader_is_looked_at_whatever_its_structure():
    batch = Batch({"a": X, "b": [with_at((2, 1)), "name"]}, (X[:, 0], with_at((5, 0))))
    assert [str(one) for one in not_finite_in_batch(batch, ("x", "y"))] == [
        "In the first batch, x holds 1 NaN in column 1 (1), first in row 2 (1 row in all)",
        "In the first batch, y holds 1 NaN in column 0 (1), first in row 5 (1 row in all)",
    ]
    assert not_finite_in_batch(Batch(X, None), ("x", "y")) == []


def test_a_structure_is_finite_where_all_its_tensors_are():
    assert is_finite({"a": X, "b": (X, torch.ones(3, dtype=torch.int64), None)})
    assert not is_finite({"a": X, "b": (with_at((0, 0)),)})


# ------------------------------------------------------------------------------------------------------- in a loader


def test_a_loader_tells_what_the_user_calls_each_column():
    x = {"image": X.numpy(), "table": pd.DataFrame(with_at((3, 1)).numpy(), columns=list("abcd"))}
    loader = make_loader(
        x, with_at(6, of=X[:, 0]), targets=Targets("values"), dtype=torch.float32, batch_size=4
    )  # fmt: skip
    assert [str(one) for one in loader.not_finite()] == [
        "x['table'] holds 1 NaN in column 'b' (1), first in row 3 (1 row in all)",
        "y holds 1 NaN, first in row 6 (1 row in all)",
    ]


def test_a_part_of_the_rows_answers_for_itself():
    whole = InMemoryLoader(with_at((3, 1)), batch_size=4)
    parts = [whole.subset(torch.tensor(rows), shuffle=False, join_lone_row=False) for rows in ([1, 2], [2, 3])]
    assert [len(part.not_finite()) for part in parts] == [0, 1]


def test_the_sum_is_taken_once_for_all_loaders_over_the_same_columns(monkeypatch):
    sums = []
    monkeypatch.setattr("neurokit.data.memory.sums_finite", lambda column: sums.append(column) or True)
    whole = InMemoryLoader(X, X[:, 0], batch_size=4)
    part = whole.subset(torch.arange(3), shuffle=False, join_lone_row=False)
    assert [part.not_finite(), whole.not_finite(), part.not_finite()] == [[], [], []]
    assert len(sums) == 2


def test_a_batch_around_a_bad_row_holds_others_too():
    loader = InMemoryLoader(with_at((3, 1)), batch_size=4)
    batch = loader.around(loader.not_finite())
    assert batch.x[0].isnan().any()
    assert len(batch.x) == 10
    assert not batch.x[1:].isnan().any()


def test_rows_with_the_smallest_and_largest_whole_numbers():
    ids = torch.tensor([[3, 0], [9, 1], [2, 5], [3, 3]])
    assert InMemoryLoader(ids, batch_size=2).extreme_rows() == [0, 1, 2]
    assert InMemoryLoader(ids, batch_size=2, rows=torch.tensor([0, 3])).extreme_rows() == [0, 3]
    assert InMemoryLoader(torch.arange(300).reshape(3, 100), batch_size=2).extreme_rows() == [0, 2]
    assert InMemoryLoader((ids > 2, X), batch_size=2).extreme_rows() == []
