"""Metrics against scikit-learn over the whole data set in one piece, fed in uneven batches."""

from __future__ import annotations

import copy
import functools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

from neurokit.metrics import Metric, MetricSet, check_metrics
from neurokit.task import Task

BINARY = Task("binary", "sigmoid", num_classes=2)
MULTICLASS = Task("multiclass", "softmax", num_classes=7)
MULTILABEL = Task("multilabel", "sigmoid", num_classes=4)
REGRESSION = Task("regression")
BATCHES = (7, 1, 20, 2, 12)
ROWS = sum(BATCHES)


def feed(metrics, predictions, targets, weight=None):
    """Give everything to the metrics in uneven batches."""
    weights = [None] * len(BATCHES) if weight is None else weight.split(BATCHES)
    for batch in zip(predictions.split(BATCHES), targets.split(BATCHES), weights, strict=True):
        metrics.update(*batch)
    return metrics


def computed(metrics, task, predictions, targets, weight=None):
    return feed(MetricSet.resolve(metrics, task), predictions, targets, weight).compute()


def expected(functions, weight):
    """Call each of scikit-learn's functions with the weights, as float64."""
    sample_weight = None if weight is None else weight.double().numpy()
    return {
        name: pytest.approx(function(sample_weight=sample_weight), rel=1e-6) for name, function in functions.items()
    }


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


@pytest.fixture(params=[False, True], ids=["unweighted", "weighted"])
def weight(request, random):
    return torch.rand(ROWS, generator=random) * 3 + 0.01 if request.param else None


def call(function, *arrays, **options):
    return functools.partial(function, *arrays, **options)


# The numbers


@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 1)])
def test_two_classes_with_one_output_agree_with_scikit_learn(shape, weight, random):
    logits = torch.randn(shape, generator=random)
    targets = torch.randint(2, (ROWS,), generator=random).float()
    true, probabilities = targets.numpy(), logits.double().sigmoid().flatten().numpy()
    labels = (probabilities > 0.5).astype(int)
    oracle = {
        "accuracy": call(sk.accuracy_score, true, labels),
        "log_loss": call(sk.log_loss, true, probabilities),
        "precision": call(sk.precision_score, true, labels),
        "recall": call(sk.recall_score, true, labels),
        "f1": call(sk.f1_score, true, labels),
        "balanced_accuracy": call(sk.balanced_accuracy_score, true, labels),
        "matthews_corrcoef": call(sk.matthews_corrcoef, true, labels),
        "roc_auc": call(sk.roc_auc_score, true, probabilities),
        "average_precision": call(sk.average_precision_score, true, probabilities),
    }
    assert computed(list(oracle), BINARY, logits, targets, weight) == expected(oracle, weight)


def test_many_classes_agree_with_scikit_learn(weight, random):
    logits = torch.randn(ROWS, 7, generator=random)
    targets = torch.randint(7, (ROWS,), generator=random)
    true, probabilities = targets.numpy(), logits.double().softmax(1).numpy()
    labels, classes = probabilities.argmax(1), np.arange(7)
    macro = {"average": "macro", "zero_division": 0}
    oracle = {
        "accuracy": call(sk.accuracy_score, true, labels),
        "top_k_accuracy": call(sk.top_k_accuracy_score, true, probabilities, k=5, labels=classes),
        "top_3_accuracy": call(sk.top_k_accuracy_score, true, probabilities, k=3, labels=classes),
        "log_loss": call(sk.log_loss, true, probabilities, labels=classes),
        "precision": call(sk.precision_score, true, labels, **macro),
        "recall": call(sk.recall_score, true, labels, **macro),
        "f1": call(sk.f1_score, true, labels, **macro),
        "balanced_accuracy": call(sk.balanced_accuracy_score, true, labels),
        "matthews_corrcoef": call(sk.matthews_corrcoef, true, labels),
        "roc_auc": call(sk.roc_auc_score, true, probabilities, multi_class="ovr", labels=classes),
        "average_precision": call(sk.average_precision_score, np.eye(7)[true], probabilities),
    }
    assert computed(list(oracle), MULTICLASS, logits, targets, weight) == expected(oracle, weight)


def test_several_labels_agree_with_scikit_learn(weight, random):
    logits = torch.randn(ROWS, 4, generator=random)
    targets = torch.randint(2, (ROWS, 4), generator=random).float()
    true, probabilities = targets.int().numpy(), logits.double().sigmoid().numpy()
    labels = (probabilities > 0.5).astype(int)
    macro = {"average": "macro", "zero_division": 0}

    def log_loss(sample_weight):
        columns = zip(true.T, probabilities.T, strict=True)
        return np.mean([sk.log_loss(*column, sample_weight=sample_weight) for column in columns])

    oracle = {
        "accuracy": call(sk.accuracy_score, true, labels),
        "log_loss": log_loss,
        "precision": call(sk.precision_score, true, labels, **macro),
        "recall": call(sk.recall_score, true, labels, **macro),
        "f1": call(sk.f1_score, true, labels, **macro),
        "roc_auc": call(sk.roc_auc_score, true, probabilities),
        "average_precision": call(sk.average_precision_score, true, probabilities),
    }
    assert computed(list(oracle), MULTILABEL, logits, targets, weight) == expected(oracle, weight)


