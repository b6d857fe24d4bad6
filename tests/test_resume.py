"""A run that was interrupted anywhere and resumed ends as if it had never been: the same bits in everything."""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from neurokit import EMA, Callback, EarlyStopping, LRSchedule, ModelCheckpoint, ReduceLROnPlateau, Trainer

ROWS, EPOCHS = 40, 4


class Augmented(Dataset):
    """Rows that draw from all three global streams whenever they are read."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index):
        row = torch.full((6,), float(index) / ROWS)
        noise = torch.randn(6) * 0.1 + random.random() * 0.1 + float(np.random.rand()) * 0.1
        return row + noise, index % 3


class Stream(IterableDataset):
    def __iter__(self):
        for index in range(ROWS):
            yield torch.randn(6) + index / ROWS, index % 3


def arrays() -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(ROWS, 6, generator=generator), torch.randint(0, 3, (ROWS,), generator=generator)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.4), nn.Linear(12, 3))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 5, num_layers=2, dropout=0.3, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.lstm(x.unsqueeze(-1))[0][:, -1])


class Draws(Callback):
    """A callback of the user's that remembers what it drew from the global streams."""

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.drawn.append(random.random())

    def on_train_batch_end(self, batch, logs=None):
        self.drawn.append(float(torch.rand(())) + float(np.random.rand()))

    def state_dict(self):
        return {"drawn": self.drawn}

    def load_state_dict(self, state):
        self.drawn = list(state["drawn"])


@dataclass
class Case:
    """A kind of run: what is made anew for each process it runs in."""

    callbacks: Any = list
    model: Any = mlp
    data: Any = arrays
    trainer: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)


CASES = {
    "dropout and shuffling": Case(lambda: [Draws()], fit={"batch_size": 8, "validation_split": 0.2}),
    "ema and one-cycle": Case(
        lambda: [EMA(0.9), LRSchedule("OneCycleLR", max_lr=0.05)], fit={"batch_size": 8, "validation_data": arrays()}
    ),
    "plateau and early stopping": Case(
        lambda: [
            ReduceLROnPlateau(monitor="val_loss", patience=1, factor=0.5),
            EarlyStopping(monitor="val_loss", patience=1, min_delta=0.3, restore_best_weights=True),
        ],
        fit={"batch_size": 8, "validation_split": 0.3},
    ),
    "open accumulation windows": Case(
        lambda: [LRSchedule("StepLR", step_size=1, gamma=0.5)],
        trainer={"accumulate": 3, "max_grad_norm": 0.5},
        fit={"batch_size": 5},
    ),
    "workers that augment": Case(
        data=lambda: (DataLoader(Augmented(), 8, shuffle=True, num_workers=2, persistent_workers=True), None)
    ),
    "augmentation in this process": Case(data=lambda: (DataLoader(Augmented(), 8, shuffle=True), None)),
    "a stream": Case(data=lambda: (DataLoader(Stream(), 8), None)),
    "steps across passes": Case(fit={"batch_size": 8, "steps_per_epoch": 3}),
    "recurrent with momentum": Case(
        model=Recurrent, trainer={"optimizer": "sgd", "learning_rate": 0.1}, fit={"batch_size": 8}
    ),
    "collected metrics": Case(
        trainer={"metrics": ["accuracy", "roc_auc", "f1"]}, fit={"batch_size": 8, "class_weight": [1.0, 2.0, 3.0]}
    ),
}


FOUR_BATCHES = ("dropout and shuffling", "plateau and early stopping")  # an epoch has four; its end is a multiple


