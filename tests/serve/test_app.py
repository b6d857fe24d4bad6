from __future__ import annotations

import ast
import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fastapi.testclient import TestClient

import neurokit as nk
from neurokit.architectures import MLP, TabularNet
from neurokit.encoding import TableEncoding, Target, infer_fields
from neurokit.serve.logs import JsonFormatter
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
    "a category that nobody can write": (_with(**{"class": "\ud800"}), 422, "rows[1].class"),
    "a list for a category": (_with(**{"class": ["first"]}), 422, "rows[1].class"),
    "no date": (_with(since="yesterday"), 422, "rows[1].since"),
    "a date that is none": (_with(since="2021-02-30"), 422, "rows[1].since"),
    "a missing field": (_without("rooms"), 422, "rows[0].rooms"),
    "an extra field": (_with(salary=1), 422, "rows[1].salary"),
    "an extra field of unicode": (_with(**{"Größe\u202e🙂": 1}), 422, "rows[1].Größe\u202e🙂"),
    "a name that nobody can write": (b'{"rows": [{"\\ud800": 1}]}', 422, "rows[0]"),
    "an empty name": (_with(**{"": 1}), 422, "rows[1]."),
    "a thousand extra fields": (_with(**{f"x{at}": at for at in range(1000)}), 422, "rows[1].x0"),
    "an object for a number": (_with(age={"rows": 1}), 422, "rows[1].age"),
    "nested lists for a number": (_with(age=[[[[1]]]]), 422, "rows[1].age"),
    "a moment for a date": (_with(since="2021-03-04T10:00:00"), 422, "rows[1].since"),
    "digits of another script": (_with(since="२०२१-०३-०४"), 422, "rows[1].since"),
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
    assert not any(value in json.dumps(answer) for value in ("frist", "yesterday", "salary=", "2021-03-04"))
    assert len(error["fields"]) <= 20
    assert server.ask("/health")[0] == 200


def test_other_mistakes_of_a_client_have_their_status(server: Server) -> None:
    for kind in ("text/csv", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "", "json"):
        assert server.ask("/predict", _with(), {"content-type": kind})[0] == 415
    assert server.ask("/predict", _with(), {"content-type": "application/json; charset=UTF-8"})[0] == 200
    assert server.ask("/nowhere")[1]["error"]["code"] == "not_found"
    assert server.ask("/predict/", _with())[0] == 404  # and no other address to go to
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
    (record,) = [one for one in caplog.records if one.exc_info and getattr(one, "request_id", "") == request_id]
    line = json.loads(JsonFormatter().format(record))
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert request_id in answer.json()["error"]["message"]
    assert (line["exception"]["class"], "secret" in json.dumps(line)) == ("RuntimeError", False)
    assert "in fail" in line["exception"]["frames"][-1]
    assert json.loads(JsonFormatter(messages=True).format(record))["exception"]["message"] == "secret path /etc"


def _rest(client: socket.socket, body: bytes) -> bytes:
    """The answer to a request whose second half is sent now."""
    with client:
        client.sendall(body[len(body) // 2 :])
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_what_was_begun_is_answered_before_the_server_ends(digits_folder: Path) -> None:
    body = json.dumps({"rows": np.ones((1, 1, 8, 8)).tolist()}).encode()
    with served(digits_folder) as running:
        client = running.begin(body)
        assert running.ask("/health")[0] == 200  # the first half was read before this
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.port), timeout=5)
        answer = _rest(client, body)
        code = running.ended()

    assert b" 200 " in answer.splitlines()[0]
    assert b"predictions" in answer
    assert code == -signal.SIGTERM  # the signal ends the process under its own name


