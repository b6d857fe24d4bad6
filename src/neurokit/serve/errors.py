"""Errors: what goes wrong with a request, in one shape, naming fields and never repeating what they held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neurokit.arguments import nearest


class FieldError(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="Where it is, such as rows[3].age; empty for the body as a whole.")
    message: str


class ErrorDetail(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="A short name of the kind of error, which stays the same.")
    message: str
    fields: list[FieldError] = Field(default_factory=list)


class ErrorAnswer(BaseModel):
    """The answer to every request that is not served."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    error: ErrorDetail
    model_version: str


CODES = {
    400: "malformed", 404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large", 415: "media_type",
    422: "invalid", 499: "client_left", 500: "failed", 501: "not_available", 503: "busy",
}  # fmt: skip

MEANINGS = {
    400: "The body is no JSON: malformed, a key twice, nested too deeply; or the Host header names another machine.",
    404: "There is no such path.",
    405: "The path does not take this method; Allow says which it takes.",
    408: "The body did not arrive in time.",
    413: "The body is larger than is read.",
    415: "The body is not said to be application/json.",
    422: "A field is missing, unknown, of another type or out of its range.",
    500: "The model failed. The log says why, under the request's id.",
    501: "This server does not explain: the bundle, the installation or whoever runs it does not allow it.",
    503: "Too much is waiting, or the server is stopping. Ask again after the seconds in Retry-After.",
}


class RequestError(Exception):
    """The end of a request, with its status and what is said."""

    def __init__(
        self, status: int, message: str, fields: Sequence[FieldError] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.fields, self.headers = status, message, list(fields), headers or {}


def body_of(status: int, message: str, version: str, fields: Sequence[FieldError] = ()) -> dict[str, Any]:
    """Return the body of an answer that tells of an error."""
    code = CODES.get(status, "refused" if status < 500 else "failed")
    told = [{"field": one.field, "message": one.message} for one in fields]
    return {"error": {"code": code, "message": message, "fields": told}, "model_version": version}


_MOST_FIELDS = 20
_MOST_HINTS = 3  # looking for what was meant takes long where there are many categories
_LONGEST_NAME = 100  # of a field, which a request may make up


def invalid(error: ValidationError) -> RequestError:
    """Return what is said of a body that is no request: the first fields that are wrong, without what they held."""
    errors = error.errors(include_url=False)
    found = [
        FieldError(field=_path(one["loc"]), message=_sentence(one) + (_hint(one) if at < _MOST_HINTS else ""))
        for at, one in enumerate(errors[:_MOST_FIELDS])
    ]
    return _refused(found, len(errors))


def unknown_fields(row: int, names: Sequence[str]) -> RequestError:
    """Return what is said of a row that has these fields beside its own."""
    told = _sentence({"type": "extra_forbidden"})
    found = [FieldError(field=_path(("rows", row, name)), message=told) for name in names[:_MOST_FIELDS]]
    return _refused(found, len(names))


def _refused(found: Sequence[FieldError], count: int) -> RequestError:
    first = found[0]
    more = f" ({count - 1:,} more)" if count > 1 else ""
    return RequestError(422, f"{first.field or 'The body'}: {first.message}{more}", found)


def _hint(error: Any) -> str:
    """The nearest of a column's categories, which alone is told: never what was sent."""
    value, known = error["input"], error.get("ctx", {}).get("known", ())
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        return ""
    near = nearest(value, [one for one in known if isinstance(one, str)], 1)
    return f". Did you mean {near[0]!r}?" if near else ""


def _path(places: Sequence[str | int]) -> str:
    path = ""
    for place in places:
        if isinstance(place, str) and len(place) > _LONGEST_NAME:
            place = f"{place[:_LONGEST_NAME]}..."
        path += f"[{place}]" if isinstance(place, int) else f".{place}" if path else place
    return path


def _sentence(error: Any) -> str:
    kinds = {
        "missing": "this field is missing", "extra_forbidden": "there is no such field",
        "float_type": "takes a number", "int_type": "takes a whole number", "bool_type": "takes true or false",
        "finite_number": "takes a finite number", "string_type": "takes text",
        "model_type": "takes an object with a value for each field", "model_attributes_type": "takes an object",
        "list_type": "takes a list", "dict_type": "takes an object", "too_short": "has too few entries",
        "too_long": "has too many entries",
    }  # fmt: skip
    message = kinds.get(error["type"]) or str(error["msg"])
    return message[0].lower() + message[1:].replace("Input should be", "takes")
