"""Models, what they return, what their losses return, what weighs them, and who updates them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import neurokit as nk
from bad_inputs.corpus import Case, classifier, labels, regressor, rows
from neurokit import Trainer

MODEL = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))  # made here: making draws from the random stream
HALF_META = nn.BatchNorm1d(3)
HALF_META.running_mean = torch.zeros(3, device="meta")
with torch.device("meta"):
    META = nn.Linear(4, 3)
with torch.inference_mode():
    INFERENCE = nn.Linear(4, 3)


class Returns(nn.Module):
    """Four numbers through a layer, and then whatever a function makes of them."""

    def __init__(self, function: Callable[[Tensor], Any], outputs: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(4, outputs)
        self.function = function

    def forward(self, x):
        return self.function(self.layer(x))


class Pair(nn.Module):
    """Two inputs, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, left, right):
        return self.layer(left + right)


class Listed(nn.Module):
    """Layers that torch does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [MODEL]


class Quantised(nn.Module):
    """As torch's quantised layers: no parameters, in a module of that name."""

    __module__ = "torch.ao.nn.quantized.dynamic.modules.linear"


class Thing:
    """What a model returns that names its parts as nobody else does."""

    def __init__(self, tensor: Tensor) -> None:
        self.left, self.right = tensor, tensor


class FloatLoss(Trainer):
    def compute_loss(self, batch):
        return 3.0


class LossOfRows(Trainer):
    def compute_loss(self, batch):
        return nk.StepOutput(self.model(batch.x).mean(1))


class LossInWords(Trainer):
    def compute_loss(self, batch):
        return nk.StepOutput("low")


class LogsNothing(Trainer):
    def train_step(self, batch):
        return None


def returns(function: Callable[[Tensor], Any], loss: Any = "cross_entropy", outputs: int = 3) -> Callable[[], Trainer]:
    """The making of a trainer whose model returns what a function makes of its outputs."""
    return lambda: Trainer(Returns(function, outputs), loss=loss, device="cpu")


def loss(function: Callable[[Tensor, Tensor], Any]) -> Callable[[], Trainer]:
    """The making of a classifier with a loss of the user's."""
    return lambda: classifier(loss=function)


def frozen() -> Trainer:
    return Trainer(nn.Linear(4, 3).requires_grad_(False), loss="cross_entropy", device="cpu")


def pair() -> Trainer:
    return Trainer(Pair(), loss="cross_entropy", device="cpu")


def kinds() -> Trainer:
    """A model with two outputs by name, and a loss for one of them."""
    return Trainer(Returns(lambda out: {"kind": out, "age": out}), loss={"kind": "cross_entropy"}, device="cpu")


def two_classes() -> Trainer:
    return classifier(outputs=2)


def fit(trainer: Trainer) -> Any:
    return trainer.fit(rows(), labels(), verbose=0)


def fit_numbers(trainer: Trainer) -> Any:
    return trainer.fit(rows(), rows(width=1), verbose=0)


def fit_inputs(trainer: Trainer) -> Any:
    return trainer.fit(rows(), verbose=0)


def weighing(**weights: Any) -> Callable[[Trainer], Any]:
    return lambda trainer: trainer.fit(rows(), labels(), verbose=0, **weights)


def foreign(**arguments: Any) -> Callable[[], Trainer]:
    return lambda: Trainer(MODEL, device="cpu", **arguments)


