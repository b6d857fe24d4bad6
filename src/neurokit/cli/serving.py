"""serve: a bundle behind an address."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.cli.parser import Commands, number_that


def add(commands: Commands) -> None:
    """Add the command."""
    serve = commands.add(
        "serve",
        run,
        "serve a bundle over HTTP, with a page to try it",
        "Serve a bundle until it is stopped: POST /predict and /explain, GET /model and /health, a page to try it at / "
        "and a description at /docs. It listens on this machine alone unless --host says otherwise, and has no "
        "passwords. Logs are JSON on stderr.",
        "neurokit serve runs/titanic --port 8000",
    )
    serve.add_argument("bundle", type=Path, help="the bundle's folder")
    serve.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s); 0.0.0.0 is every address")
    serve.add_argument("--port", type=int, default=8000, help="which port (%(default)s); 0 takes a free one")
    serve.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info",
        help="what is logged (%(default)s); debug shows the messages of exceptions, which may quote rows",
    )  # fmt: skip
    serve.add_argument(
        "--unknown", choices=["refuse", "allow"], default="refuse",
        help="what becomes of a category that training rows did not have (%(default)s)",
    )  # fmt: skip
    serve.add_argument("--no-explanations", action="store_true", help="answer no /explain")
    seconds = number_that(lambda number: 0 <= number < math.inf, "seconds, 0 or more")
    serve.add_argument(
        "--drain", type=seconds, default=0.0, metavar="SECONDS",
        help="answer for so long after the signal to stop, while /health says 503 (%(default)s)",
    )  # fmt: skip
    serve.add_argument("--no-batching", action="store_true", help="predict the rows of each request by themselves")
    serve.add_argument("--dockerfile", action="store_true", help="print a Dockerfile for the bundle, and serve nothing")


def run(options: argparse.Namespace) -> int:
    """Serve, or print the Dockerfile."""
    if not 0 <= options.port < 1 << 16:
        raise CommandError(Exit.USAGE, f"--port is 0 to 65535, got {options.port}.")
    with ending_with(Exit.DATA):
        from neurokit.serve import dockerfile

        if options.dockerfile:
            print(dockerfile(options.bundle, port=options.port or 8000), end="")
            return Exit.DONE
        from neurokit.bundle import load_bundle

        bundle = load_bundle(options.bundle)
    from neurokit.serve import run as serve

    serve(
        bundle, host=options.host, port=options.port, micro_batching=not options.no_batching,
        log_level=options.log_level, unknown=options.unknown, explanations=not options.no_explanations,
        drain=options.drain,
    )  # fmt: skip
    return Exit.DONE
