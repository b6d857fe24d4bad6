import copy
import errno
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn

from neurokit import checkpoint
from neurokit.callbacks import EMA, Callback, LambdaCallback, ModelCheckpoint
from neurokit.record import RunRecord
from neurokit.storage.files import beside

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
    with pytest.raises(ValueError, match=f"{option} of ModelCheckpoint is 1 or more, got 0"):
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


class Full:
    """Lets writing a checkpoint's weights fail, as a full disk does, between two steps."""

    def __init__(self, monkeypatch, trainer, first, last=10_000, error=errno.ENOSPC):
        original = os.open

        def opened(path, flags, *mode, **options):
            full = first <= trainer.state.step <= last
            if full and os.path.basename(path) == "model.safetensors" and flags & os.O_CREAT:
                raise OSError(error, os.strerror(error))
            return original(path, flags, *mode, **options)

        monkeypatch.setattr(os, "open", opened)


def test_a_full_disk_ends_no_training_is_said_once_and_tried_again(fit, make_trainer, monkeypatch, caplog, tmp_path):
    trainer = make_trainer()
    Full(monkeypatch, trainer, 4, 8)
    checkpoints = ModelCheckpoint(tmp_path, save_every=1, keep=2)
    fit(checkpoints, trainer=trainer)
    said = [text for record in caplog.records if "checkpoint" in (text := record.getMessage())]
    assert len(said) == 1
    assert re.search(
        r"No checkpoint was written at step 4. .*No space left on device: \S+step-00000004 needs [\d,]+ bytes, and \S+ "
        r"has [\d,]+ free.*the next save tries again",
        said[0],
    )
    assert [one["message"] for one in trainer.record.findings if not one["code"]] == said
    assert (steps(tmp_path), checkpoints.last_path.name) == ([3, 9], "step-00000009")
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
def test_a_fit_whose_last_state_could_not_be_saved_raises_at_its_end(
    fit, make_trainer, monkeypatch, caplog, tmp_path, error
):
    trainer = make_trainer()
    Full(monkeypatch, trainer, 7, error=error)
    checkpoints = ModelCheckpoint(tmp_path)
    with pytest.raises(
        OSError, match=rf"last state .* could not be saved in {tmp_path}.*step-00000009 needs"
    ) as caught:
        fit(checkpoints, trainer=trainer)
    assert caught.value.errno == error
    assert os.strerror(error) in str(caught.value)
    assert trainer.history.epoch == [0, 1, 2]
    assert trainer.history.stop_reason == "completed"
    assert steps(tmp_path) == [3, 6]
    assert checkpoints.last_path.name == "step-00000006"
    assert sorted(os.listdir(tmp_path)) == ["run.json", "step-00000003", "step-00000006"]
    monkeypatch.undo()
    assert fit(ModelCheckpoint(tmp_path), resume=tmp_path).history.epoch == [0, 1, 2]


def test_a_best_that_could_not_be_saved_is_not_claimed(fit, follow, make_trainer, monkeypatch, caplog, tmp_path):
    trainer = make_trainer()
    Full(monkeypatch, trainer, 6, 6)
    checkpoints = ModelCheckpoint(tmp_path, save_best_only=True)
    fit(follow([0.5, 0.1, 0.4]), checkpoints, trainer=trainer)
    assert (checkpoints.best, checkpoints.best_path.name) == (0.4, "step-00000009")


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX's")
def test_a_real_limit_of_the_system_is_survived(tmp_path):
    code = """
import os, resource, signal, sys, torch, neurokit as nk
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
class Limits(nk.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        limit = 200 if epoch in (1, 2) else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
trainer = nk.Trainer(torch.nn.Linear(1, 1), loss="mse")
x = torch.ones(8, 1)
log = nk.CSVLogger(sys.argv[1] + "/log.csv")
trainer.fit(x, x, batch_size=2, epochs=4, callbacks=[Limits(), log, nk.ModelCheckpoint(sys.argv[1])], verbose=0)
"""
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("No checkpoint was written") == 1
    assert "File too large" in ended.stderr
    assert steps(tmp_path) == [4, 16]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5
    assert checkpoint.newest(tmp_path).name == "step-00000016"


