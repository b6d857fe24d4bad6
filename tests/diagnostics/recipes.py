"""Clean recipes: set-ups as careful users write them, of which no check may say anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from diagnostics.mistakes_in_data import Call
from neurokit import EMA, EarlyStopping, LRSchedule, StepOutput, Trainer

RECIPES: dict[str, Callable[[], Call]] = {}


def recipe(function: Callable[[], Call]) -> Callable[[], Call]:
    RECIPES[function.__name__.replace("_", " ")] = function
    return function


def split(data: Any) -> tuple[Any, Any, Any, Any]:
    """Training and validation rows of one of scikit-learn's data sets, scaled by the training rows' figures."""
    x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.25, random_state=0)
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), scaler.transform(x_test), y_train, y_test


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images from 0 to 1, ``(rows, 1, 8, 8)``, and their digit."""
    x, y = datasets.load_digits(return_X_y=True)
    return torch.from_numpy(x / 16).float().reshape(-1, 1, 8, 8)[:600], torch.from_numpy(y)[:600]


def mlp(inputs: int, outputs: int, *begin: nn.Module) -> nn.Sequential:
    return nn.Sequential(*begin, nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, outputs))


def trainer(model: nn.Module, loss: Any, kind: type[Trainer] = Trainer, **arguments: Any) -> Trainer:
    return kind(model, loss=loss, device="cpu", **arguments)


# ------------------------------------------------------------------------------------------------------------- tables


@recipe
def classification_of_a_table() -> Call:
    x_train, x_test, y_train, y_test = split(datasets.load_wine())
    made = trainer(mlp(13, 3), "cross_entropy", metrics=["accuracy"])
    return Call(made, (x_train, y_train), {"validation_data": (x_test, y_test)})


@recipe
def classification_with_names_for_classes() -> Call:
    data = datasets.load_iris()
    x = pd.DataFrame(data.data, columns=data.feature_names)  # centimetres: no need to scale them
    return Call(trainer(mlp(4, 3), "cross_entropy"), (x, data.target_names[data.target]), {"validation_split": 0.2})


@recipe
def two_classes() -> Call:
    x_train, x_test, y_train, y_test = split(datasets.load_breast_cancer())
    made = trainer(mlp(30, 1), "bce_with_logits", metrics=["accuracy"])
    return Call(made, (x_train, y_train[:, None]), {"validation_data": (x_test, y_test[:, None])})


@recipe
def two_classes_by_two_logits_without_shuffling() -> Call:
    x_train, _, y_train, _ = split(datasets.load_breast_cancer())
    return Call(trainer(mlp(30, 2), "cross_entropy"), (x_train, y_train), {"shuffle": False})


@recipe
def regression() -> Call:
    x_train, x_test, y_train, y_test = split(datasets.load_diabetes())
    mean, deviation = y_train.mean(), y_train.std()
    y_train, y_test = (y_train - mean)[:, None] / deviation, (y_test - mean)[:, None] / deviation
    made = trainer(mlp(10, 1), "mse", metrics=["mae"], optimizer="adamw")
    return Call(made, (x_train, y_train), {"validation_data": (x_test, y_test)})


@recipe
def regression_of_positive_numbers_by_a_softplus() -> Call:
    x_train, _, y_train, _ = split(datasets.load_diabetes())
    model = nn.Sequential(mlp(10, 1), nn.Softplus())
    return Call(trainer(model, "mse"), (x_train, y_train[:, None] / 100))


@recipe
def regression_of_unscaled_features_behind_a_batch_norm() -> Call:
    x = datasets.load_wine().data
    return Call(trainer(mlp(12, 1, nn.BatchNorm1d(12)), "huber"), (x[:, 1:], x[:, :1] - 13))


@recipe
def several_labels_at_once() -> Call:
    x, y = datasets.make_multilabel_classification(300, 12, n_classes=5, random_state=0)
    return Call(trainer(mlp(12, 5), "bce_with_logits", metrics=["accuracy"]), (x / 10, y), {"validation_split": 0.2})


@recipe
def imbalance_with_class_weights() -> Call:
    x, y = datasets.make_classification(400, 8, weights=[0.95], flip_y=0, class_sep=2.0, random_state=0)
    made = trainer(mlp(8, 2), "cross_entropy", metrics=["f1"])
    return Call(made, (x, y), {"class_weight": {0: 1.0, 1: 19.0}, "validation_split": 0.2})


