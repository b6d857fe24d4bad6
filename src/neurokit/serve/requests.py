"""Requests: models of what may be asked, made from a bundle's fields or inputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from neurokit.bundle import Bundle
    from neurokit.bundle.interface import Input
    from neurokit.encoding import Field as Column

_LARGEST = 3.4e38  # of single precision
_LARGEST_WHOLE = 2**53
_LONGEST = 1000  # characters of a category that nobody has seen
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?"
_SHOWN = 12
_MOST_LISTED = 1000
_MOST_ERRORS = 20_000  # that are found in one request; each takes half a kilobyte while they are counted

Unknown = Literal["refuse", "allow"]


class Request(BaseModel):
    """What all requests are: an object of known fields and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


def request_model(bundle: Bundle, rows: int, name: str, unknown: Unknown = "refuse") -> type[Request]:
    """Return the model of a request of up to so many rows.

    Args:
        bundle: What answers.
        rows: How many at most.
        name: What the model is called in the OpenAPI document.
        unknown: Whether a category that training rows did not have is refused.
    """
    row = row_type(bundle, unknown)
    length = Field(min_length=1, max_length=rows, description=f"1 to {rows:,} rows.")
    ends = [FailFast()] if rows * len(bundle.fields or ()) > _MOST_ERRORS else []  # with the first row that is wrong
    return create_model(name, __base__=Request, rows=(Annotated[list[row], length, *ends], ...))  # type: ignore[valid-type]


@cache
def names_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that a row of a request has; none where rows are lists."""
    (row,) = get_args(model.model_fields["rows"].annotation)
    is_object = isinstance(row, type) and issubclass(row, BaseModel)
    return frozenset(str(one.alias) for one in row.model_fields.values()) if is_object else frozenset()


def row_type(bundle: Bundle, unknown: Unknown = "refuse") -> Any:
    """Return the type of one row: an object with the columns of a table, or of several inputs, or nested lists."""
    if bundle.fields is not None:
        columns = {f"column_{at}": _column(one, unknown) for at, one in enumerate(bundle.fields)}
        return create_model("Row", __base__=Request, **columns)  # type: ignore[call-overload]
    if bundle.interface.passed == "alone":
        return _array(bundle.inputs[0])
    inputs = {f"input_{at}": (_array(one), Field(alias=one.name)) for at, one in enumerate(bundle.inputs)}
    return create_model("Row", __base__=Request, **inputs)  # type: ignore[call-overload]


def _column(column: Column, unknown: Unknown) -> tuple[Any, Any]:
    """A column's type and what the document says of it."""
    kinds = {"number": _number, "integer": _integer, "boolean": _boolean, "date": _date}
    kind = _category(column, unknown) if column.type == "category" else kinds[column.type](column)
    told = _told(column, unknown)
    examples = [] if column.example is None else [column.example]
    if column.nullable:
        return kind | None, Field(default=None, alias=column.name, description=told, examples=examples)
    return kind, Field(alias=column.name, description=told, examples=examples)


def _told(column: Column, unknown: Unknown) -> str:
    told = f"A {column.type}."
    if column.minimum is not None and column.maximum is not None:
        told += f" Training rows had {column.minimum} to {column.maximum}."
    if column.categories and takes_others(column, unknown):
        told += f" Training rows had {_shown(column.categories)}; another is read as not known."
    return told + (" null where it is missing." if column.nullable else "")


def takes_others(column: Column, unknown: Unknown) -> bool:
    """Return whether a category is taken that the field does not list: a field lists no more than a thousand."""
    return unknown == "allow" or len(column.categories or ()) >= _MOST_LISTED


