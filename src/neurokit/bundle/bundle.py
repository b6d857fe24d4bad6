"""Bundle: a model that left the project, answering rows without the code that trained it."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from neurokit.arguments import check_choice, check_count, check_path, suggests_arguments
from neurokit.bundle import answering
from neurokit.bundle.background import background_of
from neurokit.bundle.interface import Input, Interface, Question
from neurokit.bundle.layout import CARD, RECORD
from neurokit.bundle.programs import Program
from neurokit.bundle.rows import rows_of, to_arrays
from neurokit.encoding.plain import found_at
from neurokit.storage import Limits, open_regular, read_json

if TYPE_CHECKING:
    from neurokit.assessment import Assessment
    from neurokit.encoding import Field, TableEncoding
    from neurokit.task import Kind

logger = logging.getLogger("neurokit")

Array = np.ndarray[Any, Any]

_ROWS_AT_ONCE = 1024
_NUMBERS_AT_ONCE = 1 << 22  # of inputs: a batch of pictures is one of few rows


class Answer(NamedTuple):
    """What a model says of some rows, from one pass.

    Attributes:
        labels: The most probable class of each row, in the user's own labels; ``None`` without classes.
        probabilities: ``(N, C)``; ``None`` where the loss gives none.
        values: The numbers of regression in the target's own unit, or the outputs of a task that is not known.

    Example:
        >>> Answer(labels=np.array(["cat"]), probabilities=np.array([[0.9, 0.1]]), values=None).labels
        array(['cat'], dtype='<U3')
    """

    labels: Array | None
    probabilities: Array | None
    values: Array | None


class Bundle:
    """A model that predicts without the code that trained it; ``nk.load_bundle`` opens one.

    A bundle with preprocessing takes rows of its table, as a data frame or a list of dicts, and answers in the target's
    own terms. One without takes what ``trainer.predict`` takes in memory, and gives what that gives.

    Attributes:
        folder: Where it lies.
        name: What the model is called.
        version: Twelve hexadecimal digits that tell this model from every other: a digest of its files. The card may be
            changed without changing it.
        kind: What runs: ``"architecture"`` (weights in one of neurokit's), ``"onnx"``, ``"pt2"`` or ``"weights"``.
        interface: What its program takes, and what the outputs mean.
        encoding: The preprocessing of a table; ``None`` for arrays.

    Example:
        >>> import tempfile, torch, neurokit as nk
        >>> from neurokit.architectures import MLP
        >>> trainer = nk.Trainer(MLP(2, 1), loss="mse", device="cpu")
        >>> history = trainer.fit(torch.zeros(8, 2), torch.zeros(8, 1), verbose=0)
        >>> bundle = nk.load_bundle(nk.save_bundle(trainer, tempfile.mkdtemp() + "/line"))
        >>> bundle.kind, bundle.predict(torch.zeros(3, 2)).shape
        ('architecture', (3, 1))
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        interface: Interface,
        program: Program,
        encoding: TableEncoding | None,
        limits: Limits,
    ) -> None:
        self.folder, self.manifest, self.interface, self.encoding = folder, manifest, interface, encoding
        self.name: str = manifest["name"]
        self.kind: str = manifest["program"]["kind"]
        told = sorted((name, entry["sha256"]) for name, entry in manifest["files"].items())
        self.version = hashlib.sha256(repr(told).encode()).hexdigest()[:12]
        self.run = program
        self._limits = limits

    def __repr__(self) -> str:
        asked = ", ".join(f"{one.name or 'output'}: {one.kind or 'not known'}" for one in self.interface.questions)
        return f"Bundle({self.name!r}, version {self.version}, {self.kind}, {asked})"

    # ------------------------------------------------------------------------------------------------ what it is about

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What the program takes: names, dtypes and the shapes of a row."""
        return self.interface.inputs

    @property
    def fields(self) -> tuple[Field, ...] | None:
        """The columns that a row has, with types and categories; ``None`` where rows are arrays."""
        return self.interface.fields if self.encoding is None else self.encoding.fields

    @property
    def target(self) -> Question | None:
        """What is asked; ``None`` where there are several outputs, each with its own."""
        return self.interface.questions[0] if len(self.interface.questions) == 1 else None

    @cached_property
    def record(self) -> dict[str, Any]:
        """The run that made the model, as ``run.json`` has it; empty where somebody took that away or spoilt it."""
        found = self._beside(RECORD, lambda path: read_json(path, self._limits))
        return found if isinstance(found, dict) else {}

    @cached_property
    def card(self) -> str:
        """The model card, Markdown, as it was when first asked for; ``""`` where somebody took it away."""
        return self._beside(CARD, self._text) or ""

    def _text(self, path: Path) -> str:
        with open_regular(path) as file:
            return file.read(self._limits.json_bytes).decode("utf-8", "replace")

    def _beside(self, name: str, read: Callable[[Path], Any]) -> Any:
        """Read what people may change: the model answers without it, so that what is wrong with it is only said."""
        path = self.folder / name
        if not path.exists():
            return None
        try:
            return read(path)
        except (ValueError, OSError) as error:
            logger.warning("%s cannot be read and is left out: %s", path, error)
            return None

    @cached_property
    def background(self) -> Any:
        """The rows that explanations compare with; ``None`` where the bundle was saved without."""
        return background_of(self.folder, self.manifest["files"], self._limits)

    # ------------------------------------------------------------------------------------------------------- predicting

    @suggests_arguments
    def predict(self, rows: Any, *, batch_size: int | None = None) -> Any:
        """Return what the model says of each row, computed some rows at a time.

        With preprocessing these are labels, or numbers in the target's own unit, ``(N,)``. Without, they are the
        model's outputs in their own structure, as ``trainer.predict`` gives them.

        Args:
            rows: A data frame or a list of dicts; arrays, a tuple or a dict of them for a bundle without preprocessing.
            batch_size: Rows at a time; chosen by their size when ``None``.

        Raises:
            TypeError: If rows are something else, or hold what is no number where one is needed.
            ValueError: If a column is missing, or rows have another shape.
        """
        if self.encoding is None:
            return answering.rebuilt(self.interface.structure, self._outputs(rows, batch_size))
        answer = self.answer(rows, batch_size=batch_size)
        return answer.values if answer.labels is None else answer.labels

    @suggests_arguments
    def predict_proba(self, rows: Any, *, batch_size: int | None = None) -> Any:
        """Return probabilities ``(N, C)``, in the order of the classes; by name for several outputs.

        Raises:
            ValueError: If the model gives none.
        """
        return self._by_question(answering.probabilities, rows, batch_size)

    @suggests_arguments
    def predict_labels(self, rows: Any, *, batch_size: int | None = None) -> Any:
        """Return the most probable class of each row, in the user's own labels; by name for several outputs.

        Raises:
            ValueError: If the model has no classes.
        """
        return self._by_question(answering.labels, rows, batch_size)

    @suggests_arguments
    def answer(self, rows: Any, *, batch_size: int | None = None) -> Answer:
        """Return labels, probabilities and values from one pass over the rows.

        Raises:
            ValueError: If the model has several outputs, each with its own answer.
        """
        question = self._only_question("answer")
        found = self._prediction(self._outputs(rows, batch_size))
        if question.kind in ("binary", "multiclass", "multilabel"):
            told = answering.probabilities(question, found) if question.has_probabilities else None
            return Answer(answering.labels(question, found), told, None)
        return Answer(None, None, answering.values(question, found))

    def _outputs(self, rows: Any, batch_size: int | None) -> dict[str, Array]:
        arrays = to_arrays(rows, self.interface) if self.encoding is None else self.encoding.transform(rows)
        if self.interface.passed == "alone":
            arrays = {self.inputs[0].name: next(iter(arrays.values()))}
        count = rows_of(arrays)
        size = _rows_at_once(arrays, getattr(self.run, "width", 1)) if batch_size is None else batch_size
        check_count("batch_size", size, such_as=256)
        if count == 0:
            raise ValueError("There are 0 rows, so there is nothing to predict. Pass at least one.")
        parts = [
            self.run({name: array[first : first + size] for name, array in arrays.items()})
            for first in range(0, count, size)
        ]
        return answering.joined(parts)

    def _by_question(self, function: Any, rows: Any, batch_size: int | None) -> Any:
        outputs = self._outputs(rows, batch_size)
        if len(self.interface.questions) == 1:
            return function(self.interface.questions[0], self._prediction(outputs))
        return {one.name: function(one, outputs[one.name]) for one in self.interface.questions}

    def _prediction(self, outputs: Mapping[str, Array]) -> Array:
        if self.interface.prediction is None:
            raise ValueError(f"There is no telling which of the outputs {', '.join(outputs)} answers. Use predict.")
        return outputs[self.interface.prediction]

    def _only_question(self, what: str) -> Question:
        if self.target is None:
            names = ", ".join(one.name for one in self.interface.questions)
            raise ValueError(f"{what} is of one output, and this model has several: {names}. Use predict_proba.")
        return self.target

    # ------------------------------------------------------------------------------------------ judging and explaining

    def assess(self, rows: Any, y: Any = None, **options: Any) -> Assessment:
        """Return the assessment of the model on rows that it was not trained on.

        Args:
            rows: As in ``predict``. A table may hold the target's column.
            y: What is true, in the user's own labels or units; the target's column of the table when ``None``.
            **options: As ``nk.Assessment.from_arrays`` takes them: ``name``, ``sensitive``, ``sample_weight``,
                ``confidence``, ``seed``.

        Raises:
            ValueError: If there is no truth to compare with, it holds a class that the model does not know, or several
                outputs have each their own.
        """
        from neurokit.assessment import Assessment

        question = self._only_question("assess")
        true = self._truth(rows, y, question)
        answer = self.answer(rows)
        if question.kind is None:
            raise ValueError("Nobody knows what this model was asked: its loss is none of torch's. Use predict.")
        if answer.labels is None:
            return Assessment.from_arrays(true, answer.values, kind="regression", x=rows, **options)
        names = None if question.classes is None else [str(one) for one in question.classes]
        tells_two = question.kind == "multiclass" and question.num_classes == 2
        kind: Kind = "binary" if tells_two else question.kind
        if answer.probabilities is None:
            raise ValueError("This model gives classes without probabilities, and an assessment needs them.")
        told = answer.probabilities
        return Assessment.from_arrays(true, told, kind=kind, class_names=names, x=rows, **options)

    def evaluate(self, rows: Any, y: Any = None, **options: Any) -> dict[str, float]:
        """Return every metric of the task over rows with what is true of them; see ``assess`` for intervals.

        Args:
            rows: As in ``assess``.
            y: As in ``assess``.
            **options: As in ``assess``.
        """
        return {name: float(value) for name, value in self.assess(rows, y, **options).metrics.items()}

    def _truth(self, rows: Any, y: Any, question: Question) -> Array:
        if y is None:
            columns = [str(name) for name in getattr(rows, "columns", ())]
            if not question.name or question.name not in columns:
                what = f"the column {question.name!r}" if question.name else "y"
                raise ValueError(f"To compare with what is true, {what} is needed. Pass it in the table, or as y.")
            y = rows[question.name]
        given = np.asarray(y)
        if question.kind in ("binary", "multiclass") and question.classes is not None:
            return _indices(given, question)
        return given

    @suggests_arguments
    def explain(self, rows: Any, background: Any = None, **options: Any) -> Any:
        """Return what each column contributed to each answer, or to its probabilities: a ``shap.Explanation``.

        Args:
            rows: As in ``predict``; with preprocessing the values are those of the table's own columns.
            background: Rows to compare with; those that the bundle keeps when ``None``, else ``rows`` themselves.
            **options: As ``nk.explain`` takes them.

        Raises:
            ModuleNotFoundError: If torch or shap are not installed here.
        """
        from neurokit.explanations import explain

        question = self._only_question("explain")
        given = self.background if background is None else background
        names = None if question.classes is None else [str(one) for one in question.classes]
        if self.fields is not None:
            rows = self._as_table(rows)
            given = None if given is None else self._as_table(given)
        elif background is None and given is not None:
            given = self._in_structure([one.numpy() for one in given])
        if question.has_probabilities and names is not None:
            options = {"class_names": names, **options}

        def answers(some: Any) -> Array:
            found = self.answer(some)
            told = found.values if found.probabilities is None else found.probabilities
            return np.asarray(found.labels if told is None else told)

        output = "probability" if question.has_probabilities else "auto"
        return explain(answers, rows, given, **{"output": output, **options})

    @suggests_arguments
    def export(self, folder: str | os.PathLike[str], to: Literal["onnx", "pt2"] = "onnx") -> Path:
        """Write the same bundle with its weights turned into a program, and return its folder.

        Args:
            folder: Where it shall stand. A bundle that is there is replaced.
            to: ``"onnx"``, which runs where there is no torch, or ``"pt2"``.

        Raises:
            ValueError: If this bundle holds a finished program, or its module cannot be exported.
            FileExistsError: If the folder holds something else; nothing is changed.
            ModuleNotFoundError: If the extra ``export`` is not installed.
        """
        from neurokit.bundle.converting import convert

        check_path("folder", folder)
        check_choice("to", to, ("onnx", "pt2"))
        return convert(self, folder, to)

    def _as_table(self, rows: Any) -> Any:
        """Rows as a data frame of the columns that the model reads, and no others."""
        import pandas as pd

        assert self.fields is not None
        names = [one.name for one in self.fields]
        if isinstance(rows, list) and len(rows) == 1 and hasattr(rows[0], "numpy"):  # a background of tensors
            return pd.DataFrame(rows[0].numpy(), columns=names)
        table = pd.DataFrame(rows) if isinstance(rows, list) else rows
        if not hasattr(table, "columns"):
            return pd.DataFrame(np.asarray(table), columns=names)
        if missing := [name for name in names if name not in table.columns]:
            raise ValueError(
                f"The rows lack the column {missing[0]!r}. Pass every column of the model: {', '.join(names)}."
            )
        return table[names]

    def _in_structure(self, arrays: list[Array]) -> Any:
        if self.interface.passed == "alone":
            return arrays[0]
        if self.interface.passed == "position":
            return tuple(arrays)
        return dict(zip([one.name for one in self.inputs], arrays, strict=True))


def _rows_at_once(arrays: Mapping[str, Array], width: int) -> int:
    numbers = sum(int(np.prod(array.shape[1:])) for array in arrays.values())
    return int(np.clip(_NUMBERS_AT_ONCE // max(1, numbers, width), 1, _ROWS_AT_ONCE))


def _indices(given: Array, question: Question) -> Array:
    """Labels as class indices."""
    assert question.classes is not None
    known = {one: index for index, one in enumerate(question.classes)}
    found = [found_at(known, one, known.get(str(one), -1)) for one in given.tolist()]
    if -1 in found:
        row = found.index(-1)
        raise ValueError(
            f"Row {row} has the class {given.tolist()[row]!r:.60}, and the model knows "
            f"{', '.join(map(repr, question.classes[:12]))}. Leave such rows out, or correct them."
        )
    return np.asarray(found, dtype=np.int64)
