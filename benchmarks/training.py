"""Seconds per epoch by neurokit and by other libraries, as a ratio to the loop that everyone writes.

    python benchmarks/training.py [JOB ...] [--rounds 7] [--threads 1] [--data DIR] [--only RUNNER ...]

Jobs: tabular (800 rows, a small MLP), arrays (48,000 pictures in memory, a deep net), lesson (the same pictures as a
Dataset that decodes them in a DataLoader of two workers). Each runner trains in a process of its own, beside one that
trains by the hand-written loop, by turns: a ratio is one of two turns that followed each other, since a slow minute of
the machine meets both. A turn is some epochs, from the end of one to the end of another: nothing is left out. What
comes before the end of the first epoch, compilation and decoding among it, is written apart, as "first". "cpu_ratio" is
the same ratio in the processor time of the process, on which others that run meanwhile have less influence; it says
nothing of DataLoader workers, which are processes of their own.

Libraries that are not installed are left out and named; `scripts/bench training --peers` installs them. Results go to
benchmarks/results/training.json, each job with its command, date and machine; benchmarks/drawing.py draws them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import warnings
from pathlib import Path
from typing import Any

import torch

import machine
import runners
import turns
from jobs import JOBS, Job

BASE = "hand"
WITHOUT = {"lesson": {"floor", "neurokit compiled"}}  # no data in memory; decoding, not steps, takes the time


def main() -> None:
    options = arguments()
    if options.one:
        train(options)
        return
    names, missing = present(options.only)
    for job in options.jobs:
        wanted = [name for name in names if name not in WITHOUT.get(job, ())]
        packages = [runners.PACKAGES.get(name, name) for name in wanted if name in runners.PEERS]
        context = machine.circumstances(options.threads, (*machine.OURS, *packages))
        figures = {"rounds": options.rounds, **context, "missing": missing, "about": made(job, options).about}
        figures["runners"] = measured(job, wanted, options)
        if options.only is None or BASE in options.only:
            machine.save("training", machine.read("training", options.to) | {job: figures}, options.to)
        print(table(job, figures), flush=True)


def arguments() -> argparse.Namespace:
    parser = machine.parser(__doc__)
    parser.add_argument("jobs", nargs="*", default=list(JOBS), metavar="JOB", help=f"of {', '.join(JOBS)}; or all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", type=Path, help="holds MNIST/raw as torchvision keeps it; random pictures otherwise")
    parser.add_argument("--only", nargs="+", metavar="RUNNER", help="hand, neurokit, poutyne ...; all when left out")
    parser.add_argument("--epochs", type=int, help="in a turn; each job has its own number")
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


def measured(job: str, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Train with each runner beside the hand-written loop; return what each took. A library that fails is left out."""
    figures: dict[str, Any] = {}
    for name in names:
        pair = [name] if name == BASE else [BASE, name]
        try:
            taken = turns.beside([child(job, one, options) for one in pair], options.rounds, options.threads)
        except turns.Failed as error:
            said = f"{name} failed at the job {job}:\n{error}"
            if name in runners.OWN:  # ours may not fail
                sys.exit(said)
            print(said)
            continue
        figures[name] = turns.summary(taken[-1], taken[0])
        print(f"  {job}, {name:20} {figures[name]['ratio']:6.3f}", flush=True)
    return figures


def child(job: str, name: str, options: argparse.Namespace) -> list[str]:
    """Return the arguments of the process in which one runner trains."""
    given = {"--rounds": options.rounds, "--threads": options.threads, "--data": options.data, "--rows": options.rows}
    given |= {"--epochs": options.epochs}
    more = [str(part) for pair in given.items() if pair[1] is not None for part in pair]
    return [__file__, job, "--one", name, *more]


def train(options: argparse.Namespace) -> None:
    """Train with one runner, by turns."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    job = made(options.jobs[0], options)
    epochs = options.epochs or job.turn
    run = (runners.OWN | runners.PEERS)[options.one]
    run(job, 1 + options.rounds * epochs, turns.Turns(epochs))


def made(name: str, options: argparse.Namespace) -> Job:
    return JOBS[name](options.data, options.rows) if options.rows else JOBS[name](options.data)


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
