"""Columns: rows of anything (arrays, tensors, tables with text, several inputs) as one matrix of numbers, and back.

shap's maskers mix rows of numbers. They fail on text, make NaN of infinity, cut what an integer array cannot hold, and
take numbers that ``numpy.isclose`` for equal, such as two days' timestamps. So a column that they would get wrong is
numbered: 0, 1, 2, ... for its distinct values in their order, with the values themselves kept to decode by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from neurokit.data.arrays import is_table, map_leaves

Array = np.ndarray[Any, Any]

_SAME = 1e-7  # of a column's spread: numbers nearer to each other than that are one number
_MOST_EXACT = 2.0**53  # whole numbers beyond are not all doubles


class Leaf(NamedTuple):
    """One input: a tensor, an array or a table of rows, and the rows that stand for the unknown.

    Attributes:
        path: Where it is in x: ``""``, ``"[0]"``, ``"['age']"``.
        x: The rows to explain.
        background: The rows that a hidden column takes its values from.
    """

    path: str
    x: Any
    background: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a row."""
        return tuple(self.x.shape[1:])

    @property
    def width(self) -> int:
        """How many columns it is."""
        return int(np.prod(self.shape))

    @property
    def is_floating(self) -> bool:
        """Whether it holds real numbers, not ids, and no text."""
        if isinstance(self.x, Tensor):
            return self.x.is_floating_point()
        return not is_table(self.x) and self.x.dtype.kind == "f"

    @property
    def is_bytes(self) -> bool:
        """Whether it holds numbers from 0 to 255, as pictures travel."""
        return not is_table(self.x) and str(self.x.dtype).endswith("uint8")


class Columns:
    """The columns of all inputs side by side: matrices for shap, and the inputs behind any mixture of their rows.

    Args:
        x: The rows to explain.
        background: The rows that a hidden column takes its values from, in the structure of x.
        coded: Number the values of columns that shap would get wrong.

    Attributes:
        structure: The rows to explain as they came.
        leaves: The inputs, in the order of their columns.
        x: The rows to explain, float64 ``(rows, columns)``.
        background: Those that stand for the unknown, likewise.

    Example:
        >>> columns = Columns(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0]]))
        >>> columns.decode(columns.x)
        tensor([[1.],
                [2.]])
    """

    def __init__(self, x: Any, background: Any, *, coded: bool = True) -> None:
        others = iter(_leaves(background))
        self.leaves = [Leaf(path, value, next(others)[1]) for path, value in _leaves(x)]
        self.structure, self._background = x, background
        self._coders = [_Table(one) if is_table(one.x) else _Numbers(one, coded=coded) for one in self.leaves]
        self.x = np.concatenate([coder.x for coder in self._coders], axis=1)
        self.background = np.concatenate([coder.background for coder in self._coders], axis=1)

    def decode(self, rows: Array) -> Any:
        """Return the inputs that rows of the matrix stand for, in the structure, kinds and dtypes of x."""
        parts = np.split(rows, np.cumsum([one.width for one in self.leaves])[:-1], axis=1)
        decoded = iter([coder.decode(part) for coder, part in zip(self._coders, parts, strict=True)])
        return map_leaves(lambda *_: next(decoded), self.structure, "")

    def plain(self) -> Columns:
        """Return the same columns with no number coded, so that rows of numbers found in neither can be decoded."""
        return Columns(self.structure, self._background, coded=False)

    def numbers(self) -> list[Array]:
        """Return what each input holds as numbers, in its shape: text as the place of the value, NaN where missing."""
        pairs = zip(self.leaves, self._coders, strict=True)
        return [coder.numbers[: len(self.x)].reshape(-1, *leaf.shape) for leaf, coder in pairs]

    def background_numbers(self) -> list[Array]:
        """Return the same of the background."""
        pairs = zip(self.leaves, self._coders, strict=True)
        return [coder.numbers[len(self.x) :].reshape(-1, *leaf.shape) for leaf, coder in pairs]


