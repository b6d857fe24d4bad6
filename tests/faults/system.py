"""The system calls that neurokit makes in a folder, seen one by one: to count them, to fail them, to die at them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

WRITING = ("open", "write", "ftruncate", "fsync", "close", "mkdir", "rename", "replace", "unlink", "rmdir")
READING = ("read", "pread", "stat", "lstat", "fstat", "listdir", "scandir")


class Watch:
    """Calls ``act(name, path, arguments)`` before each system call on a folder or on what is in it, in this process.

    Functions of ``os`` are replaced while it is entered. What ``act`` raises is what the call raises; ``close`` closes
    all the same, as the system's does.

    Args:
        root: The folder.
        act: What happens before a call.
        names: The functions.
        after: What happens after a call, with its result too.
    """

    def __init__(
        self,
        root: Path,
        act: Callable[[str, str, tuple[Any, ...]], None],
        names: tuple[str, ...] = WRITING,
        after: Callable[[str, str, tuple[Any, ...]], None] | None = None,
    ) -> None:
        self.root, self.act, self.after = os.path.realpath(root), act, after
        self.originals = {name: getattr(os, name) for name in {*names, "open", "close"}}
        self.names = names
        self.handles: dict[int, str] = {}

    def __enter__(self) -> Watch:
        for name, original in self.originals.items():
            setattr(os, name, functools.partial(self._call, name, original))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, original in self.originals.items():
            setattr(os, name, original)

    def _call(self, name: str, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        path = self._path(options.get("dir_fd"), *args)
        if path is None:
            return original(*args, **options)
        if name == "close":
            self.handles.pop(args[0])
            original(*args)
        if name in self.names:
            self.act(name, path, args)
        result = None if name == "close" else original(*args, **options)
        if name == "open":
            self.handles[result] = path
        if self.after is not None and name in self.names:
            self.after(name, path, args)
        return result

    def _path(self, folder: int | None, first: Any = ".", *_: Any) -> str | None:
        if isinstance(first, int):
            return self.handles.get(first)
        if folder is not None:
            return os.path.join(self.handles[folder], first) if folder in self.handles else None
        path = os.path.join(os.getcwd(), os.fsdecode(first))
        return path if path == self.root or path.startswith(self.root + os.sep) else None
