"""Sources: whatever a user passes as data becomes one loader, which can be entered at any batch of any pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)
from torch.utils.data._utils.collate import default_collate

from neurokit.data.arrays import is_array_like, to_column
from neurokit.data.batch import Batch, looks_like_weights
from neurokit.data.columns import to_columns
from neurokit.data.datasets import DatasetLoader
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sampling import Sampling, length
from neurokit.data.streams import StreamLoader
from neurokit.data.targets import Targets


class Loader(Protocol):
    """The data of a run as batches, pass after pass."""

    @property
    def num_batches(self) -> int | None:
        """Batches in a pass; ``None`` when nobody knows."""
        ...

    @property
    def num_rows(self) -> int | None:
        """Rows in a pass; ``None`` when nobody knows."""
        ...

    @property
    def one_shot(self) -> bool:
        """Whether there is only one pass."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether the source itself keeps the order of its rows."""
        ...

    @property
    def joins(self) -> bool:
        """Whether a last batch of one row joins the batch before it."""
        ...

    def batches(self, data_pass: int | None = None, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of one pass, from batch ``start`` on.

        ``None`` is a pass that trains nothing: never shuffled, under random streams that no training pass has.
        """
        ...

    def peek(self) -> Batch:
        """Return a first batch for a look, disturbing nothing."""
        ...

    def close(self) -> None:
        """End what reads: the workers of a pass that broke off would live as long as its traceback."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it takes to enter the present pass again, beyond seed, pass and batch."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        ...


def make_loader(
    x: Any,
    y: Any = None,
    weight: Any = None,
    *,
    targets: Mapping[str, Targets] | Targets,
    dtype: torch.dtype,
    batch_size: int | None,
    default_batch_size: int = 32,
    shuffle: bool = False,
    seed: int = 0,
    whole: bool = False,
    join_lone_row: bool = False,
    names: tuple[str, str, str] = ("x", "y", "sample_weight"),
) -> Loader:
    """Return the loader for whatever the user passed.

    Args:
        x: Arrays, a ``Dataset``, a ``DataLoader``, or any other iterable of batches.
        y: Targets, for arrays only.
        weight: One weight per row, for arrays only.
        targets: How the loss takes its targets, by output name where it has several.
        dtype: The model's floating dtype, to which floating inputs in memory are cast.
        batch_size: Rows in a batch; ``None`` takes the default, and is the only choice for a loader.
        default_batch_size: What ``None`` means.
        shuffle: Permute the rows of what can be indexed.
        seed: The data seed.
        whole: Batches are not taken apart: the model returns its own loss.
        join_lone_row: Let a last batch of one row join the batch before it.
        names: What the user calls x, y and weight, for messages.

    Raises:
        TypeError: If x is nothing that yields batches, or something is given twice.
        ValueError: If lengths differ, or a value cannot be used.
    """
    common: dict[str, Any] = {"seed": seed, "join_lone_row": join_lone_row}
    if is_array_like(x):
        columns = to_columns(x, y, weight, targets=targets, dtype=dtype, names=names)
        x, y, weight = _joined(*columns) if whole else columns
        return InMemoryLoader(x, y, weight, batch_size=batch_size or default_batch_size, shuffle=shuffle, **common)
    _refuse_extras(x, y, weight, names)
    if not has_batches(x):
        x = _described(x, batch_size or default_batch_size, shuffle, names[0])
    elif batch_size is not None:
        raise TypeError(
            f"{names[0]} is a {type(x).__name__}, which has a batch size of its own, and batch_size={batch_size} was "
            "given too. Leave batch_size out, or set it where the batches are made."
        )
    if not isinstance(x, Iterable) or isinstance(x, (str, bytes, tuple, Mapping, set, frozenset)):
        inside = f" of {', '.join(sorted({type(one).__name__ for one in x}))}" if isinstance(x, tuple) else ""
        raise TypeError(
            f"{names[0]} is a {type(x).__name__}{inside}. Pass arrays (NumPy, tensors, pandas, scipy, lists), a tuple "
            "or dict of arrays, a Dataset, a DataLoader, or an iterable of batches."
        )
    loader = _loader(x, targets=targets, dtype=dtype, whole=whole, names=names, **common)
    if loader.num_batches == 0:
        raise ValueError(
            f"{names[0]} is a {type(x).__name__} that gives 0 batches. Pass at least one row, or drop_last=False."
        )
    return loader


def _loader(x: Any, *, seed: int, whole: bool, join_lone_row: bool, **reading: Any) -> Loader:
    """The loader for something that yields batches."""
    how: dict[str, Any] = {"seed": seed, "whole": whole, "join_lone_row": join_lone_row}
    if not _is_description(x):
        return StreamLoader(x, **how)
    if isinstance(x.dataset, IterableDataset):
        return StreamLoader.over_workers(x, **how)
    return _in_memory(x, **how, **reading) or DatasetLoader(x, **how)


def has_batches(x: Any) -> bool:
    """Tell whether data come in batches of their own, rather than as rows or samples that we batch."""
    return not (is_array_like(x) or is_map_style(x) or isinstance(x, IterableDataset))


def is_map_style(x: Any) -> bool:
    """Tell whether a value is a dataset of rows that can be indexed, by torch's conventions."""
    if isinstance(x, Dataset):
        return not isinstance(x, IterableDataset)
    indexed = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    return indexed and (hasattr(x, "__getitems__") or not hasattr(x, "__iter__"))  # a Hugging Face dataset has both


def _described(dataset: Any, batch_size: int, shuffle: bool, name: str) -> DataLoader[Any]:
    """A dataset as the DataLoader its user would have written."""
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size)
    rows = length(dataset)
    if rows is None:
        raise TypeError(
            f"{name} is a {type(dataset).__name__} that does not say how many rows it has. "
            "Give it __len__, or pass a DataLoader with a sampler."
        )
    if rows == 0:
        raise ValueError(f"{name} is a {type(dataset).__name__} with 0 rows. Pass at least one.")
    return DataLoader(dataset, batch_size, sampler=RandomSampler(dataset) if shuffle else SequentialSampler(dataset))


