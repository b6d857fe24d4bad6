from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.inspection import permutation_importance as sklearns
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error
from torch import nn

import neurokit as nk
from neurokit.explanations import permutation_importance


@pytest.fixture(scope="module")
def iris() -> tuple[nk.Trainer, pd.DataFrame, np.ndarray]:
    torch.manual_seed(0)
    x, y = load_iris(return_X_y=True, as_frame=True)
    x = (x - x.mean()) / x.std()
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    trainer = nk.Trainer(nn.Linear(4, 3), loss="cross_entropy", learning_rate=0.05, device="cpu")
    trainer.fit(x, labels, epochs=15, verbose=0)
    return trainer, x, labels


def test_the_most_needed_column_comes_first(iris):
    trainer, x, y = iris
    before = x.copy()

    found = permutation_importance(trainer, x, y, repeats=5)

    assert sorted(found.names) == sorted(x.columns)
    assert found.names[0].startswith("petal")
    assert list(found.mean) == sorted(found.mean, reverse=True)
    assert found.metric == "accuracy"
    np.testing.assert_allclose(found.baseline, accuracy_score(y, trainer.predict_labels(x)))
    assert (found.low <= found.mean).all()
    assert (found.mean <= found.high).all()
    np.testing.assert_allclose(found.mean, found.drops.mean(axis=1))
    pd.testing.assert_frame_equal(x, before)


def test_the_mean_drop_is_scikit_learns(iris):
    trainer, x, y = iris

    class Estimator:
        def fit(self, x, y):
            raise AssertionError

        def predict(self, x):
            return trainer.predict_labels(x)

    found = permutation_importance(trainer, x, y, repeats=60)
    theirs = sklearns(Estimator(), x, y, scoring=lambda one, x, y: accuracy_score(y, one.predict(x)), n_repeats=60)

    by_name = dict(zip(found.names, found.mean, strict=True))
    np.testing.assert_allclose([by_name[name] for name in x.columns], theirs.importances_mean, atol=0.02)


def test_the_same_seed_gives_the_same_numbers(iris):
    trainer, x, y = iris

    first, again, other = (permutation_importance(trainer, x, y, repeats=2, seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.drops, again.drops)
    np.testing.assert_array_equal(first.low, again.low)
    assert not np.array_equal(first.drops, other.drops)


def test_intervals_hold_what_another_test_set_changes():
    """The interval covers the drop on the whole population for about as many samples as it says."""
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.5]]))
        model.bias.zero_()
    x = torch.randn(20000, 2)
    y = x @ torch.tensor([1.0, 0.5]) + 0.5 * torch.randn(20000)
    names = ["a", "b"]
    truth = permutation_importance(model, x, y, metric="mse", repeats=1, resamples=1, feature_names=names)
    inside = 0
    for sample in range(40):
        rows = slice(sample * 80, sample * 80 + 80)
        found = permutation_importance(
            model, x[rows], y[rows], metric="mse", repeats=10, resamples=100, feature_names=names, seed=sample
        )
        inside += int(found.low[0] <= truth.mean[0] <= found.high[0])

    assert inside >= 34  # of 40, for 95 %: the chance of fewer is below a thousandth


def test_an_error_that_grows_is_a_drop():
    x = torch.randn(100, 2)
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, 0.0]]))
        model.bias.zero_()

    found = permutation_importance(model, x, 2 * x[:, 0], metric=mean_squared_error)

    assert found.names[0] == "Feature 0"
    assert found.mean[0] > 1
    np.testing.assert_allclose(found.drops[1], 0.0, atol=1e-12)
    assert found.metric == "mean_squared_error"


def test_a_metric_of_unknown_direction_is_refused(iris):
    trainer, x, y = iris

    def closeness(y_true, y_pred):
        return float((y_true == y_pred).mean())

    with pytest.raises(ValueError, match=r"metric=nk\.Metric\(closeness, direction='max'\)"):
        permutation_importance(trainer, x, y, metric=closeness)
    told = permutation_importance(trainer, x, y, metric=nk.Metric(closeness, direction="max"), repeats=1)
    assert told.baseline > 0.8


@pytest.mark.parametrize("metric", ["log_loss", "f1", "roc_auc"])
def test_metrics_go_by_name(iris, metric):
    trainer, x, y = iris

    found = permutation_importance(trainer, x, y, metric=metric, repeats=2, resamples=20)

    assert found.metric == metric
    assert found.mean[0] > 0
    if metric == "log_loss":
        np.testing.assert_allclose(found.baseline, log_loss(y, trainer.predict_proba(x)), rtol=1e-5)


