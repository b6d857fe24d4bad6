"""Running: a server until it is stopped, which answers what it has begun."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Literal

from neurokit.arguments import check_choice, check_count, check_number, suggests_arguments
from neurokit.bundle import Bundle, load_bundle
from neurokit.serve.app import create_app
from neurokit.serve.limits import ServeLimits
from neurokit.serve.requests import Unknown
from neurokit.serve.warming import warm

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Config, Server

logger = logging.getLogger("neurokit.serve")

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
_PATIENCE = 20  # seconds that a request under way has, once the server is told to stop
_LEVELS = ("debug", "info", "warning", "error")


@suggests_arguments
def run(
    bundle: Bundle | str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: ServeLimits | None = None,
    unknown: Unknown = "refuse",
    explanations: bool = True,
    micro_batching: bool = True,
    allowed_hosts: Sequence[str] | str | None = None,
    drain: float = 0.0,
    log_level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Serve a bundle until SIGINT or SIGTERM; requests under way are answered first.

    It listens on this machine alone unless told otherwise, and has no passwords: put what has in front of it before
    others reach it. On the loopback it answers only to this machine's names, so that a page elsewhere cannot ask it.
    The signal then ends the process under its own name: 143 to a shell for SIGTERM, a KeyboardInterrupt for SIGINT.

    Args:
        bundle: What ``nk.load_bundle`` returned, or its folder.
        host: Where to listen; ``"0.0.0.0"`` is every address of this machine.
        port: Which port; 0 takes a free one, which the log tells.
        limits: What a request may ask for.
        unknown: As in ``create_app``.
        explanations: As in ``create_app``.
        micro_batching: As in ``create_app``.
        allowed_hosts: The names under which it may be asked; ``None`` is those of this machine on the loopback, and
            any elsewhere.
        drain: Seconds in which it still answers after the signal while ``/health`` says 503, so that whoever balances
            load sends nothing more. A second signal ends them.
        log_level: ``"info"`` logs every request, ``"warning"`` only what is wrong; ``"debug"`` adds the messages of
            exceptions, which may quote rows.

    Raises:
        OSError: If the port is taken, or the address none of this machine's.
        ValueError: If the folder holds no bundle, or an argument is out of its range.

    Example:
        >>> run("runs/titanic", port=8000)  # doctest: +SKIP
    """
    from neurokit.serve.logs import logged_as_json

    check_count("port", port, 0, such_as=8000)
    if port >= 1 << 16:
        raise ValueError(f"port is 0 to 65535, got {port}. Pass port=8000, for instance, or 0 for a free one.")
    check_number("drain", drain, "a number of 0 or more", lambda seconds: seconds >= 0, such_as=5)
    check_choice("log_level", log_level, _LEVELS)
    local = host in _LOOPBACK
    served = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    app = create_app(
        served, limits=limits, unknown=unknown, explanations=explanations, micro_batching=micro_batching,
        allowed_hosts=_LOOPBACK if local and allowed_hosts is None else allowed_hosts,
    )  # fmt: skip
    listening = _listen(host, port)
    with logged_as_json(log_level), _one_thread():
        _serve(app, listening, host, drain)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have torch compute in one thread: batches come one after the other, and the requests want the other cores."""
    torch = sys.modules.get("torch")  # where a program needs it, the bundle has loaded it
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _serve(app: FastAPI, listening: socket.socket, host: str, drain: float) -> None:
    import uvicorn

    warm(app)
    if host not in _LOOPBACK:
        logger.warning("Listening on %s: whoever reaches this address can ask the model. There are no passwords.", host)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"
    logger.info("Serving %s at %s", app.title, address, extra={"address": address, "model_version": app.version})
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_PATIENCE, lifespan="on",
    )  # fmt: skip
    _server(config, app, drain).run(sockets=[listening])


def _server(config: Config, app: FastAPI, drain: float) -> Server:
    """A server that says on ``/health`` that it was told to stop, and goes on for a while."""
    import uvicorn

    class Draining(uvicorn.Server):
        until = 0.0  # by the monotonic clock

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            first = not app.state.condition.stopping
            app.state.condition.stopping = True
            self.until = time.monotonic() + drain if first else 0.0
            super().handle_exit(sig, frame)

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) and time.monotonic() >= self.until

    return Draining(config)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, or an error in one sentence."""
    found = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        if os.name != "nt":  # there it would share a port that is taken
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2048)
    except OSError as error:
        if found is not None:
            found.close()
        is_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        mend = "Choose another port, or 0 for a free one" if is_port else "Choose another host"
        raise OSError(error.errno, f"Cannot listen on {host}:{port}: {error.strerror or error}. {mend}.") from error
    return found
