"""Checks of schedules: as long as the run, counted in what they step by, and stepped at all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

import neurokit as nk
from checking import assert_clean, assert_found, diagnosed, fitted
from neurokit import LRSchedule, Trainer

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
Y = X.argmax(1) % 3


def set_up(make_schedule: Any, *, epochs: int = 3, **options: Any) -> Any:
    """Eight batches an epoch."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    trainer = Trainer(model, loss="cross_entropy", optimizer="sgd", learning_rate=0.1, device="cpu", **options)
    schedule = make_schedule(trainer)
    return trainer, (X, Y), {"batch_size": 8, "epochs": epochs, "callbacks": [] if schedule is None else [schedule]}


TOO_SHORT = {
    "total_steps": lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1, total_steps=20),
    "epochs and steps": lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1, epochs=2, steps_per_epoch=8),
    "instance": lambda trainer: LRSchedule(lr_scheduler.OneCycleLR(trainer.optimizer, max_lr=0.1, total_steps=20)),
}


@pytest.mark.parametrize("name", TOO_SHORT)
def test_one_cycle_that_ends_before_the_run_is_an_error_before_anything_changes(name):
    trainer, data, fit = set_up(TOO_SHORT[name])
    before = [one.clone() for one in trainer.model.parameters()]
    with pytest.raises(ValueError, match=r"OneCycleLR ends after (20|16) more steps.*24 to go"):
        trainer.fit(*data, **fit, verbose=0)
    assert all(map(torch.equal, before, trainer.model.parameters()))
    assert trainer.history.epoch == []
    found = diagnosed(lambda: set_up(TOO_SHORT[name]))
    assert found["schedule-length"].level == "error"


def test_one_cycle_counted_in_batches_of_a_run_that_accumulates_is_named():
    def make():
        return set_up(lambda _: LRSchedule("OneCycleLR", max_lr=0.1, epochs=3, steps_per_epoch=8), accumulate=4)

    assert_found(make, "schedule-length", "warning", "24 steps long, and this run has 6 updates", "fills them in")


MISFITS = {
    "cosine in steps": (lambda: LRSchedule("CosineAnnealingLR", T_max=24), ("T_max=24", "3 epochs", "per='step'")),
    "step size in steps": (lambda: LRSchedule("StepLR", step_size=16), ("never changes the rate", "step_size=16")),
    "step size of the run": (lambda: LRSchedule("StepLR", step_size=3), ("never changes the rate", "below 3")),
    "milestones": (lambda: LRSchedule(lr_scheduler.MultiStepLR, milestones=[30, 60]), ("milestones=[30, 60]",)),
    "warm-up in steps": (lambda: LRSchedule("LinearLR", total_iters=100), ("total_iters=100", "hardly begun")),
    "lambda in steps": (
        lambda: LRSchedule("LambdaLR", lr_lambda=lambda step: min(1.0, step / 24)), ("counts updates", "per='step'"),
    ),
    "cosine in epochs, per step": (lambda: LRSchedule("CosineAnnealingLR", T_max=2, per="step"), ("up and down 6",)),
    "decay in epochs, per step": (lambda: LRSchedule("StepLR", step_size=1, per="step"), ("gamma=0.1", "Leave per=")),
    "exponential, per step": (lambda: LRSchedule("ExponentialLR", gamma=0.4, per="step"), ("24 updates leave 3e-10",)),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_a_schedule_that_does_not_fit_the_run_is_named(name):
    make, words = MISFITS[name]
    assert_found(lambda: set_up(lambda _: make()), "schedule-length", "warning", *words)


def test_a_schedule_from_a_factory_is_named_after_the_first_epoch():
    def make():
        return set_up(lambda _: LRSchedule(lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=16)))

    assert_found(make, "schedule-length", "warning", "step_size=16", rehearsed=False)


