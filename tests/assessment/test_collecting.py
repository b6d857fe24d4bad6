from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

import neurokit as nk
from neurokit.assessment import assess
from neurokit.data.arrays import Array


@pytest.fixture(scope="module")
def wine() -> tuple[nk.Trainer, Array, Array]:
    x, y = load_wine(return_X_y=True)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    nk.seed_everything(0)
    trainer = nk.Trainer(nn.Linear(13, 3), loss="cross_entropy", metrics=["accuracy", "f1", "log_loss", "roc_auc"])
    trainer.fit(x[::2], y[::2], epochs=3, verbose=0, checks=False)
    return trainer, x[1::2], y[1::2]


def test_numbers_are_those_of_evaluate_and_of_scikit_learn_on_predict_proba(wine: Any) -> None:
    trainer, x, y = wine

    found = assess(trainer, x, y)

    logs, probabilities = trainer.evaluate(x, y), trainer.predict_proba(x)
    for name in ("accuracy", "f1", "log_loss", "roc_auc"):
        assert found.metrics[name] == pytest.approx(logs[name], rel=1e-6), name
    assert found.scores == pytest.approx(probabilities, abs=1e-6)
    assert (found.y_pred == trainer.predict_labels(x)).all()
    assert found.metrics["log_loss"] == pytest.approx(metrics.log_loss(y, probabilities), rel=1e-6)


def test_assessing_leaves_the_trainer_and_every_random_stream_as_they_were(wine: Any) -> None:
    trainer, x, y = wine
    weights = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    streams, history = torch.get_rng_state(), dict(trainer.history.history)
    trainer.model.train()

    assess(trainer, x, y).metrics  # noqa: B018

    assert all(torch.equal(value, weights[name]) for name, value in trainer.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), streams)
    assert trainer.history.history == history
    assert trainer.model.training


@pytest.mark.parametrize("head", ["one output", "two outputs"])
def test_two_classes_are_binary_whatever_the_head(head: str) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    outputs, loss = (1, "bce_with_logits") if head == "one output" else (2, "cross_entropy")
    nk.seed_everything(0)
    trainer = nk.Trainer(nn.Linear(30, outputs), loss=loss)
    trainer.fit(x, y, epochs=2, verbose=0, checks=False)

    found = assess(trainer, x, y, ["malignant", "benign"])

    assert (found.kind, found.positive) == ("binary", "benign")
    assert found.metrics["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, trainer.predict_proba(x)[:, 1]))
    assert found.metrics["specificity"] == pytest.approx(
        metrics.recall_score(y, trainer.predict_labels(x), pos_label=0)
    )


def test_labels_of_text_name_the_classes() -> None:
    names = np.asarray(["setosa", "virginica"])[np.arange(40) % 2]
    x = np.where(names == "setosa", -1.0, 1.0)[:, None]
    trainer = nk.Trainer(nn.Linear(1, 2), loss="cross_entropy", learning_rate=0.1)
    trainer.fit(x, names, epochs=30, verbose=0)

    found = assess(trainer, x, names)

    assert found.names == ["setosa", "virginica"]
    assert found.metrics["accuracy"] == 1
    assert found.baseline.description.startswith("always 'setosa', the most frequent class in training")
    assert assess(trainer, x, names, {"setosa": "S", "virginica": "V"}).names == ["S", "V"]


def test_the_baseline_is_what_training_held_not_the_rows_assessed() -> None:
    x, y = load_diabetes(return_X_y=True)
    trainer = nk.Trainer(nn.Linear(10, 1), loss="mse")
    trainer.fit(x[:300], y[:300], verbose=0, checks=False)

    found = assess(trainer, x[300:], y[300:])

    assert found.baseline.metrics["mae"] == pytest.approx(np.abs(y[300:] - y[:300].mean()).mean(), rel=1e-5)
    assert f"{y[:300].mean():.4g}, the mean in training" in found.verdict()


def test_several_labels_weights_and_several_numbers() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 4)).astype(np.float32)
    weight = generator.uniform(0.1, 2, 60)

    labels = nk.Trainer(nn.Linear(4, 3), loss="bce_with_logits")
    y = (x[:, :3] > 0).astype(np.float32)
    found = assess(labels, x, y, ["a", "b", "c"], sample_weight=weight)
    assert found.kind == "multilabel"
    assert found.metrics["subset_accuracy"] == pytest.approx(
        metrics.accuracy_score(y, labels.predict_labels(x), sample_weight=weight)
    )

    numbers = nk.Trainer(nn.Linear(4, 2), loss="mse")
    assert assess(numbers, x, x[:, :2]).metrics["mae"] == pytest.approx(
        metrics.mean_absolute_error(x[:, :2], numbers.predict(x)), rel=1e-5
    )


