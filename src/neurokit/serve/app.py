"""The app: a bundle's predictions, explanations and description over HTTP."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from neurokit.arguments import suggests_arguments
from neurokit.bundle import Bundle, load_bundle
from neurokit.serve import answers
from neurokit.serve.batching import Batcher
from neurokit.serve.body import read_body
from neurokit.serve.errors import MEANINGS, ErrorAnswer, RequestError, body_of
from neurokit.serve.hosts import HostCheck
from neurokit.serve.limits import ServeLimits
from neurokit.serve.logs import RequestLog, logger
from neurokit.serve.pages import docs_page, form_page, nonce
from neurokit.serve.requests import example_row, plain_rows, request_model

_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@suggests_arguments
def create_app(
    bundle: Bundle | str | os.PathLike[str],
    *,
    limits: ServeLimits | None = None,
    micro_batching: bool = True,
    allowed_hosts: Sequence[str] | None = None,
) -> FastAPI:
    """Return the app that serves a bundle: ``GET /health``, ``GET /model``, ``POST /predict``, ``POST /explain``.

    ``GET /`` is a page to try it, ``GET /docs`` describes the rest, ``GET /openapi.json`` does so for programs.
    Requests are ``{"rows": [...]}``, their models made from the bundle: unknown and missing fields, other types, and
    numbers that are not finite are answered with 422 and the name of the field. No error repeats what a request held.

    Args:
        bundle: What ``nk.load_bundle`` returned, or its folder.
        limits: What a request may ask for.
        micro_batching: Predict rows of requests together that arrive while the model is at work.
        allowed_hosts: The names under which it may be asked, ``*`` and ``None`` being all; ``nk.serve.run`` gives those
            of this machine.

    Raises:
        ValueError: If the folder holds no bundle.

    Example:
        >>> app = create_app("runs/titanic")  # doctest: +SKIP
    """
    served = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    limits = limits or ServeLimits()
    version, started = served.version, time.monotonic()
    why_not = answers.cannot_explain(served)
    predicting = request_model(served, limits.rows, "PredictRequest")
    explaining = request_model(served, limits.explained_rows, "ExplainRequest")
    batch_rows = limits.batch_rows if micro_batching else 1
    predict = Batcher(lambda rows: answers.predict(served, rows), batch_rows, limits.queued_rows)
    explain = Batcher(lambda rows: answers.explain(served, rows), 1, limits.queued_explanations * limits.explained_rows)
    state = {"stopping": False}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        state["stopping"] = True
        await predict.close()
        await explain.close()

    app = FastAPI(
        title=served.name, version=version, summary=_summary(served), lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url="/openapi.json",
    )  # fmt: skip

    def answered(status: int, body: Any, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse(body, status_code=status, headers={**_HEADERS, **(headers or {})})

    def refused(error: RequestError) -> JSONResponse:
        return answered(error.status, body_of(error.status, error.message, version, error.fields), error.headers)

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> JSONResponse:
        message = MEANINGS.get(error.status_code, str(error.detail))
        return answered(error.status_code, body_of(error.status_code, message, version), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_odd_request(_: Request, __: RequestValidationError) -> JSONResponse:
        return answered(422, body_of(422, MEANINGS[422], version))

    async def serve(request: Request, model: Any, work: Callable[[list[Any]], Any], key: str) -> JSONResponse:
        try:
            if state["stopping"]:
                raise RequestError(503, "The server is stopping.", headers={"Retry-After": "1"})
            rows = plain_rows(await read_body(request, model, limits.body_bytes))
            request.state.rows = len(rows)
            return answered(200, {key: await work(rows), "model_version": version})
        except RequestError as error:
            return refused(error)
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("the model failed", extra={"request_id": request.state.request_id})
            return answered(500, body_of(500, f"{MEANINGS[500]} It is {request.state.request_id}.", version))

    def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
        return {status: {"model": ErrorAnswer, "description": MEANINGS[status]} for status in statuses}

    def asking(model: Any) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{model.__name__}"}
        content = {"application/json": {"schema": schema, "example": {"rows": [example_row(served)]}}}
        return {"requestBody": {"required": True, "content": content}}

    @app.post(
        "/predict", response_model=answers.PredictAnswer, responses=declared(400, 413, 415, 422, 500, 503),
        openapi_extra=asking(predicting), tags=["model"], summary="What the model says of rows",
    )  # fmt: skip
    async def post_predict(request: Request) -> JSONResponse:
        return await serve(request, predicting, predict, "predictions")

    @app.post(
        "/explain", response_model=answers.ExplainAnswer, responses=declared(400, 413, 415, 422, 500, 501, 503),
        openapi_extra=asking(explaining), tags=["model"], summary="Why it says so: what each column contributed",
    )  # fmt: skip
    async def post_explain(request: Request) -> JSONResponse:
        if why_not is not None:
            return refused(RequestError(501, why_not))
        return await serve(request, explaining, explain, "explanations")

    @app.get(
        "/health", response_model=answers.Health, responses=declared(400, 503), tags=["server"], summary="Is it there?"
    )
    async def get_health() -> JSONResponse:
        """Whether the server answers."""
        told = {"status": "stopping" if state["stopping"] else "ok", "seconds": round(time.monotonic() - started, 3)}
        if state["stopping"]:
            return answered(503, body_of(503, "The server is stopping.", version))
        return answered(200, {**told, "model_version": version})

    @app.get(
        "/model", response_model=answers.ModelAnswer, responses=declared(400), tags=["model"], summary="What is served"
    )
    async def get_model() -> JSONResponse:
        """What is served."""
        return answered(200, _model(served, limits, why_not, example_row(served), version))

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def get_page() -> HTMLResponse:
        own = nonce()
        return HTMLResponse(form_page(served, why_not, example_row(served), own), headers=_page_headers(own))

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        own = nonce()
        return HTMLResponse(docs_page(app.openapi(), own), headers=_page_headers(own))

    _declare(app, predicting, explaining)
    if allowed_hosts is not None and "*" not in allowed_hosts:
        app.add_middleware(HostCheck, hosts=list(allowed_hosts), version=version)
    app.add_middleware(RequestLog, version=version)
    app.state.bundle, app.state.predict = served, predict
    return app


def _summary(bundle: Bundle) -> str:
    asked = [f"{one.name or 'its answer'} ({one.kind or 'not known'})" for one in bundle.interface.questions]
    return f"Predicts {', '.join(asked)}."


def _model(bundle: Bundle, limits: ServeLimits, why_not: str | None, example: Any, version: str) -> dict[str, Any]:
    from dataclasses import asdict

    told = bundle.interface.to_dict()
    assessments = bundle.record.get("assessments") or {}
    metrics = {
        name: {
            metric: one.get("value") for metric, one in (found.get("metrics") or {}).items() if isinstance(one, dict)
        }
        for name, found in assessments.items()
    }
    return {
        "name": bundle.name, "kind": bundle.kind, "created": str(bundle.manifest.get("created", "")),
        "fields": None if bundle.fields is None else [one.to_dict() for one in bundle.fields],
        "inputs": told["inputs"], "targets": told["questions"], "explains": why_not is None, "why_not": why_not,
        "limits": asdict(limits), "metrics": _finite(metrics), "card": bundle.card, "example": example,
        "model_version": version,
    }  # fmt: skip


def _values(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: one.get("value") for name, one in metrics.items() if isinstance(one, dict)}


def _finite(value: Any) -> Any:
    """Plain values with null for what JSON has no word for."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            return None
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and value - value != 0 else value


def _page_headers(own: str) -> dict[str, str]:
    policy = f"default-src 'none'; style-src 'nonce-{own}'; script-src 'nonce-{own}'; connect-src 'self'; img-src data:"
    return {
        **_HEADERS,
        "Content-Security-Policy": f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    }


def _declare(app: FastAPI, *models: Any) -> None:
    """Put the models of requests into the OpenAPI document: FastAPI does not know of bodies that are read here."""

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
