"""StandIn: what updates the weights in a compiled step, in place of the user's optimizer and with its state."""

from __future__ import annotations

import inspect
import operator
from typing import Any

import torch
from torch import Tensor
from torch._dynamo import mark_static_address
from torch.optim import Optimizer

from neurokit.stepping import has_own_step, has_step_hooks
from neurokit.tree import tensors_in

_TESTED = ("momentum", "dampening", "weight_decay")
_IN_A_PROGRAM = {"capturable": True, "fused": False, "foreach": None}  # the count of steps stays a tensor


class CannotFollowError(Exception):
    """A setting changed that a program cannot read anew; the text is why, as part of a sentence."""


class StandIn:
    """An object of the optimizer's own functions, tensors and settings, without what ``torch.compile`` refuses of it.

    Dynamo breaks every program at an ``Optimizer`` whose gradients were written in the same program. It traces these
    functions like anybody's when they are those of a plain object. State tensors are shared, so ``state_dict`` of the
    user's optimizer stays true; rates and other settings that schedules change are tensors here, so that no change
    compiles anew. They are where the parameters are: a number on the CPU would keep a CUDA graph from being captured.
    Those that an optimizer asks whether they are 0 cannot be: see ``tested``.

    Args:
        optimizer: The user's, which has stepped before: what it makes at its first step is there.
        in_place: Tell the compiler that state and settings stay at their addresses, as a CUDA graph needs them to.

    Attributes:
        optimizer: The user's.
        traced: The plain object, with a ``step`` that can be traced.
    """

    def __init__(self, optimizer: Optimizer, *, in_place: bool = False) -> None:
        self.optimizer = optimizer
        self._in_place = in_place
        self._device = next(one.device for group in optimizer.param_groups for one in group["params"])
        self.traced = type(f"Traced{type(optimizer).__name__}", (), _functions(type(optimizer)))()
        vars(self.traced).update(vars(optimizer))
        vars(self.traced).pop("step", None)  # a scheduler's wrapper, which counts calls
        self._state = self.traced.state = optimizer.state
        self.traced.param_groups = [
            group | {name: value for name, value in _IN_A_PROGRAM.items() if name in group}
            for group in optimizer.param_groups
        ]
        self._settings = [
            (group, traced, name)
            for group, traced in zip(optimizer.param_groups, self.traced.param_groups, strict=True)
            for name, value in group.items()
            if _is_number(value) or _are_numbers(value)
        ]
        self._seen = [group[name] for group, _, name in self._settings]
        for group, traced, name in self._settings:
            if name == "lr":
                traced[name] = self._as_tensor(group[name], group)
        if in_place:
            for one in tensors_in(list(optimizer.state.values())):
                mark_static_address(one, guard=False)
        self._members = _members(optimizer)

    def is_current(self) -> bool:
        """Tell whether the optimizer still has the state and the groups that this stands in for."""
        return self.optimizer.state is self._state and _members(self.optimizer) == self._members

    def follow(self) -> bool:
        """Take over what a schedule or a callback has set since the last step.

        Returns:
            Whether a program relies on something else now: on a tensor, where it read a number.

        Raises:
            CannotFollowError: If a program cannot.
        """
        now = [group[name] for group, _, name in self._settings]
        if now == self._seen:
            return False
        is_other = False
        for (group, traced, name), before, value in zip(self._settings, self._seen, now, strict=True):
            if value != before:
                if name in _TESTED:
                    raise CannotFollowError(reason_against_change(self.optimizer, name))
                held, traced[name] = traced[name], self._filled(traced[name], value, group)
                is_other = is_other or traced[name] is not held
        self._seen = now
        return is_other

    def _filled(self, held: Any, value: Any, group: dict[str, Any]) -> Any:
        """What a program reads a changed setting from: the tensor it reads already, or from now on a tensor."""
        if isinstance(value, tuple):
            filled = tuple(self._filled(one, other, group) for one, other in zip(held, value, strict=True))
            return held if all(map(operator.is_, filled, held)) else filled
        return held.fill_(value) if isinstance(held, Tensor) else self._as_tensor(value, group)

    def _as_tensor(self, value: float, group: dict[str, Any]) -> Tensor:
        device = group["params"][0].device if group["params"] else self._device
        dtype = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
        setting = torch.full((), value, dtype=dtype, device=device)  # torch.tensor would wait for the device
        if self._in_place:
            mark_static_address(setting, guard=False)
        return setting


def _members(optimizer: Optimizer) -> list[list[int]]:
    """Which tensors each group holds: their ids, since tensors compare by value."""
    return [list(map(id, group["params"])) for group in optimizer.param_groups]


def tested(optimizer: Optimizer) -> list[tuple[str, Any]]:
    """Return the settings of which an optimizer asks whether they are 0, before it multiplies by them, group by group.

    A program has gone one way or the other, so that they may not change while it is used.

    Example:
        >>> tested(torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9))
        [('momentum', 0.9), ('dampening', 0), ('weight_decay', 0)]
    """
    return [(name, group[name]) for group in optimizer.param_groups for name in _TESTED if name in group]


def reason_against_change(optimizer: Optimizer, name: str) -> str:
    """Say why a program cannot follow a schedule of a setting that is tested."""
    kind = type(optimizer).__name__
    mend = ". OneCycleLR leaves it alone with cycle_momentum=False" if name == "momentum" else ""
    return f"the {name} of {kind} changes during the fit, and {kind} asks at each step whether it is 0{mend}"


def reason_against(optimizer: Optimizer) -> str | None:
    """Return why an optimizer's update cannot be part of a program, in words; ``None`` where nothing is known."""
    name = type(optimizer).__name__
    if has_step_hooks(optimizer):
        return f"{name} has step hooks, which a program would not call"
    if has_own_step(optimizer):
        return f"step was replaced on this {name}"
    return None


def _functions(kind: type) -> dict[str, Any]:
    """The methods of a class and its bases, without the wrappers that torch puts around them."""
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        for name, value in vars(one).items():
            if not name.startswith("__"):
                found[name] = inspect.unwrap(value) if inspect.isfunction(value) else value
    checks = ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check")  # they ask the device
    found |= {name: lambda self: None for name in checks}
    own = found["step"]

    def step(self: Any) -> None:
        with torch.no_grad():
            own(self)

    return found | {"step": step}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(map(_is_number, value))
