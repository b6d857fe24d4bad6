"""Groups: a learning rate for each layer, lower further down, and no weight decay where it does harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import LBFGS, Optimizer

from neurokit.arguments import check_number, suggests_arguments
from neurokit.trainer import Trainer
from neurokit.transfer.freezing import as_module
from neurokit.transfer.tracing import calls, trace

_NORMS = (
    nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm,
)  # fmt: skip
_MADE = ("params", "param_names", "initial_lr", "scheduled_lr")  # of a group as it was
_BLOCKS = 3  # so many in a row are a stack of layers, and not the branches of one


@suggests_arguments
def param_groups(
    model: nn.Module | Trainer, learning_rate: float = 1e-3, *, decay: float = 0.75, weight_decay: float = 0.01
) -> list[dict[str, Any]]:
    """Return parameter groups for an optimizer of torch: each layer learns at ``decay`` times the rate of that above.

    The last layer has ``learning_rate``. Layers are the model's children with parameters; a plain ``nn.Sequential`` or
    ``ModuleList`` among them counts as its elements, and a part that holds a stack of three or more blocks, as a
    transformer does, is taken apart. A model's only child is looked into, a layer of norms alone goes with the one
    before it, and parameters of the model itself with the first. They are ordered as ``forward`` uses them; where it
    cannot be followed without data, as they were registered.

    Biases, parameters of one axis, and those of norm layers have no weight decay. Frozen parameters are left out, and a
    tied one is in one group only. The head's group is the first, so the ``lr`` that ``fit`` shows is the head's.

    Args:
        model: What is trained, or the trainer that has it. Freeze, and replace its head, before.
        learning_rate: That of the last layer.
        decay: Above 0, up to 1 for one rate throughout. 0.65 to 0.8 is usual for deep transformers.
        weight_decay: Of the matrices; 0 for none.

    Returns:
        One or two dicts a layer, with ``params``, ``lr``, ``weight_decay``, and for you ``name`` and ``rate_factor``.

    Raises:
        ValueError: If nothing in the model is trainable, or a number is out of range.

    Source:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (2018), section 3.2.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> for group in param_groups(model, learning_rate=0.1, decay=0.5):
        ...     print(group["name"], group["lr"], group["weight_decay"])
        2 0.1 0.01
        2 (no decay) 0.1 0.0
        0 0.05 0.01
        0 (no decay) 0.05 0.0
        >>> optimizer = torch.optim.AdamW(param_groups(model))
    """
    model = as_module("model", model)
    _check_rates(learning_rate, decay)
    check_number("weight_decay", weight_decay, "a number of 0 or more", lambda value: value >= 0, such_as=0.01)
    plain = _without_decay(model)
    groups: list[dict[str, Any]] = []
    for name, factor, parameters in _factors(model, decay):
        free = [one for one in parameters if one.requires_grad and one not in plain]
        bound = [one for one in parameters if one.requires_grad and one in plain]
        for held, label, amount in ((free, name, weight_decay), (bound, f"{name} (no decay)", 0.0)):
            if held:
                groups.append(
                    {"params": held, "lr": learning_rate * factor, "weight_decay": amount, "name": label,
                     "rate_factor": factor}
                )  # fmt: skip
    if not groups:
        raise ValueError(
            f"No parameter of {type(model).__name__} is trainable, so there is nothing to group. Call "
            "neurokit.transfer.unfreeze(model, ...) on what shall learn."
        )
    return groups


def _check_rates(learning_rate: Any, decay: Any) -> None:
    check_number("learning_rate", learning_rate, "a number above 0", lambda rate: rate > 0, such_as=1e-3)
    check_decay(decay)


def check_decay(decay: Any) -> None:
    """Refuse what is no factor from layer to layer."""
    check_number("decay", decay, "a factor above 0, up to 1", lambda value: 0 < value <= 1, such_as=0.75)


def _factors(model: nn.Module, decay: float) -> list[tuple[str, float, list[nn.Parameter]]]:
    """Each layer's name, factor and parameters, the last layer first; a tied parameter goes with the higher layer."""
    found: list[tuple[str, float, list[nn.Parameter]]] = []
    taken: set[nn.Parameter] = set()
    for below, (name, parameters) in enumerate(reversed(layers(model))):
        own = [one for one in dict.fromkeys(parameters) if one not in taken]
        taken |= set(own)
        found.append((name, float(decay**below), own))
    return found


def layers(model: nn.Module) -> list[tuple[str, list[nn.Parameter]]]:
    """Return a model's layers from the first to the last, each with its name and parameters."""
    path, root = "", model
    while True:  # a model in a wrapper
        learning = [(name, child) for name, child in root.named_children() if _learns(child)]
        if (
            len(learning) != 1
            or any(True for _ in root.parameters(recurse=False))
            or not _learns_inside(learning[0][1])
        ):
            break
        path, root = f"{path}{learning[0][0]}.", learning[0][1]
    parts = [part for name, child in learning for part in _unstacked(f"{path}{name}", child)]
    parts = _in_order(model, parts)
    found: list[tuple[str, list[nn.Parameter]]] = []
    for name, part in parts:
        parameters = list(part.parameters())
        if found and all(isinstance(one, _NORMS) for one in part.modules() if not any(True for _ in one.children())):
            found[-1][1].extend(parameters)
        else:
            found.append((name, parameters))
    held = {one for _, parameters in found for one in parameters}
    own = [one for one in model.parameters() if one not in held]  # the model's own, or a stack's
    if own:
        found = [(found[0][0], [*own, *found[0][1]]), *found[1:]] if found else [(path.rstrip("."), own)]
    return found


