"""StreamLoader: anything that yields batches and cannot be indexed, from a generator to an IterableDataset."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, default_collate, get_worker_info

from neurokit.data.batch import Batch, count_rows, look_at, parse_batch
from neurokit.data.collating import refuse_samples
from neurokit.data.sampling import length, tell_epoch
from neurokit.data.workers import COLLATING, DONE, Failure, Progress, Reader, in_worker
from neurokit.seeding import seed_sample, seeded_items

logger = logging.getLogger("neurokit")


class StreamLoader:
    """Yields the batches of an iterable; a position in it is reached by taking what comes before.

    The random numbers of a batch are a function of (seed, pass, batch). Only a one-shot iterator draws from the global
    streams, as in a loop of the user's own: the next fit goes on with it.

    Args:
        batches: The user's iterable.
        seed: The data seed.
        whole: Hand each item to ``forward`` as it is.
        join_lone_row: Let a batch of one row join the batch before it. A one-shot iterator's stays as it is: reading
            ahead would take from the next fit.

    Attributes:
        is_users_own: Whether the batches come from the user's iterable itself, rather than from a dataset that we read.
    """

    num_rows = None

    def __init__(self, batches: Iterable[Any], *, seed: int, whole: bool, join_lone_row: bool = False) -> None:
        self.source = self._first = batches
        self.seed, self.whole = seed, whole
        self.join_lone_row, self.joins = join_lone_row, False  # nobody knows before it comes
        self.one_shot = isinstance(batches, Iterator)
        self.in_order = not isinstance(getattr(batches, "sampler", None), RandomSampler)
        self.num_batches = self.told_batches = length(batches)
        self.is_users_own = True
        self._stream: _SeededStream | None = None
        self._reader: Reader | None = None

    @classmethod
    def over_workers(cls, description: DataLoader[Any], **how: Any) -> StreamLoader:
        """Return a loader for a DataLoader over an ``IterableDataset``: its batches are kept, its workers seeded."""
        stream = _SeededStream(description, how["seed"])
        reader = Reader(description, stream, batch_size=None, collate_fn=_as_it_is)
        loader = cls(reader, **how)
        loader.is_users_own = False
        loader._first, loader._stream, loader._reader = reader.in_one_worker(), stream, reader
        loader.told_batches = length(description)
        # Each of several workers may end with a batch that is not full.
        loader.num_batches = length(description) if description.num_workers < 2 else None
        return loader

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from batch ``start`` on. A one-shot iterator goes on where it stands."""
        if self._stream is not None:
            self._stream.enter(data_pass)
        if data_pass is not None and not self.one_shot:
            tell_epoch(self.source if self._stream is None else self._stream.dataset, data_pass)
        items = self.source if self.one_shot else seeded_items(self.source, self.seed, data_pass)
        if self._stream is None:
            items = _numbered(items)
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

    def close(self) -> None:
        """End the workers that read."""
        if self._reader is not None:
            self._reader.close()

    def state_dict(self) -> dict[str, Any]:
        """What is drawn is a function of seed, pass and batch; which rows make a batch, of the number of workers."""
        return {} if self._reader is None else {"workers": self._reader.num_workers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Say when other workers will make other batches."""
        now = self.state_dict().get("workers")
        had = state.get("workers", now)
        if had is not None and now is not None and max(had, 1) != max(now, 1):
            logger.warning(
                "The run read its IterableDataset with %d workers, and this one has %d: each worker makes batches of "
                "its own, so they are others from here on. Pass num_workers=%d to go on with the same.", had, now, had,
            )  # fmt: skip


def _numbered(items: Iterable[Any]) -> Iterator[Any]:
    """Yield what the user's iterable yields; an error of its own gets a note that says at which batch."""
    iterator, number = iter(items), 0
    while True:
        number += 1
        try:
            item = next(iterator)
        except StopIteration:
            return
        except Exception as error:
            error.add_note(f"Raised while reading batch {number} of the data.")
            raise
        yield item


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
    """Makes the batches of an ``IterableDataset``, each under the random streams of its (seed, pass, batch).

    Of several workers each has a stream of its own, whose batches come in turn.

    Attributes:
        progress: Which item is read now.
    """

    def __init__(self, description: DataLoader[Any], seed: int) -> None:
        self.dataset, self.seed = description.dataset, seed
        self.batch_size, self.drop_last = description.batch_size, description.drop_last
        self.collate = description.collate_fn
        self.progress = Progress()
        self._pass = torch.full((), -1).share_memory_()  # seen by workers that outlive a pass

    def enter(self, data_pass: int | None) -> None:
        """Begin a pass; ``None`` is one that trains nothing."""
        self._pass.fill_(-1 if data_pass is None else data_pass)

    def __iter__(self) -> Iterator[Any]:
        worker, data_pass = get_worker_info(), int(self._pass)
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        items: Iterator[Any] | None = None
        for number in count(first, step):
            self.progress.begin(number + 1)
            try:
                if items is None:
                    seed_sample(self.seed, data_pass, -1)
                    items = iter(self.dataset)
                seed_sample(self.seed, data_pass, number)
                batch = self._next(items)
            except Exception as error:
                error.add_note(f"Raised while {self.told(None, number + 1, self.progress.place)}{in_worker()}.")
                if worker is None:
                    raise
                batch = Failure(error)
            self.progress.reach(DONE)
            if batch is _END:
                return
            yield batch

    def _next(self, items: Iterator[Any]) -> Any:
        """The next batch, or the end."""
        samples: list[Any] = []
        size = self.batch_size or 1
        while len(samples) < size:
            self.progress.reach(len(samples))
            item = next(items, _END)
            if item is _END:
                break
            samples.append(item)
        if not samples or (self.drop_last and len(samples) < size):
            return _END
        self.progress.reach(COLLATING)
        try:
            return self.collate(samples[0] if self.batch_size is None else samples)
        except Exception as error:
            if self.collate is default_collate:
                refuse_samples(samples, [str(place + 1) for place in range(len(samples))], error)
            raise

    def told(self, keys: None, number: int, place: int) -> str:
        """Say what is done at a place of a batch; items of a stream have no index, so they are counted."""
        batch = f"batch {number} of the stream"
        if place >= 0:
            return f"reading item {place + 1} of {batch}"
        return {COLLATING: f"collating {batch}", DONE: f"waiting for work, after {batch}"}.get(place, f"at {batch}")


_END = object()


def _as_it_is(batch: Any) -> Any:
    return batch
