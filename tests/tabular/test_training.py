from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, roc_auc_score
from torch import nn

import neurokit as nk
from neurokit.architectures import MLP, TabularNet
from neurokit.tabular.splitting import rare_classes
from neurokit.tabular.training import default_net

from .conftest import pipeline_of


def test_the_default_net_is_embeddings_and_an_mlp_with_waves_where_there_are_rows_enough(people) -> None:
    encoding = pipeline_of(people, "pays").encoding
    small, large = default_net(encoding, 1, 500), default_net(encoding, 1, 5000)
    assert isinstance(small, TabularNet)
    assert small.waves is None
    assert large.waves is not None
    assert len(small.embeddings) == len(encoding.cardinalities)


def test_training_stops_early_with_the_best_weights_put_back(binary) -> None:
    trainer = binary.trainer
    best = trainer.history.best("val_loss")
    split = binary.split["validation"]
    assert log_loss(split["target"], binary.predict_proba(split)) == pytest.approx(best.value, rel=1e-4)


def test_no_note_about_shapes_is_needed(people, caplog) -> None:
    for target, options in (("pays", {}), ("age", {}), ("city", {})):
        frame = people.dropna()
        pipeline_of(frame, target, keep=["says"], **options).train_model(epochs=1)
    frame = people.dropna().assign(pays=lambda one: one["pays"].map({0: "no", 1: "yes"}))
    pipeline_of(frame, "pays", drop=["says"]).train_model(epochs=1)
    assert "are read as" not in caplog.text


# ---------------------------------------------------------------------------------------------------- modules of others


def test_any_module_is_trained_on_one_matrix_and_a_factory_gets_its_widths(people) -> None:
    pipeline = pipeline_of(people, "pays")
    widths = []

    def factory(in_features: int, out_features: int) -> nn.Module:
        widths.append((in_features, out_features))
        return nn.Sequential(nn.Linear(in_features, 8), nn.Tanh(), nn.Linear(8, out_features))

    pipeline.train_model(factory, epochs=2)
    assert widths == [(len(pipeline.encoding.columns["x"]), 1)]
    assert pipeline.encoding.layout == "one-hot"
    assert pipeline.predict_proba(people).shape == (201, 2)
    again = nn.Linear(widths[0][0], 2)
    pipeline.train_model(again, epochs=1)
    assert pipeline.trainer.model is again
    assert pipeline.trainer.arguments["loss"] == "cross_entropy"
    np.testing.assert_allclose(pipeline.predict_proba(people).sum(1), 1, rtol=1e-6)


def test_a_tabular_net_of_ones_own_is_trained_embedded(people) -> None:
    pipeline = pipeline_of(people, "pays")
    numbers = len(pipeline.encoding.columns["numbers"])
    net = TabularNet(numbers, pipeline.encoding.cardinalities, 1, hidden=(4,))
    assert pipeline.train_model(net, epochs=1).trainer.model is net
    with pytest.raises(ValueError, match=r"This TabularNet has numbers=1, .* and the table numbers="):
        pipeline.train_model(TabularNet(1, pipeline.encoding.cardinalities, 1))


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (nn.Linear(3, 1), ValueError, "one matrix of 15 columns; its first linear layer takes 3"),
        (nn.Linear(15, 5), ValueError, r"answers a row with the shape \(5,\), and a binary target needs \(1,\)"),
        ("mlp", TypeError, "module is a str. Pass an nn.Module"),
        (lambda in_features, out_features: 3, TypeError, r"module\(15, 1\) returned a int"),
    ],
)
def test_a_module_that_does_not_fit_is_refused_before_training(people, module, error, message) -> None:
    pipeline = pipeline_of(people, "pays")
    assert len(pipeline.encoding.with_layout("one-hot").columns["x"]) == 15
    with pytest.raises(error, match=message):
        pipeline.train_model(module)
    assert [step.name for step in pipeline.steps][-1] == "prepare_data"


def test_options_reach_trainer_and_fit_and_a_misspelt_one_is_named(people) -> None:
    pipeline = pipeline_of(people, "pays", layout="one-hot")
    pipeline.train_model(epochs=2, patience=None, optimizer="sgd", learning_rate=0.5, batch_size=64,
                         class_weight={0: 1.0, 1: 3.0}, metrics=["roc_auc"], callbacks=[nk.EMA()])  # fmt: skip
    assert isinstance(pipeline.trainer.model, MLP)
    assert isinstance(pipeline.trainer.optimizer, torch.optim.SGD)
    assert pipeline.trainer.record.parameters["batch_size"] == 64
    assert "val_roc_auc" in pipeline.history.history
    for name, hint in (("learning_rat", "learning_rate"), ("lr", "learning_rate"), ("patiance", "patience")):
        with pytest.raises(TypeError, match=f"Did you mean '{hint}'"):
            pipeline.train_model(**{name: 1})
    with pytest.raises(TypeError, match="has no argument 'validation_data'"):
        pipeline.train_model(validation_data=(1, 2))


