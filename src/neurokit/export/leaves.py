"""Leaves: the tensors of a structure of outputs by name, and the structure as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from neurokit.outputs import output_fields


def named_leaves(outputs: Any) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors of a model's outputs by name, and how they lie in each other, which JSON holds.

    A tensor alone is ``"output"``, a tuple's members are ``"output_0"`` and so on, and what has names keeps them. In
    the structure a tensor is its name, a tuple a list, a mapping or object a dict, and whatever is no tensor ``None``.

    Example:
        >>> import torch
        >>> found, structure = named_leaves({"logits": torch.zeros(1), "hidden": (torch.ones(1), None)})
        >>> list(found), structure
        (['logits', 'hidden_0'], {'logits': 'logits', 'hidden': ['hidden_0', None]})
    """
    found: dict[str, Tensor] = {}
    return found, _walk(outputs, "", found)


def _walk(outputs: Any, name: str, found: dict[str, Tensor]) -> Any:
    if isinstance(outputs, Tensor):
        found[name or "output"] = outputs
        return name or "output"
    if isinstance(outputs, (tuple, list)) and not hasattr(outputs, "_fields"):
        return [_walk(one, f"{name or 'output'}_{at}", found) for at, one in enumerate(outputs)]
    if isinstance(outputs, Mapping) or hasattr(outputs, "__dict__") or hasattr(outputs, "_fields"):
        fields = output_fields(outputs)
        return {str(key): _walk(one, f"{name}.{key}" if name else str(key), found) for key, one in fields.items()}
    return None
