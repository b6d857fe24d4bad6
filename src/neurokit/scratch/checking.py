"""Checking: what comes from outside is made what an algorithm can count on, or refused in a sentence.

The last file to read: nothing is learnt here. ``rows_of(x, 4)`` returns rows of four finite numbers, or says what came.
"""

from __future__ import annotations

import difflib
import math
import numbers
import reprlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]
_NUMBERS: Final = "biufO"  # of dtypes: booleans, whole numbers, floats, and objects that may be such
Entry = TypeVar("Entry")


class Table(dict[str, Entry]):
    """Entries by their names; who asks for another name is told which there are.

    Args:
        what: What an entry is, such as "activation".
        entries: Each of them by its name.

    Example:
        >>> Table("colour", {"red": 1, "green": 2})["Red"]
        Traceback (most recent call last):
        KeyError: "colour is one of red, green, got 'Red'. Did you mean 'red'?"
    """

    def __init__(self, what: str, entries: dict[str, Entry]) -> None:
        super().__init__(entries)
        self.what = what

    def __missing__(self, name: Any) -> NoReturn:
        raise KeyError(_unknown(name, self, self.what))


def known(name: Any, names: Collection[str], what: str) -> str:
    """Return a name that is one of these.

    Args:
        name: What was asked for.
        names: Those that there are.
        what: The argument.

    Raises:
        ValueError: If it is none of them.

    Example:
        >>> known("tanh", ["tanh", "relu"], "activation")
        'tanh'
    """
    if isinstance(name, str) and name in names:
        return name
    raise ValueError(_unknown(name, names, what))


def _unknown(name: Any, names: Collection[str], what: str) -> str:
    near = difflib.get_close_matches(str(name).lower(), names, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else "Pass one of these."
    return f"{what} is one of {', '.join(names)}, got {name!r}. {advice}"


def count_of(value: Any, what: str, least: int = 1) -> int:
    """Return a whole number of ``least`` or more.

    Raises:
        TypeError: If it is no whole number.
        ValueError: If it is less.

    Example:
        >>> count_of(32, "batch_size")
        32
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(
            f"{what} is a whole number of {least} or more, got {value!r} ({type(value).__name__}). "
            f"Pass {what}=10, for instance."
        )
    if value < least:
        raise ValueError(f"{what} is {least} or more, got {value}. Pass {what}=10, for instance.")
    return int(value)


def rate_of(value: Any, what: str = "learning_rate", such_as: float = 0.1) -> float:
    """Return how long a step is: a finite number above 0.

    Args:
        value: What arrived.
        what: The argument.
        such_as: One that is usual.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is 0, negative, infinite or NaN.

    Example:
        >>> rate_of(0.1)
        0.1
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(
            f"{what} is a number above 0, got {value!r} ({type(value).__name__}). Pass {what}={such_as}, for instance."
        )
    rate = float(value)
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"{what} is a finite number above 0, got {value}. Pass {what}={such_as}, for instance.")
    return rate


def sizes_of(sizes: Any) -> list[int]:
    """Return the sizes of a network: of its input, of each hidden layer, and of its output.

    Raises:
        ValueError: If there are fewer than two, or one is no whole number of 1 or more.

    Example:
        >>> sizes_of((4, 8, 1))
        [4, 8, 1]
    """
    found = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    whole = all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in found)
    if len(found) < 2 or not whole or min(found) < 1:
        raise ValueError(
            f"A network has two sizes or more, each a whole number of 1 or more, got {sizes!r}. Pass [4, 8, 1], for "
            "instance: 4 numbers go in, 8 units are between, 1 number comes out."
        )
    return [int(one) for one in found]


def numbers_of(values: Any, what: str, *, may_be_infinite: bool = False) -> Array:
    """Return an array of numbers, of any shape, none of them NaN.

    Args:
        values: An array, or what makes one.
        what: The argument.
        may_be_infinite: Whether infinite ones pass.

    Raises:
        ValueError: If they are no numbers, or rows differ in length, or one is NaN or infinite.

    Example:
        >>> numbers_of([1, 2], "x")
        array([1., 2.])
    """
    found = _array_of(values, what)
    try:
        if found.dtype.kind not in _NUMBERS or values is None:  # of None, NumPy makes NaN
            raise TypeError
        found = found.astype(float, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{what} holds what is no real number, got {reprlib.repr(values):.60} ({type(values).__name__}). Pass "
            "numbers: leave out columns of text, or encode them."
        ) from None
    bad = np.isnan(found) if may_be_infinite else ~np.isfinite(found)
    if bad.any():
        place = np.argwhere(bad)[0].tolist()
        if not place:
            raise ValueError(f"{what} is {found}. Pass a finite number.")
        raise ValueError(
            f"{what}{place} is {found[tuple(place)]}, and nothing can be learnt of that: {bad.sum()} of {found.size} "
            "numbers are NaN or infinite. Leave their rows out, or put finite numbers in their place."
        )
    return found


def _array_of(values: Any, what: str) -> Array:
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{what} makes no array, since its rows differ in length: {reprlib.repr(values):.60}. Pass rows of one "
            "length."
        ) from None


def number_of(value: Any, what: str) -> float:
    """Return one finite number.

    Raises:
        ValueError: If there are several, or it is no finite number.

    Example:
        >>> number_of(1, "bias")
        1.0
    """
    found = numbers_of(value, what)
    if found.ndim:
        raise ValueError(
            f"{what} is one number, and got an array of shape {found.shape}. Pass {what}=0.1, for instance."
        )
    return float(found)


