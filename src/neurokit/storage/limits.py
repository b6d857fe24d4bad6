"""Limits on what a file may cost: a file may come from a stranger, and small ones can ask for a lot."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from io import BufferedReader
from pathlib import Path

from neurokit.storage.files import CheckpointError


@dataclass(frozen=True)
class Limits:
    """How much a file that is read may ask for. What is beyond a limit is refused before it costs anything.

    The defaults take every file that neurokit writes. Pass smaller numbers for files from strangers, larger ones for a
    file that you know: ``trainer.load_weights(path, limits=Limits(tensors=1_000_000))``.

    Attributes:
        total_bytes: Of a file, or of a checkpoint's files together, times the processes that wrote it.
        header_bytes: Of the names and shapes in a safetensors file.
        tensors: In one file.
        name_bytes: Of a tensor's name.
        rank: Axes of a tensor.
        elements: Numbers in a tensor.
        json_bytes: Of a JSON file, or of the record in a checkpoint.
        json_values: Values in it.
        json_depth: How deep its lists and objects lie in each other.
        string_length: Bytes of a text in it.
        integer_digits: Decimal digits of a whole number in it. The default takes 64 bits; longer numbers are
            hexadecimal text in our files, of at most 65,536 digits.
        listed_numbers: Numbers that become Python's own, in the long lists of a checkpoint together.
        growth: ``import_pt`` gives, and works with, at most so many times the bytes of its file, and 64 MB.
        seconds: That ``import_pt`` may compute for each GB of its file, the first one begun.

    Example:
        >>> Limits(tensors=1000).tensors
        1000
    """

    total_bytes: int = 64 << 30
    header_bytes: int = 16 << 20
    tensors: int = 100_000
    name_bytes: int = 512
    rank: int = 16
    elements: int = 1 << 48
    json_bytes: int = 8 << 20
    json_values: int = 300_000
    json_depth: int = 64
    string_length: int = 8 << 20
    integer_digits: int = 20
    listed_numbers: int = 1 << 24
    growth: int = 3
    seconds: int = 60

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ValueError(f"Limits({field.name}=...) is a whole number of at least 1, got {value!r:.40}.")


LIMITS = Limits()  # what our own files keep to

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def open_regular(path: Path, *, follow: bool = False) -> Iterator[BufferedReader]:
    """Open a regular file for reading, and nothing else: a pipe would wait for ever, a link may point anywhere.

    Args:
        path: The file.
        follow: Take what a link points to. Only for a path that the user gave: one in a folder may be a stranger's.

    Raises:
        CheckpointError: If it is something else; says what.
        OSError: If it cannot be opened.
    """
    _check_kind(path, os.stat(path, follow_symlinks=follow))  # before it is opened: that alone can set off a device
    flags = getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        file = open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags))  # noqa: SIM115
    except OSError as error:
        if error.errno == errno.ELOOP:  # it became a link just now
            raise CheckpointError(_unfit(path, "a link")) from None
        raise
    with file:
        _check_kind(path, os.fstat(file.fileno()))
        yield file


def _check_kind(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(_unfit(path, _KINDS.get(stat.S_IFMT(found.st_mode), "no file")))


def _unfit(path: Path, kind: str) -> str:
    advice = " Put the file itself there: what a folder holds may not point elsewhere." if kind == "a link" else ""
    return f"{path} is {kind}, and only a regular file is read.{advice}"
