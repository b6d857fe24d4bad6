from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import neurokit as nk
from neurokit.layout import channels_last, laid_out


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8, 4))


X = torch.randn(50, 3, 12, 12, generator=torch.Generator().manual_seed(1))
Y = torch.randint(0, 4, (50,), generator=torch.Generator().manual_seed(2))


def test_a_model_is_in_a_layout_when_its_user_put_it_there() -> None:
    model = network()

    assert channels_last(model) == frozenset()
    assert channels_last(model.to(memory_format=torch.channels_last)) == {3, 8}


def test_volumes_have_it_too() -> None:
    model = nn.Conv3d(2, 4, 3).to(memory_format=torch.channels_last_3d)

    assert channels_last(model) == {2}
    assert laid_out(torch.zeros(1, 2, 3, 4, 5), frozenset({2})).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("shape", [(4, 5), (4, 3, 5), (4, 7, 5, 5)], ids=["rows", "sequences", "other channels"])
def test_what_is_no_picture_for_it_stays_as_it_is(shape) -> None:
    given = torch.zeros(shape)

    assert laid_out(given, frozenset({3})) is given


@pytest.mark.parametrize(
    "data",
    [
        lambda: (X, Y),
        lambda: (DataLoader(TensorDataset(X, Y), 10),),
        lambda: (iter([(X[:20], Y[:20]), (X[20:], Y[20:])]),),
    ],
    ids=["arrays", "loader", "stream"],
)
def test_batches_come_in_the_layout_of_the_model_and_teach_the_same(data) -> None:
    weights, strides = [], []
    for layout in (torch.contiguous_format, torch.channels_last):
        model, seen = network().to(memory_format=layout), set()
        model[0].register_forward_pre_hook(lambda module, x, seen=seen: seen.add((module.training, x[0].stride()[1])))
        trainer = nk.Trainer(model, loss="cross_entropy", optimizer="sgd", learning_rate=0.1, device="cpu")
        torch.manual_seed(0)
        trainer.fit(*data(), verbose=0, checks=False)
        weights.append(torch.cat([one.detach().flatten() for one in model.parameters()]))
        strides.append({stride for training, stride in seen if training})

    assert strides == [{144}, {1}]
    assert torch.allclose(*weights, atol=1e-5)


def test_evaluate_and_predict_use_it_as_well() -> None:
    model = network().to(memory_format=torch.channels_last)
    trainer = nk.Trainer(model, loss="cross_entropy", device="cpu")
    expected = model(X).detach()
    seen = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].stride()[1]))

    assert torch.allclose(torch.from_numpy(trainer.predict(X)), expected, atol=1e-5)
    assert seen[-1] == 1
    trainer.evaluate(X, Y)  # its first look at the data comes before
    assert seen[-1] == 1
