import copy
import math

import pytest
import torch
from torch import nn

from neurokit.callbacks import EarlyStopping, LambdaCallback

NAN = math.nan

# Keras 3.15.1 (torch backend) on the same series: the epoch it stopped in, and its best epoch.
KERAS = [
    ({"mode": "min", "patience": 0}, [1.0, 0.375, 0.0625, 0.125, 0.8125, 0.8125, 0.125, 0.4375], 3, 2),
    ({"mode": "min", "patience": 1}, [0.9375, 0.8125, 0.625, 0.875, 0.875, 0.6875, 0.5625, 0.4375], 3, 2),
    ({"mode": "max", "patience": 2}, [0.3125, 0.4375, 0.125, 0.5625, 1.0, 0.9375, 0.625, 0.875], 6, 4),
    (
        {"mode": "min", "patience": 3, "min_delta": 0.125},
        [0.5625, 0.125, 0.1875, 1.0, 0.8125, 0.3125, 0.625, 0.25],
        4,
        1,
    ),
    (
        {"mode": "max", "patience": 2, "min_delta": -0.125},
        [0.1875, 0.9375, 0.0625, 0.375, 0.5625, 0.25, 0.4375, 0.75],
        3,
        1,
    ),
    (
        {"mode": "min", "patience": 2, "start_from_epoch": 3},
        [0.75, 0.9375, 0.125, 0.3125, 0.875, 0.75, 0.5, 0.25],
        5,
        3,
    ),
    (
        {"mode": "max", "patience": 1, "start_from_epoch": 2, "min_delta": 0.25},
        [0.8125, 0.5, 0.8125, 0.6875, 0.75, 0.4375, 0.25, 0.125],
        3,
        2,
    ),
    ({"mode": "min", "patience": 2, "baseline": 0.625}, [0.3125, 0.25, 0.4375, 0.4375, 0.0, 0.9375, 0.3125, 0.5], 3, 1),
    ({"mode": "max", "patience": 3, "baseline": 0.75}, [0.0625, 0.875, 0.75, 0.75, 0.75, 0.75, 0.1875, 0.9375], 4, 1),
]


def remember(model, into):
    return LambdaCallback(on_epoch_end=lambda epoch, logs: into.append(copy.deepcopy(model.state_dict())))


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("options", "series", "stopped", "best"), KERAS)
def test_it_decides_as_keras_does(fit, follow, options, series, stopped, best):
    stop = EarlyStopping(**options)
    trainer = fit(follow(series), stop, epochs=len(series))
    assert (stop.stopped_epoch, stop.best_epoch, stop.best) == (stopped, best, series[best])
    assert trainer.history.epoch[-1] == stopped
    assert trainer.history.stop_reason.startswith("EarlyStopping: val_loss has not improved on")


def test_a_run_that_improves_is_not_stopped(fit, follow):
    stop = EarlyStopping()
    trainer = fit(follow([3.0, 2.0, 1.0]), stop)
    assert (trainer.history.stop_reason, stop.stopped_epoch, stop.wait) == ("completed", 0, 0)


def test_nan_in_the_first_epoch_does_not_become_the_best(fit, follow):
    stop = EarlyStopping(patience=2)
    trainer = fit(follow([NAN, 0.5, 0.4, 0.3, 0.2]), stop, epochs=5)
    assert (stop.best, trainer.history.stop_reason) == (0.2, "completed")


def test_nan_counts_as_no_improvement(fit, follow):
    stop = EarlyStopping(patience=2)
    fit(follow([0.5, NAN, NAN, 0.1]), stop, epochs=4)
    assert (stop.best, stop.stopped_epoch) == (0.5, 2)


def test_a_run_of_nan_stops_and_says_so(fit, follow):
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    trainer = fit(follow([NAN] * 5), stop, epochs=5)
    assert (stop.best_epoch, stop.stopped_epoch) == (None, 1)
    assert trainer.history.stop_reason == "EarlyStopping: val_loss was never a number"


def test_a_run_that_improves_but_never_reaches_the_baseline_stops_after_patience(fit, follow):
    stop = EarlyStopping(patience=3, baseline=0.1)
    trainer = fit(follow([0.9, 0.8, 0.7, 0.6, 0.5]), stop, epochs=5)
    assert stop.stopped_epoch == 2
    assert trainer.history.stop_reason == "EarlyStopping: val_loss has not beaten the baseline 0.1 (best 0.7)"


def test_patience_counts_from_where_the_baseline_was_beaten(fit, follow):
    stop = EarlyStopping(patience=3, baseline=0.5)
    fit(follow([0.9, 0.8, 0.4, 0.6, 0.6, 0.6, 0.1]), stop, epochs=7)
    assert (stop.stopped_epoch, stop.best_epoch) == (5, 2)


def test_an_epoch_that_has_not_logged_the_value_is_passed_over(fit, follow):
    stop = EarlyStopping(patience=2)
    fit(follow([0.5, None, 0.6, None, None, 0.6, 0.1]), stop, epochs=7)
    assert stop.stopped_epoch == 5


