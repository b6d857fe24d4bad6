import csv
import errno
import os

import pytest

from neurokit.callbacks import CSVLogger, LambdaCallback, ModelCheckpoint


def rows_of(path, separator=","):
    with path.open(newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def late(from_epoch, name="late"):
    """Adds a name to the logs from an epoch on."""
    return LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({name: epoch} if epoch >= from_epoch else {}))


def test_each_epoch_is_a_row_under_sorted_names_and_no_digit_is_lost(fit, tmp_path):
    trainer = fit(CSVLogger(tmp_path / "log.csv"))
    header, *rows = rows_of(tmp_path / "log.csv")
    assert header == ["epoch", "loss", "lr", "val_loss"]
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    assert columns.pop("epoch") == ("0", "1", "2")
    assert {name: [float(value) for value in values] for name, values in columns.items()} == trainer.history.history


def test_the_file_is_complete_after_each_epoch(fit, tmp_path):
    lengths = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: lengths.append(len(rows_of(tmp_path / "log.csv"))))
    fit(CSVLogger(tmp_path / "log.csv"), watch)
    assert lengths == [2, 3, 4]


def test_missing_folders_are_made_and_another_separator_is_used(fit, tmp_path):
    path = tmp_path / "a" / "b" / "log.tsv"
    fit(CSVLogger(str(path), separator="\t"))
    assert rows_of(path, "\t")[0] == ["epoch", "loss", "lr", "val_loss"]


def test_a_name_that_appears_late_gets_a_column(fit, tmp_path):
    fit(late(1), CSVLogger(tmp_path / "log.csv"))
    header, *rows = rows_of(tmp_path / "log.csv")
    assert header == ["epoch", "loss", "lr", "val_loss", "late"]
    assert [row[4] for row in rows] == ["NA", "1", "2"]
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_a_name_that_an_epoch_has_not_logged_is_na(fit, follow, tmp_path):
    fit(follow([0.5, None, 0.4]), CSVLogger(tmp_path / "log.csv"))
    assert [row[3] for row in rows_of(tmp_path / "log.csv")[1:]] == ["0.5", "NA", "0.4"]


def test_append_goes_on_after_the_rows_that_are_there(fit, tmp_path):
    for _ in range(2):
        fit(CSVLogger(tmp_path / "log.csv", append=True))
    assert [row[0] for row in rows_of(tmp_path / "log.csv")] == ["epoch", "0", "1", "2", "0", "1", "2"]


