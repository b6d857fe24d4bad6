import copy
import json
import math
import os
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn

from neurokit import checkpoint
from neurokit.callbacks import EMA, Callback, LambdaCallback, ModelCheckpoint
from neurokit.checkpoint.files import beside
from neurokit.record import RunRecord

NAN = math.nan


def steps(folder):
    return sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))


def test_each_epoch_is_written_and_the_newest_are_kept(fit, tmp_path):
    checkpoints = ModelCheckpoint(tmp_path / "a" / "run", keep=2)
    fit(checkpoints, validate=False, epochs=4)
    assert steps(tmp_path / "a" / "run") == [9, 12]
    assert checkpoints.last_path == tmp_path / "a" / "run" / "step-00000012"
    assert checkpoint.newest(tmp_path / "a" / "run") == checkpoints.last_path
    assert sorted(path.name for path in (tmp_path / "a" / "run").iterdir()) == [
        "run.json", "step-00000009", "step-00000012"]  # fmt: skip


def test_without_validation_there_is_no_best(fit, tmp_path):
    checkpoints = ModelCheckpoint(tmp_path)
    fit(checkpoints, validate=False)
    assert (checkpoints.best, checkpoints.best_path) == (None, None)


def test_the_best_is_kept_however_old_it_is(fit, follow, make_trainer, tmp_path):
    trainer, seen = make_trainer(), []
    checkpoints = ModelCheckpoint(tmp_path, keep=1)
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(copy.deepcopy(trainer.model.state_dict())))
    fit(follow([0.5, 0.1, 0.4, 0.3]), note, checkpoints, trainer=trainer, epochs=4)
    assert steps(tmp_path) == [6, 12]
    assert (checkpoints.best, checkpoints.best_path) == (0.1, tmp_path / "step-00000006")
    best = make_trainer()
    best.load(checkpoints.best_path)
    assert all(torch.equal(seen[1][name], value) for name, value in best.model.state_dict().items())


def test_a_best_that_was_beaten_is_deleted(fit, follow, tmp_path):
    fit(follow([0.5, 0.6, 0.1, 0.4]), ModelCheckpoint(tmp_path, keep=1), epochs=4)
    assert steps(tmp_path) == [9, 12]


def test_the_direction_comes_from_the_metric(fit, follow, make_trainer, tmp_path):
    checkpoints = ModelCheckpoint(tmp_path, monitor="val_r2", keep=1)
    fit(follow([0.5, 0.9, 0.1], "val_r2"), checkpoints, trainer=make_trainer(metrics=["r2"]))
    assert (checkpoints.best, checkpoints.best_path.name) == (0.9, "step-00000006")


def test_a_misspelt_monitor_fails_before_the_first_step(fit, make_trainer, tmp_path):
    trainer = make_trainer()
    with pytest.raises(ValueError, match=r"ModelCheckpoint watches 'val_los'.*Did you mean 'val_loss'"):
        fit(ModelCheckpoint(tmp_path, monitor="val_los"), trainer=trainer)
    assert trainer.state.step == 0
    assert list(tmp_path.iterdir()) == []


def test_nan_is_never_the_best(fit, follow, tmp_path):
    checkpoints = ModelCheckpoint(tmp_path)
    fit(follow([NAN, 0.5, NAN]), checkpoints)
    assert (checkpoints.best, checkpoints.best_path.name) == (0.5, "step-00000006")


def test_a_best_has_to_beat_the_threshold(fit, follow, tmp_path):
    checkpoints = ModelCheckpoint(tmp_path, save_best_only=True, initial_value_threshold=0.3)
    fit(follow([0.5, 0.4, 0.2]), checkpoints)
    assert (steps(tmp_path), checkpoints.best) == ([9], 0.2)


def test_save_best_only_writes_improving_epochs(fit, follow, tmp_path):
    fit(follow([0.5, 0.6, 0.4, 0.5]), ModelCheckpoint(tmp_path, save_best_only=True), epochs=4)
    assert steps(tmp_path) == [3, 9]


def test_save_best_only_still_saves_every_so_many_batches(fit, follow, tmp_path):
    fit(follow([0.5, 0.6, 0.7]), ModelCheckpoint(tmp_path, save_best_only=True, save_every=3, keep=9))
    assert steps(tmp_path) == [3, 6, 9]


def test_save_best_only_needs_something_to_be_the_best_of(fit, tmp_path):
    with pytest.raises(ValueError, match="save_best_only=True, and without validation there is no best"):
        fit(ModelCheckpoint(tmp_path, save_best_only=True), validate=False)


