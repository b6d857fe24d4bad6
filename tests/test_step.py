import pytest
import torch
from torch import nn

from neurokit.data.batch import Batch
from neurokit.losses import Criterion, make_criterion
from neurokit.means import SUM
from neurokit.metrics import MetricSet
from neurokit.step import StepOutput, require_gradient, score, step_logs, window_weight
from neurokit.task import Task

X = torch.ones(4, 2)
NO_METRICS = MetricSet.resolve((), Task())


def test_a_loss_compares_the_prediction_with_the_targets():
    output = score(make_criterion("mse"), {"logits": X, "hidden": X}, Batch(X, X + 1), training=True)
    assert (output.loss, output.weight) == (1, 8)
    assert output.predictions is X


def test_targets_that_are_missing_are_asked_for():
    with pytest.raises(ValueError, match=r"this batch has none. Pass y, or yield \(x, y\)"):
        score(make_criterion("mse"), X, Batch(X), training=True)


@pytest.mark.parametrize("outputs", [X, (torch.tensor(1.0), X), {"logits": X}, None], ids=repr)
def test_a_model_that_is_to_give_its_own_loss_and_does_not_is_refused_in_training_only(outputs):
    with pytest.raises(TypeError, match=r"The model returned .*, and with loss=None it returns its own loss"):
        score(None, outputs, Batch(X), training=True)
    assert score(None, outputs, Batch(X), training=False).loss is None


def test_a_loss_of_the_model_cannot_be_weighed():
    with pytest.raises(ValueError, match="The model returns its own loss, one number for a batch, so rows cannot be"):
        score(None, torch.tensor(1.0), Batch(X, weight=torch.ones(4)), training=True)


def test_losses_of_the_model_add_up_and_are_logged_by_name():
    outputs = {"box": torch.tensor(1.0), "mask": torch.tensor(2.0)}
    logs = step_logs(score(None, outputs, Batch(X), training=True), Batch(X), NO_METRICS)
    assert logs == {"loss": 3, "box": 1, "mask": 2}


def test_a_model_with_labels_of_its_own_is_a_mean_over_those_that_count():
    labels = torch.tensor([0, 1, -100, 1])
    output = score(None, {"loss": torch.tensor(1.0), "logits": X}, Batch({"labels": labels}), training=True)
    assert output.weight == 3
    assert output.targets is labels


def test_regression_within_the_model_is_a_mean_over_rows():
    outputs = {"loss": torch.tensor(1.0), "logits": torch.ones(4, 1)}
    assert score(None, outputs, Batch({"labels": torch.ones(4)}), training=True).weight is None


def test_a_window_multiplies_back_by_what_the_loss_is_a_mean_over():
    assert window_weight(StepOutput(None), Batch(X)) == 4
    assert window_weight(StepOutput(None, weight=7), Batch(X)) == 7
    assert window_weight(StepOutput(None, weight=torch.tensor([1.0, 2.0])), Batch(X)) == 3
    assert window_weight(StepOutput(None, weight=SUM), Batch(X)) is SUM


def test_a_window_of_sums_needs_no_divisor_and_one_of_both_has_none():
    total, mean = nn.MSELoss(reduction="sum"), nn.MSELoss()
    fields, batch = {"a": X, "b": X}, Batch(X, {"a": X, "b": X})
    sums = score({"a": Criterion(total), "b": Criterion(total)}, fields, batch, training=True)
    assert window_weight(sums, batch) is SUM
    both = score({"a": Criterion(total), "b": Criterion(mean)}, fields, batch, training=True)
    with pytest.raises(ValueError, match="no common divisor"):
        window_weight(both, batch)


def test_logs_say_what_their_means_are_over():
    weight = torch.tensor([1.0, 2.0])
    assert step_logs(StepOutput(torch.tensor(1.0), weight=weight), Batch(X), NO_METRICS).weights == {"loss": 3}
    assert step_logs(StepOutput(torch.tensor(1.0)), Batch(X), NO_METRICS).weights == {}
    assert step_logs(StepOutput(None), Batch(X), NO_METRICS) == {}


def test_metrics_see_predictions_without_their_graph():
    metrics = MetricSet.resolve(["mae"], Task("regression"))
    predictions = X.clone().requires_grad_()
    step_logs(StepOutput(torch.tensor(1.0), predictions, X + 2), Batch(X), metrics)
    assert metrics.compute() == {"mae": 2}


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (torch.tensor(1.0), TypeError, "compute_loss returned a Tensor. Return neurokit.StepOutput"),
        (StepOutput(None), TypeError, "The loss in training is None"),
        (StepOutput(0.5), TypeError, "The loss in training is float"),
        (StepOutput(torch.ones(3)), ValueError, r"The loss has shape \(3,\), and learning needs one number"),
        (StepOutput(torch.tensor(1.0)), ValueError, "The loss has no gradient, with 2 trainable parameter tensors"),
    ],
)
def test_what_nothing_can_be_learnt_from_is_refused(output, error, message):
    with pytest.raises(error, match=message):
        require_gradient(output, nn.Linear(2, 1))
