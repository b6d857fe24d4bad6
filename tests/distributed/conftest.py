"""How these tests start real processes: by torchrun, over gloo, on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).parent / "scripts"
collect_ignore_glob = ["scripts/*"]
Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def launch() -> Launch:
    """Run a script in several processes; its output is shown where a test fails."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("needs torch.distributed with gloo, and this torch was built without")

    def run(script: str, *arguments: object, processes: int = 2, nodes: int = 1, restarts: int = 0, **environment: str):
        meeting = ["--standalone"]
        if nodes > 1:  # an agent for each, as on several machines
            meeting = [f"--nnodes={nodes}", "--rdzv-backend=c10d", "--rdzv-id=test", "--local-addr=127.0.0.1"]
            meeting.append(f"--rdzv-endpoint=127.0.0.1:{free_port()}")
        command = [
            sys.executable, "-m", "torch.distributed.run", *meeting, f"--nproc-per-node={processes}",
            f"--max-restarts={restarts}", str(SCRIPTS / script), *map(str, arguments),
        ]  # fmt: skip
        quiet = {"OMP_NUM_THREADS": "1", "NEUROKIT_TIMEOUT": "60", "TORCH_CPP_LOG_LEVEL": "ERROR"}

        def agent(_: int) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=120, env=os.environ | quiet | environment, check=False
            )

        with ThreadPoolExecutor(nodes) as pool:
            done = list(pool.map(agent, range(nodes)))
        out, errors = "".join(one.stdout for one in done), "".join(one.stderr for one in done)
        print(out, errors)  # noqa: T201
        return subprocess.CompletedProcess(command, max(abs(one.returncode) for one in done), out, errors)

    return run


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
