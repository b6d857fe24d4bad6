"""Sharding: weights, gradients and optimizer state divided between the processes, by torch's ``fully_shard``.

The module stays the user's, and its names stay what they are; its parameters become torch's ``DTensor``. Each process
writes its own part of a checkpoint, and reads of one what it needs, so that any number of processes goes on with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit.distributed import private
from neurokit.distributed.group import shared
from neurokit.tree import map_tensors


def shard(module: nn.Module) -> None:
    """Divide a module's weights, those of the first process, between all of them. Optimizers are made afterwards."""
    from torch.distributed.fsdp import FSDPModule, fully_shard  # half a second, which one process does not pay

    if isinstance(module, FSDPModule):
        return
    private.broadcast([one.detach() for one in (*module.parameters(), *module.buffers())])
    for block in blocks(module):
        fully_shard(block)
    fully_shard(module, reshard_after_forward=True)  # the root too: whoever looks at weights finds them divided


def blocks(module: nn.Module) -> list[nn.Module]:
    """Return the repeated parts of a model, such as a transformer's layers: each is gathered and let go as one.

    They are the members of lists and sequences, of a class that is there more than once and is made of others.

    Example:
        >>> layer = nn.TransformerEncoderLayer(8, 2)
        >>> len(blocks(nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)))
        3
    """
    members = [
        member
        for part in module.modules()
        if isinstance(part, (nn.ModuleList, nn.Sequential))
        for member in part
        if any(True for _ in member.children()) and any(True for _ in member.parameters())
    ]
    kinds = Counter(map(type, members))
    return [member for member in dict.fromkeys(members) if kinds[type(member)] > 1]


class Sharding:
    """What ``Averaging`` is where weights are whole: makes gradients those of the whole batch.

    ``fully_shard`` averages over the processes, each with equal weight, so the gradient of what the model puts out is
    multiplied by this process's share and their number on its way back.

    Args:
        world: How many processes there are.

    Attributes:
        share: What this process's gradients count in the sum.
    """

    missing: tuple[str, ...] = ()
    divides_by_numbers = True  # a DTensor takes no tensor of another kind
    adds_up_inside = False  # the share comes before any layer's backward pass

    def __init__(self, world: int) -> None:
        self.world = world
        self.share: Tensor | float = 1.0
        self._module: nn.Module | None = None
        self._handle: Any = None

    def attach(self, module: nn.Module, others: Iterable[nn.Module], optimizers: Sequence[Optimizer]) -> None:
        """Begin: from here on gradients are those of the whole batch."""
        self.detach()
        self._module, self._handle = module, module.register_forward_hook(self._after_forward)
        self.share_buffers()

    def detach(self) -> None:
        """End: gradients are as torch makes them. The weights stay divided."""
        if self._handle is not None:
            self._handle.remove()
        self._module = self._handle = None

    def share_buffers(self) -> None:
        """Give every process the first one's buffers."""
        if self._module is not None:
            private.broadcast([one.detach() for one in self._module.buffers()])

    def complete(self, parameters: Iterable[nn.Parameter]) -> None:
        """Nothing is left to be averaged."""

    def total(self, gradient: Tensor) -> Tensor:
        """Return what an open window's gradient is in all processes together: it was added up when it came."""
        return gradient

    def part(self, parameter: nn.Parameter, gradient: Tensor) -> Any:
        """Return this process's part of such a total, divided as its parameter is."""
        return _like(parameter, gradient)

    def _after_forward(self, module: nn.Module, args: Any, output: Any) -> Any:
        if not (module.training and torch.is_grad_enabled()):
            return None
        return map_tensors(lambda one: _Weighed.apply(one, self) if one.requires_grad else one, output)


class _Weighed(torch.autograd.Function):
    """A tensor whose gradient is multiplied by a process's share, as it is when the gradient comes."""

    @staticmethod
    def forward(context: Any, tensor: Tensor, engine: Sharding) -> Tensor:
        context.engine = engine
        return tensor.view_as(tensor)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        engine: Sharding = context.engine
        return shared(gradient * engine.world, engine.share), None


def whole(state: Any) -> Any:
    """Return a state with every tensor whole, in each process. Each must call it."""
    from torch.distributed.tensor import DTensor

    return map_tensors(lambda one: one.full_tensor() if isinstance(one, DTensor) else one, state)


def divided(own: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return whole tensors, by name, divided as a module's own are."""
    return {name: _like(own.get(name), value) for name, value in values.items()}


def divided_states(parameters: Mapping[str, Tensor], states: Mapping[str, Any]) -> dict[str, Any]:
    """Return an optimizer's states, by parameter's name, divided as the parameters are."""
    return {
        name: {key: _like(parameters.get(name), value) for key, value in values.items()}
        for name, values in states.items()
    }


def _like(own: Any, value: Any) -> Any:
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(own, DTensor) or not isinstance(value, Tensor) or value.shape != own.shape:
        return value
    if isinstance(value, DTensor):  # as it was read
        return value
    return distribute_tensor(value.to(own.device), own.device_mesh, own.placements, src_data_rank=None)
