from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

import neurokit as nk
from neurokit.architectures import TabularNet
from neurokit.encoding import TableEncoding, Target
from serve.conftest import Server, served


def test_health_and_model_tell_what_is_served(server: Server, bundle_folder: Path) -> None:
    bundle = nk.load_bundle(bundle_folder)
    status, health = server.ask("/health")
    _, model = server.ask("/model")

    assert (status, health["status"], health["model_version"]) == (200, "ok", bundle.version)
    assert [one["name"] for one in model["fields"]] == ["age", "class", "since", "alone", "rooms"]
    assert model["targets"][0]["name"] == "kept"
    assert model["explains"]
    assert model["card"] == bundle.card


def test_predictions_are_the_bundles_in_their_order(server: Server, bundle_folder: Path, row: dict[str, Any]) -> None:
    rows = [row, row | {"rooms": 8}, row | {"age": None, "class": "drittes Ä", "alone": False}]
    bundle = nk.load_bundle(bundle_folder)

    status, answer = server.ask("/predict", {"rows": rows})

    assert status == 200
    assert [one["prediction"] for one in answer["predictions"]] == bundle.predict(rows).tolist()
    told = [list(one["probabilities"].values()) for one in answer["predictions"]]
    np.testing.assert_allclose(told, bundle.predict_proba(rows), atol=1e-6)
    assert answer["model_version"] == bundle.version
    assert answer["predictions"][0]["probability"] == max(told[0])


def test_explanations_add_up(server: Server, row: dict[str, Any]) -> None:
    status, answer = server.ask("/explain", {"rows": [row]})

    (told,) = answer["explanations"]
    sizes = [abs(one["contribution"]) for one in told["contributions"]]
    _, predicted = server.ask("/predict", {"rows": [row]})
    assert status == 200
    assert told["base"] + sum(one["contribution"] for one in told["contributions"]) == pytest.approx(told["output"])
    assert told["output"] == pytest.approx(predicted["predictions"][0]["probability"], abs=1e-5)
    assert sizes == sorted(sizes, reverse=True)
    assert {one["feature"] for one in told["contributions"]} == set(row)


GOOD = {"age": 30.5, "class": "first", "since": "2021-03-04", "alone": True, "rooms": 3}


def _with(**changes: Any) -> bytes:
    return json.dumps({"rows": [GOOD, GOOD | changes]}).encode()


def _without(name: str) -> bytes:
    return json.dumps({"rows": [{key: value for key, value in GOOD.items() if key != name}]}).encode()


