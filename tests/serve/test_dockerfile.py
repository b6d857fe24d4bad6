from __future__ import annotations

import json
import re
import shlex
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import neurokit as nk

_WORDS = ("pip", "install", "useradd", "model")


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_a_bundle_of_onnx_gets_its_runtime_and_no_torch(digits_folder: Path) -> None:
    text = nk.serve.dockerfile(digits_folder)
    installed = [word for name, rest in _instructions(text) if name == "RUN" for word in shlex.split(rest)]

    assert f"onnxruntime=={metadata.version('onnxruntime')}" in installed
    assert f"neurokit-torch=={nk.__version__}" in installed
    assert not any(word.startswith("torch==") for word in installed)
    assert all("==" in word for word in installed if word[0].isalpha() and word not in _WORDS)


def test_a_bundle_of_weights_gets_torch_for_cpus(bundle_folder: Path) -> None:
    text = nk.serve.dockerfile(bundle_folder)

    version = metadata.version("torch").partition("+")[0]
    assert f'--index-url https://download.pytorch.org/whl/cpu "torch=={version}"' in text
    assert '"safetensors==' in text
    assert "onnxruntime" not in text


def test_nobody_with_rights_answers_requests(digits_folder: Path) -> None:
    told = _instructions(nk.serve.dockerfile(digits_folder, port=9000))
    names = [name for name, _ in told]
    values = dict(told)

    assert names[0] == "FROM"
    assert re.fullmatch(r"python:3\.\d+-slim", values["FROM"])
    assert values["USER"] == "model"
    assert names.index("USER") > max(at for at, name in enumerate(names) if name in ("RUN", "COPY"))
    assert values["EXPOSE"] == "9000"
    assert json.loads(values["CMD"])[:3] == ["neurokit", "serve", "/bundle"]  # exec form: the server gets the signals
    check = json.loads(values["HEALTHCHECK"].partition("CMD ")[2])
    assert "127.0.0.1:9000/health" in check[-1]
    compile(check[-1], "check", "exec")


def test_what_a_server_cannot_load_gets_no_image(tmp_path: Path) -> None:
    trainer = nk.Trainer(nn.Linear(2, 1), loss="mse")
    trainer.fit(np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32), verbose=0)
    folder = nk.save_bundle(trainer, tmp_path / "weights", format="safetensors", background=False)

    with pytest.raises(ValueError, match="holds weights without a program, and a server does not load it"):
        nk.serve.dockerfile(folder)
