"""StreamLoader: anything that yields batches and cannot be indexed, from a generator to an IterableDataset."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, get_worker_info

from neurokit.data.batch import Batch, count_rows, look_at, parse_batch
from neurokit.data.sampling import length
from neurokit.data.workers import Reader
from neurokit.seeding import seed_sample, seeded_items

logger = logging.getLogger("neurokit")


class StreamLoader:
    """Yields the batches of an iterable; a position in it is reached by taking what comes before.

    The random numbers of a batch are a function of (seed, pass, batch), with workers of (seed, pass, worker). Only a
    one-shot iterator draws from the global streams, as in a loop of the user's own: the next fit goes on with it.

    Args:
        batches: The user's iterable.
        seed: The data seed.
        whole: Hand each item to ``forward`` as it is.
        join_lone_row: Let a batch of one row join the batch before it. A one-shot iterator's stays as it is: reading
            ahead would take from the next fit.
    """

    num_rows = None

    def __init__(self, batches: Iterable[Any], *, seed: int, whole: bool, join_lone_row: bool = False) -> None:
        self.source = self._first = batches
        self.seed, self.whole = seed, whole
        self.join_lone_row, self.joins = join_lone_row, False  # nobody knows before it comes
        self.one_shot = isinstance(batches, Iterator)
        self.in_order = not isinstance(getattr(batches, "sampler", None), RandomSampler)
        self.num_batches = length(batches)
        self._stream: _SeededStream | None = None

    @classmethod
    def over_workers(cls, description: DataLoader[Any], **how: Any) -> StreamLoader:
        """Return a loader for a DataLoader over an ``IterableDataset``: its batches are kept, its workers seeded."""
        stream = _SeededStream(description.dataset, how["seed"])
        kept = {name: getattr(description, name) for name in ("batch_size", "drop_last", "collate_fn")}
        reader = Reader(description, stream, **kept)
        loader = cls(reader, **how)
        loader._first, loader._stream = reader.in_one_worker(), stream
        # Each of several workers may end with a batch that is not full.
        loader.num_batches = length(description) if description.num_workers < 2 else None
        return loader

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from batch ``start`` on. A one-shot iterator goes on where it stands."""
        if self._stream is not None:
            self._stream.enter(data_pass)
        items = self.source if self.one_shot else seeded_items(self.source, self.seed, data_pass)
        batches: Iterator[Batch] = (parse_batch(item, self.whole) for item in items)
        if self.join_lone_row and data_pass is not None and not self.one_shot:
            batches = self._without_lone_rows(batches)
        yield from islice(batches, start, None)

    def _without_lone_rows(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Join a batch of one row to the batch before it; reads one batch ahead."""
        held = next(batches, None)
        for following in batches:
            assert held is not None
            if count_rows(following.x) > 1:
                yield held
                held = following
                continue
            held = Batch(*map(_concatenated, held, following))
            if not self.joins:
                self.joins = True
                logger.warning("A batch has one row, too few for BatchNorm: it joins the batch before it.")
        if held is not None:
            yield held

    def peek(self) -> Batch:
        """Return the first batch; one taken from a one-shot iterator is put back."""
        first = list(islice(self.source if self.one_shot else seeded_items(self._first, self.seed, None), 1))
        if not first:
            raise ValueError(
                f"The data gave no batch: {type(self.source).__name__}. Pass something that yields at least one. An "
                "iterator that was gone through is empty: make it anew, or pass what can be gone through again."
            )
        if self.one_shot:
            self.source = chain(first, self.source)
        return look_at(first[0], self.whole)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: what is drawn is a function of seed, pass and batch."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to take back."""


def _concatenated(first: Any, second: Any) -> Any:
    """The rows of one structure after those of another."""
    if isinstance(first, Tensor):
        return torch.cat([first, second]) if first.ndim else first
    if isinstance(first, Mapping):
        return {name: _concatenated(value, second[name]) for name, value in first.items()}
    if isinstance(first, tuple):
        return tuple(map(_concatenated, first, second))
    return first + second if isinstance(first, list) else first


class _SeededStream(IterableDataset[Any]):
    """Reads an ``IterableDataset``, in a worker under the stream of its (seed, pass, worker)."""

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset, self.seed = dataset, seed
        self._pass = torch.full((), -1).share_memory_()  # seen by workers that outlive a pass

    def enter(self, data_pass: int | None) -> None:
        """Begin a pass; ``None`` is one that trains nothing."""
        self._pass.fill_(-1 if data_pass is None else data_pass)

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        if worker is not None:
            seed_sample(self.seed, int(self._pass), worker.id)
        return iter(self.dataset)
