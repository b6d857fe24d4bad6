"""Sampling: which rows make up which batch of a pass, as a DataLoader's sampler and batch size say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from neurokit.seeding import order, preserved_cpu_rng, seed_sample, seeded_items

Key = tuple[int | None, Any]  # which pass, and what the sampler gave: as a rule, an index
Part = Callable[[int | None, int, Iterable[list[Any]]], Iterator[list[Any]]]


class Sampling:
    """A batch sampler that can be entered at any batch of any pass.

    Torch's own random sampler is replaced by an order that is a function of (seed, pass). Any other decides itself:
    its pass is drawn under a stream of its own, and a position is reached by skipping keys, not samples.

    Attributes:
        in_order: Whether the user's sampler keeps the dataset's order.
        joins: Whether a last batch of one row joins the batch before it.
        num_rows: Rows in a pass; ``None`` when nobody knows.
        num_batches: Batches in a pass; ``None`` when nobody knows.
    """

    def __init__(self, description: DataLoader[Any], seed: int, join_lone_row: bool) -> None:
        batches: Any = description.batch_sampler
        stock = type(batches) is BatchSampler
        self.seed = seed
        self.sampler: Any = batches.sampler if stock else description.sampler if batches is None else batches
        self.size: int | None = batches.batch_size if stock else None  # None: what the sampler gives is a whole batch
        self.drop_last = stock and batches.drop_last
        self.gives_lists = batches is not None and not stock
        self.in_order = type(self.sampler) is SequentialSampler
        self.shuffles = shuffles_all(self.sampler)
        keys = length(self.sampler)
        self.num_rows, self.num_batches, self.joins = None if self.gives_lists else keys, keys, False
        if keys is not None and self.size is not None:
            self.num_rows = rows = keys - keys % self.size if self.drop_last else keys
            self.joins = join_lone_row and rows % self.size == 1 and rows > self.size > 1
            self.num_batches = -(-rows // self.size) - self.joins
        generators = [getattr(sampler, "generator", None) for sampler in held_samplers(self.sampler)]
        self._generator = next((one for one in generators if isinstance(one, torch.Generator)), None)
        self._began: tuple[int, torch.Tensor] | None = None  # the last pass, and where the generator stood then
        self.part: Part | None = None  # what one of several processes takes of the batches; None: all
        self.enter(None, 0)

    def enter(self, data_pass: int | None, start: int) -> None:
        """Stand before batch ``start`` of a pass; ``None`` is a pass that trains nothing."""
        self.data_pass, self.start = data_pass, start

    def __iter__(self) -> Iterator[list[Key]]:
        data_pass = self.data_pass
        batches: Iterator[list[Any]] = islice(self._batches(self._keys(data_pass)), self.start, None)
        for keys in batches if self.part is None else self.part(data_pass, self.start, batches):
            yield [(data_pass, key) for key in keys]

    def _batches(self, keys: Iterable[Any]) -> Iterator[list[Any]]:
        if self.size is None:
            for given in keys:
                yield list(given) if self.gives_lists else [given]
            return
        keys = iter(keys)
        for index in count():
            joins = self.joins and index + 1 == self.num_batches
            batch = list(islice(keys, self.size + joins))
            if not batch or (self.drop_last and len(batch) < self.size):
                return
            yield batch

    def _keys(self, data_pass: int | None) -> Iterable[Any]:
        """What the sampler gives in a pass."""
        if self.in_order or (self.shuffles and data_pass is None):
            return range(len(self.sampler))
        if self.shuffles:
            assert data_pass is not None
            return order(len(self.sampler), self.seed, data_pass).tolist()
        if data_pass is None:
            with self._preserved_generator():
                return self._drawn(None)
        tell_epoch(self.sampler, data_pass)
        if self._generator is not None:
            if self._began is not None and self._began[0] == data_pass:
                self._generator.set_state(self._began[1])
            self._began = data_pass, self._generator.get_state()
        return self._drawn(data_pass)

    def _drawn(self, data_pass: int | None) -> Iterable[Any]:
        if self.num_batches is None:
            return seeded_items(self.sampler, self.seed, data_pass)  # it may never end
        with preserved_cpu_rng():
            seed_sample(self.seed, data_pass, -1)
            return list(self.sampler)

    @contextmanager
    def _preserved_generator(self) -> Iterator[None]:
        state = None if self._generator is None else self._generator.get_state()
        yield
        if self._generator is not None and state is not None:
            self._generator.set_state(state)

    def front(self) -> list[Key]:
        """Return the keys of a first batch: the dataset's first rows, or the first that the sampler draws."""
        with self._preserved_generator():
            return [(None, key) for key in next(self._batches(self._keys(None)), [])]

    def state_dict(self) -> dict[str, Any]:
        """Where a generator of the sampler's own stood when the present pass began, and where it stands."""
        if self._generator is None or self._began is None:
            return {}
        data_pass, began = self._began
        return {"pass": data_pass, "began": began, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave, so that the same pass or the next can be entered."""
        if self._generator is not None and state:
            self._began = int(state["pass"]), state["began"]
            self._generator.set_state(state["generator"])


def tell_epoch(source: Any, data_pass: int) -> None:
    """Call ``set_epoch`` wherever a sampler, or what holds one, has it: a ``DistributedSampler`` shuffles by it."""
    for one in held_samplers(source):
        if callable(tell := getattr(one, "set_epoch", None)):
            tell(data_pass)


def held_samplers(source: Any) -> list[Any]:
    """A sampler or loader and the samplers inside it, each once: a batch sampler may hold another, as a loader does."""
    found: list[Any] = []
    left = [source]
    while left and len(found) < 8:  # an object that answers to every name would never end
        one = left.pop(0)
        if not any(one is other for other in found):
            found.append(one)
            inner = (getattr(one, name, None) for name in ("batch_sampler", "sampler"))
            left += [sampler for sampler in inner if sampler is not None]
    return found


def shuffles_all(sampler: Any) -> bool:
    """Tell whether a sampler is torch's own permutation of all rows, for which ours can stand."""
    return type(sampler) is RandomSampler and not sampler.replacement and len(sampler) == len(sampler.data_source)


def length(sized: Any) -> int | None:
    """Return ``len(sized)``, or ``None`` for what has none, or one that only raises."""
    try:
        return len(sized)
    except (TypeError, NotImplementedError):
        return None
