"""Mistakes of outputs and data as users write them, each beside its nearest neighbour that is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import neurokit as nk
from neurokit import StepOutput, Trainer


@dataclass
class Call:
    """A trainer, and what it fits.

    Attributes:
        trainer: The trainer.
        data: The positional arguments of ``fit``.
        arguments: The others.
    """

    trainer: Trainer
    data: tuple[Any, ...]
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        code: The check that names it.
        level: How badly.
        name: What is done, in a few words.
        wrong: Makes the call.
        right: Makes the most similar call that is right.
        words: What the message has to hold.
    """

    code: str
    level: str
    name: str
    wrong: Callable[[], Call]
    right: Callable[[], Call]
    words: tuple[str, ...]


def classes(count: int = 3, rows: int = 120, features: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Standard normal features, and a class for each row that they tell."""
    x = torch.randn(rows, features, generator=torch.Generator().manual_seed(3))
    return x, x[:, :count].argmax(1)


def numbers(rows: int = 120, features: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Standard normal features, and a number for each row, ``(rows, 1)``."""
    x, _ = classes(rows=rows, features=features)
    return x, x[:, :1] - 0.5 * x[:, 1:2]


def net(*end: nn.Module, features: int = 4, outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 8), nn.ReLU(), nn.Linear(8, outputs), *end)


def classifier(*end: nn.Module, **arguments: Any) -> Trainer:
    sizes = {name: arguments.pop(name) for name in ("features", "outputs") if name in arguments}
    return Trainer(net(*end, **sizes), **{"loss": "cross_entropy", "device": "cpu"} | arguments)


def regressor(*end: nn.Module, **arguments: Any) -> Trainer:
    return Trainer(net(*end, outputs=1), **{"loss": "mse", "device": "cpu"} | arguments)


class Functional(nn.Module):
    """A net whose forward ends in a function of its logits, in training, in evaluation, or in both."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor], outputs: int = 3, when: str = "both") -> None:
        super().__init__()
        self.layers, self.function, self.when = net(outputs=outputs), function, when

    def forward(self, x):
        logits = self.layers(x)
        applies = self.when == "both" or (self.when == "training") == self.training
        return self.function(logits) if applies else logits


class TwoHeads(nn.Module):
    def __init__(self, end: nn.Module) -> None:
        super().__init__()
        self.kind, self.size, self.end = nn.Linear(4, 3), nn.Linear(4, 1), end

    def forward(self, x):
        return {"kind": self.end(self.kind(x)), "size": self.size(x)}


class OwnSoftmax(torch.autograd.Function):
    """A softmax that the graph does not name."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.softmax(1))
        return x.softmax(1)

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return y * (gradient - (gradient * y).sum(1, keepdim=True))


class OwnLoss(nn.Module):
    """A model that returns its own loss, as Hugging Face's do."""

    def __init__(self, *, twice: bool) -> None:
        super().__init__()
        self.layers, self.twice = net(), twice

    def forward(self, x, labels):
        logits = self.layers(x)
        return {"loss": F.cross_entropy(logits.softmax(-1) if self.twice else logits, labels), "logits": logits}


class Comparing(Trainer):
    """A ``compute_loss`` that compares as it was written down on the first try."""

    squeezed = False

    def compute_loss(self, batch):
        predictions = self.model(batch.x)
        if self.squeezed:
            predictions = predictions.squeeze(-1)
        return StepOutput(((predictions - batch.y) ** 2).mean(), predictions, batch.y)


class Squeezing(Comparing):
    squeezed = True


class Probabilities(Trainer):
    """A ``compute_loss`` that gives cross_entropy what it computes itself."""

    def compute_loss(self, batch):
        predictions = self.model(batch.x)
        return StepOutput(F.cross_entropy(predictions, batch.y), predictions, batch.y)


class Rows(Dataset):
    """A dataset that is read row by row."""

    def __init__(self, x, y) -> None:
        self.x, self.y, self.targets = x, y, y.tolist()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


