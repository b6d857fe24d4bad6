"""What a model is good for and what it is not, said only where the numbers carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.assessment.intervals import wilson
from neurokit.assessment.report import words
from neurokit.assessment.report.panels import by_size, outputs, row_counts
from neurokit.wording import counted

if TYPE_CHECKING:
    from neurokit.assessment.assessment import Assessment

FEW = 30  # rows of a class or a group below which a share says next to nothing: its interval spans a third of the scale
FEW_IN_ALL = 100
FOUND_WELL = 0.8  # a class is found well when the lower end of its recall's interval is above this
FOUND_BADLY = 0.5
WELL_CALIBRATED = 0.05
BADLY_CALIBRATED = 0.1
MUCH_WORSE = 1.5  # a fifth of the targets whose error is so many times the others'
WIDE = 0.2
MOST_NAMED = 4

RULES = (
    f"A class counts as found well when the whole interval of its recall is above {FOUND_WELL * 100:g} %, and as found "
    f"badly when it finds less than {FOUND_BADLY * 100:g} % or when the whole interval is below the share right over "
    f"all rows. Under {FEW} rows of a class or group, or {FEW_IN_ALL} in all, nothing good is said. Probabilities may "
    f"be taken at their word when they are off by at most {WELL_CALIBRATED * 100:.0f} points on average, and may not "
    f"above {BADLY_CALIBRATED * 100:.0f}. A fifth of the actual values is named when its error is {MUCH_WORSE} times "
    "the error over all. A gap between groups is named when its interval leaves out zero."
)


@dataclass(frozen=True)
class Standing:
    """How a model compares with the constant answer.

    Attributes:
        key: ``"better"``, ``"worse"`` or ``"open"``.
        words: The same for people.
    """

    key: str
    words: str


@dataclass(frozen=True)
class Tile:
    """A big number.

    Attributes:
        label: What it is called.
        value: The number, as text.
        interval: Its interval, as text, or "".
        note: What it is measured on.
        meaning: What it tells, in a sentence.
        scale: Where value, ends and baseline lie on a line from 0 to 1; ``None`` where no line is drawn.
    """

    label: str
    value: str
    interval: str
    note: str
    scale: Mapping[str, float] | None = None
    meaning: str = ""


def standing(found: Mapping[str, Any]) -> Standing:
    """Say whether the difference to the baseline is more than chance may give."""
    low, high = found["lift"].get("low"), found["lift"].get("high")
    if low is not None and low > 0:
        return Standing("better", "Better than the baseline")
    if high is not None and high < 0:
        return Standing("worse", "Worse than the baseline")
    return Standing("open", "Not shown to be better than the baseline")


# Big numbers


def tiles(assessment: Assessment, found: Mapping[str, Any]) -> list[Tile]:
    """Return the three or four numbers to read first."""
    kind, positive, metrics = found["kind"], found.get("positive"), found["metrics"]
    wanted = {
        "binary": ["recall", "precision"],
        "multiclass": ["balanced_accuracy"],
        "multilabel": ["recall", "precision"],
        "regression": ["median_absolute_error", "r2"],
    }[kind]
    names = list(dict.fromkeys([found["lift"]["metric"], *wanted]))[:3]
    made = [_tile(name, found) for name in names if metrics.get(name)]
    if kind == "multiclass" and len(made) < 3 and (worst := _worst_class(assessment)) is not None:
        made.append(worst)
    of = (
        f"{found['balance']['counts'][positive]:,} of them {words.quoted(positive)}" if _counts(found, positive) else ""
    )
    made.append(Tile("Rows it was measured on", f"{found['n']:,}", "", of or f"named {words.quoted(found['name'])}"))
    return made


def _counts(found: Mapping[str, Any], name: object) -> bool:
    return name in ((found.get("balance") or {}).get("counts") or {})


def _tile(name: str, found: Mapping[str, Any]) -> Tile:
    told = words.metric(name, found["kind"], found.get("positive"))
    metric, theirs = found["metrics"][name], (found["baseline"]["metrics"].get(name) or {}).get("value")
    baseline = f"baseline {words.value(theirs, told.unit)} · " if theirs is not None else ""
    scale = None
    if told.unit in ("rate", "score") and metric["value"] is not None and 0 <= metric["value"] <= 1:
        ends = {"value": metric["value"], "low": metric["low"], "high": metric["high"], "baseline": theirs}
        scale = {key: min(max(float(end), 0.0), 1.0) for key, end in ends.items() if end is not None}
    note = f"{baseline}n = {metric['n']:,}"
    return Tile(
        told.label,
        words.value(metric["value"], told.unit),
        words.interval(metric, told.unit),
        note,
        scale,
        told.meaning,
    )


def _worst_class(assessment: Assessment) -> Tile | None:
    recalls = class_recalls(assessment)
    if not recalls:
        return None
    name, recall = min(recalls.items(), key=lambda item: item[1]["value"])
    scale = {key: float(recall[key]) for key in ("value", "low", "high")}
    note = f"of {words.quoted(words.shortened(name))} · n = {recall['n']:,}"
    return Tile("Lowest recall of a class", words.percent(recall["value"]), words.interval(recall, "rate"), note, scale)


def class_recalls(assessment: Assessment) -> dict[str, dict[str, Any]]:
    """Return the share of each class that is found, with its interval; classes without a row are left out."""
    if assessment.kind not in ("binary", "multiclass"):
        return {}
    counts = row_counts(assessment)
    pairs = zip(assessment.names, counts.diagonal(), counts.sum(1), strict=True)
    return {name: wilson(int(hits), int(n), assessment.confidence).to_dict() for name, hits, n in pairs if n}


# For and against


def good_for(assessment: Assessment, found: Mapping[str, Any]) -> list[str]:
    """Return what the numbers show it to be good for; empty where they show nothing.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
    """
    if found["n"] < FEW_IN_ALL:
        return []
    said = [*_lift_shown(found), *_classes_found(assessment)]
    if found["kind"] == "regression" and said:
        said += _error_in_words(assessment)
    error = (found.get("calibration") or {}).get("error")
    if error is not None and error <= WELL_CALIBRATED:
        said.append(
            f"Probabilities that may be taken at their word: they are off by {error * 100:.1f} points on average."
        )
    return said


def _lift_shown(found: Mapping[str, Any]) -> list[str]:
    if standing(found).key != "better":
        return []
    lift = found["lift"]
    told = words.metric(lift["metric"], found["kind"], found.get("positive"))
    gain, least = words.difference(lift["value"], told.unit), words.difference(lift["low"], told.unit)
    how = "lower" if told.unit in ("error", "loss", "lost rate") else "higher"
    return [
        f"Doing better than the baseline: its {_lower(told.label)} is {gain} {how}, and by the interval at least "
        f"{least}."
    ]


def _lower(label: str) -> str:
    """A label inside a sentence: "Mean error" becomes "mean error", "ROC AUC" and "R²" stay."""
    return label if label[1:2].isupper() or not label[1:2].isalpha() else label[0].lower() + label[1:]


def _classes_found(assessment: Assessment) -> list[str]:
    recalls = class_recalls(assessment)
    well = {name: one for name, one in recalls.items() if one["low"] > FOUND_WELL and one["n"] >= FEW}
    if not well:
        return []
    if len(well) == len(recalls) and len(well) > MOST_NAMED:
        name, least = min(well.items(), key=lambda item: item[1]["value"])
        return [f"Finding rows of every class: even of {words.quoted(name)}, {_found(least)}."]
    best = sorted(well.items(), key=lambda item: -item[1]["low"])
    said = [f"Finding {words.quoted(name)}: {_found(one)}." for name, one in best[:MOST_NAMED]]
    if len(best) > MOST_NAMED:
        said.append(f"Finding {counted(len(best) - MOST_NAMED, 'more class', 'more classes')} as well as that.")
    return said


def _found(recall: Mapping[str, Any]) -> str:
    return f"it finds {words.percent(recall['value'])} of {recall['n']:,} ({words.interval(recall, 'rate')})"


def _error_in_words(assessment: Assessment) -> list[str]:
    actual, predicted = outputs(assessment)
    if len(actual) > 1:
        return []
    off = np.abs(predicted[0] - actual[0])
    half, most = np.quantile(off, [0.5, 0.9])
    return [
        f"Estimates for which being off by {words.number(float(most))} does no harm: nine in ten are nearer than that, "
        f"and half are nearer than {words.number(float(half))}."
    ]


def not_for(assessment: Assessment, found: Mapping[str, Any]) -> list[str]:
    """Return what the numbers show it not to be good for, or cannot show.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
    """
    said = [*_lift_not_shown(found), *_classes_missed(assessment, found), *_gaps(found)]
    if found["kind"] == "regression":
        said += [*_bias(found), *_sizes(assessment), *_far_off(assessment), *_beyond(assessment)]
    else:
        said += _mistakes(assessment)
    error = (found.get("calibration") or {}).get("error")
    if error is not None and error > BADLY_CALIBRATED:
        said.append(
            f"Taking its probabilities at their word: they are off by {error * 100:.1f} points on average."
            + (
                " Learning a temperature on validation data mends much of that."
                if found["kind"] != "multilabel"
                else ""
            )
        )
    if found["n"] < FEW_IN_ALL:
        said.append(f"Any decision that needs certainty: it was measured on {counted(found['n'], 'row')} only.")
    return said


def _lift_not_shown(found: Mapping[str, Any]) -> list[str]:
    how = standing(found)
    if how.key == "better":
        return []
    told = words.metric(found["lift"]["metric"], found["kind"], found.get("positive"))
    if how.key == "worse":
        return [f"Use as it is: by {_lower(told.label)} it is worse than the baseline, which costs nothing to run."]
    return [
        f"Replacing the baseline: by {_lower(told.label)}, the difference to it could be chance, for its interval "
        "holds zero."
    ]


def _classes_missed(assessment: Assessment, found: Mapping[str, Any]) -> list[str]:
    recalls, said = class_recalls(assessment), []
    overall = found["metrics"].get("accuracy") or {"value": 1.0}
    few = {name: one for name, one in recalls.items() if one["n"] < FEW}
    badly = {
        name: one
        for name, one in recalls.items()
        if one["value"] < FOUND_BADLY or (one["high"] < overall["value"] and one["n"] >= FEW)
    }
    worst = sorted(badly.items(), key=lambda item: item[1]["value"])
    for name, one in worst[:MOST_NAMED]:
        said.append(f"Cases in which {words.quoted(name)} must not be missed: {_found(one)}.")
    if len(worst) > MOST_NAMED:
        rest = [words.quoted(name) for name, _ in worst[MOST_NAMED:]]
        said.append(f"Nor is it for {words.listed(rest)}, which it finds badly too.")
    if few:
        named = words.listed([f"{words.quoted(name)} ({one['n']})" for name, one in few.items()])
        said.append(f"Anything about classes with fewer than {FEW} rows: {named}. Their numbers are anecdotes.")
    return said


def _mistakes(assessment: Assessment) -> list[str]:
    """The share of rows that are wrong, which no class that is found well makes go away."""
    told = np.asarray(assessment.y_true) == np.asarray(assessment.y_pred)
    right = told if told.ndim == 1 else told.all(1)
    wrong = wilson(int((~right).sum()), len(right), assessment.confidence).to_dict()
    what = "is wrong about" if told.ndim == 1 else "has a label wrong in"
    return [
        f"Being left alone where one mistake is too many: it {what} {words.percent(wrong['value'])} of the rows, and "
        f"by the interval that may be {words.percent(wrong['high'])}."
    ]


def _gaps(found: Mapping[str, Any]) -> list[str]:
    gaps = [gap for gap in (found.get("groups") or {}).get("gaps", []) if gap_is_shown(gap)]
    widest: dict[str, Mapping[str, Any]] = {}
    for gap in sorted(gaps, key=lambda gap: (gap_unit(gap) == "rate", abs(gap["difference"]["value"]))):
        if gap.get("worst") is not None and gap["metric"] != "base_rate":  # which tells of the data, not of the model
            widest[gap["column"]] = gap
    return [_gap_in_words(gap) for gap in widest.values()]


def _gap_in_words(gap: Mapping[str, Any]) -> str:
    apart = words.difference(gap["difference"]["value"], gap_unit(gap))
    end = "worst" if gap.get("directed", True) else "lowest"
    return (
        f"Treating groups of {words.quoted(gap['column'])} alike without a closer look: {words.quoted(gap['worst'])} "
        f"has the {end} {_lower(words.group_metric(gap['metric']))}, {apart} from {words.quoted(gap['best'])}."
    )


def gap_is_shown(gap: Mapping[str, Any]) -> bool:
    """Tell whether a gap is more than chance may give: the interval of the difference leaves out zero."""
    ends = gap.get("difference") or {}
    low, high = ends.get("low"), ends.get("high")
    return low is not None and high is not None and ends.get("value") is not None and (low > 0 or high < 0)


def gap_unit(gap: Mapping[str, Any]) -> str:
    """Return the unit of the metric of a gap."""
    return group_unit(gap["metric"])


def group_unit(metric: str) -> str:
    """Return the unit of a metric of a group; what is not known is a plain number."""
    rates = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "exact_match", "selection_rate", "base_rate"}
    return "rate" if metric in rates or metric.endswith("_rate") else "score"


def _bias(found: Mapping[str, Any]) -> list[str]:
    error = found["metrics"].get("mean_error")
    if not error or error["low"] is None or error["low"] <= 0 <= error["high"]:
        return []
    side = "high" if error["value"] > 0 else "low"
    size = words.number(abs(error["value"]))
    return [f"Sums and averages: it predicts too {side}, by {size} on average ({words.interval(error, 'signed')})."]


def _sizes(assessment: Assessment) -> list[str]:
    actual, predicted = outputs(assessment)
    if len(actual) > 1:
        return []
    overall = float(np.abs(predicted[0] - actual[0]).mean())
    marks = by_size(assessment, actual[0], predicted[0]).marks
    return [
        f"Actual values of {mark.label}: there it is off by {words.number(mark.value)} on average, against "
        f"{words.number(overall)} over all."
        for mark in marks
        if mark.value is not None and mark.low is not None and mark.value > MUCH_WORSE * overall and mark.low > overall
    ]


def _far_off(assessment: Assessment) -> list[str]:
    actual, predicted = outputs(assessment)
    if len(actual) > 1:
        return []
    most = float(np.quantile(np.abs(predicted[0] - actual[0]), 0.9))
    return [f"Single cases in which being off by {words.number(most)} does harm: one in ten is off by more."]


def _beyond(assessment: Assessment) -> list[str]:
    actual, _ = outputs(assessment)
    if len(actual) > 1:
        return []
    low, high = words.number(float(actual[0].min())), words.number(float(actual[0].max()))
    return [f"Values below {low} or above {high}: it was not measured there."]
