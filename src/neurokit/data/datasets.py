"""DatasetLoader: a map-style dataset read by torch's DataLoader, in our order, each sample under its own stream."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Subset, default_collate, get_worker_info

from neurokit.data.batch import Batch, look_at, parse_batch
from neurokit.data.collating import refuse_samples
from neurokit.data.sampling import Key, Sampling
from neurokit.data.workers import COLLATING, DONE, WHOLE, Asked, Failure, Progress, Reader, in_worker
from neurokit.seeding import cpu_streams, seed_sample, set_cpu_streams

SHOWN = 32  # so many indices of a batch are written out


class DatasetLoader:
    """Reads a DataLoader as a description: its dataset, batch size, collate function and workers are kept.

    The order is a function of (seed, pass) where the sampler is torch's own, and the random numbers a sample draws
    (augmentation) are a function of (seed, pass, index). So any position can be entered again, with any number of
    workers, and decoding never disturbs the model's dropout.

    Args:
        description: The user's DataLoader over a map-style dataset.
        seed: The data seed.
        whole: Hand each item to ``forward`` as it is.
        join_lone_row: Let a last batch of one row join the batch before it.
    """

    one_shot = False

    def __init__(self, description: DataLoader[Any], *, seed: int, whole: bool, join_lone_row: bool = False) -> None:
        self.whole, self.description, self.dataset = whole, description, description.dataset
        self.sampling = Sampling(description, seed, join_lone_row)
        self.in_order, self.joins = self.sampling.in_order, self.sampling.joins
        self.num_batches, self.num_rows = self.sampling.num_batches, self.sampling.num_rows
        self._reader = Reader(
            description, _SeededDataset(description, seed), batch_sampler=self.sampling, collate_fn=_as_it_is
        )

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from batch ``start`` on; in the source's order when it trains nothing."""
        self.sampling.enter(data_pass, start)
        for item in self._reader:
            yield parse_batch(item, self.whole)

    def items(self) -> Iterator[Any]:
        """Yield the batches of a pass that trains nothing, as they were collated."""
        self.sampling.enter(None, 0)
        yield from self._reader

    def peek(self) -> Batch:
        """Return a batch from the front of the source, every random stream left as it was."""
        (item,) = self._reader.in_one_worker(batch_sampler=[self.sampling.front()])
        return look_at(item, self.whole)

    def read(self, keys: Iterable[Key]) -> Iterator[Any]:
        """Yield what is read for single keys, each as a batch of its own, for a look; no random stream is moved."""
        yield from self._reader.in_one_worker(batch_sampler=[[key] for key in keys])

    def close(self) -> None:
        """End the workers that read."""
        self._reader.close()

    def state_dict(self) -> dict[str, Any]:
        """Where a sampler with a generator of its own stands."""
        return self.sampling.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put that sampler's generator back."""
        self.sampling.load_state_dict(state)


class _SeededDataset(Dataset[Any]):
    """Fetches whole batches, each sample under the random streams of its (seed, pass, index), in whichever process.

    Attributes:
        drawn: The streams that samples were seen to draw from. Only these are seeded, which costs up to 6 us a sample.
            A batch that draws from another is forgotten, and read again.
        progress: Which sample is read now.
    """

    def __init__(self, description: DataLoader[Any], seed: int) -> None:
        self.dataset, self.seed = description.dataset, seed
        self.collate = description.collate_fn
        self.batched = description.batch_sampler is not None
        self.at_once = self.batched and _reads_at_once(self.dataset)
        self.drawn: set[str] = set()
        self.progress = Progress()

    def __getitems__(self, asked: Asked) -> Any:
        self.progress.begin(asked.number)
        try:
            batch = self._undisturbed(asked.keys)
        except Exception as error:
            error.add_note(f"Raised while {self.told(asked.keys, asked.number, self.progress.place)}{in_worker()}.")
            if get_worker_info() is None:
                raise
            batch = Failure(error)
        self.progress.reach(DONE)
        return batch

    def _undisturbed(self, keys: list[Key]) -> Any:
        """Read a batch and leave the global streams as they were."""
        before = cpu_streams()
        try:
            while True:
                batch = self._read(keys)
                now = cpu_streams()
                new = {name for name in before if now[name] != before[name]} - self.drawn
                if not new:
                    return batch
                self.drawn |= new
                set_cpu_streams(before)
        finally:
            if self.drawn:
                set_cpu_streams(before)

    def _read(self, keys: list[Key]) -> Any:
        if self.batched and not self.at_once:
            dataset, reach, drawn, samples = self.dataset, self.progress.reach, self.drawn, []
            for place, key in enumerate(keys):
                reach(place)
                if drawn:
                    self._seed(key)
                samples.append(dataset[key[1]])
            return self._collated(samples, keys)
        self.progress.reach(WHOLE)
        if self.drawn:
            self._seed(keys[0])
        indices = [index for _, index in keys]
        if not self.batched:
            return self._collated(self.dataset[indices[0]], keys)
        return self._collated(self.dataset.__getitems__(indices), keys)  # type: ignore[attr-defined]

    def _collated(self, samples: Any, keys: list[Key]) -> Any:
        self.progress.reach(COLLATING)
        try:
            return self.collate(samples)
        except Exception as error:
            if self.collate is default_collate:
                refuse_samples(samples, [self._index(key) for key in keys], error)
            raise

    def told(self, keys: list[Key] | None, number: int, place: int) -> str:
        """Say what is done at a place of a batch, the samples by the indices the user knows."""
        if keys is None:
            return f"at batch {number}"
        indices = [self._index(key) for key in keys]
        shown = f"[{', '.join(indices[:SHOWN])}{f', ... {len(indices)} in all' if len(indices) > SHOWN else ''}]"
        batch = f"the samples {shown}" if len(indices) > 1 else f"sample {indices[0]}" if indices else "an empty batch"
        if 0 <= place < len(indices):
            return f"reading sample {indices[place]}" + (f" of the batch {shown}" if len(indices) > 1 else "")
        doing = {COLLATING: "collating", DONE: "waiting for work, after"}
        return f"{doing.get(place, 'reading')} {batch}"

    def _index(self, key: Key) -> str:
        """A sample's index in the user's own dataset, also where a Subset of it is read."""
        dataset: Any = self.dataset
        index = key[1]
        while type(dataset) is Subset:
            dataset, index = dataset.dataset, dataset.indices[index]
        return repr(index.item() if hasattr(index, "item") else index)

    def _seed(self, key: Key) -> None:
        data_pass, index = key
        seed_sample(self.seed, data_pass, _as_number(index), self.drawn)


def _reads_at_once(dataset: Any) -> bool:
    """Tell whether a dataset reads a list of rows in one go, as Hugging Face's do; a Subset asks the one it is of."""
    return _reads_at_once(dataset.dataset) if type(dataset) is Subset else hasattr(dataset, "__getitems__")


def _as_number(index: Any) -> int:
    try:
        return operator.index(index)
    except TypeError:
        return zlib.crc32(repr(index).encode())  # unlike hash(), the same in every process


def _as_it_is(batch: Any) -> Any:
    return batch