class Scaled(nn.Module):
    """Scales its inputs itself, and its answers back."""

    def __init__(self, layers, *, inputs=(0.0, 1.0), outputs=(0.0, 1.0)) -> None:
        super().__init__()
        self.layers, self.inputs, self.outputs = layers, inputs, outputs

    def forward(self, x):
        return self.layers((x - self.inputs[0]) / self.inputs[1]) * self.outputs[1] + self.outputs[0]


def wine(scaled: bool) -> tuple[np.ndarray, np.ndarray]:
    x, y = datasets.load_wine(return_X_y=True)
    return ((x - x.mean(0)) / x.std(0) if scaled else x), y


def pixels() -> tuple[torch.Tensor, torch.Tensor]:
    """scikit-learn's digits as images from 0 to 255."""
    x, y = datasets.load_digits(return_X_y=True)
    return torch.from_numpy(np.minimum(x * 16, 255)).float().reshape(-1, 1, 8, 8), torch.from_numpy(y)


def image_net(*begin: nn.Module) -> nn.Sequential:
    return nn.Sequential(*begin, nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


def ending(end: nn.Module, y: torch.Tensor, **arguments: Any) -> Call:
    return Call(regressor(end, **arguments), (numbers()[0], y))


def split_scaled(scaler: Any, *, before: bool) -> Call:
    """Breast cancer, split by hand, scaled before or after."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    if before:
        x = scaler.fit_transform(x)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0)
    if not before:
        x_train = scaler.fit_transform(x_train)
        x_test = scaler.transform(x_test)
    trainer = classifier(features=30, outputs=2)
    return Call(trainer, (x_train, y_train), {"validation_data": (x_test, y_test)})


def confident(size: float, **arguments: Any) -> Trainer:
    """A classifier whose last layer begins with large weights."""
    trainer = classifier(outputs=10, **arguments)
    nn.init.normal_(trainer.model[-1].weight, std=size, generator=torch.Generator().manual_seed(0))
    return trainer


def dead(alive: bool = False) -> Trainer:
    """A classifier whose hidden units never fire: its answer is its last bias."""
    trainer = classifier()
    if not alive:
        nn.init.constant_(trainer.model[0].bias, -1000.0)
    return trainer


def sorted_classes(order: str) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = classes()
    rows = y.argsort(stable=True) if order == "sorted" else torch.arange(len(y))
    return x[rows], y[rows]


def overlapping(first: int) -> Call:
    """Two parts of one dataset, the second from a row on."""
    rows = Rows(*classes())
    train, held_out = Subset(rows, range(90)), Subset(rows, range(first, 120))
    return Call(classifier(), (DataLoader(train, 16, shuffle=True),), {"validation_data": DataLoader(held_out, 16)})


X, Y = classes()
SIGNED = numbers()[1]

MISTAKES = [
    Mistake(
        "double-softmax", "error", "a Softmax layer before cross_entropy",
        lambda: Call(classifier(nn.Softmax(dim=1)), (X, Y)),
        lambda: Call(classifier(), (X, Y)),
        ("ends in a softmax", "model = model[:-1]", "3 classes", "cannot go below 0.55"),
    ),
    Mistake(
        "double-softmax", "error", "ten classes: the floor of the loss",
        lambda: Call(classifier(nn.Softmax(dim=1), outputs=10), classes(4)),
        lambda: Call(classifier(nn.LogSoftmax(dim=1), outputs=10), classes(4)),
        ("cannot go below 1.46", "predict_proba"),
    ),
    Mistake(
        "double-softmax", "error", "softmax in forward, reshaped and transposed",
        lambda: Call(
            Trainer(
                Functional(lambda z: z.softmax(1).unsqueeze(0).squeeze(0).reshape(-1, 3).t().contiguous().t()),
                loss="cross_entropy", device="cpu",
            ), (X, Y),
        ),
        lambda: Call(
            Trainer(Functional(lambda z: z.t().contiguous().t()), loss="cross_entropy", device="cpu"), (X, Y)
        ),
        ("Return the logits from forward, without the softmax",),
    ),
    Mistake(
        "double-softmax", "error", "softmax under autocast, cast back",
        lambda: Call(
            Trainer(
                Functional(lambda z: z.softmax(1).to(torch.bfloat16)), loss="cross_entropy", precision="bf16",
                device="cpu",
            ), (X, Y),
        ),
        lambda: Call(Trainer(net(), loss="cross_entropy", precision="bf16", device="cpu"), (X, Y)),
        ("ends in a softmax",),
    ),
    Mistake(
        "double-softmax", "error", "a softmax that only its values tell",
        lambda: Call(Trainer(Functional(OwnSoftmax.apply), loss="cross_entropy", device="cpu"), (X, Y)),
        lambda: Call(
            Trainer(Functional(lambda z: 2 * OwnSoftmax.apply(z)), loss="cross_entropy", device="cpu"), (X, Y)
        ),
        ("ends in a softmax",),
    ),
    Mistake(
        "double-softmax", "error", "sigmoid before bce_with_logits",
        lambda: Call(regressor(nn.Sigmoid(), loss="bce_with_logits"), (X, (Y > 0).float())),
        lambda: Call(regressor(nn.Sigmoid(), loss="bce"), (X, (Y > 0).float())),
        ("ends in a sigmoid", "bce_with_logits", "costs at least 0.69"),
    ),
    Mistake(
        "double-softmax", "error", "sigmoid before cross_entropy",
        lambda: Call(classifier(nn.Sigmoid()), (X, Y)),
        lambda: Call(Trainer(net(nn.Sigmoid()), loss="mse", device="cpu"), (X, F.one_hot(Y, 3).float())),
        ("ends in a sigmoid", "cross_entropy applies its own"),
    ),
    Mistake(
        "double-softmax", "error", "one of two outputs",
        lambda: Call(
            Trainer(TwoHeads(nn.Softmax(dim=1)), loss={"kind": "cross_entropy", "size": "mse"}, device="cpu"),
            (X, {"kind": Y, "size": SIGNED}),
        ),
        lambda: Call(
            Trainer(TwoHeads(nn.Identity()), loss={"kind": "cross_entropy", "size": "mse"}, device="cpu"),
            (X, {"kind": Y, "size": SIGNED}),
        ),
        ("The output 'kind' ends in a softmax",),
    ),
    Mistake(
        "double-softmax", "error", "a function of the user's that calls cross_entropy",
        lambda: Call(classifier(nn.Softmax(dim=1), loss=lambda p, y: F.cross_entropy(p, y)), (X, Y)),
        lambda: Call(classifier(nn.Softmax(dim=1), loss=lambda p, y: F.nll_loss(p.log(), y)), (X, Y)),
        ("F.cross_entropy(logits, y)",),
    ),
    Mistake(
        "double-softmax", "error", "compute_loss of the user's",
        lambda: Call(Probabilities(net(nn.Softmax(dim=1)), device="cpu"), (X, Y)),
        lambda: Call(Probabilities(net(), device="cpu"), (X, Y)),
        ("log_softmax", "Pass the logits"),
    ),
    Mistake(
        "double-softmax", "error", "a model with a loss of its own",
        lambda: Call(Trainer(OwnLoss(twice=True), device="cpu"), ({"x": X, "labels": Y},)),
        lambda: Call(Trainer(OwnLoss(twice=False), device="cpu"), ({"x": X, "labels": Y},)),
        ("Pass the logits",),
    ),
    Mistake(
        "double-softmax", "warning", "softmax in eval mode only",
        lambda: Call(
            Trainer(Functional(lambda z: z.softmax(1), when="eval"), loss="cross_entropy", device="cpu"), (X, Y)
        ),
        lambda: Call(
            Trainer(Functional(lambda z: z.log_softmax(1), when="eval"), loss="cross_entropy", device="cpu"), (X, Y)
        ),
        ("In eval mode", "val_loss is not"),
    ),
    Mistake(
        "missing-log-softmax", "error", "logits into nll",
        lambda: Call(classifier(loss="nll"), (X, Y)),
        lambda: Call(classifier(nn.LogSoftmax(dim=1), loss="nll"), (X, Y)),
        ("loss='cross_entropy'", "nn.LogSoftmax(dim=1)"),
    ),
    Mistake(
        "missing-log-softmax", "error", "probabilities into nll",
        lambda: Call(classifier(nn.Softmax(dim=1), loss="nll"), (X, Y)),
        lambda: Call(
            Trainer(Functional(lambda z: (z.softmax(1) + 1e-8).log()), loss="nll", device="cpu"), (X, Y)
        ),
        ("nll takes log-probabilities",),
    ),
    Mistake(
        "missing-log-softmax", "error", "negative logits into nll",
        lambda: Call(Trainer(Functional(lambda z: -z.abs() - 3), loss="nll", device="cpu"), (X, Y)),
        lambda: Call(
            Trainer(Functional(lambda z: z - z.logsumexp(1, keepdim=True)), loss="nll", device="cpu"), (X, Y)
        ),
        ("no log_softmax at its end",),
    ),
    Mistake(
        "broadcast-loss", "error", "compute_loss with (N, 1) against (N,)",
        lambda: Call(Comparing(net(outputs=1), device="cpu"), (X, SIGNED.squeeze(1))),
        lambda: Call(Squeezing(net(outputs=1), device="cpu"), (X, SIGNED.squeeze(1))),
        ("(32, 1)", "(32,)", "32 x 32", "targets.reshape(predictions.shape)"),
    ),
    Mistake(
        "broadcast-loss", "error", "compute_loss with torch's own mse_loss",
        lambda: Call(
            type("Own", (Trainer,), {"compute_loss": lambda self, batch: StepOutput(
                F.mse_loss(self.model(batch.x), batch.y))})(net(outputs=1), device="cpu"),
            (X, SIGNED.squeeze(1)),
        ),
        lambda: Call(
            type("Own", (Trainer,), {"compute_loss": lambda self, batch: StepOutput(
                F.mse_loss(self.model(batch.x), batch.y.unsqueeze(1)))})(net(outputs=1), device="cpu"),
            (X, SIGNED.squeeze(1)),
        ),
        ("every prediction against every target",),
    ),
    Mistake(
        "broadcast-loss", "error", "predictions (N,) against (N, 1)",
        lambda: Call(Squeezing(net(outputs=1), device="cpu"), (X, SIGNED)),
        lambda: Call(Comparing(net(outputs=1), device="cpu"), (X, SIGNED)),
        ("predictions of shape (32,)", "targets of shape (32, 1)"),
    ),
    Mistake(
        "broadcast-loss", "error", "a function that gets a sequence of outputs for one target a row",
        lambda: Call(
            Trainer(Functional(lambda z: z.unsqueeze(2)), loss=lambda p, y: ((p - y) ** 2).mean(), device="cpu"),
            (X, SIGNED.squeeze(1)),
        ),
        lambda: Call(
            Trainer(
                Functional(lambda z: z.unsqueeze(2)), loss=lambda p, y: ((p[:, -1, 0] - y) ** 2).mean(), device="cpu"
            ), (X, SIGNED.squeeze(1)),
        ),
        ("(32, 3, 1)", "(32,)"),
    ),
    Mistake(
        "unreachable-targets", "error", "ReLU before signed targets",
        lambda: ending(nn.ReLU(), SIGNED),
        lambda: ending(nn.ReLU(), SIGNED.abs()),
        ("ends in a relu", "0 and more", "without the relu", "cannot go below"),
    ),
    Mistake(
        "unreachable-targets", "error", "Softplus before signed targets",
        lambda: ending(nn.Softplus(), SIGNED),
        lambda: ending(nn.Softplus(), SIGNED.exp()),
        ("ends in a softplus", "log(y)"),
    ),
    Mistake(
        "unreachable-targets", "error", "sigmoid before targets above 1",
        lambda: ending(nn.Sigmoid(), 10 * torch.rand(120, 1)),
        lambda: ending(nn.Sigmoid(), torch.rand(120, 1)),
        ("from 0 to 1", "y = (y - y.min()) / (y.max() - y.min())"),
    ),
    Mistake(
        "unreachable-targets", "error", "tanh before standardised targets of three classes of size",
        lambda: ending(nn.Tanh(), 3 * SIGNED),
        lambda: ending(nn.Tanh(), SIGNED.tanh()),
        ("from -1 to 1",),
    ),
    Mistake(
        "unreachable-targets", "warning", "ReLU before a few targets below 0",
        lambda: ending(nn.ReLU(), SIGNED.clamp(min=-0.3)),
        lambda: ending(nn.ReLU(), SIGNED.clamp(min=-0.01)),
        ("ends in a relu",),
    ),
    Mistake(
        "unreachable-targets", "error", "ReLU before bce_with_logits",
        lambda: Call(regressor(nn.ReLU(), loss="bce_with_logits"), (X, (Y > 0).float())),
        lambda: Call(classifier(nn.ReLU(), loss="cross_entropy"), (X, Y)),
        ("outside 0.50 to 1.00",),
    ),
    Mistake(
        "unreachable-targets", "warning", "tanh before cross_entropy",
        lambda: Call(classifier(nn.Tanh(), outputs=10), (X, Y)),
        lambda: Call(
            Trainer(Functional(lambda z: 10 * z.tanh(), outputs=10), loss="cross_entropy", device="cpu"), (X, Y)
        ),
        ("cannot go below 0.80",),
    ),
    Mistake(
        "shared-rows", "warning", "validated on rows that train",
        lambda: Call(classifier(), (X, Y), {"validation_data": (X[40:60], Y[40:60])}),
        lambda: Call(classifier(), (X[:40], Y[:40]), {"validation_data": (X[40:60], Y[40:60])}),
        ("20 of 20", "rows 0, 1, 2", "rows 40, 41, 42", "validation_split=0.2"),
    ),
    Mistake(
        "shared-rows", "warning", "a few of them",
        lambda: Call(classifier(), (X[:70], Y[:70]), {"validation_data": (X[65:], Y[65:])}),
        lambda: Call(classifier(), (X, Y), {"validation_split": 0.2}),
        ("5 of 55", "rows 0, 1, 2", "rows 65, 66, 67"),
    ),
    Mistake(
        "shared-rows", "warning", "two overlapping subsets of one dataset",
        lambda: overlapping(80),
        lambda: overlapping(90),
        ("10 of 40", "rows 80, 81, 82"),
    ),
    Mistake(
        "shared-rows", "warning", "several inputs",
        lambda: Call(
            Trainer(Pair(), loss="cross_entropy", device="cpu"), (({"a": X, "b": X[:, :2]}), Y),
            {"validation_data": ({"a": X[:30], "b": X[:30, :2]}, Y[:30])},
        ),
        lambda: Call(
            Trainer(Pair(), loss="cross_entropy", device="cpu"), (({"a": X, "b": X[:, :2]}), Y),
            {"validation_data": ({"a": X[:30], "b": X[30:60, :2]}, Y[:30])},
        ),
        ("30 of 30",),
    ),
    Mistake(
        "sorted-labels", "warning", "sorted by class, shuffle=False",
        lambda: Call(classifier(), sorted_classes("sorted"), {"shuffle": False}),
        lambda: Call(classifier(), sorted_classes("mixed"), {"shuffle": False}),
        ("117 of 119", "shuffle=True"),
    ),
    Mistake(
        "sorted-labels", "warning", "a DataLoader without shuffle",
        lambda: Call(classifier(), (DataLoader(TensorDataset(*sorted_classes("sorted")), 16),)),
        lambda: Call(classifier(), (DataLoader(TensorDataset(*sorted_classes("sorted")), 16, shuffle=True),)),
        ("DataLoader(..., shuffle=True)",),
    ),
    Mistake(
        "sorted-labels", "warning", "a dataset that says its targets, sorted as folders are",
        lambda: Call(classifier(), (DataLoader(Rows(*sorted_classes("sorted")), 16),)),
        lambda: Call(classifier(), (DataLoader(Rows(*sorted_classes("mixed")), 16),)),
        ("shuffle=True",),
    ),
    Mistake(
        "sorted-labels", "warning", "two classes for bce_with_logits",
        lambda: Call(
            regressor(loss="bce_with_logits"), (X, (torch.arange(120) >= 60).float()), {"shuffle": False}
        ),
        lambda: Call(
            regressor(loss="bce_with_logits"), (X, (torch.arange(120) >= 60).float()),
            {"shuffle": False, "batch_size": 120},
        ),
        ("118 of 119",),
    ),
    Mistake(
        "feature-scales", "warning", "the wine data as they come",
        lambda: Call(classifier(features=13), wine(scaled=False)),
        lambda: Call(classifier(features=13), wine(scaled=True)),
        ("Feature 12 of x", "x = (x - x.mean(0)) / x.std(0)", "nn.BatchNorm1d(13)"),
    ),
    Mistake(
        "feature-scales", "warning", "one large feature among small ones",
        lambda: Call(classifier(), (X * torch.tensor([1.0, 1.0, 1.0, 5000.0]), Y)),
        lambda: Call(
            Trainer(nn.Sequential(nn.BatchNorm1d(4), net()), loss="cross_entropy", device="cpu"),
            (X * torch.tensor([1.0, 1.0, 1.0, 5000.0]), Y),
        ),
        ("Feature 3 of x",),
    ),
    Mistake(
        "feature-scales", "warning", "one very small feature",
        lambda: Call(classifier(), (X * torch.tensor([1e-6, 1.0, 1.0, 1.0]), Y)),
        lambda: Call(classifier(), (torch.cat([(X[:, :1] > 2.2).float(), X[:, 1:]], dim=1), Y)),
        ("feature 0 of",),
    ),
    Mistake(
        "feature-scales", "note", "pixels from 0 to 255",
        lambda: Call(Trainer(image_net(), loss="cross_entropy", device="cpu"), pixels()),
        lambda: Call(
            Trainer(Scaled(image_net(), inputs=(0.0, 255.0)), loss="cross_entropy", device="cpu"), pixels()
        ),
        ("x / 255",),
    ),
    Mistake(
        "large-targets", "note", "prices in dollars",
        lambda: Call(regressor(), (X, 200_000 + 50_000 * SIGNED)),
        lambda: Call(
            Trainer(Scaled(net(outputs=1), outputs=(200_000.0, 50_000.0)), loss="mse", device="cpu"),
            (X, 200_000 + 50_000 * SIGNED),
        ),
        ("+- 5", "y = (y - mean) / std", "trainer.predict(x) * std + mean"),
    ),
    Mistake(
        "large-targets", "note", "years",
        lambda: Call(regressor(loss="huber"), (X, 2000 + 10 * SIGNED)),
        lambda: Call(regressor(loss="huber"), (X, 10 * SIGNED)),
        ("The targets are 2",),
    ),
    Mistake(
        "scaler-before-split", "note", "a StandardScaler over all rows",
        lambda: split_scaled(StandardScaler(), before=True),
        lambda: split_scaled(StandardScaler(), before=False),
        ("StandardScaler", "scaler.fit(x_train)"),
    ),
    Mistake(
        "scaler-before-split", "note", "a MinMaxScaler over all rows",
        lambda: split_scaled(MinMaxScaler(), before=True),
        lambda: split_scaled(MinMaxScaler(), before=False),
        ("MinMaxScaler",),
    ),
    Mistake(
        "scaler-before-split", "note", "and then validation_split",
        lambda: Call(classifier(features=13), wine(scaled=True), {"validation_split": 0.2}),
        lambda: Call(classifier(features=13), wine(scaled=True)),
        ("StandardScaler",),
    ),
    Mistake(
        "first-loss", "note", "a last layer of large weights",
        lambda: Call(confident(20.0), classes(4)),
        lambda: Call(confident(0.5), classes(4)),
        ("ln(10) = 2.30", "nn.init.normal_(head.weight, std=0.01)"),
    ),
    Mistake(
        "one-class", "note", "dead units",
        lambda: Call(dead(), (X, Y)),
        lambda: Call(dead(alive=True), (X, Y)),
        ("for all of", "of 3 classes", "units may be dead"),
    ),
]  # fmt: skip


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, a, b):
        return self.a(a) + self.b(b)


def found(call: Call, code: str) -> list[nk.diagnostics.Finding]:
    """What ``nk.diagnose`` finds under a code."""
    return [one for one in nk.diagnose(call.trainer, *call.data, **call.arguments) if one.code == code]