MODELS = [
    Case(
        "the class of a model",
        lambda: Trainer(nn.Linear),
        "model is", "the class Linear", "not a model", "Pass Linear(...)", error=TypeError,
    ),
    Case(
        "no model",
        lambda: Trainer(None),
        "model is", "a NoneType", "an nn.Module", "Pass one, such as nn.Linear(4, 3)", error=TypeError,
    ),
    Case(
        "a list of layers",
        lambda: Trainer([MODEL[0], MODEL[1]]),
        "model is", "a list", "what trains is an nn.Module", "Pass nn.Sequential(*layers)", error=TypeError,
    ),
    Case(
        "weights without a model",
        lambda: Trainer(MODEL.state_dict()),
        "model is", "OrderedDict", "what trains is an nn.Module", "model.load_state_dict(weights)", error=TypeError,
    ),
    Case(
        "a function for a model",
        lambda: Trainer(torch.relu),
        "model is", "a builtin_function_or_method", "an nn.Module", "write it as the forward of a class",
        error=TypeError,
    ),
    Case(
        "a model without parameters",
        lambda: Trainer(nn.ReLU()),
        "The model ReLU", "has no parameters", "nothing to train", "Make its layers attributes",
    ),
    Case(
        "layers in a list",
        lambda: Trainer(Listed()),
        "The model Listed", "has no parameters", "layers attributes in __init__", "in an nn.ModuleList, not a list",
    ),
    Case(
        "a quantised model",
        lambda: Trainer(Quantised()),
        "The model Quantised", "layers are quantised", "for prediction", "train the model first",
    ),
    Case(
        "parameters on the meta device",
        lambda: Trainer(META),
        "parameter 'weight' of model", "2 of 2 tensors", "no values", "Load weights, or use model.to_empty",
    ),
    Case(
        "a buffer on the meta device",
        lambda: Trainer(HALF_META),
        "'running_mean' of model", "1 of 5 tensors", "no values", "Load weights",
    ),
    Case(
        "a model made in inference mode",
        lambda: Trainer(INFERENCE),
        "parameter 'weight' of model", "made in torch.inference_mode()", "cannot learn", "Build the model outside",
    ),
    Case(
        "a model of which everything is frozen",
        fit,
        "parameter tensors of Linear", "None of the 2", "is trainable", "Set requires_grad_(True)", frozen,
    ),
    Case(
        "two inputs for a model of one",
        lambda trainer: trainer.fit((rows(), rows()), labels(), verbose=0),
        "Linear.forward", "a tuple of 2: a tensor of shape (12, 4)", "Several inputs are a tuple by position",
        "a dict by keyword", classifier, TypeError,
    ),
    Case(
        "one input for a model of two",
        fit,
        "Pair.forward(left, right)", "a tensor of shape (12, 4)", "missing 1 required positional argument: 'right'",
        "Several inputs are a tuple", pair, TypeError,
    ),
    Case(
        "a misspelt input",
        lambda trainer: trainer.fit({"left": rows(), "rigth": rows()}, labels(), verbose=0),
        "Pair.forward(left, right)", "a dict with 'left', 'rigth'", "a dict by keyword", "Did you mean 'right'", pair,
        TypeError,
    ),
]  # fmt: skip

OUTPUTS = [
    Case(
        "forward without return",
        fit,
        "The model returned", "None", "the loss takes one tensor", "Does forward end without return",
        returns(lambda out: None), TypeError,
    ),
    Case(
        "forward that returns two by name",
        fit,
        "The model returned", "a dict with 'a', 'b'", "the loss takes one tensor", "Name it 'logits' or 'out'",
        returns(lambda out: {"a": out, "b": out}), TypeError,
    ),
    Case(
        "forward that returns an object",
        fit,
        "The model returned", "a Thing with 'left', 'right'", "the loss takes one tensor", "override compute_loss",
        returns(Thing), TypeError,
    ),
    Case(
        "forward that returns a tuple without a tensor first",
        fit,
        "The model returned", "a tuple of 2: 'hidden', a tensor", "one tensor", "put it first in a tuple",
        returns(lambda out: ("hidden", out)), TypeError,
    ),
    Case(
        "forward that returns an array",
        fit,
        "The model returned", "an array of shape (12, 3)", "the loss takes one tensor", "no .item(), .tolist()",
        returns(lambda out: out.detach().numpy()), TypeError,
    ),
    Case(
        "forward that returns a number",
        fit,
        "The model returned", "1.5", "the loss takes one tensor", "or float() in forward",
        returns(lambda out: 1.5), TypeError,
    ),
    Case(
        "forward that returns lists",
        fit,
        "The model returned", "a list of 12, [[1.0, 1.0, 1.0]", "one tensor", "Return the tensor itself",
        returns(lambda out: (0 * out + 1).tolist()), TypeError,
    ),
    Case(
        "forward that returns a scalar",
        fit,
        "The model gave", "shape () for 12 rows", "one row per sample on its first axis", "Leave out the mean",
        returns(lambda out: out.mean()),
    ),
    Case(
        "rows on the second axis",
        fit,
        "The model gave", "shape (3, 12) for 12 rows", "one row per sample", "return outputs.transpose(0, 1)",
        returns(lambda out: out.T),
    ),
    Case(
        "time before rows",
        fit,
        "The model gave", "shape (1, 12, 3) for 12 rows", "on its first axis", "batch_first=True",
        returns(lambda out: out.unsqueeze(0)),
    ),
    Case(
        "one row for all",
        fit_numbers,
        "The model gave", "shape (1,) for 12 rows", "one row per sample", "Look for a mean, reshape or squeeze()",
        returns(lambda out: out.mean(0), "mse", 1),
    ),
    Case(
        "classes from argmax",
        fit,
        "The model gave", "torch.int64 of shape (12,)", "learns from floating numbers", "without argmax()",
        returns(lambda out: out.argmax(1)),
    ),
    Case(
        "complex outputs",
        fit,
        "The model gave", "torch.complex64 of shape (12, 3)", "learns from floating numbers", "such as outputs.abs()",
        returns(lambda out: out + 1j),
    ),
    Case(
        "an output cut off its graph",
        fit,
        "the model's output has none", "2 trainable parameter tensors", "has no gradient", "Look for detach()",
        returns(lambda out: out.detach()),
    ),
    Case(
        "one output for classes",
        fit,
        "'cross_entropy' compares", "the model gives (12, 1)", "one output per class", "use 'bce_with_logits'",
        returns(lambda out: out, outputs=1),
    ),
    Case(
        "logits where probabilities are taken",
        lambda trainer: trainer.fit(rows(), (labels() > 0).float(), verbose=0),
        "'bce' takes", "numbers from 2 to 2", "probabilities", "Use 'bce_with_logits'",
        returns(lambda out: 0 * out + 2, "bce", 1),
    ),
    Case(
        "more outputs than targets",
        fit_numbers,
        "The model gives", "y has (12, 1)", "'mse' takes targets of shape (12, 2)",
        "Give the last layer 1 output", returns(lambda out: out, "mse", 2),
    ),
    Case(
        "a loss for an output that is not there",
        lambda trainer: trainer.fit(rows(), {"kid": labels()}, verbose=0),
        "The loss is a dict", "got ['kid']", "for the outputs ['kind']", "y is a dict of the same names", kinds,
    ),
    Case(
        "a model that does not return its loss",
        fit_inputs,
        "with loss=None", "a tensor of shape (12, 3)", "it returns its own loss", "pass loss='cross_entropy'",
        lambda: Trainer(nn.Linear(4, 3), device="cpu"), TypeError,
    ),
    Case(
        "targets without a loss",
        fit,
        "Linear.forward", "a tensor of shape (12,)", "With loss=None everything a batch holds goes to forward",
        "Trainer(model, loss='cross_entropy')", lambda: Trainer(nn.Linear(4, 3), device="cpu"), TypeError,
    ),
    Case(
        "its own loss in rows",
        fit_inputs,
        "The loss has shape", "(12,)", "learning needs one number", "Take its mean: loss.mean()",
        returns(lambda out: {"loss": out.mean(1)}, None),
    ),
    Case(
        "its own loss cut off its graph",
        fit_inputs,
        "The loss has", "2 trainable parameter tensors", "no gradient", "Look for detach()",
        returns(lambda out: {"loss": out.mean().detach()}, None),
    ),
]  # fmt: skip

