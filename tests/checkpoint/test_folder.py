from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from neurokit import __version__, checkpoint
from neurokit.checkpoint import UnknownFormatError, folder
from neurokit.storage import CheckpointError, files, process
from neurokit.storage.files import beside
from neurokit.storage.manifest import seal
from neurokit.storage.process import Process, this_process

FILES = ("model.safetensors", "state.safetensors", "state.json", "meta.json")


def state(epoch: int) -> dict[str, Any]:
    return {
        "model": {"weight": torch.full((3, 2), float(epoch)), "bias": torch.zeros(3)},
        "optimizer": {"weight": {"exp_avg": torch.full((3, 2), epoch / 3)}},
        "epoch": epoch,
    }


def epoch_of(where: Path) -> int:
    return int(checkpoint.read(where)["epoch"])


def leftovers(run: Path) -> list[str]:
    return [name for name in os.listdir(run) if name.startswith(".")]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return checkpoint.write(tmp_path / "run" / "step-00000001", state(1))


def test_a_checkpoint_is_four_files_and_reads_back(written: Path) -> None:
    found = checkpoint.read(written)

    assert sorted(os.listdir(written)) == sorted(FILES)
    assert torch.equal(found["model"]["weight"], state(1)["model"]["weight"])
    assert torch.equal(found["optimizer"]["weight"]["exp_avg"], state(1)["optimizer"]["weight"]["exp_avg"])
    assert found["epoch"] == 1
    assert leftovers(written.parent) == []


def test_meta_names_versions_and_files(written: Path) -> None:
    meta = checkpoint.verify(written)

    assert meta["format"] == 1
    assert meta["neurokit"] == __version__
    assert meta["torch"] == torch.__version__
    assert {name: entry["size"] for name, entry in meta["files"].items()} == {
        name: (written / name).stat().st_size for name in FILES[:3]
    }


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_modes_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        place = checkpoint.write(tmp_path / "step-00000001", state(1))
        checkpoint.save_weights(tmp_path / "weights.safetensors", state(1)["model"])
    finally:
        os.umask(before)

    assert stat.S_IMODE(place.stat().st_mode) == 0o750
    for path in [*place.iterdir(), tmp_path / "weights.safetensors"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["mödel ✓ 日本", "two\nlines", "%s {epoch}", "x" * 250, "..."])
def test_odd_names_work(tmp_path: Path, name: str) -> None:
    assert epoch_of(checkpoint.write(tmp_path / name / "step-00000001", state(1))) == 1
    assert epoch_of(checkpoint.write(tmp_path / name / name, state(2))) == 2


def test_relative_and_home_paths_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    checkpoint.write("run/step-00000001", state(1))
    checkpoint.write("~/run/step-00000002", state(2))

    assert checkpoint.newest("run") == Path("run/step-00000002")
    assert epoch_of(Path("~/run/step-00000002")) == 2


# Never over another one


def test_writing_the_same_state_again_is_success(written: Path) -> None:
    before = (written / "meta.json").stat().st_ino

    checkpoint.write(written, state(1))

    assert (written / "meta.json").stat().st_ino == before
    assert leftovers(written.parent) == []


def test_another_state_in_the_same_place_is_refused(written: Path) -> None:
    with pytest.raises(FileExistsError, match="step-00000001 already holds a checkpoint of another state"):
        checkpoint.write(written, state(2))

    assert epoch_of(written) == 1
    assert leftovers(written.parent) == []


def test_replace_takes_the_place_of_another_state(written: Path) -> None:
    checkpoint.write(written, state(2), replace=True)

    assert epoch_of(written) == 2
    assert os.listdir(written.parent) == [written.name]


def test_a_record_in_the_folder_is_no_obstacle(written: Path) -> None:
    (written / "run.json").write_text("{}")

    checkpoint.write(written, state(2), replace=True)

    assert epoch_of(written) == 2


