"""A table for the two reports: read, looked through, split by rows, and turned into numbers that a network takes."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MOST_CATEGORIES = 50  # a column of text with more is a name or a number, and tells rows apart, not kinds of rows
MOST_MISSING = 0.6  # a column of which more is missing is left out


def read(path, target):
    """Return the columns of a CSV file but its target, and the target; rows without a target are left out."""
    table = pd.read_csv(path)
    if target not in table:
        raise SystemExit(f"{path} has no column {target!r}. It has {', '.join(table.columns)}.")
    known = table[table[target].notna()]
    if len(known) < len(table):
        print(f"{len(table) - len(known)} of {len(table)} rows have no {target} and are left out.")
    return known.drop(columns=target).reset_index(drop=True), known[target].reset_index(drop=True)


def sieve(x, y):
    """Return the columns worth learning from, and say why each other one is left out."""
    reasons = {}
    for name in x:
        column = x[name]
        values = column.nunique()
        if values < 2:
            reasons[name] = "it says the same for every row"
        elif column.isna().mean() > MOST_MISSING:
            reasons[name] = f"{column.isna().mean():.0%} of it is missing"
        elif not pd.api.types.is_numeric_dtype(column) and values > MOST_CATEGORIES:
            reasons[name] = f"it is text with {values} different values"
        elif values <= MOST_CATEGORIES and y.nunique() <= MOST_CATEGORIES and (y.groupby(column).nunique() <= 1).all():
            reasons[name] = f"each of its {values} values goes with one {y.name}: it is the answer in other words"
    for name, reason in reasons.items():
        print(f"Left out {name!r}: {reason}.")
    return x.drop(columns=list(reasons))


def split(x, y, seed, classes):
    """Return the rows for training, validation and test, 60, 20 and 20 of a hundred; each class in its share."""
    train, rest = train_test_split(np.arange(len(x)), test_size=0.4, random_state=seed, stratify=y if classes else None)
    middle = y.iloc[rest] if classes else None
    validation, test = train_test_split(rest, test_size=0.5, random_state=seed, stratify=middle)
    return [(x.iloc[rows].reset_index(drop=True), y.iloc[rows].to_numpy()) for rows in (train, validation, test)]


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
