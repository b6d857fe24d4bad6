from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurokit as nk
from neurokit.storage import CheckpointError


@pytest.fixture(scope="module")
def saved(iris_trainer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nk.save_bundle(iris_trainer, tmp_path_factory.mktemp("bundles") / "iris")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "iris"))


def test_a_new_process_without_the_training_code_predicts_the_same(iris: Any, iris_trainer: Any, folder: Path) -> None:
    x, _ = iris
    code = (
        "import json, sys, neurokit as nk\n"
        "rows = json.load(sys.stdin)\n"
        "print(json.dumps(nk.load_bundle(sys.argv[1]).predict(rows).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], input=x.to_json(orient="records"), capture_output=True, text=True,
        check=True,
    )  # fmt: skip

    np.testing.assert_allclose(json.loads(done.stdout), iris_trainer.predict(x), atol=1e-6)


@pytest.mark.parametrize("name", ["bundle.json", "signature.json", "model.safetensors", "background.safetensors"])
def test_a_flipped_bit_is_damage(name: str, folder: Path) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(CheckpointError, match=f"{name} is damaged"):
        nk.load_bundle(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()

    with pytest.raises(CheckpointError, match=r"incomplete: model.safetensors is missing"):
        nk.load_bundle(folder)


def test_card_and_record_may_be_changed_or_taken_away(folder: Path) -> None:
    version = nk.load_bundle(folder).version
    (folder / "README.md").write_text("# Ours\n")
    (folder / "run.json").unlink()

    bundle = nk.load_bundle(folder)

    assert (bundle.version, bundle.card, bundle.record) == (version, "# Ours\n", {})


def test_other_folders_are_told_from_bundles(folder: Path, iris_trainer: nk.Trainer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no bundle .*irsi. Did you mean 'iris'"):
        nk.load_bundle(tmp_path / "irsi")
    with pytest.raises(CheckpointError, match=r"is no bundle: it has no bundle.json. It is a checkpoint: nk.Trainer"):
        nk.load_bundle(iris_trainer.save(tmp_path / "checkpoint"))
    with pytest.raises(CheckpointError, match=r"is no bundle"):
        nk.load_bundle(folder / "README.md")


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    from neurokit.storage.manifest import seal

    manifest = json.loads((folder / "bundle.json").read_text())
    manifest.pop("sha256")
    (folder / "bundle.json").write_bytes(seal(manifest | {"format": 2, "neurokit": "9.0"}))

    with pytest.raises(CheckpointError, match=r"written by neurokit 9.0 in format 2.*pip install --upgrade"):
        nk.load_bundle(folder)


LARGE = {"in_features": 10**7, "out_features": 10**7}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ({"kind": "pickle"}, "does not name the files of a bundle"),
        ({"kind": "architecture", "architecture": {"class": "Evil", "arguments": {}}}, "Evil"),
        ({"kind": "architecture", "architecture": {"class": "MLP", "arguments": LARGE}}, "parameters"),
        ({"kind": "architecture"}, "architecture"),
    ],
)  # fmt: skip
def test_a_sealed_lie_is_refused(program: dict[str, Any], said: str, folder: Path) -> None:
    from neurokit.storage.manifest import seal

    manifest = json.loads((folder / "bundle.json").read_text())
    manifest.pop("sha256")
    (folder / "bundle.json").write_bytes(seal(manifest | {"program": program}))

    with pytest.raises(ValueError, match=said):
        nk.load_bundle(folder)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"inputs": NaN}', b"\xff", b"[" * 100_000])
def test_a_signature_that_is_none_is_refused(content: bytes, folder: Path, changed: Any) -> None:
    changed(folder, "signature.json", content)

    with pytest.raises(CheckpointError, match="cannot be used"):
        nk.load_bundle(folder)


def test_a_link_in_a_bundle_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "signature.json").rename(tmp_path / "elsewhere.json")
    (folder / "signature.json").symlink_to(tmp_path / "elsewhere.json")

    with pytest.raises(CheckpointError, match="is a link"):
        nk.load_bundle(folder)


def test_a_model_is_only_for_weights(folder: Path) -> None:
    from neurokit.architectures import MLP

    with pytest.raises(ValueError, match="brings its own program"):
        nk.load_bundle(folder, model=MLP(4, 3))


def test_limits_bound_what_is_read(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="more than the 100 bytes"):
        nk.load_bundle(folder, limits=nk.Limits(total_bytes=100))


def test_a_card_is_read_within_limits_and_through_no_link(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret").write_text("of somebody else")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "secret")
    (folder / "run.json").write_text("{")
    bundle = nk.load_bundle(folder)

    assert (bundle.card, bundle.record) == ("", {})
    assert "README.md cannot be read and is left out" in caplog.text
    assert "run.json cannot be read and is left out" in caplog.text

    (folder / "README.md").unlink()
    (folder / "README.md").write_bytes(b"caf\xe9 " + b"x" * 100)
    assert nk.load_bundle(folder).card.startswith("caf\ufffd x")
    (folder / "README.md").write_bytes(b"x" * 10_000_000)
    assert len(nk.load_bundle(folder).card) == nk.Limits().json_bytes


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("inputs", 0, "shape"), [5]),
        (("inputs", 0, "shape"), []),
        (("prediction",), "other"),
        (("questions", 0, "num_classes"), 2),
        (("questions", 0, "kind"), "binary"),
    ],
)
def test_a_signature_of_another_net_is_refused(where: Any, value: Any, folder: Path, changed: Any) -> None:
    told = json.loads((folder / "signature.json").read_text())
    told["questions"][0]["classes"] = told["fields"] = told["inputs"][0]["columns"] = None
    changed(folder, "signature.json", json.dumps(told).encode())
    assert nk.load_bundle(folder).predict_labels(np.zeros((1, 4))).shape == (1,)

    place = told
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    changed(folder, "signature.json", json.dumps(told).encode())
    with pytest.raises(CheckpointError, match="its signature and its net differ"):
        nk.load_bundle(folder)


def test_a_manifest_of_odd_types_is_damage(folder: Path) -> None:
    from neurokit.storage.manifest import seal

    manifest = json.loads((folder / "bundle.json").read_text())
    manifest.pop("sha256")
    for changes in ({"program": {"kind": ["onnx"]}}, {"files": []}, {"name": 3}, {"program": []}):
        (folder / "bundle.json").write_bytes(seal(manifest | changes))
        with pytest.raises(CheckpointError, match="is damaged"):
            nk.load_bundle(folder)


def test_background_of_other_names_is_refused(folder: Path, changed: Any) -> None:
    import torch

    from neurokit import checkpoint

    checkpoint.save_weights(folder / "other", {"weight": torch.zeros(2, 4)})
    content = (folder / "other").read_bytes()
    changed(folder, "background.safetensors", content)

    with pytest.raises(CheckpointError, match="holds no rows: its tensors are named weight"):
        _ = nk.load_bundle(folder).background
