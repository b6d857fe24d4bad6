"""Trainings of one job in processes of their own, by turns, so that a slow minute of the machine meets all of them.

A module of the other benchmarks. The parent starts a process for each with ``beside``, which gives turns. In the child
a ``Turns`` is the runner's ``tick``: it ends each turn, says what it took, and waits for the next.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import machine

_MARK = "measured: "


class Turns:
    """Ends a turn after so many epochs, the first turn after one: what comes before its end is start-up as well.

    Args:
        epochs: In a turn. It should take a quarter of a second or more: the first batches find the caches empty.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self._turns = 0
        self._left = 0
        self._began = 0.0, 0.0

    def __call__(self) -> None:
        """Training starts, or an epoch has ended."""
        self._left -= 1
        if self._left > 0:
            return
        if self._left == 0:
            epochs = self.epochs if self._turns > 1 else 1
            seconds, cpu_seconds = machine.since(self._began, machine.now())
            _tell({"seconds": seconds / epochs, "cpu_seconds": cpu_seconds / epochs})
        else:
            _tell({})
        if not sys.stdin.readline():
            os._exit(0)  # the parent has what it wanted, or is gone
        self._turns += 1
        self._left = self.epochs if self._turns > 1 else 1
        self._began = machine.now()


def _tell(found: dict[str, float]) -> None:
    print(_MARK + json.dumps(found), flush=True)


class Failed(Exception):  # noqa: N818  it is a child that has
    """A process ended before its turns did; the text is what it wrote to its standard error."""


class _Child:
    """A process that trains when it is told to."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors,
        )  # fmt: skip

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def told(self) -> dict[str, float]:
        """What it says next."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        self._errors.seek(0)
        raise Failed(self._errors.read()[-3000:])

    def turn(self) -> dict[str, float]:
        """What its next turn took."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.told()


def beside(children: Sequence[Sequence[str]], rounds: int, threads: int) -> list[list[dict[str, float]]]:
    """Start Python with each of these arguments, give turns in this order, and return what each turn of each took.

    Args:
        children: What follows ``python``; each uses a ``Turns``, for ``rounds`` turns and the first.
        rounds: Turns of each, after the first.
        threads: That each may compute in.

    Raises:
        Failed: If one ends before it should.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "KERAS_BACKEND": "torch"}
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(_Child(arguments, environment)) for arguments in children]
        for one in all_of_them:
            one.told()  # it has imported what it needs, and holds its data
        taken = [[one.turn() for one in all_of_them] for _ in range(rounds + 1)]
    return [list(turns) for turns in zip(*taken, strict=True)]


def summary(found: list[dict[str, float]], base: list[dict[str, float]]) -> dict[str, Any]:
    """Return what the turns of one took, the first apart, and the ratios to those of another beside which they ran."""

    def ratios(key: str) -> list[float]:
        return [one[key] / other[key] for one, other in zip(found[1:], base[1:], strict=True)]

    return {
        **machine.spread(ratios("seconds")),
        "cpu_ratio": round(statistics.median(ratios("cpu_seconds")), 4),
        "seconds": round(statistics.median(one["seconds"] for one in found[1:]), 6),
        "first": round(found[0]["seconds"], 4),
        "each": [round(one["seconds"], 6) for one in found[1:]],
    }
