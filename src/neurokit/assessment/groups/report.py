"""What is known of groups, as text, tables, plain values and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.arguments import suggestions
from neurokit.assessment.intervals import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Group:
    """One group: its size and its numbers.

    Attributes:
        column: The sensitive column, such as "sex"; of an intersection both names.
        group: The value, such as "female"; of an intersection both values.
        n: How many rows it has.
        small: It has fewer than ``min_group``: shown, and left out of every comparison.
        metrics: Its numbers by name; ``n`` of each is the cases that number rests on.
        control: The level of the control column, ``None`` without one.
    """

    column: str
    group: str
    n: int
    small: bool
    metrics: dict[str, Estimate]
    control: str | None = None


@dataclass(frozen=True)
class Gap:
    """How far the groups of a column are apart in one metric.

    Attributes:
        column: The sensitive column.
        metric: The metric.
        difference: The largest less the smallest; NaN where fewer than two groups can be compared.
        ratio: The smallest as a share of the largest; ``None`` where that says nothing, as of an R2.
        worst: The group with the worst number; the lowest where neither way is better. ``None`` where all are equal.
        best: The other end.
        meaning: What the difference says, in a line.
        control: The level of the control column, ``None`` without one.
        directed: Whether one way is better. Of a selection rate, or of a function of yours, none is: there ``worst``
            and ``best`` are the lowest and the highest, and no verdict.
    """

    column: str
    metric: str
    difference: Estimate
    ratio: Estimate | None
    worst: str | None
    best: str | None
    meaning: str
    control: str | None = None
    directed: bool = True


@dataclass(frozen=True, eq=False)
class GroupReport:
    """What ``by_group`` found. Print it for a table; every number in it also comes as data.

    Attributes:
        sensitive: The names of the columns.
        metrics: The names of the metrics, in order.
        groups: Every group of every column and intersection, as ``Group``.
        gaps: For each column and metric how far its groups are apart, as ``Gap``.
        overall: Each metric over all rows, by name.
        notes: What a reader must know: groups that were left out, missing values, numbers cut into bands.
        min_group: The size under which a group is left out of comparisons.
        confidence: Of the intervals.
        frames: fairlearn's ``MetricFrame`` for each column and intersection, by name.
    """

    sensitive: tuple[str, ...]
    metrics: tuple[str, ...]
    groups: tuple[Group, ...]
    gaps: tuple[Gap, ...]
    overall: dict[str, Estimate]
    notes: list[str]
    min_group: int
    confidence: float
    frames: dict[str, Any]

    @property
    def frame(self) -> Any:
        """The ``MetricFrame`` of fairlearn, of all columns together; it compares tiny groups as well."""
        return list(self.frames.values())[-1]

    @property
    def by_group(self) -> pd.DataFrame:
        """A row for each group: ``n``, ``small``, and each metric with its ``_low`` and ``_high``.

        The index is the group where there is one column; with several it is ``(column, group)``, and a control column
        comes before.
        """
        table = self.to_frame()
        if len(self.sensitive) == 1 and "control" not in table:
            return table.drop(columns="column").set_index("group")
        return table.set_index([name for name in ("control", "column", "group") if name in table])

    @property
    def sizes(self) -> pd.Series[int]:
        """The number of rows of each group, indexed as ``by_group``."""
        sizes: pd.Series[int] = self.by_group["n"]
        return sizes

    @property
    def small(self) -> list[str]:
        """The groups that were too small to compare, those without a single row included."""
        return list(dict.fromkeys(full_name(one) for one in self.groups if one.small))

    @property
    def intersections(self) -> pd.DataFrame:
        """The rows of ``to_frame`` that are intersections of columns; none with a single column."""
        table = self.to_frame()
        return table[~table["column"].isin(self.sensitive)].reset_index(drop=True)

    @property
    def difference(self) -> dict[str, Estimate]:
        """By metric the largest less the smallest group; of several columns and intersections the widest gap."""
        return {metric: gap.difference for metric, gap in self._widest().items()}

    @property
    def ratio(self) -> dict[str, Estimate]:
        """By metric the smallest group as a share of the largest, of the gap that ``difference`` shows; NaN without."""
        return {
            metric: Estimate(math.nan) if gap.ratio is None else gap.ratio for metric, gap in self._widest().items()
        }

    @property
    def worst(self) -> dict[str, str | None]:
        """By metric the group that does worst in the gap that ``difference`` shows.

        ``None`` where all are equal, and where neither way is better, as of a selection rate: see ``lowest``.
        """
        return {metric: gap.worst if gap.directed else None for metric, gap in self._widest().items()}

    @property
    def lowest(self) -> dict[str, str | None]:
        """By metric of which neither way is better, the group with the lowest number in the gap that is shown."""
        return {metric: gap.worst for metric, gap in self._widest().items() if not gap.directed}

    def _widest(self) -> dict[str, Gap]:
        found = {}
        for metric in self.metrics:
            gaps = [gap for gap in self.gaps if gap.metric == metric]
            found[metric] = max(gaps, key=lambda gap: -1.0 if math.isnan(gap.difference) else float(gap.difference))
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each group, with its column and name as columns too."""
        import pandas as pd

        rows = []
        for one in self.groups:
            row: dict[str, Any] = {} if one.control is None else {"control": one.control}
            row |= {"column": one.column, "group": one.group, "n": one.n, "small": one.small}
            for metric, value in one.metrics.items():
                row |= {metric: float(value), f"{metric}_low": value.low, f"{metric}_high": value.high}
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; what is no number is ``None``."""
        return {
            "sensitive": list(self.sensitive),
            "min_group": self.min_group,
            "confidence": self.confidence,
            "metrics": list(self.metrics),
            "overall": {name: _values(value) for name, value in self.overall.items()},
            "groups": [
                {
                    **_control(one),
                    "column": one.column,
                    "group": one.group,
                    "n": one.n,
                    "small": one.small,
                    "metrics": {name: _values(value) for name, value in one.metrics.items()},
                }
                for one in self.groups
            ],
            "gaps": [
                {
                    **_control(gap),
                    "column": gap.column,
                    "metric": gap.metric,
                    "difference": _values(gap.difference),
                    "ratio": None if gap.ratio is None else _values(gap.ratio),
                    "worst": gap.worst,
                    "best": gap.best,
                    "directed": gap.directed,
                    "meaning": gap.meaning,
                }
                for gap in self.gaps
            ],
            "notes": list(self.notes),
        }

    def data(self, metric: str | None = None, column: str | None = None) -> pd.DataFrame:
        """Return the numbers that ``plot`` draws: ``group``, ``n``, ``small``, ``value``, ``low``, ``high``.

        Args:
            metric: Which one; the first unless told.
            column: Which sensitive column or intersection; the first unless told.
        """
        import pandas as pd

        metric = self._chosen("metric", metric, self.metrics)
        column = self._chosen("column", column, tuple(self.frames))
        shown = [one for one in self.groups if one.column == column]
        values = [one.metrics[metric] for one in shown]
        return pd.DataFrame(
            {
                "group": [one.group if one.control is None else f"{one.control}: {one.group}" for one in shown],
                "n": [one.n for one in shown],
                "small": [one.small for one in shown],
                "value": [float(value) for value in values],
                "low": [value.low for value in values],
                "high": [value.high for value in values],
            }
        )

    def plot(self, metric: str | None = None, ax: Axes | None = None, *, column: str | None = None) -> Axes:
        """Draw one metric of each group of a column, with its interval; the line is all rows together.

        Small groups are drawn hollow, and said to be small beside their names.

        Args:
            metric: Which one; the first unless told.
            ax: Where to draw; ``None`` makes a figure.
            column: Which sensitive column or intersection; the first unless told.
        """
        table = self.data(metric, column)
        metric = self._chosen("metric", metric, self.metrics)
        column = self._chosen("column", column, tuple(self.frames))
        if ax is None:
            from matplotlib import pyplot as plt

            ax = plt.subplots(figsize=(6.4, 1.4 + 0.4 * len(table)), layout="constrained")[1]
        values, low, high = (table[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
        small = table["small"].to_numpy(dtype=bool)
        for place in np.flatnonzero(np.isfinite(values)):
            ax.plot([low[place], high[place]], [place, place], color="C0", alpha=0.4 if small[place] else 1.0)
            ax.plot([values[place]], [place], "o", color="C0", markerfacecolor="white" if small[place] else "C0")
        ax.axvline(float(self.overall[metric]), color="0.4", linestyle="--", linewidth=1, label="all rows")
        words = [", small" if one else "" for one in small]
        names = [f"{group} (n = {n}{word})" for group, n, word in zip(table["group"], table["n"], words, strict=True)]
        ax.set_yticks(range(len(table)), names)
        ax.set_ylim(len(table) - 0.5, -0.5)  # the first group on top
        ax.set_xlabel(f"{metric}, {self.confidence:.0%} interval")
        ax.set_title(f"{metric} by {column}")
        ax.grid(axis="x", alpha=0.3)
        ax.legend()
        return ax

    def _chosen(self, what: str, name: str | None, names: tuple[str, ...]) -> str:
        if name is None:
            return names[0]
        if name not in names:
            raise ValueError(f"{what} is one of {', '.join(map(repr, names))}, got {name!r}.{suggestions(name, names)}")
        return name

    def __str__(self) -> str:
        lines = []
        for column in self.frames:
            shown = [one for one in self.groups if one.column == column]
            lines += [f"By {column} ({self.confidence:.0%} intervals)", *_table(shown, self.metrics, self.overall)]
            for gap in self.gaps:
                if gap.column == column and not math.isnan(gap.difference):
                    lines.append(_sentence(gap))
            lines.append("")
        meanings = {gap.metric: gap.meaning for gap in self.gaps}
        lines += [f"{metric}: {meaning}." for metric, meaning in meanings.items()]
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join(lines).rstrip()

    __repr__ = __str__


def full_name(one: Group) -> str:
    """Return the group's name with the level of the control column before it."""
    return one.group if one.control is None else f"{one.control}: {one.group}"


