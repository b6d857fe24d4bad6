"""InMemoryLoader: batches sliced from permuted blocks of data in memory, faster than any row-by-row loader."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from neurokit.data.arrays import Column, map_leaves
from neurokit.data.batch import Batch
from neurokit.data.finite import Label, NotFinite, all_not_finite, sums_finite
from neurokit.data.gathering import Gathering, Store
from neurokit.seeding import order

BLOCK_BYTES = 2**20  # what the second-level cache holds until it is trained on: 4 MB take 9 % longer, 256 kB 6 %
RESIDENT_BYTES = 64 * 2**20  # on a device nothing is unmapped, and each block costs the launch of a kernel

_BESIDE = 15  # rows that a batch around a NaN holds besides
_NARROW = 64  # columns of which each has its own smallest and largest number


class InMemoryLoader:
    """Yields batches of data in memory, in an order that is a function of (seed, pass).

    Rows are gathered block by block and sliced, so a batch costs a few microseconds. Batches never share memory with
    the user's arrays: a model that works in place cannot change them.

    Args:
        x: A column, or a tuple or dict of columns.
        y: Targets: a tensor or a tuple or dict of tensors; ``None`` without.
        weight: One weight per row, or ``None``.
        batch_size: Rows in a batch.
        shuffle: Permute the rows, anew each pass.
        seed: The data seed.
        join_lone_row: Let a last batch of one row join the batch before it.
        drop_last: Leave out a last batch that is not full.
        rows: Which rows of the columns to use, in this order; all of them when ``None``.
        labels: What the user calls each column, those of x first; for messages.
        target_name: What the user calls y.

    Example:
        >>> loader = InMemoryLoader(torch.arange(5), batch_size=2)
        >>> [batch.x.tolist() for batch in loader.batches()]
        [[0, 1], [2, 3], [4]]
    """

    one_shot = False

    def __init__(
        self,
        x: Any,
        y: Any = None,
        weight: Tensor | None = None,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        join_lone_row: bool = False,
        drop_last: bool = False,
        rows: Tensor | None = None,
        labels: Sequence[Label] = (),
        target_name: str = "y",
    ) -> None:
        self.columns: list[Column] = []
        self._rebuild = _rebuilder(Batch(x, y, weight), self.columns)
        self.x, self.y, self.weight, self.rows = x, y, weight, rows
        available = len(self.columns[0]) if rows is None else len(rows)
        self.batch_size = batch_size
        self.num_rows = available - available % batch_size if drop_last else available
        self.shuffle, self.in_order = shuffle, not shuffle
        self.seed = seed
        self.joins = join_lone_row and self.num_rows % self.batch_size == 1 and self.num_rows > self.batch_size > 1
        self.num_batches = -(-self.num_rows // self.batch_size) - self.joins
        if not available:
            self.num_batches = 1  # an empty one, of which the model makes predictions of the right shape
        self._available = available
        self.labels = list(labels) or [Label("x")] * len(self.columns)
        self.target_name = target_name
        self._whole: InMemoryLoader | None = None
        self._sums_finite: bool | None = None
        self.gather = Gathering(self.columns)
        self._take_blocks_of(BLOCK_BYTES)

    def _take_blocks_of(self, size: int) -> None:
        """Gather so many bytes at a time, and no fewer than a batch."""
        self._block_batches = max(1, size // max(1, self.batch_size * sum(map(_row_bytes, self.columns))))

    def subset(self, rows: Tensor, *, shuffle: bool, join_lone_row: bool) -> InMemoryLoader:
        """Return a loader over some of the rows, sharing the columns."""
        chosen = rows if self.rows is None else self.rows[rows]
        return self._over_the_same(rows=chosen, shuffle=shuffle, join_lone_row=join_lone_row)

    def resized(self, batch_size: int) -> InMemoryLoader:
        """Return a loader over the same rows in their order, so many at a time and none alone, sharing the columns."""
        return self._over_the_same(batch_size=batch_size, join_lone_row=True)

    def _over_the_same(self, **changes: Any) -> InMemoryLoader:
        kept = {name: getattr(self, name) for name in ("batch_size", "seed", "rows", "labels", "target_name")}
        other = InMemoryLoader(self.x, self.y, self.weight, **kept | changes)
        other._whole = self
        return other

    def made_on(self, store: Store, channels: frozenset[int] = frozenset()) -> InMemoryLoader:
        """Return a loader of the same batches in the same order, made on a device; the columns stay where they are.

        Args:
            store: Keeps the rows there while it has room for them; without room they are sent block by block.
            channels: Pictures of so many channels come in the layout channels last.
        """
        if store.device.type == "cpu" and not channels:
            return self
        other = copy.copy(self)
        kept = store.kept(self.columns)
        other.gather = Gathering(kept, store.device, channels)
        if store.device.type != "cpu" and all(isinstance(one, Tensor) and one.device == store.device for one in kept):
            other._take_blocks_of(RESIDENT_BYTES)
        return other

    def is_on(self, device: torch.device) -> bool:
        """Tell whether all batches are made on a device."""
        return self.gather.is_on(device)

    def peek(self) -> Batch:
        """Return the first rows of the source as a batch, drawing nothing."""
        return self.rows_at(torch.arange(min(self.batch_size, self._available)))

    def rows_at(self, positions: Tensor) -> Batch:
        """Return the rows at positions of the source as a batch."""
        return self.at(self._numbers(positions))

    def at(self, rows: Tensor) -> Batch:
        """Return some rows of the columns as one batch."""
        return self._rebuild(tuple(self.gather(rows)))

    def targets(self, most: int) -> Any:
        """Return the targets of the rows of this loader; ``None`` without, or with more than so many numbers a row."""
        if self.y is None:
            return None
        rows, sizes = self.rows, []
        map_leaves(lambda column, _: sizes.append(column[:1].numel()), self.y, "y")
        if max(sizes, default=most + 1) > most:
            return None
        return self.y if rows is None else map_leaves(lambda column, _: _gather(column, rows), self.y, "y")

    def around(self, found: list[NotFinite]) -> Batch:
        """Return a batch that holds the first rows that are not finite, and others beside them."""
        bad = {row for one in found for row in one.rows}
        rows = torch.arange(len(self.columns[0])) if self.rows is None else self.rows
        others = [row for row in rows[: len(bad) + _BESIDE].tolist() if row not in bad]
        return self.at(torch.tensor([*(one.rows[0] for one in found), *others[:_BESIDE]]))

    def extreme_rows(self) -> list[int]:
        """Return the rows that hold the smallest and the largest whole number of each column."""
        found: set[int] = set()
        for column in self.columns:
            if not isinstance(column, Tensor) or column.is_floating_point() or column.dtype is torch.bool:
                continue
            values = column if self.rows is None else _gather(column, self.rows)
            wide = column[:1].numel() > _NARROW
            values, width = (values.flatten(), column[:1].numel()) if wide else (values.reshape(len(values), -1), 1)
            for positions in (values.argmin(0) // width, values.argmax(0) // width):
                found.update(self._numbers(positions.reshape(-1).cpu()).tolist())
        return sorted(found)

    def not_finite(self) -> list[NotFinite]:
        """Return what is NaN or infinite in the rows of this loader, column by column; one sum where nothing is."""
        if self._all_finite():
            return []
        return all_not_finite(self.columns, self.labels, self.rows)

    def _all_finite(self) -> bool:
        """Tell whether the columns' sums are finite, counted once for all loaders over the same columns."""
        if self._whole is not None:
            return self._whole._all_finite()
        if self._sums_finite is None:
            self._sums_finite = all(map(sums_finite, self.columns))
        return self._sums_finite

    def close(self) -> None:
        """Nothing to end."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the order is a function of seed and pass."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to take back."""

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from batch ``start`` on; in the source's order when it trains nothing."""
        rebuild, size, visited = self._rebuild, self.batch_size, self.visited(data_pass)
        for first in range(start, self.num_batches, self._block_batches):
            last = min(first + self._block_batches, self.num_batches)
            stop = self.num_rows if last == self.num_batches else last * size
            chosen = visited[first * size : stop]
            sizes = [size] * (last - first - 1)
            sizes.append(stop - first * size - sum(sizes))
            for parts in zip(*(part.split(sizes) for part in self.gather(chosen)), strict=True):
                yield rebuild(parts)

    def visited(self, data_pass: int | None) -> Tensor:
        """Return row numbers of the columns in the order in which a pass visits them."""
        if self.shuffle and data_pass is not None:
            return self._numbers(order(self._available, self.seed, data_pass))
        return self._numbers(torch.arange(self._available))

    def bounds(self, index: int) -> tuple[int, int]:
        """Return where in a pass's order a batch begins and ends."""
        last = index + 1 == self.num_batches
        return index * self.batch_size, self.num_rows if last else (index + 1) * self.batch_size

    def _numbers(self, positions: Tensor) -> Tensor:
        """Row numbers in the columns, from positions in this loader."""
        return positions if self.rows is None else self.rows[positions]


