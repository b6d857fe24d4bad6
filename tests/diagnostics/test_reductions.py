"""Checks of what a loss is a mean over."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from checking import assert_clean, assert_found
from neurokit import StepOutput, Trainer

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
TARGETS = (X[:, :1] * 2 + 1).contiguous()


def regression(loss: Any, kind: type[Trainer] = Trainer, *data: Any, **fit: Any) -> Any:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    return kind(model, loss=loss, optimizer="sgd", learning_rate=1e-4, device="cpu"), data or (X, TARGETS), {
        "batch_size": 16, **fit,
    }  # fmt: skip


def squared_sum(predictions, targets):
    return ((predictions - targets) ** 2).sum()


class Summed(nn.Module):
    def forward(self, predictions, targets):
        return (predictions - targets).abs().sum()


def inside(loss):
    """A function that calls a loss of torch."""
    return lambda predictions, targets: loss(predictions, targets)


SUMS = [squared_sum, lambda p, t: torch.sum((p - t) ** 2), Summed(), inside(nn.L1Loss(reduction="sum"))]


@pytest.mark.parametrize("loss", SUMS)
def test_a_loss_of_the_users_own_that_is_a_sum_is_named(loss):
    assert_found(lambda: regression(loss), "sum-loss", "warning", "twice the rows give twice the loss", ".sum(dim=1)")


@pytest.mark.parametrize("loss", [nn.MSELoss(reduction="sum"), nn.L1Loss(reduction="sum")])
def test_a_sum_that_was_asked_for_is_a_note(loss):
    assert_found(lambda: regression(loss), "sum-loss", "note", "reduction='sum'", "for a mean")


def test_losses_that_are_means_are_no_finding():
    scale = torch.tensor(2.0)
    for loss in (
        "mse",
        lambda p, t: ((p - t) ** 2).mean(),
        lambda p, t: scale * (p - t).abs().mean(),
        lambda p, t: ((p - t) ** 2).sum(dim=1),
        lambda p, t: ((p - t) ** 2).sum() / len(p),
        lambda p, t: 1 - F.cosine_similarity(p.flatten(), t.flatten(), dim=0),
        lambda p, t: (p - t).norm(),
        inside(nn.MSELoss()),
        lambda p, t: torch.logcosh(p - t).mean() if hasattr(torch, "logcosh") else F.huber_loss(p, t),
    ):
        assert_clean(lambda loss=loss: regression(loss))


def test_a_loss_that_keeps_count_of_its_calls_is_not_called_once_more():
    calls = []

    def counting(predictions, targets):
        calls.append(len(predictions))
        return squared_sum(predictions, targets)

    trainer, data, fit = regression(counting)
    trainer.fit(*data, **fit, verbose=0)
    assert calls == [16, 16, 16, 12]


class OwnLoss(nn.Module):
    """A model that returns its own loss, such as a variational autoencoder's."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.layers, self.reduction = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 4)), reduction

    def forward(self, x):
        return F.mse_loss(self.layers(x), x, reduction=self.reduction)


def test_a_models_own_loss_that_is_a_sum_is_named():
    def make(reduction):
        return Trainer(OwnLoss(reduction), device="cpu"), (X,), {"batch_size": 16}

    assert_found(lambda: make("sum"), "sum-loss", "warning", "OwnLoss gives a sum", "Divide it")
    assert_clean(lambda: make("mean"))


# ---------------------------------------------------------------------------------------------- compute_loss

TOKENS = torch.randint(1, 7, (60, 6), generator=torch.Generator().manual_seed(1))
LENGTHS = torch.arange(60) % 5 + 2
LABELS = torch.where(torch.arange(6) < LENGTHS[:, None], TOKENS, -100)
PADDED = torch.where(torch.arange(6) < LENGTHS[:, None], TOKENS, 0)


def tagger(compute_loss: Any, x: Any, y: Any) -> Any:
    model = nn.Sequential(nn.Embedding(7, 8), nn.Linear(8, 7))
    kind = type("Own", (Trainer,), {"compute_loss": compute_loss})
    return kind(model, device="cpu"), (x, y), {"batch_size": 16}


def of_labels(self, batch):
    logits = self.model(batch.x)
    return StepOutput(F.cross_entropy(logits.flatten(0, 1), batch.y.flatten(), ignore_index=-100))


