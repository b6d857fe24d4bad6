"""Mistakes in the inputs: lengths, shapes, columns, kinds of numbers, and numbers that are none."""

# ruff: noqa: E501  (a case is a line)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bad_inputs.corpus import Case, classifier, labels, regressor, rows
from neurokit import Trainer

X, Y = rows().numpy(), labels().numpy()
FRAME = pd.DataFrame(X, columns=["age", "fare", "weight", "height"])


def fit(x: Any, y: Any = Y, **more: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.fit(x, y, verbose=0, **more)


def evaluate(x: Any, y: Any = Y) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.evaluate(x, y)


def predict(x: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.predict(x)


def fitted(x: Any = X) -> Trainer:
    trainer = classifier()
    trainer.fit(x, Y, verbose=0)
    return trainer


def model(*layers: nn.Module, **arguments: Any) -> Callable[[], Trainer]:
    return lambda: Trainer(nn.Sequential(*layers), **{"loss": "cross_entropy", "device": "cpu"} | arguments)


def with_at(row: int, column: int, value: float, of: Any = X) -> Any:
    changed = of.copy()
    changed[row, column] = value
    return changed


def column(values: Any, name: str = "city") -> pd.DataFrame:
    return pd.DataFrame({"age": X[:, 0], name: values})


class TwoInputs(nn.Module):
    """Takes its inputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, image: torch.Tensor, caption: torch.Tensor) -> torch.Tensor:
        return self.layer(image + caption)


def two_inputs() -> Trainer:
    return Trainer(TwoInputs(), loss="cross_entropy", device="cpu")


GAPS = FRAME.mask(FRAME["age"] > 0.5)
TWICE = FRAME.set_axis(["age", "fare", "age", "height"], axis=1)
IMAGES = np.zeros((6, 8, 8, 3), dtype="float32")
FROM_CSV = column(["31", "45", "?", "28"] * 3, "years")
MASKED = np.ma.masked_array(X, mask=np.arange(48).reshape(12, 4) == 9)
OBJECTS = X.astype(object)
OBJECTS[7, 2] = "high"
MISSING = X.astype(object)
MISSING[4, 1] = None
SPARSE = torch.sparse_coo_tensor(torch.tensor([[0], [0]]), torch.ones(1), (10**6, 10**6), check_invariants=True)
ADDRESSES = np.array(["10 Elm Street", "4 Oak Road"] * 6)

CASES: list[Case] = [
    # ------------------------------------------------------------------------------------------------ B1: lengths
    Case("fewer targets than rows", fit(X, Y[:7]), "Lengths differ", "y has 7 rows", "one row each per sample", "print(len(x), len(y))", classifier),
    Case("a list of columns in place of rows", fit([X[:, 0], X[:, 1]]), "x has 2 rows", "y has 12 rows", "one row each per sample", "print(len(x)", classifier),
    Case("fewer weights than rows", fit(X, sample_weight=np.ones(5)), "Lengths differ", "sample_weight has 5 rows", "one row each per sample", "len(sample_weight)", classifier),
    Case("validation of two lengths", fit(X, validation_data=(X, Y[:3])), "validation_data[0] has 12 rows", "validation_data[1] has 3 rows", "one row each per sample", "len(validation_data[1])", classifier),
    Case("two inputs of two lengths", fit({"image": X, "caption": X[:9]}), "x['image'] has 12 rows", "x['caption'] has 9 rows", "one row each per sample", "print(len(x['image'])", two_inputs),
    Case("evaluate on two lengths", evaluate(X, Y[:4]), "Lengths differ", "y has 4 rows", "one row each per sample", "print(len(x), len(y))", classifier),
    # ----------------------------------------------------------------------------------------------- B2: features
    Case("fewer columns than the layer takes", fit(X[:, :3]), "x came as a tensor of shape (12, 3)", "3 came", "It takes 4 numbers on the last axis", "Make it nn.Linear(3, 3), or pass x with 4 columns", classifier),
    Case("more columns in evaluate", evaluate(np.hstack([X, X])), "x came as", "(12, 8) of torch.float32", "Linear(in_features=4", "pass x with 4 columns", classifier),
    Case("fewer columns in predict", predict(X[:, :2]), "The layer Linear(in_features=4", "2 came", "It takes 4 numbers", "Make it nn.Linear(2, 3)", classifier),
    Case("fewer columns in validation", fit(X, validation_data=(X[:, :3], Y)), "validation_data[0] came as", "(12, 3)", "It takes 4 numbers", "pass validation_data[0] with 4 columns", classifier),
    Case("a layer inside that takes another number", fit(X), "The layer '1', Linear(in_features=5", "8 came", "It takes 5 numbers on the last axis", "Make it nn.Linear(8, 3)", model(nn.Linear(4, 8), nn.Linear(5, 3))),
    Case("one axis for a layer of one feature", fit(X[:, 0], X[:, :1]), "x has one axis", "12 rows of one", "It takes 1 number a row", "x.reshape(-1, 1)", lambda: regressor(1)),
    Case("images that nobody flattens", fit(rows(12, 4).reshape(12, 2, 2).numpy()), "The layer Linear(in_features=4", "(12, 2, 2)", "It takes 4 numbers, all that a row holds", "Put nn.Flatten() before it", classifier),
    Case("images without a channel axis", fit(np.zeros((12, 8, 8), dtype="float32")), "x came as a tensor of shape (12, 8, 8)", "there is no such axis", "It takes 1 channel on axis 1 of 4", "x[:, None]", model(nn.Conv2d(1, 3, 8), nn.Flatten())),
    Case("images with channels last", fit(IMAGES, Y[:6]), "The layer '0', Conv2d(3, 2", "they came last", "It takes 3 channels on axis 1", "numpy.moveaxis(x, -1, 1)", model(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.LazyLinear(3))),
    Case("grey images for a layer of colours", fit(np.zeros((6, 1, 8, 8), dtype="float32"), Y[:6]), "x came as a tensor of shape (6, 1, 8, 8)", "1 came", "It takes 3 channels on axis 1", "Make it nn.Conv2d(1, 2, ...)", model(nn.Conv2d(3, 2, 8), nn.Flatten())),
    Case("token ids beyond the embedding", fit(np.full((12, 2), 9)), "The layer '0', Embedding(5, 4)", "9 came, first out of range in row 0", "It has ids 0 to 4", "Make it nn.Embedding(10, 4)", model(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 3))),
    Case("token ids below 0", fit(np.array([[0, 1], [1, -1]] * 6)), "The layer '0', Embedding(5, 4)", "-1 to 1 came, first out of range in row 1", "It has ids 0 to 4", "Ids start at 0", model(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 3))),
    Case("sequences of another width", fit(np.zeros((12, 6, 3), dtype="float32")), "The layer '0', LSTM(4, 3", "3 came", "It takes 4 numbers a step on the last axis", "pass x of shape (rows, steps, 4)", model(nn.LSTM(4, 3, batch_first=True))),
    Case("a batch norm of another width", fit(X), "The layer '0', BatchNorm1d(6", "4 came", "It takes 6 features on axis 1", "Make it nn.BatchNorm1d(4)", model(nn.BatchNorm1d(6), nn.Linear(4, 3))),
    Case("inputs and targets swapped", fit(Y, X), "x and y look swapped", "x has the shape (12,), y (12, 4)", "Inputs come first", "fit(x, y)", lambda: regressor(4, 1)),
    Case("a table that lacks a column", evaluate(FRAME.drop(columns="weight")), "x lacks", "the column 'weight'", "fitted on the columns 'age', 'fare', 'weight', 'height'", "Add it, or fit without", lambda: fitted(FRAME)),
    Case("a table with a column more", predict(FRAME.assign(ticket=1.0)), "x has the column", "'ticket', which fit did not", "fitted on the columns 'age'", "Pass x[['age', 'fare', 'weight', 'height']]", lambda: fitted(FRAME)),
    Case("a table with a column spelt otherwise", predict(FRAME.rename(columns={"height": "Height"})), "x lacks the column 'height'", "has the column 'Height'", "fitted on", "Rename it to 'height'", lambda: fitted(FRAME)),
    Case("a validation table of other columns", fit(FRAME, validation_data=(FRAME[["age", "fare"]], Y)), "validation_data[0] lacks", "'weight', 'height'", "fitted on the columns", "Add them, or fit without", classifier),
    Case("an input that forward does not have", fit({"image": X, "captoin": X}), "forward(image", "It has no 'captoin'", "dict by keyword", "Did you mean 'caption'?", two_inputs, TypeError),
    Case("one input of two", fit(X), "forward(image", "a tensor of shape (12, 4) as x", "missing 1 required positional argument: 'caption'", "Several inputs are a tuple by position", two_inputs, TypeError),
    Case("inputs and targets in one tuple, for predict", predict((X, Y)), "as x", "a tuple of 2", "takes 2 positional arguments", "pass it on its own: x, y", classifier, TypeError),
    # --------------------------------------------------------------------------------- B3, B4: kinds of numbers
    Case("numbers of 2**63 and more", fit(np.full((12, 4), 2**63, dtype="uint64")), "x holds numbers of 2**63", "(uint64), first in row 0", "layers take whole numbers below", "x / x.max()", classifier),
    Case("numbers too large for half precision", fit(X * 1e9), "x holds", "48 infinite values", "too large for torch.float16", "scale it", lambda: Trainer(nn.Linear(4, 3).half(), loss="cross_entropy", device="cpu")),
    # ------------------------------------------------------------------------------------------- B6: odd arrays
    Case("masked entries", fit(MASKED), "x has 1 masked entry", "first in row 2", "takes a number for each", "x.filled(x.mean())", classifier),
    Case("a structured array", fit(np.zeros(12, dtype=[("age", "f4"), ("fare", "f4")])), "x is a structured array", "['age', 'fare']", "Pass its columns as one", "structured_to_unstructured(x)", classifier, TypeError),
    Case("a single number", fit(np.array(3.0)), "x is a single number", "(3.0)", "rows of data", "Pass an array of one row per sample", classifier),
    Case("a sparse tensor that is too large", fit(SPARSE), "x is a sparse tensor", "(1000000, 1000000), which takes 3,725 GiB", "as the dense one that layers take", "scipy.sparse.csr_array", classifier),
    Case("a sparse array of one axis", fit(scipy.sparse.coo_array(X[:, 0])), "x is a sparse array", "shape (12,)", "real numbers in two axes", "Pass one of", classifier, TypeError),
    # --------------------------------------------------------------------------------------------- B7: no numbers
    Case("a column of words", fit(column(["Oslo", "Rome"] * 6)), "Column 'city' of x", "'Oslo' in row 0", "a network takes numbers", "pandas.get_dummies(x, columns=['city']", lambda: classifier(2), TypeError),
    Case("a column of numbers with a question mark", fit(FROM_CSV), "Column 'years' of x", "'?' in row 2", "a network takes numbers", "pandas.to_numeric(x['years'], errors='coerce')", lambda: classifier(2), TypeError),
    Case("a column of numbers as objects", fit(column(X[:, 1].astype(object))), "Column 'city' of x", "holds object", "a network takes numbers", "x['city'].astype(float)", lambda: classifier(2), TypeError),
    Case("a column of dates", fit(column(pd.date_range("2026-01-01", periods=12), "when")), "Column 'when' of x", "Timestamp('2026-01-01 00:00:00') in row 0", "a network takes numbers", "x['when'].dt.month", lambda: classifier(2), TypeError),
    Case("a column of durations", fit(column(pd.to_timedelta(range(12), unit="s"), "took")), "Column 'took' of x", "holds timedelta64", "a network takes numbers", "x['took'].dt.total_seconds()", lambda: classifier(2), TypeError),
    Case("a column of categories", fit(column(pd.Categorical(["a", "b"] * 6), "kind")), "Column 'kind' of x", "holds category, for example 'a'", "a network takes numbers", "x['kind'].astype('category').cat.codes", lambda: classifier(2), TypeError),
    Case("a column of words in validation", fit(column(X[:, 1]), validation_data=(column(["u", "v"] * 6), Y)), "Column 'city' of validation_data[0]", "'u' in row 0", "takes numbers", "pandas.get_dummies(validation_data[0]", lambda: classifier(2), TypeError),
    Case("an array of words", fit(ADDRESSES), "x holds <U13 values", "'10 Elm Street' in row 0", "a network takes numbers", "pandas.get_dummies", classifier, TypeError),
    Case("an array of digits", fit(X.astype("U")), "x holds <U32 values", "in row 0, column 0", "a network takes numbers", "x.astype(float)", classifier, TypeError),
    Case("a word among numbers", fit(OBJECTS), "x holds Python objects", "'high' in row 7, column 2", "a network takes numbers", "Encode words as numbers first", classifier, TypeError),
    Case("None among numbers", fit(MISSING), "x holds Python objects", "None in row 4, column 1", "a network takes numbers", "x.astype(float)", classifier, TypeError),
    Case("an array of dates", fit(np.array(pd.date_range("2026-01-01", periods=12))), "x holds datetime64", "in row 0", "a network takes numbers", "numpy.timedelta64(1, 'D')", classifier, TypeError),
    Case("a list of dicts", fit([{"age": 31, "fare": 7.5}] * 12), "x holds Python objects", "{'age': 31, 'fare': 7.5}", "a network takes numbers", "a dict or a tuple of arrays", classifier, TypeError),
    Case("words as one of several inputs", fit({"image": X, "caption": ADDRESSES}), "x['caption'] holds", "'10 Elm Street'", "takes numbers", "ids for an nn.Embedding", two_inputs, TypeError),
    # ------------------------------------------------------------------------------------------------ B8: complex
    Case("complex numbers", fit(X * 1j), "x holds complex numbers", "torch.complex64", "which layers do not take", "abs(x)", classifier, TypeError),
    # ------------------------------------------------------------------------------------------------- B16: empty
    Case("no rows", fit(X[:0], Y[:0]), "x has 0 rows", "(0, 4)", "Pass at least one", "see what left none", classifier),
    Case("a filter that leaves no row", fit(FRAME[FRAME["age"] > 9], Y[:0]), "x has 0 rows", "shape is (0, 4)", "at least one", "a filter, a dropna()", classifier),
    Case("no rows to validate on", fit(X, validation_data=(X[:0], Y[:0])), "validation_data[0] has 0 rows", "(0, 4)", "at least one", "see what left none", classifier),
    Case("no rows to evaluate on", evaluate(X[:0], Y[:0]), "x has 0 rows", "(0, 4)", "at least one", "see what left none", classifier),
    Case("an empty list", fit([], []), "x has 0 rows", "(0,)", "at least one", "an empty file", classifier),
    Case("a table without columns", fit(FRAME[[]]), "x is a table without columns", "(12, 0)", "a network takes one or more", "see what left none", classifier),
    # ------------------------------------------------------------------------------------------------ B18: ragged
    Case("rows of two lengths", fit([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0, 7.0]], [0, 1, 2]), "rows of x differ in shape", "(2,) in row 0, (3,) in row 2", "rows of one shape", "torch.nn.utils.rnn.pad_sequence", classifier),
    Case("tensors of two lengths", fit([torch.ones(4), torch.ones(5)], [0, 1]), "rows of x differ", "(4,) in row 0, (5,) in row 1", "A list is rows", "a collate_fn that does", classifier),
    Case("an array of arrays of two lengths", fit(np.array([np.ones(4), np.ones(2)], dtype=object), [0, 1]), "rows of x differ", "(4,) in row 0, (2,) in row 1", "rows of one shape", "pad or cut them", classifier),
    Case("images of two sizes", fit([np.ones((3, 8, 8)), np.ones((3, 8, 9))], [0, 1]), "rows of x differ", "(3, 8, 8) in row 0, (3, 8, 9) in row 1", "rows of one shape", "pass a DataLoader", classifier),
    Case("targets of two lengths", fit(X[:3], [[1.0], [2.0], [1.0, 2.0]]), "rows of y differ", "(2,) in row 2", "rows of one shape", "pad or cut them", regressor),
    Case("samples as pairs", fit([(row, 0) for row in X], None), "x is a list", "12 tuples of 2", "a list is rows of one shape", "DataLoader(x, batch_size=32)", classifier),
    Case("batches as a list", fit([(X[:6], Y[:6]), (X[6:], Y[6:])], None), "x is a list of 2 tuples", "tuples of 2", "rows of one shape", "iter(x)", classifier),
    # ------------------------------------------------------------------------------------- B19: NaN and infinity
    Case("NaN in a column", fit(with_at(3, 2, np.nan)), "x holds 1 NaN in column 2", "first in row 3 (1 row in all)", "takes finite numbers", "numpy.nan_to_num(x)", classifier),
    Case("NaN in a named column", fit(FRAME.assign(fare=FRAME["fare"].where(FRAME["fare"] < 0.5))), "x holds 4 NaN in column 'fare'", "first in row 1 (4 rows in all)", "takes finite numbers", "x.fillna(x.median())", classifier),
    Case("gaps in nullable columns", fit(GAPS.convert_dtypes()), "x holds", "'age' (", "takes finite numbers", "x = x.fillna(x.median())", classifier),
    Case("infinity", fit(with_at(5, 0, np.inf)), "x holds 1 infinite value in column 0", "first in row 5", "takes finite numbers", "leave these rows out of x and y", classifier),
    Case("NaN in validation", fit(X, validation_data=(with_at(11, 3, np.nan), Y)), "validation_data[0] holds 1 NaN", "row 11", "takes finite numbers", "numpy.nan_to_num(validation_data[0])", classifier),
    Case("NaN in one of two inputs", fit({"image": X, "caption": with_at(1, 1, np.nan)}), "x['caption'] holds 1 NaN", "row 1", "takes finite numbers", "numpy.nan_to_num(x['caption'])", two_inputs),
    Case("NaN in a sparse matrix", fit(scipy.sparse.csr_array(with_at(2, 1, np.nan))), "x holds 1 NaN in column 1", "first in row 2", "takes finite numbers", "x.data = numpy.nan_to_num(x.data)", classifier),
    Case("NaN where evaluate looks", evaluate(with_at(3, 2, np.nan)), "x holds 1 NaN in column 2", "row 3", "takes finite numbers", "leave these rows out", fitted),
    Case("NaN in the rows of a TensorDataset", fit(TensorDataset(torch.tensor(with_at(6, 1, np.nan)), torch.tensor(Y)), None), "x holds 1 NaN", "row 6", "takes finite numbers", "with torch.nan_to_num", classifier),
    # ------------------------------------------------------------------------------------------- B31: one sample
    Case("one sample to predict", predict(X[0]), "x has the shape of one sample", "(4,)", "it takes (1, 4) for one sample", "x[0:1]", classifier),
    Case("one sample to predict, after a fit", predict(X[0]), "x has the shape of one sample", "(4,)", "the first axis of data is that of rows", "numpy.asarray(x)[None]", fitted),
    Case("one sample as a list", predict([0.1, 0.2, 0.3, 0.4]), "x has the shape of one sample", "(4,)", "(1, 4)", "numpy.asarray(x)[None]", fitted),
    Case("one row of a table", predict(FRAME.iloc[0]), "x has the shape of one sample", "(4,)", "(1, 4) for one sample", "table.iloc[[0]]", lambda: fitted(FRAME)),
    Case("one image to predict", predict(np.zeros((3, 8, 8), dtype="float32")), "x has the shape of one sample", "(3, 8, 8)", "(1, 3, 8, 8)", "x[0:1]", model(nn.Conv2d(3, 2, 3))),
    Case("one sample that predict_labels gets", lambda trainer: trainer.predict_labels(X[0]), "one sample", "(4,)", "(1, 4)", "x[0:1]", classifier),
    Case("one sample and its target", evaluate(X[0], Y[0]), "y is the single value", "0, and it holds", "one target for each row of x", "x[0:1]", fitted, TypeError),
    Case("one number to predict", predict(3.0), "x is a float", ", 3.0. ", "Pass arrays", "[[3.0]]", lambda: regressor(1), TypeError),
    # ------------------------------------------------------------------------------------------------ B34: tables
    Case("two columns of one name", fit(TWICE), "x has 2 columns named 'age'", "at positions 0, 2", "each needs its own", "x.columns.duplicated()", classifier),
    # ----------------------------------------------------------------------------------------- in place of arrays
    Case("the path of a file", fit("train.csv"), "x is a str", "'train.csv'", "Pass arrays", "pandas.read_csv(path)", classifier, TypeError),
    Case("None", fit(None), "x is", "None. ", "Pass arrays (NumPy, tensors, pandas", "a Dataset, a DataLoader", classifier, TypeError),
    Case("a function", fit(rows), "x is a function", "named rows", "Pass arrays", "Call it, and pass what it returns", classifier, TypeError),
    Case("a class of datasets", fit(TensorDataset), "x is", "the class TensorDataset", "a Dataset", "TensorDataset(...)", classifier, TypeError),
    Case("a set", fit({1.0, 2.0}), "x is", "a set. ", "an iterable of batches", "It has no order", classifier, TypeError),
    Case("a dict with a text", fit({"image": X, "caption": "cat"}), "x is a dict", "entry 'caption' is a str", "dict of arrays", "Pass arrays", two_inputs, TypeError),
    Case("the model in place of the data", lambda trainer: trainer.fit(trainer.model, Y, verbose=0), "x is", "a Linear. ", "arrays (NumPy, tensors", "Pass", classifier, TypeError),
    Case("a loader with targets beside it", fit(DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)))), "y was given too", "x is a DataLoader", "whose batches hold targets and weights themselves", "Leave y out", classifier, TypeError),
]  # fmt: skip
