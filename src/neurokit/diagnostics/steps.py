"""Checks of the step: what the optimizer holds, whether gradients arrive and are cleared, and whether weights move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit import modes
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import FirstEpoch
from neurokit.diagnostics.setup import Setup
from neurokit.seeding import preserved_rng

_MANY_STEPS = 16


def not_in_optimizer(setup: Setup) -> Finding | None:
    """Parameters could learn and will not: no optimizer holds them, as after a layer was replaced."""
    held = _held(setup.optimizers.values())
    left = [name for name, one in setup.model.named_parameters() if one.requires_grad and one not in held]
    if not left or not held:  # a lazy model's optimizer is built when its parameters have shapes, of all of them
        return None
    return Finding(
        "warning",
        f"No optimizer holds {listed(left)}: they keep their values. Build the trainer once the model is complete, "
        "add them with trainer.optimizer.add_param_group({'params': ...}), or freeze them with requires_grad_(False).",
    )


def _held(optimizers: Iterable[Optimizer]) -> set[nn.Parameter]:
    return {parameter for one in optimizers for group in one.param_groups for parameter in group["params"]}


def zero_learning_rate(setup: Setup) -> Finding | None:
    """The learning rate is 0, and nothing is there to raise it (S15)."""
    groups = [group for one in setup.optimizers.values() for group in one.param_groups]
    if not groups or setup.callbacks or setup.steps_itself or any(float(group["lr"]) for group in groups):
        return None
    return Finding(
        "error",
        f"The learning rate is 0 in all {len(groups)} parameter groups, so nothing can learn. Pass "
        "Trainer(..., learning_rate=1e-3), or leave it out for torch's default.",
    )


def unreached_parameters(epoch: FirstEpoch) -> Finding | None:
    """A part of the model is called and gets no gradient: detach(), .data or NumPy stands behind it (S15)."""
    setup, still = epoch.setup, set(epoch.still)
    if not setup.plain or setup.batch is None or setup.batch.y is None:
        return None
    trainable = {name: one for name, one in epoch.model.named_parameters() if one.requires_grad}
    left = {name: one for name, one in trainable.items() if one.grad is None and name in still}
    if not left or len(left) == len(trainable):  # all of them: nothing-learns says so
        return None
    outputs, called = _run_once(epoch.model, setup.batch.x)  # one more forward pass, for a suspicious model only
    reached = _leaves(outputs)
    owners = dict(epoch.model.named_modules())
    cut = [name for name, one in left.items() if owners[name.rpartition(".")[0]] in called and id(one) not in reached]
    if not cut or not reached:  # parts that are not in use, or in use under no_grad(), are so on purpose
        return None
    return Finding(
        "warning",
        f"{listed(cut)} can learn and got no gradient in the first epoch: their layers are called, and nothing flows "
        "back to them from any output. Look for detach(), .data, .item(), NumPy or argmax between these layers and the "
        "output, or freeze them with requires_grad_(False).",
    )


def _leaves(outputs: Any) -> set[int]:
    """The ids of the tensors that gradients of any output flow back to; none where an output cannot be looked into."""
    tensors: list[Tensor] = []
    if not _collect(outputs, tensors):
        return set()
    found = {id(one) for one in tensors if one.grad_fn is None}
    ahead: list[Any] = [one.grad_fn for one in tensors if one.grad_fn is not None]
    seen = set(ahead)
    while ahead:
        node = ahead.pop()
        if (variable := getattr(node, "variable", None)) is not None:
            found.add(id(variable))
        following = {one for one, _ in node.next_functions if one is not None} - seen
        seen |= following
        ahead.extend(following)
    return found


def _collect(value: Any, tensors: list[Tensor]) -> bool:
    """Gather the tensors of a model's outputs; tell whether these hold nothing else that could have some."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return True
    if value is None or isinstance(value, (str, bool, int, float)):
        return True
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else None
    if members is None and hasattr(value, "__dict__"):
        members = vars(value).values()
    return members is not None and all(_collect(one, tensors) for one in members)


def _run_once(model: nn.Module, x: Any) -> tuple[Any, set[nn.Module]]:
    """Return the outputs of ``forward`` with their graph, and the modules it calls with gradients switched on."""
    called: set[nn.Module] = set()

    def note(module: nn.Module, _: Any) -> None:
        if torch.is_grad_enabled():
            called.add(module)

    handles = [module.register_forward_pre_hook(note) for module in model.modules()]
    try:
        with modes.evaluating(model), torch.enable_grad(), preserved_rng():
            return (model(*x) if type(x) is tuple else model(**x) if type(x) is dict else model(x)), called
    finally:
        for handle in handles:
            handle.remove()


