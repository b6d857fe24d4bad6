"""Programs: a module as ONNX or ``.pt2``, with a free number of rows, kept only if it says what the module says."""

from __future__ import annotations

import io
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn

from neurokit import __version__
from neurokit.arguments import check_count, check_number, check_path, suggestions, suggests_arguments
from neurokit.export.examples import Example, example_of, traced_copy
from neurokit.export.leaves import named_leaves
from neurokit.export.refusals import ExportError, refused, sizes_refused
from neurokit.probe import call
from neurokit.seeding import seeded
from neurokit.storage.files import beside, discard, make_folders, sync_folder
from neurokit.trainer import Trainer

Array = np.ndarray[Any, Any]
Dynamic = Mapping[str, Mapping[int, str]]

TRACED: Final = 3  # rows: of one, torch would take the number for a constant
COMPARED: Final = (1, 7)
OPSET: Final = 20


@dataclass(frozen=True)
class Export:
    """What was exported, and how it was verified.

    Attributes:
        path: The file.
        kind: ``"onnx"`` or ``"pt2"``.
        inputs: Name, dtype and shape of a row of each input; ``None`` for an axis of any length.
        outputs: The names of the outputs, in order.
        structure: How they lie in each other in what the module returns, as ``export.leaves`` tells it.
        largest_difference: From the module's own answers, over all outputs and both batch sizes.
        batch_sizes: The numbers of rows it was verified with.
        tolerance: What was allowed, times one more than the size of the answer.
        opset: Of ONNX; ``None`` for a ``.pt2``.
        bytes: The size of the file.
        seconds: What exporting and verifying took.
        versions: Of neurokit and torch, and of what ran the program.

    Example:
        >>> import tempfile
        >>> done = to_pt2(nn.Linear(2, 1), tempfile.mkdtemp() + "/line.pt2", torch.zeros(4, 2))
        >>> done.kind, done.inputs[0]["shape"], done.largest_difference
        ('pt2', [2], 0.0)
    """

    path: Path
    kind: Literal["onnx", "pt2"]
    inputs: list[dict[str, Any]]
    outputs: list[str]
    structure: Any
    largest_difference: float
    batch_sizes: tuple[int, ...]
    tolerance: float
    opset: int | None
    bytes: int
    seconds: float
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON holds, without the path."""
        told = asdict(self)
        del told["path"]
        return told | {"batch_sizes": list(self.batch_sizes)}


@suggests_arguments
def to_onnx(
    trainer_or_module: Trainer | nn.Module,
    path: str | os.PathLike[str],
    x: Any = None,
    *,
    dynamic: Dynamic | None = None,
    tolerance: float = 1e-4,
    opset: int = OPSET,
) -> Export:
    """Write a module as an ONNX program, which ONNX Runtime runs without torch, and verify it.

    The program takes any number of rows. It is compared with the module on two numbers of rows, neither of them the one
    it was traced with, before it takes its place: after an error nothing is written, and a file that was there stays.
    The module, its modes and every random stream are afterwards what they were.

    Args:
        trainer_or_module: A trainer, or a module; exported in eval mode and in its own precision.
        path: A ``.onnx`` file, which is replaced.
        x: A few rows, as ``predict`` takes them. A trainer that has fitted needs none.
        dynamic: Further axes of any length, by input: ``{"tokens": {1: "length"}}``.
        tolerance: The largest difference that is accepted, times one more than the size of the answer.
        opset: The version of ONNX's operators.

    Raises:
        TypeError: If something is of the wrong kind.
        ValueError: If the module cannot be exported, naming its line, or the program says something else.
        ModuleNotFoundError: If onnx, onnxscript or onnxruntime is missing: the extra ``export``.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> export = to_onnx(nn.Linear(2, 1), tempfile.mkdtemp() + "/line.onnx", torch.zeros(4, 2))
        >>> export.inputs, export.outputs, export.largest_difference < 1e-5
        ([{'name': 'x', 'dtype': 'float32', 'shape': [2]}], ['output'], True)
    """
    check_count("opset", opset, 18, such_as=OPSET)
    _require_onnx()
    return _exported(trainer_or_module, path, x, "onnx", dynamic or {}, tolerance, opset)


@suggests_arguments
def to_pt2(
    trainer_or_module: Trainer | nn.Module,
    path: str | os.PathLike[str],
    x: Any = None,
    *,
    dynamic: Dynamic | None = None,
    tolerance: float = 1e-4,
) -> Export:
    """Write a module as torch's own program, a ``.pt2`` that ``torch.export.load`` reads, and verify it.

    As ``to_onnx`` in all else. Reading a ``.pt2`` can run code that somebody put in: open only those you trust.

    Args:
        trainer_or_module: A trainer, or a module; exported in eval mode and in its own precision.
        path: A ``.pt2`` file, which is replaced.
        x: A few rows, as ``predict`` takes them. A trainer that has fitted needs none.
        dynamic: Further axes of any length, by input: ``{"tokens": {1: "length"}}``.
        tolerance: The largest difference that is accepted, times one more than the size of the answer.

    Raises:
        TypeError: If something is of the wrong kind.
        ValueError: If the module cannot be exported, naming its line, or the program says something else.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> export = to_pt2(nn.Linear(2, 1), tempfile.mkdtemp() + "/line.pt2", torch.zeros(4, 2))
        >>> torch.export.load(export.path).module()(torch.zeros(9, 2)).shape
        torch.Size([9, 1])
    """
    return _exported(trainer_or_module, path, x, "pt2", dynamic or {}, tolerance, None)


def _require_onnx() -> None:
    from importlib.util import find_spec

    if missing := [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]:
        raise ModuleNotFoundError(
            f'Exporting to ONNX needs {", ".join(missing)}, not installed here: pip install "neurokit-torch[export]".',
            name=missing[0],
        )


def _exported(
    trainer_or_module: Trainer | nn.Module,
    path: str | os.PathLike[str],
    x: Any,
    kind: Literal["onnx", "pt2"],
    dynamic: Dynamic,
    tolerance: float,
    opset: int | None,
) -> Export:
    began = time.perf_counter()
    place = _place(path, kind)
    check_number("tolerance", tolerance, "a number above 0", lambda share: share > 0, such_as=1e-4)
    example = example_of(trainer_or_module, x)
    _check_dynamic(dynamic, example)
    module = traced_copy(trainer_or_module)
    with torch.no_grad(), seeded(0):
        _refuse_unsteady(module, example)
        structure, outputs = _structure(module, example)
        make_folders(place.parent)
        temporary = beside(place, "tmp").with_suffix(f".{kind}")
        try:
            write = _write_onnx if kind == "onnx" else _write_pt2
            with _quietly():
                refused(lambda: write(module, example, dynamic, temporary, opset), module, kind)
                run = _reader(kind, temporary, structure, example)
                largest = _compared(module, run, example, tolerance)
            os.replace(temporary, place)
        finally:
            discard(temporary)
    sync_folder(place.parent)
    versions = {"neurokit": __version__, "torch": str(torch.__version__)}
    if kind == "onnx":
        import onnxruntime

        versions["onnxruntime"] = onnxruntime.__version__
    free = {name: set(axes) for name, axes in dynamic.items()}
    inputs = [
        {"name": name, "dtype": str(tensor.dtype).removeprefix("torch."),
         "shape": [None if at in free.get(name, ()) else size for at, size in enumerate(tensor.shape)][1:]}
        for name, tensor in example.inputs.items()
    ]  # fmt: skip
    return Export(
        Path(path), kind, inputs, outputs, structure, largest, COMPARED, tolerance, opset, place.stat().st_size,
        round(time.perf_counter() - began, 3), versions,
    )  # fmt: skip


def _place(path: Any, kind: str) -> Path:
    check_path("path", path)
    place = Path(path).expanduser().resolve()
    if place.is_dir():
        raise ValueError(f"{path} is a folder. Name the file, such as {str(Path(path) / f'model.{kind}')!r}.")
    if place.suffix.lower() != f".{kind}":
        raise ValueError(
            f"{place.name!r} does not say that it is a .{kind}. Name it {place.with_suffix(f'.{kind}').name!r}."
        )
    return place


def _check_dynamic(dynamic: Any, example: Example) -> None:
    if not isinstance(dynamic, Mapping):
        raise TypeError(
            f"dynamic names axes by input, got {dynamic!r:.60}. Pass dynamic={{'tokens': {{1: 'length'}}}}."
        )
    for name, axes in dynamic.items():
        if name not in example.inputs:
            known = list(example.inputs)
            hint = suggestions(str(name), known) or f" It has {', '.join(known)}."
            raise ValueError(f"dynamic names the input {name!r}, which the model has not.{hint}")
        size = example.inputs[name].ndim
        if not isinstance(axes, Mapping) or not all(type(axis) is int and 0 < axis < size for axis in axes):
            raise ValueError(
                f"dynamic names axes 1 to {size - 1} of {name!r}, got {axes!r:.60}. The first, that of rows, is free "
                "anyway."
            )


def _refuse_unsteady(module: nn.Module, example: Example) -> None:
    """Refuse a module that says something else each time, or takes only so many rows, before anything is traced."""
    first = _answers(module, example.of_size(TRACED))
    with seeded(1):
        again = _answers(module, example.of_size(TRACED))
    if not all(torch.equal(one, again[name]) or bool(one.isnan().any()) for name, one in first.items()):
        raise ExportError(
            f"{type(module).__name__} says something else each time it is asked, in eval mode too, so that no program "
            "can be compared with it. Draw random numbers in training only: if self.training."
        )
    for rows in COMPARED:
        try:
            _answers(module, example.of_size(rows))
        except Exception as error:
            raise sizes_refused(error, module, TRACED, rows) from error


def _answers(module: nn.Module, example: Example) -> dict[str, Tensor]:
    return named_leaves(call(module, example.rows))[0]


def _structure(module: nn.Module, example: Example) -> tuple[Any, list[str]]:
    found, structure = named_leaves(call(module, example.of_size(TRACED).rows))
    if not found:
        raise ExportError(f"{type(module).__name__} returns no tensor, so there is nothing to export.")
    alone = [name for name, tensor in found.items() if not tensor.ndim or len(tensor) != TRACED]
    if alone:
        raise ExportError(
            f"The output {alone[0]!r} of {type(module).__name__} has the shape {tuple(found[alone[0]].shape)} for "
            f"{TRACED} rows: it has not one row for each. Return what belongs to rows in eval mode; losses belong to "
            "training."
        )
    return structure, list(found)


class _Flat(nn.Module):
    """The module with its inputs by position and its tensors in a tuple, as an ONNX graph has them."""

    def __init__(self, module: nn.Module, example: Example) -> None:
        super().__init__()
        self.module = module
        self.names, self.passed = list(example.inputs), example.passed

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if self.passed == "keyword":
            outputs = self.module(**dict(zip(self.names, inputs, strict=True)))
        else:
            outputs = self.module(*inputs)
        return tuple(named_leaves(outputs)[0].values())


def _axes(example: Example, dynamic: Dynamic) -> list[dict[int, Any]]:
    """Which axes are free, for each input: that of rows, which all share, and those asked for."""
    dims: dict[str, Any] = {"batch": torch.export.Dim("batch", min=1)}
    found = []
    for name in example.inputs:
        own = {
            axis: dims.setdefault(label, torch.export.Dim(label, min=1))
            for axis, label in dynamic.get(name, {}).items()
        }
        found.append({0: dims["batch"], **own})
    return found


def _write_onnx(module: nn.Module, example: Example, dynamic: Dynamic, path: Path, opset: int | None) -> None:
    inputs = tuple(example.of_size(TRACED).inputs.values())
    flat = _Flat(module, example)
    program = _traced(flat, inputs, shapes=(tuple(_axes(example, dynamic)),))
    outputs = list(_answers(module, example.of_size(TRACED)))
    written = torch.onnx.export(
        program, dynamo=True, verbose=False, opset_version=opset, input_names=list(example.inputs),
        output_names=outputs, external_data=False,
    )  # fmt: skip
    assert written is not None
    written.model.producer_name, written.model.producer_version = "neurokit", __version__
    written.model.metadata_props["class"] = type(module).__qualname__
    written.save(str(path), external_data=False)


def _write_pt2(module: nn.Module, example: Example, dynamic: Dynamic, path: Path, _opset: int | None) -> None:
    few, axes = example.of_size(TRACED), _axes(example, dynamic)
    module = module if _is_plain(call(module, few.rows)) else _Plain(module)
    named = dict(zip(few.inputs, axes, strict=True))
    shapes: Any = named if example.passed == "keyword" else _positional(module, axes)
    if isinstance(module, _Plain):
        shapes = {"kwargs": shapes} if example.passed == "keyword" else (tuple(axes),)
    if example.passed == "keyword":
        program = _traced(module, (), dict(few.inputs), shapes=shapes)
    else:
        program = _traced(module, tuple(few.inputs.values()), shapes=shapes)
    torch.export.save(program, path)


def _traced(module: nn.Module, inputs: Any, keywords: Any = None, *, shapes: Any) -> torch.export.ExportedProgram:
    """Trace a module. Where that fails, torch 2.11 leaves a hook on all modules, with which it compiles no step."""
    hooks = nn.modules.module._global_buffer_registration_hooks
    before = set(hooks)
    try:
        return torch.export.export(module, inputs, keywords, dynamic_shapes=shapes)
    finally:
        for left in set(hooks) - before:
            del hooks[left]


def _is_plain(outputs: Any) -> bool:
    """Tell whether outputs are of Python's own kinds, which a reader knows: objects and named tuples are not."""
    if type(outputs) is dict:
        return all(map(_is_plain, outputs.values()))
    return (
        isinstance(outputs, Tensor)
        or outputs is None
        or (type(outputs) in (tuple, list) and all(map(_is_plain, outputs)))
    )


