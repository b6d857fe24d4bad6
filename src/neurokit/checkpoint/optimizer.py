"""An optimizer's state by the names of its parameters, where torch goes by their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit.storage.files import CheckpointError

# How an optimizer computes belongs to the machine, not to the run: these stay what the present optimizer has.
_LOCAL = ("params", "param_names", "fused", "foreach", "capturable", "differentiable")

Names = Mapping[nn.Parameter, str]


def optimizer_state(optimizer: Optimizer, names: Names) -> dict[str, Any]:
    """Return an optimizer's state by parameter name, so that layers that change places cannot swap their momentum.

    Args:
        optimizer: One of ``torch.optim`` or of its kind. One that defines ``state_dict`` itself is also asked for that.
        names: The name of every parameter that it may hold.

    Returns:
        ``class``, ``shapes`` by name, ``param_groups`` with names in place of parameters, and ``state`` by name. The
        tensors are the optimizer's own, not copies.

    Raises:
        ValueError: If it holds a parameter that has no name, or keeps state for something that is no parameter.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> names = {param: name for name, param in layer.named_parameters()}
        >>> optimizer_state(torch.optim.SGD(layer.parameters(), lr=0.1), names)["shapes"]
        {'weight': [1, 2], 'bias': [1]}
    """
    params = _named(optimizer, names)
    known = set(map(id, params.values()))
    for key in optimizer.state:
        if id(key) not in known:
            raise ValueError(
                f"{type(optimizer).__name__} keeps state for {key!s:.40} ({type(key).__name__}), which is none of its "
                "parameters. Keep it with a parameter, or define state_dict and load_state_dict in the optimizer."
            )
    groups = [
        {"params": [names[param] for param in group["params"]]}
        | {option: value for option, value in group.items() if option not in _LOCAL}
        for group in optimizer.param_groups
    ]
    state: dict[str, Any] = {
        "class": type(optimizer).__qualname__,
        "shapes": {name: list(param.shape) for name, param in params.items()},
        "param_groups": groups,
        "state": {name: dict(optimizer.state[param]) for name, param in params.items() if param in optimizer.state},
    }
    if _saves_itself(optimizer):
        state["own"] = optimizer.state_dict()
    return state


def _saves_itself(optimizer: Optimizer) -> bool:
    return type(optimizer).state_dict is not Optimizer.state_dict


def _named(optimizer: Optimizer, names: Names) -> dict[str, nn.Parameter]:
    """Return an optimizer's parameters by name, in its order."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    nameless = [tuple(param.shape) for param in params if param not in names]
    if nameless:
        raise ValueError(
            f"The optimizer holds {len(nameless)} parameter(s) that are not the model's, the first of shape "
            f"{nameless[0]}. Build it from model.parameters(), after the last layer was added."
        )
    return {names[param]: param for param in params}


def match_optimizer(optimizer: Optimizer, names: Names, state: Mapping[str, Any]) -> None:
    """Raise unless a state is of this optimizer's class, parameters, groups and shapes. Changes nothing.

    Raises:
        CheckpointError: If it is not; names the difference.
    """
    shapes = {name: list(param.shape) for name, param in _named(optimizer, names).items()}
    groups = [sorted(names[param] for param in group["params"]) for group in optimizer.param_groups]
    kind = type(optimizer).__qualname__
    try:
        saved_kind, saved_shapes = state["class"], dict(state["shapes"])
        saved_groups = [sorted(group["params"]) for group in state["param_groups"]]
        saved_state = {name: dict(entries) for name, entries in state["state"].items()}
        dict.fromkeys(option for group in state["param_groups"] for option in group)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"This is not an optimizer's state by names: {error!r}. Pass what a Trainer's state_dict() holds, not "
            "optimizer.state_dict(), which goes by order."
        ) from error
    if saved_kind != kind:
        raise CheckpointError(
            f"The saved state is that of {saved_kind}, and this optimizer is {kind}. Use {saved_kind} to continue the "
            "run, or load only the weights to begin a new one from them."
        )
    if saved_shapes != shapes:
        raise CheckpointError(
            f"The saved {kind} had other parameters: {_differences(saved_shapes, shapes)}. Nothing was loaded. Build "
            "model and optimizer as in the saved run."
        )
    if saved_groups != groups or not set(saved_state) <= set(shapes) or ("own" in state) != _saves_itself(optimizer):
        layered = any("rate_factor" in group for group in state["param_groups"])  # as transfer.regroup leaves them
        mend = "Group them as in the saved run."
        if layered and not any("rate_factor" in group for group in optimizer.param_groups):
            mend = (
                "The saved run was fine-tuned, with a rate for each layer: call "
                "nk.transfer.regroup(trainer.optimizer, trainer.model) before you load it."
            )
        raise CheckpointError(
            f"The saved {kind} had its parameters in groups of {[*map(len, saved_groups)]}, and here they are grouped "
            f"otherwise, {[*map(len, groups)]}. {mend} Nothing was loaded."
        )
    for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=False):
        for option, value in group.items():
            if _is_number(value) and option in saved and not _is_number(saved[option]):
                raise CheckpointError(
                    f"The saved {kind} has {option}={saved[option]!r:.40}, which is no number. It is not what an "
                    "optimizer wrote. Nothing was loaded."
                )
    for group in optimizer.param_groups:
        for param in group["params"] if "fused" in group else ():
            _check_fused(names[param], param, saved_state.get(names[param], {}))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Tensor)) and not isinstance(value, bool)


