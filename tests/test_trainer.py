"""The Trainer's public face: what it promises about itself, apart from the loop and the data."""

import copy
import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from neurokit import EMA, SWA, Callback, CSVLogger, EarlyStopping, LambdaCallback, Metric, ModelCheckpoint, Trainer
from neurokit.seeding import rng_state


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=generator)
    return x, (x[:, 0] > 0).long()


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def trainer(**options) -> Trainer:
    return Trainer(model(), **{"loss": "cross_entropy", "metrics": ["accuracy"], "device": "cpu"} | options)


def test_the_model_stays_the_users_own_module(data):
    own = model()
    keys = list(own.state_dict())
    one = Trainer(own, loss="cross_entropy", device="cpu")
    one.fit(*data, verbose=0)
    assert one.model is own
    assert list(own.state_dict()) == keys


def test_history_holds_a_list_for_each_name(data):
    history = trainer().fit(*data, epochs=3, validation_split=0.25, verbose=0)
    assert sorted(history.history) == ["accuracy", "loss", "lr", "val_accuracy", "val_loss"]
    assert {len(values) for values in history.history.values()} == {3}
    assert history.epoch == [0, 1, 2]
    assert history.stop_reason == "completed"


def test_a_second_fit_keeps_weights_and_data_seed_and_starts_a_new_history(data):
    one = trainer()
    first = one.fit(*data, epochs=2, verbose=0)
    weights, seed = one.model[0].weight.clone(), one.state.seed
    torch.manual_seed(99)
    second = one.fit(*data, epochs=1, verbose=0)
    assert second is not first
    assert second.epoch == [0]
    assert one.state.seed == seed
    assert one.state.step == 2
    assert not torch.equal(one.model[0].weight, weights)


def test_evaluate_equals_a_computation_in_one_piece(data):
    x, y = data
    one = trainer()
    one.fit(x, y, verbose=0)
    one.model.eval()
    with torch.no_grad():
        outputs = one.model(x)
    expected = nn.functional.cross_entropy(outputs, y).item()
    scores = one.evaluate(x, y, batch_size=7)
    assert scores["loss"] == pytest.approx(expected, rel=1e-6)
    assert scores["accuracy"] == pytest.approx((outputs.argmax(1) == y).double().mean().item())


def test_predictions_come_as_numpy_with_one_row_per_input_row(data):
    one = trainer()
    outputs, probabilities, labels = one.predict(data[0]), one.predict_proba(data[0]), one.predict_labels(data[0])
    assert outputs.shape == probabilities.shape == (60, 2)
    assert np.allclose(probabilities.sum(1), 1)
    assert (labels == outputs.argmax(1)).all()
    assert sum(len(batch) for batch in one.predict_batches(data[0], batch_size=16)) == 60


def test_predicting_leaves_modes_as_they_were_between_batches(data):
    one = trainer()
    one.model[3].eval()
    for _ in one.predict_batches(data[0], batch_size=16):
        assert one.model.training
        assert not one.model[3].training


def test_save_and_load_bring_back_a_whole_trainer(data, tmp_path):
    one = trainer()
    history = one.fit(*data, epochs=2, validation_split=0.2, verbose=0)
    one.save(tmp_path / "saved")
    other = trainer()
    other.load(tmp_path / "saved")
    for first, second in zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True):
        assert torch.equal(first, second)
    first, second = one.optimizer.state_dict()["state"], other.optimizer.state_dict()["state"]
    assert all(torch.equal(first[i]["exp_avg"], second[i]["exp_avg"]) for i in first)
    assert other.history.history == history.history
    assert other.record.data_seed == one.record.data_seed
    assert other.evaluate(*data) == one.evaluate(*data)


def test_saving_again_replaces_and_never_a_stranger(data, tmp_path):
    one = trainer()
    one.save(tmp_path / "saved")
    one.fit(*data, verbose=0)
    one.save(tmp_path / "saved")
    other = trainer()
    other.load(tmp_path / "saved")
    assert torch.equal(other.model[0].weight, one.model[0].weight)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"thesis\.txt"):
        one.save(tmp_path / "mine")


