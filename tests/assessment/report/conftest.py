"""Assessments of real data, made once: scikit-learn's embedded sets and its simplest models."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurokit.assessment.assessment import Assessment
from neurokit.record import RunRecord

EXPLANATION = {
    "method": "exact",
    "output": "probability",
    "rows": 50,
    "features": [{"name": "worst radius", "importance": 0.3}, {"name": "worst texture", "importance": 0.1}],
    "notes": ["Two inputs move together."],
}
HOSTILE = [
    "<script>window.hacked=1</script>",
    "</script><img src=x onerror=window.hacked=1>",
    "\"'><b>{{ 7*7 }}</b>${window.hacked=1}",
    '<a href="javascript:window.hacked=1">x</a>',
    "$\\frac{1}{0}$ %{x} \x00\u202e",
]


@pytest.fixture(scope="session")
def binary() -> Assessment:
    data = load_breast_cancer(as_frame=True)
    x, x_rest, y, y_rest = train_test_split(data.data, data.target, train_size=200, random_state=0)
    x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=150, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    names = list(data.target_names)
    age = np.where(x_test["mean area"] > x_test["mean area"].median(), "older", "younger").astype(object)
    age[:5] = "unknown"
    record = RunRecord(
        seed=7,
        git={"commit": "abc123", "branch": "main", "dirty": True},
        data={"train": {"rows": 200, "x": {"sha256": "f" * 64, "rows": 200}}},
        parameters={"optimizer": "adam", "epochs": 3, "resume": None},
        model={"class": "Sequential", "parameters": 62},
        findings=[{"level": "warning", "message": "The learning rate was high.", "code": "rate"}],
        balance={"train": {"counts": {"malignant": 80, "benign": 120}}},
        epochs_run=3,
        stop_reason="completed",
    )
    options = {"kind": "binary", "class_names": names}
    made = Assessment.from_arrays(
        y_test, model.predict_proba(x_test), x=x_test, sensitive={"age": age}, record=record, **options
    )
    validation = Assessment.from_arrays(y_val, model.predict_proba(x_val), name="validation", **options)
    made.decide(validation.threshold(costs={"false_positive": 5, "false_negative": 1, "abstain": 0.4}))
    return made


@pytest.fixture(scope="session")
def multiclass() -> Assessment:
    data = load_wine(as_frame=True)
    x, x_test, y, y_test = train_test_split(data.data, data.target, test_size=0.6, random_state=0)
    model = LogisticRegression(max_iter=5_000).fit(x[["alcohol", "ash"]], y)
    scores = model.predict_proba(x_test[["alcohol", "ash"]])
    return Assessment.from_arrays(y_test, scores, kind="multiclass", class_names=data.target_names.tolist(), x=x_test)


@pytest.fixture(scope="session")
def regression() -> Assessment:
    data = load_diabetes(as_frame=True)
    x, x_test, y, y_test = train_test_split(data.data, data.target, random_state=0)
    return Assessment.from_arrays(y_test.to_numpy(), Ridge().fit(x, y).predict(x_test), kind="regression", x=x_test)


@pytest.fixture(scope="session")
def multilabel() -> Assessment:
    data = load_digits()
    labels = np.stack([data.target % 2 == 0, data.target > 4], axis=1).astype(int)
    x, x_test, y, y_test = train_test_split(data.data / 16, labels, train_size=200, test_size=300, random_state=0)
    scores = [LogisticRegression().fit(x, y[:, at]).predict_proba(x_test)[:, 1] for at in range(2)]
    names = ["even", "five or more"]
    return Assessment.from_arrays(y_test, np.stack(scores, axis=1), kind="multilabel", class_names=names)


@pytest.fixture(scope="session")
def hostile() -> Assessment:
    """One in which every name that comes from outside tries to break out of the page."""
    import pandas as pd

    generator = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    scores = np.clip(0.7 * y + 0.15 + 0.25 * generator.standard_normal(120), 0.01, 0.99)
    x = pd.DataFrame(generator.standard_normal((120, len(HOSTILE))), columns=HOSTILE)
    x["text"] = [HOSTILE[place % len(HOSTILE)] for place in range(120)]
    record = RunRecord(model={"class": HOSTILE[0], "parameters": 3}, parameters={HOSTILE[1]: HOSTILE[2]})
    groups = np.asarray(HOSTILE[:2], dtype=object)[generator.integers(0, 2, 120)]
    made = Assessment.from_arrays(
        y, scores, kind="binary", class_names=HOSTILE[:2], x=x, name=HOSTILE[3], sensitive={HOSTILE[0]: groups},
        record=record,
    )  # fmt: skip
    made.decide(made.threshold(costs={"false_positive": 1, "false_negative": 2}))
    return made


@pytest.fixture(scope="session")
def hostile_options() -> dict[str, object]:
    features = [{"name": name, "importance": 1.0 / (1 + at)} for at, name in enumerate(HOSTILE)]
    return {
        "title": HOSTILE[0],
        "good_for": HOSTILE,
        "not_for": HOSTILE[1],
        "notes": HOSTILE,
        "explanation": {"method": HOSTILE[0], "rows": 3, "features": features, "notes": HOSTILE},
    }


@pytest.fixture(params=["binary", "multiclass", "regression", "multilabel"])
def every(request: pytest.FixtureRequest) -> Assessment:
    return request.getfixturevalue(request.param)