def _leaves(x: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    map_leaves(lambda value, path: found.append((path, value)), x, "")
    return found


class _Numbers:
    """The columns of a tensor or an array.

    Attributes:
        x: Those to explain, coded for shap.
        background: Those of the background, likewise.
        numbers: Both below each other as numbers, NaN where something is missing.
    """

    def __init__(self, leaf: Leaf, *, coded: bool) -> None:
        given, others = _matrix(leaf.x), _matrix(leaf.background)
        self._shape, self._dtype = leaf.shape, np.result_type(given.dtype, others.dtype)
        self._torch_dtype: torch.dtype | None = None
        if isinstance(leaf.x, Tensor):
            self._torch_dtype = torch.promote_types(leaf.x.dtype, leaf.background.dtype)
        joint = np.concatenate([given.astype(self._dtype), others.astype(self._dtype)])
        self._values: dict[int, Array] = {}
        if self._dtype.kind in "biuf":
            matrix = joint.astype(np.float64)
            self.numbers = matrix.copy()
            for column in _misread(joint, matrix) if coded else []:
                self._values[column], matrix[:, column] = np.unique(joint[:, column], return_inverse=True)
        else:
            matrix, gone = np.empty(joint.shape), np.zeros(joint.shape, bool)
            for column in range(joint.shape[1]):
                matrix[:, column], gone[:, column] = _places(joint[:, column])
                self._values[column] = joint[np.unique(matrix[:, column], return_index=True)[1], column]
            self.numbers = np.where(gone, np.nan, matrix)
        self.x, self.background = matrix[: len(given)], matrix[len(given) :]

    def decode(self, rows: Array) -> Any:
        values = rows.astype(self._dtype)
        for column, known in self._values.items():
            values[:, column] = known[rows[:, column].astype(np.int64)]
        values = values.reshape(-1, *self._shape)
        return values if self._torch_dtype is None else torch.from_numpy(values).to(self._torch_dtype)


def _matrix(values: Any) -> Array:
    """Rows of numbers as ``(rows, columns)``, in a dtype that NumPy has."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype is torch.bfloat16 else values).numpy()
    array: Array = np.asarray(values)
    return array.reshape(len(array), int(np.prod(array.shape[1:])))


def _misread(joint: Array, matrix: Array) -> list[int]:
    """The columns in which shap would take different numbers for equal, or make NaN of a product."""
    odd = np.asarray(~np.isfinite(matrix).all(axis=0))
    if joint.dtype.kind in "iu":
        odd |= (np.abs(matrix) > _MOST_EXACT).any(axis=0)
    if matrix.shape[1] > 4096:  # pictures: gradients are taken of those
        return list(np.flatnonzero(odd))
    for column in np.flatnonzero(~odd):
        values = np.unique(matrix[:, column])
        gaps, near = np.diff(values), 1e-8 + 1e-5 * np.abs(values[1:])
        odd[column] = bool(((gaps < 2 * near) & (gaps > _SAME * (values[-1] - values[0]))).any())
    return list(np.flatnonzero(odd))


class _Table:
    """The columns of a DataFrame, each of its own dtype; like ``_Numbers``."""

    def __init__(self, leaf: Leaf) -> None:
        self._names = leaf.x.columns
        self._coders = [
            _Series(leaf.x.iloc[:, place], leaf.background.iloc[:, place]) for place in range(len(leaf.x.columns))
        ]
        self.x = np.stack([one.x for one in self._coders], axis=1)
        self.background = np.stack([one.background for one in self._coders], axis=1)
        self.numbers = np.stack([one.numbers for one in self._coders], axis=1)

    def decode(self, rows: Array) -> Any:
        import pandas as pd

        columns = [one.decode(rows[:, place]) for place, one in enumerate(self._coders)]
        table = pd.concat([pd.Series(values) for values in columns], axis=1)
        table.columns = self._names
        return table


class _Series:
    """One column of a DataFrame: its own numbers, or the places of its distinct values, missing ones last."""

    def __init__(self, x: Any, background: Any) -> None:
        import pandas as pd

        if background.dtype != x.dtype:
            x, background = _alike(x, background)
        joint = pd.concat([x, background], ignore_index=True)
        rows = len(x)
        self.values: Any = None
        self._dtype = x.dtype
        is_plain = isinstance(x.dtype, np.dtype) and x.dtype.kind in "biuf"
        if is_plain:
            matrix = joint.to_numpy()[:, None]
            codes = matrix[:, 0].astype(np.float64)
            self.numbers = codes
        if not is_plain or _misread(matrix, codes[:, None]):
            places, missing = _places(joint)
            first = np.unique(places, return_index=True)[1]
            self.values = joint.iloc[first].reset_index(drop=True)
            codes = places.astype(np.float64)
            if not is_plain:
                self.numbers = np.where(missing, np.nan, codes)
        self.x, self.background = codes[:rows], codes[rows:]

    def decode(self, codes: Array) -> Any:
        if self.values is None:
            return codes.astype(self._dtype)
        return self.values.array.take(codes.astype(np.int64))


def _alike(x: Any, background: Any) -> tuple[Any, Any]:
    """Two columns of one name in one dtype."""
    dtypes = [x.dtype, background.dtype]
    if any(str(dtype) == "category" for dtype in dtypes):
        raise ValueError(
            f"The column {x.name!r} is of other categories in background ({background.dtype}) than in x ({x.dtype}), "
            "and a code would mean two things. Take both from one table, or give them one dtype: "
            f"background[{x.name!r}] = background[{x.name!r}].astype(x[{x.name!r}].dtype)."
        )
    plain = all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in dtypes)
    common = np.result_type(*dtypes) if plain else np.dtype(object)
    return x.astype(common), background.astype(common)


def _places(joint: Any) -> tuple[Array, Array]:
    """The place of each entry among the distinct ones of its column, and which entries are missing."""
    import pandas as pd

    try:
        places, distinct = pd.factorize(joint, sort=True)
    except TypeError:  # numbers and words in one column have no order
        places, distinct = pd.factorize(joint)
    missing = places < 0
    return np.where(missing, len(distinct), places), missing