def rows_of(x: Any, columns: int) -> Array:
    """Return rows ``(N, columns)`` of finite numbers, one row or more.

    Raises:
        ValueError: If they have another shape, or hold what is no finite number.

    Example:
        >>> rows_of([[1, 2]], columns=2)
        array([[1., 2.]])
    """
    rows = numbers_of(x, "x")
    if rows.ndim != 2 or rows.shape[1] != columns or not len(rows):
        raise ValueError(
            f"This takes rows of {columns} numbers, and got an array of shape {rows.shape} for x. Pass (N, {columns}), "
            "with one row or more."
        )
    return rows


def scores_of(z: Any) -> Array:
    """Return scores ``(N, C)`` or ``(C,)`` that have shares: the largest of each row is a finite number.

    Raises:
        ValueError: If there are none, one is NaN, or the largest of a row is infinite.

    Example:
        >>> scores_of([1.0, -np.inf])
        array([  1., -inf])
    """
    scores = numbers_of(z, "z", may_be_infinite=True)
    if not scores.ndim or not scores.size:
        raise ValueError(f"Scores are (N, C) or (C,), and got shape {scores.shape}. Pass one for each class.")
    largest = scores.max(axis=-1)
    if not np.isfinite(largest).all():
        raise ValueError(
            f"The largest score of each row is a finite number, and {largest[~np.isfinite(largest)][0]} came. Pass "
            "finite scores; -inf is taken for a class that cannot be, where another can."
        )
    return scores


def numbers_like(y: Any, shape: tuple[int, ...]) -> Array:
    """Return targets that are numbers, one for each of the answers.

    Raises:
        ValueError: If they have another shape than the answers, or hold what is no finite number.

    Example:
        >>> numbers_like([[1], [2]], shape=(2, 1))
        array([[1.],
               [2.]])
    """
    targets = numbers_of(y, "y")
    if targets.shape != shape:
        mend = f"Pass np.reshape(y, {shape})" if targets.size == math.prod(shape) else "Pass one for each answer"
        raise ValueError(f"Targets have the shape of the answers, {shape}, and {targets.shape} came. {mend}.")
    return targets


def zeros_and_ones_like(y: Any, shape: tuple[int, ...]) -> Array:
    """Return targets that are 0 or 1, one for each of the answers.

    Raises:
        ValueError: If there are others, or they have another shape than the answers.

    Example:
        >>> zeros_and_ones_like([[True], [False]], shape=(2, 1))
        array([[1.],
               [0.]])
    """
    targets = numbers_like(y, shape)
    others = np.setdiff1d(targets, [0, 1])
    if others.size:
        raise ValueError(
            f"Binary cross-entropy takes labels 0 and 1, and got {', '.join(f'{one:g}' for one in others[:5])}. Pass "
            f"y == {targets.max():g}, for instance, which is 1 for these and 0 for the others."
        )
    return targets


def classes_for(y: Any, shape: tuple[int, ...]) -> Array:
    """Return targets that are class indices, one for each row of answers ``(N, C)``.

    Raises:
        ValueError: If they are no whole numbers from 0 to C - 1, or not one for each row.

    Example:
        >>> classes_for([2, 0], shape=(2, 3))
        array([2, 0])
    """
    if len(shape) != 2:
        raise ValueError(
            f"Cross-entropy takes answers of shape (N, classes), and got {shape}. Pass z[None] for one row."
        )
    rows, classes = shape
    targets = _array_of(y, "y")
    if targets.shape != (rows,) or targets.dtype.kind not in "iu":
        raise ValueError(
            f"Cross-entropy takes one class index for each of {rows} rows, and got {targets.dtype} of shape "
            f"{targets.shape}. {_indices_of(targets, rows)}"
        )
    if targets.size and not 0 <= targets.min() <= targets.max() < classes:
        raise ValueError(
            f"Classes are 0 to {classes - 1}, and {targets.min()} to {targets.max()} came. Count them from 0, or give "
            "the last layer one output for each."
        )
    return targets


def _indices_of(targets: Array, rows: int) -> str:
    """How class indices come of what was passed for them."""
    if targets.shape == (rows, 1):
        return "Pass np.ravel(y)."
    if targets.ndim == 2 and len(targets) == rows:
        return "Pass np.argmax(y, axis=1), where y has a column for each class."
    if targets.shape != (rows,):
        return "Pass as many as there are rows."
    if targets.dtype.kind in "bf" and (targets == np.floor(targets)).all():
        return "Pass np.asarray(y, dtype=int)."
    return "Pass np.unique(y, return_inverse=True)[1], which numbers labels from 0."


def check_descent(loss: float, weights: Iterable[Array], learning_rate: float) -> None:
    """Refuse to go on when a loss or weights have become infinite or NaN: nothing finite comes of them any more.

    Args:
        loss: Before the step.
        weights: All that moved, after it.
        learning_rate: How long the step was.

    Raises:
        FloatingPointError: If one is not finite.
    """
    if math.isfinite(loss) and all(np.isfinite(one).all() for one in weights):
        return
    found = "weights are no finite numbers any more" if math.isfinite(loss) else f"the loss is {loss}"
    raise FloatingPointError(
        f"Learning has diverged: {found}, with learning_rate={learning_rate:g}. Steps were so long that each made the "
        "loss larger. Make a new network, since this one is spoilt, and pass a smaller rate, such as "
        f"learning_rate={min(learning_rate / 10, 0.1):g}; where that does not help, scale x and y to about -1 to 1."
    )


@contextmanager
def told_of(where: str) -> Iterator[None]:
    """Begin what ``check_descent`` says inside of this with where it happened."""
    try:
        yield
    except FloatingPointError as error:
        raise FloatingPointError(f"In {where}: {error}") from None
