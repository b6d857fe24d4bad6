"""Sharing: which rows of each batch one of several processes takes. Nothing is repeated, and nothing left out.

The batches are those of one process, in the same order. In training each process takes every so-manieth row of each
batch, so that all make the same steps; outside of it, every so-manieth batch, whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from torch.utils.data import DistributedSampler

from neurokit.data.batch import Batch
from neurokit.data.datasets import DatasetLoader
from neurokit.data.memory import InMemoryLoader, gathered
from neurokit.data.sampling import held_samplers
from neurokit.data.sources import Loader


class Share(NamedTuple):
    """A process's part of one batch.

    Attributes:
        rows: How many of its rows are this process's; where it is none, one row is read that counts nothing.
        whole: How many rows the batch has.
    """

    rows: int
    whole: int


class SharedMemory(InMemoryLoader):
    """Data in memory, of which this process reads its share of each training batch.

    Args:
        loader: All of the data.
        rank: Which process this is.
        world: How many there are.
    """

    def __init__(self, loader: InMemoryLoader, rank: int, world: int) -> None:
        vars(self).update(vars(loader))
        self.rank, self.world = rank, world

    def share(self, data_pass: int, index: int) -> Share:
        """Return this process's part of a batch of a pass."""
        first, stop = self.bounds(index)
        return Share(len(range(first + self.rank, stop, self.world)), stop - first)

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield this process's part of each batch of a pass; all of it where the pass trains nothing."""
        if data_pass is None:
            yield from super().batches(None, start)
            return
        visited = self.visited(data_pass)
        spans = (visited[slice(*self.bounds(index))] for index in range(start, self.num_batches))
        parts = (span[self.rank :: self.world] if len(span) > self.rank else span[:1] for span in spans)
        yield from gathered(self, parts, self._block_batches * self.world)


class DealtMemory(SharedMemory):
    """Data in memory, of which this process reads every so-manieth batch, for a pass that trains nothing."""

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield this process's batches, in order."""
        visited = self.visited(None)
        mine = range(start + self.rank, self.num_batches, self.world)
        yield from gathered(self, (visited[slice(*self.bounds(index))] for index in mine), self._block_batches)


class SharedDataset(DatasetLoader):
    """A map-style dataset, of which this process reads its share of each training batch."""

    def __init__(self, loader: DatasetLoader, rank: int, world: int) -> None:
        vars(self).update(vars(loader))
        self.rank, self.world = rank, world
        self._wholes: dict[tuple[int, int], int] = {}  # rows of the batches that were asked for, by pass and place
        self.sampling.part = self._part

    def _part(self, data_pass: int | None, start: int, batches: Iterable[list[Any]]) -> Iterator[list[Any]]:
        if data_pass is None:
            yield from batches
            return
        self._wholes = {key: rows for key, rows in self._wholes.items() if key[0] == data_pass - 1}
        for index, keys in enumerate(batches, start):
            self._wholes[data_pass, index] = len(keys)
            yield keys[self.rank :: self.world] or keys[:1]

    def share(self, data_pass: int, index: int) -> Share:
        """Return this process's part of the batch that was read; the reader is ahead of it."""
        whole = self._wholes[data_pass, index]
        return Share(len(range(self.rank, whole, self.world)), whole)


class DealtDataset(DatasetLoader):
    """A map-style dataset, of which this process reads every so-manieth batch, for a pass that trains nothing."""

    def __init__(self, loader: DatasetLoader, rank: int, world: int) -> None:
        vars(self).update(vars(loader))
        self.rank, self.world = rank, world
        self.sampling.part = self._part

    def _part(self, data_pass: int | None, start: int, batches: Iterable[list[Any]]) -> Iterator[list[Any]]:
        return islice(batches, self.rank, None, self.world)


SharedLoader = SharedMemory | SharedDataset


def shared_out(loader: Loader, rank: int, world: int, *, batch_norm: bool) -> SharedLoader:
    """Return what this process reads of training data.

    Raises:
        TypeError: If the data are a stream, or shared out already.
        ValueError: If a process's share of a batch is too small for BatchNorm.
    """
    _refuse_shared(loader, "x")
    size = loader.batch_size if isinstance(loader, InMemoryLoader) else loader.sampling.size  # type: ignore[attr-defined]
    if batch_norm and size is not None and size < 2 * world:
        raise ValueError(
            f"batch_size={size} leaves a process {size // world} rows or fewer, and BatchNorm takes the mean and "
            f"variance of a process's own rows. Pass batch_size={2 * world} or more, {16 * world} to learn well, or "
            "use GroupNorm."
        )
    if isinstance(loader, InMemoryLoader):
        return SharedMemory(loader, rank, world)
    assert isinstance(loader, DatasetLoader)
    return SharedDataset(loader, rank, world)


def dealt_out(loader: Loader, rank: int, world: int, name: str = "x") -> Loader:
    """Return what this process reads of data that train nothing: every so-manieth batch.

    Raises:
        TypeError: If the data are a stream, or shared out already.
    """
    _refuse_shared(loader, name)
    if loader.num_batches is None:
        raise TypeError(
            f"{name} has a sampler that does not say how many batches it gives, so nobody knows which are whose. Give "
            "it __len__."
        )
    if isinstance(loader, InMemoryLoader):
        return DealtMemory(loader, rank, world)
    assert isinstance(loader, DatasetLoader)
    return DealtDataset(loader, rank, world)


def _refuse_shared(loader: Loader, name: str) -> None:
    if not isinstance(loader, (InMemoryLoader, DatasetLoader)):
        kind = type(getattr(loader, "source", loader)).__name__
        raise TypeError(
            f"{name} is a stream ({kind}), of which nobody knows how many batches each process would get: the one with "
            "more would wait for ever. Pass arrays, a map-style Dataset or a DataLoader over one, which are shared out "
            "row by row; or train in one process, strategy='none'."
        )
    if isinstance(loader, DatasetLoader):
        sampler = next(
            (one for one in held_samplers(loader.sampling.sampler) if isinstance(one, DistributedSampler)), 0
        )
        if sampler:
            raise TypeError(
                f"{name} has a DistributedSampler, which shares the rows out (and repeats some, to make the shares "
                "equal), and fit does so too. Leave it out: DataLoader(dataset, batch_size, shuffle=True), with the "
                "batch_size of all processes together."
            )
