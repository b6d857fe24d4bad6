"""Activations: what bends a network. Without one, any number of layers is a single linear one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurokit.scratch.checking import Table, numbers_of, scores_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Activation:
    """A function of each number, with its derivative.

    Attributes:
        name: As it is asked for.
        formula: In plain characters.
        range: Between which values it lies.
        good_for: Where it is used.
        trouble: What goes wrong with it.
        function: From ``z`` to ``a``, of any shape.
        derivative: ``da/dz`` at an array ``z``, of the same shape.

    Example:
        >>> relu = ACTIVATIONS["relu"]
        >>> relu([-2.0, 0.0, 3.0]), relu.derivative(np.array([-2.0, 0.0, 3.0]))
        (array([0., 0., 3.]), array([0., 0., 1.]))
    """

    name: str
    formula: str
    range: str
    good_for: str
    trouble: str
    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]

    def __call__(self, z: Any) -> Array:
        """Return the activation of numbers of any shape.

        Raises:
            ValueError: If one is NaN, or is no number.
        """
        return np.asarray(self.function(numbers_of(z, "z", may_be_infinite=True)))


def _sigmoid(z: Array) -> Array:
    small = np.exp(-np.abs(z))  # at most 1, so that nothing overflows
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


def _sigmoid_derivative(z: Array) -> Array:
    a = _sigmoid(z)
    return np.asarray(a * (1 - a))


_SLOPE: Final = 0.01  # of the leaky ReLU below zero

ACTIVATIONS: Final = Table("activation", {
    one.name: one
    for one in (
        Activation(
            "linear", "z", "all numbers", "the last layer of a regression", "adds nothing that one layer has not",
            lambda z: z, np.ones_like,
        ),
        Activation(
            "step", "1 where z > 0, else 0", "0 or 1", "the perceptron",
            "its derivative is 0 wherever there is one, so that gradients teach it nothing",
            lambda z: (z > 0).astype(float), np.zeros_like,
        ),
        Activation(
            "sigmoid", "1 / (1 + exp(-z))", "0 to 1", "the probability of one class",
            "saturates: far from 0 its derivative, 1/4 at most, is next to nothing", _sigmoid, _sigmoid_derivative,
        ),
        Activation(
            "tanh", "(exp(z) - exp(-z)) / (exp(z) + exp(-z))", "-1 to 1", "recurrent networks",
            "saturates as the sigmoid does, though its derivative is 1 at 0", np.tanh, lambda z: 1 - np.tanh(z) ** 2,
        ),
        Activation(
            "relu", "max(0, z)", "0 and above", "hidden layers",
            "a unit that is below 0 for every row gets no gradient, and stays dead",
            lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float),
        ),
        Activation(
            "leaky_relu", "z where z > 0, else 0.01 z", "all numbers", "hidden layers whose units die",
            "a slope that somebody has to choose",
            lambda z: np.where(z > 0, z, _SLOPE * z), lambda z: np.where(z > 0, 1.0, _SLOPE),
        ),
    )
})  # fmt: skip


def softmax(z: Any) -> Array:
    """Return probabilities for scores ``(N, C)`` or ``(C,)``: ``exp(z_i)`` as a share of their sum.

    The largest score is taken away first, which changes no share and keeps the exponential from overflowing.

    Raises:
        ValueError: If there are no scores, one is NaN, or the largest of a row is infinite.

    Example:
        >>> softmax([1000.0, 1000.0])
        array([0.5, 0.5])
    """
    return shares(scores_of(z))


def shares(scores: Array) -> Array:
    """Return softmax of an array, whatever is in it."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def softmax_jacobian(z: Any) -> Array:
    """Return how each probability changes with each score: ``(C, C)``, ``p_i (1 if i == j else 0) - p_i p_j``.

    Unlike the activations of one number, each of its outputs depends on all inputs.

    Args:
        z: The scores of one row, ``(C,)``.

    Raises:
        ValueError: If there are more rows than one, no scores, or one is NaN.

    Example:
        >>> softmax_jacobian([0.0, 0.0])
        array([[ 0.25, -0.25],
               [-0.25,  0.25]])
    """
    p = softmax(z)
    if p.ndim != 1:
        raise ValueError(f"The Jacobian is that of one row of scores, (C,), and got shape {p.shape}. Pass z[0].")
    return np.asarray(np.diag(p) - np.outer(p, p))
