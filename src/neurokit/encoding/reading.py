"""Reading: rows from anybody as columns of one type each, strictly: a wrong value is named by column and row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from neurokit.arguments import suggestions
from neurokit.encoding.field import Field
from neurokit.encoding.plain import Scalar, kind_of

Array = np.ndarray[Any, Any]
Column = Any  # float64 (rows,), or for categories a list with None where one is missing

_A_DAY = 86_400_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1)
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_rows(rows: Any, fields: Sequence[Field], *, strict: bool = False) -> dict[str, Column]:
    """Return the columns of rows by name.

    Args:
        rows: A DataFrame, or a list of dicts whose values are JSON's: ``None`` is a missing one.
        fields: The columns that rows must have.
        strict: Refuse columns that are no field, instead of leaving them alone.

    Returns:
        Numbers, truth values and dates (days since 1970-01-01) as float64 with NaN where one is missing; categories as
        a list with ``None`` there.

    Raises:
        TypeError: If rows are neither.
        ValueError: If a column is missing, or a value is not of its type; names the column and the row.
    """
    series = _by_column(rows, fields, strict)
    return {field.name: read_column(values, field) for field, values in zip(fields, series, strict=True)}


def _by_column(rows: Any, fields: Sequence[Field], strict: bool) -> list[Any]:
    names = [field.name for field in fields]
    if hasattr(rows, "columns") and hasattr(rows, "iloc"):
        found = list(rows.columns)
        _check_names(found, names, strict, "The table")
        twice = [name for name in names if found.count(name) > 1]
        if twice:
            raise ValueError(f"The table has {found.count(twice[0])} columns {twice[0]!r}. Rename all but one.")
        return [rows[name] for name in names]
    if isinstance(rows, Mapping) or not isinstance(rows, Sequence) or isinstance(rows, (str, bytes)):
        advice = "For a single row, pass [row]." if isinstance(rows, Mapping) else "Each row is a dict by column."
        raise TypeError(f"Rows are a DataFrame or a list of dicts, got {type(rows).__name__}. {advice}")
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"Row {place} is a {type(row).__name__}, and a row is a dict: {{{names[0]!r}: ...}}.")
        if row.keys() != set(names):
            _check_names(list(row), names, strict, f"Row {place}")
    return [[row[name] for row in rows] for name in names]


def _check_names(found: list[Any], names: list[str], strict: bool, owner: str) -> None:
    missing = [name for name in names if name not in found]
    extra = [str(name) for name in found if name not in names]
    if missing:
        hints = "".join(suggestions(name, extra) for name in missing[:1])
        raise ValueError(
            f"{owner} lacks {'the columns' if len(missing) > 1 else 'the column'} "
            f"{', '.join(map(repr, missing[:10]))}.{hints} A value that is not known is None."
        )
    if strict and extra:
        raise ValueError(
            f"{owner} has the column {extra[0]!r:.60}, which the model does not take.{suggestions(extra[0], names)} "
            f"It takes {', '.join(names)}."
        )


def read_column(values: Any, field: Field) -> Column:
    """Return one column, read strictly; see ``read_rows``."""
    if hasattr(values, "iloc"):
        quick = _quick_texts(values, field) if field.type == "category" else _quick(values, field)
        if quick is not None:
            return quick
    if field.type == "category":
        kind = kind_of(list(field.categories or ()), field.name)
        return [None if value is None else _category(value, field, row, kind) for row, value in _plain(values)]
    reader = _READERS[field.type]
    return np.array([math.nan if one is None else reader(one, field, row) for row, one in _plain(values)], np.float64)


def _quick(series: Any, field: Field) -> Array | None:
    """A column of pandas whose dtype says that nothing can be wrong but infinity; else ``None``."""
    import pandas as pd

    kind = getattr(series.dtype, "kind", "O")
    if isinstance(series.dtype, pd.CategoricalDtype):
        return None
    if field.type == "date" and kind == "M":
        plain = series.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(series.dt, "tz", None) else series
        moments = plain.to_numpy().astype("datetime64[us]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / _A_DAY)
    wanted = {"number": "iuf", "integer": "iu", "boolean": "b"}.get(field.type, "")
    if kind not in wanted or (kind == "b" and field.type != "boolean"):
        return None
    found: Array = series.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(found))
    if len(infinite):
        raise _refused(field, int(infinite[0]), float(found[infinite[0]]), "a finite number")
    return found


def _quick_texts(series: Any, field: Field) -> list[Scalar | None] | None:
    """A column of pandas that holds nothing but texts, for categories that are texts; else ``None``."""
    import pandas as pd

    is_text = not field.categories or type(field.categories[0]) is str
    if not is_text or pd.api.types.infer_dtype(series, skipna=True) != "string":
        return None
    codes, distinct = pd.factorize(series)
    found: list[Scalar | None] = np.array([*distinct, None], dtype=object)[codes].tolist()  # -1, the last, is missing
    return found


def _plain(values: Any) -> list[tuple[int, Any]]:
    """Each value with its row: ``None`` for a missing one, and Python's own types for NumPy's."""
    return list(enumerate(plain_values(values)))


def plain_values(values: Any) -> list[Any]:
    """Return values as Python's own, ``None`` for a missing one of any kind."""
    found = values.astype(object).tolist() if hasattr(values, "iloc") else values
    return [_plain_value(value) for value in found]


