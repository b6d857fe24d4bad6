"""Answers: what a bundle says, as JSON, which has no word for what is not finite."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from neurokit.serve.errors import FieldError, RequestError
from neurokit.serve.requests import example_row

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


def predict_answer(bundle: Bundle) -> type[BaseModel]:
    """Return the model of what ``/predict`` answers, with the labels that the bundle has."""
    target = bundle.target
    kind: Any = Any
    if target is not None and target.kind in ("binary", "multiclass") and target.classes is not None:
        kind = Annotated[Any, WithJsonSchema({"enum": list(target.classes), "title": "Prediction"})]
    told = Field(description="A label, a number in the target's own unit, or what the model gives.")
    one = create_model("Prediction", __base__=Prediction, prediction=(kind, told))
    return create_model(
        "PredictAnswer", __base__=_Answer, __doc__="One prediction for each row, in their order.",
        predictions=(list[one], ...),  # type: ignore[valid-type]
    )  # fmt: skip


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
    unknown_categories: str = Field(description="Whether a category that training rows did not have is refused.")
    limits: dict[str, int]
    metrics: dict[str, Any]
    card: str
    example: Any


_NOT_FINITE: dict[str, Any] = {}  # stands for a row that the model gives no finite number for; the others are answered


def predict(bundle: Bundle, rows: list[Any]) -> list[dict[str, Any]]:
    """Return what the bundle says of rows, one entry for each; an empty one where it gives no finite number."""
    if bundle.target is None or bundle.target.kind is None:
        outputs = bundle.predict(_given(bundle, rows))
        sound = _are_finite(outputs, len(rows))
        return _told([{"prediction": one} for one in _by_row(outputs, len(rows))], sound)
    answer = bundle.answer(_given(bundle, rows))
    if answer.labels is None:
        assert answer.values is not None
        return _told([{"prediction": one} for one in answer.values.tolist()], _are_finite(answer.values, len(rows)))
    labels = answer.labels.tolist()
    if answer.probabilities is None:
        return [{"prediction": one} for one in labels]
    sound = _are_finite(answer.probabilities, len(rows))
    names = class_names(bundle, answer.probabilities.shape[1])
    told = [dict(zip(names, one, strict=True)) for one in answer.probabilities.tolist()]
    one_label = bundle.target.kind != "multilabel" and answer.probabilities.ndim == 2
    answers = [
        {"prediction": label, **({"probability": max(one.values())} if one_label else {}), "probabilities": one}
        for label, one in zip(labels, told, strict=True)
    ]
    return _told(answers, sound)


def _told(answers: list[dict[str, Any]], sound: Array) -> list[dict[str, Any]]:
    return answers if sound.all() else [one if fine else _NOT_FINITE for one, fine in zip(answers, sound, strict=True)]


def refuse_not_finite(answers: list[dict[str, Any]]) -> None:
    """Raise for a request that has rows without a finite number.

    Raises:
        RequestError: Naming them.
    """
    message = "the model gives no finite number for this row"
    if rows := [row for row, one in enumerate(answers) if not one]:
        fields = [FieldError(field=f"rows[{row}]", message=message) for row in rows]
        raise RequestError(422, f"rows[{rows[0]}]: {message}", fields)


def explain(bundle: Bundle, rows: list[Any]) -> list[dict[str, Any]]:
    """Return why the bundle says what it says of rows: of the label that it predicts, or of the number."""
    answers = predict(bundle, rows)
    refuse_not_finite(answers)
    found = bundle.explain(_given(bundle, rows))
    values, base = np.asarray(found.values), np.asarray(found.base_values)
    refuse_not_finite([{"row": row} if fine else {} for row, fine in enumerate(_are_finite(values, len(rows)))])
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


def cannot_explain(bundle: Bundle, explanations: bool) -> str | None:
    """Return why a bundle is not explained here; ``None`` where it is.

    Args:
        bundle: What is served.
        explanations: Whether they are wanted.
    """
    if not explanations:
        return "Explanations are turned off on this server."
    if bundle.fields is None:
        return "Explanations are of named columns, and this model takes arrays."
    if bundle.target is None or bundle.target.kind in (None, "multilabel"):
        return "Explanations are of one answer a row, and this model gives several."
    if bundle.target.kind == "regression" and _has_several_numbers(bundle):
        return "Explanations are of one number a row, and this model gives several."
    missing = [name for name in ("torch", "shap") if _is_missing(name)]
    return f"Explanations need {' and '.join(missing)}, not installed on this server." if missing else None


def _has_several_numbers(bundle: Bundle) -> bool:
    try:
        values = bundle.answer(_given(bundle, [example_row(bundle)])).values
    except Exception:  # the model fails for its own example, and may do better with other rows
        return False
    return values is not None and values.ndim > 1


def _is_missing(name: str) -> bool:
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
    return list(outputs.tolist())


def _are_finite(outputs: Any, count: int) -> Array:
    """Whether all numbers of each row are finite, in outputs of any structure."""
    if isinstance(outputs, (dict, tuple)):
        parts = outputs.values() if isinstance(outputs, dict) else outputs
        return np.asarray(np.logical_and.reduce([_are_finite(one, count) for one in parts], axis=0))
    if outputs is None or outputs.dtype.kind != "f":
        return np.ones(count, dtype=bool)
    return np.asarray(np.isfinite(outputs).reshape(count, -1).all(axis=1))