def test_a_folder_that_is_removed_meanwhile_is_made_again_and_said(fit, caplog, tmp_path):
    def vanish(epoch, logs):
        if epoch == 1:
            shutil.rmtree(tmp_path / "run")

    checkpoints = ModelCheckpoint(tmp_path / "run")
    fit(LambdaCallback(on_epoch_begin=vanish), checkpoints)
    assert "was removed or moved while this run wrote to it" in caplog.text
    assert steps(tmp_path / "run") == [6, 9]
    assert sorted(os.listdir(tmp_path / "run")) == ["run.json", "step-00000006", "step-00000009"]


def test_a_folder_that_another_run_took_meanwhile_is_left_alone(fit, caplog, tmp_path):
    other = checkpoint.RunLock(tmp_path / "run")

    def replaced(epoch, logs):
        if epoch == 1:
            shutil.rmtree(tmp_path / "run")
            (tmp_path / "run").mkdir()
            other.take()

    with pytest.raises(OSError, match=r"last state .* could not be saved .*is in use by another run"):
        fit(LambdaCallback(on_epoch_begin=replaced), ModelCheckpoint(tmp_path / "run"))
    assert other.is_held()
    assert os.listdir(tmp_path / "run") == [".lock"]


def test_the_record_that_cannot_be_written_ends_no_training(fit, make_trainer, monkeypatch, caplog, tmp_path):
    trainer, original = make_trainer(), os.replace

    def replace(source, target):
        if trainer.state.step == 6:
            raise OSError(errno.EIO, "Input/output error")
        original(source, target)

    monkeypatch.setattr(os, "replace", replace)
    fit(ModelCheckpoint(tmp_path), trainer=trainer)
    assert re.search(r"checkpoint of step 6 is written, but: .*run\.json needs", caplog.text)
    assert RunRecord.load(tmp_path / "run.json").epochs_run == 3


def test_a_damaged_checkpoint_does_not_push_out_a_sound_one(fit, caplog, tmp_path):
    def damage(epoch, logs):
        if epoch == 2:
            (tmp_path / "step-00000006" / "state.json").write_bytes(b"")

    with caplog.at_level("WARNING"):
        fit(LambdaCallback(on_epoch_begin=damage), ModelCheckpoint(tmp_path, keep=2))
    assert steps(tmp_path) == [3, 6, 9]
    assert "state.json is damaged: it has 0 bytes" in caplog.text
    assert "An older checkpoint is kept in its stead" in caplog.text


# One run at a time


def test_a_folder_that_another_run_holds_is_refused_before_anything_changes(fit, make_trainer, tmp_path):
    other = checkpoint.RunLock(tmp_path)
    other.take()
    trainer = make_trainer()
    weights = copy.deepcopy(trainer.model.state_dict())
    with pytest.raises(BlockingIOError, match=f"{tmp_path} is in use by another run: process {os.getpid()} on"):
        fit(ModelCheckpoint(tmp_path), trainer=trainer)
    assert trainer.state.step == 0
    assert all(torch.equal(weights[name], value) for name, value in trainer.model.state_dict().items())
    assert os.listdir(tmp_path) == [".lock"]
    assert other.is_held()


def test_a_live_run_cannot_be_resumed_but_can_be_loaded(fit, make_trainer, tmp_path):
    outcomes = []

    def meanwhile(epoch, logs):
        if epoch == 1:
            trainer = make_trainer()
            before = trainer.history
            for folder in (tmp_path, tmp_path / "step-00000003"):
                with pytest.raises(BlockingIOError, match="is in use by another run"):
                    fit(trainer=trainer, resume=folder)
            assert trainer.history is before
            trainer.load(tmp_path)
            outcomes.append(trainer.history.epoch)

    fit(LambdaCallback(on_epoch_begin=meanwhile), ModelCheckpoint(tmp_path))
    assert outcomes == [[0]]


