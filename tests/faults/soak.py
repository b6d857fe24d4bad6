"""Long runs: memory, files, threads and the time of an epoch stay what they were, over epochs and over fits."""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import logging
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.multiprocessing import reductions
from torch.utils.data import DataLoader

from neurokit import EMA, Callback, CSVLogger, History, LRSchedule, ModelCheckpoint, Trainer

GOAL = "10,000 epochs in one fit, 500 fits: memory grows by less than 1 %, no file, thread, process or object stays"
CI = 240
FULL = 10_000

CYCLES = 20  # one cycle of fit, evaluate and predict for so many epochs of the long fit
LOOKS = 25  # so often a measure is taken; the first fifth is warm-up


@dataclass
class Meter:
    """What a process holds, looked at now and then: after a collection, and with freed memory given back.

    Attributes:
        memory: Resident bytes.
        objects: Objects that the collector tracks.
        seconds: Of CPU time for one round since the last look.
    """

    memory: list[int] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    _last: tuple[int, float] = (0, 0.0)

    def begin(self) -> None:
        """Start the clock."""
        self._last = 0, time.process_time()
        self._before = held()

    def look(self, rounds: int) -> None:
        """Measure after so many rounds in all."""
        done, began = self._last
        self.seconds.append((time.process_time() - began) / (rounds - done))
        reductions.shared_cache.free_dead_references()  # what workers sent, which torch forgets when it has 128 of them
        gc.collect()
        _trim()
        self.objects.append(len(gc.get_objects()))
        self.memory.append(resident())
        self._last = rounds, time.process_time()

    def figures(self, name: str) -> dict[str, int | float | str]:
        """Return the growth from the early looks, warm-up left out, to the late ones."""
        after = held()
        return {
            f"{name}: memory growth %": round(100 * _growth(self.memory), 3),
            f"{name}: memory MB": round(self.memory[-1] / 1e6, 1),
            f"{name}: tracked objects more": round(_late(self.objects) - _early(self.objects)),
            f"{name}: files, threads, processes more": sum(map(len, after)) - sum(map(len, self._before)),
            f"{name}: CPU ms per round": round(1000 * _late(self.seconds, min), 3),
            f"{name}: CPU time growth %": round(100 * _growth(self.seconds, min), 1),  # others on the machine only add
        }


def _early(values: list[Any], of: Callable[..., float] = statistics.median) -> float:
    return of(values[len(values) // 5 : 2 * len(values) // 5])


def _late(values: list[Any], of: Callable[..., float] = statistics.median) -> float:
    return of(values[-len(values) // 5 :])


def _growth(values: list[Any], of: Callable[..., float] = statistics.median) -> float:
    return _late(values, of) / _early(values, of) - 1


def _trim() -> None:
    """Give freed memory back to the system, where the C library can."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held() -> tuple[list[str], list[str], list[str]]:
    """Return the open files, the threads and the child processes of this process."""
    tasks = list(Path("/proc/self/task").iterdir())
    children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    links = [entry for entry in Path("/proc/self/fd").iterdir() if entry.exists() or entry.is_symlink()]
    return [entry.name for entry in links], [one.name for one in threading.enumerate()], children


class Looks(Callback):
    """Takes a measure every so many epochs."""

    order = 3  # after everything that an epoch's end does

    def __init__(self, meter: Meter, every: int) -> None:
        self.meter, self.every = meter, every

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            self.meter.look(epoch + 1)


def trainer() -> Trainer:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    return Trainer(model, loss="cross_entropy", metrics=["accuracy"], device="cpu")


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(16, 3, generator=generator), torch.randint(3, (16,), generator=generator)


def one_fit(epochs: int, callbacks: list[Callback]) -> tuple[Meter, History]:
    """Train one long run; return what it held on its way."""
    meter = Meter()
    looks = Looks(meter, max(1, epochs // LOOKS))
    one = trainer()
    meter.begin()
    history = one.fit(
        *rows(), batch_size=8, epochs=epochs, validation_data=rows(), verbose=0, callbacks=[*callbacks, looks]
    )
    return meter, history


def many_fits(cycles: int, folder: Path) -> Meter:
    """Fit, evaluate and predict again and again, with one trainer and with new ones, arrays and workers."""
    meter, kept = Meter(), trainer()
    every = 4 * max(1, cycles // (4 * LOOKS))  # always after the same callbacks: the trainer keeps its last fit's
    meter.begin()
    for cycle in range(cycles):
        run = folder / f"run {cycle}"
        callbacks: list[Callable[[], list[Callback]]] = [
            lambda run=run: [ModelCheckpoint(run, save_every=1)],
            lambda run=run: [CSVLogger(run.with_suffix(".csv")), EMA(0.9)],
            lambda: [LRSchedule("OneCycleLR", max_lr=0.1)],
            list,
        ]
        if cycle % 10 == 0:
            pairs = [(x, int(y)) for x, y in zip(*rows(), strict=True)]
            kept.fit(DataLoader(pairs, 8, num_workers=1, persistent_workers=cycle % 20 == 0), epochs=2, verbose=0)
        for one in (kept, trainer()):
            one.fit(*rows(), batch_size=8, verbose=0, callbacks=callbacks[cycle % 4]())
            one.evaluate(*rows())
            one.predict(rows()[0])
            shutil.rmtree(run, ignore_errors=True)
        if (cycle + 1) % every == 0:
            meter.look(cycle + 1)
    return meter


def history_bytes(history: History) -> int:
    """Return what the numbers of a run take in memory: they grow by design."""
    lists = [*history.history.values(), history.epoch]
    return sum(sys.getsizeof(values) + sum(map(sys.getsizeof, values)) for values in lists)


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Train so many epochs in one fit, a tenth with checkpoints, a twentieth as fits; return what they left."""
    torch.manual_seed(seed)
    amount = amount or FULL
    logger, folder = logging.getLogger("neurokit"), Path(tempfile.mkdtemp())
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        one_fit(20, [CSVLogger(folder / "warm.csv"), EMA(0.9), LRSchedule("StepLR", step_size=100)])
        many_fits(20, folder)  # what is imported with the first workers is no leak
        gc.collect()
        gc.freeze()  # what is there already is not looked at again: a collection then takes 1 ms, not 200
        meter, history = one_fit(
            amount, [CSVLogger(folder / "long.csv"), EMA(0.9), LRSchedule("StepLR", step_size=100, gamma=0.99)]
        )
        saved, _ = one_fit(amount // 10, [ModelCheckpoint(folder / "saved")])
        cycles = many_fits(amount // CYCLES, folder)
    finally:
        gc.unfreeze()
        logger.setLevel(level)
        shutil.rmtree(folder)
    return (
        {"epochs": amount, "fits": 2 * (amount // CYCLES)}
        | meter.figures("one fit")
        | {"one fit: bytes of history per epoch": round(history_bytes(history) / amount)}
        | saved.figures("with checkpoints")
        | cycles.figures("many fits")
    )