class _Plain(nn.Module):
    """The module with a dict of tensors in place of outputs whose class a reader would not have."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor, **by_name: Tensor) -> dict[str, Tensor]:
        return named_leaves(self.module(*inputs, **by_name))[0]


def _positional(module: nn.Module, axes: list[dict[int, Any]]) -> Any:
    """Free axes as torch takes them: those behind ``*args`` in a tuple of their own."""
    import inspect

    parameters = list(inspect.signature(module.forward).parameters.values())
    plain = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(axes) <= len(plain):
        return tuple(axes)
    return (*axes[: len(plain)], tuple(axes[len(plain) :]))


def _reader(kind: str, path: Path, structure: Any, example: Example) -> Callable[[Example], dict[str, Tensor]]:
    if kind == "onnx":
        from neurokit.onnx_program import OnnxProgram

        program = OnnxProgram(path)

        def run_onnx(rows: Example) -> dict[str, Tensor]:
            found = program({name: tensor.numpy() for name, tensor in rows.inputs.items()})
            return {name: torch.from_numpy(np.array(array)) for name, array in found.items()}

        return run_onnx
    module = torch.export.load(path).module()
    return lambda rows: named_leaves(
        module(**rows.inputs) if rows.passed == "keyword" else module(*rows.inputs.values())
    )[0]


def _compared(
    module: nn.Module, run: Callable[[Example], dict[str, Tensor]], example: Example, tolerance: float
) -> float:
    """The largest difference between module and program.

    Raises:
        ExportError: If it is more than is tolerated.
    """
    largest = 0.0
    for rows in COMPARED:
        some = example.of_size(rows)
        expected, found = _answers(module, some), run(some)
        for name, one in expected.items():
            difference, allowed = _difference(one, found[name], tolerance)
            if not allowed:
                raise ExportError(
                    f"The exported program was not kept: its output {name!r} differs from that of "
                    f"{type(module).__name__} by {difference:.3g} for {rows} rows, and {tolerance:g} is tolerated. "
                    "Does forward depend on the number of rows, or on what a program cannot see, such as Python's own "
                    "variables?"
                )
            largest = max(largest, difference)
    return largest


def _difference(expected: Tensor, found: Tensor, tolerance: float) -> tuple[float, bool]:
    if expected.shape != found.shape:
        return float("inf"), False
    if not expected.is_floating_point():
        same = bool(torch.equal(expected, found.to(expected.dtype)))
        return (0.0 if same else float("inf")), same
    one, other = expected.double(), found.double()
    if not torch.equal(one.isfinite(), other.isfinite()):
        return float("inf"), False
    sound = one.isfinite()
    apart = (one - other)[sound].abs()
    fits = bool((apart <= tolerance * (1 + one[sound].abs())).all())
    return (float(apart.max()) if apart.numel() else 0.0), fits


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what torch's exporters print and log to themselves: an error says what matters."""
    handlers = [
        handler for name in ("torch", "torch.onnx", "onnxscript") for handler in logging.getLogger(name).handlers
    ]

    def silence(_record: logging.LogRecord) -> bool:
        return False

    for handler in handlers:
        handler.addFilter(silence)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(silence)
