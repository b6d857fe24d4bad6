"""Private: every call into torch that torch does not promise, in one place. A two-rank test guards each of them.

Torch's own way to attach its reducer to a module in place, ``torch.distributed._composable.replicate``, changes the
module's class and cannot be taken off again. So ``DistributedDataParallel`` is made around the module, and what its
``forward`` does before and after the module's is done by hooks instead (the same in torch 2.11 and 2.14).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

_BUCKET = 250 * 2**20  # bytes broadcast at once, as DistributedDataParallel has it


def reducer(module: nn.Module) -> DistributedDataParallel:
    """Return torch's reducer for a module; buffers are left alone, under either of the names that torch has for it."""
    named = "forward_sync_buffers" in inspect.signature(DistributedDataParallel.__init__).parameters
    left: dict[str, Any] = {"forward_sync_buffers" if named else "broadcast_buffers": False}
    return DistributedDataParallel(module, **left)


def before_forward(ddp: DistributedDataParallel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do what ``DistributedDataParallel.forward`` does before the module's."""
    return ddp._pre_forward(*args, **kwargs)


def after_forward(ddp: DistributedDataParallel, output: Any) -> Any:
    """Do what ``DistributedDataParallel.forward`` does after the module's: the reducer waits for its gradients."""
    return ddp._post_forward(output)


def broadcast(tensors: Sequence[Tensor]) -> None:
    """Give every process rank 0's tensors, many in one message."""
    if tensors:
        send: Any = distributed._broadcast_coalesced  # type: ignore[attr-defined]
        send(distributed.distributed_c10d._get_default_group(), list(tensors), _BUCKET, 0)


def default_store() -> Any:
    """Return the store in which the processes met."""
    return distributed.distributed_c10d._get_default_store()


def is_broken_talk(error: BaseException | None) -> bool:
    """Tell whether an exception, or one behind it, says that another process did not answer."""
    while error is not None:
        text = str(error)
        if isinstance(error, distributed.DistError) or any(word in text for word in _BROKEN):
            return True
        error = error.__cause__ or error.__context__
    return False


_BROKEN = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "gloo/transport", "monitoredBarrier",
           "Timed out waiting", "Application timeout", "NCCL", "ProcessGroup")  # fmt: skip
