"""Running: a server until it is stopped, which answers what it has begun."""

from __future__ import annotations

import errno
import logging
import os
import socket

from neurokit.arguments import check_count, suggests_arguments
from neurokit.bundle import Bundle, load_bundle
from neurokit.serve.app import create_app
from neurokit.serve.limits import ServeLimits

logger = logging.getLogger("neurokit.serve")

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
_PATIENCE = 20  # seconds that a request under way has, once the server is told to stop


@suggests_arguments
def run(
    bundle: Bundle | str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: ServeLimits | None = None,
    micro_batching: bool = True,
    log_level: str = "info",
) -> None:
    """Serve a bundle until SIGINT or SIGTERM; requests under way are answered first.

    It listens on this machine alone unless told otherwise, and has no passwords: put what has in front of it before
    others reach it. On the loopback it answers only to this machine's names, so that a page elsewhere cannot ask it.

    Args:
        bundle: What ``nk.load_bundle`` returned, or its folder.
        host: Where to listen; ``"0.0.0.0"`` is every address of this machine.
        port: Which port; 0 takes a free one, which the log tells.
        limits: What a request may ask for.
        micro_batching: As in ``create_app``.
        log_level: ``"info"`` logs every request, ``"warning"`` only what is wrong.

    Raises:
        OSError: If the port is taken, or the address none of this machine's.
    """
    from neurokit.serve.logs import log_as_json

    check_count("port", port, 0, such_as=8000)
    local = host in _LOOPBACK
    served = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    if served.kind != "onnx":
        import torch

        torch.set_num_threads(1)  # batches come one after the other, and the requests want the other cores
    app = create_app(served, limits=limits, micro_batching=micro_batching, allowed_hosts=_LOOPBACK if local else None)
    import uvicorn

    listening = _listen(host, port)
    log_as_json(log_level)
    if not local:
        logger.warning("Listening on %s: whoever reaches this address can ask the model. There are no passwords.", host)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"
    logger.info("Serving %s at %s", app.title, address, extra={"address": address, "model_version": app.version})
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_PATIENCE, lifespan="on",
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, or an error in one sentence."""
    found = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
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
