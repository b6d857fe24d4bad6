"""Target: what is predicted, as class indices or scaled numbers, and back in its own labels or units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from neurokit.arguments import check_choice, suggestions
from neurokit.encoding.plain import Scalar, choice, found_at, kind_of, listed, number, scalar, taken_apart, text

Array = np.ndarray[Any, Any]
Kind = Literal["binary", "multiclass", "regression"]
KINDS: tuple[str, ...] = get_args(Kind)

MOST_CLASSES = 20  # distinct whole numbers that are read as classes
_ROWS_A_CLASS = 10


@dataclass(frozen=True)
class Target:
    """What is predicted: its name, the kind of question, and its labels or its scale.

    Attributes:
        name: The column.
        kind: ``"binary"``, ``"multiclass"`` or ``"regression"``.
        classes: The labels in the order of their indices; ``None`` for regression.
        mean: Of training rows, in the target's own units; 0 where there are classes.
        scale: The standard deviation of training rows, likewise; 1 where there are classes.

    Example:
        >>> target = Target.fit("species", ["cat", "dog", "cat"])
        >>> target.kind, target.encode(["dog", "cat"]), target.decode([0, 1]).tolist()
        ('binary', array([1, 0]), ['cat', 'dog'])
    """

    name: str
    kind: Kind
    classes: tuple[Scalar, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        text(self.name, "The name of a target")
        choice(self.kind, "The kind of a target", KINDS)
        number(self.mean, "The mean of a target")
        if number(self.scale, "The scale of a target") <= 0:
            raise ValueError(f"The scale of a target is above 0, got {self.scale}.")
        if self.kind == "regression":
            if self.classes is not None:
                raise ValueError("The target of a regression has no classes.")
            return
        values = [scalar(one, "The classes of a target") for one in listed(self.classes, "The classes of a target")]
        kind_of(values, "The classes of a target")
        if len(values) != 2 if self.kind == "binary" else len(values) < 2:
            raise ValueError(f"A {self.kind} target has {'2' if self.kind == 'binary' else '2 or more'} classes, got "
                             f"{len(values)}.")  # fmt: skip
        if (self.mean, self.scale) != (0.0, 1.0):
            raise ValueError("A target with classes has mean 0 and scale 1: it is not scaled.")
        object.__setattr__(self, "classes", tuple(values))

    @classmethod
    def fit(cls, name: str, values: Any, kind: str = "auto") -> Target:
        """Return the target of training rows.

        Args:
            name: The column.
            values: Its values, none of them missing.
            kind: ``"auto"`` tells it by ``infer_kind``; or one of the kinds.

        Raises:
            ValueError: If the values cannot be of that kind: one is missing, all are equal, or they are no numbers.
        """
        check_choice("kind", kind, ("auto", *KINDS), classification="multiclass", classify="multiclass")
        column = _plain(values, name)
        if kind == "auto":
            kind = infer_kind(column)
        if kind == "regression":
            numbers = _numbers(column, name)
            largest = max(np.abs(numbers).max(), 5e-324)
            mean, scale = float((numbers / largest).mean() * largest), float((numbers / largest).std() * largest)
            if not scale or not np.isfinite(scale):
                raise ValueError(
                    f"The target {name!r} is {numbers[0]:g} in every training row, so there is nothing to learn. Is "
                    "this the right column?"
                )
            return cls(name, "regression", mean=mean, scale=scale)
        kind_of(list(set(column)), f"The target {name!r}")
        classes = sorted(set(column))
        if len(classes) < 2:
            raise ValueError(
                f"The target {name!r} is {classes[0]!r} in every training row, so there is nothing to learn. Is this "
                "the right column?"
            )
        if kind == "binary" and len(classes) > 2:
            raise ValueError(
                f"kind='binary' is for two classes, and {name!r} has {len(classes)}: {_few(classes)}. Pass "
                "kind='multiclass'."
            )
        return cls(name, "binary" if len(classes) == 2 else "multiclass", tuple(classes))

    def encode(self, values: Any) -> Array:
        """Return class indices, int64 ``(rows,)``; or scaled numbers, float32 ``(rows,)``.

        Raises:
            ValueError: If a value is missing, is no known class, or is no number; names the row.
        """
        column = _plain(values, self.name)
        if self.classes is None:
            return ((_numbers(column, self.name) - self.mean) / self.scale).astype(np.float32)
        places = {value: place for place, value in enumerate(self.classes)}
        found = [found_at(places, value, -1) for value in column]
        for row, (value, place) in enumerate(zip(column, found, strict=True)):
            if place < 0 or (type(value) is bool) != (type(self.classes[0]) is bool):
                raise ValueError(
                    f"The target {self.name!r} is {value!r} in row {row}, and training rows had {_few(self.classes)}."
                    f"{suggestions(str(value), map(str, self.classes))}"
                )
        return np.array(found, dtype=np.int64)

    def decode(self, values: Any) -> Array:
        """Return labels for class indices, or numbers in the target's own units for scaled ones, in their shape."""
        found = np.asarray(values)
        if self.classes is None:
            return found.astype(np.float64) * self.scale + self.mean
        return np.array(self.classes)[found.astype(np.int64)]

    def to_dict(self) -> dict[str, Any]:
        """Return the target as JSON values."""
        classes = None if self.classes is None else list(self.classes)
        return {"name": self.name, "kind": self.kind, "classes": classes, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Target:
        """Return the target that ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none.
        """
        found = taken_apart(values, "A target", ("name", "kind", "classes", "mean", "scale"))
        return cls(**found | {name: number(found[name], name) for name in ("mean", "scale")})


def infer_kind(values: Any) -> str:
    """Return the kind of question that a target's values ask.

    Text and truth values are classes. So are two distinct values of any kind, and whole numbers where there are at most
    20 of them, each in ten rows on average. Anything else is a regression.

    Example:
        >>> infer_kind(["a", "b", "c"]), infer_kind([0, 1, 1]), infer_kind([0.5, 1.25, 3.0])
        ('multiclass', 'binary', 'regression')
    """
    column = _plain(values, "target")
    distinct = set(column)
    if len(distinct) == 2:
        return "binary"
    if any(type(value) in (str, bool) for value in distinct):
        return "multiclass"
    is_whole = all(float(value).is_integer() for value in distinct)
    is_few = len(distinct) <= min(MOST_CLASSES, len(column) / _ROWS_A_CLASS)
    return "multiclass" if is_whole and is_few else "regression"


def _plain(values: Any, name: str) -> list[Scalar]:
    """The values as Python's own, whole numbers as int; none may be missing."""
    column = values.tolist() if hasattr(values, "tolist") else list(values)
    if not column:
        raise ValueError(f"The target {name!r} has no rows.")
    found: list[Scalar] = []
    for row, value in enumerate(column):
        value = value.item() if isinstance(value, np.generic) else value
        is_missing = value is None or type(value).__name__ in ("NAType", "NaTType")
        if is_missing or (type(value) is float and value != value):
            raise ValueError(f"The target {name!r} is missing in row {row}. Leave such rows out: they teach nothing.")
        if type(value) not in (bool, int, float, str):
            raise ValueError(
                f"The target {name!r} is {value!r:.40} ({type(value).__name__}) in row {row}, and what is predicted "
                "are numbers, texts or truth values."
            )
        if type(value) is float and not np.isfinite(value):
            raise ValueError(f"The target {name!r} is {value} in row {row}. Leave such rows out, or mend them.")
        found.append(int(value) if type(value) is float and value.is_integer() and abs(value) < 2**53 else value)
    return found


def _numbers(column: list[Scalar], name: str) -> Array:
    for row, value in enumerate(column):
        if type(value) is str:
            raise ValueError(f"The target {name!r} is the text {value!r:.40} in row {row}, and a regression is about "
                             "numbers. Pass kind='multiclass' for classes.")  # fmt: skip
    return np.array(column, dtype=np.float64)


def _few(values: Any) -> str:
    named = [repr(value) for value in values]
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