def _control(one: Group | Gap) -> dict[str, str]:
    return {} if one.control is None else {"control": one.control}


def _values(value: Estimate) -> dict[str, Any]:
    plain = value.to_dict()
    return {name: plain[name] for name in ("value", "low", "high", "n")}


def _span(value: Estimate) -> str:
    if math.isnan(value):
        return "-"
    return f"{float(value):.3g}" + ("" if math.isnan(value.low) else f" ({value.low:.3g} to {value.high:.3g})")


_WIDTH = 110


def _table(groups: list[Group], metrics: Sequence[str], overall: dict[str, Estimate]) -> list[str]:
    """The groups as lines of text; where all metrics do not fit beside each other, those that do not come below."""
    first = ["group", *(full_name(one) + (" (small)" if one.small else "") for one in groups), "all rows"]
    sizes = ["n", *(str(one.n) for one in groups), ""]
    columns = [[name, *(_span(one.metrics[name]) for one in groups), _span(overall[name])] for name in metrics]
    head = [
        text.ljust(max(map(len, first))) + "  " + n.rjust(max(map(len, sizes)))
        for text, n in zip(first, sizes, strict=True)
    ]
    blocks, block = [], head
    for column in columns:
        width = max(map(len, column))
        if len(block[0]) + 2 + width > _WIDTH and block is not head:
            blocks.append(block)
            block = head
        block = [f"{line}  {cell.ljust(width)}" for line, cell in zip(block, column, strict=True)]
    return [line.rstrip() for block in [*blocks, block] for line in block]


def _sentence(gap: Gap) -> str:
    where = "" if gap.control is None else f"{gap.control}, "
    ratio = "" if gap.ratio is None or math.isnan(gap.ratio) else f", ratio {_span(gap.ratio)}"
    ends = f"{gap.worst} against {gap.best}" if gap.directed else f"lowest {gap.worst}, highest {gap.best}"
    ends = "no gap" if gap.worst is None else ends
    return f"{where}{gap.metric}: difference {_span(gap.difference)}{ratio}; {ends}."