LOSSES = [
    Case(
        "a loss that is a float",
        fit,
        "The loss '<lambda>'", "got 1.5", "no gradient can be computed", "Return a tensor: no .item()",
        loss(lambda predictions, targets: 1.5), TypeError,
    ),
    Case(
        "a loss without return",
        fit,
        "The loss '<lambda>'", "got None", "no gradient can be computed", "Return a tensor",
        loss(lambda predictions, targets: None), TypeError,
    ),
    Case(
        "a loss and something else",
        fit,
        "The loss '<lambda>'", "returned a tuple", "no gradient can be computed", "Return a tensor",
        loss(lambda predictions, targets: (predictions.mean(), 1)), TypeError,
    ),
    Case(
        "a loss cut off its graph",
        fit,
        "The loss has", "2 trainable parameter tensors", "no gradient", "NumPy or torch.no_grad() in forward",
        loss(lambda predictions, targets: predictions.mean().detach()),
    ),
    Case(
        "compute_loss that returns a number",
        fit,
        "compute_loss", "returned a float", "from which a step takes the loss", "Return neurokit.StepOutput(",
        lambda: FloatLoss(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), TypeError,
    ),
    Case(
        "compute_loss that returns a loss per row",
        fit,
        "The loss has shape", "(12,)", "one number for a batch", "loss.mean()",
        lambda: LossOfRows(nn.Linear(4, 3), loss="cross_entropy", device="cpu"),
    ),
    Case(
        "compute_loss that returns a word",
        fit,
        "The loss in training", "is str", "learning needs a tensor", "Return one from the model",
        lambda: LossInWords(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), TypeError,
    ),
    Case(
        "train_step that returns nothing",
        fit,
        "The step", "returned None", "a dict of what to log", "it may be empty",
        lambda: LogsNothing(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), TypeError,
    ),
    Case(
        "row weights for a loss of the whole batch",
        weighing(sample_weight=np.ones(12)),
        "The loss '<lambda>'", "one number for the whole batch", "Return one value per row", "leave sample_weight",
        loss(lambda predictions, targets: predictions.mean()),
    ),
]  # fmt: skip

