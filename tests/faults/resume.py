"""A run interrupted at any step and resumed from disk, against the same run never interrupted: every bit of both."""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from neurokit import EMA, Callback, EarlyStopping, LRSchedule, ModelCheckpoint, ReduceLROnPlateau, Trainer

GOAL = "every step of 3 epochs of every kind of run, with 0 and 2 workers and a changed number: 100 % bit-identical"
CI = 40
FULL = 0  # all of them

ROWS, BATCH, EPOCHS = 30, 4, 3  # eight batches an epoch, the last of two rows


class Augmented(Dataset):
    """Rows that draw from all three global streams whenever they are read."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index):
        row = torch.full((6,), float(index) / ROWS)
        noise = torch.randn(6) * 0.1 + random.random() * 0.1 + float(np.random.rand()) * 0.1
        return row + noise, index % 3


class AugmentedStream(Augmented, IterableDataset):
    """The same rows as a stream, of which each worker takes its share."""

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return (self[index] for index in range(first, ROWS, step))


def validation() -> DataLoader:
    generator = torch.Generator().manual_seed(5)
    pairs = zip(torch.randn(16, 6, generator=generator), torch.randint(3, (16,), generator=generator), strict=True)
    return DataLoader([(x, int(y)) for x, y in pairs], 8)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.4), nn.Linear(12, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)
    )


def frozen() -> nn.Module:
    backbone = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU()).requires_grad_(False).eval()
    return nn.Sequential(backbone, nn.Dropout(0.2), nn.Linear(8, 3))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 5, num_layers=2, dropout=0.3, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.lstm(x.unsqueeze(-1))[0][:, -1])


class Attentive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.unsqueeze(-1))).mean(1))


class Gan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic = nn.Linear(2, 6), nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.2), nn.Linear(4, 1))


class GanTrainer(Trainer):
    """Two optimizers in a step of the user's own, noise drawn in it."""

    def train_step(self, batch):
        real, gan = batch.x, self.model
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = gan.generator(torch.randn(len(real), 2))
        self.optimizer["critic"].zero_grad()
        critic = F.binary_cross_entropy_with_logits(gan.critic(real), ones)
        critic = critic + F.binary_cross_entropy_with_logits(gan.critic(fake.detach()), zeros)
        critic.backward()
        self.optimizer["critic"].step()
        self.optimizer["generator"].zero_grad()
        generator = F.binary_cross_entropy_with_logits(gan.critic(fake), ones)
        generator.backward()
        self.optimizer["generator"].step()
        return {"critic": critic, "generator": generator}


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


def rows_with_workers(workers: int) -> tuple[Any, ...]:
    return (DataLoader(Augmented(), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0),)


def rows_in_memory(_: int) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(38, 6, generator=generator), torch.randint(0, 3, (38,), generator=generator)


@dataclass
class Kind:
    """A kind of model and training: what is made anew for each process it runs in."""

    model: Callable[[], nn.Module] = mlp
    trainer: dict[str, Any] = field(default_factory=dict)
    callbacks: Callable[[], list[Callback]] = list
    fit: Callable[[], dict[str, Any]] = dict
    data: Callable[[int], tuple[Any, ...]] = rows_with_workers
    kind: type[Trainer] = Trainer
    workers: tuple[tuple[int, int], ...] = ((0, 0), (2, 2))  # of the run, and of the one that resumes it
    changed: tuple[tuple[int, int], ...] = ((0, 2), (2, 0), (2, 1))  # in turn, step by step


KINDS = {
    "batch norm": Kind(callbacks=lambda: [Draws()]),
    "convolution": Kind(model=cnn, trainer={"optimizer": "sgd", "learning_rate": 0.1}),
    "lstm": Kind(model=Recurrent, trainer={"optimizer": lambda parameters: torch.optim.SGD(parameters, 0.1, 0.9)}),
    "transformer": Kind(model=Attentive, trainer={"optimizer": "adamw"}, callbacks=lambda: [Draws()]),
    "two optimizers": Kind(
        model=Gan, kind=GanTrainer,
        trainer={"loss": None, "metrics": (), "optimizer": {"critic": "adam", "generator": "sgd"}},
    ),
    "ema": Kind(callbacks=lambda: [EMA(0.9)], fit=lambda: {"validation_data": validation()}),
    "one-cycle": Kind(callbacks=lambda: [LRSchedule("OneCycleLR", max_lr=0.05)]),
    "plateau and early stopping": Kind(
        trainer={"optimizer": "sgd", "learning_rate": 0.3},
        callbacks=lambda: [
            ReduceLROnPlateau(monitor="val_loss", patience=1, factor=0.5, min_delta=0.5),
            EarlyStopping(monitor="val_loss", patience=2, min_delta=0.5, restore_best_weights=True),
        ],
        fit=lambda: {"validation_data": validation()},
    ),
    "accumulation": Kind(
        trainer={"accumulate": 3, "max_grad_norm": 0.5},
        callbacks=lambda: [LRSchedule("StepLR", step_size=1, gamma=0.5)],
    ),
    "class weights": Kind(
        trainer={"metrics": ["accuracy", "roc_auc", "f1"]}, fit=lambda: {"class_weight": [1.0, 2.0, 3.0]}
    ),
    "frozen backbone": Kind(model=frozen),
    "iterable": Kind(
        data=lambda workers: (DataLoader(AugmentedStream(), BATCH, num_workers=workers),),
        changed=((0, 1), (1, 0)),  # two workers make batches of their own, which is said
    ),
    "in memory": Kind(
        data=rows_in_memory, callbacks=lambda: [Draws()], fit=lambda: {"batch_size": 4, "validation_split": 0.2},
        workers=((0, 0),), changed=(),
    ),
    "steps across passes": Kind(fit=lambda: {"steps_per_epoch": 5}),
}  # fmt: skip