def test_an_empty_folder_is_a_free_place(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    assert epoch_of(checkpoint.write(tmp_path / "mine", state(1))) == 1


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")

    with pytest.raises(FileExistsError, match=r"not a checkpoint of ours: there is 'chapter\.tex'"):
        checkpoint.write(tmp_path / "thesis", state(1), replace=replace)

    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"
    assert os.listdir(tmp_path) == ["thesis"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_in_the_place_is_refused(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "thesis").write_text("years of work")

    with pytest.raises(FileExistsError, match="not a checkpoint of ours"):
        checkpoint.write(tmp_path / "thesis", state(1), replace=replace)


@pytest.mark.parametrize("missing", [*FILES])
def test_a_damaged_checkpoint_is_replaced_with_a_warning(written: Path, missing: str) -> None:
    (written / missing).unlink()

    with pytest.warns(UserWarning, match="Replacing a damaged checkpoint"):
        checkpoint.write(written, state(2))

    assert epoch_of(written) == 2
    assert leftovers(written.parent) == []


def test_a_checkpoint_of_another_format_is_never_replaced_unasked(written: Path) -> None:
    rewrite_meta(written, format=2)

    with pytest.raises(FileExistsError, match="another state"):
        checkpoint.write(written, state(1))


# Failures


class Failing:
    """Lets a function of ``os`` through until its n-th call, which fails as a full disk or a Ctrl-C does."""

    def __init__(self, function: Callable[..., Any], at: int, error: BaseException) -> None:
        self.function, self.at, self.error, self.calls = function, at, error, 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return self.function(*args, **options)


STEPS = [("fsync", at) for at in range(1, 7)] + [("rename", 1), ("mkdir", 1)]
STEPS += [(function, at) for function in ("open", "write") for at in range(1, 5)]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize(("function", "at"), STEPS)
def test_a_failure_at_any_step_leaves_the_older_ones_and_nothing_else(
    written: Path, monkeypatch: pytest.MonkeyPatch, function: str, at: int, error: BaseException
) -> None:
    failing = Failing(getattr(os, function), at, error)
    monkeypatch.setattr(os, function, failing)

    with pytest.raises(type(error)):
        checkpoint.write(written.parent / "step-00000002", state(2))

    assert failing.calls >= at
    assert leftovers(written.parent) == []
    newest = checkpoint.newest(written.parent)
    assert newest is not None
    assert epoch_of(newest) == 1


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize(("function", "at"), [*STEPS, ("rename", 2)])
def test_a_failure_at_any_step_of_a_replacement_keeps_the_old_one(
    written: Path, monkeypatch: pytest.MonkeyPatch, function: str, at: int, error: BaseException
) -> None:
    monkeypatch.setattr(os, function, Failing(getattr(os, function), at, error))

    with pytest.raises(type(error)):
        checkpoint.write(written, state(2), replace=True)

    assert epoch_of(written) == 1
    assert os.listdir(written.parent) == [written.name]


def test_every_step_was_reached(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists above are complete: one step more and nothing fails."""
    for function, at in [("fsync", 7), ("rename", 2), ("mkdir", 2), ("write", 5)]:
        failing = Failing(getattr(os, function), at, AssertionError())
        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing)
            checkpoint.write(written.parent / f"step-{at:08d}", state(at))
        assert failing.calls == at - 1
        shutil.rmtree(written.parent / f"step-{at:08d}")


def test_a_full_disk_is_explained_with_path_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", Failing(os.fsync, 1, OSError(errno.ENOSPC, "No space left on device")))

    with pytest.raises(OSError, match=r"No space left.*step-00000001 needs [\d,]+ bytes.*Free some space") as caught:
        checkpoint.write(tmp_path / "step-00000001", state(1))

    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_may_not_be_written_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "mkdir", Failing(os.mkdir, 1, PermissionError(errno.EACCES, "Permission denied")))

    with pytest.raises(PermissionError, match=r"step-00000001 needs [\d,]+ bytes.*Choose a folder this user may write"):
        checkpoint.write(tmp_path / "step-00000001", state(1))


def test_a_parent_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")

    with pytest.raises(OSError, match="step-00000001 needs"):
        checkpoint.write(tmp_path / "run" / "step-00000001", state(1))


def test_a_state_that_cannot_be_held_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"callbacks\.0\.stream is a Generator, which a checkpoint cannot hold"):
        checkpoint.write(tmp_path / "run" / "step-00000001", {"callbacks": [{"stream": torch.Generator()}]})

    assert os.listdir(tmp_path) == []


def test_files_are_on_disk_before_the_rename_and_the_rename_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    fsync, rename = os.fsync, os.rename

    def logged_fsync(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        log.append("temporary" if path.name.startswith(".tmp-") else path.name)
        fsync(handle)

    def logged_rename(source: Path, target: Path) -> None:
        log.append("rename")
        rename(source, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to name an open file")
    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "rename", logged_rename)

    checkpoint.write(tmp_path / "step-00000001", state(1))

    assert log == [*FILES, "temporary", "rename", tmp_path.name]


@pytest.fixture
def in_a_child() -> Iterator[Callable[..., multiprocessing.process.BaseProcess]]:
    """Starts a function in a child process, which is killed at the latest when the test ends."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    children: list[Any] = []

    def start(function: Callable[..., None], *args: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking is sound here: the child runs no threads
            child = multiprocessing.get_context("fork").Process(target=function, args=args)
            child.start()
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.join()


def write_without_end(run: Path, first: int, commits: Any) -> None:
    for step in range(first, first + 100_000):
        checkpoint.write(run / checkpoint.step_name(step), state(step))
        if step >= first + 2:
            checkpoint.remove(run / checkpoint.step_name(step - 2))
        commits.send(step)


def test_sigkill_during_writes_leaves_a_readable_newest(
    tmp_path: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess]
) -> None:
    moments = random.Random(0)
    step = 0
    for _ in range(5):
        reader, commits = multiprocessing.Pipe(duplex=False)
        child = in_a_child(write_without_end, tmp_path, step + 1, commits)
        for _ in range(moments.randint(1, 4)):
            step = reader.recv()
        child.join(timeout=moments.random() * 0.01)
        child.kill()
        child.join()
        while reader.poll():
            step = reader.recv()

        newest = checkpoint.newest(tmp_path)

        assert newest is not None
        assert epoch_of(newest) in (step, step + 1)  # committed and reported, or committed only
        step = epoch_of(newest)

    checkpoint.remove_leftovers(tmp_path)
    assert leftovers(tmp_path) == []


def kill_itself_at(function: str, at: int, place: Path, replace: bool) -> None:
    original, calls = getattr(os, function), 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), 9)
        return original(*args, **options)

    setattr(os, function, counted)
    checkpoint.write(place, state(2), replace=replace)


@pytest.mark.parametrize(("function", "at"), STEPS)
def test_sigkill_at_each_step_leaves_a_readable_newest(
    written: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess], function: str, at: int
) -> None:
    child = in_a_child(kill_itself_at, function, at, written.parent / "step-00000002", False)
    child.join()
    assert child.exitcode == -9

    newest = checkpoint.newest(written.parent)
    checkpoint.remove_leftovers(written.parent)

    assert newest is not None
    assert epoch_of(newest) == (2 if (function, at) == ("fsync", 6) else 1)
    assert leftovers(written.parent) == []
    assert epoch_of(checkpoint.write(written.parent / "step-00000002", state(2))) == 2


