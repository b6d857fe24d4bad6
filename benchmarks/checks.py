"""What the checks of a fit cost: the first epoch with and without them, and each check by its own clock.

usage: python benchmarks/checks.py [DATA]
       DATA holds MNIST/raw, unpacked, as torchvision keeps it: then the job is 48,000 images of 28 x 28 in memory, a
       deep net, batches of 128, one thread. Without DATA it is scikit-learn's digits. Seconds are the processor's.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from neurokit import Trainer, diagnostics, planning

ROUNDS = 6


def mnist(folder: str) -> tuple[torch.Tensor, torch.Tensor]:
    from torchvision import datasets

    data = datasets.MNIST(folder, train=True)
    return ((data.data[:60_000].float() / 255 - 0.1307) / 0.3081).unsqueeze(1).contiguous(), data.targets


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn import datasets

    x, y = datasets.load_digits(return_X_y=True)
    return torch.from_numpy(x / 16).float().reshape(-1, 1, 8, 8), torch.from_numpy(y)


def deep_net(pixels: int) -> nn.Sequential:
    sizes, shares = (pixels, 256, 128, 64), (0.3, 0.3, 0.2)
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs, share in zip(sizes, sizes[1:], shares, strict=False):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(share)]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def fit(x: torch.Tensor, y: torch.Tensor, checks: bool, **arguments: Any) -> float:
    """Return the seconds from the call of ``fit`` to the end of its first epoch."""
    torch.manual_seed(0)
    trainer = Trainer(deep_net(x[0].numel()), loss="cross_entropy", metrics=["accuracy"], device="cpu")
    start = time.process_time()
    trainer.fit(x, y, batch_size=128, checks=checks, verbose=0, **arguments)
    return time.process_time() - start


@contextmanager
def clocks() -> Iterator[dict[str, float]]:
    """Give each check a clock, and the forward passes and copies that only checks ask for."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Any) -> Any:
        def run(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return function(*given, **named)
            finally:
                spent[name] += time.process_time() - start

        return run

    registries = [registry for registry in vars(diagnostics).values() if _is_registry(registry)]
    before = [dict(registry) for registry in registries]
    setup = planning.setup_of
    for registry in registries:
        registry.update({code: timed(code, check) for code, check in registry.items()})
    planning.setup_of = timed("(what is known before)", setup)
    try:
        yield spent
    finally:
        planning.setup_of = setup
        for registry, checks in zip(registries, before, strict=True):
            registry.update(checks)


def _is_registry(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(callable, value.values()))


def main() -> None:
    torch.set_num_threads(1)
    x, y = mnist(sys.argv[1]) if len(sys.argv) > 1 else digits()
    train = len(x) * 4 // 5
    jobs: dict[str, dict[str, Any]] = {
        "without validation": {},
        "with validation_data": {"validation_data": (x[train:], y[train:])},
    }
    for name, arguments in jobs.items():
        print(f"{train} rows of {tuple(x.shape[1:])}, {name}")
        fit(x[:train], y[:train], True, **arguments)
        with_checks, without, ours = [], [], []
        for turn in range(ROUNDS):
            for checks in (False, True) if turn % 2 else (True, False):
                with clocks() as spent:
                    (with_checks if checks else without).append(fit(x[:train], y[:train], checks, **arguments))
                if checks:
                    ours.append(dict(spent))
        median = {code: statistics.median(one.get(code, 0.0) for one in ours) for code in ours[0]}
        total, epoch = sum(median.values()), statistics.median(without)
        for code, seconds in sorted(median.items(), key=lambda pair: -pair[1]):
            print(f"    {code:24} {1e3 * seconds:8.2f} ms")
        print(f"    {'all of them':24} {1e3 * total:8.2f} ms, {total / epoch:.2%} of the first epoch")
        print(f"    first epoch: {epoch:.3f} s without, {statistics.median(with_checks):.3f} s with checks")


if __name__ == "__main__":
    main()
