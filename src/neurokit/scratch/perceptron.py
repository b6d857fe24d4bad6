"""Perceptron: a neuron, one weighted sum with an activation, that learns its weights by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurokit.scratch.activations import ACTIVATIONS
from neurokit.scratch.checking import count_of, known, number_of, numbers_of, rate_of, rows_of

Array = np.ndarray[Any, Any]


def neuron(inputs: Any, weights: Any, bias: float, activation: str = "relu") -> Array:
    """Return what one neuron answers: ``f(w . x + b)``.

    Args:
        inputs: ``(n,)``, or ``(N, n)`` for N rows.
        weights: ``(n,)``, how much each input counts.
        bias: What is added to the sum.
        activation: A name in ``ACTIVATIONS``.

    Raises:
        ValueError: If there are not as many weights as inputs, one is NaN or infinite, the bias is not one number, or
            the activation is none.

    Example:
        >>> neuron([0.5, 0.3, 0.2], [0.4, 0.6, 0.8], bias=0.1)  # 0.2 + 0.18 + 0.16 + 0.1
        array(0.64)
    """
    x, w = numbers_of(inputs, "inputs"), numbers_of(weights, "weights")
    if w.ndim != 1 or x.shape[-1:] != w.shape or not x.size:
        raise ValueError(
            f"A neuron has one weight for each input, and got inputs {x.shape} and weights {w.shape}. Pass inputs (n,) "
            "or (N, n) and weights (n,), n and N being 1 or more."
        )
    z = x @ w + number_of(bias, "bias")
    return ACTIVATIONS[known(activation, ACTIVATIONS, "activation")](z)


class Perceptron:
    """A neuron with a step, and Rosenblatt's rule (1958) to learn its weights from rows of two classes.

    After each row that it gets wrong the weights move toward it or away from it: ``w += rate * (y - answer) * x``. If a
    straight line parts the classes, this ends without an error after finitely many mistakes (Novikoff 1962). If none
    does, as with exclusive or, it never ends, and says so.

    Args:
        inputs: How many numbers a row has.
        rate: How far a mistake moves the weights.

    Attributes:
        weights: ``(inputs,)``.
        bias: A number.
        mistakes: Rows that were wrong in each epoch of the last ``fit``.
        has_converged: Whether its last epoch was without a mistake.

    Raises:
        TypeError: If ``inputs`` is no whole number, or ``rate`` no number.
        ValueError: If ``inputs`` is less than 1, or ``rate`` not a finite number above 0.

    Example:
        >>> x = [[0, 0], [0, 1], [1, 0], [1, 1]]
        >>> both = Perceptron(2).fit(x, [0, 0, 0, 1])
        >>> both.predict(x), both.has_converged
        (array([0, 0, 0, 1]), True)
        >>> either_but_not_both = Perceptron(2).fit(x, [0, 1, 1, 0])
        >>> either_but_not_both.has_converged  # no line parts these
        False
    """

    def __init__(self, inputs: int, rate: float = 1.0) -> None:
        self.weights, self.bias, self.rate = np.zeros(count_of(inputs, "inputs")), 0.0, rate_of(rate, "rate")
        self.mistakes: list[int] = []
        self.has_converged = False

    def predict(self, x: Any) -> Array:
        """Return 0 or 1 for each row of ``(N, inputs)``.

        Raises:
            ValueError: If rows have another number of columns, or hold NaN or infinite numbers.
        """
        return neuron(x, self.weights, self.bias, "step").astype(int)

    def fit(self, x: Any, y: Any, epochs: int = 100) -> Perceptron:
        """Learn from rows ``(N, inputs)`` of classes 0 and 1, until an epoch is without a mistake or there were enough.

        Raises:
            TypeError: If ``epochs`` is no whole number.
            ValueError: If rows have another shape or hold NaN, there is not one class, 0 or 1, for each, or ``epochs``
                is less than 1.
        """
        rows, classes, epochs = rows_of(x, len(self.weights)), numbers_of(y, "y"), count_of(epochs, "epochs")
        if classes.shape != (len(rows),) or not np.isin(classes, [0, 1]).all():
            found = ", ".join(f"{one:g}" for one in np.unique(classes)[:5])
            raise ValueError(
                f"A perceptron learns from rows (N, inputs) of classes 0 and 1, and got x {rows.shape} and y "
                f"{classes.shape} with [{found}]. Pass 0 or 1 for each row: np.equal(y, 1) makes them of -1 and 1."
            )
        self.mistakes = []
        for _ in range(epochs):
            wrong = 0
            for row, wanted in zip(rows, classes, strict=True):
                error = int(wanted) - int(self.predict(row))
                self.weights += self.rate * error * row
                self.bias += self.rate * error
                wrong += error != 0
            self.mistakes.append(wrong)
            if wrong == 0:
                break
        self.has_converged = self.mistakes[-1] == 0
        return self
