"""Checks of loaders and samplers: rows left out, orders and augmentations that repeat, validation that is random."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, Subset, get_worker_info

from neurokit.data.datasets import DatasetLoader
from neurokit.data.sources import Loader
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import FirstEpoch
from neurokit.diagnostics.samplers import held, source_of
from neurokit.diagnostics.setup import Setup
from neurokit.tree import map_tensors

_TRIES = 6  # of a random flip, two readings are alike half of the time


def partial_sampler(setup: Setup) -> Finding | None:
    """A sampler deals the rows to several processes, and there is one: the rows of the others are never seen (S14)."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return None
    for loader, verb in ((setup.train, "trained on"), (setup.validation, "validated on")):
        source = None if loader is None else source_of(loader)
        for one in () if source is None else held(source):
            if isinstance(one, DistributedSampler) and one.num_replicas > 1:
                rows = len(one.dataset)  # type: ignore[arg-type]
                return Finding(
                    "warning",
                    f"DistributedSampler(num_replicas={one.num_replicas}, rank={one.rank}) gives {len(one)} of {rows} "
                    f"rows, and this is one process without a process group, so the others are never {verb}. Leave the "
                    "sampler out: DataLoader(dataset, batch_size, shuffle=True).",
                )
    return None


def epoch_not_set(epoch: FirstEpoch) -> Finding | None:
    """A sampler wants to be told the epoch and nobody tells it, so each pass has the same order (S14)."""
    setup = epoch.setup
    if epoch.epoch_calls is None or setup.epochs < 2 or (setup.rehearsal and setup.callbacks):
        return None
    never = epoch.epoch_calls.never()
    if not never:
        return None
    name = type(never[0]).__name__
    return Finding(
        "warning",
        f"Nobody called set_epoch of the {name} inside your {type(source_of(setup.train)).__name__}, so each of "
        f"{setup.epochs} epochs visits the rows in the same order. Pass the DataLoader itself, which is told the "
        "epoch, or callbacks=[nk.LambdaCallback(on_epoch_begin=lambda epoch, logs: sampler.set_epoch(epoch))].",
    )


# --------------------------------------------------------------------------------------- the same random numbers


def same_augmentation(setup: Setup) -> Finding | None:
    """The dataset holds a generator of its own, and every worker draws the same numbers from its copy (S13)."""
    description = source_of(setup.train)
    workers = getattr(description, "num_workers", 0)
    if workers < 2 or setup.rehearsal:
        return None
    dataset = description.dataset
    names = [type(one).__name__ for one in generators(dataset)]
    if not names and description.worker_init_fn is None:
        return None
    drawn = _drawn_by_two_workers(description, setup.train)
    shared = set() if len(drawn) < 2 else {one for one in drawn[0] if one in drawn[1]}
    if not shared:
        return None
    kinds = sorted({kind for kind, _, _ in shared})
    return Finding(
        "warning",
        f"The dataset draws from a {' and a '.join(kinds)} of its own, and each of {workers} workers begins each epoch "
        "with the same copy: different rows get the same random numbers, epoch after epoch. Draw from numpy.random, "
        "random or torch instead, which are seeded for each row and epoch, or seed it in worker_init_fn with "
        "torch.initial_seed().",
    )


def generators(dataset: Any) -> list[Any]:
    """Return the random generators that a dataset and its transforms hold; not the global ones, which we seed."""
    kinds = (random.Random, np.random.Generator, np.random.RandomState, torch.Generator)
    everyones = (random._inst, np.random.mtrand._rand, torch.default_generator)
    found = [one for one in held(dataset) if isinstance(one, kinds)]
    return [one for one in found if not any(one is other for other in everyones)]


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _fingerprint(generator: Any) -> int:
    state = _state(generator)
    return zlib.crc32(state.numpy().tobytes() if isinstance(state, Tensor) else repr(state).encode())


