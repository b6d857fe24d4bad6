"""The server against its own description: what it declares is all that occurs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serve.conftest import Server, served


def _schemathesis(server: Server, folder: Path, examples: int) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).parent / "schemathesis"
    command = [
        script,
        "run",
        f"{server.url}/openapi.json",
        "--max-examples",
        str(examples),
        "--seed",
        "1",
        "--no-color",
    ]
    return subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False, timeout=180,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip


@pytest.mark.slow
def test_schemathesis_finds_nothing_with_its_default_checks(
    server: Server, row: dict[str, Any], tmp_path: Path
) -> None:
    server.ask("/explain", {"rows": [row]})  # compiled by now: schemathesis waits ten seconds

    done = _schemathesis(server, tmp_path, 30)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "Tested: 4" in done.stdout


@pytest.mark.slow
def test_schemathesis_finds_nothing_in_a_server_of_arrays_that_does_not_explain(
    digits_folder: Path, tmp_path: Path
) -> None:
    with served(digits_folder) as running:
        done = _schemathesis(running, tmp_path, 10)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "Tested: 3" in done.stdout


def test_every_status_is_declared_with_its_model(server: Server) -> None:
    _, document = server.ask("/openapi.json")
    declared = {
        path: {method: set(one["responses"]) for method, one in told.items()}
        for path, told in document["paths"].items()
    }

    assert declared["/predict"]["post"] == {"200", "400", "408", "413", "415", "422", "500", "503"}
    assert declared["/explain"]["post"] == {"200", "400", "408", "413", "415", "422", "500", "503"}
    assert declared["/health"]["get"] == {"200", "400", "500", "503"}
    assert declared["/model"]["get"] == {"200", "400", "500"}


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


def test_answers_are_described_with_the_labels_there_are(server: Server) -> None:
    _, document = server.ask("/openapi.json")

    assert document["components"]["schemas"]["Prediction"]["properties"]["prediction"]["enum"] == ["no", "yes"]
    assert "Retry-After" in document["paths"]["/predict"]["post"]["responses"]["503"]["headers"]