def test_rows_whose_target_is_ignored_are_left_out_and_keep_their_numbers(wine: Any) -> None:
    trainer, x, y = wine
    part = y.copy()
    part[::3] = -100

    found = assess(trainer, x, part)

    assert found.n == (part >= 0).sum()
    assert set(found.top_losses(20).index) <= set(np.flatnonzero(part >= 0))
    assert found.metrics["accuracy"] == pytest.approx((trainer.predict_labels(x) == y)[part >= 0].mean())


def test_a_loader_is_read_in_order_and_its_rows_can_be_looked_at(wine: Any) -> None:
    trainer, x, y = wine
    items = [(torch.from_numpy(row), int(label)) for row, label in zip(x, y, strict=True)]

    for loader in (DataLoader(items, batch_size=16), DataLoader(items, batch_size=16, shuffle=True)):
        found = assess(trainer, loader)
        assert (found.y_true == y).all()
        worst = int(found.top_losses(1).index[0])
        assert torch.equal(found.row(worst)[0], torch.from_numpy(x[worst]))


class _Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([(torch.ones(13), 1), (torch.zeros(13), 0)])


def test_rows_of_a_stream_cannot_be_read_again_and_it_says_so(wine: Any) -> None:
    found = assess(wine[0], DataLoader(_Stream(), batch_size=2))

    assert found.n == 2
    assert list(found.top_losses(1).columns) == ["loss", "actual", "predicted", "probability"]
    with pytest.raises(ValueError, match="came from a stream"):
        found.row(0)


class _TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kind, self.price = nn.Linear(2, 3), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"kind": self.kind(x), "price": self.price(x)}


def test_one_of_several_outputs_is_assessed_by_its_name() -> None:
    x = torch.rand(30, 2)
    y = {"kind": torch.arange(30) % 3, "price": x[:, 0]}
    trainer = nk.Trainer(_TwoHeads(), loss={"kind": "cross_entropy", "price": "mse"})

    assert assess(trainer, x, y, output="kind").kind == "multiclass"
    assert assess(trainer, x, y, output="price").kind == "regression"
    with pytest.raises(ValueError, match=r"outputs 'kind', 'price', and an assessment is of one, got output='prize'"):
        assess(trainer, x, y, output="prize")
    with pytest.raises(ValueError, match="Pass output='kind'"):
        assess(trainer, x, y)


def _table(rows: int = 200) -> tuple[pd.DataFrame, Array]:
    generator = np.random.default_rng(0)
    sex = generator.choice(["f", "m"], rows)
    table = pd.DataFrame({"height": np.where(sex == "m", 178, 165) + generator.normal(0, 5, rows), "sex": sex})
    return table, (table["height"] + generator.normal(0, 8, rows) > 171).astype(int).to_numpy()


def test_a_column_that_is_there_for_groups_only_is_excluded_before_the_model_sees_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table, y = _table()
    trainer = nk.Trainer(nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2)), loss="cross_entropy")
    trainer.fit(table[["height"]], y, verbose=0, checks=False)

    found = assess(trainer, table, y, sensitive="sex", exclude=["sex"])

    assert "'height' (AUC 0.9" in caplog.text  # it stands in for the column that is left out
    assert (found.y_pred == trainer.predict_labels(table[["height"]])).all()
    assert {one["group"] for one in found.to_dict()["groups"]["groups"]} == {"f", "m"}
    assert "sex" in found.top_losses(1).columns