@pytest.fixture
def interrupted(written: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess]) -> Path:
    """A checkpoint whose replacement was killed between the two renames."""
    child = in_a_child(kill_itself_at, "rename", 2, written, True)
    child.join()
    assert child.exitcode == -9
    assert not written.exists()
    return written


def test_a_replacement_killed_between_its_renames_loses_nothing_to_readers(interrupted: Path) -> None:
    before = sorted(os.listdir(interrupted.parent))

    newest, state = checkpoint.newest(interrupted.parent), checkpoint.read_newest(interrupted.parent)

    assert newest is not None
    assert state is not None
    assert epoch_of(newest) == epoch_of(interrupted) == state["epoch"] == 1
    assert checkpoint.verify(interrupted) == checkpoint.verify(newest)
    assert sorted(os.listdir(interrupted.parent)) == before  # who reads changes nothing


def test_the_next_start_puts_back_what_an_interrupted_replacement_moved_aside(interrupted: Path) -> None:
    checkpoint.remove_leftovers(interrupted.parent)

    assert os.listdir(interrupted.parent) == [interrupted.name]
    assert epoch_of(interrupted) == 1


@pytest.mark.parametrize("replace", [False, True])
def test_what_was_moved_aside_still_counts_for_who_writes(interrupted: Path, replace: bool) -> None:
    if replace:
        checkpoint.write(interrupted, state(2), replace=True)
    else:
        with pytest.raises(FileExistsError, match="another state"):
            checkpoint.write(interrupted, state(2))

    assert epoch_of(interrupted) == (2 if replace else 1)
    assert os.listdir(interrupted.parent) == [interrupted.name]


