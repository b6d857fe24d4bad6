"""How long a checkpoint of 1 GB stops training, and how steps fare while a thread writes it.

usage: python benchmarks/checkpoints.py [SAVES]

The state is a table of 1 GB beside a small net, so that a step takes little. 2 GB of memory, 3 GB of disk.
"""

from __future__ import annotations

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
EVERY = 30_000  # steps between two saves


class Net(nn.Module):
    """A small net with a table of 1 GB that belongs to its state."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 1))
        self.register_buffer("table", torch.ones(2**28))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Clock(nk.Callback):
    """When each step began."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.at.append(time.perf_counter())


torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.randn(64_000, 64)
clock = Clock()
with tempfile.TemporaryDirectory() as folder:
    trainer = nk.Trainer(Net(), loss="mse", device="cpu")
    saves = nk.ModelCheckpoint(folder, save_every=EVERY, keep=1)
    trainer.fit(
        x, x[:, :1], batch_size=64, epochs=SAVES + 1, steps_per_epoch=EVERY, callbacks=[clock, saves], checks=False,
        verbose=0,
    )  # fmt: skip
    began = time.perf_counter()
    checkpoint.write(Path(folder) / checkpoint.step_name(1), trainer.state_dict())
    whole = time.perf_counter() - began

seconds = [after - before for before, after in zip(clock.at, clock.at[1:], strict=False)]
usual = statistics.median(seconds[: EVERY - 1])
pauses = [seconds[EVERY * number - 1] for number in range(1, SAVES + 1)]
beside = [seconds[EVERY * number : EVERY * number + round(whole / usual)] for number in range(1, SAVES + 1)]
print(f"writing 1 GB, waited for: {whole:.2f} s")
print(f"the step that saves: {pauses[0]:.2f} s at first, then {statistics.median(pauses[1:]):.3f} s")
ratio = statistics.median(one for steps in beside for one in steps) / usual
worst = max(max(steps) for steps in beside)
print(f"a step while it is written: {ratio:.2f} of the usual {usual * 1000:.2f} ms, the slowest {worst * 1000:.0f} ms")
