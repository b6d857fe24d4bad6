"""Checks of what the model answers: against its loss, and against the targets."""

from __future__ import annotations

from torch import Tensor, nn

from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.setup import Setup


def no_gradient(setup: Setup) -> Finding | None:
    """The outputs have no gradient though parameters could learn: detach(), NumPy or no_grad() inside forward."""
    trainable = sum(parameter.requires_grad for parameter in setup.model.parameters())
    for answer in setup.answers():
        if trainable and not answer.predictions.requires_grad and not _learns(answer.criterion.function):
            return Finding(
                "error",
                f"The model's output has no gradient, with {trainable} trainable parameter tensors in it, so nothing "
                "can learn. Look for detach(), .item(), NumPy or torch.no_grad() in forward.",
            )
    return None


def _learns(function: object) -> bool:
    return isinstance(function, nn.Module) and any(parameter.requires_grad for parameter in function.parameters())


def double_softmax(setup: Setup) -> Finding | None:
    """Softmax or sigmoid at the end of a model whose loss applies its own (S1)."""
    for answer in setup.answers():
        if (
            isinstance(answer.criterion.function, nn.CrossEntropyLoss)
            and _last_operation(answer.predictions) == "Softmax"
        ):
            return Finding("error", "The model ends in a softmax, and cross_entropy applies its own.")
    return None


def _last_operation(tensor: Tensor) -> str:
    """The operation a tensor comes from, such as ``"Softmax"``, looking through reshapes."""
    node = tensor.grad_fn
    return "" if node is None else node.name().removesuffix("Backward0")