def _learns(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _learns_inside(module: nn.Module) -> bool:
    return any(_learns(child) for child in module.children())


def _unstacked(name: str, part: nn.Module) -> list[tuple[str, nn.Module]]:
    """A part as the layers that it is a stack of; itself where it is none."""
    if type(part) in (nn.Sequential, nn.ModuleList):
        elements = [(f"{name}.{key}", child) for key, child in part.named_children() if _learns(child)]
        return elements or [(name, part)]
    if not _holds_stack(part):
        return [(name, part)]
    found: list[tuple[str, nn.Module]] = []
    for key, child in part.named_children():
        if _is_stack(child) or _holds_stack(child):
            found += _unstacked(f"{name}.{key}", child)
        elif _learns(child):
            found.append((f"{name}.{key}", child))
    return found


def _holds_stack(module: nn.Module) -> bool:
    """Whether a part has a stack of layers in it, and is none itself, as a transformer's encoder."""
    plain = type(module) in (nn.Sequential, nn.ModuleList)
    return not plain and any(_is_stack(child) or _holds_stack(child) for child in module.children())


def _is_stack(module: nn.Module) -> bool:
    blocks = [child for child in module.children() if _learns(child)]
    return (
        type(module) in (nn.Sequential, nn.ModuleList) and len(blocks) >= _BLOCKS and all(map(_learns_inside, blocks))
    )


def _in_order(model: nn.Module, parts: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    """Sort parts by when ``forward`` first uses them; one that it does not use goes with the part registered before."""
    graph = trace(model, training=True) or trace(model, training=False)
    if graph is None:
        return parts
    first: dict[str, int] = {}
    for place, name in enumerate(calls(graph)):
        path = name.split(".")
        for length in range(1, len(path) + 1):
            first.setdefault(".".join(path[:length]), place)
    places: list[int] = []
    for name, _ in parts:
        places.append(first.get(name, places[-1] if places else -1))
    return [parts[index] for index in sorted(range(len(parts)), key=places.__getitem__)]


def _without_decay(model: nn.Module) -> set[nn.Parameter]:
    """The parameters that weight decay would only shrink: biases, scales, those of norms."""
    found = {one for module in model.modules() if isinstance(module, _NORMS) for one in module.parameters()}
    named = model.named_parameters()
    return found | {one for name, one in named if one.ndim <= 1 or "bias" in name.rpartition(".")[2]}


@suggests_arguments
def regroup(
    optimizer: Optimizer, model: nn.Module | Trainer, *, decay: float = 0.75, learning_rate: float | None = None
) -> None:
    """Split an optimizer's groups by layers in place, each layer at ``decay`` times the rate of the one above.

    What the optimizer remembers of each parameter stays, and so do a group's other options. Grouping again starts from
    the rates before, never from lowered ones. ``fine_tune`` does this; do it yourself to load a checkpoint of its
    second phase into a new trainer: ``regroup(trainer.optimizer, trainer.model)``, then ``trainer.load(folder)``.

    Args:
        optimizer: Any optimizer of torch that takes parameter groups.
        model: Whose layers, or the trainer that has it; parameters that are not its own keep their rate.
        decay: As in ``param_groups``.
        learning_rate: That of the last layer; ``None`` takes each group's own.

    Raises:
        ValueError: If the optimizer takes one group only, as LBFGS, or a number is out of range.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> regroup(optimizer, model, decay=0.5)
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.05]
    """
    model = as_module("model", model)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer is a {type(optimizer).__name__}, and it takes one of torch.optim. Pass trainer.optimizer; "
            "where there are several, each of trainer.optimizers.values()."
        )
    check_decay(decay)
    if learning_rate is not None:
        _check_rates(learning_rate, decay)
    check_takes_groups(optimizer)
    optimizer.param_groups[:] = _split(optimizer, model, decay, learning_rate)


def check_takes_groups(optimizer: Optimizer) -> None:
    """Refuse an optimizer that has one rate for all."""
    if isinstance(optimizer, LBFGS):
        raise ValueError(
            "LBFGS has one rate for all parameters, and layers shall have their own. Take another optimizer, such as "
            "'adam', to fine-tune."
        )


def _split(optimizer: Optimizer, model: nn.Module, decay: float, rate: float | None) -> list[dict[str, Any]]:
    """The groups of an optimizer by layer, the last layer's first; at the end what is not the model's."""
    by_layer = [(name, factor, set(parameters)) for name, factor, parameters in _factors(model, decay)]
    known = {one for _, _, parameters in by_layer for one in parameters}
    foreign = {one for group in optimizer.param_groups for one in group["params"]} - known
    found: list[dict[str, Any]] = []
    for name, factor, parameters in [*by_layer, (None, 1.0, foreign)]:
        for group in optimizer.param_groups:
            held = [one for one in group["params"] if one in parameters]
            if not held:
                continue
            options = {key: value for key, value in group.items() if key not in _MADE}
            own = base_rate(group) if rate is None or name is None else rate
            options |= {"lr": _rate_like(group["lr"], own * factor), "name": name or "other", "rate_factor": factor}
            found.append({"params": held, **options})
    return found


def base_rate(group: Mapping[str, Any]) -> float:
    """Return a group's rate before its layer, or the schedule of an earlier fit, lowered it."""
    rate = float(group["lr"])
    before, left = group.get("scheduled_lr", (rate, rate))  # as LRSchedule leaves it
    return (float(before) if left == rate else rate) / float(group.get("rate_factor", 1.0))


def _rate_like(present: Any, rate: float) -> Any:
    """A rate of the present one's kind: a compiled or captured step wants a tensor."""
    return torch.full_like(present, rate) if isinstance(present, torch.Tensor) else rate
