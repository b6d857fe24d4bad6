"""Arrays: whatever a user calls data in memory (NumPy, tensors, pandas, scipy, lists) as tensors, one row a sample."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, Any]

_WIDENED = (torch.uint16, torch.uint32, torch.uint64)  # PyTorch stores these but computes with hardly any of them
_NARROWED = {np.longdouble: np.float64, np.clongdouble: np.complex128}  # and these it does not know


class Column(Protocol):
    """One input in memory: rows that can be counted and gathered. A tensor is one; so are ``SparseRows``."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def index_select(self, dim: int, index: Tensor, /) -> Tensor:
        """Return the rows at ``index`` as one dense tensor of their own."""
        ...


class SparseRows:
    """A scipy sparse matrix that stays sparse: only the rows of a batch are ever made dense.

    Args:
        matrix: Any scipy sparse matrix or array in two axes.
        name: What the user calls it, for messages.
        dtype: The floating dtype of the dense rows.
    """

    def __init__(self, matrix: Any, name: str, dtype: torch.dtype) -> None:
        if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
            raise TypeError(
                f"{name} is a sparse array of shape {matrix.shape} and dtype {matrix.dtype}. "
                "Pass one of real numbers in two axes, (rows, features)."
            )
        narrow = dtype is not torch.float64  # NumPy lacks bfloat16
        self.matrix = matrix.tocsr().astype(np.float32 if narrow else np.float64)
        self.dtype = dtype
        self.shape = torch.Size(matrix.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """Return the rows at ``index``, dense, ``(len(index), features)``."""
        assert dim == 0
        return torch.from_numpy(self.matrix[index.numpy()].toarray()).to(self.dtype)


def is_array_like(value: Any) -> bool:
    """Tell whether a value is data in memory, rather than something that yields batches."""
    if isinstance(value, (tuple, Mapping)):
        members = value.values() if isinstance(value, Mapping) else value
        return bool(value) and all(map(is_array_like, members))
    return isinstance(value, (Tensor, list)) or is_array(value)


def is_array(value: Any) -> bool:
    """Tell whether a value is an array of any library (NumPy, pandas, scipy sparse, xarray, polars), with rows."""
    return is_sparse(value) or (hasattr(value, "__array__") and not isinstance(value, np.generic))


def is_sparse(value: Any) -> bool:
    """Tell whether a value is a scipy sparse matrix or array, without importing scipy."""
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


def holds_numbers(array: Any) -> bool:
    """Tell whether an array has a dtype of numbers. A table has none itself: its columns are asked when it is read."""
    return getattr(getattr(array, "dtype", None), "kind", "f") in "biufc"


def map_leaves(function: Callable[[Any, str], Any], value: Any, name: str) -> Any:
    """Apply ``function(leaf, name)`` to a value, or to each member of a tuple or mapping of values."""
    if isinstance(value, tuple):
        return tuple(map_leaves(function, member, f"{name}[{index}]") for index, member in enumerate(value))
    if isinstance(value, Mapping):
        return {key: map_leaves(function, member, f"{name}[{key!r}]") for key, member in value.items()}
    return function(value, name)


def to_column(value: Any, name: str, dtype: torch.dtype) -> Column:
    """Return one input as a column: floating values in ``dtype``, whole numbers and booleans as they came.

    Args:
        value: NumPy array, tensor, DataFrame, Series, scipy sparse matrix, list of rows, anything with ``__array__``.
        name: What the user calls it, for messages.
        dtype: The model's floating dtype.

    Raises:
        TypeError: If it holds something that is not a real number.
        ValueError: If its rows differ in shape, it has no rows or no axis, or masked entries.

    Example:
        >>> to_column([[1.0, 2.0], [3.0, 4.0]], "x", torch.float32).dtype
        torch.float32
    """
    if is_sparse(value):
        column: Column = SparseRows(value, name, dtype)
    else:
        tensor = to_tensor(value, name)
        column = tensor.to(dtype) if tensor.is_floating_point() else tensor
    if len(column) == 0:
        raise ValueError(f"{name} has 0 rows. Pass at least one.")
    return column


def to_tensor(value: Any, name: str) -> Tensor:
    """Return numbers as a contiguous tensor with rows on its first axis, sharing memory with what came where it can.

    Raises:
        TypeError: If it holds something that is not a real number.
        ValueError: If its rows differ in shape, it has no axis, masked entries, or numbers above 64 bits.
    """
    if is_sparse(value):
        value = value.toarray()
    if isinstance(value, list) and value and all(isinstance(row, Tensor) for row in value):
        try:
            value = torch.stack(value)
        except RuntimeError as error:
            raise _ragged(value, name) from error
    tensor = value.detach() if isinstance(value, Tensor) else _from_numpy(to_numpy(value, name), name)
    if tensor.ndim == 0:
        raise ValueError(
            f"{name} is a single number ({tensor.item()}), not rows of data. Pass an array of one row per sample."
        )
    if tensor.is_complex():
        raise TypeError(
            f"{name} holds complex numbers ({tensor.dtype}), which layers do not take. "
            f"Pass {name}.real and {name}.imag as two columns, or abs({name})."
        )
    if tensor.dtype is torch.uint64 and bool((tensor.view(torch.int64) < 0).any()):
        raise ValueError(f"{name} holds numbers of 2**63 and more, for which there is no layer. Scale it to floats.")
    if tensor.dtype in _WIDENED:
        tensor = tensor.to(torch.int64)
    return (tensor if tensor.layout is torch.strided else tensor.to_dense()).contiguous()


def _ragged(rows: Sequence[Any], name: str) -> ValueError:
    shapes = list(dict.fromkeys(map(_shape, rows)))
    return ValueError(
        f"The rows of {name} differ in shape: {', '.join(map(str, shapes[:4]))}. "
        "A list is rows: pad them to one shape, or pass a DataLoader with a collate_fn of yours. "
        "Several inputs are a tuple, batches an iterator such as iter(the list)."
    )


def _shape(row: Any) -> tuple[int, ...] | str:
    try:
        return tuple(np.shape(row))
    except ValueError:
        return f"a ragged {type(row).__name__}"


def to_numpy(value: Any, name: str) -> Array:
    """Return in-memory data as a NumPy array, pandas columns and lists of rows included.

    Raises:
        TypeError: If a column of a table holds something that is not a number.
        ValueError: If the rows of a list differ in shape, or entries are masked.
    """
    if isinstance(value, np.ma.MaskedArray) and (masked := int(np.ma.getmaskarray(value).sum())):
        raise ValueError(f"{name} has {masked} masked entries. Fill them first: {name}.filled(value).")
    if hasattr(value, "iloc") and hasattr(value, "columns"):
        return _frame_to_numpy(value, name)
    if hasattr(value, "iloc") and not isinstance(value.dtype, np.dtype):
        return _frame_to_numpy(value.to_frame(), name)[:, 0]
    try:
        return np.asarray(value)
    except ValueError as error:
        raise _ragged(value, name) from error


def _frame_to_numpy(frame: Any, name: str) -> Array:
    """A pandas table as one array of its columns' common dtype; missing entries of nullable columns are NaN."""
    for position, (column, dtype) in enumerate(zip(frame.columns, frame.dtypes, strict=True)):
        if dtype.kind not in "biuf":
            example = frame.iloc[0, position] if len(frame) else None
            raise TypeError(
                f"Column {column!r} of {name} holds {dtype}, for example {example!r}, and a network takes numbers. "
                f"Encode it first, for example pandas.get_dummies({name}, columns=[{column!r}]), or leave it out."
            )
    missing = frame.isna().to_numpy().any(axis=0)
    dtypes = [np.float64 if gap else dtype.type for dtype, gap in zip(frame.dtypes, missing, strict=True)]
    if not dtypes:
        raise ValueError(f"{name} is a table without columns, of shape {frame.shape}. Pass at least one.")
    return np.asarray(frame.to_numpy(dtype=np.result_type(*dtypes), na_value=np.nan))


def _from_numpy(array: Array, name: str) -> Tensor:
    if array.dtype == object:
        array = _numbers_from_objects(array, name)
    if array.dtype.names:
        raise TypeError(
            f"{name} is a structured array with the fields {list(array.dtype.names)}. "
            f"Pass its columns as one: numpy.lib.recfunctions.structured_to_unstructured({name})."
        )
    if array.dtype.kind not in "biufc":
        example = f", for example {array.reshape(-1).tolist()[0]!r}" if array.size else ""
        raise TypeError(
            f"{name} holds {array.dtype} values{example}, and a network takes numbers. Encode them as numbers first."
        )
    if array.dtype.type in _NARROWED:
        array = array.astype(_NARROWED[array.dtype.type])
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")  # nothing here writes into it
        return torch.from_numpy(np.ascontiguousarray(array) if array.ndim else array)


def _numbers_from_objects(array: Array, name: str) -> Array:
    try:
        numbers = np.asarray(array.tolist())
    except ValueError:
        numbers = array
    if numbers.dtype.kind in "biuf":
        return numbers
    odd = [value for value in array.reshape(-1) if not isinstance(value, (int, float, np.number))]
    example = (odd or array.reshape(-1).tolist())[0]
    raise TypeError(
        f"{name} holds Python objects, for example {example!r:.80}, and a network takes numbers. "
        "Encode them as numbers first; several inputs are a dict or a tuple of arrays, one row per sample each."
    )
