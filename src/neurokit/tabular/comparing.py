"""Comparing: scikit-learn's linear model and gradient-boosted trees on the same rows, prepared as its users would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.encoding import Ratio
from neurokit.encoding.reading import read_rows

if TYPE_CHECKING:
    import pandas as pd

    from neurokit.tabular.preparing import Prepared

Array = np.ndarray[Any, Any]

_MOST_CATEGORIES = 255  # of one column of the trees


def others(prepared: Prepared, seed: int) -> dict[str, tuple[Array, float]]:
    """Return what each other model says of the test rows, and the seconds it took to fit.

    They are fitted on the rows that train and validate, since they need none to know when to stop. The linear model
    gets imputed and standardised numbers and one-hot categories; the trees get numbers as they are, what is missing
    included, and their own treatment of categories; columns of more than they take come as means of the target.
    """
    import time

    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

    tables = {name: plain_table(prepared, prepared.table(name)) for name in ("train", "validation", "test")}
    known = pd.concat([tables["train"], tables["validation"]], ignore_index=True)
    words = [field.name for field in prepared.fields if field.type == "category"]
    numbers = [name for name in known.columns if name not in words]
    is_regression = prepared.target.kind == "regression"
    y = np.concatenate([_true(prepared, name) for name in ("train", "validation")])
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=5)
    flat = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        (one_hot, words),
    )
    few = [name for name in words if known[name].nunique() < _MOST_CATEGORIES]
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=5)
    many = [name for name in words if name not in few]
    coded = make_column_transformer((ordinal, few), (TargetEncoder(random_state=0), many), remainder="passthrough")
    trees = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    models = {
        "Ridge" if is_regression else "LogisticRegression":
            make_pipeline(flat, Ridge() if is_regression else LogisticRegression(max_iter=5000)),
        "HistGradientBoosting":
            make_pipeline(coded, trees(random_state=seed % 2**32, categorical_features=list(range(len(few))) or None)),
    }  # fmt: skip
    found = {}
    for name, model in models.items():
        began = time.perf_counter()
        model.fit(known, y)
        seconds = time.perf_counter() - began
        told = model.predict(tables["test"]) if is_regression else model.predict_proba(tables["test"])
        found[name] = (np.asarray(told), seconds)
    return found


def _true(prepared: Prepared, name: str) -> Array:
    labels = prepared.labels(name)
    return labels.astype(np.float64) if prepared.target.kind == "regression" else prepared.target.encode(labels)


def plain_table(prepared: Prepared, frame: pd.DataFrame) -> pd.DataFrame:
    """Return raw columns as scikit-learn takes them: numbers with NaN, texts, dates as days, month and weekday."""
    import pandas as pd

    columns = read_rows(frame, prepared.fields)
    found: dict[str, Any] = {}
    for field in prepared.fields:
        values = columns[field.name]
        if field.type == "category":
            found[field.name] = ["missing" if value is None else str(value) for value in values]
            continue
        found[field.name] = values
        if field.type == "date":
            moments = pd.to_datetime(pd.Series(values * 86_400_000_000).round(), unit="us")
            found |= {
                f"{field.name}: month": moments.dt.month.to_numpy(),
                f"{field.name}: weekday": moments.dt.day_of_week.to_numpy(),
            }
    for ratio in prepared.encoding.ratios:
        found[ratio.name] = Ratio(ratio.name, ratio.numerator, ratio.denominator)(
            columns[ratio.numerator], columns[ratio.denominator]
        )
    return pd.DataFrame(found)
