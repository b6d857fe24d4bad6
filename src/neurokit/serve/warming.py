"""Warming: what is slow only once is done before anybody waits for it."""

from __future__ import annotations

import gc
import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from neurokit.serve import answers
from neurokit.serve.requests import example_row

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger("neurokit.serve")


def warm(app: FastAPI) -> None:
    """Predict an example, begin to explain one, and keep the garbage collector from what stays.

    The first prediction allocates what the others use again. The first explanation compiles for some ten seconds, which
    happens in its own thread while the server answers.
    """
    bundle = app.state.bundle
    row = example_row(bundle)
    try:
        answers.predict(bundle, [row])
    except Exception:
        logger.exception("The model fails for its own example. It is served, and may do better with other rows.")
    else:
        if app.state.why_not is None:
            app.state.explain.worker.begin([row]).add_done_callback(_keep)
    _keep()


def _keep(_: Future[Any] | None = None) -> None:
    """Take what is loaded by now, which lives as long as the process, from the collector.

    Each of its full passes over that would stop all requests for a quarter of a second.
    """
    gc.collect()
    gc.freeze()
