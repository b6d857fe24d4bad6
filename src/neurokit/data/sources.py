"""Sources: whatever a user passes as data becomes one loader, which can be entered at any batch of any pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, cycle, repeat
from operator import length_hint
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
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

from neurokit.data.arrays import is_array_like, is_table, to_column
from neurokit.data.batch import Batch, looks_like_weights, parse_batch
from neurokit.data.columns import label_columns, to_columns
from neurokit.data.datasets import DatasetLoader
from neurokit.data.decoded import Decoded
from neurokit.data.finite import Label
from neurokit.data.inputs import Known, read_like
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
    inputs: Mapping[str, Known] = MappingProxyType({}),
    learns: bool = False,
    may_be_empty: bool = False,
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
        inputs: What ``fit`` remembers of its inputs: tables are read by these names.
        learns: The data train, so other columns than those remembered are no mistake.
        may_be_empty: Take arrays of no rows, as one empty batch.

    Raises:
        TypeError: If x is nothing that yields batches, or something is given twice.
        ValueError: If lengths differ, or a value cannot be used.
    """
    common: dict[str, Any] = {"seed": seed, "join_lone_row": join_lone_row}
    if is_array_like(x):
        _refuse_no_targets(x, y, names)
        x = read_like(x, inputs, names[0], anew=learns)
        labels = label_columns(x, y, weight, names)
        columns = to_columns(x, y, weight, targets=targets, dtype=dtype, names=names, may_be_empty=may_be_empty)
        x, y, weight = _joined(*columns) if whole else columns
        common |= {"batch_size": batch_size or default_batch_size, "shuffle": shuffle, "labels": labels}
        return InMemoryLoader(x, y, weight, target_name=names[1], **common)
    _refuse_no_data(x, names[0])
    if not learns:
        refuse_endless(x, names[0])
    _refuse_extras(x, y, weight, names)
    if not has_batches(x):
        x = _described(x, batch_size or default_batch_size, shuffle, names[0])
    elif batch_size is not None:
        raise TypeError(
            f"{names[0]} is a {type(x).__name__}, which has a batch size of its own, and batch_size={batch_size} was "
            "given too. Leave batch_size out, or set it where the batches are made."
        )
    loader = _loader(x, targets=targets, dtype=dtype, whole=whole, names=names, **common)
    if loader.num_batches == 0 or loader.num_rows == 0:
        raise ValueError(
            f"{names[0]} is a {type(x).__name__} that gives 0 batches{_rows_of(x)}. Pass at least one row: see what "
            "left none, or, where a last batch that is not full is all there is, pass drop_last=False."
        )
    return loader


def _rows_of(x: Any) -> str:
    rows = length(x.dataset) if isinstance(x, DataLoader) else None
    return "" if rows is None else f" (its dataset has {rows} rows, its batch_size is {x.batch_size})"


def _refuse_no_data(x: Any, name: str) -> None:
    """Refuse what yields no batches, with what the user may have meant."""
    if isinstance(x, Iterable) and not isinstance(x, (str, bytes, PurePath, tuple, Mapping, set, frozenset, type)):
        return
    if is_map_style(x) and not isinstance(x, (str, bytes, tuple, Mapping, type)):
        return
    got, mend = f"a {type(x).__name__}", ""
    if x is None:
        got = "None"
    elif isinstance(x, (int, float, np.number, np.bool_)):
        got, mend = f"{got}, {x!s}", f"One sample of one number is [[{x!s}]]. "
    elif isinstance(x, (str, PurePath)):
        got += f", {str(x)!r:.80}"
        mend = "Read the file first, for example pandas.read_csv(path). "
    elif isinstance(x, type):
        got, mend = f"the class {x.__name__}", f"Make one of it: {x.__name__}(...). "
    elif callable(x):
        got += f" named {x.__name__}" if getattr(x, "__name__", "<lambda>") != "<lambda>" else ""
        mend = "" if isinstance(x, nn.Module) else "Call it, and pass what it returns. "
    elif isinstance(x, tuple):
        got += f" of {', '.join(sorted({type(one).__name__ for one in x}))}" if x else " without entries"
    elif isinstance(x, (set, frozenset)):
        mend = "It has no order, and so no rows that belong to targets. "
    elif isinstance(x, Mapping):
        odd = [key for key, value in x.items() if not is_array_like(value)]
        got += f" whose entry {odd[0]!r} is a {type(x[odd[0]]).__name__}" if odd else " without entries"
    raise TypeError(
        f"{name} is {got}. {mend}Pass arrays (NumPy, tensors, pandas, scipy, lists), a tuple or dict of arrays, a "
        "Dataset, a DataLoader, or an iterable of batches."
    )


