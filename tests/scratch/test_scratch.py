"""What is written by hand, held against PyTorch."""

from __future__ import annotations

import ast
import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

from neurokit import scratch

MNIST = Path(__file__).parents[3] / "shared" / "data" / "MNIST" / "raw"
GRID = np.concatenate([np.linspace(-8, 8, 161), [-1000.0, 1000.0, 1e-12]])
TORCH = {
    "linear": lambda z: z, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "leaky_relu": F.leaky_relu,
}  # fmt: skip


def tensor(array):
    return torch.tensor(array, dtype=torch.float64)


@pytest.mark.parametrize("name", TORCH)
def test_activations_and_derivatives_are_torchs(name: str) -> None:
    z = tensor(GRID).requires_grad_()
    expected = TORCH[name](z)
    (slope,) = torch.autograd.grad(expected.sum(), z)

    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(scratch.ACTIVATIONS[name](GRID), expected.detach(), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(scratch.ACTIVATIONS[name].derivative(GRID), slope, rtol=1e-9, atol=1e-12)


def test_a_step_is_a_step_and_teaches_nothing() -> None:
    step = scratch.ACTIVATIONS["step"]

    assert step([-1, 0, 1]).tolist() == torch.heaviside(tensor([-1, 0, 1]), tensor(0.0)).tolist() == [0, 0, 1]
    assert not step.derivative(GRID).any()


def test_softmax_and_its_jacobian_are_torchs() -> None:
    z = np.random.default_rng(0).normal(size=5) * 3
    np.testing.assert_allclose(scratch.softmax(z), torch.softmax(tensor(z), 0), rtol=1e-12)
    jacobian = torch.autograd.functional.jacobian(lambda one: torch.softmax(one, 0), tensor(z))
    np.testing.assert_allclose(scratch.softmax_jacobian(z), jacobian, atol=1e-15)
    assert scratch.softmax([[1000.0, -1000.0]]).tolist() == [[1.0, 0.0]]


def test_a_neuron_is_a_linear_layer_of_one() -> None:
    generator = np.random.default_rng(0)
    x, w, b = generator.normal(size=(7, 3)), generator.normal(size=3), 0.3
    expected = torch.sigmoid(F.linear(tensor(x), tensor(w)[None], tensor([b])))[:, 0]

    np.testing.assert_allclose(scratch.neuron(x, w, b, "sigmoid"), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"got inputs \(7, 3\) and weights \(2,\)"):
        scratch.neuron(x, w[:2], b)


def test_a_perceptron_learns_what_a_line_parts_and_says_so_of_what_none_does() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 2))
    x = x[abs(x @ [1, -2] + 0.5) > 0.3]  # a gap, so that it ends soon
    y = (x @ [1, -2] + 0.5 > 0).astype(int)
    parted = scratch.Perceptron(2).fit(x, y)
    assert parted.has_converged
    assert (parted.predict(x) == y).all()
    largest = np.linalg.norm(np.c_[x, np.ones(len(x))], axis=1).max()
    assert sum(parted.mistakes) <= (largest / 0.3) ** 2 * 5.25  # Novikoff's bound, for weights of length sqrt(5.25)

    corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    for gate in ([0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0]):
        assert scratch.Perceptron(2).fit(corners, gate).predict(corners).tolist() == gate
    xor = scratch.Perceptron(2).fit(corners, [0, 1, 1, 0], epochs=1000)
    assert not xor.has_converged
    assert len(xor.mistakes) == 1000
    assert min(xor.mistakes) > 0
    with pytest.raises(ValueError, match=r"classes 0 and 1, and got x \(4, 2\) and y \(4,\) with \[-1, 1\]"):
        scratch.Perceptron(2).fit(corners, [-1, 1, 1, -1])


