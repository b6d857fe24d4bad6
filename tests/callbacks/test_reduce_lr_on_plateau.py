import math

import pytest
import torch
from torch import nn

from neurokit.callbacks import LambdaCallback, ReduceLROnPlateau

# Keras 3.15.1 (torch backend) on the same series, from a rate of 0.5: the epochs that ended with a reduction, and the
# rate after the last.
KERAS = [
    (
        {"mode": "min", "patience": 0},
        [0.75, 0.0625, 0.375, 0.125, 0.375, 0.875, 0.3125, 0.1875, 0.625],
        [2, 3, 4, 5, 6, 7, 8],
        5.0000000000000024e-08,
    ),
    (
        {"mode": "min", "patience": 1, "cooldown": 1},
        [0.0625, 0.1875, 0.0, 0.25, 0.1875, 0.6875, 0.0, 0.125, 0.375],
        [1, 3, 4, 5, 6, 7, 8],
        5.0000000000000024e-08,
    ),
    (
        {"mode": "max", "patience": 2, "cooldown": 2},
        [0.75, 0.25, 0.5, 0.6875, 0.6875, 0.9375, 0.1875, 0.1875, 0.9375],
        [2, 7],
        0.005000000000000001,
    ),
    (
        {"mode": "min", "patience": 2, "min_delta": 0.125},
        [0.875, 0.9375, 0.9375, 0.5625, 0.125, 0.25, 0.1875, 0.625, 0.5],
        [2, 6, 8],
        0.0005000000000000001,
    ),
    (
        {"mode": "max", "patience": 1, "factor": 0.5, "min_lr": 0.2},
        [0.9375, 0.3125, 1.0, 0.0, 0.375, 1.0, 0.6875, 0.25, 0.0],
        [1, 3],
        0.2,
    ),
    (
        {"mode": "min", "patience": 1, "min_delta": 0.25, "cooldown": 3, "factor": 0.5},
        [1.0, 0.5625, 0.125, 0.5, 1.0, 0.6875, 0.3125, 0.6875, 0.4375],
        [3, 6],
        0.125,
    ),
    (
        {"mode": "min", "patience": 3, "factor": 0.25},
        [1.0, 0.625, 0.4375, 0.375, 0.4375, 0.75, 0.4375, 0.375, 1.0],
        [6],
        0.125,
    ),
]


def rates_after_each_epoch(trainer, into):
    return LambdaCallback(on_epoch_end=lambda epoch, logs: into.append(trainer.optimizer.param_groups[0]["lr"]))


@pytest.mark.parametrize(("options", "series", "reduced", "last"), KERAS)
def test_it_decides_as_keras_does(fit, follow, make_trainer, options, series, reduced, last):
    trainer, rates = make_trainer(learning_rate=0.5), []
    parts = (follow(series), ReduceLROnPlateau(**options), rates_after_each_epoch(trainer, rates))
    fit(*parts, trainer=trainer, epochs=len(series))
    before = [0.5, *rates]
    assert [epoch for epoch, rate in enumerate(rates) if rate != before[epoch]] == reduced
    assert rates[-1] == last


@pytest.mark.parametrize("factor", [1.0, 1.5, 0.0, -1.0])
def test_a_factor_that_does_not_reduce_is_refused(factor):
    with pytest.raises(ValueError, match=f"a number between 0 and 1, got {factor}"):
        ReduceLROnPlateau(factor=factor)


def test_nan_counts_as_no_improvement_and_is_never_the_best(fit, follow, make_trainer):
    trainer, rates = make_trainer(learning_rate=0.5), []
    plateau = ReduceLROnPlateau(patience=2, factor=0.5)
    fit(follow([math.nan, math.nan, 0.4, 0.3]), plateau, rates_after_each_epoch(trainer, rates),
        trainer=trainer, epochs=4)  # fmt: skip
    assert (rates, plateau.best) == ([0.5, 0.25, 0.25, 0.25], 0.3)


def test_every_group_of_every_optimizer_is_reduced_down_to_the_floor(fit, follow, make_trainer):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    first = torch.optim.SGD([{"params": [model[0].weight], "lr": 0.8}, {"params": [model[0].bias], "lr": 0.15}])
    optimizers = {"first": first, "second": torch.optim.Adam(model[1].parameters(), lr=0.05)}
    trainer = make_trainer(model, optimizer=optimizers, learning_rate=None)
    fit(follow([0.1, 0.2, 0.2]), ReduceLROnPlateau(patience=1, factor=0.5, min_lr=0.1), trainer=trainer)
    assert [group["lr"] for group in first.param_groups] == [0.2, 0.1]
    assert optimizers["second"].param_groups[0]["lr"] == 0.05


def test_a_rate_that_is_a_tensor_is_changed_in_place(fit, follow, make_trainer):
    model = nn.Linear(2, 1)
    rate = torch.tensor(0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, foreach=False)
    held = optimizer.param_groups[0]["lr"]
    fit(follow([0.1, 0.2]), ReduceLROnPlateau(patience=1, factor=0.5),
        trainer=make_trainer(model, optimizer=optimizer, learning_rate=None), epochs=2)  # fmt: skip
    assert optimizer.param_groups[0]["lr"] is held
    assert float(held) == 0.25


def test_the_logged_rate_is_the_one_the_epoch_was_trained_with(fit, follow, make_trainer):
    trainer = fit(follow([0.1, 0.2, 0.3]), ReduceLROnPlateau(patience=1, factor=0.5), trainer=make_trainer())
    assert trainer.history.history["lr"] == [0.1, 0.1, 0.05]


def test_verbose_says_what_it_does(fit, follow, capsys):
    fit(follow([0.1, 0.2, 0.0]), ReduceLROnPlateau(patience=1, factor=0.5, verbose=1))
    assert capsys.readouterr().out == "epoch 2: reducing the learning rate to 0.05\n"


@pytest.mark.parametrize("step", [2, 5, 6, 9])
def test_a_resumed_run_ends_as_a_straight_one(crash_and_resume, follow, step):
    series = [0.5, 0.6, 0.7, 0.7, 0.4, 0.5]
    make = lambda folder: [follow(series), ReduceLROnPlateau(patience=2, factor=0.5, cooldown=1)]  # noqa: E731
    runs = crash_and_resume(make, step, epochs=6)
    runs.assert_same()
    assert runs.resumed.optimizer.param_groups[0]["lr"] == 0.05