WRONG: dict[str, tuple[bytes, int, str]] = {
    "NaN": (_with(age=float("nan")), 422, "rows[1].age"),
    "infinity": (_with(age=float("inf")), 422, "rows[1].age"),
    "minus infinity": (_with(age=float("-inf")), 422, "rows[1].age"),
    "too large to be a number": (_with(age=0).replace(b'"age": 0', b'"age": 1e999'), 422, "rows[1].age"),
    "beyond single precision": (_with(age=1e300), 422, "rows[1].age"),
    "a thousand digits": (_with(rooms=10**1000), 422, "rows[1].rooms"),
    "text for a number": (_with(age="30"), 422, "rows[1].age"),
    "truth for a number": (_with(age=True), 422, "rows[1].age"),
    "a fraction for a whole number": (_with(rooms=3.5), 422, "rows[1].rooms"),
    "a number for truth": (_with(alone=1), 422, "rows[1].alone"),
    "null where it is known": (_with(rooms=None), 422, "rows[1].rooms"),
    "an unknown category": (_with(**{"class": "frist"}), 422, "rows[1].class"),
    "a list for a category": (_with(**{"class": ["first"]}), 422, "rows[1].class"),
    "no date": (_with(since="yesterday"), 422, "rows[1].since"),
    "a date that is none": (_with(since="2021-02-30"), 422, "rows[1].since"),
    "a missing field": (_without("rooms"), 422, "rows[0].rooms"),
    "an extra field": (_with(salary=1), 422, "rows[1].salary"),
    "an extra field of unicode": (_with(**{"Größe\u202e🙂": 1}), 422, "rows[1].Größe\u202e🙂"),
    "a row that is a number": (b'{"rows": [3]}', 422, "rows[0]"),
    "rows that are none": (b'{"rows": 3}', 422, "rows"),
    "no rows": (b'{"rows": []}', 422, "rows"),
    "too many rows": (json.dumps({"rows": [GOOD] * 1001}).encode(), 422, "rows"),
    "nothing asked": (b"{}", 422, "rows"),
    "something else asked": (_with()[:-1] + b', "data": 1}', 422, "data"),
    "a list": (b"[]", 422, ""),
    "null": (b"null", 422, ""),
    "an empty body": (b"", 400, ""),
    "no JSON": (b"rows=3", 400, ""),
    "half a body": (_with()[:40], 400, ""),
    "no UTF-8": (b'{"rows": "\xff"}', 400, ""),
    "a key twice": (b'{"rows": [], "rows": []}', 400, ""),
    "deep JSON": (b'{"rows": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, ""),
    "a body that is too large": (b'{"rows": [' + b" " * (4 << 20) + b"]}", 413, ""),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_what_is_wrong_is_answered_with_its_field(path: str, name: str, server: Server) -> None:
    body, status, field = WRONG[name]

    found, answer = server.ask(path, body)

    error = answer["error"]
    assert (found, answer.keys()) == (status, {"error", "model_version"})
    if field:
        assert error["fields"][-1]["field"] == field or field in [one["field"] for one in error["fields"]]
        assert field in error["message"]
    assert "frist" not in json.dumps(answer)
    assert "yesterday" not in json.dumps(answer)
    assert server.ask("/health")[0] == 200


def test_other_mistakes_of_a_client_have_their_status(server: Server) -> None:
    assert server.ask("/predict", _with(), {"content-type": "text/csv"})[0] == 415
    assert server.ask("/nowhere")[0] == 404
    assert server.ask("/predict")[0] == 405
    assert server.ask("/health", headers={"host": "evil.example"})[1]["error"]["message"].startswith("The Host header")


def test_a_body_without_a_length_is_not_read_for_ever(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(400):
                client.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            answer = client.recv(4096)
        except ConnectionResetError:
            answer = b"HTTP/1.1 413"

    assert b" 413" in answer.splitlines()[0]


def test_logs_are_json_and_hold_no_data(server: Server, row: dict[str, Any]) -> None:
    server.ask("/predict", {"rows": [row | {"age": 77.125}]})
    time.sleep(0.2)

    line = next(one for one in reversed(server.lines) if one.get("path") == "/predict" and one["status"] == 200)
    assert {"time", "level", "request_id", "method", "milliseconds", "rows", "model_version"} <= line.keys()
    assert "77.125" not in json.dumps(server.lines)


def test_arrays_are_served_as_nested_lists(digits_folder: Path) -> None:
    bundle = nk.load_bundle(digits_folder)
    rows = np.random.default_rng(0).random((3, 1, 8, 8)).astype(np.float32)
    with TestClient(nk.serve.create_app(bundle)) as client:
        answer = client.post("/predict", json={"rows": rows.tolist()})
        wrong = client.post("/predict", json={"rows": rows[:, :, :7].tolist()})
        not_explained = client.post("/explain", json={"rows": rows.tolist()})

    assert [one["prediction"] for one in answer.json()["predictions"]] == bundle.predict_labels(rows).tolist()
    assert (wrong.status_code, wrong.json()["error"]["fields"][0]["field"]) == (422, "rows[0][0]")
    assert (not_explained.status_code, not_explained.json()["error"]["code"]) == (501, "not_available")


def test_a_model_that_gives_no_finite_number_is_said_and_the_others_are_answered(digits_folder: Path) -> None:
    bundle = nk.load_bundle(digits_folder)
    program = bundle.run

    def blind(arrays: Any) -> Any:
        bright = arrays["x"].max(axis=(1, 2, 3))[:, None] > 5
        return {name: np.where(bright, np.nan, one) for name, one in program(arrays).items()}

    bundle.run = blind  # type: ignore[assignment]
    rows = np.ones((3, 1, 8, 8))
    rows[1] *= 9
    with TestClient(nk.serve.create_app(bundle)) as client:
        answer = client.post("/predict", json={"rows": rows.tolist()})
        others = client.post("/predict", json={"rows": rows[:1].tolist()})

    assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (422, "rows[1]")
    assert others.status_code == 200


def test_a_model_that_fails_says_nothing_of_itself(digits_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    bundle = nk.load_bundle(digits_folder)

    def fail(_: Any) -> Any:
        raise RuntimeError("secret path /etc")

    bundle.run = fail  # type: ignore[assignment]
    with TestClient(nk.serve.create_app(bundle)) as client:
        answer = client.post("/predict", json={"rows": np.ones((1, 1, 8, 8)).tolist()})

    request_id = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert request_id in answer.json()["error"]["message"]
    assert any(
        "secret path" in str(one.exc_info) for one in caplog.records if getattr(one, "request_id", "") == request_id
    )


def test_what_was_begun_is_answered_before_the_server_ends(bundle_folder: Path, row: dict[str, Any]) -> None:
    with served(bundle_folder) as running:
        found: list[tuple[int, Any]] = []
        asking = threading.Thread(target=lambda: found.append(running.ask("/explain", {"rows": [row] * 20})))
        asking.start()  # this takes seconds: what explains is compiled first
        time.sleep(1)
        assert not found
        code = running.stop(signal.SIGTERM)
        asking.join(timeout=30)

    assert found[0][0] == 200
    assert len(found[0][1]["explanations"]) == 20
    assert code == -signal.SIGTERM  # the signal ends the process under its own name


def test_ctrl_c_ends_a_server_too(digits_folder: Path) -> None:
    with served(digits_folder) as running:
        assert running.ask("/health")[0] == 200
        assert running.stop(signal.SIGINT) in (-signal.SIGINT, 1)


def test_a_port_that_is_taken_is_one_sentence(server: Server, bundle_folder: Path) -> None:
    port = int(server.url.rpartition(":")[2])

    with pytest.raises(OSError, match=rf"Cannot listen on 127.0.0.1:{port}: .* Choose another port"):
        nk.serve.run(bundle_folder, port=port)


def test_there_is_no_torch_in_a_server_of_onnx(digits_folder: Path) -> None:
    code = (
        "import sys\nfor name in ('torch', 'torchvision', 'shap', 'sklearn'):\n    sys.modules[name] = None\n"
        "import neurokit as nk, numpy as np\nfrom fastapi.testclient import TestClient\n"
        "with TestClient(nk.serve.create_app(sys.argv[1])) as client:\n"
        "    answer = client.post('/predict', json={'rows': np.ones((2, 1, 8, 8)).tolist()})\n"
        "    print(answer.status_code, len(answer.json()['predictions']), client.get('/').status_code)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(digits_folder)], capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == ["200", "2", "200"], done.stderr


def test_limits_are_whole_numbers() -> None:
    with pytest.raises(ValueError, match=r"ServeLimits\(rows=...\) is a whole number of at least 1, got 0"):
        nk.serve.ServeLimits(rows=0)


def test_numbers_of_a_regression_come_in_their_unit(tmp_path: Path) -> None:
    frame = pd.DataFrame({"size": np.linspace(20, 200, 100)})
    frame["price"] = frame["size"] * 3000
    encoding, target = TableEncoding.fit(frame[["size"]]), Target.fit("price", frame["price"])
    trainer = nk.Trainer(TabularNet(1, [], 1), loss="mse")
    trainer.fit(encoding.transform(frame), target.encode(frame["price"]), epochs=2, verbose=0)
    folder = nk.save_bundle(trainer, tmp_path / "price", encoding=encoding, target=target, background=frame[["size"]])
    with TestClient(nk.serve.create_app(folder)) as client:
        answer = client.post("/predict", json={"rows": [{"size": 100}]}).json()
        why = client.post("/explain", json={"rows": [{"size": 100}]}).json()["explanations"][0]

    (told,) = answer["predictions"]
    assert told == {"prediction": pytest.approx(float(nk.load_bundle(folder).predict([{"size": 100}])[0]))}
    assert told["prediction"] > 1000
    assert why["output"] == pytest.approx(told["prediction"], rel=1e-6)
