"""Document: what the server answers, as OpenAPI, for programs and for the page at ``/docs``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from neurokit.serve.errors import MEANINGS, ErrorAnswer


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a path that tell of errors, each with its model and meaning."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorAnswer, "description": MEANINGS[status]} for status in statuses
    }
    if 413 not in told:
        told[400]["description"] = "The Host header names another machine."
    if 503 in told:
        seconds = {"description": "Seconds to wait before asking again.", "schema": {"type": "string"}}
        told[503]["headers"] = {"Retry-After": seconds}
    return told


def asking(model: Any, example: Any) -> dict[str, Any]:
    """Return the part of a path that tells of its body: FastAPI does not know of bodies that are read here."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": schema, "example": {"rows": [example]}}}
    return {"requestBody": {"required": True, "content": content}}


def declare(app: FastAPI, *models: Any) -> None:
    """Put the models of requests into the document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in models:
                told = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
                schemas |= told.pop("$defs", {})
                schemas[model.__name__] = told
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
