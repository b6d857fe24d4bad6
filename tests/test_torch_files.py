from __future__ import annotations

import collections
import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import neurokit as nk
from neurokit import torch_files
from neurokit.checkpoint import load_weights
from neurokit.storage import CheckpointError
from neurokit.torch_files import _check_tensors, _chosen, _RefusedError, _tensors


def saved(path: Path, value: Any, **options: Any) -> Path:
    torch.save(value, path, **options)
    return path


def test_weights_come_in_and_leave_as_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = nn.LSTM(3, 4), nn.LSTM(3, 4)
    place = saved(tmp_path / "größe it's 100% {mine}.pt", source.state_dict())
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torch.py").write_text("open('CANARY', 'w')")  # what lies in the folder is not imported

    tensors = nk.import_pt(place.name, "weights.safetensors")
    left = os.listdir(tmp_path / "tmp")
    nk.Trainer(target, loss="mse").load_weights("weights.safetensors")

    assert all(torch.equal(tensors[name], value) for name, value in source.state_dict().items())
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())
    assert load_weights("weights.safetensors").keys() == tensors.keys()
    assert left == []
    assert not (tmp_path / "CANARY").exists()


def test_a_checkpoint_gives_its_weights_and_says_what_it_leaves_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    place = saved(
        tmp_path / "a.ckpt",
        {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3},
        _use_new_zipfile_serialization=False,
    )

    with caplog.at_level(logging.WARNING, "neurokit"):
        tensors = nk.import_pt(place)

    assert list(tensors) == ["weight", "bias"] or set(tensors) == {"weight", "bias"}
    assert "took the entry 'state_dict' and left out epoch, optimizer." in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process as we need it")