def test_loading_another_architecture_changes_nothing(tmp_path):
    one = trainer()
    one.save(tmp_path / "saved")
    other = Trainer(nn.Linear(4, 3), loss="cross_entropy", device="cpu")
    before = other.model.weight.clone()
    with pytest.raises(ValueError, match="missing"):
        other.load(tmp_path / "saved")
    assert torch.equal(other.model.weight, before)


def test_weights_alone_go_through_one_safetensors_file(tmp_path):
    one, other = trainer(), trainer()
    path = one.save_weights(tmp_path / "weights.safetensors")
    other.load_weights(path)
    assert torch.equal(one.model[0].weight, other.model[0].weight)


def test_loading_leaves_the_global_random_streams_alone(data, tmp_path):
    one = trainer()
    one.fit(*data, verbose=0)
    one.save(tmp_path / "saved")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    other = Trainer(one.model, loss="cross_entropy", device="cpu")
    other.load(tmp_path / "saved")
    assert torch.equal(torch.rand(3), expected)


def test_the_record_says_what_was_done(data):
    one = trainer(learning_rate=0.01)
    one.fit(*data, epochs=2, batch_size=16, validation_split=0.25, verbose=0)
    record = json.loads(one.record.to_json())
    assert record["parameters"]["learning_rate"] == 0.01
    assert record["parameters"]["batch_size"] == 16
    assert record["split"]["how"] == "stratified"
    assert len(record["split"]["indices"]) == 15
    assert record["data"]["train"]["rows"] == 45
    assert record["epochs_run"] == 2
    assert record["stop_reason"] == "completed"
    assert record["metrics"]["last"].keys() == one.history.history.keys()
    assert record["task"]["description"] == "multiclass, 2 classes"


def test_summary_prints_layers_shapes_and_what_will_happen(data, capsys):
    one = trainer()
    text = one.summary(data[0])
    printed = capsys.readouterr().out
    assert str(text) in printed
    for expected in ("Linear", "(2, 8)", "Adam", "cross_entropy", "40"):
        assert expected in printed, expected


def test_summary_takes_a_loader_with_batches_of_its_own(data):
    loader = DataLoader(TensorDataset(*data), 5)
    assert "(5, 8)" in trainer().summary(loader)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "crossentropy_"}, None),
        ({"loss": "mes"}, "Did you mean 'mse'"),
        ({"optimizer": "adamm"}, "Did you mean 'adam'"),
        ({"device": "cudda"}, "no device"),
        ({"precision": "fp23"}, "'fp32'"),
        ({"accumulate": 0}, "accumulate is 1 or more"),
        ({"max_grad_norm": -1.0}, "max_grad_norm"),
        ({"learning_rate": -0.1}, "learning_rate"),
        ({"strategy": "dpd"}, "strategy"),
    ],
)
def test_misspelt_arguments_are_answered_with_the_nearest(options, message):
    if message is None:
        assert trainer(**options).criterion.name == "cross_entropy"
        return
    with pytest.raises(ValueError, match=message):
        trainer(**options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs is 1 or more"),
        ({"epochs": 2.5}, TypeError, "epochs is a whole number"),
        ({"batch_size": -1}, ValueError, "batch_size"),
        ({"verbose": 7}, ValueError, "verbose"),
        ({"validation_split": 1.0}, ValueError, "validation_split"),
        ({"callbacks": [print]}, TypeError, "LambdaCallback"),
        ({"class_weight": {0: 1.0}}, ValueError, r"missing \[1\]"),
        ({"batch_size": 1}, ValueError, "BatchNorm"),
    ],
)
def test_a_refused_fit_changes_nothing(data, options, error, message):
    one = trainer()
    weights = {name: value.clone() for name, value in one.model.state_dict().items()}
    rng, history, record = torch.get_rng_state(), one.history, one.record
    with pytest.raises(error, match=message):
        one.fit(*data, **{"verbose": 0} | options)
    assert all(torch.equal(weights[name], value) for name, value in one.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)
    assert one.history is history
    assert one.record is record
    assert all(module.training for module in one.model.modules())


