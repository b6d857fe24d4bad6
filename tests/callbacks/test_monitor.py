import math
from types import SimpleNamespace

import pytest

from neurokit.callbacks import EarlyStopping, LambdaCallback
from neurokit.callbacks.monitor import Monitor
from neurokit.trainer import Trainer


class Logs(Trainer):
    """A step of its own, which logs what nobody knows beforehand."""

    def train_step(self, batch):
        return {**super().train_step(batch), "gap": 0.5}


@pytest.mark.parametrize("mode", ["minimum", "", None, "MAX"])
def test_a_mode_that_does_not_exist_is_refused(mode):
    with pytest.raises(ValueError, match=r"EarlyStopping got mode=.*'min', 'max', or 'auto'"):
        EarlyStopping(mode=mode)


def test_a_misspelt_name_fails_before_the_first_epoch_and_names_the_nearest(fit, make_trainer):
    begun = []
    watch = LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    with pytest.raises(ValueError, match=r"'val_los', and this fit logs \['val_loss', .*Did you mean 'val_loss'"):
        fit(EarlyStopping("val_los"), watch)
    assert not begun


def test_a_misspelt_name_fails_with_an_explicit_mode_too(fit):
    with pytest.raises(ValueError, match="Did you mean 'val_loss'"):
        fit(EarlyStopping("vall_loss", mode="min"))


def test_a_validation_name_without_validation_data_says_so(fit):
    with pytest.raises(ValueError, match=r"has no validation data. Pass validation_data or validation_split"):
        fit(EarlyStopping(), validate=False)


def test_the_direction_comes_from_the_metric(fit, make_trainer):
    trainer = make_trainer(metrics=["r2", "mae"])
    monitors = [Monitor(name, owner="Test") for name in ("val_r2", "val_mae", "val_loss", "loss")]
    fit(LambdaCallback(on_train_begin=lambda logs: [one.resolve(trainer) for one in monitors]), trainer=trainer)
    assert [one.direction for one in monitors] == ["max", "min", "min", "min"]


def test_a_name_without_direction_asks_for_the_mode(fit):
    with pytest.raises(ValueError, match=r"cannot tell whether a high or a low 'lr' is better. Pass mode='min'"):
        fit(EarlyStopping("lr"))
    fit(EarlyStopping("lr", mode="min", patience=9))


def test_a_step_of_ones_own_may_log_a_name_that_is_not_known_beforehand(fit, make_trainer):
    trainer = Logs(make_trainer().model, loss="mse", optimizer="sgd", learning_rate=0.1)
    stop = EarlyStopping("gap", mode="min", patience=1)
    fit(stop, trainer=trainer)
    assert (stop.best, stop.stopped_epoch) == (0.5, 1)


def test_such_a_name_needs_a_mode(fit, make_trainer):
    trainer = Logs(make_trainer().model, loss="mse", optimizer="sgd", learning_rate=0.1)
    with pytest.raises(ValueError, match=r"is known to log .*cannot tell whether a high or a low 'gap'"):
        fit(EarlyStopping("gap"), trainer=trainer)


def test_such_a_name_has_to_appear_in_the_first_epoch(fit, make_trainer):
    trainer = Logs(make_trainer().model, loss="mse", optimizer="sgd", learning_rate=0.1)
    with pytest.raises(ValueError, match=r"watches 'gab', and this fit logged \['gap', .*Did you mean 'gap'"):
        fit(EarlyStopping("gab", mode="min"), trainer=trainer)
    assert trainer.state.step == 3


def test_a_callback_can_make_a_value_of_its_own_known(fit):
    def announce_it(logs):
        adds.trainer.monitors["gap"] = "max"

    adds = LambdaCallback(on_train_begin=announce_it, on_epoch_end=lambda epoch, logs: logs.update(gap=1.0 - epoch))
    stop = EarlyStopping("gap", patience=1)
    fit(adds, stop)
    assert (stop.best, stop.stopped_epoch) == (1.0, 1)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_nan_is_never_an_improvement_and_a_number_improves_on_nothing(direction):
    monitor = Monitor("loss", direction, owner="Test")
    assert not monitor.improved(math.nan, monitor.worst)
    assert monitor.improved(1e30 if direction == "min" else -1e30, monitor.worst)


def test_the_delta_counts_by_its_size_and_has_to_be_exceeded():
    for delta in (0.25, -0.25):
        low, high = (Monitor("loss", mode, delta, owner="Test") for mode in ("min", "max"))
        assert [low.improved(value, 1.0) for value in (0.5, 0.75, 1.0)] == [True, False, False]
        assert [high.improved(value, 1.0) for value in (1.5, 1.25, 1.0)] == [True, False, False]


def test_an_epoch_without_the_value_is_passed_over():
    monitor = Monitor("val_loss", owner="Test")
    monitor.resolve(SimpleNamespace(monitors={"val_loss": "min"}, monitors_are_complete=True))
    assert [monitor.read(logs) for logs in ({"loss": 1.0}, {"val_loss": 2})] == [None, 2.0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acc", r"pass metrics=\['accuracy'\] to Trainer, and monitor 'accuracy'"),
        ("val_f1_score", r"pass metrics=\['f1'\] to Trainer, and monitor 'val_f1'"),
        ("val_los", "Did you mean 'val_loss'"),
        ("zzz", "Monitor one of these"),
    ],
)
def test_a_name_that_is_not_logged_is_answered_with_what_to_do(name, said, fit):
    with pytest.raises(ValueError, match=said):
        fit(EarlyStopping(name))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": 3}, TypeError),
        ({"name": "loss", "min_delta": "0.1"}, TypeError),
        ({"name": "loss", "min_delta": float("nan")}, ValueError),
    ],
)
def test_a_monitor_checks_its_arguments(arguments, error):
    with pytest.raises(error, match="of EarlyStopping is a"):
        Monitor(**arguments, owner="EarlyStopping")