def test_a_saved_trainer_whose_replacement_was_interrupted_is_found_by_its_name(interrupted: Path) -> None:
    aside = next(interrupted.parent.glob(".old-*"))
    mine = beside(interrupted.parent / "mine", "old")
    aside.rename(mine)

    assert epoch_of(interrupted.parent / "mine") == 1
    assert checkpoint.read_newest(interrupted.parent / "mine") is not None


def test_the_one_in_the_place_is_kept_when_only_the_clearing_up_was_interrupted(written: Path) -> None:
    checkpoint.write(written.parent / "copy", state(7))
    os.rename(written.parent / "copy", beside(written, "old"))

    checkpoint.remove_leftovers(written.parent)

    assert os.listdir(written.parent) == [written.name]
    assert epoch_of(written) == 1


def test_a_damaged_one_in_the_place_gives_way_to_what_was_moved_aside(written: Path) -> None:
    checkpoint.write(written.parent / "copy", state(7))
    os.rename(written.parent / "copy", beside(written, "old"))
    (written / "state.json").write_bytes(b"")

    with pytest.warns(UserWarning, match=r"state\.json is damaged"):
        newest = checkpoint.newest(written.parent)
    assert newest is not None
    assert epoch_of(newest) == 7
    checkpoint.remove_leftovers(written.parent)

    assert epoch_of(written) == 7
    assert os.listdir(written.parent) == [written.name]


def test_leftovers_of_the_living_are_kept(tmp_path: Path) -> None:
    mine = beside(tmp_path / "step-00000001", "tmp")
    foreign = tmp_path / ".tmp-notes"
    for path in (mine, foreign):
        path.mkdir()

    checkpoint.remove_leftovers(tmp_path)

    assert mine.exists()
    assert foreign.exists()


def as_if_left_by(owner: Process, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as patch:
        patch.setattr(files, "this_process", lambda: owner)
        path = beside(place, "tmp")
    path.mkdir()
    return path


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to tell processes of one number apart")
@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({"started": 1}, False),
        ({"boot": "00000000"}, False),
        ({"machine": "00000000"}, True),
        ({"space": 1}, True),
        ({}, True),
    ],
    ids=["a number that was given again", "before a reboot", "another machine", "another container", "alive"],
)
def test_leftovers_go_only_if_their_owner_is_surely_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], stays: bool
) -> None:
    left = as_if_left_by(this_process()._replace(**change), tmp_path / "step-00000001", monkeypatch)

    checkpoint.remove_leftovers(tmp_path)

    assert left.exists() is stays


def test_a_process_that_has_ended_and_was_not_counted_yet_is_dead(tmp_path: Path) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see that it has ended")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

    assert process.is_alive(this_process()._replace(number=ended.pid, started=0)) is False
    ended.wait()


