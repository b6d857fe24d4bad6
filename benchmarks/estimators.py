"""The estimators beside scikit-learn's own: mean and deviation of cross-validated scores, and seconds of a fit.

usage: python benchmarks/estimators.py [FOLDS]

Every model is cross-validated on the same folds with its own defaults; scikit-learn's MLPs and linear models get
standardised columns.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurokit.sklearn import NeuralNetClassifier, NeuralNetRegressor

FOLDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
CLASSES = {
    "NeuralNetClassifier": NeuralNetClassifier(random_state=0),
    "MLPClassifier": make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
}
NUMBERS = {
    "NeuralNetRegressor": NeuralNetRegressor(random_state=0),
    "MLPRegressor": make_pipeline(StandardScaler(), MLPRegressor(random_state=0)),
    "Ridge": make_pipeline(StandardScaler(), Ridge()),
    "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
}
JOBS = [
    ("breast cancer", load_breast_cancer, CLASSES, "accuracy"),
    ("wine", load_wine, CLASSES, "accuracy"),
    ("digits", load_digits, CLASSES, "accuracy"),
    ("diabetes", load_diabetes, NUMBERS, "r2"),
]

warnings.simplefilter("ignore")  # MLPs that want more iterations
print("| data | model | score | deviation | seconds a fit |\n| --- | --- | ---: | ---: | ---: |")
for data, load, models, score in JOBS:
    x, y = load(return_X_y=True)
    folds = (StratifiedKFold if models is CLASSES else KFold)(FOLDS, shuffle=True, random_state=0)
    results = {name: cross_validate(model, x, y, cv=folds, scoring=score) for name, model in models.items()}
    best = max(results, key=lambda name: results[name]["test_score"].mean())
    for name, found in results.items():
        mean, deviation = found["test_score"].mean(), found["test_score"].std()
        shown = f"**{mean:.3f}**" if name == best else f"{mean:.3f}"
        print(f"| {data}, {score} | {name} | {shown} | {deviation:.3f} | {np.median(found['fit_time']):.2f} |")
