"""Network: layers one after the other, forward, backward, and learnt by mini-batch gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from neurokit.scratch.activations import ACTIVATIONS, softmax
from neurokit.scratch.checking import check_descent, count_of, known, rate_of, rows_of, sizes_of, told_of
from neurokit.scratch.initialisation import INITIALISERS, initialise
from neurokit.scratch.losses import LOSSES

Array = np.ndarray[Any, Any]


class Layer(NamedTuple):
    """One dense layer.

    Attributes:
        weights: ``(inputs, outputs)``.
        bias: ``(outputs,)``.
        activation: A name in ``ACTIVATIONS``.

    Example:
        >>> Network([4, 8, 1], loss="mse").layers[0].weights.shape
        (4, 8)
    """

    weights: Array
    bias: Array
    activation: str


def count_parameters(sizes: Sequence[int]) -> int:
    """Return how many numbers dense layers of these sizes learn: a weight for each pair of neighbours, and each bias.

    Raises:
        ValueError: If there are fewer than two sizes, or one is no whole number of 1 or more.

    Example:
        >>> count_parameters([4, 8, 4, 1])  # 4*8 + 8, 8*4 + 4, 4*1 + 1
        81
    """
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes_of(sizes)))


class Network:
    """Dense layers, an activation between them, and a loss at the end.

    Args:
        sizes: Of the input, of each hidden layer, and of the output: ``[784, 128, 10]``.
        activation: Of the hidden layers. The last layer is linear: the loss makes probabilities of its numbers.
        loss: ``"mse"``, ``"binary_cross_entropy"`` or ``"cross_entropy"``.
        weights: How they begin; ``None`` takes He's for ReLU and its kin, and Xavier's for the others.
        seed: Of first weights and of the order of rows.

    Attributes:
        layers: The ``Layer`` of each pair of neighbouring sizes.
        history: The mean loss of each epoch of the last ``fit``.

    Raises:
        TypeError: If ``seed`` is no whole number.
        ValueError: If there are fewer than two sizes, one is no whole number of 1 or more, or a name is none.

    Example:
        >>> x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
        >>> network = Network([2, 8, 1], activation="tanh", loss="binary_cross_entropy")
        >>> history = network.fit(x, [[0], [1], [1], [0]], epochs=500, batch_size=4, learning_rate=0.5)
        >>> network.predict(x).round().ravel()  # what defeats the perceptron
        array([0., 1., 1., 0.])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        loss: str = "cross_entropy",
        weights: str | None = None,
        seed: int = 0,
    ) -> None:
        sizes, activation = sizes_of(sizes), known(activation, ACTIVATIONS, "activation")
        if weights is None:
            weights = "he_normal" if "relu" in activation else "xavier_uniform"
        how = known(weights, INITIALISERS, "weights")
        self._generator = np.random.default_rng(count_of(seed, "seed", least=0))
        self.loss = LOSSES[known(loss, LOSSES, "loss")]
        kinds = [activation] * (len(sizes) - 2) + ["linear"]
        self.layers = [
            Layer(initialise(inputs, outputs, how, self._generator), np.zeros(outputs), kind)
            for (inputs, outputs), kind in zip(pairwise(sizes), kinds, strict=True)
        ]
        self.history: list[float] = []

    @property
    def sizes(self) -> list[int]:
        """Of the input, of each hidden layer, and of the output."""
        return [len(self.layers[0].weights), *(len(layer.bias) for layer in self.layers)]

    def forward(self, x: Any) -> tuple[list[Array], list[Array]]:
        """Return every layer's sums ``z``, and its activations ``a``, of which the first are the rows themselves.

        Args:
            x: Rows ``(N, inputs)``.

        Returns:
            ``zs`` with ``z_l = a_(l-1) W_l + b_l`` of shape ``(N, outputs)``, and ``activations`` with ``a_0 = x`` and
            ``a_l = f(z_l)``, one more.

        Raises:
            ValueError: If rows have another number of columns than the first layer takes, or hold NaN.
        """
        zs, activations = [], [rows_of(x, self.sizes[0])]
        for layer in self.layers:
            zs.append(activations[-1] @ layer.weights + layer.bias)
            activations.append(ACTIVATIONS[layer.activation].function(zs[-1]))
        return zs, activations

    def backward(self, x: Any, y: Any) -> list[tuple[Array, Array]]:
        """Return the gradient of the loss for each layer's weights and bias: the chain rule, from the end.

        What reaches a layer from behind, ``dL/da``, is multiplied by the slope of its activation to ``dL/dz``. That
        times what came in is the gradient of the weights; sent back through the weights it is ``dL/da`` of the layer
        before.

        Raises:
            ValueError: If rows or targets have another shape, or hold what nothing can be learnt of.
        """
        zs, activations = self.forward(x)
        return self._gradients(zs, activations, self.loss.targets(y, zs[-1].shape))

    def _gradients(self, zs: list[Array], activations: list[Array], targets: Array) -> list[tuple[Array, Array]]:
        reaching = self.loss.derivative(activations[-1], targets)
        gradients: list[tuple[Array, Array]] = []
        for place in reversed(range(len(self.layers))):
            layer = self.layers[place]
            of_z = reaching * ACTIVATIONS[layer.activation].derivative(zs[place])
            gradients.insert(0, (activations[place].T @ of_z, of_z.sum(axis=0)))
            if place:  # nobody asks how the rows should change
                reaching = of_z @ layer.weights.T
        return gradients

    def fit(self, x: Any, y: Any, epochs: int = 10, batch_size: int = 32, learning_rate: float = 0.1) -> list[float]:
        """Learn from rows ``(N, inputs)``, and return the mean loss of each epoch.

        In each epoch the rows come in a new order and in batches of so many; after each batch every weight takes a step
        against its gradient: ``w -= learning_rate * dL/dw``.

        Args:
            x: The rows.
            y: Class indices ``(N,)`` for cross-entropy, 0 or 1 ``(N, outputs)`` for binary cross-entropy, and numbers
                ``(N, outputs)`` for squares.
            epochs: Passes over the rows.
            batch_size: Rows between two steps.
            learning_rate: How long a step is.

        Raises:
            TypeError: If ``epochs`` or ``batch_size`` is no whole number, or ``learning_rate`` no number.
            ValueError: If these are not above 0, or rows or targets have another shape or hold what nothing can be
                learnt of.
            FloatingPointError: If steps are so long that the loss becomes infinite or NaN; it names epoch and step.
        """
        rows, rate = rows_of(x, self.sizes[0]), rate_of(learning_rate)
        targets = self.loss.targets(y, (len(rows), self.sizes[-1]))
        epochs, batch_size = count_of(epochs, "epochs"), count_of(batch_size, "batch_size")
        self.history = []
        for epoch in range(1, epochs + 1):
            order, total = self._generator.permutation(len(rows)), 0.0
            for number, first in enumerate(range(0, len(rows), batch_size), 1):
                batch = order[first : first + batch_size]
                with told_of(f"epoch {epoch}, step {number}"):
                    total += self.step(rows[batch], targets[batch], rate) * len(batch)
            self.history.append(total / len(rows))
        return self.history

    def step(self, x: Any, y: Any, learning_rate: float) -> float:
        """Take one step against the gradient of one batch, and return the loss before it.

        Raises:
            TypeError: If ``learning_rate`` is no number.
            ValueError: If it is not a finite one above 0, or rows or targets are not what ``fit`` takes.
            FloatingPointError: If the loss, or a weight after the step, is infinite or NaN.
        """
        rate = rate_of(learning_rate)
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is refused below
            zs, activations = self.forward(x)
            targets = self.loss.targets(y, zs[-1].shape)
            loss = self.loss.function(activations[-1], targets)
            gradients = self._gradients(zs, activations, targets)
            for layer, (of_weights, of_bias) in zip(self.layers, gradients, strict=True):
                layer.weights[...] -= rate * of_weights
                layer.bias[...] -= rate * of_bias
        check_descent(loss, (values for layer in self.layers for values in layer[:2]), rate)
        return loss

    def predict(self, x: Any) -> Array:
        """Return probabilities ``(N, classes)``, the probability of 1 ``(N, 1)``, or numbers, as the loss has it.

        Raises:
            ValueError: If rows have another number of columns than the first layer takes, or hold NaN.
        """
        last = self.forward(x)[1][-1]
        if self.loss.name == "cross_entropy":
            return softmax(last)
        return ACTIVATIONS["sigmoid"](last) if self.loss.name == "binary_cross_entropy" else last


