"""Modes: train or eval, submodule by submodule, put back on every way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn


@contextmanager
def training(model: nn.Module) -> Iterator[None]:
    """Put a model in training mode, except what the user put in ``eval()``; restore every mode afterwards.

    A model that is in ``eval()`` as a whole (as pretrained ones arrive) trains as a whole: nobody chose a part of it.
    """
    before = {module: module.training for module in model.modules()}
    kept = [module for module, mode in before.items() if not mode] if any(before.values()) else []
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


def trains_batch_norm(model: nn.Module) -> bool:
    """Tell whether a BatchNorm layer will take statistics of a training batch."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    whole = not any(module.training for module in model.modules())
    return any(module.training or whole for module in norms)
