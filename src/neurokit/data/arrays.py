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
_NUMBER, _MISSING, _DIGITS, _OTHER = range(4)  # what a single value is, the least like a number last
DENSE_BYTES = 4 * 2**30  # the largest sparse tensor that is made dense as a whole


class Column(Protocol):
    """One input in memory: rows that can be counted and gathered. A tensor is one; so are ``SparseRows``."""

    @property
    def shape(self) -> torch.Size:
        """Rows first."""
        ...

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


def is_table(value: Any) -> bool:
    """Tell whether a value is a table of pandas's kind: named columns, rows by position."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


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


def to_column(value: Any, name: str, dtype: torch.dtype, *, may_be_empty: bool = False) -> Column:
    """Return one input as a column: floating values in ``dtype``, whole numbers and booleans as they came.

    Args:
        value: NumPy array, tensor, DataFrame, Series, scipy sparse matrix, list of rows, anything with ``__array__``.
        name: What the user calls it, for messages.
        dtype: The model's floating dtype.
        may_be_empty: Take data of no rows.

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
    if len(column) == 0 and not may_be_empty:
        raise ValueError(
            f"{name} has 0 rows, its shape is {tuple(column.shape)}. Pass at least one, or see what left none: a "
            "filter, a dropna(), an empty file."
        )
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
        row = int((tensor.view(torch.int64) < 0).flatten(0 if tensor.ndim == 1 else 1).nonzero()[0][0])
        raise ValueError(
            f"{name} holds numbers of 2**63 and more (uint64), first in row {row}, and layers take whole numbers below "
            f"that. Scale them to floats, for example {name} / {name}.max()."
        )
    if tensor.dtype in _WIDENED:
        tensor = tensor.to(torch.int64)
    size = tensor.numel() * tensor.element_size()
    if tensor.layout is not torch.strided and size > DENSE_BYTES:
        raise ValueError(
            f"{name} is a sparse tensor of shape {tuple(tensor.shape)}, which takes {size / 2**30:,.0f} GiB as the "
            f"dense one that layers take. Pass a scipy.sparse.csr_array: of that only the rows of a batch become dense."
        )
    return (tensor if tensor.layout is torch.strided else tensor.to_dense()).contiguous()


