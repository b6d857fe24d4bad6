"""Outputs: which part of what a model returns is the prediction, and which is the loss it computed itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from torch import Tensor

IGNORED_LABEL: Final = -100  # counts for nothing in torch's class losses and in Hugging Face's models
_PREDICTION_NAMES = ("logits", "out")


def prediction(outputs: Any) -> Tensor:
    """Return the prediction in a model's outputs.

    Raises:
        TypeError: If there is no telling which one it is.

    Example:
        >>> import torch
        >>> prediction({"logits": torch.ones(2), "hidden": torch.zeros(2)})
        tensor([1., 1.])
    """
    if isinstance(outputs, Tensor):
        return outputs
    found, _ = find_prediction(outputs)
    if found is None:
        raise TypeError(
            f"The model returned {describe_outputs(outputs)}, and the loss takes one tensor. {_mend(outputs)}"
        )
    return found


def _mend(outputs: Any) -> str:
    """What to do about outputs in which there is no telling the prediction."""
    if outputs is None:
        return "Does forward end without return?"
    if isinstance(outputs, (bool, int, float, str, np.ndarray, np.generic)) or _holds_numbers(outputs):
        return "Return the tensor itself: no .item(), .tolist(), .numpy() or float() in forward."
    return (
        "Name it 'logits' or 'out', put it first in a tuple, pass a dict of losses by output name, or override "
        "compute_loss."
    )


def _holds_numbers(outputs: Any) -> bool:
    """Tell whether this is a list of numbers, or of such lists."""
    while isinstance(outputs, list) and outputs:
        outputs = outputs[0]
    return isinstance(outputs, (int, float))


def find_prediction(outputs: Any) -> tuple[Tensor | None, str]:
    """Return the prediction in a model's outputs, and where it was found.

    It is the tensor itself, a mapping's or object's ``logits``, else its ``out``, else its only tensor, or a tuple's
    first entry; ``None`` when none of these is there.
    """
    if isinstance(outputs, Tensor):
        return outputs, "the output"
    for name in _PREDICTION_NAMES:
        found = _field(outputs, name)
        if isinstance(found, Tensor):
            return found, f"the output {name!r}"
    if isinstance(outputs, (tuple, list)):
        first = outputs[0] if outputs else None
        return (first, "the first of the outputs") if isinstance(first, Tensor) else (None, "")
    tensors = {name: value for name, value in output_fields(outputs).items() if isinstance(value, Tensor)}
    if len(tensors) != 1:
        return None, ""
    [(name, only)] = tensors.items()
    return only, f"the output {name!r}"


def _field(outputs: Any, name: str) -> Any:
    return outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)


def own_losses(outputs: Any) -> dict[str, Tensor]:
    """Return the losses a model computed itself: ``{"loss": ...}``, or several parts by name, to be added.

    It is a scalar, a mapping's or object's ``loss``, or a mapping of scalars only. Empty when there is none, as with
    detection models in eval mode.
    """
    if isinstance(outputs, Tensor):
        return {"loss": outputs} if outputs.ndim == 0 else {}
    loss = _field(outputs, "loss")
    if isinstance(loss, Tensor):
        return {"loss": loss}
    if not isinstance(outputs, Mapping):
        return {}
    scalars = {name: value for name, value in outputs.items() if isinstance(value, Tensor) and value.ndim == 0}
    return scalars if len(scalars) == len(outputs) else {}


def own_answers(outputs: Any, x: Any) -> tuple[Tensor | None, Tensor | None]:
    """Return logits, with classes on axis 1, and the labels they answer, of a model that computed its loss itself.

    The labels are the inputs' ``labels``, as Hugging Face names them. ``(None, None)`` where these are not to be found,
    or have shapes that do not belong together.
    """
    labels = x.get("labels") if isinstance(x, Mapping) else None
    logits, _ = (None, "") if isinstance(outputs, Tensor) else find_prediction(outputs)
    if logits is None or not isinstance(labels, Tensor):
        return None, None
    if logits.shape[:-1] == labels.shape:
        if "CausalLM" in type(outputs).__name__:  # position t of these answers the label of t + 1
            logits, labels = logits[:, :-1], labels[:, 1:]
        return logits.movedim(-1, 1), labels
    fits = logits.shape == labels.shape or logits.shape[:1] + logits.shape[2:] == labels.shape
    return (logits, labels) if fits else (None, None)


def answers_classes(logits: Tensor | None, labels: Tensor) -> bool:
    """Tell whether labels are class indices, with one logit on axis 1 for each class."""
    if logits is None or labels.is_floating_point():
        return False
    return logits.ndim == labels.ndim + 1 and logits.shape[1] > 1


def output_fields(outputs: Any) -> dict[str, Any]:
    """Return a mapping's entries, a named tuple's, a dataclass's or an object's public attributes, by name."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    if hasattr(outputs, "_asdict"):
        return dict(outputs._asdict())
    if dataclasses.is_dataclass(outputs):
        return {field.name: getattr(outputs, field.name) for field in dataclasses.fields(outputs)}
    return {name: value for name, value in getattr(outputs, "__dict__", {}).items() if not name.startswith("_")}


def describe_outputs(outputs: Any) -> str:
    """Return a short account of a structure of tensors, for messages.

    Example:
        >>> import torch
        >>> describe_outputs((torch.ones(2, 3), None))
        'a tuple of 2: a tensor of shape (2, 3), None'
    """
    if isinstance(outputs, Tensor):
        return f"a tensor of shape {tuple(outputs.shape)}"
    if isinstance(outputs, np.ndarray):
        return f"an array of shape {outputs.shape}"
    if outputs is None or isinstance(outputs, (int, float, str)):
        return f"{outputs:.4g}" if isinstance(outputs, float) else f"{outputs!r:.60}"
    if _holds_numbers(outputs):
        return f"a list of {len(outputs)}, {outputs!s:.40}..."
    if isinstance(outputs, (tuple, list)) and not hasattr(outputs, "_fields"):
        parts = ", ".join(map(describe_outputs, outputs[:4]))
        more = ", ..." if len(outputs) > 4 else ""
        return f"a {type(outputs).__name__} of {len(outputs)}" + (f": {parts}{more}" if parts else "")
    fields = [name for name, value in output_fields(outputs).items() if value is not None]
    return f"a {type(outputs).__name__}" + (f" with {', '.join(map(repr, fields))}" if fields else "")
