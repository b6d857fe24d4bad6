from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from neurokit.assessment import Assessment
from neurokit.assessment.calibration import with_temperature


def _many(rows: int = 300, **options: Any) -> Assessment:
    generator = np.random.default_rng(0)
    y = generator.integers(3, size=rows)
    scores = generator.dirichlet(np.ones(3), rows) + 0.5 * np.eye(3)[y]
    scores /= scores.sum(1, keepdims=True)
    return Assessment.from_arrays(y, scores, kind="multiclass", class_names=["cat", "dog", "owl"], **options)


def _two(rows: int = 200, **options: Any) -> Assessment:
    generator = np.random.default_rng(1)
    y = generator.integers(2, size=rows)
    p = np.clip(0.5 * y + generator.uniform(0, 0.5, rows), 0, 1)
    return Assessment.from_arrays(y, p, kind="binary", **options)


def _labels() -> Assessment:
    generator = np.random.default_rng(2)
    y = generator.integers(2, size=(80, 2))
    return Assessment.from_arrays(y, np.clip(y * 0.4 + generator.uniform(0, 0.6, (80, 2)), 0, 1), kind="multilabel",
                                  class_names=["red", "round"])  # fmt: skip


def _numbers(rows: int = 100, **options: Any) -> Assessment:
    generator = np.random.default_rng(3)
    y = generator.normal(10, 3, rows)
    return Assessment.from_arrays(y, y + generator.normal(0, 1, rows), kind="regression", **options)


def test_tables_and_report_are_scikit_learns() -> None:
    many = _many()
    true, told = many.y_true, many.y_pred

    assert (many.confusion_matrix().to_numpy() == metrics.confusion_matrix(true, told)).all()
    assert many.confusion_matrix("true").to_numpy() == pytest.approx(
        metrics.confusion_matrix(true, told, normalize="true")
    )
    assert list(many.confusion_matrix().index) == ["cat", "dog", "owl"]
    assert many.classification_report(digits=3) == metrics.classification_report(
        true, told, target_names=["cat", "dog", "owl"], digits=3
    )
    assert many.classification_report(output_dict=True) == metrics.classification_report(
        true, told, target_names=["cat", "dog", "owl"], output_dict=True
    )


def test_of_several_labels_each_has_a_table_as_scikit_learn_stacks_them() -> None:
    labels = _labels()

    table = labels.confusion_matrix()

    expected = metrics.multilabel_confusion_matrix(labels.y_true, labels.y_pred)
    assert (table.to_numpy().reshape(2, 2, 2) == expected).all()
    assert table.loc[("round", 1), 0] == expected[1, 1, 0]


def test_curves_are_scikit_learns_for_each_class() -> None:
    many, two = _many(), _two()
    fpr, tpr, thresholds = metrics.roc_curve(two.y_true, two.scores[:, 1], drop_intermediate=False)
    assert two.roc().to_numpy() == pytest.approx(np.stack([fpr, tpr, thresholds], axis=1))

    table = many.precision_recall()
    precision, recall, _ = metrics.precision_recall_curve(many.y_true == 1, many.scores[:, 1])
    dogs = table[table["class"] == "dog"]
    assert dogs["precision"].to_numpy() == pytest.approx(precision)
    assert dogs["recall"].to_numpy() == pytest.approx(recall)


def test_most_confused_are_the_cells_off_the_diagonal_the_largest_first() -> None:
    many = _many()
    counts = many.confusion_matrix()

    pairs = many.most_confused()

    assert list(pairs["count"]) == sorted(pairs["count"], reverse=True)
    assert pairs["count"].sum() == counts.to_numpy().sum() - np.trace(counts.to_numpy())
    first = pairs.iloc[0]
    assert first["count"] == counts.loc[first["actual"], first["predicted"]]
    assert first["share"] == pytest.approx(first["count"] / counts.loc[first["actual"]].sum())
    assert (many.most_confused(min_count=10)["count"] >= 10).all()
    assert len(many.most_confused(2)) == 2


def test_top_losses_are_the_rows_with_the_largest_loss_and_bring_their_columns() -> None:
    table = pd.DataFrame(
        {"age": np.arange(200), "loss": 7}, index=pd.Index([f"id{one}" for one in range(200)], name="id")
    )
    two = _two(x=table)
    losses = np.where(two.y_true == 1, -np.log(two.scores[:, 1]), -np.log(two.scores[:, 0]))

    top = two.top_losses(4)

    assert list(top.index) == list(np.argsort(-losses, kind="stable")[:4])
    assert top["loss"].to_numpy() == pytest.approx(np.sort(losses)[::-1][:4])
    assert (top["age"] == top.index).all()
    assert (top["loss (column)"] == 7).all()
    assert list(top["id"]) == [f"id{number}" for number in top.index]
    assert two.row(int(top.index[0]))["age"] == top.index[0]