def _is_description(x: Any) -> bool:
    """Tell whether a loader does what its settings say, and can be read by them: not one that iterates its own way."""
    if not isinstance(x, DataLoader) or type(x).__iter__ is not DataLoader.__iter__:
        return False
    return not type(x.dataset).__module__.startswith("torch.utils.data.datapipes")  # these shard and shuffle themselves


def _joined(x: Any, y: Any, weight: Tensor | None) -> tuple[Any, Any, Tensor | None]:
    """Inputs and targets as one, for a model that takes both and returns its own loss."""
    if y is None:
        return x, None, weight
    return (*(x if isinstance(x, tuple) else (x,)), y), None, weight


def _refuse_extras(x: Any, y: Any, weight: Any, names: tuple[str, str, str]) -> None:
    for value, name in ((y, names[1]), (weight, names[2])):
        if value is not None:
            raise TypeError(
                f"{names[0]} is a {type(x).__name__}, whose batches hold targets and weights themselves, and {name} "
                f"was given too. Leave {name} out, or yield (x, y) or (x, y, weight)."
            )


def _in_memory(
    description: DataLoader[Any],
    *,
    targets: Mapping[str, Targets] | Targets,
    dtype: torch.dtype,
    whole: bool,
    names: tuple[str, str, str],
    seed: int,
    join_lone_row: bool,
) -> InMemoryLoader | None:
    """A DataLoader that only slices tensors, read as data in memory: the same batches without a walk row by row."""
    dataset: Any = description.dataset
    chosen = dataset.indices if type(dataset) is Subset else None
    tensors = dataset if chosen is None else dataset.dataset
    sampling = Sampling(description, seed, join_lone_row)
    if (
        type(tensors) is not TensorDataset
        or isinstance(targets, Mapping)
        or description.collate_fn is not default_collate
        or sampling.size is None
        or not (sampling.shuffles or sampling.in_order)
        or length(sampling.sampler) != len(dataset)
    ):
        return None
    parts = tensors.tensors
    if whole:
        x, y, weight = tuple(to_column(part, names[0], dtype) for part in parts), None, None
    elif len(parts) < 3 or (len(parts) == 3 and looks_like_weights(parts[2])):
        x, y, weight = to_columns(*(*parts, None, None)[:3], targets=targets, dtype=dtype, names=names)
    else:
        return None  # the reading of a batch says what is wrong
    rows = None if chosen is None else torch.as_tensor(chosen, dtype=torch.int64)
    if rows is not None:
        rows = rows.where(rows >= 0, rows + len(tensors))  # counted from the end
    return InMemoryLoader(
        x, y, weight, batch_size=sampling.size, shuffle=sampling.shuffles, seed=seed,
        join_lone_row=join_lone_row, drop_last=sampling.drop_last, rows=rows,
    )  # fmt: skip
