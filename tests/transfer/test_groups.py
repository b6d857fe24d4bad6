from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

import neurokit as nk
from neurokit.transfer import freeze, param_groups, regroup
from neurokit.transfer.groups import layers


def _rates(model: nn.Module, groups: list[dict[str, Any]]) -> dict[str, float]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {names[one]: group["lr"] for group in groups for one in group["params"]}


def _each_once(model: nn.Module, groups: list[dict[str, Any]]) -> bool:
    held = Counter(one for group in groups for one in group["params"])
    return set(held.values()) == {1} and set(held) == {one for one in model.parameters() if one.requires_grad}


def test_each_layer_of_a_sequential_learns_at_a_fixed_share_of_the_one_above() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    groups = param_groups(model, learning_rate=0.1, decay=0.5, weight_decay=0.3)
    rates = _rates(model, groups)
    assert rates["5.weight"] == rates["5.bias"] == groups[0]["lr"] == 0.1
    assert rates["3.weight"] == 0.05
    assert rates["0.weight"] == rates["1.weight"] == 0.025  # a norm goes with the layer before it
    decayed = {one for group in groups if group["weight_decay"] for one in group["params"]}
    assert {name for name, one in model.named_parameters() if one in decayed} == {"0.weight", "3.weight", "5.weight"}
    assert _each_once(model, groups)


@pytest.mark.parametrize(
    "name", ["resnet18", "vgg11", "vit_b_16", "densenet121", "swin_t", "googlenet", "squeezenet1_0"]
)
def test_every_parameter_of_an_architecture_is_in_one_group_and_rates_fall_from_the_head(name: str) -> None:
    with torch.device("meta"):
        options = {"init_weights": False} if name == "googlenet" else {}
        if name != "swin_t":
            model = torchvision.models.get_model(name, weights=None, **options)
    if name == "swin_t":  # computes with what it makes
        model = torchvision.models.swin_t(weights=None)
    groups = param_groups(model, 1.0, decay=0.9)
    found = [group["lr"] for group in groups]
    assert _each_once(model, groups)
    assert found == sorted(found, reverse=True)
    assert found[0] == 1.0
    assert len(set(found)) > 5


def test_the_layers_of_a_resnet_and_of_a_transformer_are_their_blocks_in_order() -> None:
    with torch.device("meta"):
        resnet, vit = torchvision.models.resnet18(weights=None), torchvision.models.vit_b_16(weights=None)
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert [name for name, _ in layers(resnet)] == ["conv1", *blocks, "fc"]
    names = [name for name, _ in layers(vit)]
    assert names[0] == "conv_proj"
    assert names[1:13] == [f"encoder.layers.encoder_layer_{block}" for block in range(12)]
    assert names[-1] == "heads.head"
    first = dict(layers(vit))["conv_proj"]
    assert any(one is vit.class_token for one in first)


def test_a_transformer_inside_a_part_is_taken_apart_into_its_blocks() -> None:
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    class Backbone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Linear(4, 8)
            self.encoder = nn.TransformerEncoder(block, 3, enable_nested_tensor=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.encoder(self.embedding(x)).mean(1)

    inside = [f"encoder.layers.{place}" for place in range(3)]
    model = nn.Sequential(Backbone(), nn.Linear(8, 2))
    assert [name for name, _ in layers(model)] == ["0.embedding", *(f"0.{one}" for one in inside), "1"]
    named = nn.ModuleDict({"backbone": Backbone(), "fc": nn.Linear(8, 2)})
    assert [name for name, _ in layers(named)] == ["backbone.embedding", *(f"backbone.{one}" for one in inside), "fc"]


def test_layers_are_ordered_by_their_use_and_not_by_their_registration() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.body = nn.Linear(8, 2), nn.Linear(4, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x))

    assert [name for name, _ in layers(Net())] == ["body", "head"]


def test_frozen_parameters_are_left_out_and_tied_ones_are_held_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    model[2].weight = model[1].weight
    freeze(model, "0")
    groups = param_groups(model)
    assert _each_once(model, groups)
    freeze(model)
    with pytest.raises(ValueError, match="unfreeze"):
        param_groups(model)


