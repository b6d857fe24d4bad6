"""Statistics of groups: a metric as a rate or mean of rows, as one of ``measures``, or as a function of the user's."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from neurokit.arguments import check_binds_two
from neurokit.assessment.groups.judged import Judged
from neurokit.assessment.measures import Answers, Statistic, statistics

Array = np.ndarray[Any, Any]
Better = Literal["higher", "lower", "zero", "neither"]


@dataclass(frozen=True, eq=False)
class GroupMetric:
    """A number that any set of rows has.

    Attributes:
        name: What it is called.
        of: Returns the statistic of some rows, given their positions: a function of how often each of them counts. NaN
            where it is not defined.
        cases: Marks the rows it rests on, bool ``(n,)``: for a true positive rate those that truly are positive.
        hits: Of a rate, marks the cases that count for it; ``None`` where it is no rate.
        better: Which way is good; ``"neither"`` where that depends on what the prediction brings.
        means: What a difference in it says, in plain words.
        ratio: Whether the ratio of two groups says anything.
        bounded: It lies between 0 and 1.
        costly: Each draw is a call of the user's function.
        support: Returns how many cases it hangs on, given positions, where these are fewer than ``cases`` marks: the
            rarer class, for a ROC AUC.
    """

    name: str
    of: Callable[[Array], Statistic]
    cases: Array
    hits: Array | None
    better: Better
    means: str
    ratio: bool
    bounded: bool = False
    costly: bool = False
    support: Callable[[Array], int] | None = None

    def on(self, rows: Array) -> float:
        """Return the number of some rows, each counted once."""
        return self.of(rows)(np.ones(len(rows), dtype=np.int64)) if len(rows) else math.nan


def of_sums(
    name: str, judged: Judged, top: Any, bottom: Any, better: Better, means: str, *, bounded: bool | None = None
) -> GroupMetric:
    """Return the metric that is the sum of ``top`` over that of ``bottom``, weighted."""
    above, below = np.asarray(top), np.broadcast_to(np.asarray(bottom), len(judged.y_true))
    rate = above.dtype == bool and below.dtype == bool
    weighted_above, weighted_below = above * judged.weight, below * judged.weight

    def of(rows: Array) -> Statistic:
        parts = np.stack([weighted_above[rows], weighted_below[rows]], axis=1)

        def share(counts: Array) -> float:
            part, whole = (counts @ parts).tolist()
            return part / whole if whole else math.nan

        return share

    return GroupMetric(
        name=name,
        of=of,
        cases=below != 0,
        hits=above if rate else None,
        better=better,
        means=f"difference in {means}",
        ratio=better != "zero",
        bounded=rate if bounded is None else bounded,
    )


def of_measures(
    name: str,
    judged: Judged,
    better: Better,
    means: str,
    *,
    cases: Array | None = None,
    bounded: bool = True,
    ratio: bool = True,
    support: Callable[[Array], int] | None = None,
    of: Callable[[Answers], Statistic] | None = None,
) -> GroupMetric:
    """Return a metric of ``measures``, by its name there; NaN of rows without a case."""
    resting = np.ones(len(judged.y_true), dtype=bool) if cases is None else cases
    weighted = resting * judged.weight
    always = cases is None and judged.weights is None

    def of_rows(rows: Array) -> Statistic:
        whole = judged.answers
        weights = None if whole.weight is None else whole.weight[rows]
        answers = Answers(whole.kind, whole.y_true[rows], whole.y_pred[rows], whole.scores[rows], weights)
        statistic = statistics(answers)[name] if of is None else of(answers)
        held = weighted[rows]
        return statistic if always else lambda counts: statistic(counts) if counts @ held else math.nan

    return GroupMetric(name, of_rows, resting, None, better, f"difference in {means}", ratio, bounded, support=support)


def of_function(name: str, function: Callable[..., Any], judged: Judged, notes: list[str]) -> GroupMetric:
    """Return a function of the user's as a metric: NaN, with a note, for a group that it cannot judge."""
    check_binds_two(function, name, "A metric is called with (y_true, y_pred)", "Pass functools.partial of it.")
    weighs = judged.weights is not None and _takes_weights(function)
    if judged.weights is not None and not weighs:
        notes.append(f"{name!r} takes no sample_weight: its numbers count every row alike.")

    def called(rows: Array) -> float:
        more = {"sample_weight": judged.weight[rows]} if weighs else {}
        with warnings.catch_warnings():  # a class that a group lacks is said by the NaN, or by the size of the group
            warnings.simplefilter("ignore")
            value = function(judged.y_true[rows], judged.y_pred[rows], **more)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"The metric {name!r} returned {value!r:.80} ({type(value).__name__}), and a metric of a group is one "
                "number. Return a float."
            ) from None

    called(np.arange(len(judged.y_true)))  # what fails on all rows is a mistake of the function, and is raised as it is

    def number(rows: Array, said: list[str]) -> float:
        try:
            return called(rows)
        except Exception as error:  # the function is the user's, and so is what it raises of one class only
            reason = f"{name!r} is not defined for some groups: {type(error).__name__}: {str(error)[:120]}"
            if reason not in said:
                said.append(reason)
            return math.nan

    return GroupMetric(
        name=name,
        of=lambda rows: lambda counts: number(rows, notes) if (counts == 1).all() else number(rows.repeat(counts), []),
        cases=np.ones(len(judged.y_true), dtype=bool),
        hits=None,
        better="neither",
        means=f"difference in {name}, as the function passed for it has it",
        ratio=True,
        costly=True,
    )


def _takes_weights(function: Callable[..., Any]) -> bool:
    try:
        parameters: Iterable[inspect.Parameter] = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(one.name == "sample_weight" for one in parameters)
