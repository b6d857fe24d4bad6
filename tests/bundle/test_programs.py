from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neurokit as nk
from bundle.test_tables import _saved


@pytest.fixture(scope="module")
def convolution() -> tuple[nk.Trainer, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).reshape(-1, 1, 8, 8).astype(np.float32)[:300]
    with nk.seeded(0):
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        trainer = nk.Trainer(model, loss="cross_entropy")
        trainer.fit(x, y[:300], epochs=1, verbose=0)
    return trainer, x


@pytest.fixture(scope="module")
def onnx_folder(convolution: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nk.save_bundle(convolution[0], tmp_path_factory.mktemp("onnx") / "digits")


def test_a_module_of_ones_own_becomes_onnx(convolution: Any, onnx_folder: Path) -> None:
    trainer, x = convolution
    bundle = nk.load_bundle(onnx_folder)

    assert bundle.kind == "onnx"
    np.testing.assert_allclose(bundle.predict(x), trainer.predict(x), atol=1e-5)
    np.testing.assert_array_equal(bundle.predict_labels(x), trainer.predict_labels(x))
    assert bundle.manifest["program"]["largest_difference"] < 1e-5


WITHOUT_TORCH = """
import sys
for name in ("torch", "torchvision", "shap", "sklearn"):
    sys.modules[name] = None
import json
import neurokit as nk
import numpy as np
bundle = nk.load_bundle(sys.argv[1])
rows = json.load(sys.stdin)
given = rows if bundle.fields else np.asarray(rows, dtype=np.float32)
print(json.dumps([bundle.predict(given).tolist(), bundle.version, bundle.predict_proba(given).tolist()]))
"""


def _ask_without_torch(folder: Path, rows: str) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(folder)], input=rows, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_it_predicts_where_there_is_no_torch(convolution: Any, onnx_folder: Path) -> None:
    trainer, x = convolution

    outputs, version, _ = _ask_without_torch(onnx_folder, json.dumps(x[:20].tolist()))

    np.testing.assert_allclose(outputs, trainer.predict(x[:20]), atol=1e-5)
    assert version == nk.load_bundle(onnx_folder).version


def test_a_table_is_answered_where_there_is_no_torch(tmp_path: Path) -> None:
    folder, *_, table = _saved("survived", tmp_path / "table")
    bundle = nk.load_bundle(folder)

    exported = bundle.export(tmp_path / "onnx")

    rows = table[["age", "sex", "fare", "alone"]].to_json(orient="records", double_precision=15)
    labels, version, probabilities = _ask_without_torch(exported, rows)
    assert labels == bundle.predict(table).tolist()
    np.testing.assert_allclose(probabilities, bundle.predict_proba(table), atol=1e-6)
    assert version != bundle.version
    assert nk.load_bundle(exported).card == bundle.card


def test_several_inputs_and_outputs_survive(two: Any, tmp_path: Path) -> None:
    trainer, x = two

    bundle = nk.load_bundle(nk.save_bundle(trainer, tmp_path / "two"))

    expected, found = trainer.predict(x), bundle.predict(x)
    assert bundle.kind == "onnx"
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


def test_pt2_is_only_read_by_who_trusts_it(convolution: Any, tmp_path: Path) -> None:
    trainer, x = convolution
    folder = nk.save_bundle(trainer, tmp_path / "digits", format="pt2")

    with pytest.raises(ValueError, match=r"torch's reader of those runs code .* load_bundle\(folder, trusted=True\)"):
        nk.load_bundle(folder)
    np.testing.assert_allclose(nk.load_bundle(folder, trusted=True).predict(x), trainer.predict(x), atol=1e-5)


def test_only_weights_can_become_a_program(onnx_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds a finished program \(onnx\), which cannot become another"):
        nk.load_bundle(onnx_folder).export(tmp_path / "again")


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) if x.sum() > 0 else -self.layer(x)


def test_what_cannot_be_exported_says_how_its_weights_are_kept(tmp_path: Path) -> None:
    trainer = nk.Trainer(Branching(), loss="mse")

    with pytest.raises(ValueError, match=r"line \d+ \(return self.layer\(x\) if x.sum") as caught:
        nk.save_bundle(trainer, tmp_path / "branching", x=torch.ones(4, 2))

    assert "format='safetensors'" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_other_inputs_than_it_says_is_refused(onnx_folder: Path, tmp_path: Path, changed: Any) -> None:
    folder = Path(shutil.copytree(onnx_folder, tmp_path / "copy"))
    told = json.loads((folder / "signature.json").read_text())
    told["inputs"][0]["name"] = "pixels"
    changed(folder, "signature.json", json.dumps(told).encode())

    with pytest.raises(ValueError, match=r"its signature and its program differ. The one has the inputs .*pixels"):
        nk.load_bundle(folder)
