"""Checks of loaders and samplers: rows left out, orders and augmentations that repeat, validation that is random."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset, get_worker_info

import neurokit as nk
from checking import assert_clean, assert_found, fitted
from neurokit import Trainer

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
Y = X.argmax(1) % 3


class Rows(Dataset):
    """Rows that a transform may change, and a generator of the dataset's own."""

    def __init__(self, transform: Any = None, generator: Any = None, draws: bool = True) -> None:
        self.transform, self.generator, self.draws = transform, generator, draws

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        x = X[index]
        if self.generator is not None and self.draws:
            x = x + noise(self.generator)
        return (x if self.transform is None else self.transform(x)), Y[index]


def noise(generator: Any) -> float:
    if isinstance(generator, torch.Generator):
        return torch.rand(1, generator=generator)
    return generator.random() if hasattr(generator, "random") else generator.rand()


def flipped(x):
    return -x if torch.rand(()) < 0.5 else x


def set_up(train: Any, validation: Any = None, **fit: Any) -> Any:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    trainer = Trainer(model, loss="cross_entropy", device="cpu")
    return trainer, (train,), {"epochs": 2, "validation_data": validation, **fit}


# ------------------------------------------------------------------------------------------- predicted out of order


def test_predicting_over_a_shuffling_loader_is_refused_with_its_code():
    trainer, data, fit = set_up(DataLoader(Rows(), 16, shuffle=True))
    trainer.fit(*data, **fit, verbose=0)
    with pytest.raises(ValueError, match=r"shuffle=False. \[shuffled-prediction\]"):
        trainer.predict(data[0])


def test_a_validation_loader_that_shuffles_is_no_finding():
    assert_clean(lambda: set_up(DataLoader(Rows(), 16, shuffle=True), DataLoader(Rows(), 16, shuffle=True)))


# ----------------------------------------------------------------------------------------------------- samplers


def dealt(replicas: int, shuffle: bool = True) -> DataLoader:
    dataset = Rows()
    return DataLoader(dataset, 8, sampler=DistributedSampler(dataset, replicas, rank=0, shuffle=shuffle))


def test_a_sampler_that_deals_rows_to_processes_that_are_not_there_is_named():
    words = ("num_replicas=4, rank=0) gives 16 of 64 rows", "shuffle=True")
    assert_found(lambda: set_up(dealt(4)), "partial-sampler", "warning", *words)
    assert_found(lambda: set_up(DataLoader(Rows(), 8), dealt(2)), "partial-sampler", "warning", "never validated on")


def test_a_sampler_for_one_process_is_no_finding():
    assert_clean(lambda: set_up(dealt(1)))


class Wrapped:
    """A loader inside an iterable of the user's own, where nobody else reaches its sampler."""

    def __init__(self, loader: DataLoader, tells: bool = False) -> None:
        self.loader, self.tells, self.epoch = loader, tells, 0

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        if self.tells:
            self.loader.sampler.set_epoch(self.epoch)
            self.epoch += 1
        yield from self.loader


def test_a_sampler_that_nobody_tells_the_epoch_is_named():
    words = ("set_epoch of the DistributedSampler inside your Wrapped", "on_epoch_begin")
    assert_found(lambda: set_up(Wrapped(dealt(1))), "epoch-not-set", "warning", *words)


def test_samplers_that_are_told_the_epoch_are_no_finding():
    def by_callback(event):
        wrapped = Wrapped(dealt(1))
        tell = nk.LambdaCallback(**{event: lambda epoch, logs: wrapped.loader.sampler.set_epoch(epoch)})
        return set_up(wrapped, callbacks=[tell])

    assert_clean(lambda: set_up(Wrapped(dealt(1), tells=True)))
    assert_clean(lambda: by_callback("on_epoch_begin"))
    assert_clean(lambda: by_callback("on_epoch_end"))
    assert_clean(lambda: set_up(Wrapped(dealt(1, shuffle=False))))
    assert_clean(lambda: set_up(Wrapped(dealt(1)), epochs=1))
    assert_clean(lambda: set_up(dealt(1)))


def test_a_sampler_is_left_as_it_was():
    wrapped = Wrapped(dealt(1))
    trainer, data, fit = set_up(wrapped)
    trainer.fit(*data, **fit, verbose=0)
    assert "set_epoch" not in vars(wrapped.loader.sampler)


# ------------------------------------------------------------------------------------- the same numbers in each worker

