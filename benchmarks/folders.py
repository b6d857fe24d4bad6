"""Seconds per epoch on a folder of JPEG files: numbers or bytes from the workers, decoded each epoch or once.

    python benchmarks/folders.py [--rounds 7] [--threads 1] [--images 2000]

Pictures of 96 x 96, cut from scikit-learn's two photographs, in a folder a class; a small convolutional net, batches of
64, a DataLoader of two workers. By turns, each in a process of its own:

hand      the loop that everyone writes: ToTensor and Normalize in the workers, float32 comes from them
numbers   neurokit, the same loader
bytes     neurokit, uint8 comes from the workers, the model's first layers make numbers of it
cached    neurokit, the same bytes, decoded once: nk.cached

A ratio is one to the hand-written loop's epoch of the same round, seconds the median of the epochs after the first,
which is written beside them. Results go to benchmarks/results/folders.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import nn
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import machine
import runners
import turns
from jobs import Job

WAYS = ("hand", "numbers", "bytes", "cached")
MEAN, STD = [0.5] * 3, [0.25] * 3


def write_folder(root: Path, images: int) -> None:
    """Write so many pictures, half of each photograph."""
    numbers = np.random.default_rng(0)
    for name, photograph in zip(("china", "flower"), load_sample_images().images, strict=True):
        (root / name).mkdir(parents=True)
        for index in range(images // 2):
            top, left = (numbers.integers(0, size - 96) for size in photograph.shape[:2])
            Image.fromarray(photograph[top : top + 96, left : left + 96]).save(root / name / f"{index}.jpg")


def conv_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(512, 2),
    )  # fmt: skip


def to_numbers() -> list[nn.Module]:
    return [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]


def job(root: Path, way: str) -> Job:
    """Return the training of one way, whose workers give numbers or bytes."""
    before = [] if way in ("bytes", "cached") else to_numbers()
    pictures = ImageFolder(root, v2.Compose([v2.PILToTensor(), *before]))

    def make() -> nn.Module:
        return conv_net() if before else nn.Sequential(*to_numbers(), conv_net())

    return Job("pictures of 96 x 96", make, "cross_entropy", 64, pictures, 1, workers=2)


def train(root: Path, way: str, epochs: int) -> None:
    """Train in one way, an epoch a turn."""
    tick = turns.Turns(1)
    if way == "hand":
        runners.hand(job(root, way), epochs, tick)
    else:
        runners.neurokit(job(root, way), epochs, tick, cached=way == "cached")


def main() -> None:
    parser = machine.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # the child process: a folder, and a way
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.one:
        train(Path(options.one[0]), options.one[1], 1 + options.rounds)
        return
    figures = machine.circumstances(options.threads) | {"images": options.images, "rounds": options.rounds}
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), options.images)
        figures["ways"] = measured(folder, options)
    machine.save("folders", figures, options.to)


def measured(folder: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train in all ways, by turns, and return what each took beside the hand-written loop."""
    more = ["--rounds", str(options.rounds), "--threads", str(options.threads)]
    children = [[__file__, "--one", folder, way, *more] for way in WAYS]
    base, *others = turns.beside(children, options.rounds, options.threads)
    found = {way: turns.summary(each, base) for way, each in zip(WAYS, (base, *others), strict=True)}
    print(f"{'':10}{'ratio':>8}{'lowest':>8}{'highest':>8}{'seconds':>8}{'first':>8}")
    for way, one in found.items():
        print(f"{way:10}" + "".join(f"{one[key]:8.2f}" for key in ("ratio", "lowest", "highest", "seconds", "first")))
    return found


if __name__ == "__main__":
    main()