def test_top_losses_of_numbers_are_the_largest_squared_errors() -> None:
    numbers = _numbers(x=np.zeros((100, 2)))

    top = numbers.top_losses(2)

    worst = np.argmax(np.abs(numbers.scores - numbers.y_true))
    assert top.index[0] == worst
    assert list(top.columns) == ["loss", "actual", "predicted", "x[0]", "x[1]"]


def test_the_baseline_is_one_answer_for_all_rows_as_scikit_learns_dummy_gives_it() -> None:
    many, numbers = _many(), _numbers()
    most = np.bincount(many.y_true).argmax()

    assert many.baseline.metrics["accuracy"] == pytest.approx((many.y_true == most).mean())
    assert many.baseline.metrics["roc_auc"] == 0.5
    assert many.baseline.description == f"always {many.names[most]!r}, the most frequent class of these rows"
    assert numbers.baseline.metrics["r2"] == pytest.approx(0)
    assert many.lift("accuracy") == pytest.approx(many.metrics["accuracy"] - many.baseline.metrics["accuracy"])
    with pytest.raises(ValueError, match=r"no metric 'acuracy' here\. Did you mean 'accuracy'"):
        many.lift("acuracy")


def test_residuals_are_actual_less_predicted_as_their_picture_has_them() -> None:
    numbers = _numbers()

    table = numbers.residuals()

    assert table["residual"].to_numpy() == pytest.approx(numbers.y_true - numbers.scores)
    drawn = numbers.plots.residuals().collections[0].get_offsets().data
    assert np.sort(drawn[:, 1]) == pytest.approx(np.sort(table["residual"]))
    assert numbers.to_dict()["residuals"]["mean"] == pytest.approx(-numbers.metrics["mean_error"])


def test_the_verdict_says_rows_interval_baseline_and_whether_it_is_better() -> None:
    good, useless = _many().verdict(), Assessment.from_arrays([0, 1] * 30, [0.4] * 60, kind="binary").verdict()

    assert "On 300 test rows the model is right for" in good
    assert "95 % interval" in good
    assert "better than that by more than chance" in good
    assert "do not show that it is better" in useless
    assert "worse than that" in Assessment.from_arrays([0, 1, 1] * 20, [0.9, 0.1, 0.1] * 20, kind="binary").verdict()
    assert "off by" in _numbers().verdict()
    assert "of all labels" in _labels().verdict()


def test_where_one_class_is_most_rows_the_verdict_is_about_the_mean_over_classes() -> None:
    y = np.asarray([0] * 95 + [1] * 5)

    rare = Assessment.from_arrays(y, np.where(y, 0.9, 0.1), kind="binary")

    assert rare.main == "balanced_accuracy"
    assert "would find 50.0 %" in rare.verdict()


def test_one_class_against_the_rest_is_a_binary_assessment_of_the_same_rows() -> None:
    owl = _many().one_vs_rest("owl")

    assert owl.kind == "binary"
    assert owl.names == ["not owl", "owl"]
    assert owl.metrics["recall"] == pytest.approx(metrics.recall_score(_many().y_true == 2, _many().y_pred == 2))
    assert _labels().one_vs_rest(1).names == ["not round", "round"]
    with pytest.raises(ValueError, match=r"no class 'owls'. Did you mean 'owl'"):
        _many().one_vs_rest("owls")


def test_one_class_has_the_baseline_of_its_own_share_of_training() -> None:
    y = np.asarray([0] * 90 + [1] * 10)
    two = Assessment.from_arrays(
        y, np.where(y, 0.8, 0.2), kind="binary", class_names=["no", "yes"],
        training={"rows": 100, "counts": {"no": 90, "yes": 10}},
    )  # fmt: skip

    part = two.one_vs_rest("no")

    assert part.baseline.description == "always 'no', the most frequent class in training"
    assert part.baseline.metrics["accuracy"] == 0.9
    assert two.one_vs_rest("yes").baseline.description == "always 'not yes', the most frequent class in training"