def test_the_other_process_is_shut_in(tmp_path: Path) -> None:
    """Asked of that process itself, by code in the place of the reader."""
    code = """
import json, resource, socket, sys
from dataclasses import asdict
from neurokit import torch_files, Limits
torch_files._shut_in({"size": 1000, "limits": asdict(Limits(seconds=5))}, Limits(seconds=5))
found = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in "AS FSIZE CPU NOFILE CORE".split()}
try:
    bytearray(10**9)
    found["memory"] = True
except MemoryError:
    found["memory"] = False
print(json.dumps(found))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)

    assert found["memory"] is False
    assert found["FSIZE"] == [3000 + (64 << 20) + (16 << 20)] * 2
    assert found["CPU"][0] <= 5 + 60
    assert found["NOFILE"] == [64, 64]
    assert found["CORE"] == [0, 0]


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with signal 11"),
        ("raise KeyError('boom')", r"ended with exit code 1 \(KeyError: 'boom'\)"),
        ("import time; time.sleep(60)", "took more than 1 s"),
        ("pass", "sound|report"),
        (
            "import os; os.symlink('/etc/passwd', 'found.safetensors'); open('report.json', 'w').write('{}')",
            "is a link",
        ),
        ("open('found.safetensors', 'wb').write(b'x'); open('report.json', 'w').write('{}')", "is not sound"),
        ("open('report.json', 'w').write('[' * 10**6)", "sound|report"),
    ],
)
def test_whatever_becomes_of_the_other_process_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: str, says: str
) -> None:
    place = saved(tmp_path / "a.pt", {"a": torch.ones(1)})
    monkeypatch.setattr(torch_files, "_CODE", "import sys\nsys.argv\n" + instead)
    monkeypatch.setattr(torch_files, "START_SECONDS", 0)

    with pytest.raises(CheckpointError, match=says) as caught:
        nk.import_pt(place, limits=nk.Limits(seconds=1))

    assert str(place) in str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    saved(tmp_path / "best.pt", {})

    with pytest.raises(FileNotFoundError, match=r"Did you mean 'best\.pt'"):
        nk.import_pt(tmp_path / "bset.pt")


def test_a_whole_module_is_refused_with_the_lines_that_convert_it(tmp_path: Path) -> None:
    place = saved(tmp_path / "module.pt", nn.Linear(2, 1))

    with pytest.raises(CheckpointError, match=r"it holds torch\.nn\.modules\.linear\.Linear") as caught:
        nk.import_pt(place)
    lines = [line.strip() for line in str(caught.value).splitlines()[1:]]
    code = "\n".join(["import torch, safetensors.torch", f"path = {str(place)!r}", *lines])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    assert load_weights(tmp_path / "weights.safetensors").keys() == {"weight", "bias"}


def test_nothing_turns_the_safe_reader_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch has an environment variable that does; the other process is not told of it."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    place = tmp_path / "a.pt"
    place.write_bytes(pickle.dumps(1, 2))

    with pytest.raises(CheckpointError, match=r"is not what torch\.save writes"):
        nk.import_pt(place)
    with pytest.raises(CheckpointError, match="weights_only=False"):
        nk.import_pt(saved(place, nn.Linear(1, 1)))


# What is taken


def chosen(found: Any, key: str | None = None) -> dict[str, Tensor]:
    return _chosen(found, key)[0]


one, two = torch.ones(1), torch.ones(2)


@pytest.mark.parametrize(
    ("found", "key", "names"),
    [
        ({"a": one}, None, ["a"]),
        (collections.OrderedDict(a=one, b=two), None, ["a", "b"]),
        (one, None, ["tensor"]),
        ([one, two], None, ["0", "1"]),
        ({"model": {"a": one}, "epoch": 3}, None, ["a"]),
        ({"model_state_dict": {"a": one}, "ema": {"a": two}}, None, ["a"]),
        ({"model": {"encoder": {"a": one}}}, None, ["encoder.a"]),
        ({"generator": {"a": one}, "critic": {"a": two}}, None, ["generator.a", "critic.a"]),
        ({"model": {}, "a": one}, None, ["a"]),
        ({"model": 3, "a": one}, None, ["a"]),
        ({"model": {"a": one}, "ema": {"b": two}}, "ema", ["b"]),
        ({"x": {"y": {"b": two}}}, "x.y", ["b"]),
        ({"a": one, "note": "text", "n": None, "list": [1, two]}, None, ["a", "list.1"]),
    ],
)
def test_the_weights_are_found(found: Any, key: str | None, names: list[str]) -> None:
    assert list(chosen(found, key)) == names


@pytest.mark.parametrize(
    ("found", "key", "says"),
    [
        ({"model": {"a": one}, "state_dict": {"a": one}}, None, r"\['state_dict', 'model'\] may all be the weights"),
        ({"a": {"b": one}, "a.b": two}, None, "two tensors would have the name 'a.b'"),
        ({"epoch": 3}, None, "there is no tensor in it, only a dict"),
        (3, None, "there is no tensor in it, only a int"),
        ({"a": one}, "b", r"there is no 'b'; there is \['a'\]"),
        ({"a": one}, "a.b", "there is no 'b'; there is a Tensor"),
    ],
)
def test_what_is_not_clear_is_explained(found: Any, key: str | None, says: str) -> None:
    with pytest.raises(_RefusedError, match=says):
        chosen(found, key)


def test_a_value_that_holds_itself_has_an_end() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop

    with pytest.raises(_RefusedError, match="deeper than 64"):
        list(_tensors(loop))


def test_values_that_hold_each_other_many_times_have_an_end() -> None:
    """Twice in each of 60 levels: 2^60 places, in a pickle of a kilobyte."""
    bomb: list[Any] = [one]
    for _ in range(60):
        bomb = [bomb, bomb]

    with pytest.raises(_RefusedError, match="more than"):
        list(_tensors(bomb))


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: torch.zeros(1).expand(10**6, 10**6),
            r"would take 4,000,000,000,000 bytes.* a alone is of shape \(1000000, 1000000\)",
        ),
        (lambda: torch.eye(2).to_sparse(), "only dense tensors"),
        (lambda: torch.eye(2).to_sparse_csr(), "only dense tensors"),
    ],
)
def test_a_tensor_that_would_grow_is_refused_before_it_does(make: Callable[[], Tensor], says: str) -> None:
    with pytest.raises(_RefusedError, match=says):
        _check_tensors({"a": make()}, 1600, nk.Limits())


def test_shared_memory_is_counted_once_and_growth_can_be_allowed() -> None:
    shared = torch.zeros(20 << 20)

    _check_tensors({str(number): shared for number in range(100)}, shared.nbytes, nk.Limits())
    with pytest.raises(_RefusedError, match=r"limits=neurokit\.Limits\(growth=7\)"):
        _check_tensors({str(number): shared[number:] for number in range(7)}, shared.nbytes, nk.Limits())
    _check_tensors({str(number): shared[number:] for number in range(7)}, shared.nbytes, nk.Limits(growth=7))
