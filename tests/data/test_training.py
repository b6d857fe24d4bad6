"""The loaders of a fit: what trains, what validates, and how the rows were split between them."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from neurokit.data.memory import InMemoryLoader
from neurokit.data.split import split_rows
from neurokit.data.targets import Targets
from neurokit.data.training import Reading, TrainingData
from neurokit.seeding import order

X = torch.arange(80.0).reshape(40, 2)
Y = torch.arange(40) % 4


class Rows(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return X[index], int(Y[index])


class Stream(IterableDataset):
    def __iter__(self):
        return zip(X, Y, strict=True)


class Batches:
    def __iter__(self):
        return zip(X.split(8), Y.split(8), strict=True)


def read(x, y=None, weight=None, *, kind="classes", whole=False, norm=False, targets=None, **settings) -> TrainingData:
    defaults = {"batch_size": None, "shuffle": True, "validation_data": None, "validation_split": 0.0}
    reading = Reading(targets or Targets(kind), torch.float32, 7, whole, norm)
    return TrainingData.read(x, y, weight, reading, **defaults | settings)


def rows(loader, data_pass=None) -> list[int]:
    """Row numbers, from what X holds."""
    return (torch.cat([batch.x for batch in loader.batches(data_pass)])[:, 0] / 2).to(torch.int64).tolist()


VALIDATION = {
    "arrays": (X.numpy(), Y.numpy()),
    "weights": (X.numpy(), Y.numpy(), np.ones(40)),
    "table": (pd.DataFrame(X.numpy()), pd.Series(Y.numpy())),
    "several inputs": ((X, X), Y),
    "named inputs": ({"a": X}, Y),
    "lists": (X.tolist(), Y.tolist()),
    "dataset": Rows(),
    "tensors": TensorDataset(X, Y),
    "stream": Stream(),
    "loader": DataLoader(Rows(), 8),
    "shuffled loader": DataLoader(Rows(), 8, shuffle=True),
    "shuffled tensors": DataLoader(TensorDataset(X, Y), 8, shuffle=True),
    "loader with workers": DataLoader(Rows(), 8, num_workers=1),
    "iterable": Batches(),
    "generator": iter(Batches()),
}


@pytest.mark.parametrize("form", VALIDATION)
def test_validation_data_of_every_form_are_read_in_their_order(form):
    loader = read(X, Y, validation_data=VALIDATION[form]).validation
    batches = list(loader.batches())
    assert torch.cat([batch.y for batch in batches]).tolist() == Y.tolist()
    assert (batches[0].weight is not None) == (form == "weights")


def test_without_validation_there_is_none():
    data = read(X, Y)
    assert data.validation is None
    assert data.split == {}
    assert rows(data.train, 2) == order(40, 7, 2).tolist()


def test_the_batch_size_of_arrays_is_that_of_their_validation():
    data = read(X, Y, batch_size=10, validation_data=(X, Y))
    assert (data.train.num_batches, data.validation.num_batches) == (4, 4)
    assert read(X, Y, batch_size=10, validation_data=Batches()).validation.num_batches is None
    assert read(X, Y, batch_size=10, validation_data=Rows()).validation.num_batches == 4


# -------------------------------------------------------------------------------------------------------------- split


def test_a_split_of_classes_is_stratified_and_recorded():
    data = read(X, Y, validation_split=0.3)
    assert data.split["how"] == "stratified"
    assert (data.split["fraction"], data.split["seed"]) == (0.3, 7)
    assert data.split["indices"] == split_rows(40, 0.3, 7, Y)[1].tolist()
    assert rows(data.validation) == data.split["indices"]
    assert sorted(rows(data.train, 0) + rows(data.validation)) == list(range(40))
    assert torch.bincount(Y[data.split["indices"]]).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("y", "kind", "how"),
    [
        (Y, "classes", "stratified"),
        (Y.numpy().astype(str), "classes", "stratified"),
        (Y[:, None], "classes", "stratified"),
        (Y % 2, "binary", "stratified"),
        (Y, None, "stratified"),
        (Y.float(), "values", "random"),
        (Y, "values", "random"),
        (Y.float(), None, "random"),
        (torch.nn.functional.one_hot(Y), "classes", "random"),
        (torch.nn.functional.one_hot(Y), "binary", "random"),
        (None, "classes", "random"),
    ],
    ids=lambda value: None,
)
def test_targets_that_are_classes_are_stratified(y, kind, how):
    assert read(X, y, kind=kind, validation_split=0.25).split["how"] == how


def test_the_rows_that_train_are_shuffled_in_our_order_and_only_if_asked():
    data = read(X, Y, validation_split=0.3)
    trained = [row for row in range(40) if row not in data.split["indices"]]
    assert rows(data.train, 1) == [trained[position] for position in order(28, 7, 1)]
    assert rows(read(X, Y, validation_split=0.3, shuffle=False).train, 1) == trained


@pytest.mark.parametrize("dataset", [Rows(), TensorDataset(X, Y)], ids=["dataset", "tensors"])
def test_a_dataset_is_split_too(dataset):
    data = read(dataset, validation_split=0.3)
    assert data.split["how"] == ("stratified" if isinstance(dataset, TensorDataset) else "random")
    assert rows(data.validation) == data.split["indices"]
    assert sorted(rows(data.train, 0) + rows(data.validation)) == list(range(40))
    assert rows(data.train, 0) != sorted(rows(data.train, 0))


def test_weights_and_several_inputs_are_split_with_their_rows():
    data = read({"a": X, "b": X + 1}, Y, torch.arange(40.0), validation_split=0.25)
    for loader in (data.train, data.validation):
        for batch in loader.batches():
            assert torch.equal(batch.x["a"] + 1, batch.x["b"])
            assert torch.equal(batch.weight * 2, batch.x["a"][:, 0])


def test_classes_without_a_row_on_one_side_are_named(caplog):
    names = np.array(["a"] * 39 + ["b"])
    with caplog.at_level(logging.WARNING, "neurokit"):
        read(X, names, validation_split=0.1)
    assert "validation_split leaves no row of class 'b' that validates." in caplog.text


# ---------------------------------------------------------------------------------------------- models with own losses


def test_validation_of_a_model_with_its_own_loss_goes_to_it_whole():
    for validation in ((X, Y), [X, Y] and DataLoader(TensorDataset(X, Y), 8), Rows()):
        data = read(X, Y, whole=True, validation_data=validation)
        assert [part.shape[1:] for part in next(data.validation.batches()).x] == [(2,), ()]
    three = read((X, X, Y), whole=True, validation_data=(X, X, Y)).validation
    assert len(next(three.batches()).x) == 3
    assert read({"x": X}, whole=True, validation_data={"x": X}).validation.peek().x.keys() == {"x"}


# ----------------------------------------------------------------------------------------------------------- BatchNorm


def test_a_lone_last_row_joins_only_in_training():
    data = read(X[:33], Y[:33], norm=True, batch_size=8, validation_data=(X[:33], Y[:33]))
    assert [len(batch.y) for batch in data.train.batches(0)] == [8, 8, 8, 9]
    assert [len(batch.y) for batch in data.validation.batches()] == [8, 8, 8, 8, 1]


def test_a_split_may_leave_a_lone_row_too():
    data = read(X[:11], Y[:11] * 0, norm=True, batch_size=4, validation_split=0.2)
    assert [len(batch.y) for batch in data.train.batches(0)] == [4, 5]
    assert data.train.joins


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        ((X, Y), {"batch_size": 1}),
        ((DataLoader(Rows(), 1),), {}),
        ((X[:1], Y[:1]), {}),
        ((X[:2], Y[:2]), {"validation_split": 0.5}),
    ],
    ids=["batch size", "loader", "one row", "one row left"],
)
def test_batches_of_one_row_are_refused_for_batch_norm(data, settings):
    with pytest.raises(ValueError, match="a batch of one row leaves nothing to vary"):
        read(*data, norm=True, **settings)


def test_a_table_with_a_column_called_batch_size_is_a_table():
    frame = pd.DataFrame({"batch_size": [1, 2, 3]})
    assert read(frame, [0, 1, 0], norm=True).train.num_rows == 3


# ---------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "said"),
    [
        ((X, Y), {"validation_split": 0.2, "validation_data": (X, Y)}, ValueError, "both given"),
        ((X, Y), {"validation_split": 1.0}, ValueError, "between 0 and 1"),
        ((X, Y), {"validation_split": -0.5}, ValueError, "between 0 and 1"),
        ((X, Y), {"validation_split": "0.2"}, ValueError, "between 0 and 1"),
        ((X, Y), {"validation_split": 0.001}, ValueError, "leaves 40 to train and 0 to validate"),
        ((Batches(),), {"validation_split": 0.2}, TypeError, "needs rows that can be drawn, and x is a Batches"),
        ((DataLoader(Rows()),), {"validation_split": 0.2}, TypeError, "rows that can be drawn, and x is a DataLoader"),
        ((DataLoader(Rows()),), {"shuffle": False}, TypeError, "x is a DataLoader, which has an order of its own"),
        ((X, Y), {"validation_data": (X, Y[:3])}, ValueError, r"data\[0\] has 40 rows, validation_data\[1\] has 3"),
        ((X, Y), {"validation_data": (X[:0], Y[:0])}, ValueError, r"validation_data\[0\] has 0 rows"),
        ((X, Y), {"validation_data": (X,)}, ValueError, r"is \(x, y\) or \(x, y, sample_weight\).* has 1"),
        ((X, Y), {"validation_data": (X, Y, Y, Y)}, ValueError, r"this tuple has 4 entries. Several inputs are"),
        ((X, Y), {"validation_data": [X, Y]}, TypeError, r"validation_data is a list.*Pass a tuple: \(x, y\)"),
        ((X, Y), {"validation_data": "test.csv"}, TypeError, "validation_data is a str"),
        ((X, Y), {"validation_data": (X, Y, -Y)}, ValueError, r"validation_data\[2\] is one finite weight"),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_to_do(arguments, settings, error, said):
    with pytest.raises(error, match=said):
        read(*arguments, **settings)


def test_labels_that_only_validation_has_are_named():
    with pytest.raises(ValueError, match=r"validation_data\[1\] holds the label 'c', which the training labels do not"):
        read(X[:2], ["a", "b"], validation_data=(X[:2], ["a", "c"]))


def test_nothing_of_a_trainer_is_needed_to_read_data():
    assert isinstance(read(X, Y).train, InMemoryLoader)
