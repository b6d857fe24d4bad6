"""Write reference.json: what PyTorch says about everything that the pages to play with compute.

Run ``python tests/play/export_reference.py`` after a change to what is compared. All of it is float64.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

REFERENCE = Path(__file__).with_name("reference.json")
PROBLEM = Path(__file__).parents[2] / "docs" / "play" / "core" / "problem.mjs"
GRID = [*(i / 4 for i in range(-20, 21)), -1000.0, -40.0, 40.0, 1000.0]
LEAKS = [0.01, 0.1]
ARCHITECTURES = [[4, 8, 1], [4, 8, 4, 1], [4, 32, 16, 8, 1], [4, 128, 1], [4, 16, 8, 3], [784, 128, 64, 10], [10, 5]]
MODULES = {"linear": nn.Identity, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def reference() -> dict[str, Any]:
    """Every value, as JSON can hold it."""
    torch.set_num_threads(1)
    return {
        "activations": {"grid": GRID, "values": activation_values()},
        "softmax": softmax_values(),
        "architectures": [{"sizes": sizes, **counts(sizes)} for sizes in ARCHITECTURES],
        "networks": [
            network([4, 8, 4, 1], ["relu", "relu", "linear"], "mse", learning_rate=0.1, steps=25, seed=0),
            network([4, 8, 4, 2], ["tanh", "leaky_relu", "sigmoid"], "bce", learning_rate=0.5, steps=25, seed=1),
            network(
                [4, 16, 8, 3], ["sigmoid", "relu", "softmax"], "cross_entropy", learning_rate=0.3, steps=25, seed=2
            ),
        ],
        "collapse": collapse(),
        "training": [
            training(learning_rate=0.5, epochs=25),
            training(learning_rate=10.0, epochs=3),
            training(learning_rate=0.05, epochs=6, forget_to_zero=True),
        ],
    }


def activation_values() -> dict[str, Any]:
    functions = {
        "linear": lambda x: x * 1.0,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "softmax": lambda x: torch.softmax(torch.stack([x, x * 0, x * 0]), dim=0)[0],
        **{f"leaky_relu {leak}": lambda x, leak=leak: nn.functional.leaky_relu(x, leak) for leak in LEAKS},
    }
    values = {}
    for name, function in functions.items():
        x = torch.tensor(GRID, dtype=torch.float64, requires_grad=True)
        y = function(x)
        (slopes,) = torch.autograd.grad(y.sum(), x)
        values[name] = {"values": y.tolist(), "slopes": slopes.tolist()}
    x = torch.tensor(GRID, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(torch.sign(x).sum(), x)  # heaviside has no gradient in PyTorch; sign is as flat
    values["step"] = {
        "values": torch.heaviside(x.detach(), torch.ones(1, dtype=torch.float64)).tolist(),
        "slopes": slopes.tolist(),
    }
    return values


def softmax_values() -> list[dict[str, list[float]]]:
    scores = [[1.0, 2.0, 3.0], [0.0, 0.0], [1000.0, 999.0, -1000.0], [-3.5, 0.25, 4.0, 1.0]]
    return [
        {"scores": row, "shares": torch.softmax(torch.tensor(row, dtype=torch.float64), 0).tolist()} for row in scores
    ]


def counts(sizes: list[int]) -> dict[str, Any]:
    model = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))
    weights = sum(layer.weight.numel() for layer in model)
    biases = sum(layer.bias.numel() for layer in model)
    assert weights + biases == sum(parameter.numel() for parameter in model.parameters())
    return {
        "weights": weights,
        "biases": biases,
        "layers": [sum(p.numel() for p in layer.parameters()) for layer in model],
    }


def network(
    sizes: list[int], activations: list[str], loss: str, *, learning_rate: float, steps: int, seed: int
) -> dict[str, Any]:
    """A network before and after some steps of SGD on one batch."""
    random = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    linears = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    for linear in linears:
        linear.weight.data = drawn(*linear.weight.shape) / linear.in_features**0.5
        linear.bias.data = drawn(*linear.bias.shape) / 4
    # CrossEntropyLoss has the softmax inside
    between = [nn.Identity() if name == "softmax" else MODULES[name]() for name in activations]
    model = nn.Sequential(*(module for pair in zip(linears, between, strict=True) for module in pair))
    rows = drawn(6, sizes[0])
    if loss == "cross_entropy":
        criterion, targets = nn.CrossEntropyLoss(), torch.randint(sizes[-1], (6,), generator=random)
    else:
        criterion = nn.MSELoss() if loss == "mse" else nn.BCELoss()
        targets = drawn(6, sizes[-1]) if loss == "mse" else (drawn(6, sizes[-1]) > 0).double()
    given = layers(linears, activations)
    outputs = torch.softmax(model(rows), 1) if activations[-1] == "softmax" else model(rows)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    losses, gradients = [], None
    for _ in range(steps):
        optimizer.zero_grad()
        value = criterion(model(rows), targets)
        value.backward()
        gradients = gradients or [parameter.grad.tolist() for parameter in model.parameters()]
        optimizer.step()
        losses.append(value.item())
    return {
        "sizes": sizes, "loss": loss, "learning_rate": learning_rate, "layers": given, "rows": rows.tolist(),
        "targets": targets.tolist(), "outputs": outputs.tolist(), "gradients": gradients, "losses": losses,
        "after": layers(linears, activations),
    }  # fmt: skip


def layers(linears: list[nn.Linear], activations: list[str]) -> list[dict[str, Any]]:
    return [
        {"weights": linear.weight.tolist(), "biases": linear.bias.tolist(), "activation": activation}
        for linear, activation in zip(linears, activations, strict=True)
    ]


def collapse() -> dict[str, Any]:
    """Three linear layers, and the outputs that one multiplied-out layer must give."""
    random = torch.Generator().manual_seed(3)
    linears = [nn.Linear(a, b, dtype=torch.float64) for a, b in ((1, 3), (3, 3), (3, 1))]
    for parameter in nn.ModuleList(linears).parameters():
        parameter.data = torch.randn(*parameter.shape, generator=random, dtype=torch.float64)
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)[:, None]
    given = layers(linears, ["linear"] * 3)
    first, second, third = linears
    single = third.weight @ second.weight @ first.weight
    return {
        "layers": given,
        "x": x.flatten().tolist(),
        "outputs": nn.Sequential(*linears)(x).flatten().tolist(),
        "slope": single.item(),
        "relu": nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)(x).flatten().tolist(),
    }


def read_problem() -> dict[str, Any]:
    """The visualiser's network and rows, from the module that the page itself uses."""
    return json.loads(PROBLEM.read_text(encoding="utf-8").split("export const problem =", 1)[1].strip().rstrip(";"))


