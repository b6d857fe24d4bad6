"""Verdict: what an assessment comes to, in words for somebody who decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurokit.assessment.intervals import Estimate
from neurokit.wording import number

if TYPE_CHECKING:
    from neurokit.assessment.assessment import Assessment

_MOSTLY = 0.8  # a class that is more of the rows makes accuracy easy


def main_metric(assessment: Assessment) -> str:
    """Return the metric that a verdict is about."""
    if assessment.kind == "regression":
        return "mae"
    if assessment.kind == "multilabel":
        return "hamming_loss"
    rows = np.bincount(assessment.y_true, weights=assessment.weight, minlength=len(assessment.names))
    return "balanced_accuracy" if rows.max() > _MOSTLY * rows.sum() else "accuracy"


def verdict(assessment: Assessment) -> str:
    """Return how good the model is on these rows, how sure that is, and what one answer for all rows would give."""
    name = assessment.main
    ours, theirs, gained = assessment.metrics[name], assessment.baseline.metrics[name], assessment.lift(name)
    constant = assessment.baseline.description
    rows = f"On {assessment.n:,} {assessment.name} rows the model"
    if assessment.kind == "regression":
        told = f"{rows} is off by {number(ours)} on average ({_interval(ours)})"
        other = f"to answer {constant}, would be off by {number(theirs)}"
    elif name == "hamming_loss":
        told = f"{rows} is wrong about {_percent(ours)} of all labels ({_interval(ours, True)})"
        other = f"to answer {constant} would be wrong about {_percent(theirs)}"
    elif name == "balanced_accuracy":
        told = f"{rows} finds {_percent(ours)} of a class on average over the classes ({_interval(ours, True)})"
        other = f"to answer {constant}, would find {_percent(theirs)}"
    else:
        told = f"{rows} is right for {_percent(ours)} ({_interval(ours, True)})"
        other = f"to answer {constant}, would be right for {_percent(theirs)}"
    return f"{told}; {other}. {_judgement(gained)}"


def _judgement(gained: Estimate) -> str:
    if gained.low > 0:
        return "It is better than that by more than chance explains."
    if gained.high < 0:
        return "It is worse than that: it should not be used."
    return "These rows do not show that it is better than that."


def _percent(value: float) -> str:
    return f"{100 * float(value):.1f} %"


def _interval(estimate: Estimate, percent: bool = False) -> str:
    low, high = (_percent(end) if percent else number(end) for end in estimate.interval)
    return f"{100 * estimate.confidence:g} % interval {low} to {high}"
