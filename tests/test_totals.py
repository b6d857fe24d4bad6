from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from neurokit import totals
from neurokit.totals import Totals


@pytest.mark.parametrize("classes", [2, 5])
def test_numbers_of_class_counts_are_scikit_learns(classes: int) -> None:
    generator = np.random.default_rng(classes)
    true, told = generator.integers(classes, size=(2, 300))
    told[:150] = true[:150]
    matrix = metrics.confusion_matrix(true, told).astype(float)
    counts = Totals(np.stack([matrix.diagonal(), matrix.sum(0), matrix.sum(1)]), 300.0, 300, "multiclass")
    average = "binary" if classes == 2 else "macro"

    assert totals.precision(counts) == pytest.approx(metrics.precision_score(true, told, average=average))
    assert totals.recall(counts) == pytest.approx(metrics.recall_score(true, told, average=average))
    assert totals.f1(counts) == pytest.approx(metrics.f1_score(true, told, average=average))
    assert totals.balanced_accuracy(counts) == pytest.approx(metrics.balanced_accuracy_score(true, told))
    assert totals.matthews_corrcoef(counts) == pytest.approx(metrics.matthews_corrcoef(true, told))


def test_numbers_of_sums_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    true, told = generator.normal(size=(2, 50))
    squares = (told - true) ** 2
    sums = np.array([squares.sum(), true.sum(), (true**2).sum()])

    assert totals.r2(Totals(sums, 50.0, 50, "regression")) == pytest.approx(metrics.r2_score(true, told))
    assert totals.mean(Totals(sums[:1], 50.0, 50, None)) == pytest.approx(metrics.mean_squared_error(true, told))
    assert totals.root_mean(Totals(sums[:1], 50.0, 50, None)) == pytest.approx(
        metrics.root_mean_squared_error(true, told)
    )
