"""The loop against the loop anyone would write: the same weights, bit for bit; and every way out of it."""

import os
import signal
import threading

import pytest
import torch
from torch import nn

from neurokit import Callback, NonFiniteLoss, Trainer
from neurokit.loop import BatchLogs
from neurokit.means import RunningMeans
from neurokit.metrics import MetricSet
from neurokit.seeding import order
from neurokit.task import Task


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def deep() -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
    )


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 4, 3, padding=1)
        self.head = nn.Linear(4 * 6, 3)

    def forward(self, x):
        return self.head(torch.relu(self.convolution(x.unsqueeze(1))).flatten(1))


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, fused=True),
    "sgd with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True),
}


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 6, generator=generator), torch.randint(0, 3, (50,), generator=generator)


def plain_loop(model, optimizer, x, y, *, epochs, batch_size, seed) -> list[float]:
    """The loop of any textbook, in neurokit's order."""
    criterion, losses = nn.CrossEntropyLoss(), []
    model.train()
    for epoch in range(epochs):
        total = torch.zeros((), dtype=torch.float64)
        for rows in order(len(x), seed, epoch).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach().double() * len(rows)
        losses.append(float(total / len(x)))
    return losses


def assert_same_weights(first: nn.Module, second: nn.Module, tolerance: float = 0.0) -> None:
    for name, weight in first.state_dict().items():
        other = second.state_dict()[name]
        assert (
            torch.equal(weight, other) if tolerance == 0 else torch.allclose(weight, other, rtol=0, atol=tolerance)
        ), name


@pytest.mark.parametrize("make", [mlp, deep, Convolutional])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fit_ends_with_the_weights_of_the_plain_loop_bit_for_bit(data, make, optimizer):
    torch.manual_seed(3)
    ours, theirs = make(), make()
    theirs.load_state_dict(ours.state_dict())

    torch.manual_seed(7)
    expected = plain_loop(theirs, OPTIMIZERS[optimizer](theirs.parameters()), *data, epochs=4, batch_size=16, seed=7)
    torch.manual_seed(7)
    trainer = Trainer(ours, loss="cross_entropy", optimizer=OPTIMIZERS[optimizer], device="cpu")
    history = trainer.fit(*data, epochs=4, batch_size=16, verbose=0)

    assert_same_weights(ours, theirs)
    assert history.history["loss"] == pytest.approx(expected, rel=1e-12)


def test_the_optimizer_by_name_is_the_fused_one():
    trainer = Trainer(mlp(), loss="cross_entropy", optimizer="adam", device="cpu")
    assert trainer.optimizer.param_groups[0]["fused"] is True


@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_micro_batches_end_with_the_weights_of_one_big_batch(data, accumulate):
    x, y = data[0][:26], data[1][:26]  # 7 micro-batches of 4 and 2: uneven, and the last window is partly filled
    torch.manual_seed(1)
    small, large = mlp(), mlp()
    large.load_state_dict(small.state_dict())
    sgd = {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9), "device": "cpu"}
    Trainer(small, loss="cross_entropy", accumulate=accumulate, **sgd).fit(
        x, y, batch_size=4, epochs=3, shuffle=False, verbose=0
    )
    Trainer(large, loss="cross_entropy", **sgd).fit(x, y, batch_size=4 * accumulate, epochs=3, shuffle=False, verbose=0)
    assert_same_weights(small, large, tolerance=1e-6)


def test_training_puts_the_modes_back_and_keeps_what_was_frozen(data):
    model = deep()
    model[1].eval()
    before = model[1].running_mean.clone()
    Trainer(model, loss="cross_entropy", device="cpu").fit(*data, verbose=0)
    assert torch.equal(model[1].running_mean, before)
    assert model.training
    assert not model[1].training
    assert model[3].training


def test_a_loss_that_is_not_finite_names_its_first_step_after_everything_is_closed(data):
    x, y = data[0].clone(), torch.randn(50, 1)
    x[33] = 1e30  # whose square is infinite; unshuffled in batches of 10: batch 4 of the first epoch
    closed = []

    class Closing(Callback):
        def on_train_end(self, logs=None):
            closed.append(self.trainer.history.stop_reason)

    trainer = Trainer(nn.Linear(6, 1), loss="mse", device="cpu")
    with pytest.raises(NonFiniteLoss, match="inf since batch 4 of epoch 1") as caught:
        trainer.fit(x, y, batch_size=10, shuffle=False, epochs=3, callbacks=[Closing()], verbose=0)
    assert (caught.value.epoch, caught.value.batch) == (0, 3)
    assert closed == [trainer.history.stop_reason]
    assert closed[0].startswith("NonFiniteLoss")