def _plain_value(value: Any) -> Any:
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else value.astype("datetime64[us]").item()
    if isinstance(value, np.generic):
        value = value.item()
    name = type(value).__name__
    if name in ("NAType", "NaTType") or (type(value) is float and value != value):
        return None
    return value


def _number(value: Any, field: Field, row: int) -> float:
    if type(value) is str and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    elif type(value) is int and abs(value) >= 2**1023:
        value = math.inf
    if type(value) not in (int, float):
        raise _refused(field, row, value, "a number")
    if not math.isfinite(value):
        raise _refused(field, row, value, "a finite number")
    return float(value)


def _integer(value: Any, field: Field, row: int) -> float:
    found = _number(value, field, row)
    if not found.is_integer():
        raise _refused(field, row, value, "a whole number")
    return found


def _boolean(value: Any, field: Field, row: int) -> float:
    if type(value) not in (bool, int, float) or value not in (0, 1):
        raise _refused(field, row, value, "true or false")
    return float(value)


def _date(value: Any, field: Field, row: int) -> float:
    if type(value) is str:
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise _refused(field, row, value, "a date as ISO 8601, such as '2024-05-31'") from None
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        microseconds: int = (value - _EPOCH) // timedelta(microseconds=1)
        return microseconds / _A_DAY
    if isinstance(value, date):
        return float((value - _EPOCH.date()).days)
    raise _refused(field, row, value, "a date as ISO 8601, such as '2024-05-31'")


def _category(value: Any, field: Field, row: int, kind: str) -> Scalar:
    if kind == "text" and type(value) is str:
        return value
    if kind == "boolean" and type(value) is bool:
        return value
    if kind == "number" and type(value) in (int, float) and math.isfinite(value):
        return as_category(value)
    wanted = {"text": "a text", "boolean": "true or false", "number": "a number"}[kind]
    example = f", such as {field.categories[0]!r}" if field.categories else ""
    raise _refused(field, row, value, wanted + example)


def as_category(value: Scalar) -> Scalar:
    """Return a value as a vocabulary has it: 3.0, which pandas makes of 3 beside a missing value, is 3."""
    return int(value) if type(value) is float and value.is_integer() and abs(value) < 2**53 else value


_READERS: dict[str, Callable[[Any, Field, int], float]] = {
    "number": _number, "integer": _integer, "boolean": _boolean, "date": _date,
}  # fmt: skip


def _refused(field: Field, row: int, value: Any, wanted: str) -> ValueError:
    kind = "" if type(value) in (str, float) else f" ({type(value).__name__})"
    return ValueError(
        f"The column {field.name!r} has {value!r:.60}{kind} in row {row}, counted from 0, and its values are each "
        f"{wanted}. A missing one is None."
    )
