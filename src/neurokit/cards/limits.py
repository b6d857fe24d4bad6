"""Limits: what a reader must not overlook, told from the record without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurokit.assessment.protected import protected_attribute
from neurokit.cards.numbers import estimate, metric_name, number
from neurokit.cards.training import epochs_of, findings_of, fine_tuned, is_of_the_keeping
from neurokit.record import RunRecord

_FEW_ROWS = 100  # on fewer, an accuracy of 90 % has an interval of twelve points and more
_FEW_CASES = 30
_MOST_NAMED = 8
_MOST_COLUMNS = 10_000
_UNCALIBRATED = 0.1


def limits(record: RunRecord) -> list[str]:
    """Return sentences, those of training first, each once."""
    found = [*_of_training(record), *_of_assessing(record)]
    for name, one in record.assessments.items():
        found += _of_assessment(name, one)
    return list(dict.fromkeys([*found, *_of_explanation(record.explanation)]))


def _of_training(record: RunRecord) -> Iterator[str]:
    for finding in findings_of(record):
        if not is_of_the_keeping(finding):  # which stands under Training/Notes
            yield _said(finding)
    trained = bool(record.data)
    if not trained:
        yield "This model was not trained here: nothing is known of the data it learnt from."
    if not record.assessments:
        yield "Nobody measured this model on rows of a test set: what it does on new rows is not known."
    if trained and record.stop_reason is None:
        yield "Training had not ended when this was written."
    elif trained and record.stop_reason == "interrupted":
        yield f"Training was interrupted after {epochs_of(record)} of {_planned(record)} epochs."
    elif trained and (record.stop_reason or "").split(":")[0].endswith(("Error", "Loss", "Exception")):
        yield f"Training ended with an error: {record.stop_reason}."
    if trained and record.git is None:
        yield "Training ran outside of a git repository: the code it ran is not on record."
    elif record.git and record.git.get("dirty"):
        yield "The code differed from its commit in tracked files: the commit alone does not give it back."
    columns = [str(name) for given in record.signature.get("inputs", []) for name in given.get("columns") or []]
    speaking = [f"{name} ({about})" for name in columns[:_MOST_COLUMNS] if (about := protected_attribute(name))]
    if speaking:
        yield f"By their names, these inputs say who a person is: {_listed(speaking)}."
    unhashed = [split for split, told in record.data.items() if isinstance(told, Mapping) and "source" in told]
    if unhashed:
        yield f"The rows of {' and '.join(unhashed)} came from a loader and have no fingerprint."


def _planned(record: RunRecord) -> Any:
    told = fine_tuned(record)
    return sum(told.get(f"{phase}_epochs") or 0 for phase in ("head", "full")) or record.parameters.get("epochs")


def _said(finding: Mapping[str, Any]) -> str:
    level, code = finding.get("level", "note"), finding.get("code")
    return f"{str(level).capitalize()}: {finding.get('message')}" + (f" ({code})" if code else "")


def _of_assessing(record: RunRecord) -> Iterator[str]:
    """What was noticed since training, once, with the data sets it was noticed on."""
    where: dict[str, list[str]] = {}
    known = findings_of(record)
    for name, one in record.assessments.items():
        for finding in one.get("findings") or []:
            if finding not in known:
                where.setdefault(_said(finding), []).append(f"{name} (n = {number(one.get('n'))})")
    for said, names in where.items():
        yield f"On {' and '.join(names)}: {said}"


def _of_assessment(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    n = found.get("n")
    where = f"{name} (n = {number(n)})"
    for column in found.get("protected") or []:
        stand_ins = [f"{one['column']} (AUC {number(one['auc'])})" for one in column.get("stand_ins") or []]
        if stand_ins:
            told = f"{_listed(stand_ins)} can stand in for {column.get('name')}"
            yield f"On {where}, {told}: to leave that column out is not enough."
    if isinstance(n, int) and n < _FEW_ROWS:
        yield f"{name} has {n} rows: intervals are wide, and a difference between two models may be chance."
    yield from _of_lift(where, found.get("lift") or {})
    rare = [
        f"{one.get('name')} ({one['support']})"
        for one in found.get("classes") or []
        if isinstance(one.get("support"), (int, float)) and one["support"] < _FEW_CASES
    ]
    if rare:
        yield f"Classes of fewer than {_FEW_CASES} rows on {where}, whose numbers are uncertain: {_listed(rare)}."
    error = (found.get("calibration") or {}).get("error")
    if error is not None and error > _UNCALIBRATED:
        yield f"Probabilities are {number(error)} away from what comes true on {where}: do not read them as chances."
    if (found.get("decisions") or {}).get("same_rows"):
        yield f"The threshold was chosen on the rows of {where} that judge it, which flatters it."
    groups = found.get("groups") or {}
    apart = [gap for gap in groups.get("gaps") or [] if (_low(gap.get("difference")) or 0) > 0]
    for gap in apart[:_MOST_NAMED]:
        level = "" if gap.get("control") is None else f" of {gap['control']}"
        yield (
            f"On {where} the groups of {gap.get('column')}{level} differ in {metric_name(str(gap.get('metric')))} by "
            f"{estimate(gap['difference'])}: {gap.get('worst')} against {gap.get('best')}."
        )
    small = [
        f"{one.get('column')} = {one.get('group')} ({one.get('n')})"
        for one in groups.get("groups") or []
        if one.get("small")
    ]
    if small:
        least = groups.get("min_group")
        yield f"Groups of fewer than {least} rows on {where}, of which nothing can be said: {_listed(small)}."
    if not groups:
        yield f"On {where} it was not measured whether some groups of people fare worse than others."


def _low(given: Any) -> float | None:
    return given.get("low") if isinstance(given, Mapping) else None


def _of_lift(where: str, lift: Mapping[str, Any]) -> Iterator[str]:
    value, low = lift.get("value"), lift.get("low")
    if value is None:
        return
    metric = metric_name(str(lift.get("metric", "")))
    if value <= 0:
        yield f"By {metric} the model is no better than the baseline on {where}: {estimate(lift)}."
    elif low is not None and low <= 0:
        yield f"By {metric} it is not certain that the model is better than the baseline on {where}: {estimate(lift)}."


def _of_explanation(explanation: Mapping[str, Any]) -> Iterator[str]:
    for note in explanation.get("notes") or []:
        yield f"Explanation: {note}"


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