def _number(_: Column) -> Any:
    return Annotated[float, Field(allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]


def _integer(column: Column) -> Any:
    bounds = [abs(int(one)) for one in (column.minimum, column.maximum) if isinstance(one, (int, float))]
    largest = max([_LARGEST_WHOLE, *bounds])

    def whole(value: Any) -> Any:
        return int(value) if type(value) is float and value.is_integer() else value  # 3.0 is a whole number in JSON

    return Annotated[int, Field(ge=-largest, le=largest), BeforeValidator(whole)]


def _boolean(_: Column) -> Any:
    return bool


def _category(column: Column, unknown: Unknown) -> Any:
    known = list(column.categories or ())
    if takes_others(column, unknown):
        return _of_the_kind_of(known)
    by_value = {(type(one) is bool, one): one for one in known}
    wanted = f"takes one of {_shown(known)}".replace("{", "(").replace("}", ")")  # braces would name a placeholder

    def one_of(value: Any) -> Any:
        if isinstance(value, (str, int, float, bool)) and (type(value) is bool, value) in by_value:
            return by_value[type(value) is bool, value]
        raise PydanticCustomError("category", wanted, {"known": known})

    return Annotated[Any, BeforeValidator(one_of), WithJsonSchema({"enum": known})]


def _of_the_kind_of(known: Sequence[Any]) -> Any:
    """What any category of a column is: a text, true or false, or a number, as those that are known."""
    if known and all(isinstance(one, bool) for one in known):
        return bool
    if known and not any(isinstance(one, (str, bool)) for one in known):
        return Annotated[float, Field(allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]
    return Annotated[str, Field(max_length=_LONGEST)]


def _shown(known: Sequence[Any]) -> str:
    return ", ".join(map(repr, known[:_SHOWN])) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")


def _date(column: Column) -> Any:
    """A date; where training dates had a time of day, with one or without."""
    timed = has_time(column)
    pattern = _DATE + (_TIME if timed else "")
    wanted = "a date, such as 2024-05-31" + (", or a moment, such as 2024-05-31T18:30:00" if timed else "")

    def iso(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise PydanticCustomError("date", f"takes {wanted}")
        try:
            return datetime.fromisoformat(value).isoformat() if timed else date.fromisoformat(value).isoformat()
        except ValueError:
            raise PydanticCustomError("date", "takes a date that the calendar has") from None

    schema = {"type": "string", "pattern": f"^{pattern}$"} if timed else {"type": "string", "format": "date"}
    return Annotated[str, BeforeValidator(iso), WithJsonSchema(schema)]


def has_time(column: Column) -> bool:
    """Return whether the dates of a column have a time of day."""
    return any(isinstance(one, str) and len(one) > 10 for one in (column.minimum, column.maximum, column.example))


def _array(one: Input) -> Any:
    """Nested lists of the shape of one row."""
    kind: Any
    if one.dtype.startswith("float"):
        kind = Annotated[float, Field(allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]
    elif one.dtype == "bool":
        kind = bool
    else:
        low, high = _range(one.dtype)
        kind = Annotated[int, Field(ge=low, le=high)]
    for size in reversed(one.shape):
        length = Field(min_length=1 if size is None else size, max_length=size)
        kind = Annotated[list[kind], length, FailFast()]  # one wrong number says enough of a thousand
    return kind


def _range(dtype: str) -> tuple[int, int]:
    import numpy as np

    told = np.iinfo(dtype)
    return max(int(told.min), -_LARGEST_WHOLE), min(int(told.max), _LARGEST_WHOLE)


def plain_rows(model: Any) -> list[Any]:
    """Return a request's rows as the bundle takes them: dicts by column, or nested lists."""
    return [one.model_dump(by_alias=True) if isinstance(one, BaseModel) else one for one in model.rows]


def example_row(bundle: Bundle) -> Any:
    """Return a row to try: usual values of each column, or zeros of the right shape."""
    if bundle.fields is not None:
        return {one.name: _example(one) for one in bundle.fields}
    zeros = {one.name: _zeros([1 if size is None else size for size in one.shape], one.dtype) for one in bundle.inputs}
    return zeros if bundle.interface.passed != "alone" else next(iter(zeros.values()))


def _example(column: Column) -> Any:
    if column.example is not None or column.nullable:
        return column.example
    return (column.categories or ("",))[0] if column.type == "category" else {"boolean": False}.get(column.type, 0)


def _zeros(shape: list[int], dtype: str) -> Any:
    zero: Any = 0.0 if dtype.startswith("float") else False if dtype == "bool" else 0
    return [_zeros(shape[1:], dtype) for _ in range(shape[0])] if shape else zero