def _check_fused(name: str, param: Tensor, state: Mapping[str, Any]) -> None:
    """Raise unless a parameter's state has its shape: fused kernels take that for granted, and read beyond its end."""
    for key, value in state.items():
        shape = torch.Size() if key == "step" else param.shape
        if isinstance(value, Tensor) and value.shape != shape:
            raise CheckpointError(
                f"The saved state has {key} of shape {tuple(value.shape)} for {name}, which needs {tuple(shape)}. "
                "It is not what an optimizer wrote. Nothing was loaded."
            )


def _differences(saved: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Return in words what differs between two mappings of names to shapes: the first five."""
    changed = [
        f"{name} is {saved.get(name, 'missing')} there and {here.get(name, 'missing')} here"
        for name in {**here, **saved}
        if saved.get(name) != here.get(name)
    ]
    more = f"; and {len(changed) - 5} more" if len(changed) > 5 else ""
    return "; ".join(changed[:5]) + more


def load_optimizer_state(optimizer: Optimizer, names: Names, state: Mapping[str, Any]) -> None:
    """Give an optimizer back what ``optimizer_state`` returned: the exact values, all of them or none.

    Unlike ``Optimizer.load_state_dict``, no dtype is changed, and ``fused``, ``foreach``, ``capturable`` and
    ``differentiable`` stay what they are.

    Args:
        optimizer: One of the same class, over the same parameters.
        names: The name of every parameter that it holds.
        state: What ``optimizer_state`` returned; its tensors are copied.

    Raises:
        CheckpointError: As ``match_optimizer`` does. The optimizer is then as it was.
    """
    match_optimizer(optimizer, names, state)
    if "own" in state:
        optimizer.load_state_dict(state["own"])
        return
    restored = {
        param: _restored(state["state"][names[param]], param, bool(group.get("fused") or group.get("capturable")))
        for group in optimizer.param_groups
        for param in group["params"]
        if names[param] in state["state"]
    }
    for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
        for option in saved.keys() - set(_LOCAL):
            group[option] = _option(saved[option], group.get(option))
    optimizer.state.clear()
    optimizer.state.update(restored)


def _restored(value: Any, param: nn.Parameter, step_on_device: bool, key: str = "") -> Any:
    """Return a copy of a parameter's state, on its device and in its memory layout."""
    if isinstance(value, Mapping):
        return {key: _restored(entry, param, step_on_device, key) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_restored(entry, param, step_on_device) for entry in value)
    if not isinstance(value, Tensor):
        return value
    if key == "step":  # torch counts on the CPU, except for kernels that count on the device, in float32
        return value.to(param.device, torch.float32, copy=True) if step_on_device else value.to("cpu", copy=True)
    if value.shape == param.shape:  # fused kernels walk a parameter and its state side by side, blind to strides
        return torch.empty_like(param, dtype=value.dtype, requires_grad=False).copy_(value)
    return value.to(param.device, copy=True)


def _option(saved: Any, present: Any) -> Any:
    """Return a saved option; a tensor, such as a learning rate for a captured step, on the present one's device."""
    if not isinstance(saved, Tensor):
        return saved
    return saved.to(present.device if isinstance(present, Tensor) else saved.device, copy=True)
