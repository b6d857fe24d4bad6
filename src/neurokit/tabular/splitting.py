"""Splitting: which rows train, which validate and which test; seeded, and with no row or group on two sides."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


class Split(NamedTuple):
    """Positions of rows, each in exactly one of the three.

    Attributes:
        train: Of the rows that are trained on, and that everything is fitted on.
        validation: Of those that say when to stop.
        test: Of those that judge.
        how: ``"stratified"``, ``"random"``, ``"group"`` or ``"time"``.
        notes: What there is to say of it.
    """

    train: Array
    validation: Array
    test: Array
    how: str
    notes: list[str]


def split_rows(
    rows: int,
    *,
    test_size: float,
    validation_size: float,
    seed: int,
    classes: Array | None = None,
    groups: pd.Series[Any] | None = None,
    times: pd.Series[Any] | None = None,
) -> Split:
    """Return a split of the rows 0 to ``rows - 1``.

    Args:
        rows: How many there are.
        test_size: The share that tests.
        validation_size: The share of the rest that validates.
        seed: Of the draw; the global random streams are left alone.
        classes: Class indices: each class is in its share everywhere.
        groups: What each row belongs to: no group is on two sides.
        times: When each row was: the latest test, those before them validate.

    Raises:
        ValueError: If there is nothing left for a side.
    """
    everything = np.arange(rows)
    if times is not None:
        rest, test = _latest(everything, times, test_size)
        train, validation = _latest(rest, times, validation_size)
        first = times.iloc[test].min()
        return _checked(Split(train, validation, test, "time", [f"the test rows are those from {first} on"]))
    if groups is not None:
        rest, test = _of_groups(everything, groups, test_size, seed)
        train, validation = _of_groups(rest, groups, validation_size, seed + 1)
        sizes = [groups.iloc[side].nunique() for side in (train, validation, test)]
        told = "{} groups train, {} validate, {} test; none is on two sides".format(*sizes)
        return _checked(Split(train, validation, test, "group", [told]))
    rest, test = _drawn(everything, test_size, seed, classes)
    train, validation = _drawn(rest, validation_size, seed + 1, classes)
    return _checked(Split(train, validation, test, "random" if classes is None else "stratified", []))


def _checked(split: Split) -> Split:
    for name in ("train", "validation", "test"):
        if not len(getattr(split, name)):
            raise ValueError(
                f"The split leaves no rows to {name}. Pass other sizes, or more rows or groups: there are "
                f"{sum(map(len, split[:3])):,} rows."
            )
    return split


def _drawn(rows: Array, share: float, seed: int, classes: Array | None) -> tuple[Array, Array]:
    from sklearn.model_selection import train_test_split

    stratify = None if classes is None else classes[rows]
    try:
        kept, taken = train_test_split(rows, test_size=share, random_state=seed % 2**32, stratify=stratify)
    except ValueError as error:
        raise ValueError(f"{len(rows):,} rows cannot be split with a share of {share:g}: {error}") from None
    return np.sort(kept), np.sort(taken)


def _of_groups(rows: Array, groups: Any, share: float, seed: int) -> tuple[Array, Array]:
    from sklearn.model_selection import GroupShuffleSplit

    own = groups.iloc[rows].astype(str).to_numpy()
    if len(set(own)) < 2:
        raise ValueError(
            f"A split by group needs three groups or more, and {groups.name!r} has {groups.nunique()}. Use "
            "split='random'."
        )
    kept, taken = next(GroupShuffleSplit(1, test_size=share, random_state=seed % 2**32).split(rows, groups=own))
    return rows[np.sort(kept)], rows[np.sort(taken)]


def _latest(rows: Array, times: Any, share: float) -> tuple[Array, Array]:
    """Split off the latest rows; rows of one moment stay together."""
    own = times.iloc[rows]
    ordered = own.sort_values(kind="stable")
    boundary = ordered.iloc[min(len(ordered) - 1, round(len(ordered) * (1 - share)))]
    late = (own >= boundary).to_numpy()
    if late.all():  # the boundary's moment is the first one
        late = (own > boundary).to_numpy()
    return rows[~late], rows[late]


def rare_classes(labels: list[Any], test_size: float, validation_size: float) -> dict[Any, int]:
    """Return the classes that have too few rows for each side to get one, with their counts.

    Example:
        >>> rare_classes(["a"] * 50 + ["b"] * 2, 0.2, 0.2)
        {'b': 2}
    """
    least = max(3, int(np.ceil(1 / min(test_size, (1 - test_size) * validation_size) / 2)))
    return {label: count for label, count in Counter(labels).items() if count < least}
