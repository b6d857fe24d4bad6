"""Interface: what a bundle's program takes and what its outputs mean, as plain values. No torch here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from neurokit.encoding import Field
from neurokit.onnx_program import DTYPES

KINDS = ("binary", "multiclass", "multilabel", "regression")
ACTIVATIONS = ("softmax", "exp", "sigmoid", "identity")
PASSED = ("alone", "position", "keyword")
MOST_NAMES = 100_000  # of columns or classes
MOST_NUMBERS = 1 << 28  # in a row of an input


@dataclass(frozen=True)
class Input:
    """One input of a program.

    Attributes:
        name: The keyword or forward's parameter.
        dtype: As NumPy names it, such as ``"float32"``.
        shape: Of one row; ``None`` for an axis of any length.
        columns: The names of a table's columns, where it has some.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Question:
    """What one output is asked for, and how its numbers become an answer.

    Attributes:
        name: The output's, or the target's column; ``""`` for the only output of a model without a table.
        kind: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``; ``None`` when nobody knows.
        activation: What turns the output into probabilities. ``"exp"`` is for log-probabilities.
        num_classes: Of classes or labels; ``None`` for regression.
        classes: The user's own labels in order; ``None`` for 0, 1, 2, ...
        classes_last: The program puts classes on the last axis, and not on axis 1.
        mean: What regression adds, in the target's unit, once the output is multiplied by ``scale``.
        scale: The target's unit in the output's.
    """

    name: str = ""
    kind: Literal["binary", "multiclass", "multilabel", "regression"] | None = None
    activation: Literal["softmax", "exp", "sigmoid", "identity"] = "identity"
    num_classes: int | None = None
    classes: tuple[str | int | float | bool, ...] | None = None
    classes_last: bool = False
    mean: float = 0.0
    scale: float = 1.0

    @property
    def has_probabilities(self) -> bool:
        """Whether the loss said how outputs become probabilities."""
        if self.kind == "multiclass":
            return self.activation != "identity"
        return self.kind in ("binary", "multilabel")


