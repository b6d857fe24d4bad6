from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.ensemble import StackingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import neurokit as nk
from neurokit.sklearn import NeuralNetClassifier, NeuralNetRegressor

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # in scikit-learn's own data
@parametrize_with_checks([NeuralNetClassifier(), NeuralNetRegressor()])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, np.ndarray]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    return x, np.array(["setosa", "versicolor", "virginica"])[y]


def test_labels_stay_the_users_own(iris: Any) -> None:
    x, y = iris
    model = NeuralNetClassifier(random_state=0).fit(x, y)

    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert set(model.predict(x)) <= set(y)
    np.testing.assert_allclose(model.predict_proba(x).sum(1), 1)
    assert model.score(x, y) > 0.95
    assert model.feature_names_in_.tolist() == list(x.columns)
    assert (model.n_iter_, len(model.history_.epoch)) == (100, 100)


def test_a_random_state_gives_the_same_bits_and_leaves_the_global_streams(iris: Any) -> None:
    x, y = iris
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]

    first, second, other = (
        NeuralNetClassifier(random_state=state, dropout=0.2, epochs=5).fit(x, y).predict_proba(x) for state in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.01
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_before, np.random.get_state()[1])  # type: ignore[index]


def test_the_users_module_is_copied_and_stays_as_it_is(iris: Any) -> None:
    x, y = iris
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    before = [one.clone() for one in module.parameters()]
    model = NeuralNetClassifier(module, random_state=0, epochs=30, learning_rate=0.03).fit(x, y)

    assert all(torch.equal(one, other) for one, other in zip(before, module.parameters(), strict=True))
    assert model.module_ is not module
    assert model.score(x, y) > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_a_module_gets_rows_of_any_shape_as_they_are(dtype: Any) -> None:
    x, y = load_digits(return_X_y=True)
    images = x[:400].reshape(-1, 1, 8, 8).astype(dtype)

    def network(_features: int, classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, classes))

    model = NeuralNetClassifier(network, random_state=0, epochs=10).fit(images, y[:400])

    assert model.score(images, y[:400]) > 0.9
    with pytest.raises(TypeError, match=r"returned a int, and what trains is an nn.Module"):
        NeuralNetClassifier(lambda features, outputs: 3).fit(images, y[:400])


def test_sparse_rows_give_what_dense_ones_do() -> None:
    x, y = load_digits(return_X_y=True)
    x, y = x[:300] * (x[:300] > 8), y[:300]

    dense = NeuralNetClassifier(random_state=0, epochs=5).fit(x, y)
    scattered = NeuralNetClassifier(random_state=0, epochs=5).fit(sparse.csr_array(x), y)

    np.testing.assert_allclose(scattered.predict_proba(sparse.csr_matrix(x)), dense.predict_proba(x), atol=1e-8)


def test_numbers_come_back_in_the_targets_own_unit() -> None:
    x, y = load_diabetes(return_X_y=True)
    model = NeuralNetRegressor(random_state=0, epochs=30).fit(x, y * 1000)

    assert model.score(x, y * 1000) > 0.3
    assert abs(model.predict(x).mean() / (y * 1000).mean() - 1) < 0.05
    several = NeuralNetRegressor(random_state=0, epochs=30).fit(x, np.stack([y, -1000 * y], axis=1))
    assert several.predict(x).shape == (len(x), 2)
    assert several.score(x, np.stack([y, -1000 * y], axis=1)) > 0.3


def test_weights_of_rows_and_classes_count(iris: Any) -> None:
    x, y = iris
    keep = y != "virginica"
    weighted = NeuralNetClassifier(random_state=0).fit(x, y, sample_weight=np.where(keep, 1.0, 0.0))

    assert not (weighted.predict(x) == "virginica").any()
    rare = {"setosa": 1.0, "versicolor": 0.001, "virginica": 1.0}
    assert (NeuralNetClassifier(random_state=0, class_weight=rare).fit(x, y).predict(x) == "versicolor").sum() < 40
    with pytest.raises(ValueError, match="at least one non-zero"):
        NeuralNetClassifier().fit(x, y, sample_weight=np.zeros(len(x)))


def test_several_labels_a_row() -> None:
    x, y = make_multilabel_classification(n_samples=300, n_classes=3, random_state=0)
    model = NeuralNetClassifier(random_state=0).fit(x, y)

    assert model.predict(x).shape == y.shape
    assert (model.predict(x) == y).mean() > 0.9


def test_partial_fit_goes_on_and_learns(iris: Any) -> None:
    x, y = iris
    order = np.random.default_rng(0).permutation(len(x))
    model = NeuralNetClassifier(random_state=0, learning_rate=0.02)
    for step in range(40):
        model.partial_fit(x.iloc[order], y[order], classes=np.unique(y) if step == 0 else None)

    assert model.n_iter_ == 40
    assert model.score(x, y) > 0.9
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        NeuralNetClassifier().partial_fit(x, y)
    with pytest.raises(ValueError, match="y has the label 'tulip'"):
        model.partial_fit(x, np.full(len(x), "tulip"))


