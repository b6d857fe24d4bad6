"""Saving: a trainer as a bundle, compared with what the trainer itself says before it takes its place."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurokit.arguments import check_choice, check_path, suggests_arguments
from neurokit.bundle.interface import Input, Interface, Question
from neurokit.bundle.layout import (
    BACKGROUND_ARRAYS,
    BACKGROUND_TABLE,
    CARD,
    PREPROCESSING,
    PROGRAMS,
    SIGNATURE,
)
from neurokit.bundle.reading import open_folder, read_manifest
from neurokit.bundle.replacing import refuse_to_replace
from neurokit.bundle.writing import program_of_export, write_json, write_manifest
from neurokit.processes import by_the_first
from neurokit.storage.folders import replacing_folder

if TYPE_CHECKING:
    from torch import nn

    from neurokit.cards import ModelCard
    from neurokit.encoding import Field, TableEncoding, Target
    from neurokit.export.examples import Example
    from neurokit.task import Task
    from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-5  # relative and absolute: what float32 leaves between one order of additions and another


@suggests_arguments
@by_the_first
def save_bundle(
    trainer: Trainer,
    folder: str | os.PathLike[str],
    *,
    x: Any = None,
    format: Literal["auto", "safetensors", "onnx", "pt2"] = "auto",
    encoding: TableEncoding | None = None,
    target: Target | None = None,
    background: Any = True,
    card: ModelCard | None = None,
    name: str | None = None,
) -> Path:
    """Leave a folder that predicts without the code that trained, and return it.

    It holds the program (weights as safetensors with an architecture of neurokit's, or an ONNX program, for which the
    extra ``export`` is needed), what goes in and what comes out, the preprocessing of a table as data, the run's record
    and the model card. Nothing in it is a pickle. Before it takes its place, its predictions are compared with the
    trainer's. A bundle that stood there is replaced, and what people answered in its card is kept.

    Args:
        trainer: What was trained. It stays as it is.
        folder: Where the bundle shall stand.
        x: A few rows, for a trainer that has not fitted and so knows none.
        format: ``"auto"`` takes safetensors for an architecture of neurokit's and ONNX for any other module.
            ``"safetensors"`` keeps the weights of any module; to predict, ``load_bundle`` is then given the module.
            ``"pt2"`` is torch's own program, which is read only by somebody who trusts it.
        encoding: How a table's columns become the model's inputs: the bundle then takes the table's rows.
        target: How the target's numbers or classes became the model's.
        background: The rows that explanations compare with, which travel with the bundle. ``True`` keeps up to 100
            training rows, as the trainer has them; with an encoding, whose table the trainer never saw, pass some of
            the table's. ``False`` keeps none, and the bundle explains by what it is asked about.
        card: The model card; ``None`` writes one from the run.
        name: What the model is called; the folder's name when ``None``.

    Raises:
        FileExistsError: If the folder holds something else, also beside a bundle, or a card that somebody changed by
            hand; nothing is changed.
        ValueError: If the module cannot be exported, or the bundle would predict other numbers than the trainer.
        ModuleNotFoundError: If the extra ``export`` is not installed, and needed.
        OSError: If it cannot be written; nothing is left behind.

    Example:
        >>> import tempfile, torch, neurokit as nk
        >>> from neurokit.architectures import MLP
        >>> trainer = nk.Trainer(MLP(2, 1), loss="mse")
        >>> history = trainer.fit(torch.rand(8, 2), torch.rand(8, 1), verbose=0)
        >>> bundle = nk.load_bundle(save_bundle(trainer, tempfile.mkdtemp()))
        >>> bundle.predict(np.zeros((3, 2))).shape
        (3, 1)
    """
    check_path("folder", folder)
    check_choice("format", format, ("auto", "safetensors", "onnx", "pt2"))
    if not hasattr(trainer, "predict_step"):
        raise TypeError(
            f"save_bundle takes a Trainer, got a {type(trainer).__name__}. Pass nk.Trainer(model, loss=...), and rows "
            "as x where it has not fitted."
        )
    place = Path(folder).expanduser().resolve()
    refuse_to_replace(place)
    from neurokit.cards import ModelCard
    from neurokit.cards.files import answers_at
    from neurokit.export.examples import example_of, traced_copy

    example, module = example_of(trainer, x), traced_copy(trainer)
    interface = _interface(trainer, example, _outputs(module, example), encoding, target)

    card = ModelCard.from_trainer(trainer) if card is None else card
    kept = {key: value for key, value in answers_at(place / CARD).items() if key not in card.record.answers}
    if kept:
        card.fill(kept)
        logger.warning("The card keeps what the one it replaces was answered: %s.", ", ".join(kept))
    with replacing_folder(place) as temporary:
        program, interface = _write_program(trainer, example, temporary, format, interface)
        write_json(temporary / SIGNATURE, interface.to_dict())
        names = [PROGRAMS[program["kind"]], SIGNATURE]
        if encoding is not None:
            write_json(temporary / PREPROCESSING, encoding.to_dict())
            names.append(PREPROCESSING)
        names += _write_background(trainer, temporary, background, encoding)
        card.record.model["bundle"] = program["kind"]
        card.save(temporary)
        write_manifest(temporary, name or place.name, program, names)
        _compare(module, example, temporary)
    return Path(folder)


# ------------------------------------------------------------------------------------------------- what goes in and out


def _interface(trainer: Trainer, example: Example, outputs: Any, encoding: Any, target: Target | None) -> Interface:
    from neurokit.export.leaves import named_leaves

    known = trainer.reading(trainer.state.seed).inputs
    columns = known[""].columns if example.passed == "alone" and "" in known and encoding is None else ()
    inputs = tuple(
        Input(
            name, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape[1:]),
            tuple(columns) if columns and tensor.shape[1:] == (len(columns),) else None,
        )
        for name, tensor in example.inputs.items()
    )  # fmt: skip
    leaves, structure = named_leaves(outputs)
    questions, where = _questions(trainer, outputs, leaves)
    if target is not None:
        questions = (_with_target(questions[0], target),)
    fields = _fields(inputs, example) if inputs[0].columns else None
    return Interface(inputs, example.passed, questions, where, structure, fields)


def _questions(trainer: Trainer, outputs: Any, leaves: Mapping[str, Any]) -> tuple[tuple[Question, ...], str | None]:
    """What is asked, and in which output the prediction is, where there is one."""
    from neurokit.outputs import find_prediction

    questions = tuple(_question(name, task) for name, task in _tasks(trainer, outputs).items())
    found, _ = find_prediction(outputs)
    if isinstance(trainer.criterion, dict):
        return questions, None
    return questions, next((name for name, one in leaves.items() if one is found), None)


def _tasks(trainer: Trainer, outputs: Any) -> dict[str, Task]:
    """What each output is asked for; of a trainer that met no targets, as far as its loss tells."""
    from neurokit import probe
    from neurokit.outputs import find_prediction, output_fields
    from neurokit.task import Task

    if isinstance(trainer.task, Mapping):
        return dict(trainer.task)
    if isinstance(trainer.task, Task):
        return {"": trainer.task}
    targets = trainer.reading(trainer.state.seed).targets
    if isinstance(trainer.criterion, dict):
        told = output_fields(outputs)
        return {name: probe.infer_task(one, told[name], None, targets[name]) for name, one in trainer.criterion.items()}
    found, _ = find_prediction(outputs)
    if trainer.criterion is None or found is None:
        return {"": Task()}
    return {"": probe.infer_task(trainer.criterion, found, None, targets)}


def _question(name: str, task: Task) -> Question:
    classes = None if task.classes is None else tuple(task.classes.tolist())
    return Question(name, task.kind, task.activation, task.num_classes, classes, task.classes_last)


def _with_target(question: Question, target: Target) -> Question:
    from dataclasses import replace

    classes = None if target.classes is None else tuple(target.classes)
    return replace(question, name=target.name, classes=classes, mean=float(target.mean), scale=float(target.scale))


def _fields(inputs: tuple[Input, ...], example: Example) -> tuple[Field, ...]:
    """The columns of a table of numbers, with the range and the median that the rows have."""
    from neurokit.encoding import Field

    (one,) = inputs
    assert one.columns is not None
    table = example.rows.numpy()
    seen = np.stack([table.min(0), np.median(table, axis=0), table.max(0)], axis=1)
    return tuple(
        Field(name, "number", nullable=False, minimum=low, maximum=high, example=middle)
        for name, (low, middle, high) in zip(one.columns, map(_short, seen), strict=True)
    )


def _short(numbers: Array) -> list[float]:
    """Numbers with no more digits than their precision has: 0.1 in single precision is 0.1."""
    return [float(str(number)) for number in numbers]


# ------------------------------------------------------------------------------------------------------ what is written


def _write_program(
    trainer: Trainer, example: Example, folder: Path, format: str, interface: Interface
) -> tuple[dict[str, Any], Interface]:
    from neurokit import checkpoint
    from neurokit.architectures import described

    architecture = described(trainer.model) if format in ("auto", "safetensors") else None
    if format == "safetensors" or architecture is not None:
        checkpoint.save_weights(folder / PROGRAMS["weights"], trainer.model.state_dict())
        if architecture is not None:
            return {"kind": "architecture", "architecture": architecture}, interface
        return {"kind": "weights", "class": type(trainer.model).__qualname__}, interface
    from neurokit import export

    if format == "pt2":
        done = export.to_pt2(trainer, folder / PROGRAMS["pt2"], example.rows)
        return program_of_export("pt2", done), interface
    try:
        done = export.to_onnx(trainer, folder / PROGRAMS["onnx"], example.rows)
    except (ValueError, ModuleNotFoundError) as error:
        error.add_note(
            "save_bundle(trainer, folder, format='safetensors') keeps the weights, to load with the module: "
            "load_bundle(folder, model=...)."
        )
        raise
    return program_of_export("onnx", done), interface


def _write_background(trainer: Trainer, folder: Path, background: Any, encoding: Any) -> list[str]:
    """Keep rows for explanations: a table's as it is, the inputs of any other model as tensors."""
    if background is False or background is None:
        return []
    if encoding is not None:
        if background is True:
            return []
        records = json.loads(background.to_json(orient="split", date_format="iso", double_precision=15))
        write_json(folder / BACKGROUND_TABLE, {"columns": records["columns"], "rows": records["data"]})
        return [BACKGROUND_TABLE]
    from neurokit import checkpoint
    from neurokit.data.arrays import map_leaves, to_tensor

    rows = trainer.background if background is True else background
    if rows is None:
        return []
    tensors: list[Any] = []
    map_leaves(lambda value, _: tensors.append(to_tensor(value, "background")), rows, "background")
    checkpoint.save_weights(folder / BACKGROUND_ARRAYS, {str(at): one for at, one in enumerate(tensors)})
    return [BACKGROUND_ARRAYS]


