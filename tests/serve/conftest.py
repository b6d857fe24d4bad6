from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import neurokit as nk
from neurokit.architectures import TabularNet
from neurokit.encoding import TableEncoding, Target

FEATURES = ["age", "class", "since", "alone", "rooms"]


def table(rows: int = 200) -> pd.DataFrame:
    """Rows with every type of column, names that HTML and Python stumble over among them."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": np.where(generator.random(rows) < 0.1, np.nan, generator.random(rows) * 80),
            "class": generator.choice(["first", "second & <b>last</b>", "drittes Ä"], rows),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(0, 900, rows), unit="D"),
            "alone": generator.random(rows) < 0.5,
            "rooms": generator.integers(1, 9, rows),
        }
    )
    frame["kept"] = np.where((frame["class"] == "first") | (frame["rooms"] > 6), "yes", "no")
    return frame


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = table()
    encoding, target = TableEncoding.fit(frame[FEATURES]), Target.fit("kept", frame["kept"])
    x, y = encoding.transform(frame[FEATURES]), target.encode(frame["kept"])
    with nk.seeded(0):
        net = TabularNet(x["numbers"].shape[1], encoding.cardinalities, 1)
        trainer = nk.Trainer(net, loss="bce_with_logits", learning_rate=0.01)
        trainer.fit(x, y.astype(np.float32), epochs=10, verbose=0)
    folder = tmp_path_factory.mktemp("served") / "tenants"
    return nk.save_bundle(trainer, folder, encoding=encoding, target=target, background=frame[FEATURES].head(50))


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images = (x[:200] / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    with nk.seeded(0):
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        trainer = nk.Trainer(model, loss="cross_entropy")
        trainer.fit(images, y[:200], epochs=1, verbose=0)
    return nk.save_bundle(trainer, tmp_path_factory.mktemp("served") / "digits")


class Server:
    """A server in a process of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        code = (
            "import sys, json, neurokit as nk\noptions = json.loads(sys.argv[2])\n"
            "if 'limits' in options:\n    options['limits'] = nk.serve.ServeLimits(**options['limits'])\n"
            "nk.serve.run(sys.argv[1], port=0, **options)"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), json.dumps(options)], stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.lines: list[dict[str, Any]] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if "startup complete" in self.lines[-1]["message"]:
                break
        assert self.lines, "the server ended before it served"
        self.url = next(line["address"] for line in self.lines if "address" in line)
        self.port = int(self.url.rpartition(":")[2])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            is_log = line.startswith("{")  # Python itself says how Ctrl-C ended it
            self.lines.append(json.loads(line) if is_log else {"message": line})

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data=content, headers=given)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def begin(self, body: bytes, path: str = "/predict") -> socket.socket:
        """Send the first half of a request, and return the connection for the rest."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
        return client

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended, and return how."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=5)
        self.process.stderr.close()  # type: ignore[union-attr]
        return code


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[Server]:
    server = Server(folder, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def server(bundle_folder: Path) -> Iterator[Server]:
    with served(bundle_folder) as running:
        yield running


@pytest.fixture
def row() -> dict[str, Any]:
    return {"age": 30.5, "class": "first", "since": "2021-03-04", "alone": True, "rooms": 3}