def _ragged(rows: Sequence[Any], name: str) -> ValueError:
    shapes = [_shape(row) for row in rows]
    other = next((index for index, shape in enumerate(shapes) if shape != shapes[0]), None)
    if isinstance(rows[0], (tuple, list)) and len(rows[0]) in (2, 3) and isinstance(shapes[0], str):
        return ValueError(
            f"{name} is a list of {len(rows)} {type(rows[0]).__name__}s of {len(rows[0])}, and a list is rows of one "
            f"shape. If these are samples, (input, target): pass a DataLoader({name}, batch_size=32). If they are "
            f"batches: iter({name}). Several inputs are a tuple of arrays."
        )
    if other is None:
        return ValueError(
            f"The rows of {name} are uneven inside: row 0 is {shapes[0]}, which is no array. "
            f"Pad what is in them to one shape, or pass a DataLoader with a collate_fn that does."
        )
    return ValueError(
        f"The rows of {name} differ in shape: {shapes[0]} in row 0, {shapes[other]} in row {other}. A list is rows of "
        "one shape: pad or cut them (torch.nn.utils.rnn.pad_sequence), or pass a DataLoader with a collate_fn that "
        "does. Several inputs are a tuple of arrays, batches an iterator such as iter(the list)."
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
        row = int(np.argwhere(np.ma.getmaskarray(value))[0][0])
        raise ValueError(
            f"{name} has {masked} masked {'entry' if masked == 1 else 'entries'}, first in row {row}, and a network "
            f"takes a number for each. Fill them first: {name}.filled({name}.mean())."
        )
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
    if not len(frame.columns):
        raise ValueError(
            f"{name} is a table without columns, of shape {frame.shape}, and a network takes one or more. "
            "Pass them, or see what left none: a drop, a select_dtypes()."
        )
    odd = [position for position, dtype in enumerate(frame.dtypes) if dtype.kind not in "biuf"]
    if odd:
        raise _no_numbers(frame, odd, name)
    missing = frame.isna().to_numpy().any(axis=0)
    dtypes = [np.float64 if gap else dtype.type for dtype, gap in zip(frame.dtypes, missing, strict=True)]
    return np.asarray(frame.to_numpy(dtype=np.result_type(*dtypes), na_value=np.nan))


def _no_numbers(frame: Any, odd: list[int], name: str) -> TypeError:
    """What to say of a table's columns that hold no numbers: which, the first such value, and how it becomes one."""
    column, values = frame.columns[odd[0]], frame.iloc[:, odd[0]]
    dtype, own, names = values.dtype, f"{name}[{column!r}]", [frame.columns[one] for one in odd[:6]]
    kinds = [_kind_of(value) for value in values.tolist()]
    row = max(range(len(kinds)), key=kinds.__getitem__, default=0)
    example = f", for example {values.iloc[row]!r} in row {row}" if kinds else ""
    more = f" {len(odd)} columns are such: {names}." if len(odd) > 1 else ""
    mend = (
        f"Make each value a column, {name} = pandas.get_dummies({name}, columns={names}, dtype=float), or ids for an "
        f"nn.Embedding, {own}.astype('category').cat.codes; or leave it out, {name}.drop(columns={names})."
    )
    if dtype.kind == "M":
        mend = f"Take from it what matters, for example {own}.dt.month, or ({own} - {own}.min()).dt.days."
    elif dtype.kind == "m":
        mend = f"Make it a number: {own}.dt.total_seconds()."
    elif dtype.kind == "c":
        mend = f"Make it numbers: abs({own}), or its real and imaginary parts as two columns."
    elif set(kinds) <= {_MISSING, _NUMBER}:
        mend = f"They are numbers in disguise: {own} = {own}.astype(float)."
    elif kinds.count(_NUMBER) + kinds.count(_DIGITS) > kinds.count(_OTHER):
        mend = f"Most of it reads as numbers: {own} = pandas.to_numeric({own}, errors='coerce'), then fill the NaN."
    return TypeError(f"Column {column!r} of {name} holds {dtype}{example}, and a network takes numbers.{more} {mend}")


def _kind_of(value: Any) -> int:
    """Tell what one entry is."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return _MISSING
    if isinstance(value, (int, float, np.number, np.bool_)):
        return _MISSING if value != value else _NUMBER
    try:
        float(value)
    except (TypeError, ValueError):
        return _OTHER
    return _DIGITS


def _from_numpy(array: Array, name: str) -> Tensor:
    if array.dtype == object:
        array = _numbers_from_objects(array, name)
    if array.dtype.names:
        raise TypeError(
            f"{name} is a structured array with the fields {list(array.dtype.names)}. "
            f"Pass its columns as one: numpy.lib.recfunctions.structured_to_unstructured({name})."
        )
    if array.dtype.kind not in "biufc":
        raise _no_numbers_in(array, name)
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
    shapes = {np.shape(value) for value in array if isinstance(value, (list, np.ndarray, Tensor))}
    if array.ndim == 1 and len(shapes) > 1:
        raise _ragged(array.tolist(), name)
    raise _no_numbers_in(array, name)


def _no_numbers_in(array: Array, name: str) -> TypeError:
    """What to say of an array that holds no numbers: the first such entry, where it is, and how it becomes one."""
    values = array.reshape(-1).tolist()
    kinds = np.array([_kind_of(value) for value in values], dtype=int)
    at = np.unravel_index(int(kinds.argmax()), array.shape) if values else ()
    first = values[int(kinds.argmax())] if values else None
    row = f" in row {at[0]}{f', column {at[1]}' if len(at) == 2 else ''}" if at else ""
    example = f", for example {first!r:.80}{row}" if at else ""
    kind = "Python objects" if array.dtype == object else f"{array.dtype} values"
    mend = "Encode them as numbers first; several inputs are a dict or a tuple of arrays, one row per sample each."
    if array.dtype.kind == "M":
        mend = f"Make them numbers, for example days: ({name} - {name}.min()) / numpy.timedelta64(1, 'D')."
    elif array.dtype.kind == "m":
        mend = f"Make them numbers, for example seconds: {name} / numpy.timedelta64(1, 's')."
    elif values and kinds.max() == _DIGITS:
        mend = f"They read as numbers: {name}.astype(float)."
    elif values and kinds.max() == _MISSING:
        mend = f"None means missing: {name}.astype(float) makes it NaN, which is then to be filled."
    elif isinstance(first, (str, bytes)):
        mend = (
            "Encode words as numbers first: one column a value (pandas.get_dummies), or ids for an nn.Embedding "
            "(numpy.unique(words, return_inverse=True)[1])."
        )
    return TypeError(f"{name} holds {kind}{example}, and a network takes numbers. {mend}")
