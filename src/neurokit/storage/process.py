"""Which process left a file, and whether it still lives."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process, told apart from a later one that has got its number.

    Attributes:
        machine: A digest of the host's name and identity.
        boot: A digest of the boot it belongs to; empty digits where the system does not say.
        space: The name space of its number: containers on one machine number their processes apart.
        number: Its number.
        started: When it started, in clock ticks since the boot; 0 where the system does not say.
    """

    machine: str
    boot: str
    space: int
    number: int
    started: int


def this_process() -> Process:
    """Return the process that asks: never kept, since a fork is another one."""
    space = _link("/proc/self/ns/pid").removeprefix("pid:[").removesuffix("]")
    return Process(
        machine=_digest(platform.node() + _text("/etc/machine-id")),
        boot=_digest(_text("/proc/sys/kernel/random/boot_id")),
        space=int(space) if space.isdecimal() else 0,
        number=os.getpid(),
        started=_started(os.getpid()) or 0,
    )


def is_alive(process: Process) -> bool | None:
    """Return whether a process lives; ``None`` where nobody can tell: it is of another machine or container."""
    here = this_process()
    if process.machine != here.machine:
        return None
    if process.boot != here.boot:
        return False
    if process.space != here.space:
        return None
    if os.name == "nt":  # signal 0 is no question there
        return True
    try:
        os.kill(process.number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to somebody else
        pass
    started = _started(process.number)
    if started is None:  # nobody says
        return True
    return started >= 0 and process.started in (0, started)


def _started(number: int) -> int | None:
    """Return when a process started; -1 if it has ended and only waits to be counted, ``None`` if nobody says."""
    fields = _text(f"/proc/{number}/stat").rpartition(")")[2].split()  # the name before it may hold anything
    if len(fields) < 20:
        return None
    return -1 if fields[0] in "ZX" else int(fields[19])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
