"""Checks of the step: nothing learns, gradients that are not cleared, parameters that are left out."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import neurokit as nk
from checking import assert_clean, assert_found, diagnosed, fitted
from neurokit import Trainer


def rows(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(0))
    return x, x.argmax(1) % 3


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def set_up(model: nn.Module, kind: type[Trainer] = Trainer, fit: Any = None, **options: Any) -> Any:
    """A trainer of a classifier, its data and the arguments of fit."""
    given = {"loss": "cross_entropy", "optimizer": "adam", "device": "cpu"} | options
    return kind(model, **given), rows(), {"batch_size": 8, "epochs": 2} | (fit or {})


class Stepper(Trainer):
    """A training step as one ports it from a loop."""

    clears = True
    backward = True
    steps = True

    def train_step(self, batch):
        loss = self.criterion.function(self.model(batch.x), batch.y)
        if self.clears:
            self.optimizer.zero_grad()
        if self.backward:
            loss.backward()
        if self.steps:
            self.optimizer.step()
        return {"loss": loss}


def stepper(**attributes: Any) -> type[Stepper]:
    return type("Ported", (Stepper,), attributes)


# ------------------------------------------------------------------------------------------------- nothing learns


def test_a_learning_rate_of_zero_stops_the_fit_before_it_begins():
    assert_found(lambda: set_up(net(), learning_rate=0.0), "nothing-learns", "error", "learning_rate=1e-3")


def test_a_schedule_that_starts_from_a_rate_of_zero_and_never_raises_it_is_an_error_after_the_first_epoch():
    def make():
        schedule = nk.LRSchedule("LambdaLR", lr_lambda=lambda epoch: 1.0)
        return set_up(net(), learning_rate=0.0, fit={"callbacks": [schedule]})

    assert_found(make, "nothing-learns", "error", "The learning rate is 0", rehearsed=False)


def test_a_warm_up_that_gives_a_whole_first_epoch_the_rate_zero_is_no_finding():
    def make():
        return set_up(
            net(), fit={"callbacks": [nk.LRSchedule("LambdaLR", lr_lambda=lambda epoch: min(1.0, epoch / 2))]}
        )

    assert_clean(make)


def test_a_warm_up_over_steps_from_zero_is_no_finding():
    def make():
        schedule = nk.LRSchedule("LambdaLR", lr_lambda=lambda step: min(1.0, step / 4), per="step")
        return set_up(net(), fit={"callbacks": [schedule]})

    assert_clean(make)


def test_a_callback_that_sets_the_rate_of_an_optimizer_made_with_zero_is_no_finding():
    def make():
        class Warm(nk.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.trainer.optimizer.param_groups[0]["lr"] = 0.01

        return set_up(net(), learning_rate=0.0, fit={"callbacks": [Warm()]})

    assert_clean(make)


def test_a_step_without_backward_is_named():
    assert_found(
        lambda: set_up(net(), stepper(backward=False)), "nothing-learns", "error", "loss.backward()", "0.weight"
    )


def test_a_step_without_the_optimizer_is_named_after_a_whole_epoch():
    make = lambda: set_up(net(), stepper(steps=False))  # noqa: E731
    assert_found(make, "nothing-learns", "error", "optimizer.step()", "8 batches", rehearsed=False)


def test_layers_that_are_all_replaced_as_training_begins_are_named():
    class Replaces(nk.Callback):
        def on_train_begin(self, logs=None):
            self.model[0], self.model[2] = nn.Linear(4, 8), nn.Linear(8, 3)

    make = lambda: set_up(net(), fit={"callbacks": [Replaces()]})  # noqa: E731
    assert_found(make, "nothing-learns", "error", "holds other tensors", rehearsed=False)


def test_a_last_relu_that_is_dead_for_every_row_is_named():
    def make():
        model = nn.Sequential(nn.Linear(4, 1), nn.ReLU())
        nn.init.constant_(model[0].weight, 0.0)
        nn.init.constant_(model[0].bias, -5.0)
        x, _ = rows()
        return Trainer(model, loss="mse", device="cpu"), (x, x[:, :1].abs()), {"batch_size": 8}

    levels, error, _, _ = fitted(make)
    assert levels["nothing-learns"] == "error"
    assert "All gradients are exactly 0" in error
    assert "nothing-learns" in diagnosed(make)


def test_dead_layers_that_only_weight_decay_moves_are_named():
    def make():
        model = nn.Sequential(nn.Linear(4, 1), nn.ReLU())
        nn.init.constant_(model[0].weight, 0.1)
        nn.init.constant_(model[0].bias, -50.0)
        x, _ = rows()
        trainer = Trainer(model, loss="mse", optimizer=lambda p: torch.optim.AdamW(p, lr=1e-3), device="cpu")
        return trainer, (x, x[:, :1].abs()), {"batch_size": 8}

    levels, error, _, _ = fitted(make)
    assert levels["nothing-learns"] == "error"
    assert "moved but by weight decay" in error


def test_a_loss_that_is_zero_already_is_no_finding():
    def make():
        model = nn.Linear(4, 1)
        x, _ = rows()
        return Trainer(model, loss="mse", device="cpu"), (x, model(x).detach()), {"batch_size": 64}

    levels, error, _, _ = fitted(make)
    assert "nothing-learns" not in levels
    assert error == ""


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_learns_without_a_finding(precision):
    assert_clean(lambda: set_up(net(), precision=precision, fit={"epochs": 1}))


@pytest.mark.parametrize("fit", [{"steps_per_epoch": 1}, {"batch_size": 64}, {"epochs": 1}])
def test_an_epoch_of_one_batch_is_no_finding(fit):
    assert_clean(lambda: set_up(net(), fit=fit))


def test_a_window_longer_than_the_epoch_is_no_finding():
    assert_clean(lambda: set_up(net(), accumulate=20))


@pytest.mark.parametrize("name", ["lbfgs", "sgd", "adamw", "rprop"])
def test_optimizers_of_every_kind_are_no_finding(name):
    assert_clean(lambda: set_up(net(), optimizer=name, learning_rate=0.01))


def test_averaging_callbacks_are_no_finding():
    def make(average):
        validation = {"validation_split": 0.25} if average else {}
        return set_up(net(), fit={"callbacks": [nk.EMA(1.0), nk.SWA(0.5)], "epochs": 4} | validation)

    assert_clean(lambda: make(True))
    assert_clean(lambda: make(False))


def test_a_large_embedding_of_which_few_rows_are_visited_is_no_finding():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(200_000, 4)

        def forward(self, x):
            return self.table(x).sum(-1)

    def make():
        ids = torch.arange(64) * 3001 + 17
        trainer = Trainer(Pairs(), loss="mse", optimizer="sgd", device="cpu")
        return trainer, (ids, torch.randn(64, generator=torch.Generator().manual_seed(0))), {"batch_size": 8}

    assert_clean(make)


def test_a_step_that_learns_in_buffers_is_no_finding():
    class Centres(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 3)
            self.register_buffer("centre", torch.zeros(4))

        def forward(self, x):
            return self.head(x - self.centre)

    class Averages(Trainer):
        def train_step(self, batch):
            self.model.centre.lerp_(batch.x.mean(0), 0.1)
            return {"distance": (batch.x - self.model.centre).norm()}

    assert_clean(lambda: set_up(Centres(), Averages))


def test_weights_that_are_moved_by_hand_are_no_finding():
    class ByHand(Trainer):
        def train_step(self, batch):
            loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
            for parameter, gradient in zip(
                self.model.parameters(), torch.autograd.grad(loss, list(self.model.parameters())), strict=True
            ):
                parameter.data -= 0.1 * gradient
            return {"loss": loss}

    assert_clean(lambda: set_up(net(), ByHand))


def test_an_epoch_resumed_in_its_middle_is_no_finding(tmp_path):
    class Stop(nk.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.trainer.state.step == 5:
                raise KeyboardInterrupt

    trainer, data, fit = set_up(net())
    trainer.fit(*data, **fit, callbacks=[nk.ModelCheckpoint(tmp_path, save_every=5), Stop()], verbose=0)
    assert trainer.state.batch == 5
    again, data, fit = set_up(net())
    again.fit(*data, **fit, callbacks=[nk.ModelCheckpoint(tmp_path, save_every=5)], resume=tmp_path, verbose=0)
    assert again.state.epoch == 2
    assert [one for one in again.findings if one.code] == []


# ----------------------------------------------------------------------------------------- gradients not cleared


def test_a_step_that_never_clears_its_gradients_is_named():
    words = ("Adam", "zero_grad()")
    assert_found(lambda: set_up(net(), stepper(clears=False)), "gradients-not-cleared", "warning", *words)


def cleared_after(self, batch):
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    loss.backward()
    self.optimizer.step()
    self.optimizer.zero_grad()
    return {"loss": loss}


def cleared_to_zeros(self, batch):
    self.optimizer.zero_grad(set_to_none=False)
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    loss.backward()
    self.optimizer.step()
    return {"loss": loss}


def cleared_by_the_model(self, batch):
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    self.model.zero_grad()
    loss.backward()
    self.optimizer.step()
    return {"loss": loss}


def cleared_by_hand(self, batch):
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    loss.backward()
    self.optimizer.step()
    for parameter in self.model.parameters():
        parameter.grad.detach_().zero_()
    return {"loss": loss}


def two_backward_passes(self, batch):
    self.optimizer.zero_grad()
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    loss.backward()
    (0.1 * self.model(batch.x).pow(2).mean()).backward()
    self.optimizer.step()
    return {"loss": loss}


def accumulated_over_three(self, batch):
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    (loss / 3).backward()
    if self.state.step % 3 == 2:
        self.optimizer.step()
        self.optimizer.zero_grad()
    return {"loss": loss}


def accumulated_over_two_before(self, batch):
    if self.state.step % 2 == 0:
        self.optimizer.zero_grad()
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    (loss / 2).backward()
    if self.state.step % 2 == 1:
        self.optimizer.step()
    return {"loss": loss}


def with_the_runtime(self, batch):
    self.runtime.zero_grad()
    output = self.compute_loss(batch)
    self.runtime.backward(output.loss)
    self.runtime.step(self.optimizers.values())
    return {"loss": output.loss}


def accumulated_over_nine(self, batch):
    loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
    (loss / 9).backward()
    if self.state.step % 9 == 8:
        self.optimizer.step()
        self.optimizer.zero_grad()
    return {"loss": loss}


STEPS = [
    cleared_after, cleared_to_zeros, cleared_by_the_model, cleared_by_hand, two_backward_passes,
    accumulated_over_three, accumulated_over_two_before, with_the_runtime,
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_steps_that_clear_their_gradients_in_any_way_are_no_finding(step):
    assert_clean(lambda: set_up(net(), type("Own", (Trainer,), {"train_step": step})))


def test_accumulating_over_more_batches_than_are_rehearsed_is_no_finding():
    kind = type("Own", (Trainer,), {"train_step": accumulated_over_nine})
    assert diagnosed(lambda: set_up(net(), kind)) == {}


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 4))
        self.discriminator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Linear(8, 1))

    def forward(self, noise):
        return self.generator(noise)


class GanTrainer(Trainer):
    """The textbook's: the generator's loss leaves gradients in the discriminator, which clears them as it steps."""

    freezes = False
    switches = False
    every = 1

    def train_step(self, batch):
        model, bce = self.model, nn.functional.binary_cross_entropy_with_logits
        both = self.optimizers
        noise = torch.randn(len(batch.x), 2)
        if self.freezes:
            model.discriminator.requires_grad_(True)
        if self.switches:
            model.discriminator.train()
        fake = model.generator(noise)
        both["discriminator"].zero_grad()
        real, made = model.discriminator(batch.x), model.discriminator(fake.detach())
        loss = bce(real, torch.ones_like(real)) + bce(made, torch.zeros_like(made))
        loss.backward()
        both["discriminator"].step()
        logs = {"d_loss": loss}
        if self.state.step % self.every == self.every - 1:
            if self.freezes:
                model.discriminator.requires_grad_(False)
            if self.switches:
                model.discriminator.eval()
            both["generator"].zero_grad()
            made = model.discriminator(model.generator(noise))
            logs["g_loss"] = bce(made, torch.ones_like(made))
            logs["g_loss"].backward()
            both["generator"].step()
        return logs


@pytest.mark.parametrize("options", [{}, {"freezes": True}, {"switches": True}, {"every": 5}], ids=str)
def test_a_gan_is_no_finding(options):
    def make():
        kind = type("Own", (GanTrainer,), options)
        trainer = kind(Gan(), optimizer={"generator": "adam", "discriminator": "adam"}, device="cpu")
        return trainer, (rows()[0],), {"batch_size": 8, "epochs": 2}

    assert_clean(make)


def test_a_gan_that_is_fitted_again_is_no_finding():
    kind = type("Own", (GanTrainer,), {"freezes": True})
    trainer = kind(Gan(), optimizer={"generator": "adam", "discriminator": "adam"}, device="cpu")
    for _ in range(2):
        trainer.fit(rows()[0], batch_size=8, verbose=0)
        assert [one for one in trainer.findings if one.code] == []


def test_a_gan_that_never_clears_its_discriminator_is_named():
    class Forgets(GanTrainer):
        def train_step(self, batch):
            self.optimizers["discriminator"].zero_grad = lambda *_, **__: None
            return super().train_step(batch)

    def make():
        trainer = Forgets(Gan(), optimizer={"generator": "sgd", "discriminator": "adam"}, device="cpu")
        return trainer, (rows()[0],), {"batch_size": 8}

    assert_found(make, "gradients-not-cleared", "warning", "Adam")


def test_an_optimizer_that_a_subclass_keeps_itself_is_watched_and_holds_its_parameters():
    class Keeps(Trainer):
        clears = True

        def __init__(self, model, **options):
            super().__init__(model, optimizer={"0": "sgd"}, **options)
            self.head_optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)

        def train_step(self, batch):
            loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
            if self.clears:
                self.head_optimizer.zero_grad()
            self.optimizers["0"].zero_grad()
            loss.backward()
            self.head_optimizer.step()
            self.optimizers["0"].step()
            return {"loss": loss}

    def make(kind):
        return kind(net(), loss="cross_entropy", device="cpu"), rows(), {"batch_size": 8}

    assert_clean(lambda: make(Keeps))
    forgets = type("Forgets", (Keeps,), {"clears": False})
    assert_found(lambda: make(forgets), "gradients-not-cleared", "warning", "SGD")


def test_hooks_are_gone_after_the_first_epoch_and_after_a_failure():
    class Fails(Stepper):
        def train_step(self, batch):
            if self.state.step == self.fails_at:
                raise RuntimeError("broken")
            return super().train_step(batch)

    for fails_at in (3, 100):
        trainer, data, fit = set_up(net(), type("Own", (Fails,), {"fails_at": fails_at}))
        if fails_at == 3:
            with pytest.raises(RuntimeError, match="broken"):
                trainer.fit(*data, **fit, verbose=0)
        else:
            trainer.fit(*data, **fit, verbose=0)
        assert not any(module._forward_pre_hooks for module in trainer.model.modules())
        assert not any(parameter._backward_hooks for parameter in trainer.model.parameters())
        optimizer = trainer.optimizer
        assert not optimizer._optimizer_step_pre_hooks
        assert not optimizer._optimizer_step_post_hooks


def test_an_error_of_the_first_epoch_closes_callbacks_and_writes_no_checkpoint(tmp_path):
    closed = []
    trainer, data, fit = set_up(net(), stepper(backward=False))
    callbacks = [nk.ModelCheckpoint(tmp_path), nk.LambdaCallback(on_train_end=lambda logs: closed.append("closed"))]
    with pytest.raises(ValueError, match="nothing-learns"):
        trainer.fit(*data, **fit, callbacks=callbacks, verbose=0)
    assert closed == ["closed"]
    assert list(tmp_path.glob("step-*")) == []
    assert [one["code"] for one in trainer.record.findings] == ["nothing-learns"]


def test_the_checks_move_no_weight_and_no_random_stream():
    weights = []
    for checks in (True, False):
        torch.manual_seed(3)
        trainer, data, fit = set_up(nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)), Stepper)
        trainer.fit(*data, **fit, checks=checks, validation_split=0.25, verbose=0)
        weights.append(torch.cat([*(one.flatten() for one in trainer.model.parameters()), torch.rand(3)]))
    assert torch.equal(*weights)


# ------------------------------------------------------------------------------------------ parameters left out


def test_a_layer_replaced_after_the_trainer_was_built_is_named():
    def make():
        trainer, data, fit = set_up(net())
        trainer.model[2] = nn.Linear(8, 3)
        return trainer, data, fit

    assert_found(make, "not-in-optimizer", "warning", "2.weight, 2.bias", "add_param_group")


def test_parameters_of_a_loss_frozen_ones_and_tied_ones_are_no_finding():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, predictions, targets):
            return nn.functional.cross_entropy(predictions * self.scale.exp(), targets)

    def make():
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
        model[1].weight = model[0].weight
        model[1].bias.requires_grad_(False)
        return set_up(model, loss=Scaled(), optimizer="sgd")

    assert_clean(make)


def test_a_lazy_model_is_no_finding():
    assert_clean(lambda: set_up(nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))))


# ------------------------------------------------------------------------------------------ a part gets no gradient


class Parts(nn.Module):
    """A backbone and two heads, of which one or both answer."""

    def __init__(self, cut=None, both=False):
        super().__init__()
        self.backbone, self.head, self.other = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 2)
        self.cut, self.both = cut, both

    def forward(self, x):
        if self.cut == "no_grad":
            with torch.no_grad():
                features = self.backbone(x)
        elif self.cut == "checkpoint":
            features = checkpoint(self.backbone, x.requires_grad_(), use_reentrant=True)
        else:
            features = torch.relu(self.backbone(x))
        if self.cut == "detach":
            features = features.detach()
        if self.cut == "numpy":
            features = torch.from_numpy(features.detach().numpy())
        answer = self.head(features)
        return {"logits": answer, "other": self.other(features)} if self.both else answer


@pytest.mark.parametrize("cut", ["detach", "numpy"])
def test_a_part_that_is_called_and_gets_no_gradient_is_named(cut):
    words = ("backbone.weight, backbone.bias", "detach()")
    assert_found(lambda: set_up(Parts(cut)), "unreached-parameters", "warning", *words)


@pytest.mark.parametrize("cut", [None, "no_grad", "checkpoint"])
@pytest.mark.parametrize("both", [False, True])
def test_heads_not_in_use_and_parts_under_no_grad_are_no_finding(cut, both):
    assert_clean(lambda: set_up(Parts(cut, both)))


def test_a_head_that_only_the_loss_looks_at_is_no_finding():
    class Aside(Parts):
        def forward(self, x):
            features = torch.relu(self.backbone(x))
            self.aside = self.other(features)
            return self.head(features)

    def make():
        model = Aside()
        return set_up(model, loss=lambda p, y: nn.functional.cross_entropy(p, y) + model.aside.square().mean())

    assert_clean(make)


def test_a_model_that_is_copied_while_its_step_is_watched_can_be_pickled():
    class Copies(Stepper):
        def train_step(self, batch):
            if self.state.step == 0:
                self.copied = copy.deepcopy(self.model)
            return super().train_step(batch)

    trainer, data, fit = set_up(net(), Copies)
    trainer.fit(*data, **fit, verbose=0)
    assert pickle.loads(pickle.dumps(trainer.copied))(data[0]).shape == (64, 3)


def test_a_model_with_spectral_norm_is_no_finding():
    from torch.nn.utils.parametrizations import spectral_norm

    def make():
        model = net()
        spectral_norm(model[0])
        return set_up(model)

    assert_clean(make)


def test_an_own_average_of_the_weights_is_no_finding():
    class Teacher(Stepper):
        def train_step(self, batch):
            logs = super().train_step(batch)
            with torch.no_grad():
                for slow, fast in zip(self.model.teacher.parameters(), self.model.student.parameters(), strict=True):
                    slow.lerp_(fast, 0.1)
            return logs

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
            self.teacher = copy.deepcopy(self.student).requires_grad_(False)

        def forward(self, x):
            return self.student(x) + 0 * self.teacher(x)

    assert_clean(lambda: set_up(Pair(), Teacher, fit={"validation_split": 0.25}))
