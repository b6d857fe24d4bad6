from __future__ import annotations

import logging
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

import neurokit as nk
from neurokit import checkpoint
from neurokit.transfer import load_pretrained
from neurokit.transfer.pretrained import _weights_of


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty hub folder, and a machine that reaches nobody."""

    def refuse(*given: Any, **named: Any) -> Any:
        raise OSError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _net(classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes))


def _saved(model: nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        checkpoint.save_weights(path, model.state_dict())
    else:
        torch.save({"state_dict": model.state_dict(), "epoch": 3}, path)
    return path


def _same(model: nn.Module, other: nn.Module, but: str = "nothing") -> bool:
    state: dict[str, Tensor] = other.state_dict()
    return all(torch.equal(one, state[name]) for name, one in model.state_dict().items() if not name.startswith(but))


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt", "net.pth"])
def test_a_file_goes_into_a_module_of_the_users(tmp_path: Path, name: str) -> None:
    saved, model = _net(5), _net(5)
    assert load_pretrained(_saved(saved, tmp_path / name), model=model) is model
    assert _same(model, saved)


def test_other_classes_get_a_new_head_and_it_is_said_which(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved = _net(5)
    path = _saved(saved, tmp_path / "net.safetensors")
    with caplog.at_level(logging.WARNING):
        model = load_pretrained(str(path), model=_net(5), num_classes=3)
    assert _same(model, saved, but="3.")
    assert model(torch.zeros(2, 4)).shape == (2, 3)
    said = "The file's head has 5 classes and the model {}: the rest was loaded, the head (3) is new and untrained."
    assert caplog.messages == [said.format(3)]
    caplog.clear()
    own = load_pretrained(path, model=_net(2))
    assert caplog.messages == [said.format(2)]
    caplog.clear()
    assert load_pretrained(path, _net(2), num_classes=5)[3].out_features == 5
    assert caplog.messages == []
    assert _same(own, saved, but="3.")
    assert own(torch.zeros(2, 4)).shape == (2, 2)


def test_the_module_may_be_the_second_argument_and_a_folder_that_was_saved_is_taken(tmp_path: Path) -> None:
    x, y = torch.randn(32, 4), torch.arange(32) % 5
    trainer = nk.Trainer(_net(5), loss="cross_entropy", device="cpu")
    trainer.fit(x, y, epochs=2, callbacks=[nk.ModelCheckpoint(tmp_path / "run")], verbose=0)
    trainer.save(tmp_path / "saved")
    checkpoints = sorted((tmp_path / "run").glob("step-*"))
    for folder in (tmp_path / "run", str(tmp_path / "saved"), checkpoints[-1]):
        assert _same(load_pretrained(folder, _net(5)), trainer.model)
    assert not _same(load_pretrained(checkpoints[0], _net(5)), trainer.model)
    weights = checkpoints[-1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(checkpoint.CheckpointError):
        load_pretrained(checkpoints[-1], _net(5))


def test_a_file_goes_into_torchvisions_architecture_by_name(tmp_path: Path) -> None:
    saved = torchvision.models.squeezenet1_1(weights=None, num_classes=6)
    path = _saved(saved, tmp_path / "mine.safetensors")
    assert _same(load_pretrained("squeezenet1_1", weights=path), saved)
    assert _same(load_pretrained(path, model="SqueezeNet1-1"), saved)
    tuned = load_pretrained(path, model="squeezenet1_1", num_classes=2)
    assert _same(tuned, saved, but="classifier.")
    assert tuned.classifier[1].out_channels == 2


def test_the_names_of_densenets_older_files_are_understood(tmp_path: Path) -> None:
    saved = torchvision.models.densenet121(weights=None, num_classes=2)
    layer = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])")
    old = {layer.sub(r"\1.\2", name): one for name, one in saved.state_dict().items() if "tracked" not in name}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    checkpoint.save_weights(tmp_path / "old.safetensors", old)
    assert _same(load_pretrained("densenet121", weights=tmp_path / "old.safetensors"), saved)


@pytest.mark.parametrize("auxiliary", [True, False])
def test_googlenet_is_built_with_the_auxiliary_heads_that_its_file_has(tmp_path: Path, auxiliary: bool) -> None:
    saved = torchvision.models.googlenet(weights=None, num_classes=4, aux_logits=auxiliary, init_weights=False)
    model = load_pretrained(_saved(saved, tmp_path / "net.safetensors"), model="googlenet", num_classes=2)
    assert (model.aux1 is not None) is auxiliary
    assert model.fc.out_features == 2
    assert not auxiliary or model.aux1.fc2.out_features == 2


def test_a_file_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    path = _saved(
        nn.Sequential(nn.Linear(4, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 5)), tmp_path / "x.safetensors"
    )
    model = _net(2)
    head, before = model[3], {name: one.clone() for name, one in model.state_dict().items()}
    with pytest.raises(checkpoint.CheckpointError, match="mismatched"):
        load_pretrained(path, model=model)
    assert model[3] is head
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


def test_the_weights_of_a_name_are_resolved_by_torchvisions_enum() -> None:
    best = ResNet18_Weights.IMAGENET1K_V1
    assert ResNet18_Weights.DEFAULT is best
    for given in ("DEFAULT", "default", "IMAGENET1K_V1", "ResNet18_Weights.IMAGENET1K_V1", best):
        assert _weights_of("resnet18", given) is best
    assert _weights_of("resnet18", None) is None
    with pytest.raises(ValueError, match="'IMAGENET1K_V1'"):
        _weights_of("resnet18", "IMAGENET1K_V9")


def test_a_failing_download_says_where_to_put_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError) as error:
        load_pretrained("resnet18", num_classes=3)
    said = str(error.value)
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in said
    assert str(tmp_path / "hub" / "hub" / "checkpoints" / "resnet18-f37072fd.pth") in said
    assert "weights='path/to/resnet18-f37072fd.pth'" in said
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def _in_the_hub(tmp_path: Path, content: Any) -> None:
    folder = tmp_path / "hub" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(content, folder / "resnet18-f37072fd.pth")


def test_a_file_in_torchs_hub_folder_is_loaded_by_torchvision_and_gets_the_new_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = torchvision.models.resnet18(weights=None)
    _in_the_hub(tmp_path, saved.state_dict())
    environment, load = dict(os.environ), torch.load

    def watched(*given: Any, **named: Any) -> Any:
        assert dict(os.environ) == environment  # other threads load as they did
        return load(*given, **named)

    monkeypatch.setattr(torch, "load", watched)
    assert _same(load_pretrained("resnet18"), saved)
    model = load_pretrained("resnet18", num_classes=3, weights="IMAGENET1K_V1")
    assert _same(model, saved, but="fc.")
    assert model.fc.out_features == 3


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["HARM"],)


def test_a_file_in_the_hub_folder_that_needs_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARM", str(tmp_path / "harm"))
    _in_the_hub(tmp_path, {"fc.weight": _Harm()})
    with pytest.raises(Exception, match=r"[Ww]eights"):
        load_pretrained("resnet18")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("given", "named", "error", "words"),
    [
        ("resnet19", {}, ValueError, "'resnet18'"),
        ("resnet18", {"model": nn.Linear(2, 2)}, ValueError, "leave model out"),
        ("net.safetensors", {}, ValueError, r"model=\.\.\."),
        ("net.safetensors", {"model": "resnet81"}, ValueError, "'resnet18'"),
        ("net.safetensors", {"model": 3}, TypeError, "Pass num_classes=3"),
        ("net.safetensors", {"model": [3]}, TypeError, "model='resnet18'"),
        ("net.safetensors", {"model": nn.Linear}, TypeError, "model='resnet18'"),
        ("resnet18", {"n_classes": 3}, TypeError, "Did you mean 'num_classes'"),
        (3, {}, TypeError, "name or a path"),
        ("resnet18", {"num_classes": 0}, ValueError, "num_classes"),
    ],
)
def test_mistakes_get_the_nearest_or_the_mend(
    given: Any, named: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        load_pretrained(given, **named)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    _saved(_net(2), tmp_path / "digits.safetensors")
    with pytest.raises(FileNotFoundError, match="without a checkpoint"):
        load_pretrained(tmp_path, model=_net(2))
    with pytest.raises(FileNotFoundError, match="gone"):
        load_pretrained(tmp_path / "gone", model=_net(2))
    with pytest.raises(FileNotFoundError, match=r"digits\.safetensors"):
        load_pretrained(tmp_path / "digit.safetensors", model=_net(2))
