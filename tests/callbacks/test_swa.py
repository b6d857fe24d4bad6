import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from neurokit.callbacks import SWA, Callback, LambdaCallback

DATA = torch.randn(12, 2, generator=torch.Generator().manual_seed(2))  # what fit trains on, four rows a batch


def model_with_norm():
    return nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))


class Oracle(Callback):
    """torch's own average of the weights at each epoch's end from ``start`` on."""

    def __init__(self, start):
        self.start = start

    def on_train_begin(self, logs=None):
        self.averaged = AveragedModel(self.model)

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= self.start:
            self.averaged.update_parameters(self.model)

    def state(self):
        update_bn(DATA.split(4), self.averaged.module)
        return self.averaged.module.state_dict()


def close(one, other):
    return all(torch.allclose(one[name], other[name], rtol=1e-5, atol=1e-7) for name in other)


@pytest.mark.parametrize(("start", "epoch"), [(1, 1), (0.5, 2), (3, 3), (0, 0)])
def test_weights_and_statistics_are_those_of_torch(fit, make_trainer, start, epoch):
    trainer, oracle, swa = make_trainer(model_with_norm()), Oracle(epoch), SWA(start)
    fit(oracle, swa, trainer=trainer, epochs=4, shuffle=False)
    assert close(trainer.model.state_dict(), oracle.state())
    assert swa.averaged == 4 - epoch


def test_until_the_end_the_model_holds_the_trained_weights(fit, make_trainer):
    def losses(*callbacks):
        torch.manual_seed(0)
        return fit(*callbacks, trainer=make_trainer()).history.history

    assert losses() == losses(SWA(1))


def test_a_constant_rate_from_the_first_averaged_epoch_on(fit):
    trainer = fit(SWA(2, swa_lr=0.03), epochs=4)
    assert trainer.history.history["lr"] == [0.1, 0.1, 0.03, 0.03]


def test_dropout_is_off_and_no_random_number_is_drawn_for_the_statistics(fit, make_trainer):
    class NoteState(Callback):
        def on_train_end(self, logs=None):
            self.state = torch.get_rng_state()

    note, trainer = NoteState(), make_trainer()  # its model has dropout
    fit(note, SWA(1), trainer=trainer)
    assert torch.equal(torch.get_rng_state(), note.state)


def test_norms_that_the_user_froze_keep_their_statistics(fit, make_trainer):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    model[1].eval()
    frozen = copy.deepcopy(dict(model[1].named_buffers()))
    fit(SWA(1), trainer=make_trainer(model))
    assert all(torch.equal(buffer, frozen[name]) for name, buffer in model[1].named_buffers())
    assert int(model[3].num_batches_tracked) == 3


def test_modes_and_momenta_are_put_back(fit, make_trainer):
    model = model_with_norm()
    model[1].momentum = 0.3
    before = [module.training for module in model.modules()]
    fit(SWA(1), trainer=make_trainer(model))
    assert [module.training for module in model.modules()] == before
    assert model[1].momentum == 0.3


def test_inputs_may_be_several_by_name(make_trainer):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = model_with_norm()

        def forward(self, a, b):
            return self.body(a + b)

    x, y = {"a": DATA, "b": DATA}, DATA.sum(dim=1, keepdim=True)
    trainer, oracle = make_trainer(Two()), Oracle(1)
    trainer.fit(x, y, batch_size=4, epochs=3, shuffle=False, callbacks=[oracle, SWA(1)], verbose=0)
    update_bn((2 * DATA).split(4), oracle.averaged.module.body)
    assert close(trainer.model.state_dict(), oracle.averaged.module.state_dict())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_breaks_off_in_an_epoch_keeps_the_trained_weights(fit, crash, make_trainer, error):
    trainer, seen = make_trainer(), []
    note = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(copy.deepcopy(trainer.model.state_dict())))
    with contextlib.suppress(RuntimeError):
        fit(SWA(0), note, crash(step=8, error=error), trainer=trainer)
    assert all(torch.equal(seen[-1][name], value) for name, value in trainer.model.state_dict().items())


def test_a_run_that_is_stopped_ends_with_the_average(fit, make_trainer):
    trainer, oracle, swa = make_trainer(model_with_norm()), Oracle(1), SWA(1)
    stop = LambdaCallback(on_epoch_end=lambda epoch, logs: trainer.stop("enough") if epoch == 2 else None)
    fit(oracle, swa, stop, trainer=trainer, epochs=5, shuffle=False)
    assert close(trainer.model.state_dict(), oracle.state())
    assert swa.averaged == 2


@pytest.mark.parametrize("start", [-1, 0.0, 1.0, 1.5])
def test_a_start_that_is_no_epoch_and_no_fraction_is_refused(start):
    with pytest.raises(ValueError, match="an epoch from 0 on, or a fraction below 1 of the epochs, got"):
        SWA(start)


def test_a_start_after_the_run_fails_before_it(fit, make_trainer):
    trainer = make_trainer()
    with pytest.raises(ValueError, match="SWA starts at epoch 4, and this fit has 3"):
        fit(SWA(3), trainer=trainer)
    assert trainer.state.step == 0


@pytest.mark.parametrize("step", [5, 6, 9, 10])
def test_a_resumed_run_ends_as_a_straight_one(crash_and_resume, step):
    crash_and_resume(lambda folder: [SWA(1, swa_lr=0.05)], step).assert_same()
