"""Every system call fails: ENOSPC, EIO, EACCES and EINTR at the n-th call, once or from there on, for each n."""

from __future__ import annotations

import errno
import logging
import os
import random
import shutil
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from faults.fresh import in_a_fresh_process
from faults.system import READING, WRITING, Watch
from faults.training import ending, train
from neurokit import Callback, checkpoint
from neurokit.record import RunRecord
from neurokit.storage import CheckpointError
from neurokit.storage.files import beside

GOAL = "ENOSPC, EIO, EACCES, EINTR at the n-th call, for all n, in save, replace, prune, resume and log; and in fit"
CI = 40
FULL = 2000
SPLIT = True
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EINTR)


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Fail each call of each operation in each way; and so many of the calls of a whole run that is resumed."""
    return in_a_fresh_process("faults.syscalls", "_run", amount, seed)


def _run(amount: int, seed: int) -> dict[str, int]:
    counts = dict.fromkeys(("failures", "in fit", "corrupted", "silent", "wrong error", "cannot go on"), 0)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        for operation in OPERATIONS:
            for number, mode in _every(operation, Path(place)):
                _try(operation, Path(place), number, mode, counts)
        _fail_runs(Path(place), amount, random.Random(seed), counts)
    return counts


class Fails:
    """Raises an error at the n-th call, or from there on.

    A disk that is full for good still takes what needs no room: names that are taken away or changed.
    """

    def __init__(self, at: int, mode: tuple[int, bool]) -> None:
        self.at, (self.error, self.stays) = at, mode
        self.calls = 0
        self.failed = ""

    def __call__(self, name: str, path: str, arguments: tuple[Any, ...]) -> None:
        self.calls += 1
        if self.calls < self.at or (self.calls > self.at and not self.stays):
            return
        room = name in ("write", "fsync", "mkdir", "ftruncate") or (name == "open" and arguments[1] & os.O_CREAT)
        if self.calls > self.at and self.error == errno.ENOSPC and not room:
            return
        self.failed = self.failed or f"{name} {os.path.basename(path)}"
        raise OSError(self.error, os.strerror(self.error))


MODES = [(error, stays) for error in ERRORS for stays in (False, True)]


class Operation:
    """One thing that is done in a run's folder.

    Args:
        prepare: Makes the folder as it is before.
        do: What is done there.
        check: Tells from the folder whether it was done; raises ``AssertionError`` where anything is corrupted.
    """

    def __init__(
        self, prepare: Callable[[Path], None], do: Callable[[Path], Any], check: Callable[[Path], bool]
    ) -> None:
        self.prepare, self.do, self.check = prepare, do, check


def _state(step: int) -> dict[str, Any]:
    return {"model": {"weight": torch.full((3, 2), float(step))}, "moments": torch.full((3, 2), step / 3), "step": step}


def _write(folder: Path, step: int, content: int | None = None) -> None:
    checkpoint.write(folder / checkpoint.step_name(step), _state(content or step), replace=content is not None)


def _prepare(*steps: int) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        folder.mkdir()
        for step in steps:
            _write(folder, step)
        RunRecord(created="before").save(folder / "run.json")

    return prepare


def _prepare_interrupted(folder: Path) -> None:
    """A folder in which a process died between the two renames of a replacement."""
    _prepare(1, 2)(folder)
    place = folder / checkpoint.step_name(2)
    os.rename(place, beside(place, "old"))


def _content(folder: Path) -> int:
    """Return what the newest checkpoint holds, which has to be whole."""
    state = checkpoint.read_newest(folder)
    assert state is not None, "nothing is left"
    number = state["step"]
    assert torch.equal(state["model"]["weight"], _state(number)["model"]["weight"]), "mixed"
    assert torch.equal(state["moments"], _state(number)["moments"]), "mixed"
    return int(number)


def _holds(*allowed: int) -> Callable[[Path], bool]:
    """Tell whether the newest holds the last of these, as after the operation; it has to hold one of them."""

    def check(folder: Path) -> bool:
        found = _content(folder)
        assert found in allowed, found
        return found == allowed[-1]

    return check


def _is_pruned(folder: Path) -> bool:
    assert _content(folder) == 3
    return sorted(name for name in os.listdir(folder) if "step" in name) == [checkpoint.step_name(3)]


def _has_record(folder: Path) -> bool:
    created = RunRecord.load(folder / "run.json").created
    assert created in ("before", "after")
    return created == "after"


class Loads:
    """Reads the newest state, and keeps it to be checked."""

    found: Any = None

    def do(self, folder: Path) -> None:
        self.found = None
        self.found = checkpoint.read_newest(folder)

    def check(self, folder: Path) -> bool:
        assert _content(folder) == 2
        return self.found is not None and self.found["step"] == 2


LOADS = Loads()
OPERATIONS = [
    Operation(_prepare(1), lambda folder: _write(folder, 2), _holds(1, 2)),
    Operation(_prepare(1, 2), lambda folder: _write(folder, 2, 20), _holds(2, 20)),
    Operation(_prepare(1, 2, 3), lambda folder: checkpoint.prune(folder, 1, (), {}), _is_pruned),
    Operation(_prepare(1, 2), LOADS.do, LOADS.check),
    Operation(_prepare_interrupted, LOADS.do, LOADS.check),
    Operation(_prepare_interrupted, checkpoint.remove_leftovers, _holds(2)),
    Operation(_prepare(1), lambda folder: RunRecord(created="after").save(folder / "run.json"), _has_record),
]


def _every(operation: Operation, place: Path) -> Iterator[tuple[int, tuple[int, bool]]]:
    """Yield each call of an operation with each way to fail."""
    folder, template = place / "count", place / "template"
    operation.prepare(template)
    shutil.copytree(template, folder)
    count = Fails(0, (0, False))
    with Watch(folder, count, WRITING + READING):
        operation.do(folder)
    shutil.rmtree(folder)
    for number in range(1, count.calls + 1):
        for mode in MODES:
            yield number, mode
    shutil.rmtree(template)


def _try(operation: Operation, place: Path, number: int, mode: tuple[int, bool], counts: dict[str, int]) -> None:
    folder = place / "run"
    shutil.copytree(place / "template", folder)
    fails = Fails(number, mode)
    with _listening() as said:
        try:
            with Watch(folder, fails, WRITING + READING):
                operation.do(folder)
        except (OSError, CheckpointError) as error:
            said.append(error)
        except Exception as error:
            _complain(counts, "wrong error", fails, error)
            said.append(error)
    counts["failures"] += bool(fails.failed)
    with _listening():
        try:
            done = operation.check(folder)
            if not done and not said:
                _complain(counts, "silent", fails, None)
        except Exception as error:
            _complain(counts, "corrupted", fails, error)
        try:
            operation.do(folder)
            assert operation.check(folder), "not done in a second attempt"
        except Exception as error:
            _complain(counts, "cannot go on", fails, error)
    shutil.rmtree(folder)


def _complain(counts: dict[str, int], what: str, fails: Fails, error: Exception | None) -> None:
    counts[what] += 1
    print(what, fails.failed, fails.at, os.strerror(fails.error), fails.stays, repr(error)[:300])
    if error is not None:
        traceback.print_tb(error.__traceback__)


@contextmanager
def _listening() -> Iterator[list[Any]]:
    """Collect what is logged and warned."""
    said: list[Any] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("neurokit"), Listener()
    logger.addHandler(listener)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, *_, **__: said.append(str(message))
            yield said
    finally:
        logger.propagate = True
        logger.removeHandler(listener)


class _Stop(Exception):  # noqa: N818  it is no error
    """Ends a run in the middle."""


class _StopAt(Callback):
    """Ends a run at the begin of the batch after so many steps."""

    order = 3

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        if self.trainer.state.step == self.step:
            raise _Stop


def _fail_runs(place: Path, amount: int, moments: random.Random, counts: dict[str, int]) -> None:
    """Fail calls of a run that is resumed in its middle and goes to its end; then let it go on without failures."""
    with _listening():
        (place / "straight").mkdir()
        expected = ending(train(place / "straight"), place / "straight")
        (place / "middle").mkdir()
        with suppress(_Stop):
            train(place / "middle", _StopAt(9))
    count = Fails(0, (0, False))
    shutil.copytree(place / "middle", place / "count")
    with _listening(), Watch(place / "count", count, WRITING + READING):
        train(place / "count")
    points = [(number, mode) for number in range(1, count.calls + 1) for mode in MODES]
    for number, mode in moments.sample(points, min(amount, len(points))):
        _fail_run(place, number, mode, expected, counts)


def _fail_run(place: Path, number: int, mode: tuple[int, bool], expected: Any, counts: dict[str, int]) -> None:
    folder = place / "run"
    shutil.copytree(place / "middle", folder)
    fails = Fails(number, mode)
    with _listening() as said:
        try:
            with Watch(folder, fails, WRITING + READING):
                trainer = train(folder)
        except (OSError, CheckpointError) as error:
            said.append(error)
        except Exception as error:
            _complain(counts, "wrong error", fails, error)
            said.append(error)
        else:
            if not said and ending(trainer, folder) != expected:
                _complain(counts, "silent", fails, None)
            if trainer.history.stop_reason != "completed":
                _complain(counts, "wrong error", fails, None)
    counts["failures"] += bool(fails.failed)
    counts["in fit"] += bool(fails.failed)
    with _listening():
        try:
            if ending(train(folder), folder) != expected:
                _complain(counts, "corrupted", fails, None)
        except Exception as error:
            _complain(counts, "cannot go on", fails, error)
    shutil.rmtree(folder)
