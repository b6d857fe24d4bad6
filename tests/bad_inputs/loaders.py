"""Mistakes in loaders, generators, splits and validation: batches of another structure, too few of them, or none."""

# ruff: noqa: E501  (a case is a line)

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from bad_inputs.corpus import Case, classifier, labels, regressor, rows
from neurokit import Trainer

X, Y = rows(), labels()
TENSORS = TensorDataset(X, Y)


def fit(x: Any, y: Any = None, **more: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.fit(x, y, **{"verbose": 0} | more)


class Batches:
    """Batches of four rows, in whichever form, again and again."""

    def __init__(self, form: Callable[[Any, Any], Any] = lambda x, y: (x, y)) -> None:
        self.form = form

    def __iter__(self) -> Iterator[Any]:
        return (self.form(X[start : start + 4], Y[start : start + 4]) for start in range(0, 12, 4))


class Samples(Dataset):  # type: ignore[type-arg]
    """Twelve samples, in whichever form."""

    def __init__(self, form: Callable[[Any, int], Any] = lambda x, y: (x, y), count: int = 12) -> None:
        self.form, self.count = form, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.form(X[index], int(Y[index]))


class Unsized(Dataset):  # type: ignore[type-arg]
    """Does not say how many rows it has."""

    def __getitem__(self, index: int) -> Any:
        return X[index], int(Y[index])


class Stream(IterableDataset):  # type: ignore[type-arg]
    """Rows one by one."""

    def __iter__(self) -> Iterator[Any]:
        return zip(X, Y.tolist(), strict=True)


def exhausted() -> Iterator[Any]:
    batches = iter(Batches())
    list(batches)
    return batches


def generator() -> Iterator[Any]:
    yield from Batches()


def named(x: Any, y: Any) -> dict[str, Any]:
    return {"image": x, "label": y}


def with_nan(x: Any, y: Any) -> Any:
    return x.clone().fill_(torch.nan), y


class OwnLoss(nn.Module):
    """Returns its own loss."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.layer(features), labels)


def own_loss() -> Trainer:
    return Trainer(OwnLoss(), device="cpu")


def norm() -> Trainer:
    return Trainer(nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)), loss="cross_entropy", device="cpu")


CASES: list[Case] = [
    # -------------------------------------------------------------------------------------------------- B16: empty
    Case("a loader over nothing", fit(DataLoader([])), "x is a DataLoader that gives 0 batches", "its dataset has 0 rows", "at least one row", "see what left none", classifier),
    Case("a loader that drops its only batch", fit(DataLoader(TENSORS, 50, drop_last=True)), "x is a DataLoader that gives 0 batches", "its dataset has 12 rows, its batch_size is 50", "at least one row", "drop_last=False", classifier),
    Case("a dataset without rows", fit(Samples(count=0)), "x is a Samples", "with 0 rows", "at least one", "see what left none", classifier),
    Case("an empty iterator", fit(iter([])), "The data", "gave no batch", "yields at least one", "make it anew", classifier),
    Case("batches without rows", fit(Batches(lambda x, y: (x[:0], y[:0]))), "The first batch has 0 rows", "its x is a tensor of shape (0, 4)", "at least one row a batch", "a collate_fn that drops samples", classifier),
    Case("a dataset that does not say how long it is", fit(Unsized()), "x is a Unsized", "does not say how many rows it has", "a DataLoader with a sampler", "Give it __len__", classifier, TypeError),
    # ----------------------------------------------------------------------------------------- B17: BatchNorm
    Case("batches of one row for BatchNorm", fit(X, Y, batch_size=1), "batch_size is 1", "a batch of one row leaves nothing to vary", "BatchNorm takes the mean and variance of a batch", "Pass batch_size=2 or more", norm),
    Case("a loader of one row a batch for BatchNorm", fit(DataLoader(TENSORS, 1)), "batch_size is 1", "a batch of one row", "BatchNorm takes the mean", "use GroupNorm", norm),
    Case("one row for BatchNorm", fit(X[:1], Y[:1]), "x has 1 row to train on", "a batch of one row", "BatchNorm takes the mean", "put the BatchNorm layers in eval()", norm),
    # -------------------------------------------------------------------------------- B20: split and validation
    Case("a split of everything", fit(X, Y, validation_split=1.0), "validation_split is the share of rows that validate", "got 1.0", "between 0 and 1", "Pass 0.2 for a fifth", classifier),
    Case("a split below 0", fit(X, Y, validation_split=-0.2), "validation_split is", "got -0.2", "between 0 and 1", "Pass 0.2 for a fifth", classifier),
    Case("a split in per cent", fit(torch.cat([X] * 9), torch.cat([Y] * 9), validation_split=20), "validation_split is", "got 20", "between 0 and 1", "0.2 for 20 %, 0.1852 for 20 rows", classifier),
    Case("a split of NaN", fit(X, Y, validation_split=float("nan")), "validation_split is", "got nan", "between 0 and 1", "Pass 0.2", classifier),
    Case("a split that is True", fit(X, Y, validation_split=True), "validation_split is", "got True", "between 0 and 1", "Pass 0.2 for a fifth", classifier),
    Case("a split that is None", fit(X, Y, validation_split=None), "validation_split is", "got None", "a number between 0 and 1", "Pass 0.2 for a fifth", classifier, TypeError),
    Case("a split that is a text", fit(X, Y, validation_split="20%"), "validation_split is", "got '20%'", "between 0 and 1", "Pass 0.2 for a fifth", classifier),
    Case("data in place of a split", fit(X, Y, validation_split=(X, Y)), "validation_split is", "got a tuple", "a number between 0 and 1", "validation_data=(x, y)", classifier, TypeError),
    Case("a split that leaves nothing to validate", fit(X, Y, validation_split=0.001), "validation_split=0.001 of 12 rows", "leaves 12 to train and 0 to validate", "Pass more rows", "another share, or validation_data", classifier),
    Case("a split that leaves nothing to train", fit(X, Y, validation_split=0.99), "validation_split=0.99 of 12 rows", "leaves 0 to train and 12 to validate", "Pass more rows", "another share", classifier),
    Case("a split of a loader", fit(DataLoader(TENSORS), validation_split=0.2), "validation_split needs rows", "x is a DataLoader", "rows that can be drawn", "Pass validation_data", classifier, TypeError),
    Case("a split of a stream", fit(Stream(), validation_split=0.2), "validation_split needs rows", "x is a Stream", "rows that can be drawn", "a map-style Dataset", classifier, TypeError),
    Case("a split and validation data", fit(X, Y, validation_split=0.2, validation_data=(X, Y)), "validation_data and validation_split=0.2", "were both given", "validates on one set of rows", "Keep one of them", classifier),
    Case("validation without targets", fit(X, Y, validation_data=X), "validation_data is a Tensor", "without targets", "training compares with y", "validation_data=(x_validation, y_validation)", classifier, TypeError),
    Case("a table to validate on, without targets", fit(X.numpy(), Y, validation_data=pd.DataFrame(X.numpy())), "validation_data is a DataFrame", "without targets", "training compares with y", "Pass a tuple", classifier, TypeError),
    Case("validation as a list", fit(X, Y, validation_data=[X, Y]), "validation_data is a list", "a list of 2", "a list is rows", "Pass a tuple: (x, y)", classifier, TypeError),
    Case("validation of four entries", fit(X, Y, validation_data=(X, X, Y, Y)), "validation_data", "this tuple has 4 entries", "is (x, y) or (x, y, sample_weight)", "Several inputs are ((a, b), y)", classifier),
    Case("validation from a path", fit(X, Y, validation_data="test.csv"), "validation_data is a str", "'test.csv'", "Pass arrays", "pandas.read_csv(path)", classifier, TypeError),
    Case("validation of another shape", fit(X, Y, validation_data=(X[:, :2], Y)), "validation_data[0] came as", "(12, 2)", "It takes 4 numbers", "pass validation_data[0] with 4 columns", classifier),
    Case("a loader of another shape to validate on", fit(X, Y, validation_data=DataLoader(Samples(lambda x, y: (x[:2], y)), 4)), "validation_data came as", "(4, 2)", "It takes 4 numbers", "pass validation_data with 4 columns", classifier),
    Case("an iterator that validates once", fit(X, Y, validation_data=iter(Batches()), epochs=2), "validation_data is a one-shot iterator", "each of 2 epochs", "Pass something that can be gone through again", "arrays, a Dataset, a DataLoader", classifier),
    Case("an endless iterator to validate on", fit(X, Y, validation_data=itertools.cycle(Batches())), "validation_data is an itertools.cycle", "never ends", "takes all of it", "Pass what it goes round", classifier),
    # -------------------------------------------------------------------------------------------- B21: generators
    Case("a generator for two epochs", fit(generator(), epochs=2), "x is a one-shot iterator", "for the other 1 of 2 epochs", "can be gone through again", "or steps_per_epoch", classifier),
    Case("a generator that was gone through", fit(exhausted()), "The data", "gave no batch", "at least one", "An iterator that was gone through is empty: make it anew", classifier),
    Case("an endless iterator", fit(itertools.cycle(Batches())), "x is an itertools.cycle", "which never ends", "a pass over the data takes all of it", "steps_per_epoch=100", classifier),
    Case("one batch without end", fit(itertools.repeat((X, Y))), "x is an itertools.repeat", "never ends", "takes all of it", "steps_per_epoch=100", classifier),
    Case("an endless iterator in evaluate", lambda trainer: trainer.evaluate(itertools.cycle(Batches())), "x is an itertools.cycle", "never ends", "takes all of it", "Pass what it goes round", classifier),
    Case("a generator function that nobody called", fit(generator), "x is a function", "named generator", "an iterable of batches", "Call it, and pass what it returns", classifier, TypeError),
    Case("a generator of rows", fit((x, y) for x, y in zip(X, Y.tolist(), strict=True)), "The loader yields single samples", "x is a tensor of shape (4,), and y the one number 0", "not batches", "DataLoader(dataset, batch_size=32)", classifier),
    Case("targets beside a generator", fit(generator(), Y), "y was given too", "x is a generator", "whose batches hold targets and weights themselves", "Leave y out", classifier, TypeError),
    Case("weights beside a loader", fit(DataLoader(TENSORS), sample_weight=torch.ones(12)), "sample_weight was given too", "x is a DataLoader", "hold targets and weights themselves", "yield (x, y) or (x, y, weight)", classifier, TypeError),
    Case("a batch size beside a loader", fit(DataLoader(TENSORS), batch_size=8), "batch_size=8 was given too", "x is a DataLoader", "has a batch size of its own", "Leave batch_size out", classifier, TypeError),
    Case("an order beside a loader", fit(DataLoader(TENSORS), shuffle=False), "shuffle=False was given too", "x is a DataLoader", "has an order of its own", "DataLoader(dataset, shuffle=False)", classifier, TypeError),
    Case("a loader to validate on in the place of targets", fit(DataLoader(TENSORS), DataLoader(TENSORS)), "y was given too", "x is a DataLoader", "hold targets and weights themselves", "To validate on y, pass it as validation_data", classifier, TypeError),
    # ------------------------------------------------------------------------------------- B22: structures of batches
    Case("batches of four", fit(Batches(lambda x, y: (x, x, x, y))), "this loader yields 4 entries", "tensor of shape (4, 4)", "A batch is x, (x, y) or (x, y, weight)", "Several inputs are a tuple of their own: ((a, b), y)", classifier),
    Case("two inputs and a target side by side", fit(DataLoader(Samples(lambda x, y: (x, x, y)), 4)), "The third entry of a batch", "torch.int64 of shape (4,), from 0 to 2", "one floating weight of 0 or more per row", "((a, b), y)", classifier),
    Case("weights for other rows", fit(Batches(lambda x, y: (x, y, torch.ones(3)))), "The third entry of a batch", "torch.float32 of shape (3,)", "per row, 4 here", "(x, y, weight.float())", classifier),
    Case("mappings with names of their own", fit(DataLoader(Samples(named), 4)), "x is a mapping with the keys", "'image', 'label'", "Targets are found under the key 'y'", "{'x': batch['image'], 'y': batch['label']}", classifier),
    Case("mappings with a capital X", fit(Batches(lambda x, y: {"X": x, "y": y})), "x is a mapping with the keys", "'X', 'y'", "Targets are found under the key 'y'", "{'x': batch['X'], 'y': batch['y']}", classifier),
    Case("mappings of several inputs", fit(Batches(lambda x, y: {"ids": x, "mask": x, "labels": y})), "x is a mapping with the keys", "'ids', 'mask', 'labels'", "under the key 'y'", "'y': batch['labels']", classifier),
    Case("mappings without the keys of forward", fit(Batches(lambda x, y: {"features": x, "label": y})), "forward(features", "It has no 'label'", "a dict by keyword", "Did you mean 'labels'?", own_loss, TypeError),
    Case("one entry too many for forward", fit(Batches(lambda x, y: (x, y, y))), "forward(features", "a tuple of 3", "a tuple by position", "takes 3 positional arguments", own_loss, TypeError),
    Case("a loader of inputs alone", fit(DataLoader(X, 4)), "Pass y", "a batch of x is a tensor of shape (4, 4)", "The loss compares with targets", "from a loader, yield (x, y)", classifier),
    Case("batches that are None", fit(Batches(lambda x, y: None)), "A batch of NoneType", "no rows to count", "Yield tensors or arrays", "a collate_fn or __getitem__ without a return", classifier, TypeError),
    Case("a collate_fn that forgets its return", fit(DataLoader(TENSORS, 4, collate_fn=lambda samples: None)), "A batch of NoneType", "no rows to count", "tensors or arrays, or tuples, lists or dicts", "without a return", classifier, TypeError),
    Case("batches that are numbers", fit(Batches(lambda x, y: 3.0)), "A batch of float", "3.0", "no rows to count", "Yield tensors or arrays", classifier, TypeError),
    Case("batches that are texts", fit(Batches(lambda x, y: "a review")), "A batch of str", "'a review'", "no rows to count", "text becomes token ids first", classifier, TypeError),
    Case("a loader that does not batch", fit(DataLoader(TENSORS, batch_size=None)), "The loader yields single samples", "x is a tensor of shape (4,)", "not batches", "DataLoader(dataset, batch_size=32)", classifier),
    Case("a dataset that yields names", fit(DataLoader(Samples(lambda x, y: (x, "abc"[y])), 4)), "The batches hold labels such as", "['a', 'b', 'c']", "the loss takes class indices", "classes.index(name)", classifier, TypeError),
    Case("a loader of classes from 1", fit(DataLoader(Samples(lambda x, y: (x, y + 1)), 12)), "y holds classes", "from 1 to 3 (first out of range in row 2)", "outputs for 0 to 2", "use y - 1", classifier),
    Case("a loader of NaN", fit(DataLoader(Samples(with_nan), 4)), "In the first batch, x holds 16 NaN", "first in row 0", "takes finite numbers", "torch.nan_to_num", classifier),
    Case("a loader of half classes", fit(DataLoader(Samples(lambda x, y: (x, y + 0.5)), 4)), "y holds 0.5 in row 0", "4 of 4 rows", "takes class indices", "Pass whole numbers", classifier),
    Case("a loader of one column less", fit(DataLoader(Samples(lambda x, y: (x[:3], y)), 4)), "x came as a tensor of shape (4, 3)", "3 came", "It takes 4 numbers", "Make it nn.Linear(3, 3)", classifier),
    Case("a loader of two columns for one output", fit(DataLoader(Samples(lambda x, y: (x, x[:2])), 4)), "y has (4, 2)", "The model gives (4, 1)", "'mse' takes targets", "Give the last layer 2 outputs", regressor),
    Case("fewer targets than rows in a batch", fit(Batches(lambda x, y: (x, y[:3]))), "The model gave", "for 3 rows", "one row per sample on its first axis", "loss=None", classifier),
    Case("a class in place of a loader", fit(Batches), "x is", "the class Batches", "an iterable of batches", "Batches(...)", classifier, TypeError),
    # -------------------------------------------------------------------------------------------- predict and evaluate
    Case("predictions in another order", lambda trainer: trainer.predict(DataLoader(TENSORS, 4, shuffle=True)), "This DataLoader", "shuffles", "in the order of its data", "shuffle=False", classifier),
    Case("predictions for rows that are dropped", lambda trainer: trainer.predict(DataLoader(TensorDataset(X), 5, drop_last=True)), "This DataLoader", "drops its last rows", "each row has a prediction", "drop_last=False", classifier),
    Case("a loader without targets in evaluate", lambda trainer: trainer.evaluate(DataLoader(TensorDataset(X), 4)), "Pass y", "a batch of x is a tensor of shape (4, 4)", "The loss compares with targets", "yield (x, y)", classifier),
]  # fmt: skip
