"""Rehearsal: run something with a trainer, then have everything back as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit.seeding import preserved_rng

if TYPE_CHECKING:
    from neurokit.trainer import Trainer


@contextmanager
def preserved(trainer: Trainer) -> Iterator[None]:
    """Run a block, such as a few steps, and put back all that it changed, exceptions included.

    That is every parameter and buffer (in place, so references stay good), gradients, modes, what is trainable, the
    optimizers' states and groups, the loss's own state, scaler, counters, history, record and every random stream.
    Costs a copy of them. Lazy parameters that took their shapes keep these.
    """
    modules = [trainer.model, *(one.function for one in trainer.criteria() if isinstance(one.function, nn.Module))]
    attributes = dict(vars(trainer))
    shallow = [(one, dict(vars(one))) for one in (trainer.state, trainer.runtime, *trainer.criteria())]
    weights = [_module_state(module) for module in modules]
    optimizers = [_optimizer_state(optimizer) for optimizer in trainer.optimizers.values()]
    try:
        with preserved_rng():
            yield
    finally:
        for restore in (*weights, *optimizers):
            restore()
        for one, values in shallow:
            vars(one).clear()
            vars(one).update(values)
        vars(trainer).clear()
        vars(trainer).update(attributes)


def _module_state(module: nn.Module) -> Any:
    """Remember a module; return what puts it back."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    values = {name: None if nn.parameter.is_lazy(one) else one.detach().clone() for name, one in tensors.items()}
    gradients = [(one, one.grad, None if one.grad is None else one.grad.clone()) for one in module.parameters()]
    trainable = [(one, one.requires_grad) for one in module.parameters()]
    modes = [(one, one.training) for one in module.modules()]
    extra = {name: one for name, one in module.state_dict().items() if not isinstance(one, Tensor)}

    def restore() -> None:
        with torch.no_grad():
            for name, value in values.items():
                if value is not None:
                    tensors[name].copy_(value)
            for parameter, gradient, before in gradients:
                parameter.grad = gradient
                if gradient is not None and before is not None:
                    gradient.copy_(before)
        for parameter, flag in trainable:
            parameter.requires_grad_(flag)
        for submodule, mode in modes:
            submodule.training = mode
        if extra:
            module.load_state_dict(extra, strict=False)

    return restore


def _optimizer_state(optimizer: Optimizer) -> Any:
    """Remember an optimizer; return what puts it back."""
    state = {parameter: copy.deepcopy(values) for parameter, values in optimizer.state.items()}
    groups = [(group, _group_values(group)) for group in optimizer.param_groups]

    def restore() -> None:
        optimizer.state.clear()
        optimizer.state.update(state)
        optimizer.param_groups[:] = [group for group, _ in groups]
        for group, values in groups:
            group.clear()
            group.update(values)

    return restore


def _group_values(group: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if name == "params" else copy.deepcopy(value) for name, value in group.items()}
