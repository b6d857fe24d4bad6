"""Stepping: one update by an optimizer, and who is to hear of it."""

from __future__ import annotations

from typing import Any

from torch.autograd import profiler
from torch.optim import Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

_WRAPPER = Optimizer.profile_hook_step(lambda self: None).__code__  # other wrappers may copy its attributes


def update(optimizer: Any) -> None:
    """Step an optimizer. What torch wraps around ``step`` is left out where it does nothing: a tenth of a small step.

    The wrapper calls hooks and names the step in a profile. So with a hook, a profiler, or a ``step`` that was
    replaced, and for what is no optimizer of torch, this is ``optimizer.step()``.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> weight.grad = torch.ones(1)
        >>> update(torch.optim.SGD([weight], lr=0.5))
        >>> weight.item()
        0.5
    """
    step, own = type(optimizer).step, vars(optimizer).get("step")
    if (  # has_step_hooks without the call: a batch has thirty for all it does
        not getattr(step, "hooked", False)
        or step.__code__ is not _WRAPPER
        or profiler._is_profiler_enabled
        or optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
        or (own is not None and has_own_step(optimizer))
    ):
        optimizer.step()
        return
    if own is not None:
        optimizer._opt_called = True  # what a scheduler's wrapper tells it
    step.__wrapped__(optimizer)


def has_step_hooks(optimizer: Optimizer) -> bool:
    """Tell whether anyone is to be called before or after each step of an optimizer."""
    return bool(
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )


def has_own_step(optimizer: Optimizer) -> bool:
    """Tell whether ``step`` was replaced on this optimizer; a scheduler's wrapper, which counts calls, is no such."""
    own: Any = vars(optimizer).get("step")
    by_scheduler = getattr(own, "_wrapped_by_lr_sched", False) and own.__wrapped__ is type(optimizer).step
    return own is not None and not by_scheduler
