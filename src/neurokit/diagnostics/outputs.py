"""Checks of what the model answers, before the first step: against what its loss takes, and against the targets."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from neurokit.broadcasting import Broadcasts, crosses
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.graph import last_operation, operation_name, operation_range, softmax_under_softmax
from neurokit.diagnostics.setup import Answer, Setup
from neurokit.outputs import output_fields, own_losses

_TAKES_LOGITS = (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)
_DISTANCES = (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss)
_ENDS = (nn.Softmax, nn.Sigmoid, nn.Softmax2d)


def no_gradient(setup: Setup) -> Finding | None:
    """The outputs have no gradient though parameters could learn: detach(), NumPy or no_grad() inside forward."""
    trainable = sum(parameter.requires_grad for parameter in setup.model.parameters())
    for answer in setup.answers():
        if trainable and not _learns(answer) and not _learns(setup.in_training(answer)):
            return Finding(
                "error",
                f"The loss has no gradient, because {_which(answer)} has none, with {trainable} trainable parameter "
                "tensors in the model: nothing can learn. Look for detach(), .item(), NumPy or torch.no_grad() in "
                "forward, and return what the layers gave: return self.head(x).",
            )
    return None


def _learns(answer: Answer) -> bool:
    function = answer.criterion.function
    own = isinstance(function, nn.Module) and any(parameter.requires_grad for parameter in function.parameters())
    return own or answer.predictions.requires_grad


def _which(answer: Answer) -> str:
    return f"the output {answer.name!r}" if answer.name else "the model's output"


# ------------------------------------------------------------------------------------------------------ softmax twice


def double_softmax(setup: Setup) -> Finding | None:
    """Softmax or sigmoid at the end of a model whose loss applies its own (S1)."""
    for answer in setup.answers():
        ends = _probabilities(answer)
        if ends and type(answer.criterion.function) in _TAKES_LOGITS:
            if ends == _probabilities(setup.in_training(answer)):
                return Finding("error", f"{_told_twice(setup.model, answer, ends)} {_floor(answer)}")
            return Finding(
                "warning",
                f"In eval mode the model ends in a {ends.lower()}, and {answer.criterion.name} applies its own: the "
                "loss of training is right, val_loss is not. Return the logits in both modes; trainer.predict_proba "
                "gives probabilities.",
            )
        if ends and type(answer.criterion.function).__module__ != nn.modules.loss.__name__:
            return _in_graph(setup)  # what a loss of the user's does with them, the graph tells
    if setup.plain and setup.losses:
        return None
    return _in_graph(setup) if any(map(_ends_in_one, _tensors(setup.outputs))) else _in_own_loss(setup)


def _probabilities(answer: Answer) -> str:
    """``"Softmax"`` or ``"Sigmoid"`` where the model ends in one, or in something that gives what a softmax gives."""
    predictions, name = answer.predictions, operation_name(last_operation(answer.predictions))
    if name in ("Softmax", "Sigmoid"):
        return name
    if predictions.ndim < 2 or predictions.shape[1] < 2 or not predictions.is_floating_point():
        return ""
    rows = predictions.detach()
    add_up = bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() <= 1e-4).all())
    return "Softmax" if add_up and not bool((rows == rows[:1]).all()) else ""  # a constant may add up to 1 too


def _ends_in_one(output: Tensor) -> bool:
    return operation_name(last_operation(output)) in ("Softmax", "Sigmoid")


def _told_twice(model: nn.Module, answer: Answer, ends: str) -> str:
    layer = ends.lower()
    mend = f"Return the logits from forward, without the {layer}"
    if isinstance(model, nn.Sequential) and len(model) > 1 and isinstance(model[-1], _ENDS):
        mend = "Leave its last layer out, model = model[:-1]"
    where = f"The output {answer.name!r}" if answer.name else "The model"
    return (
        f"{where} ends in a {layer}, and {answer.criterion.name} applies its own. {mend}; trainer.predict_proba gives "
        "probabilities."
    )


def _floor(answer: Answer) -> str:
    """What the loss cannot go below where logits are kept between 0 and 1."""
    if isinstance(answer.criterion.function, nn.CrossEntropyLoss):
        classes = int(answer.predictions.shape[1])
        return f"With {classes} classes the loss cannot go below {math.log(math.e + classes - 1) - 1:.2f} as it is."
    return "As it is no probability is outside 0.50 to 0.73, and a target of 0 costs at least 0.69."


def _tensors(outputs: Any) -> Iterator[Tensor]:
    parts = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    if outputs is not None and not isinstance(outputs, (Tensor, tuple, list)):
        parts = list(output_fields(outputs).values())
    return (part for part in parts if isinstance(part, Tensor))


def _in_graph(setup: Setup) -> Finding | None:
    """A softmax on a softmax in the loss of the user's own function or ``compute_loss``."""
    output = setup.trial()
    return None if output is None else _in_loss(output.loss)


