"""Untouched: a model is asked a thousand questions, and is afterwards what it was, also where one of them failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from neurokit import modes
from neurokit.seeding import preserved_rng

_TABLES = ("_parameters", "_buffers", "_modules")


@contextmanager
def untouched(*models: nn.Module) -> Iterator[None]:
    """Put models in ``eval()`` for a block and leave them, and every random stream, as they were before.

    What is put back on every way out: parameters and buffers, which there are and their values (an ``nn.Embedding`` of
    ``max_norm`` writes into its weight when it is called), ``requires_grad``, gradients, hooks, and each submodule's
    mode. Costs one copy of the weights for as long as the block runs.

    Args:
        *models: The modules; none where only random streams are to be kept.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        >>> with untouched(model):
        ...     _ = model.register_forward_hook(print), model[0].weight.data.zero_(), torch.rand(1)
        >>> model.training, len(model._forward_hooks), bool(model[0].weight.any())
        (True, 0, True)
    """
    with preserved_rng(), ExitStack() as stack:
        for model in models:
            stack.callback(_put_back, [_Kept(module) for module in model.modules()])
            stack.enter_context(modes.evaluating(model))
        yield


class _Kept:
    """What one module holds of its own: its tables by name, its hooks, and the values of its tensors."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.full_hooks = module._is_full_backward_hook
        held = vars(module)
        names = [name for name in held if name in _TABLES or "hooks" in name]
        self.tables = {name: dict(held[name]) for name in names if isinstance(held[name], dict)}
        tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        self.tensors = [(one, one.detach().clone(), one.requires_grad, one.grad) for one in tensors if one.is_leaf]

    def put_back(self) -> None:
        """Give the module all of it again; what did not change is not written."""
        self.module._is_full_backward_hook = self.full_hooks
        for name, before in self.tables.items():
            now = vars(self.module)[name]
            if [(key, id(one)) for key, one in now.items()] != [(key, id(one)) for key, one in before.items()]:
                now.clear()
                now.update(before)
        for tensor, value, requires_grad, gradient in self.tensors:
            if not torch.equal(tensor.detach(), value):
                tensor.data.copy_(value)
            tensor.requires_grad_(requires_grad)
            tensor.grad = gradient


def _put_back(kept: list[_Kept]) -> None:
    for one in kept:
        one.put_back()