def test_the_report_by_groups_is_remembered_for_card_and_page() -> None:
    two = _two()
    assert two.to_dict()["groups"] is None

    report = two.by_group({"half": np.repeat(["a", "b"], 100)})

    assert two.groups is report
    assert [one["group"] for one in two.to_dict()["groups"]["groups"]] == ["a", "b"]
    assert two.calibrated(2.0).groups is None


def test_a_temperature_is_not_applied_twice() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=400)
    y, sure = (generator.uniform(size=400) < 1 / (1 + np.exp(-logits))).astype(int), 1 / (1 + np.exp(-3 * logits))
    validation = Assessment.from_arrays(y[:200], sure[:200], kind="binary", name="validation")
    test = Assessment.from_arrays(y[200:], sure[200:], kind="binary")
    policy = validation.threshold(recall=0.9)

    plain, cooled = test.decide(policy), test.calibrated(policy).decide(policy)

    assert cooled.probability == pytest.approx(plain.probability)
    assert test.calibrated(policy).to_dict()["calibration"]["temperature"] == policy.temperature
    again = validation.calibrated(policy).threshold(recall=0.9)
    assert again.temperature == pytest.approx(policy.temperature, rel=1e-3)


def test_the_temperature_of_many_classes_is_none_of_one_against_the_rest() -> None:
    many = _many()

    policy = many.calibrated(3.0).one_vs_rest("cat").threshold(recall=0.9)
    decided = many.one_vs_rest("cat").decide(policy)

    cooled = many.calibrated(3.0).one_vs_rest("cat")
    again = cooled.decide(policy)
    assert policy.temperature == pytest.approx(cooled.temperature())
    assert again.same_rows
    assert decided.probability == pytest.approx(
        with_temperature(many.one_vs_rest("cat").scores, policy.temperature)[:, 1]
    )


def test_rows_are_known_again_also_where_a_temperature_makes_them_alike() -> None:
    y = np.repeat([0, 1], 50)
    sure = Assessment.from_arrays(y, np.where(y, np.linspace(0.6, 0.99, 100), 0.1), kind="binary")

    policy = sure.calibrated(sure.temperature()).threshold(recall=0.9, calibrate=False)

    assert sure.decide(policy).same_rows
    assert sure.one_vs_rest(0).digest != sure.one_vs_rest(1).digest


def test_calibrated_probabilities_leave_the_original_and_the_answers_alone() -> None:
    many = _many()
    before = many.scores.copy()

    cooler = many.calibrated(3.0)

    assert (many.scores == before).all()
    assert (cooler.y_pred == many.y_pred).all()
    assert cooler.metrics["log_loss"] != many.metrics["log_loss"]
    assert cooler.metrics["accuracy"] == many.metrics["accuracy"]


@pytest.mark.parametrize("make", [_many, _two, _labels, _numbers])
def test_all_of_it_is_plain_json_and_read_as_text(make: Any) -> None:
    made = make()

    told = made.to_dict()

    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["metrics"].keys() == made.metrics.keys()
    assert told["verdict"] in str(made)
    assert "baseline" in made._repr_html_()
    assert str(made.n) in repr(made)


def test_questions_a_task_has_no_answer_to_are_refused_with_what_to_ask() -> None:
    with pytest.raises(ValueError, match="residuals is for regression tasks, and this one is binary"):
        _two().residuals()
    with pytest.raises(ValueError, match=r"most_confused is for binary and multiclass tasks.*one_vs_rest"):
        _labels().most_confused()
    with pytest.raises(ValueError, match="See metrics, residuals and top_losses"):
        _numbers().roc()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0.1], "binary"), "y_true has 2 rows and scores 1"),
        (([0, 1], [0.1, 3.0], "binary"), "probabilities from 0 to 1"),
        (([0, 2], [[0.5, 0.5], [0.5, 0.5]], "multiclass"), "there are 2 classes"),
        (([0, 1], [0.1, float("nan")], "binary"), "NaN or infinite"),
        (([0, 1], [[1.0], [1.0]], "multiclass"), "there are 1 classes"),
        (([[0, 1]], [0.5], "multilabel"), "both in the same shape"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    y, scores, kind = arguments
    with pytest.raises(ValueError, match=message):
        Assessment.from_arrays(y, scores, kind=kind)


def test_class_names_are_one_each_and_different() -> None:
    with pytest.raises(ValueError, match="class_names has 1 names, and there are 2 classes"):
        _two(class_names=["a"])
    with pytest.raises(ValueError, match="'a' twice"):
        _two(class_names=["a", "a"])
