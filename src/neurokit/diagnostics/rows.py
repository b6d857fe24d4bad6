"""Checks of rows: which ones train and which are judged by, and in which order they come."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset, SubsetRandomSampler

from neurokit.callbacks.callback import Callback
from neurokit.data.arrays import SparseRows
from neurokit.data.datasets import DatasetLoader
from neurokit.data.memory import InMemoryLoader
from neurokit.diagnostics.evaluation import Evaluation
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.sample import inputs, labels_in_order, picked, row_numbers, rows_of, spread
from neurokit.diagnostics.setup import Setup

_SEARCHED, _SOUGHT = 8192, 2048  # training rows that are searched for validation rows before any was found
_FEATURES = 16  # of a row that make its key
_BITS = {8: torch.int64, 4: torch.int32, 2: torch.int16}


# --------------------------------------------------------------------------------------------------------------- keys


class Keys:
    """Turns rows into 64-bit keys, equal for equal rows, by the few features that vary most from row to row.

    Args:
        loader: Where the features are chosen.
    """

    def __init__(self, loader: InMemoryLoader) -> None:
        self._features: dict[str, Tensor] = {}
        for name, rows in rows_of(loader, 128).items():
            table = rows.reshape(len(rows), -1)
            changes = (table[1:] != table[:-1]).sum(0)
            often = changes.topk(min(4 * _FEATURES, len(changes))).indices.cpu().sort().values
            if len(often):
                self._features[name] = often[spread(len(often), _FEATURES)]  # neighbouring pixels say much the same

    def of(self, loader: InMemoryLoader, positions: Tensor | None = None) -> Tensor | None:
        """Return the keys of rows, int64; ``None`` where the inputs are other ones than those that were chosen from.

        Args:
            loader: Its inputs make the rows.
            positions: Which rows; all when ``None``.
        """
        rows, generator, keys = row_numbers(loader, positions), torch.Generator().manual_seed(0), None
        columns = inputs(loader)
        if not columns or {name for name, column in columns.items() if isinstance(column, Tensor)} != {*self._features}:
            return None
        for name, column in columns.items():
            if isinstance(column, SparseRows):
                new = _sparse_keys(column, rows, generator)
            elif isinstance(column, Tensor) and self._features[name].max() < column[:1].numel():
                new = _mixed(picked(column, rows, self._features[name]), generator)
            else:
                return None
            keys = new if keys is None else keys * 31 + new
        return keys


def _mixed(values: Tensor, generator: torch.Generator) -> Tensor:
    """One number from the bits of each row's values; wraps around, as hashes do."""
    bits = values.view(_BITS[values.element_size()]) if values.is_floating_point() else values
    return (bits.to(torch.int64) * torch.randint(-(2**62), 2**62, (values.shape[1],), generator=generator)).sum(1)


def _sparse_keys(column: SparseRows, rows: Tensor | None, generator: torch.Generator) -> Tensor:
    matrix = column.matrix if rows is None else column.matrix[rows.numpy()]
    direction = torch.rand(column.shape[1], generator=generator, dtype=torch.float64)
    return torch.from_numpy(matrix @ direction.numpy()).view(torch.int64)


# ------------------------------------------------------------------------------------ the same rows train and validate


def shared_rows(setup: Setup) -> Finding | None:
    """Rows that train are among those that validate (S6)."""
    train, validation = setup.in_memory, setup.validation
    if train is not None and isinstance(validation, InMemoryLoader):
        return None if _was_split(train, validation) else _shared_in_memory(train, validation)
    return _shared_indices(setup.train, validation)


def _was_split(train: InMemoryLoader, validation: InMemoryLoader) -> bool:
    """Whether we drew both from the same columns, by ``validation_split``."""
    return train.columns[0] is validation.columns[0]


def _shared_in_memory(train: InMemoryLoader, validation: InMemoryLoader) -> Finding | None:
    keys = Keys(validation)
    few = _equal_rows(keys, train, validation, spread(train.num_rows, _SEARCHED), spread(validation.num_rows, _SOUGHT))
    least = min(3, validation.num_rows)
    if len(few) < least:
        return None
    pairs = _equal_rows(keys, train, validation)  # something is wrong, so all rows are worth their price
    twins = _share_with_twins(keys.of(train))
    natural = max(0.001, twins + 3 * (twins * (1 - twins) / validation.num_rows) ** 0.5)  # how often rows are alike
    if len(pairs) < least or len(pairs) <= natural * validation.num_rows:
        return None
    return _shared(len(pairs), validation.num_rows, pairs[:3].tolist())


