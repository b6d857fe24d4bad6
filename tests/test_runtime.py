"""The runtime: windows of accumulation, clipping, precision and placing, each against plain torch."""

import pytest
import torch
from torch import nn

from neurokit.runtime import Runtime, floating_dtype


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def make(layer, accumulate=1, precision="fp32", max_grad_norm=None):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    runtime = Runtime(torch.device("cpu"), precision, accumulate, max_grad_norm)
    runtime.prepare([optimizer])
    return runtime, optimizer


def test_an_open_window_adds_up_sums_and_a_closed_one_is_their_mean(layer):
    x = torch.randn(5, 3)
    runtime, optimizer = make(layer, accumulate=2)
    before = layer.weight.detach().clone()
    for rows, closes in ((x[:3], False), (x[3:], True)):
        runtime.closes = closes
        runtime.zero_grad()
        runtime.backward(layer(rows).mean(), len(rows))
        runtime.step([optimizer])
        assert torch.equal(layer.weight, before) is not closes
    expected = torch.autograd.grad(layer(x).mean(), layer.weight)[0]
    assert torch.allclose((before - layer.weight) / 0.1, expected, atol=1e-6)


def test_a_window_in_which_nothing_counted_changes_nothing(layer):
    runtime, optimizer = make(layer, accumulate=2)
    before = layer.weight.detach().clone()
    runtime.backward(layer(torch.randn(2, 3)).mean() * 0, torch.zeros(()))
    runtime.step([optimizer])
    assert torch.equal(layer.weight, before)


def test_gradients_stay_readable_after_a_step_until_the_next_one(layer):
    runtime, optimizer = make(layer)
    runtime.backward(layer(torch.ones(1, 3)).sum())
    runtime.step([optimizer])
    assert torch.equal(layer.weight.grad, torch.ones(1, 3))
    runtime.zero_grad()
    assert layer.weight.grad is None


def test_an_open_window_survives_saving(layer):
    runtime, _ = make(layer, accumulate=3)
    runtime.closes = False
    runtime.backward(layer(torch.ones(2, 3)).mean(), 2)
    state = runtime.state_dict()
    other = nn.Linear(3, 1)
    restored, _ = make(other, accumulate=3)
    restored.load_state_dict(state)
    assert torch.equal(other.weight.grad, layer.weight.grad)
    restored.zero_grad()
    assert other.weight.grad is not None, "an open window is not cleared"


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_is_that_of_the_forward_pass(layer, precision, dtype):
    runtime, _ = make(layer, precision=precision)
    with runtime.autocast:
        assert layer(torch.ones(1, 3)).dtype is dtype


def test_placing_keeps_the_structure_and_what_is_no_tensor(layer):
    runtime, _ = make(layer)
    batch = {"image": [torch.ones(2)], "name": "a", "box": (torch.zeros(1), None)}
    placed = runtime.place(batch)
    assert placed["name"] == "a"
    assert placed["box"][1] is None
    assert torch.equal(placed["image"][0], torch.ones(2))
    assert isinstance(placed["image"], list)


def test_the_floating_dtype_is_the_models_first():
    assert floating_dtype(nn.Linear(1, 1).double()) is torch.float64
    assert floating_dtype(nn.Flatten()) is torch.get_default_dtype()
