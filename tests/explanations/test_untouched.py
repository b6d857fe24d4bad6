from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import neurokit as nk
from neurokit.explanations import explain, permutation_importance
from neurokit.explanations.untouched import untouched
from neurokit.seeding import cpu_streams


class Restless(nn.Module):
    """Everything a model can change about itself while it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.5))
        self.x = nn.Parameter(torch.ones(8))
        self.head = nn.Linear(8, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.fails_after: int | None = None

    def forward(self, rows: Tensor) -> Tensor:
        self.calls += 1
        self.last = rows.sum().detach()
        torch.rand(1), np.random.rand(), random.random()
        if self.fails_after is not None and self.calls > self.fails_after:
            raise RuntimeError("out of order")
        return self.head(self.inner(rows) * self.x)


def _model() -> Restless:
    model = Restless().train()
    model.inner[1].eval()  # a frozen BatchNorm in a model that trains
    model.head.bias.requires_grad_(False)
    model.head.register_forward_hook(lambda *_: None)
    model.head.register_full_backward_hook(lambda *_: None)
    model(torch.randn(8, 4)).sum().backward()
    model.calls.zero_()
    return model


def _state(model: nn.Module) -> dict[str, Any]:
    modules = dict(model.named_modules())
    return {
        "values": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "objects": {name: id(one) for name, one in [*model.named_parameters(), *model.named_buffers()]},
        "modes": {name: one.training for name, one in modules.items()},
        "hooks": {
            f"{name}.{key}": list(table)
            for name, one in modules.items()
            for key, table in vars(one).items()
            if "hooks" in key
        },
        "full": {name: one._is_full_backward_hook for name, one in modules.items()},
        "inplace": model.inner[2].inplace,
        "requires_grad": {name: one.requires_grad for name, one in model.named_parameters()},
        "grads": {name: None if one.grad is None else one.grad.clone() for name, one in model.named_parameters()},
    }


def _assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    for part in before:
        if part in ("values", "grads"):
            assert before[part].keys() == after[part].keys()
            for name, tensor in before[part].items():
                assert (tensor is None and after[part][name] is None) or torch.equal(tensor, after[part][name]), name
        else:
            assert before[part] == after[part], part


@pytest.mark.parametrize("method", ["exact", "permutation", "partition", "gradient", "deep"])
def test_explaining_leaves_model_and_streams_as_they_were(method):
    model = _model()
    x = torch.randn(12, 4)
    before, streams = _state(model), cpu_streams()

    explain(model, x[:3], background=x, method=method)

    _assert_same(before, _state(model))
    assert cpu_streams() == streams


@pytest.mark.parametrize("method", ["exact", "permutation", "partition", "gradient", "deep"])
@pytest.mark.parametrize("fails_after", [0, 1, 2])
def test_a_model_that_raises_is_left_as_it_was(method, fails_after):
    model = _model()
    model.fails_after = fails_after
    x = torch.randn(12, 4)
    before, streams = _state(model), cpu_streams()

    with pytest.raises(Exception, match="out of order"):
        explain(model, x[:3], background=x, method=method)

    _assert_same(before, _state(model))
    assert cpu_streams() == streams


def test_an_explainer_that_raises_leaves_the_model_as_it_was(monkeypatch, shap):
    model = _model()
    x = torch.randn(12, 4)
    before, streams = _state(model), cpu_streams()

    def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        model.inner.eval()
        model.inner[0].x = nn.Parameter(torch.ones(1))
        np.random.seed(0)
        raise ZeroDivisionError

    monkeypatch.setattr(shap.PermutationExplainer, "__call__", fail)
    with pytest.raises(ZeroDivisionError):
        explain(model, x[:3], background=x, method="permutation")

    _assert_same(before, _state(model))
    assert cpu_streams() == streams


def test_training_goes_on_as_if_nothing_was_explained():
    x, y = torch.randn(60, 4), torch.randint(0, 3, (60,))

    def train(between: Any) -> list[float]:
        torch.manual_seed(1)
        model = nn.Sequential(
            nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(16, 3)
        )
        trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
        trainer.fit(x, y, epochs=2, verbose=0)
        between(trainer)
        return trainer.fit(x, y, epochs=2, verbose=0).history["loss"]

    def ask(trainer: nk.Trainer) -> None:
        for method in ("exact", "permutation", "gradient", "deep"):
            explain(trainer, x[:3], method=method)
        permutation_importance(trainer, x, y, repeats=2)

    assert train(ask) == train(lambda trainer: None)


def test_an_embedding_that_renormalises_its_weight_keeps_it():
    model = nn.Sequential(nn.Embedding(20, 4, max_norm=0.1), nn.Flatten(), nn.Linear(12, 1))
    before = model[0].weight.detach().clone()
    tokens = torch.randint(0, 20, (10, 3))

    explain(model, tokens)

    assert torch.equal(model[0].weight, before)


def test_nothing_of_shaps_stays_in_the_state_dict():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 1))
    keys = list(model.state_dict())

    explain(model, torch.randn(3, 4), background=torch.randn(9, 4), method="deep")

    assert list(model.state_dict()) == keys
    assert not any(hasattr(module, "y") for module in model.modules())


def test_untouched_puts_back_what_a_block_takes_away():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before = {name: one.clone() for name, one in model.state_dict().items()}

    def spoil() -> None:
        with untouched(model):
            del model[0].bias
            model.add_module("third", nn.Linear(2, 2))
            model[1].weight = nn.Parameter(torch.zeros(2, 2))
            assert not model.training
            raise KeyError

    with pytest.raises(KeyError):
        spoil()

    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(one, after[name]) for name, one in before.items())
    assert model.training
