"""Broadcasting: a loss of the user's compares row with row, whichever shape it works in."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import neurokit as nk
from neurokit import Trainer
from neurokit.broadcasting import Broadcasts

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
Y = X[:, 0] * 2


class Absolute(nn.Module):
    def forward(self, predictions, targets):
        return F.l1_loss(predictions.flatten(), targets)


LOSSES = {
    "squeezes": lambda predictions, targets: (predictions.squeeze(-1) - targets).square().mean(),
    "picks the column": lambda predictions, targets: (predictions[:, 0] - targets).abs().mean(),
    "a module that flattens": Absolute(),
    "compares as it is": lambda predictions, targets: (predictions - targets).square().mean(),
    "refuses other shapes": lambda predictions, targets: F.binary_cross_entropy_with_logits(
        predictions.squeeze(-1), (targets > 0).float()
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_function_of_the_users_compares_row_with_row(name):
    given = LOSSES[name]
    model = nn.Linear(4, 1)
    trainer = Trainer(model, loss=given, optimizer="sgd", learning_rate=0.1, device="cpu")
    with torch.no_grad():
        targets = Y.reshape(-1, 1) if name == "compares as it is" else Y
        right = given(model(X), targets).item()

    assert trainer.evaluate(X, Y, batch_size=64)["loss"] == pytest.approx(right)
    assert nk.diagnose(trainer, X, Y) == []


def test_one_that_mixes_rows_in_either_shape_is_an_error():
    def mixes(predictions, targets):
        return (predictions.squeeze(-1) - targets.reshape(-1, 1)).square().mean()

    with pytest.raises(ValueError, match="broadcast-loss"):
        Trainer(nn.Linear(4, 1), loss=mixes, device="cpu").fit(X, Y, verbose=0)


def test_rows_against_rows_are_seen():
    predictions = torch.randn(5, 1, requires_grad=True)
    with Broadcasts() as seen:
        predictions - torch.ones(5)

    assert seen.shapes == ((5, 1), (5,))
