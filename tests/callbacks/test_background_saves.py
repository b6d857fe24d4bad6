"""Saves of a large state: written by a thread from a copy, while training goes on."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from neurokit import Callback, ModelCheckpoint, Trainer, checkpoint

X = torch.randn(16, 4096, generator=torch.Generator().manual_seed(0)) / 64


class Watching(Callback):
    """Keeps the weights after each step, and whether a save is being written at that time."""

    order = 3  # after the checkpoint was begun

    def __init__(self) -> None:
        self.weights: dict[int, torch.Tensor] = {}
        self.writing: list[bool] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.weights[self.trainer.state.step] = self.model.weight.detach().clone()
        self.writing.append(is_writing())


def is_writing() -> bool:
    return any(one.name.startswith("neurokit-checkpoint") for one in threading.enumerate())


def trainer() -> Trainer:
    torch.manual_seed(0)
    return Trainer(nn.Linear(4096, 4096, bias=False), loss="mse", optimizer="sgd", learning_rate=50.0, device="cpu")


def fit(one: Trainer, *callbacks: Callback, **options: Any) -> None:
    one.fit(X, X.flip(0), batch_size=4, verbose=0, checks=False, callbacks=callbacks, **options)


def test_a_checkpoint_holds_the_step_it_was_begun_at_though_training_went_on(tmp_path: Path) -> None:
    watching = Watching()
    checkpoints = ModelCheckpoint(tmp_path, save_every=1, keep=8)
    fit(trainer(), checkpoints, watching, epochs=2)

    assert all(watching.writing)
    assert not is_writing()
    assert not torch.equal(watching.weights[1], watching.weights[2])
    for step, weights in watching.weights.items():
        folder = tmp_path / checkpoint.step_name(step)
        assert torch.equal(checkpoint.read(folder)["model"]["weight"], weights)
    assert checkpoints.last_path == tmp_path / "step-00000008"


def test_the_memory_for_the_copy_is_made_once_though_an_epochs_losses_are_more_at_each_save(tmp_path: Path) -> None:
    class Places(Callback):
        order = 3

        def __init__(self) -> None:
            self.large: list[torch.Tensor] = []
            self.sizes: list[int] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            buffers = checkpoints._writer._buffers
            self.large += [one for one in buffers if one.numel() == 4096**2]
            self.sizes.append(sum(one.numel() for one in buffers))

    checkpoints, places = ModelCheckpoint(tmp_path, save_every=1, keep=1), Places()
    fit(trainer(), checkpoints, places)

    assert len(set(places.sizes)) > 1
    assert len(places.large) == 4
    assert all(one is places.large[0] for one in places.large)


def test_a_run_that_goes_on_from_one_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, first, second = trainer(), trainer(), trainer()
    fit(whole, epochs=3)
    fit(first, ModelCheckpoint(tmp_path, save_every=3), epochs=2)
    fit(second, ModelCheckpoint(tmp_path, save_every=3), epochs=3, resume=tmp_path)

    assert torch.equal(second.model.weight, whole.model.weight)


def test_the_path_of_the_last_one_waits_until_it_is_there(tmp_path: Path) -> None:
    class Asks(Callback):
        order = 3

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            assert is_writing()
            assert (checkpoints.last_path / "meta.json").exists()

    checkpoints = ModelCheckpoint(tmp_path)
    fit(trainer(), checkpoints, Asks(), epochs=2)


def test_a_save_that_fails_is_said_by_the_next_and_raised_by_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = checkpoint.folder.write_file
    one = trainer()

    def full(path: Path, chunks: Any) -> Any:
        if path.name == "model.safetensors" and "00000004" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, chunks)

    monkeypatch.setattr(checkpoint.folder, "write_file", full)
    fit(one, ModelCheckpoint(tmp_path / "once"), epochs=2)
    assert "No checkpoint was written at step 4. " in caplog.text
    assert sorted(path.name for path in (tmp_path / "once").glob("step-*")) == ["step-00000008"]

    with pytest.raises(OSError, match="The last state of this run could not be saved"):
        fit(trainer(), ModelCheckpoint(tmp_path / "last"), epochs=1)
    assert not is_writing()


def test_an_error_in_training_waits_for_the_save_that_is_under_way(tmp_path: Path) -> None:
    class Breaks(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self.trainer.state.step == 2:
                raise ArithmeticError("elsewhere")

    with pytest.raises(ArithmeticError, match="elsewhere"):
        fit(trainer(), ModelCheckpoint(tmp_path, save_every=1), Breaks(), epochs=1)

    assert checkpoint.newest(tmp_path) == tmp_path / "step-00000002"
    assert not is_writing()
