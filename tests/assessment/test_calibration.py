from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator

from neurokit.assessment.calibration import calibration, fit_temperature, with_temperature


def _overconfident(rows: int, classes: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are ``factor`` times too sure, and labels drawn from the honest ones."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (rows, classes))
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (honest.cumsum(1) > generator.uniform(size=(rows, 1))).argmax(1)
    told = np.exp(factor * logits)
    return told / told.sum(1, keepdims=True), y


class _Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose scores are its inputs."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> _Given:
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x.argmax(1)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_temperature_undoes_how_much_too_sure_a_model_is(classes: int) -> None:
    scores, y = _overconfident(8000, classes, factor=3.0)

    assert fit_temperature(scores, y) == pytest.approx(3, rel=0.1)


def test_probabilities_at_the_temperature_are_scikit_learns() -> None:
    scores, y = _overconfident(600, 4, factor=2.5)
    logits = np.log(scores)
    theirs = CalibratedClassifierCV(FrozenEstimator(_Given().fit(logits, y)), method="temperature").fit(logits, y)

    ours = with_temperature(scores, fit_temperature(scores, y))

    assert ours == pytest.approx(theirs.predict_proba(logits), abs=1e-4)


def test_a_temperature_never_changes_the_likeliest_class_and_one_changes_nothing() -> None:
    scores, _ = _overconfident(200, 3, factor=2)

    assert (with_temperature(scores, 7.0).argmax(1) == scores.argmax(1)).all()
    assert with_temperature(scores, 1.0) == pytest.approx(scores)


def test_certain_float32_probabilities_stay_finite() -> None:
    scores = np.asarray([[0, 1], [1, 0], [0, 1]], dtype=np.float32)

    assert np.isfinite(with_temperature(scores, fit_temperature(scores, np.asarray([1, 0, 0])))).all()


def test_weights_count_as_rows_do() -> None:
    scores, y = _overconfident(300, 3, factor=2)
    weight = np.random.default_rng(1).integers(1, 4, 300)

    repeated = fit_temperature(np.repeat(scores, weight, axis=0), np.repeat(y, weight))

    assert fit_temperature(scores, y, weight) == pytest.approx(repeated, rel=1e-3)


def test_the_curve_is_scikit_learns_and_its_error_the_weighted_distance() -> None:
    scores, y = _overconfident(2000, 2, factor=2)
    happened, probability = y == 1, scores[:, 1]
    rate, mean = calibration_curve(happened, probability, n_bins=8)

    found = calibration(happened, probability, "it", bins=8, weight=None, confidence=0.95)

    assert found.table["rate"].to_numpy() == pytest.approx(rate)
    assert found.table["probability"].to_numpy() == pytest.approx(mean)
    assert found.table["n"].sum() == 2000
    assert found.error == pytest.approx(np.abs(rate - mean) @ found.table["n"] / 2000)
    assert (found.table["low"] <= found.table["rate"]).all()


def test_calibrating_on_other_rows_lowers_the_error() -> None:
    scores, y = _overconfident(4000, 2, factor=3)
    half = slice(0, 2000), slice(2000, None)
    temperature = fit_temperature(scores[half[0]], y[half[0]])

    def error(probabilities: np.ndarray) -> float:
        return calibration(y[half[1]] == 1, probabilities, "", bins=10, weight=None, confidence=0.95).error

    assert error(with_temperature(scores[half[1]], temperature)[:, 1]) < 0.5 * error(scores[half[1], 1])
