"""How long a checkpoint of 1 GB stops training, and how steps fare while it is written beside them.

usage: python benchmarks/checkpoints.py [SAVES]                           one process
       torchrun --nproc-per-node 2 benchmarks/checkpoints.py [SAVES]      two that divide the weights, over gloo

In one process the state is a table of 1 GB beside a small net, so that a step takes little. Divided, it is weights and
moments of 83 million parameters, which each step gathers. 2 GB of memory (4 for two), 3 GB of disk.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import neurokit as nk
from neurokit import checkpoint

SAVES = int(sys.argv[1]) if len(sys.argv) > 1 else 4
DIVIDED = "RANK" in os.environ
EVERY = 4 if DIVIDED else 30_000  # steps between two saves


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


def trained(trainer: nk.Trainer, folder: str) -> tuple[list[float], list[float]]:
    """Train with checkpoints on the way; return the seconds of each step, and those it stopped for a checkpoint."""
    x = torch.randn(64_000, 64)
    clock, later = Clock(), Clock(order=3)
    saves = nk.ModelCheckpoint(folder, save_every=EVERY, keep=1)
    trainer.fit(
        x, x[:, :1], batch_size=64, epochs=1, steps_per_epoch=EVERY * (SAVES + 1) + 1, verbose=0,
        callbacks=[clock, later, saves], checks=False,
    )  # fmt: skip
    stops = [after - before for before, after in zip(clock.ended, later.ended, strict=True)]
    return [after - before for before, after in zip(clock.at, clock.at[1:], strict=False)], stops


def told(seconds: list[float], stops: list[float], written: float) -> None:
    """Print what a save costs the loop, and the steps beside it."""
    usual = statistics.median(seconds[: EVERY - 1])
    pauses = [stops[EVERY * number - 1] for number in range(1, SAVES + 1)]
    few = max(1, round(written / usual))
    beside = [seconds[EVERY * number : EVERY * number + few] for number in range(1, SAVES + 1)]
    print(f"writing 1 GB, waited for: {written:.2f} s")
    print(f"the loop stops for {pauses[0]:.2f} s at first, then {statistics.median(pauses[1:]):.3f} s")
    ratio = statistics.median(one for steps in beside for one in steps) / usual
    worst = max(max(steps) for steps in beside)
    print(
        f"a step while it is written: {ratio:.2f} of the usual {usual * 1000:.2f} ms, the slowest {worst * 1000:.0f} ms"
    )


def peak() -> float:
    """The most memory that this process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone() -> None:
    """One process that writes everything."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = nk.Trainer(Net(), loss="mse", device="cpu")
        seconds, stops = trained(trainer, folder)
        began = time.perf_counter()
        checkpoint.write(Path(folder) / checkpoint.step_name(1), trainer.state_dict())
        told(seconds, stops, time.perf_counter() - began)


def divided() -> None:
    """Several processes, each of which writes its own part."""
    trainer = nk.Trainer(wide_net(), loss="mse", device="cpu", strategy="fsdp")
    with tempfile.TemporaryDirectory() as own:
        folder = trainer.group.gather(own)[0]
        trainer.fit(
            torch.randn(64, 64), torch.randn(64, 1), batch_size=64, verbose=0, checks=False
        )  # makes the moments
        before = peak()
        began = time.perf_counter()
        trainer.save(Path(folder) / "saved")
        written = time.perf_counter() - began
        more = peak() - before
        seconds, stops = trained(trainer, f"{folder}/run")
        if trainer.group.is_first:
            told(seconds, stops, written)
            print(f"memory of rank 0 while it is written and waited for: {more:.0f} MB more than before")
        trainer.group.wait()


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    divided() if DIVIDED else alone()
