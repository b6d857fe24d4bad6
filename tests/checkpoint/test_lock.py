"""Two runs in one folder: the second is refused, whatever the disk's locks are worth."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neurokit.checkpoint import RunLock, lock, refuse_if_held
from neurokit.storage.process import this_process


def hold(folder: Path, said: Any, forks: bool) -> None:
    """Take a folder's lock, tell the numbers of this process and of a worker, and wait to be killed."""
    try:
        RunLock(folder).take()
    except BlockingIOError:
        said.send(None)
        return
    if not forks:
        said.send((os.getpid(), None))
    elif os.fork() == 0:
        said.send((os.getppid(), os.getpid()))
    time.sleep(60)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a process that holds the lock of the folder, and is killed at the latest when the test ends."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    started: list[Any] = []

    def start(forks: bool = False) -> Any:
        reader, said = multiprocessing.Pipe(duplex=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking is sound here: the child runs no threads
            process = multiprocessing.get_context("fork").Process(target=hold, args=(tmp_path, said, forks))
            process.start()
        started.append(process)
        process.numbers = reader.recv()
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path, holder: Any) -> None:
    process = holder()
    before = (tmp_path / ".lock").read_bytes()

    said = (
        rf"{tmp_path} is in use by another run: process {process.pid} on \S+, since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    )
    with pytest.raises(BlockingIOError, match=said):
        RunLock(tmp_path).take()
    with pytest.raises(BlockingIOError, match=said):
        refuse_if_held(tmp_path)
    with pytest.raises(BlockingIOError, match=said):
        refuse_if_held(tmp_path / "step-00000003")

    assert (tmp_path / ".lock").read_bytes() == before


def test_the_lock_of_a_killed_run_is_taken_over_with_a_note(tmp_path: Path, holder: Any) -> None:
    process = holder()
    process.kill()
    process.join()

    refuse_if_held(tmp_path)
    note = RunLock(tmp_path).take()

    assert note is not None
    assert f"process {process.pid} on " in note
    assert "ended without closing it" in note


def test_workers_that_outlive_a_killed_run_do_not_hold_its_lock(tmp_path: Path, holder: Any) -> None:
    process = holder(forks=True)
    _, worker = process.numbers
    process.kill()
    process.join()
    os.kill(worker, 0)  # it lives

    try:
        assert "ended without closing it" in str(RunLock(tmp_path).take())
    finally:
        os.kill(worker, signal.SIGKILL)


def test_a_lock_that_was_given_back_leaves_nothing(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)

    assert lock.take() is None
    assert lock.is_held()
    lock.release()

    assert not lock.is_held()
    assert os.listdir(tmp_path) == []
    assert RunLock(tmp_path).take() is None


def test_a_second_run_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    first = RunLock(tmp_path)
    first.take()

    with pytest.raises(BlockingIOError, match=f"process {os.getpid()} on "):
        RunLock(tmp_path).take()
    first.release()
    assert RunLock(tmp_path).take() is None


def test_whoever_did_not_get_it_takes_nothing_away_when_it_ends(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.take()
    with pytest.raises(BlockingIOError):
        second.take()

    second.release()

    assert first.is_held()


def test_a_lock_whose_folder_was_removed_is_not_held(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.take()
    (tmp_path / ".lock").unlink()

    assert not lock.is_held()
    assert lock.take() is None
    assert lock.is_held()


def leave(folder: Path, **change: Any) -> None:
    """Write what a process that lives, or lived, would have written."""
    claim = {"host": "node7", "since": "2026-01-02 03:04:05 UTC", "process": this_process()._replace(**change)}
    (folder / ".lock").write_text(json.dumps(claim))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to tell processes of one number apart")
@pytest.mark.parametrize(
    "change", [{"started": 1}, {"boot": "00000000"}, {"number": 2**22 + 7}, {"machine": "00000000"}]
)
def test_a_claim_without_a_lock_is_taken_over_unless_its_process_lives(tmp_path: Path, change: dict[str, Any]) -> None:
    leave(tmp_path, **change)

    assert "on node7, since 2026-01-02 03:04:05 UTC" in str(RunLock(tmp_path).take())


def test_a_claim_of_a_live_process_counts_where_every_lock_is_granted(tmp_path: Path) -> None:
    """Some network disks grant every lock, to everybody."""
    parent = os.getppid()
    leave(tmp_path, number=parent, started=lock.this_process().started * 0)

    with pytest.raises(BlockingIOError, match=f"process {parent} on node7"):
        RunLock(tmp_path).take()


@pytest.mark.parametrize(("machine", "refused"), [("00000000", True), (None, False)])
def test_where_there_are_no_locks_the_claim_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str | None, refused: bool
) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    leave(tmp_path, **({"machine": machine} if machine else {"number": 2**22 + 7}))

    if refused:  # of another machine nobody can tell whether its process lives
        with pytest.raises(BlockingIOError, match=r"If that run is over, delete \S+\.lock"):
            RunLock(tmp_path).take()
    else:
        assert "on node7" in str(RunLock(tmp_path).take())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"[1]", b'{"process": 3}', b'{"process": ["a"]}', b"\xff", b"x" * 100_000]
)
def test_a_lock_file_that_says_nothing_is_taken(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".lock").write_bytes(content)

    lock = RunLock(tmp_path)
    lock.take()

    assert lock.is_held()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("years of work")
    (tmp_path / ".lock").symlink_to(tmp_path / "thesis")

    with pytest.raises(OSError, match="symbolic links"):
        RunLock(tmp_path).take()

    assert (tmp_path / "thesis").read_text() == "years of work"
