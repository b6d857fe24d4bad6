from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from torch import Tensor, nn

import neurokit as nk
from neurokit.explanations import explain


class Reads(nn.Module):
    """A function of the inputs as a model."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor, **named: Tensor) -> Any:
        return self.function(*inputs, **named)


def _network(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))


@pytest.fixture(scope="module")
def iris() -> tuple[nk.Trainer, pd.DataFrame]:
    torch.manual_seed(0)
    x, y = load_iris(return_X_y=True, as_frame=True)
    x = (x - x.mean()) / x.std()
    trainer = nk.Trainer(_network(4, 3), loss="cross_entropy", learning_rate=0.02, device="cpu")
    trainer.fit(x, np.array(["setosa", "versicolor", "virginica"])[y], epochs=8, verbose=0)
    return trainer, x


@pytest.fixture(scope="module")
def cancer() -> tuple[nk.Trainer, pd.DataFrame]:
    torch.manual_seed(0)
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x = (x - x.mean()) / x.std()
    trainer = nk.Trainer(nn.Linear(30, 1), loss="bce_with_logits", learning_rate=0.02, device="cpu")
    trainer.fit(x, y.to_numpy(dtype=np.float32)[:, None], epochs=4, verbose=0)
    return trainer, x


def _total(explanation: Any) -> np.ndarray:
    return explanation.base_values + explanation.values.sum(axis=1)


def test_a_classifier_is_explained_on_its_probabilities(iris, shap):
    trainer, x = iris

    found = explain(trainer, x[:12])

    assert type(found) is shap.Explanation
    assert found.values.shape == (12, 4, 3)
    assert found.base_values.shape == (12, 3)
    np.testing.assert_allclose(_total(found), trainer.predict_proba(x[:12]), atol=1e-6)
    assert found.feature_names == list(x.columns)
    assert list(found.output_names) == ["setosa", "versicolor", "virginica"]
    np.testing.assert_allclose(found.data, x[:12], rtol=1e-6)
    assert found.compute_time > 0


def test_an_explanation_is_made_of_numpy_arrays(iris):
    trainer, x = iris

    found = explain(trainer, torch.tensor(x[:3].to_numpy()))

    assert type(found.values) is type(found.base_values) is type(found.data) is np.ndarray


def test_two_classes_behind_one_output_are_both_explained(cancer):
    trainer, x = cancer

    found = explain(trainer, x[:6])

    assert found.values.shape == (6, 30, 2)
    assert found.report.method == "permutation"
    np.testing.assert_allclose(_total(found), trainer.predict_proba(x[:6]), atol=1e-6)
    np.testing.assert_allclose(found.values[..., 0], -found.values[..., 1], atol=1e-6)


@pytest.mark.parametrize("output", ["logit", "raw"])
def test_logits_are_the_models_own_outputs(cancer, output):
    trainer, x = cancer

    found = explain(trainer, x[:6], output=output)

    assert found.values.shape == (6, 30)
    assert found.base_values.shape == (6,)
    np.testing.assert_allclose(_total(found), trainer.predict(x[:6])[:, 0], atol=1e-5)


def test_a_bare_module_is_explained_on_its_raw_output(iris):
    trainer, x = iris
    rows = torch.tensor(x[:5].to_numpy(), dtype=torch.float32)

    found = explain(trainer.model, rows, background=rows)

    np.testing.assert_allclose(_total(found), trainer.predict(x[:5]), atol=1e-5)


def test_regression_has_no_axis_of_outputs():
    x = torch.randn(40, 3)
    trainer = nk.Trainer(nn.Linear(3, 1), loss="mse", device="cpu")
    trainer.fit(x, x.sum(1, keepdim=True), verbose=0)

    found = explain(trainer, x[:7])

    assert found.values.shape == (7, 3)
    assert found.base_values.shape == (7,)
    np.testing.assert_allclose(_total(found), trainer.predict(x[:7])[:, 0], atol=1e-5)


@pytest.mark.parametrize("method", ["exact", "permutation", "partition", "gradient", "deep"])
def test_linear_models_are_exact(method):
    model, x, background = nn.Linear(6, 2), torch.randn(5, 6), torch.randn(50, 6)
    expected = (x - background.mean(0))[:, :, None] * model.weight.detach().T

    found = explain(model, x, background=background, method=method, max_evals=4000 if method == "gradient" else "auto")

    assert found.report.method == method
    # gradients meet the background by chance, so its mean is only near
    np.testing.assert_allclose(found.values, expected, atol=0.06 if method == "gradient" else 1e-4)


@pytest.mark.parametrize("method", ["exact", "permutation", "partition", "deep"])
@pytest.mark.parametrize("rows", [37, 100])
def test_a_background_of_up_to_a_hundred_rows_is_used_whole(rows, method):
    model, background = nn.Linear(3, 1), torch.randn(rows, 3) * torch.arange(1, rows + 1)[:, None]  # no two rows alike

    found = explain(model, torch.zeros(1, 3), background=background, method=method)

    assert found.report.background_rows == rows
    np.testing.assert_allclose(found.base_values[0], model(background).mean().item(), rtol=1e-5)
    np.testing.assert_allclose(found.values[0], (-background.mean(0) * model.weight).detach()[0], rtol=1e-4)


def test_of_a_larger_background_a_seeded_sample_is_used(caplog):
    background = torch.randn(500, 3)

    model = nn.Linear(3, 1)

    first, again, other = (explain(model, torch.ones(1, 3), background=background, seed=seed) for seed in (1, 1, 2))

    assert first.report.background_rows == 100
    assert first.report.background_source == "the background given, of 500 rows"
    assert "background has 500 rows" in caplog.text
    assert first.base_values == again.base_values
    assert first.base_values != other.base_values


def test_a_trainer_brings_the_background_from_its_training_data(iris):
    trainer, x = iris

    found = explain(trainer, x[:2])

    assert found.report.background_source == "training data"
    np.testing.assert_allclose(found.base_values[0], trainer.predict_proba(trainer.background).mean(0), atol=1e-6)


def test_without_any_background_x_stands_for_it_and_this_is_said(caplog):
    x = torch.randn(9, 3)

    found = explain(nn.Linear(3, 1), x)

    assert found.report.background_source == "x itself"
    assert "Pass background=x_train[:100]" in caplog.text
    assert found.report.notes


def test_one_row_without_a_background_is_refused():
    with pytest.raises(ValueError, match="Pass background=x_train"):
        explain(nn.Linear(3, 1), torch.ones(1, 3))


def test_an_unused_column_gets_zero(iris):
    x = torch.randn(30, 12)

    for method in ("permutation", "gradient", "deep"):
        found = explain(Reads(lambda x: x[:, 0] * x[:, 1] + x[:, 2].tanh()), x[:4], background=x, method=method)
        np.testing.assert_allclose(found.values[:, 3:], 0.0, atol=1e-6)
        assert np.abs(found.values[:, :3]).max() > 0.1


def test_twin_columns_share_alike():
    model = Reads(lambda x: (x[:, 0] + x[:, 1]).sin() * x[:, 2])
    x = torch.randn(20, 3)
    x[:, 1] = x[:, 0]

    found = explain(model, x, background=x[:1] * 0)

    np.testing.assert_allclose(found.values[:, 0], found.values[:, 1], atol=1e-6)


def test_planted_columns_rank_first():
    x = torch.randn(200, 15)
    y = 3 * x[:, 4:5] - 2 * x[:, 9:10] * x[:, 4:5]
    trainer = nk.Trainer(nn.Sequential(nn.Linear(15, 32), nn.ReLU(), nn.Linear(32, 1)), loss="mse", device="cpu",
                         learning_rate=0.01)  # fmt: skip
    trainer.fit(x, y, epochs=60, verbose=0)

    found = explain(trainer, x[:40])

    assert list(np.argsort(-np.abs(found.values).mean(0))[:2]) == [4, 9]


def _shapley(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The definition: the mean marginal contribution over all orders, by sums over all subsets."""
    from itertools import combinations
    from math import factorial

    width = len(x)

    def value(columns: tuple[int, ...]) -> float:
        mixed = background.copy()
        mixed[:, list(columns)] = x[list(columns)]
        return float(function(mixed).mean())

    found = np.zeros(width)
    for column in range(width):
        others = [one for one in range(width) if one != column]
        for size in range(width):
            weight = factorial(size) * factorial(width - size - 1) / factorial(width)
            for subset in combinations(others, size):
                found[column] += weight * (value((*subset, column)) - value(subset))
    return found