def test_a_trainer_stands_for_its_model() -> None:
    trainer = nk.Trainer(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), loss="cross_entropy", device="cpu")
    assert _each_once(trainer.model, param_groups(trainer))
    regroup(trainer.optimizer, trainer, decay=0.5)
    assert [group["lr"] for group in trainer.optimizer.param_groups] == [0.001, 0.0005]


def test_a_weight_with_one_output_is_decayed_and_tokens_of_one_axis_are_not() -> None:
    model = nn.Sequential(nn.Linear(4, 1))
    assert [group["weight_decay"] for group in param_groups(model, weight_decay=0.1)] == [0.1, 0.0]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"learning_rate": 0}, ValueError),
        ({"decay": 1.5}, ValueError),
        ({"decay": 0}, ValueError),
        ({"weight_decay": -1}, ValueError),
        ({"learning_rate": "0.1"}, TypeError),
    ],
)
def test_rates_out_of_range_are_refused(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(given))):
        param_groups(nn.Linear(2, 1), **given)


X, Y = torch.randn(48, 4, generator=torch.Generator().manual_seed(1)), torch.arange(48) % 2


def _model() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def test_the_groups_train_as_torch_trains_with_them() -> None:
    model, twin = _model(), _model()
    optimizer = torch.optim.AdamW(param_groups(model, 0.01, decay=0.5))
    nk.Trainer(model, loss="cross_entropy", optimizer=optimizer, device="cpu").fit(X, Y, batch_size=48, verbose=0)
    by_hand = torch.optim.AdamW(
        [
            {"params": [twin[2].weight], "lr": 0.01, "weight_decay": 0.01},
            {"params": [twin[2].bias], "lr": 0.01, "weight_decay": 0.0},
            {"params": [twin[0].weight], "lr": 0.005, "weight_decay": 0.01},
            {"params": [twin[0].bias], "lr": 0.005, "weight_decay": 0.0},
        ]
    )
    order = torch.randperm(48, generator=torch.Generator().manual_seed(torch.initial_seed()))
    nn.functional.cross_entropy(twin(X[order]), Y[order]).backward()
    by_hand.step()
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_checkpoint_with_groups_by_layer_is_taken_back(tmp_path: Path) -> None:
    def trainer() -> nk.Trainer:
        model = _model()
        return nk.Trainer(model, loss="cross_entropy", optimizer=torch.optim.AdamW(param_groups(model)), device="cpu")

    first, second = trainer(), trainer()
    first.fit(X, Y, verbose=0)
    second.load(first.save(tmp_path / "saved"))
    first.fit(X, Y, verbose=0)
    second.fit(X, Y, verbose=0)
    pairs = zip(first.model.parameters(), second.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, partial(torch.optim.RMSprop, momentum=0.9)])
def test_regrouping_keeps_what_the_optimizer_remembers_and_starts_from_the_first_rates(kind: Any) -> None:
    model = _model()
    optimizer = kind(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(X), Y).backward()
    optimizer.step()
    before = {parameter: dict(state) for parameter, state in optimizer.state.items()}
    regroup(optimizer, model, decay=0.5)
    regroup(optimizer, model, decay=0.2)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.02])
    assert {one: dict(state) for one, state in optimizer.state.items()} == before
    regroup(optimizer, model, decay=1, learning_rate=0.3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.3]
    assert _each_once(model, optimizer.param_groups)
    optimizer.step()


def test_regrouping_leaves_alone_what_is_not_the_models_and_refuses_lbfgs() -> None:
    model, temperature = _model(), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([*model.parameters(), temperature], lr=0.1)
    regroup(optimizer, model, decay=0.5, learning_rate=1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5, 0.1]
    with pytest.raises(TypeError, match=r"trainer\.optimizers\.values"):
        regroup({"body": optimizer}, model)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Did you mean 'decay'"):
        param_groups(model, layer_decay=0.5)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="LBFGS has one rate"):
        regroup(torch.optim.LBFGS(model.parameters()), model)