@pytest.mark.parametrize(
    ("name", "function"),
    [("xavier_uniform", nn.init.xavier_uniform_), ("xavier_normal", nn.init.xavier_normal_),
     ("he_uniform", lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu")),
     ("he_normal", lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"))],
)  # fmt: skip
def test_first_weights_are_spread_as_torchs(name: str, function) -> None:
    theirs = function(torch.empty(300, 500))  # torch keeps (outputs, inputs)
    ours = scratch.initialise(500, 300, name, np.random.default_rng(0))

    assert ours.shape == (500, 300)
    assert abs(ours.std() / theirs.std().item() - 1) < 0.02
    assert abs(ours.mean()) < 3 * ours.std() / np.sqrt(ours.size)
    assert abs(np.abs(ours).max() / theirs.abs().max().item() - 1) < 0.25
    with pytest.raises(ValueError, match="one of xavier_uniform"):
        scratch.initialise(1, 1, "xavier", np.random.default_rng(0))


LOSSES = {
    "mse": F.mse_loss, "binary_cross_entropy": F.binary_cross_entropy_with_logits, "cross_entropy": F.cross_entropy,
}  # fmt: skip


def data(loss: str, rows: int = 40):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(rows, 4))
    if loss == "cross_entropy":
        return x, generator.integers(0, 3, rows)
    return x, generator.integers(0, 2, (rows, 3)).astype(float)


def twin(network: scratch.Network) -> nn.Sequential:
    """The same network in PyTorch, with the same weights, in double precision."""
    modules: list[nn.Module] = []
    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "leaky_relu": nn.LeakyReLU}
    for layer in network.layers:
        linear = nn.Linear(*layer.weights.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(tensor(layer.weights.T))
            linear.bias.copy_(tensor(layer.bias))
        modules += [linear, *([kinds[layer.activation]()] if layer.activation != "linear" else [])]
    return nn.Sequential(*modules)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "leaky_relu"])
def test_forward_backward_and_fifty_steps_are_torchs(activation: str, loss: str) -> None:
    x, y = data(loss)
    network = scratch.Network([4, 8, 4, 3], activation=activation, loss=loss, seed=2)
    module, target = twin(network), torch.tensor(y)
    outputs = module(tensor(x))
    value = LOSSES[loss](outputs, target)
    gradients = torch.autograd.grad(value, list(module.parameters()))

    np.testing.assert_allclose(network.forward(x)[1][-1], outputs.detach(), rtol=1e-12, atol=1e-14)
    assert abs(network.loss.value(network.forward(x)[1][-1], y) - value.item()) < 1e-13
    for (of_weights, of_bias), weight, bias in zip(
        network.backward(x, y), gradients[::2], gradients[1::2], strict=True
    ):
        np.testing.assert_allclose(of_weights, weight.T, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(of_bias, bias, rtol=1e-10, atol=1e-14)
    assert scratch.gradient_error(network, x, y) < 1e-5

    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for step in range(50):
        rows = slice(step % 4 * 10, step % 4 * 10 + 10)
        network.step(x[rows], y[rows], 0.1)
        optimizer.zero_grad()
        LOSSES[loss](module(tensor(x[rows])), target[rows]).backward()
        optimizer.step()
    for layer, linear in zip(network.layers, [one for one in module if isinstance(one, nn.Linear)], strict=True):
        np.testing.assert_allclose(layer.weights, linear.weight.detach().T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.bias, linear.bias.detach(), rtol=1e-9, atol=1e-12)


def test_extreme_outputs_do_not_overflow() -> None:
    z = np.array([[1000.0, -1000.0], [-1000.0, 1000.0]])
    with np.errstate(all="raise", under="ignore"):
        assert scratch.LOSSES["cross_entropy"].value(z, np.array([0, 0])) == 1000.0
        assert scratch.LOSSES["binary_cross_entropy"].value(z, np.array([[1.0, 0], [1, 0]])) == 500.0
        assert np.isfinite(scratch.LOSSES["cross_entropy"].gradient(z, np.array([0, 0]))).all()


@pytest.mark.parametrize("sizes", [[4, 8, 4, 1], [784, 128, 10], [10, 64, 32, 1], [3, 2]])
def test_parameters_are_counted_as_torch_counts_them(sizes: list[int]) -> None:
    network = scratch.Network(sizes, loss="mse")

    assert scratch.count_parameters(sizes) == sum(one.numel() for one in twin(network).parameters())
    assert network.sizes == sizes
    assert scratch.count_parameters([4, 8, 4, 1]) == 81


def test_a_seed_gives_the_same_run_and_the_global_stream_is_left_alone() -> None:
    x, y = data("cross_entropy")
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    first, again, other = (scratch.Network([4, 6, 3], seed=seed) for seed in (0, 0, 1))
    assert first.fit(x, y, epochs=3) == again.fit(x, y, epochs=3) != other.fit(x, y, epochs=3)
    assert first.history[-1] < first.history[0]
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]


