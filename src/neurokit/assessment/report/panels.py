"""The four panels: performance, importance, predicted against actual, errors. Each is a function of the assessment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.assessment.intervals import Estimate, bootstrap
from neurokit.assessment.report import words
from neurokit.assessment.report.charts import (
    Bars,
    Chart,
    Histogram,
    Mark,
    Matrix,
    Panel,
    Ranges,
    Reliability,
    Scatter,
    Table,
)
from neurokit.wording import counted

if TYPE_CHECKING:
    from neurokit.assessment.assessment import Assessment

    Array = np.ndarray[Any, Any]

MOST_CLASSES = 12  # of a matrix that a phone shows; the others are summed up
MOST_BARS = 12
MOST_POINTS = 1500
MOST_OUTPUTS = 3
MOST_COLUMNS = 8  # of a row that the model got wrong

_DRAWN = {"regression": ("error",)}  # the units on one axis; what is on a scale of its own is in the table alone


# Performance


def performance(assessment: Assessment, found: Mapping[str, Any]) -> Panel:
    """How good it is: each metric with its interval, beside the baseline's.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
    """
    kind, metrics = found["kind"], found["metrics"]
    told = {name: words.metric(name, kind, found.get("positive")) for name in metrics}
    theirs = {name: found["baseline"]["metrics"].get(name, {}).get("value") for name in metrics}
    marks = [
        Mark(told[name].label, *_ends(metrics[name]), theirs[name], told[name].unit)
        for name in metrics
        if told[name].unit in _DRAWN.get(kind, ("rate", "score"))
    ]
    rates = kind != "regression"
    lowest = min([0.0, *(end for mark in marks for end in (mark.low, mark.value, mark.baseline) if end is not None)])
    chart = Ranges(
        "Metrics with their intervals, and the baseline's",
        marks,
        "higher is better" if rates else "in the target's units; lower is better",
        rates,
        (lowest, 1.0) if rates else None,
    )
    rows = [
        [
            told[name].label,
            words.value(metric["value"], told[name].unit),
            words.interval(metric, told[name].unit) or words.NOTHING,
            words.value(theirs[name], told[name].unit),
            f"{metric['n']:,}",
            told[name].meaning,
        ]
        for name, metric in metrics.items()
    ]
    table = Table(
        ["Metric", "Value", "Interval", "Baseline", "n", "What it means"], rows, "Every metric", frozenset({1, 2, 3, 4})
    )
    lead = (
        "The dot is what was measured, the bar the range in which the true value may lie, the hollow diamond what the "
        f"baseline has ({found['baseline']['description']})."
    )
    return Panel("performance", "Performance", lead, [chart], [table])


def _ends(metric: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    return metric["value"], metric["low"], metric["high"]


# Importance


def importance(explanation: Mapping[str, Any] | None) -> Panel:
    """What its answers rest on: the inputs by how much they move them.

    Args:
        explanation: What ``neurokit.explanations.summarize`` gave; ``None`` where none was made.
    """
    title = "What it relies on"
    if explanation is None:
        lead = (
            "No explanation was made for this report, so it cannot say which inputs the answers rest on. Whoever "
            "trained the model can add it: explanation = nk.explain(trainer, x), then to_html(path, "
            "explanation=explanation)."
        )
        return Panel("importance", title, lead)
    features = [one for one in explanation.get("features") or [] if _is_number(one)]
    if not features:
        lead = (
            "An explanation was made, of inputs that have no names to rank, such as the points of a picture. What it "
            "shows is seen on single rows: draw it with shap.image_plot, for instance."
        )
        return Panel("importance", title, lead)
    shown, rest = features[:MOST_BARS], features[MOST_BARS:]
    labels = [str(one["name"]) for one in shown]
    lengths = [float(one["importance"]) for one in shown]
    if rest:
        labels.append(f"{counted(len(rest), 'other input')} together")
        lengths.append(sum(float(one["importance"]) for one in rest))
    lead = f"The answers rest most on {words.listed([words.quoted(one['name']) for one in features[:3]])}."
    rows, how = explanation.get("rows"), explanation.get("method")
    what = "probability" if explanation.get("output") == "probability" else "answer"
    over = f" over {counted(int(rows), 'row')}" if rows else ""
    by = f", method {how}" if how else ""
    notes = [
        f"Mean absolute contribution to the {what}{over}{by}. It tells what the model uses, not what causes the "
        "outcome: an input that moves with a cause is used as readily as the cause.",
        *(str(note) for note in explanation.get("notes") or []),
    ]
    chart = Bars("How much each input moves the answers", labels, {"Importance": lengths}, "mean contribution", "Input")
    return Panel("importance", title, lead, [chart], notes=notes)


def _is_number(feature: Mapping[str, Any]) -> bool:
    value = feature.get("importance")
    return value is not None and bool(np.isfinite(value))


# Predicted against actual


def predicted_actual(assessment: Assessment, found: Mapping[str, Any]) -> Panel:
    """What it said, against what was true: a confusion matrix, counts by label, or points about a line.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
    """
    title = "Predicted against actual"
    if found["kind"] == "regression":
        return _scatters(assessment, title)
    if found["kind"] == "multilabel":
        return _labels(assessment, title)
    labels, counts = assessment.names, row_counts(assessment)
    right, n = int(np.trace(counts)), int(counts.sum())
    lead = (
        f"Of {counted(n, 'row')}, {right:,} are on the diagonal, where prediction and truth agree, and "
        f"{n - right:,} beside it. Read a line as: of the rows that truly are this, how many were called what?"
    )
    names, shown = _summed_up(labels, counts)
    notes = []
    if len(names) < len(labels):
        notes.append(f"The {len(names) - 1} classes with the most mistakes; the other {len(labels) - len(names) + 1} "
                     "are counted together.")  # fmt: skip
    matrix = Matrix("Actual classes (down) and predicted ones (across), in rows", names, shown.tolist())
    return Panel("predicted", title, lead, [matrix], notes=notes)


def row_counts(assessment: Assessment) -> Array:
    """Return how many rows of each class (down) were given each class (across), whatever they weigh."""
    counts = np.zeros((len(assessment.names),) * 2, dtype=np.int64)
    np.add.at(counts, (assessment.y_true, assessment.y_pred), 1)
    return counts


def _summed_up(labels: list[str], counts: Array) -> tuple[list[str], Array]:
    """Return a matrix small enough to read: the classes with the fewest mistakes become one."""
    if len(labels) <= MOST_CLASSES:
        return labels, counts
    wrong = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
    kept = np.sort(np.argsort(-wrong, kind="stable")[: MOST_CLASSES - 1])
    others = np.setdiff1d(np.arange(len(labels)), kept)
    member = np.zeros((len(kept) + 1, len(labels)), dtype=counts.dtype)
    member[np.arange(len(kept)), kept] = 1
    member[-1, others] = 1
    return [*(labels[index] for index in kept), f"{len(others)} others"], member @ counts @ member.T


def _labels(assessment: Assessment, title: str) -> Panel:
    true, told = np.asarray(assessment.y_true) == 1, np.asarray(assessment.y_pred) == 1
    names = [str(name) for name in assessment.class_names or range(true.shape[1])]
    parts = {
        "Found": (true & told).sum(0), "Missed": (true & ~told).sum(0), "Given wrongly": (~true & told).sum(0),
    }  # fmt: skip
    order = np.argsort(-(parts["Missed"] + parts["Given wrongly"]), kind="stable")[:MOST_BARS]
    found, missed, given = (f"{int(counts.sum()):,}" for counts in parts.values())
    lead = (
        f"Of {int(true.sum()):,} labels that apply, {found} were found and {missed} missed; {given} were given wrongly."
    )
    chart = Bars(
        "Labels found, missed and given wrongly",
        [names[index] for index in order],
        {part: counts[order].tolist() for part, counts in parts.items()},
        "rows",
        "Label",
        whole=True,
    )
    notes = [f"The {len(order)} labels with the most mistakes, of {len(names)}."] if len(order) < len(names) else []
    return Panel("predicted", title, lead, [chart], notes=notes)


def _scatters(assessment: Assessment, title: str) -> Panel:
    actual, predicted = outputs(assessment)
    names = _output_names(assessment, len(actual))
    charts: list[Chart] = []
    for name, true, told in list(zip(names, actual, predicted, strict=True))[:MOST_OUTPUTS]:
        drawn = np.unique(np.linspace(0, len(true) - 1, MOST_POINTS).astype(int)) if len(true) > MOST_POINTS else ...
        heading = "Predicted values over actual ones" + (f", {name}" if name else "")
        charts.append(Scatter(heading, true[drawn].tolist(), told[drawn].tolist(), _by_fifths(true, told, heading)))
    lead = "Each dot is a row. On the line, prediction and truth are equal; above it the model said too much, below " \
           "it too little."  # fmt: skip
    notes = []
    if len(actual[0]) > MOST_POINTS:
        notes.append(f"{MOST_POINTS:,} of the {len(actual[0]):,} rows are drawn, evenly spaced; all of them count.")
    if len(actual) > MOST_OUTPUTS:
        notes.append(f"The first {MOST_OUTPUTS} of {len(actual)} outputs are drawn.")
    return Panel("predicted", title, lead, charts, notes=notes)


def outputs(assessment: Assessment) -> tuple[Array, Array]:
    """Return true and predicted values, output by output, ``(K, N)`` each."""
    rows = len(assessment.y_true)
    pair = (np.asarray(one, dtype=np.float64).reshape(rows, -1).T for one in (assessment.y_true, assessment.scores))
    true, told = pair
    return true, told


def _output_names(assessment: Assessment, count: int) -> list[str]:
    if count == 1:
        return [""]
    names = assessment.class_names or []
    return [str(name) for name in names] if len(names) == count else [f"output {index + 1}" for index in range(count)]


def fifths(true: Array) -> list[Array]:
    """Return the rows of each fifth, from the lowest actual values to the highest; fewer parts of few values."""
    edges = np.unique(np.quantile(true, np.linspace(0, 1, 6)))
    places = np.clip(np.searchsorted(edges, true, "right") - 1, 0, max(0, len(edges) - 2))
    return [np.flatnonzero(places == part) for part in range(max(1, len(edges) - 1)) if (places == part).any()]


def _by_fifths(true: Array, told: Array, caption: str) -> Table:
    rows = [
        [
            f"{words.number(true[part].min())} to {words.number(true[part].max())}",
            f"{len(part):,}",
            words.number(float(true[part].mean())),
            words.number(float(told[part].mean())),
            words.number(float(np.abs(told[part] - true[part]).mean())),
        ]
        for part in fifths(true)
    ]
    columns = ["Actual", "Rows", "Mean actual", "Mean predicted", "Mean absolute error"]
    return Table(columns, rows, caption, frozenset(range(5)))


# Errors


def errors(assessment: Assessment, found: Mapping[str, Any]) -> Panel:
    """Where it is wrong: the most confused classes or the residuals, and the rows it got most wrong.

    Args:
        assessment: What is reported.
        found: What its ``to_dict`` gave.
    """
    worst = _worst_rows(assessment)
    if found["kind"] == "regression":
        lead, charts = _residuals(assessment)
    elif found["kind"] == "multilabel":
        lead, charts = _wrong_labels(assessment)
    else:
        lead, charts = _confused(assessment)
    return Panel("errors", "Where it is wrong", lead, charts, [worst] if worst.rows else [])


_ROWS_NOTE = (
    "These rows are copied from the data: where the data may not go, this report may not go either. A row that the "
    "model gets badly wrong is often one whose label or values are: look at them first."
)


def _confused(assessment: Assessment) -> tuple[str, list[Chart]]:
    confused = assessment.most_confused()
    if not len(confused):
        return f"Not one of the {counted(len(assessment.y_true), 'row')} was answered wrongly.", []
    pairs = list(zip(*(confused[name].tolist() for name in ("actual", "predicted", "count")), strict=True))
    actual, predicted, most = pairs[0]
    wrong = sum(count for *_, count in pairs)
    lead = (
        f"{counted(wrong, 'row')} of {assessment.n:,} {'is' if wrong == 1 else 'are'} wrong. Most often, "
        f"{words.quoted(actual)} was taken for {words.quoted(predicted)}: {counted(most, 'time')}."
    )
    shown = pairs[:MOST_BARS]
    chart = Bars(
        "Mistakes, the most frequent first",
        [f"{words.shortened(true, 14)} → {words.shortened(told, 14)}" for true, told, _ in shown],
        {"Rows": [count for *_, count in shown]},
        "rows",
        "Actual → predicted",
        whole=True,
        wrong=True,
        full=[f"{true} → {told}" for true, told, _ in shown],
    )
    return lead, [chart]


def _wrong_labels(assessment: Assessment) -> tuple[str, list[Chart]]:
    wrong = (np.asarray(assessment.y_true) != np.asarray(assessment.y_pred)).sum(1)
    most = int(wrong.max(initial=0))
    sizes = [int((wrong == size).sum()) for size in range(most + 1)]
    lead = f"{counted(sizes[0], 'row')} of {len(wrong):,} have every label right; the worst has " \
           f"{counted(most, 'wrong label')}."  # fmt: skip
    labels = [counted(size, "wrong label") for size in range(most + 1)][:MOST_BARS]
    chart = Bars("Rows by how many of their labels are wrong", labels, {"Rows": [float(n) for n in sizes[:MOST_BARS]]},
                 "rows", "Wrong labels", whole=True, wrong=True)  # fmt: skip
    return lead, [chart]


def _residuals(assessment: Assessment) -> tuple[str, list[Chart]]:
    actual, predicted = outputs(assessment)
    names = _output_names(assessment, len(actual))
    charts: list[Chart] = []
    lead = ""
    for name, true, told in list(zip(names, actual, predicted, strict=True))[:MOST_OUTPUTS]:
        off = told - true
        counts, edges = np.histogram(off, bins=min(25, max(5, int(np.sqrt(len(off))))))
        of = f", {name}" if name else ""
        charts.append(Histogram(f"Errors by size{of}", edges.tolist(), counts.tolist(), "predicted minus actual"))
        charts.append(by_size(assessment, true, told, of))
        low, high = np.quantile(np.abs(off), [0.5, 0.9])
        lead += f"{f'{name}: h' if name else 'H'}alf of the predictions are off by less than " \
                f"{words.number(float(low))}, nine in ten by less than {words.number(float(high))}. "  # fmt: skip
    return lead.strip(), charts


def by_size(assessment: Assessment, true: Array, told: Array, of: str = "") -> Ranges:
    """Return the mean absolute error of each fifth of the actual values, with intervals."""
    marks = []
    for part in fifths(true):
        off = np.abs(told[part] - true[part])
        found = _mean(off, assessment).to_dict()
        label = f"{words.number(float(true[part].min()))} to {words.number(float(true[part].max()))}"
        marks.append(Mark(label, *_ends(found)))
    return Ranges(f"Mean absolute error by the size of the actual value{of}", marks, "mean absolute error",
                  what="Actual value")  # fmt: skip


def _mean(values: Array, assessment: Assessment) -> Estimate:
    means = {"mean": lambda counts: float(counts.astype(np.float64) @ values / len(values))}
    resamples = 1000 if len(values) <= 2_000 else 200  # of many rows a few tell the same, and each costs a draw of all
    return bootstrap(means, len(values), seed=assessment.seed, confidence=assessment.confidence, resamples=resamples)[
        "mean"
    ]


def _worst_rows(assessment: Assessment, most: int = 9) -> Table:
    frame = assessment.top_losses(k=most)
    told = 3 if assessment.kind in ("multilabel", "regression") else 4  # loss, actual, predicted, and the probability
    places = list(range(min(told + MOST_COLUMNS, frame.shape[1])))
    columns = ["Row", *(str(frame.columns[place]).capitalize() if place < told else str(frame.columns[place])
                        for place in places)]  # fmt: skip
    rows = [
        [str(number), *(_cell(row[place]) for place in places)]
        for number, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True)
    ]
    left = frame.shape[1] - len(places)
    caption = "The rows it found hardest" + (f" ({counted(left, 'more column')} left out)" if left else "")
    numeric = {place + 1 for place in places if frame.dtypes.iloc[place].kind in "iuf"}
    return Table(columns, rows, caption, frozenset({0, *numeric}), note=_ROWS_NOTE)


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return words.number(float(value))
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
        return words.listed([_cell(one) for one in value]) or words.NOTHING
    return words.shortened(value, 60)


# Calibration


def calibration(assessment: Assessment, found: Mapping[str, Any]) -> Panel | None:
    """Whether its probabilities mean what they say; ``None`` where it gives none that could be compared."""
    if not found.get("calibration"):
        return None
    table, event = (told := assessment.calibration()).table, told.event
    error = float(told.error)
    columns = (table[name].tolist() for name in ("probability", "rate", "n", "low", "high"))
    said, happened, n, low, high = columns
    lead = f"When it names a probability, it is off by {error * 100:.1f} points on average. On the line, what it " \
           "says is what happens; below it, it says too much, above it too little."  # fmt: skip
    chart = Reliability(f"Predicted probability ({event}), and how often it was so", said, happened, n, low, high)
    return Panel("calibration", "Do its probabilities mean what they say?", lead, [chart])