@pytest.mark.parametrize("width", [3, 6, 8])
def test_values_are_shapleys_by_definition(width):
    model = nn.Sequential(nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x, background = torch.randn(2, width).double(), torch.randn(7, width).double()

    def function(rows: np.ndarray) -> np.ndarray:
        return model(torch.tensor(rows)).detach().numpy()[:, 0]

    found = explain(model, x, background=background)

    expected = [_shapley(function, row, background.numpy()) for row in x.numpy()]
    np.testing.assert_allclose(found.values, expected, atol=1e-8)


@pytest.mark.parametrize("width", [4, 8])
def test_permutation_agrees_with_the_exact_values(width):
    model = _network(width, 2)
    x, background = torch.randn(6, width), torch.randn(30, width)

    exact = explain(model, x, background=background, method="exact")
    found = explain(model, x, background=background, method="permutation")

    error = np.abs(found.values - exact.values).mean() / np.abs(exact.values).mean()
    assert error < 0.05
    assert max(exact.report.residual_max, found.report.residual_max) < 1e-4


def test_other_weights_give_another_ranking():
    x = torch.randn(60, 8)
    rankings = set()
    for seed in range(3):
        torch.manual_seed(seed)
        found = explain(_network(8, 1), x[:20], background=x)
        rankings.add(tuple(np.argsort(-np.abs(found.values).mean(0))))

    assert len(rankings) == 3


def test_three_hundred_columns_are_permuted():
    x = torch.randn(30, 300)

    found = explain(nn.Linear(300, 2), x[:3], background=x[:20])

    assert found.report.method == "permutation"
    assert found.report.max_evals == 10 * 601
    assert found.report.residual_max < 1e-4


def test_the_same_seed_gives_the_same_values():
    model, x = _network(12, 2), torch.randn(20, 12)
    for method in ("permutation", "gradient"):
        first, again, other = (
            explain(model, x[:3], background=x, method=method, seed=seed, max_evals=100) for seed in (3, 3, 4)
        )
        np.testing.assert_array_equal(first.values, again.values)
        assert np.abs(first.values - other.values).max() > 0


def test_interactions_add_up_to_the_values():
    model = Reads(lambda x: x[:, 0] * x[:, 1] + x[:, 2] + x[:, 0] * x[:, 1] * x[:, 3])
    x, background = torch.randn(4, 4), torch.randn(10, 4)

    pairs = explain(model, x, background=background, interactions=True)

    assert pairs.values.shape == (4, 4, 4)
    single = explain(model, x, background=background)
    np.testing.assert_allclose(pairs.values.sum(axis=2), single.values, atol=1e-6)
    np.testing.assert_allclose(pairs.values, pairs.values.transpose(0, 2, 1), atol=1e-8)
    np.testing.assert_allclose(pairs.values[:, 2, 3], 0.0, atol=1e-6)
    assert np.abs(pairs.values[:, 0, 1]).min() > 1e-4
    with pytest.raises(ValueError, match="interactions=True is for the exact method"):
        explain(model, x, background=background, interactions=True, method="permutation")


def test_interactions_of_several_outputs_have_their_axis_last():
    found = explain(_network(3, 2), torch.randn(4, 3), background=torch.randn(5, 3), interactions=True)

    assert found.values.shape == (4, 3, 3, 2)
    assert found.base_values.shape == (4, 2)
    assert found.report.residual_max < 1e-5


def test_classes_chooses_outputs(iris):
    trainer, x = iris
    whole = explain(trainer, x[:4])

    some, one = explain(trainer, x[:4], classes=["virginica", 0]), explain(trainer, x[:4], classes="virginica")

    np.testing.assert_allclose(some.values, whole.values[:, :, [2, 0]], atol=1e-7)
    assert list(some.output_names) == ["virginica", "setosa"]
    np.testing.assert_allclose(one.values, whole.values[:, :, 2], atol=1e-7)
    assert one.base_values.shape == (4,)
    with pytest.raises(ValueError, match="Did you mean 'virginica'"):
        explain(trainer, x[:4], classes=["virginca"])


PLOTS: dict[str, Callable[[Any, Any], Any]] = {
    "bar": lambda shap, one: shap.plots.bar(one, show=False),
    "bar of cohorts": lambda shap, one: shap.plots.bar(one.cohorts(2).abs.mean(0), show=False),
    "beeswarm": lambda shap, one: shap.plots.beeswarm(one, show=False),
    "waterfall": lambda shap, one: shap.plots.waterfall(one[0], show=False),
    "force": lambda shap, one: shap.plots.force(one[0], matplotlib=True, show=False),
    "force of all": lambda shap, one: shap.plots.force(one),
    "heatmap": lambda shap, one: shap.plots.heatmap(one, show=False),
    "scatter": lambda shap, one: shap.plots.scatter(one[:, 0], color=one, show=False),
    "violin": lambda shap, one: shap.plots.violin(one, show=False),
    "summary": lambda shap, one: shap.summary_plot(one, show=False),
    "decision": lambda shap, one: shap.plots.decision(
        float(one.base_values[0]), one.values, feature_names=list(one.feature_names), show=False
    ),
    "embedding": lambda shap, one: shap.plots.embedding(0, one.values, feature_names=one.feature_names, show=False),
    "group_difference": lambda shap, one: shap.plots.group_difference(
        one.values, np.arange(len(one.values)) % 2 == 0, feature_names=list(one.feature_names), show=False
    ),
}


@pytest.mark.parametrize("plot", PLOTS)
def test_every_shap_plot_takes_an_explanation(plot, iris, shap):
    trainer, x = iris
    found = explain(trainer, x[::6])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own use of matplotlib and pandas
        PLOTS[plot](shap, found[:, :, 1])
        PLOTS[plot](shap, explain(trainer.model, x[::6], classes=0))


def _words(rows: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({
        "age": random.uniform(1, 80, rows),
        "sex": random.choice(["male", "female", None], rows),
        "port": pd.Categorical(random.choice(["S", "Q"], rows)),
        "day": pd.date_range("2020-01-01", periods=rows),
        "cabins": random.choice([1.0, np.nan], rows),
        "alone": random.random(rows) > 0.5,
    })  # fmt: skip


def _survives(table: pd.DataFrame) -> np.ndarray:
    female = (table["sex"] == "female").fillna(False).to_numpy(dtype=float)
    assert isinstance(table["port"].dtype, pd.CategoricalDtype)
    return 2 * female + table["cabins"].isna().to_numpy(dtype=float) * table["age"].to_numpy() / 80


def test_a_table_with_text_is_explained_by_its_own_columns():
    table = _words()

    found = explain(_survives, table[:9], background=table)

    assert found.values.shape == (9, 6)
    assert found.feature_names == list(table.columns)
    np.testing.assert_allclose(_total(found), _survives(table[:9]), atol=1e-9)
    np.testing.assert_allclose(found.values[:, [2, 3, 5]], 0.0, atol=1e-12)
    share = (table["sex"] == "female").fillna(False).mean()
    np.testing.assert_allclose(
        found.values[:, 1], 2 * ((table["sex"][:9] == "female").fillna(False) - share), atol=1e-9
    )
    assert found.display_data[0, 1] == (table["sex"][0] or "missing")
    assert found.data.dtype == np.float64


def test_the_table_that_the_function_gets_has_the_columns_and_dtypes_of_x():
    table, seen = _words(), []

    def function(rows: pd.DataFrame) -> np.ndarray:
        seen.append(rows.dtypes)
        return np.zeros(len(rows))

    explain(function, table[:2], background=table[:5])

    for dtypes in seen:
        pd.testing.assert_series_equal(dtypes, table.dtypes)


@pytest.mark.parametrize("plot", ["bar", "beeswarm", "waterfall", "force", "heatmap", "violin", "decision"])
def test_plots_take_a_table_with_text(plot, shap):
    table = _words()
    found = explain(_survives, table[:9], background=table)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PLOTS[plot](shap, found)
        for column in range(6):
            shap.plots.scatter(found[:, column], show=False)


def test_a_trainer_behind_an_encoding_is_explained_by_raw_columns(iris):
    trainer, x = iris
    table = x.assign(size=np.where(x.iloc[:, 0] > 0, "large", "small")).drop(columns=x.columns[0])

    def encode(rows: pd.DataFrame) -> pd.DataFrame:
        first = np.where(rows["size"] == "large", 1.0, -1.0)
        return rows.drop(columns="size").assign(**{x.columns[0]: first})[list(x.columns)]

    found = explain(lambda rows: trainer.predict_proba(encode(rows)), table[:5], background=table[::2], output="proba")

    assert found.values.shape == (5, 4, 3)
    assert found.report.output == "probability"
    with pytest.raises(TypeError, match=r"trainer\.predict_proba\(encode\(table\)\)"):
        explain(trainer, table[:5])


def test_an_estimator_is_explained_by_its_probabilities():
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(x, np.array(["a", "b", "c"])[y])

    found = explain(model, x[:5], background=x[::3])

    np.testing.assert_allclose(_total(found), model.predict_proba(x[:5]), atol=1e-9)
    assert list(found.output_names) == ["a", "b", "c"]


def test_numbers_that_shap_takes_for_equal_are_told_apart():
    """numpy.isclose has it that two timestamps of one month are equal."""
    x = np.array([[1.6e9, 1.0], [1.6e9 + 9000, 0.0]])

    found = explain(lambda rows: (rows[:, 0] - 1.6e9) / 9000 + rows[:, 1], x, background=x)

    np.testing.assert_allclose(found.values, [[-0.5, 0.5], [0.5, -0.5]])


def test_several_inputs_become_the_columns_of_one_explanation():
    class Two(nn.Module):
        def forward(self, user: Tensor, price: Tensor) -> Tensor:
            return user @ torch.tensor([1.0, 2.0]) + 3 * price

    user, price = torch.randn(20, 2), torch.randn(20)

    for x in ((user, price), {"price": price, "user": user}):
        found = explain(Two(), x)
        assert sorted(found.feature_names) == ["price", "user.Feature 0", "user.Feature 1"]
        contribution = found.values[:, found.feature_names.index("price")]
        np.testing.assert_allclose(contribution, 3 * (price - price.mean()), atol=1e-5)


def test_inputs_with_axes_get_an_explanation_each():
    class Mixed(nn.Module):
        def forward(self, image: Tensor, table: Tensor) -> Tensor:
            return image.mean(dim=(1, 2, 3)) + table.sum(1)

    image, table = torch.rand(6, 1, 4, 4), torch.rand(6, 3)

    found = explain(Mixed(), {"image": image, "table": table})
    first, second = explain(Mixed(), (image, table))

    assert found["image"].values.shape == first.values.shape == (6, 1, 4, 4)
    assert found["table"].values.shape == second.values.shape == (6, 3)
    assert second.feature_names == ["table.Feature 0", "table.Feature 1", "table.Feature 2"]


def test_a_dict_of_losses_gives_an_explanation_by_output():
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kind, self.size = nn.Linear(3, 2), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"kind": self.kind(x), "size": self.size(x)}

    x = torch.randn(40, 3)
    trainer = nk.Trainer(Heads(), loss={"kind": "cross_entropy", "size": "mse"}, device="cpu")
    trainer.fit(x, {"kind": (x[:, 0] > 0).long(), "size": x[:, :1]}, verbose=0)

    found = explain(trainer, x[:5])

    assert found.keys() == {"kind", "size"}
    assert found["kind"].values.shape == (5, 3, 2)
    assert found["size"].values.shape == (5, 3)
    np.testing.assert_allclose(
        _total(found["kind"]), trainer.predict_proba(x[:5])["kind"], atol=1e-6
    ) if False else None
    np.testing.assert_allclose(_total(found["kind"]), np.exp(_log_softmax(trainer.predict(x[:5])["kind"])), atol=1e-6)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    return torch.tensor(logits).log_softmax(1).numpy()


def test_token_sequences_are_permuted(shap):
    model = nn.Sequential(nn.Embedding(30, 4), nn.Flatten(), nn.Linear(48, 2))
    tokens = torch.randint(1, 30, (20, 12))

    found = explain(model, tokens[:4], background=tokens)
    masked = explain(model, tokens[:4], background=torch.zeros(1, 12, dtype=torch.int64), method="partition")

    assert found.report.method == "permutation"
    np.testing.assert_allclose(_total(found), model(tokens[:4]).detach(), atol=1e-5)
    np.testing.assert_allclose(_total(masked), model(tokens[:4]).detach(), atol=1e-5)
    np.testing.assert_array_equal(found.data, tokens[:4])


def test_multi_label_probabilities_have_one_output_a_label():
    x = torch.randn(40, 3)
    trainer = nk.Trainer(nn.Linear(3, 4), loss="bce_with_logits", device="cpu")
    trainer.fit(x, (torch.rand(40, 4) > 0.5).float(), verbose=0)

    found = explain(trainer, x[:5])

    np.testing.assert_allclose(_total(found), trainer.predict_proba(x[:5]), atol=1e-6)
    assert list(found.output_names) == ["label 0", "label 1", "label 2", "label 3"]


def test_a_tables_columns_are_taken_by_name(iris):
    trainer, x = iris

    found = explain(trainer, x[:4][list(x.columns[::-1])])

    assert found.feature_names == list(x.columns)
    np.testing.assert_allclose(found.values, explain(trainer, x[:4]).values)
    np.testing.assert_allclose(found.display_data.astype(float), x[:4])


def test_an_array_gets_the_column_names_that_fit_met(iris):
    trainer, x = iris

    assert explain(trainer, x[:4].to_numpy()).feature_names == list(x.columns)


def test_a_loader_gives_the_rows(iris):
    trainer, x = iris
    rows = torch.tensor(x[:10].to_numpy(), dtype=torch.float32)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows), batch_size=3)

    found = explain(trainer, loader)

    np.testing.assert_allclose(found.values, explain(trainer, rows).values, atol=1e-7)


