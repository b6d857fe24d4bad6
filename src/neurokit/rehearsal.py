"""Rehearsal: run something with a trainer, then have everything back as it was, wholly or where it came to nothing."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit.seeding import preserved_rng, rng_state, set_rng_state

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

_WITNESSES = 8  # of the smallest trainable parameters: if none of them moved, no step was made


@contextmanager
def preserved(trainer: Trainer, *others: nn.Module | Optimizer) -> Iterator[None]:
    """Run a block, such as a few steps, and put back all that it changed, exceptions included.

    That is every parameter and buffer (in place, so references stay good), gradients, modes, what is trainable, the
    optimizers' states and groups, the loss's own state, scaler, counters, history, record and every random stream; and
    the same of other networks and optimizers, which a step of the user's may train. Costs a copy of them. Lazy
    parameters that took their shapes keep these.
    """
    held = [trainer.model, *(one.function for one in trainer.criteria()), *others]
    weights = [_module_state(one) for one in held if isinstance(one, nn.Module)]
    optimizers = [
        _optimizer_state(one) for one in (*trainer.optimizers.values(), *others) if isinstance(one, Optimizer)
    ]
    with preserved_attributes(trainer, trainer.state, trainer.runtime, *trainer.criteria()):
        try:
            with preserved_rng():
                yield
        finally:
            for restore in (*weights, *optimizers):
                restore()


@contextmanager
def preserved_attributes(*objects: Any) -> Iterator[None]:
    """Run a block and give objects back the attributes they had: the same ones, whatever happened to them inside."""
    before = [(one, dict(vars(one))) for one in objects]
    try:
        yield
    finally:
        for one, values in before:
            vars(one).clear()
            vars(one).update(values)


@contextmanager
def unsaid() -> Iterator[None]:
    """Keep notes from being said."""

    def refuse(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(refuse)
    try:
        yield
    finally:
        logger.removeFilter(refuse)


@torch.no_grad()
def undoing(trainer: Trainer) -> Callable[[], None]:
    """Return what takes back a fit that has made no step yet: the trainer, buffers and random streams.

    Costs no copy of the weights: a fit that has moved them stays as it is.
    """
    attributes, streams = dict(vars(trainer)), rng_state()
    trainable = (one for one in trainer.model.parameters() if one.requires_grad and not nn.parameter.is_lazy(one))
    own = sorted(filter(Tensor.numel, (_own_part(one.detach()) for one in trainable)), key=Tensor.numel)
    witnesses = [(one, one.clone()) for one in own[:_WITNESSES]]  # fused steps leave _version alone
    weights = [(one, one.class_weight, one.counts_ignored) for one in trainer.criteria()]
    restore_buffers = _values(trainer.model.buffers())

    @torch.no_grad()
    def undo() -> None:
        if trainer.state.updates or not all(torch.equal(one, before) for one, before in witnesses):
            return
        vars(trainer).update(attributes)
        for criterion, class_weight, counts_ignored in weights:
            criterion.class_weight, criterion.counts_ignored = class_weight, counts_ignored
        restore_buffers()
        set_rng_state(streams)

    return undo


def _own_part(tensor: Any) -> Tensor:
    """What this process holds of a tensor that may be divided: to compare the whole would take all processes."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor  # type: ignore[no-any-return]


def _values(tensors: Iterable[Tensor]) -> Callable[[], None]:
    """Remember the values of tensors; return what puts them back in place. Lazy ones keep the shapes they take."""
    before = [(one, one.detach().clone()) for one in tensors if not nn.parameter.is_lazy(one)]

    @torch.no_grad()
    def restore() -> None:
        for tensor, value in before:
            tensor.copy_(value)

    return restore


def _module_state(module: nn.Module) -> Callable[[], None]:
    """Remember a module; return what puts it back."""
    restore_values = _values([*module.parameters(), *module.buffers()])
    gradients = [(one, one.grad, None if one.grad is None else one.grad.clone()) for one in module.parameters()]
    trainable = [(one, one.requires_grad) for one in module.parameters()]
    modes = [(one, one.training) for one in module.modules()]
    extra = {name: one for name, one in module.state_dict().items() if not isinstance(one, Tensor)}

    def restore() -> None:
        restore_values()
        with torch.no_grad():
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


def _optimizer_state(optimizer: Optimizer) -> Callable[[], None]:
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
