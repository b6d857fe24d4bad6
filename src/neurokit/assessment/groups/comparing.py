"""Comparing: how well a model does for each group, with sizes and intervals, and how far apart they are."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurokit.arguments import check_choice, check_count, suggests_arguments
from neurokit.assessment.groups.gaps import difference_ends, pair_quantile, ratio_ends
from neurokit.assessment.groups.judged import Judged, judged_rows
from neurokit.assessment.groups.metrics import KINDS, group_metrics
from neurokit.assessment.groups.report import Gap, Group, GroupReport, full_name
from neurokit.assessment.groups.sensitive import SensitiveColumn, sensitive_columns, with_intersections
from neurokit.assessment.groups.statistics import GroupMetric
from neurokit.assessment.intervals import (
    Estimate,
    bootstrap,
    check_confidence,
    normal_quantile,
    wilson,
    wilson_ends,
)

Array = np.ndarray[Any, Any]

_FEWEST_CASES: Final = 10  # a rate of fewer says nothing of a gap, in however large a group
_RESAMPLES = 1000
_FEWEST_DRAWS = 200
_COSTLY_RESAMPLES = 200  # of a function of the user's, which may take milliseconds a call
_MOST_DRAWN = 4_000_000  # rows of one group, a fraction of a second a metric: of very many, fewer draws will do


@suggests_arguments
def by_group(
    kind: str,
    y_true: Any,
    y_pred: Any,
    scores: Any = None,
    sensitive: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    metrics: Any = None,
    sample_weight: Any = None,
    control: Any = None,
    min_group: int = 30,
    confidence: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> GroupReport:
    """Return how well predictions serve each group: sizes, numbers with intervals, gaps, and who fares worst.

    Groups come from fairlearn's ``MetricFrame``. A group with fewer than ``min_group`` rows is shown and never
    compared: three rows would otherwise set the largest difference. Neither does a rate that rests on fewer than ten
    cases (or than ``min_group``), such as a true positive rate of two positives. Both are said in ``notes``.

    Intervals of rates are Wilson's (with weights, of Kish's effective number of rows); others are percentiles of seeded
    resamples inside the group. A gap's interval is put together from those of its groups by Newcombe's square-and-add
    rule (1998; for ratios Donner and Zou 2012). Where more than two groups are compared the pair was picked after
    looking, so all pairs are covered at once, with Tukey's studentized range in place of the normal quantile. A gap is
    never negative: an interval that starts at 0 says that these rows show none. Where neither way is better, as of a
    selection rate or a function of yours, no group is called the worst: ``lowest`` names the one with the least.

    Args:
        kind: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
        y_true: Class indices ``(n,)``, with several labels 0 and 1 of shape ``(n, labels)``, or numbers.
        y_pred: Predictions of the same shape.
        scores: Probabilities ``(n, classes)``, or of the positive class ``(n,)``; for ROC AUC and the like.
        sensitive: One value for each row, or several columns as a DataFrame or dict; each is looked at alone, and
            together. Missing values are a group, and a quantity such as an age in years is cut into four bands.
        class_names: In the order of the indices.
        metrics: Names or functions of ``(y_true, y_pred)``; ``None`` takes the usual ones of the task.
        sample_weight: Weights ``(n,)``; ``n`` stays the number of rows.
        control: A column in whose levels groups are compared apart, as in "within each department".
        min_group: The smallest group that is compared.
        confidence: Of the intervals.
        resamples: How many, for intervals that need them: 1000, or 200 of a function that was passed, unless told. Of
            groups of more than 4000 rows fewer are drawn, at least 100.
        seed: Of the resamples; no global random stream is touched.

    Raises:
        ImportError: If fairlearn is not installed.
        ValueError: If lengths differ or a metric is unknown.

    Example:
        >>> truth, guess = np.array([1, 0] * 50), np.array([1, 0] * 40 + [0, 0] * 10)
        >>> report = by_group("binary", truth, guess, None, ["a"] * 60 + ["b"] * 40, metrics="recall")
        >>> report.worst, report.difference["true_positive_rate"]
        ({'true_positive_rate': 'b'}, 0.5 (0.269 to 0.701, n = 50))
    """
    check_choice("kind", kind, KINDS)
    check_count("min_group", min_group, such_as=30)
    check_confidence(confidence)
    if resamples is not None:
        check_count("resamples", resamples, 100, such_as=1000)
    judged = judged_rows(kind, y_true, y_pred, scores, sample_weight, class_names)
    rows = len(judged.y_true)
    columns = sensitive_columns(sensitive, rows)
    strata = None if control is None else with_intersections(sensitive_columns(control, rows, "control"))[-1]
    if strata is not None and strata.name in [one.name for one in columns]:
        raise ValueError(f"{strata.name!r} is both sensitive and control. Leave it out of one of them.")
    chosen, notes = group_metrics(judged, metrics)
    notes += [note for one in columns for note in one.notes]
    measured = _Measured(judged, chosen, min_group, confidence, resamples, seed)

    frames: dict[str, Any] = {}
    groups: list[Group] = []
    gaps: list[Gap] = []
    levels: list[Any] = [None] if strata is None else list(strata.groups)
    for number, column in enumerate(with_intersections(columns)):
        frames[column.name] = _metric_frame(judged, chosen, column, columns, strata)
        found: list[tuple[Group, Array]] = []
        for level, group in itertools.product(levels, column.groups):
            where = _rows_of(column, group, strata, level)
            values = measured.numbers(where, (seed, number, len(found)))
            found.append((Group(column.name, group, len(where), len(where) < min_group, values, level), where))
        groups += [group for group, _ in found]
        notes += _left_out(column, [group for group, _ in found], min_group)
        for level, metric in itertools.product(levels, chosen):
            compared = {one.group: where for one, where in found if one.control == level and not one.small}
            numbers = {one.group: one.metrics[metric.name] for one, _ in found if one.control == level}
            gaps.append(measured.gap(column.name, metric, compared, numbers, level, notes))
    if len(columns) > 3:
        notes.append(f"Of {len(columns)} columns only pairs are intersected. Pass up to three for all of it.")
    overall = measured.numbers(np.arange(rows), (seed,))
    names = tuple(one.name for one in columns)
    return GroupReport(
        names, tuple(one.name for one in chosen), tuple(groups), tuple(gaps), overall, list(dict.fromkeys(notes)),
        int(min_group), float(confidence), frames,
    )  # fmt: skip


def _metric_frame(
    judged: Judged,
    metrics: list[GroupMetric],
    column: SensitiveColumn,
    columns: list[SensitiveColumn],
    strata: SensitiveColumn | None,
) -> Any:
    """Return fairlearn's table. Its functions get positions, so that one metric serves it and the intervals alike."""
    try:
        from fairlearn.metrics import MetricFrame
    except ImportError:
        raise ImportError('by_group needs fairlearn: pip install "neurokit-torch[fairness]"') from None

    def of_positions(metric: GroupMetric) -> Any:
        return lambda y_true, y_pred, position: metric.on(position)

    labels = {one.name: one.labels for one in columns}
    taken = {"y_true", "y_pred", *(f"{metric.name}_position" for metric in metrics)}  # fairlearn's own column names
    positions = np.arange(len(judged.y_true))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NaN of an empty cell, which the notes speak of
        return MetricFrame(
            metrics={metric.name: of_positions(metric) for metric in metrics},
            y_true=judged.y_true,
            y_pred=judged.y_pred,
            sensitive_features={f"{name} (group)" if name in taken else name: labels[name] for name in column.parts},
            control_features=None if strata is None else {strata.name: strata.labels},
            sample_params={metric.name: {"position": positions} for metric in metrics},
        )


