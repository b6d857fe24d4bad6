from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from neurokit.assessment.measures import Answers, lift, measure

ROWS = 240


def _answers(kind: str, weighted: bool) -> Answers:
    generator = np.random.default_rng(5)
    weight = generator.uniform(0.2, 3, ROWS) if weighted else None
    if kind == "regression":
        true = generator.normal(3, 2, ROWS)
        told = true + generator.normal(0.3, 1, ROWS)
        return Answers(kind, true, told, told, weight)
    if kind == "multilabel":
        true = generator.integers(2, size=(ROWS, 3))
        scores = np.clip(true * 0.4 + generator.uniform(0, 0.6, (ROWS, 3)), 0, 1).round(2)
        return Answers(kind, true, (scores > 0.5).astype(int), scores, weight)
    classes = 2 if kind == "binary" else 4
    true = generator.integers(classes, size=ROWS)
    scores = generator.dirichlet(np.ones(classes), ROWS) + np.eye(classes)[true] * 0.4
    scores = (scores / scores.sum(1, keepdims=True)).round(3)  # rounded, so that scores are tied
    scores[:, -1] = 1 - scores[:, :-1].sum(1)
    return Answers(kind, true, scores.argmax(1), scores, weight)


def _oracle(answers: Answers) -> dict[str, float]:
    """The same numbers, by scikit-learn."""
    true, told, scores, weight = answers.y_true, answers.y_pred, answers.scores, answers.weight
    w: Any = {"sample_weight": weight}
    if answers.kind == "regression":
        return {
            "mae": metrics.mean_absolute_error(true, told, **w),
            "mse": metrics.mean_squared_error(true, told, **w),
            "rmse": metrics.root_mean_squared_error(true, told, **w),
            "r2": metrics.r2_score(true, told, **w),
            "median_absolute_error": metrics.median_absolute_error(true, told, **w),
            "mean_error": float(np.average(told - true, weights=weight)),
        }
    average = {"binary": "binary", "multiclass": "macro", "multilabel": "macro"}[answers.kind]
    found = {
        "precision": metrics.precision_score(true, told, average=average, **w),
        "recall": metrics.recall_score(true, told, average=average, **w),
        "f1": metrics.f1_score(true, told, average=average, **w),
    }
    if answers.kind == "multilabel":
        return found | {
            "subset_accuracy": metrics.accuracy_score(true, told, **w),
            "hamming_loss": metrics.hamming_loss(true, told, **w),
            "roc_auc": metrics.roc_auc_score(true, scores, **w),
            "average_precision": metrics.average_precision_score(true, scores, **w),
            "log_loss": float(
                np.mean([metrics.log_loss(true[:, column], scores[:, column], **w) for column in range(3)])
            ),
        }
    found |= {
        "accuracy": metrics.accuracy_score(true, told, **w),
        "balanced_accuracy": metrics.balanced_accuracy_score(true, told, **w),
        "matthews_corrcoef": metrics.matthews_corrcoef(true, told, **w),
        "log_loss": metrics.log_loss(true, scores, **w),
    }
    if answers.kind == "multiclass":
        areas = [metrics.roc_auc_score(true == index, scores[:, index], **w) for index in range(4)]
        return found | {"roc_auc": float(np.mean(areas))}
    return found | {
        "specificity": metrics.recall_score(true, told, pos_label=0, **w),
        "roc_auc": metrics.roc_auc_score(true, scores[:, 1], **w),
        "average_precision": metrics.average_precision_score(true, scores[:, 1], **w),
        "brier": metrics.brier_score_loss(true, scores[:, 1], **w),
    }


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_every_number_is_scikit_learns_and_lies_in_its_interval(kind: str, weighted: bool) -> None:
    answers = _answers(kind, weighted)

    found, expected = measure(answers, confidence=0.95, seed=0), _oracle(answers)

    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name
        assert found[name].low <= found[name] <= found[name].high, name


def test_without_weights_multiclass_auc_is_scikit_learns_one_against_the_rest() -> None:
    answers = _answers("multiclass", weighted=False)
    scores = answers.scores / answers.scores.sum(1, keepdims=True)
    expected = metrics.roc_auc_score(answers.y_true, scores, multi_class="ovr")

    assert measure(answers, confidence=0.95, seed=0)["roc_auc"] == pytest.approx(expected, rel=1e-6)