def test_bf16_trains_and_keeps_the_weights_in_fp32(data):
    one = trainer(precision="bf16")
    history = one.fit(*data, epochs=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert one.model[0].weight.dtype is torch.float32


def test_a_global_norm_is_clipped_before_each_update(data):
    x, y = data
    own, theirs = nn.Linear(4, 2), nn.Linear(4, 2)
    theirs.load_state_dict(own.state_dict())
    Trainer(own, loss="cross_entropy", optimizer="sgd", learning_rate=1.0, max_grad_norm=0.01, device="cpu").fit(
        x, y, batch_size=60, shuffle=False, verbose=0
    )
    nn.functional.cross_entropy(theirs(x), y).backward()
    nn.utils.clip_grad_norm_(theirs.parameters(), 0.01)
    torch.optim.SGD(theirs.parameters(), lr=1.0, fused=True).step()
    assert torch.equal(own.weight, theirs.weight)


def test_a_group_that_a_callback_adds_as_an_epoch_begins_learns_from_each_batch_alone(data):
    class Unfreeze(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.bias.requires_grad_(True)
                self.trainer.optimizer.add_param_group({"params": [self.model.bias]})

    x, y = data
    torch.manual_seed(0)
    fitted = nn.Linear(4, 2)
    fitted.bias.requires_grad_(False)
    plain = nn.Linear(4, 2)
    plain.load_state_dict(fitted.state_dict())
    rate = 0.1
    trainer = Trainer(fitted, loss="cross_entropy", optimizer=lambda _: torch.optim.SGD([fitted.weight], lr=rate))
    trainer.fit(x, y, batch_size=20, epochs=2, shuffle=False, callbacks=[Unfreeze()], verbose=0)

    for learns in ([plain.weight], [plain.weight, plain.bias]):
        for rows in torch.arange(len(x)).split(20):
            loss = nn.functional.cross_entropy(plain(torch.as_tensor(x)[rows]), torch.as_tensor(y)[rows])
            gradients = torch.autograd.grad(loss, learns)
            with torch.no_grad():
                for one, gradient in zip(learns, gradients, strict=True):
                    one -= rate * gradient
    assert torch.allclose(fitted.bias, plain.bias, atol=1e-6)
    assert torch.allclose(fitted.weight, plain.weight, atol=1e-6)


class OwnStep(Trainer):
    """The override most people write first: the batch taken apart, loss=None."""

    def train_step(self, batch):
        loss = nn.functional.cross_entropy(self.model(batch.x), batch.y)
        self.runtime.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"own": loss}


def test_an_own_step_gets_the_batch_taken_apart(data):
    history = OwnStep(model(), device="cpu").fit(*data, epochs=2, verbose=0)
    assert sorted(history.history) == ["lr", "own"]


def test_a_monitor_that_an_own_step_never_logs_is_named_after_the_first_epoch(data):
    with pytest.raises(ValueError, match="watches 'loss', and this fit logged"):
        OwnStep(model(), device="cpu").fit(*data, epochs=5, callbacks=[EarlyStopping("loss")], verbose=0)


def test_a_forgotten_loss_is_asked_for(data):
    with pytest.raises(TypeError, match="Is a loss missing"):
        Trainer(nn.Linear(4, 2), device="cpu").fit(*data, verbose=0)


def test_a_mapping_of_one_loss_trains(data):
    class Own(nn.Linear):
        def forward(self, x):
            return {"reconstruction": super().forward(x).pow(2).mean()}

    history = Trainer(Own(4, 2), device="cpu").fit(data[0], epochs=2, verbose=0)
    assert history.history["loss"] == history.history["reconstruction"]


def test_a_fit_inside_a_fit_is_refused(data):
    class Nested(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.trainer.fit(*data, verbose=0)

    one = trainer()
    with pytest.raises(RuntimeError, match="in the middle of a fit"):
        one.fit(*data, callbacks=[Nested()], verbose=0)
    one.fit(*data, verbose=0)


def test_a_model_in_eval_trains_as_a_whole_and_says_so(data, caplog):
    one = trainer()
    one.model.eval()
    one.fit(*data, verbose=0)
    assert "trains as a whole" in caplog.text
    assert not one.model.training


def test_a_layer_replaced_after_the_trainer_was_built_is_named(data, caplog):
    one = trainer()
    one.model[4] = nn.Linear(8, 2)
    one.fit(*data, verbose=0)
    assert "No optimizer holds 4.weight, 4.bias" in caplog.text


def test_a_loader_that_drops_rows_predicts_none_and_evaluates_with_a_note(data, caplog):
    one = trainer()
    one.fit(*data, verbose=0)
    loader = DataLoader(TensorDataset(*data), 7, drop_last=True)
    with pytest.raises(ValueError, match="drops its last rows"):
        one.predict(loader)
    one.evaluate(loader)
    assert "not evaluated" in caplog.text


def test_resume_refuses_other_data_and_names_what_else_is_new(data, tmp_path, caplog):
    trainer().fit(*data, epochs=1, callbacks=[ModelCheckpoint(tmp_path)], verbose=0)
    go_on = {"epochs": 2, "callbacks": [ModelCheckpoint(tmp_path)], "resume": tmp_path, "verbose": 0}
    with pytest.raises(ValueError, match="other data"):
        trainer().fit(data[0] + 1, data[1], **go_on)
    with pytest.raises(ValueError, match="batch_size"):
        trainer().fit(*data, **go_on | {"batch_size": 8, "callbacks": []})
    trainer(learning_rate=0.5).fit(*data, **go_on | {"callbacks": [ModelCheckpoint(tmp_path)]})
    assert "learning_rate=None" in caplog.text


def test_lazy_modules_are_saved_and_loaded(data, tmp_path):
    def lazy():
        return Trainer(nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2)), loss="cross_entropy", device="cpu")

    one, other = lazy(), lazy()
    one.fit(*data, verbose=0)
    one.save(tmp_path / "saved")
    other.load(tmp_path / "saved")
    assert (one.predict(data[0]) == other.predict(data[0])).all()

    third = lazy()
    third.load_weights(one.save_weights(tmp_path / "weights.safetensors"))
    third.load(tmp_path / "saved")
    assert third.optimizer.state_dict()["state"].keys() == one.optimizer.state_dict()["state"].keys()