@pytest.mark.parametrize(("outputs", "wanted"), [((), ()), ((1,), ()), ((), (1,)), ((3,), (3,)), ((2, 3), (2, 3))])
def test_regression_agrees_with_scikit_learn(outputs, wanted, weight, random):
    predictions = torch.randn(ROWS, *outputs, generator=random)
    targets = torch.randn(ROWS, *wanted, generator=random)
    true, values = (tensor.reshape(ROWS, -1).double().numpy() for tensor in (targets, predictions))
    oracle = {
        "mae": call(sk.mean_absolute_error, true, values),
        "mse": call(sk.mean_squared_error, true, values),
        "rmse": call(sk.root_mean_squared_error, true, values),
        "r2": call(sk.r2_score, true, values),
    }
    assert computed(list(oracle), REGRESSION, predictions, targets, weight) == expected(oracle, weight)


def test_two_classes_with_two_outputs_are_judged_like_two_classes_with_one(weight, random):
    logits = torch.randn(ROWS, generator=random)
    targets = torch.randint(2, (ROWS,), generator=random)
    two = torch.stack((torch.zeros_like(logits), logits), dim=1)
    names = ["precision", "recall", "f1", "log_loss", "matthews_corrcoef", "roc_auc", "average_precision"]
    metrics = [*names, Metric(sk.roc_auc_score, needs="scores")]
    one_output = computed(metrics, BINARY, logits, targets, weight)
    two_outputs = computed(metrics, Task("multiclass", "softmax", num_classes=2), two, targets, weight)
    assert two_outputs == pytest.approx(one_output, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_classes_that_never_occur_are_treated_as_in_scikit_learn(seed):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(ROWS, 12, generator=random)
    logits[:, [3, 7]] = -9.0
    targets = torch.randint(seed % 4, 6, (ROWS,), generator=random)
    true, labels = targets.numpy(), logits.argmax(1).numpy()
    oracle = {
        "precision": call(sk.precision_score, true, labels, average="macro", zero_division=0),
        "recall": call(sk.recall_score, true, labels, average="macro", zero_division=0),
        "f1": call(sk.f1_score, true, labels, average="macro", zero_division=0),
        "balanced_accuracy": call(sk.balanced_accuracy_score, true, labels),
        "matthews_corrcoef": call(sk.matthews_corrcoef, true, labels),
    }
    assert computed(list(oracle), MULTICLASS, logits, targets) == expected(oracle, None)


def test_predictions_that_never_vary_have_no_correlation(weight):
    logits = torch.eye(7)[[2] * ROWS]
    targets = torch.arange(ROWS) % 7
    assert computed(["matthews_corrcoef"], MULTICLASS, logits, targets, weight) == {"matthews_corrcoef": 0.0}


@pytest.mark.parametrize("activation", ["sigmoid", "identity"])
def test_probabilities_are_read_as_the_loss_says(activation, random):
    outputs = torch.rand(ROWS, generator=random) * 0.8 + 0.1  # logits above 0 or probabilities on both sides of 0.5
    targets = torch.randint(2, (ROWS,), generator=random)
    probabilities = (outputs.sigmoid() if activation == "sigmoid" else outputs).double().numpy()
    oracle = {
        "accuracy": call(sk.accuracy_score, targets, probabilities > 0.5),
        "log_loss": call(sk.log_loss, targets, probabilities),
    }
    assert computed(list(oracle), Task("binary", activation, 2), outputs, targets) == expected(oracle, None)


def test_log_probabilities_give_the_log_loss_of_their_logits(random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    from_logits = computed(["log_loss", "roc_auc"], MULTICLASS, logits, targets)
    from_logs = computed(["log_loss", "roc_auc"], Task("multiclass", "exp", 7), logits.log_softmax(1), targets)
    assert from_logs == pytest.approx(from_logits, rel=1e-6)


def test_log_loss_does_not_clip_a_confident_mistake():
    logits, targets = torch.tensor([[80.0, 0.0], [0.0, 0.0]]), torch.tensor([1, 1])
    metrics = MetricSet.resolve(["log_loss"], Task("multiclass", "softmax", 2))
    metrics.update(logits, targets)
    assert metrics.compute()["log_loss"] == pytest.approx((80 + math.log(2)) / 2)


def test_r2_is_sound_when_targets_are_large_and_near_each_other(weight, random):
    targets = 1e7 + torch.randn(ROWS, 2, generator=random).round(decimals=0)
    predictions = targets + torch.randn(ROWS, 2, generator=random).round(decimals=0)
    oracle = {"r2": call(sk.r2_score, targets.double().numpy(), predictions.double().numpy())}
    assert computed(["r2"], REGRESSION, predictions, targets, weight) == expected(oracle, weight)


@pytest.mark.parametrize("off", [0.0, 0.5])
def test_r2_of_constant_targets_is_what_scikit_learn_says(off, weight):
    targets = torch.full((ROWS,), 2.0)  # with 0.1 its own rounding makes scikit-learn say -1e33
    oracle = {"r2": call(sk.r2_score, targets.numpy(), (targets + off).numpy())}
    assert computed(["r2"], REGRESSION, targets + off, targets, weight) == expected(oracle, weight)


def test_r2_of_one_row_is_nan():
    metrics = MetricSet.resolve(["r2", "mse"], REGRESSION)
    metrics.update(torch.tensor([1.0]), torch.tensor([2.0]))
    assert metrics.compute() == pytest.approx({"r2": math.nan, "mse": 1.0}, nan_ok=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_predictions_of_any_precision_are_taken(dtype, random):
    logits, targets = torch.randn(ROWS, 7, generator=random).to(dtype), torch.randint(7, (ROWS,), generator=random)
    metrics = ["accuracy", "log_loss", "roc_auc", "f1"]
    assert computed(metrics, MULTICLASS, logits, targets) == pytest.approx(
        computed(metrics, MULTICLASS, logits.float(), targets), rel=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool, torch.float32])
def test_targets_of_any_dtype_are_taken(dtype, random):
    logits, targets = torch.randn(ROWS, generator=random), torch.randint(2, (ROWS,), generator=random)
    metrics = ["accuracy", "log_loss", "roc_auc", "f1", sk.accuracy_score]
    assert computed(metrics, BINARY, logits, targets.to(dtype)) == computed(metrics, BINARY, logits, targets)


# What does not count


CLASS_METRICS = ["accuracy", "top_3_accuracy", "log_loss", "precision", "f1", "balanced_accuracy", "matthews_corrcoef"]


def test_ignored_targets_count_for_nothing(weight, random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    kept = torch.rand(ROWS, generator=random) > 0.4
    logits[~kept] = -math.inf  # nothing there may reach the sums
    scores = Metric(functools.partial(sk.log_loss, labels=range(7)), needs="scores", name="sklearn_log_loss")
    metrics = [*CLASS_METRICS, "average_precision", sk.zero_one_loss, scores]
    ignoring = Task("multiclass", "softmax", 7, ignore_index=-100)
    got = computed(metrics, ignoring, logits, targets.where(kept, -100), weight)

    alone = MetricSet.resolve(metrics, MULTICLASS)
    alone.update(logits[kept], targets[kept], None if weight is None else weight[kept])
    assert got == pytest.approx(alone.compute(), rel=1e-9)


def test_an_ignored_binary_target_counts_for_nothing():
    metrics = MetricSet.resolve(["accuracy", "recall"], Task("binary", "sigmoid", 2, ignore_index=255))
    metrics.update(torch.tensor([[1.0], [-1.0], [1.0]]), torch.tensor([[1], [255], [0]]))
    assert metrics.compute() == {"accuracy": 0.5, "recall": 1.0}


def test_every_pixel_is_a_row(weight, random):
    logits, targets = torch.randn(ROWS, 7, 2, 3, generator=random), torch.randint(7, (ROWS, 2, 3), generator=random)
    got = computed([*CLASS_METRICS, "roc_auc"], MULTICLASS, logits, targets, weight)
    rows = MetricSet.resolve([*CLASS_METRICS, "roc_auc"], MULTICLASS)
    each = None if weight is None else weight.repeat_interleave(6)
    rows.update(logits.movedim(1, 3).reshape(-1, 7), targets.reshape(-1), each)
    assert got == pytest.approx(rows.compute(), rel=1e-9)


def test_pixels_of_two_classes_are_rows(weight, random):
    logits, targets = torch.randn(ROWS, 1, 2, 3, generator=random), torch.randint(2, (ROWS, 2, 3), generator=random)
    got = computed(["accuracy", "f1", "roc_auc"], BINARY, logits, targets, weight)
    rows = MetricSet.resolve(["accuracy", "f1", "roc_auc"], BINARY)
    rows.update(logits.reshape(-1), targets.reshape(-1), None if weight is None else weight.repeat_interleave(6))
    assert got == pytest.approx(rows.compute(), rel=1e-9)


def test_class_probabilities_as_targets_count_as_their_likeliest_class(random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    smoothed = nn.functional.one_hot(targets, 7) * 0.9 + 0.1 / 7
    assert computed(CLASS_METRICS, MULTICLASS, logits, smoothed) == computed(CLASS_METRICS, MULTICLASS, logits, targets)


def test_a_row_of_weight_zero_may_hold_anything():
    metrics = MetricSet.resolve(["mse", "mae"], REGRESSION)
    metrics.update(torch.tensor([1.0, math.nan]), torch.tensor([3.0, 0.0]), torch.tensor([2.0, 0.0]))
    assert metrics.compute() == {"mse": 4.0, "mae": 2.0}


def test_without_a_batch_everything_is_nan():
    metrics = MetricSet.resolve([*CLASS_METRICS, "roc_auc", sk.accuracy_score], MULTICLASS)
    assert all(math.isnan(value) for value in metrics.compute().values())
    assert list(metrics.compute()) == metrics.names


def test_with_every_row_ignored_everything_is_nan():
    metrics = MetricSet.resolve([*CLASS_METRICS, "roc_auc"], Task("multiclass", "softmax", 7, ignore_index=-1))
    metrics.update(torch.zeros(3, 7), torch.full((3,), -1))
    assert all(math.isnan(value) for value in metrics.compute().values())


@pytest.mark.parametrize(
    ("task", "logits", "targets"),
    [(BINARY, torch.randn(5), torch.ones(5)), (MULTICLASS, torch.randn(5, 7), torch.arange(5))],
)
def test_roc_auc_is_nan_without_a_word_where_a_class_is_missing(task, logits, targets):
    metrics = MetricSet.resolve(["roc_auc"], task)
    metrics.update(logits, targets)
    assert math.isnan(metrics.compute()["roc_auc"])


def test_reset_forgets_all_batches(random):
    predictions, targets = torch.randn(ROWS, generator=random), torch.randn(ROWS, generator=random)
    metrics = MetricSet.resolve(["r2", "mae", sk.median_absolute_error], REGRESSION)
    first = feed(metrics, predictions, targets).compute()
    feed(metrics, predictions + 1, targets * 7)
    metrics.reset()
    assert feed(metrics, predictions, targets).compute() == first


@pytest.mark.parametrize("several", [False, True])
def test_a_fresh_set_leaves_the_first_alone(several, torchmetrics, random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    task, wrap = ({"out": MULTICLASS}, lambda batch: {"out": batch}) if several else (MULTICLASS, lambda batch: batch)
    metrics = MetricSet.resolve(everything(MULTICLASS, torchmetrics), task)
    metrics.update(wrap(logits), wrap(targets))
    before = metrics.compute()
    fresh = metrics.fresh()
    assert fresh.names == metrics.names
    assert all(math.isnan(value) for value in fresh.compute().values())
    fresh.update(wrap(-logits), wrap(targets))
    assert fresh.compute() != before
    fresh.reset()
    assert metrics.compute() == before


# Functions


def test_a_function_gets_labels_unless_it_is_wrapped(random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    seen = {}

    def spy(y_true, y_pred):
        seen["labels"] = y_true, y_pred
        return 0.0

    def spy_on_scores(y_true, y_pred):
        seen["scores"] = y_true, y_pred
        return 0.0

    computed([spy, Metric(spy_on_scores, needs="scores")], MULTICLASS, logits, targets)
    np.testing.assert_array_equal(seen["labels"], [targets.numpy(), logits.argmax(1).numpy()])
    np.testing.assert_array_equal(seen["scores"][0], targets.numpy())
    np.testing.assert_allclose(seen["scores"][1], logits.softmax(1).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("task", "outputs", "targets", "scores"),
    [
        (BINARY, torch.tensor([[0.0], [2.0]]), torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]).sigmoid()),
        (MULTILABEL, torch.eye(4), torch.ones(4, 4), torch.eye(4).sigmoid()),
        (REGRESSION, torch.tensor([[1.5], [2.5]]), torch.tensor([1.0, 2.0]), torch.tensor([1.5, 2.5])),
        (Task(), torch.tensor([[1.5], [2.5]]), torch.tensor([1.0, 2.0]), torch.tensor([[1.5], [2.5]])),
    ],
    ids=["binary", "multilabel", "regression", "untold"],
)
def test_scores_are_what_the_task_makes_of_the_outputs(task, outputs, targets, scores):
    seen = []
    metrics = MetricSet.resolve([Metric(lambda true, pred: seen.append(pred) or 0, needs="scores", name="spy")], task)
    metrics.update(outputs, targets)
    metrics.compute()
    np.testing.assert_allclose(seen[0], scores.numpy(), rtol=1e-6)


def test_a_function_is_given_the_sample_weights(weight, random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    f2 = Metric(functools.partial(sk.fbeta_score, beta=2, average="macro"), name="f2")
    oracle = {"f2": call(sk.fbeta_score, targets, logits.argmax(1), beta=2, average="macro")}
    assert computed([f2], MULTICLASS, logits, targets, weight) == expected(oracle, weight)


def test_a_function_that_takes_no_weights_is_refused_when_there_are_some():
    def worst(y_true, y_pred):
        return np.abs(y_true - y_pred).max()

    metrics = MetricSet.resolve([worst], REGRESSION)
    with pytest.raises(ValueError, match="'worst' has no parameter sample_weight"):
        metrics.update(torch.zeros(2), torch.zeros(2), torch.ones(2))


@pytest.mark.parametrize(
    ("function", "direction"),
    [
        (sk.f1_score, "max"),
        (functools.partial(sk.fbeta_score, beta=2), "max"),
        (sk.max_error, "min"),
        (sk.mean_squared_error, "min"),
        (sk.confusion_matrix, None),
        (np.ptp, None),
    ],
)
def test_a_direction_is_known_for_the_functions_of_scikit_learn(function, direction):
    assert Metric(function).direction == direction


def test_a_direction_is_never_guessed_from_a_name():
    def f1_score(y_true, y_pred):
        return 0.0

    assert Metric(f1_score).direction is None
    assert Metric(f1_score, direction="min").direction == "min"


def test_every_function_in_the_table_exists_in_scikit_learn():
    from neurokit.metrics import _SKLEARN_DIRECTIONS, _SKLEARN_OF_SCORES

    assert [name for name in {*_SKLEARN_DIRECTIONS, *_SKLEARN_OF_SCORES} if not hasattr(sk, name)] == []


def test_an_unwrapped_function_of_scores_is_remarked_on():
    with pytest.warns(UserWarning, match=r"nk.Metric\(roc_auc_score, needs='scores'\)"):
        MetricSet.resolve([sk.roc_auc_score], BINARY)


def test_an_error_in_a_function_says_which_metric_it_was():
    metrics = MetricSet.resolve([Metric(sk.f1_score, name="mine")], MULTICLASS)  # binary average, many classes
    metrics.update(torch.eye(7), torch.arange(7))
    with pytest.raises(ValueError, match="multiclass") as caught:
        metrics.compute()
    assert "'mine'" in caught.value.__notes__[0]


def test_a_function_that_returns_an_array_is_refused():
    metrics = MetricSet.resolve([sk.confusion_matrix], MULTICLASS)
    metrics.update(torch.eye(7), torch.arange(7))
    with pytest.raises(TypeError, match=r"ndarray of shape \(7, 7\), but a metric is one number"):
        metrics.compute()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((lambda y_true, y_pred: 0.0, {}), "name=..."),
        ((sk.f1_score, {"needs": "logits"}), "needs of Metric is one of 'labels', 'scores', got 'logits'"),
        ((sk.f1_score, {"direction": "up"}), "'min', 'max' or None"),
        (("f1_score", {}), "wraps a function"),
    ],
)
def test_a_metric_checks_its_arguments(arguments, error):
    function, options = arguments
    with pytest.raises((TypeError, ValueError), match=error):
        Metric(function, **options)


# Objects


class MeanOutput:
    """A metric of the user's own."""

    higher_is_better = False

    def reset(self):
        self.sum, self.count = torch.zeros(()), 0

    def update(self, predictions, targets):
        assert predictions.shape == targets.shape
        self.sum, self.count = self.sum + predictions.sum(), self.count + len(predictions)

    def compute(self):
        return self.sum / self.count


class MeanOutputWithState(MeanOutput):
    name, direction = "mean", "max"

    def state_dict(self):
        return {"sum": self.sum, "count": self.count}

    def load_state_dict(self, state):
        self.sum, self.count = state["sum"], state["count"]


def test_an_object_of_ones_own_needs_no_base_class(random):
    predictions, targets = torch.randn(ROWS, 1, generator=random), torch.randn(ROWS, generator=random)
    metrics = MetricSet.resolve([MeanOutput(), MeanOutputWithState()], REGRESSION)
    assert metrics.directions == {"mean_output": "min", "mean": "max"}
    mean = pytest.approx(predictions.mean().item(), rel=1e-5)
    assert feed(metrics, predictions, targets).compute() == {"mean_output": mean, "mean": mean}


def test_an_object_is_refused_when_there_are_sample_weights():
    metrics = MetricSet.resolve([MeanOutput()], REGRESSION)
    with pytest.raises(ValueError, match="'mean_output' cannot weigh"):
        metrics.update(torch.zeros(2), torch.zeros(2), torch.ones(2))


@pytest.fixture(scope="module")
def torchmetrics():
    return pytest.importorskip("torchmetrics")


def test_torchmetrics_of_many_classes_pass_unchanged(torchmetrics, random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    targets[::5] = -1
    tm = torchmetrics.classification
    objects = [
        tm.MulticlassAccuracy(7, average="micro", ignore_index=-1),
        tm.MulticlassF1Score(7, ignore_index=-1),
        tm.MulticlassAUROC(7, ignore_index=-1),
    ]
    metrics = MetricSet.resolve(objects, Task("multiclass", "softmax", 7, ignore_index=-1))
    assert metrics.directions == {"multiclass_accuracy": "max", "multiclass_f1_score": "max", "multiclass_auroc": "max"}
    whole = [copy.deepcopy(metric)(logits, targets).item() for metric in objects]
    assert list(feed(metrics, logits, targets).compute().values()) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 1)])
def test_torchmetrics_of_two_classes_never_mistake_logits_for_probabilities(shape, torchmetrics, random):
    logits = torch.rand(shape, generator=random) - 0.2  # many batches have every logit between 0 and 1
    targets = torch.randint(2, (ROWS,), generator=random).float()
    metrics = [
        torchmetrics.classification.BinaryAccuracy(),
        torchmetrics.classification.BinaryAUROC(),
        "accuracy",
        "roc_auc",
    ]
    got = computed(metrics, BINARY, logits, targets)
    assert got["binary_accuracy"] == pytest.approx(got["accuracy"])
    assert got["binary_auroc"] == pytest.approx(got["roc_auc"])


def test_torchmetrics_of_several_labels_pass_unchanged(torchmetrics, random):
    logits = torch.rand(ROWS, 4, generator=random) - 0.2
    targets = torch.randint(2, (ROWS, 4), generator=random).float()
    got = computed([torchmetrics.classification.MultilabelF1Score(4), "f1"], MULTILABEL, logits, targets)
    assert got["multilabel_f1_score"] == pytest.approx(got["f1"])


@pytest.mark.parametrize("outputs", [(), (1,)])
def test_torchmetrics_of_regression_pass_unchanged(outputs, torchmetrics, random):
    predictions, targets = torch.randn(ROWS, *outputs, generator=random), torch.randn(ROWS, generator=random)
    metrics = MetricSet.resolve([torchmetrics.MeanSquaredError(), torchmetrics.R2Score(), "mse", "r2"], REGRESSION)
    assert metrics.directions == {"mean_squared_error": "min", "r2_score": "max", "mse": "min", "r2": "max"}
    got = feed(metrics, predictions, targets).compute()
    assert got["mean_squared_error"] == pytest.approx(got["mse"], rel=1e-5)
    assert got["r2_score"] == pytest.approx(got["r2"], rel=1e-4)


def test_a_torchmetrics_collection_is_its_members(torchmetrics, random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    accuracy = functools.partial(torchmetrics.classification.MulticlassAccuracy, 7)
    collection = torchmetrics.MetricCollection({"micro": accuracy(average="micro"), "macro": accuracy()})
    got = computed([collection, "accuracy", "balanced_accuracy"], MULTICLASS, logits, targets)
    assert got["micro"] == pytest.approx(got["accuracy"])
    assert got["macro"] == pytest.approx(got["balanced_accuracy"])


# State


def everything(task, torchmetrics):
    if task.kind == "regression":
        return ["mae", "rmse", "r2", sk.max_error, torchmetrics.R2Score(), MeanOutputWithState()]
    tm = torchmetrics.classification
    objects = [tm.MulticlassAccuracy(7), tm.MulticlassAUROC(7), sk.cohen_kappa_score]
    return [*CLASS_METRICS, "roc_auc", *objects]


@pytest.mark.parametrize("task", [MULTICLASS, REGRESSION], ids=["multiclass", "regression"])
@pytest.mark.parametrize("stop", range(len(BATCHES) + 1))
def test_a_half_done_epoch_continues_bit_identically(task, stop, torchmetrics, random):
    predictions = torch.randn(ROWS, 7, generator=random)
    targets = torch.randint(7, (ROWS,), generator=random)
    if task.kind == "regression":
        predictions, targets = predictions[:, 0], predictions[:, 1]
    batches = list(zip(predictions.split(BATCHES), targets.split(BATCHES), strict=True))
    uninterrupted = MetricSet.resolve(everything(task, torchmetrics), task)
    interrupted = MetricSet.resolve(everything(task, torchmetrics), task)
    for batch in batches:
        uninterrupted.update(*batch)
    for batch in batches[:stop]:
        interrupted.update(*batch)

    state = interrupted.state_dict()
    for batch in batches[stop:]:
        interrupted.update(*batch)  # the snapshot must not move with what was taken
    resumed = MetricSet.resolve(everything(task, torchmetrics), task)
    resumed.update(*batches[0])  # nor may what was there before show
    resumed.load_state_dict(state)
    for batch in batches[stop:]:
        resumed.update(*batch)
    assert resumed.compute() == interrupted.compute() == uninterrupted.compute()


def test_weights_and_ignored_rows_survive_an_interruption(random):
    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(-1, 7, (ROWS,), generator=random)
    weight = torch.rand(ROWS, generator=random)
    task = Task("multiclass", "softmax", 7, ignore_index=-1)
    metrics = [*CLASS_METRICS, sk.zero_one_loss]
    resumed = MetricSet.resolve(metrics, task)
    resumed.load_state_dict(feed(MetricSet.resolve(metrics, task), logits, targets, weight).state_dict())
    assert feed(resumed, logits, targets, weight).compute() == pytest.approx(
        computed(metrics, task, logits, targets, weight), rel=1e-12
    )


def test_a_state_is_tensors_and_plain_values(torchmetrics, random):
    def check(value):
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            value = list(value.values())
        if isinstance(value, list):
            for entry in value:
                check(entry)
        else:
            assert value is None or type(value) in (int, float, str, torch.Tensor)

    logits, targets = torch.randn(ROWS, 7, generator=random), torch.randint(7, (ROWS,), generator=random)
    check(feed(MetricSet.resolve(everything(MULTICLASS, torchmetrics), MULTICLASS), logits, targets).state_dict())


def test_a_state_of_other_metrics_is_refused_and_nothing_changes():
    saved = MetricSet.resolve(["accuracy"], MULTICLASS)
    saved.update(torch.eye(7), torch.arange(7))
    metrics = MetricSet.resolve(["f1"], MULTICLASS)
    metrics.update(torch.eye(7), torch.arange(7))
    with pytest.raises(ValueError, match=r"hold \['hits'\], but this trainer's need \['class_counts'\]"):
        metrics.load_state_dict(saved.state_dict())
    assert metrics.compute() == {"f1": 1.0}


def test_an_object_without_state_says_what_its_value_will_cover():
    metrics = MetricSet.resolve([MeanOutput()], REGRESSION)
    metrics.update(torch.zeros(2), torch.zeros(2))
    with pytest.warns(UserWarning, match="'mean_output' has no state_dict"):
        MetricSet.resolve([MeanOutput()], REGRESSION).load_state_dict(metrics.state_dict())


# Errors before training


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("acuracy", MULTICLASS, r"no metric 'acuracy'\. Did you mean 'accuracy', .* The names are accuracy, "),
        ("MAE", REGRESSION, r"Did you mean 'mae'"),
        ("zzz", REGRESSION, r"no metric 'zzz'\. The names are accuracy"),
        ("top_0_accuracy", MULTICLASS, "no metric"),
        (
            "accuracy",
            REGRESSION,
            r"'accuracy' is for binary or multiclass or multilabel.*Use one of mae, mse, rmse, r2\.",
        ),
        ("r2", MULTICLASS, r"'r2' is for regression; this is a multiclass task\. Use one of accuracy, top_k_accuracy"),
        ("matthews_corrcoef", MULTILABEL, "Use one of accuracy, log_loss, precision, recall, f1, roc_auc"),
        ("top_k_accuracy", Task("multiclass", "softmax", 3), "5 likeliest classes, but there are only 3"),
        ("top_k_accuracy", BINARY, "is for multiclass"),
        ("log_loss", Task("multiclass", "identity", 3), "does not tell how the outputs become"),
        ("accuracy", Task(), r"needs='scores'"),
    ],
)
def test_a_name_that_cannot_work_is_refused_with_what_to_use(name, task, message):
    with pytest.raises(ValueError, match=message):
        MetricSet.resolve([name], task)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["accuracy", "f1", "accuracy"], "'accuracy' is given twice"),
        ([sk.f1_score, Metric(sk.f1_score)], "'f1_score' is given twice"),
        ([Metric(sk.f1_score, name="loss")], "'loss' is logged by the trainer itself"),
        ("accuracy", r"a list such as \['accuracy'\]"),
        (sk.f1_score, "a list such as"),
        ({"out": ["accuracy"]}, "for a dict of losses"),
        ([nn.L1Loss()], "but got L1Loss"),
        ([MeanOutput], r"the class MeanOutput\. Write MeanOutput\(\.\.\.\)"),
        ([3], "but got 3"),
    ],
)
def test_what_is_no_list_of_metrics_is_refused(metrics, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MetricSet.resolve(metrics, MULTICLASS)


def test_a_function_of_labels_needs_a_task_that_has_some():
    with pytest.raises(ValueError, match=r"'f1_score' wants labels.*needs='scores'"):
        MetricSet.resolve([sk.f1_score], Task())


@pytest.mark.parametrize(
    ("task", "predictions", "targets"),
    [
        (MULTICLASS, (4,), (4,)),
        (MULTICLASS, (4, 7, 3), (4, 2)),
        (BINARY, (4, 2), (4,)),
        (REGRESSION, (4, 3), (4,)),
    ],
)
def test_shapes_that_do_not_fit_are_an_error_not_a_broadcast(task, predictions, targets):
    metrics = MetricSet.resolve([Metric(max, name="any", needs="scores")], task)
    with pytest.raises(ValueError, match="Metrics got predictions of shape"):
        metrics.update(torch.zeros(predictions), torch.zeros(targets))


# Several outputs


def test_each_output_has_its_metrics(random):
    tasks = {"kind": MULTICLASS, "alive": BINARY}
    predictions = {"kind": torch.randn(ROWS, 7, generator=random), "alive": torch.randn(ROWS, generator=random)}
    targets = {
        "kind": torch.randint(7, (ROWS,), generator=random),
        "alive": torch.randint(2, (ROWS,), generator=random),
    }
    metrics = MetricSet.resolve(["accuracy", "f1"], tasks)
    metrics.update(predictions, targets)
    assert metrics.names == ["kind_accuracy", "kind_f1", "alive_accuracy", "alive_f1"]
    assert metrics.directions == dict.fromkeys(metrics.names, "max")
    alone = {
        f"{output}_{name}": value
        for output, task in tasks.items()
        for name, value in computed(["accuracy", "f1"], task, predictions[output], targets[output]).items()
    }
    assert metrics.compute() == pytest.approx(alone)

    resumed = MetricSet.resolve(["accuracy", "f1"], tasks)
    resumed.load_state_dict(metrics.state_dict())
    assert resumed.compute() == metrics.compute()
    metrics.reset()
    assert all(math.isnan(value) for value in metrics.compute().values())


def test_metrics_can_be_given_by_output():
    metrics = MetricSet.resolve({"age": ["mae"]}, {"kind": MULTICLASS, "age": REGRESSION})
    metrics.update({"kind": torch.eye(7), "age": torch.ones(7)}, {"kind": torch.arange(7), "age": torch.zeros(7)})
    assert metrics.compute() == {"age_mae": 1.0}


def test_an_output_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"the outputs \['agee'\], but the losses are for \['age'\]"):
        MetricSet.resolve({"agee": ["mae"]}, {"age": REGRESSION})


