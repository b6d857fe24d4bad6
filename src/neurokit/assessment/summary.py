"""Summary: an assessment as plain values, for ``run.json``, model cards and whoever reads them later."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from neurokit.assessment.assessment import Assessment

_MOST_CLASSES = 100  # of more, a confusion matrix is no longer read


def summary(assessment: Assessment) -> dict[str, Any]:
    """Return every number of an assessment, without the rows it is about. ``None`` stands for what is no number."""
    gained = assessment.lift()
    names = assessment.names
    one_class = assessment.kind in ("binary", "multiclass") and len(names) <= _MOST_CLASSES
    confusion = assessment.confusion_matrix().to_numpy().tolist() if one_class else None
    return {
        "name": assessment.name,
        "kind": assessment.kind,
        "n": assessment.n,
        "weighted": assessment.weight is not None,
        "confidence": assessment.confidence,
        "class_names": assessment.class_names,
        "positive": assessment.positive,
        "metrics": {name: value.to_dict() for name, value in assessment.metrics.items()},
        "main": assessment.main,
        "baseline": {
            "description": assessment.baseline.description,
            "metrics": {name: value.to_dict() for name, value in assessment.baseline.metrics.items()},
        },
        "lift": {"metric": assessment.main, **gained.to_dict()},
        "verdict": assessment.verdict(),
        "balance": _balance(assessment),
        "confusion": {"labels": names, "counts": confusion} if confusion is not None else None,
        "classes": _classes(assessment) if names and len(names) <= _MOST_CLASSES else None,
        "calibration": _calibration(assessment),
        "residuals": _residuals(assessment),
        "groups": None if assessment.groups is None else assessment.groups.to_dict(),
        "decisions": None if assessment.decisions is None else assessment.decisions.to_dict(),
        "protected": [column.to_dict() for column in assessment.protected],
        "findings": [finding.to_json() for finding in assessment.findings],
    }


def _balance(assessment: Assessment) -> dict[str, Any]:
    y = assessment.y_true
    if assessment.kind == "regression":
        numbers = {"mean": y.mean(), "std": y.std(), "min": y.min(), "max": y.max()}
        return {name: float(value) for name, value in numbers.items()}
    counts = y.sum(0) if assessment.kind == "multilabel" else np.bincount(y, minlength=len(assessment.names))
    return {"counts": dict(zip(assessment.names, counts.tolist(), strict=True))}


def _classes(assessment: Assessment) -> list[dict[str, Any]]:
    report = assessment.classification_report(output_dict=True)
    found = [(name, report[name]) for name in assessment.names]
    return [
        {
            "name": name, "precision": float(of["precision"]), "recall": float(of["recall"]),
            "f1": float(of["f1-score"]), "support": float(of["support"]),
        }
        for name, of in found
    ]  # fmt: skip


def _calibration(assessment: Assessment) -> dict[str, Any] | None:
    if assessment.kind == "regression":
        return None
    found = assessment.calibration()
    temperature = None if assessment.temperature_applied == 1 else assessment.temperature_applied
    return {"error": found.error, "event": found.event, "bins": len(found.table), "temperature": temperature}


def _residuals(assessment: Assessment) -> dict[str, Any] | None:
    if assessment.kind != "regression":
        return None
    residuals = assessment.y_true - assessment.scores
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    quantiles = {f"{share:g}": float(np.quantile(residuals, share)) for share in shares}
    spread = float(residuals.std())
    return {"mean": float(residuals.mean()), "std": spread if math.isfinite(spread) else None, "quantiles": quantiles}
