"""Checks of modes: a forgotten eval() or train(), and BatchNorm statistics that change where they should not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import neurokit as nk
from checking import assert_clean, assert_found, fitted
from neurokit import StepOutput, Trainer


def rows(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(0))
    return x, x.argmax(1) % 3


class Net(nn.Module):
    def __init__(self, norm: Any = nn.BatchNorm1d, forward: Any = None) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, 8), norm(8), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(8, 3)
        self.own_forward = forward

    def forward(self, x):
        if self.own_forward is not None:
            self.own_forward(self)
        return self.head(self.backbone(x))


def set_up(model: nn.Module, kind: type[Trainer] = Trainer, **fit: Any) -> Any:
    trainer = kind(model, loss="cross_entropy", device="cpu")
    return trainer, rows(), {"batch_size": 8, "epochs": 2, "validation_split": 0.25} | fit


def own_step(before: Any = None, after: Any = None) -> type[Trainer]:
    """A step with something of the user's before and after it."""

    class Own(Trainer):
        def train_step(self, batch):
            if before:
                before(self.model)
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
            loss.backward()
            self.optimizer.step()
            if after:
                after(self.model)
            return {"loss": loss}

    return Own


# ------------------------------------------------------------------------------------------- a forgotten eval()


def test_a_step_that_leaves_the_model_in_eval_is_named():
    def looks_at_itself(model):
        model.eval()
        with torch.no_grad():
            model(rows()[0])

    kind = own_step(after=looks_at_itself)
    assert_found(
        lambda: set_up(Net(), kind), "forgotten-mode", "warning", "Your train_step", "the whole model", "train()"
    )


def test_a_loss_that_leaves_the_model_in_eval_is_named():
    class Distils(Trainer):
        def compute_loss(self, batch):
            output = super().compute_loss(batch)
            self.model.eval()
            return output

    assert_found(lambda: set_up(Net(), Distils), "forgotten-mode", "warning", "Your compute_loss")


def test_a_callback_that_leaves_the_model_in_eval_is_named():
    class Shows(nk.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.eval()

    make = lambda: set_up(Net(), callbacks=[Shows()])  # noqa: E731
    assert_found(make, "forgotten-mode", "warning", "forward or Shows", rehearsed=False)


def test_a_part_that_is_used_in_training_and_left_in_eval_is_named():
    kind = own_step(after=lambda model: model.backbone.eval())
    words = ("model.backbone in eval()", "model.backbone.train()", "model.backbone.eval() before fit")
    assert_found(lambda: set_up(Net(), kind), "forgotten-mode", "warning", *words)


def test_a_step_that_wakes_what_the_user_put_in_eval_is_named():
    def make():
        model = Net()
        model.backbone.eval()
        return set_up(model, own_step(before=lambda model: model.train()))

    assert_found(make, "forgotten-mode", "warning", "model.backbone", "had been put in eval()")


def test_train_called_during_validation_is_named():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))

        def forward(self, x):
            return self.layers(x)

    class Trains(Trainer):
        def compute_loss(self, batch):
            self.model.train()
            return super().compute_loss(batch)

    words = ("Your compute_loss", "while it was evaluated")
    assert_found(lambda: set_up(Dropped(), Trains), "forgotten-mode", "warning", *words)