def test_save_every_writes_in_the_middle_of_epochs(fit, tmp_path):
    fit(ModelCheckpoint(tmp_path, save_every=2, keep=9))
    assert steps(tmp_path) == [2, 3, 4, 6, 8, 9]
    state = checkpoint.read(tmp_path / "step-00000008")["state"]
    assert (state["epoch"], state["batch"]) == (2, 2)
    state = checkpoint.read(tmp_path / "step-00000006")["state"]
    assert (state["epoch"], state["batch"]) == (2, 0)


def test_an_epochs_end_takes_the_place_of_its_last_batch(fit, follow, tmp_path):
    checkpoints = ModelCheckpoint(tmp_path, save_best_only=True, save_every=1, keep=9)
    fit(follow([0.5, 0.4, 0.6]), checkpoints)
    epochs = {step: checkpoint.read(tmp_path / checkpoint.step_name(step))["state"]["epoch"] for step in (3, 6, 9)}
    assert epochs == {3: 1, 6: 2, 9: 2}  # the last epoch was no best: its last batch is still in it


@pytest.mark.parametrize("option", ["keep", "save_every"])
def test_arguments_out_of_range_are_refused(tmp_path, option):
    with pytest.raises(ValueError, match=f"ModelCheckpoint got {option}=0. Pass 1 or more"):
        ModelCheckpoint(tmp_path, **{option: 0})


def test_weights_that_are_not_finite_are_not_written(fit, make_trainer, tmp_path):
    class Spoils(nn.Linear):
        """Trains as it should, until somebody spoils a weight that forward does not use."""

        def __init__(self):
            super().__init__(2, 1)
            self.unused = nn.Parameter(torch.zeros(3))

    trainer = make_trainer(Spoils())

    def spoil(epoch, logs):
        if epoch == 1:
            trainer.model.unused.data[1] = math.inf

    with pytest.warns(UserWarning, match="No checkpoint was written at step 6: the parameter unused is not finite"):
        fit(LambdaCallback(on_epoch_end=spoil), ModelCheckpoint(tmp_path), trainer=trainer, epochs=2)
    assert steps(tmp_path) == [3]


def test_finite_weights_whose_norm_overflows_are_written(fit, make_trainer, tmp_path):
    model = nn.Linear(2, 1)
    model.register_parameter("large", nn.Parameter(torch.full((3,), 3e38)))
    fit(ModelCheckpoint(tmp_path), trainer=make_trainer(model), epochs=1)
    assert steps(tmp_path) == [3]


def test_the_record_stands_beside_the_checkpoints_from_begin_to_end(fit, tmp_path):
    seen = []

    def note(batch, logs):
        seen.append(RunRecord.load(tmp_path / "run.json").epochs_run)

    fit(ModelCheckpoint(tmp_path), LambdaCallback(on_train_batch_begin=note), batch_size=12)
    assert seen == [0, 1, 2]
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["epochs_run"], record["stop_reason"]) == (3, "completed")


