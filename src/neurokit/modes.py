"""Modes: train or eval, submodule by submodule, put back on every way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def training(model: nn.Module) -> Iterator[None]:
    """Put a model in training mode, except what the user put in ``eval()``; restore every mode afterwards.

    A model that is in ``eval()`` as a whole (as pretrained ones arrive) trains as a whole: nobody chose a part of it.
    Layers that ``hold_still`` was told of stay in ``eval()`` anyhow.
    """
    before = {module: module.training for module in model.modules()}
    whole = not any(before.values())
    kept = [module for module, mode in before.items() if not (mode or whole) or keeps_still(module)]
    try:
        model.train()
        for module in kept:
            module.training = module is model  # a part in eval() stays so; the root itself trains
        yield
    finally:
        _restore(before)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a whole model in ``eval()`` and restore every submodule's mode afterwards."""
    before = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        _restore(before)


def _restore(modes: Mapping[nn.Module, bool]) -> None:
    for module, mode in modes.items():
        module.training = mode


def get_modes(model: nn.Module) -> dict[str, bool]:
    """Return each submodule's mode by its name: what a checkpoint remembers."""
    return {name: module.training for name, module in model.named_modules()}


def set_modes(model: nn.Module, modes: Mapping[str, bool]) -> None:
    """Put back what ``get_modes`` returned; names that are gone are passed over."""
    for name, module in model.named_modules():
        module.training = modes.get(name, module.training)


def trains_batch_norm(model: nn.Module, kind: type[nn.Module] = nn.modules.batchnorm._BatchNorm) -> bool:
    """Tell whether a BatchNorm layer, or one of a certain kind, will take statistics of a training batch."""
    norms = [module for module in model.modules() if isinstance(module, kind) and not keeps_still(module)]
    whole = not any(module.training for module in model.modules())
    return any(module.training or whole for module in norms)


def _stay_still(module: nn.Module, args: Any) -> None:
    """Keep a frozen norm layer in ``eval()``, whoever calls ``train()``; a hook, and a plain function to be pickled.

    A layer without momentum is let go: ``torch.optim.swa_utils.update_bn`` takes it away while it measures anew.
    """
    if module.training and keeps_still(module) and getattr(module, "momentum", 0.1) is not None:
        module.eval()


def hold_still(module: nn.Module, *, still: bool) -> None:
    """Register the hook, once, or remove it. It is found by what it is: a handle would not survive a copy."""
    if still and not is_held_still(module):
        module.register_forward_pre_hook(_stay_still)
    if not still:
        for key in [key for key, hook in module._forward_pre_hooks.items() if hook is _stay_still]:
            del module._forward_pre_hooks[key]


def is_held_still(module: nn.Module) -> bool:
    """Tell whether ``hold_still`` was told of a layer."""
    return any(hook is _stay_still for hook in module._forward_pre_hooks.values())


def keeps_still(module: nn.Module) -> bool:
    """Tell whether a norm layer stays in ``eval()``: it is held so, and has no weights that may learn again."""
    weight = getattr(module, "weight", None)  # affine=False has none
    return is_held_still(module) and (weight is None or not weight.requires_grad)
