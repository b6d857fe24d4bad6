from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

from neurokit import Trainer, seeded
from neurokit.architectures import MLP

SPECIES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(scope="session")
def iris() -> tuple[pd.DataFrame, np.ndarray]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    return x, SPECIES[y]


@pytest.fixture(scope="session")
def iris_trainer(iris: Any) -> Trainer:
    x, y = iris
    with seeded(0):
        trainer = Trainer(MLP(4, 3), loss="cross_entropy", learning_rate=0.01)
        trainer.fit(x, y, epochs=5, verbose=0)
    return trainer


class Two(nn.Module):
    """Two inputs, and a dict of two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(5, 8)
        self.size, self.kind = nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.body(torch.cat([first, second], dim=1)).tanh()
        return {"size": self.size(hidden), "kind": self.kind(hidden)}


@pytest.fixture(scope="session")
def two() -> tuple[Trainer, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    x = {"first": generator.normal(size=(60, 2)), "second": generator.normal(size=(60, 3))}
    y = {"size": x["first"][:, :1] * 2, "kind": np.array(["a", "b", "c"])[generator.integers(0, 3, 60)]}
    with seeded(0):
        trainer = Trainer(Two(), loss={"size": "mse", "kind": "cross_entropy"})
        trainer.fit(x, y, epochs=2, verbose=0)
    return trainer, x


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Path, str, bytes], None]:
    """Write other bytes into a file of a bundle and seal that, as somebody would who knows the format."""
    import json

    from neurokit.storage.manifest import seal

    def change(folder: Path, name: str, content: bytes) -> None:
        import hashlib

        (folder / name).write_bytes(content)
        manifest = json.loads((folder / "bundle.json").read_text())
        manifest.pop("sha256")
        manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (folder / "bundle.json").write_bytes(seal(manifest))

    return change