def test_a_protected_column_among_the_features_is_named_and_can_be_acknowledged() -> None:
    table, y = _table()
    numbers = table.assign(sex=(table["sex"] == "m").astype(float))
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy")

    with pytest.warns(nk.SensitiveFeatureWarning, match=r"Column 'sex'.*used as a feature"):
        assess(trainer, numbers, y)
    assess(trainer, numbers, y, acknowledge=["sex"])


def test_what_cannot_be_assessed_is_said() -> None:
    own = nk.Trainer(nn.Linear(2, 5), loss=lambda predictions, targets: predictions.pow(2).mean() + 0 * targets.sum())
    with pytest.raises(ValueError, match=r"cannot tell what this model was asked.*from_arrays"):
        assess(own, torch.rand(4, 2), torch.rand(4, 3))
    pixels = nk.Trainer(nn.Conv2d(1, 3, 1), loss="cross_entropy")
    with pytest.raises(ValueError, match="one answer a row"):
        assess(pixels, torch.rand(4, 1, 2, 2), torch.zeros(4, 2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="x has no names"):
        assess(nk.Trainer(nn.Linear(2, 2), loss="cross_entropy"), torch.rand(4, 2), torch.zeros(4), exclude=["a"])


def test_rows_that_give_no_number_are_named() -> None:
    x = torch.rand(6, 2)
    x[4, 0] = torch.nan
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy")

    with pytest.raises(ValueError, match="row 4"):
        assess(trainer, x, torch.zeros(6, dtype=torch.int64))


def test_a_person_sees_the_rows_as_they_were_before_they_became_numbers() -> None:
    table, y = _table()
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy")
    numbers = np.stack([table["height"] / 100, table["sex"] == "m"], axis=1).astype(np.float32)

    found = assess(trainer, numbers, y, rows=table, sensitive="sex", acknowledge=["sex"])

    worst = found.top_losses(1)
    assert worst["sex"].item() == table["sex"][worst.index[0]]
    assert {one["group"] for one in found.to_dict()["groups"]["groups"]} == {"f", "m"}


def test_rows_that_validated_are_no_test_and_only_then_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    x = torch.randn(200, 2)
    y = (x[:, 0] > 0).long()
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy")
    held_out = (x[100:], y[100:])
    trainer.fit(x[:100], y[:100], validation_data=held_out, epochs=2, callbacks=[nk.EarlyStopping()], verbose=0)

    assess(trainer, *held_out, name="validation")
    assert "selection-on-test" not in caplog.text
    found = assess(trainer, *held_out)
    assert "selection-on-test" in caplog.text
    assert "selection-on-test" in [finding.code for finding in found.findings]


def test_answers_that_are_sure_in_single_precision_keep_their_distance() -> None:
    x = torch.tensor([[-40.0], [-20.0], [20.0], [40.0]])
    trainer = nk.Trainer(nn.Linear(1, 1), loss="bce_with_logits")
    with torch.no_grad():
        trainer.model.weight.fill_(1.0)
        trainer.model.bias.zero_()

    found = assess(trainer, x, torch.tensor([1.0, 1, 0, 0]))

    assert found.top_losses(4)["loss"].to_numpy() == pytest.approx([40, 36.04, 20, 20], rel=0.15)
    assert len(np.unique(found.scores[:, 0])) == 4
    assert found.scores.sum(1) == pytest.approx(1)


def test_of_several_outputs_each_has_the_baseline_of_its_own_training() -> None:
    x = torch.rand(60, 2)
    y = {"kind": torch.tensor([0] * 40 + [1] * 15 + [2] * 5), "price": 7 + 0 * x[:, 0]}
    trainer = nk.Trainer(_TwoHeads(), loss={"kind": "cross_entropy", "price": "mse"})
    trainer.fit(x, y, verbose=0, checks=False)

    assert (
        assess(trainer, x, y, output="kind").baseline.description == "always '0', the most frequent class in training"
    )
    assert assess(trainer, x, y, output="price").baseline.description == "always 7, the mean in training"


def test_what_is_no_trainer_no_name_and_no_number_is_refused_before_anything_runs() -> None:
    trainer = nk.Trainer(nn.Linear(2, 1), loss="mse")
    x = torch.rand(5, 2)
    with pytest.raises(TypeError, match=r"assess takes a Trainer, got a Linear\. Pass nk\.Trainer\(model"):
        assess(nn.Linear(2, 1), x, x[:, 0])
    with pytest.raises(TypeError, match="name says what the rows are"):
        assess(trainer, x, x[:, 0], name=3)
    with pytest.raises(ValueError, match="seed is 0 or more"):
        assess(trainer, x, x[:, 0], seed=-1)
    with pytest.raises(TypeError, match="class_names is a list of names"):
        assess(nk.Trainer(nn.Linear(2, 3), loss="cross_entropy"), x, torch.tensor([0, 1, 2, 0, 1]), "abc")


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_target_that_is_no_number_is_refused_with_its_row(odd: float) -> None:
    x = torch.rand(6, 2)
    y = x[:, 0].clone()
    trainer = nk.Trainer(nn.Linear(2, 1), loss="mse")
    trainer.fit(x, y, verbose=0)
    y[3] = odd

    with pytest.raises(ValueError, match=r"in row 3 \(1 of 6"):
        assess(trainer, x, y)


def test_a_sensitive_column_that_the_model_never_saw_needs_no_other_word(caplog: pytest.LogCaptureFixture) -> None:
    table, y = _table()
    trainer = nk.Trainer(nn.Linear(1, 2), loss="cross_entropy")
    trainer.fit(table[["height"]], y, verbose=0, checks=False)

    found = assess(trainer, table, y, sensitive=["sex"])

    assert {one["group"] for one in found.to_dict()["groups"]["groups"]} == {"f", "m"}
    assert "can stand in for 'sex'" in caplog.text


def test_what_stands_in_for_groups_that_came_as_values_is_named(caplog: pytest.LogCaptureFixture) -> None:
    table, y = _table()
    trainer = nk.Trainer(nn.Linear(1, 2), loss="cross_entropy")
    trainer.fit(table[["height"]], y, verbose=0, checks=False)

    for given in (table["sex"], table["sex"].to_numpy(), {"sex": table["sex"]}):
        caplog.clear()
        found = assess(trainer, table[["height"]], y, sensitive=given)
        assert "'height' (AUC 0.9" in caplog.text
        assert found.to_dict()["protected"][0]["stand_ins"][0]["column"] == "height"


def test_rows_of_a_dataset_show_their_numbers() -> None:
    items = [(torch.tensor([float(index), 1.0]), index % 2) for index in range(12)]
    trainer = nk.Trainer(nn.Linear(2, 2), loss="cross_entropy")

    top = assess(trainer, DataLoader(items, batch_size=4)).top_losses(3)

    assert list(top["x[0]"]) == list(top.index)


def test_the_warning_points_at_the_line_that_calls_assess() -> None:
    table, y = _table()
    numbers = table.assign(sex=(table["sex"] == "m").astype(float))

    with pytest.warns(nk.SensitiveFeatureWarning) as caught:
        nk.assess(nk.Trainer(nn.Linear(2, 2), loss="cross_entropy"), numbers, y)

    assert caught[0].filename == __file__


def test_a_misspelt_argument_gets_the_nearest() -> None:
    trainer = nk.Trainer(nn.Linear(2, 1), loss="mse")
    with pytest.raises(TypeError, match=r"assess has no argument 'sensitiv'\. Did you mean 'sensitive'"):
        nk.assess(trainer, torch.rand(4, 2), torch.rand(4), sensitiv="a")


@pytest.mark.parametrize("columns", [1, 3])
def test_a_label_that_is_no_number_is_refused_too(columns: int) -> None:
    x = torch.rand(6, 2)
    y = (torch.rand(6, columns) > 0.5).float()
    trainer = nk.Trainer(nn.Linear(2, columns), loss="bce_with_logits")
    trainer.fit(x, y, verbose=0, checks=False)
    y[3, 0] = torch.nan

    with pytest.raises(ValueError, match=r"in row 3 \(1 of 6"):
        assess(trainer, x, y)
