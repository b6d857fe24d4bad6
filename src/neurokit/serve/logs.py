"""Logs: one JSON object a line, on stderr, about requests and never about what rows held."""

from __future__ import annotations

import json
import logging
import random
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("neurokit.serve")

_PLAIN = frozenset(vars(logging.makeLogRecord({})))
_numbers = random.Random()  # of requests: nobody else's stream, and no secret


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time, level, message, and what was passed as ``extra``.

    Of an exception it tells the class and where it came from. Its message may quote a row, so only ``debug`` shows it.

    Args:
        messages: Whether the messages of exceptions are shown.
    """

    def __init__(self, messages: bool = False) -> None:
        super().__init__()
        self._messages = messages

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in _PLAIN and name != "color_message"}
        if record.exc_info and record.exc_info[1] is not None:
            told["exception"] = self._raised(record.exc_info[1])
        return json.dumps(told, default=str)

    def _raised(self, error: BaseException) -> dict[str, Any]:
        frames = traceback.extract_tb(error.__traceback__)
        told: dict[str, Any] = {
            "class": type(error).__name__,
            "frames": [f"{one.filename}:{one.lineno} in {one.name}" for one in frames],
        }
        if self._messages:
            told["message"] = str(error)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return told if cause is None else told | {"because": self._raised(cause)}


@contextmanager
def logged_as_json(level: str = "info") -> Iterator[None]:
    """Have neurokit's and uvicorn's logs written to stderr as JSON, and leave their loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("neurokit", "uvicorn")]
    before = [(one, one.handlers, one.propagate, one.level) for one in loggers]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(messages=level == "debug"))
    for one in loggers:
        one.handlers, one.propagate = [handler], False
        one.setLevel(level.upper())
    try:
        yield
    finally:
        for one, handlers, propagate, number in before:
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(number)


class RequestLog:
    """Middleware that logs each request once it is answered, and gives it an id that the answer carries.

    Args:
        app: What it is around.
        version: The model's.
    """

    def __init__(self, app: Any, version: str) -> None:
        self.app, self.version = app, version

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, and log how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, request_id = time.perf_counter(), f"{_numbers.getrandbits(48):012x}"
        scope.setdefault("state", {})["request_id"] = request_id
        told: dict[str, Any] = {"status": 500}

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            status = told["status"]
            level = logging.ERROR if status >= 500 and status not in (501, 503) else logging.INFO
            logger.log(
                level, "%s %s %s", scope["method"], scope["path"], status,
                extra={
                    "request_id": request_id, "method": scope["method"], "path": scope["path"], "status": status,
                    "milliseconds": round(1000 * (time.perf_counter() - began), 2),
                    "rows": scope["state"].get("rows"), "model_version": self.version,
                },
            )  # fmt: skip
