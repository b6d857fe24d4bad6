"""Signals: the first asks, the second acts, and every handler is back afterwards. Real signals to real processes."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from neurokit import Callback, ModelCheckpoint, Trainer
from neurokit.signals import NOTICES, Signals

PROGRAM = """
import os, signal, sys, time, torch, neurokit as nk
from torch.utils.data import DataLoader, TensorDataset

class Stuck(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print(*(child.pid for child in __import__("multiprocessing").active_children()), flush=True)
        end = time.monotonic() + 60
        while not self.trainer.signals.requested and time.monotonic() < end:
            time.sleep(0.01)
        print("asked", flush=True)
        if sys.argv[2] == "stuck":
            time.sleep(600)
    def on_train_end(self, logs=None):
        print("closed", flush=True)

trainer = nk.Trainer(torch.nn.Linear(1, 1), loss="mse")
x = torch.ones(8, 1)
workers = int(sys.argv[3])
data = DataLoader(
    TensorDataset(x, x), 2, shuffle=True, num_workers=workers, persistent_workers=workers > 0,
    collate_fn=lambda rows: tuple(map(torch.stack, zip(*rows))),  # of our own, so that the workers are used
)
trainer.fit(data, callbacks=[Stuck(), nk.ModelCheckpoint(sys.argv[1])], verbose=0)
print(trainer.history.stop_reason, flush=True)
"""


class Run:
    """A training process that waits in its first batch for a signal."""

    def __init__(self, folder: Path, how: str, workers: int = 0) -> None:
        command = [sys.executable, "-c", PROGRAM, str(folder), how, str(workers)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.workers = [int(number) for number in self.line().split()]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait; return the exit code as a shell gives it, and what was printed meanwhile."""
        out, self.errors = self.process.communicate(timeout=30)
        code = self.process.returncode
        return (code if code >= 0 else 128 - code), out


@pytest.mark.parametrize(("number", "code", "printed"), [
    (signal.SIGINT, 0, "closed\ninterrupted\n"),
    (signal.SIGTERM, 143, "closed\n"),
    (signal.SIGUSR1, 143, "closed\n"),
    (signal.SIGUSR2, 143, "closed\n"),
])  # fmt: skip
def test_the_first_signal_ends_the_run_with_a_checkpoint(number, code, printed, tmp_path):
    run = Run(tmp_path, "obeys")
    run.send(number)
    assert run.line() == "asked\n"
    assert run.end() == (code, printed)
    assert (tmp_path / "step-00000001" / "meta.json").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)])
def test_a_second_signal_acts_at_once(number, code, tmp_path):
    run = Run(tmp_path, "stuck")
    run.send(number)
    assert run.line() == "asked\n"
    began = time.monotonic()
    run.send(number)
    ended, printed = run.end()
    assert ended == code
    assert time.monotonic() - began < 10  # it would sleep for ten minutes
    assert printed == ("closed\n" if number == signal.SIGINT else "")
    assert not list(tmp_path.glob("step-*"))  # the step was cut short: nothing of it is kept


def test_no_worker_is_left_behind(tmp_path):
    run = Run(tmp_path, "obeys", workers=2)
    assert len(run.workers) == 2
    run.send(signal.SIGTERM)
    assert run.line() == "asked\n"
    assert run.end()[0] == 143
    deadline = time.monotonic() + 10
    while any(map(_lives, run.workers)):
        assert time.monotonic() < deadline, "a loader worker outlives its run"
        time.sleep(0.05)


def _lives(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


class Heard(Callback):
    """Notes who handles the signals during a run."""

    def on_train_batch_end(self, batch, logs=None):
        self.handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *NOTICES)}


def fit(*callbacks: Any) -> None:
    x = torch.ones(4, 1)
    Trainer(nn.Linear(1, 1), loss="mse", device="cpu").fit(x, x, callbacks=callbacks, verbose=0)


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *NOTICES)}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


def test_every_handler_is_back_afterwards(handlers, tmp_path):
    heard = Heard()
    fit(heard, ModelCheckpoint(tmp_path))
    assert all(isinstance(handler.__self__, Signals) for handler in heard.handlers.values())
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_without_a_checkpoint_to_write_only_ctrl_c_is_taken(handlers):
    heard = Heard()
    fit(heard)
    assert heard.handlers == handlers | {signal.SIGINT: heard.handlers[signal.SIGINT]}
    assert isinstance(heard.handlers[signal.SIGINT].__self__, Signals)


def test_a_handler_of_the_users_own_stays(handlers, tmp_path):
    def mine(*_):
        """The user's."""

    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, mine)
    heard = Heard()
    fit(heard, ModelCheckpoint(tmp_path))
    assert heard.handlers[signal.SIGINT] is heard.handlers[signal.SIGUSR1] is mine


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells which signals C code catches")
def test_a_handler_in_c_stays(tmp_path):
    heard = Heard()
    faulthandler.register(signal.SIGUSR1)
    try:
        fit(heard, ModelCheckpoint(tmp_path))
    finally:
        faulthandler.unregister(signal.SIGUSR1)
    assert heard.handlers[signal.SIGUSR1] is signal.SIG_DFL


def test_ignored_notices_stay_ignored(handlers, tmp_path):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as nohup and some containers set it
    heard = Heard()
    fit(heard, ModelCheckpoint(tmp_path))
    assert heard.handlers[signal.SIGTERM] is signal.SIG_IGN


def test_outside_the_main_thread_nothing_is_taken(handlers, tmp_path):
    heard = Heard()
    thread = threading.Thread(target=fit, args=(heard, ModelCheckpoint(tmp_path)))
    thread.start()
    thread.join()
    assert heard.handlers == handlers
