"""Answers: what a bundle says, as JSON, which has no word for what is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neurokit.serve.errors import FieldError, RequestError

if TYPE_CHECKING:
    from neurokit.bundle import Bundle

Array = np.ndarray[Any, Any]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_version: str = Field(description="Which model answered: it changes when the model does.")


class Prediction(BaseModel):
    """What the model says of one row."""

    model_config = ConfigDict(extra="forbid")

    prediction: Any = Field(description="A label, a number in the target's own unit, or what the model gives.")
    probability: float | None = Field(default=None, description="Of the label that was predicted.")
    probabilities: dict[str, float] | None = Field(default=None, description="Of each label.")


class PredictAnswer(_Answer):
    """One prediction for each row, in their order."""

    predictions: list[Prediction]


class Contribution(BaseModel):
    """What one column added to the prediction, or took from it."""

    model_config = ConfigDict(extra="forbid")

    feature: str
    contribution: float


class RowExplanation(BaseModel):
    """Why the model says what it says of one row: the base and all contributions add up to the output."""

    model_config = ConfigDict(extra="forbid")

    prediction: Any
    output: float = Field(description="What is explained: the probability of the predicted label, or the number.")
    base: float = Field(description="The output on average over the rows that explanations compare with.")
    contributions: list[Contribution] = Field(description="The largest first.")


class ExplainAnswer(_Answer):
    """One explanation for each row, in their order."""

    explanations: list[RowExplanation]


class Health(_Answer):
    """Whether the server answers."""

    status: str
    seconds: float = Field(description="Since it started.")


class ModelAnswer(_Answer):
    """What is served."""

    name: str
    kind: str
    created: str
    fields: list[dict[str, Any]] | None
    inputs: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    explains: bool
    why_not: str | None = Field(default=None, description="Why it cannot explain.")
    limits: dict[str, int]
    metrics: dict[str, Any]
    card: str
    example: Any


def predict(bundle: Bundle, rows: list[Any]) -> list[dict[str, Any]]:
    """Return what the bundle says of rows, one entry for each.

    Raises:
        RequestError: If it gives no finite number for a row; names it.
    """
    if bundle.target is None or bundle.target.kind is None:
        return [{"prediction": one} for one in _by_row(bundle.predict(_given(bundle, rows)), len(rows))]
    answer = bundle.answer(_given(bundle, rows))
    if answer.labels is None:
        assert answer.values is not None
        _refuse_not_finite(answer.values)
        return [{"prediction": one} for one in answer.values.tolist()]
    labels = answer.labels.tolist()
    if answer.probabilities is None:
        return [{"prediction": one} for one in labels]
    _refuse_not_finite(answer.probabilities)
    names = class_names(bundle, answer.probabilities.shape[1])
    told = [dict(zip(names, one, strict=True)) for one in answer.probabilities.tolist()]
    if bundle.target.kind == "multilabel" or answer.probabilities.ndim > 2:
        return [{"prediction": label, "probabilities": one} for label, one in zip(labels, told, strict=True)]
    return [
        {"prediction": label, "probability": max(one.values()), "probabilities": one}
        for label, one in zip(labels, told, strict=True)
    ]


def explain(bundle: Bundle, rows: list[Any]) -> list[dict[str, Any]]:
    """Return why the bundle says what it says of rows: of the label that it predicts, or of the number."""
    answers = predict(bundle, rows)
    found = bundle.explain(_given(bundle, rows))
    values, base = np.asarray(found.values), np.asarray(found.base_values)
    features = [str(one) for one in found.feature_names]
    told = []
    for at, answer in enumerate(answers):
        own, start = values[at], base[at] if base.ndim else base
        if own.ndim == 2:  # an output for each class
            chosen = list(answer["probabilities"]).index(str(answer["prediction"]))
            own, start = own[:, chosen], start[chosen]
        order = np.argsort(-np.abs(own), kind="stable")
        told.append(
            {
                "prediction": answer["prediction"],
                "output": float(start + own.sum()),
                "base": float(start),
                "contributions": [{"feature": features[one], "contribution": float(own[one])} for one in order],
            }
        )
    return told


def cannot_explain(bundle: Bundle) -> str | None:
    """Return why a bundle cannot be explained here; ``None`` where it can."""
    from importlib.util import find_spec

    if bundle.fields is None:
        return "Explanations are of named columns, and this model takes arrays."
    if bundle.target is None or bundle.target.kind in (None, "multilabel"):
        return "Explanations are of one answer a row, and this model gives several."
    missing = [name for name in ("torch", "shap") if _is_missing(find_spec, name)]
    return f"Explanations need {' and '.join(missing)}, not installed on this server." if missing else None


def _is_missing(find_spec: Any, name: str) -> bool:
    try:
        return find_spec(name) is None
    except ValueError:  # somebody put None in its place
        return True


def class_names(bundle: Bundle, count: int) -> list[str]:
    """Return the labels as JSON has them for keys."""
    classes = None if bundle.target is None else bundle.target.classes
    return [str(one) for one in (range(count) if classes is None else classes)]


def _given(bundle: Bundle, rows: list[Any]) -> Any:
    if bundle.fields is None and bundle.interface.passed == "alone":
        return np.asarray(rows)
    return rows


def _by_row(outputs: Any, count: int) -> list[Any]:
    """Outputs of any structure as one entry for each row."""
    if isinstance(outputs, dict):
        parts = {name: _by_row(one, count) for name, one in outputs.items()}
        return [{name: one[at] for name, one in parts.items()} for at in range(count)]
    if isinstance(outputs, tuple):
        columns = [_by_row(one, count) for one in outputs]
        return [[one[at] for one in columns] for at in range(count)]
    if outputs is None:
        return [None] * count
    _refuse_not_finite(outputs)
    return list(outputs.tolist())


def _refuse_not_finite(array: Array) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    row = int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])
    message = "the model gives no finite number for this row"
    raise RequestError(422, f"rows[{row}]: {message}", [FieldError(field=f"rows[{row}]", message=message)])
