"""How good the tabular pipeline's network is beside scikit-learn's linear model and gradient-boosted trees.

The same rows, the same split, five seeds: the network trains on 64 % and stops by 16 %, the others, which need no rows
to stop by, get both; all are judged on the other 20 %. Options are the defaults of each. Data: titanic.csv,
california_housing.csv and penguins.csv in --data, where they are there, and scikit-learn's own tables.

    python benchmarks/tabular.py --data ../shared/data
"""

import argparse
import logging
from pathlib import Path

import pandas as pd
from sklearn import datasets

import neurokit as nk

FILES = {"titanic": "survived", "penguins": "species", "california_housing": "median_house_value"}
EMBEDDED = ("iris", "wine", "breast_cancer", "diabetes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", nargs="*", help="names of data sets; all when left out")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    logging.getLogger("neurokit").setLevel(logging.ERROR)
    rows = []
    for name, source, target in tables(options.data):
        if options.only and name not in options.only:
            continue
        rows += measured(name, source, target, options.seeds)
        print("\n".join(rows[-3:]), flush=True)
    print("\n| data | rows | metric | model | mean of seeds | least to most | log loss or RMSE | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


def tables(folder):
    """Yield name, source and target of each data set that is there."""
    for name, target in FILES.items():
        path = folder / f"{name}.csv"
        if path.is_file():
            yield name, path, target
        else:
            print(f"{path} is not there and is left out.")
    for name in EMBEDDED:
        yield name, getattr(datasets, f"load_{name}")(as_frame=True).frame, "target"


def measured(name, source, target, seeds):
    """Return a line for each model: the mean of its metric over the seeds, and how far they lie apart."""
    found, rows = [], 0
    for seed in range(seeds):
        pipeline = nk.tabular.TabularPipeline(seed=seed, verbose=0).load_data(source).clean_data().prepare_data(target)
        evaluation = pipeline.train_model().evaluate(compare=True)
        table, rows = evaluation.table.iloc[:3].copy(), len(pipeline.frame)
        found.append(table.assign(model=table.index))
    every = pd.concat(found)
    metric = "r2" if "r2" in every else "accuracy"
    other = "rmse" if metric == "r2" else "log_loss"
    best = every.groupby("model")[metric].mean().max()
    lines = []
    for model, one in every.groupby("model", sort=False):
        mark = "**" if one[metric].mean() > best - 5e-4 else ""  # what is equal as written is equal
        lines.append(
            f"| {name} | {rows:,} | {metric} | {mark}{model}{mark} | {mark}{one[metric].mean():.3f}{mark} | "
            f"{one[metric].min():.3f} to {one[metric].max():.3f} | {one[other].mean():.4g} | "
            f"{one['seconds to fit'].mean():.2f} |"
        )
    return lines


if __name__ == "__main__":
    main()