def gradients_not_cleared(epoch: FirstEpoch) -> Finding | None:
    """A step of the user's own updates with the gradients of all steps before: zero_grad() is missing (S16)."""
    if epoch.at_work is None or not epoch.at_work.stale:
        return None
    stale = [one for one in epoch.optimizers() if id(one) in epoch.at_work.stale]
    kinds = " and ".join(type(one).__name__ for one in stale)
    return Finding(
        "warning",
        f"Your train_step updates with {kinds} while the gradients of the update before are still there: they add up "
        "from step to step, and the weights follow old batches. Call optimizer.zero_grad() before "
        "loss.backward(), or self.runtime.zero_grad().",
    )


def nothing_learns(epoch: FirstEpoch) -> Finding | None:
    """After the first epoch no parameter has moved (S15)."""
    before, after = epoch.moments()
    parameters = epoch.parameters()
    trainable = {name: one for name, one in parameters.items() if one.requires_grad or name not in before.frozen}
    moved = trainable.keys() - set(epoch.still)
    optimizers = epoch.optimizers()
    if not trainable or (moved and not _only_decays(optimizers)) or epoch.logs.get("loss") == 0:
        return None
    if epoch.at_work and before.buffers != after.buffers:  # a step that learns in buffers
        return None
    why = _why_nothing_moves(epoch, trainable, optimizers, bool(moved))
    if why is None:
        return None
    state = epoch.trainer.state
    return Finding(
        "error",
        f"Nothing learns: after {state.batch} batches none of {len(trainable)} trainable parameter tensors "
        f"({listed(trainable)}) {'moved but by weight decay' if moved else 'has moved'}. {why}",
    )


def _why_nothing_moves(
    epoch: FirstEpoch, trainable: Mapping[str, nn.Parameter], optimizers: list[Optimizer], decays: bool
) -> str | None:
    """What keeps the weights where they are; ``None`` where they may yet move, or only look still in a sample."""
    groups = [group for one in optimizers for group in one.param_groups]
    arrived = {name: one.grad for name, one in trainable.items() if one.grad is not None}
    if arrived and not any(bool(_values(gradient).any()) for gradient in arrived.values()):
        return (
            "All gradients are exactly 0: look for ReLU layers that give 0 for every row (another learning rate, "
            "LeakyReLU or GELU), or a loss that does not depend on the model."
        )
    if decays:
        return None
    if groups and not any(float(group["lr"]) for group in groups):
        scheduled = any(float(group.get("initial_lr", 0)) for group in groups)
        later = (scheduled and epoch.setup.epochs > 1) or (epoch.setup.rehearsal and epoch.setup.callbacks)
        return None if later else "The learning rate is 0. Pass Trainer(..., learning_rate=1e-3), or schedule another."
    if not arrived:
        what = "call loss.backward() in train_step, of a loss" if epoch.setup.steps_itself else "compute a loss"
        return f"No gradient arrived at any of them: {what} that was made from the model's outputs, not detached."
    steps = None if epoch.at_work is None else sum(epoch.at_work.updates.values())
    if epoch.setup.steps_itself and steps == 0 and epoch.trainer.runtime.scaler is None:
        if epoch.setup.rehearsal and epoch.trainer.state.step < _MANY_STEPS:  # it may accumulate over more batches
            return None
        return "Gradients arrive and no optimizer steps: call optimizer.step() in train_step, after loss.backward()."
    if _held(optimizers).isdisjoint(trainable[name] for name in arrived):
        return (
            f"Gradients arrive at {listed(arrived)}, and the optimizer holds other tensors. Build the trainer once the "
            "model is complete."
        )
    return None


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _only_decays(optimizers: list[Optimizer]) -> bool:
    """Tell whether weight decay moves all parameters and a memory of gradients says that none was ever there."""
    groups = [group for one in optimizers for group in one.param_groups]
    if not groups or not all(group.get("weight_decay", 0) for group in groups):
        return False
    states = [state for one in optimizers for state in one.state.values() if isinstance(state, dict)]
    memories = [state[name] for state in states for name in ("exp_avg", "momentum_buffer") if name in state]
    return bool(memories) and not any(bool(one.any()) for one in memories if isinstance(one, Tensor))


def listed(names: Iterable[str]) -> str:
    """Return the first names, and how many there are where these are not all."""
    names = list(names)
    return ", ".join(names[:4]) + (f", ... ({len(names)} in all)" if len(names) > 4 else "")