@pytest.mark.parametrize("patience", [1, 9])
def test_the_best_weights_come_back_whether_or_not_it_stopped(fit, follow, make_trainer, patience):
    trainer, seen = make_trainer(), []
    fit(follow([0.5, 0.1, 0.6]), EarlyStopping(patience=patience, restore_best_weights=True),
        remember(trainer.model, seen), trainer=trainer)  # fmt: skip
    assert equal(trainer.model.state_dict(), seen[1])
    assert not equal(seen[1], seen[2])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_best_weights_come_back_after_ctrl_c_and_exceptions(fit, follow, crash, make_trainer, error):
    trainer, seen = make_trainer(), []
    parts = (
        follow([0.1, 0.5, 0.6]),
        EarlyStopping(patience=9, restore_best_weights=True),
        remember(trainer.model, seen),
        crash(step=5, error=error),
    )
    if error is KeyboardInterrupt:
        fit(*parts, trainer=trainer)
    else:
        with pytest.raises(RuntimeError):
            fit(*parts, trainer=trainer)
    assert equal(trainer.model.state_dict(), seen[0])


def test_parameters_stay_the_same_objects(fit, follow, make_trainer):
    trainer = make_trainer()
    before = list(trainer.model.parameters())
    fit(follow([0.1, 0.5, 0.6]), EarlyStopping(restore_best_weights=True), trainer=trainer)
    assert all(one is other for one, other in zip(before, trainer.model.parameters(), strict=True))


def test_tied_weights_and_extra_state_come_back(fit, follow, make_trainer):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
            self.second.weight = self.first.weight
            self.calls = 0

        def forward(self, x):
            self.calls += self.training
            return self.second(self.first(x)).sum(dim=1, keepdim=True)

        def get_extra_state(self):
            return {"calls": self.calls}

        def set_extra_state(self, state):
            self.calls = state["calls"]

    trainer, seen = make_trainer(Tied()), []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(trainer.model.first.weight.detach().clone()))
    fit(follow([0.1, 0.5, 0.6]), EarlyStopping(restore_best_weights=True, patience=9), watch, trainer=trainer)
    assert torch.equal(trainer.model.first.weight, seen[0])
    assert trainer.model.second.weight is trainer.model.first.weight
    assert trainer.model.calls == 3


def test_a_second_fit_starts_anew(fit, follow, make_trainer):
    trainer, stop = make_trainer(), EarlyStopping(patience=1)
    fit(follow([0.1, 0.5, 0.6]), stop, trainer=trainer)
    fit(follow([0.9, 0.8, 0.7]), stop, trainer=trainer)
    assert (stop.best, stop.stopped_epoch, trainer.history.stop_reason) == (0.7, 0, "completed")


def test_a_fit_that_fails_at_its_begin_keeps_the_weights_it_found(fit, follow, make_trainer):
    trainer, stop = make_trainer(), EarlyStopping(restore_best_weights=True)
    fit(follow([0.1, 0.5, 0.6]), stop, trainer=trainer)
    with torch.no_grad():
        trainer.model[0].weight.fill_(1.0)
    with pytest.raises(ValueError, match="Did you mean"):
        fit(EarlyStopping("val_los"), stop, trainer=trainer)
    assert bool((trainer.model[0].weight == 1.0).all())


def test_verbose_says_what_it_does(fit, follow, capsys):
    fit(follow([0.1, 0.5, 0.6]), EarlyStopping(verbose=1, restore_best_weights=True))
    assert capsys.readouterr().out == (
        "epoch 2: stopping early, val_loss has not improved on 0.1 since epoch 1\n"
        "the weights of epoch 1, the best, are back in the model\n"
    )


@pytest.mark.parametrize("step", [2, 5, 6, 9])
def test_a_resumed_run_ends_as_a_straight_one(crash_and_resume, follow, step):
    series = [0.5, 0.1, 0.4, NAN, 0.6, 0.05]
    make = lambda folder: [follow(series), EarlyStopping(patience=3, restore_best_weights=True)]  # noqa: E731
    runs = crash_and_resume(make, step, epochs=6)
    runs.assert_same()
    assert runs.resumed_callbacks[1].stopped_epoch == 4


def test_a_run_that_had_stopped_stops_again_when_it_is_resumed(fit, follow, tmp_path):
    from neurokit.callbacks import ModelCheckpoint

    def again(resume):
        stop = EarlyStopping(patience=1, restore_best_weights=True)
        follows = follow([0.5, 0.6, 0.1, 0.1])
        return fit(follows, stop, ModelCheckpoint(tmp_path), epochs=4, resume=resume), stop

    first, stop = again(None)
    second, resumed = again(tmp_path)
    assert second.history.epoch == [0, 1]
    assert second.history.stop_reason == first.history.stop_reason
    assert (resumed.best, resumed.best_epoch, resumed.wait, resumed.stopped_epoch) == (0.5, 0, 1, stop.stopped_epoch)
    assert equal(first.model.state_dict(), second.model.state_dict())
