"""Vanishing: how much of a gradient is left when it has come back through many layers."""

from __future__ import annotations

import numpy as np

from neurokit.scratch.checking import count_of
from neurokit.scratch.network import Network


def gradient_sizes(
    activation: str, weights: str | None = None, depth: int = 10, width: int = 32, rows: int = 64, seed: int = 0
) -> list[float]:
    """Return the size of the gradient at each layer of a deep network, before anything is learnt.

    Each layer multiplies what comes back by the slope of its activation. The sigmoid's is 1/4 at most, so that ten
    layers leave a millionth: the first layers learn nothing. ReLU's is 1 wherever a unit is active.

    Args:
        activation: Of the hidden layers.
        weights: How they begin; the activation's own when ``None``.
        depth: Hidden layers.
        width: Units in each.
        rows: Random rows that are looked at.
        seed: Of rows and weights.

    Returns:
        For each layer, from the first on, the root mean square of its weights' gradient.

    Raises:
        TypeError: If ``depth``, ``width``, ``rows`` or ``seed`` is no whole number.
        ValueError: If ``width`` or ``rows`` is less than 1, ``depth`` or ``seed`` less than 0, or a name is none.

    Example:
        >>> sigmoid, relu = gradient_sizes("sigmoid"), gradient_sizes("relu")
        >>> sigmoid[0] / sigmoid[-2] < 1e-5, relu[0] / relu[-2] > 0.1  # of the first hidden layer, and of the last
        (True, True)
    """
    width, depth, rows = count_of(width, "width"), count_of(depth, "depth", least=0), count_of(rows, "rows")
    network = Network([width, *[width] * depth, 2], activation=activation, weights=weights, seed=seed)
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(rows, width)), generator.integers(0, 2, rows)
    return [float(np.sqrt(np.mean(of_weights**2))) for of_weights, _ in network.backward(x, y)]