def _share_with_twins(keys: Tensor | None) -> float:
    """The share of rows that are there more than once, as those of few and discrete features are."""
    if keys is None:
        return 0.0
    _, place, counts = torch.unique(keys, return_inverse=True, return_counts=True)
    return float((counts[place] > 1).double().mean())


def _equal_rows(
    keys: Keys,
    train: InMemoryLoader,
    validation: InMemoryLoader,
    searched: Tensor | None = None,
    sought: Tensor | None = None,
) -> Tensor:
    """Return (validation row, training row) for each validation row that trains too: alike by key, then in full.

    Args:
        keys: What makes keys of rows.
        train: What trains.
        validation: What validates.
        searched: Which rows of the one; all when ``None``.
        sought: Which rows of the other; all when ``None``.
    """
    ours, theirs = keys.of(train, searched), keys.of(validation, sought)
    if ours is None or theirs is None:
        return torch.empty(0, 2, dtype=torch.int64)
    ordered = ours.sort()
    at = torch.searchsorted(ordered.values, theirs).clamp(max=len(ours) - 1)
    matched = (ordered.values[at] == theirs).nonzero().reshape(-1)
    trains, validates = ordered.indices[at[matched]], matched
    pairs = torch.stack(
        [validates if sought is None else sought[validates], trains if searched is None else searched[trains]], dim=1
    )
    same = torch.ones(len(pairs), dtype=torch.bool)
    for name, column in inputs(train).items():
        other = inputs(validation)[name]
        if isinstance(column, Tensor) and isinstance(other, Tensor) and len(pairs):
            same &= torch.cat([_compared(column, other, train, validation, part) for part in pairs.split(1024)])
    return pairs[same]


def _compared(
    column: Tensor, other: Tensor, train: InMemoryLoader, validation: InMemoryLoader, pairs: Tensor
) -> Tensor:
    ours, theirs = row_numbers(train, pairs[:, 1]), row_numbers(validation, pairs[:, 0])
    assert ours is not None
    assert theirs is not None
    one, two = column[ours.to(column.device)].cpu(), other[theirs.to(other.device)].cpu()
    return ((one == two) | ((one != one) & (two != two))).reshape(len(pairs), -1).all(1)


def _shared_indices(train: Any, validation: Any) -> Finding | None:
    """The same for datasets, where both loaders read one and say which of its rows: no row is read."""
    ours, theirs = _source(train), _source(validation)
    if ours is None or theirs is None or ours.dataset is not theirs.dataset:
        return None
    position = {index: place for place, index in enumerate(ours.rows.tolist())}
    pairs = [[place, position[index]] for place, index in enumerate(theirs.rows.tolist()) if index in position]
    return _shared(len(pairs), len(theirs.rows), pairs[:3]) if pairs else None


def _shared(count: int, of: int, pairs: list[list[int]]) -> Finding:
    examples = ", ".join(str(validates) for validates, _ in pairs)
    twins = ", ".join(str(trains) for _, trains in pairs)
    return Finding(
        "warning",
        f"{count} of {of} validation rows train too: rows {examples} of the validation data are rows {twins} of the "
        "training data. val_ values then tell how well rows are remembered. Validate on other rows: "
        "fit(x, y, validation_split=0.2), or train_test_split before anything else.",
    )


@dataclass(frozen=True)
class _Source:
    """Which rows of which dataset a loader reads."""

    dataset: Any
    rows: Tensor


def _source(loader: Any) -> _Source | None:
    """Return the dataset behind a loader, through subsets, and its row numbers; ``None`` where nobody knows."""
    if not isinstance(loader, DatasetLoader) or not hasattr(loader.dataset, "__len__"):
        return None
    dataset, sampler = loader.dataset, loader.sampling.sampler
    rows = torch.arange(len(dataset))
    if isinstance(sampler, SubsetRandomSampler):
        rows = torch.as_tensor(list(sampler.indices), dtype=torch.int64)
    elif not (loader.sampling.in_order or loader.sampling.shuffles):
        return None
    while type(dataset) is Subset:
        rows, dataset = torch.as_tensor(dataset.indices, dtype=torch.int64)[rows], dataset.dataset
    return _Source(dataset, rows)


# -------------------------------------------------------------------------------------- what was selected by validation


@dataclass(frozen=True)
class Selection:
    """Rows by which something was chosen in a fit.

    Attributes:
        by: The callback that watched them.
        monitor: What it watched.
        share_among: Tells which share of a loader's rows are among them; ``None`` where that cannot be told.
    """

    by: str
    monitor: str
    share_among: Callable[[Any], float | None]


