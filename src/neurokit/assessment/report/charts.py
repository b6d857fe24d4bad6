"""What the report draws, as values: each chart knows its numbers, its table and its one-sentence description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurokit.assessment.report import words


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        columns: The headings.
        rows: The cells, as text.
        caption: What it shows.
        numeric: The positions of the columns that hold numbers, which are set to the right.
        muted: The positions of the rows that count for less; a cell of each says why.
        stacked: Whether intervals in brackets are set below their values.
        note: What to know when reading it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric: frozenset[int] = frozenset()
    muted: frozenset[int] = frozenset()
    stacked: bool = False
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """One line of ``Ranges``: a value with its interval, and what the baseline has, written in its ``unit``."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    unit: str = "score"


@dataclass(frozen=True)
class Ranges:
    """Values with intervals, one under the other.

    Attributes:
        title: What it shows, for those who cannot see it.
        marks: The lines, from the top.
        axis: The name of the axis.
        percent: Whether the axis shows percentages.
        span: The ends of the axis; ``None`` leaves them to the numbers.
        what: What the lines are.
    """

    title: str
    marks: Sequence[Mark]
    axis: str
    percent: bool = False
    span: tuple[float, float] | None = None
    what: str = "Metric"

    def table(self) -> Table:
        """Return the numbers."""
        has_baseline = any(mark.baseline is not None for mark in self.marks)
        rows = []
        for mark in self.marks:
            ends = words.interval({"low": mark.low, "high": mark.high}, mark.unit) or words.NOTHING
            row = [mark.label, words.value(mark.value, mark.unit), ends]
            rows.append([*row, words.value(mark.baseline, mark.unit)] if has_baseline else row)
        columns = [self.what, "Value", "Interval", *(["Baseline"] if has_baseline else [])]
        return Table(columns, rows, self.title, frozenset({1, 2, 3}))


@dataclass(frozen=True)
class Bars:
    """Bars from the left, one or more for each label.

    Attributes:
        title: What it shows.
        labels: What the bars belong to, from the top; short enough to stand beside them.
        series: The lengths by the name of what is measured, each of shape ``(labels,)``.
        axis: The name of the axis.
        what: What the labels are.
        whole: Whether the lengths are counts.
        wrong: Whether they count mistakes, which are drawn in the second colour.
        full: The labels in full, for the table; ``labels`` when empty.
    """

    title: str
    labels: Sequence[str]
    series: dict[str, Sequence[float]]
    axis: str
    what: str = ""
    whole: bool = False
    wrong: bool = False
    full: Sequence[str] = ()

    def table(self) -> Table:
        """Return the numbers."""
        columns = [self.what, *self.series]
        shown = [[f"{one:,.0f}" if self.whole else words.number(one) for one in many] for many in self.series.values()]
        rows = [[label, *row] for label, *row in zip(self.full or self.labels, *shown, strict=True)]
        return Table(columns, rows, self.title, frozenset(range(1, len(columns))))


@dataclass(frozen=True)
class Matrix:
    """How many rows of each actual class (down) were given each class (across)."""

    title: str
    labels: Sequence[str]
    counts: Sequence[Sequence[int]]

    def table(self) -> Table:
        """Return the numbers."""
        columns = ["Actual", *(f"predicted {label}" for label in self.labels)]
        rows = [[label, *(f"{count:,}" for count in row)] for label, row in zip(self.labels, self.counts, strict=True)]
        return Table(columns, rows, self.title, frozenset(range(1, len(columns))))


@dataclass(frozen=True)
class Scatter:
    """Predicted values over actual ones, with the line on which they are equal.

    Attributes:
        title: What it shows.
        actual: The true values drawn.
        predicted: The predictions drawn.
        summary: The table beside it: too many points for anyone to read are told by fifths.
    """

    title: str
    actual: Sequence[float]
    predicted: Sequence[float]
    summary: Table

    def table(self) -> Table:
        """Return the numbers."""
        return self.summary


@dataclass(frozen=True)
class Histogram:
    """How often errors of each size occur: ``counts`` between one of the ``edges`` and the next."""

    title: str
    edges: Sequence[float]
    counts: Sequence[int]
    axis: str

    def table(self) -> Table:
        """Return the numbers."""
        ends = zip(self.edges, self.edges[1:], self.counts, strict=False)
        rows = [[f"{words.number(low)} to {words.number(high)}", f"{n:,}"] for low, high, n in ends]
        return Table([self.axis, "Rows"], rows, self.title, frozenset({1}))


@dataclass(frozen=True)
class Reliability:
    """What happened over what was said: bins of predicted probability with the share that came true.

    Attributes:
        title: What it shows.
        said: The mean probability of each bin.
        happened: The share of its rows in which it came true.
        n: Its rows.
        low: The lower ends of the shares' intervals.
        high: The upper ends.
    """

    title: str
    said: Sequence[float]
    happened: Sequence[float]
    n: Sequence[int]
    low: Sequence[float]
    high: Sequence[float]

    def table(self) -> Table:
        """Return the numbers."""
        rows = [
            [words.percent(said), words.percent(true), f"{words.percent(low)} to {words.percent(high)}", f"{n:,}"]
            for said, true, low, high, n in zip(self.said, self.happened, self.low, self.high, self.n, strict=True)
        ]
        return Table(["It said", "It happened", "Interval", "Rows"], rows, self.title, frozenset(range(4)))


Chart = Ranges | Bars | Matrix | Scatter | Histogram | Reliability


@dataclass(frozen=True)
class Panel:
    """One panel of the report.

    Attributes:
        key: Its name in the page.
        title: Its heading.
        lead: What it says, in a sentence or two.
        charts: What it draws.
        tables: Tables that are shown beside them.
        notes: What to know when reading it.
    """

    key: str
    title: str
    lead: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


def cell_shades(counts: Sequence[Sequence[int]]) -> tuple[list[list[float | None]], list[list[float | None]]]:
    """Return how dark each cell of a matrix is, from 0 to 1: those on the diagonal, and those beside it.

    A cell is as dark as its share of its line, so that a rare class is as plain to see as a frequent one.

    Example:
        >>> cell_shades([[3, 1], [0, 2]])
        ([[0.75, None], [None, 1.0]], [[None, 0.25], [0.0, None]])
    """
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]
    right = [[share if at == line else None for at, share in enumerate(row)] for line, row in enumerate(shares)]
    wrong = [[share if at != line else None for at, share in enumerate(row)] for line, row in enumerate(shares)]
    return right, wrong
