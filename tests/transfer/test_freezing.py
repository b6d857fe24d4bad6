from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import neurokit as nk
from neurokit.transfer import freeze, unfreeze


class _Net(nn.Module):
    """Two blocks whose names begin alike, BatchNorm in each, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 6))
        self.layer1 = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, affine=False), nn.ReLU(), nn.Dropout(0.5))
        self.layer10 = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer10(self.layer1(x + self.token)))


X, Y = torch.randn(64, 6, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 3


def _frozen(model: nn.Module) -> list[str]:
    return [name for name, one in model.named_parameters() if not one.requires_grad]


def _asleep(model: nn.Module) -> list[str]:
    return [name for name, one in model.named_modules() if not one.training]


LAYER1, LAYER10 = (
    ["layer1.0.weight", "layer1.0.bias"],
    [f"layer10.{one}" for one in ("0.weight", "0.bias", "1.weight", "1.bias")],
)


@pytest.mark.parametrize(
    ("given", "names", "asleep"),
    [
        ({"target": "layer1"}, LAYER1, ["layer1.1"]),
        ({"prefix": "layer1."}, LAYER1, ["layer1.1"]),
        ({"target": ["layer1", "fc.bias"]}, [*LAYER1, "fc.bias"], ["layer1.1"]),
        ({"target": 1}, ["token", *LAYER1], ["layer1.1"]),
        ({"depth": -1}, ["token", *LAYER1, *LAYER10], ["layer1.1", "layer10.1"]),
        ({"depth": 0}, [], []),
        ({"until": "fc"}, ["token", *LAYER1, *LAYER10], ["layer1.1", "layer10.1"]),
        (
            {"target": lambda name, parameter: parameter.ndim == 2},
            ["token", "layer1.0.weight", "layer10.0.weight", "fc.weight"],
            [],
        ),
        (
            {"predicate": lambda name, parameter: name.startswith("layer")},
            [*LAYER1, *LAYER10],
            ["layer1.1", "layer10.1"],
        ),
        ({}, ["token", *LAYER1, *LAYER10, "fc.weight", "fc.bias"], ["layer1.1", "layer10.1"]),
    ],
)
def test_what_is_named_is_frozen_and_returned_with_its_batchnorm_still(
    given: dict[str, Any], names: list[str], asleep: list[str]
) -> None:
    model = _Net()
    assert freeze(model, **given) == names
    assert _frozen(model) == names
    assert _asleep(model) == asleep
    assert unfreeze(model, **given) == names
    assert _frozen(model) == _asleep(model) == []


def test_a_model_in_a_wrapper_is_looked_into_for_its_depth() -> None:
    model = nn.Sequential(OrderedDict(net=nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))))
    assert freeze(model, depth=1) == ["net.0.weight", "net.0.bias"]


def test_a_tied_parameter_is_returned_under_all_its_names() -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    model["b"].weight = model["a"].weight
    assert freeze(model, "a") == ["a.weight", "a.bias", "b.weight"]


def test_gradients_from_before_do_not_move_what_is_frozen() -> None:
    model = nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    freeze(model)
    assert model.weight.grad is None


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"target": "layer2"}, ValueError, "'layer1'"),
        ({"prefix": ["fc", "layer1.9"]}, ValueError, r"layer1.9.*'layer1"),
        ({"until": "head"}, ValueError, "no part named 'head'"),
        ({"depth": 4}, ValueError, "3 children with parameters: layer1, layer10, fc"),
        ({"depth": True}, TypeError, "whole number"),
        ({"target": 2.5}, TypeError, "target is a name or names"),
        ({"target": nn.ReLU()}, TypeError, "Pass its name"),
        ({"predicate": lambda name: True}, TypeError, "lambda name, parameter"),
        ({"target": "fc", "depth": 1}, ValueError, "target and depth"),
    ],
)
def test_a_mistake_is_named_with_its_mend_and_nothing_changes(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    model = _Net()
    with pytest.raises(error, match=words):
        freeze(model, **given)
    assert _frozen(model) == _asleep(model) == []


def _statistics(model: _Net) -> list[Tensor]:
    return [one.clone() for layer in (model.layer1, model.layer10) for one in layer[1].buffers()]


@pytest.mark.parametrize("arrives", ["in train()", "in eval()"])
def test_frozen_batchnorm_statistics_are_bit_identical_after_a_fit(arrives: str) -> None:
    model = _Net()
    model.train(arrives == "in train()")
    freeze(model, until="fc")
    before, weights = _statistics(model), {name: one.clone() for name, one in model.named_parameters()}
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    trainer.fit(X, Y, epochs=2, verbose=0)
    assert all(torch.equal(one, other) for one, other in zip(before, _statistics(model), strict=True))
    moved = [name for name, one in model.named_parameters() if not torch.equal(one, weights[name])]
    assert moved == ["fc.weight", "fc.bias"]
    assert trainer.findings == []


def test_a_part_of_a_model_in_eval_keeps_its_statistics_and_says_what_it_cannot_know(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = _Net().eval()
    with caplog.at_level(logging.WARNING):
        freeze(model.layer10)
    assert "part of a larger model" in caplog.text
    before = _statistics(model)
    nk.Trainer(model, loss="cross_entropy", device="cpu").fit(X, Y, verbose=0)
    assert all(torch.equal(one, other) for one, other in zip(before[3:], _statistics(model)[3:], strict=True))


def test_the_statistics_move_again_once_unfrozen() -> None:
    model = _Net()
    freeze(model)
    unfreeze(model)
    before = _statistics(model)
    nk.Trainer(model, loss="cross_entropy", device="cpu").fit(X, Y, verbose=0)
    assert not torch.equal(before[0], _statistics(model)[0])


def test_a_model_frozen_as_a_whole_is_refused_by_fit() -> None:
    model = _Net()
    freeze(model)
    with pytest.raises(ValueError, match="requires_grad"):
        nk.Trainer(model, loss="cross_entropy", device="cpu").fit(X, Y, verbose=0)
