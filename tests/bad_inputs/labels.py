"""Mistakes in the targets and weights: classes out of range, of another kind, missing, or of another shape."""

# ruff: noqa: E501  (a case is a line)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from bad_inputs.corpus import Case, classifier, labels, regressor, rows
from neurokit import Trainer

X, Y = rows().numpy(), labels().numpy()
NAMES = np.array(["ash", "birch", "cedar"])[Y]
NUMBERS = X[:, 0] * 3.7 + 0.1
FRAME = pd.DataFrame(X, columns=["age", "fare", "weight", "price"])


def fit(y: Any, x: Any = X, **more: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.fit(x, y, verbose=0, **more)


def evaluate(y: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.evaluate(X, y)


def at(row: int, value: Any, of: Any = Y) -> Any:
    changed = of.copy()
    changed[row] = value
    return changed


def binary(outputs: int = 1, **arguments: Any) -> Trainer:
    return classifier(4, outputs, **{"loss": "bce_with_logits"} | arguments)


def one_output() -> Trainer:
    return classifier(4, 1)


def fitted(y: Any = NAMES) -> Trainer:
    trainer = classifier()
    trainer.fit(X, y, verbose=0)
    return trainer


class Heads(nn.Module):
    """Two outputs, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.kind, self.price = nn.Linear(4, 3), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"kind": self.kind(x), "price": self.price(x)}


def heads() -> Trainer:
    return Trainer(Heads(), loss={"kind": "cross_entropy", "price": "mse"}, device="cpu")


CASES: list[Case] = [
    # ---------------------------------------------------------------------------------------- B9: out of range
    Case("classes from 1", fit(Y + 1), "y holds classes", "from 1 to 3 (first out of range in row 2)", "the model has outputs for 0 to 2", "use y - 1", classifier),
    Case("classes from 1 in evaluate", evaluate(Y + 1), "y holds classes", "from 1 to 3", "outputs for 0 to 2", "use y - 1", classifier),
    Case("classes from 1 in validation", fit(Y, validation_data=(X, Y + 1)), "validation_data[1] holds classes", "in row 2", "outputs for 0 to 2", "use validation_data[1] - 1", classifier),
    Case("one class too many, far down", fit(at(11, 3)), "y holds classes", "from 0 to 3 (first out of range in row 11)", "outputs for 0 to 2", "Give it 4 outputs", classifier),
    Case("classes with gaps", fit(np.array([0, 5, 9] * 4)), "y holds classes", "from 0 to 9 (first out of range in row 1)", "outputs for 0 to 2", "numpy.unique(y, return_inverse=True)[1]", classifier),
    Case("a negative class", fit(at(4, -1)), "y holds classes", "from -1 to 2 (first out of range in row 4)", "outputs for 0 to 2", "nn.CrossEntropyLoss(ignore_index=-1)", classifier),
    Case("classes -1 and 1", fit(np.where(Y == 1, 1, -1)), "y holds classes", "from -1 to 1", "outputs for 0 to 1", "(y + 1) // 2", lambda: classifier(4, 2)),
    Case("classes as floats out of range", fit(Y + 1.0), "y holds classes", "from 1 to 3", "outputs for 0 to 2", "use y - 1", classifier),
    Case("classes for nll out of range", fit(Y + 1), "y holds classes", "from 1 to 3", "outputs for 0 to 2", "use y - 1", lambda: classifier(loss="nll")),
    Case("years as classes", fit(Y + 2020), "y holds classes", "from 2020 to 2022 (first out of range in row 0)", "outputs for 0 to 2", "Number the classes from 0: numpy.unique(y, return_inverse=True)", classifier),
    Case("a pixel's class out of range", fit(np.full((12, 2, 2), 7), x=np.zeros((12, 1, 2, 2), dtype="float32")), "y holds classes", "from 7 to 7 (first out of range in row 0)", "outputs for 0 to 2", "Give it 8 outputs", lambda: Trainer(nn.Conv2d(1, 3, 1), loss="cross_entropy", device="cpu")),
    # --------------------------------------------------------------------------------------------- B10: names
    Case("more names than outputs", fit(NAMES), "y holds 3 classes", "['ash', 'birch', 'cedar']", "the model has 2 outputs", "Give its last layer 3", lambda: classifier(4, 2)),
    Case("a name that only validation has", fit(NAMES, validation_data=(X, at(5, "elm", NAMES))), "validation_data[1] holds the label 'elm'", "first in row 5", "['ash', 'birch', 'cedar']", "Leave those rows out", classifier),
    Case("a name spelt otherwise in evaluate", evaluate(at(2, "Cedar", NAMES)), "y holds the label 'Cedar'", "first in row 2", "the training labels do not", "Did you mean 'cedar'?", fitted),
    Case("a category that training did not have", evaluate(pd.Series(pd.Categorical(at(3, "oak", NAMES)))), "y holds the label 'oak'", "in row 3", "which the training labels do not", "train on them too", fitted),
    Case("names for a loss of numbers", fit(NAMES), "y holds labels such as", "['ash', 'birch', 'cedar']", "this loss takes numbers", "loss='cross_entropy'", regressor, TypeError),
    Case("numbers as text for a loss of numbers", fit(NUMBERS.astype("U8")), "y holds labels such as", "(<U8)", "this loss takes numbers", "y.astype(float)", regressor, TypeError),
    Case("three names for a loss of two", fit(NAMES), "y holds 3 classes", "['ash', 'birch', 'cedar']", "this loss tells two apart", "give the last layer 3 outputs", binary),
    Case("names of several types", fit(["ash", 1, "cedar"] * 4), "The labels in y", "'ash' in row 0, 1 in row 1", "classes are of one type", "[str(label) for label in y]", classifier, TypeError),
    Case("a row without a name", fit(["ash", "birch", None] * 4), "y has no label in row 2", "(4 in all), where it holds None", "each row needs one", "keep = pandas.notna(y)", classifier),
    Case("a table of names in two columns", fit(pd.DataFrame({"tree": NAMES, "leaf": NAMES})), "y holds labels in shape", "(12, 2)", "a row has one", "Pass one column", classifier),
    Case("a column's name", fit("price", x=FRAME), "y is the text 'price'", "the name of a column of x", "y takes the targets themselves", "y = x.pop('price')", classifier, TypeError),
    Case("a text that is no column", fit("target.csv"), "y is a str", "'target.csv'", "one target for each row of x", "Pass an array, a Series or a list", classifier, TypeError),
    # --------------------------------------------------------------------------------- B11: floats for classes
    Case("numbers for a loss of classes", fit(NUMBERS), "y holds", "12 of 12 rows hold none", "this loss takes class indices", "a regression loss such as 'mse'", classifier),
    Case("half a class", fit(at(7, 0.5, Y.astype(float))), "y holds 0.5 in row 7", "1 of 12 rows", "takes class indices", "Pass whole numbers from 0", classifier),
    Case("NaN among classes", fit(at(6, np.nan, Y.astype(float))), "y holds nan in row 6", "1 of 12 rows", "takes class indices", "keep = numpy.isfinite(y)", classifier),
    Case("half a class in validation", fit(Y, validation_data=(X, Y + 0.5)), "validation_data[1] holds 0.5 in row 0", "12 of 12 rows", "takes class indices", "Pass whole numbers", classifier),
    # -------------------------------------------------------------------------------------------- B12: shapes
    Case("one-hot of another width", fit(np.eye(4)[Y]), "y has (12, 4)", "The model gives (12, 3)", "takes targets one class index a row", "y.argmax(1) if it is one-hot", classifier),
    Case("classes in two columns", fit(np.stack([Y, Y], 1)), "y has (12, 2)", "The model gives (12, 3)", "'cross_entropy' takes targets", "Give the last layer 2 outputs", classifier),
    Case("two columns for one output", fit(X[:, :2]), "y has (12, 2)", "The model gives (12, 1)", "'mse' takes targets of shape", "y[:, :1]", regressor),
    Case("three labels for two outputs", fit(np.eye(3)[Y]), "y has (12, 3)", "The model gives (12, 2)", "'bce_with_logits' takes targets of shape", "Give the last layer 3 outputs", lambda: binary(2)),
    Case("one number for two outputs", fit(NUMBERS), "these have (12,)", "The model gives (12, 2)", "'mse' takes targets of shape (12, 2)", "Change the model's last layer", lambda: regressor(4, 2)),
    Case("a dict for one loss", fit({"kind": Y}), "The loss 'cross_entropy'", "these are a dict", "takes one tensor of targets", "Pass a dict of losses by output name", classifier, TypeError),
    Case("one array for a dict of losses", fit(Y), "The loss is a dict", "got ndarray", "for the outputs ['kind', 'price']", "y is a dict of the same names", heads),
    Case("a dict that lacks an output", fit({"kind": Y}), "The loss is a dict", "got ['kind']", "for the outputs ['kind', 'price']", "y is a dict of the same names", heads),
    Case("classes out of range in one of two outputs", fit({"kind": Y + 1, "price": NUMBERS}), "y['kind'] holds classes", "from 1 to 3", "outputs for 0 to 2", "use y['kind'] - 1", heads),
    # ---------------------------------------------------------------------------- B13: one output for classes
    Case("one output for cross-entropy", fit(Y % 2), "'cross_entropy' compares", "the model gives (12, 1)", "two classes or more", "use 'bce_with_logits'", one_output),
    Case("one output for cross-entropy in evaluate", evaluate(Y % 2), "'cross_entropy' compares", "(12, 1)", "two classes or more", "one output per class", one_output),
    # ------------------------------------------------------------------------- B14: two classes out of 0 to 1
    Case("three classes for a loss of two", fit(Y), "y holds", "2 in row 2", "this loss takes targets from 0 to 1", "For classes 0, 1, 2, ... use 'cross_entropy'", binary),
    Case("numbers for a loss of two classes", fit(at(3, 2.5, Y % 2 * 1.0)), "y holds 2.5", "in row 3", "targets from 0 to 1", "for numbers, 'mse'", binary),
    Case("-1 and 1 for a loss of two classes", fit(np.where(Y == 1, 1, -1)), "y holds -1", "in row 0", "targets from 0 to 1", "(y + 1) / 2", binary),
    Case("1 and 2 for a loss of two classes", fit(Y % 2 + 1), "y holds 2", "in row 1", "targets from 0 to 1", "use y - 1", binary),
    Case("0 and 255 for a loss of two classes", fit(Y % 2 * 255), "y holds 255", "in row 1", "targets from 0 to 1", "y / 255", binary),
    Case("targets below 0 in evaluate", evaluate(Y * -1.0), "y holds -1", "in row 1", "targets from 0 to 1", "for numbers, 'mse'", binary),
    Case("targets above 1 in validation", fit(Y % 2, validation_data=(X, Y)), "validation_data[1] holds 2", "in row 2", "targets from 0 to 1", "use 'cross_entropy'", binary),
    Case("raw outputs for a loss of probabilities", fit(Y % 2), "The loss 'bce'", "the model gives numbers from", "takes probabilities", "Use 'bce_with_logits'", lambda: binary(loss="bce")),
    # ---------------------------------------------------------------------------------------- B19: NaN in y
    Case("NaN among numbers", fit(at(8, np.nan, NUMBERS)), "y holds 1 NaN", "first in row 8 (1 row in all)", "takes finite numbers", "Leave these rows out of x and y", regressor),
    Case("infinity among numbers", fit(at(2, np.inf, NUMBERS)), "y holds 1 infinite value", "first in row 2", "takes finite numbers", "too large for torch.float32: scale it", regressor),
    Case("NaN among shares", fit(at(1, np.nan, np.eye(3)[Y])), "y holds 3 NaN", "first in row 1", "takes finite numbers", "numpy.isfinite(y)", classifier),
    Case("NaN for two classes", fit(at(5, np.nan, Y % 2 * 1.0)), "y holds 1 NaN", "first in row 5", "takes finite numbers", "Leave these rows out", binary),
    Case("NaN in targets to evaluate", evaluate(at(9, np.nan, NUMBERS)), "y holds 1 NaN", "first in row 9", "takes finite numbers", "Leave these rows out", regressor),
    Case("NaN in targets to validate", fit(NUMBERS, validation_data=(X, at(0, np.nan, NUMBERS))), "validation_data[1] holds 1 NaN", "first in row 0", "takes finite numbers", "numpy.isfinite(validation_data[1])", regressor),
    Case("NaN in one of two outputs", fit({"kind": Y, "price": at(3, np.nan, NUMBERS)}), "y['price'] holds 1 NaN", "first in row 3", "takes finite numbers", "numpy.isfinite(y['price'])", heads),
    Case("a date as a target", fit(np.array(pd.date_range("2026-01-01", periods=12))), "y holds labels such as", "datetime64", "this loss takes numbers", "loss='cross_entropy'", regressor, TypeError),
    # ------------------------------------------------------------------------------------------ no targets
    Case("no targets", fit(None), "Pass y", "which is None", "The loss compares with targets", "yield (x, y)", classifier),
    Case("no targets in evaluate", evaluate(None), "Pass y", "which is None", "compares with targets", "Trainer(model, loss=None)", classifier),
    Case("inputs and targets in one tuple", fit(None, x=(X, Y)), "Pass y", "a tuple of 2", "The loss compares with targets", "pass it as y, fit(x, y)", classifier),
    Case("a single target", fit(1), "y is the single value", "1, and it holds", "one target for each row of x", "x[0:1]", classifier, TypeError),
    Case("a generator of targets", fit(label for label in Y), "y is", "a generator,", "one target for each row", "an array, a Series or a list", classifier, TypeError),
    Case("samples unzipped into tuples", fit(tuple(Y.tolist()), x=tuple(X)), "y is a tuple of 12 single values", "0 first", "a tuple holds several targets", "y = list(y)", classifier, TypeError),
    # ---------------------------------------------------------------------------------------------- weights
    Case("negative weights", fit(Y, sample_weight=-np.ones(12)), "sample_weight is", "from -1 to -1", "one finite weight of 0 or more per row", "numpy.nan_to_num(sample_weight).clip(0)", classifier),
    Case("weights of NaN", fit(Y, sample_weight=at(3, np.nan, np.ones(12))), "sample_weight is", "in row 3", "one finite weight of 0 or more per row", "numpy.nan_to_num(sample_weight).clip(0)", classifier),
    Case("weights that are all 0", fit(Y, sample_weight=np.zeros(12)), "sample_weight is", "from 0 to 0", "some of them above 0", "or leave it out", classifier),
    Case("weights in a table", fit(Y, sample_weight=X), "sample_weight is", "shape (12, 4)", "one finite weight of 0 or more per row", "Pass one column", classifier),
    Case("weights by class", fit(Y, sample_weight={0: 1.0, 1: 2.0, 2: 1.0}), "sample_weight is a dict", "{0: 1.0", "one weight per row", "class_weight", classifier, TypeError),
    Case("weights as words", fit(Y, sample_weight=["high", "low"] * 6), "sample_weight holds", "'high' in row 0", "takes numbers", "Encode words as numbers", classifier, TypeError),
    Case("weights of validation that are negative", fit(Y, validation_data=(X, Y, -np.ones(12))), "validation_data[2] is", "from -1 to -1", "one finite weight of 0 or more per row", "numpy.nan_to_num(validation_data[2])", classifier),
]  # fmt: skip
