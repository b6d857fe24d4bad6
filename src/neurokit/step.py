"""Step: from a model's outputs to the loss of a batch, what that is a mean over, and what is logged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neurokit.data.batch import Batch, count_rows
from neurokit.losses import Criterion
from neurokit.means import SUM
from neurokit.metrics import MetricSet
from neurokit.outputs import (
    IGNORED_LABEL,
    answers_classes,
    describe_outputs,
    output_fields,
    own_answers,
    own_losses,
    prediction,
)
from neurokit.runtime import Rows

Weight = Tensor | float | str | None


class StepOutput(NamedTuple):
    """What ``compute_loss`` returns for one batch.

    Attributes:
        loss: A scalar that is a mean over ``weight``, and has gradients in training; ``None`` where the model gives no
            loss, as detection models in eval mode.
        predictions: What the metrics compare, rows first; ``None`` without.
        targets: What they compare it with; ``None`` without.
        weight: What the loss is a mean over: a number or tensor, or one weight per row; the number of rows when
            ``None``; ``"sum"`` for a loss that is a sum over rows.
        parts: The losses that add up to ``loss``, by name, each with what it is a mean over.

    Example:
        >>> StepOutput(torch.tensor(0.5), weight=32).weight
        32
    """

    loss: Tensor | None
    predictions: Any = None
    targets: Any = None
    weight: Weight = None
    parts: Mapping[str, tuple[Tensor, Weight]] = {}


class StepLogs(dict[str, Any]):
    """What a training step reports: mean values by name.

    Attributes:
        weights: What a value is a mean over, by name; the batch's rows for a name that is not in it.
    """

    weights: Mapping[str, Any] = {}


def score(criterion: Criterion | dict[str, Criterion] | None, outputs: Any, batch: Batch, training: bool) -> StepOutput:
    """Return the loss of a model's outputs: compared with the targets, by output name, or the model's own.

    Raises:
        TypeError: If there is no telling which output is the prediction, or a model gives no loss in training.
        ValueError: If there are no targets, or shapes do not fit.
    """
    if criterion is None:
        return _own_loss(outputs, batch, training)
    if batch.y is None:
        raise ValueError("The loss compares with targets and this batch has none. Pass y, or yield (x, y).")
    if isinstance(criterion, dict):
        return _loss_by_output(criterion, outputs, batch, training)
    predictions = prediction(outputs)
    loss, weight = criterion(predictions, batch.y, batch.weight, training)
    return StepOutput(loss, predictions, batch.y, weight)


def _own_loss(outputs: Any, batch: Batch, training: bool) -> StepOutput:
    losses = own_losses(outputs)
    if not losses and training:
        raise TypeError(
            f"The model returned {describe_outputs(outputs)}, and with loss=None it returns its own loss: a scalar, a "
            "mapping with 'loss' or of losses only, or an object with .loss. Or pass loss='cross_entropy' or another."
        )
    if losses and batch.weight is not None:
        raise ValueError(
            "The model returns its own loss, one number for a batch, so rows cannot be weighed. Leave sample_weight "
            "out, weigh them in the model, or override compute_loss."
        )
    predictions, targets = own_answers(outputs, batch.x)
    weight = None
    if targets is not None and answers_classes(predictions, targets):
        weight = (targets != IGNORED_LABEL).sum()
    if losses.keys() <= {"loss"}:
        return StepOutput(losses.get("loss"), predictions, targets, weight)
    first, *others = losses.values()
    parts = {name: (loss, weight) for name, loss in losses.items()}
    return StepOutput(sum(others, first), predictions, targets, weight, parts)


def _loss_by_output(criteria: dict[str, Criterion], outputs: Any, batch: Batch, training: bool) -> StepOutput:
    fields = output_fields(outputs)
    parts = {f"{name}_loss": one(fields[name], batch.y[name], batch.weight, training) for name, one in criteria.items()}
    return StepOutput(torch.stack([loss for loss, _ in parts.values()]).sum(), fields, batch.y, None, parts)


def window_weight(output: StepOutput, batch: Batch) -> Tensor | float | str:
    """Return what a mean loss is multiplied back by in an accumulation window; ``SUM`` for a sum, which stays one.

    Raises:
        ValueError: If there are several losses, each over weights of its own.
    """
    if output.weight is not None:
        return SUM if isinstance(output.weight, str) else _total(output.weight)
    weights = [weight for _, weight in output.parts.values()]
    if weights and all(weight is SUM for weight in weights):
        return SUM
    if any(isinstance(weight, (Tensor, str)) for weight in weights):
        raise ValueError(
            "Several losses with weights of their own (class weights, ignore_index, sample weights, sums) have no "
            "common divisor for an accumulation window, or for several processes. Pass accumulate=1 in one process, or "
            "override compute_loss."
        )
    return Rows(count_rows(batch.x))


def step_logs(output: StepOutput, batch: Batch, metrics: MetricSet) -> StepLogs:
    """Feed the metrics with a step's predictions; return its losses, each with what it is a mean over."""
    predictions, targets, weight = output.predictions, output.targets, output.weight
    if metrics.names and predictions is not None and targets is not None:
        detached = predictions.detach() if isinstance(predictions, Tensor) else _detached_fields(predictions)
        metrics.update(detached, targets, batch.weight)
    logs = StepLogs() if output.loss is None else StepLogs(loss=output.loss)
    if weight is not None:
        logs.weights = {"loss": _total(weight) if isinstance(weight, Tensor) else weight}
    if output.parts:
        logs.update({name: loss for name, (loss, _) in output.parts.items()})
        parts = {name: weight for name, (_, weight) in output.parts.items() if weight is not None}
        logs.weights = {**logs.weights, **parts}
    return logs


def _detached_fields(predictions: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in predictions.items() if isinstance(value, Tensor)}


def _total(weight: Tensor | float) -> Tensor | float:
    """What a mean is over, as one number: weights per row are added up."""
    return weight.sum() if isinstance(weight, Tensor) and weight.ndim else weight


def require_gradient(output: Any, model: nn.Module) -> Tensor:
    """Return the loss to learn from.

    Raises:
        TypeError: If there is none.
        ValueError: If nothing can learn from it.
    """
    if not isinstance(output, StepOutput):
        raise TypeError(
            f"compute_loss returned a {type(output).__name__}. Return neurokit.StepOutput(loss, predictions, targets), "
            "from which a step takes the loss and what it compares."
        )
    loss = output.loss
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"The loss in training is {loss if loss is None else type(loss).__name__}, and learning needs a tensor. "
            "Return one from the model or from compute_loss, or pass loss='cross_entropy' or another."
        )
    if loss.ndim:
        raise ValueError(
            f"The loss has shape {tuple(loss.shape)}, and learning needs one number for a batch. Take its mean: "
            "loss.mean()."
        )
    if not loss.requires_grad:
        trainable = sum(parameter.requires_grad for parameter in model.parameters())
        raise ValueError(
            f"The loss has no gradient, with {trainable} trainable parameter tensors in the model, so nothing can "
            "learn. Look for detach(), .item(), NumPy or torch.no_grad() in forward or in the loss, or for "
            "requires_grad=False."
        )
    return loss
