"""The lock of a run's folder: one run writes there at a time."""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neurokit.storage.files import StrPath
from neurokit.storage.limits import Limits
from neurokit.storage.process import Process, is_alive, this_process
from neurokit.storage.strict_json import parse_json

LOCK = ".lock"
MAX_LOCK_BYTES = 4096
_LIMITS = Limits(json_bytes=MAX_LOCK_BYTES)
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}

logger = logging.getLogger("neurokit")


class RunLock:
    """Keeps a second run out of a folder: the file ``.lock`` in it, locked, and saying who holds it since when.

    The system gives a lock back when its process ends, however it ends. What is written in the file decides where the
    disk has no locks, or grants every lock, as some network disks do. Nothing relies on it to keep files whole.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: StrPath) -> None:
        self.path = Path(folder) / LOCK
        self._handle: int | None = None

    def take(self) -> str | None:
        """Take the lock; return what to say if a run that ended without giving it back had it, else ``None``.

        Raises:
            BlockingIOError: If a live run holds it; names the process, its machine, and since when.
            OSError: If the file cannot be written.
        """
        before = ""
        while not self.is_held():  # else its holder ended, and deleted it, just now
            self.release()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            try:
                before = _refuse_live(self.path, handle)
            except BaseException:
                os.close(handle)
                raise
            self._handle = handle
        _held.add(self)
        _let_go_in_forks()
        self._write()
        return (
            f"The last run in {self.path.parent} ended without closing it: {before}. This one goes on."
            if before
            else None
        )

    def _write(self) -> None:
        assert self._handle is not None
        claim = {"host": platform.node(), "since": _now(), "process": this_process()}
        try:
            os.ftruncate(self._handle, 0)
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, json.dumps(claim).encode())
        except BaseException:
            self.release()
            raise

    def is_held(self) -> bool:
        """Return whether this lock still stands in the folder: somebody may have removed or moved that."""
        return self._handle is not None and _is_still_there(self.path, self._handle)

    def release(self) -> None:
        """Give the lock back; nothing happens if it is not held."""
        handle, self._handle = self._handle, None
        _held.discard(self)
        if handle is None:
            return
        try:
            if _is_still_there(self.path, handle):
                if os.name == "nt":  # what is open cannot be deleted there
                    os.close(handle)
                os.unlink(self.path)
        except OSError as error:
            logger.warning(f"{self.path} could not be deleted: {error.strerror or error}. Delete it by hand.")
        finally:
            if os.name != "nt":
                os.close(handle)


def refuse_if_held(run_folder: StrPath) -> None:
    """Raise if a live run writes in a folder, or in the one that a checkpoint stands in.

    Raises:
        BlockingIOError: As ``RunLock.take``.
    """
    folder = Path(run_folder).expanduser().absolute()
    for path in (folder / LOCK, folder.parent / LOCK):
        if not path.is_file():
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            _refuse_live(path, handle, shared=True)
        finally:
            os.close(handle)


_held: set[RunLock] = set()  # of this process: its forks have to let go of them


@functools.cache
def _let_go_in_forks() -> None:
    """Close the file in processes that are forked, such as loader workers, which would hold the lock of a dead run."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    for lock in list(_held):
        if lock._handle is not None:
            os.close(lock._handle)
            lock._handle = None
    _held.clear()


def _refuse_live(path: Path, handle: int, *, shared: bool = False) -> str:
    """Lock a file and return who was left in it; raise if somebody holds it who lives."""
    locked = _lock(handle, shared)
    content = os.pread(handle, MAX_LOCK_BYTES, 0) if hasattr(os, "pread") else os.read(handle, MAX_LOCK_BYTES)
    holder = _parse(content)
    lives = _lives(holder["process"], path) if holder else False
    if locked is False or lives or (locked is None and lives is None):
        advice = "" if locked is False or lives else f" If that run is over, delete {path}."
        who = f": {holder['who']}" if holder else ""
        raise BlockingIOError(
            f"{path.parent} is in use by another run{who}. Nothing was changed. "
            f"Wait for that run, stop it, or choose another folder.{advice}"
        )
    return holder["who"] if holder else ""


def _lives(process: Process, path: Path) -> bool | None:
    if process == this_process():  # an earlier fit of this process, unless one is at it now
        return any(lock.path == path for lock in _held)
    return is_alive(process)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _parse(content: bytes) -> dict[str, Any]:
    """Return who wrote a lock, in words and as a process; nothing where it does not say."""
    try:
        found = parse_json(content, _LIMITS)
        machine, boot, space, number, started = found["process"]
        process = Process(str(machine), str(boot), int(space), int(number), int(started))
        return {"process": process, "who": f"process {number} on {found['host']!s:.80}, since {found['since']!s:.30}"}
    except (ValueError, TypeError, KeyError):
        return {}


def _is_still_there(path: Path, handle: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, shared: bool) -> bool | None:
        """Lock a file: ``False`` if another one holds it. What is locked is a byte that nobody reads."""
        os.lseek(handle, MAX_LOCK_BYTES, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(handle: int, shared: bool) -> bool | None:
        """Lock a file: ``False`` if another one holds it, ``None`` where the disk has no locks."""
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return None
            raise
        return True