def test_a_misspelt_metric_gets_the_nearest(iris):
    trainer, x, y = iris
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        permutation_importance(trainer, x, y, metric="acuracy")


def test_a_tables_text_is_shuffled_as_it_is():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"sex": random.choice(["male", "female"], 120), "age": random.uniform(0, 80, 120)})
    survived = np.where(table["sex"] == "female", "yes", "no")
    before = table.copy()

    found = permutation_importance(lambda rows: np.where(rows["sex"] == "female", "yes", "no"), table, survived)

    assert found.names == ["sex", "age"]
    assert found.baseline == 1.0
    assert 0.3 < found.mean[0] < 0.7
    assert found.mean[1] == 0.0
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("kind", ["probabilities", "positive", "labels", "estimator"])
def test_functions_may_return_probabilities_or_labels(kind):
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True)
    x, y = x[50:], y[50:] - 1
    model = LogisticRegression().fit(x, y)
    answers = {
        "probabilities": model.predict_proba,
        "positive": lambda rows: model.predict_proba(rows)[:, 1],
        "labels": model.predict,
        "estimator": model,
    }

    found = permutation_importance(answers[kind], x, y, repeats=3)

    np.testing.assert_allclose(found.baseline, model.score(x, y))
    assert found.names[0] in ("Feature 2", "Feature 3")
    if kind != "labels":
        loss = permutation_importance(answers[kind], x, y, repeats=1, metric="log_loss")
        np.testing.assert_allclose(loss.baseline, log_loss(y, model.predict_proba(x)), rtol=1e-6)


def test_a_bare_module_is_judged_by_what_y_is(iris):
    trainer, x, y = iris
    rows = torch.tensor(x.to_numpy(), dtype=torch.float32)
    indices = np.unique(y, return_inverse=True)[1]

    by_module = permutation_importance(trainer.model, rows, indices, repeats=3, feature_names=list(x.columns))
    by_trainer = permutation_importance(trainer, x, y, repeats=3)

    assert by_module.names == by_trainer.names
    np.testing.assert_allclose(by_module.drops, by_trainer.drops)


def test_two_classes_behind_one_output_are_judged():
    x = torch.randn(80, 3)
    y = (x[:, 1] > 0).float()
    trainer = nk.Trainer(nn.Linear(3, 1), loss="bce_with_logits", learning_rate=0.1, device="cpu")
    trainer.fit(x, y[:, None], epochs=20, verbose=0)

    assert permutation_importance(trainer, x, y[:, None], repeats=3).names[0] == "Feature 1"
    assert permutation_importance(trainer.model, x, y.long(), repeats=3).names[0] == "Feature 1"


def test_several_inputs_are_shuffled_column_by_column():
    class Two(nn.Module):
        def forward(self, user, price):
            return user[:, :1] + 0 * price[:, None]

    user, price = torch.randn(50, 2), torch.randn(50)

    found = permutation_importance(Two(), {"user": user, "price": price}, user[:, 0])

    assert found.names[0] == "user.Feature 0"
    assert found.mean[1:].max() == 0


def test_what_it_says_is_plain_and_drawn(iris):
    trainer, x, y = iris
    found = permutation_importance(trainer, x, y, repeats=2)

    axes = found.plot()
    again = found.plot(ax=axes, top=2)

    assert again is axes
    assert len(axes.get_yticklabels()) == 2
    assert list(found.to_frame().columns) == ["name", "importance", "low", "high"]
    assert json.loads(json.dumps(found.to_dict()))["features"] == found.data
    assert found.names[0] in str(found)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"repeats": 0}, ValueError, "repeats is 1 or more"),
        ({"confidence": 95}, ValueError, "confidence is a number between 0 and 1"),
        ({"y": None}, ValueError, "Pass y"),
        ({"feature_names": ["a"]}, ValueError, "feature_names has 1 names"),
    ],
)
def test_bad_options_are_named(options, error, message):
    arguments = {"y": torch.ones(5)} | options
    with pytest.raises(error, match=message):
        permutation_importance(nn.Linear(2, 1), torch.randn(5, 2), **arguments)


def test_rows_without_an_answer_are_named():
    with pytest.raises(ValueError, match="x has 5 rows and y has 4"):
        permutation_importance(nn.Linear(2, 1), torch.randn(5, 2), torch.ones(4))
