"""What `predict` and `evaluate` take where no batch size is given, and the memory of `predict_batches`.

    python benchmarks/inference.py [--rounds 9] [--threads 1]

Beside them stands a bare loop: no_grad, eval, 32 rows at a time, a list of outputs, then cat. All run by turns in one
process, and a ratio is one within a turn; "cpu_ratio" is the same in processor time. `evaluate` is measured against the
same loop, though it also counts loss and accuracy. Memory is the peak of a process that predicts 10^5 rows, and what
10^6 rows add to it. Results go to benchmarks/results/inference.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

import machine
import neurokit as nk
from jobs import mlp

ROWS = 32  # of the bare loop


def conv_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 10),
    )  # fmt: skip


def resnet18() -> nn.Module:
    return torchvision.models.resnet18(num_classes=10)


NETS: dict[str, tuple[Callable[[], nn.Module], str, tuple[int, ...]]] = {
    "mlp": (mlp, "mse", (100_000, 10)),
    "conv net": (conv_net, "cross_entropy", (2_000, 1, 28, 28)),
    "resnet18": (resnet18, "cross_entropy", (512, 3, 32, 32)),
}


def main() -> None:
    parser = machine.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)  # the child process
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.memory:
        print(json.dumps(memory()))
        return
    figures: dict[str, Any] = {**machine.circumstances(options.threads), "rounds": options.rounds, "nets": {}}
    logging.getLogger("neurokit").setLevel(logging.ERROR)  # that nothing was fitted
    print(f"{'':28}{'ratio':>8}{'lowest':>8}{'highest':>8}{'cpu':>8}")
    for name, (make, loss, shape) in NETS.items():
        figures["nets"][name] = found = compare(make(), loss, torch.randn(shape), options.rounds)
        for what in ("predict", "evaluate"):
            one = found[what]
            told = "".join(f"{one[key]:8.2f}" for key in ("ratio", "lowest", "highest", "cpu_ratio"))
            print(f"{f'{name}, {what}':28}{told}", flush=True)
    child = subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True)
    figures["predict_batches"] = found = json.loads(child.stdout)
    print(f"predict_batches: {found}")
    machine.save("inference", figures, options.to)


def compare(model: nn.Module, loss: str, x: Tensor, rounds: int) -> dict[str, Any]:
    """Return seconds and ratios of ``predict`` and ``evaluate`` to the bare loop, by turns."""
    classes = loss == "cross_entropy"
    y = torch.randint(0, 10, (len(x),)) if classes else torch.randn(len(x), 1)
    trainer = nk.Trainer(model, loss=loss, metrics=["accuracy"] if classes else [], device="cpu")
    calls = {
        "bare": lambda: bare(model, x),
        "predict": lambda: trainer.predict(x),
        "evaluate": lambda: trainer.evaluate(x, y),
    }
    for call in calls.values():
        call()  # what only a first call pays
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in sorted(calls, reverse=number % 2 == 1):
            start = machine.now()
            calls[name]()
            taken[name].append(machine.since(start, machine.now()))
    seconds = {name: round(statistics.median(wall for wall, _ in each), 5) for name, each in taken.items()}
    ratios = {name: _ratios(taken[name], taken["bare"]) for name in ("predict", "evaluate")}
    return {"rows": len(x), "seconds": seconds, **ratios}


def _ratios(found: list[tuple[float, float]], base: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = ([one[i] / other[i] for one, other in zip(found, base, strict=True)] for i in (0, 1))
    return {**machine.spread(wall), "cpu_ratio": round(statistics.median(cpu), 4)}


def bare(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return torch.cat([model(x[start : start + ROWS]) for start in range(0, len(x), ROWS)])


def memory() -> dict[str, float]:
    """Return the peak of this process in MiB after 10^5 rows, and what 10^6 rows add to it."""
    trainer = nk.Trainer(mlp(), loss="mse", device="cpu")
    x = torch.rand(10**6, 10)
    peaks = {}
    for rows in (10**5, 10**6):
        total = sum(len(batch) for batch in trainer.predict_batches(x[:rows]))
        assert total == rows
        peaks[rows] = machine.peak_memory()
    return {"peak_mib_1e5": round(peaks[10**5], 1), "more_mib_1e6": round(peaks[10**6] - peaks[10**5], 1)}


if __name__ == "__main__":
    main()
