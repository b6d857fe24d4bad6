"""Programs: the ways in which a bundle's model runs, each a function from arrays by name to arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.bundle.interface import Interface
from neurokit.bundle.layout import PROGRAMS
from neurokit.storage import CheckpointError, Limits

if TYPE_CHECKING:
    from torch import nn

    from neurokit.onnx_program import OnnxProgram

Array = np.ndarray[Any, Any]
Program = Callable[[Mapping[str, Array]], dict[str, Array]]


def open_program(
    folder: Path, told: Mapping[str, Any], interface: Interface, model: Any, trusted: bool, limits: Limits
) -> Program:
    """Return the program of a bundle whose files were verified.

    Args:
        folder: The bundle's.
        told: What ``bundle.json`` says of it: its kind, and what that needs.
        interface: What it takes.
        model: The user's own module, for a bundle of weights alone.
        trusted: Whether the user knows who wrote it.
        limits: What its files may ask for.

    Raises:
        ValueError: If it needs a module that was not passed, or trust that was not given, or is none.
        TypeError: If what was passed is no module.
    """
    kind = told["kind"]
    if model is not None and kind != "weights":
        raise ValueError(
            f"{folder} brings its own program ({kind}), so that it needs no model. Leave model out; one of weights "
            "alone is saved by save_bundle(trainer, folder, format='safetensors')."
        )
    if kind == "onnx":
        from neurokit.onnx_program import OnnxProgram

        program = OnnxProgram(folder / PROGRAMS[kind], limits=limits)
        _refuse_other_names(folder, program, interface)
        return program
    if kind == "architecture":
        from neurokit.architectures import built, widest

        net = _of_weights(folder, built(told.get("architecture")), interface, limits)
        net.width = widest(net.module)
        _try(folder, net, interface)
        return net
    if kind == "weights":
        from neurokit.arguments import check_model

        if model is None:
            raise ValueError(
                f"{folder} holds the weights of a {told.get('class')} and no program. Pass the module they belong to, "
                "load_bundle(folder, model=...), or save with format='onnx'."
            )
        check_model(model)
        return _of_weights(folder, model, interface, limits)
    if not trusted:
        raise ValueError(
            f"{folder} holds a .pt2 program, and torch's reader of those runs code that a stranger may have put in. If "
            "you know who wrote it, load_bundle(folder, trusted=True); else ask for one saved with format='onnx'."
        )
    import torch

    return ModuleProgram(torch.export.load(folder / PROGRAMS[kind]).module(), interface)


def _refuse_other_names(folder: Path, program: OnnxProgram, interface: Interface) -> None:
    """Refuse a signature that tells of other inputs or outputs than the program has."""
    told = [{"name": one.name, "dtype": one.dtype, "shape": list(one.shape)} for one in interface.inputs]
    several = [one.name for one in interface.questions] if len(interface.questions) > 1 else []
    wanted = several if interface.prediction is None else [interface.prediction]
    missing = [name for name in wanted if name not in program.outputs]
    if told != program.inputs or missing:
        raise CheckpointError(
            f"{folder} cannot be used: its signature and its program differ. The one has the inputs {told!s:.200}"
            f"{f' and the output {missing[0]!r}' if missing else ''}, the other {program.inputs!s:.200} and "
            f"{', '.join(program.outputs)!s:.100}."
        )


def _try(folder: Path, program: ModuleProgram, interface: Interface) -> None:
    """Have a net answer one row of zeros, so that a signature of another net is refused now, and not by a request."""
    row = {one.name: np.zeros((1, *(size or 0 for size in one.shape)), one.dtype) for one in interface.inputs}
    try:
        outputs = program(row)
        question = interface.questions[0]
        count = outputs[interface.prediction or ""].shape[1]
    except (ValueError, TypeError, RuntimeError, KeyError, IndexError) as error:
        raise CheckpointError(f"{folder} cannot be used: its signature and its net differ: {error!s:.200}") from error
    wanted = question.num_classes if question.kind in ("multiclass", "multilabel") else None
    if len(interface.questions) > 1 or wanted not in (None, count) or (question.kind == "binary" and count > 1):
        raise CheckpointError(
            f"{folder} cannot be used: its signature and its net differ. The one has {wanted or 1} numbers for "
            f"{question.kind}, the other {count}."
        )


def _of_weights(folder: Path, module: nn.Module, interface: Interface, limits: Limits) -> ModuleProgram:
    from neurokit import checkpoint

    path = folder / PROGRAMS["weights"]
    checkpoint.load_module(module, checkpoint.read_tensors(path, limits), f"The weights in {path}")
    return ModuleProgram(module.eval(), interface)


class ModuleProgram:
    """A module as a program, on the device where it is.

    Args:
        module: In eval mode.
        interface: How its inputs are passed.

    Attributes:
        width: Numbers that a row becomes within it, as far as that is known.
    """

    def __init__(self, module: nn.Module, interface: Interface) -> None:
        import torch

        self.module, self.interface, self.width = module, interface, 1
        tensors = [*module.parameters(), *module.buffers()]
        self.device = tensors[0].device if tensors else torch.device("cpu")

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the module's outputs by name for arrays by input name."""
        import torch

        from neurokit.export.leaves import named_leaves
        from neurokit.predictions import to_numpy

        given = {name: torch.from_numpy(np.ascontiguousarray(one)).to(self.device) for name, one in arrays.items()}
        with torch.inference_mode():
            by_keyword = self.interface.passed == "keyword"
            outputs = self.module(**given) if by_keyword else self.module(*given.values())
        leaves: dict[str, Array] = to_numpy(named_leaves(outputs)[0])
        return leaves
