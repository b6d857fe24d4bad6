"""Rehearsal: what was tried leaves no trace, not in a bit and not after an exception."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

import neurokit as nk
from neurokit import Trainer
from neurokit.rehearsal import preserved
from neurokit.seeding import rng_state


class Everything(nn.Module):
    """A model with all that can change: parameters, statistics, a buffer that is not saved, a frozen part, state."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
        self.first.requires_grad_(False)
        self.norm.eval()
        self.register_buffer("seen", torch.zeros(()), persistent=False)
        self.calls = 0

    def forward(self, x):
        self.seen += len(x)
        return self.head(torch.dropout(self.norm(self.first(x)), 0.5, self.training))

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]


X, Y = torch.randn(32, 4, generator=torch.Generator().manual_seed(1)), torch.arange(32) % 3


def everything(trainer):
    """All that a trainer has and the world around it."""
    model, state = trainer.model, trainer.state_dict()
    gradients = [None if one.grad is None else one.grad.clone() for one in model.parameters()]
    return copy.deepcopy(
        {
            "state": {name: value for name, value in state.items() if name != "rng"},
            "buffers": dict(model.named_buffers()),
            "gradients": gradients,
            "trainable": [one.requires_grad for one in model.parameters()],
            "groups": [{**group, "params": len(group["params"])} for group in trainer.optimizer.param_groups],
            "identities": [id(one) for one in model.parameters()],
            "findings": trainer.findings,
            "rng": rng_state(),
        }
    )


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("trained", [False, True])
def test_a_rehearsal_leaves_everything_as_it_was(optimizer, trained):
    trainer = Trainer(Everything(), loss="cross_entropy", optimizer=optimizer, metrics=["accuracy"], device="cpu")
    if trained:
        trainer.fit(X, Y, epochs=2, verbose=0)
    before = everything(trainer)

    with preserved(trainer):
        trainer.fit(X, Y, epochs=3, class_weight=[1.0, 2.0, 3.0], verbose=0)
        trainer.model.first.requires_grad_(True)
        trainer.model.calls = 5
        trainer.optimizer.param_groups[0]["lr"] = 0.5
        random.random(), np.random.rand(), torch.rand(1)
        assert not same(before, everything(trainer))

    assert same(before, everything(trainer))


def test_an_exception_leaves_everything_as_it_was():
    trainer = Trainer(Everything(), loss="cross_entropy", device="cpu")
    before = everything(trainer)

    def tried():
        with preserved(trainer):
            trainer.fit(X, Y, verbose=0)
            raise KeyError

    with pytest.raises(KeyError):
        tried()
    assert same(before, everything(trainer))


def test_training_after_a_rehearsal_gives_the_same_bits_as_without():
    ends = []
    for rehearse in (True, False):
        nk.seed_everything(3)
        trainer = Trainer(Everything(), loss="cross_entropy", metrics=["accuracy"], device="cpu")
        if rehearse:
            assert nk.diagnose(trainer, X, Y, validation_split=0.25, callbacks=[nk.EarlyStopping(patience=3)]) == []
        trainer.fit(X, Y, epochs=3, validation_split=0.25, verbose=0)
        ends.append(everything(trainer))
    for end in ends:  # different objects, and clocks
        del end["identities"], end["state"]["record"]
    assert same(*ends)


def test_diagnose_runs_no_callback_and_writes_no_file(tmp_path):
    heard = []

    class Hears(nk.Callback):
        def on_train_begin(self, logs=None):
            heard.append(True)

    trainer = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu")
    found = nk.diagnose(trainer, X, Y, callbacks=[Hears(), nk.ModelCheckpoint(tmp_path / "run")])
    assert (found, heard, list(tmp_path.iterdir())) == ([], [], [])


def test_diagnose_refuses_an_iterator_it_would_use_up():
    trainer = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu")
    with pytest.raises(TypeError, match="gives its batches once"):
        nk.diagnose(trainer, iter([(X, Y)]))


def test_what_fit_would_refuse_is_a_finding():
    trainer = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu")
    (finding,) = nk.diagnose(trainer, X, Y + 1)
    assert (finding.level, finding.code) == ("error", "refused")
    assert "Labels look 1-based" in finding.message


def test_an_error_in_a_step_is_a_finding_and_leaves_everything_as_it_was():
    class Breaks(Trainer):
        def train_step(self, batch):
            super().train_step(batch)
            raise ValueError("no step")

    trainer = Breaks(Everything(), loss="cross_entropy", device="cpu")
    before = everything(trainer)
    assert [(one.code, one.message) for one in nk.diagnose(trainer, X, Y)] == [("refused", "no step")]
    assert same(before, everything(trainer))


def test_a_forgotten_optimizer_step_is_found_without_training():
    class Forgets(Trainer):
        def train_step(self, batch):
            self.optimizer.zero_grad()
            loss = self.compute_loss(batch).loss
            loss.backward()
            return {"loss": loss}

    (finding,) = nk.diagnose(Forgets(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), X, Y)
    assert finding.code == "nothing-learns"
    assert "call optimizer.step()" in finding.message


def test_other_networks_and_optimizers_are_put_back_too():
    trainer, critic = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu"), Everything()
    optimizer = torch.optim.Adam(critic.parameters())
    before, groups = copy.deepcopy(critic.state_dict()), copy.deepcopy(optimizer.state_dict())

    with preserved(trainer, critic, optimizer):
        critic.train()
        critic(X).sum().backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 1.0

    assert critic.state_dict().keys() == before.keys()
    assert all(torch.equal(one, before[name]) for name, one in critic.state_dict().items() if torch.is_tensor(one))
    assert optimizer.state_dict() == groups
    assert not critic.norm.training
    assert critic.head.weight.grad is None
