from __future__ import annotations

import numpy as np

from neurokit.explanations.interactions import pair_values


def test_a_product_is_shared_by_its_pair_alone():
    x, background = np.random.randn(3, 4), np.zeros((1, 4))

    found = pair_values(lambda rows: (rows[:, 1] * rows[:, 3])[:, None], x, background)[..., 0]

    np.testing.assert_allclose(found[:, 1, 3] + found[:, 3, 1], x[:, 1] * x[:, 3])
    found[:, 1, 3] = found[:, 3, 1] = 0.0
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


def test_pairs_agree_with_shaps_where_every_column_varies(shap):
    x, background = np.random.randn(2, 4), np.random.randn(6, 4)

    def function(rows: np.ndarray) -> np.ndarray:
        return np.tanh(rows[:, 0] * rows[:, 1] + rows[:, 2]) * rows[:, 3]

    found = pair_values(lambda rows: function(rows)[:, None], x, background)[..., 0]

    theirs = shap.ExactExplainer(function, shap.maskers.Independent(background))(x, interactions=True, silent=True)
    np.testing.assert_allclose(found, theirs.values, atol=1e-9)


def test_a_column_that_does_not_vary_takes_part_in_nothing():
    """shap's own give the values of the pair (1, 2) to (0, 1) here."""
    x, background = np.array([[5.0, 1.0, 2.0]]), np.array([[5.0, 0.0, 0.0]])

    found = pair_values(lambda rows: (rows[:, 1] * rows[:, 2] + rows[:, 0])[:, None], x, background)[0, :, :, 0]

    np.testing.assert_allclose(found, [[0, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_mixtures_are_asked_for_in_parts(monkeypatch):
    from neurokit.explanations import interactions

    x, background = np.random.randn(1, 5), np.random.randn(7, 5)

    def function(rows: np.ndarray) -> np.ndarray:
        return np.sin(rows).prod(axis=1, keepdims=True)

    whole = pair_values(function, x, background)
    monkeypatch.setattr(interactions, "_ROWS_AT_ONCE", 20)

    np.testing.assert_allclose(pair_values(function, x, background), whole)
