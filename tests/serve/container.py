"""What a bundle's Dockerfile does, where there is no engine for containers: see scripts/container.

A fresh environment gets exactly the Dockerfile's pip lines, with this checkout in place of the release that they name;
torch cannot be imported in it; its CMD is run, its HEALTHCHECK has to pass, and what it answers is compared with the
bundle here.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

import neurokit as nk

PORT = 8765
CHECKOUT = Path(__file__).parents[2]


def _bundle(folder: Path) -> Path:
    frame = load_breast_cancer(as_frame=True).frame
    pipeline = nk.tabular.TabularPipeline(seed=0, verbose=0).load_data(frame).clean_data().prepare_data("target")
    pipeline.train_model(epochs=5).save(folder / "cancer")
    return nk.load_bundle(folder / "cancer").export(folder / "cancer-onnx", to="onnx")


def _ask(path: str, body: Any = None) -> tuple[int, bytes]:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", content, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _bundle(place)
        text = nk.serve.dockerfile(folder, port=PORT)
        print(text)
        lines = text.splitlines()
        subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
        own = place / "venv" / "bin"
        for line in (one.removeprefix("RUN ") for one in lines if one.startswith("RUN pip")):
            words = shlex.split(line)
            release = f"neurokit-torch=={nk.__version__}"
            command = [str(CHECKOUT) if word == release else word for word in words]
            subprocess.run([own / "pip", *command[1:], "--quiet", "--disable-pip-version-check"], check=True)
        environment = {**os.environ, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}"}
        environment.pop("PYTHONPATH", None)
        without = subprocess.run([own / "python", "-c", "import torch"], capture_output=True, check=False, cwd=place)
        is_onnx = "without torch" in lines[0]
        assert (without.returncode != 0) == is_onnx
        told = next(json.loads(one.removeprefix("CMD ")) for one in lines if one.startswith("CMD "))
        command = [str(folder) if word == "/bundle" else "127.0.0.1" if word == "0.0.0.0" else word for word in told]
        check = next(json.loads(one.partition(" CMD ")[2]) for one in lines if one.startswith("HEALTHCHECK"))
        server = subprocess.Popen([own / command[0], *command[1:]], env=environment, cwd=place)
        began = time.monotonic()
        while subprocess.run([own / check[0], *check[1:]], capture_output=True, check=False).returncode:
            assert server.poll() is None
            assert time.monotonic() < began + 60
            time.sleep(0.2)
        print(f"healthy after {time.monotonic() - began:.1f} s")
        bundle = nk.load_bundle(folder)
        row = json.loads(_ask("/model")[1])["example"]
        status, answer = _ask("/predict", {"rows": [row]})
        predictions = json.loads(answer)["predictions"]
        print(status, predictions)
        np.testing.assert_allclose(
            list(predictions[0]["probabilities"].values()), bundle.predict_proba([row])[0], atol=1e-6
        )
        explained, why = _ask("/explain", {"rows": [row]})
        print(explained, json.loads(why)["error"]["message"] if is_onnx else "")
        assert (status, explained, _ask("/")[0], _ask("/docs")[0]) == (200, 501 if is_onnx else 200, 200, 200)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == -signal.SIGTERM
        done = subprocess.run(["du", "-sm", place / "venv"], capture_output=True, text=True, check=True)
        size = done.stdout.split()[0]
        print(f"the environment has {size} MB, and pip list says:")
        subprocess.run([own / "pip", "list", "--disable-pip-version-check"], check=True)


if __name__ == "__main__":
    main()
