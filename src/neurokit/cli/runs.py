"""runs: what was run in a folder, side by side."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurokit.cli.exits import CommandError, Exit
from neurokit.cli.parser import Commands

_MOST_FILES = 10_000
_MOST_BYTES = 8 << 20
_SHOWN = 40  # characters of a value


def add(commands: Commands) -> None:
    """Add the command."""
    found = commands.add(
        "runs",
        run,
        "list the runs in a folder with parameters and metrics, side by side",
        "List the runs in a folder, one a line: when, how long, why it ended, the parameters in which they differ, and "
        "their metrics. It reads every run.json below the folder: beside checkpoints, cards and bundles.",
        "neurokit runs runs --sort val_loss",
    )
    found.add_argument("folder", type=Path, help="the folder, with runs in it or below it")
    found.add_argument("--sort", metavar="COLUMN", help="a metric or parameter to sort by; the time when left out")
    found.add_argument("--reverse", action="store_true", help="the largest, or latest, first")
    found.add_argument("--csv", action="store_true", help="print a CSV, with whole values")


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    rows, odd = _rows(options.folder)
    if not rows:
        more = f" {odd[0]}" if odd else ""
        raise CommandError(Exit.DATA, f"There is no run.json in {options.folder} or below it.{more}")
    columns = _columns(rows)
    rows = _sorted(rows, options.sort, options.reverse, columns)
    shared = {
        name: rows[0].get(name) for name in columns["parameters"] if len({_key(row.get(name)) for row in rows}) == 1
    }
    if options.json:
        told = [{key.strip(): value for key, value in row.items() if value is not None} for row in rows]
        print(json.dumps({"runs": told, "passed_over": odd}, indent=2, default=str))
        return Exit.DONE
    import pandas as pd

    differ = [name for name in columns["parameters"] if name not in shared or len(rows) == 1]
    table = pd.DataFrame(rows)[["run", *columns["about"], *(differ if len(rows) > 1 else []), *columns["metrics"]]]
    if options.csv:
        print(table.to_csv(index=False), end="")
        return Exit.DONE
    print(table.map(_short).to_string(index=False))
    if shared and len(rows) > 1:
        same = ", ".join(f"{name}={_short(value)}" for name, value in shared.items() if value is not None)
        print(f"\nThe same in all of them: {same}")
    for text in odd:
        print(f"Passed over: {text}")
    return Exit.DONE


def _rows(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """One row for each run, and what was passed over, with the reason."""
    if not folder.is_dir():
        raise CommandError(Exit.DATA, f"There is no folder {folder}.")
    rows, odd = [], []
    for path in _files(folder):
        try:
            rows.append(_row(path, folder))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            odd.append(f"{path} is no record of a run: {' '.join(str(error).split())[:120]}")
    return rows, odd


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        if "run.json" in files:
            yield Path(place) / "run.json"
        count += len(files)
        if count > _MOST_FILES:
            raise CommandError(
                Exit.DATA, f"{folder} holds more than {_MOST_FILES:,} files. Name a folder nearer to the runs."
            )


def _row(path: Path, folder: Path) -> dict[str, Any]:
    from neurokit.storage import Limits, read_json

    told = read_json(path, Limits(json_bytes=_MOST_BYTES))
    told["parameters"], told["metrics"], told["timings"]
    name = path.parent.relative_to(folder).as_posix()
    row: dict[str, Any] = {
        "run": path.parent.name if name == "." else name, "created": told.get("created"),
        "epochs run": told.get("epochs_run"), "seconds": told["timings"].get("seconds"),
        "ended": told.get("stop_reason"),
        "model": told.get("model", {}).get("class"), "weights": told.get("model", {}).get("parameters"),
    }  # fmt: skip
    steps = told["parameters"].pop("pipeline", {})  # of a table, each with its own arguments
    for given in (*steps.values(), told["parameters"]):
        row |= {key: plain for key, value in given.items() if (plain := _plain(value)) is not None}
    row["seed"] = told.get("seed")
    metrics = told["metrics"].get("last") or {}
    best = told["metrics"].get("best") or {}
    row |= {f"{key} ": _number(best.get(key, value)) for key, value in metrics.items() if not key.startswith("lr")}
    for name, found in (told.get("assessments") or {}).items():
        for key in ("accuracy", "r2", "mae", "roc_auc"):
            if isinstance(one := (found.get("metrics") or {}).get(key), dict):
                row[f"{name} {key} "] = _number(one.get("value"))
    return row


def _plain(value: Any) -> Any:
    """A parameter in short: numbers and text as they are, an object by its class."""
    if isinstance(value, dict):
        name = value.get("class") or value.get("partial")
        if "partial" in value:
            told = ", ".join(f"{key}={one}" for key, one in value.items() if key not in ("partial", "arguments"))
            return f"{str(name).rpartition('.')[2]}({told})"
        return name or (json.dumps(value) if value else None)
    if isinstance(value, list):
        return ", ".join(str(_plain(one)) for one in value) or None
    return value


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else None


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The names of all columns by what they are; those of metrics end in a space, so that none is a parameter's."""
    every = list(dict.fromkeys(name for row in rows for name in row))
    about = ["created", "epochs run", "seconds", "ended"]
    metrics = [name for name in every if name.endswith(" ")]
    return {
        "about": about, "metrics": metrics,
        "parameters": [name for name in every if name not in (*about, *metrics, "run")],
    }  # fmt: skip


def _sorted(
    rows: list[dict[str, Any]], by: str | None, reverse: bool, columns: dict[str, list[str]]
) -> list[dict[str, Any]]:
    from neurokit.arguments import suggestions

    every = ["run", *columns["about"], *columns["parameters"], *columns["metrics"]]
    name = next((one for one in (f"{by} ", by) if one in every), None) if by is not None else "created"
    if name is None:
        hint = suggestions(str(by), [one.strip() for one in every])
        raise CommandError(Exit.USAGE, f"--sort {by}: there is no such column.{hint}")
    known = [row for row in rows if row.get(name) is not None]
    numbers = all(isinstance(row[name], (int, float)) for row in known)
    known.sort(key=lambda row: row[name] if numbers else str(row[name]), reverse=reverse)
    return known + [row for row in rows if row.get(name) is None]


def _key(value: Any) -> str:
    return json.dumps(value, default=str)


def _short(value: Any) -> str:
    from neurokit.wording import number

    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return number(value, 4)
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
