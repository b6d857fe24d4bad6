"""Columns and shapes that fit met, by which later data are read."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from neurokit.data.inputs import Known, column_names, known_inputs, read_like

X = np.arange(12.0).reshape(4, 3)
FRAME = pd.DataFrame(X, columns=["age", "fare", "weight"])
MET = {"": Known(("age", "fare", "weight"), (3,))}


def test_only_tables_whose_columns_have_names_have_names():
    assert column_names(FRAME) == ("age", "fare", "weight")
    assert column_names(FRAME.set_axis([("a", 1), ("a", 2), ("b", 1)], axis=1)) == ("('a', 1)", "('a', 2)", "('b', 1)")
    assert column_names(pd.DataFrame(X)) == column_names(X) == column_names(FRAME["age"]) == ()
    assert column_names(FRAME.set_axis(["a", 1, 2], axis=1)) == ("a", "1", "2")


def test_what_is_remembered_goes_by_where_it_is_in_x():
    columns = [torch.zeros(4, 3), torch.zeros(4, 2, 2), torch.zeros(4)]
    assert known_inputs(({"a": FRAME, "b": X}, X), columns) == {
        "[0]['a']": Known(("age", "fare", "weight"), (3,)),
        "[0]['b']": Known((), (2, 2)),
        "[1]": Known((), ()),
    }
    assert known_inputs(torch.zeros(4, 3), [torch.zeros(4, 3), torch.zeros(4)]) == {"": Known((), (3,))}
    data = TensorDataset(torch.zeros(4, 3), torch.zeros(4))
    assert known_inputs(data, list(data.tensors)) == {"": Known((), (3,))}


def test_columns_in_another_order_are_taken_by_name_and_it_is_said(caplog):
    with caplog.at_level(logging.WARNING, "neurokit"):
        read = read_like(FRAME[["weight", "age", "fare"]], MET, "x")
    assert list(read.columns) == ["age", "fare", "weight"]
    assert (read.to_numpy() == X).all()
    assert "x has the columns of fit in another order. They are taken by name, 'age' first." in caplog.text


def test_the_same_columns_are_the_same_table(caplog):
    assert read_like(FRAME, MET, "x") is FRAME
    assert read_like(X, MET, "x") is X
    assert read_like(pd.DataFrame(X), MET, "x").shape == (4, 3)
    assert not caplog.text


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (FRAME[["age", "fare"]], r"x lacks the column 'weight'; .* on the columns 'age', 'fare', 'weight'. Add it"),
        (FRAME[["age"]], "x lacks the columns 'fare', 'weight'; .* Add them, or fit without"),
        (FRAME.assign(cabin=1), r"x has the column 'cabin', which fit did not; .* x\[\['age', 'fare', 'weight'\]\]"),
        (FRAME.rename(columns={"fare": "Fare"}), "lacks the column 'fare' and has the column 'Fare', .*Rename it to"),
        (FRAME.set_axis(["age", "fare", "fare"], axis=1), r"2 columns named 'fare', at positions 1, 2.*duplicated\(\)"),
    ],
    ids=["one less", "two less", "one more", "renamed", "twice"],
)  # fmt: skip
def test_other_columns_are_named(frame, said):
    with pytest.raises(ValueError, match=said):
        read_like(frame, MET, "x")


def test_wide_tables_are_not_listed_in_full():
    wide = pd.DataFrame(np.zeros((2, 40)), columns=[f"pixel{index}" for index in range(40)])
    met = known_inputs(wide, [torch.zeros(2, 40)])
    with pytest.raises(ValueError, match=r"'pixel5' and 34 more. Pass x without the column 'label'") as caught:
        read_like(wide.assign(label=1), met, "x")
    assert len(str(caught.value)) < 400


def test_a_new_fit_may_have_other_columns_and_has_the_same_ones_in_their_order():
    assert list(read_like(FRAME[["fare", "age", "weight"]], MET, "x", anew=True).columns) == ["age", "fare", "weight"]
    other = FRAME.assign(cabin=1)
    assert read_like(other, MET, "x", anew=True) is other
    assert read_like(X[0], MET, "x", anew=True) is not None


def test_several_inputs_are_each_read_like_their_own():
    met = known_inputs({"a": FRAME, "b": X}, [torch.zeros(4, 3), torch.zeros(4, 3)])
    read = read_like({"a": FRAME.iloc[:, ::-1], "b": X}, met, "x")
    assert list(read["a"].columns) == ["age", "fare", "weight"]
    with pytest.raises(ValueError, match=r"x\['a'\] lacks the column 'age'"):
        read_like({"a": FRAME.drop(columns="age"), "b": X}, met, "x")


# --------------------------------------------------------------------------------------------------------- one sample


@pytest.mark.parametrize(
    "sample", [X[0], torch.tensor(X[0]), X[0].tolist(), FRAME.iloc[0]], ids=["array", "tensor", "list", "series"]
)
def test_one_sample_alone_is_refused(sample):
    with pytest.raises(ValueError, match=r"x has the shape of one sample, \(3,\).* takes \(1, 3\) for one sample"):
        read_like(sample, MET, "x")


def test_one_sample_of_several_axes_is_refused():
    met = {"": Known((), (2, 3))}
    for sample in (np.zeros((2, 3)), np.zeros((2, 3)).tolist()):
        with pytest.raises(ValueError, match=r"one sample, \(2, 3\).*x\[0:1\]"):
            read_like(sample, met, "x")


@pytest.mark.parametrize("rows", [X, X[:1], X[:, :2], FRAME, X.tolist(), [[1.0, 2.0, 3.0]] * 3], ids=lambda value: None)
def test_rows_are_no_sample(rows):
    assert read_like(rows, MET, "x") is rows


def test_a_sample_of_a_single_number_is_a_row():
    assert read_like([1.0, 2.0], {"": Known((), ())}, "x") == [1.0, 2.0]
