from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start
torch.set_num_threads(1)
# A shell's job in the background ignores these, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT") and signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
_BROWSER_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _same_start_for_every_test() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")  # and not of the session: while it is open, an event loop runs in this thread
def browser() -> Iterator[Any]:
    """A real browser, which asks for nothing by itself."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="opens a browser by playwright: pip install playwright"
    )
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if chromium is None:
        pytest.skip("opens a browser, and there is no chromium or chrome in the PATH")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium, args=_BROWSER_FLAGS)
        yield running
        running.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and this machine has none"))
