"""Field: a raw column that a row must have, as data, for a form, a request model, and strict reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from neurokit.encoding.plain import Scalar, choice, flag, kind_of, listed, number, scalar, taken_apart, text

FieldType = Literal["number", "integer", "boolean", "category", "date"]
TYPES: tuple[str, ...] = get_args(FieldType)


@dataclass(frozen=True)
class Field:
    """A raw column: its name, what its values are, and what training rows had in it.

    Attributes:
        name: The column's name.
        type: ``"number"``, ``"integer"``, ``"boolean"``, ``"category"`` or ``"date"``.
        nullable: Training rows had missing values in it, so that the model knows what one means.
        categories: The values of training rows, sorted; ``None`` for other types, and at most 1,000 of them.
        minimum: The least value of training rows: a number, or a date as ISO 8601; ``None`` for other types.
        maximum: The largest, likewise.
        example: A usual value: the median, or the most frequent one.

    Example:
        >>> field = Field("age", "number", nullable=True, minimum=0.0, maximum=80.0, example=28.0)
        >>> Field.from_dict(field.to_dict()) == field
        True
    """

    name: str
    type: FieldType
    nullable: bool = False
    categories: tuple[Scalar, ...] | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None
    example: Scalar | None = None

    def __post_init__(self) -> None:
        owner = f"The field {self.name!r:.60}"
        text(self.name, "The name of a field")
        choice(self.type, f"The type of {owner[4:]}", TYPES)
        flag(self.nullable, f"{owner}: nullable")
        if (self.categories is not None) != (self.type == "category"):
            raise ValueError(f"{owner} is a {self.type}, and has categories where that is 'category' and nowhere else.")
        if self.categories is not None:
            values = [scalar(one, f"{owner}: categories") for one in listed(self.categories, f"{owner}: categories")]
            kind_of(values, f"{owner}: categories")
            object.__setattr__(self, "categories", tuple(values))
        for name in ("minimum", "maximum"):
            value = getattr(self, name)
            if value is not None and self.type == "date":
                text(value, f"{owner}: {name}")
            elif value is not None:
                number(value, f"{owner}: {name}")
        if self.example is not None:
            scalar(self.example, f"{owner}: example")

    def to_dict(self) -> dict[str, Any]:
        """Return the field as JSON values."""
        values = asdict(self)
        values["categories"] = None if self.categories is None else list(self.categories)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Field:
        """Return the field that ``to_dict`` told of.

        Raises:
            ValueError: If it tells of none: an unknown or missing entry, or one of the wrong kind.
        """
        return cls(**taken_apart(values, "A field", tuple(one.name for one in fields(cls))))
