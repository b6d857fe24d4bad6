"""The app: a bundle's predictions, explanations and description over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from neurokit.arguments import check_choice, check_flag, suggests_arguments
from neurokit.bundle import Bundle, load_bundle
from neurokit.serve import answers
from neurokit.serve.batching import Batcher
from neurokit.serve.body import read_body
from neurokit.serve.description import description, summary
from neurokit.serve.document import asking, declare, declared
from neurokit.serve.errors import MEANINGS, RequestError, body_of
from neurokit.serve.hosts import HostCheck
from neurokit.serve.limits import ServeLimits
from neurokit.serve.logs import RequestLog, logger
from neurokit.serve.pages import docs_page, form_page, nonce, page_headers
from neurokit.serve.requests import Unknown, example_row, plain_rows, request_model

HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip


@dataclass
class Condition:
    """How a server is.

    Attributes:
        stopping: It was told to stop, and only ends what it began.
        under_way: Requests that are being answered.
        started: When it began, by the monotonic clock.
    """

    stopping: bool = False
    under_way: int = 0
    started: float = field(default_factory=time.monotonic)


@suggests_arguments
def create_app(
    bundle: Bundle | str | os.PathLike[str],
    *,
    limits: ServeLimits | None = None,
    unknown: Unknown = "refuse",
    explanations: bool = True,
    micro_batching: bool = True,
    allowed_hosts: Sequence[str] | str | None = None,
) -> FastAPI:
    """Return the app that serves a bundle: ``GET /health``, ``GET /model``, ``POST /predict``, ``POST /explain``.

    ``GET /`` is a page to try it, ``GET /docs`` describes the rest, ``GET /openapi.json`` does so for programs.
    Requests are ``{"rows": [...]}``, their models made from the bundle: unknown and missing fields, other types, and
    numbers that are not finite are answered with 422 and the name of the field. A column in which training rows had
    missing values may be left out, or be null. No error repeats what a request held.

    Args:
        bundle: What ``nk.load_bundle`` returned, or its folder.
        limits: What a request may ask for.
        unknown: What becomes of a category that training rows did not have: ``"refuse"`` answers with 422 and the
            nearest that they had, ``"allow"`` lets the model answer as for every unknown one.
        explanations: Whether ``/explain`` answers. It needs torch and shap.
        micro_batching: Predict rows of requests together that arrive while the model is at work.
        allowed_hosts: The names under which it may be asked, ``*`` and ``None`` being all; ``nk.serve.run`` gives those
            of this machine.

    Raises:
        ValueError: If the folder holds no bundle, or ``unknown`` is neither.

    Example:
        >>> app = create_app("runs/titanic")  # doctest: +SKIP
    """
    check_choice("unknown", unknown, ("refuse", "allow"))
    check_flag("explanations", explanations)
    check_flag("micro_batching", micro_batching)
    served = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    limits = limits or ServeLimits()
    version, example, condition = served.version, example_row(served), Condition()
    why_not = answers.cannot_explain(served, bool(explanations))
    predicting = request_model(served, limits.rows, "PredictRequest", unknown)
    explaining = request_model(served, limits.explained_rows, "ExplainRequest", unknown)
    batch_rows = limits.batch_rows if micro_batching else 1
    predict = Batcher(lambda rows: answers.predict(served, rows), batch_rows, limits.queued_rows)
    explain = Batcher(
        lambda rows: answers.explain(served, rows), 1, sys.maxsize, queued_requests=limits.queued_explanations
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        condition.stopping, condition.started = False, time.monotonic()  # it may be started again
        yield
        condition.stopping = True
        await predict.close()
        await explain.close()

    app = FastAPI(
        title=served.name, version=version, summary=summary(served), lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url="/openapi.json", redirect_slashes=False,
    )  # fmt: skip

    def answered(status: int, body: Any, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse(body, status_code=status, headers={**HEADERS, **(headers or {})})

    def refused(error: RequestError) -> JSONResponse:
        return answered(error.status, body_of(error.status, error.message, version, error.fields), error.headers)

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> JSONResponse:
        message = MEANINGS.get(error.status_code, str(error.detail))
        return answered(error.status_code, body_of(error.status_code, message, version), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_odd_request(_: Request, __: RequestValidationError) -> JSONResponse:
        return answered(422, body_of(422, MEANINGS[422], version))

    @app.exception_handler(Exception)
    async def on_failure(request: Request, error: Exception) -> JSONResponse:
        told = request.state.request_id
        logger.error("The server failed.", exc_info=error, extra={"request_id": told})
        return answered(500, body_of(500, f"{MEANINGS[500]} It is {told}.", version))

    async def serve(request: Request, model: Any, work: Batcher, key: str) -> JSONResponse:
        if condition.under_way >= limits.requests:
            return refused(RequestError(503, "Too many requests are under way.", headers={"Retry-After": "1"}))
        condition.under_way += 1
        try:
            rows = plain_rows(await read_body(request, model, limits.body_bytes, limits.body_seconds))
            request.state.rows = len(rows)
            found = await _unless_they_leave(request, work.submit(rows))
            answers.refuse_not_finite(found)
            return answered(200, {key: found, "model_version": version})
        except RequestError as error:
            return refused(error)
        except ClientDisconnect:  # nobody reads it; the log does
            return answered(499, body_of(499, "Whoever asked has left.", version))
        except Exception:
            logger.exception("The model failed.", extra={"request_id": request.state.request_id})
            return answered(500, body_of(500, f"{MEANINGS[500]} It is {request.state.request_id}.", version))
        finally:
            condition.under_way -= 1

    @app.post(
        "/predict", response_model=answers.predict_answer(served),
        responses=declared(400, 408, 413, 415, 422, 500, 503), openapi_extra=asking(predicting, example),
        tags=["model"], summary="What the model says of rows",
        response_description="One prediction for each row, in their order.",
    )  # fmt: skip
    async def post_predict(request: Request) -> JSONResponse:
        return await serve(request, predicting, predict, "predictions")

    @app.post(
        "/explain", response_model=answers.ExplainAnswer, responses=declared(400, 408, 413, 415, 422, 500, 503),
        openapi_extra=asking(explaining, example), tags=["model"],
        summary="Why it says so: what each column contributed",
        response_description="One explanation for each row, in their order.",
        include_in_schema=why_not is None,  # a path that only says 501 is none to offer
    )  # fmt: skip
    async def post_explain(request: Request) -> JSONResponse:
        if why_not is not None:
            return refused(RequestError(501, why_not))
        return await serve(request, explaining, explain, "explanations")

    @app.get(
        "/health", response_model=answers.Health, responses=declared(400, 500, 503), tags=["server"],
        summary="Is it there?", response_description="It is, and will go on answering.",
    )  # fmt: skip
    async def get_health() -> JSONResponse:
        """Whether the server answers, and will go on doing so."""
        if condition.stopping:
            return refused(RequestError(503, "The server is stopping.", headers={"Retry-After": "5"}))
        seconds = round(time.monotonic() - condition.started, 3)
        return answered(200, {"status": "ok", "seconds": seconds, "model_version": version})

    @app.get(
        "/model", response_model=answers.ModelAnswer, responses=declared(400, 500), tags=["model"],
        summary="What is served", response_description="Fields, classes, metrics, limits and the model card.",
    )  # fmt: skip
    async def get_model() -> JSONResponse:
        """What is served."""
        return answered(200, description(served, limits, why_not, example, unknown))

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def get_page() -> HTMLResponse:
        own = nonce()
        page = form_page(served, why_not, example, own, unknown)
        return HTMLResponse(page, headers={**HEADERS, **page_headers(own)})

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def get_docs(request: Request) -> HTMLResponse:
        own = nonce()
        page = docs_page(app.openapi(), str(request.base_url).rstrip("/"), own)
        return HTMLResponse(page, headers={**HEADERS, **page_headers(own)})

    declare(app, predicting, *([explaining] if why_not is None else []))
    hosts = [allowed_hosts] if isinstance(allowed_hosts, str) else allowed_hosts
    if hosts is not None and "*" not in hosts:
        app.add_middleware(HostCheck, hosts=hosts, version=version)
    app.add_middleware(RequestLog, version=version)
    app.state.bundle, app.state.condition, app.state.why_not = served, condition, why_not
    app.state.predict, app.state.explain = predict, explain
    return app


async def _unless_they_leave(request: Request, answer: asyncio.Future[Any]) -> Any:
    """The answer; whoever leaves before it is there is no longer computed for.

    Raises:
        ClientDisconnect: If they do.
    """
    leaving = asyncio.ensure_future(_leaving(request))
    try:
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        answer.cancel()
        leaving.cancel()


async def _leaving(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
