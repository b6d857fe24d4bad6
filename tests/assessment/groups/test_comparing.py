from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest
from sklearn import metrics as sk
from sklearn.datasets import load_diabetes

from neurokit.assessment.groups import GroupReport, by_group
from neurokit.assessment.groups.metrics import KINDS, Judged, group_metrics
from neurokit.assessment.groups.sensitive import BETWEEN as X  # a multiplication sign

fairlearn_metrics = pytest.importorskip("fairlearn.metrics", reason="needs fairlearn")
TITANIC = Path(__file__).parents[3] / "shared" / "data" / "titanic.csv"
ALL_BINARY = [
    "accuracy", "selection_rate", "base_rate", "true_positive_rate", "false_positive_rate", "true_negative_rate",
    "false_negative_rate", "precision", "f1", "balanced_accuracy", "roc_auc", "mean_error", "brier_score", "log_loss",
]  # fmt: skip


@pytest.fixture(scope="module")
def people() -> dict[str, Any]:
    """600 rows of two groups, of which one is served worse, and scores."""
    generator = np.random.default_rng(0)
    group = generator.choice(["a", "b"], 600, p=[0.6, 0.4])
    truth = generator.integers(0, 2, 600)
    score = np.clip(0.25 + 0.5 * truth + generator.normal(0, np.where(group == "a", 0.2, 0.5)), 0.01, 0.99)
    weight = generator.uniform(0.2, 3, 600)
    return {"group": group, "y": truth, "score": score, "pred": (score > 0.5).astype(int), "weight": weight}


def _report(people: dict[str, Any], sensitive: Any = None, **options: Any) -> GroupReport:
    sensitive = people["group"] if sensitive is None else sensitive
    return by_group("binary", people["y"], people["pred"], people["score"], sensitive, **options)


