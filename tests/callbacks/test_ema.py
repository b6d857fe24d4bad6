import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from neurokit.callbacks import EMA, Callback, EarlyStopping, LambdaCallback, ModelCheckpoint


class Watch(Callback):
    """Keeps torch's own average of the weights beside the run, and what the model holds at each event."""

    order = -2  # before EMA: it sees the trained weights after each update

    def __init__(self, decay, every=1):
        self.decay, self.every, self.updates = decay, every, 0

    def on_train_begin(self, logs=None):
        self.oracle = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(self.decay))
        self.oracle.update_parameters(self.model)  # its first call copies

    def on_train_batch_end(self, batch, logs=None):
        updates = self.trainer.state.updates
        if updates != self.updates and updates % self.every == 0:
            self.oracle.update_parameters(self.model)
        self.updates = updates

    def average(self):
        return [parameter.detach().clone() for parameter in self.oracle.module.parameters()]


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def equal(one, other):
    return all(map(torch.equal, one, other))


@pytest.mark.parametrize(("decay", "every"), [(0.9, 1), (0.5, 2), (0.0, 1)])
def test_the_average_is_that_of_torch(fit, make_trainer, decay, every):
    trainer, watch = make_trainer(), Watch(decay, every)
    fit(watch, EMA(decay, update_every=every), trainer=trainer)
    assert equal(weights(trainer.model), watch.average())


def test_an_accumulation_window_is_one_update(fit, make_trainer):
    trainer, watch = make_trainer(accumulate=2), Watch(0.5)
    fit(watch, EMA(0.5), trainer=trainer)
    assert trainer.state.updates == 6
    assert equal(weights(trainer.model), watch.average())


def test_training_is_that_of_a_run_without_it(fit, make_trainer):
    def trained(*callbacks):
        torch.manual_seed(0)
        trainer, seen = make_trainer(), []
        note = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(weights(trainer.model)))
        fit(*callbacks, note, trainer=trainer)
        return seen

    assert all(map(equal, trained(), trained(EMA(0.9))))


@pytest.mark.parametrize("validate", [True, False])
def test_the_model_holds_the_average_from_validation_to_the_next_epoch(fit, make_trainer, validate):
    trainer, watch, seen = make_trainer(), Watch(0.9), []

    def note(event):
        return lambda *_: seen.append((event, equal(weights(trainer.model), watch.average())))

    events = ["on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end", "on_train_batch_begin", "on_train_end"]
    notes = LambdaCallback(**{event: note(event) for event in events})
    fit(watch, EMA(0.9), notes, trainer=trainer, validate=validate)
    for event, averaged in seen[2:]:  # at first both are the initial weights
        assert averaged == (event not in ("on_epoch_begin", "on_train_batch_begin")), event


def test_validation_scores_the_average(fit, make_trainer):
    trainer = make_trainer()
    fit(EMA(0.9), trainer=trainer)
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(2))[:5]
    scored = trainer.evaluate(x, x.sum(dim=1, keepdim=True))["loss"]  # in batches of other sizes than fit's
    assert scored == pytest.approx(trainer.history.history["val_loss"][-1], rel=1e-6)


def test_what_early_stopping_gives_back_are_the_weights_that_were_scored(fit, follow, make_trainer):
    trainer, seen = make_trainer(), []
    watch = Watch(0.9)
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(watch.average()))
    stop = EarlyStopping(patience=9, restore_best_weights=True)
    fit(follow([0.5, 0.1, 0.5]), watch, EMA(0.9), note, stop, trainer=trainer)
    assert equal(weights(trainer.model), seen[1])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_broken_run_ends_with_the_average(fit, crash, make_trainer, error):
    trainer, watch = make_trainer(), Watch(0.9)
    with contextlib.suppress(RuntimeError):
        fit(watch, EMA(0.9), crash(step=5, error=error), trainer=trainer)
    assert equal(weights(trainer.model), watch.average())


def test_parameters_and_buffers_stay_the_same_objects(fit, make_trainer):
    trainer = make_trainer()
    before = [*trainer.model.parameters(), *trainer.model.buffers()]
    fit(EMA(0.9), trainer=trainer)
    after = [*trainer.model.parameters(), *trainer.model.buffers()]
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_statistics_of_batch_norm_are_those_of_training(fit, make_trainer):
    def statistics(*callbacks):
        torch.manual_seed(0)
        trainer = make_trainer()
        fit(*callbacks, trainer=trainer)
        return list(trainer.model.buffers())

    assert equal(statistics(), statistics(EMA(0.9)))


def test_tied_weights_are_averaged_once(fit, make_trainer):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(self.first(x)).sum(dim=1, keepdim=True)

    trainer, watch = make_trainer(Tied()), Watch(0.9)
    fit(watch, EMA(0.9), trainer=trainer)
    assert equal(weights(trainer.model), watch.average())
    assert trainer.model.second.weight is trainer.model.first.weight


def test_a_second_fit_goes_on_from_the_average(fit, make_trainer):
    trainer, ema = make_trainer(), EMA(0.9)
    fit(ema, trainer=trainer)
    ended, begun = weights(trainer.model), []
    fit(LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(weights(trainer.model))), ema, trainer=trainer)
    assert equal(begun[0], ended)


def test_an_evaluation_outside_of_a_fit_changes_nothing(fit, make_trainer):
    trainer, ema = make_trainer(), EMA(0.9)
    fit(ema, trainer=trainer)
    before = copy.deepcopy(trainer.model.state_dict())
    trainer.evaluate(torch.ones(2, 2), torch.ones(2, 1), callbacks=[ema])
    assert all(torch.equal(before[name], value) for name, value in trainer.model.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decay": 1.5}, "decay of EMA is a number from 0 to 1, got 1.5"),
        ({"decay": -0.1}, "got -0.1"),
        ({"update_every": 0}, "update_every of EMA is 1 or more, got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EMA(**arguments)


@pytest.mark.parametrize("step", [2, 5, 6])
def test_a_resumed_run_ends_as_a_straight_one(crash_and_resume, follow, step):
    def make(folder):
        return [follow([0.5, 0.1, 0.4, 0.3]), EMA(0.9, 2), EarlyStopping(patience=9, restore_best_weights=True)]

    crash_and_resume(make, step).assert_same()


def test_an_ended_run_that_is_resumed_for_more_epochs_trains_on_with_the_trained_weights(fit, make_trainer, tmp_path):
    def run(folder, epochs, resume=None):
        torch.manual_seed(3)
        trainer = make_trainer()
        fit(EMA(0.9), ModelCheckpoint(folder), trainer=trainer, epochs=epochs, resume=resume)
        return trainer

    straight = run(tmp_path / "straight", 4)
    run(tmp_path / "parts", 2)
    parts = run(tmp_path / "parts", 4, resume=tmp_path / "parts")
    assert equal(weights(straight.model), weights(parts.model))
