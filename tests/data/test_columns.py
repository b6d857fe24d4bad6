"""Inputs, targets and weights in memory: one row each per sample."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

from neurokit.data.columns import to_columns
from neurokit.data.targets import Targets

NAMES = ("x", "y", "sample_weight")
X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 3
W = np.linspace(0, 1, 20)


def read(x, y=None, weight=None, *, targets=None, names=NAMES, dtype=torch.float32):
    return to_columns(x, y, weight, targets=targets or Targets("classes"), dtype=dtype, names=names)


def test_inputs_and_targets_may_be_several():
    x, y, weight = read(({"a": X, "b": X[:, :1]}, X), Y)
    assert [part.shape for part in (x[0]["a"], x[0]["b"], x[1], y)] == [(20, 2), (20, 1), (20, 2), (20,)]
    assert weight is None


@pytest.mark.parametrize(
    "weight",
    [W, W[:, None], pd.Series(W), pd.DataFrame(W), W.tolist(), torch.tensor(W), (W * 100).astype(int), W > 0.5],
    ids=["array", "column", "series", "table", "list", "tensor", "whole numbers", "mask"],
)
def test_weights_are_one_floating_column(weight):
    _, _, column = read(X, Y, weight)
    assert column.shape == (20,)
    assert column.dtype is torch.float32
    assert column.tolist() == torch.as_tensor(np.asarray(weight)).reshape(-1).to(torch.float32).tolist()


def test_targets_by_output_name():
    _, y, _ = read(X, {"a": Y, "b": Y}, targets={"a": Targets("classes"), "b": Targets("values")})
    assert (y["a"].dtype, y["b"].dtype) == (torch.int64, torch.float32)


@pytest.mark.parametrize("y", [Y, {"a": Y}, {"a": Y, "c": Y}])
def test_targets_by_name_need_all_names(y):
    with pytest.raises(ValueError, match=r"The loss is a dict for the outputs \['a', 'b'\], so y is a dict"):
        read(X, y, targets={"a": Targets("classes"), "b": Targets("values")})


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((X, Y[:19]), ValueError, "Lengths differ: x has 20 rows, y has 19 rows"),
        ((X, Y, W[:3]), ValueError, "x has 20 rows, y has 20 rows, sample_weight has 3 rows"),
        (((X, X[:5]), Y), ValueError, r"x\[0\] has 20 rows, x\[1\] has 5 rows, y has 20 rows"),
        (({"a": X, "b": X[:5]}, Y), ValueError, r"x\['a'\] has 20 rows, x\['b'\] has 5 rows"),
        ((X, Y, -W), ValueError, "sample_weight is one finite weight of 0 or more per row.*from -1 to -0"),
        ((X, Y, W * 0), ValueError, "some of them above 0"),
        ((X, Y, W * np.nan), ValueError, "one finite weight"),
        ((X, Y, W + np.inf), ValueError, "one finite weight"),
        ((X, Y, []), ValueError, r"one finite weight.*got shape \(0,\)\."),
        ((X, Y, X), ValueError, r"got shape \(20, 2\), from 0 to 39"),
        ((X, Y, ["a"] * 20), TypeError, "sample_weight holds <U1"),
    ],
    ids=lambda value: None,
)
def test_what_does_not_fit_together_is_refused_by_name(arguments, error, said):
    with pytest.raises(error, match=said):
        read(*arguments)


def test_tables_with_other_indexes_are_matched_by_position_and_it_is_said(caplog):
    frame, series = pd.DataFrame(X), pd.Series(Y, index=range(20, 40))
    with caplog.at_level(logging.WARNING, "neurokit"):
        assert torch.equal(read(frame, series)[1], torch.tensor(Y))
        assert "x and y have different indexes. Rows are matched by position" in caplog.text
        caplog.clear()
        read(frame, pd.Series(Y))
        read(frame, Y)
        assert not caplog.text
