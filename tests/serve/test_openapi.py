"""The server against its own description: what it declares is all that occurs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serve.conftest import Server


@pytest.mark.slow
def test_schemathesis_finds_nothing_with_its_default_checks(server: Server, tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "schemathesis"
    command = [str(script), "run", f"{server.url}/openapi.json", "--max-examples", "25", "--seed", "1", "--no-color"]

    done = subprocess.run(
        [*command, "--exclude-path", "/explain"], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=120, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "Tested: 3" in done.stdout


def test_every_status_is_declared_with_its_model(server: Server) -> None:
    _, document = server.ask("/openapi.json")
    declared = {
        path: {method: set(one["responses"]) for method, one in told.items()}
        for path, told in document["paths"].items()
    }

    assert declared["/predict"]["post"] == {"200", "400", "413", "415", "422", "500", "503"}
    assert declared["/explain"]["post"] == {"200", "400", "413", "415", "422", "500", "501", "503"}
    assert declared["/health"]["get"] == {"200", "400", "503"}
    assert declared["/model"]["get"] == {"200", "400"}


def test_rows_are_described_as_they_are_taken(server: Server) -> None:
    _, document = server.ask("/openapi.json")
    row = document["components"]["schemas"]["Row"]

    assert row["additionalProperties"] is False
    assert set(row["required"]) == {"class", "since", "alone", "rooms"}
    assert set(row["properties"]["class"]["enum"]) == {"first", "second & <b>last</b>", "drittes Ä"}
    assert row["properties"]["since"]["format"] == "date"
    assert "Training rows had" in row["properties"]["rooms"]["description"]
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert server.ask("/predict", json.loads(json.dumps(body["example"])))[0] == 200
