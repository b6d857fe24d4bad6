"""Initialisation: first weights of a size at which signals and gradients keep theirs from layer to layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from neurokit.scratch.checking import count_of, known

Array = np.ndarray[Any, Any]

# The variance of a weight, for so many inputs and outputs of its layer.
_VARIANCES: Final[dict[str, Callable[[int, int], float]]] = {
    "xavier": lambda inputs, outputs: 2 / (inputs + outputs),
    "he": lambda inputs, outputs: 2 / inputs,
}
INITIALISERS: Final = ("xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "zeros", "unit_normal")


def initialise(inputs: int, outputs: int, how: str, generator: np.random.Generator) -> Array:
    """Return first weights ``(inputs, outputs)``.

    A sum of n numbers has n times their variance. So that it neither grows nor shrinks, weights have a variance of
    about 1/n: Xavier's is the mean of what forward and backward want, for tanh and sigmoid; He's is twice as much,
    since ReLU cuts off half.

    Args:
        inputs: Numbers that go in.
        outputs: Numbers that come out.
        how: ``"xavier_uniform"``, ``"xavier_normal"`` (Glorot and Bengio 2010), ``"he_uniform"``, ``"he_normal"`` (He
            et al. 2015); ``"zeros"``, with which all units of a layer stay the same for ever; ``"unit_normal"``, a
            variance of 1, with which they explode.
        generator: Where the numbers come from.

    Raises:
        TypeError: If ``inputs`` or ``outputs`` is no whole number, or ``generator`` no generator.
        ValueError: If ``how`` is none of these, or ``inputs`` or ``outputs`` is less than 1.

    Example:
        >>> weights = initialise(1000, 500, "he_normal", np.random.default_rng(0))
        >>> weights.shape, round(float(weights.var()) * 1000, 1)
        ((1000, 500), 2.0)
    """
    inputs, outputs, how = count_of(inputs, "inputs"), count_of(outputs, "outputs"), known(how, INITIALISERS, "how")
    if not isinstance(generator, np.random.Generator):
        raise TypeError(f"generator makes the numbers, got {generator!r}. Pass np.random.default_rng(0), for instance.")
    if how == "zeros":
        return np.zeros((inputs, outputs))
    if how == "unit_normal":
        return generator.normal(size=(inputs, outputs))
    rule, shape = how.split("_")
    variance = _VARIANCES[rule](inputs, outputs)
    if shape == "normal":
        return generator.normal(0, np.sqrt(variance), (inputs, outputs))
    bound = np.sqrt(3 * variance)  # numbers spread evenly from -b to b have the variance b^2 / 3
    return generator.uniform(-bound, bound, (inputs, outputs))