def test_the_lock_is_given_back_on_every_way_out(fit, crash, tmp_path):
    def locked():
        return (tmp_path / ".lock").exists()

    seen = []
    note = LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(locked()))
    fit(note, ModelCheckpoint(tmp_path), epochs=1)
    assert seen == [True]
    assert not locked()
    with pytest.raises(RuntimeError, match="crash"):
        fit(crash(step=4), ModelCheckpoint(tmp_path), resume=tmp_path)
    assert not locked()
    fit(crash(step=4, error=KeyboardInterrupt), ModelCheckpoint(tmp_path), resume=tmp_path)
    assert not locked()
    with pytest.raises(FileExistsError):
        fit(ModelCheckpoint(tmp_path))
    assert not locked()


def test_two_in_one_folder_are_refused_before_anything_is_made(fit, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "run")
    for other in (tmp_path / "run", "run", "link", "run/../run"):
        with pytest.raises(ValueError, match=r"Two ModelCheckpoints write to .*Give each a folder of its own"):
            fit(ModelCheckpoint(tmp_path / "run"), ModelCheckpoint(other))
    assert os.listdir(tmp_path) == ["link"]


# Odd paths


@pytest.mark.parametrize(
    "name", ["mödel ✓ 日本", "a b", "two\nlines", "%s %d", "{epoch}", "x" * 250, "-rf", "step-00000001"]
)
def test_a_folder_of_any_name_works(fit, make_trainer, tmp_path, name):
    folder = tmp_path / name
    fit(ModelCheckpoint(folder, save_every=2, keep=1), epochs=2)
    fit(ModelCheckpoint(folder, save_every=2, keep=1), epochs=3, resume=folder)
    trainer = make_trainer()
    trainer.load(folder)
    assert trainer.history.epoch == [0, 1, 2]
    assert RunRecord.load(folder / "run.json").epochs_run == 3
    assert sorted(os.listdir(folder))[0] == "run.json"


def test_a_relative_folder_stays_where_it_was_when_the_working_folder_changes(fit, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    move = LambdaCallback(on_epoch_begin=lambda epoch, logs: os.chdir(tmp_path / "elsewhere"))
    fit(move, ModelCheckpoint("run"))
    assert steps(tmp_path / "run") == [3, 6, 9]
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("name", ["x" * 256, "a/" * 2040 + "b", "null\0byte", os.fsdecode(b"\xff")])
def test_a_path_that_no_disk_takes_fails_before_the_first_step(fit, make_trainer, tmp_path, name):
    trainer = make_trainer()
    with pytest.raises((OSError, ValueError), match=r"cannot write to this folder|null byte|is not UTF-8"):
        fit(ModelCheckpoint(tmp_path / name), trainer=trainer)
    assert trainer.state.step == 0


def test_a_path_that_is_too_long_only_for_a_checkpoint_fails_before_the_first_step(fit, make_trainer, tmp_path):
    folder = tmp_path
    while len(str(folder)) < 4000:
        folder = folder / ("d" * min(200, 4030 - len(str(folder))))
    assert len(str(folder)) < 4050
    trainer = make_trainer()
    with pytest.raises(OSError, match=r"cannot write to this folder: File name too long. Nothing was trained"):
        fit(ModelCheckpoint(folder), trainer=trainer)
    assert trainer.state.step == 0


def test_clocks_that_jump_change_nothing(fit, monkeypatch, tmp_path):
    days = iter(range(10**6, 0, -1))  # each look at the clock is a day earlier
    monkeypatch.setattr("time.time", lambda: next(days) * 86_400.0)
    fit(ModelCheckpoint(tmp_path, save_every=2, keep=2))
    for path in tmp_path.iterdir():
        os.utime(path, (next(days) * 86_400.0,) * 2)
    assert steps(tmp_path) == [8, 9]
    assert checkpoint.newest(tmp_path).name == "step-00000009"