def test_zeros_keep_all_units_alike() -> None:
    x, y = data("cross_entropy")
    network = scratch.Network([4, 6, 3], activation="tanh", weights="zeros")
    network.fit(x, y, epochs=5)
    assert (network.layers[0].weights == network.layers[0].weights[:, :1]).all()


def test_gradients_vanish_through_sigmoids_and_not_through_relus() -> None:
    """The same, layer by layer, of the same networks in PyTorch."""
    for activation in ("sigmoid", "relu"):
        sizes = scratch.gradient_sizes(activation, depth=6)
        generator = np.random.default_rng(0)
        network = scratch.Network([32, *[32] * 6, 2], activation=activation)
        x, y = generator.normal(size=(64, 32)), generator.integers(0, 2, 64)
        module = twin(network)
        F.cross_entropy(module(tensor(x)), torch.tensor(y)).backward()
        expected = [one.weight.grad.square().mean().sqrt().item() for one in module if isinstance(one, nn.Linear)]
        np.testing.assert_allclose(sizes, expected, rtol=1e-9)
    assert scratch.gradient_sizes("sigmoid")[0] < 1e-6 < 1e-3 < scratch.gradient_sizes("relu")[0]


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: scratch.Network([4]), r"two sizes or more"),
        (lambda: scratch.Network([4, 2], activation="gelu"), "activation is one of linear, step"),
        (lambda: scratch.Network([4, 2], loss="hinge"), "loss is one of mse"),
        (
            lambda: scratch.Network([4, 2]).predict([[1, 2, 3]]),
            r"rows of 4 numbers, and got .* \(1, 3\)",
        ),
        (lambda: scratch.Network([2, 2]).fit([[1, 2]], [2]), "Classes are 0 to 1, and 2 to 2 came"),
        (lambda: scratch.Network([2, 2]).fit([[1, 2]], [0.5]), "one class index for each of 1 rows, and got float64"),
        (lambda: scratch.Network([2, 1], loss="mse").fit([[1, 2]], [1]), r"\(1, 1\), and \(1,\) came"),
    ],
)
def test_mistakes_are_told(work, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        work()


def test_two_layers_read_scikit_learns_digits() -> None:
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.3, stratify=y, random_state=0)
    network = scratch.Network([64, 64, 10])
    network.fit(x_train, y_train, epochs=40, batch_size=32, learning_rate=0.1)

    assert (network.predict(x_test).argmax(1) == y_test).mean() > 0.95


@pytest.mark.skipif(not MNIST.is_dir(), reason=f"needs MNIST in {MNIST}, which is not there")
def test_two_layers_read_mnist_as_the_lesson_says() -> None:
    def read(name: str, header: int) -> np.ndarray:
        (path,) = MNIST.glob(f"{name}*")
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return np.frombuffer(content, np.uint8, offset=header)

    x, y = read("train-images", 16).reshape(-1, 784) / 255, read("train-labels", 8).astype(int)
    x_test, y_test = read("t10k-images", 16).reshape(-1, 784) / 255, read("t10k-labels", 8).astype(int)
    network = scratch.Network([784, 64, 10])
    network.fit(x, y, epochs=3, batch_size=64, learning_rate=0.1)

    assert (network.predict(x_test).argmax(1) == y_test).mean() > 0.95


def test_the_room_knows_numpy_and_itself() -> None:
    known = (
        "numpy", "neurokit.scratch", "__future__", "collections", "contextlib", "dataclasses", "difflib", "itertools",
        "math", "numbers", "reprlib", "typing",
    )  # fmt: skip
    for path in Path(scratch.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert all(name.startswith(known) for name in named)