def test_class_weights_are_by_the_targets_own_labels(multiclass) -> None:
    frame = multiclass.frame
    pipeline = pipeline_of(frame, "target")
    heavy = pipeline.train_model(epochs=15, class_weight={1: 1.0, 2: 1.0, 3: 50.0}).predict(frame)
    light = pipeline.train_model(epochs=15, class_weight={1: 1.0, 2: 50.0, 3: 1.0}).predict(frame)
    assert (heavy == 3).sum() > (light == 3).sum()
    with pytest.raises(ValueError, match="class_weight names 0, and the classes are 1, 2, 3"):
        pipeline.train_model(class_weight={0: 1.0})


# ------------------------------------------------------------------------------------------- evaluation and predictions


def test_metrics_of_classes_are_scikit_learns(binary, multiclass) -> None:
    for pipeline in (binary, multiclass):
        rows = pipeline.split["test"]
        found, told = pipeline.evaluate(), pipeline.predict_proba(rows)
        assert found["accuracy"] == accuracy_score(rows["target"], pipeline.predict(rows))
        assert found["log_loss"] == pytest.approx(log_loss(rows["target"], told), rel=1e-6)
        assert list(pipeline.predict_labels(rows)) == list(pipeline.predict(rows))
        assert set(pipeline.predict(rows)) <= set(pipeline.target.classes)
    expected = roc_auc_score(
        binary.split["test"]["target"] == "malignant", binary.predict_proba(binary.split["test"])[:, 1]
    )
    assert binary.metrics["roc_auc"] == pytest.approx(expected)


def test_metrics_and_predictions_of_a_regression_are_in_the_targets_own_units(regression) -> None:
    rows = regression.split["test"]
    found, told = regression.evaluate(), regression.predict(rows)
    assert told.shape == (len(rows),)
    assert 50 < told.mean() < 300
    assert found["mae"] == pytest.approx(mean_absolute_error(rows["target"], told))
    assert found["r2"] == pytest.approx(r2_score(rows["target"], told))
    assert regression.history.history["val_loss"][-1] < 3  # standard deviations squared
    with pytest.raises(ValueError, match="predict_proba is about classes, and 'target' is a number"):
        regression.predict_proba(rows)


def test_a_comparison_names_every_model_and_says_who_wins(regression, binary) -> None:
    for pipeline, linear, metric in ((regression, "Ridge", "r2"), (binary, "LogisticRegression", "accuracy")):
        found = pipeline.evaluate(compare=True)
        table = found.table
        assert list(table.index)[:3] == ["TabularNet", linear, "HistGradientBoosting"]
        best = table[metric].iloc[:3].idxmax()
        assert found.verdict.startswith((f"{best} wins: {metric}", "No model wins"))
        assert "against" in found.verdict
        assert found == dict(table.loc["TabularNet"].drop("seconds to fit"))
        assert str(found).endswith(found.verdict)


def test_a_comparison_takes_every_kind_of_column(people) -> None:
    people["many"] = [f"m{n % 90}" for n in range(len(people))]
    pipeline = nk.tabular.TabularPipeline(verbose=0).load_data(people)
    pipeline.engineer_features(ratios={"each": ["rooms", "persons"]}).prepare_data("pays").train_model(epochs=1)
    assert len(pipeline.evaluate(compare=True).table) == 4


def test_rows_are_predicted_as_dicts_with_unknown_categories_and_gaps(people) -> None:
    pipeline = nk.tabular.TabularPipeline(verbose=0).load_data(people).clean_data()
    pipeline.engineer_features({"area": lambda frame: frame["rooms"] * 20}).prepare_data("pays").train_model(epochs=2)
    row = {
        "age": None,
        "city": "Atlantis",
        "rooms": 3,
        "persons": 1.0,
        "since": "2021-05-05",
        "smokes": True,
        "household": 3,
    }
    told = pipeline.predict_proba([row])
    assert told.shape == (1, 2)
    np.testing.assert_array_equal(told, pipeline.predict_proba(pd.DataFrame([row]).astype({"age": float})))
    with pytest.raises(ValueError, match="'rooms' has '3a' in row 0"):
        pipeline.predict([row | {"rooms": "3a", "area": 60.0}])


def test_rare_classes_are_those_of_which_a_side_gets_none() -> None:
    assert rare_classes(["a"] * 100 + ["b"] * 3, 0.2, 0.2) == {"b": 3}
    assert rare_classes(["a"] * 100 + ["b"] * 8, 0.2, 0.2) == {}