def gradient_error(network: Network, x: Any, y: Any, step: float = 1e-5) -> float:
    """Return how far backpropagation is from what a small change of each weight does to the loss, relatively.

    The central difference ``(L(w + h) - L(w - h)) / 2h`` needs two passes for each weight, so that nobody trains by it;
    it tells whether a derivative that was written by hand is right.

    Args:
        network: Whose gradients are looked at; its weights are as they were afterwards.
        x: Rows ``(N, inputs)``.
        y: Targets, as ``fit`` takes them.
        step: The small change ``h``.

    Raises:
        TypeError: If ``step`` is no number.
        ValueError: If it is not a finite one above 0, or rows or targets are not what ``fit`` takes.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> network = Network([3, 5, 2], activation="tanh")
        >>> gradient_error(network, generator.normal(size=(6, 3)), [0, 1, 1, 0, 1, 0]) < 1e-6
        True
    """
    step, found, expected = rate_of(step, "step", such_as=1e-5), [], []
    for layer, gradients in zip(network.layers, network.backward(x, y), strict=True):
        for values, gradient in zip((layer.weights, layer.bias), gradients, strict=True):
            for place in np.ndindex(values.shape):
                before, losses = values[place], []
                for moved in (before + step, before - step):
                    values[place] = moved
                    losses.append(network.loss.value(network.forward(x)[1][-1], y))
                values[place] = before
                expected.append((losses[0] - losses[1]) / (2 * step))
                found.append(gradient[place])
    return float(np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm([*expected, 1e-12]))