def refuse_other_rows(x: Any, loader: Loader) -> None:
    """Refuse a loader whose predictions would not be one for each row of its data, in their order."""
    if drops_rows(x):
        raise ValueError("This DataLoader drops its last rows, and each row has a prediction. Pass drop_last=False.")
    if not loader.in_order:
        raise ValueError(
            "This DataLoader shuffles, so predictions would not be in the order of its data. "
            "Pass one with shuffle=False. [shuffled-prediction]"
        )


def drops_rows(x: Any) -> bool:
    """Tell whether a ``DataLoader``, or its batch sampler, leaves out a last batch that is not full."""
    return getattr(x, "drop_last", False) or getattr(getattr(x, "batch_sampler", None), "drop_last", False)


def refuse_endless(x: Any, name: str) -> None:
    """Refuse an iterator that is known never to end, where all of it is asked for."""
    if isinstance(x, (cycle, count)) or (isinstance(x, repeat) and length_hint(x, -1) < 0):
        kind = type(x).__name__
        raise ValueError(
            f"{name} is an itertools.{kind}, which never ends, and a pass over the data takes all of it. Pass what it "
            f"goes round, or, in fit, steps_per_epoch=100 for epochs of 100 batches."
        )


def _refuse_no_targets(x: Any, y: Any, names: tuple[str, str, str]) -> None:
    """Refuse a column's name, a path or a single number in the place of the targets."""
    if isinstance(y, str) and is_table(x) and y in list(x.columns):
        raise TypeError(
            f"{names[1]} is the text {y!r}, the name of a column of {names[0]}, and y takes the targets themselves. "
            f"Take it out: y = {names[0]}.pop({y!r}), then fit({names[0]}, y)."
        )
    single = (str, int, float, np.number, np.bool_)
    if isinstance(y, tuple) and y and all(isinstance(one, single) or np.ndim(one) == 0 for one in y):
        raise TypeError(
            f"{names[1]} is a tuple of {len(y)} single values, {y[0]!r} first, and a tuple holds several targets, an "
            f"array each. Rows are a list: {names[1]} = list({names[1]}), {names[0]} = list({names[0]})."
        )
    number = isinstance(y, (int, float, np.number, np.bool_))
    if number or isinstance(y, (str, bytes, PurePath, type, set, frozenset, Iterator)) or callable(y):
        mend = f"For one sample pass [{y!s}] with {names[0]}[0:1]." if number else "Pass an array, a Series or a list."
        got = f"the single value {y!s}" if number else f"a {type(y).__name__}, {y!r:.60}"
        raise TypeError(f"{names[1]} is {got}, and it holds one target for each row of {names[0]}. {mend}")


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
        raise ValueError(
            f"{name} is a {type(dataset).__name__} with 0 rows. Pass at least one, or see what left none: a filter, an "
            "empty folder."
        )
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
            hint = "" if is_array_like(value) else f" To validate on {name}, pass it as validation_data."
            raise TypeError(
                f"{names[0]} is a {type(x).__name__}, whose batches hold targets and weights themselves, and {name} "
                f"was given too. Leave {name} out, or yield (x, y) or (x, y, weight).{hint}"
            )


def _entries(tensors: TensorDataset | Decoded, whole: bool) -> tuple[Any, ...] | None:
    """What a batch of it consists of, all rows long; ``None`` for a mapping that goes to the model by name."""
    if isinstance(tensors, TensorDataset):
        return tensors.tensors
    if isinstance(tensors.columns, tuple):
        return tensors.columns
    if isinstance(tensors.columns, Tensor):
        return (tensors.columns,)
    batch = parse_batch(tensors.columns, whole)
    return None if isinstance(batch.x, Mapping) else tuple(part for part in batch if part is not None)


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
        type(tensors) not in (TensorDataset, Decoded)
        or isinstance(targets, Mapping)
        or description.collate_fn is not default_collate
        or sampling.size is None
        or not (sampling.shuffles or sampling.in_order)
        or length(sampling.sampler) != len(dataset)
    ):
        return None
    parts = _entries(tensors, whole)
    if parts is None:
        return None
    labels = [Label(name) for name in (*names, *[names[0]] * len(parts))[: len(parts)]]
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
        join_lone_row=join_lone_row, drop_last=sampling.drop_last, rows=rows, labels=labels,
        target_name=names[1],
    )  # fmt: skip