def _in_own_loss(setup: Setup) -> Finding | None:
    """The same in the loss that the model computes itself."""
    if not setup.plain or setup.outputs is None:
        return None
    losses = own_losses(setup.outputs).values()
    return next((found for found in map(_in_loss, losses) if found), None)


def _in_loss(loss: Any) -> Finding | None:
    if not isinstance(loss, Tensor) or (twice := softmax_under_softmax(loss)) is None:
        return None
    inner, outer = twice
    name = "cross_entropy, or log_softmax," if outer == "LogSoftmax" else "binary_cross_entropy_with_logits"
    return Finding(
        "error",
        f"The loss is computed by {name} from what a {inner.lower()} gave, and applies its own: the loss cannot come "
        "near 0, and learning is slow. Pass the logits: F.cross_entropy(logits, y), "
        f"not F.cross_entropy(logits.{inner.lower()}({'1' if inner == 'Softmax' else ''}), y).",
    )


def missing_log_softmax(setup: Setup) -> Finding | None:
    """Something else than log-probabilities before nll (S2)."""
    for answer in setup.answers():
        if not isinstance(answer.criterion.function, nn.NLLLoss) or _are_log_probabilities(answer.predictions):
            continue
        predictions = answer.predictions.detach()
        low, high = predictions.min().item(), predictions.max().item()
        if _are_log_probabilities(setup.in_training(answer).predictions):
            return Finding(
                "warning",
                f"In eval mode the model gives numbers from {low:.3g} to {high:.3g}, and nll takes log-probabilities: "
                "the loss of training is right, val_loss is not. Return log_softmax(dim=1) in both modes.",
            )
        return Finding(
            "error",
            f"nll takes log-probabilities, and {_which(answer)} goes from {low:.3g} to {high:.3g} with no "
            "log_softmax at its end: the loss falls without bound and says nothing. Use "
            "Trainer(model, loss='cross_entropy') with logits, or end the model with nn.LogSoftmax(dim=1).",
        )
    return None


def _are_log_probabilities(predictions: Tensor) -> bool:
    """Whether every row is at most 0 and its exponentials add up to about 1."""
    if operation_name(last_operation(predictions)) == "LogSoftmax":
        return True
    rows = predictions.detach().float()
    return bool((rows <= 1e-3).all()) and bool(rows.logsumexp(1).abs().median() < 0.1)


# ---------------------------------------------------------------------------------------------- one row against all


def broadcast_loss(setup: Setup) -> Finding | None:
    """Predictions (N, 1) against targets (N,) in a loss of the user's, which compares each row with all (S3)."""
    if setup.batch is None or setup.outputs is None or not _may_broadcast(setup):
        return None
    with warnings.catch_warnings(), Broadcasts() as seen:
        warnings.simplefilter("ignore")  # torch's own, about the sizes; what was seen says more
        setup.trial()
    if seen.shapes is None:
        return None
    predicted, true = seen.shapes
    rows = predicted[0]
    return Finding(
        "error",
        f"The loss compares predictions of shape {predicted} with targets of shape {true}, which broadcasts to every "
        f"prediction against every target, {rows} x {rows}: the model learns the mean of the targets. Give both one "
        "shape: predictions.squeeze(-1), or targets.reshape(predictions.shape).",
    )


def _may_broadcast(setup: Setup) -> bool:
    """Whether a loss of the user's gets, or may make, shapes whose rows are not on the same axis. Free."""
    assert setup.batch is not None
    if setup.plain:
        own = [one for one in setup.answers() if one.criterion.kind is None and crosses(one.predictions, one.targets)]
        for one in own:
            if one.predictions.numel() == one.targets.numel():
                one.criterion.takes_own_shape(one.predictions, one.targets)  # found out here, and kept
        return bool(own)
    targets = setup.batch.y.values() if isinstance(setup.batch.y, Mapping) else [setup.batch.y]
    return any(
        crosses(one, other) or (_is_column(one) and _is_column(other))  # of which a squeeze makes the other shape
        for one in _tensors(setup.outputs)
        for other in targets
    )


