"""Report: how an explanation was made, and what it says in short, as plain values for cards and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass
class ExplanationReport:
    """How an explanation was made.

    Attributes:
        method: ``"exact"``, ``"permutation"``, ``"partition"``, ``"gradient"`` or ``"deep"``: the one used in the end.
        output: ``"probability"``, or ``"logit"`` for the model's own numbers.
        rows: How many rows were explained.
        background_rows: How many rows stood for the unknown.
        background_source: Where they came from.
        seed: Of samples and permutations.
        max_evals: Evaluations of the model, or samples, for a row.
        scale: The largest distance of a prediction from its base value, in the output's unit.
        residual_max: The largest part of a prediction that the values leave unexplained, in the output's unit.
        residual_mean: The mean of its absolute values.
        seconds: How long it took.
        shap: shap's version.
        notes: What a reader should know.
    """

    method: str
    output: str
    rows: int
    background_rows: int
    background_source: str
    seed: int
    max_evals: int
    scale: float
    residual_max: float
    residual_mean: float
    seconds: float
    shap: str
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return asdict(self)


class _History(list[Any]):
    """shap's list of what was done to an explanation, which its slices copy, and with it the report."""

    report: ExplanationReport


def attach(report: ExplanationReport, explanation: Any) -> None:
    """Write a report on an explanation, so that ``report_of`` finds it there and on every slice."""
    explanation.report = report
    explanation.op_history = _History(explanation.op_history)
    explanation.op_history.report = report


def report_of(explanation: Any) -> ExplanationReport | None:
    """Return how an explanation, or a slice of one, was made; ``None`` for one that is not from here."""
    one = _first(explanation)
    found = getattr(one, "report", None) or getattr(getattr(one, "op_history", None), "report", None)
    return found if isinstance(found, ExplanationReport) else None


def _first(explanation: Any) -> Any:
    while isinstance(explanation, (Mapping, tuple, list)) and explanation:
        explanation = next(iter(explanation.values() if isinstance(explanation, Mapping) else explanation))
    return explanation


def summarize(explanation: Any, top: int = 10) -> dict[str, Any]:
    """Return what an explanation says in short, as plain values: the columns that count most, and how it was made.

    A column's importance is the mean of its absolute values over the rows, in the output's unit; over several outputs
    it is the mean of theirs. Pictures have no columns to rank, and get an empty list.

    Args:
        explanation: What ``explain`` returned, or any ``shap.Explanation``, of which ``method`` is then ``None``.
        top: How many columns to name.

    Raises:
        TypeError: If it is none.

    Example:
        >>> from neurokit.explanations.library import load_shap
        >>> shap = load_shap()
        >>> found = summarize(shap.Explanation(np.array([[1.0, -3.0]]), feature_names=["age", "fare"]))
        >>> [one["name"] for one in found["features"]], found["method"]
        (['fare', 'age'], None)
    """
    if not hasattr(_first(explanation), "values") or not hasattr(_first(explanation), "base_values"):
        raise TypeError(
            f"An explanation is what nk.explain returned, got {explanation!r:.60} ({type(explanation).__name__}). Pass "
            "nk.explain(trainer, x_test[:100])."
        )
    report = report_of(explanation)
    names, by_output = _importances(explanation)
    overall = np.mean(list(by_output.values()), axis=0) if by_output else np.zeros(0)
    told: dict[str, Any] = {
        "method": report and report.method,
        "output": report and report.output,
        "rows": _rows(explanation),
        "background": report
        and {"rows": report.background_rows, "source": report.background_source, "seed": report.seed},
        "residual": report and {"max": report.residual_max, "mean": report.residual_mean, "scale": report.scale},
        "max_evals": report and report.max_evals,
        "seconds": report and report.seconds,
        "shap": report and report.shap,
        "features": _ranked(names, overall, top),
        "notes": list(report.notes) if report else [],
    }
    if len(by_output) > 1:
        told["by_output"] = {name: _ranked(names, values, top) for name, values in by_output.items()}
    return told


def _rows(explanation: Any) -> int | None:
    values, _ = _of_rows(_first(explanation))
    return int(values.shape[0]) if values.ndim > 1 else None


def _of_rows(explanation: Any) -> tuple[Any, int]:
    """The values with their axis of rows, also those of one row alone, and the axes that its base values have then."""
    values, base = np.asarray(explanation.values), np.ndim(explanation.base_values)
    alone = np.ndim(explanation.data) == 1 or (explanation.data is None and values.ndim == 1)
    return (values[None], base + 1) if alone else (values, base)


def _ranked(names: list[str], values: Any, top: int) -> list[dict[str, Any]]:
    order = np.argsort(-values, kind="stable")[:top]
    return [{"name": names[place], "importance": float(values[place])} for place in order]


def _importances(explanation: Any) -> tuple[list[str], dict[str, Any]]:
    """The names of columns, and for each output the mean absolute value of each."""
    if isinstance(explanation, Mapping):
        parts = {name: _importances(one) for name, one in explanation.items()}
        names = next((found for found, _ in parts.values() if found), [])
        by_output = {
            f"{name}.{output}" if output else str(name): values
            for name, (found, outputs) in parts.items()
            if found == names
            for output, values in outputs.items()
        }
        return names, by_output
    if isinstance(explanation, (tuple, list)):
        return next((found for found in map(_importances, explanation) if found[0]), ([], {}))
    values, base_axes = _of_rows(explanation)
    outputs = explanation.output_names
    has_outputs = values.ndim > 2 and (base_axes == 2 or isinstance(outputs, (list, tuple, np.ndarray)))
    values = values if has_outputs else values[..., None]
    if values.ndim == 4 and values.shape[1] == values.shape[2] and np.ndim(explanation.data) == 2:
        values = values.sum(axis=2)  # a column's interactions add up to its value
    if values.ndim != 3:
        return [], {}
    names = explanation.feature_names
    names = [f"Feature {place}" for place in range(values.shape[1])] if names is None else list(map(str, names))
    means = np.abs(values).mean(axis=0)  # (columns, outputs)
    titles = list(map(str, outputs)) if has_outputs and outputs is not None else [""] * means.shape[1]
    titles = [title or f"output {place}" * has_outputs for place, title in enumerate(titles)]
    return names, dict(zip(titles, means.T, strict=True))
