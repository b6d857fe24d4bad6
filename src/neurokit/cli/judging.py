"""evaluate and explain: how good a bundle is on a table, and why it says what it says."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from neurokit.cli.exits import Exit, ending_with
from neurokit.cli.parser import Commands, positive

_BAR = 30  # characters


def add(commands: Commands) -> None:
    """Add the commands."""
    evaluate = commands.add(
        "evaluate",
        run_evaluate,
        "judge a bundle on a table that holds what is true",
        "Judge a bundle on a table with its target: every metric with its 95 %% interval, beside one answer for all "
        "rows. Rows without a target are left out, and counted.",
        "neurokit evaluate runs/titanic new_passengers.csv",
    )
    evaluate.add_argument("bundle", type=Path, help="the bundle's folder")
    evaluate.add_argument("data", type=Path, help="a CSV or Parquet file with the target's column")
    evaluate.add_argument("--report", type=Path, metavar="FILE.html", help="write a report for somebody who decides")
    explain = commands.add(
        "explain",
        run_explain,
        "rank the columns by what they contribute to a bundle's answers",
        "Rank the columns by the mean of their absolute SHAP values over rows of a table, compared with the rows that "
        "travel with the bundle.",
        "neurokit explain runs/titanic passengers.csv --rows 100 --output contributions.csv",
    )
    explain.add_argument("bundle", type=Path, help="the bundle's folder")
    explain.add_argument("data", type=Path, help="a CSV or Parquet file")
    explain.add_argument("--rows", type=positive, default=100, help="rows to explain, the first ones (%(default)s)")
    explain.add_argument("--output", type=Path, metavar="FILE.csv", help="write the values of every row and column")
    explain.add_argument("--plot", type=Path, metavar="FILE.png", help="draw shap's beeswarm")


def run_evaluate(options: argparse.Namespace) -> int:
    """Print every metric."""
    os.environ.setdefault("MPLBACKEND", "agg")
    from neurokit.cli.tables import as_text, check_output, known_rows, open_bundle, read_table

    check_output("--report", options.report, (".html", ".htm"), options.data)
    bundle = open_bundle(options.bundle)
    frame, left_out = known_rows(read_table(options.data, bundle), bundle, options.data)
    with ending_with(Exit.DATA):
        assessment = bundle.assess(frame, name=options.data.stem)
    if options.report is not None:
        assessment.to_html(options.report)
    table = assessment.to_frame()
    if options.json:
        told = json.loads(table.to_json(orient="index"))
        about = {
            "bundle": str(options.bundle),
            "model_version": bundle.version,
            "rows": len(frame),
            "left_out": left_out,
        }
        print(json.dumps({**about, "metrics": told, "verdict": assessment.verdict()}, indent=2))
        return Exit.DONE
    print(f"{len(frame):,} rows of {options.data}" + (f", {left_out:,} without a target left out" if left_out else ""))
    print(f"{as_text(table)}\n\n{assessment.verdict()}")
    if options.report is not None:
        print(f"The report is in {options.report}.")
    return Exit.DONE


def run_explain(options: argparse.Namespace) -> int:
    """Print the ranking."""
    os.environ.setdefault("MPLBACKEND", "agg")
    from neurokit.cli.tables import check_output, open_bundle, read_table
    from neurokit.explanations import summarize

    check_output("--output", options.output, (".csv",), options.data)
    check_output("--plot", options.plot, (".png", ".svg", ".pdf"), options.data)
    bundle = open_bundle(options.bundle)
    frame = read_table(options.data, bundle).head(options.rows)
    with ending_with(Exit.DATA):
        explanation = bundle.explain(frame)
    names = list(map(str, explanation.feature_names))
    ranking = [
        {"feature": one["name"], "importance": float(one["importance"])}
        for one in summarize(explanation, top=len(names))["features"]
    ]
    if options.output is not None:
        _write(explanation, names, options.output)
    if options.plot is not None:
        _draw(explanation, options.plot)
    if options.json:
        about = {"bundle": str(options.bundle), "model_version": bundle.version, "rows": len(frame)}
        print(json.dumps({**about, "features": ranking}, indent=2))
        return Exit.DONE
    what = "probability" if bundle.target is not None and bundle.target.has_probabilities else "number"
    print(f"Mean absolute contribution to the {what}, over {len(frame):,} rows of {options.data}")
    most = max((one["importance"] for one in ranking), default=0.0) or 1.0
    width = max(map(len, names))
    for one in ranking:
        bar = "█" * round(_BAR * one["importance"] / most)
        print(f"{one['feature']:<{width}}  {one['importance']:>10.4g}  {bar}")
    return Exit.DONE


def _write(explanation: Any, names: list[str], path: Path) -> None:
    """A row for each row and output: the base, and what each column contributed."""
    import numpy as np
    import pandas as pd

    from neurokit.storage import replace_file

    values, base = np.asarray(explanation.values), np.asarray(explanation.base_values)
    outputs = [""] if values.ndim == 2 else list(map(str, explanation.output_names))
    values, base = (values[..., None], base[..., None]) if values.ndim == 2 else (values, base)
    parts = []
    for at, output in enumerate(outputs):
        part = pd.DataFrame(values[..., at], columns=names)
        part.insert(0, "base", base[..., at])
        part.insert(0, "output", output)
        part.insert(0, "row", range(len(part)))
        parts.append(part)
    content = pd.concat(parts).to_csv(index=False).encode()
    replace_file(path, [content], len(content))


def _draw(explanation: Any, path: Path) -> None:
    import shap

    chosen = explanation if len(explanation.shape) == 2 else explanation[:, :, explanation.shape[2] - 1]
    axes = shap.plots.beeswarm(chosen, show=False)
    axes.figure.savefig(path, dpi=150, bbox_inches="tight")