def selection(callbacks: Sequence[Callback], validation: Any) -> Selection | None:
    """Return what must be remembered of validation rows when a callback selects by them; ``None`` where none does.

    That is 8 bytes a row, and none of the data.
    """
    watching = next(((one, monitor) for one in callbacks if (monitor := _selects_by(one))), None)
    if watching is None:
        return None
    known = _known_rows(validation) if isinstance(validation, InMemoryLoader) else _known_indices(validation)
    return None if known is None else Selection(type(watching[0]).__name__, watching[1], known)


def _known_rows(validation: InMemoryLoader) -> Callable[[Any], float | None] | None:
    keys = Keys(validation)
    known = keys.of(validation)
    if known is None:
        return None

    def share(loader: Any) -> float | None:
        found = keys.of(loader, spread(loader.num_rows, _SOUGHT)) if isinstance(loader, InMemoryLoader) else None
        if found is None:
            return None
        among = float(torch.isin(found, known).double().mean())
        return among if among > 2 * _share_with_twins(found) else None  # rows that are alike anyway tell nothing

    return share


def _reference(dataset: Any) -> Callable[[], Any]:
    """A way to a dataset that does not keep it alive, where its class allows that: a list does not."""
    try:
        return weakref.ref(dataset)
    except TypeError:
        return lambda: dataset


def _known_indices(validation: Any) -> Callable[[Any], float | None] | None:
    source = _source(validation)
    if source is None:
        return None
    dataset, rows = _reference(source.dataset), source.rows

    def share(loader: Any) -> float | None:
        other = _source(loader)
        if other is None or other.dataset is not dataset():
            return None
        return float(torch.isin(other.rows, rows).double().mean())

    return share


def _selects_by(callback: Callback) -> str:
    """The validation value that a callback stops, keeps or slows down by; empty where it selects nothing."""
    monitor = getattr(callback, "monitor", None)
    best = getattr(callback, "save_best_only", False) and monitor is None
    plateau = "Plateau" in str(getattr(callback, "scheduler", "")) and monitor is None
    monitor = "val_loss" if best or plateau else monitor
    return monitor if isinstance(monitor, str) and monitor.startswith("val_") else ""


def selection_on_test(evaluation: Evaluation) -> Finding | None:
    """Rows that chose the best epoch are evaluated as if they were new (S19)."""
    for one in evaluation.selections:
        share = one.share_among(evaluation.loader)
        if share is not None and share >= 0.5:
            return Finding(
                "warning",
                f"{share:.0%} of the rows evaluated here are validation rows of fit, where {one.by} chose by their "
                f"{one.monitor}: new rows will do worse than these figures. Keep rows apart for the end: "
                "trainer.evaluate(x_test, y_test), with x_test in neither x nor validation_data.",
            )
    return None


# --------------------------------------------------------------------------------------------------------------- order


def sorted_labels(setup: Setup) -> Finding | None:
    """Rows sorted by class, and not shuffled: each batch holds one class (S11)."""
    if (setup.train.num_batches or 0) < 2:
        return None
    for labels in _labels_as_trained(setup):
        if len(labels) < 2:
            continue
        pairs, changes = len(labels) - 1, int((labels[1:] != labels[:-1]).sum())
        shares = torch.unique(labels.cpu(), return_counts=True)[1].double() / len(labels)
        expected = pairs * (1 - shares.square().sum().item())  # of a random order
        if 0.9 * pairs < pairs - changes and changes < 0.2 * expected and expected >= 5 and len(shares) < pairs / 4:
            return Finding(
                "warning",
                f"The labels come sorted: {pairs - changes} of {pairs} rows have the class of the row before, and "
                "without shuffling most batches hold one class, so each undoes what the one before taught. Shuffle: "
                "fit(x, y, shuffle=True), or DataLoader(..., shuffle=True).",
            )
    return None


def _labels_as_trained(setup: Setup) -> list[Tensor]:
    """Class labels in the order of training, where nothing shuffles them."""
    loader: Any = setup.train
    if isinstance(loader, InMemoryLoader):
        if loader.shuffle or loader.y is None:
            return []
        found = loader.y.values() if isinstance(loader.y, dict) else [loader.y]
        columns = [labels for labels in map(labels_in_order, found) if labels is not None]
        return columns if loader.rows is None else [one[loader.rows.to(one.device)] for one in columns]
    if not isinstance(loader, DatasetLoader) or not loader.in_order or (source := _source(loader)) is None:
        return []
    targets = getattr(source.dataset, "targets", None)  # torchvision's datasets have it, ImageFolder sorted by class
    if not isinstance(targets, (list, Tensor)) or len(targets) != len(source.dataset):
        return []
    try:
        labels = labels_in_order(torch.as_tensor(targets))
    except (TypeError, ValueError, RuntimeError):  # targets that are no numbers, such as boxes
        return []
    return [] if labels is None else [labels[source.rows]]
