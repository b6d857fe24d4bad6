"""What the tests of the checks share: a set-up is looked at by ``nk.diagnose`` and by ``fit``, a new one for each."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import neurokit as nk
from neurokit import Trainer

Make = Callable[[], tuple[Trainer, tuple[Any, ...], dict[str, Any]]]


class Heard(logging.Handler):
    """Keeps what the logger says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def diagnosed(make: Make) -> dict[str, nk.diagnostics.Finding]:
    """What ``nk.diagnose`` returns, by code."""
    trainer, data, arguments = make()
    return {finding.code: finding for finding in nk.diagnose(trainer, *data, **arguments)}


def fitted(make: Make, **more: Any) -> tuple[dict[str, str], str, list[str], Trainer]:
    """What ``fit`` found, by code its level, the error it ended with, what was said, and the trainer."""
    trainer, data, arguments = make()
    heard, logger, error = Heard(), logging.getLogger("neurokit"), ""
    logger.addHandler(heard)
    try:
        trainer.fit(*data, **{"verbose": 0} | arguments | more)
    except ValueError as refused:
        error = str(refused)
    finally:
        logger.removeHandler(heard)
    levels = {one.code: one.level for one in trainer.findings if one.code}
    if code := re.search(r"\[([a-z-]+); fit", error):
        levels[code[1]] = "error"
    return levels, error, heard.lines, trainer


def assert_found(make: Make, code: str, level: str, *words: str, rehearsed: bool = True) -> None:
    """The check fires in ``nk.diagnose`` and in ``fit``, says it once, is recorded, and can be left out."""
    if rehearsed:
        found = diagnosed(make)
        assert found.keys() == {code}, found
        assert found[code].level == level
        message = found[code].message
        assert all(word in message for word in words), message
    levels, error, lines, trainer = fitted(make)
    assert levels == {code: level}
    if level == "error":
        assert all(word in error for word in words), error
    else:
        assert error == ""
        said = [line for line in lines if f"[{code}]" in line]
        assert len(said) == 1
        assert all(word in said[0] for word in words), said[0]
        assert code in [one["code"] for one in trainer.record.findings]
    levels, error, lines, _ = fitted(make, checks={code: False})
    assert (levels, error) == ({}, "")
    assert not any(f"[{code}]" in line for line in lines)


def assert_clean(make: Make) -> None:
    """Neither ``nk.diagnose`` nor ``fit`` finds anything."""
    assert diagnosed(make) == {}
    levels, error, _, _ = fitted(make)
    assert (levels, error) == ({}, "")
