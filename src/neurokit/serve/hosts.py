"""Hosts: who may be meant by a request. A page elsewhere can have a browser ask this machine, under another name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from neurokit.serve.errors import body_of


class HostCheck:
    """Middleware that answers only to some names.

    Args:
        app: What it is around.
        hosts: The names, without ports.
        version: The model's.
    """

    def __init__(self, app: Any, hosts: Sequence[str], version: str) -> None:
        self.app, self.hosts = app, frozenset(one.lower() for one in hosts)
        self.body = json.dumps(body_of(400, "The Host header names another machine than this one.", version)).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _host(scope["headers"]) in self.hosts:
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def _host(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The name that a request was sent to: ``[::1]:8000`` is ``[::1]``."""
    told = next((value for name, value in headers if name == b"host"), b"").decode("latin-1").lower()
    return told[: told.find("]") + 1] if told.startswith("[") else told.partition(":")[0]