FITTING = {
    "filled in": lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1),
    "filled in per epoch": lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1, per="epoch"),
    "given": lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1, total_steps=24),
    "a little longer": lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1, total_steps=26),
    "cosine": lambda trainer: LRSchedule("CosineAnnealingLR"),
    "cosine of the epochs": lambda trainer: LRSchedule("CosineAnnealingLR", T_max=3),
    "half a cosine": lambda trainer: LRSchedule("CosineAnnealingLR", T_max=6),
    "restarts": lambda trainer: LRSchedule("CosineAnnealingWarmRestarts", T_0=1),
    "restarts per step": lambda trainer: LRSchedule("CosineAnnealingWarmRestarts", T_0=8, per="step"),
    "steps": lambda trainer: LRSchedule("StepLR", step_size=2),
    "steps per step": lambda trainer: LRSchedule("StepLR", step_size=8, per="step"),
    "milestones, some beyond": lambda trainer: LRSchedule("MultiStepLR", milestones=[2, 60]),
    "exponential": lambda trainer: LRSchedule("ExponentialLR", gamma=0.9),
    "exponential per step": lambda trainer: LRSchedule("ExponentialLR", gamma=0.9, per="step"),
    "linear": lambda trainer: LRSchedule("LinearLR"),
    "warm-up per step": lambda trainer: LRSchedule("LinearLR", total_iters=10, per="step"),
    "lambda": lambda trainer: LRSchedule("LambdaLR", lr_lambda=lambda epoch: 0.9**epoch),
    "lambda per step": lambda trainer: LRSchedule("LambdaLR", lr_lambda=lambda step: min(1, step / 10), per="step"),
    "lambda that takes few numbers": lambda trainer: LRSchedule("LambdaLR", lr_lambda=[1, 0.5, 0.1, 0.01].__getitem__),
    "cyclic": lambda trainer: LRSchedule("CyclicLR", base_lr=0.01, max_lr=0.1),
    "plateau": lambda trainer: LRSchedule("ReduceLROnPlateau"),
    "factory": lambda trainer: LRSchedule(lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=2)),
    "instance": lambda trainer: LRSchedule(lr_scheduler.StepLR(trainer.optimizer, step_size=30)),
    "sequence": lambda trainer: LRSchedule(
        lambda optimizer: lr_scheduler.SequentialLR(
            optimizer,
            [lr_scheduler.LinearLR(optimizer, total_iters=1), lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)],
            milestones=[1],
        )
    ),
}


@pytest.mark.parametrize("name", FITTING)
def test_schedules_that_fit_are_no_finding(name):
    assert_clean(lambda: set_up(FITTING[name]))


def test_a_scheduler_that_nobody_steps_is_named():
    def build(trainer):
        lr_scheduler.CosineAnnealingLR(trainer.optimizer, T_max=3)

    assert_found(lambda: set_up(build), "schedule-unused", "warning", "nk.LRSchedule(scheduler)")


def test_a_scheduler_that_is_stepped_by_hand_is_no_finding():
    trainer, data, _ = set_up(lambda trainer: None)
    scheduler = lr_scheduler.StepLR(trainer.optimizer, step_size=1)
    for _ in range(2):
        trainer.fit(*data, epochs=1, verbose=0)
        scheduler.step()
    assert trainer.findings == []

    class Steps(nk.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.scheduler.step()

    def make():
        own = Steps()

        def build(trainer):
            own.scheduler = lr_scheduler.StepLR(trainer.optimizer, step_size=1)
            return own

        return set_up(build)

    assert_clean(make)


def test_a_schedule_of_an_earlier_fit_is_no_finding():
    trainer, data, fit = set_up(lambda trainer: LRSchedule("StepLR", step_size=1))
    trainer.fit(*data, **fit, verbose=0)
    trainer.fit(*data, epochs=2, verbose=0)
    assert [one for one in trainer.findings if one.code] == []


def test_data_that_do_not_say_their_length_are_no_finding():
    class Endless:
        def __iter__(self):
            while True:
                yield X[:8], Y[:8]

    def make():
        trainer, _, fit = set_up(lambda trainer: LRSchedule("OneCycleLR", max_lr=0.1, total_steps=24))
        return trainer, (Endless(),), {"epochs": 3, "steps_per_epoch": 8, "callbacks": fit["callbacks"]}

    assert fitted(make)[0] == {}