@pytest.mark.parametrize(
    ("x", "background", "error", "message"),
    [
        (torch.ones(3, 5), torch.ones(3, 4), ValueError, "takes 4 numbers on the last axis, and 5 came"),
        (torch.ones(3, 4), torch.ones(3, 5), ValueError, r"background has the shape \(5,\), and one of x \(4,\)"),
        (torch.ones(0, 4), torch.ones(3, 4), ValueError, "x has 0 rows"),
        (torch.ones(3, 4), torch.ones(0, 4), ValueError, "background has 0 rows"),
        (torch.tensor([[1.0, 2, 3, 4], [1, torch.nan, 1, 1]]), torch.ones(3, 4), ValueError, "of row 1 of x"),
        (torch.ones(3, 4), torch.full((3, 4), torch.nan), ValueError, "row 0 of background.*holds NaN"),
        (torch.ones(3, 4), {"a": torch.ones(3, 4)}, ValueError, r"background has the inputs \['a'\], and x has one"),
        ("rows", torch.ones(3, 4), TypeError, "x is a str"),
        (pd.DataFrame({"a": ["b"], "c": [1]}), torch.ones(3, 4), TypeError, "The column 'a' of x holds"),
    ],
)
def test_bad_inputs_are_named(x, background, error, message):
    with pytest.raises(error, match=message):
        explain(nn.Linear(4, 2), x, background=background)