def test_what_a_killed_save_left_beside_a_folder_is_cleared_by_the_next(
    tmp_path: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess]
) -> None:
    child = in_a_child(kill_itself_at, "fsync", 3, tmp_path / "mine", False)
    child.join()
    assert len(leftovers(tmp_path)) == 1

    checkpoint.write(tmp_path / "mine", state(1))

    assert os.listdir(tmp_path) == ["mine"]


# Room


def test_a_disk_without_room_is_found_before_anything_is_written(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: (10_000, 9_990, 10))
    monkeypatch.setattr(os, "open", Failing(os.open, 1, AssertionError("opened")))

    with pytest.raises(
        OSError, match=r"step-00000002 needs [\d,]+ bytes, and \S+ has 10 free.*Free some space"
    ) as caught:
        checkpoint.write(written.parent / "step-00000002", state(2))

    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(written.parent) == [written.name]


def test_a_disk_that_does_not_know_its_room_is_tried(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: (0, 0, 0))

    assert epoch_of(checkpoint.write(written.parent / "step-00000002", state(2))) == 2


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX's")
def test_a_file_beyond_the_systems_limit_fails_as_a_full_disk_does(
    written: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess]
) -> None:
    def write_beyond() -> None:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        try:
            checkpoint.write(written.parent / "step-00000002", state(2))
        except OSError as error:
            os._exit(7 if error.errno == errno.EFBIG and "step-00000002 needs" in str(error) else 1)

    child = in_a_child(write_beyond)
    child.join()

    assert child.exitcode == 7
    assert os.listdir(written.parent) == [written.name]
    assert epoch_of(written) == 1


# Deleting


def test_pruning_keeps_the_newest_sound_ones(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 5):
        checkpoint.write(tmp_path / checkpoint.step_name(step), state(step))
    (tmp_path / "step-00000005" / "state.json").write_bytes(b"")
    (tmp_path / "step-00000003" / "meta.json").unlink()

    damaged = checkpoint.prune(tmp_path, 2, spare=[1])

    assert sorted(os.listdir(tmp_path)) == [checkpoint.step_name(step) for step in (1, 2, 3, 4, 5)]
    assert "state.json" in damaged[0]
    assert "step-00000003" in damaged[1]
    assert checkpoint.prune(tmp_path, 1, spare=[1]) == damaged[:1]
    assert sorted(os.listdir(tmp_path)) == [checkpoint.step_name(step) for step in (1, 4, 5)]


def test_damage_is_found_in_what_was_sound_before(tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoint.write(tmp_path / checkpoint.step_name(step), state(step))
    known: dict[Path, Any] = {}
    assert checkpoint.prune(tmp_path, 2, known=known) == []
    weights = tmp_path / "step-00000002" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")

    assert "model.safetensors" in checkpoint.prune(tmp_path, 1, known=known)[0]
    assert epoch_of(tmp_path / "step-00000001") == 1


def test_what_a_prune_could_not_delete_goes_with_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step in (1, 2, 3):
        checkpoint.write(tmp_path / checkpoint.step_name(step), state(step))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rmdir", Failing(os.rmdir, 1, OSError(errno.EIO, "Input/output error")))
        checkpoint.prune(tmp_path, 2)
    assert "left over and could not be deleted: Input/output error" in caplog.text
    assert len(leftovers(tmp_path)) == 1

    checkpoint.prune(tmp_path, 2)

    assert sorted(os.listdir(tmp_path)) == [checkpoint.step_name(2), checkpoint.step_name(3)]


# A live run meanwhile


def replace_without_end(place: Path, commits: Any) -> None:
    for number in range(1, 100_000):
        checkpoint.write(place, state(number), replace=True)
        commits.send(number)


def test_who_reads_while_it_is_replaced_gets_one_state_whole(
    written: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess]
) -> None:
    reader, commits = multiprocessing.Pipe(duplex=False)
    in_a_child(replace_without_end, written, commits)
    reader.recv()

    for _ in range(200):
        found = checkpoint.read_newest(written)

        assert found is not None
        assert torch.equal(found["model"]["weight"], state(found["epoch"])["model"]["weight"])
        assert torch.equal(
            found["optimizer"]["weight"]["exp_avg"], state(found["epoch"])["optimizer"]["weight"]["exp_avg"]
        )