def build(case: Case, seed: int) -> tuple[Trainer, tuple[Any, ...]]:
    """A trainer in what might be a new process: other global streams, other initial weights."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return Trainer(
        case.model(), **{"loss": "cross_entropy", "metrics": ["accuracy"], "device": "cpu"} | case.trainer
    ), case.data()


def ending(trainer: Trainer) -> dict[str, Any]:
    """Everything a run ends with that a resumed one must have too."""
    state = trainer.state_dict()
    saved = {name: state[name] for name in ("model", "optimizers", "runtime", "state", "metrics", "rng")}
    callbacks = [entry for entry in state["callbacks"] if entry["class"] != "ModelCheckpoint"]
    return saved | {
        "callbacks": callbacks,
        "history": trainer.history.history,
        "epoch": trainer.history.epoch,
        "stop": trainer.history.stop_reason,
    }


def assert_equal(first: Any, second: Any, path: str = "") -> None:
    assert type(first) is type(second), path
    if isinstance(first, dict):
        assert list(first) == list(second), path
        for key in first:
            assert_equal(first[key], second[key], f"{path}.{key}")
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), path
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_equal(a, b, f"{path}[{index}]")
    elif isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype, path
        assert torch.equal(first, second), path
    else:
        assert first == second or (first != first and second != second), path


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Each kind of run once, straight through, with a checkpoint kept for every step."""
    runs: dict[str, tuple[Path, dict[str, Any]]] = {}

    def run(name: str) -> tuple[Path, dict[str, Any]]:
        if name not in runs:
            case, folder = CASES[name], tmp_path_factory.mktemp("run")
            trainer, data = build(case, seed=11)
            keeper = ModelCheckpoint(folder, save_every=1, keep=10_000)
            trainer.fit(*data, epochs=EPOCHS, callbacks=[*case.callbacks(), keeper], verbose=0, **case.fit)
            runs[name] = folder, ending(trainer)
        return runs[name]

    return run


def interruption_points() -> list[tuple[str, int]]:
    """Fifty points: five for each kind of run, drawn with a seed; the first ones are near an epoch's end."""
    draw = random.Random(2026)
    return [(name, draw.randrange(1000)) for name in CASES for _ in range(5)]


@pytest.mark.parametrize(("name", "draw"), interruption_points())
def test_resume_ends_bit_identically(uninterrupted, tmp_path, name, draw):
    folder, expected = uninterrupted(name)
    steps = sorted(folder.glob("step-*"))
    point = steps[draw % len(steps)]
    shutil.copytree(point, tmp_path / point.name)

    trainer, data = build(CASES[name], seed=12)
    callbacks = [*CASES[name].callbacks(), ModelCheckpoint(tmp_path, keep=1)]
    trainer.fit(*data, epochs=EPOCHS, callbacks=callbacks, resume=tmp_path, verbose=0, **CASES[name].fit)
    assert_equal(ending(trainer), expected)


def test_the_points_hold_epoch_ends_and_middles(uninterrupted):
    folder, _ = uninterrupted("dropout and shuffling")
    assert len(list(folder.glob("step-*"))) == EPOCHS * 4
    batches = [(draw % (EPOCHS * 4) + 1) % 4 for name, draw in interruption_points() if name in FOUR_BATCHES]
    assert 0 in batches
    assert {1, 2, 3} <= set(batches)


def test_resume_with_another_number_of_workers_changes_nothing(uninterrupted, tmp_path):
    folder, expected = uninterrupted("workers that augment")
    point = sorted(folder.glob("step-*"))[6]
    shutil.copytree(point, tmp_path / point.name)
    trainer, _ = build(CASES["workers that augment"], seed=12)
    loader = DataLoader(Augmented(), 8, shuffle=True)
    trainer.fit(loader, epochs=EPOCHS, callbacks=[ModelCheckpoint(tmp_path, keep=1)], resume=tmp_path, verbose=0)
    assert_equal(ending(trainer), expected)


def test_resume_without_a_checkpoint_starts_and_says_so(tmp_path, caplog):
    trainer, data = build(CASES["dropout and shuffling"], seed=1)
    trainer.fit(*data, epochs=1, resume=tmp_path / "none", verbose=0)
    assert "no checkpoint to resume from" in caplog.text
    assert trainer.history.epoch == [0]


def test_a_finished_run_is_not_trained_again_and_says_so(tmp_path, caplog):
    trainer, data = build(CASES["dropout and shuffling"], seed=1)
    trainer.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], verbose=0)
    again, data = build(CASES["dropout and shuffling"], seed=2)
    history = again.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, verbose=0)
    assert history.history == trainer.history.history
    assert torch.equal(again.model[0].weight, trainer.model[0].weight)
    assert "nothing is left to train" in caplog.text


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(tmp_path):
    trainer, data = build(CASES["dropout and shuffling"], seed=1)
    trainer.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], verbose=0)
    newest = max(tmp_path.glob("step-*"))
    weights = bytearray((newest / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (newest / "model.safetensors").write_bytes(weights)
    again, data = build(CASES["dropout and shuffling"], seed=2)
    with pytest.warns(UserWarning, match=r"model\.safetensors"):
        history = again.fit(*data, epochs=2, callbacks=[ModelCheckpoint(tmp_path)], resume=tmp_path, verbose=0)
    assert history.history == trainer.history.history
