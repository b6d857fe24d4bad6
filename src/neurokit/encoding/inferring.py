"""Inferring: which fields a table has, from its training rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from neurokit.arguments import check_choice, suggestions
from neurokit.encoding.field import TYPES, Field, FieldType
from neurokit.encoding.plain import Scalar, kind_of
from neurokit.encoding.reading import as_category, plain_values, read_column

MOST_LISTED = 1000  # categories of a field
_FEW = 20  # distinct texts that are never too many
_NEARLY_UNIQUE = 0.5  # of the rows


class Inferred(NamedTuple):
    """What a table's columns are.

    Attributes:
        fields: The columns to take, in the table's order.
        left_out: Those to leave out, each with the reason.
    """

    fields: tuple[Field, ...]
    left_out: dict[str, str]


def infer_fields(
    frame: Any, *, types: Mapping[str, str] | None = None, categories: Iterable[str] = (), keep: Iterable[str] = ()
) -> Inferred:
    """Return which fields a table has, and which columns say nothing that a model could learn.

    Whole numbers stay numbers, however few they are, unless ``categories`` or ``types`` says otherwise. Left out are
    columns without any value, and nearly unique texts such as names and identifiers: more than 20 distinct ones, and
    more than half as many as there are rows.

    Args:
        frame: A DataFrame of training rows, without the target.
        types: Types by column, where they are to be others than inferred.
        categories: Columns to take as categories; short for ``types``.
        keep: Columns to take although they would be left out.

    Raises:
        ValueError: If a column mixes types or a name is unknown.
    """
    names = [str(name) for name in frame.columns]
    odd = [name for name in frame.columns if type(name) is not str or not name]
    if odd:
        raise ValueError(f"A column is named {odd[0]!r}, and names are texts: frame.columns = frame.columns.map(str).")
    if len(set(names)) < len(names):
        raise ValueError(f"The column {Counter(names).most_common(1)[0][0]!r} occurs twice. Rename one of them.")
    types = {**(types or {}), **dict.fromkeys(categories, "category")}
    keep = set(keep)
    for name in [*types, *keep]:
        if name not in names:
            raise ValueError(f"There is no column {name!r}.{suggestions(str(name), names)} It has {', '.join(names)}.")
    for name, kind in types.items():
        check_choice(f"The type of {name!r}", kind, TYPES, float="number", int="integer", bool="boolean",
                     str="category", text="category", datetime="date")  # fmt: skip
    fields, left_out = [], {}
    for name in names:
        if frame[name].isna().all():
            left_out[name] = "it has no value in any training row"
            continue
        kind = types.get(name) or _type_of(frame[name], name)
        field = _field(frame[name], name, kind)  # type: ignore[arg-type]
        reason = _nearly_unique(frame[name]) if kind == "category" and name not in types else ""
        if reason and name not in keep:
            left_out[name] = reason
        else:
            fields.append(field)
    return Inferred(tuple(fields), left_out)


def _type_of(series: Any, name: str) -> FieldType:
    kind = getattr(series.dtype, "kind", "O")
    if kind in "biufM" and str(series.dtype) != "category":
        return {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date"}[kind]  # type: ignore[return-value]
    rows_by_type: dict[str, int] = {}
    for row, value in enumerate(plain_values(series)):
        if value is not None:
            rows_by_type.setdefault(_kind(value), row)
    if rows_by_type.keys() == {"integer", "number"}:
        return "number"
    if len(rows_by_type) > 1:
        (one, first), (other, second) = list(rows_by_type.items())[:2]
        raise ValueError(
            f"The column {name!r} mixes types: row {first} has {series.iloc[first]!r:.40} ({one}), row {second} has "
            f"{series.iloc[second]!r:.40} ({other}). Make it one type, such as frame[{name!r}].astype(str)."
        )
    found = next(iter(rows_by_type), "category")
    if found not in TYPES:
        raise ValueError(
            f"The column {name!r} holds {found}s, and a field is one of {', '.join(TYPES)}. Turn it into one of these "
            "(a span of time into its seconds), or leave it out."
        )
    return found  # type: ignore[return-value]


def _kind(value: Any) -> str:
    if isinstance(value, (datetime, date)):
        return "date"
    names = {bool: "boolean", int: "integer", float: "number", str: "category", timedelta: "timedelta"}
    return names.get(type(value), type(value).__name__)


def _nearly_unique(series: Any) -> str:
    known, distinct = int(series.notna().sum()), int(series.nunique())
    if distinct <= _FEW or distinct <= _NEARLY_UNIQUE * known:
        return ""
    return f"its texts are nearly unique ({distinct:,} distinct in {known:,} rows), as names and identifiers are"


def _field(series: Any, name: str, kind: FieldType) -> Field:
    nullable = bool(series.isna().any())
    if kind == "category":
        counts = Counter(_as_category(value, name) for value in plain_values(series) if value is not None)
        kind_of(list(counts), f"The column {name!r}")
        usual = [value for value, _ in counts.most_common(MOST_LISTED)]
        return Field(name, kind, nullable, tuple(sorted(usual)), example=usual[0])
    numbers = np.asarray(read_column(series, Field(name, kind)), np.float64)
    known = np.sort(numbers[~np.isnan(numbers)])
    low, high, middle = known[0], known[-1], known[(len(known) - 1) // 2]  # a value that occurs
    if kind == "boolean":
        return Field(name, kind, nullable, example=bool(known.mean() > 0.5))
    if kind == "date":
        return Field(name, kind, nullable, None, _iso(low), _iso(high), _iso(middle))
    example = int(middle) if kind == "integer" else float(middle)
    return Field(name, kind, nullable, None, float(low), float(high), example)


def _as_category(value: Any, name: str) -> Scalar:
    if type(value) not in (bool, int, float, str) or (type(value) is float and not math.isfinite(value)):
        kind = type(value).__name__
        raise ValueError(f"The column {name!r} holds {value!r:.40} ({kind}), which is no category. Turn it into text.")
    return as_category(value)


def _iso(days: float) -> str:
    moment = datetime(1970, 1, 1) + timedelta(microseconds=round(days * 86_400_000_000))
    return moment.isoformat() if days % 1 else moment.date().isoformat()
