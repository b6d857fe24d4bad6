"""Bytes on disk: files that are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from neurokit.arguments import suggestions
from neurokit.storage.process import Process, is_alive, this_process

StrPath = str | os.PathLike[str]
logger = logging.getLogger("neurokit")

BLOCK = 1 << 20  # bytes read or gathered at a time
_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class CheckpointError(ValueError):
    """A file or folder that cannot be used, and why: damaged, incomplete, of another kind, or of another model."""


# Writing


def replace_file(path: StrPath, chunks: Iterable[bytes | memoryview], size: int) -> None:
    """Put a file in place whole: written beside it, made durable, then renamed over what was there.

    Args:
        path: The file. Missing parents are made.
        chunks: Its content, in order.
        size: How many bytes that is, to see whether there is room.

    Raises:
        OSError: If it cannot be written; names the path and the bytes it needs. Nothing is left behind.
    """
    place = Path(path).expanduser().resolve()
    with explained(place, size):
        check_room(place, size)
        make_folders(place.parent)
        clear_abandoned(place)
        temporary = beside(place, "tmp")
        try:
            write_file(temporary, chunks)
            os.replace(temporary, place)
        finally:
            discard(temporary)
    with explained(place, size, "The new file stands there, and may not survive a power failure."):
        sync_folder(place.parent)


def write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """Write a new file, wait until it is on disk, and return its ``size`` and ``sha256``."""
    digest, size = hashlib.sha256(), 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
    try:
        for chunk in _gathered(chunks):
            _write_all(handle, chunk)
            digest.update(chunk)
            size += len(chunk)
        os.fsync(handle)
    finally:
        os.close(handle)
    return {"size": size, "sha256": digest.hexdigest()}


def _gathered(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | bytearray | memoryview]:
    """Yield small chunks together and large ones as they are: each write is a system call."""
    small = bytearray()
    for chunk in chunks:
        if len(small) + len(chunk) > BLOCK and small:
            yield small
            small = bytearray()
        if len(chunk) > BLOCK:
            yield chunk
        else:
            small += chunk
    if small:
        yield small


def _write_all(handle: int, content: bytes | bytearray | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def append_to_file(path: Path, content: bytes) -> None:
    """Write at a file's end, which is made if it is missing: all of it or, with an error, nothing."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _FLAGS, 0o666)
    try:
        size = os.fstat(handle).st_size
        try:
            _write_all(handle, content)
        except BaseException:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def make_folders(folder: Path) -> None:
    """Make a folder and its missing parents, and wait until their names are on disk."""
    missing = takewhile(lambda one: not one.exists(), (folder, *folder.parents))
    for one in reversed([*missing]):
        try:
            os.mkdir(one)
        except FileExistsError:  # another process was faster
            if not one.is_dir():
                raise
        sync_folder(one.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY | _FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# Reading


def read_up_to(handle: int, count: int) -> bytes:
    """Return the content of an open file, or its first ``count`` bytes if it is longer."""
    content = bytearray()
    while len(content) < count and (block := os.read(handle, min(BLOCK, count - len(content)))):
        content += block
    return bytes(content)


def measure(handle: int) -> dict[str, Any]:
    """Return the ``size`` and ``sha256`` of an open file, read at about 2 GB/s."""
    digest, size = hashlib.sha256(), 0
    while block := os.read(handle, BLOCK):
        digest.update(block)
        size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}


def check_exists(path: Path) -> None:
    """Raise ``FileNotFoundError`` if there is nothing at a path; names what is nearest to it."""
    if not path.exists():
        there = os.listdir(path.parent) if path.parent.is_dir() else []
        hint = suggestions(path.name, there) or " Pass the file that save_weights wrote."
        raise FileNotFoundError(f"There is no file {path}.{hint}")


# What to say when the system refuses


def check_room(place: Path, size: int) -> None:
    """Raise before anything is written if a disk has less room than is needed."""
    found = _room(place)
    if found is not None and found[1] < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _room(place: Path) -> tuple[Path, int] | None:
    """Return the nearest folder that is there and its free bytes; ``None`` where the disk does not say."""
    try:
        there = next(parent for parent in place.parents if parent.exists())
        total, _, free = shutil.disk_usage(there)
    except OSError:
        return None
    return (there, free) if total else None  # some network disks answer with zeros


@contextmanager
def explained(place: Path, size: int, outcome: str = "What was there is unchanged.") -> Iterator[None]:
    """Say what was to be written, where, and what to do, when the system refuses it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # one of ours, which says so already
            raise
        found = _room(place)
        free = f", and {found[0]} has {found[1]:,} free" if found else ""
        raise OSError(
            error.errno,
            f"{error.strerror}: {place} needs {size:,} bytes{free}. {outcome} {_advice(error)}",
        ) from error


def _advice(error: OSError) -> str:
    if error.errno == errno.EFBIG:
        return "Files of this process may not be larger: raise the limit (ulimit -f)."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space, or keep fewer checkpoints."
    if error.errno == errno.EIO:
        return "Look after that disk, or choose a folder on another one."
    if error.errno == errno.ENOENT:
        return "The folder was removed or moved meanwhile."
    return "Choose a folder this user may write to."


# Names beside a place


def beside(place: Path, kind: str) -> Path:
    """Return a name beside a place that no other process uses: hidden, and telling whose it is."""
    owner = "-".join(map(str, this_process()))
    return place.parent / f".{kind}-{_label(place)}-{owner}-{secrets.token_hex(4)}"


def _label(place: Path) -> str:
    """Return a place's name, or a digest of a long one: a file system takes 255 bytes."""
    name = os.fsencode(place.name)
    return place.name if len(name) <= 100 else hashlib.sha256(name).hexdigest()[:32]


_BESIDE = re.compile(
    r"\.(?P<kind>[a-z]+)-(?P<label>.+)-(?P<machine>[0-9a-f]{8})-(?P<boot>[0-9a-f]{8})-(?P<space>[0-9]{1,20})"
    r"-(?P<number>[0-9]{1,20})-(?P<started>-?[0-9]{1,20})-[0-9a-f]{8}",
    re.DOTALL,
)


def all_beside(place: Path, kind: str) -> list[Path]:
    """Return what stands beside a place under names that ``beside`` gave for it, whoever asked."""
    try:
        names = os.listdir(place.parent)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [place.parent / name for name in sorted(names) if told_by_name(name) == (kind, _label(place))]


def told_by_name(name: str) -> tuple[str, str] | None:
    """Return the kind and the place's name in a name that ``beside`` gave; ``None`` for any other."""
    found = _BESIDE.fullmatch(name)
    return None if found is None else (found["kind"], found["label"])


def is_abandoned(path: Path) -> bool:
    """Return whether ``beside`` gave a path its name for a process that surely lives no longer."""
    found = _BESIDE.fullmatch(path.name)
    if found is None:
        return False
    space, number, started = (int(found[name]) for name in ("space", "number", "started"))
    return is_alive(Process(found["machine"], found["boot"], space, number, started)) is False


def clear_abandoned(place: Path) -> None:
    """Delete what killed processes left half-written beside a place."""
    for path in filter(is_abandoned, all_beside(place, "tmp")):
        discard(path)


def discard(path: Path) -> None:
    """Delete a file or folder that nobody needs; say so if that fails, since it takes room."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.warning(f"{path} is left over and could not be deleted: {error.strerror or error}. Delete it by hand.")
