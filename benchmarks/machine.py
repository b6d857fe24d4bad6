"""Where and when a benchmark ran, and its figures in benchmarks/results/.

A module of the other benchmarks; it measures nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
OURS = ("neurokit-torch", "torch", "torchvision", "numpy")


def circumstances(threads: int, packages: Iterable[str] = OURS) -> dict[str, Any]:
    """Return command, date, machine and versions, to stand beside the figures they belong to."""
    return {
        "command": f"python benchmarks/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}".strip(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 2),  # what else ran: the noise that is to be expected
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # a checkout that is run without being installed
        return "not installed"


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark takes: threads, and the folder of results."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--to", type=Path, default=RESULTS, help="the folder of results")
    return made


def read(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Return what is in a file of results; nothing where there is none."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def save(name: str, figures: dict[str, Any], folder: Path = RESULTS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written: {folder / name}.json")


def spread(ratios: list[float]) -> dict[str, float]:
    """Return median, lowest and highest of ratios that were each taken within one round."""
    return {
        "ratio": round(statistics.median(ratios), 4),
        "lowest": round(min(ratios), 4),
        "highest": round(max(ratios), 4),
    }


def now() -> tuple[float, float]:
    """Return the time, and the time that this process has had of a processor, in seconds."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return end[0] - start[0], end[1] - start[1]


def peak_memory() -> float:
    """Return the most memory this process ever held, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # the other way counts what the parent held when it forked
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes
