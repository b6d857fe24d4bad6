"""Real runs that the cards of these tests are written from, each fitted once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from torch import nn

from neurokit import Trainer
from neurokit.assessment import Assessment, assess


class Run(NamedTuple):
    trainer: Trainer
    assessment: Assessment


@pytest.fixture(scope="session")
def tumours() -> Run:
    """Two classes, two groups, and a policy that decides."""
    torch.manual_seed(0)
    table = load_breast_cancer(as_frame=True)
    x = ((table.data - table.data.mean()) / table.data.std()).astype("float32")
    y = table.target_names[table.target]
    trainer = Trainer(
        nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 2)),
        loss="cross_entropy", metrics=["accuracy"], learning_rate=0.01,
    )  # fmt: skip
    trainer.fit(x[:400], y[:400], epochs=4, validation_split=0.2, verbose=0)
    texture = np.where(x["mean texture"][400:] > 0, "rough", "smooth")
    assessment = assess(trainer, x[400:], y[400:], sensitive={"texture": texture})
    policy = assess(trainer, x[:400], y[:400], name="validation").threshold(
        costs={"false_positive": 1, "false_negative": 5}
    )
    assessment.decide(policy)
    return Run(trainer, assessment)


@pytest.fixture(scope="session")
def diabetes() -> Run:
    """A number, predicted."""
    torch.manual_seed(0)
    table = load_diabetes(as_frame=True)
    x, y = table.data.astype("float32"), table.target.to_numpy(dtype="float32")
    trainer = Trainer(nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1)), loss="mse", learning_rate=0.05)
    trainer.fit(x[:300], y[:300], epochs=3, checks=False, verbose=0)
    return Run(trainer, assess(trainer, x[300:], y[300:], acknowledge=["age", "sex"]))


def headings(text: str) -> list[tuple[str, str]]:
    """Every heading of a Markdown text with what stands under it up to the next one; code is none."""
    found: list[tuple[str, list[str]]] = []
    fence = ""
    for line in text.splitlines():
        mark = line[: len(line) - len(line.lstrip("`"))]
        if len(mark) >= 3 and not fence:
            fence = mark
        elif fence and line == fence:
            fence = ""
        elif not fence and line.startswith("#"):
            found.append((line, []))
            continue
        if found:
            found[-1][1].append(line)
    return [(title, "\n".join(lines).strip()) for title, lines in found]


@pytest.fixture
def parsed() -> Any:
    return headings
