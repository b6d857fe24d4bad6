"""TableEncoding: all columns of a table as the inputs of a model, fitted on training rows only, kept as JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np

from neurokit.arguments import check_choice, check_count, suggestions, suggests_arguments
from neurokit.encoding.categories import CategoryColumn
from neurokit.encoding.curve import SCALINGS
from neurokit.encoding.dates import PARTS, DateColumn
from neurokit.encoding.field import Field
from neurokit.encoding.inferring import infer_fields
from neurokit.encoding.numbers import FILLINGS, NumberColumn
from neurokit.encoding.plain import choice, listed, taken_apart, whole
from neurokit.encoding.ratios import Ratio
from neurokit.encoding.reading import Column, read_rows

logger = logging.getLogger("neurokit")

Array = np.ndarray[Any, Any]
Layout = Literal["embedded", "one-hot"]
LAYOUTS: Final = ("embedded", "one-hot")
FORMAT: Final = 1
_ENTRIES: Final = ("format", "layout", "fields", "ratios", "numbers", "dates", "categories")
_MOST_ONE_HOT: Final = 10_000


class TableEncoding:
    """A table's columns as numbers: fitted once on training rows, the same for any row after that.

    Numbers are filled where they are missing (a second column tells, if training rows had missing ones) and scaled
    along a ``Curve``. Categories become indices, 0 for what training never saw. Truth values are numbers 0 and 1. Dates
    become their parts. Ratios are safe against zero. Make one with ``fit`` or ``from_dict``.

    Attributes:
        fields: The raw columns that rows must have.
        layout: ``"embedded"`` gives ``{"numbers": float32 (N, n), "categories": int64 (N, k)}``, a key being absent
            when it has no columns; ``"one-hot"`` gives ``{"x": float32 (N, D)}``.
        notes: What ``fit`` noticed, in sentences; not kept in the dict.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"age": [20.0, None, 40.0], "sex": ["f", "m", "m"]})
        >>> encoding = TableEncoding.fit(frame, scaling="standard")
        >>> encoding.transform([{"age": 30, "sex": "x"}])
        {'numbers': array([[0., 0.]], dtype=float32), 'categories': array([[0]])}
        >>> again = TableEncoding.from_dict(encoding.to_dict())
        >>> again.columns
        {'numbers': ['age', 'age (missing)'], 'categories': ['sex']}
    """

    def __init__(
        self,
        fields: Sequence[Field],
        layout: Layout,
        ratios: Sequence[Ratio],
        numbers: Sequence[NumberColumn],
        dates: Sequence[DateColumn],
        categories: Sequence[CategoryColumn],
    ) -> None:
        self.fields = tuple(fields)
        self.layout: Layout = layout
        self.notes: list[str] = []
        self._said: set[str] = set()  # columns whose missing values were told of
        self.ratios, self._numbers = tuple(ratios), tuple(numbers)
        self._dates, self._categories = tuple(dates), tuple(categories)
        self._check()

    @classmethod
    @suggests_arguments
    def fit(
        cls,
        frame: Any,
        fields: Iterable[Field] | None = None,
        *,
        ratios: Mapping[str, Sequence[str]] | None = None,
        layout: Layout = "embedded",
        scaling: Literal["quantile", "standard"] = "quantile",
        filling: Literal["median", "mean", "zero"] = "median",
        min_count: int = 5,
        date_parts: Mapping[str, Sequence[str]] | None = None,
    ) -> TableEncoding:
        """Return the encoding of training rows.

        Args:
            frame: A DataFrame of training rows, and of these only: what is learnt from others leaks.
            fields: Its columns, as ``infer_fields`` tells them; ``None`` infers them.
            ratios: Columns of numbers to divide, as ``{"rooms_per_household": ["total_rooms", "households"]}``.
            layout: How the model takes the columns.
            scaling: ``"quantile"`` brings numbers to a normal distribution by their ranks, so that skew and outliers do
                no harm; ``"standard"`` to mean 0 and deviation 1.
            filling: What stands for a missing number.
            min_count: A category that fewer rows have, and fewer than one in a hundred, joins the unknown ones.
            date_parts: For columns of dates, which of ``"days"``, ``"year"``, ``"month"``, ``"weekday"``, ``"hour"``.

        Raises:
            ValueError: If a column is missing, mixed, or of another type than its field; or there are no rows.
        """
        check_choice("layout", layout, LAYOUTS, onehot="one-hot", one_hot="one-hot", embedding="embedded")
        check_choice("scaling", scaling, SCALINGS, zscore="standard", standardize="standard", normal="quantile")
        check_choice("filling", filling, FILLINGS)
        check_count("min_count", min_count)
        if not len(frame):
            raise ValueError("The training table has no rows, so nothing can be fitted.")
        fields = tuple(infer_fields(frame).fields if fields is None else fields)
        divided = [Ratio.of(name, pair) for name, pair in (ratios or {}).items()]
        _check_ratios(divided, fields)
        _check_parts(date_parts or {}, fields)
        columns = read_rows(frame, fields)
        notes, numbers, dates, categories = [], [], [], []
        for field in fields:
            values: Any = columns[field.name]
            if field.type == "category":
                categories.append(CategoryColumn.fit(field.name, values, min_count))
                notes += _note_rare(categories[-1], values)
            elif field.type == "date":
                parts = tuple((date_parts or {}).get(field.name, ())) or None
                dates.append(DateColumn.fit(field.name, values, scaling, filling, parts))
            else:
                numbers.append(NumberColumn.fit(field.name, values, scaling, filling))
        for ratio in divided:
            values = ratio(columns[ratio.numerator], columns[ratio.denominator])
            notes += _note_ratio(ratio, columns, values)
            numbers.append(NumberColumn.fit(ratio.name, values, scaling, filling))
        encoding = cls(fields, layout, divided, numbers, dates, categories)
        encoding.notes = notes
        return encoding

    def with_layout(self, layout: Layout) -> TableEncoding:
        """Return the same encoding in another layout: what was fitted stays."""
        check_choice("layout", layout, LAYOUTS)
        other = TableEncoding(self.fields, layout, self.ratios, self._numbers, self._dates, self._categories)
        other.notes = list(self.notes)
        return other

    @property
    def _numeric(self) -> list[NumberColumn | DateColumn]:
        return [*self._numbers, *self._dates]

    @property
    def columns(self) -> dict[str, list[str]]:
        """The names of the columns of each input of the model."""
        numbers = [name for one in self._numeric for name in one.columns]
        if self.layout == "one-hot":
            return {"x": numbers + [name for one in self._categories for name in one.columns]}
        found = {"numbers": numbers, "categories": [one.name for one in self._categories]}
        return {name: columns for name, columns in found.items() if columns}

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """What the model takes: name, dtype, shape of one row and columns of each input, as a signature has it."""
        return [
            {"name": name, "dtype": "int64" if name == "categories" else "float32", "shape": [len(columns)],
             "columns": columns}
            for name, columns in self.columns.items()
        ]  # fmt: skip

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """For each column of categories, how many indices it has, the bucket of unknown ones included."""
        return tuple(one.cardinality for one in self._categories)

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Which raw columns each column of the inputs is made of, by its name."""
        found: dict[str, tuple[str, ...]] = {name: (one.name,) for one in self._numeric for name in one.columns}
        found |= {name: (one.name,) for one in self._categories for name in (one.name, *one.columns)}
        for ratio in self.ratios:
            raw = (ratio.numerator, ratio.denominator)
            found |= {name: raw for name in (ratio.name, f"{ratio.name} (missing)") if name in found}
        return found

    def transform(self, rows: Any, *, strict: bool = False) -> dict[str, Array]:
        """Return the model's inputs for rows, by keyword. A row is encoded alone as it is among others.

        A value that is missing where training rows had none is filled as others are, which is said once.

        Args:
            rows: A DataFrame or a list of dicts, whose values are JSON's: ``None`` is a missing one, a date ISO 8601.
            strict: Refuse columns that are no field.

        Raises:
            TypeError: If rows are neither.
            ValueError: If a column is missing or a value is not of its type, or infinite; names column and row.
        """
        columns = read_rows(rows, self.fields, strict=strict)
        self._note_missing(columns)
        for ratio in self.ratios:
            columns[ratio.name] = ratio(columns[ratio.numerator], columns[ratio.denominator])
        count = len(rows)
        numbers = [one(columns[one.name]) for one in self._numeric]
        if self.layout == "one-hot":
            parts = [*numbers, *(one.one_hot(columns[one.name]) for one in self._categories)]
            return {"x": np.concatenate([np.zeros((count, 0), np.float32), *parts], axis=1)}
        found = {}
        if numbers:
            found["numbers"] = np.concatenate(numbers, axis=1)
        if self._categories:
            found["categories"] = np.stack([one(columns[one.name]) for one in self._categories], axis=1)
        return found

    def _note_missing(self, columns: Mapping[str, Column]) -> None:
        for field in self.fields:
            if field.nullable or field.name in self._said:
                continue
            values = columns[field.name]
            missing = values.count(None) if isinstance(values, list) else int(np.isnan(values).sum())
            if missing:
                self._said.add(field.name)
                how = "taken as an unknown category" if field.type == "category" else "filled as others are"
                logger.warning(
                    "The column %r is missing in %s of %s rows, and training rows had none missing: %s.",
                    field.name, f"{missing:,}", f"{len(values):,}", how,
                )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return the encoding as JSON values, from which ``from_dict`` gives the same numbers to the last bit."""
        return {
            "format": FORMAT,
            "layout": self.layout,
            "fields": [one.to_dict() for one in self.fields],
            "ratios": [one.to_dict() for one in self.ratios],
            "numbers": [one.to_dict() for one in self._numbers],
            "dates": [one.to_dict() for one in self._dates],
            "categories": [one.to_dict() for one in self._categories],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TableEncoding:
        """Return the encoding that ``to_dict`` told of; it may come from a stranger.

        Raises:
            ValueError: If it tells of none: an unknown or missing entry, one of the wrong kind, or parts that do not
                belong together.
        """
        found = taken_apart(values, "An encoding", _ENTRIES)
        if whole(found["format"], "format", 1) != FORMAT:
            raise ValueError(f"This encoding is of format {found['format']}, and {FORMAT} is read. Update neurokit.")
        layout: Any = choice(found["layout"], "layout", LAYOUTS)
        kinds: dict[str, Any] = {"fields": Field, "ratios": Ratio, "numbers": NumberColumn, "dates": DateColumn,
                                 "categories": CategoryColumn}  # fmt: skip
        parts = {name: [kind.from_dict(one) for one in listed(found[name], name)] for name, kind in kinds.items()}
        return cls(layout=layout, **parts)

    def __repr__(self) -> str:
        named = ", ".join(f"{field.name}: {field.type}" for field in self.fields)
        return f"TableEncoding({self.layout}; {named})"

    def _check(self) -> None:
        """Refuse parts that do not belong together, which a stranger's may not."""
        _check_ratios(self.ratios, self.fields)
        wanted: dict[str, list[str]] = {"number": [], "date": [], "category": []}
        for field in self.fields:
            wanted[field.type if field.type in wanted else "number"].append(field.name)
        wanted["number"] += [one.name for one in self.ratios]
        given: dict[str, Any] = {"number": self._numbers, "date": self._dates, "category": self._categories}
        for kind, names in wanted.items():
            if [one.name for one in given[kind]] != names:
                raise ValueError(
                    f"The fields have {names} of kind {kind}, and the encoding "
                    f"{[one.name for one in given[kind]]!s:.200}."
                )
        if not self.fields:
            raise ValueError("There is no column to encode. Every one was left out, or the table has none.")
        width = sum(map(len, self.columns.values()))
        if self.layout == "one-hot" and width > _MOST_ONE_HOT:
            largest = max(self._categories, key=lambda one: one.cardinality)
            raise ValueError(
                f"layout='one-hot' makes {width:,} columns, {largest.cardinality:,} of them for {largest.name!r}, and "
                f"at most {_MOST_ONE_HOT:,} are made. Pass layout='embedded', a larger min_count, or leave it out."
            )


def _check_ratios(ratios: Sequence[Ratio], fields: Sequence[Field]) -> None:
    kinds = {field.name: field.type for field in fields}
    if len(kinds) < len(fields):
        raise ValueError("Two fields have the same name.")
    if len({ratio.name for ratio in ratios} | kinds.keys()) < len(ratios) + len(kinds):
        raise ValueError("A ratio has the name of another column. Call it something else.")
    for ratio in ratios:
        for part in (ratio.numerator, ratio.denominator):
            if kinds.get(part) not in ("number", "integer"):
                what = f"is a {kinds[part]}" if part in kinds else "is not there"
                plain = [name for name, kind in kinds.items() if kind in ("number", "integer")]
                raise ValueError(
                    f"The ratio {ratio.name!r} needs the column of numbers {part!r}, which {what}."
                    f"{suggestions(part, plain)}"
                )


def _check_parts(date_parts: Mapping[str, Sequence[str]], fields: Sequence[Field]) -> None:
    dates = [field.name for field in fields if field.type == "date"]
    for name, parts in date_parts.items():
        check_choice("A column in date_parts", name, tuple(dates))
        for part in parts:
            check_choice(f"A part of {name!r}", part, PARTS, day="days", dayofweek="weekday", hours="hour")


def _note_rare(column: CategoryColumn, values: Sequence[Any]) -> list[str]:
    if not column.rare:
        return []
    rare = [value for value in values if value is not None and value not in column.values]
    count, named = len(set(rare)), ", ".join(map(repr, sorted(set(rare))[:5]))
    return [f"{column.name}: {count:,} rare categories ({named}), {len(rare):,} rows in all, join the unknown ones"]


def _note_ratio(ratio: Ratio, columns: Mapping[str, Any], values: Array) -> list[str]:
    zero, missing = int((columns[ratio.denominator] == 0).sum()), int(np.isnan(values).sum())
    if not missing:
        return []
    return [f"{ratio.name}: missing in {missing:,} rows, {zero:,} of them because {ratio.denominator} is 0"]
