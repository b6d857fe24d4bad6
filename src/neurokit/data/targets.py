"""Targets: what the user calls y, in the form its loss takes, class labels of any kind included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from neurokit.arguments import suggestions
from neurokit.data.arrays import Array, holds_numbers, is_sparse, map_leaves, to_tensor
from neurokit.tree import by_name, map_tensors

TargetKind = Literal["classes", "binary", "values"]


@dataclass
class Targets:
    """How one loss takes its targets.

    Attributes:
        kind: ``"classes"`` (indices, or probabilities in two axes), ``"binary"`` (0 and 1 as floats), ``"values"``
            (floats), or ``None`` for a function of the user's, which gets floats as floats and whole numbers as int64.
        dtype: The model's floating dtype.
        classes: The user's own labels, sorted, once y held some that are not numbers: label ``classes[i]`` is class i.

    Example:
        >>> targets = Targets("classes")
        >>> targets.from_memory(["no", "yes", "no"], "y"), targets.classes.tolist()
        (tensor([0, 1, 0]), ['no', 'yes'])
    """

    kind: TargetKind | None = None
    dtype: torch.dtype = torch.float32
    classes: Array | None = None

    def from_memory(self, y: Any, name: str) -> Any:
        """Return targets in memory as tensors; labels that are not numbers become class indices.

        Raises:
            TypeError: If the loss takes numbers and y holds something else.
            ValueError: If a label was not seen before, there are too many, or a class index is not a whole number.
        """
        return map_leaves(self._leaf, y, name)

    def _leaf(self, y: Any, name: str) -> Tensor:
        labels = _labels(y)
        if labels is None and self.classes is None:
            return self.convert(to_tensor(y, name), name)
        if labels is None:
            labels = to_tensor(y, name).cpu().numpy()
        if labels.size != len(labels):
            raise ValueError(
                f"{name} holds labels in shape {labels.shape}, and a row has one. Pass one column, or a dict of "
                "columns with a dict of losses."
            )
        indices = self._encode(labels.reshape(-1), name)
        if self.kind == "binary":  # numbers keep their column too
            indices = indices.reshape(labels.shape)
        return self.convert(indices, name)

    def _encode(self, labels: Array, name: str) -> Tensor:
        missing = [row for row, label in enumerate(labels) if _is_missing(label)]
        if missing:
            raise ValueError(
                f"{name} has no label in row {missing[0]} ({len(missing)} in all), where it holds "
                f"{labels.tolist()[missing[0]]!r}, and each row needs one. Leave these rows out, of x too: "
                f"keep = pandas.notna({name})."
            )
        if self.classes is None:
            self.classes = self._find_classes(labels, name)
        known = {label: index for index, label in enumerate(self.classes.tolist())}
        given = labels.tolist()
        indices = [known.get(label) for label in given]
        if None in indices:
            row, more = indices.index(None), " and more" if len(self.classes) > 8 else ""
            hint = suggestions(str(given[row]), map(str, self.classes.tolist()))
            raise ValueError(
                f"{name} holds the label {given[row]!r}, which the training labels do not (first in row {row}): "
                f"these are {self.classes[:8].tolist()}{more}.{hint} Leave those rows out, or train on them too."
            )
        return torch.tensor(indices)

    def _find_classes(self, labels: Array, name: str) -> Array:
        if self.kind == "values":
            raise TypeError(
                f"{name} holds labels such as {labels[:3].tolist()!s:.80} ({labels.dtype}), and this loss takes "
                f"numbers. To tell classes apart use loss='cross_entropy'; numbers as text, {name}.astype(float)."
            )
        try:
            classes = np.unique(labels)
        except TypeError as error:
            kinds = sorted({type(label).__name__ for label in labels})
            odd = next(row for row, label in enumerate(labels) if type(label) is not type(labels[0]))
            raise TypeError(
                f"The labels in {name} are of several types, {kinds}: {labels[0]!r} in row 0, {labels[odd]!r} in row "
                f"{odd}; classes are of one type, which has an order. Make them one: [str(label) for label in {name}]."
            ) from error
        if self.kind == "binary" and len(classes) > 2:
            raise ValueError(
                f"{name} holds {len(classes)} classes, {classes[:5].tolist()}, and this loss tells two apart. "
                f"Use loss='cross_entropy' and give the last layer {len(classes)} outputs."
            )
        return classes

    def from_batch(self, y: Any) -> Any:
        """Return the targets of a batch in the dtype the loss takes, whichever structure they have.

        Raises:
            TypeError: If they are names of classes, and no data in memory have told which classes there are.
            ValueError: If the loss takes class indices and one is not a whole number.
        """
        if isinstance(y, Tensor):
            return self.convert(y)
        names = _text(y) if self.kind in ("classes", "binary") else None
        if names is None:
            return map_tensors(self.convert, y)
        if self.classes is None:
            raise TypeError(
                f"The batches hold labels such as {names[:3].tolist()}, and the loss takes class indices: names are "
                "numbered for you only where all of them are in memory, as fit(x, y). Number them in the dataset: "
                "classes = sorted(set(all_names)), and yield classes.index(name)."
            )
        return self.convert(self._encode(names, "y"))

    def convert(self, tensor: Tensor, name: str = "y") -> Tensor:
        """Return a tensor of targets in the dtype the loss takes.

        Raises:
            ValueError: If the loss takes class indices and one is not a whole number.
        """
        if self.kind == "classes" and (tensor.ndim < 2 or tensor.shape[1:] == (1,)):
            return _whole(tensor, name)
        if tensor.is_floating_point() or self.kind in ("values", "binary"):
            return tensor.to(self.dtype)
        return tensor.to(torch.int64)


def _whole(tensor: Tensor, name: str) -> Tensor:
    """Class indices as int64, which floats are taken for when all of them are whole."""
    indices = tensor.to(torch.int64)
    if tensor.is_floating_point() and not torch.equal(indices.to(tensor.dtype), tensor):
        wrong = (indices != tensor).reshape(-1).nonzero().reshape(-1)
        row = int(wrong[0])
        mend = "Pass whole numbers from 0, one row of probabilities per sample, or a regression loss such as 'mse'."
        if not bool(torch.isfinite(tensor.reshape(-1)[wrong]).any()):
            mend = f"Leave these rows out of x and y: keep = numpy.isfinite({name})."
        raise ValueError(
            f"{name} holds {tensor.reshape(-1)[row].item()} in row {row}, and this loss takes class indices "
            f"({len(wrong)} of {len(tensor)} rows hold none). {mend}"
        )
    return indices


def _text(y: Any) -> Array | None:
    """The labels of a batch, where they are text; else ``None``."""
    if isinstance(y, (list, tuple)) and y and isinstance(y[0], str):
        return np.asarray(y, dtype=object)
    return y if isinstance(y, np.ndarray) and y.dtype.kind in "USO" else None


def _labels(y: Any) -> Array | None:
    """Class labels that are not numbers (strings, objects, pandas categories) as an array; else ``None``."""
    if isinstance(y, Tensor) or is_sparse(y) or (isinstance(y, list) and y and isinstance(y[0], Tensor)):
        return None
    if hasattr(y, "columns"):
        return None if all(dtype.kind in "biuf" for dtype in y.dtypes) else np.asarray(y)
    if not isinstance(y, list):
        return None if holds_numbers(y) else _unless_numbers(np.asarray(y))
    try:
        labels = np.asarray(y)
    except ValueError:  # a ragged list, of which to_tensor says more
        return None
    if labels.dtype.kind == "U" and not all(isinstance(label, str) for label in y):
        labels = np.asarray(y, dtype=object)  # NumPy made strings of the numbers among them
    return None if labels.dtype.kind in "biufc" else _unless_numbers(labels)


def _unless_numbers(labels: Array) -> Array | None:
    numbers = (int, float, np.number, np.bool_)
    plain = labels.dtype == object and all(isinstance(label, numbers) for label in labels.reshape(-1))
    return None if plain else labels


def _is_missing(label: Any) -> bool:
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def classes_by_name(targets: Targets | dict[str, Targets]) -> dict[str, list[Any] | None]:
    """Return the user's own labels, by output name where there are several: what a checkpoint remembers."""
    by_output = by_name(targets).items()
    return {name: None if one.classes is None else one.classes.tolist() for name, one in by_output}


def take_classes(targets: Targets | dict[str, Targets], state: Mapping[str, Any] | None) -> None:
    """Put back what ``classes_by_name`` returned."""
    by_output = by_name(targets)
    for name, classes in (state or {}).items():
        if name in by_output:
            by_output[name].classes = None if classes is None else np.asarray(classes)
