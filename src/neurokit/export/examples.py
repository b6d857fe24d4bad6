"""Examples: the rows a module is traced with, and the module as it is traced: a copy in eval mode on the CPU."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from neurokit.data.batch import Batch
from neurokit.explanations.functions import explained, rows_of, take
from neurokit.modes import get_modes, set_modes
from neurokit.trainer import Trainer

Passed = Literal["alone", "position", "keyword"]


@dataclass(frozen=True)
class Example:
    """Rows as a module takes them.

    Attributes:
        inputs: Tensors on the CPU by name, the first axis being that of rows.
        passed: One input alone, several by position or by keyword.
    """

    inputs: Mapping[str, Tensor]
    passed: Passed

    @property
    def rows(self) -> Any:
        """The rows in the structure that the module is called with."""
        if self.passed == "keyword":
            return dict(self.inputs)
        members = tuple(self.inputs.values())
        return members[0] if self.passed == "alone" else members

    def of_size(self, count: int) -> Example:
        """Return so many rows, the same ones again where there are fewer."""
        found = {}
        for name, tensor in self.inputs.items():
            places = torch.arange(count) % len(tensor)
            found[name] = tensor[places]
        return Example(found, self.passed)


def example_of(trainer_or_module: Trainer | nn.Module, x: Any = None) -> Example:
    """Return rows to trace with: those passed, as ``predict`` takes them, or what the trainer's fit kept.

    Raises:
        TypeError: If the first argument is neither trainer nor module.
        ValueError: If nobody knows what a row looks like, there is none, or inputs lie deeper in each other.
    """
    if not isinstance(trainer_or_module, (Trainer, nn.Module)):
        raise TypeError(
            f"What is exported is a Trainer or an nn.Module, got a {type(trainer_or_module).__name__}. Pass the module "
            "itself."
        )
    kept = getattr(trainer_or_module, "background", None) if isinstance(trainer_or_module, Trainer) else None
    if x is None and kept is None:
        raise ValueError(
            "Nobody knows what a row looks like: a bare module does not say, nor does a trainer that has not fitted. "
            "Pass a few rows, x=x[:8]."
        )
    target = explained(trainer_or_module, "logit")
    if x is None:
        assert isinstance(trainer_or_module, Trainer)
        rows = trainer_or_module.place(Batch(kept)).x
    else:
        rows = target.place(target.read(x, "x"))
        if not rows_of(rows):
            raise ValueError("x has 0 rows, and a model is traced with some. Pass a few, x=x[:8].")
    rows = take(rows, slice(0, 8))
    inputs, passed = _named(trainer_or_module, rows)
    return Example({name: tensor.detach().cpu() for name, tensor in inputs.items()}, passed)


def _named(trainer_or_module: Trainer | nn.Module, rows: Any) -> tuple[dict[str, Tensor], Passed]:
    """Inputs by name, in order: the keywords, or forward's parameters."""
    members = rows.values() if isinstance(rows, Mapping) else rows if type(rows) is tuple else [rows]
    if not all(isinstance(one, Tensor) for one in members):
        raise ValueError(
            "A program takes one input, several by position, or several by name, each with one row per sample; this "
            "model takes a deeper structure. Put a module around it whose forward takes tensors."
        )
    if isinstance(rows, Mapping):
        return dict(rows), "keyword"
    model = trainer_or_module.model if isinstance(trainer_or_module, Trainer) else trainer_or_module
    parameters = [
        one.name
        for one in inspect.signature(model.forward).parameters.values()
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    if type(rows) is not tuple:
        return {parameters[0] if parameters and parameters[0] != "input" else "x": rows}, "alone"
    names = [parameters[at] if at < len(parameters) else f"x{at}" for at in range(len(rows))]
    return dict(zip(names, rows, strict=True)), "position"


def traced_copy(trainer_or_module: Trainer | nn.Module) -> nn.Module:
    """Return a copy of the module in eval mode on the CPU, not compiled: the user's stays what it is."""
    model = trainer_or_module.model if isinstance(trainer_or_module, Trainer) else trainer_or_module
    model = getattr(model, "_orig_mod", model)  # what torch.compile wrapped
    with _not_compiled(model):
        return copy.deepcopy(model).cpu().eval().requires_grad_(False)


@contextmanager
def _not_compiled(model: nn.Module) -> Iterator[None]:
    """Put what ``model.compile()`` left aside: it cannot be copied, and would not be traced."""
    compiled = {module: module._compiled_call_impl for module in model.modules() if module._compiled_call_impl}
    modes = get_modes(model)
    try:
        for module in compiled:
            module._compiled_call_impl = None
        yield
    finally:
        for module, call in compiled.items():
            module._compiled_call_impl = call
        set_modes(model, modes)
