"""Runs the experiments in full and writes docs/faults.md: ``python -m faults [names] [--amount N] [--seed N]``."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from faults.fresh import in_a_fresh_process

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = """# Faults

What happens to a run when its process is killed, its disk fills up or lies, a file is damaged or a signal arrives. Each
row is one experiment: what was to be shown, what was counted, and the command that counts it again. Continuous
integration runs smaller amounts of the same experiments, with the same demands, as tests. `scripts/faults` runs them
all and writes this page.

"""
COLUMNS = ("experiment", "goal", "figures", "date", "command", "machine")


def main() -> int:
    """Run what was asked for, print its figures, and put them into the page."""
    options = _options()
    experiments = {name: module for name, module in find().items() if not options.names or name in options.names}
    rows = _written_rows()
    for name, module in experiments.items():
        amount = module.FULL if options.amount is None else options.amount
        print(f"{name}: {module.GOAL}\n  amount {amount:,}", flush=True)
        started = time.monotonic()
        figures = measure(name, module, amount, options.seed, options.processes)
        seconds = time.monotonic() - started
        print(f"  {in_words(figures)}\n  {seconds:.0f} s", flush=True)
        rows[name] = _row(name, module, figures, amount, options.seed, seconds)
        _write_page(rows)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/faults", description="Run the experiments and write docs/faults.md.")
    parser.add_argument("names", nargs="*", choices=[[], *find()], help="some of them; all when none is named")
    parser.add_argument("--amount", type=int, help="how much of each, in its own unit, instead of all of it")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="at a time, where one can be split (%(default)s)")
    return parser.parse_args()


def find() -> dict[str, ModuleType]:
    """Return the experiments: the modules of this folder that have a goal."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    modules = {name: importlib.import_module(f"faults.{name}") for name in names if not name.startswith(("_", "test_"))}
    return {name: module for name, module in modules.items() if hasattr(module, "GOAL")}


def measure(name: str, module: ModuleType, amount: int, seed: int, processes: int) -> dict[str, Any]:
    """Return an experiment's figures, made in several processes at once if it says ``SPLIT = True``.

    Each part has a seed of its own. Numbers of parts are added; of other values the greatest is taken.
    """
    parts = min(processes, amount) if getattr(module, "SPLIT", False) else 1
    amounts = [amount // parts + (part < amount % parts) for part in range(parts)]
    with ThreadPoolExecutor(parts) as pool:
        found = list(
            pool.map(
                lambda part: in_a_fresh_process(f"faults.{name}", "run", amounts[part], seed * parts + part),
                range(parts),
            )
        )
    return {key: _joined([figures[key] for figures in found]) for key in found[0]}


def _joined(values: list[Any]) -> Any:
    return sum(values) if all(type(value) is int for value in values) else max(values)


def in_words(figures: dict[str, Any]) -> str:
    """Return figures as one line."""
    shown = {key: f"{value:,}" if isinstance(value, int) else value for key, value in figures.items()}
    return ", ".join(
        f"{value:.3g} {key}" if isinstance(value, float) else f"{value} {key}"
        for key, value in shown.items()
        if value != ""  # the first of none
    )


def _row(name: str, module: ModuleType, figures: dict[str, Any], amount: int, seed: int, seconds: float) -> list[str]:
    command = f"`scripts/faults {name}" + (f" --amount {amount}" if amount != module.FULL else "")
    command += (f" --seed {seed}" if seed else "") + f"` ({seconds:.0f} s)"
    machine = (
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores"
    )
    return [name, module.GOAL, in_words(figures), f"{datetime.now(UTC):%Y-%m-%d}", command, machine]


def _written_rows() -> dict[str, list[str]]:
    """Return the rows of the page as it is, so that those that are not run again stay."""
    text = PAGE.read_text() if PAGE.exists() else ""
    cells = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row for row in cells if len(row) == len(COLUMNS) and row[0] not in (COLUMNS[0], "---")}


def _write_page(rows: dict[str, list[str]]) -> None:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(rows[name] for name in sorted(rows))]
    PAGE.write_text(HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
