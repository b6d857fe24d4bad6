"""Cleaning: rows and columns that should not be there, each of them counted and kept to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from neurokit.wording import counted

if TYPE_CHECKING:
    import pandas as pd


class Cleaned(NamedTuple):
    """A table after cleaning.

    Attributes:
        frame: What is left.
        dropped: The rows that are not, each with its ``reason``.
        notes: What was done, with counts.
    """

    frame: pd.DataFrame
    dropped: pd.DataFrame
    notes: list[str]


def clean(frame: pd.DataFrame, *, missing: str, duplicates: str, constant: str, text: str) -> Cleaned:
    """Return a table without what the arguments say to drop; see ``TabularPipeline.clean_data``."""
    notes: list[str] = []
    frame = frame.copy()
    if text == "strip":
        notes += _strip(frame)
    notes += _infinite(frame)
    gaps = frame.isna().sum()
    gaps = gaps[gaps > 0]
    where = ", ".join(f"{name} {count:,}" for name, count in gaps.items())
    reasons = []
    if missing == "drop":
        rows = frame.isna().any(axis=1)
        reasons.append((rows, "a value is missing"))
        notes.append(
            f"{counted(int(rows.sum()), 'row')} with a missing value dropped" + (f" ({where})" if where else "")
        )
    elif where:
        notes.append(f"missing values kept, to be filled by what training rows say: {where}")
    else:
        notes.append("no value is missing")
    left = frame[~rows] if missing == "drop" else frame
    twice = left.duplicated().reindex(frame.index, fill_value=False)
    if duplicates == "drop":
        reasons.append((twice, "the same as an earlier row"))
        count = int(twice.sum())
        notes.append(f"{counted(count, 'row')} the same as an earlier one dropped" if count else "no row occurs twice")
    elif twice.any():
        notes.append(f"{counted(int(twice.sum()), 'row')} the same as an earlier one kept: a row and its twin may be "
                     "split apart, and then a test row was trained on")  # fmt: skip
    dropped = frame.iloc[:0].assign(reason="")
    for rows, reason in reasons:
        found = frame[rows & ~frame.index.isin(dropped.index)].assign(reason=reason)
        dropped = stacked(dropped, found)
    frame = frame[~frame.index.isin(dropped.index)]
    same = [name for name in frame.columns if frame[name].nunique(dropna=False) < 2] if len(frame) else []
    for name in same:
        value = frame[name].iloc[0]
        verb = "dropped" if constant == "drop" else "kept"
        notes.append(f"column {name} {verb}: it is {value!r} in every row")
    if constant == "drop":
        frame = frame.drop(columns=same)
    return Cleaned(frame, dropped, notes)


def stacked(one: Any, other: Any) -> Any:
    """Return the rows of two tables, one after the other; an empty one adds no types of its own."""
    import pandas as pd

    return pd.concat([one, other]) if len(one) and len(other) else one if len(one) else other


def _strip(frame: pd.DataFrame) -> list[str]:
    """Take spaces away around texts, in place; texts of nothing else become missing."""
    notes = []
    for name in frame.columns:
        column = frame[name]
        if getattr(column.dtype, "kind", "O") not in "OU" or str(column.dtype) == "category":
            continue
        stripped = column.map(lambda value: value.strip() if isinstance(value, str) else value)
        changed = int((stripped != column)[column.notna()].sum())
        empty = stripped.map(lambda value: value == "" if isinstance(value, str) else False).astype(bool)
        if not changed and not empty.any():
            continue
        frame[name] = stripped.where(~empty, None)
        if changed:
            notes.append(f"{name}: spaces taken away around {counted(changed, 'value')}")
        if empty.any():
            notes.append(f"{name}: {counted(int(empty.sum()), 'empty text')} now missing")
    return notes


def _infinite(frame: pd.DataFrame) -> list[str]:
    """Make infinite numbers missing, in place."""
    import numpy as np

    notes = []
    for name in frame.columns:
        if getattr(frame[name].dtype, "kind", "O") != "f":
            continue
        infinite = np.isinf(frame[name].to_numpy(dtype=float, na_value=np.nan))
        if infinite.any():
            frame[name] = frame[name].mask(infinite)
            notes.append(f"{name}: {counted(int(infinite.sum()), 'infinite number')} now missing")
    return notes
