"""How these tests start real processes: by torchrun, over gloo, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
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

    def run(script: str, *arguments: object, processes: int = 2, restarts: int = 0, **environment: str):
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
            f"--max-restarts={restarts}", str(SCRIPTS / script), *map(str, arguments),
        ]  # fmt: skip
        quiet = {"OMP_NUM_THREADS": "1", "NEUROKIT_TIMEOUT": "60", "TORCH_CPP_LOG_LEVEL": "ERROR"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=os.environ | quiet | environment, check=False
        )
        print(done.stdout, done.stderr)  # noqa: T201
        return done

    return run