def training(*, learning_rate: float, epochs: int, forget_to_zero: bool = False) -> dict[str, Any]:
    """The loop that the visualiser shows, as PyTorch runs it: same start, same batches, same order."""
    problem = read_problem()
    modules: list[nn.Module] = []
    for layer in problem["layers"]:
        weights, biases = (torch.tensor(layer[key], dtype=torch.float64) for key in ("weights", "biases"))
        linear = nn.Linear(weights.shape[1], weights.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = weights, biases
        modules += [linear, MODULES[layer["activation"]]()]
    model = nn.Sequential(*modules)
    x, y = (torch.tensor(problem[key], dtype=torch.float64) for key in ("rows", "targets"))
    size = problem["batchSize"]
    criterion, optimizer = nn.BCELoss(), torch.optim.SGD(model.parameters(), lr=learning_rate)
    losses, after, first_gradients = [], [], None
    for _ in range(epochs):
        for batch_x, batch_y in zip(x.split(size), y.split(size), strict=True):
            if not forget_to_zero:
                optimizer.zero_grad()
            loss = criterion(model(batch_x), batch_y)
            loss.backward()
            first_gradients = first_gradients or flat(parameter.grad for parameter in model.parameters())
            optimizer.step()
            losses.append(loss.item())
        after.append(flat(model.parameters()))
    correct = int(((model(x) > 0.5) == (y == 1)).sum())
    return {
        "learning_rate": learning_rate, "epochs": epochs, "forget_to_zero": forget_to_zero, "losses": losses,
        "first_gradients": first_gradients, "weights_after_each_epoch": after, "correct": correct,
    }  # fmt: skip


def flat(tensors: Any) -> list[float]:
    return torch.cat([tensor.detach().flatten() for tensor in tensors]).tolist()


if __name__ == "__main__":
    REFERENCE.write_text(json.dumps(reference(), indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
