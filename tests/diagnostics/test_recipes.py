"""Whole recipes that do unusual things on purpose: not one of the checks says anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from checking import assert_clean
from neurokit import StepOutput, Trainer

X = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
Y = X.argmax(1) % 3
RECIPES: dict[str, Callable[[], Any]] = {}


def recipe(make: Callable[[], Any]) -> Callable[[], Any]:
    RECIPES[make.__name__] = make
    return make


def classifier() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


@recipe
def sharpness_aware_steps():
    class Sharp(Trainer):
        def train_step(self, batch):
            loss = F.cross_entropy(self.model(batch.x), batch.y)
            loss.backward()
            with torch.no_grad():
                moves = [0.05 * one.grad / one.grad.norm().clamp_min(1e-6) for one in self.model.parameters()]
                torch._foreach_add_(list(self.model.parameters()), moves)
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(batch.x), batch.y).backward()
            with torch.no_grad():
                torch._foreach_sub_(list(self.model.parameters()), moves)
            self.optimizer.step()
            self.optimizer.zero_grad()
            return {"loss": loss}

    return Sharp(classifier(), loss="cross_entropy", device="cpu"), (X, Y), {"batch_size": 16, "validation_split": 0.25}


@recipe
def a_critic_that_steps_five_times_for_each_generator_step():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator = nn.Linear(2, 4)
            self.critic = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 1))

    class Wasserstein(Trainer):
        def train_step(self, batch):
            generator, critic = self.model.generator, self.model.critic
            noise = torch.randn(len(batch.x), 2)
            with torch.no_grad():
                made = generator(noise)
            share = torch.rand(len(batch.x), 1)
            between = (share * batch.x + (1 - share) * made).requires_grad_()
            slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0].norm(dim=1)
            loss = critic(made).mean() - critic(batch.x).mean() + 10 * (slope - 1).square().mean()
            self.optimizers["critic"].zero_grad()
            loss.backward()
            self.optimizers["critic"].step()
            if self.state.step % 5 == 4:
                critic.requires_grad_(False)
                self.optimizers["generator"].zero_grad()
                (-critic(generator(noise)).mean()).backward()
                self.optimizers["generator"].step()
                critic.requires_grad_(True)
            return {"critic": loss}

    trainer = Wasserstein(Both(), optimizer={"generator": "adam", "critic": "adam"}, device="cpu")
    return trainer, (X,), {"batch_size": 16, "epochs": 2}


@recipe
def distillation_from_a_teacher_in_eval():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = classifier(), classifier().requires_grad_(False).eval()

        def forward(self, x):
            return self.student(x)

    class Distils(Trainer):
        def compute_loss(self, batch):
            outputs = self.model(batch.x)
            with torch.no_grad():
                wanted = self.model.teacher(batch.x).softmax(1)
            loss = F.cross_entropy(outputs, batch.y) + F.kl_div(outputs.log_softmax(1), wanted, reduction="batchmean")
            return StepOutput(loss, outputs, batch.y)

    return Distils(Pair(), loss="cross_entropy", device="cpu"), (X, Y), {"batch_size": 16, "validation_split": 0.25}


@recipe
def a_dice_loss_over_the_whole_batch():
    class Dice(Trainer):
        def compute_loss(self, batch):
            shares = self.model(batch.x).sigmoid()
            return StepOutput(1 - 2 * (shares * batch.y).sum() / (shares.sum() + batch.y.sum()))

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(48, 3, 8, 8, generator=generator)
    masks = (torch.rand(48, 1, 8, 8, generator=generator) > 0.6).float()
    return Dice(nn.Conv2d(3, 1, 3, padding=1), device="cpu"), (images, masks), {"batch_size": 16}


@recipe
def a_loss_between_the_rows_of_a_batch():
    class Apart(Trainer):
        def compute_loss(self, batch):
            embedded = self.model(batch.x)
            distances, same = torch.cdist(embedded, embedded), batch.y[:, None] == batch.y
            return StepOutput((distances[same].mean() - distances[~same].mean() + 1).relu())

    return Apart(nn.Linear(4, 8), device="cpu"), (X, Y), {"batch_size": 16}


@recipe
def gradient_checkpointing():
    class Saves(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = classifier()[:4], nn.Linear(8, 3)

        def forward(self, x):
            return self.head(checkpoint(self.backbone, x, use_reentrant=False))

    return Trainer(Saves(), loss="cross_entropy", device="cpu"), (X, Y), {"batch_size": 16}


@recipe
def a_transformer_over_padded_tokens():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 16, padding_idx=0)
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, 3)

        def forward(self, ids):
            return self.head(self.layers(self.embedding(ids), src_key_padding_mask=ids == 0).mean(1))

    ids = torch.randint(1, 20, (96, 6), generator=torch.Generator().manual_seed(0))
    ids[::3, 4:] = 0
    trainer = Trainer(Encoder(), loss="cross_entropy", device="cpu")
    return trainer, (ids, Y), {"batch_size": 16, "validation_split": 0.25}


@recipe
def a_group_at_the_rate_zero():
    model = classifier()
    groups = [{"params": model[:2].parameters(), "lr": 0.0}, {"params": model[2:].parameters()}]
    trainer = Trainer(model, loss="cross_entropy", optimizer=torch.optim.SGD(groups, lr=0.1), device="cpu")
    return trainer, (X, Y), {"batch_size": 16}


@recipe
def an_iterable_that_answers_to_every_name():
    class Answers:
        def __len__(self):
            return 6

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return lambda *_: None

        def __iter__(self):
            return iter([(X[first : first + 16], Y[first : first + 16]) for first in range(0, 96, 16)])

    return Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), (Answers(),), {"epochs": 2}


@recipe
def a_variational_autoencoder_with_its_own_losses():
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(2, 4)

        def forward(self, x):
            mean, log_variance = self.encoder(x).chunk(2, 1)
            code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            distance = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
            return {"reconstruction": (self.decoder(code) - x).square().sum(1).mean(), "distance": distance}

    return Trainer(Autoencoder(), device="cpu"), (X,), {"batch_size": 16, "validation_data": X[:16] + 0.1}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_no_finding(name):
    assert_clean(RECIPES[name])
