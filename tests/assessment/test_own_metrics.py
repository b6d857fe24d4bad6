from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score, fbeta_score
from torch import nn

import neurokit as nk


def f2(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(fbeta_score(y_true, y_pred, beta=2, average="macro"))


@pytest.fixture(scope="module")
def trainer() -> nk.Trainer:
    torch.manual_seed(0)
    made = nk.Trainer(
        nn.Linear(4, 3), loss="cross_entropy", metrics=["accuracy", "top_2_accuracy", cohen_kappa_score, f2]
    )
    x = torch.randn(90, 4)
    made.fit(x, x[:, :3].argmax(1), verbose=0)
    return made


def test_what_the_trainer_judges_by_is_measured_too_with_an_interval(trainer: nk.Trainer) -> None:
    x = torch.randn(120, 4)
    y = x[:, :3].argmax(1)

    found = nk.assess(trainer, x, y)

    logs, told = trainer.evaluate(x, y), trainer.predict_labels(x)
    assert found.metrics["cohen_kappa_score"] == pytest.approx(cohen_kappa_score(y, told))
    assert found.metrics["top_2_accuracy"] == pytest.approx(logs["top_2_accuracy"])
    for name in ("top_2_accuracy", "cohen_kappa_score", "f2"):
        assert found.metrics[name] == pytest.approx(logs[name])
        assert found.metrics[name].low < found.metrics[name] < found.metrics[name].high
    assert math.isnan(found.to_frame().loc["f2", "baseline"])


def test_card_report_and_other_assessments_take_them_as_they_are(trainer: nk.Trainer, tmp_path: object) -> None:
    x = torch.randn(60, 4)
    found = nk.assess(trainer, x, x[:, :3].argmax(1))

    assert "cohen kappa score" in nk.ModelCard.from_trainer(trainer, found).text
    assert "Cohen kappa score" in found.to_html(f"{tmp_path}/report.html", figures="svg").read_text(encoding="utf-8")
    assert "f2" not in found.calibrated(2.0).metrics
    with pytest.raises(ValueError, match="no metric 'f2' here"):
        found.lift("f2")


def strict(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    if len(set(y_true.tolist())) < 2:
        raise ValueError("one class")
    return float((y_true == y_pred).mean())


def test_a_metric_that_refuses_some_resamples_or_all_rows_takes_nothing_else_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy", metrics=[strict])
    x = torch.randn(64, 2)
    y = torch.zeros(64, dtype=torch.int64)
    y[:2] = 1

    found = nk.assess(trainer, x, y)
    assert found.metrics["strict"] == pytest.approx(float(found.metrics["accuracy"]))
    assert pickle.loads(pickle.dumps(found)).metrics["strict"] == found.metrics["strict"]

    weighted = nk.assess(trainer, x, y, sample_weight=torch.rand(64) + 0.1)
    assert math.isnan(weighted.metrics["strict"])
    assert weighted.verdict()
    assert "own metrics cannot be told of these rows" in caplog.text


def test_weights_and_rows_that_count_for_nothing_are_the_trainers_own() -> None:
    trainer = nk.Trainer(nn.Linear(4, 3), loss="cross_entropy", metrics=["top_2_accuracy"])
    x = torch.randn(50, 4)
    y = x[:, :3].argmax(1)
    y[::5] = -100
    weight = torch.rand(50) + 0.1

    found = nk.assess(trainer, x, y, sample_weight=weight)

    logs = trainer.evaluate(x, y, sample_weight=weight)
    assert found.metrics["top_2_accuracy"] == pytest.approx(logs["top_2_accuracy"])
