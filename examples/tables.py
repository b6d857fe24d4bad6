"""A table for the two reports: asked for, read, looked through, split by rows, and turned into numbers."""

import argparse
import difflib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MOST_CATEGORIES = 50  # a column of text with more is a name or a number, and tells rows apart, not kinds of rows
MOST_MISSING = 0.6  # a column of which more is missing is left out
THE_ANSWER = 0.9995  # a correlation that is 1.000 when written down
LEAST_ROWS = 30  # of which six validate and six test
LEAST_OF_A_CLASS = 5  # three train, one validates, one tests


def arguments(description, default, epochs):
    """Return a parser of what both reports take, which tells them the name of the data as well."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(name=default)
    parser.add_argument("--csv", type=Path, help="a table with a header")
    parser.add_argument("--target", help="its column to predict")
    parser.add_argument("--sensitive", nargs="*", default=[], help="columns to report results by")
    parser.add_argument("--exclude", nargs="*", default=[], help="columns to leave out of what the network learns from")
    parser.add_argument(
        "--acknowledge", nargs="*", default=[], help="columns that look protected and are used knowingly"
    )
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--explain", type=int, default=50, metavar="ROWS", help="rows to explain, which takes longest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the run goes: runs/ and the name of the data")
    return parser


def parsed(parser):
    """Return the options of the command line."""
    options = parser.parse_args()
    if (options.csv is None) != (options.target is None):
        parser.error("--csv and --target come together")
    if options.sensitive and find_spec("fairlearn") is None:
        parser.error('--sensitive needs fairlearn: pip install "neurokit-torch[fairness]"')
    if options.csv is not None:
        options.name = options.csv.stem
    options.folder = options.folder or Path("runs") / options.name
    return options


def read(path, target):
    """Return the columns of a CSV file but its target, and the target; rows without a target are left out."""
    if path.is_dir():
        files = sorted(one.name for one in path.glob("*.csv"))
        raise SystemExit(f"{path} is a folder. Name a file in it: {', '.join(files) or 'it holds no .csv'}.")
    if not path.exists():
        there = [one.name for one in path.parent.glob("*")] if path.parent.is_dir() else []
        raise SystemExit(f"There is no file {path}.{meant(path.name, there)}")
    try:
        table = pd.read_csv(path)
    except pd.errors.EmptyDataError:
        raise SystemExit(f"{path} is empty.") from None
    except (OSError, ValueError) as error:  # among them what is no text, or no table
        raise SystemExit(f"{path} cannot be read as a table: {error}") from None
    has_column(table, target, path)
    known = table[table[target].notna()]
    if len(known) < len(table):
        print(f"{len(table) - len(known)} of {len(table)} rows have no {target} and are left out.")
    return known.drop(columns=target).reset_index(drop=True), known[target].reset_index(drop=True)


def has_column(table, name, where):
    """End with a sentence that names the nearest columns, if a table has none of that name."""
    if name not in table:
        columns = list(map(str, table.columns))
        raise SystemExit(f"{where} has no column {name!r}.{meant(name, columns)} It has {', '.join(columns)}.")


def meant(name, choices):
    """Return a question for the nearest name, or nothing where none is near."""
    lower = {one.lower(): one for one in choices}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""


def check(x, y, options, classes):
    """End with a sentence if this table cannot be learnt from, or the command line names columns that it has not."""
    for option in ("sensitive", "exclude", "acknowledge"):
        for name in getattr(options, option):
            has_column(x, name, f"--{option}: {options.csv or 'the table'}")
    is_number = pd.api.types.is_numeric_dtype(y) and y.dtype != bool
    if len(y) < LEAST_ROWS:
        raise SystemExit(f"{len(y)} rows are too few to train, validate and test with: {LEAST_ROWS} are the least.")
    if y.nunique() < 2:
        raise SystemExit(f"{y.name!r} says the same for every row: there is nothing to learn.")
    if not classes:
        if not is_number:
            raise SystemExit(
                f"{y.name!r} holds {'truth values' if y.dtype == bool else 'text'}: use classification_report.py."
            )
        if not np.isfinite(y).all():
            raise SystemExit(f"{y.name!r} holds infinite numbers: leave these rows out of the table.")
        return
    counts = y.value_counts()
    if len(counts) > MOST_CATEGORIES:
        advice = "use regression_report.py" if is_number else "name a column of classes"
        raise SystemExit(f"{y.name!r} has {len(counts):,} different values, too many for classes: {advice}.")
    rare = counts[counts < LEAST_OF_A_CLASS]
    if len(rare):
        shown = ", ".join(f"{name}: {count}" for name, count in rare.head(5).items())
        raise SystemExit(
            f"{y.name!r} has classes of fewer than {LEAST_OF_A_CLASS} rows ({shown}), too few to train, validate and "
            "test with: leave their rows out of the table, or give them to another class."
        )


def split(x, y, seed, classes):
    """Return the rows for training, validation and test, 60, 20 and 20 of a hundred; each class in its share."""
    train, rest = train_test_split(np.arange(len(x)), test_size=0.4, random_state=seed, stratify=y if classes else None)
    middle = y.iloc[rest] if classes else None
    validation, test = train_test_split(rest, test_size=0.5, random_state=seed, stratify=middle)
    return [(x.iloc[rows].reset_index(drop=True), y.iloc[rows].to_numpy()) for rows in (train, validation, test)]


def sieve(x, y, target):
    """Return the names of the columns worth learning from, and say why each other one is left out.

    x and y are the rows that train: what is chosen by looking at others, those cannot judge.
    """
    y = pd.Series(y, index=x.index)
    reasons = {}
    for name in x:
        column = x[name]
        values = column.nunique()
        is_number = pd.api.types.is_numeric_dtype(column)
        if values < 2:
            reasons[name] = "it says the same for every row"
        elif column.isna().mean() > MOST_MISSING:
            reasons[name] = f"{column.isna().mean():.0%} of it is missing"
        elif not is_number and values > MOST_CATEGORIES:
            reasons[name] = f"it is text with {values} different values"
        elif values <= column.count() / 2 and (y.groupby(column).nunique() <= 1).all():
            reasons[name] = f"each of its {values} values goes with one {target}: it is the answer in other words"
        elif is_number and (found := correlation(column.astype(float), y)) >= THE_ANSWER:
            reasons[name] = f"its correlation with {target} is {found:.3f}: it is the answer in other numbers"
    for name, reason in reasons.items():
        print(f"Left out {name!r}: {reason}.")
    if len(reasons) == len(x.columns):
        raise SystemExit("No column is left to learn from.")
    return [name for name in x if name not in reasons]


def correlation(a, b):
    """Return the larger of the linear and the rank correlation, whatever its sign."""
    return max(abs(a.corr(b)), abs(a.rank().corr(b.rank())))


def encoder(x):
    """Return a function from such a table to numbers, learnt from these rows only: the ones that train."""
    words = [name for name in x if not pd.api.types.is_numeric_dtype(x[name]) or x[name].dtype == bool]
    numbers = [name for name in x if name not in words]
    made = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value="missing"),
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ),
            words,
        ),
    )
    made.fit(as_text(x, words))
    return lambda table: made.transform(as_text(table, words)).astype(np.float32)


def as_text(x, words):
    """Return the table with these columns as text, what is missing staying so."""
    return x.assign(**{name: x[name].map(str, na_action="ignore").astype(object) for name in words})