WEIGHTS = [
    Case(
        "a class without a weight",
        weighing(class_weight={0: 1.0, 1: 2.0}),
        "class_weight", "missing [2]", "one weight for each class [0, 1, 2]", "Pass class_weight={0: 1.0", classifier,
    ),
    Case(
        "a weight without a class",
        weighing(class_weight={0: 1.0, 1: 2.0, 2: 1.0, 7: 1.0}),
        "class_weight", "unknown [7]", "one weight for each class [0, 1, 2]", "Pass class_weight={0: 1.0", classifier,
    ),
    Case(
        "a misspelt class",
        lambda trainer: trainer.fit(
            rows(), np.array(["cat", "dog"] * 6), class_weight={"cta": 1.0, "dog": 2.0}, verbose=0
        ),
        "class_weight", "unknown ['cta']", "each class ['cat', 'dog']", "Did you mean 'cat'", two_classes,
    ),
    Case(
        "a negative class weight",
        weighing(class_weight=[1.0, -2.0, 1.0]),
        "class_weight", "1: -2.0", "finite weights of 0 or more", "0 for one that is not to be learnt", classifier,
    ),
    Case(
        "a class weight that is NaN",
        weighing(class_weight=[1.0, math.nan, 1.0]),
        "class_weight", "1: nan", "finite weights of 0 or more", "Pass 1.0 for a class that counts", classifier,
    ),
    Case(
        "class weights of 0",
        weighing(class_weight=[0, 0, 0]),
        "class_weight", "{0: 0, 1: 0, 2: 0}", "some above 0", "Pass 1.0 for a class that counts", classifier,
    ),
    Case(
        "two weights for three classes",
        weighing(class_weight=[1.0, 2.0]),
        "class_weight", "got [1.0, 2.0]", "the classes are [0, 1, 2]", "Pass one each", classifier,
    ),
    Case(
        "scikit-learn's word for class weights",
        weighing(class_weight="balanced"),
        "class_weight", "got 'balanced'", "a dict by label", "compute_class_weight", classifier, TypeError,
    ),
    Case(
        "a class weight in quotes",
        weighing(class_weight={0: 1.0, 1: "2", 2: 1.0}),
        "class_weight[1]", "'2' (str)", "a weight is a number", "such as {1: 2.0}", classifier, TypeError,
    ),
    Case(
        "class weights for numbers",
        lambda trainer: trainer.fit(rows(), rows(width=1), class_weight={0: 1.0}, verbose=0),
        "class_weight", "got {0: 1.0}", "weighs the classes of one loss", "Leave it out, or use sample_weight",
        regressor,
    ),
    Case(
        "class weights twice",
        weighing(class_weight=[1.0, 1.0, 1.0]),
        "class_weight was given", "cross_entropy(weight=[1.0, 2.0, 1.0])", "class weights of its own",
        "Keep one of them", lambda: classifier(loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0]))),
    ),
    Case(
        "row weights of which some are missing",
        weighing(sample_weight=np.ones(5)),
        "sample_weight", "has 5 rows", "x has 12 rows", "one row each per sample", classifier,
    ),
    Case(
        "row weights and a metric that knows none",
        weighing(sample_weight=np.ones(12)),
        "metric 'share'", "has no parameter sample_weight", "would silently ignore them", "Give it one, or leave out",
        lambda: classifier(metrics=[nk.Metric(lambda y_true, y_pred: 0.5, name="share")]),
    ),
]  # fmt: skip

OPTIMIZERS = [
    Case(
        "the optimizer of another model",
        foreign(optimizer=torch.optim.SGD([nn.Parameter(torch.ones(3))], lr=0.1)),
        "This SGD", "holds 1 parameter tensors", "none of them Sequential's", "Build it from this model's parameters()",
    ),
    Case(
        "an optimizer for a layer that is not there",
        foreign(optimizer={"head": "adam"}),
        "optimizer is a dict by submodule", "'head'", "is not in the model", "Name one of these",
    ),
    Case(
        "two optimizers for the same layer",
        lambda: Trainer(nn.Sequential(MODEL), optimizer={"0": "adam", "0.0": "sgd"}, device="cpu"),
        "The optimizers for '0' and '0.0'", "the same parameters", "twice a step", "Name submodules that share none",
    ),
    Case(
        "no optimizers in a dict",
        foreign(optimizer={}),
        "optimizer is", "an empty dict", "an optimizer for each submodule", "{'head': 'adam'}",
    ),
]  # fmt: skip

CASES = [*MODELS, *OUTPUTS, *LOSSES, *WEIGHTS, *OPTIMIZERS]