def _compare(module: nn.Module, example: Example, folder: Path) -> None:
    """Refuse a bundle that says something else than the model, of the rows it was written with."""
    from neurokit.export.leaves import named_leaves
    from neurokit.predictions import to_numpy
    from neurokit.seeding import seeded

    if read_manifest(folder)["program"]["kind"] == "weights":  # they run in the user's own module
        return
    expected = to_numpy(named_leaves(_outputs(module, example))[0])
    bundle = open_folder(folder, trusted=True)
    with seeded(1):  # elsewhere in the random streams than the model was: one that draws numbers answers otherwise
        found = bundle.run({name: tensor.numpy() for name, tensor in example.inputs.items()})
    largest = max((_difference(one, found[name]) for name, one in expected.items()), default=0.0)
    if not largest <= 1:
        raise ValueError(
            f"The bundle was not kept: its predictions differ from the trainer's by {largest:.3g} times what rounding "
            f"explains (relative and absolute {TOLERANCE:g}). Does the model say the same each time it is asked?"
        )


def _outputs(module: nn.Module, example: Example) -> Any:
    """What the model says in eval mode, on the CPU and in its own precision, as a bundle's program runs."""
    import torch

    from neurokit.probe import call
    from neurokit.seeding import preserved_rng

    with torch.no_grad(), preserved_rng():
        return call(module, example.rows)


def _difference(expected: Array, found: Array) -> float:
    """How far an array is from the expected one, as a share of what is tolerated."""
    if expected.shape != found.shape:
        return float("inf")
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(expected, found) else float("inf")
    sound = np.isfinite(expected)
    if not np.array_equal(sound, np.isfinite(found)):
        return float("inf")
    allowed = TOLERANCE * (1 + np.abs(expected[sound]))
    return float(np.max(np.abs(expected[sound] - found[sound]) / allowed, initial=0.0))
