"""Labels and targets of every form, in the form that the loss takes."""

import datetime

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from neurokit.data.targets import Targets

NAMES = ["no", "yes", "no", "maybe"]


def read(y, kind="classes", targets=None):
    targets = targets or Targets(kind)
    return targets.from_memory(y, "y"), targets.classes


@pytest.mark.parametrize(
    "y",
    [
        NAMES,
        tuple(NAMES)[:0] or np.array(NAMES),
        np.array(NAMES, dtype=object),
        np.array(NAMES)[:, None],
        pd.Series(NAMES),
        pd.Series(NAMES, dtype="str"),
        pd.Series(NAMES, dtype="string"),
        pd.Series(NAMES, dtype=object, index=[9, 8, 7, 6]),
        pd.Series(NAMES, dtype="category"),
        pd.Categorical(NAMES, categories=["yes", "no", "maybe", "never"]),
        pd.array(NAMES, dtype="string"),
        pd.Index(NAMES),
        pd.DataFrame({"answer": NAMES}),
        pd.DataFrame({"answer": pd.Categorical(NAMES)}),
        [[name] for name in NAMES],
    ],
    ids=[
        "list", "array", "objects", "column", "series", "str", "string", "indexed", "category", "categorical",
        "extension array", "index", "table", "table of categories", "list of rows",
    ],
)  # fmt: skip
def test_labels_of_every_kind_become_class_indices(y):
    indices, classes = read(y)
    assert indices.dtype is torch.int64
    assert indices.tolist() == [1, 2, 1, 0]
    assert classes.tolist() == ["maybe", "no", "yes"]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.Categorical([5, 9, 5]), [5, 9]),
        (np.array([b"a", b"b", b"a"]), [b"a", b"b"]),
        ([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), datetime.date(2026, 1, 1)], None),
        (pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-01"])), None),
    ],
    ids=["categories of numbers", "bytes", "dates", "timestamps"],
)
def test_any_labels_that_can_be_ordered_will_do(y, classes):
    indices, found = read(y)
    assert indices.tolist() == [0, 1, 0]
    assert classes is None or found.tolist() == classes
    assert list(found[indices.numpy()]) == list(np.asarray(y))


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 2, 1], dtype=dtype)
        for dtype in ("int8", "int32", "int64", "uint8", "uint16", "uint64", "float32", "float64", "float16", ">i4")
    ]
    + [
        [0, 2, 1],
        [0.0, 2.0, 1.0],
        pd.Series([0, 2, 1]),
        pd.Series([0, 2, 1], dtype="Int64"),
        pd.DataFrame({"y": [0, 2, 1]}),
        np.array([0, 2, 1], dtype=object),
        torch.tensor([0, 2, 1], dtype=torch.int32),
        torch.tensor([[0.0], [2.0], [1.0]]),
        [torch.tensor(0), torch.tensor(2), torch.tensor(1)],
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')}",
)
def test_whole_numbers_of_every_kind_are_class_indices_as_they_are(y):
    indices, classes = read(y)
    assert indices.dtype is torch.int64
    assert indices.reshape(-1).tolist() == [0, 2, 1]
    assert classes is None


@pytest.mark.parametrize("y", [[True, False], np.array([True, False]), pd.Series([True, False], dtype="boolean")])
def test_truth_values_are_the_classes_one_and_zero(y):
    assert read(y)[0].tolist() == [1, 0]
    assert read(y, "binary")[0].tolist() == [1.0, 0.0]
    assert read(y, None)[0].dtype is torch.int64


@pytest.mark.parametrize("y", [[0.0, 0.5, 1.0], [[0.0], [0.5], [1.0]], [0.0, float("nan"), 1.0]])
def test_numbers_that_are_no_class_are_refused_with_their_row(y):
    with pytest.raises(ValueError, match=r"y holds (0\.5|nan) in row 1, and this loss takes class indices"):
        read(y)


def test_numbers_that_are_no_class_are_refused_batch_by_batch_too():
    with pytest.raises(ValueError, match=r"y holds 0\.5 in row 1"):
        Targets("classes").convert(torch.tensor([1.0, 0.5]))


def test_probabilities_stay_probabilities():
    y = np.array([[0.2, 0.8], [0.5, 0.5]])
    assert torch.equal(read(y)[0], torch.tensor(y, dtype=torch.float32))


@pytest.mark.parametrize(
    ("kind", "values", "dtype"),
    [
        ("values", [1, 2], torch.float32),
        ("values", [1.5, 2.5], torch.float32),
        ("binary", [0, 1], torch.float32),
        (None, [1, 2], torch.int64),
        (None, [1.5, 2.5], torch.float32),
    ],
)
def test_numbers_take_the_dtype_of_the_loss(kind, values, dtype):
    assert read(np.array(values), kind)[0].dtype is dtype
    assert Targets(kind).convert(torch.tensor(values)).dtype is dtype