@dataclass(frozen=True)
class Interface:
    """What a program takes and gives.

    Attributes:
        inputs: Its inputs, in order.
        passed: One input ``"alone"``, several by ``"position"`` or by ``"keyword"``.
        questions: What is asked, one for each output that has a loss.
        prediction: The name of the output that is the prediction; ``None`` where each has a question of its own.
        structure: How the outputs lie in each other: the name of one, a list of structures, or a dict of them;
            ``None`` for what is no array.
        fields: The columns of a table of numbers, as a form or a request asks for them; ``None`` where inputs are
            arrays, or the preprocessing knows them.
    """

    inputs: tuple[Input, ...]
    passed: Literal["alone", "position", "keyword"]
    questions: tuple[Question, ...]
    prediction: str | None = None
    structure: Any = None
    fields: tuple[Field, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON holds."""
        told = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        told["inputs"], told["questions"] = [[asdict(one) for one in told[name]] for name in ("inputs", "questions")]
        return told | {"fields": None if self.fields is None else [one.to_dict() for one in self.fields]}

    @classmethod
    def from_dict(cls, values: Any) -> Interface:
        """Return the interface in a bundle's ``signature.json``, which may be a stranger's.

        Raises:
            ValueError: If it is none; says what is wrong.

        Example:
            >>> made = Interface((Input("x", "float32", (2,)),), "alone", (Question(kind="regression"),))
            >>> Interface.from_dict(made.to_dict()) == made
            True
        """
        told = _entries(cls, values, "the signature")
        inputs = tuple(_input(one) for one in _listed(told["inputs"], "inputs"))
        questions = tuple(_question(one) for one in _listed(told["questions"], "questions"))
        prediction = told["prediction"]
        if not inputs or len({one.name for one in inputs}) < len(inputs):
            raise ValueError("its inputs have no names of their own")
        if told["passed"] not in PASSED or (told["passed"] == "alone" and len(inputs) > 1):
            raise ValueError(f"its inputs are passed {told['passed']!r:.40}")
        if not (prediction is None or isinstance(prediction, str)):
            raise ValueError(f"its prediction is {prediction!r:.40}")
        _check_structure(told["structure"])
        told_fields = None if told["fields"] is None else _listed(told["fields"], "fields")
        of_table = None if told_fields is None else tuple(Field.from_dict(one) for one in told_fields)
        return cls(inputs, told["passed"], questions, prediction, told["structure"], of_table)


def _entries(kind: Any, values: Any, what: str) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    if not isinstance(values, Mapping) or set(values) != names:
        got = sorted(map(str, values)) if isinstance(values, Mapping) else type(values).__name__
        raise ValueError(f"{what} has the entries {sorted(names)}, got {got!s:.200}")
    return dict(values)


def _listed(value: Any, what: str) -> list[Any]:
    if not isinstance(value, (list, tuple)) or len(value) > MOST_NAMES:
        raise ValueError(f"its {what} are no list of at most {MOST_NAMES:,}")
    return list(value)


def _check_structure(value: Any, depth: int = 0) -> None:
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else None
    if not (value is None or isinstance(value, str)) and (members is None or depth > 8 or len(members) > MOST_NAMES):
        raise ValueError(f"its outputs have the structure {value!r:.40}")
    for member in members or ():
        _check_structure(member, depth + 1)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _input(values: Any) -> Input:
    told = _entries(Input, values, "an input")
    shape, columns = _listed(told["shape"], "axes"), told["columns"]
    names = None if columns is None else _listed(columns, "columns")
    if not isinstance(told["name"], str) or not told["name"] or told["dtype"] not in DTYPES.values():
        raise ValueError(f"an input is called {told['name']!r:.40} and of {told['dtype']!r:.40}")
    if len(shape) > 16 or not all(size is None or _is_count(size) for size in shape):
        raise ValueError(f"the input {told['name']!r:.40} has rows of the shape {shape!r:.80}")
    if math.prod(filter(None, shape)) > MOST_NUMBERS:
        raise ValueError(f"a row of {told['name']!r:.40} has more than {MOST_NUMBERS:,} numbers: {shape!r:.80}")
    if names is not None and (shape != [len(names)] or not all(isinstance(one, str) for one in names)):
        raise ValueError(f"the input {told['name']!r:.40} has {len(names)} columns in rows of the shape {shape!r:.80}")
    return Input(told["name"], told["dtype"], tuple(shape), None if names is None else tuple(names))


def _question(values: Any) -> Question:
    told = _entries(Question, values, "a question")
    classes = None if told["classes"] is None else tuple(_listed(told["classes"], "classes"))
    sizes = told["num_classes"]
    if not isinstance(told["name"], str) or told["kind"] not in (*KINDS, None):
        raise ValueError(f"the question {told['name']!r:.40} is of the kind {told['kind']!r:.40}")
    if type(told["classes_last"]) is not bool:
        raise ValueError(f"the question {told['name']!r:.40} has classes_last={told['classes_last']!r:.40}")
    if told["activation"] not in ACTIVATIONS or not (sizes is None or _is_count(sizes)):
        raise ValueError(f"the question {told['name']!r:.40} has {sizes!r:.40} classes by {told['activation']!r:.40}")
    if classes is not None and (
        len(classes) != sizes or not all(type(one) in (str, int, float, bool) for one in classes)
    ):
        raise ValueError(f"the question {told['name']!r:.40} has {sizes!r:.40} classes and {len(classes)} labels")
    for name in ("mean", "scale"):
        if type(told[name]) not in (int, float) or not math.isfinite(told[name]):
            raise ValueError(f"the question {told['name']!r:.40} has the {name} {told[name]!r:.40}")
    return Question(**told | {"classes": classes})
