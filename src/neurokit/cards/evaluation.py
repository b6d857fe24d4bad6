"""Evaluation: what ``nk.assess`` found on each data set, as tables with intervals and the baseline beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from neurokit.cards.markdown import bullets, folded, paragraph, plain, prose, table
from neurokit.cards.numbers import counted, estimate, interval, metric_name, number, share
from neurokit.cards.questions import answer
from neurokit.cards.training import rows_of
from neurokit.record import RunRecord

_MOST_CELLS = 12  # a matrix of more classes does not fit a page
_MOST_ROWS = 20


def evaluation_sections(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield titles and texts: one part for each data set that was assessed."""
    if not record.assessments:
        yield (
            "Evaluation",
            paragraph(
                "Not assessed: this card was written without nk.assess, so there are no intervals and no baseline. The "
                "figures of training stand under Training."
            ),
        )
        return
    sets = ", ".join(f"{name} (n = {number(one.get('n'))})" for name, one in record.assessments.items())
    levels = dict.fromkeys(
        f"{100 * one['confidence']:.3g} %" for one in record.assessments.values() if "confidence" in one
    )
    opening = f"Measured on {sets}. " + (f"Intervals are of {', '.join(levels)}." if levels else "")
    parts = [paragraph(opening + _not_assessed(record)), prose(answer(record, "metric_choice"))]
    yield "Evaluation", "\n\n".join(filter(None, parts))
    for name, place in places(record).items():
        yield from _assessed(place, name, record.assessments[name])


_OTHER_NAMES: Final = {"train": ("training",), "validation": ("val", "valid", "validate", "dev", "holdout")}


def _not_assessed(record: RunRecord) -> str:
    """Say of which rows of the run nk.assess knows nothing; an assessment is known by its name."""
    assessed = {str(name).strip().lower() for name in record.assessments}
    left = [
        f"{split}{rows_of(record, split, ' (n = ').removesuffix(' rows').removesuffix(' row')})"
        for split, told in record.data.items()
        if isinstance(told, Mapping) and not assessed & {split, *_OTHER_NAMES.get(split, ())}
    ]
    if not left:
        return ""
    were, their = ("was", "its") if len(left) == 1 else ("were", "their")
    told = f" Of the run's own rows, {' and '.join(left)} {were} not assessed"
    return f"{told}: {their} figures, under Training, have no interval."


def places(record: RunRecord) -> dict[str, str]:
    """Return where in a card each assessment stands, by its name."""
    found: dict[str, str] = {}
    for name in record.assessments:
        place = f"Evaluation/{plain(name).replace('/', '-') or 'data'}"
        while place in found.values():
            place += " (another)"
        found[name] = place
    return found


