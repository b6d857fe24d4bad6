from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from neurokit.assessment.groups.judged import Judged, judged_rows
from neurokit.assessment.groups.metrics import group_metrics
from neurokit.assessment.measures import measure

ROWS, GROUP = 300, np.arange(40, 160)


def _judged(kind: str, weighted: bool = False) -> Judged:
    generator = np.random.default_rng(0)
    weight = generator.uniform(0.5, 2, ROWS) if weighted else None
    if kind == "regression":
        truth = generator.normal(0, 1, (ROWS, 2))
        return judged_rows(kind, truth, truth + generator.normal(0, [0.5, 3], (ROWS, 2)), weights=weight)
    classes = 2 if kind == "binary" else 4
    truth = generator.integers(0, classes, ROWS)
    scores = generator.dirichlet(np.ones(classes), ROWS) + 0.5 * np.eye(classes)[truth]
    scores /= scores.sum(1, keepdims=True)
    return judged_rows(kind, truth, scores.argmax(1), scores, weight)


def _number(judged: Judged, name: str, rows: Any = GROUP) -> float:
    return group_metrics(judged, name)[0][0].on(rows)


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_of_a_group_that_are_no_rates_are_those_of_scikit_learn(weighted: bool) -> None:
    for kind in ("binary", "multiclass", "regression"):
        judged = _judged(kind, weighted)
        y, p = judged.y_true[GROUP], judged.y_pred[GROUP]
        more: dict[str, Any] = {"sample_weight": judged.weights[GROUP]} if judged.weights is not None else {}
        expected = {"matthews_corrcoef": sk.matthews_corrcoef(y, p, **more)} if kind != "regression" else {}
        if judged.scores is not None and kind == "binary":
            expected["average_precision"] = sk.average_precision_score(y, judged.scores[GROUP, 1], **more)
        if judged.scores is not None and kind == "multiclass":
            expected["precision"] = sk.precision_score(y, p, average="macro", **more)
            expected["recall"] = sk.recall_score(y, p, average="macro", **more)
            areas = [sk.roc_auc_score(y == one, judged.scores[GROUP, one], **more) for one in range(4)]
            expected["roc_auc"] = np.mean(areas)
        if kind == "regression":
            expected["rmse"] = sk.root_mean_squared_error(y, p, **more)
            expected["r2"] = sk.r2_score(y, p, **more)
            if not weighted:
                expected["median_absolute_error"] = sk.median_absolute_error(y, p)
        for name, value in expected.items():
            assert _number(judged, name) == pytest.approx(value), name


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_all_rows_have_the_numbers_that_the_assessment_gives_them(kind: str) -> None:
    judged = _judged(kind, weighted=True)
    found = measure(judged.answers, confidence=0.95, seed=0, resamples=0)
    for name, value in found.items():
        assert _number(judged, name, np.arange(ROWS)) == pytest.approx(float(value)), name


def test_two_classes_of_a_multiclass_task_are_averaged() -> None:
    truth, guess = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    judged = judged_rows("multiclass", truth, guess)
    assert _number(judged, "f1", np.arange(5)) == pytest.approx(sk.f1_score(truth, guess, average="macro"))


def test_a_statistic_counts_each_row_as_often_as_it_was_drawn() -> None:
    judged = _judged("binary", weighted=True)
    counts = np.random.default_rng(1).multinomial(len(GROUP), np.full(len(GROUP), 1 / len(GROUP)))
    for metric in group_metrics(judged, ["roc_auc", "f1", "log_loss", "true_positive_rate"])[0]:
        assert metric.of(GROUP)(counts) == pytest.approx(metric.on(GROUP.repeat(counts)))


def test_rows_whose_weights_are_all_0_have_no_number() -> None:
    judged = judged_rows("binary", [0, 1, 0, 1], [0, 1, 1, 1], [0.1, 0.9, 0.6, 0.8], [0, 0, 1, 1])
    for name in ("accuracy", "f1", "balanced_accuracy", "roc_auc", "log_loss"):
        assert np.isnan(_number(judged, name, np.arange(2)))
