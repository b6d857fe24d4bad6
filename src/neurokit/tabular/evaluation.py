"""Evaluation: how good a pipeline's answers are on rows it has not seen, and how good others are on the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.wording import number

if TYPE_CHECKING:
    import os

    import pandas as pd

    from neurokit.tabular.pipeline import TabularPipeline

Array = np.ndarray[Any, Any]

_RESAMPLES = 1000


class Evaluation(dict[str, float]):
    """The metrics of a pipeline on its test rows, by name: a dict, with the table they stand in beside others.

    Attributes:
        table: A DataFrame with a row for each model: this one, the baseline, and those it was compared with.
        verdict: Who is best, in a sentence, with the interval of the difference.
        rows: How many rows were judged.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from neurokit.tabular import TabularPipeline
        >>> pipeline = TabularPipeline(verbose=0).load_data(load_iris(as_frame=True).frame).prepare_data("target")
        >>> found = pipeline.train_model(epochs=2).evaluate()
        >>> list(found), found.rows, list(found.table.index)[0]
        (['accuracy', 'balanced_accuracy', 'f1', 'log_loss'], 30, 'TabularNet')
    """

    def __init__(self, metrics: dict[str, float], table: pd.DataFrame, verdict: str, rows: int, pipeline: Any) -> None:
        super().__init__(metrics)
        self.table, self.verdict, self.rows = table, verdict, rows
        self._pipeline = pipeline

    def save(self, folder: str | os.PathLike[str], **options: Any) -> TabularPipeline:
        """Save the pipeline, so that the seven steps are one chain; see ``TabularPipeline.save``."""
        pipeline: TabularPipeline = self._pipeline.save(folder, **options)
        return pipeline

    def __str__(self) -> str:
        shown = self.table.map(lambda value: number(value, 4) if isinstance(value, float) else value)
        return f"{shown.to_string()}\n{self.verdict}"


def scores(kind: str, true: Array, told: Array) -> dict[str, float]:
    """Return the metrics of answers, as scikit-learn computes them.

    Args:
        kind: The target's.
        true: Class indices, or numbers in the target's own units.
        told: Probabilities ``(N, C)``, or numbers likewise.
    """
    from sklearn import metrics

    if kind == "regression":
        return {
            "mae": float(metrics.mean_absolute_error(true, told)),
            "rmse": float(metrics.root_mean_squared_error(true, told)),
            "r2": float(metrics.r2_score(true, told)) if len(true) > 1 else float("nan"),
        }
    labels, classes = told.argmax(1), np.arange(told.shape[1])
    recalls = [float((labels[true == one] == one).mean()) for one in classes if (true == one).any()]
    found = {
        "accuracy": float((labels == true).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "f1": float(
            metrics.f1_score(true, labels, average="binary" if kind == "binary" else "macro", zero_division=0.0)
        ),
        "log_loss": float(metrics.log_loss(true, told / told.sum(1, keepdims=True), labels=classes)),
    }
    if kind == "binary":
        found["roc_auc"] = (
            float(metrics.roc_auc_score(true, told[:, 1])) if len(set(true.tolist())) > 1 else float("nan")
        )
    return found


def main_metric(kind: str) -> str:
    """Return the metric by which models are ranked."""
    return "r2" if kind == "regression" else "accuracy"


def verdict(kind: str, true: Array, answers: dict[str, Array], own: str, seed: int) -> str:
    """Return who is best, and whether the difference may be chance: a bootstrap of the test rows, in pairs."""
    metric = main_metric(kind)
    values = {name: scores(kind, true, told)[metric] for name, told in answers.items()}
    others = [name for name in values if name != own]
    best = max(others, key=lambda name: values[name])
    ahead = values[own] > values[best]
    winner, loser = (own, best) if ahead else (best, own)
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(true), size=(_RESAMPLES, len(true)))
    differences = [_fast(kind, true[rows], answers[winner][rows]) - _fast(kind, true[rows], answers[loser][rows])
                   for rows in draws]  # fmt: skip
    low, high = np.nanquantile(differences, (0.025, 0.975))
    gap = values[winner] - values[loser]
    chance = "; such a difference may be chance" if low <= 0 else ""
    won = "No model wins" if gap == 0 else f"{winner} wins"
    return (
        f"{won}: {metric} {number(values[winner], 4)} against {number(values[loser], 4)} of {loser} on {len(true):,} "
        f"test rows, a difference of {number(gap)} ({number(low)} to {number(high)}){chance}."
    )


def _fast(kind: str, true: Array, told: Array) -> float:
    if kind != "regression":
        return float((told.argmax(1) == true).mean())
    spread = ((true - true.mean()) ** 2).sum()
    return float(1 - ((true - told) ** 2).sum() / spread) if spread else float("nan")
