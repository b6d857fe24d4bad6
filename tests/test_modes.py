"""Train or eval, submodule by submodule: what the user froze stays frozen, and everything is put back."""

import pytest
import torch
from torch import nn

from neurokit import Trainer, modes


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4)))


class Stubborn(nn.Module):
    """Keeps its BatchNorm in eval whatever it is told, as many published backbones do."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x):
        return self.norm(x)


def test_a_frozen_part_stays_frozen():
    model = network()
    model[1].eval()
    with modes.training(model):
        assert modes.get_modes(model) == {"": True, "0": True, "1": False, "2": True, "2.0": True, "2.1": True}


def test_a_frozen_block_stays_frozen_with_all_that_is_in_it():
    model = network()
    model[2].eval()
    with modes.training(model):
        assert not model[2][0].training
        assert not model[2][1].training
        assert model[1].training


def test_a_model_in_eval_as_a_whole_trains_as_a_whole():
    model = network().eval()
    with modes.training(model):
        assert all(modes.get_modes(model).values())
    assert not any(modes.get_modes(model).values())


def test_a_model_in_eval_of_which_a_part_trains_keeps_the_rest_frozen():
    model = network().eval()
    model[2].train()
    with modes.training(model):
        assert modes.get_modes(model) == {"": True, "0": False, "1": False, "2": True, "2.0": True, "2.1": True}
    assert not model.training


def test_what_a_models_own_train_method_does_is_kept():
    model = Stubborn()
    with modes.training(model):
        assert model.training
        assert not model.norm.training


@pytest.mark.parametrize("context", [modes.training, modes.evaluating])
@pytest.mark.parametrize("fails", [False, True])
def test_modes_are_put_back_on_every_way_out(context, fails):
    model = network()
    model[2][1].eval()
    before = modes.get_modes(model)
    try:
        with context(model):
            model.eval()
            model[0].train()
            if fails:
                raise RuntimeError("on the way")
    except RuntimeError:
        assert fails
    assert modes.get_modes(model) == before


def test_evaluation_within_training_puts_training_back():
    model = network()
    model[1].eval()
    with modes.training(model):
        during = modes.get_modes(model)
        with modes.evaluating(model):
            assert not any(modes.get_modes(model).values())
        assert modes.get_modes(model) == during


def test_modes_can_be_taken_over_by_another_model():
    model, other = network(), network()
    model[1].eval()
    modes.set_modes(other, modes.get_modes(model) | {"gone": False})
    assert modes.get_modes(other) == modes.get_modes(model)
    modes.set_modes(other, {})
    assert modes.get_modes(other) == modes.get_modes(model)


def test_a_frozen_norm_does_not_move_in_fit_and_every_mode_is_put_back():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model[0].eval()
    frozen, before = model[0].running_mean.clone(), modes.get_modes(model)
    x = torch.randn(20, 2) + 3
    trainer = Trainer(model, loss="mse", device="cpu")
    trainer.fit(x, x[:, :1], epochs=2, validation_split=0.2, verbose=0)
    assert torch.equal(model[0].running_mean, frozen)
    assert not torch.equal(model[2].running_mean, torch.zeros(4))
    assert modes.get_modes(model) == before
    trainer.predict(x)
    assert modes.get_modes(model) == before


def test_an_error_in_validation_puts_every_mode_back():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)
            self.batches = 0

        def forward(self, x):
            self.batches += not self.training
            if self.batches > 1:  # the first is the look before training
                raise RuntimeError("in validation")
            return self.layer(x)

    model, x = Fails(), torch.randn(8, 2)
    with pytest.raises(RuntimeError, match="in validation"):
        Trainer(model, loss="mse", device="cpu").fit(x, x[:, :1], validation_data=(x, x[:, :1]), verbose=0)
    assert all(modes.get_modes(model).values())