def of_tokens(self, batch):
    losses = F.cross_entropy(self.model(batch.x).movedim(-1, 1), batch.x, reduction="none")
    mask = batch.x != 0
    return StepOutput((losses * mask).sum() / mask.sum())


def of_present(self, batch):
    present = ~batch.y.isnan()
    return StepOutput(((self.model(batch.x) - batch.y)[present] ** 2).mean())


def of_labels_and_says_so(self, batch):
    return of_labels(self, batch)._replace(weight=(batch.y != -100).sum())


def by_row(self, batch):
    losses = F.cross_entropy(self.model(batch.x).movedim(-1, 1), batch.y, reduction="none")
    return StepOutput((losses.sum(1) / (batch.y != -100).sum(1)).mean())


def summed(self, batch):
    logits = self.model(batch.x)
    return StepOutput(F.cross_entropy(logits.flatten(0, 1), batch.y.flatten(), ignore_index=-100, reduction="sum"))


def summed_and_says_so(self, batch):
    return summed(self, batch)._replace(weight="sum")


def contrastive(self, batch):
    embedded = F.normalize(self.model(batch.x).mean(1), dim=1)
    return StepOutput(F.cross_entropy(embedded @ embedded.T / 0.1, torch.arange(len(embedded))))


def test_a_mean_over_tokens_that_does_not_say_so_is_named():
    words = ("(batch.y != -100)", "weight=(batch.y != -100).sum()")
    assert_found(lambda: tagger(of_labels, PADDED, LABELS), "hidden-weights", "warning", *words)
    assert_found(lambda: tagger(of_tokens, PADDED, LENGTHS), "hidden-weights", "warning", "(batch.x != 0)")


def test_a_mean_over_the_labels_that_are_present_is_named():
    y = torch.where(torch.rand(60, 3, generator=torch.Generator().manual_seed(2)) < 0.5, torch.nan, X[:, :3] * 3)

    def make():
        kind = type("Own", (Trainer,), {"compute_loss": of_present})
        return kind(nn.Linear(4, 3), device="cpu"), (X, y), {"batch_size": 16}

    assert_found(make, "hidden-weights", "warning", "(~batch.y.isnan())")


def test_a_sum_over_tokens_is_named():
    assert_found(lambda: tagger(summed, PADDED, LABELS), "sum-loss", "warning", "weight='sum'")


@pytest.mark.parametrize("loss", [of_labels_and_says_so, by_row, summed_and_says_so, contrastive])
def test_losses_that_say_what_they_are_a_mean_over_are_no_finding(loss):
    assert_clean(lambda: tagger(loss, PADDED, LABELS))


def test_a_mean_over_rows_of_equal_length_is_no_finding():
    assert_clean(lambda: tagger(of_labels, TOKENS, TOKENS))


def unweighted(self, batch):
    predictions = self.model(batch.x)
    return StepOutput(F.mse_loss(predictions, batch.y), predictions, batch.y)


def weighted(self, batch):
    predictions = self.model(batch.x)
    losses = ((predictions - batch.y) ** 2).squeeze(1)
    if batch.weight is None:
        return StepOutput(losses.mean(), predictions, batch.y)
    return StepOutput((losses * batch.weight).sum() / batch.weight.sum(), predictions, batch.y, batch.weight)


def test_sample_weights_that_compute_loss_ignores_are_named():
    def make(loss):
        own = type("Own", (Trainer,), {"compute_loss": loss})
        return regression(None, own, X, TARGETS, sample_weight=torch.linspace(0.1, 1, 60))

    assert_found(lambda: make(unweighted), "ignored-sample-weight", "warning", "batch.weight")
    assert_clean(lambda: make(weighted))


def test_a_compute_loss_that_calls_ours_is_no_finding():
    class Penalised(Trainer):
        def compute_loss(self, batch):
            output = super().compute_loss(batch)
            return output._replace(loss=output.loss + 1e-3 * sum(one.abs().sum() for one in self.model.parameters()))

    assert_clean(lambda: regression("mse", Penalised, sample_weight=torch.linspace(0.1, 1, 60)))
    assert_clean(lambda: regression("mse", Penalised))
