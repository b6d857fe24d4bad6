"""SIGKILL at random moments and at every system call that a run makes in its folder, again and again until it ends."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faults.fresh import in_a_fresh_process
from faults.system import WRITING, Watch
from faults.training import Commits, Position, committed, ending, train

GOAL = "SIGKILL at random moments and at every named step of the save: 0 lost, 0 mixed, bit-identical in the end"
CI = 150
FULL = 1000
SPLIT = True
CALLS = 400  # a life makes about as many that change anything
LIMIT = 120  # seconds that a child may take; none needs one


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Kill a run so many times; each time the next process has to go on from what the last one had committed."""
    return in_a_fresh_process("faults.kill", "_run", amount, seed)


def _run(amount: int, seed: int) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        return _Experiment(Path(place), amount, seed).figures()


class _Experiment:
    """A server that has imported everything once, and forks a process for each life of the run."""

    def __init__(self, place: Path, amount: int, seed: int) -> None:
        self.place, self.amount, self.random = place, amount, random.Random(seed)
        self.counts = dict.fromkeys(
            ("kills", "at a system call", "at random", "runs ended", "lost", "mixed", "leftovers", "failed"), 0
        )
        self.known: dict[Position, set[str]] = {}
        self.steps: set[str] = set()
        self.straight = self._straight(place / "straight")
        started = time.monotonic()
        train(place / "again")
        self.seconds = time.monotonic() - started  # of a run, once everything is imported

    def _straight(self, folder: Path) -> dict[str, str]:
        """Run once without being killed; note the state at each position, and how many system calls it makes."""

        def note(what: str, position: Position) -> None:
            found = committed(folder)
            if what == "committed" and found is not None:
                assert found[0] == position, (found, position)
                self.known.setdefault(position, set()).add(found[1])

        folder.mkdir()
        return ending(train(folder, Commits(note)), folder)

    def figures(self) -> dict[str, int]:
        points = self._points()
        number = 0
        while self.counts["kills"] < self.amount:
            number += 1
            self._one_run(self.place / f"run-{number}", points)
        return self.counts | {"named steps": len(self.steps)}

    def _points(self) -> Iterator[int | None]:
        """Yield when to die: at the n-th system call, for each n; then at random."""
        yield from range(1, min(CALLS, self.amount * 2 // 3) + 1)
        while True:
            yield None

    def _one_run(self, folder: Path, points: Iterator[int | None]) -> None:
        """Kill a run until it ends, and compare how it ended."""
        folder.mkdir()
        last = (0, 0)
        point = next(points)
        while True:
            died, said = self._one_life(folder, point)
            for what, *position in said:
                if what == "from" and tuple(position) < last:
                    self.counts["lost"] += 1
                if what == "committed":
                    last = max(last, tuple(position))
            if not died:
                break
            found = committed(folder)
            position, state = found or ((0, 0), "")
            self.counts["lost"] += position < last
            self.counts["mixed"] += found is not None and state not in self.known.get(position, ())
            last = max(last, position)
            self.counts["kills"] += 1
            self.counts["at random" if point is None else "at a system call"] += 1
            if self.counts["kills"] >= self.amount and point is None:
                break
            point = next(points)
        if not died:
            end = json.loads((folder / "end.json").read_text()) if (folder / "end.json").exists() else None
            self.counts["failed"] += end is None
            self.counts["mixed"] += end is not None and end != self.straight
            self.counts["runs ended"] += 1
            self.counts["leftovers"] += sum(name.startswith(".") for name in os.listdir(folder))

    def _one_life(self, folder: Path, point: int | None) -> tuple[bool, list[Any]]:
        """Fork a process that goes on with the run; return whether it was killed, and what it had reported."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _live(folder, point, writer)
        os.close(writer)
        if point is None:
            time.sleep(self.random.uniform(0, 0.8 * self.seconds))
            os.kill(child, signal.SIGKILL)
        with open(reader) as said:
            lines = [json.loads(line) for line in said if line.endswith("\n")]
        status = os.waitpid(child, 0)[1]
        self.steps.update(line[1] for line in lines if line[0] == "dies")
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, [
            line for line in lines if line[0] != "dies"
        ]


def _live(folder: Path, point: int | None, report: int) -> None:
    """Go on with the run in this process, and die at the n-th system call, a write half done."""
    calls = 0
    write = os.write

    def say(*what: Any) -> None:
        write(report, (json.dumps(what) + "\n").encode())

    def count(name: str, path: str, arguments: tuple[Any, ...]) -> None:
        nonlocal calls
        if name == "close" or (name == "open" and not arguments[1] & os.O_CREAT):
            return  # which change nothing on disk
        calls += 1
        if calls == point:
            say("dies", f"{name} {_kind(Path(path).relative_to(folder))}")
            if name == "write":
                write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    signal.alarm(LIMIT)
    try:
        with Watch(folder, count, WRITING):
            trainer = train(folder, Commits(lambda what, position: say(what, *position)))
        (folder / "end.json").write_text(json.dumps(ending(trainer, folder)))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(0)


def _kind(path: Path) -> str:
    """Return what a path is: names without numbers and owners."""
    parts = [part.split("-")[0] for part in path.parts]
    return "/".join(parts) or "folder"
