"""The networks of a first course on real MNIST, each in one call: python examples/mnist.py --data DIR --network all

DIR holds MNIST/raw as torchvision lays it out, unpacked or gzipped; what is missing is downloaded into it.
"""

import argparse
import gzip
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.datasets import MNIST

import neurokit as nk

MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels
BATCH = 128


class SimpleNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class RegularizedNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.bn1, self.dropout1 = nn.Linear(784, 128), nn.BatchNorm1d(128), nn.Dropout(0.5)
        self.fc2, self.bn2, self.dropout2 = nn.Linear(128, 128), nn.BatchNorm1d(128), nn.Dropout(0.5)
        self.fc3 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout1(F.relu(self.bn1(self.fc1(x.flatten(1)))))
        x = self.dropout2(F.relu(self.bn2(self.fc2(x))))
        return self.fc3(x)


def deep_net() -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs, dropout in ((784, 256, 0.3), (256, 128, 0.3), (128, 64, 0.2)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def conv_net() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 16), (16, 32), (32, 64)):  # 28 -> 14 -> 7 -> 3 pixels a side
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 3 * 3, 10))


@dataclass
class Recipe:
    model: Callable[[], nn.Module]
    optimizer: str
    epochs: int
    callbacks: Callable[[], list[nk.Callback]] = list


def plateau() -> list[nk.Callback]:
    return [nk.ReduceLROnPlateau(monitor="val_accuracy", factor=0.5, patience=3)]


def one_cycle() -> list[nk.Callback]:
    return [nk.LRSchedule("OneCycleLR", max_lr=0.01)]


RECIPES = {
    "simple": Recipe(SimpleNet, "sgd", 20),
    "adam": Recipe(SimpleNet, "adam", 15),
    "regularized": Recipe(RegularizedNet, "adam", 15),
    "deep": Recipe(deep_net, "adam", 20, plateau),
    "cnn": Recipe(conv_net, "adam", 10, one_cycle),
}


class LessonTable(nk.Callback):
    """Prints a line every five epochs."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        print(f"{'Epoch':<6} {'Train Loss':<12} {'Train Acc':<12} {'Val Loss':<12} {'Val Acc':<12}\n{'-' * 60}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if (epoch + 1) % 5 == 0 or epoch + 1 == self.trainer.state.epochs:
            print(
                f"{epoch + 1:<6} {logs['loss']:<12.4f} {logs['accuracy']:<12.2%} "
                f"{logs['val_loss']:<12.4f} {logs['val_accuracy']:<12.2%}",
                flush=True,
            )


@dataclass
class Result:
    parameters: int
    epochs: int
    seconds: float
    accuracy: float


def train(name: str, seed: int, epochs: int | None, data: dict[str, np.ndarray]) -> Result:
    recipe = RECIPES[name]
    nk.seed_everything(seed)
    trainer = nk.Trainer(
        recipe.model(), loss="cross_entropy", optimizer=recipe.optimizer, learning_rate=0.001, metrics=["accuracy"]
    )
    print(f"\nTraining {name}, seed {seed}")
    start = time.perf_counter()
    history = trainer.fit(
        data["x_train"],
        data["y_train"],
        epochs=epochs or recipe.epochs,
        batch_size=BATCH,
        validation_split=0.2,
        callbacks=[*recipe.callbacks(), LessonTable()],
        verbose=0,
    )
    seconds = time.perf_counter() - start
    test = trainer.evaluate(data["x_test"], data["y_test"])
    print(f"test accuracy {test['accuracy']:.2%}")
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    return Result(parameters, len(history.epoch), seconds, test["accuracy"])


def load(folder: Path) -> dict[str, np.ndarray]:
    """Return MNIST as float32 pictures (n, 1, 28, 28), normalised, and int64 labels."""
    raw = folder / "MNIST" / "raw"
    with tempfile.TemporaryDirectory() as temporary:
        if not (raw / "train-images-idx3-ubyte").exists() and (raw / "train-images-idx3-ubyte.gz").exists():
            unpack(raw, Path(temporary) / "MNIST" / "raw")  # the folder itself may be read-only
            folder = Path(temporary)
        complete = (folder / "MNIST" / "raw" / "train-images-idx3-ubyte").exists()
        data = {}
        for part, is_train in (("train", True), ("test", False)):
            mnist = MNIST(folder, train=is_train, download=not complete)
            data[f"x_{part}"] = ((mnist.data.float() / 255 - MEAN) / STD).unsqueeze(1).numpy()
            data[f"y_{part}"] = mnist.targets.numpy()
    return data


def unpack(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for packed in source.glob("*.gz"):
        with gzip.open(packed) as compressed, open(target / packed.stem, "wb") as plain:
            shutil.copyfileobj(compressed, plain)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the networks of a first course on MNIST.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw (%(default)s)")
    parser.add_argument("--network", choices=[*RECIPES, "all"], default="deep", help="which to train (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="train once with each (%(default)s)")
    parser.add_argument("--epochs", type=int, help="in place of each network's own number")
    options = parser.parse_args()

    data = load(options.data)
    print(f"{len(data['x_train']):,} training rows, 20 % of them for validation; {len(data['x_test']):,} test rows")
    names = list(RECIPES) if options.network == "all" else [options.network]
    results = {name: [train(name, seed, options.epochs, data) for seed in options.seeds] for name in names}

    threads, seeds = torch.get_num_threads(), " ".join(map(str, options.seeds))
    print(f"\nOn {nk.describe_device().name}, torch threads: {threads}; seeds: {seeds}; seconds are those of fit\n")
    print("| network | parameters | epochs | seconds | test accuracy, mean | lowest | highest |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, runs in results.items():
        accuracies = [run.accuracy for run in runs]
        print(
            f"| {name} | {runs[0].parameters:,} | {runs[0].epochs} | {mean(run.seconds for run in runs):.0f} "
            f"| {mean(accuracies):.2%} | {min(accuracies):.2%} | {max(accuracies):.2%} |"
        )


if __name__ == "__main__":
    main()