def _rows_of(column: SensitiveColumn, group: str, strata: SensitiveColumn | None, level: str | None) -> Array:
    chosen = column.labels == group
    if strata is not None:
        chosen &= strata.labels == level
    return np.flatnonzero(chosen)


def _left_out(column: SensitiveColumn, found: list[Group], min_group: int) -> list[str]:
    """The notes that name the groups which are not compared."""
    notes = []
    small = [f"{full_name(one)!r} (n = {one.n})" for one in found if one.small and one.n]
    empty = [repr(full_name(one)) for one in found if not one.n]
    if small:
        notes.append(
            f"Of {column.name!r}, {_listed(small)} {'has' if len(small) == 1 else 'have'} fewer than {min_group} rows: "
            "shown, and left out of differences, ratios and the worst group."
        )
    if empty:
        notes.append(f"Of {column.name!r}, no row is {_listed(empty)}: nothing is known of them.")
    return notes


def _listed(names: list[str], most: int = 6) -> str:
    shown = names[:most]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


@dataclass(frozen=True, eq=False)
class _Measured:
    """Numbers of groups with their intervals, and the gaps between them."""

    judged: Judged
    metrics: list[GroupMetric]
    min_group: int
    confidence: float
    resamples: int | None
    seed: int

    def numbers(self, rows: Array, seed: tuple[int, ...]) -> dict[str, Estimate]:
        """Every metric of some rows, by name."""
        drawn = self._drawn(rows, seed)
        return {metric.name: self._estimate(metric, rows, drawn.get(metric.name)) for metric in self.metrics}

    def _drawn(self, rows: Array, seed: tuple[int, ...]) -> dict[str, Estimate]:
        """Each metric that is no rate with its interval over resamples of the rows, the same ones for all of them.

        Only rows of the group are drawn: its size was no accident of this sample.
        """
        found: dict[str, Estimate] = {}
        for costly in (False, True):
            together = [one for one in self.metrics if one.hits is None and one.costly == costly]
            draws = self.resamples or (_COSTLY_RESAMPLES if costly else _RESAMPLES)
            draws = min(draws, max(_FEWEST_DRAWS, _MOST_DRAWN // max(1, len(rows))))
            if len(rows) >= _FEWEST_CASES:
                statistics = {one.name: one.of(rows) for one in together}
                found |= bootstrap(statistics, len(rows), seed=seed, confidence=self.confidence, resamples=draws)
            else:
                found |= {one.name: Estimate(one.on(rows)) for one in together}
        return found

    def _estimate(self, metric: GroupMetric, rows: Array, drawn: Estimate | None) -> Estimate:
        cases = rows[metric.cases[rows]]
        if drawn is not None:
            return Estimate(drawn, drawn.low, drawn.high, len(cases), "bootstrap", self.confidence)
        if metric.hits is not None and self.judged.weights is None:
            return wilson(int(metric.hits[cases].sum()), len(cases), self.confidence)
        value = metric.on(rows)
        low, high = wilson_ends(value, self._effective(cases), normal_quantile(self.confidence))
        return Estimate(value, low, high, len(cases), "wilson", self.confidence)

    def _effective(self, cases: Array) -> float:
        """Kish's number of equally weighted rows that tell as much."""
        weight = self.judged.weight[cases]
        return float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0

    def gap(
        self,
        column: str,
        metric: GroupMetric,
        compared: dict[str, Array],
        numbers: dict[str, Estimate],
        level: str | None,
        notes: list[str],
    ) -> Gap:
        """Compare the groups that are large enough in one metric, given the rows of each and the groups' numbers."""
        fewest, directed = min(self.min_group, _FEWEST_CASES), metric.better != "neither"
        defined = {group: numbers[group] for group in compared if not math.isnan(numbers[group])}
        support = {group: metric.support(compared[group]) if metric.support else defined[group].n for group in defined}
        values = {group: value for group, value in defined.items() if support[group] >= fewest}
        where = repr(column) if level is None else f"{column!r} within {level!r}"
        if rare := [f"{group!r} ({support[group]})" for group in defined if support[group] < fewest]:
            notes.append(
                f"Of {where}, the {metric.name} of {_listed(rare)} rests on fewer than {fewest} cases: left out of its "
                "gap."
            )
        if alike := [repr(group) for group, value in values.items() if math.isnan(value.low)]:
            notes.append(
                f"Of {where}, the {metric.name} of {_listed(alike)} is the same in every resample: it has no interval, "
                "and neither has the gap."
            )
        if len(values) < 2:
            what = "nothing" if len(compared) < 2 else f"no gap in {metric.name}"
            notes.append(f"Of {where}, {what} can be compared: fewer than two groups are large enough.")
            nothing = Estimate(math.nan, confidence=self.confidence)
            return Gap(column, metric.name, nothing, None, None, None, metric.means, level, directed)
        points = np.asarray([float(value) for value in values.values()])
        low, high = self._ends(metric, values, compared)
        cases = sum(value.n for value in values.values())
        method = "newcombe" if metric.hits is not None else "bootstrap"
        ends = difference_ends(points, low, high)
        difference = Estimate(float(np.ptp(points)), *ends, cases, method, self.confidence)
        ratio = None
        if metric.ratio and (points >= 0).all() and points.max() > 0:
            share = float(points.min() / points.max())
            ratio = Estimate(share, *ratio_ends(points, low, high), cases, method, self.confidence)
        worst, best = _worst_and_best(metric, values) if difference else (None, None)
        return Gap(column, metric.name, difference, ratio, worst, best, metric.means, level, directed)

    def _ends(
        self, metric: GroupMetric, values: dict[str, Estimate], compared: dict[str, Array]
    ) -> tuple[Array, Array]:
        """The groups' intervals, as wide as it takes to cover all their pairs at once."""
        plain, wide = normal_quantile(self.confidence), pair_quantile(len(values), self.confidence)
        ends = []
        for group, value in values.items():
            if metric.hits is None:
                point = float(value)
                ends.append((point - (point - value.low) * wide / plain, point + (value.high - point) * wide / plain))
            else:
                rows = compared[group]
                ends.append(wilson_ends(float(value), self._effective(rows[metric.cases[rows]]), wide))
        low, high = np.asarray(ends).T
        return (np.clip(low, 0, 1), np.clip(high, 0, 1)) if metric.bounded else (low, high)


def _worst_and_best(metric: GroupMetric, values: dict[str, Estimate]) -> tuple[str, str]:
    def key(group: str) -> float:
        return abs(float(values[group])) if metric.better == "zero" else float(values[group])

    lowest, highest = min(values, key=key), max(values, key=key)
    return (highest, lowest) if metric.better in ("lower", "zero") else (lowest, highest)
