"""Interactions: what pairs of columns contribute together, beyond what each contributes alone."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

from neurokit.explanations.columns import Array

_ROWS_AT_ONCE = 2**17


def pair_values(function: Callable[[Array], Array], x: Array, background: Array) -> Array:
    """Return the interaction values of every pair of columns, ``(rows, columns, columns, outputs)``.

    They are the Shapley-Taylor indices of order two (Sundararajan, Dhamdhere and Agarwal, 2020), which shap computes
    too: on the diagonal what a column does alone, beside it half of what a pair does together. A row of them adds up
    to the column's Shapley value. They are computed here from the value of every mixture because shap's own are
    right only for one output, and for rows in which every column differs from the background.

    Args:
        function: From rows ``(n, columns)`` to outputs ``(n, outputs)``.
        x: The rows to explain.
        background: The rows that a hidden column takes its values from.

    Example:
        >>> x, nothing = np.array([[2.0, 3.0]]), np.zeros((1, 2))
        >>> pair_values(lambda rows: (rows[:, 0] * rows[:, 1] + rows[:, 0])[:, None], x, nothing)[0, :, :, 0]
        array([[2., 3.],
               [3., 0.]])
    """
    width = x.shape[1]
    shown = (np.arange(2**width)[:, None] >> np.arange(width) & 1).astype(bool)  # (mixtures, columns)
    return np.stack([_of_mixtures(_worths(function, row, background, shown), width) for row in x])


def _worths(function: Callable[[Array], Array], row: Array, background: Array, shown: Array) -> Array:
    """The mean output of each mixture of a row and the background, ``(mixtures, outputs)``."""
    size = max(1, _ROWS_AT_ONCE // len(background))
    parts = []
    for first in range(0, len(shown), size):
        mask = shown[first : first + size, None, :]
        mixed = np.where(mask, row, background)  # (mixtures, background, columns)
        found = function(mixed.reshape(-1, len(row)))
        parts.append(found.reshape(len(mask), len(background), -1).mean(axis=1))
    return np.concatenate(parts)


def _of_mixtures(worth: Array, width: int) -> Array:
    values = np.zeros((width, width, worth.shape[1]))
    subsets = np.arange(2**width)
    sizes = np.array([one.bit_count() for one in range(2**width)])
    weights = np.array([1.0 / (width * comb(width - 1, size)) for size in range(width)])
    for one in range(width):
        values[one, one] = worth[1 << one] - worth[0]
        for other in range(one + 1, width):
            rest = subsets[(subsets >> one & 1 | subsets >> other & 1) == 0]
            both = worth[rest | 1 << one | 1 << other] + worth[rest]
            together = both - worth[rest | 1 << one] - worth[rest | 1 << other]
            values[one, other] = values[other, one] = weights[sizes[rest]] @ together
    return values