class Point(NamedTuple):
    """Where a run of a kind is cut, and with how many workers it ran and goes on."""

    kind: str
    step: int
    workers: int
    then: int


def points(amount: int, seed: int) -> list[Point]:
    """Return a sample that holds every kind with both numbers of workers, and changes of it; 0 is all points."""
    every: list[Point] = []
    for name, kind in KINDS.items():
        steps = range(1, EPOCHS * (5 if name == "steps across passes" else 8) + 1)
        every += [Point(name, step, *workers) for step in steps for workers in kind.workers]
        every += [Point(name, step, *kind.changed[step % len(kind.changed)]) for step in steps if kind.changed]
    if amount == 0:
        return every
    draw = random.Random(seed)
    draw.shuffle(every)
    first = {(point.kind, point.workers == point.then, point.then): point for point in reversed(every)}
    same = [point for (_, unchanged, _), point in first.items() if unchanged]
    rest = [point for point in every if point not in same]
    changed = [point for point in rest if point.workers != point.then]
    return (same + changed[: max(0, amount - len(same))])[:amount]


def build(kind: Kind, workers: int, seed: int) -> tuple[Trainer, tuple[Any, ...]]:
    """A trainer in what might be a new process: other global streams, other initial weights."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    arguments = {"loss": "cross_entropy", "metrics": ["accuracy"], "device": "cpu"} | kind.trainer
    return kind.kind(kind.model(), **arguments), kind.data(workers)


def ending(trainer: Trainer) -> dict[str, Any]:
    """Everything a run ends with that a resumed one must have too."""
    state = trainer.state_dict()
    names = ("model", "modes", "optimizers", "runtime", "state", "means", "metrics", "losses", "rng")
    callbacks = [entry for entry in state["callbacks"] if entry["class"] != "ModelCheckpoint"]
    history = trainer.history
    told = {"history": history.history, "epoch": history.epoch, "stop": history.stop_reason}
    trains = {name: one.requires_grad for name, one in trainer.model.named_parameters()}
    return {name: state[name] for name in names} | {"callbacks": callbacks, "trains": trains} | told


def difference(first: Any, second: Any, path: str = "") -> str | None:
    """Return where two endings differ by a bit; ``None`` where they are the same."""
    if type(first) is not type(second):
        return path
    if isinstance(first, dict):
        if list(first) != list(second):
            return path
        found = (difference(first[key], second[key], f"{path}.{key}") for key in first)
    elif isinstance(first, (list, tuple)):
        if len(first) != len(second):
            return path
        found = (difference(*pair, f"{path}[{index}]") for index, pair in enumerate(zip(first, second, strict=True)))
    elif isinstance(first, torch.Tensor):
        same = first.dtype == second.dtype and first.shape == second.shape
        return None if same and first.contiguous().numpy().tobytes() == second.contiguous().numpy().tobytes() else path
    else:
        return None if first == second or (first != first and second != second) else path
    return next(filter(None, found), None)


class Runs:
    """Each kind of run once, straight through, with a checkpoint kept of every step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._done: dict[tuple[str, int], tuple[Path, dict[str, Any]]] = {}

    def uninterrupted(self, name: str, workers: int) -> tuple[Path, dict[str, Any]]:
        """Return the folder and the ending of a run that nothing interrupted."""
        if (name, workers) not in self._done:
            kind, folder = KINDS[name], self.folder / f"{name} {workers}"
            trainer, data = build(kind, workers, seed=11)
            callbacks = [*kind.callbacks(), ModelCheckpoint(folder, save_every=1, keep=10_000)]
            trainer.fit(*data, epochs=EPOCHS, callbacks=callbacks, verbose=0, **kind.fit())
            self._done[name, workers] = folder, ending(trainer)
        return self._done[name, workers]

    def resumed(self, point: Point) -> str | None:
        """Go on from one step of such a run alone; return where its ending differs, or ``None``."""
        folder, expected = self.uninterrupted(point.kind, point.workers)
        step = f"step-{point.step:08d}"
        if not (folder / step).exists():  # it stopped early, and must do so again: go on from its last step
            step = max(path.name for path in folder.glob("step-*"))
        kind, again = KINDS[point.kind], self.folder / "again"
        shutil.copytree(folder / step, again / step)
        try:
            trainer, data = build(kind, point.then, seed=12)
            callbacks = [*kind.callbacks(), ModelCheckpoint(again, keep=1)]
            trainer.fit(*data, epochs=EPOCHS, callbacks=callbacks, resume=again, verbose=0, **kind.fit())
            return difference(ending(trainer), expected)
        finally:
            shutil.rmtree(again)


@contextmanager
def runs() -> Iterator[Runs]:
    """Runs in a folder that is deleted in the end; what each says of where it goes on is not shown."""
    logger, folder = logging.getLogger("neurokit"), Path(tempfile.mkdtemp())
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield Runs(folder)
    finally:
        logger.setLevel(level)
        shutil.rmtree(folder)


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Resume at so many points, 0 being all; return how many ended as the run that was never interrupted."""
    chosen = points(amount, seed)
    with runs() as made:
        differing = {point: where for point in chosen if (where := made.resumed(point)) is not None}
    return {
        "points": len(chosen),
        "kinds": len({point.kind for point in chosen}),
        "changed number of workers": sum(point.workers != point.then for point in chosen),
        "identical": len(chosen) - len(differing),
        "differing": len(differing),
        "first difference": next((f"{point}: {where}" for point, where in differing.items()), ""),
    }