def test_a_fresh_run_refuses_the_folder_of_another_before_its_first_step(fit, make_trainer, tmp_path):
    fit(ModelCheckpoint(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    trainer = make_trainer()
    with pytest.raises(FileExistsError, match=r"of another run, the newest step-00000009. .* Pass resume="):
        fit(ModelCheckpoint(tmp_path), trainer=trainer)
    assert trainer.state.step == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_that_cannot_be_made_fails_before_the_first_step_and_says_why(fit, make_trainer, tmp_path):
    (tmp_path / "file").write_text("")
    trainer = make_trainer()
    with pytest.raises(
        OSError, match=r"cannot write to this folder: Not a directory. Nothing was trained.*file"
    ) as error:
        fit(ModelCheckpoint(tmp_path / "file" / "run"), trainer=trainer)
    assert (trainer.state.step, error.value.filename) == (0, str(tmp_path / "file" / "run"))


def test_leftovers_of_a_killed_process_are_cleared(fit, monkeypatch, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as as_if:
        as_if.setattr(os, "getpid", lambda: ended.pid)
        beside(tmp_path / "step-00000003", "tmp").mkdir()
    assert [path.name[:5] for path in tmp_path.iterdir()] == [".tmp-"]
    fit(ModelCheckpoint(tmp_path), epochs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "step-00000003"]


@pytest.mark.parametrize("step", [4, 5, 6])
def test_a_resumed_run_remembers_its_best(fit, follow, crash, tmp_path, step):
    def run(*more, resume=None):
        checkpoints = ModelCheckpoint(tmp_path, save_every=2, keep=1)
        fit(follow([0.1, 0.5, 0.4, 0.3]), checkpoints, *more, epochs=4, resume=resume)
        return checkpoints

    with pytest.raises(RuntimeError, match="crash"):
        run(crash(step=step))
    checkpoints = run(resume=tmp_path)
    assert (checkpoints.best, checkpoints.best_path.name) == (0.1, "step-00000003")
    assert steps(tmp_path) == [3, 12]


def test_a_run_that_is_resumed_from_an_earlier_checkpoint_writes_over_what_it_redoes(fit, tmp_path):
    fit(ModelCheckpoint(tmp_path, keep=9))
    checkpoints = ModelCheckpoint(tmp_path, keep=9)
    trainer = fit(checkpoints, resume=tmp_path / "step-00000003")
    assert (steps(tmp_path), checkpoints.last_path.name) == ([3, 6, 9], "step-00000009")
    assert trainer.history.epoch == [0, 1, 2]


def test_what_is_written_with_ema_are_the_weights_that_were_scored(fit, make_trainer, tmp_path):
    trainer = make_trainer()
    checkpoints = ModelCheckpoint(tmp_path)
    fit(checkpoints, EMA(0.9), trainer=trainer)  # in whatever order they are given
    loaded = make_trainer()
    loaded.load(checkpoints.last_path)
    assert all(map(torch.equal, loaded.model.parameters(), trainer.model.parameters()))


@pytest.fixture
def heard():
    """What a handler of SIGTERM that was there before has heard; it has to be there again afterwards."""
    notes = []

    def handler(*_):
        notes.append("SIGTERM")

    before = signal.signal(signal.SIGTERM, handler)
    yield notes
    assert signal.getsignal(signal.SIGTERM) is handler
    signal.signal(signal.SIGTERM, before)


class Sends(Callback):
    """Sends SIGTERM to its own process before the fifth step."""

    def on_train_batch_begin(self, batch, logs=None):
        if self.trainer.state.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_ends_the_run_with_a_checkpoint_and_is_then_delivered(fit, heard, tmp_path):
    over = LambdaCallback(on_train_end=lambda logs: heard.append("over"))
    trainer = fit(Sends(), over, ModelCheckpoint(tmp_path), ModelCheckpoint(tmp_path / "another"))
    assert heard == ["over", "SIGTERM"]
    assert trainer.history.stop_reason == "interrupted"
    assert steps(tmp_path) == [3, 5]
    assert fit(ModelCheckpoint(tmp_path), resume=tmp_path).history.epoch == [0, 1, 2]


def test_sigterm_during_validation_leaves_it_and_the_resumed_run_validates(fit, heard, tmp_path):
    send = LambdaCallback(on_test_begin=lambda logs: os.kill(os.getpid(), signal.SIGTERM))
    stopped = fit(send, ModelCheckpoint(tmp_path / "stopped"))
    assert heard == ["SIGTERM"]
    assert stopped.history.epoch == []
    assert steps(tmp_path / "stopped") == [3]
    counters = checkpoint.read(tmp_path / "stopped" / "step-00000003")["state"]
    assert (counters["epoch"], counters["batch"]) == (0, 3)

    resumed = fit(ModelCheckpoint(tmp_path / "stopped"), resume=tmp_path / "stopped")
    whole = fit(ModelCheckpoint(tmp_path / "whole"))
    assert resumed.history.history == whole.history.history


def test_sigterm_kills_a_process_that_has_no_handler_after_everything_is_closed(tmp_path):
    code = """
import os, signal, sys, torch, neurokit as nk
class Sends(nk.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if self.trainer.state.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
    def on_train_end(self, logs=None):
        print("closed", flush=True)
trainer = nk.Trainer(torch.nn.Linear(1, 1), loss="mse")
x = torch.ones(8, 1)
trainer.fit(x, x, batch_size=2, callbacks=[Sends(), nk.ModelCheckpoint(sys.argv[1])], verbose=0)
print("not reached")
"""
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "closed\n")
    assert steps(tmp_path) == [3]


def test_outside_of_the_main_thread_it_works_without_signals(fit, tmp_path):
    import threading

    thread = threading.Thread(target=fit, args=(ModelCheckpoint(tmp_path),))
    thread.start()
    thread.join()
    assert steps(tmp_path) == [3, 6, 9]
