"""Seconds per epoch as data grow, and memory as a stream goes on.

    python benchmarks/growth.py [--most 7] [--batches 100000] [--threads 1]

Rows of ten generated numbers, 10^3 to 10^7, a small MLP: batches of 32 up to 10^5 rows and of 1,024 above, so the time
per row is to be flat within each of the two; "cpu" is processor time, which what else runs changes less. Memory is that
of a process which trains on an IterableDataset, its peak after 10^3, 10^4 and 10^5 batches of 32. Results go to
benchmarks/results/growth.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

import machine
import neurokit as nk
from jobs import mlp


class Clock(nk.Callback):
    """The time at which each epoch ended."""

    def __init__(self) -> None:
        self.stamps: list[tuple[float, float]] = []

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.stamps.append(machine.now())


class Meter(nk.Callback):
    """The peak of this process in MiB after 10^3, 10^4 ... batches."""

    def __init__(self) -> None:
        self.batches, self.peaks = 0, {}

    def on_train_batch_end(self, step: int, logs: Any) -> None:
        self.batches += 1
        if self.batches in (10**3, 10**4, 10**5):
            self.peaks[self.batches] = round(machine.peak_memory(), 1)


class Stream(IterableDataset[Any]):
    """Rows made as they are asked for, in batches."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(self.batches):
            x = torch.rand(32, 10)
            yield x, x.sum(1, keepdim=True)


def main() -> None:
    parser = machine.parser(__doc__)
    parser.add_argument("--most", type=int, default=7, help="the largest power of ten")
    parser.add_argument("--batches", type=int, default=10**5, help="of the stream")
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)  # the child process
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.stream:
        print(json.dumps(stream(options.batches)))
        return
    figures: dict[str, Any] = {**machine.circumstances(options.threads), "rows": {}}
    print(f"{'rows':>12}{'batch':>8}{'s/epoch':>12}{'ns/row':>10}{'cpu ns/row':>12}")
    for power in range(3, options.most + 1):
        figures["rows"][10**power] = found = epoch(10**power)
        told = f"{10**power:12,}{found['batch_size']:8,}{found['seconds']:12.4f}"
        print(f"{told}{found['ns_per_row']:10}{found['cpu_ns_per_row']:12}", flush=True)
    again = [sys.executable, __file__, "--stream", "--batches", str(options.batches)]
    child = subprocess.run(again, capture_output=True, text=True, check=True)
    figures["stream_peak_mib"] = json.loads(child.stdout)
    print(f"peak of a stream, MiB by batches: {figures['stream_peak_mib']}")
    machine.save("growth", figures, options.to)


def epoch(rows: int) -> dict[str, Any]:
    """Return the median seconds of an epoch after the first."""
    batch_size = 32 if rows <= 10**5 else 1024
    x = torch.rand(rows, 10)
    clock = Clock()
    trainer = nk.Trainer(mlp(), loss="mse", optimizer="adam", device="cpu")
    epochs = 3 if rows > 10**6 else 6
    trainer.fit(x, x.sum(1, keepdim=True), batch_size=batch_size, epochs=epochs, callbacks=[clock], verbose=0)
    taken = [machine.since(*pair) for pair in pairwise(clock.stamps)]
    seconds, cpu_seconds = (statistics.median(values) for values in zip(*taken, strict=True))
    return {
        "batch_size": batch_size,
        "seconds": round(seconds, 5),
        "ns_per_row": round(1e9 * seconds / rows),
        "cpu_ns_per_row": round(1e9 * cpu_seconds / rows),
    }


def stream(batches: int) -> dict[int, float]:
    meter = Meter()
    trainer = nk.Trainer(mlp(), loss="mse", optimizer="adam", device="cpu")
    trainer.fit(DataLoader(Stream(batches), batch_size=None), epochs=1, callbacks=[meter], verbose=0)
    return meter.peaks


if __name__ == "__main__":
    main()
