"""What the tests of callbacks share: a small fit, a series of values to follow, and a run that crashes and resumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from neurokit.callbacks import Callback, ModelCheckpoint
from neurokit.trainer import Trainer

ROWS, BATCH = 12, 4  # three batches an epoch


class Follow(Callback):
    """Puts a series of values into the epoch logs, where later callbacks find them; ``None`` takes the name out."""

    order = -2

    def __init__(self, series: Sequence[float | None], name: str = "val_loss") -> None:
        self.series, self.name = series, name

    def on_epoch_end(self, epoch, logs=None):
        logs.pop(self.name, None)
        if self.series[epoch] is not None:
            logs[self.name] = self.series[epoch]


class Crash(Callback):
    """Raises at the begin of the batch after ``step`` batches, or at the end of an epoch."""

    order = 3

    def __init__(self, step: int | None = None, *, epoch: int | None = None, error: type[BaseException] = RuntimeError):
        self.step, self.epoch, self.error = step, epoch, error

    def on_train_batch_begin(self, batch, logs=None):
        if self.trainer.state.step == self.step:
            raise self.error("crash")

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error("crash")


def make_model() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 1))


def make_trainer(model: nn.Module | None = None, **options: Any) -> Trainer:
    options = {"loss": "mse", "optimizer": "sgd", "learning_rate": 0.1, **options}
    return Trainer(make_model() if model is None else model, **options)


def make_data() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(2))
    return x, x.sum(dim=1, keepdim=True)


def fit(*callbacks: Callback, trainer: Trainer | None = None, validate: bool = True, **options: Any) -> Trainer:
    """Run a small fit; return its trainer."""
    trainer = make_trainer() if trainer is None else trainer
    x, y = make_data()
    options = {"batch_size": BATCH, "epochs": 3, "verbose": 0, **options}
    trainer.fit(x, y, callbacks=callbacks, validation_data=(x[:5], y[:5]) if validate else None, **options)
    return trainer


def same(one: Any, other: Any) -> bool:
    """Tell whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or (one != one and other != other))


class Runs:
    """The same run twice: straight through, and crashed after some steps and resumed in new objects."""

    def __init__(self, folder: Path, make: Callable[[Path], Sequence[Callback]], step: int, **options: Any) -> None:
        self.options = options
        self.callbacks = make(folder / "straight")
        self.straight = self._fit(*self.callbacks)
        place = folder / "broken"
        with pytest.raises(RuntimeError, match="crash"):
            self._fit(*make(place), ModelCheckpoint(place, save_every=step), Crash(step))
        self.resumed_callbacks = make(place)
        self.resumed = self._fit(*self.resumed_callbacks, ModelCheckpoint(place), resume=place, seed=99)

    def _fit(self, *callbacks: Callback, resume: Path | None = None, seed: int = 7) -> Trainer:
        trainer = make_trainer(**self.options.get("trainer", {}))
        torch.manual_seed(seed)
        options = {name: value for name, value in self.options.items() if name != "trainer"}
        return fit(*callbacks, trainer=trainer, resume=resume, **{"epochs": 4, **options})

    def assert_same(self) -> None:
        assert same(self.straight.model.state_dict(), self.resumed.model.state_dict())
        assert same(self.straight.history.history, self.resumed.history.history)
        assert self.straight.history.stop_reason == self.resumed.history.stop_reason
        for one, other in zip(self.callbacks, self.resumed_callbacks, strict=True):
            assert same(one.state_dict(), other.state_dict())


@pytest.fixture(name="fit")
def _fit() -> Callable[..., Trainer]:
    return fit


@pytest.fixture(name="make_trainer")
def _make_trainer() -> Callable[..., Trainer]:
    return make_trainer


@pytest.fixture(name="follow")
def _follow() -> type[Follow]:
    return Follow


@pytest.fixture(name="crash")
def _crash() -> type[Crash]:
    return Crash


@pytest.fixture
def crash_and_resume(tmp_path: Path) -> Callable[..., Runs]:
    """Make ``Runs``: of three batches an epoch, so step 5 is in the middle of one, and 6 at its end."""
    return lambda make, step, **options: Runs(tmp_path, make, step, **options)