@recipe
def imbalance_as_it_is() -> Call:
    x, y = datasets.make_classification(400, 8, weights=[0.95], flip_y=0, random_state=0)
    return Call(trainer(mlp(8, 2), "cross_entropy"), (x, y), {"epochs": 2})


@recipe
def sample_weights_and_one_hot_columns() -> Call:
    x, y = datasets.load_iris(return_X_y=True)
    flags = pd.get_dummies(pd.Series(np.arange(150) % 7), dtype=float).to_numpy()
    x = np.concatenate([(x - x.mean(0)) / x.std(0), flags], axis=1)
    weight = np.linspace(0.5, 1.5, 150)
    return Call(trainer(mlp(11, 3), "cross_entropy"), (x, y), {"sample_weight": weight})


# ------------------------------------------------------------------------------------------------------------- images


def convolutions(outputs: int = 10) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(288, outputs),
    )  # fmt: skip


@recipe
def images() -> Call:
    made = trainer(convolutions(), "cross_entropy", metrics=["accuracy"])
    return Call(made, digits(), {"validation_split": 0.2, "epochs": 2})


class Augmented(Dataset):
    """Images shifted at random, read one by one."""

    def __init__(self, x, y, *, augment: bool) -> None:
        self.x, self.y, self.targets, self.augment = x, y, y.tolist(), augment

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        shift = int(torch.randint(-1, 2, ())) if self.augment else 0
        return self.x[index].roll(shift, dims=-1), self.y[index]


@recipe
def images_from_workers_with_augmentation() -> Call:
    x, y = digits()
    train, held_out = Augmented(x[:400], y[:400], augment=True), Augmented(x[400:], y[400:], augment=False)
    loaders = DataLoader(train, 32, shuffle=True, num_workers=2), DataLoader(held_out, 64, num_workers=1)
    return Call(trainer(convolutions(), "cross_entropy"), loaders[:1], {"validation_data": loaders[1]})


@recipe
def bytes_that_the_model_scales_itself() -> Call:
    class Scaling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = convolutions()

        def forward(self, x):
            return self.layers(x.float() / 255)

    x, y = digits()
    return Call(trainer(Scaling(), "cross_entropy"), ((x * 255).to(torch.uint8), y))


@recipe
def an_autoencoder() -> Call:
    x = digits()[0].flatten(1)
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())
    return Call(trainer(model, "mse"), (x, x), {"epochs": 2})


@recipe
def transfer_with_a_frozen_backbone() -> Call:
    x, y = digits()
    backbone = convolutions()[:4]
    backbone.requires_grad_(False).eval()
    model = nn.Sequential(backbone, nn.Linear(288, 10))
    head = torch.optim.AdamW(model[1].parameters(), lr=1e-3)
    return Call(trainer(model, "cross_entropy", optimizer=head), (x, y), {"validation_split": 0.2})


# ---------------------------------------------------------------------------------------------------------- sequences


@recipe
def sequences_by_an_lstm() -> Call:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    x, y = digits()
    return Call(trainer(Reader(), "cross_entropy", max_grad_norm=1.0), (x[:, 0], y))


@recipe
def tokens_by_a_transformer() -> Call:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(5000, 16)
            self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.head = nn.Linear(16, 2)

        def forward(self, ids):
            return self.head(self.encoder(self.embedding(ids)).mean(1))

    ids = torch.randint(0, 5000, (200, 12), generator=torch.Generator().manual_seed(0))
    return Call(trainer(Tokens(), "cross_entropy", optimizer="adamw"), (ids, (ids[:, 0] > 2500).long()))