def _oracles(weight: Any) -> dict[str, Any]:
    """What scikit-learn and fairlearn say of some rows."""
    more = {} if weight is None else {"sample_weight": weight}
    plain = {
        "accuracy": sk.accuracy_score, "selection_rate": fairlearn_metrics.selection_rate,
        "true_positive_rate": fairlearn_metrics.true_positive_rate, "precision": sk.precision_score,
        "false_positive_rate": fairlearn_metrics.false_positive_rate, "f1": sk.f1_score,
        "true_negative_rate": fairlearn_metrics.true_negative_rate, "balanced_accuracy": sk.balanced_accuracy_score,
        "false_negative_rate": fairlearn_metrics.false_negative_rate,
    }  # fmt: skip
    scored = {"roc_auc": sk.roc_auc_score, "brier_score": sk.brier_score_loss, "log_loss": sk.log_loss}
    return {
        **{name: lambda y, p, s, f=f: f(y, p, **more) for name, f in plain.items()},
        **{name: lambda y, p, s, f=f: f(y, s, **more) for name, f in scored.items()},
        "base_rate": lambda y, p, s: np.average(y, weights=weight),
        "mean_error": lambda y, p, s: np.average(s - y, weights=weight),
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", ALL_BINARY)
def test_binary_numbers_of_a_group_are_those_of_scikit_learn_and_fairlearn(
    people: dict[str, Any], metric: str, weighted: bool
) -> None:
    weight = people["weight"] if weighted else None
    table = _report(people, metrics=metric, sample_weight=weight, resamples=100).by_group
    for group in ("a", "b"):
        rows = people["group"] == group
        oracle = _oracles(weight[rows] if weighted else None)[metric]
        expected = oracle(people["y"][rows], people["pred"][rows], people["score"][rows])
        assert table.loc[group, metric] == pytest.approx(expected, abs=1e-12)
        assert table.loc[group, f"{metric}_low"] <= expected <= table.loc[group, f"{metric}_high"]


def test_difference_and_ratio_are_those_of_fairlearn_where_no_group_is_small(people: dict[str, Any]) -> None:
    names = {"accuracy": sk.accuracy_score, "selection_rate": fairlearn_metrics.selection_rate}
    frame = fairlearn_metrics.MetricFrame(
        metrics=names, y_true=people["y"], y_pred=people["pred"], sensitive_features=people["group"]
    )
    report = _report(people, metrics=list(names))
    for name in names:
        assert report.difference[name] == pytest.approx(frame.difference()[name])
        assert report.ratio[name] == pytest.approx(frame.ratio()[name])
        assert report.overall[name] == pytest.approx(frame.overall[name])


def test_the_frame_is_fairlearns_and_holds_the_same_numbers(people: dict[str, Any]) -> None:
    table = pd.DataFrame({"group": people["group"], "half": np.arange(600) // 300})
    report = _report(people, table, metrics=["accuracy", "roc_auc"], resamples=100)
    assert isinstance(report.frame, fairlearn_metrics.MetricFrame)
    assert set(report.frames) == {"group", "half", f"group{X}half"}
    for one in report.groups:
        key = tuple(one.group.split(X))
        for name, value in one.metrics.items():
            found = report.frames[one.column].by_group.loc[key if len(key) > 1 else key[0], name]
            assert found == pytest.approx(float(value))


def test_rates_have_wilsons_interval(people: dict[str, Any]) -> None:
    report = _report(people, metrics=["accuracy", "recall"], confidence=0.9)
    rows = people["group"] == "b"
    positive = rows & (people["y"] == 1)
    for name, hits, n in (
        ("accuracy", (people["y"] == people["pred"])[rows].sum(), rows.sum()),
        ("true_positive_rate", people["pred"][positive].sum(), positive.sum()),
    ):
        expected = binomtest(int(hits), int(n)).proportion_ci(0.9, method="wilson")
        found = next(one for one in report.groups if one.group == "b").metrics[name]
        assert found.interval == pytest.approx((expected.low, expected.high))
        assert found.n == n


def test_equal_weights_change_no_interval_and_uneven_ones_widen_it(people: dict[str, Any]) -> None:
    plain, even, uneven = (
        _report(people, metrics="accuracy", sample_weight=weight)
        for weight in (None, np.full(600, 3.0), people["weight"])
    )
    assert even.difference["accuracy"].interval == pytest.approx(plain.difference["accuracy"].interval)
    widths = [report.by_group["accuracy_high"] - report.by_group["accuracy_low"] for report in (plain, uneven)]
    assert (widths[1] > widths[0]).all()
    assert list(uneven.sizes) == list(plain.sizes)


def test_multiclass_numbers_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    truth, group = generator.integers(0, 3, 400), generator.choice(["x", "y"], 400)
    scores = generator.dirichlet([1, 1, 1], 400) + 0.8 * np.eye(3)[truth]
    scores /= scores.sum(1, keepdims=True)
    pred, weight = scores.argmax(1), generator.uniform(1, 2, 400)
    names = ["accuracy", "balanced_accuracy", "f1", "log_loss"]
    report = by_group(
        "multiclass", torch.tensor(truth), torch.tensor(pred), torch.tensor(scores), group, metrics=names,
        sample_weight=weight, resamples=100,
    )  # fmt: skip
    for one in ("x", "y"):
        rows = group == one
        expected = [
            sk.accuracy_score(truth[rows], pred[rows], sample_weight=weight[rows]),
            sk.balanced_accuracy_score(truth[rows], pred[rows], sample_weight=weight[rows]),
            sk.f1_score(truth[rows], pred[rows], average="macro", sample_weight=weight[rows]),
            sk.log_loss(truth[rows], scores[rows], sample_weight=weight[rows]),
        ]
        assert report.by_group.loc[one, names].to_list() == pytest.approx(expected)


def test_multilabel_numbers_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 2, (300, 4))
    pred = np.where(generator.random((300, 4)) < 0.8, truth, 1 - truth)
    group = generator.choice(["x", "y"], 300)
    names = ["exact_match", "accuracy", "precision", "recall", "f1"]
    report = by_group("multilabel", truth, pred, None, group, metrics=names, resamples=100)
    for one in ("x", "y"):
        y, p = truth[group == one], pred[group == one]
        expected = [
            sk.accuracy_score(y, p), 1 - sk.hamming_loss(y, p), sk.precision_score(y, p, average="micro"),
            sk.recall_score(y, p, average="micro"), sk.f1_score(y, p, average="micro"),
        ]  # fmt: skip
        shown = ["exact_match", "accuracy", "precision", "true_positive_rate", "f1"]
        assert report.by_group.loc[one, shown].to_list() == pytest.approx(expected)


@pytest.mark.parametrize("columns", [1, 2])
def test_regression_numbers_are_those_of_scikit_learn(columns: int) -> None:
    data = load_diabetes()
    truth = np.stack([data.target, data.target**0.5], 1)[:, :columns]
    guess = truth + np.random.default_rng(0).normal(5, 20, truth.shape)
    sex = np.where(data.data[:, 1] > 0, "m", "f")
    weight = np.random.default_rng(1).uniform(1, 2, len(sex))
    names = ["mae", "mse", "mean_error", "r2"]
    report = by_group("regression", truth, guess, None, sex, metrics=names, sample_weight=weight, resamples=100)
    for one in ("f", "m"):
        rows = sex == one
        y, p, w = truth[rows], guess[rows], weight[rows]
        expected = [
            sk.mean_absolute_error(y, p, sample_weight=w), sk.mean_squared_error(y, p, sample_weight=w),
            np.average((p - y).mean(1), weights=w), sk.r2_score(y, p, sample_weight=w),
        ]  # fmt: skip
        assert report.by_group.loc[one, names].to_list() == pytest.approx(expected)
    assert {gap.metric for gap in report.gaps if gap.ratio is None} == {"mean_error", "r2"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_usual_metrics_and_a_meaning_for_each(kind: str) -> None:
    generator = np.random.default_rng(0)
    shape = (200, 3) if kind == "multilabel" else (200,)
    truth, guess = generator.integers(0, 2, shape), generator.integers(0, 2, shape)
    report = by_group(kind, truth, guess, None, ["a", "b"] * 100, resamples=100)
    assert len(report.metrics) >= 3
    assert all(gap.meaning.startswith("difference in ") for gap in report.gaps)
    assert not any(math.isnan(gap.difference.low) for gap in report.gaps)
    assert report.notes == []
    assert str(report)
    json.dumps(report.to_dict(), allow_nan=False)


# Small groups


def test_a_tiny_group_is_shown_and_does_not_set_the_headline(people: dict[str, Any]) -> None:
    group = people["group"].astype(object).copy()
    wrong = np.flatnonzero(people["y"] != people["pred"])[:3]
    group[wrong] = "tiny"
    report = _report(people, group, metrics="accuracy")
    assert report.frame.difference()["accuracy"] > 0.6  # what fairlearn's own headline is: three rows, all wrong
    assert report.difference["accuracy"] < 0.4
    assert report.by_group.loc["tiny", ["n", "small", "accuracy"]].to_list() == [3, True, 0.0]
    assert report.worst == {"accuracy": "b"}
    assert report.small == ["tiny"]
    assert any("'tiny' (n = 3)" in note and "left out" in note for note in report.notes)
    assert _report(people, group, metrics="accuracy", min_group=3).worst == {"accuracy": "tiny"}


@pytest.mark.parametrize("size", [3, 10, 29])
def test_a_group_just_under_the_least_size_is_left_out(people: dict[str, Any], size: int) -> None:
    group = people["group"].astype(object).copy()
    group[np.flatnonzero(people["y"] != people["pred"])[:size]] = "tiny"
    report = _report(people, group, metrics=["accuracy", "f1"], resamples=100)
    assert report.worst == {"accuracy": "b", "f1": "b"}
    assert report.difference["accuracy"].n == 600 - size
    assert _report(people, group, metrics="accuracy", min_group=size).worst == {"accuracy": "tiny"}


def test_intervals_of_a_gap_are_wider_where_the_pair_was_picked_of_more() -> None:
    truth = np.ones(400, dtype=int)
    guess = np.r_[np.resize([1, 1, 1, 0], 100), np.resize([1, 0], 100), np.resize([1, 1, 0, 1, 0], 200)]
    two = by_group("binary", truth[:200], guess[:200], None, np.repeat(["a", "b"], 100), metrics="accuracy")
    four = by_group("binary", truth, guess, None, np.repeat(["a", "b", "c", "d"], 100), metrics="accuracy")
    narrow, wide = two.difference["accuracy"], four.difference["accuracy"]
    assert narrow == wide == 0.25
    assert wide.low < narrow.low < 0.25 < narrow.high < wide.high
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2.569 / 1.96, rel=0.03)


def test_a_rate_of_two_positives_does_not_set_the_headline_in_a_large_group() -> None:
    group = np.repeat(["a", "b", "c"], 100)
    truth = np.r_[np.ones(50), np.zeros(50), np.ones(40), np.zeros(60), np.ones(2), np.zeros(98)].astype(int)
    guess = truth.copy()
    guess[:5], guess[100:110], guess[200:202] = 0, 0, 0
    report = by_group("binary", truth, guess, None, group, metrics="recall")
    assert report.difference["true_positive_rate"] == pytest.approx(0.9 - 0.75)
    assert report.worst["true_positive_rate"] == "b"
    assert report.small == []
    assert any("'c' (2)" in note for note in report.notes)


def test_an_auc_that_hangs_on_one_negative_does_not_set_the_headline() -> None:
    generator = np.random.default_rng(0)
    truth, group = generator.integers(0, 2, 300), np.repeat(["a", "b", "c"], 100)
    score = np.clip(0.3 * truth + 0.7 * generator.random(300), 0, 1)
    truth[200:], score[200], truth[200] = 1, 1.0, 0
    report = by_group("binary", truth, (score > 0.5).astype(int), score, group, metrics="auc", resamples=100)
    assert report.by_group.loc["c", "roc_auc"] == 0
    assert report.worst["roc_auc"] in ("a", "b")


def test_a_rate_that_no_row_has_is_undefined_and_not_zero() -> None:
    truth = np.r_[np.ones(40), np.zeros(40)].astype(int)
    report = by_group("binary", truth, truth, None, np.repeat(["a", "b"], 40), metrics=["recall", "precision"])
    assert math.isnan(report.by_group.loc["b", "true_positive_rate"])
    assert math.isnan(report.difference["true_positive_rate"])
    assert report.worst["true_positive_rate"] is None
    assert any("no gap in true_positive_rate can be compared" in note for note in report.notes)


def test_empty_and_tiny_cells_emit_no_warning_and_are_named(people: dict[str, Any]) -> None:
    other = np.where(people["group"] == "a", "left", "right")
    other[np.flatnonzero(people["group"] == "a")[:2]] = "right"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = _report(people, {"group": people["group"], "side": other})
    assert report.sizes.loc[f"group{X}side", f"b{X}left"] == 0
    assert any(f"no row is 'b{X}left'" in note for note in report.notes)
    assert set(report.intersections["group"]) == {f"a{X}left", f"a{X}right", f"b{X}left", f"b{X}right"}
    assert {f"a{X}right", f"b{X}left"} <= set(report.small)
    assert "NaN" not in json.dumps(report.to_dict(), allow_nan=False)


def test_the_worst_group_is_the_lowest_or_of_errors_the_highest() -> None:
    truth = np.zeros(100)
    guess = np.r_[np.full(50, 1.0), np.full(50, -3.0)]
    report = by_group("regression", truth, guess, None, np.repeat(["near", "far"], 50), metrics=["mae", "bias"])
    assert report.worst == {"mae": "far", "mean_error": "far"}
    assert {gap.best for gap in report.gaps} == {"near"}
    assert report.difference["mean_error"] == 4


def test_a_rate_without_a_better_way_names_the_lowest_and_nobody_the_worst(people: dict[str, Any]) -> None:
    guess = np.where(people["group"] == "a", 1, people["pred"])

    def share(y_true: Any, y_pred: Any) -> float:
        return float(y_pred.mean())

    report = by_group("binary", people["y"], guess, None, people["group"],
                      metrics=["selection_rate", share, "accuracy"], resamples=100)  # fmt: skip
    assert report.worst == {"selection_rate": None, "share": None, "accuracy": report.gaps[2].worst}
    assert report.lowest == {"selection_rate": "b", "share": "b"}
    assert (report.gaps[0].worst, report.gaps[0].best, report.gaps[0].directed) == ("b", "a", False)
    assert "lowest b, highest a." in str(report)


def test_groups_that_are_served_alike_have_no_worst(people: dict[str, Any]) -> None:
    report = by_group("binary", people["y"], people["y"], None, people["group"], metrics="accuracy")
    assert report.difference["accuracy"] == 0
    assert report.worst == {"accuracy": None}


def test_a_single_large_group_is_said_once(people: dict[str, Any]) -> None:
    report = _report(people, ["a"] * 600, metrics=["accuracy", "recall"])
    assert [note for note in report.notes if "nothing can be compared" in note] == report.notes[-1:]


# Gaps and their intervals


def test_a_perfect_auc_has_no_interval_rather_than_one_of_no_width() -> None:
    truth = np.resize([0, 1], 200)
    score = np.r_[truth[:100] * 0.8 + 0.1, np.random.default_rng(0).random(100)]
    report = by_group("binary", truth, (score > 0.5).astype(int), score, np.repeat(["a", "b"], 100), metrics="auc")
    assert report.by_group.loc["a", "roc_auc"] == 1
    assert math.isnan(report.by_group.loc["a", "roc_auc_low"])
    assert math.isnan(report.difference["roc_auc"].low)
    assert report.worst["roc_auc"] == "b"
    assert any("same in every resample" in note for note in report.notes)


def test_the_interval_of_two_groups_is_newcombes() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 has 0.0524 to 0.3339
    truth = np.ones(150, dtype=int)
    guess = np.r_[np.ones(56), np.zeros(14), np.ones(48), np.zeros(32)].astype(int)
    gap = by_group("binary", truth, guess, None, np.repeat(["a", "b"], [70, 80]), metrics="accuracy").gaps[0]
    assert gap.difference.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_gap_intervals_of_resampled_metrics_cover_the_truth() -> None:
    generator, runs, covered = np.random.default_rng(0), 100, 0
    group = np.repeat(["a", "b"], 60)
    for seed in range(runs):
        error = generator.exponential(np.repeat([1.0, 1.5], 60))
        gap = by_group("regression", np.zeros(120), error, None, group, metrics="mae", seed=seed, resamples=200).gaps[0]
        covered += gap.difference.low <= 0.5 <= gap.difference.high
    assert 0.88 <= covered / runs < 1


def test_resampling_is_seeded_and_leaves_global_randomness_alone(people: dict[str, Any]) -> None:
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()
    one, same, other = (_report(people, metrics="f1", seed=seed).difference["f1"] for seed in (0, 0, 1))
    assert one.interval == same.interval != other.interval
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


# What may be passed


@pytest.mark.parametrize("form", ["array", "list", "series", "tensor", "categorical", "frame", "dict", "column"])
def test_groups_come_in_any_form(people: dict[str, Any], form: str) -> None:
    values = (people["group"] == "b").astype(int)
    text = np.where(values == 1, "1", "0")
    given = {
        "array": values, "list": text.tolist(), "series": pd.Series(values, index=range(600, 0, -1), name="sex"),
        "tensor": torch.tensor(values), "categorical": pd.Categorical(text), "frame": pd.DataFrame({"sex": values}),
        "dict": {"sex": torch.tensor(values)}, "column": values[:, None],
    }[form]  # fmt: skip
    report = _report(people, given, metrics="accuracy")
    assert report.sizes.to_dict() == {"0": int((values == 0).sum()), "1": int(values.sum())}
    assert report.sensitive == (("sex",) if form in ("series", "frame", "dict") else ("sensitive",))


def test_missing_values_are_a_group_and_said(people: dict[str, Any]) -> None:
    group = people["group"].astype(object).copy()
    group[:40], group[40:42], group[42] = None, float("nan"), ""
    report = _report(people, pd.Series(group, name="origin"), metrics="accuracy")
    assert report.sizes["missing"] == 43
    assert any("'origin' is missing in 43 of 600 rows" in note for note in report.notes)


def test_a_quantity_is_cut_into_bands_and_a_code_is_not(people: dict[str, Any]) -> None:
    age = np.random.default_rng(0).integers(18, 90, 600).astype(float)
    age[:50] = np.nan
    report = _report(people, {"age": age, "code": np.arange(600) % 3}, metrics="accuracy")
    bands = [one for one in report.groups if one.column == "age" and one.group != "missing"]
    assert bands[0].group.startswith("up to ")
    assert all(one.group.startswith("over ") for one in bands[1:])
    assert sum(one.n for one in bands) == 550
    assert min(one.n for one in bands) > 120
    assert any("'age' has" in note and "pd.cut" in note for note in report.notes)
    assert [one.group for one in report.groups if one.column == "code"] == ["0", "1", "2"]


def test_dates_and_nearly_constant_numbers_are_cut_too(people: dict[str, Any]) -> None:
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(np.arange(600) * 30, unit="D")
    children = np.r_[np.zeros(550), np.arange(50)]
    report = _report(people, {"born": born, "children": children}, metrics="accuracy")
    assert sum(one.column == "born" for one in report.groups) == 4
    assert [one.n for one in report.groups if one.column == "children"] == [551, 49]


def test_metrics_are_names_or_functions(people: dict[str, Any]) -> None:
    def cost(y_true: Any, y_pred: Any) -> float:
        return float(np.mean(3 * (y_true > y_pred) + (y_true < y_pred)))

    report = _report(people, metrics=["TPR", cost, sk.accuracy_score], sample_weight=people["weight"], resamples=100)
    assert report.metrics == ("true_positive_rate", "cost", "accuracy_score")
    rows = people["group"] == "a"
    table = report.by_group.loc["a"]
    assert table["cost"] == pytest.approx(cost(people["y"][rows], people["pred"][rows]))
    assert table["accuracy_score"] == pytest.approx(np.average(
        (people["y"] == people["pred"])[rows], weights=people["weight"][rows]))  # fmt: skip
    assert any("'cost' takes no sample_weight" in note for note in report.notes)
    named = _report(people, metrics={"mine": cost, "found": "recall"}, resamples=100)
    assert named.metrics == tuple(named.difference) == ("mine", "found")


def test_a_function_that_cannot_judge_a_group_is_said_and_not_raised(people: dict[str, Any]) -> None:
    def needs_both(y_true: Any, y_pred: Any) -> float:
        if len(np.unique(y_true)) < 2:
            raise ValueError("one class only")
        return float((y_true == y_pred).mean())

    group = np.where(people["y"] == 1, people["group"], "c")
    group[np.flatnonzero(people["y"] == 0)[:100]] = "a"
    report = _report(people, group, metrics=needs_both, resamples=100)
    assert math.isnan(report.by_group.loc["c", "needs_both"])
    assert any("one class only" in note for note in report.notes)
    with pytest.raises(TypeError, match="one number"):
        _report(people, metrics={"matrix": sk.confusion_matrix})
    with pytest.raises(ZeroDivisionError):
        _report(people, metrics={"broken": lambda y_true, y_pred: 1 / 0})


def test_the_count_is_no_metric_as_it_is_always_shown(people: dict[str, Any]) -> None:
    report = _report(people, metrics=["count", "accuracy"])
    assert report.metrics == ("accuracy",)
    assert any("always shown" in note for note in report.notes)


def test_a_control_column_compares_within_its_levels(people: dict[str, Any]) -> None:
    half = np.where(np.arange(600) < 300, "first", "second")
    report = _report(people, pd.Series(people["group"], name="g"), control=pd.Series(half, name="half"),
                     metrics="accuracy")  # fmt: skip
    frame = fairlearn_metrics.MetricFrame(
        metrics={"accuracy": sk.accuracy_score}, y_true=people["y"], y_pred=people["pred"],
        sensitive_features=people["group"], control_features=half,
    )  # fmt: skip
    for gap in report.gaps:
        assert gap.difference == pytest.approx(frame.difference().loc[gap.control, "accuracy"])
    assert report.by_group.index.names == ["control", "column", "group"]
    assert report.to_dict()["gaps"][0]["control"] == "first"
    assert report.difference["accuracy"] == max(gap.difference for gap in report.gaps)


def test_a_column_may_be_called_as_fairlearn_calls_its_own(people: dict[str, Any]) -> None:
    report = _report(people, {"y_true": people["group"]}, metrics="accuracy")
    rows = people["group"] == "a"
    assert report.frame.by_group.loc["a", "accuracy"] == (people["y"] == people["pred"])[rows].mean()


def test_three_columns_are_intersected_in_full_and_four_in_pairs(people: dict[str, Any]) -> None:
    halves = {name: (np.arange(600) >> place) % 2 for place, name in enumerate("abcd")}
    three = _report(people, {name: halves[name] for name in "abc"}, metrics="accuracy")
    assert list(three.frames)[-1] == f"a{X}b{X}c"
    four = _report(people, halves, metrics="accuracy")
    assert len(four.frames) == 4 + 6
    assert any("only pairs" in note for note in four.notes)


@pytest.mark.parametrize(
    ("sensitive", "options", "error", "words"),
    [
        (["a"] * 5, {}, ValueError, "sensitive has 5 values, and 600 rows"),
        ({"sex": ["a"] * 5}, {}, ValueError, "sensitive column 'sex' has 5 values"),
        (["sex", "age"], {}, ValueError, r"names of columns, pass table\[\['sex', 'age'\]\]"),
        ("sex", {}, TypeError, r"sensitive=table\['sex'\]"),
        (None, {}, TypeError, "one value for each row"),
        ([f"name {row}" for row in range(600)], {}, ValueError, "names rows, not groups"),
        (["a", "b"] * 300, {"metrics": "acuracy"}, ValueError, "Did you mean 'accuracy'"),
        (["a", "b"] * 300, {"metrics": "mae"}, ValueError, "binary task"),
        (["a", "b"] * 300, {"metrics": [3]}, TypeError, "name or a function"),
        (["a", "b"] * 300, {"metrics": []}, ValueError, "names none"),
        (["a", "b"] * 300, {"min_group": 0}, ValueError, "min_group"),
        (["a", "b"] * 300, {"confidence": 95}, ValueError, "confidence"),
        (["a", "b"] * 300, {"resamples": 3}, ValueError, "resamples"),
        (["a", "b"] * 300, {"sample_weight": [1.0]}, ValueError, "sample_weight has 1"),
        (["a", "b"] * 300, {"sample_weight": [-1.0] * 600}, ValueError, "weights of 0 or more"),
        (["a", "b"] * 300, {"control": ["a", "b"]}, ValueError, "control has 2 values"),
        (["a", "b"] * 300, {"metrics": lambda y_true: 1.0}, TypeError, "y_true, y_pred"),
    ],
)
def test_what_cannot_be_grouped_says_so(
    people: dict[str, Any], sensitive: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        by_group("binary", people["y"], people["pred"], people["score"], sensitive, **options)


def test_a_misspelt_argument_is_answered_with_the_nearest(people: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"by_group has no argument 'min_group_size'\. Did you mean 'min_group'"):
        _report(people, min_group_size=10)
    with pytest.raises(TypeError, match=r"no argument 'min_size'.*min_group"):
        _report(people, min_size=10)


def test_a_metric_that_needs_scores_says_so(people: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="It needs scores"):
        by_group("binary", people["y"], people["pred"], None, people["group"], metrics="roc_auc")


def test_scores_may_have_a_column_for_each_class(people: dict[str, Any]) -> None:
    both = np.stack([1 - people["score"], people["score"]], 1)
    one, two = (by_group("binary", people["y"], people["pred"], scores, people["group"], metrics="auc", resamples=100)
                for scores in (people["score"], both))  # fmt: skip
    assert one.to_dict() == two.to_dict()


def test_without_fairlearn_the_error_names_the_extra(people: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fairlearn.metrics", None)
    with pytest.raises(ImportError, match=r'pip install "neurokit-torch\[fairness\]"'):
        _report(people)


# What comes out


def test_plain_values_hold_every_number(people: dict[str, Any]) -> None:
    report = _report(people, {"sex": people["group"], "half": np.arange(600) % 2}, metrics=["accuracy", "f1"],
                     resamples=100)  # fmt: skip
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["sensitive"] == ["sex", "half"]
    assert plain["metrics"] == ["accuracy", "f1"]
    assert plain["min_group"] == 30
    first = plain["groups"][0]
    assert (first["column"], first["group"], first["small"]) == ("sex", "a", False)
    assert set(first["metrics"]["accuracy"]) == {"value", "low", "high", "n"}
    gap = plain["gaps"][0]
    assert gap["difference"]["value"] == float(report.gaps[0].difference)
    assert {"column", "metric", "difference", "ratio", "worst", "best", "meaning", "directed"} == set(gap)


def test_the_text_shows_sizes_gaps_meanings_and_notes(people: dict[str, Any]) -> None:
    text = str(_report(people, min_group=300, class_names=["no", "yes"]))
    assert "b (small)" in text
    assert "predicted 'yes'" in text
    assert "Note: " in text
    assert max(len(line) for line in text.splitlines() if " to " in line and ":" not in line) < 140
    assert "difference" in str(_report(people))


def test_the_plot_writes_sizes_and_marks_small_groups(people: dict[str, Any]) -> None:
    from matplotlib import pyplot as plt

    report = _report(people, min_group=300)
    _, given = plt.subplots()
    axes = report.plot("selection_rate", ax=given)
    assert axes is given
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    sizes = report.sizes
    assert labels == [f"a (n = {sizes['a']})", f"b (n = {sizes['b']}, small)"]
    table = report.data("selection_rate")
    drawn = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert drawn == pytest.approx(table["value"].to_list())
    hollow = [line.get_markerfacecolor() == "white" for line in axes.lines if len(line.get_xdata()) == 1]
    assert hollow == table["small"].to_list()
    with pytest.raises(ValueError, match="Did you mean 'precision'"):
        report.plot("precison")


def test_metrics_of_no_row_are_undefined() -> None:
    judged = Judged("binary", np.array([0, 1]), np.array([0, 1]), np.array([0.1, 0.9]), None, ["no", "yes"])
    for metric in group_metrics(judged, ALL_BINARY)[0]:
        assert math.isnan(metric.on(np.array([], dtype=int)))


@pytest.mark.skipif(not TITANIC.exists(), reason="needs titanic.csv in the shared data")
def test_the_titanic_is_told_by_sex_class_and_both() -> None:
    table = pd.read_csv(TITANIC)
    guess = (table["sex"] == "female").astype(int)
    report = by_group("binary", table["survived"], guess, None, table[["sex", "class"]], class_names=["died", "lived"])
    assert report.sizes["sex"].to_dict() == {"female": 314, "male": 577}
    assert report.gaps[1].difference == 1.0  # predicted to live: every woman and no man
    assert list(report.sizes[f"sex{X}class"]) == [94, 76, 144, 122, 108, 347]
    assert report.small == []
