"""train: from a table to a bundle, every step said aloud, beside what scikit-learn makes of the same rows."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurokit.cli.exits import CommandError, Exit, ending_with
from neurokit.cli.parser import Commands, number_that, positive

if TYPE_CHECKING:
    from neurokit.tabular import TabularPipeline


def add(commands: Commands) -> None:
    """Add the command."""
    train = commands.add(
        "train",
        run,
        "train a network on a table and leave it as a bundle",
        "Read a table, clean it, split it, train a network with embeddings, judge it on rows it never saw beside "
        "scikit-learn's linear model and boosted trees, and leave it as a bundle: a folder that predicts, explains and "
        "serves without this code. Every step says what it did.",
        "neurokit train titanic.csv --target survived --output runs/titanic",
    )
    train.add_argument("data", type=Path, help="a CSV or Parquet file with a header")
    train.add_argument("--target", required=True, help="the column to predict")
    train.add_argument("--output", type=Path, required=True, help="the bundle's folder")
    train.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    train.add_argument("--name", help="what the model is called; the folder's name when left out")
    train.add_argument(
        "--task", choices=["auto", "binary", "multiclass", "regression"], default="auto",
        help="what is asked; told from the target when left out",
    )  # fmt: skip
    train.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="columns not to learn from")
    train.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns to learn from although they give the target away",
    )
    train.add_argument(
        "--categories", nargs="+", default=[], metavar="COLUMN", help="columns of whole numbers that are categories"
    )
    train.add_argument("--dates", nargs="+", default=[], metavar="COLUMN", help="columns to read as dates")
    train.add_argument("--split", choices=["random", "group", "time"], default="random", help="how rows are split")
    train.add_argument("--group", metavar="COLUMN", help="with --split group: no group is on two sides")
    train.add_argument("--time", metavar="COLUMN", help="with --split time: the latest rows test")
    share = number_that(lambda number: 0 < number < 1, "a share between 0 and 1")
    train.add_argument("--test-size", type=share, default=0.2, help="the share of rows that test (%(default)s)")
    train.add_argument("--epochs", type=positive, default=200, help="epochs at most (%(default)s)")
    train.add_argument("--patience", type=positive, default=16, help="epochs without a better one (%(default)s)")
    train.add_argument("--learning-rate", type=float, help="of AdamW")
    train.add_argument("--batch-size", type=positive, help="rows in a batch")
    train.add_argument("--device", default="auto", help="cpu, cuda, mps (%(default)s)")
    train.add_argument("--seed", type=int, default=0, help="seed of split, weights and order (%(default)s)")
    train.add_argument("--no-compare", action="store_true", help="leave scikit-learn's models out")
    train.add_argument("--no-background", action="store_true", help="keep no training rows in the bundle")


def run(options: argparse.Namespace) -> int:
    """Go the seven steps."""
    os.environ.setdefault("MPLBACKEND", "agg")
    with ending_with(Exit.DATA):
        _refuse_output(options.output, options.overwrite)
    from neurokit.tabular import TabularPipeline

    with ending_with(Exit.USAGE):
        pipeline = TabularPipeline(seed=options.seed, verbose=0)
    with _quiet():
        return _steps(pipeline, options)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the steps notice out of the log: it is printed with them."""
    logger = logging.getLogger("neurokit")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _steps(pipeline: TabularPipeline, options: argparse.Namespace) -> int:
    from neurokit.cli.tables import as_text

    said = 0

    def say() -> None:
        nonlocal said
        for step in pipeline.steps[said:]:
            if not options.json:
                print(step, flush=True)
        said = len(pipeline.steps)

    with ending_with(Exit.DATA):
        pipeline.load_data(options.data, types=dict.fromkeys(options.dates, "date"))
        pipeline.clean_data()
        say()
        if options.dates:
            pipeline.engineer_features(dates=options.dates)
        pipeline.prepare_data(
            options.target, task=options.task, test_size=options.test_size, split=options.split, group=options.group,
            time=options.time, drop=options.drop, keep=options.keep, categories=options.categories,
        )  # fmt: skip
        say()
    given: dict[str, Any] = {"learning_rate": options.learning_rate, "batch_size": options.batch_size}
    given = {name: value for name, value in given.items() if value is not None} | {"device": options.device}
    shown = 1 if sys.stderr.isatty() and not options.json else 0
    with ending_with(Exit.USAGE):
        pipeline.train_model(epochs=options.epochs, patience=options.patience, verbose=shown, **given)
    if pipeline.history.stop_reason == "interrupted":
        raise CommandError(Exit.INTERRUPTED, "interrupted. Nothing was written.")
    say()
    found = pipeline.evaluate(compare=not options.no_compare)
    said = len(pipeline.steps)
    if not options.json:
        print(f"\n{as_text(found.table)}\n{found.verdict}\n", flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of protected attributes, which the card tells
        found.save(options.output, name=options.name, background=not options.no_background)
    if options.json:
        told = {
            "bundle": str(options.output), "target": options.target, "task": pipeline.target.kind,
            "test_rows": found.rows,
            "metrics": dict(found), "models": json.loads(found.table.to_json(orient="index")), "verdict": found.verdict,
            "left_out": pipeline.left_out,
        }  # fmt: skip
        print(json.dumps(told, indent=2, default=str))
        return Exit.DONE
    print(pipeline.steps[-1])
    place = options.output
    print(f"\nNext: neurokit card {place} · neurokit serve {place} · neurokit predict {place} ROWS.csv OUT.csv")
    return Exit.DONE


def _refuse_output(folder: Path, overwrite: bool) -> None:
    """Refuse a place that something stands in, before hours are spent."""
    from neurokit.bundle.layout import MANIFEST
    from neurokit.bundle.replacing import refuse_to_replace
    from neurokit.cli.tables import check_overwrite

    refuse_to_replace(folder.expanduser().resolve())
    check_overwrite(folder, folder / MANIFEST, overwrite)
