from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import neurokit as nk

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def pipeline_of(source, target: str, seed: int = 0, **options):
    """A pipeline that is prepared, silently."""
    made = nk.tabular.TabularPipeline(seed=seed, verbose=0)
    return made.load_data(source).clean_data().prepare_data(target, **options)


@pytest.fixture
def people() -> pd.DataFrame:
    """A table with everything in it: gaps, a twin, a constant, texts, dates, a leak, an identifier."""
    rng = np.random.default_rng(0)
    n = 200
    age = rng.integers(18, 80, n).astype(float)
    city = rng.choice(["Bern", "Genf", "Chur"], n)
    pays = (age + 20 * (city == "Bern") + rng.normal(0, 15, n) > 60).astype(int)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, age),
            "city": city,
            "rooms": rng.integers(1, 9, n).astype(float),
            "persons": rng.integers(0, 4, n).astype(float),
            "since": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D"),
            "smokes": rng.random(n) < 0.3,
            "household": rng.integers(0, 40, n),
            "name": [f"person {number}" for number in rng.permutation(n)],
            "planet": "earth",
            "says": np.where(pays == 1, "yes", "no"),
            "pays": pays,
        }
    )
    return pd.concat([frame, frame.iloc[[3]]], ignore_index=True)


@pytest.fixture(scope="session")
def binary():
    """A trained pipeline that tells two classes with names apart."""
    frame = load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    return pipeline_of(frame[[*frame.columns[:6], "target"]], "target").train_model(epochs=10)


@pytest.fixture(scope="session")
def regression():
    """A trained pipeline that predicts a number."""
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1.0: "one", 2.0: "two"})
    return pipeline_of(frame, "target").train_model(epochs=10)


@pytest.fixture(scope="session")
def multiclass():
    """A trained pipeline that tells three classes apart, which are the numbers 1, 2 and 3."""
    frame = load_iris(as_frame=True).frame
    frame["target"] += 1
    return pipeline_of(frame, "target").train_model(epochs=40)


@pytest.fixture
def silent():
    """No warning that a column looks protected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nk.SensitiveFeatureWarning)
        yield