def _drawn_by_two_workers(description: Any, loader: Loader) -> list[list[tuple[str, int, int]]]:
    """Ask two workers, started as the user's are, for a sample; return of each what its generators drew."""
    key = loader.sampling.front()[0][1] if isinstance(loader, DatasetLoader) else None
    two = DataLoader(
        _Drawing(description.dataset), batch_sampler=[[key], [key]], collate_fn=_as_it_is, num_workers=2,
        worker_init_fn=_Start(description.worker_init_fn), generator=torch.Generator(), prefetch_factor=1,
        multiprocessing_context=description.multiprocessing_context, timeout=description.timeout or 60,
    )  # fmt: skip
    try:
        return list(two)
    except Exception:  # what does not load says so itself when it trains
        return []


class _Start:
    """Shows the user's ``worker_init_fn`` the user's dataset."""

    def __init__(self, user_function: Callable[[int], None] | None) -> None:
        self.user_function = user_function

    def __call__(self, worker_id: int) -> None:
        info = get_worker_info()
        assert info is not None
        object.__setattr__(info, "dataset", info.dataset.dataset)  # type: ignore[attr-defined]
        if self.user_function is not None:
            self.user_function(worker_id)


class _Drawing(Dataset[Any]):
    """Reads a row in a worker; gives the state of each generator before and after, where it drew."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitems__(self, keys: list[Any]) -> list[tuple[str, int, int]]:
        found = generators(self.dataset)
        before = [_fingerprint(one) for one in found]
        if isinstance(self.dataset, IterableDataset):
            next(iter(self.dataset), None)
        else:
            self.dataset[keys[0]]
        after = [_fingerprint(one) for one in found]
        kinds = [f"{type(one).__module__.split('.')[0]}.{type(one).__name__}" for one in found]
        return [one for one in zip(kinds, before, after, strict=True) if one[1] != one[2]]


def _as_it_is(batch: Any) -> Any:
    return batch


# --------------------------------------------------------------------------------------------- random validation


def random_validation(setup: Setup) -> Finding | None:
    """Validation reads the training dataset's rows through its random transform (S18)."""
    train, validation = setup.train, setup.validation
    if not isinstance(train, DatasetLoader) or not isinstance(validation, DatasetLoader) or setup.rehearsal:
        return None
    ours, theirs = _under_subsets(train.description.dataset), _under_subsets(validation.description.dataset)
    shared = "dataset" if ours is theirs else "transform" if _same_transform(ours, theirs) else ""
    if not shared or not _reads_differ(validation):
        return None
    return Finding(
        "note",
        f"Validation reads its rows through the {shared} of training, and the same row comes out different each time "
        f"it is read: the validation figures are of augmented rows. Give validation a {type(theirs).__name__} of its "
        "own with a transform that is not random: validation_data=Subset(plain, indices).",
    )


def _under_subsets(dataset: Any) -> Any:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return dataset


def _same_transform(one: Any, other: Any) -> bool:
    names = ("transform", "transforms")
    pairs = [(getattr(one, name, None), getattr(other, name, None)) for name in names]
    return any(first is not None and first is second for first, second in pairs)


def _reads_differ(loader: DatasetLoader) -> bool:
    """Tell whether a row comes out different when it is read under other random streams; draws nothing."""
    front = loader.sampling.front()
    if not front:
        return False
    first = None
    with _preserved(generators(loader.description.dataset)):
        for item in loader.read([(data_pass, front[0][1]) for data_pass in range(_TRIES)]):
            numbers = _numbers(item)
            if first is not None and (
                len(first) != len(numbers)
                or any(not _equal(one, other) for one, other in zip(first, numbers, strict=True))
            ):
                return True
            first = numbers if first is None else first
    return False


def _numbers(item: Any) -> list[Tensor]:
    found: list[Tensor] = []
    map_tensors(lambda tensor: found.append(tensor), item)
    return found


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or bool(torch.equal(one.isnan(), other.isnan()) and one.nansum() == other.nansum())


@contextmanager
def _preserved(found: list[Any]) -> Iterator[None]:
    states = [_state(one) for one in found]
    try:
        yield
    finally:
        for one, state in zip(found, states, strict=True):
            _set_state(one, state)