STEPS = {
    "puts its modes back": own_step(after=lambda model: (model.eval(), model.train())),
    "sets its modes itself, to and fro": own_step(lambda model: model.train(), lambda model: model.eval()),
    "sets a part's modes itself": own_step(lambda model: model.backbone.train(), lambda model: model.backbone.eval()),
    "keeps BatchNorm in eval": own_step(before=lambda model: model.backbone[1].eval()),
    "keeps a part in eval from the beginning": own_step(before=lambda model: model.backbone.eval()),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_mean_what_they_do_are_no_finding(name):
    assert_clean(lambda: set_up(Net(), STEPS[name]))


def test_a_forward_that_switches_a_part_is_no_finding():
    def to_and_fro(model):
        model.backbone[3].train(not model.backbone[3].training)

    def keeps_frozen(model):
        model.backbone.eval()

    assert_clean(lambda: set_up(Net(forward=to_and_fro)))
    assert_clean(lambda: set_up(Net(forward=keeps_frozen)))


def test_dropout_that_is_kept_on_in_evaluation_is_no_finding():
    class Always(Net):
        def train(self, mode=True):
            super().train(mode)
            self.backbone[3].train()
            return self

    assert_clean(lambda: set_up(Always()))
    assert_clean(lambda: set_up(Net(forward=lambda model: model.backbone[3].train())))


def test_a_callback_that_keeps_the_backbone_in_eval_is_no_finding():
    class Frozen(nk.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.backbone.eval()

    assert_clean(lambda: set_up(Net(), callbacks=[Frozen()]))


def test_a_model_that_arrives_in_eval_is_no_finding():
    assert_clean(lambda: set_up(Net().eval()))


# ------------------------------------------------------------------------------------------ BatchNorm's statistics


def test_statistics_that_change_while_evaluating_are_an_error():
    class Trains(Trainer):
        def test_step(self, batch, metrics):
            self.model.backbone.train()
            return super().test_step(batch, metrics)

    words = ("1 BatchNorm layers (model.backbone[1], 2 times each)", "train()")
    assert_found(lambda: set_up(Net(), Trains), "batchnorm-in-evaluation", "error", *words)


def test_train_in_a_loss_over_batchnorm_is_a_warning_and_an_error():
    class Trains(Trainer):
        def compute_loss(self, batch):
            self.model.train()
            return super().compute_loss(batch)

    levels, error, _, _ = fitted(lambda: set_up(Net(), Trains))
    assert levels == {"forgotten-mode": "warning", "batchnorm-in-evaluation": "error"}
    assert "statistics" in error


def frozen(model: Net) -> Net:
    model.backbone.requires_grad_(False)
    return model


def test_batchnorm_under_a_frozen_backbone_is_named_with_the_line():
    words = ("model.backbone is frozen", "1 BatchNorm layers", "model.backbone.eval() before fit")
    assert_found(lambda: set_up(frozen(Net())), "frozen-batchnorm", "warning", *words)


def test_frozen_batchnorm_in_a_flat_model_is_named():
    def make():
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        model[:2].requires_grad_(False)
        return set_up(model)

    assert_found(make, "frozen-batchnorm", "warning", "model[1].eval()")


def test_frozen_backbones_without_moving_statistics_are_no_finding():
    def in_eval():
        model = frozen(Net())
        model.backbone.eval()
        return set_up(model)

    assert_clean(in_eval)
    assert_clean(lambda: set_up(frozen(Net(nn.LayerNorm))))
    assert_clean(lambda: set_up(frozen(Net(lambda size: nn.BatchNorm1d(size, track_running_stats=False)))))


@pytest.mark.parametrize("options", [{"momentum": None}, {"track_running_stats": False}, {"affine": False}], ids=str)
def test_batchnorm_of_every_kind_is_no_finding(options):
    assert_clean(lambda: set_up(Net(lambda size: nn.BatchNorm1d(size, **options))))


def test_batchnorm_whose_scale_alone_is_frozen_is_no_finding():
    def make():
        model = Net()
        model.backbone[1].requires_grad_(False)
        return set_up(model)

    assert_clean(make)


def test_statistics_that_a_callback_computes_before_validation_are_no_finding():
    class Recomputes(nk.Callback):
        def on_test_begin(self, logs=None):
            torch.optim.swa_utils.update_bn([rows()[0]], self.model)
            self.model.train()

    assert_clean(lambda: set_up(Net(), callbacks=[Recomputes()]))


def test_a_loss_of_the_users_own_over_batchnorm_is_no_finding():
    class Own(Trainer):
        def compute_loss(self, batch):
            outputs = self.model(batch.x)
            return StepOutput(nn.functional.cross_entropy(outputs, batch.y), outputs, batch.y)

    assert_clean(lambda: set_up(Net(), Own))