@recipe
def a_language_model_with_its_own_loss() -> Call:
    class Model(nn.Module):
        """Takes and returns what Hugging Face's models do."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.layer, self.head = nn.Embedding(50, 16), nn.GRU(16, 16), nn.Linear(16, 50)

        def forward(self, input_ids, labels=None):
            logits = self.head(self.layer(self.embedding(input_ids))[0])
            loss = None if labels is None else F.cross_entropy(logits.movedim(-1, 1), labels, ignore_index=-100)
            return {"loss": loss, "logits": logits}

    ids = torch.randint(0, 50, (128, 10), generator=torch.Generator().manual_seed(0))
    labels = ids.roll(-1, 1)
    labels[:, -1] = -100
    return Call(trainer(Model(), None), ({"input_ids": ids, "labels": labels},))


# ------------------------------------------------------------------------------ structures and steps of their own


@recipe
def several_inputs_and_a_dict_of_losses() -> Call:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.image, self.table = nn.Linear(64, 16), nn.Linear(3, 16)
            self.kind, self.size = nn.Linear(16, 10), nn.Linear(16, 1)

        def forward(self, image, table):
            hidden = torch.relu(self.image(image.flatten(1)) + self.table(table))
            return {"kind": self.kind(hidden), "size": self.size(hidden)}

    x, y = digits()
    table = torch.randn(len(x), 3, generator=torch.Generator().manual_seed(0))
    made = trainer(Both(), {"kind": "cross_entropy", "size": "mse"}, metrics=[])
    return Call(made, ({"image": x, "table": table}, {"kind": y, "size": table[:, :1]}), {"validation_split": 0.25})


@recipe
def dict_batches_from_a_loader() -> Call:
    class Keyed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = mlp(64, 10)

        def forward(self, pixels, labels):
            return {"loss": F.cross_entropy(self.layers(pixels.flatten(1)), labels)}

    x, y = digits()
    rows = [{"pixels": one, "labels": int(label)} for one, label in zip(x, y, strict=True)]
    return Call(trainer(Keyed(), None), (DataLoader(rows, 32, shuffle=True),))


@recipe
def a_stream() -> Call:
    class Stream(IterableDataset):
        def __iter__(self):
            yield from zip(*digits(), strict=True)

    return Call(trainer(convolutions(), "cross_entropy"), (DataLoader(Stream(), 32),))


@recipe
def a_loss_of_ones_own() -> Call:
    class Quantiles(Trainer):
        def compute_loss(self, batch):
            predictions, shares = self.model(batch.x), torch.tensor([0.1, 0.5, 0.9])
            error = batch.y - predictions  # (rows, 1) against (rows, 3), as it is meant
            return StepOutput(torch.maximum(shares * error, (shares - 1) * error).mean(), predictions, batch.y)

    x_train, _, y_train, _ = split(datasets.load_diabetes())
    y_train = (y_train - y_train.mean())[:, None] / y_train.std()
    return Call(trainer(mlp(10, 3), None, Quantiles), (x_train, y_train))


@recipe
def two_networks_against_each_other() -> Call:
    class Gan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = nn.Sequential(mlp(8, 64), nn.Tanh())
            self.critic = mlp(64, 1)

    class GanTrainer(Trainer):
        def train_step(self, batch):
            real, gan = batch.x.flatten(1) * 2 - 1, self.model
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
            fake = gan.generator(torch.randn(len(real), 8))
            self.optimizer["critic"].zero_grad()
            critic = F.binary_cross_entropy_with_logits(gan.critic(real), ones)
            critic = critic + F.binary_cross_entropy_with_logits(gan.critic(fake.detach()), zeros)
            critic.backward()
            self.optimizer["critic"].step()
            self.optimizer["generator"].zero_grad()
            generator = F.binary_cross_entropy_with_logits(gan.critic(fake), ones)
            generator.backward()
            self.optimizer["generator"].step()
            return {"critic": critic, "generator": generator}

    model = Gan()
    optimizers = {
        name: torch.optim.Adam(getattr(model, name).parameters(), lr=2e-4) for name in ("generator", "critic")
    }
    return Call(GanTrainer(model, optimizer=optimizers, device="cpu"), (digits()[0],))


# ----------------------------------------------------------------------------------------------------------- callbacks


@recipe
def one_cycle() -> Call:
    x_train, x_test, y_train, y_test = split(datasets.load_wine())
    made = trainer(mlp(13, 3), "cross_entropy", optimizer="sgd", learning_rate=0.1)
    schedule = LRSchedule("OneCycleLR", max_lr=0.1)
    return Call(made, (x_train, y_train), {"validation_data": (x_test, y_test), "callbacks": schedule, "epochs": 3})


@recipe
def averaged_weights() -> Call:
    made = trainer(convolutions(), "cross_entropy", accumulate=2)
    return Call(made, digits(), {"validation_split": 0.2, "callbacks": EMA(decay=0.9)})


@recipe
def early_stopping() -> Call:
    x_train, x_test, y_train, y_test = split(datasets.load_breast_cancer())
    tensors = [torch.as_tensor(one, dtype=torch.float32) for one in (x_train, x_test)]
    train = DataLoader(TensorDataset(tensors[0], torch.from_numpy(y_train)), 32, shuffle=True)
    held_out = DataLoader(TensorDataset(tensors[1], torch.from_numpy(y_test)), 64)
    stop = EarlyStopping(patience=1, restore_best_weights=True)
    return Call(
        trainer(mlp(30, 2), "cross_entropy"), (train,), {"validation_data": held_out, "callbacks": stop, "epochs": 3}
    )