def test_a_metric_that_fits_only_some_outputs_says_which_it_does_not_fit():
    with pytest.raises(ValueError, match="'accuracy' is for") as caught:
        MetricSet.resolve(["accuracy"], {"kind": MULTICLASS, "age": REGRESSION})
    assert "'age'" in caught.value.__notes__[0]


def test_an_object_keeps_its_outputs_apart():
    metrics = MetricSet.resolve([MeanOutput()], {"a": REGRESSION, "b": REGRESSION})
    metrics.update({"a": torch.ones(3), "b": torch.zeros(3)}, {"a": torch.ones(3), "b": torch.ones(3)})
    assert metrics.compute() == {"a_mean_output": 1.0, "b_mean_output": 0.0}


# Cost


CLASSES = ["accuracy", "top_3_accuracy", "log_loss", "f1", "matthews_corrcoef", "roc_auc"]


@pytest.mark.parametrize(
    ("task", "names", "outputs", "targets"),
    [
        (MULTICLASS, CLASSES, (4, 7), (4,)),
        (Task("multiclass", "softmax", 7, ignore_index=-1), CLASSES, (4, 7), (4,)),
        (Task("multiclass", "softmax", 7, ignore_index=-1), CLASSES, (4, 7, 3), (4, 3)),
        (BINARY, ["accuracy", "log_loss", "f1", "matthews_corrcoef", "roc_auc"], (4, 1), (4,)),
        (MULTILABEL, ["accuracy", "log_loss", "f1", "average_precision"], (4, 5), (4, 5)),
        (REGRESSION, ["mae", "mse", "rmse", "r2"], (4, 1), (4,)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_update_never_asks_for_a_value(task, names, outputs, targets, weighted, monkeypatch):
    def refuse(self, *_):
        raise AssertionError("update waited for the device")

    for method in ("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__", "nonzero"):
        monkeypatch.setattr(torch.Tensor, method, refuse)
    metrics = MetricSet.resolve([*names, sk.mean_squared_error], task)
    dtype = torch.int64 if task.kind == "multiclass" else torch.float32
    for _ in range(2):  # tensors on meta have no values at all
        predictions, true = torch.empty(outputs, device="meta"), torch.empty(targets, dtype=dtype, device="meta")
        metrics.update(predictions, true, torch.empty(4, device="meta") if weighted else None)


def test_a_batch_of_accuracy_passes_few_functions_of_ours():
    metrics = MetricSet.resolve(["accuracy"], MULTICLASS)
    logits, targets = torch.eye(7), torch.arange(7)
    called = []

    def watch(frame, event, _):
        if event == "call" and frame.f_globals.get("__name__", "").startswith("neurokit"):
            called.append(frame.f_code.co_name)

    metrics.update(logits, targets)
    sys.setprofile(watch)
    try:
        metrics.update(logits, targets)
    finally:
        sys.setprofile(None)
    assert called == [
        "update", "__init__", "_class_indices", "total_weight", "_hits", "labels", "labels", "_summed",
    ]  # fmt: skip


def test_metrics_of_one_batch_share_their_sums():
    metrics = MetricSet.resolve(["precision", "recall", "f1", "balanced_accuracy", "matthews_corrcoef"], MULTICLASS)
    metrics.update(torch.eye(7), torch.arange(7))
    assert [*metrics.state_dict()["sums"]] == ["class_counts"]


def test_sums_are_kept_in_float64():
    metrics = MetricSet.resolve(["mae"], REGRESSION)
    metrics.update(torch.full((1,), 1e9), torch.zeros(1))
    for _ in range(100):
        metrics.update(torch.full((1,), 1.0), torch.zeros(1))
    assert metrics.compute()["mae"] == pytest.approx((1e9 + 100) / 101, rel=1e-14)


@pytest.mark.parametrize("metrics", [[], ["accuracy", "top_7_accuracy"], (sk.f1_score,), {"kind": ["f1"], "age": []}])
def test_what_some_task_could_use_passes_before_there_is_one(metrics):
    check_metrics(metrics)


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ("accuracy", TypeError, r"Pass metrics=\['accuracy'\]"),
        (None, TypeError, "got None"),
        (["acc"], ValueError, "Did you mean 'accuracy'"),
        (["mean_sqared_error"], ValueError, "Did you mean 'mse'"),
        ({"kind": ["acuracy"]}, ValueError, "no metric 'acuracy'"),
        ([Metric], TypeError, r"Write Metric\(...\)"),
        ([nn.MSELoss()], TypeError, "metrics takes names"),
        ([len], TypeError, r"len\(obj, /\) cannot be"),
    ],
)
def test_what_no_task_could_use_is_refused_before_there_is_one(metrics, error, message):
    with pytest.raises(error, match=message):
        check_metrics(metrics)


def test_a_function_with_options_and_weights_is_taken():
    assert Metric(functools.partial(sk.fbeta_score, beta=2)).name == "fbeta_score"
    assert Metric(lambda *both: 0.5, name="half").name == "half"


def test_five_classes_have_no_five_likeliest():
    with pytest.raises(ValueError, match="5 likeliest classes, but there are only 5: it would always be 1"):
        MetricSet.resolve(["top_k_accuracy"], Task("multiclass", "softmax", 5))
    assert MetricSet.resolve(["top_k_accuracy"], Task("multiclass", "softmax", 6)).names == ["top_k_accuracy"]


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_what_scikit_learn_imports_moves_no_random_stream_of_the_run(name):
    script = f"""
import random, torch
from neurokit.metrics import MetricSet
from neurokit.task import Task
metrics = MetricSet.resolve(["{name}"], Task("binary", "sigmoid", num_classes=2))
metrics.update(torch.tensor([0.1, 0.9, 0.4]), torch.tensor([0.0, 1.0, 1.0]), None)
random.seed(1)
metrics.compute()
drawn = random.random()
random.seed(1)
assert drawn == random.random()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("cut", [0, 1, 7, 12])
def test_metrics_of_several_processes_are_those_of_all_rows(cut):
    generator = torch.Generator().manual_seed(0)
    predictions, targets = torch.randn(12, generator=generator), 1000 + torch.randn(12, generator=generator)
    weight = torch.rand(12, generator=generator)
    names = ["r2", "mae", "rmse", Metric(sk.median_absolute_error)]
    whole = MetricSet.resolve(names, Task("regression"))
    whole.check_mergeable()
    states = []
    for part in (slice(None), slice(cut), slice(cut, None)):
        metrics = whole.fresh()
        if len(predictions[part]):
            metrics.update(predictions[part] + 1000, targets[part], weight[part])
        states.append(metrics.state_dict())
    expected, found = whole.fresh(), whole.fresh()
    expected.load_state_dict(states[0])
    found.load_state_dict(whole.merged(states[1:]))
    for name, value in expected.compute().items():
        within = 1e-6 if name == "r2" else 1e-12  # which squares float32 deviations, from another origin in each
        assert found.compute()[name] == pytest.approx(value, rel=within)