class Interrupt(Callback):
    """A real Ctrl-C, sent to this process in the middle of an epoch."""

    def __init__(self) -> None:
        self.ended = 0

    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.epoch == 1 and batch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    def on_train_end(self, logs=None):
        self.ended += 1


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_ctrl_c_returns_the_history_of_the_epochs_that_were_done(data):
    callback, model = Interrupt(), deep()
    history = Trainer(model, loss="cross_entropy", device="cpu").fit(*data, epochs=5, callbacks=[callback], verbose=0)
    assert history.stop_reason == "interrupted"
    assert history.epoch == [0]
    assert callback.ended == 1
    assert all(module.training for module in model.modules())


def test_stop_ends_after_the_present_batch_and_the_broken_epoch_still_validates(data):
    seen = []

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            if len(seen) == 2:
                self.trainer.stop("enough")

    trainer = Trainer(mlp(), loss="cross_entropy", device="cpu")
    history = trainer.fit(*data, batch_size=10, epochs=5, validation_data=data, callbacks=[Stop()], verbose=0)
    assert seen == [0, 1]
    assert history.stop_reason == "enough"
    assert len(history.history["val_loss"]) == 1


def test_an_exception_in_a_callback_propagates_with_its_place_and_the_others_still_close(data):
    ended = []

    class Breaks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("mine")

        def on_train_end(self, logs=None):
            raise RuntimeError("later")

    class Closes(Callback):
        def on_train_end(self, logs=None):
            ended.append(True)

    model = deep()
    with pytest.raises((KeyError, RuntimeError)) as caught:
        Trainer(model, loss="cross_entropy", device="cpu").fit(*data, callbacks=[Breaks(), Closes()], verbose=0)
    assert isinstance(caught.value, KeyError)
    assert any("Breaks.on_epoch_end" in note for note in caught.value.__notes__)
    assert ended == [True]
    assert model.training


def test_keras_stop_flag_is_refused_by_name(data):
    class KerasStyle(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    with pytest.raises(AttributeError, match=r"self\.trainer\.stop"):
        Trainer(mlp(), loss="cross_entropy", device="cpu").fit(*data, callbacks=[KerasStyle()], verbose=0)


def test_hooks_come_in_the_order_of_keras(data):
    events = []

    def note(name):
        return lambda self, *arguments: events.append((name, *[a for a in arguments if isinstance(a, int)]))

    names = [name for name in dir(Callback) if name.startswith("on_")]
    recorder = type("Recorder", (Callback,), {name: note(name) for name in names})()
    trainer = Trainer(mlp(), loss="cross_entropy", device="cpu")
    validation = (data[0][:25], data[1][:25])
    trainer.fit(*data, batch_size=25, epochs=1, validation_data=validation, callbacks=[recorder], verbose=0)
    assert events == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 0),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1),
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0),
        ("on_test_end",),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]


def test_batch_logs_are_running_means_that_are_computed_when_read(data):
    read = []

    class Reader(Callback):
        def on_train_batch_end(self, batch, logs=None):
            read.append(dict(logs))

    trainer = Trainer(mlp(), loss="cross_entropy", metrics=["accuracy"], device="cpu")
    history = trainer.fit(*data, batch_size=20, callbacks=[Reader()], verbose=0)
    assert len(read) == 3
    assert read[-1] == {"loss": history.history["loss"][0], "accuracy": history.history["accuracy"][0]}


def test_steps_per_epoch_goes_on_where_the_last_epoch_stopped():
    x = torch.arange(12.0).reshape(-1, 1)
    seen = []

    class Watching(nn.Linear):
        def forward(self, x):
            if self.training:
                seen.append(x.flatten().int().tolist())
            return super().forward(x)

    trainer = Trainer(Watching(1, 1), loss="mse", device="cpu")
    trainer.fit(x, x, batch_size=2, shuffle=False, epochs=4, steps_per_epoch=2, verbose=0)
    expected = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11], [0, 1], [2, 3]]
    assert seen == expected


