from __future__ import annotations

import copy
import logging
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
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
        (
            {"predicate": lambda name, module: isinstance(module, nn.BatchNorm1d)},
            ValueError,
            r"true of none of 9 parameters; it gets \(name, parameter\), not modules",
        ),
        ({"prefx": "fc"}, TypeError, "Did you mean 'prefix'"),
    ],
)
def test_a_mistake_is_named_with_its_mend_and_nothing_changes(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    model = _Net()
    with pytest.raises(error, match=words):
        freeze(model, **given)
    assert _frozen(model) == _asleep(model) == []


def test_a_misspelt_name_gets_the_nearest_beside_it_and_not_their_children() -> None:
    model = nn.Sequential(OrderedDict(features=nn.Sequential(*(nn.Linear(2, 2) for _ in range(6))), fc=nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"Nearest: 'features'\. "):
        freeze(model, "feature")
    with pytest.raises(ValueError, match=r"Nearest: 'features\.5'"):
        freeze(model, "feature.5")


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


def _drawn(model: nn.Module) -> None:
    """Statistics that are not the fresh ones."""
    model.train()
    for _ in range(3):
        model(torch.randn(32, 6) * 3 + 1)


def test_frozen_statistics_stay_in_a_loop_that_calls_train_as_nearly_every_loop_does() -> None:
    model = _Net()
    _drawn(model)
    keys, before = list(model.state_dict()), _statistics(model)
    freeze(model, until="fc")
    freeze(model, until="fc")
    assert list(model.state_dict()) == keys
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
    for _ in range(2):
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), Y).backward()
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(before, _statistics(model), strict=True))
    assert _asleep(model) == ["layer1.1", "layer10.1"]
    assert model.layer1[3].training  # dropout goes on
    unfreeze(model)
    model(X)
    assert not torch.equal(before[0], _statistics(model)[0])


def test_frozen_statistics_stay_in_a_fit_after_train_and_no_check_complains() -> None:
    model = _Net()
    _drawn(model)
    before = _statistics(model)
    freeze(model, until="fc")
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    model.train()
    trainer.fit(X, Y, epochs=2, verbose=0, validation_data=(X + 0.1, Y))
    assert all(torch.equal(one, other) for one, other in zip(before, _statistics(model), strict=True))
    assert trainer.findings == []


@pytest.mark.parametrize("arrives", ["in train()", "in eval()"])
def test_averaged_weights_and_batches_of_one_row_leave_frozen_statistics_alone(arrives: str) -> None:
    model = _Net()
    _drawn(model)
    before = _statistics(model)
    freeze(model, until="fc")
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    model.train(arrives == "in train()")
    trainer.fit(X, Y, epochs=2, verbose=0, callbacks=[nk.SWA(0.5)])
    trainer.fit(X[:4], Y[:4], batch_size=1, verbose=0)
    assert all(torch.equal(one, other) for one, other in zip(before, _statistics(model), strict=True))


_COPIES: dict[str, Callable[[nn.Module], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "compile": lambda model: torch.compile(model, backend="eager"),
}


@pytest.mark.parametrize("kind", _COPIES)
def test_a_copy_and_a_compiled_model_keep_still_and_a_copy_is_unfrozen_alone(kind: str) -> None:
    model = _Net()
    freeze(model, until="fc")
    other = _COPIES[kind](model)
    other.train()
    before = _statistics(other)
    other(X)
    other.train()
    other(X)
    assert all(torch.equal(one, two) for one, two in zip(before, _statistics(other), strict=True))
    if kind != "compile":
        unfreeze(other)
        other(X)
        model.train()
        model(X)
        assert not torch.equal(before[0], _statistics(other)[0])
        assert torch.equal(before[0], _statistics(model)[0])


def test_looking_at_a_model_leaves_it_still_and_saving_adds_nothing(tmp_path: Path) -> None:
    model = _Net()
    freeze(model, until="fc")
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    trainer.fit(X, Y, verbose=0)
    before = _statistics(model)
    for look in (
        lambda: nk.explain(trainer, X[:2], X[:8]),
        lambda: nk.find_lr(trainer, X, Y, steps=10, end=1e-3),
        lambda: nk.diagnose(trainer, X, Y),
        lambda: trainer.load(trainer.save(tmp_path / "saved")),
    ):
        model.train()
        look()
        model.train()
        model(X)
        assert all(torch.equal(one, other) for one, other in zip(before, _statistics(model), strict=True))
    plain = nk.Trainer(_Net(), loss="cross_entropy", device="cpu")
    plain.load(tmp_path / "saved")
    assert torch.equal(plain.model.fc.weight, model.fc.weight)


def test_weights_that_may_learn_again_by_hand_have_their_statistics_follow() -> None:
    model = _Net()
    freeze(model, until="fc")
    model.requires_grad_(True)
    model.train()
    before = model.layer10[1].running_mean.clone()
    model(X)
    assert not torch.equal(before, model.layer10[1].running_mean)


def test_a_trainer_stands_for_its_model() -> None:
    model = _Net()
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    assert freeze(trainer, "layer1") == LAYER1
    assert _frozen(model) == LAYER1
    assert unfreeze(trainer) == [name for name, _ in model.named_parameters()]
    with pytest.raises(TypeError, match=r"Pass Linear\("):
        freeze(nn.Linear)  # type: ignore[arg-type]


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


def test_statistics_that_torch_measures_anew_for_an_average_are_measured() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    freeze(model, depth=-1)
    x = 5 + 2 * torch.randn(64, 4)
    averaged = torch.optim.swa_utils.AveragedModel(model)

    torch.optim.swa_utils.update_bn([x], averaged)

    expected = model[0](x).mean(0)
    assert torch.allclose(averaged.module[1].running_mean, expected, atol=1e-4)
    assert torch.equal(model[1].running_mean, torch.zeros(4))
