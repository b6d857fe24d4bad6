"""Exits: what the command's exit code says, and errors that carry one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Exit(IntEnum):
    """What the command's exit code says, the same for every subcommand."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DATA = 3
    TRAINING = 4
    INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended: 128 + SIGINT
    TERMINATED = 143  # 128 + SIGTERM: the system reports it, as the signal itself ends the process


MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "failed for another reason, such as a full disk; doctor: something is wrong",
    Exit.USAGE: "wrong usage: an unknown command or option, or a value it does not take",
    Exit.DATA: "the data cannot be read, or cannot be used",
    Exit.TRAINING: "training failed: the loss became NaN or infinite",
    Exit.INTERRUPTED: "interrupted by Ctrl-C, after a checkpoint where one is kept",
    Exit.TERMINATED: "ended by SIGTERM, after a checkpoint where one is kept",
}


class CommandError(Exception):
    """The end of a command, with its exit code and the sentence that says why."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def ending_with(code: Exit) -> Iterator[None]:
    """Let what is wrong with the user's files and values in this block end the command with a code of its own."""
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(code, str(error)) from error
