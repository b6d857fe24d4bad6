"""The three trainings that benchmarks/training.py measures: a table, pictures in memory, pictures to be decoded.

Pictures are random bytes: what an epoch takes does not depend on what is on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torchvision import datasets, transforms

PICTURES = 48_000
_MEAN, _STD = 0.1307, 0.3081  # of MNIST


@dataclass(frozen=True)
class Job:
    """One training: data, network, loss. ``x`` and ``y`` are there where the data are in memory.

    ``turn`` is how many epochs are timed together.
    """

    about: str
    make: Callable[[], nn.Module]
    loss: str
    batch_size: int
    dataset: Dataset[Any]
    turn: int
    x: Tensor | None = None
    y: Tensor | None = None
    workers: int = 0

    @property
    def classes(self) -> bool:
        return self.loss == "cross_entropy"

    def criterion(self) -> nn.Module:
        return nn.CrossEntropyLoss() if self.classes else nn.MSELoss()

    def loader(self) -> DataLoader[Any]:
        return DataLoader(self.dataset, self.batch_size, shuffle=True, num_workers=self.workers)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def deep_net() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs, share in ((784, 256, 0.3), (256, 128, 0.3), (128, 64, 0.2)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(share)]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def tabular(folder: Path | None, rows: int = 800) -> Job:
    draw = torch.Generator().manual_seed(0)
    x, noise = torch.randn(rows, 10, generator=draw), torch.randn(rows, generator=draw)
    y = (3 * x[:, 0] - 2 * x[:, 1] + x[:, 2] ** 2 + noise / 2).unsqueeze(1)
    y = (y - y.mean()) / y.std()
    about = f"{rows} rows of 10 numbers, MLP 10-64-32-1, batches of 32"
    return Job(about, mlp, "mse", 32, TensorDataset(x, y), 30, x, y)


def arrays(folder: Path | None, rows: int = PICTURES) -> Job:
    pixels, y = _pixels(folder, rows)
    x = ((pixels.float() / 255 - _MEAN) / _STD).unsqueeze(1)
    about = f"{rows:,} pictures of 28 x 28 in memory, 784-256-128-64-10 with BatchNorm and Dropout, batches of 128"
    return Job(about, deep_net, "cross_entropy", 128, TensorDataset(x, y), 1, x, y)


def lesson(folder: Path | None, rows: int = PICTURES) -> Job:
    to_numbers = transforms.Compose([transforms.ToTensor(), transforms.Normalize((_MEAN,), (_STD,))])
    if folder is None:
        pictures: Dataset[Any] = Pictures(*_pixels(None, rows), to_numbers)
    else:
        pictures = Subset(datasets.MNIST(str(folder), transform=to_numbers), range(rows))
    about = f"{rows:,} pictures through torchvision's transforms and a DataLoader of 2 workers, the same network"
    return Job(about, deep_net, "cross_entropy", 128, pictures, 1, workers=2)


class Pictures(Dataset[Any]):
    """Like ``torchvision.datasets.MNIST``, but of any bytes: a PIL image of each row, transformed."""

    def __init__(self, pixels: Tensor, labels: Tensor, transform: Callable[[Image.Image], Tensor]) -> None:
        self.pixels, self.labels, self.transform = pixels, labels, transform

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index].numpy(), mode="L")), int(self.labels[index])


def _pixels(folder: Path | None, rows: int) -> tuple[Tensor, Tensor]:
    """Return bytes of (rows, 28, 28) and a label of each: MNIST's, or random ones."""
    if folder is not None:
        found = datasets.MNIST(str(folder))
        return found.data[:rows], found.targets[:rows]
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (rows, 28, 28), dtype=torch.uint8, generator=draw)
    return pixels, torch.randint(0, 10, (rows,), generator=draw)


JOBS = {"tabular": tabular, "arrays": arrays, "lesson": lesson}