def test_a_one_shot_generator_that_runs_dry_says_so():
    x = torch.randn(8, 1)

    def batches(count):
        for _ in range(count):
            yield x, x

    trainer = Trainer(nn.Linear(1, 1), loss="mse", device="cpu")
    with pytest.raises(ValueError, match="one-shot iterator: after its end"):
        trainer.fit(batches(4), epochs=2, verbose=0)
    with pytest.raises(ValueError, match="ended after 4 batches, in epoch 2"):
        trainer.fit(batches(4), epochs=3, steps_per_epoch=3, verbose=0)
    assert trainer.history.epoch == [0]


def test_batch_logs_that_have_arrived_are_those_of_the_look_before_where_reading_would_wait():
    means, metrics = (
        RunningMeans(torch.device("cpu")),
        MetricSet.resolve(["accuracy"], Task("multiclass", "softmax", 2)),
    )
    logs = BatchLogs(means, metrics)
    logs.waits = True  # as on a GPU

    assert logs.arrived() == {}
    for loss, label in ((1.0, 0), (3.0, 1)):
        means.add({"loss": torch.tensor(loss)}, rows=1)
        metrics.update(torch.tensor([[1.0, 0.0]]), torch.tensor([label]))
        logs.arrived()

    assert logs.arrived() == {"loss": 2.0, "accuracy": 0.5}
    assert logs.arrived() == dict(logs.items())


def test_batch_logs_of_several_outputs_arrive_by_their_names():
    tasks = {"kind": Task("multiclass", "softmax", 2), "size": Task("regression", None, 1)}
    means, metrics = (
        RunningMeans(torch.device("cpu")),
        MetricSet.resolve({"kind": ["accuracy"], "size": ["mae"]}, tasks),
    )
    logs = BatchLogs(means, metrics)
    logs.waits = True
    assert logs.arrived() == {}
    for label in (0, 1):
        means.add({"loss": torch.tensor(1.0)}, rows=1)
        predictions = {"kind": torch.tensor([[1.0, 0.0]]), "size": torch.tensor([[2.0]])}
        metrics.update(predictions, {"kind": torch.tensor([label]), "size": torch.tensor([[float(label)]])})
        logs.arrived()

    assert logs.arrived() == {"loss": 1.0, "kind_accuracy": 0.5, "size_mae": 1.5}
    assert logs.arrived() == dict(logs.items())


def test_batch_logs_arrive_without_metrics_too():
    means = RunningMeans(torch.device("cpu"))
    logs = BatchLogs(means, MetricSet.resolve((), Task()))
    logs.waits = True
    means.add({"loss": 1.0}, rows=1)

    assert [logs.arrived(), logs.arrived()] == [{}, {"loss": 1.0}]


@pytest.mark.parametrize("first", ["none", "some"])
def test_rows_that_are_ignored_count_nothing_whatever_was_evaluated_before(first: str) -> None:
    x, y = torch.randn(40, 6), torch.arange(40) % 3
    rows = {"none": y, "some": torch.where(torch.arange(40) < 25, y, -100)}
    trainer = Trainer(mlp(), loss="cross_entropy", metrics=["accuracy", "f1", "log_loss"], device="cpu")
    trainer.fit(x, rows["some"], epochs=1, verbose=0)

    trainer.evaluate(x, rows[first])
    found, alone = trainer.evaluate(x, rows["some"]), trainer.evaluate(x[:25], y[:25])

    assert found == pytest.approx(alone, abs=1e-6)
    assert trainer.evaluate(x, y)["accuracy"] == pytest.approx((trainer.predict_labels(x) == y.numpy()).mean())


class Masked(Trainer):
    """Ignores rows that its own step chooses, as a model of masked tokens does: the data given hold none."""

    def compute_loss(self, batch):
        return super().compute_loss(batch._replace(y=batch.y.masked_fill(batch.x[:, 0] > 0, -100)))


def test_what_a_step_of_the_users_own_ignores_counts_in_no_metric() -> None:
    x, y = torch.randn(60, 6), torch.arange(60) % 3
    trainer = Masked(mlp(), loss="cross_entropy", metrics=["accuracy", "f1"], learning_rate=1e-9, device="cpu")

    history = trainer.fit(x, y, epochs=1, verbose=0)

    found, right = trainer.evaluate(x, y), (trainer.predict(x).argmax(1) == y.numpy())[x[:, 0] <= 0]
    assert found["accuracy"] == pytest.approx(right.mean())
    assert {name: values[0] for name, values in history.history.items() if name in found} == pytest.approx(
        found, abs=1e-6
    )