def contents(one: Trainer) -> dict:
    """All that a refused fit may not change."""
    return copy.deepcopy({"state": one.state_dict(), "rng": rng_state(), "counters": vars(one.state)})


def same(one, other) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (torch.Tensor, np.ndarray)):
        return bool((torch.as_tensor(one) == torch.as_tensor(other)).all())
    return one == other


class NoLoss(Trainer):
    """A loss that cannot be learnt from, found out once a training step has drawn its dropout."""

    broken = False

    def compute_loss(self, batch):
        output = super().compute_loss(batch)
        return output._replace(loss=output.loss.detach()) if self.broken and self.model.training else output


@pytest.mark.parametrize("fitted", [False, True])
def test_a_fit_that_is_refused_in_its_first_step_leaves_everything_as_it_was(data, fitted):
    one = NoLoss(model(), loss="cross_entropy", metrics=["accuracy"], device="cpu")
    if fitted:
        one.fit(*data, epochs=2, verbose=0)
    before, history, record, one.broken = contents(one), one.history, one.record, True
    with pytest.raises(ValueError, match="The loss has no gradient"):
        one.fit(*data, epochs=3, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    assert same(before, contents(one))
    assert one.history is history
    assert one.record is record
    assert one.criterion.class_weight is None


def test_a_fit_that_a_callback_refuses_leaves_everything_as_it_was_and_writes_no_file(data, tmp_path):
    one = trainer()
    one.fit(*data, verbose=0)
    before, history = contents(one), one.history
    callbacks = [CSVLogger(tmp_path / "log.csv"), ModelCheckpoint(tmp_path / "run"), EarlyStopping("val_los")]
    with pytest.raises(ValueError, match="Did you mean 'val_loss'"):
        one.fit(*data, validation_split=0.25, callbacks=callbacks, verbose=0)
    assert same(before, contents(one))
    assert one.history is history
    assert not list(tmp_path.iterdir())


def test_a_fit_that_fails_later_keeps_what_it_did(data):
    def fail(batch, logs):
        if batch == 1:
            raise ValueError("later")

    one = trainer()
    with pytest.raises(ValueError, match="later"):
        one.fit(*data, batch_size=10, callbacks=[LambdaCallback(on_train_batch_end=fail)], verbose=0)
    assert one.state.updates == 2
    assert one.history.stop_reason == "ValueError: later"


def test_a_fit_that_fails_after_its_first_step_keeps_what_it_did(data):
    class Stepped(Trainer):
        def train_step(self, batch):
            super().train_step(batch)
            raise ValueError("after the step")

    one = Stepped(model(), loss="cross_entropy", device="cpu")
    with pytest.raises(ValueError, match="after the step"):
        one.fit(*data, verbose=0)
    assert one.history.stop_reason == "ValueError: after the step"


def test_a_refused_fit_that_would_have_averaged_is_taken_back_too(data):
    one = trainer()
    before = contents(one)
    with pytest.raises(ValueError, match="watches 'val_loss'"):
        one.fit(*data, callbacks=[EMA(), SWA(0), EarlyStopping()], epochs=2, verbose=0)
    assert same(before, contents(one))


def test_metrics_refuse_the_first_batch_before_a_step_is_made(data):
    one = trainer(metrics=[Metric(lambda y_true, y_pred: 0.5, name="half")])
    before = contents(one)
    with pytest.raises(ValueError, match="'half' has no parameter sample_weight"):
        one.fit(*data, sample_weight=torch.ones(60), verbose=0)
    assert same(before, contents(one))


def test_metrics_given_by_an_iterator_are_computed_in_every_fit(data):
    one = trainer(metrics=(name for name in ["accuracy", "f1"]))
    assert {"accuracy", "f1"} <= one.fit(*data, verbose=0).history.keys()
    assert {"accuracy", "f1"} <= one.fit(*data, verbose=0).history.keys()


def test_parameters_that_no_checkpoint_can_hold_are_named(data, caplog):
    own, temperature = model(), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([*own.parameters(), temperature], lr=0.1)
    Trainer(own, loss="cross_entropy", optimizer=optimizer, device="cpu").fit(*data, verbose=0)
    assert "1 parameter tensors, the first of shape (1,), that are neither the model's" in caplog.text
    assert "model.temperature = parameter" in caplog.text


def test_half_precision_on_the_cpu_is_said_to_be_slow(caplog):
    trainer(precision="fp16")
    assert "precision='fp16' on the CPU is slower than fp32" in caplog.text
    caplog.clear()
    trainer(precision="bf16")
    assert caplog.text == ""


@pytest.mark.parametrize("callbacks", [None, (), LambdaCallback(), iter([LambdaCallback()])])
def test_callbacks_may_be_none_one_or_any_iterable_everywhere(data, callbacks):
    one = trainer()
    assert one.evaluate(*data, callbacks=callbacks)["loss"] > 0
    assert len(one.predict(data[0], callbacks=callbacks if callbacks is None else ())) == 60


def test_predict_batches_refuses_at_once_and_not_when_it_is_read(data):
    with pytest.raises(ValueError, match="batch_size is 1 or more"):
        trainer().predict_batches(data[0], batch_size=0)


def test_a_model_may_be_traced_back_from_what_was_passed_for_one():
    layers = [nn.Linear(4, 3)]
    for wrong, mend in (
        (layers, r"nn.Sequential\(\*layers\)"), (nn.Linear(4, 3).state_dict(), "model.load_state_dict"),
        (lambda x: x, "the forward of a class"), (None, r"nn.Linear\(4, 3\)"), (nn.Linear, r"Pass Linear\(...\)"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=f"model is .*{mend}"):
            Trainer(wrong)