def go_on_without_end(run: Path, commits: Any) -> None:
    for step in range(2, 100_000):
        checkpoint.write(run / checkpoint.step_name(step), state(step))
        checkpoint.prune(run, 1)
        commits.send(step)


def test_who_reads_the_newest_of_a_live_run_that_keeps_one_always_finds_one(
    written: Path, in_a_child: Callable[..., multiprocessing.process.BaseProcess]
) -> None:
    reader, commits = multiprocessing.Pipe(duplex=False)
    in_a_child(go_on_without_end, written.parent, commits)
    reader.recv()

    last = 0
    for _ in range(200):
        found = checkpoint.read_newest(written.parent)

        assert found is not None
        assert found["epoch"] >= last
        last = found["epoch"]


# Damage


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_bit_is_detected(written: Path, name: str) -> None:
    path = written / name
    sound = path.read_bytes()
    moments = random.Random(name)
    for _ in range(25):
        damaged = bytearray(sound)
        damaged[moments.randrange(len(sound))] ^= 1 << moments.randrange(8)
        path.write_bytes(damaged)

        with pytest.raises(CheckpointError):
            checkpoint.read(written)

    path.write_bytes(sound)
    assert epoch_of(written) == 1


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_detected(written: Path, name: str) -> None:
    path = written / name
    sound = path.read_bytes()
    for length in {0, 1, 7, 8, 9, len(sound) // 2, len(sound) - 1}:
        path.write_bytes(sound[:length])

        with pytest.raises(CheckpointError, match=name):
            checkpoint.read(written)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(written: Path, name: str) -> None:
    (written / name).unlink()

    with pytest.raises(CheckpointError, match=name):
        checkpoint.read(written)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint .*nowhere"):
        checkpoint.read(tmp_path / "nowhere")


def rewrite_meta(place: Path, **entries: Any) -> None:
    """Write another meta.json that is sound in itself, as somebody hostile or another neurokit would."""
    meta = json.loads((place / "meta.json").read_text()) | entries
    meta.pop("sha256")
    (place / "meta.json").write_bytes(seal(meta))


def test_a_flipped_bit_in_the_format_is_damage_and_no_other_version(written: Path) -> None:
    checkpoint.write(written.parent / "step-00000002", state(2))
    path = written.parent / "step-00000002" / "meta.json"
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 3'))

    with pytest.warns(UserWarning, match=r"meta\.json is damaged"):
        assert checkpoint.newest(written.parent) == written


def test_an_unknown_format_is_refused_and_says_who_wrote_it(written: Path) -> None:
    rewrite_meta(written, format=2, neurokit="9.9")

    with pytest.raises(UnknownFormatError, match=rf"neurokit 9\.9 in format 2, .*\({__version__}\) reads format 1"):
        checkpoint.read(written)
    with pytest.raises(UnknownFormatError):
        checkpoint.newest(written.parent)


def put(place: Path, name: str, content: bytes) -> None:
    """Put a file into a checkpoint and make ``meta.json`` agree with it."""
    import hashlib

    (place / name).write_bytes(content)
    files = json.loads((place / "meta.json").read_text())["files"]
    files[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewrite_meta(place, files=files)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]1",
        b"[1, 2]",
        b"null",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"$tensor": "nowhere"}}',
        b'{"a": {"$weight": ["weight"]}}',
        b'{"a": {"$scalar": {}}}',
        b'{"a": {"$call": "os.system"}}',
        b'{"a": {"$int": 3}}',
        b'{"a": {"$int": "3", "b": 1}}',
        b'{"a": {"$dict": [[[], 1]]}}',
        b'{"a": {"$dict": 7}}',
        b'{"a": {"$tuple": 7}}',
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"a": ' + b'{"$tuple": ' * 9000 + b"[]" + b"}" * 9000 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
    ],
)
def test_a_hostile_tree_is_an_error_that_names_the_file(written: Path, text: bytes) -> None:
    put(written, "state.json", text)

    with pytest.raises(CheckpointError, match=r"state\.json does not describe a state"):
        checkpoint.read(written)


