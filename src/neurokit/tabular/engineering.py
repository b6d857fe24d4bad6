"""Engineering: new columns, from the user's functions, from ratios, and from texts that are dates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.arguments import suggestions
from neurokit.encoding import Field, Ratio
from neurokit.encoding.reading import read_column
from neurokit.wording import counted

if TYPE_CHECKING:
    import pandas as pd

Functions = Mapping[str, Callable[[Any], Any]]


def check_functions(functions: Any) -> dict[str, Callable[[Any], Any]]:
    """Return functions by the name of the column each makes, or raise."""
    if not isinstance(functions, Mapping):
        raise TypeError(
            f"functions is a dict, got {type(functions).__name__}. Pass functions={{'name': lambda frame: ...}}."
        )
    for name, function in functions.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"functions has the key {name!r}, and a key is the name of the column that is made.")
        if not callable(function):
            raise TypeError(
                f"functions[{name!r}] is {function!r:.40}, and a function of a table is wanted. Pass "
                f"functions={{{name!r}: lambda frame: frame['a'] + frame['b']}}."
            )
    return dict(functions)


def apply(frame: pd.DataFrame, functions: Functions) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with a column for each function, and what was done.

    Raises:
        ValueError: If a function gives no column of that table's rows; names the function.
    """
    import pandas as pd

    notes = []
    for name, function in functions.items():
        given = frame.copy()  # what a function does to it stays with it
        try:
            made = function(given)
        except Exception as error:
            error.add_note(f"in functions[{name!r}] of engineer_features, given the columns {list(frame.columns)}")
            raise
        if np.ndim(made) == 0:
            made = pd.Series([made] * len(frame), index=frame.index)
        if not isinstance(made, pd.Series):
            if np.ndim(made) != 1 or len(made) != len(frame):
                raise ValueError(
                    f"functions[{name!r}] gave {_shape(made)} for {len(frame):,} rows. Return one value for each row."
                )
            made = pd.Series(made, index=frame.index)
        if len(made) != len(frame) or not made.index.equals(frame.index):
            raise ValueError(
                f"functions[{name!r}] gave {len(made):,} rows for {len(frame):,}, or rows of another index. Return one "
                "value for each row, in their order: drop and sort nothing."
            )
        replaced = name in frame.columns
        changed = int((~((frame[name] == made) | (frame[name].isna() & made.isna()))).sum()) if replaced else 0
        missing = int(made.isna().sum())
        notes.append(
            (f"{name}: replaced by your function, {counted(changed, 'value')} changed" if replaced else
             f"{name}: made by your function") + (f", missing in {counted(missing, 'row')}" if missing else "")
        )  # fmt: skip
        frame = frame.assign(**{name: made})
    return frame, notes


def _shape(made: Any) -> str:
    return f"an array of shape {np.shape(made)}" if hasattr(made, "__len__") else f"a {type(made).__name__}"


def check_ratios(frame: pd.DataFrame, ratios: Any) -> tuple[dict[str, list[str]], list[str]]:
    """Return ratios as they are written down, and how often each has no value; their columns must be there."""
    if not isinstance(ratios, Mapping):
        raise TypeError(f"ratios is a dict, got {type(ratios).__name__}. Pass ratios={{'name': ['above', 'below']}}.")
    found: dict[str, list[str]] = {}
    notes = []
    for name, pair in ratios.items():
        ratio = Ratio.of(name, pair)
        if name in frame.columns:
            raise ValueError(f"The ratio {name!r} has the name of a column. Call it something else.")
        above, below = (_numbers(frame, part, name) for part in pair)
        gone = np.isnan(ratio(above, below))
        zero = int((below == 0).sum())
        notes.append(f"{name}: {pair[0]} / {pair[1]}" + (
            f", missing in {counted(int(gone.sum()), 'row')} ({pair[1]} is 0 in {zero:,})" if gone.any() else ""
        ))  # fmt: skip
        found[name] = list(pair)
    return found, notes


def _numbers(frame: pd.DataFrame, name: str, ratio: str) -> Any:
    if name not in frame.columns:
        raise ValueError(
            f"The ratio {ratio!r} needs the column {name!r}, which is not there.{suggestions(str(name), frame.columns)}"
        )
    return read_column(frame[name], Field(name, "number"))


def as_dates(frame: pd.DataFrame, dates: Iterable[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return a table whose columns of these names are dates, and how many texts became one.

    Raises:
        ValueError: If a column is not there, or a value is no date; names the row.
    """
    import pandas as pd

    notes = []
    for name in dates:
        if name not in frame.columns:
            raise ValueError(f"dates names {name!r}, which is no column.{suggestions(str(name), frame.columns)}")
        if getattr(frame[name].dtype, "kind", "O") == "M":
            notes.append(f"{name}: dates already")
            continue
        days = read_column(frame[name], Field(name, "date"))
        moments = pd.Series((days * 86_400_000_000).round(), index=frame.index)
        frame = frame.assign(**{name: pd.to_datetime(moments, unit="us")})
        notes.append(f"{name}: {counted(int(frame[name].notna().sum()), 'text')} read as dates")
    return frame, notes
