"""Weights into a module: compared by name and shape first, then all of them or none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from neurokit.arguments import nearest
from neurokit.checkpoint.tensors import dtype_name, identity
from neurokit.storage.files import CheckpointError


def match(module: nn.Module, tensors: Mapping[str, Any], source: str = "These weights") -> None:
    """Raise unless these tensors are exactly the module's, in name, shape and kind of number. Changes nothing.

    Args:
        module: What they are for.
        tensors: By name, as ``module.state_dict()`` gives them. Of tied weights one name is enough.
        source: What they are, for the message.

    Raises:
        CheckpointError: If they are not; lists what is missing, unexpected and mismatched, and what may be meant.

    Example:
        >>> match(nn.Linear(2, 1), {"weight": torch.ones(1, 3), "bias": torch.ones(1)})
        Traceback (most recent call last):
        neurokit.storage.files.CheckpointError: These weights do not fit Linear. Nothing was loaded.
          mismatched (1): weight is (1, 3) F32, and (1, 2) F32 in the module
          Build the module as the saved one was, load, and change it after that.
    """
    _fitted(module, tensors, source)


def load_module(module: nn.Module, tensors: Mapping[str, Any], source: str = "These weights") -> None:
    """Load tensors into a module: all of them, or none and an error.

    Raises:
        CheckpointError: As ``match`` does.
    """
    fitted = _fitted(module, tensors, source)
    own = module.state_dict()
    before = {name: value.clone() for name, value in own.items() if isinstance(value, Tensor) and not is_lazy(value)}
    try:
        module.load_state_dict(fitted)
    except BaseException:  # what can still fail is the module's own code, such as set_extra_state
        with torch.no_grad():
            for name, value in before.items():
                own[name].copy_(value)
        module.load_state_dict({name: own[name] for name in own if _is_extra(name)}, strict=False)
        raise


def _fitted(module: nn.Module, tensors: Mapping[str, Any], source: str) -> OrderedDict[str, Any]:
    """Return what ``module.load_state_dict`` takes, with every name of tied weights filled in."""
    own = module.state_dict()
    fitted = OrderedDict(tensors)
    mismatched = []
    for names in _tied(own):
        given = [name for name in names if name in tensors]
        fitted.update({name: tensors[given[0]] for name in names if given})
        if any(not torch.equal(tensors[given[0]], tensors[name]) for name in given[1:]):
            mismatched.append(f"{' and '.join(given)} differ, and are one tensor in the module")
    missing = [name for name in own if name not in fitted]
    unexpected = [name for name in fitted if name not in own]
    mismatched += [
        f"{name} is {_looks(fitted[name])}, and {_looks(own[name])} in the module"
        for name in own
        if name in fitted and not _is_extra(name) and not _fits(fitted[name], own[name])
    ]
    if missing or unexpected or mismatched:
        differences = [
            _listed("missing", missing, lambda name: f"{name} {_looks(own[name])}"),
            _listed("unexpected", unexpected, lambda name: f"{name} {_looks(fitted[name])}"),
            _listed("mismatched", mismatched, str),
            _hint(own, tensors, missing, unexpected),
        ]
        raise CheckpointError(f"{source} do not fit {type(module).__name__}. Nothing was loaded.{''.join(differences)}")
    # What fits by name and shape is of the module's present version: none of its migrations from older ones may run.
    fitted._metadata = getattr(own, "_metadata", {})  # type: ignore[attr-defined]
    return fitted


def _tied(own: Mapping[str, Any]) -> list[list[str]]:
    """Return the groups of names that stand for one and the same tensor."""
    groups: dict[Any, list[str]] = {}
    for name, value in own.items():
        if isinstance(value, Tensor) and identity(value):
            groups.setdefault(identity(value), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _is_extra(name: str) -> bool:
    return name.endswith("_extra_state")  # torch's name for what get_extra_state gives, which may be anything


def _fits(given: Any, own: Tensor) -> bool:
    if is_lazy(own):
        return True
    return isinstance(given, Tensor) and given.shape == own.shape and torch.can_cast(given.dtype, own.dtype)


def _looks(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"({type(value).__name__})"
    return "(not known yet)" if is_lazy(value) else f"{tuple(value.shape)} {dtype_name(value)}"


def _listed(kind: str, found: list[str], told: Callable[[str], str]) -> str:
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return f"\n  {kind} ({len(found)}): {'; '.join(map(told, found[:5]))}{more}" if found else ""


def _hint(own: Mapping[str, Any], tensors: Mapping[str, Any], missing: list[str], unexpected: list[str]) -> str:
    """Return a line that says what may be meant: a wrapper's prefix, or names that are nearly the same."""
    fitting = len(own.keys() & tensors.keys())
    for prefix in ("module.", "_orig_mod.", "model."):
        for renamed, code in (
            ([name.replace(prefix, "") for name in tensors], f'name.replace("{prefix}", "")'),
            ([prefix + name for name in tensors], f'"{prefix}" + name'),
        ):
            if len(own.keys() & set(renamed)) > fitting:
                return (
                    f"\n  A wrapper's prefix? More would fit as {{{code}: tensor for name, tensor in weights.items()}}"
                )
    near = {name: nearest(name, unexpected[:1000], count=1) for name in missing[:5]}
    pairs = [f"{name} may be {close[0]}" for name, close in near.items() if close]
    if pairs:
        return f"\n  Renamed? {'; '.join(pairs)}. Give the layers the names they were saved under."
    return "\n  Build the module as the saved one was, load, and change it after that."
