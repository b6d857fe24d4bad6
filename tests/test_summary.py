from __future__ import annotations

import random
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neurokit.summary import layer_table


def _row(table: str, layer: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.split()[:1] == [layer]]
    return line.split()


def test_shapes_and_counts_are_those_of_the_layers() -> None:
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 4, 3), flat=nn.Flatten(), head=nn.Linear(4 * 36, 10)))

    table = layer_table(model, torch.zeros(2, 1, 8, 8))

    assert _row(table, "conv") == ["conv", "Conv2d", "(2,", "4,", "6,", "6)", "40", "yes"]
    assert _row(table, "flat") == ["flat", "Flatten", "(2,", "144)"]
    assert _row(table, "head") == ["head", "Linear", "(2,", "10)", "1,450", "yes"]
    total = sum(parameter.numel() for parameter in model.parameters())
    assert f"{total:,} parameters ({total:,} trainable, 0 frozen)" in table


def test_without_an_input_there_are_no_shapes() -> None:
    table = layer_table(nn.Sequential(nn.Linear(4, 2)))

    assert _row(table, "0") == ["0", "Linear", "10", "yes"]


def test_nested_modules_are_indented() -> None:
    lines = layer_table(nn.Sequential(nn.Sequential(nn.Linear(2, 2)))).splitlines()

    assert [line.split("  S")[0].rstrip() for line in lines[2:4]] == ["Sequential", "  0"]
    assert lines[4].startswith("    0")


def test_frozen_and_partly_frozen_layers_are_marked() -> None:
    model = nn.Sequential(OrderedDict(frozen=nn.Linear(4, 2), partly=nn.Linear(2, 2)))
    model.frozen.requires_grad_(False)
    model.partly.bias.requires_grad_(False)

    table = layer_table(model)

    assert _row(table, "frozen")[-1] == "no"
    assert _row(table, "partly")[-1] == "partly"
    assert "16 parameters (4 trainable, 12 frozen)" in table


def test_a_shared_layer_is_counted_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Linear(3, 3))
            self.second = self.first

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x))

    table = layer_table(Twice(), torch.zeros(1, 3))

    assert _row(table, "second") == ["second", "shared", "with", "first"]
    assert len([line for line in table.splitlines() if " Linear " in line]) == 1
    assert "\n12 parameters" in table


def test_tied_weights_are_counted_once() -> None:
    model = nn.ModuleDict({"encoder": nn.Embedding(5, 3), "decoder": nn.Linear(3, 5, bias=False)})
    model["decoder"].weight = model["encoder"].weight

    table = layer_table(model)

    assert _row(table, "encoder") == ["encoder", "Embedding", "15", "yes"]
    assert _row(table, "decoder") == ["decoder", "Linear"]
    assert "\n15 parameters" in table


def test_parameters_of_the_root_are_counted() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.ones(7))

    assert _row(layer_table(Scale()), "Scale") == ["Scale", "7", "yes"]


class Several(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> dict[str, object]:
        return {"logits": left, "pair": (right, right)}


@pytest.mark.parametrize(
    "example", [(torch.zeros(2, 3), torch.zeros(4)), {"right": torch.zeros(4), "left": torch.zeros(2, 3)}]
)
def test_several_inputs_and_outputs(example: object) -> None:
    assert "logits: (2, 3), pair: (4), (4)" in layer_table(Several(), example)


def test_the_caller_may_say_how_to_run_the_module() -> None:
    table = layer_table(nn.Linear(3, 2), [1.0, 2.0, 3.0], call=lambda module, row: module(torch.tensor(row)))

    assert _row(table, "Linear")[1] == "(2)"


def test_notes_come_last() -> None:
    assert layer_table(nn.Linear(3, 2), notes=["loss: mse", "device: cpu"]).endswith("loss: mse\ndevice: cpu")


def test_memory_is_that_of_the_parameters() -> None:
    assert "4.0 KiB" in layer_table(nn.Linear(32, 32, bias=False))
    assert "2.0 KiB" in layer_table(nn.Linear(32, 32, bias=False).half())
    assert "3.8 MiB" in layer_table(nn.Linear(1000, 1000, bias=False))


class Disturbing(nn.Module):
    """Changes everything a forward can change, and may fail afterwards."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.frozen = nn.Dropout().eval()
        self.register_buffer("counter", torch.zeros(1))
        self.register_buffer("replaced", torch.zeros(1))
        self.fails = fails

    def forward(self, x: Tensor) -> Tensor:
        self.counter += 1
        self.replaced = self.replaced + 1
        self.norm.train()(x)
        random.random()
        np.random.rand()
        torch.rand(1)
        assert not torch.is_grad_enabled()
        if self.fails:
            raise RuntimeError("the forward failed")
        return x


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_changed_also_when_the_forward_raises(fails: bool) -> None:
    model = Disturbing(fails)
    buffers = dict(model.named_buffers())
    values = {name: buffer.clone() for name, buffer in buffers.items()}
    modes = {name: module.training for name, module in model.named_modules()}
    streams = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())

    if fails:
        with pytest.raises(RuntimeError, match="the forward failed"):
            layer_table(model, torch.rand(4, 3, generator=torch.Generator().manual_seed(0)))
    else:
        layer_table(model, torch.rand(4, 3, generator=torch.Generator().manual_seed(0)))

    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(dict(model.named_buffers())[name] is buffer for name, buffer in buffers.items())
    assert all(torch.equal(buffers[name], value) for name, value in values.items())
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == streams
    assert not any(module._forward_hooks for module in model.modules())


def test_lazy_layers_show_their_sizes_and_stay_lazy() -> None:
    model = nn.Sequential(nn.LazyLinear(5), nn.ReLU())

    with_input, without = layer_table(model, torch.zeros(1, 3)), layer_table(model)

    assert _row(with_input, "0") == ["0", "Linear", "(1,", "5)", "20", "yes"]
    assert isinstance(model[0].weight, nn.UninitializedParameter)
    assert "not yet known" in without
    assert "lazy layers not counted" in without
