"""Decoded: a dataset whose rows were decoded once and are kept as tensors, which ``nk.cached`` makes of another."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler, default_collate

from neurokit.arguments import check_count
from neurokit.data.arrays import is_array_like
from neurokit.data.collating import mend_of
from neurokit.data.datasets import DatasetLoader
from neurokit.seeding import cpu_streams, preserved_cpu_rng, seed_sample
from neurokit.tree import map_tensors, tensors_in

logger = logging.getLogger("neurokit")

_PROBES: Final = 16  # rows that are decoded twice, to see whether chance has a part
_LOOKED_AT_AGAIN: Final = 64  # and again once all are kept
_AT_ONCE: Final = 256  # rows that a worker decodes in one piece
_SHARE: Final = 0.25  # of the memory that is free, where nobody says how much may be used


class Decoded(Dataset[Any]):
    """Rows that were decoded once, as one tensor for each entry of an item.

    Args:
        columns: What all items collate to: a tensor, or a tuple or dict of tensors, rows on the first axis.

    Example:
        >>> rows = Decoded((torch.arange(6).reshape(3, 2), torch.tensor([0, 1, 0])))
        >>> len(rows), rows[1]
        (3, (tensor([2, 3]), tensor(1)))
    """

    def __init__(self, columns: Any) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(tensors_in(self.columns)[0])

    def __getitem__(self, index: int) -> Any:
        return map_tensors(lambda column: column[index], self.columns)


def cached(source: Dataset[Any] | DataLoader[Any], max_bytes: int | None = None) -> Any:
    """Return the same data, decoded once and kept as tensors: an epoch costs no file and no transform from then on.

    For a map-style dataset whose transforms are deterministic, such as ``ToTensor`` and ``Normalize``. Order, split and
    batches stay what they would have been, and so does what is learnt. Random transforms (augmentation) are refused,
    since each epoch would see the same draw.

    Sixteen rows are decoded twice from different random streams before anything is kept, and 64 more once all are
    there. That tells a transform which draws from a generator of its own, or from the operating system; it cannot tell
    one that draws for a row in many, or that follows the epoch.

    Args:
        source: A map-style ``Dataset``, or a ``DataLoader`` over one. Its workers decode.
        max_bytes: How much memory the rows may take; ``None`` is a quarter of what is free now.

    Returns:
        A ``Dataset`` for a dataset. For a ``DataLoader`` another one with its batch size, sampler and ``drop_last``.

    Raises:
        TypeError: If the source is no such data, or an item is no tensors, arrays or numbers, one level deep.
        ValueError: If a transform is random, rows differ in shape, or a decoded row is another the next time.
        MemoryError: If the rows would take more than they may.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, index):
        ...         return torch.tensor([float(index)]), index**2
        >>> rows = cached(Squares())
        >>> rows[3]
        (tensor([3.]), tensor(9))
    """
    if max_bytes is not None:
        check_count("max_bytes", max_bytes, such_as=2**30)
    loader = source if isinstance(source, DataLoader) else None
    dataset = _checked(source)
    with preserved_cpu_rng():
        item = _refuse_chance(dataset)
    rows, size = len(dataset), sum(one.nbytes for one in tensors_in(item)) * len(dataset)
    _refuse_size(rows, size, max_bytes)
    logger.warning("nk.cached decodes %s rows once and keeps them: %s of memory.", f"{rows:,}", _written(size))
    with preserved_cpu_rng(), torch.no_grad():  # rows are data, whatever made them
        columns = _filled(dataset, rows, item, loader)
        _look_again(dataset, columns, rows)
    decoded = Decoded(columns)
    if loader is None:
        return decoded
    return DataLoader(decoded, loader.batch_size, sampler=loader.sampler, drop_last=loader.drop_last)


def _checked(source: Any) -> Any:
    """Return the dataset that is decoded, once it is known that it can be."""
    dataset: Any = source.dataset if isinstance(source, DataLoader) else source
    kind = type(source).__name__
    if isinstance(dataset, IterableDataset):
        raise TypeError(
            f"nk.cached takes rows that can be asked for by index, and this {kind} gives a stream, which may be "
            "another each time. Pass it to fit as it is."
        )
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")) or is_array_like(dataset):
        raise TypeError(
            f"nk.cached takes a map-style Dataset or a DataLoader over one, got a {kind}. Arrays in memory need no "
            "cache: pass them to fit."
        )
    if not len(dataset):
        raise ValueError(f"nk.cached was given a {kind} with 0 rows. Pass at least one.")
    if isinstance(source, DataLoader):
        _refuse_own_ways(source)
    return dataset


def _refuse_own_ways(loader: DataLoader[Any]) -> None:
    """Refuse a loader whose batches are not its rows, one beside the other."""
    found = {
        "batch_size=None, a way of batching": loader.batch_sampler is None,
        "a batch_sampler": type(loader.batch_sampler) is not torch.utils.data.BatchSampler,
        f"a collate_fn, {getattr(loader.collate_fn, '__name__', loader.collate_fn)}":
            loader.collate_fn is not default_collate,
        "a worker_init_fn": loader.worker_init_fn is not None,
    }  # fmt: skip
    for what, is_so in found.items():
        if is_so:
            raise TypeError(
                f"This DataLoader has {what} of its own, and what that makes of rows cannot be kept row by row. Cache "
                "the dataset, nk.cached(loader.dataset), and make the loader over it; or pass the loader as it is."
            )


def _refuse_chance(dataset: Any) -> Any:
    """Decode a few rows twice, from different streams; return what the first gives, and refuse what chance decides."""
    places = sorted({round(place) for place in np.linspace(0, len(dataset) - 1, _PROBES)})
    seed_sample(1, None, 0)
    before = cpu_streams()
    first = [_decoded(dataset, place) for place in places]
    moved = [name for name, state in cpu_streams().items() if state != before[name]]
    if moved:
        named = {"python": "random", "numpy": "numpy.random", "torch": "torch"}
        raise ValueError(
            f"Decoding {len(places)} rows of this {type(dataset).__name__} drew random numbers from "
            f"{' and '.join(named[one] for one in moved)}: a transform is random, and a kept row would look the same "
            "in every epoch. Leave random transforms out and do them batch by batch, in the model or in train_step; or "
            "pass the data as they are."
        )
    seed_sample(2, None, 0)
    for place, row in zip(places, first, strict=True):
        if not _equal(row, _decoded(dataset, place)):
            raise ValueError(
                f"Row {place} of this {type(dataset).__name__} is another each time it is decoded: something draws "
                "from a generator of its own, or changes. A kept row would look the same in every epoch. Leave it out, "
                "or pass the data as they are."
            )
    return first[0]


def _decoded(dataset: Any, index: int) -> Any:
    """One item as tensors without an axis of rows."""
    try:
        item = dataset[index]
    except Exception as error:
        error.add_note(f"Raised while nk.cached decoded row {index}.")
        raise
    entries = list(item.values()) if isinstance(item, Mapping) else item if isinstance(item, (tuple, list)) else [item]
    for place, entry in enumerate(entries):
        if not isinstance(entry, (Tensor, np.ndarray, np.generic, int, float)) or isinstance(entry, np.str_):
            name = list(item)[place] if isinstance(item, Mapping) else place
            if isinstance(entry, (str, bytes, list, tuple, Mapping)):
                mend = "Text and nested structures stay uncached."
            else:
                mend = mend_of(entry, "pass the data to fit as they are")
            raise TypeError(
                f"An item of this {type(dataset).__name__} holds a {type(entry).__name__} (entry {name!r}), and what "
                f"is kept are tensors, arrays and numbers. {mend}"
            )
    collated = default_collate([item])
    collated = tuple(collated) if isinstance(collated, list) else collated
    return map_tensors(lambda one: one[0], collated)


def _refuse_size(rows: int, size: int, max_bytes: int | None) -> None:
    free = _free_memory()
    most = max_bytes if max_bytes is not None else None if free is None else int(_SHARE * free)
    if most is None or size <= most:
        return
    why = f"max_bytes allows {_written(most)}" if max_bytes is not None else (
        f"a quarter of the {_written(int(free or 0))} that are free is {_written(most)}"
    )  # fmt: skip
    raise MemoryError(
        f"{rows:,} decoded rows take {_written(size)}, and {why}. Pass max_bytes={size} where that is right; keep "
        "uint8 and normalise in the model, which takes a quarter; or pass the data as they are."
    )


def _free_memory() -> int | None:
    """Bytes that can be used without taking from others, where the system says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _filled(dataset: Any, rows: int, item: Any, loader: DataLoader[Any] | None) -> Any:
    """Decode all rows, by the loader's workers, into one tensor for each entry."""
    columns = map_tensors(lambda one: torch.empty((rows, *one.shape), dtype=one.dtype), item)
    how: dict[str, Any] = {}
    if loader is not None and loader.num_workers:
        how = {"num_workers": loader.num_workers, "multiprocessing_context": loader.multiprocessing_context}
    reading = DatasetLoader(
        DataLoader(dataset, _AT_ONCE, sampler=SequentialSampler(dataset), **how), seed=0, whole=True
    )  # fmt: skip
    done = 0
    try:
        for batch in reading.items():
            pieces = tensors_in(tuple(batch) if isinstance(batch, list) else batch)
            stop = done + len(pieces[0])
            for column, piece in zip(tensors_in(columns), pieces, strict=True):
                if piece.shape[1:] != column.shape[1:] or piece.dtype != column.dtype:
                    raise ValueError(
                        f"Rows {done} to {stop - 1} have entries of shape {tuple(piece.shape[1:])}, {piece.dtype}, and "
                        f"the first row has {tuple(column.shape[1:])}, {column.dtype}. Rows of one shape can be kept: "
                        "resize or pad them, or pass the data as they are."
                    )
                column[done:stop] = piece
            done = stop
    finally:
        reading.close()
    if done != rows:
        raise ValueError(f"This {type(dataset).__name__} says that it has {rows} rows, and gave {done}.")
    return columns


def _look_again(dataset: Any, columns: Any, rows: int) -> None:
    """Decode a few rows once more, and refuse what is another now."""
    chosen = torch.randperm(rows, generator=torch.Generator().manual_seed(0))[:_LOOKED_AT_AGAIN]
    for index in chosen.tolist():
        kept = map_tensors(lambda column: column[index], columns)  # noqa: B023
        if not _equal(kept, _decoded(dataset, index)):
            raise ValueError(
                f"Row {index} of this {type(dataset).__name__} was another when it was decoded again: it depends on "
                "chance, on time, or on what was read before. Pass the data as they are."
            )


def _equal(one: Any, other: Any) -> bool:
    pairs = zip(tensors_in(one), tensors_in(other), strict=True)
    return all(
        a.shape == b.shape and a.dtype == b.dtype and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        for a, b in pairs
    )


def _written(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
