from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import neurokit as nk
from neurokit.transfer import fine_tune, freeze, regroup, replace_head

X = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
Y = torch.arange(64) % 3


def _model() -> nn.Sequential:
    torch.manual_seed(5)
    body = [
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
    ]
    return nn.Sequential(*body, nn.Linear(8, 3))


def _trainer(model: nn.Module | None = None, **arguments: Any) -> nk.Trainer:
    arguments = {"loss": "cross_entropy", "metrics": ["accuracy"], "device": "cpu", "learning_rate": 0.01} | arguments
    return nk.Trainer(_model() if model is None else model, **arguments)


def _values(model: nn.Module) -> dict[str, Tensor]:
    return {name: one.clone() for name, one in model.state_dict().items()}


class _Watch(nk.Callback):
    """Notes at each epoch's end what moved since the phase began, what may learn, and the rates."""

    def __init__(self) -> None:
        self.phases: list[dict[str, Any]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.before = _values(self.model)

    def on_train_end(self, logs: Any = None) -> None:
        now = self.model.state_dict()
        optimizer = self.trainer.optimizer
        names = {one: name for name, one in self.model.named_parameters()}
        self.phases.append(
            {
                "moved": {name for name in now if not torch.equal(now[name], self.before[name])},
                "trainable": {name for name, one in self.model.named_parameters() if one.requires_grad},
                "rates": {names[one]: group["lr"] for group in optimizer.param_groups for one in group["params"]},
                "record": dict(self.trainer.record.parameters["fine_tune"]),
            }
        )


def test_the_head_learns_first_alone_and_then_all_with_lower_rates_below() -> None:
    trainer, watch = _trainer(), _Watch()
    every = set(trainer.model.state_dict())
    history = fine_tune(trainer, X, Y, head_epochs=2, full_epochs=3, decay=0.5, callbacks=[watch], verbose=0)
    first, second = watch.phases
    assert first["moved"] == first["trainable"] == {"7.weight", "7.bias"}  # no statistics among them
    assert second["moved"] == every
    assert first["rates"]["7.weight"] == 0.01
    assert [second["rates"][name] for name in ("7.bias", "4.weight", "3.weight", "0.weight")] == [
        0.01,
        0.005,
        0.005,
        0.0025,
    ]
    assert history.epoch == [0, 1, 2, 3, 4]
    assert [phase.epoch for phase in history.phases] == [[0, 1], [0, 1, 2]]
    assert history.history["loss"] == history.phases[0].history["loss"] + history.phases[1].history["loss"]
    assert history.best("loss").epoch == min(range(5), key=history.history["loss"].__getitem__)
    assert (history.head, history.stop_reason) == (["7"], "completed")
    assert len(history.to_frame()) == 5


def test_each_phase_is_the_fit_one_would_have_written() -> None:
    trainer, twin = _trainer(), _trainer()
    nk.seed_everything(3)
    fine_tune(trainer, X, Y, head_epochs=1, full_epochs=2, decay=0.5, verbose=0)
    nk.seed_everything(3)
    freeze(twin.model, until="7")
    twin.fit(X, Y, epochs=1, verbose=0)
    nk.transfer.unfreeze(twin.model)
    regroup(twin.optimizer, twin.model, decay=0.5)
    twin.fit(X, Y, epochs=2, verbose=0)
    assert all(torch.equal(one, twin.model.state_dict()[name]) for name, one in trainer.model.state_dict().items())


def test_both_phases_validate_on_the_same_rows() -> None:
    splits: list[Any] = []

    class Notes(nk.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            splits.append(self.trainer.record.split)

    history = fine_tune(_trainer(), X, Y, validation_split=0.25, callbacks=[Notes()], verbose=0)
    assert len(splits) == 2
    assert splits[0] is not None
    assert splits[0] == splits[1]
    assert len(history.history["val_loss"]) == 4


def test_the_record_says_what_happened_in_both_phases(tmp_path: Path) -> None:
    trainer = _trainer()
    folder = tmp_path / "run"
    fine_tune(trainer, X, Y, validation_data=(X, Y), callbacks=[nk.ModelCheckpoint(folder)], verbose=0)
    assert "fine_tune" not in trainer.arguments  # another fit is none of its phases
    for record in (trainer.record, nk.RunRecord.load(folder / "run.json")):
        told = record.parameters["fine_tune"]
        assert [one["class"] for one in record.parameters["callbacks"]] == ["ModelCheckpoint"]
        assert json.loads(json.dumps(told)) == told
        assert (told["head"], told["head_epochs"], told["full_epochs"], told["phase"]) == (["7"], 1, 3, "full")
        assert told["learning_rates"]["7"] == 0.01
        assert told["first_phase"]["epochs_run"] == 1
        assert told["first_phase"]["trainable"] == 27
        assert "val_accuracy" in told["first_phase"]["metrics"]["last"]
    assert record.model["trainable"] == record.model["parameters"]


def test_a_checkpoint_of_the_second_phase_is_taken_back_by_this_trainer_and_by_a_regrouped_one(tmp_path: Path) -> None:
    trainer, folder = _trainer(), tmp_path / "run"
    fine_tune(trainer, X, Y, callbacks=[nk.ModelCheckpoint(folder)], verbose=0)
    after = _values(trainer.model)
    other = _trainer()
    with pytest.raises(ValueError, match=r"nk\.transfer\.regroup\(trainer\.optimizer, trainer\.model\) before"):
        other.load(folder)
    regroup(other.optimizer, other.model)
    for one in (trainer, other):
        one.load(folder)
        torch.manual_seed(7)  # of dropout
        one.fit(X, Y, verbose=0)
    assert not torch.equal(after["0.weight"], trainer.model[0].weight)
    pairs = zip(trainer.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)


def test_modes_and_what_may_learn_are_as_they_were() -> None:
    trainer = _trainer()
    trainer.model[4].eval()
    modes = [one.training for one in trainer.model.modules()]
    fine_tune(trainer, X, Y, verbose=0)
    assert [one.training for one in trainer.model.modules()] == modes
    assert all(one.requires_grad for one in trainer.model.parameters())


def test_a_model_that_arrived_in_eval_keeps_its_statistics_in_the_first_phase_and_stays_in_eval() -> None:
    trainer, watch = _trainer(), _Watch()
    trainer.model.eval()
    fine_tune(trainer, X, Y, callbacks=[watch], verbose=0)
    assert watch.phases[0]["moved"] == {"7.weight", "7.bias"}
    assert "1.running_mean" in watch.phases[1]["moved"]
    assert not any(one.training for one in trainer.model.modules())


def test_what_kept_still_before_does_so_afterwards_and_nothing_else() -> None:
    trainer, watch = _trainer(), _Watch()
    freeze(trainer.model, until="3")  # the first BatchNorm, and not the second
    trainer.model.train()
    fine_tune(trainer, X, Y, callbacks=[watch], verbose=0)
    assert watch.phases[0]["moved"] == {"7.weight", "7.bias"}
    assert not {"0.weight", "1.running_mean"} & watch.phases[1]["moved"]
    assert "4.running_mean" in watch.phases[1]["moved"]
    before = _values(trainer.model)
    trainer.model.train()
    trainer.model(X)
    moved = {name for name, one in trainer.model.state_dict().items() if not torch.equal(one, before[name])}
    assert moved == {"4.running_mean", "4.running_var", "4.num_batches_tracked"}


def test_what_the_user_froze_stays_frozen_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    trainer, watch = _trainer(), _Watch()
    freeze(trainer.model, "0")
    with caplog.at_level(logging.WARNING):
        fine_tune(trainer, X, Y, callbacks=[watch], verbose=0)
    assert not watch.phases[1]["moved"] & {"0.weight", "0.bias"}
    assert "3.weight" in watch.phases[1]["moved"]
    assert "stay so, 0.weight first" in caplog.text
    assert not trainer.model[0].weight.requires_grad


def test_where_all_below_the_head_was_frozen_the_second_phase_thaws_it_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer, watch = _trainer(), _Watch()
    freeze(trainer.model, depth=-1)
    with caplog.at_level(logging.WARNING):
        fine_tune(trainer, X, Y, callbacks=[watch], verbose=0)
    assert watch.phases[1]["moved"] == set(trainer.model.state_dict())
    assert "the second trains it" in caplog.text


class _Fails(nk.Callback):
    def __init__(self, phase: int) -> None:
        self.phase, self.begun = phase, 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.begun += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.begun == self.phase:
            raise RuntimeError("broken")


@pytest.mark.parametrize("phase", [1, 2])
def test_flags_modes_and_groups_are_put_back_when_a_phase_raises(phase: int) -> None:
    trainer = _trainer()
    trainer.model[1].eval()
    trainer.model[0].requires_grad_(False)
    flags = [one.requires_grad for one in trainer.model.parameters()]
    modes = [one.training for one in trainer.model.modules()]
    groups = [(group, dict(group)) for group in trainer.optimizer.param_groups]
    with pytest.raises(RuntimeError, match="broken"):
        fine_tune(trainer, X, Y, callbacks=[_Fails(phase)], learning_rate=0.5, verbose=0)
    assert [one.requires_grad for one in trainer.model.parameters()] == flags
    assert [one.training for one in trainer.model.modules()] == modes
    assert all(
        one is group and one == values
        for one, (group, values) in zip(trainer.optimizer.param_groups, groups, strict=True)
    )


def test_a_schedule_runs_anew_in_each_phase_from_the_rates_of_the_phase() -> None:
    class Rates(nk.Callback):
        def __init__(self) -> None:
            self.seen: list[list[float]] = []

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 0 and self.trainer.state.epoch == 0:
                self.seen.append([group["lr"] for group in self.trainer.optimizer.param_groups])

    trainer, rates = _trainer(), Rates()
    schedule = nk.LRSchedule("CosineAnnealingLR")
    fine_tune(trainer, X, Y, full_epochs=2, decay=0.5, callbacks=[schedule, rates], verbose=0)
    assert rates.seen == [[0.01], [0.01, 0.005, 0.0025]]
    fine_tune(trainer, X, Y, decay=0.5, callbacks=[schedule], verbose=0)
    assert [group["scheduled_lr"][0] for group in trainer.optimizer.param_groups] == [0.01, 0.005, 0.0025]
    bound = nk.LRSchedule(torch.optim.lr_scheduler.StepLR(trainer.optimizer, 1))
    with pytest.raises(ValueError, match="'StepLR'"):
        fine_tune(trainer, X, Y, callbacks=[bound], verbose=0)


def test_a_loader_and_optimizers_by_submodule_are_tuned_as_well() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
            self.fc = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.body(x))

    trainer = _trainer(Net(), optimizer={"body": "sgd", "fc": "adam"})
    history = fine_tune(trainer, DataLoader(TensorDataset(X, Y), 16, shuffle=True), decay=0.5, verbose=0)
    assert [group["lr"] for group in trainer.optimizer["body"].param_groups] == [0.005, 0.0025]
    assert [group["lr"] for group in trainer.optimizer["fc"].param_groups] == [0.01]
    assert not any(map(math.isnan, history.history["loss"]))


@pytest.mark.parametrize(("head", "full"), [(0, 2), (2, 0)])
def test_either_phase_can_be_left_out(head: int, full: int) -> None:
    history = fine_tune(_trainer(), X, Y, head_epochs=head, full_epochs=full, verbose=0)
    assert len(history.phases) == 1
    assert history.epoch == [0, 1]


def test_an_interrupt_in_the_first_phase_leaves_out_the_second() -> None:
    class Stops(nk.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.trainer.stop("interrupted")

    trainer = _trainer()
    history = fine_tune(trainer, X, Y, head_epochs=3, callbacks=[Stops()], verbose=0)
    assert (history.epoch, history.stop_reason) == ([0], "interrupted")
    assert all(one.requires_grad for one in trainer.model.parameters())


class _Lonely(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + self.b(x)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"epochs": 3}, TypeError, "head_epochs=1, full_epochs=10"),
        ({"resume": "runs"}, TypeError, "transfer.regroup"),
        ({"batchsize": 3}, TypeError, "batch_size"),
        ({"head_epoch": 3}, TypeError, "head_epochs"),
        ({"head_epochs": -1}, ValueError, "head_epochs is 0 or more"),
        ({"head_epochs": 0, "full_epochs": 0}, ValueError, "both 0"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate"),
        ({"decay": 2}, ValueError, "decay"),
        ({"head": "fc"}, ValueError, "no part named 'fc'"),
        ({"head": "2"}, ValueError, "no parameters"),
    ],
)
def test_mistakes_are_refused_before_anything_changes(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    trainer = _trainer()
    before = _values(trainer.model)
    with pytest.raises(error, match=words):
        fine_tune(trainer, X, Y, verbose=0, **given)
    assert all(torch.equal(one, before[name]) for name, one in trainer.model.state_dict().items())
    assert [len(group["params"]) for group in trainer.optimizer.param_groups] == [10]


def test_what_cannot_be_tuned_says_why() -> None:
    with pytest.raises(TypeError, match=r"takes a Trainer, and got a Sequential.*nk\.Trainer\(model"):
        fine_tune(_model(), X, Y)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gives its batches once"):
        fine_tune(_trainer(), iter([(X, Y)]), verbose=0)
    with pytest.raises(ValueError, match="head='b'"):
        fine_tune(_trainer(_Lonely()), X, Y, verbose=0)
    with pytest.raises(ValueError, match="LBFGS"):
        fine_tune(_trainer(optimizer="lbfgs"), X, Y, verbose=0)
    trainer = _trainer()
    replace_head(trainer.model, 3)
    with pytest.raises(ValueError, match="Replace the head first"):
        fine_tune(trainer, X, Y, verbose=0)
    history = fine_tune(_trainer(_Lonely()), X, Y, head="b", verbose=0)
    assert history.head == ["b"]


def test_a_second_phase_that_is_resumed_still_tells_of_the_first(tmp_path: Path) -> None:
    x, y = torch.randn(40, 4), torch.arange(40) % 2

    def trainer() -> nk.Trainer:
        return nk.Trainer(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), loss="cross_entropy")

    first = trainer()
    fine_tune(first, x, y, head_epochs=1, full_epochs=1, callbacks=[nk.ModelCheckpoint(tmp_path / "run")], verbose=0)
    again = trainer()
    regroup(again.optimizer, again.model)

    again.fit(x, y, epochs=2, callbacks=[nk.ModelCheckpoint(tmp_path / "run")], resume=tmp_path / "run", verbose=0)

    assert again.record.parameters["fine_tune"] == first.record.parameters["fine_tune"]
