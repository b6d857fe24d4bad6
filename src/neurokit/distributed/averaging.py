"""Averaging: gradients that are those of the whole batch, over torch's reducer, attached to the user's own module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from neurokit.distributed import private
from neurokit.distributed.group import shared
from neurokit.processes import Group


class Averaging:
    """Makes each process's gradients those of the whole batch, before any optimizer steps.

    Torch's ``DistributedDataParallel`` does it bucket by bucket while the backward pass runs, each bucket times this
    process's share and added up. It is attached to the module by hooks, so that whoever calls the module in training
    mode has it prepared. What it did not reduce, because a part of the module was called, a loss has parameters of
    its own, or a parameter got no gradient, is averaged when its optimizer steps. So no way of calling the model
    trains unsynchronised.

    Args:
        group: The processes.
        overlaps: Whether to attach the reducer at all. It takes one backward pass for each call of the module.
        closes: Tells whether the present step ends its accumulation window: before that nothing is averaged.

    Attributes:
        share: What this process's gradients count in the sum.
        adds_up_inside: Whether the backward pass of a layer adds up over the processes itself, as SyncBatchNorm's does:
            then the share must be in the loss already.
    """

    divides_by_numbers = False

    def __init__(self, group: Group, *, overlaps: bool, closes: Callable[[], bool]) -> None:
        self.group, self.overlaps, self._closes = group, overlaps, closes
        self.share: Tensor | float = 1.0
        self.adds_up_inside = False
        self._reducer: DistributedDataParallel | None = None
        self._handles: list[Any] = []
        self._futures: list[Any] = []
        self._reduced: set[Tensor] = set()  # parameters whose present gradients are the whole batch's
        self._started = 0  # parameters whose reduction began since the module was called
        self._trainable: list[nn.Parameter] = []
        self._module: nn.Module | None = None
        self._is_prepared = False
        self.missing: list[str] = []  # parameters that got no gradient, for which the reducer would wait for ever

    def attach(self, module: nn.Module, others: Iterable[nn.Module], optimizers: Sequence[Optimizer]) -> None:
        """Begin: every process takes rank 0's weights, and from here on gradients are those of the whole batch.

        Args:
            module: The user's own, which stays what it is.
            others: Losses that have parameters.
            optimizers: Whoever steps.
        """
        self.detach()
        self._module = module
        self.adds_up_inside = any(isinstance(one, nn.SyncBatchNorm) for one in module.modules())
        tensors = [one.detach() for part in (module, *others) for one in (*part.parameters(), *part.buffers())]
        private.broadcast(tensors)
        self._handles = [one.register_step_pre_hook(self._before_step) for one in optimizers]
        self._handles += [one.register_step_post_hook(self._after_step) for one in optimizers]
        if self.overlaps:
            self._handles.append(module.register_forward_pre_hook(self._before_forward, with_kwargs=True))
            self._handles.append(module.register_forward_hook(self._after_forward))

    def detach(self) -> None:
        """End: the module is as it was."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._reducer, self._trainable, self._module = [], None, [], None
        self._forget()

    def share_buffers(self) -> None:
        """Give every process rank 0's buffers, running statistics among them, as ``DistributedDataParallel`` does."""
        if self._module is not None:
            private.broadcast([one.detach() for one in self._module.buffers()])

    def total(self, gradient: Tensor) -> Tensor:
        """Return what an open window's gradient is in all processes together."""
        return self.group.add_up(gradient)

    def part(self, parameter: nn.Parameter, gradient: Tensor) -> Tensor:
        """Return this process's part of such a total: the first takes all of it, the others nothing."""
        return gradient if self.group.is_first else torch.zeros_like(gradient)

    def _forget(self) -> None:
        self._reduced.clear()
        self._futures.clear()
        self._started, self._is_prepared = 0, False

    # ------------------------------------------------------------------------------------------ while a backward runs

    def _before_forward(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not (module.training and torch.is_grad_enabled() and self.overlaps):
            return None
        reducer = self._prepared(module)
        if reducer is None:
            return None
        self._forget()
        self._is_prepared = True
        reducer.require_backward_grad_sync = self._closes()
        return private.before_forward(reducer, args, kwargs)

    def _after_forward(self, module: nn.Module, args: Any, output: Any) -> Any:
        if not (self._is_prepared and self._reducer is not None and torch.is_grad_enabled() and module.training):
            return None
        return private.after_forward(self._reducer, output)

    def _prepared(self, module: nn.Module) -> DistributedDataParallel | None:
        """The reducer over what is trainable now: unfreezing a part makes another one."""
        trainable = [one for one in module.parameters() if one.requires_grad]
        same = len(trainable) == len(self._trainable)
        if not same or any(one is not other for one, other in zip(trainable, self._trainable, strict=True)):
            self._trainable = trainable
            self._reducer = private.reducer(module) if trainable else None
            if self._reducer is not None:
                self._reducer.register_comm_hook(self, lambda state, bucket: state._reduce(bucket))
        return self._reducer

    def _reduce(self, bucket: Any) -> Any:
        """Add up one bucket over the processes, while the backward pass goes on."""
        parameters = bucket.parameters()
        self._started += len(parameters)
        self._reduced.update(parameters)
        work = dist.all_reduce(shared(bucket.buffer(), self.share), async_op=True)
        future = work.get_future()
        self._futures.append(future)
        return future.then(lambda done: done.value()[0])

    # ---------------------------------------------------------------------------------------------- when a step comes

    def complete(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average what the reducer has not: from here on all these gradients are the whole batch's."""
        if self._is_prepared and self._closes() and self._started < len(self._trainable):
            self._give_up()
        left = [one for one in parameters if one.grad is not None and one not in self._reduced]
        if left:
            self.group.average([one.grad for one in left if one.grad is not None], self.share)
            self._reduced.update(left)

    def _give_up(self) -> None:
        """Go on without overlap: a parameter without a gradient leaves the reducer waiting for it."""
        assert self._module is not None
        for future in self._futures:
            future.wait()
        self.missing = [name for name, one in self._module.named_parameters() if one.requires_grad and one.grad is None]
        self.overlaps, self._reducer, self._trainable = False, None, []
        self._forget()

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.complete(one for group in optimizer.param_groups for one in group["params"])

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._reduced.difference_update(one for group in optimizer.param_groups for one in group["params"])