def _assessed(place: str, name: str, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    where = f"{name}, n = {number(found.get('n'))}"
    weighted = "Rows count by their weights." if found.get("weighted") else ""
    yield (
        place,
        "\n\n".join(
            filter(None, [paragraph(found.get("verdict") or f"Measured on {where}."), _metrics(where, found), weighted])
        ),
    )
    yield f"{place}/Classes", _classes(where, found.get("classes") or [])
    yield f"{place}/Confusion matrix", _confusion(where, found.get("confusion") or {})
    yield f"{place}/Calibration", _calibration(where, found.get("calibration") or {})
    yield f"{place}/Residuals", _residuals(where, found.get("residuals") or {})
    yield f"{place}/Decisions", "\n\n".join(_decisions(name, found.get("decisions") or {}))
    yield f"{place}/Groups", "\n\n".join(_groups(name, found.get("groups") or {}))


def _metrics(where: str, found: Mapping[str, Any]) -> str:
    metrics, baseline = found.get("metrics") or {}, found.get("baseline") or {}
    constant = baseline.get("metrics") or {}
    rows = [
        [metric_name(name), number(one.get("value")), interval(one), number(one.get("n")), _value(constant.get(name))]
        for name, one in metrics.items()
    ]
    written = table([f"metric on {where}", "value", "interval", "cases", "baseline"], rows, numbers=1)
    notes = [f"Baseline: {baseline['description']}."] if baseline.get("description") else []
    if lift := found.get("lift"):
        what = metric_name(str(lift.get("metric", "")))
        notes.append(f"Against the baseline, {what} is better by {estimate(lift)} on {where}; below 0 it is worse.")
    return "\n\n".join(filter(None, [written, bullets(notes)]))


def _value(given: Any) -> str:
    return "" if given is None else number(given.get("value") if isinstance(given, Mapping) else given)


def _classes(where: str, classes: Sequence[Mapping[str, Any]]) -> str:
    columns = ("precision", "recall", "f1", "support")
    rows = [[one.get("name"), *(number(one.get(column)) for column in columns)] for one in classes]
    written = table([f"class on {where}", "precision", "recall", "F1", "rows"], rows, numbers=1)
    return written if len(rows) <= _MOST_ROWS else folded(f"{len(rows)} classes", written)


def _confusion(where: str, confusion: Mapping[str, Any]) -> str:
    labels, counts = confusion.get("labels") or [], confusion.get("counts") or []
    if not labels:
        return ""
    if len(labels) <= _MOST_CELLS:
        rows = [[label, *map(number, row)] for label, row in zip(labels, counts, strict=False)]
        return table([f"true class, down; predicted, across ({where})", *map(str, labels)], rows, numbers=1)
    mistakes = [
        (count, labels[true], labels[predicted], sum(row))
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    if not mistakes:
        return paragraph(f"No class was taken for another on {where}.")
    shown = [[true, guess, number(count), share(count, rows)] for count, true, guess, rows in mistakes[:_MOST_ROWS]]
    return table([f"true class ({where})", "taken for", "rows", "of the class"], shown, numbers=2)


def _calibration(where: str, calibration: Mapping[str, Any]) -> str:
    if calibration.get("error") is None:
        return ""
    told = (
        f"On {where}, probabilities are {number(calibration['error'])} away from what comes true (expected calibration "
    )
    told += "error: the mean distance over bins of probability)."
    temperature = calibration.get("temperature")
    if temperature is not None:
        told += f" They were divided by the temperature {number(temperature)}, learnt on other rows."
    return paragraph(told)


def _residuals(where: str, residuals: Mapping[str, Any]) -> str:
    if not residuals:
        return ""
    quantiles = residuals.get("quantiles") or {}
    rows = [["mean", number(residuals.get("mean"))], ["standard deviation", number(residuals.get("std"))]]
    rows += [[f"{100 * float(level):.3g} % lie below", number(value)] for level, value in quantiles.items()]
    return table([f"residual on {where}: actual less predicted", "value"], rows, numbers=1)


def _decisions(name: str, decisions: Mapping[str, Any]) -> Iterator[str]:
    if not decisions:
        return
    policy, n = decisions.get("policy") or {}, decisions.get("n")
    where = f"{name}, n = {number(n)}"
    chosen = policy.get("chosen_on") or {}
    told = [str(policy["rule"])] if policy.get("rule") else []
    if policy.get("threshold") is not None:
        of = f" of {policy['positive']}" if policy.get("positive") else ""
        told.append(f"The threshold is a probability{of} of {number(policy['threshold'])}")
        if chosen:
            told[-1] += f", chosen on {chosen.get('name')} (n = {number(chosen.get('n'))})"
        told[-1] += "."
    if band := policy.get("band"):
        told.append(f"Between {number(band[0])} and {number(band[1])} no decision is made: a person looks.")
    if policy.get("temperature") is not None:
        told.append(f"Probabilities were calibrated with the temperature {number(policy['temperature'])}.")
    if costs := policy.get("costs"):
        told.append("Costs: " + ", ".join(f"{_words(what)} {estimate(cost)}" for what, cost in costs.items()) + ".")
    yield bullets(told)
    counts = decisions.get("counts") or {}
    rows = [[action, number(count), share(count, n or sum(counts.values()))] for action, count in counts.items()]
    yield table([f"action on {where}", "rows", "share"], rows, numbers=1)
    outcomes = decisions.get("outcomes") or {}
    yield table(
        [f"outcome on {where}", "rows"], [[_words(what), number(count)] for what, count in outcomes.items()], numbers=1
    )
    costs = [[f"as decided, {_words(what)}", estimate(cost)] for what, cost in (decisions.get("cost") or {}).items()]
    costs += [[what, estimate(cost)] for what, cost in (decisions.get("compare") or {}).items()]
    yield table([f"cost on {where}", "value"], costs, numbers=1)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _groups(name: str, groups: Mapping[str, Any]) -> Iterator[str]:
    """Every group with its size, then how far the groups are apart, then what to know about it."""
    if not groups.get("groups"):
        return
    metrics = [metric for metric in groups.get("metrics", []) if isinstance(metric, str)]
    least = groups.get("min_group")
    small = f" Groups of fewer than {least} rows are marked, and compared with none." if least else ""
    yield paragraph(f"Rows of {name} by {', '.join(groups.get('sensitive', []))}, each with its number of rows.{small}")
    rows = [
        [
            one.get("column"),
            _group(one) + (" (small)" if one.get("small") else ""),
            number(one.get("n")),
            *(estimate((one.get("metrics") or {}).get(metric)) for metric in metrics),
        ]
        for one in groups["groups"]
    ]
    written = table(["column", f"group of {name}", "n", *map(metric_name, metrics)], rows, numbers=2)
    yield written if len(rows) <= 2 * _MOST_ROWS else folded(f"{len(rows)} groups", written)
    gaps = [
        [
            one.get("column") if one.get("control") is None else f"{one['control']}: {one.get('column')}",
            metric_name(str(one.get("metric"))),
            estimate(one.get("difference")),
            "" if one.get("ratio") is None else estimate(one["ratio"]),
            _end(one, "worst", "lowest"),
            _end(one, "best", "highest"),
        ]
        for one in groups.get("gaps") or []
    ]
    header = [f"gap on {name}", "metric", "difference", "ratio", "worst group", "best group"]
    written = table(header, gaps)
    yield written if len(gaps) <= _MOST_ROWS else folded(f"{counted(len(gaps), 'gap')} between groups", written)
    meanings = {metric_name(str(one.get("metric"))): one.get("meaning") for one in groups.get("gaps") or []}
    yield bullets(f"{metric}: {meaning}." for metric, meaning in meanings.items() if meaning)
    yield bullets(groups.get("notes") or [])


def _end(gap: Mapping[str, Any], end: str, undirected: str) -> str:
    """The group at one end of a gap; where neither way is better, that it is the lowest or the highest."""
    group = "" if gap.get(end) is None else str(gap[end])
    return f"{group} ({undirected})" if group and not gap.get("directed", True) else group


def _group(one: Mapping[str, Any]) -> str:
    return str(one.get("group")) if one.get("control") is None else f"{one['control']}: {one.get('group')}"
