"""What follows the panels: decisions, groups, limits, and how to reproduce it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurokit.assessment.report import words
from neurokit.assessment.report.charts import Table
from neurokit.assessment.report.judgement import (
    FEW,
    FEW_IN_ALL,
    RULES,
    WIDE,
    class_recalls,
    gap_is_shown,
    gap_unit,
    group_unit,
)
from neurokit.wording import counted, duration

if TYPE_CHECKING:
    from neurokit.assessment.assessment import Assessment


@dataclass(frozen=True)
class Section:
    """A part of the page: sentences, tables and points, of which any may be missing; ``folded`` are tables to open."""

    lead: str
    tables: Sequence[Table] = ()
    points: Sequence[str] = ()
    details: str = ""
    folded: Sequence[Table] = ()


# Decisions


def decisions(found: Mapping[str, Any]) -> Section:
    """What comes of acting on it: how many rows get which action, what that costs, and what it costs to do without.

    Args:
        found: What ``Assessment.to_dict`` gave.
    """
    decided = found.get("decisions")
    if not decided:
        how = (
            "No decision rule was applied, so the report says how good the answers are, not what acting on them costs. "
            "Choose one on validation data, never on the rows of this report: policy = nk.assess(trainer, x_val, "
            "y_val).threshold(costs=...), then assessment.decide(policy)."
        )
        if found["kind"] != "binary":
            how = "Decision rules with costs are for yes-or-no questions; this model answers another kind of question."
        return Section(how)
    policy, n = decided["policy"], decided["n"]
    positive, negative = words.quoted(policy["positive"]), words.quoted(policy["negative"])
    abstains = "nothing: a person decides"
    rows = [
        [str(action) if action in (policy["positive"], policy["negative"]) else abstains, f"{count:,}",
         words.percent(count / n) if n else words.NOTHING]
        for action, count in decided["counts"].items()
    ]  # fmt: skip
    tables = [Table(["It says", "Rows", "Share"], rows, "What would be done", frozenset({1, 2}))]
    outcomes = decided.get("outcomes")
    if outcomes:
        told = {
            "true_positive": f"{positive}, rightly (true positive)",
            "false_positive": f"{positive}, and it was {negative} (false positive)",
            "true_negative": f"{negative}, rightly (true negative)",
            "false_negative": f"{negative}, and it was {positive} (false negative)",
        }
        named = [[says, f"{outcomes[name]:,}"] for name, says in told.items() if name in outcomes]
        tables.append(Table(["It says", "Rows"], named, "How that turns out", frozenset({1})))
    points = []
    cost, compare = decided.get("cost"), decided.get("compare") or {}
    if cost:
        tables.append(_costs(cost, compare))
        points += _saved(cost, compare)
    if chosen := policy.get("chosen_on"):
        points.append(_chosen_on(chosen, bool(decided.get("same_rows"))))
    return Section(_rule(policy), tables, points)


def _chosen_on(chosen: Mapping[str, Any], same_rows: bool) -> str:
    name = words.quoted(chosen["name"])
    if same_rows:
        return "The rule was chosen on the very rows that are reported here, so that the numbers above are too good."
    return f"The rule was chosen on {name} ({counted(chosen['n'], 'row')}), not on the rows reported here."


def _rule(policy: Mapping[str, Any]) -> str:
    positive, negative, goal = words.quoted(policy["positive"]), words.quoted(policy["negative"]), policy.get("goal")
    rule = (
        f"The answer is {positive} from a probability of {words.percent(policy['threshold'])} on, and {negative} below."
    )
    if band := policy.get("band"):
        low, high = (words.percent(end) for end in band)
        rule = f"The answer is {positive} from a probability of {high} on, {negative} below {low}, and a person " \
               "decides what lies between."  # fmt: skip
    return f"{rule} Chosen for {goal}." if goal else rule


def _costs(cost: Mapping[str, Any], compare: Mapping[str, Any]) -> Table:
    each = words.with_interval(cost["per_row"], "loss") if cost.get("per_row") else words.NOTHING
    rows = [["This model, with this rule", words.with_interval(cost["total"], "loss"), each]]
    n = cost["total"]["n"]
    for name, total in compare.items():
        rows.append([words.capital(str(name)), words.number(total), words.number(total / n) if n else words.NOTHING])
    columns = ["Way of deciding", "Cost of all rows", "Cost per row"]
    return Table(columns, rows, "What it costs, in the units of the stated costs", frozenset({1, 2}), stacked=True)


def _saved(cost: Mapping[str, Any], compare: Mapping[str, Any]) -> list[str]:
    if not compare or cost["total"]["value"] is None:
        return []
    name, least = min(compare.items(), key=lambda item: item[1])
    high, low = cost["total"].get("high"), cost["total"].get("low")
    saved = least - cost["total"]["value"]
    if high is not None and high < least:
        return [f"It saves {words.number(saved)} over the cheapest way without a model ({words.quoted(name)}), and the "
                "whole interval of its cost is below that."]  # fmt: skip
    if low is not None and low > least:
        return [f"Doing {words.quoted(name)} without a model would be cheaper, by {words.number(-saved)}."]
    return [f"That it is cheaper than {words.quoted(name)} without a model is not shown: the interval of its cost "
            f"holds that cost ({words.number(least)})."]  # fmt: skip


# Groups


def groups(found: Mapping[str, Any]) -> Section | None:
    """On whom it does worse: each group with its size and intervals, and the gaps; ``None`` where none were asked for.

    Args:
        found: What ``Assessment.to_dict`` gave.
    """
    report = found.get("groups")
    if not report:
        return None
    metrics = list(report["metrics"])
    several = len({_of(entry) for entry in report["groups"]}) > 1
    rows: list[list[str]] = []
    muted: set[int] = set()
    for group in report["groups"]:
        small = bool(group.get("small"))
        if small:
            muted.add(len(rows))
        shown = [
            words.with_interval(group["metrics"][name], group_unit(name))
            if group["metrics"].get(name)
            else words.NOTHING
            for name in metrics
        ]
        name = f"{group['group']} (too few rows to judge)" if small else str(group["group"])
        rows.append([*([_of(group)] if several else []), name, f"{group['n']:,}", *shown])
    by = ["By"] if several else []
    columns = [*by, "Group", "Rows", *map(words.group_metric, metrics)]
    numeric = frozenset(range(len(by) + 1, len(columns)))
    tables = [Table(columns, rows, "Each group, with intervals", numeric, frozenset(muted), stacked=True)]
    gaps = [
        [
            *([_of(gap)] if several else []),
            words.group_metric(str(gap["metric"])),
            _signed_gap(gap),
            words.with_interval(gap["ratio"], "score") if gap.get("ratio") else words.NOTHING,
            _end(gap, "worst", "lowest"),
            _end(gap, "best", "highest"),
            "beyond chance" if gap_is_shown(gap) else "may be chance",
            words.capital(str(gap.get("meaning") or "")),
        ]
        for gap in report["gaps"]
    ]
    if gaps:
        headings = [*by, "Metric", "Difference", "Ratio", "Worst group", "Best group", "Reading", "What it is"]
        numeric = frozenset({len(by) + 1, len(by) + 2})
        tables.append(Table(headings, gaps, "Gaps between the groups", numeric, stacked=True))
    sensitive = words.listed([words.quoted(name) for name in report["sensitive"]])
    lead = f"The same numbers for each group of {sensitive}. Groups with fewer than {report['min_group']} rows are " \
           "shown in grey and take no part in the gaps."  # fmt: skip
    return Section(lead, tables, [str(note) for note in report.get("notes") or []])


def _of(entry: Mapping[str, Any]) -> str:
    """The column, and the level of the control where there is one."""
    control = entry.get("control")
    return str(entry["column"]) if control is None else f"{entry['column']} ({control})"


def _end(gap: Mapping[str, Any], end: str, neither: str) -> str:
    if gap.get(end) is None:
        return words.NOTHING
    return f"{gap[end]} ({neither})" if not gap.get("directed", True) else str(gap[end])


def _signed_gap(gap: Mapping[str, Any]) -> str:
    ends, unit = gap.get("difference") or {}, gap_unit(gap)
    if ends.get("value") is None:
        return words.NOTHING
    if unit != "rate":
        return words.with_interval(ends, unit)
    low, high = ends.get("low"), ends.get("high")
    span = f" ({low * 100:.1f} to {high * 100:.1f})" if low is not None and high is not None else ""
    return f"{ends['value'] * 100:.1f} points{span}".replace("-", words.MINUS)


# Limits


def limits(assessment: Assessment, found: Mapping[str, Any], notes: Sequence[str]) -> Section:
    """What the numbers cannot say: small samples, wide intervals, what was noticed, and what an interval leaves out.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
        notes: The person's own sentences.
    """
    points = [*map(str, notes), *_noticed(assessment, found), *_small(assessment, found)]
    share = f"{found['confidence'] * 100:g} %"
    points += [
        f"An interval is where the true value lies in about {share} of such measurements. It covers the chance of "
        "which rows were drawn, not a model trained anew, labels that are wrong, or a world that has changed since.",
        f"Every number holds for rows drawn as these {found['n']:,} were. Where people, places, instruments or times "
        "differ, measure again.",
        "If these rows had a part in choosing the model, its settings or its threshold, the numbers are too good.",
    ]
    if found.get("weighted"):
        points.append(
            "Metrics count rows by the weights that were passed with them; tables of rows count each row once."
        )
    return Section("What to keep in mind when acting on this report.", (), points, RULES)


def _noticed(assessment: Assessment, found: Mapping[str, Any]) -> list[str]:
    record = assessment.record
    before = [] if record is None else record.findings
    messages = [str(one.get("message", "")) for one in [*(found.get("findings") or []), *before] if one.get("message")]
    return [f"Noticed: {message}" for message in dict.fromkeys(messages)]


def _small(assessment: Assessment, found: Mapping[str, Any]) -> list[str]:
    said = []
    if found["n"] < FEW_IN_ALL:
        said.append(f"{counted(found['n'], 'row')} in all: too few for more than a first impression.")
    few = [f"{words.quoted(name)} ({one['n']})" for name, one in class_recalls(assessment).items() if one["n"] < FEW]
    if few:
        said.append(f"Classes with fewer than {FEW} rows: {words.listed(few)}.")
    wide = []
    for name, metric in found["metrics"].items():
        told = words.metric(name, found["kind"], found.get("positive"))
        if told.unit == "rate" and metric["low"] is not None and metric["high"] - metric["low"] > WIDE:
            wide.append(f"{told.label} ({words.interval(metric, 'rate')})")
    if wide:
        said.append(
            f"Wide intervals, more than {WIDE * 100:.0f} points: {words.listed(wide)}. More rows would narrow them."
        )
    small = [group for group in (found.get("groups") or {}).get("groups", []) if group.get("small")]
    if small:
        named = words.listed([f"{words.quoted(group['group'])} ({group['n']})" for group in small])
        said.append(f"Groups too small to judge: {named}.")
    return said


# How to reproduce it


def reproduce(assessment: Assessment, found: Mapping[str, Any]) -> Section:
    """What is needed to get the same numbers: seed, versions, commit, data and settings.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
    """
    from neurokit.record import collect_versions, fingerprint

    tested = {name: fingerprint(getattr(assessment, name)) for name in ("y_true", "scores")}
    assessed = [
        ["Rows assessed", f"{found['n']:,}, named {words.quoted(found['name'])}"],
        ["SHA-256 of their truth", _hash(tested["y_true"])],
        ["SHA-256 of the model's answers", _hash(tested["scores"])],
        ["Seed of the intervals", str(assessment.seed)],
        ["Versions now", _pairs(collect_versions())],
    ]
    record = assessment.record
    if record is None:
        lead = "The numbers were computed from arrays, without a record of the training. What is known of them:"
        return Section(lead, [Table(["What", "Value"], assessed, "This assessment")])
    git, model = record.git, record.model
    commit = words.NOTHING if git is None else str(git.get("commit"))
    if git is not None and git.get("dirty"):
        commit += ", and files differed from it: the commit alone does not say what ran"
    if git is None:
        commit = "not in a repository"
    trained = [
        ["Model", f"{model.get('class', words.NOTHING)}, {model.get('parameters', 0):,} parameters"],
        ["Seed", f"{record.seed}; of order and split {record.data_seed}"],
        ["Git commit", commit],
        ["Versions", _pairs(record.versions)],
        ["Trained on", f"{record.hardware.get('device', words.NOTHING)} ({record.hardware.get('cpu', '')})"],
        ["Began", str(record.created)],
        ["Took", _took(record.timings.get("seconds"), record.epochs_run, record.stop_reason)],
        *_data(record.data),
    ]
    settings = [[str(name), words.shortened(_plain(setting), 200)] for name, setting in record.parameters.items()]
    tables = [
        Table(["What", "Value"], trained, "The training"),
        Table(["What", "Value"], assessed, "This assessment"),
    ]
    arguments = Table(["Argument", "Value"], settings, "Every argument of Trainer and fit")
    lead = "With the same data, code, versions and seed, the same training gives the same numbers on the same hardware."
    whole = json.dumps(record.to_dict(), indent=2, ensure_ascii=False, default=str)
    return Section(lead, tables, details=whole, folded=[arguments])


def _data(data: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for role, told in data.items():
        if not isinstance(told, Mapping):
            continue
        name = role.replace("_", " ")
        rows.append(
            [f"Rows of {name} data", f"{told['rows']:,}" if isinstance(told.get("rows"), int) else words.NOTHING]
        )
        rows += [
            [f"SHA-256 of {name} {part}", _hash(printed)]
            for part, printed in told.items()
            if isinstance(printed, Mapping) and _hash(printed) != words.NOTHING
        ]
    return rows


def _hash(printed: Mapping[str, Any]) -> str:
    """Return the hash in a fingerprint, or those of its parts."""
    if isinstance(printed.get("sha256"), str):
        return str(printed["sha256"]) + (" (of rows evenly spaced)" if printed.get("sampled") else "")
    parts = {str(name): _hash(part) for name, part in printed.items() if isinstance(part, Mapping)}
    return "; ".join(f"{name} {part}" for name, part in parts.items() if part != words.NOTHING) or words.NOTHING


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _took(seconds: Any, epochs: int, reason: str | None) -> str:
    time = f"{duration(float(seconds))}, " if isinstance(seconds, (int, float)) else ""
    return f"{time}{counted(epochs, 'epoch')}" + (f", {reason}" if reason else "")


def _plain(setting: Any) -> str:
    if setting is None:
        return "not set"
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    return setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False, default=str)