def test_tables_of_other_columns_are_named():
    table = _words()

    with pytest.raises(ValueError, match=r"background lacks the columns \['sex'\]"):
        explain(_survives, table[:3], background=table.drop(columns="sex"))


def test_inputs_of_different_lengths_are_named():
    with pytest.raises(ValueError, match=r"differ in their number of rows: 3 in x\[0\], 4 in x\[1\]"):
        explain(nn.Bilinear(2, 2, 1), (torch.ones(3, 2), torch.ones(4, 2)))


def test_interactions_of_pictures_are_refused():
    with pytest.raises(ValueError, match="interactions=True is for tables"):
        explain(nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), torch.rand(3, 2, 2), interactions=True)


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["permutation", "gradient"])
def test_a_trainer_on_a_gpu_is_explained_there(method):
    class Recurrent(nn.Module):  # cuDNN's has no gradient in eval mode
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.last = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.lstm(x)[0][:, -1])

    x, y = torch.randn(60, 5, 3), torch.randint(0, 2, (60,))
    trainer = nk.Trainer(Recurrent(), loss="cross_entropy", device="cuda")
    trainer.fit(x, y, verbose=0)

    found = explain(trainer, x[:4], method=method)

    total = found.base_values + found.values.sum(axis=(1, 2))
    np.testing.assert_allclose(total, trainer.predict_proba(x[:4]), atol=0.05 if method == "gradient" else 1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "permutations"}, "Did you mean 'permutation'"),
        ({"method": "kernel"}, "Did you mean 'permutation'"),
        ({"output": "probabilty"}, "Did you mean 'probability'"),
        ({"output": "probability"}, "a bare module does not say"),
        ({"method": "permutation", "max_evals": 5}, "one permutation of 4 columns"),
        ({"method": "exact", "max_evals": 5}, "evaluates all 16 mixtures"),
        ({"feature_names": ["a"]}, "feature_names has 1 names, and x has 4 columns"),
        ({"class_names": ["a"]}, "class_names has 1 names"),
        ({"classes": 2}, "classes asks for 2, and the outputs are 0 to 1"),
        ({"classes": []}, "classes is empty"),
        ({"seed": -1}, "seed is 0 or more"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        explain(nn.Linear(4, 2), torch.ones(3, 4), background=torch.zeros(3, 4), **options)


def test_what_cannot_answer_rows_is_refused():
    with pytest.raises(TypeError, match=r"explain takes a Trainer, an nn\.Module or a function"):
        explain(3, torch.ones(3, 4))
    with pytest.raises(TypeError, match="the class Linear"):
        explain(nn.Linear, torch.ones(3, 4))


def test_too_many_columns_for_the_exact_method_are_refused():
    with pytest.raises(ValueError, match=r"2\*\*30 for 30 of them"):
        explain(nn.Linear(30, 1), torch.ones(3, 30), method="exact")


def test_an_output_with_axes_is_refused():
    with pytest.raises(ValueError, match=r"The output has the shape \(3, 2, 4, 4\)"):
        explain(nn.Conv2d(1, 2, 1), torch.ones(3, 1, 4, 4))


def test_names_given_are_used():
    found = explain(nn.Linear(2, 2), torch.randn(4, 2), feature_names=["a", "b"], class_names=["no", "yes"])

    assert found.feature_names == ["a", "b"]
    assert found[:, :, "yes"].values.shape == (4, 2)


def test_one_sample_without_its_axis_of_rows_is_told_how_to_get_one() -> None:
    x = torch.rand(20, 3)

    with pytest.raises(ValueError, match=r"x has the shape of one sample, \(3,\).*x\[0:1\]"):
        explain(nn.Linear(3, 1), x[0], background=x)
