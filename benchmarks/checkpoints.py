"""How long a checkpoint of 1 GB stops training, and how steps fare while it is written beside them.

    python benchmarks/checkpoints.py [--saves 4] [--threads 1]

Once in one process, whose state is a table of 1 GB beside a small net, so that a step takes little; and once in two
that divide the weights over gloo, strategy="fsdp": weights and moments of 83 million parameters, gathered in each step.
"pause" is what the loop stops for at a save, "first_pause" at the first one, which makes room for the copy; "written"
what a save takes that is waited for. 2 GB of memory (4 for two), 3 GB of disk. Results go to
benchmarks/results/checkpoints.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import machine
import neurokit as nk
from neurokit import checkpoint

DIVIDED = "RANK" in os.environ  # one of two, which the first process of all has started
EVERY = 4 if DIVIDED else 30_000  # steps between two saves
MARK = "measured: "


class Net(nn.Module):
    """A small net with a table of 1 GB that belongs to its state."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 1))
        self.register_buffer("table", torch.ones(2**28))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Clock(nk.Callback):
    """When each step began, and when it had ended, before or after a checkpoint was begun (2)."""

    def __init__(self, order: int = 1) -> None:
        self.order = order
        self.at: list[float] = []
        self.ended: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.at.append(time.perf_counter())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ended.append(time.perf_counter())


def wide_net() -> nn.Module:
    """A net of 83 million parameters: 1 GB with Adam's moments, in nine blocks that are gathered one by one."""
    blocks = [nn.Sequential(nn.Linear(3040, 3040), nn.ReLU()) for _ in range(9)]
    return nn.Sequential(nn.Linear(64, 3040), *blocks, nn.Linear(3040, 1))


def trained(trainer: nk.Trainer, folder: str, many: int) -> tuple[list[float], list[float]]:
    """Train with checkpoints on the way; return the seconds of each step, and those it stopped for a checkpoint."""
    x = torch.randn(64_000, 64)
    clock, later = Clock(), Clock(order=3)
    saves = nk.ModelCheckpoint(folder, save_every=EVERY, keep=1)
    trainer.fit(
        x, x[:, :1], batch_size=64, epochs=1, steps_per_epoch=EVERY * (many + 1) + 1, verbose=0,
        callbacks=[clock, later, saves], checks=False,
    )  # fmt: skip
    stops = [after - before for before, after in zip(clock.ended, later.ended, strict=True)]
    return [after - before for before, after in zip(clock.at, clock.at[1:], strict=False)], stops


def figures_of(seconds: list[float], stops: list[float], written: float) -> dict[str, float]:
    """Return what a save costs the loop, and the steps beside it."""
    usual = statistics.median(seconds[: EVERY - 1])
    saved = range(EVERY, len(stops) - EVERY + 1, EVERY)
    first, *others = [stops[step - 1] for step in saved]
    few = max(1, round(written / usual))
    beside = [seconds[step : step + few] for step in saved]
    found = {
        "written_s": written,
        "first_pause_s": first,
        "pause_s": statistics.median(others),
        "usual_step_ms": 1000 * usual,
        "step_beside": statistics.median(one for steps in beside for one in steps) / usual,
        "slowest_step_ms": 1000 * max(max(steps) for steps in beside),
    }
    return {name: round(value, 4) for name, value in found.items()}


def alone(saves: int) -> dict[str, float]:
    """One process that writes everything."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = nk.Trainer(Net(), loss="mse", device="cpu")
        seconds, stops = trained(trainer, folder, saves)
        began = time.perf_counter()
        checkpoint.write(Path(folder) / checkpoint.step_name(1), trainer.state_dict())
        return figures_of(seconds, stops, time.perf_counter() - began)


def divided(saves: int) -> dict[str, float]:
    """Several processes, each of which writes its own part; the memory is that of the first."""
    trainer = nk.Trainer(wide_net(), loss="mse", device="cpu", strategy="fsdp")
    with tempfile.TemporaryDirectory() as own:
        folder = trainer.group.gather(own)[0]
        x = torch.randn(64, 64)
        trainer.fit(x, x[:, :1], batch_size=64, verbose=0, checks=False)  # makes the moments
        before, began = machine.peak_memory(), time.perf_counter()
        trainer.save(Path(folder) / "saved")
        written, more = time.perf_counter() - began, machine.peak_memory() - before
        seconds, stops = trained(trainer, f"{folder}/run", saves)
        trainer.group.gather(None)
    return figures_of(seconds, stops, written) | {"more_memory_mib": round(more, 1)}


def two_processes(options: argparse.Namespace) -> dict[str, float]:
    """Start two of this script that share the state, and return what the first of them measured."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    asked = ["--saves", str(options.saves), "--threads", str(options.threads)]
    ran = subprocess.run([*launch, *asked], stdout=subprocess.PIPE, text=True, check=True)
    told = next(line for line in ran.stdout.splitlines() if line.startswith(MARK))
    return json.loads(told.removeprefix(MARK))


def main() -> None:
    parser = machine.parser(__doc__)
    parser.add_argument("--saves", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if DIVIDED:
        found = divided(options.saves)
        if os.environ["RANK"] == "0":
            print(MARK + json.dumps(found))
        return
    figures: dict[str, Any] = machine.circumstances(options.threads) | {"saves": options.saves}
    for name, measured in (("one process", alone(options.saves)), ("two processes, divided", two_processes(options))):
        figures[name] = measured
        print(f"{name}:", *(f"{what} {value:g}" for what, value in measured.items()), flush=True)
    machine.save("checkpoints", figures, options.to)


if __name__ == "__main__":
    main()
