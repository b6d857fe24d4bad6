from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit.architectures import MLP


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_bundle_has_the_trainers_numbers(iris: Any, iris_trainer: nk.Trainer, tmp_path: Path) -> None:
    x, _ = iris

    bundle = nk.load_bundle(nk.save_bundle(iris_trainer, tmp_path / "iris"))

    np.testing.assert_allclose(bundle.predict(x), iris_trainer.predict(x), atol=1e-6)
    np.testing.assert_allclose(bundle.predict_proba(x), iris_trainer.predict_proba(x), atol=1e-6)
    np.testing.assert_array_equal(bundle.predict_labels(x), iris_trainer.predict_labels(x))


def test_it_holds_program_signature_record_card_and_rows_and_no_pickle(iris_trainer: Any, tmp_path: Path) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris")

    assert {
        "bundle.json",
        "signature.json",
        "model.safetensors",
        "background.safetensors",
        "run.json",
        "README.md",
    } <= set(os.listdir(folder))
    assert not any(content.startswith((b"\x80", b"PK")) for content in _snapshot(folder).values())
    assert nk.RunRecord.load(folder / "run.json").parameters["loss"] == "cross_entropy"
    assert "library_name: neurokit" in (folder / "README.md").read_text()


def test_without_background_no_row_of_training_leaves(iris_trainer: Any, tmp_path: Path) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris", background=False)

    assert not [name for name in os.listdir(folder) if name.startswith("background")]
    assert nk.load_bundle(folder).background is None


def test_the_trainer_stays_as_it_was(iris_trainer: nk.Trainer, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in iris_trainer.model.state_dict().items()}
    modes = [module.training for module in iris_trainer.model.modules()]
    rng, numpy_rng = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]

    nk.save_bundle(iris_trainer, tmp_path / "iris")

    assert all(torch.equal(before[name], tensor) for name, tensor in iris_trainer.model.state_dict().items())
    assert modes == [module.training for module in iris_trainer.model.modules()]
    assert torch.equal(rng, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_rng, np.random.get_state()[1])  # type: ignore[index]


def test_another_bundle_is_replaced_and_what_people_said_is_kept(
    iris_trainer: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris")
    nk.ModelCard.from_record(folder).fill(license="mit").save(folder)
    first = nk.load_bundle(folder).version

    with caplog.at_level(logging.WARNING, logger="neurokit"):
        nk.save_bundle(iris_trainer, folder)

    assert "The card keeps what the one it replaces was answered: license" in caplog.text
    assert "license: mit" in nk.load_bundle(folder).card
    assert nk.load_bundle(folder).version == first
    assert [path.name for path in tmp_path.iterdir()] == ["iris"]


def test_a_folder_of_something_else_is_left_alone(iris_trainer: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(FileExistsError, match=r"is no bundle: there is 'thesis.tex'. Nothing was changed"):
        nk.save_bundle(iris_trainer, tmp_path)

    assert _snapshot(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_bundle_that_would_answer_otherwise_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = nk.Trainer(MLP(4, 1), loss="mse")
    monkeypatch.setattr(MLP, "forward", lambda self, x: self.layers(x) + torch.rand(len(x), 1))

    with pytest.raises(ValueError, match=r"was not kept: its predictions differ from the trainer's"):
        nk.save_bundle(trainer, tmp_path / "moody", x=torch.zeros(3, 4))

    assert list(tmp_path.iterdir()) == []


def test_a_trainer_that_never_fitted_needs_rows(tmp_path: Path) -> None:
    trainer = nk.Trainer(MLP(4, 1), loss="mse")

    with pytest.raises(ValueError, match=r"Nobody knows what a row looks like"):
        nk.save_bundle(trainer, tmp_path / "new")

    x = np.random.default_rng(0).normal(size=(5, 4))
    bundle = nk.load_bundle(nk.save_bundle(trainer, tmp_path / "new", x=x))
    np.testing.assert_allclose(bundle.predict(x), trainer.predict(x), atol=1e-6)
    assert bundle.target is not None
    assert bundle.target.kind == "regression"


def test_weights_of_any_module_are_kept_for_whoever_has_the_module(two: Any, tmp_path: Path) -> None:
    trainer, x = two
    folder = nk.save_bundle(trainer, tmp_path / "two", format="safetensors")

    with pytest.raises(ValueError, match=r"holds the weights of a Two and no program. Pass the module they belong to"):
        nk.load_bundle(folder)

    bundle = nk.load_bundle(folder, model=type(trainer.model)())
    expected = trainer.predict(x)
    found = bundle.predict(x)
    assert found.keys() == {"size", "kind"}
    np.testing.assert_allclose(found["size"], expected["size"], atol=1e-6)
    with pytest.raises(ValueError, match="The output 'size' has no classes: it was trained for regression"):
        bundle.predict_labels(x)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"format": "pickle"}, ValueError, "format is one of 'auto', 'safetensors', 'onnx', 'pt2', got 'pickle'"),
        ({"folder": 3}, TypeError, "folder is a path, got 3"),
        ({"trainer": nn.Linear(1, 1)}, TypeError, "save_bundle takes a Trainer, got a Linear"),
        ({"formats": "onnx"}, TypeError, "save_bundle has no argument 'formats'. Did you mean 'format'"),
    ],
)
def test_mistakes_are_named(arguments, error, said, iris_trainer, tmp_path: Path) -> None:
    given = {"trainer": iris_trainer, "folder": tmp_path / "x"} | arguments

    with pytest.raises(error, match=said):
        nk.save_bundle(**given)

    assert list(tmp_path.iterdir()) == []


