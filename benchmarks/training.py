"""Seconds per epoch by neurokit and by other libraries, as a ratio to the loop that everyone writes.

    python benchmarks/training.py [JOB ...] [--rounds 3] [--threads 1] [--data DIR] [--only RUNNER ...]

Jobs: tabular (800 rows, a small MLP), arrays (48,000 pictures in memory, a deep net), lesson (the same pictures as a
Dataset that decodes them in a DataLoader of two workers). Each runner trains in a process of its own; a round asks each
once, and a ratio is one to the hand-written loop of the same round, since a slow minute of the machine meets both.
Seconds are the median of the epochs after the first, between the ends of two epochs: nothing is left out. What comes
before the end of the first epoch, compilation and decoding among it, is written beside them as "first". "cpu_ratio" is
the same ratio in the processor time of the process, on which others that run meanwhile have less influence; it says
nothing of DataLoader workers, which are processes of their own.

Libraries that are not installed are left out and named; `scripts/bench training --peers` installs them. Results go to
benchmarks/results/training.json, each job with its command, date and machine; benchmarks/drawing.py draws them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import machine
import runners
from jobs import JOBS

BASE = "hand"
MARK = "measured: "
WITHOUT = {"lesson": {"floor", "neurokit compiled"}}  # no data in memory; decoding, not steps, takes the time


def main() -> None:
    options = arguments()
    if options.one:
        print(MARK + json.dumps(measure(options)))
        return
    names, missing = present(options.only)
    for job in options.jobs:
        wanted = [name for name in names if name not in WITHOUT.get(job, ())]
        packages = [runners.PACKAGES.get(name, name) for name in wanted if name in runners.PEERS]
        context = machine.circumstances(options.threads, (*machine.OURS, *packages))
        figures = {"rounds": options.rounds, **context, "missing": missing, **rounds(job, wanted, options)}
        if options.only is None or BASE in options.only:
            machine.save("training", machine.read("training", options.to) | {job: figures}, options.to)
        print(table(job, figures), flush=True)


def arguments() -> argparse.Namespace:
    parser = machine.parser(__doc__)
    parser.add_argument("jobs", nargs="*", default=list(JOBS), metavar="JOB", help=f"of {', '.join(JOBS)}; or all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="holds MNIST/raw as torchvision keeps it; random pictures otherwise")
    parser.add_argument("--only", nargs="+", metavar="RUNNER", help="hand, neurokit, poutyne ...; all when left out")
    parser.add_argument("--epochs", type=int, help="each job has its own number")
    parser.add_argument("--rows", type=int, help="fewer than the job has, to try the script")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the child process: one runner, figures on stdout
    options = parser.parse_args()
    for job in options.jobs:
        if job not in JOBS:
            parser.error(f"there is no job {job!r}; there are {', '.join(JOBS)}")
    return options


def present(only: list[str] | None) -> tuple[list[str], list[str]]:
    """Return the runners that can run here, and the libraries that are not installed; the latter are named."""
    names = [name for name in (*runners.OWN, *runners.PEERS) if only is None or name in only]
    missing = [name for name in names if name in runners.PEERS and not _installed(runners.PACKAGES.get(name, name))]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    return [name for name in names if name not in missing], missing


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def rounds(job: str, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Ask each runner once a round, and return what each took beside the hand-written loop of its round."""
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in list(taken):
            found = ask(job, name, options)
            if found is None:
                del taken[name]
                continue
            taken[name].append(found)
            print(f"  {job}, round {number + 1}, {name:20} {found['seconds'] * 1e3:9.2f} ms", flush=True)
    measured = {name: summary(found, taken.get(BASE, found)) for name, found in taken.items()}
    return {"about": next(iter(taken.values()))[0]["about"], "runners": measured}


def summary(found: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Any]:
    def ratios(key: str) -> list[float]:
        return [one[key] / other[key] for one, other in zip(found, base, strict=True)]

    each = [round(one["seconds"], 6) for one in found]
    return {
        **machine.spread(ratios("seconds")),
        "cpu_ratio": round(statistics.median(ratios("cpu_seconds")), 4),
        "seconds": statistics.median(each),
        "first": round(statistics.median(one["first"] for one in found), 4),
        "each": each,
    }


def ask(job: str, name: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """Run one runner in a process of its own. A library that fails is named and left out; we may not fail."""
    given = {"--threads": options.threads, "--data": options.data, "--epochs": options.epochs, "--rows": options.rows}
    more = [str(part) for pair in given.items() if pair[1] is not None for part in pair]
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "KERAS_BACKEND": "torch"}
    child = subprocess.run(
        [sys.executable, __file__, job, "--one", name, *more], env=environment, capture_output=True, text=True
    )
    told = [line for line in child.stdout.splitlines() if line.startswith(MARK)]
    if child.returncode == 0 and told:
        return json.loads(told[-1].removeprefix(MARK))
    said = f"{name} failed at the job {job}:\n{child.stderr[-3000:]}"
    if name in runners.OWN:
        sys.exit(said)
    print(said)
    return None


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train with one runner; return the seconds of its first epoch, the median of the others, and what the job was."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    make = JOBS[options.jobs[0]]
    job = make(options.data, options.rows) if options.rows else make(options.data)
    stamps: list[tuple[float, float]] = []
    run = (runners.OWN | runners.PEERS)[options.one]
    run(job, options.epochs or job.epochs, lambda: stamps.append(machine.now()))
    first, *others = (machine.since(*pair) for pair in pairwise(stamps))
    seconds, cpu_seconds = (statistics.median(values) for values in zip(*others, strict=True))
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "first": first[0], "about": job.about}


def table(job: str, figures: dict[str, Any]) -> str:
    lines = [
        f"{job}: {figures['about']}",
        f"{'':22}{'ratio':>8}{'lowest':>8}{'highest':>8}{'cpu':>8}{'ms/epoch':>12}{'first, ms':>12}",
    ]
    for name, one in figures["runners"].items():
        lines.append(
            f"{name:22}{one['ratio']:8.2f}{one['lowest']:8.2f}{one['highest']:8.2f}{one['cpu_ratio']:8.2f}"
            f"{one['seconds'] * 1e3:12.2f}{one['first'] * 1e3:12.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
