"""The hostile files, read in processes of their own, and what came of each."""

# ruff: noqa: T201 (what is printed is what it is for)

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hostile.make import CASES, Case

SECONDS = 1.0  # of computing, for a reader
SLACK = 64 << 20  # bytes of memory, beside three times the file's
START = 6.0  # seconds of computing that the process of import_pt may take to begin, on a slow machine


def work(jobs: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Run one worker; return what it reported, and what it was at if it ended early."""
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder, "scratch")
        for made in (scratch, Path(folder, "tmp")):
            made.mkdir()
        child = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("worker.py")), str(scratch)],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            env={**surroundings, "TMPDIR": str(Path(folder, "tmp"))},
            check=False,
            timeout=1800,
        )
    lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
    found = [line for line in lines if "name" in line or "mutation" in line]
    if any("done" in line for line in lines):
        return found, ""
    started = [line["start"] for line in lines if "start" in line]
    if not started:
        raise RuntimeError(child.stderr[-3000:])
    return found, f"{started[-1]}: ended with {child.returncode}. {child.stderr[-500:]}"


def read_all(cases: Sequence[Case]) -> dict[str, dict[str, Any]]:
    """Have every case read; a process that dies is replaced by one that goes on with the next case."""
    results: dict[str, dict[str, Any]] = {}
    left = [case.name for case in cases]
    while left:
        found, ended = work({"cases": left})
        results |= {one["name"]: one for one in found}
        left = [name for name in left if name not in results]
        if ended and left:
            results[left[0]] = {"name": left.pop(0), "crash": ended}
    return results


def judge(case: Case, result: dict[str, Any]) -> list[str]:
    """Return what is wrong with how a case was read, in words; empty where nothing is."""
    if "crash" in result:
        return [f"crash: {result['crash']}"]
    wrong = []
    if result["error"] != case.error or case.says not in result["says"]:
        wanted = f"{case.error or 'no error'} saying {case.says!r}"
        wrong.append(f"error: {wanted} was wanted, and {result['error']}: {result['says']:.300} came")
    apart = case.reader == "import_pt"
    events = [event for event in result["events"] if not (apart and is_import_pt(event))]
    if case.reader == "resume":  # a fit asks git for the commit, whatever it reads
        events = [event for event in events if "'git'" not in event and "/dev/null" not in event]
    started = sum(event.startswith("subprocess.Popen") for event in result["events"])
    if events or (apart and started > 1):
        wrong.append(f"escape: {result['events']}")
    if result["created"]:
        wrong.append(f"escape: created {result['created']}")
    if result["seconds"] > SECONDS or result["child_seconds"] > START + SECONDS:
        wrong.append(f"time: {result['seconds']:.2f} s, and {result['child_seconds']:.2f} s in a process of its own")
    if result["growth"] > 3 * result["size"] + SLACK:
        wrong.append(f"memory: grew by {result['growth']:,} bytes for a file of {result['size']:,}")
    return wrong


def is_import_pt(event: str) -> bool:
    """Return whether an event is what ``import_pt`` does for any file: a folder of its own, and one process."""
    own = ("subprocess.Popen", "tempfile.mkdtemp", "os.posix_spawn", "os.fork", "os.remove ('", "os.rmdir ('")
    return event.startswith(own) or "neurokit-" in event


def main() -> None:
    """Read every case and print how: ``python -m hostile.suite``, with ``tests`` in the path."""
    results = read_all(CASES)
    for case in CASES:
        result, wrong = results[case.name], judge(case, results[case.name])
        figures = (
            ""
            if "crash" in result
            else f"{result['seconds']:.2f} s {result['growth'] / 1e6:7.1f} MB for {result['size'] / 1e6:.1f}"
        )
        print(f"{'WRONG' if wrong else 'ok':6}{case.reader:13}{case.name:45}{figures} {' | '.join(wrong)}")


if __name__ == "__main__":
    main()