def test_numbers_in_the_manifest_are_those_of_the_files(iris_trainer: Any, tmp_path: Path) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris", name="Irises")
    manifest = json.loads((folder / "bundle.json").read_text())

    assert manifest["name"] == nk.load_bundle(folder).name == "Irises"
    assert {name: entry["size"] for name, entry in manifest["files"].items()} == {
        name: (folder / name).stat().st_size for name in manifest["files"]
    }


def test_nothing_of_anybodys_is_lost_where_a_bundle_is_replaced(iris_trainer: Any, tmp_path: Path) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris")
    (folder / ".DS_Store").write_bytes(b"a system's own")
    nk.save_bundle(iris_trainer, folder)
    (folder / "notes.txt").write_text("what we tried")
    before = _snapshot(folder)

    for again in (lambda: nk.save_bundle(iris_trainer, folder), lambda: _exported(iris_trainer, folder)):
        with pytest.raises(FileExistsError, match=r"also holds 'notes.txt', which is not the bundle's.*Nothing was"):
            again()
    assert _snapshot(folder) == before

    (folder / "notes.txt").unlink()
    with (folder / "README.md").open("a") as card:
        card.write("\nWritten by hand.\n")
    with pytest.raises(FileExistsError, match=r"README.md was changed since it was written.*Nothing was changed"):
        nk.save_bundle(iris_trainer, folder)
    assert "Written by hand." in (folder / "README.md").read_text()


def _exported(trainer: nk.Trainer, folder: Path) -> Path:
    other = nk.save_bundle(trainer, folder.with_name("other"))
    return nk.load_bundle(other).export(folder, "pt2")


def test_an_exported_bundle_has_its_files_and_no_others(iris_trainer: Any, tmp_path: Path) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris")
    (folder / "notes.txt").write_text("ours")
    (folder / "card_learning_curves.png").unlink()
    (folder / "card_learning_curves.png").symlink_to("/etc/hostname")

    exported = nk.load_bundle(folder).export(tmp_path / "exported", "pt2")

    wanted = {"bundle.json", "signature.json", "background.safetensors", "run.json", "README.md", "model.pt2"}
    assert set(os.listdir(exported)) == wanted


@pytest.mark.parametrize("format", ["auto", "safetensors", "onnx", "pt2"])
def test_the_card_says_how_the_bundle_is_used(format: Any, iris_trainer: Any, iris: Any, tmp_path: Path) -> None:
    folder = nk.save_bundle(iris_trainer, tmp_path / "iris", format=format)
    code = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]

    found: dict[str, Any] = {"rows": iris[0]}
    exec(code.replace('"folder"', repr(str(folder))), found)

    np.testing.assert_allclose(found["bundle"].predict(iris[0]), iris_trainer.predict(iris[0]), atol=1e-5)