def test_rates_are_wilsons_of_their_own_cases_and_with_weights_the_bootstraps() -> None:
    plain, weighted = (measure(_answers("binary", one), confidence=0.95, seed=0) for one in (False, True))
    told = int((_answers("binary", False).y_pred == 1).sum())

    assert (plain["accuracy"].method, plain["accuracy"].n) == ("wilson", ROWS)
    assert (plain["precision"].method, plain["precision"].n) == ("wilson", told)
    assert plain["roc_auc"].method == "bootstrap"
    assert weighted["accuracy"].method == "bootstrap"


def test_numbers_of_several_columns_are_scikit_learns_averages() -> None:
    true, told = np.random.default_rng(0).normal(size=(2, 60, 3))

    found = measure(Answers("regression", true, told, told), confidence=0.95, seed=0)

    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(true, told))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, told))
    assert found["r2"] == pytest.approx(metrics.r2_score(true, told))
    assert found["median_absolute_error"] == pytest.approx(metrics.median_absolute_error(true, told))


def test_a_class_that_is_missing_leaves_what_cannot_be_told_undefined_without_a_warning() -> None:
    y = np.zeros(20, dtype=int)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(Answers("binary", y, y, np.tile([0.9, 0.1], (20, 1))), confidence=0.95, seed=0)

    assert math.isnan(found["roc_auc"])
    assert math.isnan(found["precision"])
    assert found["accuracy"] == 1


def test_probabilities_of_zero_cost_what_scikit_learn_charges() -> None:
    y = np.asarray([0, 1])
    scores = np.asarray([[0, 1], [0, 1]], dtype=np.float32)

    found = measure(Answers("binary", y, np.asarray([1, 1]), scores), confidence=0.95, seed=0)

    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, scores), rel=1e-6)


def test_lift_is_the_paired_difference_and_turned_where_lower_is_better() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(size=300)
    good, bad = true + generator.normal(0, 0.5, 300), true + generator.normal(0, 1, 300)
    ours, theirs = (Answers("regression", true, told, told) for told in (good, bad))

    gained = lift(ours, theirs, "mae", confidence=0.95, seed=0)

    expected = metrics.mean_absolute_error(true, bad) - metrics.mean_absolute_error(true, good)
    assert gained == pytest.approx(expected)
    assert gained.low > 0
    same = lift(ours, ours, "r2", confidence=0.95, seed=0)
    assert same == 0
    assert math.isnan(same.low)


def test_of_a_mean_error_what_is_nearer_to_zero_is_better() -> None:
    true = np.linspace(0, 1, 50)
    ours, theirs = (Answers("regression", true, true + bias, true + bias) for bias in (5.0, 1.0))

    assert lift(ours, theirs, "mean_error", confidence=0.95, seed=0) == pytest.approx(-4)


def test_few_rows_of_a_class_that_are_all_right_make_nobody_certain() -> None:
    y = np.asarray([0] * 97 + [1] * 3)
    sure, never = Answers("binary", y, y, np.eye(2)[y]), Answers("binary", y, 0 * y, np.tile([0.97, 0.03], (100, 1)))

    found = measure(sure, confidence=0.95, seed=0)

    assert found["balanced_accuracy"] == 1
    assert 0.6 < found["balanced_accuracy"].low < 0.8
    assert math.isnan(found["roc_auc"].low)
    gained = lift(sure, never, "balanced_accuracy", confidence=0.95, seed=0)
    assert (gained, gained.low) == (0.5, pytest.approx(found["balanced_accuracy"].low - 0.5))
    assert gained.low > 0


def test_a_label_that_never_holds_leaves_the_others_their_average() -> None:
    y = np.asarray([[1, 0], [0, 0], [1, 0], [0, 0]])
    scores = np.asarray([[0.9, 0.1], [0.2, 0.3], [0.8, 0.2], [0.4, 0.1]])

    found = measure(Answers("multilabel", y, (scores > 0.5).astype(int), scores), confidence=0.95, seed=0)

    assert found["roc_auc"] == 1


def test_of_very_many_classes_the_area_has_a_value_and_no_interval() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(30, size=600)
    scores = generator.dirichlet(np.ones(30), 600)
    expected = np.mean([metrics.roc_auc_score(y == index, scores[:, index]) for index in range(30)])

    found = measure(Answers("multiclass", y, scores.argmax(1), scores), confidence=0.95, seed=0)["roc_auc"]

    assert found == pytest.approx(expected)
    assert math.isnan(found.low)