def _is_column(tensor: Any) -> bool:
    """Whether a tensor holds one number a row, in whichever shape."""
    return isinstance(tensor, Tensor) and tensor.ndim > 0 and tensor.numel() == len(tensor) > 1


# ------------------------------------------------------------------------------------------------ targets out of reach


def unreachable_targets(setup: Setup) -> Finding | None:
    """A last activation that cannot give the targets: ReLU before signed ones, sigmoid before large ones (S21)."""
    for answer in setup.answers():
        targets = setup.all_targets(answer)
        found = _out_of_reach(answer, targets)
        if found and _out_of_reach(setup.in_training(answer), targets):  # some clamp their answers in eval mode only
            return found
    return None


def _out_of_reach(answer: Answer, targets: Any) -> Finding | None:
    node = last_operation(answer.predictions)
    reach = operation_range(node)
    if reach is None or not isinstance(targets, Tensor) or not _lies_within(answer.predictions, *reach):
        return None
    function, name = answer.criterion.function, operation_name(node)
    if isinstance(function, _DISTANCES):
        return _distance_floor(answer, name, reach, targets)
    if isinstance(function, nn.BCEWithLogitsLoss) and name not in ("Sigmoid", "Softmax"):
        return _binary_floor(answer, name, reach, targets)
    if isinstance(function, nn.CrossEntropyLoss) and name == "Tanh":
        classes = int(answer.predictions.shape[1])
        floor = math.log(1 + (classes - 1) * math.exp(reach[0] - reach[1]))
        return Finding(
            "warning",
            f"{_which(answer).capitalize()} ends in a tanh, and cross_entropy takes logits: between -1 and 1 the loss "
            f"of {classes} classes cannot go below {floor:.2f}. Return the logits from forward, without the tanh.",
        )
    return None


def _lies_within(predictions: Tensor, low: float, high: float) -> bool:
    return bool((predictions.detach() >= low - 1e-3).all()) and bool((predictions.detach() <= high + 1e-3).all())


def _distance_floor(answer: Answer, name: str, reach: tuple[float, float], targets: Tensor) -> Finding | None:
    """Compare the squared error that stays, whatever is learnt, with that of always answering the mean."""
    low, high = reach
    values = targets.detach().cpu().double()
    floor = (values - values.clamp(low, high)).square().mean().item()
    variance = values.var(correction=0).item()
    if floor <= 0.005 * variance or not math.isfinite(floor):
        return None
    outside = ((values < low) | (values > high)).double().mean().item()
    span = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} and more"
    span = span if math.isfinite(low) else f"of {high:g} and less"
    scaled = {
        "Sigmoid": ", or scale the targets: y = (y - y.min()) / (y.max() - y.min())",
        "Softplus": ", or predict log(y) where y is above 0",
    }.get(name, "")
    return Finding(
        "error" if floor > 0.1 * variance else "warning",
        f"{_which(answer).capitalize()} ends in a {name.lower()}, which gives numbers {span}, and {outside:.0%} of the "
        f"targets, from {values.min():.4g} to {values.max():.4g}, are outside: the mean squared error cannot go below "
        f"{floor:.3g}, and answering the mean costs {variance:.3g}. End the model with its linear layer, without the "
        f"{name.lower()}{scaled}.",
    )


def _binary_floor(answer: Answer, name: str, reach: tuple[float, float], targets: Tensor) -> Finding | None:
    """Compare the loss that stays, whatever is learnt, with that of always answering the share of ones."""
    low, high = reach
    share = targets.detach().cpu().double().mean().item()
    floor = (1 - share) * _softplus(low) + share * _softplus(-high)
    prior = -sum(part * math.log(part) for part in (share, 1 - share) if part > 0)
    if floor <= 0.1 * prior:
        return None
    least, most = (1 / (1 + math.exp(-bound)) for bound in reach)
    return Finding(
        "error" if low >= 0 or high <= 0 else "warning",  # one of the labels can never be told
        f"{_which(answer).capitalize()} ends in a {name.lower()}, and {answer.criterion.name} takes logits: no "
        f"probability is outside {least:.2f} to {most:.2f}, and the loss cannot go below {floor:.2f}. Return the "
        f"logits from forward, without the {name.lower()}.",
    )


def _softplus(value: float) -> float:
    return 0.0 if value == -math.inf else math.log1p(math.exp(value))
