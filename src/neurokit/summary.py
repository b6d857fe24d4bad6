"""A module as a table: its layers, what they give, how many parameters they have. Values in, text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from neurokit.modes import evaluating
from neurokit.seeding import preserved_rng
from neurokit.wording import size


def layer_table(
    module: nn.Module,
    example: Any = None,
    *,
    call: Callable[[nn.Module, Any], Any] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return a table of a module's layers with output shapes and parameter counts, and their totals below it.

    With an example the module runs once on it, in ``eval()`` and without gradients. Modes, buffers and random streams
    are afterwards what they were before, also when it raises; lazy layers stay lazy.

    Args:
        module: Any module. A layer or parameter that is used in several places is counted in the first.
        example: An input; ``None`` leaves the shapes out. A tuple is passed by position, a mapping by keyword.
        call: How to run the module on the example, where that is not enough.
        notes: Lines to write below the totals.

    Example:
        >>> print(layer_table(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.zeros(1, 4)))
        Layer       Type    Output  Parameters  Trainable
        -------------------------------------------------
        Sequential          (1, 3)
          0         Linear  (1, 8)          40  yes
          1         ReLU    (1, 8)
          2         Linear  (1, 3)          27  yes
        -------------------------------------------------
        67 parameters (67 trainable, 0 frozen), 268 bytes
    """
    shapes: dict[str, str] = {}
    if example is not None:
        if any(is_lazy(parameter) for parameter in module.parameters()):
            module = deepcopy(module)  # a forward gives lazy layers their sizes; the user's keep waiting for the data
        shapes = _output_shapes(module, example, call or _call)
    rows = list(_rows(module, shapes))
    header = ("Layer", "Type", "Output", "Parameters", "Trainable")
    lines = _aligned([header, *rows])
    rule = "-" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:], rule, _totals(module), *notes])


def training_notes(
    *,
    device: torch.device,
    precision: str,
    losses: str | Mapping[str, str],
    optimizers: Mapping[str, Any],
    metrics: Sequence[str],
    task: str,
    chosen: str,
) -> list[str]:
    """Return what a trainer does with a module, as lines to write below its table.

    Args:
        device: Where it trains.
        precision: In which numbers.
        losses: The loss's name, or names by output.
        optimizers: By name; a single one under ``""``.
        metrics: Their names.
        task: What is asked, in words.
        chosen: Where in the outputs the prediction is, in words; empty when it is the output itself.
    """
    notes = [
        f"device     {device}, precision {precision}",
        f"loss       {losses}",
        f"optimizer  {', '.join(f'{name} {type(one).__name__}'.strip() for name, one in optimizers.items())}",
        f"metrics    {', '.join(metrics) or '-'}",
        f"task       {task}",
    ]
    return notes + ([f"prediction {chosen}"] if chosen else [])


def _call(module: nn.Module, example: Any) -> Any:
    if isinstance(example, Mapping):
        return module(**example)
    return module(*example) if isinstance(example, tuple) else module(example)


def _output_shapes(module: nn.Module, example: Any, call: Callable[[nn.Module, Any], Any]) -> dict[str, str]:
    """Run the module once and return what each submodule gave the first time it was called, by its name."""
    shapes: dict[str, str] = {}

    def watch(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note_shape(_layer: nn.Module, _inputs: Any, output: Any) -> None:
            shapes.setdefault(name, _shape(output))

        return layer.register_forward_hook(note_shape)

    handles = [watch(name, layer) for name, layer in module.named_modules()]
    try:
        with evaluating(module), _preserved_buffers(module), preserved_rng(), torch.no_grad():
            call(module, example)
    finally:
        for handle in handles:
            handle.remove()
    return shapes


@contextmanager
def _preserved_buffers(module: nn.Module) -> Iterator[None]:
    """Put buffers back afterwards: the same tensors with the same values."""
    before = [(layer, dict(layer._buffers)) for layer in module.modules()]
    values = [(buffer, buffer.clone()) for buffer in module.buffers() if not is_lazy(buffer)]
    try:
        yield
    finally:
        for layer, buffers in before:
            layer._buffers.update(buffers)
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)


def _shape(output: Any) -> str:
    """Return the shape of an output as a reader would write it, also of tuples, mappings and objects of tensors."""
    if isinstance(output, Tensor):
        return f"({', '.join(map(str, output.shape))})"
    if isinstance(output, Mapping):
        return ", ".join(f"{name}: {_shape(value)}" for name, value in output.items())
    if isinstance(output, (tuple, list)):
        return ", ".join(_shape(value) for value in output)
    return "" if output is None else type(output).__name__


class _Row(NamedTuple):
    layer: str
    kind: str
    output: str
    parameters: str
    trainable: str


def _rows(module: nn.Module, shapes: Mapping[str, str]) -> Iterator[_Row]:
    """Yield a row for each place a layer stands in, in the order of the module tree."""
    first_name: dict[nn.Module, str] = {}
    counted: set[Tensor] = set()
    for name, layer in module.named_modules(remove_duplicate=False):
        parent = name.rpartition(".")[0]
        if name and first_name.get(module.get_submodule(parent)) != parent:
            continue  # below a layer that was shown before
        label = "  " * (name.count(".") + bool(name)) + (name.rpartition(".")[2] or type(module).__name__)
        if layer in first_name:
            yield _Row(label, f"shared with {first_name[layer]}", "", "", "")
            continue
        first_name[layer] = name
        own = [parameter for parameter in layer.parameters(recurse=False) if parameter not in counted]
        counted.update(own)
        flags = {parameter.requires_grad for parameter in own}
        kind = type(layer).__name__ if name else ""
        trainable = "" if not own else "partly" if len(flags) == 2 else "yes" if True in flags else "no"
        yield _Row(label, kind, shapes.get(name, ""), _count(own), trainable)


def _count(parameters: Sequence[Tensor]) -> str:
    if any(is_lazy(parameter) for parameter in parameters):
        return "not yet known"
    return f"{sum(parameter.numel() for parameter in parameters):,}" if parameters else ""


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of equally wide columns, the parameter counts to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    counts = 3
    return [
        "  ".join(
            cell.rjust(width) if column == counts else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _totals(module: nn.Module) -> str:
    known = [parameter for parameter in module.parameters() if not is_lazy(parameter)]
    total = sum(parameter.numel() for parameter in known)
    trainable = sum(parameter.numel() for parameter in known if parameter.requires_grad)
    memory = size(sum(parameter.numel() * parameter.element_size() for parameter in known))
    pending = "" if len(known) == len(list(module.parameters())) else ", those of lazy layers not counted"
    return f"{total:,} parameters ({trainable:,} trainable, {total - trainable:,} frozen), {memory}{pending}"


class Printed(str):
    """Text that was printed already: a prompt that echoes it shows nothing twice."""

    def __repr__(self) -> str:
        return ""


def printed(text: str) -> Printed:
    """Print a text, and return it."""
    print(text)  # noqa: T201
    return Printed(text)
