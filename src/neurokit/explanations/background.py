"""Background: the rows that a hidden column takes its values from, chosen once and said aloud."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from neurokit.data.arrays import is_table, map_leaves
from neurokit.data.inputs import one_sample
from neurokit.explanations.functions import Explained, rows_of, take

logger = logging.getLogger("neurokit")

MOST_ROWS: Final = 100  # every evaluation averages over all of them


class Background(NamedTuple):
    """The rows that stand for the unknown, and where they come from."""

    rows: Any
    source: str


def choose_background(explained: Explained, given: Any, x: Any, seed: int) -> Background:
    """Return the background: what was given, else rows of the training data, else x itself, which is said.

    Up to 100 rows are used whole; of more, a seeded sample.

    Args:
        explained: What is explained.
        given: What the user passed, read; or ``None``.
        x: The rows to explain, read.
        seed: Which sample of a larger one.

    Raises:
        ValueError: If it has no rows, or other inputs or columns than x.
    """
    if given is not None:
        rows = _fitting(given, x)
        count = rows_of(rows)
        if count <= MOST_ROWS:
            return Background(rows, "the background given")
        _say(explained, f"background has {count} rows, of which a seeded sample of {MOST_ROWS} is used.")
        return Background(_sample(rows, seed), f"the background given, of {count} rows")
    kept = explained.background
    if isinstance(kept, Mapping) and isinstance(x, Mapping) and x.keys() <= kept.keys():
        kept = {name: kept[name] for name in x}  # labels went into the model that computed its own loss
    if kept is not None and _shapes(kept) == _shapes(x):
        return Background(_sample(kept, seed), "training data")
    if rows_of(x) == 1:
        raise ValueError(
            "There is one row to explain and nothing to compare it with: without a background every value would be 0. "
            "Pass background=x_train[:100], some rows of the training data."
        )
    _say(
        explained,
        "There is no background, so x itself stands for it: values say how a row differs from the others in x. Pass "
        "background=x_train[:100] for how it differs from the training data.",
    )
    return Background(_sample(x, seed), "x itself")


def _say(explained: Explained, text: str) -> None:
    explained.notes.append(text)
    logger.warning(text)


def _sample(rows: Any, seed: int) -> Any:
    count = rows_of(rows)
    if count <= MOST_ROWS:
        return rows
    return take(rows, np.sort(np.random.default_rng(seed).choice(count, MOST_ROWS, replace=False)))


def _shapes(x: Any) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    map_leaves(lambda value, path: found.setdefault(path, tuple(value.shape[1:])), x, "")
    return found


def _fitting(given: Any, x: Any) -> Any:
    """The background with its tables' columns in the order of x."""
    theirs, own = _shapes(given), _shapes(x)
    if theirs.keys() != own.keys():
        raise ValueError(
            f"background has {_listed(theirs)}, and x has {_listed(own)}. Pass both in one structure: rows of the same "
            "inputs, as a tuple by position or a dict by keyword."
        )
    tables: dict[str, Any] = {}
    map_leaves(lambda value, path: tables.setdefault(path, value), x, "")

    def fit(value: Any, path: str) -> Any:
        if not len(value):
            raise ValueError(f"background{path} has 0 rows. Pass some of the training data: background=x_train[:100].")
        like = tables[path]
        if is_table(value) and is_table(like):
            missing = [column for column in like.columns if column not in value.columns]
            extra = [column for column in value.columns if column not in like.columns]
            if missing or extra:
                lacks = f"lacks the columns {missing}" if missing else f"has the columns {extra}, which x has not"
                raise ValueError(
                    f"background{path} {lacks}. Both are rows of the same table: pass background=train[x.columns]."
                )
            return value[list(like.columns)]
        if theirs[path] == tuple(like.shape):
            raise one_sample(f"x{path}", theirs[path])
        if theirs[path] != own[path]:
            raise ValueError(
                f"A row of background{path} has the shape {theirs[path]}, and one of x{path} {own[path]}. Pass rows of "
                "the same data, such as background=x_train[:100]."
            )
        return value

    return map_leaves(fit, given, "")


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return "one input" if list(shapes) == [""] else f"the inputs {', '.join(shapes)}"