def test_a_server_that_drains_says_so_and_goes_on_answering(digits_folder: Path) -> None:
    body = {"rows": np.ones((1, 1, 8, 8)).tolist()}
    with served(digits_folder, drain=2) as running:
        running.ask("/health")
        running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while (health := running.ask("/health"))[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        predicted = running.ask("/predict", body)
        code = running.ended()

    assert (health[0], health[1]["error"]["code"]) == (503, "busy")
    assert predicted[0] == 200
    assert code == -signal.SIGTERM


def test_a_body_that_does_not_arrive_is_not_waited_for_and_takes_a_place_meanwhile(digits_folder: Path) -> None:
    body = json.dumps({"rows": np.ones((1, 1, 8, 8)).tolist()}).encode()
    with served(digits_folder, limits={"body_seconds": 1, "requests": 1}) as running:
        client = running.begin(body)
        running.ask("/health")
        status, busy = running.ask("/predict", body)
        with client:
            late = b"".join(iter(lambda: client.recv(1 << 16), b""))
        after = running.ask("/predict", body)

    assert (status, busy["error"]["code"]) == (503, "busy")
    assert b" 408 " in late.splitlines()[0]
    assert b"within 1 seconds" in late
    assert after[0] == 200


def test_whoever_leaves_is_no_longer_computed_for(digits_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    bundle = nk.load_bundle(digits_folder)
    program, computed = bundle.run, []
    begun, go = threading.Event(), threading.Event()

    def slow(arrays: Any) -> Any:
        begun.set()
        assert go.wait(10)
        computed.append(len(arrays["x"]))
        return program(arrays)

    bundle.run = slow  # type: ignore[assignment]
    app = nk.serve.create_app(bundle)
    body = json.dumps({"rows": np.ones((1, 1, 8, 8)).tolist()}).encode()

    async def ask(leaves: asyncio.Event) -> list[Any]:
        sent: list[Any] = []
        parts = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            if (part := next(parts, None)) is None:
                await leaves.wait()
                return {"type": "http.disconnect"}
            return part

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/predict", "raw_path": b"/predict", "query_string": b"",
            "headers": [(b"content-type", b"application/json")], "http_version": "1.1", "scheme": "http",
            "server": ("localhost", 80), "root_path": "",
        }  # fmt: skip
        await app(scope, receive, send)
        return sent

    async def main() -> list[int]:
        stays, leaves = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(ask(stays))
        assert await asyncio.to_thread(begun.wait, 10)
        second, third = asyncio.create_task(ask(leaves)), asyncio.create_task(ask(stays))
        await asyncio.sleep(0.1)
        leaves.set()
        left = await second  # while the model is still at work
        go.set()
        return [one[0]["status"] for one in (await first, left, await third)]

    assert asyncio.run(main()) == [200, 499, 200]
    assert computed == [1, 1]


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


def _client(bundle: Any, **options: Any) -> TestClient:
    return TestClient(nk.serve.create_app(bundle, **options))


def test_unknown_categories_are_allowed_where_that_is_asked_for(bundle_folder: Path, row: dict[str, Any]) -> None:
    bundle = nk.load_bundle(bundle_folder)
    rows = [row | {"class": "fourth"}]
    with _client(bundle, unknown="allow", explanations=False) as client:
        answer = client.post("/predict", json={"rows": rows})
        wrong = client.post("/predict", json={"rows": [row | {"class": 4}]})
        told = client.get("/openapi.json").json()["components"]["schemas"]["Row"]["properties"]["class"]
        page = client.get("/").text

    assert [one["prediction"] for one in answer.json()["predictions"]] == bundle.predict(rows).tolist()
    assert wrong.json()["error"]["fields"][0]["field"] == "rows[0].class"
    assert "enum" not in told
    assert "another is read as not known" in told["description"]
    assert "<datalist" in page


def test_explanations_can_be_turned_off(bundle_folder: Path, row: dict[str, Any]) -> None:
    with _client(bundle_folder, explanations=False) as client:
        answer = client.post("/explain", json={"rows": [row]})
        model = client.get("/model").json()
        paths = client.get("/openapi.json").json()["paths"]

    assert (answer.status_code, answer.json()["error"]["message"]) == (
        501,
        "Explanations are turned off on this server.",
    )
    assert (model["explains"], model["why_not"]) == (False, "Explanations are turned off on this server.")
    assert "/explain" not in paths  # what only refuses is not offered


def _odd_bundle(folder: Path) -> Path:
    """A table with moments, categories that are numbers, and more categories than a field lists."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "moment": pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(0, 9_000_000, 4400), unit="s"),
            "size": generator.choice([36, 38, 40], 4400),
            "street": [f"street {at % 1100}" for at in range(4400)],
        }
    )
    y = generator.random(4400).astype(np.float32)
    encoding = TableEncoding.fit(frame, infer_fields(frame, categories=["size"]).fields)
    x = encoding.transform(frame)
    numbers = x["numbers"].shape[1] if "numbers" in x else 0
    trainer = nk.Trainer(TabularNet(numbers, encoding.cardinalities, 1), loss="mse")
    trainer.fit(x, y, epochs=1, verbose=0)
    return nk.save_bundle(trainer, folder, encoding=encoding, target=Target.fit("y", y), background=False)


def test_moments_and_categories_of_every_kind_are_taken_strictly(tmp_path: Path) -> None:
    good = {"moment": "2020-02-03T04:05:06", "size": 38, "street": "street 7"}
    with _client(_odd_bundle(tmp_path / "odd"), explanations=False) as client:

        def ask(**changes: Any) -> tuple[int, list[str]]:
            body = json.dumps({"rows": [good | changes]})
            answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
            return answer.status_code, [one["field"] for one in answer.json().get("error", {}).get("fields", [])]

        assert ask() == (200, [])
        assert ask(moment="2020-02-03") == (200, [])
        assert ask(size=38.0) == (200, [])
        assert ask(street="a new one") == (200, [])
        assert ask(moment="2020-02-03T25:00:00") == (422, ["rows[0].moment"])
        assert ask(size="38") == (422, ["rows[0].size"])
        assert ask(size=39) == (422, ["rows[0].size"])
        assert ask(street=7) == (422, ["rows[0].street"])
        assert ask(street=float("nan")) == (422, ["rows[0].street"])
        assert ask(street="x" * 1001) == (422, ["rows[0].street"])
        page = client.get("/").text
        example = client.get("/model").json()["example"]
        assert ask(**example) == (200, [])

    assert 'type="datetime-local"' in page


def test_an_app_leaves_torchs_threads_alone(bundle_folder: Path) -> None:
    app = nk.serve.create_app(bundle_folder, explanations=False)
    before = torch.get_num_threads()

    async def main() -> list[int]:
        torch.set_num_threads(2)
        async with app.router.lifespan_context(app):
            return [torch.get_num_threads()]

    try:
        assert asyncio.run(main()) == [2]
    finally:
        torch.set_num_threads(before)


def test_names_under_which_it_may_be_asked_are_kept_to(digits_folder: Path) -> None:
    with _client(digits_folder, allowed_hosts=["model.example"]) as client:
        assert client.get("/health", headers={"host": "model.example:8000"}).status_code == 200
        assert client.get("/health", headers={"host": "testserver"}).status_code == 400
        assert client.get("/health", headers={"host": "model.example.evil.example"}).status_code == 400


def test_no_file_of_the_room_imports_torch() -> None:
    for path in Path(nk.serve.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in ("torch", "shap") for name in names), path


@pytest.mark.parametrize("name", ["fastapi", "uvicorn", "pydantic"])
def test_a_missing_package_is_said_with_its_extra(name: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None\nimport neurokit as nk\nnk.serve"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    said = f'Serving needs {name}, not installed here: pip install "neurokit-torch[serve]".'
    assert done.stderr.strip().endswith(said)


def test_mistakes_of_whoever_serves_are_one_sentence(digits_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown is one of 'refuse', 'allow', got 'alow'. Did you mean 'allow'"):
        nk.serve.create_app(digits_folder, unknown="alow")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"no argument 'prot'. Did you mean 'port'"):
        nk.serve.run(digits_folder, prot=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"port is 0 to 65535, got 70000. Pass port=8000"):
        nk.serve.run(digits_folder, port=70000)
    with pytest.raises(OSError, match=r"Cannot listen on not a host:0: .* Choose another host"):
        nk.serve.run(digits_folder, host="not a host", port=0)
    with pytest.raises(FileNotFoundError, match="There is no bundle"):
        nk.serve.create_app(tmp_path / "nothing")


def test_many_mistakes_cost_little(server: Server, row: dict[str, Any]) -> None:
    """A body of the largest size with as many mistakes as fit: others are answered meanwhile."""
    bodies = {
        "unknown categories": [row | {"class": f"{at:0>30}"} for at in range(1000)],
        "empty rows": [{}] * 1000,
        "unknown fields": [row | {f"x{at}": 0 for at in range(250_000)}],
        "half as many unknown fields in each": [row | {f"x{at}": 0 for at in range(24)} for _ in range(1000)],
    }
    for name, rows in bodies.items():
        body = json.dumps({"rows": rows}).encode()[: 4 << 20]
        with ThreadPoolExecutor(1) as threads:
            began = time.monotonic()
            asked = threads.submit(server.ask, "/predict", body)
            waited = []
            while not asked.done():
                once = time.monotonic()
                assert server.ask("/health")[0] == 200
                waited.append(time.monotonic() - once)
            status, answer = asked.result()
        assert (status, len(answer["error"]["fields"])) == (422, 20), name
        assert time.monotonic() - began < 10, name
        assert max(waited) < 2, name


def test_names_of_hosts_are_told_without_their_case(digits_folder: Path) -> None:
    for allowed in ("Model.Example", ["other.example", "MODEL.example"]):
        client = TestClient(nk.serve.create_app(digits_folder, allowed_hosts=allowed))
        assert client.get("/health", headers={"host": "model.EXAMPLE:80"}).status_code == 200
        assert client.get("/health", headers={"host": "evil.example"}).status_code == 400
        assert client.get("/health", headers={"host": "m"}).status_code == 400
    nobody = TestClient(nk.serve.create_app(digits_folder, allowed_hosts=[]))
    assert nobody.get("/health", headers={"host": "localhost"}).status_code == 400


def test_an_app_may_be_started_again(digits_folder: Path) -> None:
    app = nk.serve.create_app(digits_folder)
    body = {"rows": np.zeros((1, 1, 8, 8)).tolist()}
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/health").status_code == 200
            assert client.post("/predict", json=body).status_code == 200
        assert app.state.condition.stopping


def test_a_failure_outside_of_the_model_has_the_shape_of_all_errors(
    digits_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from neurokit.serve import app as room

    def fails(*_: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(room, "description", fails)
    answer = TestClient(nk.serve.create_app(digits_folder), raise_server_exceptions=False).get("/model")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "failed")
    assert "secret" not in answer.text
    assert "The server failed." in caplog.text


def test_several_numbers_a_row_are_not_explained(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
    trainer = nk.Trainer(MLP(2, 3), loss="mse")
    trainer.fit(frame, np.zeros((40, 3), np.float32), epochs=1, verbose=0)
    client = TestClient(nk.serve.create_app(nk.save_bundle(trainer, tmp_path / "three")))

    assert len(client.post("/predict", json={"rows": [{"a": 1, "b": 2}]}).json()["predictions"][0]["prediction"]) == 3
    answer = client.post("/explain", json={"rows": [{"a": 1, "b": 2}]})
    assert (answer.status_code, "one number a row" in answer.json()["error"]["message"]) == (501, True)


def test_whole_numbers_as_large_as_those_of_training_are_taken(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": np.arange(40) + 2**60, "b": np.arange(40)})
    encoding, target = TableEncoding.fit(frame), Target.fit("y", np.arange(40.0))
    trainer = nk.Trainer(TabularNet(2, (), 1), loss="mse")
    trainer.fit(encoding.transform(frame), target.encode(np.arange(40.0))[:, None], epochs=1, verbose=0)
    folder = nk.save_bundle(trainer, tmp_path / "large", encoding=encoding, target=target, background=frame)
    client = TestClient(nk.serve.create_app(folder))

    assert client.post("/predict", json={"rows": [client.get("/model").json()["example"]]}).status_code == 200
    assert client.post("/predict", json={"rows": [{"id": 2**62, "b": 1}]}).status_code == 422
