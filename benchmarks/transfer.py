"""What pretraining is worth: digits 0-4 learnt first, then digits 5-9 from few examples, against starting from scratch.

usage: python benchmarks/transfer.py DATA [--seeds 0 1 2 3 4] [--examples 20] [--pretrain 30000] [--out FILE]
       DATA holds MNIST/raw, packed or not, as torchvision keeps it.

For each seed a small convolutional network learns digits 0-4. ``load_pretrained`` puts its weights into a new one,
``replace_head`` gives it a fresh head, and ``nk.fine_tune`` teaches it digits 5-9 from a few examples of each. The same
network from scratch gets the same examples: for as many epochs, and for ten times as many. All are tested on every test
digit 5-9. Differences are paired by seed, with a 95 % interval of Student's t. The settings were chosen with other
seeds, and tested on training pictures.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from torch import nn

import neurokit as nk
from neurokit import transfer

PRETRAIN_EPOCHS, HEAD_EPOCHS, FULL_EPOCHS, LONGER = 4, 10, 30, 10
BATCH, RATE = 20, 2e-3


def network() -> nn.Sequential:
    """28 x 28 pixels to five classes: 26,000 parameters."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 16), (16, 32), (32, 64)):  # 28 -> 14 -> 7 -> 3 pixels a side
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 3 * 3, 5))


def read(folder: Path) -> dict[str, np.ndarray]:
    """Return MNIST as float32 pictures (n, 1, 28, 28), normalised, and int64 labels."""
    raw, data = folder / "MNIST" / "raw", {}
    for part, name in (("train", "train"), ("test", "t10k")):
        pictures = _idx(raw / f"{name}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
        data[f"x_{part}"] = (pictures.astype(np.float32) / 255 - 0.1307) / 0.3081
        data[f"y_{part}"] = _idx(raw / f"{name}-labels-idx1-ubyte", 8).astype(np.int64)
    return data


def _idx(path: Path, header: int) -> np.ndarray:
    """The bytes after the header of an IDX file, packed or not."""
    if path.exists():
        return np.fromfile(path, np.uint8, offset=header)
    with gzip.open(path.with_name(path.name + ".gz")) as packed:
        return np.frombuffer(packed.read(), np.uint8, offset=header)


def few(y: np.ndarray, digits: Sequence[int], count: int, seed: int) -> np.ndarray:
    """Return the rows of so many examples of each digit, drawn with a seed."""
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.permutation(np.flatnonzero(y == digit))[:count] for digit in digits])


def trained(model: nn.Module) -> nk.Trainer:
    return nk.Trainer(model, loss="cross_entropy", learning_rate=RATE, metrics=["accuracy"], device="cpu")


def run(data: dict[str, np.ndarray], seed: int, examples: int, pretrain: int, longer: int = LONGER) -> dict[str, float]:
    """Return the test accuracy on digits 5-9 of each way, for one seed."""
    quiet: dict[str, Any] = {"verbose": 0, "checks": False}
    old = few(data["y_train"], range(5), pretrain // 5, seed)
    rows = few(data["y_train"], range(5, 10), examples, seed)
    test = data["y_test"] >= 5
    x, y = data["x_train"][rows], data["y_train"][rows] - 5
    x_test, y_test = data["x_test"][test], data["y_test"][test] - 5

    nk.seed_everything(seed)
    first = trained(network())
    first.fit(data["x_train"][old], data["y_train"][old], epochs=PRETRAIN_EPOCHS, batch_size=64, **quiet)
    with tempfile.TemporaryDirectory() as folder:
        path = first.save_weights(Path(folder) / "digits-0-4.safetensors")
        model = transfer.load_pretrained(path, model=network())
    transfer.replace_head(model, 5)  # five classes again, and five others

    epochs = HEAD_EPOCHS + FULL_EPOCHS
    tuned = trained(model)
    nk.fine_tune(tuned, x, y, head_epochs=HEAD_EPOCHS, full_epochs=FULL_EPOCHS, batch_size=BATCH, **quiet)
    found = {"fine-tuned": tuned.evaluate(x_test, y_test)["accuracy"]}
    for name, times in (("scratch", 1), (f"scratch, {longer} x as long", longer)):
        nk.seed_everything(seed)
        scratch = trained(network())
        scratch.fit(x, y, epochs=times * epochs, batch_size=BATCH, **quiet)
        found[name] = scratch.evaluate(x_test, y_test)["accuracy"]
    return found


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of paired differences, and the ends of its 95 % interval of Student's t."""
    from scipy import stats

    middle, count = mean(differences), len(differences)
    half = float(stats.t.ppf(0.975, count - 1)) * stdev(differences) / math.sqrt(count)
    return middle, middle - half, middle + half


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretraining against starting from scratch, on MNIST.")
    parser.add_argument("data", type=Path, help="folder with MNIST/raw")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="two or more (%(default)s)")
    parser.add_argument("--examples", type=int, default=20, help="of each digit 5-9 (%(default)s)")
    parser.add_argument("--pretrain", type=int, default=30_000, help="pictures of digits 0-4 (%(default)s)")
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    options = parser.parse_args()
    logging.getLogger("neurokit").setLevel(logging.ERROR)

    data, start = read(options.data), time.perf_counter()
    runs = {seed: run(data, seed, options.examples, options.pretrain) for seed in options.seeds}
    names = list(next(iter(runs.values())))
    epochs = HEAD_EPOCHS + FULL_EPOCHS
    print(f"Test accuracy on digits 5-9 from {options.examples} examples of each; {epochs} epochs of them\n")
    print(f"| seed | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for seed, found in runs.items():
        print(f"| {seed} | {' | '.join(f'{found[name]:.2%}' for name in names)} |")
    print(f"| mean | {' | '.join(f'{mean(found[name] for found in runs.values()):.2%}' for name in names)} |\n")
    results: dict[str, Any] = {"runs": runs, "differences": {}}
    for name in names[1:]:
        middle, low, high = interval([found["fine-tuned"] - found[name] for found in runs.values()])
        results["differences"][name] = {"mean": middle, "low": low, "high": high}
        verdict = "excludes 0" if low > 0 or high < 0 else "does not exclude 0"
        ends = f"{100 * low:+.2f} to {100 * high:+.2f}"
        print(
            f"fine-tuned minus {name}: {100 * middle:+.2f} points, 95 % interval {ends}, {len(runs)} seeds: {verdict}"
        )
    print(f"\n{time.perf_counter() - start:.0f} s on {torch.get_num_threads()} threads, torch {torch.__version__}")
    if options.out:
        options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
