"""TrainingData: what trains and what validates, from everything a user may pass to ``fit``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from neurokit.data.arrays import Array, is_array_like
from neurokit.data.decoded import Decoded
from neurokit.data.inputs import Known, known_inputs
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader, has_batches, is_map_style, make_loader
from neurokit.data.split import split_rows

logger = logging.getLogger("neurokit")

FEW_ROWS = 30  # a mean over fewer tells little: an accuracy over 29 rows is known to within 18 points


class Reading(NamedTuple):
    """How a trainer reads data.

    Attributes:
        targets: How the loss takes its targets, as ``data.Targets``, by output name where it has several.
        dtype: The model's floating dtype.
        seed: The data seed.
        whole: Batches are not taken apart: the model returns its own loss.
        join_lone_row: Let a last batch of one row join the batch before it.
        inputs: What an earlier fit met as inputs: tables are read by the names of their columns.
    """

    targets: Any
    dtype: torch.dtype
    seed: int
    whole: bool
    join_lone_row: bool
    inputs: Mapping[str, Known] = MappingProxyType({})


@dataclass
class TrainingData:
    """The loaders of a fit, and how the rows were split between them.

    Attributes:
        train: What trains.
        validation: What validates, or ``None``.
        split: How ``validation_split`` was drawn: ``how``, ``fraction``, ``seed`` and the ``indices`` that validate.
        inputs: What later data are read by: columns of tables, and shapes of rows.
    """

    train: Loader
    validation: Loader | None = None
    split: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Known] = field(default_factory=dict)

    def close(self) -> None:
        """End what reads."""
        for loader in (self.train, self.validation):
            if loader is not None:
                loader.close()

    @classmethod
    def read(
        cls,
        x: Any,
        y: Any,
        weight: Any,
        reading: Reading,
        *,
        batch_size: int | None,
        shuffle: bool,
        validation_data: Any,
        validation_split: float,
    ) -> TrainingData:
        """Return the loaders for what the user passed to ``fit``.

        Raises:
            TypeError: If something is of the wrong kind, or given twice.
            ValueError: If lengths differ, or a value cannot be used.
        """
        _check_fraction(validation_split)
        if validation_split and validation_data is not None:
            raise ValueError(
                f"validation_data and validation_split={validation_split} were both given, and a fit validates on one "
                "set of rows. Keep one of them."
            )
        has_rows = is_array_like(x) or is_map_style(x)
        if not has_rows:
            _refuse_for_loaders(x, shuffle, validation_split)
        common = reading._asdict() | {"batch_size": batch_size}
        train = make_loader(x, y, weight, shuffle=shuffle, learns=True, **common)
        common["inputs"] = known_inputs(x, train.columns) if isinstance(train, InMemoryLoader) else {}
        data = cls(train)
        if validation_split:
            data = cls._split(train, x, validation_split, shuffle, common)
        elif validation_data is not None:
            if y is not None:
                _refuse_inputs_alone(validation_data)
            data.validation = _validation_loader(validation_data, common | {"join_lone_row": False})
            _note_unseen(train, data.validation, reading.targets)
        data.inputs = common["inputs"]
        given = x.batch_size if isinstance(x, DataLoader) else batch_size
        if reading.join_lone_row and 1 in (given, data.train.num_rows):
            raise ValueError(
                f"{'batch_size is 1' if given == 1 else 'x has 1 row to train on'}, and BatchNorm takes the mean and "
                "variance of a batch: a batch of one row leaves nothing to vary. Pass batch_size=2 or more, put the "
                "BatchNorm layers in eval(), or use GroupNorm."
            )
        return data

    @classmethod
    def _split(cls, whole: Loader, x: Any, fraction: float, shuffle: bool, common: dict[str, Any]) -> TrainingData:
        """Draw rows for validation: of each class its share, where the classes are at hand."""
        assert whole.num_rows is not None
        seed, targets, joins = common["seed"], common["targets"], common["join_lone_row"]
        labels = _classes(whole.y, targets) if isinstance(whole, InMemoryLoader) and not _is_decoded(x) else None
        rows, held_out = split_rows(whole.num_rows, fraction, seed, labels)
        if len(held_out) < FEW_ROWS:
            logger.warning(
                "validation_split=%s of %d rows leaves %d to validate: scores of so few tell little. "
                "Hold out %d or more, or pass validation_data.", fraction, whole.num_rows, len(held_out), FEW_ROWS,
            )  # fmt: skip
        how = "random" if labels is None else "stratified"
        split = {"how": how, "fraction": fraction, "seed": seed, "indices": held_out.tolist()}
        if isinstance(whole, InMemoryLoader):
            if labels is not None and targets.kind is not None:
                _note_absent(labels, {"trains": rows, "validates": held_out}, targets.classes)
            train: Loader = whole.subset(rows, shuffle=shuffle, join_lone_row=joins)
            return cls(train, whole.subset(held_out, shuffle=False, join_lone_row=False), split)
        train = make_loader(Subset(x, rows.tolist()), shuffle=shuffle, **common)
        return cls(train, make_loader(Subset(x, held_out.tolist()), **common | {"join_lone_row": False}), split)


def _is_decoded(x: Any) -> bool:
    """Tell whether rows come from ``nk.cached``, also through a Subset."""
    return _is_decoded(x.dataset) if type(x) is Subset else type(x) is Decoded


def _check_fraction(fraction: Any) -> None:
    """Refuse what is no number; ``split_rows`` sees to its range."""
    if not isinstance(fraction, (bool, int, float, np.number, str)):
        raise TypeError(
            f"validation_split is the share of rows that validate, a number between 0 and 1, got "
            f"{'None' if fraction is None else f'a {type(fraction).__name__}'}. Pass 0.2 for a fifth, or data of their "
            "own as validation_data=(x, y)."
        )


def _refuse_inputs_alone(data: Any) -> None:
    """Refuse arrays that validate without targets, where training has some."""
    if is_array_like(data) and not isinstance(data, (tuple, list)):
        raise TypeError(
            f"validation_data is a {type(data).__name__} without targets, and training compares with y. "
            "Pass a tuple: validation_data=(x_validation, y_validation)."
        )


def _refuse_for_loaders(x: Any, shuffle: bool, validation_split: float) -> None:
    if not shuffle:
        raise TypeError(
            f"x is a {type(x).__name__}, which has an order of its own, and shuffle=False was given too. "
            "Leave shuffle out, and set it where the batches are made: DataLoader(dataset, shuffle=False)."
        )
    if validation_split:
        raise TypeError(
            f"validation_split needs rows that can be drawn, and x is a {type(x).__name__}. "
            "Pass validation_data, or arrays or a map-style Dataset."
        )


def _classes(y: Any, targets: Any) -> Tensor | None:
    """Class indices to stratify by, ``(rows,)``; ``None`` where the targets are no classes."""
    kind = getattr(targets, "kind", None)
    if not isinstance(y, Tensor) or y.numel() != len(y) or kind == "values":
        return None
    return y.reshape(-1).cpu() if kind == "binary" or not y.is_floating_point() else None


def _note_absent(labels: Tensor, sides: dict[str, Tensor], classes: Array | None) -> None:
    """Say so where a class has too few rows for both sides."""
    for verb, rows in sides.items():
        absent = sorted(set(labels.unique().tolist()) - set(labels[rows].unique().tolist()))
        if absent:
            named = absent if classes is None else classes[absent].tolist()
            logger.warning("validation_split leaves no row of class %s that %s.", ", ".join(map(repr, named[:8])), verb)


def _note_unseen(train: Loader, validation: Loader, targets: Any) -> None:
    """Say so where validation asks for classes that training never shows."""
    if not (isinstance(train, InMemoryLoader) and isinstance(validation, InMemoryLoader)) or targets is None:
        return
    shown, asked = (_classes(one.y, targets) for one in (train, validation))
    if shown is None or asked is None or getattr(targets, "kind", None) is None:
        return
    unseen = [label for label in sorted(set(asked.unique().tolist()) - set(shown.unique().tolist())) if label >= 0]
    if unseen:
        named = ", ".join(f"{label:g}" for label in unseen[:8])
        logger.warning("%s holds class %s, of which no row trains.", validation.target_name, named)


def _validation_loader(data: Any, common: dict[str, Any]) -> Loader:
    """A pair or triple of arrays, or anything that is a source of batches itself."""
    if has_batches(data):
        common = common | {"batch_size": None}
    if isinstance(data, list) and not common["whole"]:
        raise TypeError(
            f"validation_data is a list of {len(data)}, and a list is rows. "
            "Pass a tuple: (x, y) or (x, y, sample_weight)."
        )
    if not isinstance(data, tuple) or (common["whole"] and len(data) != 2):
        return make_loader(data, names=("validation_data", "y of validation_data", "its weights"), **common)
    if not 2 <= len(data) <= 3:
        raise ValueError(
            f"validation_data is (x, y) or (x, y, sample_weight), and this tuple has {len(data)} entries. "
            "Several inputs are ((a, b), y)."
        )
    names = ("validation_data[0]", "validation_data[1]", "validation_data[2]")
    return make_loader(*data, names=names, **common)