def test_floats_follow_the_model():
    assert read([1.5], None, Targets("values", torch.float64))[0].dtype is torch.float64


def test_sparse_targets_of_several_labels_are_read():
    assert read(scipy.sparse.csr_array(np.eye(2)), "binary")[0].tolist() == [[1, 0], [0, 1]]


def test_a_dict_of_targets_keeps_its_names():
    y, _ = read({"a": [1.0, 2.0], "b": [3.0, 4.0]}, "values")
    assert y["b"].tolist() == [3, 4]


# ------------------------------------------------------------------------------------------------------ seen before


def test_later_labels_are_encoded_as_the_first_were():
    targets = Targets("classes")
    read(NAMES, targets=targets)
    assert read(["yes", "maybe"], targets=targets)[0].tolist() == [2, 0]
    assert read(pd.Categorical(["yes"]), targets=targets)[0].tolist() == [2]


def test_a_label_that_was_not_there_before_is_named():
    targets = Targets("classes")
    read(NAMES, targets=targets)
    with pytest.raises(
        ValueError,
        match=r"holds the label 'never', which the training labels do not .first in row 1.: these are \['maybe', 'no'",
    ):
        read(["no", "never"], targets=targets)


@pytest.mark.parametrize("y", [[0, 1], torch.tensor([0, 1]), np.array([0, 1])])
def test_numbers_after_names_are_labels_that_were_not_there(y):
    targets = Targets("classes")
    read(NAMES, targets=targets)
    with pytest.raises(ValueError, match="holds the label 0, which the training labels do not"):
        read(y, targets=targets)


def test_number_categories_are_met_again_as_numbers():
    targets = Targets("classes")
    read(pd.Categorical([5, 9]), targets=targets)
    assert read(torch.tensor([9, 5]), targets=targets)[0].tolist() == [1, 0]


@pytest.mark.parametrize("y", [["no", "maybe"], ("no", "maybe"), np.array(["no", "maybe"])])
def test_names_in_batches_are_read_once_memory_told_which_there_are(y):
    targets = Targets("classes")
    with pytest.raises(
        TypeError, match=r"The batches hold labels such as \['no', 'maybe'\].*Number them in the dataset"
    ):
        targets.from_batch(y)
    read(NAMES, targets=targets)
    assert targets.from_batch(y).tolist() == [1, 0]
    with pytest.raises(ValueError, match="holds the label 'never'"):
        targets.from_batch(["never"])


def test_batches_of_any_structure_are_converted():
    targets = Targets("values")
    assert targets.from_batch({"a": torch.tensor([1])})["a"].dtype is torch.float32
    assert targets.from_batch((torch.tensor([1]), torch.tensor([2])))[1].dtype is torch.float32
    assert Targets(None).from_batch(["free", "text"]) == ["free", "text"]


# ---------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "y",
    [
        ["no", None, "yes"],
        pd.Series(["no", None, "yes"]),
        pd.Series(["no", None, "yes"], dtype="string"),
        pd.Categorical(["no", None, "yes"]),
        np.array(["no", np.nan, "yes"], dtype=object),
        np.array([0, None, 1], dtype=object),
        pd.Series(pd.to_datetime(["2026-01-01", None, "2026-01-02"])),
    ],
    ids=["list", "series", "string", "category", "nan", "numbers", "dates"],
)
def test_rows_without_a_label_are_named(y):
    with pytest.raises(
        ValueError, match=r"y has no label in row 1 \(1 in all\). where it holds .*Leave these rows out, of x too"
    ):
        read(y)


def test_labels_of_several_types_are_refused():
    with pytest.raises(TypeError, match=r"of several types, \['int', 'str'\]"):
        read(["a", 1])


def test_labels_for_a_loss_of_numbers_are_refused():
    with pytest.raises(
        TypeError,
        match=r"holds labels such as \['no', 'yes', 'no'\].*takes numbers. To tell classes .* loss='cross_entropy'",
    ):
        read(NAMES, "values")


def test_three_classes_are_too_many_for_two():
    with pytest.raises(ValueError, match=r"holds 3 classes, \['maybe', 'no', 'yes'\], and this loss tells two apart"):
        read(NAMES, "binary")


def test_several_columns_of_labels_are_refused():
    with pytest.raises(ValueError, match=r"labels in shape \(2, 2\), and a row has one"):
        read(pd.DataFrame({"a": ["x", "y"], "b": ["z", "z"]}))


def test_ragged_rows_are_named_as_the_user_names_them():
    with pytest.raises(ValueError, match="The rows of y differ in shape"):
        read([[1, 2], [3]])


def test_a_column_of_names_for_two_classes_stays_a_column_as_one_of_numbers_does() -> None:
    names = np.array(["no", "yes", "no"])[:, None]
    assert read(names, "binary")[0].tolist() == [[0.0], [1.0], [0.0]]
    assert read(names, "classes")[0].tolist() == [0, 1, 0]