def test_a_warm_start_goes_on(iris: Any) -> None:
    x, y = iris
    model = NeuralNetClassifier(random_state=0, epochs=5, warm_start=True).fit(x, y)
    first = model.loss_
    module = model.module_

    model.fit(x, y)

    assert model.module_ is module
    assert model.n_iter_ == 10
    assert model.loss_ < first


def test_patience_ends_training_with_the_best_weights(iris: Any) -> None:
    x, y = iris
    model = NeuralNetClassifier(random_state=0, epochs=500, patience=3, validation_split=0.3, learning_rate=0.05)

    model.fit(x, y)

    assert len(model.history_.epoch) < 500
    assert "val_loss" in model.history_.history


@pytest.mark.parametrize("jobs", [1, 2])
def test_it_is_searched(jobs: int) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), NeuralNetClassifier(random_state=0, epochs=10))
    search = GridSearchCV(pipeline, {"neuralnetclassifier__hidden": [(4,), (32, 16)]}, cv=2, n_jobs=jobs)

    search.fit(x, y)

    assert search.best_score_ > 0.93
    assert search.cv_results_["mean_test_score"].shape == (2,)


def test_it_is_cross_validated_calibrated_stacked_and_permuted(iris: Any) -> None:
    x, y = iris
    model = NeuralNetClassifier(random_state=0)

    assert cross_val_score(model, x, y, cv=3).mean() > 0.9
    assert CalibratedClassifierCV(model, cv=2).fit(x, y).score(x, y) > 0.9
    stacked = StackingClassifier([("net", model), ("line", LogisticRegression(max_iter=500))], cv=2).fit(x, y)
    assert stacked.score(x, y) > 0.9
    importance = permutation_importance(clone(model).fit(x, y), x, y, n_repeats=3, random_state=0)
    assert importance.importances_mean.argmax() in (2, 3)


def test_tables_come_through_a_pipeline_as_data_frames(iris: Any) -> None:
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), NeuralNetClassifier(random_state=0, epochs=20)).set_output(
        transform="pandas"
    )

    pipeline.fit(x, y)

    assert pipeline[-1].feature_names_in_.tolist() == list(x.columns)


@pytest.mark.skipif(not (SHARED / "titanic.csv").exists(), reason="shared data are not beside this checkout")
def test_the_titanic_through_a_column_transformer() -> None:
    table = pd.read_csv(SHARED / "titanic.csv")
    features = ["pclass", "sex", "fare", "sibsp", "parch"]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex", "pclass"]), remainder=StandardScaler()
    )
    model = make_pipeline(encode, NeuralNetClassifier(random_state=0, epochs=30, patience=5, validation_split=0.2))

    assert cross_val_score(model, table[features], table["survived"], cv=3).mean() > 0.75


@pytest.mark.parametrize("kind", [NeuralNetClassifier, NeuralNetRegressor])
def test_a_pickle_predicts_the_same_and_goes_on(kind: Any) -> None:
    x, y = load_iris(return_X_y=True)
    model = kind(random_state=0, epochs=5).fit(x, y)

    again = pickle.loads(pickle.dumps(model))

    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    again.partial_fit(x, y)
    assert again.n_iter_ == 6


def test_the_rest_of_neurokit_takes_it(iris: Any, tmp_path: Path) -> None:
    x, y = iris
    model = NeuralNetClassifier(random_state=0, epochs=20).fit(x, y)

    explanation = nk.explain(model, x[:3], background=x)
    bundle = nk.load_bundle(nk.save_bundle(model.trainer_, tmp_path / "iris"))

    assert list(explanation.output_names) == ["setosa", "versicolor", "virginica"]
    np.testing.assert_allclose(bundle.predict_proba(x.to_numpy()), model.predict_proba(x), atol=1e-6)


def test_a_search_says_nothing_and_a_module_of_ones_own_is_looked_through(iris: Any, caplog: Any) -> None:
    x, y = iris
    with caplog.at_level(logging.WARNING, logger="neurokit"):
        NeuralNetClassifier(random_state=0, epochs=2).fit(x, y)

    assert caplog.text == ""
    with pytest.raises(ValueError, match="double-softmax"):
        NeuralNetClassifier(nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), epochs=2).fit(x, y)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"epochs": 0}, "The 'epochs' parameter"),
        ({"dropout": 1.0}, "The 'dropout' parameter"),
        ({"optimizer": "adan"}, "Did you mean 'adam'"),
        ({"loss": "cross_entropi"}, "Did you mean 'cross_entropy'"),
        ({"batch_size": "all"}, "The 'batch_size' parameter"),
    ],
)
def test_mistakes_are_named(parameters: dict[str, Any], said: str, iris: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        NeuralNetClassifier(**parameters).fit(*iris)