def gathered(loader: InMemoryLoader, parts: Iterator[Tensor], at_once: int) -> Iterator[Batch]:
    """Yield a batch for each tensor of row numbers, so many gathered in one piece."""
    while block := list(islice(parts, at_once)):
        rows, sizes = torch.cat(block), [len(part) for part in block]
        for tensors in zip(*(part.split(sizes) for part in loader.gather(rows)), strict=True):
            yield loader._rebuild(tensors)


def _row_bytes(column: Column) -> int:
    return len(column) and _gather(column, torch.zeros(1, dtype=torch.int64)).nbytes


def _gather(column: Column, rows: Tensor) -> Tensor:
    return column.index_select(0, rows.to(column.device) if isinstance(column, Tensor) else rows)


def _rebuilder(batch: Batch, columns: list[Column]) -> Callable[[tuple[Tensor, ...]], Batch]:
    """Collect the columns of a batch's structure; return what puts one tensor for each back into that structure."""

    def number(column: Column, name: str) -> int:
        columns.append(column)
        return len(columns) - 1

    structure = Batch(*(None if part is None else map_leaves(number, part, "") for part in batch))
    if structure[: len(columns)] == tuple(range(len(columns))):  # no nesting: a batch needs no walk
        return lambda parts: Batch(*parts)
    return lambda parts: Batch(
        *(None if part is None else map_leaves(lambda index, _: parts[index], part, "") for part in structure)
    )