GENERATORS = {
    "numpy": lambda: np.random.default_rng(0),
    "legacy numpy": lambda: np.random.RandomState(0),
    "python": lambda: random.Random(0),
    "torch": lambda: torch.Generator().manual_seed(0),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_that_every_worker_has_the_same_copy_of_is_named(name):
    def make():
        return set_up(DataLoader(Rows(generator=GENERATORS[name]()), 16, shuffle=True, num_workers=2), epochs=1)

    assert_found(make, "same-augmentation", "warning", "2 workers", "seeded for each row")


def constant(worker):
    get_worker_info().dataset.generator = np.random.default_rng(0)


def by_worker(worker):
    get_worker_info().dataset.generator = np.random.default_rng(torch.initial_seed())


def seeds_everyones(worker):
    np.random.seed(0)


def test_a_generator_that_each_worker_makes_with_the_same_seed_is_named():
    def make():
        return set_up(DataLoader(Rows(), 16, num_workers=2, worker_init_fn=constant), epochs=1)

    assert_found(make, "same-augmentation", "warning", "numpy.Generator")


def numpy_noise(x):
    return x + float(np.random.rand())


CLEAN = {
    "seeded by worker": lambda: DataLoader(Rows(), 16, num_workers=2, worker_init_fn=by_worker),
    "replaced by worker": lambda: DataLoader(
        Rows(generator=np.random.default_rng(0)), 16, num_workers=2, worker_init_fn=by_worker
    ),
    "not drawn from": lambda: DataLoader(Rows(generator=np.random.default_rng(0), draws=False), 16, num_workers=2),
    "everyone's": lambda: DataLoader(Rows(numpy_noise), 16, num_workers=2, worker_init_fn=seeds_everyones),
    "one worker": lambda: DataLoader(Rows(generator=np.random.default_rng(0)), 16, num_workers=1),
    "no worker": lambda: DataLoader(Rows(generator=np.random.default_rng(0)), 16),
    "torch's global": lambda: DataLoader(Rows(flipped), 16, shuffle=True, num_workers=2),
}


@pytest.mark.parametrize("name", CLEAN)
def test_random_numbers_that_differ_between_workers_are_no_finding(name):
    assert_clean(lambda: set_up(CLEAN[name](), epochs=1))


# -------------------------------------------------------------------------------------------- random validation


def halves(dataset: Dataset) -> tuple[DataLoader, DataLoader]:
    return DataLoader(Subset(dataset, range(48)), 16, shuffle=True), DataLoader(Subset(dataset, range(48, 64)), 16)


def test_validation_through_the_random_transform_of_training_is_a_note():
    words = ("through the dataset of training", "Rows of its own", "Subset(plain, indices)")
    assert_found(lambda: set_up(*halves(Rows(flipped))), "random-validation", "note", *words)
    assert_found(lambda: set_up(Rows(flipped), validation_split=0.25), "random-validation", "note")
    own = lambda: set_up(DataLoader(Rows(flipped), 16), DataLoader(Rows(flipped), 16))  # noqa: E731
    assert_found(own, "random-validation", "note", "through the transform")


def test_validation_that_reads_each_row_the_same_is_no_finding():
    assert_clean(lambda: set_up(*halves(Rows())))
    assert_clean(lambda: set_up(*halves(Rows(torch.sigmoid))))
    assert_clean(lambda: set_up(DataLoader(Rows(flipped), 16), DataLoader(Rows(), 16)))
    assert_clean(lambda: set_up(DataLoader(Rows(flipped), 16), DataLoader(Rows(lambda x: x), 16)))
    assert_clean(lambda: set_up(*halves(Rows(lambda x: x * float("nan") * 0 if x is None else x))))


def test_the_look_at_validation_moves_no_generator_of_the_datasets_own():
    states = []
    for checks in (True, False):
        dataset = Rows(generator=np.random.default_rng(0))
        trainer, data, fit = set_up(*halves(dataset))
        trainer.fit(*data, **fit, checks=checks, verbose=0)
        states.append(dataset.generator.bit_generator.state)
    assert states[0] == states[1]


def test_a_dataset_that_fails_says_so_itself():
    class Broken(Rows):
        def __getitem__(self, index):
            raise LookupError("row is gone")

    def make():
        return set_up(DataLoader(Broken(generator=np.random.default_rng(0)), 16, num_workers=2))

    with pytest.raises(LookupError, match="row is gone"):
        fitted(make)
