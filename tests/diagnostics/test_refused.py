"""What fit would refuse, ``nk.diagnose`` returns as findings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import neurokit as nk
from diagnostics.mistakes_in_data import classes, classifier, net
from neurokit import Trainer

X, Y = classes()


class Cut(nn.Linear):
    def forward(self, x):
        return super().forward(x).detach()


def refused(trainer: Trainer, *data, **arguments) -> nk.Finding:
    (finding,) = nk.diagnose(trainer, *data, **arguments)
    assert finding.level == "error"
    with pytest.raises((ValueError, TypeError)) as error:
        trainer.fit(*data, **arguments, verbose=0)
    assert finding.message in str(error.value)
    return finding


def test_labels_out_of_range():
    finding = refused(classifier(), X, Y + 1)

    assert finding.code == "refused"
    assert "classes from 1 to 3 (first out of range in row" in finding.message
    assert "use y - 1" in finding.message


def test_everything_frozen():
    finding = refused(Trainer(net().requires_grad_(False), loss="cross_entropy", device="cpu"), X, Y)

    assert finding.code == "refused"
    assert "everything is frozen" in finding.message


def test_a_detached_forward():
    finding = refused(Trainer(Cut(4, 3), loss="cross_entropy", device="cpu"), X, Y)

    assert finding.code == "no-gradient"
    assert "Look for detach()" in finding.message


def test_one_output_with_cross_entropy():
    finding = refused(classifier(outputs=1), X, Y)

    assert finding.code == "refused"
    assert "use 'bce_with_logits'" in finding.message


def test_targets_of_another_length():
    assert "x has 120 rows, y has 100 rows" in refused(classifier(), X, Y[:100]).message


def test_a_split_that_is_none():
    finding = refused(Trainer(net(), loss="cross_entropy", device="cpu"), X, Y, validation_split=1.5)

    assert "1.5" in finding.message


def test_an_argument_that_fit_does_not_have_is_the_callers_mistake():
    with pytest.raises(TypeError, match="epoch"):
        nk.diagnose(classifier(), X, Y, epoch=3)


def test_what_is_refused_cannot_be_left_out_by_a_code():
    with pytest.raises(ValueError, match="There is no check named 'refused'"):
        classifier().fit(X, Y, checks={"refused": False}, verbose=0)


def test_a_loss_that_is_not_finite_in_the_first_steps_is_found():
    trainer = classifier(optimizer="sgd", learning_rate=1e30)
    (finding,) = nk.diagnose(trainer, X, Y)

    assert (finding.level, finding.code) == ("error", "refused")
    assert "learning_rate" in finding.message
    assert all(bool(torch.isfinite(parameter).all()) for parameter in trainer.model.parameters())