def test_a_tree_beyond_the_limit_is_refused_both_ways(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(written, "state.json", b'{"a": "' + b"x" * (8 << 20) + b'"}')

    with pytest.raises(CheckpointError, match="more than the 8,388,608 bytes"):
        checkpoint.read(written)
    with pytest.raises(ValueError, match="Keep large tables as tensors"):
        checkpoint.write(written.parent / "step-00000002", {"a": "x" * (8 << 20)})


@pytest.mark.parametrize("files", [{}, {"../../etc/passwd": {"size": 1, "sha256": ""}}])
def test_meta_cannot_name_other_files(written: Path, files: dict[str, Any]) -> None:
    rewrite_meta(written, files=files)

    with pytest.raises(CheckpointError, match=r"meta\.json is damaged"):
        checkpoint.read(written)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b'{"format": 1}', b"\x00" * 100])
def test_a_meta_of_another_shape_is_refused(written: Path, content: bytes) -> None:
    (written / "meta.json").write_bytes(content)

    with pytest.raises(CheckpointError, match=r"meta\.json is damaged"):
        checkpoint.read(written)


# The newest


def test_newest_goes_by_number_and_ignores_everything_else(tmp_path: Path) -> None:
    for step in (2, 99_999_999, 100_000_000):
        checkpoint.write(tmp_path / checkpoint.step_name(step), state(step))
    for name in (".tmp-step-999999999", ".trash-step-999999999", "step-7", "step-999999999.old", "best"):
        (tmp_path / name).mkdir()
    (tmp_path / "run.json").write_text("{}")
    os.utime(tmp_path / "step-00000002", (2e9, 2e9))  # the clock means nothing

    assert checkpoint.newest(tmp_path) == tmp_path / "step-100000000"


def test_newest_passes_over_a_damaged_one_and_says_why(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint.write(tmp_path / checkpoint.step_name(step), state(step))
    (tmp_path / "step-00000003" / "meta.json").unlink()
    (tmp_path / "step-00000002" / "model.safetensors").write_bytes(b"")

    with pytest.warns(UserWarning, match="Passing over the checkpoint") as said:
        found = checkpoint.newest(tmp_path)

    assert found == tmp_path / "step-00000001"
    assert "step-00000003" in str(said[0].message)
    assert "no meta.json" in str(said[0].message)
    assert "model.safetensors is damaged: it has 0 bytes" in str(said[1].message)


@pytest.mark.parametrize("make", [False, True])
def test_newest_of_nothing_is_none(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "run").mkdir()

    assert checkpoint.newest(tmp_path / "run") is None


def test_a_checkpoint_asked_for_by_name_is_its_own_newest_or_an_error(written: Path) -> None:
    assert checkpoint.newest(written) == written

    (written / "state.json").unlink()
    with pytest.raises(CheckpointError, match=r"state\.json is missing"):
        checkpoint.newest(written)


def test_remove_leaves_nothing(written: Path) -> None:
    checkpoint.remove(written)

    assert os.listdir(written.parent) == []


def test_nothing_in_the_room_could_run_code_from_a_file() -> None:
    source = "".join(path.read_text() for path in Path(folder.__file__).parent.glob("*.py"))

    assert not any(word in source for word in ("pickle", "torch.load(", "eval(", "exec(", "marshal", "import_module"))


def test_importing_it_loads_torch_and_numpy_only() -> None:
    heavy = ("pandas", "sklearn", "matplotlib", "scipy", "safetensors", "torchvision")
    code = f"import sys, neurokit.checkpoint; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
