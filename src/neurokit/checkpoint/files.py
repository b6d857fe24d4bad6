"""Bytes on disk: files that are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

StrPath = str | os.PathLike[str]


class CheckpointError(ValueError):
    """A file or folder that cannot be used, and why: damaged, incomplete, of another kind, or of another model."""


def replace_file(path: StrPath, chunks: Iterable[bytes | memoryview], size: int) -> None:
    """Put a file in place whole: written beside it, made durable, then renamed over what was there.

    Args:
        path: The file. Missing parents are made.
        chunks: Its content, in order.
        size: How many bytes that is, for the message when there is no room.

    Raises:
        OSError: If it cannot be written; names the path and the bytes it needs. Nothing is left behind.
    """
    place = Path(path).expanduser().resolve()
    with explained(place, size):
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(place, "tmp")
        try:
            write_file(temporary, chunks)
            os.replace(temporary, place)
            sync_folder(place.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> dict[str, Any]:
    """Write a new file, wait until it is on disk, and return its ``size`` and ``sha256``."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return {"size": size, "sha256": digest.hexdigest()}


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(place: Path, size: int) -> Iterator[None]:
    """Say what was to be written, where, and what to do, when the system refuses it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # one of ours, which says so already
            raise
        there = next(parent for parent in place.parents if parent.exists())
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space, or keep fewer checkpoints." if full else "Choose a folder this user may write to."
        raise OSError(
            error.errno,
            f"{error.strerror}: {place} needs {size:,} bytes, and {there} has {shutil.disk_usage(there).free:,} free. "
            f"What was there is unchanged. {advice}",
        ) from error


def beside(place: Path, kind: str) -> Path:
    """Return a name beside a place that no other process uses: hidden, and telling whose it is."""
    return place.parent / f"{beside_start(place, kind)}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"


def beside_start(place: Path, kind: str) -> str:
    """Return how every name that ``beside`` gives for this place and kind begins."""
    return f".{kind}-{place.name[:40]}-"  # a file system takes 255 bytes


def _machine() -> str:
    return re.sub(r"\W", "_", platform.node())[:40]


def is_abandoned(path: Path) -> bool:
    """Return whether a path has a name that ``beside`` gave to a process of this machine that no longer lives."""
    found = re.fullmatch(rf".*-{re.escape(_machine())}-([0-9]+)-[0-9a-f]{{8}}", path.name)
    return found is not None and not _lives(int(found[1]))


def _lives(process: int) -> bool:
    if os.name == "nt":  # signal 0 is no question there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True