def test_without_append_a_second_fit_starts_the_file_anew(fit, tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    fit(logger)
    fit(logger, epochs=2)
    assert [row[0] for row in rows_of(tmp_path / "log.csv")] == ["epoch", "0", "1"]


def test_append_refuses_other_columns_before_the_first_epoch(fit, make_trainer, tmp_path):
    fit(CSVLogger(tmp_path / "log.csv"))
    before = (tmp_path / "log.csv").read_text()
    trainer = make_trainer(metrics=["mae"])
    with pytest.raises(ValueError, match=r"whose columns are \['epoch', .*differs in \['mae', 'val_mae'\]"):
        fit(CSVLogger(tmp_path / "log.csv", append=True), trainer=trainer)
    with pytest.raises(ValueError, match="same separator"):
        fit(CSVLogger(tmp_path / "log.csv", separator=";", append=True))
    assert trainer.state.step == 0
    assert (tmp_path / "log.csv").read_text() == before


def test_append_refuses_columns_that_this_run_does_not_log(fit, tmp_path):
    fit(late(0), CSVLogger(tmp_path / "log.csv"))
    with pytest.raises(ValueError, match=r"differs in \['late'\]"):
        fit(CSVLogger(tmp_path / "log.csv", append=True))


def test_a_fit_that_fails_before_its_first_epoch_leaves_the_old_file(fit, crash, tmp_path):
    fit(CSVLogger(tmp_path / "log.csv"))
    before = (tmp_path / "log.csv").read_text()
    with pytest.raises(RuntimeError, match="crash"):
        fit(CSVLogger(tmp_path / "log.csv"), crash(step=1))
    assert (tmp_path / "log.csv").read_text() == before


def test_a_file_that_cannot_be_written_fails_before_the_first_step(fit, make_trainer, tmp_path):
    trainer = make_trainer()
    with pytest.raises(OSError, match=str(tmp_path)):
        fit(CSVLogger(tmp_path), trainer=trainer)  # a folder
    assert trainer.state.step == 0


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("step", [2, 5, 6, 9])
def test_after_a_resume_the_file_is_that_of_a_straight_run(crash_and_resume, tmp_path, step, append):
    for name in ("straight", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.csv").write_text("epoch,loss,lr,val_loss\n0,1.0,1.0,1.0\n" if append else "")
    make = lambda folder: [late(9 if append else 2), CSVLogger(folder / "log.csv", append=append)]  # noqa: E731
    crash_and_resume(make, step).assert_same()
    assert (tmp_path / "broken" / "log.csv").read_text() == (tmp_path / "straight" / "log.csv").read_text()


def test_rows_after_the_restored_epoch_are_cut(fit, tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    states = []
    fit(logger, LambdaCallback(on_epoch_end=lambda epoch, logs: states.append(logger.state_dict())))
    logger.load_state_dict(states[0])
    assert [row[0] for row in rows_of(tmp_path / "log.csv")] == ["epoch", "0"]


def test_a_file_that_lost_rows_is_gone_on_with_and_said(fit, tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    fit(logger)
    state = logger.state_dict()
    (tmp_path / "log.csv").unlink()
    with pytest.warns(UserWarning, match="has 0 of the 3 rows that were written before this checkpoint"):
        logger.load_state_dict(state)
    assert rows_of(tmp_path / "log.csv") == [["epoch", "loss", "lr", "val_loss"]]


class Refuses:
    """Lets the system refuse to write to a file between two epochs: nothing of it, or after half of it."""

    def __init__(self, monkeypatch, name, epochs, half=False):
        self.epoch = -1
        write, opened, handles = os.write, os.open, {}

        def open_(path, *args, **options):
            handle = opened(path, *args, **options)
            handles[handle] = os.path.basename(path)
            return handle

        def write_(handle, content):
            if self.epoch in epochs and name in handles.get(handle, ""):
                if half:
                    write(handle, bytes(content)[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(handle, content)

        monkeypatch.setattr(os, "open", open_)
        monkeypatch.setattr(os, "write", write_)

    def __call__(self, epoch, logs):
        self.epoch = epoch


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("epochs", [(0,), (1, 2), (3,)])
def test_a_full_disk_is_said_once_and_the_rows_come_later(fit, monkeypatch, caplog, tmp_path, half, epochs):
    refuses = Refuses(monkeypatch, "log.csv", epochs, half)
    over = LambdaCallback(on_train_end=lambda logs: refuses(-1, logs))  # there is room again
    trainer = fit(LambdaCallback(on_epoch_begin=refuses), over, CSVLogger(tmp_path / "log.csv"), epochs=4)
    assert caplog.text.count("CSVLogger could not write a row") == 1
    assert "log.csv: No space left on device. Training goes on" in caplog.text
    header, *rows = rows_of(tmp_path / "log.csv")
    assert header == ["epoch", "loss", "lr", "val_loss"]
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert [float(row[1]) for row in rows] == trainer.history.history["loss"]
    assert os.listdir(tmp_path) == ["log.csv"]


def test_a_disk_that_stays_full_ends_no_training_and_leaves_whole_rows(fit, monkeypatch, caplog, tmp_path):
    refuses = Refuses(monkeypatch, "log.csv", (2, 3), half=True)
    trainer = fit(LambdaCallback(on_epoch_begin=refuses), CSVLogger(tmp_path / "log.csv"), epochs=4)
    assert trainer.history.epoch == [0, 1, 2, 3]
    assert [row[0] for row in rows_of(tmp_path / "log.csv")] == ["epoch", "0", "1"]


def test_rows_that_wait_are_not_lost_by_a_crash(fit, crash, monkeypatch, caplog, tmp_path):
    with monkeypatch.context() as full:
        refuses = Refuses(full, "log.csv", (1,))
        log, keeper = CSVLogger(tmp_path / "log.csv"), ModelCheckpoint(tmp_path / "run")
        with pytest.raises(RuntimeError, match="crash"):
            fit(LambdaCallback(on_epoch_begin=refuses), log, keeper, crash(epoch=1))
    assert len(rows_of(tmp_path / "log.csv")) == 2
    trainer = fit(CSVLogger(tmp_path / "log.csv"), ModelCheckpoint(tmp_path / "run"), resume=tmp_path / "run")
    assert [float(row[1]) for row in rows_of(tmp_path / "log.csv")[1:]] == trainer.history.history["loss"]


def test_a_name_of_250_bytes_and_a_changed_working_folder_are_no_obstacle(fit, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    name = "l" * 246 + ".csv"
    fit(LambdaCallback(on_epoch_begin=lambda epoch, logs: os.chdir(tmp_path / "elsewhere")), CSVLogger(name))
    assert len(rows_of(tmp_path / name)) == 4
    assert os.listdir(tmp_path / "elsewhere") == []
