"""The run that the experiments kill, fail and damage: small, and with everything in it that has to survive."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import neurokit as nk
from neurokit import checkpoint

ROWS, BATCH, EPOCHS = 48, 8, 3  # six batches an epoch
Position = tuple[int, int]  # steps and epochs done


def train(folder: Path, *more: nk.Callback, seed: int = 7) -> nk.Trainer:
    """Train, or go on with the run in the folder: BatchNorm, dropout, Adam, EMA, shuffling, a log, checkpoints."""
    nk.seed_everything(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
    x = torch.randn(ROWS, 4)
    y = x.sum(dim=1, keepdim=True)
    trainer = nk.Trainer(model, loss="mse", optimizer="adam", learning_rate=0.02, device="cpu")
    keeper = nk.ModelCheckpoint(folder, save_every=2, save_best_only=True, keep=1)
    trainer.fit(
        x, y, batch_size=BATCH, epochs=EPOCHS, validation_data=(x[:12], y[:12]), resume=folder, verbose=0,
        callbacks=[nk.EMA(0.8), nk.CSVLogger(folder / "log.csv"), keeper, *more],
    )  # fmt: skip
    return trainer


def ending(trainer: nk.Trainer, folder: Path) -> dict[str, str]:
    """Return what two equal runs end with: digests of weights, history and log."""
    return {
        "weights": digest(trainer.model.state_dict()),
        "optimizer": digest(trainer.state_dict()["optimizers"]),
        "history": json.dumps([trainer.history.epoch, trainer.history.history, trainer.history.stop_reason]),
        "log": (folder / "log.csv").read_text(),
    }


def committed(folder: Path) -> tuple[Position, str] | None:
    """Return the position of the checkpoint that a run would resume from, and the digest of its state."""
    state = checkpoint.read_newest(folder)
    if state is None:
        return None
    timed = {name: value for name, value in state.items() if name != "record"}  # the record has the run's timings
    return (state["state"]["step"], state["state"]["epoch"]), digest(timed)


def digest(value: Any) -> str:
    """Return a digest of nested values: equal for equal bits only."""
    sha = hashlib.sha256()
    _feed(sha, value)
    return sha.hexdigest()


def _feed(sha: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous().numpy()
    if isinstance(value, np.ndarray):
        sha.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
    elif isinstance(value, Mapping):
        for name, entry in value.items():
            sha.update(repr(name).encode())
            _feed(sha, entry)
    elif isinstance(value, (list, tuple)):
        sha.update(f"{type(value).__name__} {len(value)}".encode())
        for entry in value:
            _feed(sha, entry)
    else:
        sha.update(repr(value).encode())


class Commits(nk.Callback):
    """Tells each position once its checkpoint is written, and where the run came from.

    Args:
        say: Called with ``"from"`` or ``"committed"`` and the position.
    """

    order = 3  # after ModelCheckpoint

    def __init__(self, say: Any) -> None:
        self.say = say
        self._began = False

    def _position(self) -> Position:
        return self.trainer.state.step, self.trainer.state.epoch

    def _begin(self) -> None:
        if not self._began:
            self._began = True
            self.say("from", self._position())

    def on_train_batch_begin(self, batch, logs=None):
        self._begin()

    def on_test_begin(self, logs=None):
        self._begin()

    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.step % 2 == 0:
            self.say("committed", self._position())

    def on_epoch_end(self, epoch, logs=None):
        if self._is_best(logs):
            self.say("committed", self._position())

    def _is_best(self, logs: dict[str, float]) -> bool:
        return logs["val_loss"] == min(self.trainer.history.history["val_loss"])


def shuffled(values: list[Any], seed: int) -> list[Any]:
    """Return the values in an order that the seed decides."""
    return random.Random(seed).sample(values, len(values))
