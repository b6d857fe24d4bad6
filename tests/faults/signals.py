"""Real signals to real processes, at every point of a run: the exit code, what is on disk, and how the run ends."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from neurokit import EMA, Callback, LRSchedule, ModelCheckpoint, Trainer, checkpoint, seed_everything

GOAL = "a signal ends a run with a checkpoint and its exit code, and the resumed run ends as if nothing had been"
CI, FULL = 0, 200  # how many of the signals come at random moments, beside one at every named point
ROWS, BATCH, EPOCHS = 48, 8, 3

POINTS = ("step", "validation", "save", "callback", "fetch")
SHELL = {"SIGINT": 0, "SIGTERM": 143, "SIGUSR1": 143, "SIGUSR2": 143}  # Ctrl-C returns from fit: the script decides


class Rows(Dataset[Any]):
    """A small set of rows, read in worker processes; says when it is read."""

    def __init__(self, send: Callable[[], None] | None = None) -> None:
        self.send = send

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Any:
        if self.send is not None and index == 7:
            self.send()
        return torch.full((4,), index / ROWS), index % 3


class At(Callback):
    """Runs something at one point of the run."""

    def __init__(self, point: str, send: Callable[[], None]) -> None:
        self.point, self.send = point, send

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.point == "step" and self.trainer.state.step == 8:
            self.send()

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.point == "validation" and self.trainer.state.epoch == 1:
            self.send()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.point == "callback" and epoch == 1:
            self.send()


def train(folder: Path, *callbacks: Callback, data: Any = None, resume: bool = False) -> Trainer:
    """One run: BatchNorm, dropout, averaged weights, a schedule per batch, validation, checkpoints every other step."""
    seed_everything(0)  # all streams: Python seeds its own anew in a forked process
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    trainer = Trainer(model, loss="cross_entropy", metrics=["accuracy"], device="cpu")
    trainer.fit(
        data or DataLoader(Rows(), BATCH, shuffle=True), epochs=EPOCHS, validation_data=DataLoader(Rows(), BATCH),
        callbacks=[*callbacks, EMA(0.9), LRSchedule("OneCycleLR", max_lr=0.05), ModelCheckpoint(folder, save_every=2)],
        resume=folder if resume else None, verbose=0,
    )  # fmt: skip
    return trainer


def outcome(trainer: Trainer) -> Any:
    """What has to be the same in the end, to the last bit."""
    state = trainer.state_dict()
    return {name: state[name] for name in ("model", "optimizers", "callbacks", "history", "rng", "state")}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def in_a_process(work: Callable[[], Any]) -> int:
    """Run something in a process of its own; return how a shell would see it end."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setpgid(0, 0)
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 2)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            work()
            code = 0
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return as_a_shell(status)


def as_a_shell(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def send(name: str, times: int = 1, group: bool = False) -> Callable[[], None]:
    """Return what sends a signal to this process, or to its whole group as a terminal does with Ctrl-C."""
    owner = os.getpid

    def kill() -> None:
        for _ in range(times):
            number = getattr(signal, name)
            (os.killpg if group else os.kill)(os.getpgid(0) if group else owner(), number)

    return kill


def during_a_save(folder: Path, kill: Callable[[], None]) -> None:
    """Send the signal between two system calls of the second save."""
    rename, seen = os.rename, []

    def interrupted(*arguments: Any, **options: Any) -> None:
        seen.append(True)
        if len(seen) == 2:
            kill()
        rename(*arguments, **options)

    os.rename = interrupted  # type: ignore[assignment]
    train(folder)


def one(point: str, name: str, whole: Any, *, times: int = 1) -> dict[str, Any]:
    """Send one signal at one point; tell the exit code, and whether the resumed run ends like the whole one."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kill = send(name, times)
        if point == "save":
            code = in_a_process(lambda: during_a_save(folder, kill))
        elif point == "fetch":
            code = in_a_process(lambda: train(folder, data=DataLoader(Rows(_once_training(kill)), BATCH, shuffle=True)))
        else:
            code = in_a_process(lambda: train(folder, At(point, kill)))
        written = checkpoint.newest(folder)
        resumed = train(folder, resume=True)
        return {
            "point": point, "signal": name, "code": code, "step": None if written is None else written.name,
            "identical": same(whole, outcome(resumed)),
        }  # fmt: skip


def _once_training(kill: Callable[[], None]) -> Callable[[], None]:
    """Send when training reads: the first two times are the looks at training and validation data before it."""
    called: list[bool] = []

    def kill_once() -> None:
        called.append(True)
        if len(called) == 3:
            kill()

    return kill_once


def group_with_workers(name: str, whole: Any) -> dict[str, Any]:
    """The signal reaches the run and its two loader workers alike."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        loader = DataLoader(Rows(), BATCH, shuffle=True, num_workers=2, persistent_workers=True)
        code = in_a_process(lambda: train(folder, At("step", send(name, group=True)), data=loader))
        written = checkpoint.newest(folder)
        resumed = train(folder, resume=True)
        return {
            "point": "group", "signal": name, "code": code, "step": None if written is None else written.name,
            "identical": same(whole, outcome(resumed)),
        }  # fmt: skip


def at_random(seconds: float, name: str, whole: Any) -> dict[str, Any]:
    """The signal comes from outside after so many seconds, at whatever point that is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)

        def work() -> None:
            threading.Timer(seconds, send(name)).start()
            train(folder)

        code = in_a_process(work)
        resumed = train(folder, resume=True)
        return {"point": "random", "signal": name, "code": code, "identical": same(whole, outcome(resumed))}


def _right_codes(result: dict[str, Any]) -> set[int]:
    """The exit codes that are right: at a random moment also those of a process before its fit, or after it."""
    outside = {0, 128 + getattr(signal, result["signal"])} if result["point"] == "random" else set()
    return {SHELL[result["signal"]]} | outside


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Send every signal at every named point, and ``amount`` more at random moments."""
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        whole = outcome(train(Path(place)))
        length = time.monotonic() - began
    results = [one(point, name, whole) for point in POINTS for name in SHELL]
    results += [group_with_workers(name, whole) for name in ("SIGINT", "SIGTERM")]
    draws = torch.rand(amount, generator=torch.Generator().manual_seed(seed)) * length
    results += [at_random(float(when), list(SHELL)[i % 4], whole) for i, when in enumerate(draws)]
    wrong = [result for result in results if result["code"] not in _right_codes(result)]
    return {
        "signals": len(results),
        "wrong exit code": len(wrong),
        "runs that ended differently": sum(not result["identical"] for result in results),
        "first failure": str(next((r for r in results if r in wrong or not r["identical"]), "")),
    }
