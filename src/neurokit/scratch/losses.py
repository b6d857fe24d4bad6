"""Losses: one number that says how wrong answers are, and how it changes with each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurokit.scratch.activations import ACTIVATIONS, shares
from neurokit.scratch.checking import Table, classes_for, numbers_like, numbers_of, zeros_and_ones_like

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Loss:
    """A loss, a mean over rows, with its gradient.

    Attributes:
        name: As it is asked for.
        formula: For one row, in plain characters.
        function: From the last layer's numbers ``(N, C)`` and targets to one number.
        derivative: ``dL/dz`` of these numbers, ``(N, C)``.
        targets: Makes targets of what was passed for them, and of the shape of the numbers, or refuses it.

    Example:
        >>> z, y = np.array([[0.0, 0.0]]), np.array([1])  # two classes, told equally likely; the second is true
        >>> round(LOSSES["cross_entropy"].value(z, y), 4), LOSSES["cross_entropy"].gradient(z, y)
        (0.6931, array([[ 0.5, -0.5]]))
    """

    name: str
    formula: str
    function: Callable[[Array, Array], float]
    derivative: Callable[[Array, Array], Array]
    targets: Callable[[Any, tuple[int, ...]], Array] = numbers_like

    def value(self, z: Any, y: Any) -> float:
        """Return the loss of the last layer's numbers ``(N, C)``, given targets.

        Raises:
            ValueError: If targets do not belong to these numbers, there are none, or one is NaN.
        """
        return self.function(*self._pair(z, y))

    def gradient(self, z: Any, y: Any) -> Array:
        """Return ``dL/dz`` of the last layer's numbers, ``(N, C)``, given targets.

        Raises:
            ValueError: If targets do not belong to these numbers, there are none, or one is NaN.
        """
        return self.derivative(*self._pair(z, y))

    def _pair(self, z: Any, y: Any) -> tuple[Array, Array]:
        answers = numbers_of(z, "z")
        if not answers.size:
            raise ValueError(f"A loss is a mean over rows, and z of shape {answers.shape} has none. Pass one or more.")
        return answers, self.targets(y, answers.shape)


def _mse(z: Array, y: Array) -> float:
    return float(np.mean((z - y) ** 2))


def _binary(z: Array, y: Array) -> float:
    """In terms of z: log(1 + exp(z)) - y z, rearranged so that nothing overflows."""
    return float(np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))))


def _cross_entropy(z: Array, y: Array) -> float:
    shifted = z - z.max(axis=1, keepdims=True)
    of_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(of_sum - shifted[np.arange(len(z)), y]))


def _cross_entropy_gradient(z: Array, y: Array) -> Array:
    """The probability that was given, less 1 for the true class: all of softmax's Jacobian falls away."""
    gradient = shares(z)
    gradient[np.arange(len(z)), y] -= 1
    return gradient / len(z)


LOSSES: Final = Table("loss", {
    one.name: one
    for one in (
        Loss("mse", "(z - y)^2", _mse, lambda z, y: 2 * (z - y) / z.size),
        Loss(
            "binary_cross_entropy", "-y log p - (1 - y) log(1 - p), p = sigmoid(z)", _binary,
            lambda z, y: (ACTIVATIONS["sigmoid"].function(z) - y) / z.size, zeros_and_ones_like,
        ),
        Loss("cross_entropy", "-log p_y, p = softmax(z)", _cross_entropy, _cross_entropy_gradient, classes_for),
    )
})  # fmt: skip
