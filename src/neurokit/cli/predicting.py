"""predict: a table with what a bundle says of each of its rows."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.cli.parser import Commands

if TYPE_CHECKING:
    from neurokit.bundle import Bundle

_ROWS = 10_000  # between two moves of the bar


def add(commands: Commands) -> None:
    """Add the command."""
    predict = commands.add(
        "predict",
        run,
        "write a table with predictions beside its columns",
        "Read a table and write it again with a column of predictions and, for classes, one of probabilities for each. "
        "The file that is written is whole or not there.",
        "neurokit predict runs/titanic passengers.csv predicted.csv",
    )
    predict.add_argument("bundle", type=Path, help="the bundle's folder")
    predict.add_argument("data", type=Path, metavar="IN", help="a CSV or Parquet file")
    predict.add_argument("output", type=Path, metavar="OUT", help="a .csv or .parquet file; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Write the table."""
    from neurokit.cli.tables import check_output, open_bundle, read_table

    to_stdout = str(options.output) == "-"
    check_output("OUT", None if to_stdout else options.output, (".csv", ".parquet"), options.data)
    if to_stdout and options.json:
        raise CommandError(Exit.USAGE, "--json tells of a file that was written, and - is stdout. Leave one out.")
    bundle = open_bundle(options.bundle)
    frame = read_table(options.data, bundle)
    with ending_with(Exit.DATA):
        told = _predicted(bundle, frame, quiet=options.json)
    as_parquet = options.output.suffix.lower() == ".parquet"
    content: bytes = told.to_parquet(index=False) if as_parquet else told.to_csv(index=False).encode()
    if to_stdout:
        sys.stdout.write(content.decode())
        return Exit.DONE
    from neurokit.storage import replace_file

    replace_file(options.output, [content], len(content))
    if options.json:
        about = {"output": str(options.output), "rows": len(told), "model_version": bundle.version}
        print(json.dumps(about, indent=2))
    else:
        print(f"{len(told):,} predictions of {bundle.name} {bundle.version} in {options.output}")
    return Exit.DONE


def _predicted(bundle: Bundle, frame: Any, quiet: bool) -> Any:
    """The table with predictions, computed some rows at a time, with a bar where it takes long."""
    import pandas as pd
    from tqdm import tqdm

    parts = []
    hidden = quiet or len(frame) <= _ROWS or not sys.stderr.isatty()
    with tqdm(total=len(frame), unit=" rows", disable=hidden) as bar:
        for first in range(0, len(frame), _ROWS):
            some = frame.iloc[first : first + _ROWS]
            parts.append(_answers(bundle, some))
            bar.update(len(some))
    answers = pd.concat(parts, ignore_index=True)
    taken = [name for name in answers.columns if name in frame.columns]
    if taken:
        raise ValueError(f"The table has a column {taken[0]!r} already. Rename it, or leave it out.")
    return pd.concat([frame.reset_index(drop=True), answers], axis=1)


def _answers(bundle: Bundle, rows: Any) -> Any:
    import pandas as pd

    answer = bundle.answer(rows)
    told = _columns("prediction", answer.values if answer.labels is None else answer.labels)
    if answer.probabilities is not None:
        classes = None if bundle.target is None else bundle.target.classes
        for at, name in enumerate(range(answer.probabilities.shape[1]) if classes is None else classes):
            told[f"probability_{name}"] = answer.probabilities[:, at]
    return pd.DataFrame(told)


def _columns(name: str, answers: Any) -> dict[str, Any]:
    """Answers as columns: one, or one for each number of a row."""
    if answers.ndim > 2:
        raise ValueError(f"An answer of the shape {answers.shape[1:]} fits in no column. Ask the bundle in Python.")
    return {name: answers} if answers.ndim == 1 else {f"{name}_{at}": one for at, one in enumerate(answers.T)}
