"""The same charts as SVG, drawn by matplotlib here and now: for a page without scripts, and where plotly is missing."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from neurokit.assessment.report import words
from neurokit.assessment.report.charts import (
    Bars,
    Chart,
    Histogram,
    Matrix,
    Ranges,
    Reliability,
    Scatter,
    cell_shades,
)
from neurokit.assessment.report.plotly_charts import BLUE, GREY, ORANGE, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = "#010203"  # stands for the page's colour of text, which light, dark and print set
_WIDTH, _UNIT = 400, 72  # between a phone's panel and a desk's, so that 12 units of text are 10 to 13 pixels
_HATCHES = ("", "////", "xxxx")


def drawn(chart: Chart, key: str) -> str:
    """Return a chart as ``<svg>`` markup whose ids begin with ``key``, so that many fit on one page.

    Args:
        chart: What to draw.
        key: Its name on the page.

    Example:
        >>> from neurokit.assessment.report.charts import Bars
        >>> markup = drawn(Bars("", ["<b>"], {"Rows": [1.0]}, "rows"), "errors-1")
        >>> markup.startswith("<svg"), "<b>" in markup
        (True, False)
    """
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ours = {"svg.fonttype": "none", "svg.hashsalt": key, "font.size": 12, "hatch.linewidth": 0.6, "text.color": _INK,
            "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "text.parse_math": False}  # fmt: skip
    file = io.StringIO()
    with style.context(["default", ours]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sign that the measuring font lacks is drawn by the reader's browser
        figure = Figure(figsize=(_WIDTH / _UNIT, _height(chart) / _UNIT), layout="constrained")
        FigureCanvasSVG(figure)
        ax = figure.add_subplot()
        _plain_axes(ax)
        _DRAWERS[type(chart)](ax, chart)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _for_the_page(file.getvalue(), key, chart.title)


def _for_the_page(text: str, key: str, title: str) -> str:
    """Return matplotlib's file as a part of an HTML page: no names from elsewhere, ids of its own, text for readers."""
    root = ElementTree.fromstring(text)
    for parent in root.iter():
        for child in [*parent]:
            if child.tag.endswith(("metadata", "style")):  # addresses, and rules that would hold for the whole page
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name, value in [*element.attrib.items()]:
            del element.attrib[name]
            local = name.rpartition("}")[2]
            if local == "id":
                value = f"{key}-{value}"
            elif local == "href":
                value = value.replace("#", f"#{key}-", 1)
            else:
                value = value.replace("url(#", f"url(#{key}-").replace(_INK, "currentColor")
            element.set(local, value)
        if element.tag == "text" and "style" in element.attrib:
            kept = (part for part in element.attrib["style"].split(";") if "font-family" not in part)
            element.set("style", ";".join(part.replace("'DejaVu Sans', ", "") for part in kept))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")  # the rules above, for this drawing
    root.set("role", "img")
    root.set("aria-label", title)
    return ElementTree.tostring(root, encoding="unicode")


def _height(chart: Chart) -> int:
    if isinstance(chart, Ranges):
        return max(130, 64 + 28 * len(chart.marks))
    if isinstance(chart, Bars):
        many = len(chart.series)
        return max(130, 64 + 28 * len(chart.labels) * many) + (34 if many > 1 else 0)
    if isinstance(chart, Matrix):
        return min(max(250, 110 + 44 * len(chart.labels)), 480)
    return 260 if isinstance(chart, Histogram) else 340


def _plain_axes(ax: Axes) -> None:
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0, pad=6)
    ax.set_axisbelow(True)


def _grid(ax: Axes, which: Any) -> None:
    ax.grid(axis=which, color=GREY, alpha=0.25, linewidth=0.8)


def _named(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), [words.shortened(label) for label in labels])
    ax.set_ylim(len(labels) - 0.4, -0.6)


def _as_percent(value: float, _: Any) -> str:
    return f"{value:.0%}"


def _ranges(ax: Axes, chart: Ranges) -> None:
    for place, mark in enumerate(chart.marks):
        if mark.low is not None and mark.high is not None:
            ax.plot([mark.low, mark.high], [place, place], color=BLUE, alpha=0.45, linewidth=5, solid_capstyle="butt")
        if mark.baseline is not None:
            ax.plot(
                [mark.baseline], [place], "D", color=GREY, markerfacecolor="none", markersize=7, markeredgewidth=1.8
            )
        if mark.value is not None:
            ax.plot([mark.value], [place], "o", color=BLUE, markersize=9)
        ax.annotate(words.value(mark.value, mark.unit), (1, place), (10, 0), ("axes fraction", "data"), "offset points",
                    va="center")  # fmt: skip
    _named(ax, [mark.label for mark in chart.marks])
    ax.set_xlabel(chart.axis)
    if chart.span:
        room = 0.02 * (chart.span[1] - chart.span[0])
        ax.set_xlim(chart.span[0] - room, chart.span[1] + room)
    else:
        ax.set_xlim(left=min(0.0, ax.get_xlim()[0]))
    if chart.percent:
        ax.xaxis.set_major_formatter(_as_percent)
    _grid(ax, "x")


def _bars(ax: Axes, chart: Bars) -> None:
    many = len(chart.series)
    thick = 0.65 if many == 1 else 0.8 / many
    first = ORANGE if chart.wrong else BLUE
    for at, (name, values) in enumerate(chart.series.items()):
        shift = (at - (many - 1) / 2) * thick
        places = [place + shift for place in range(len(values))]
        drawn_bars = ax.barh(
            places, values, thick * 0.92, color=first if at == 0 else SERIES[at % 3], hatch=_HATCHES[at % 3],
            edgecolor="white", linewidth=0, label=name,
        )  # fmt: skip
        texts = [f"{value:,.0f}" if chart.whole else words.number(value) for value in values]
        ax.bar_label(drawn_bars, labels=texts, padding=4)
    _named(ax, chart.labels)
    ax.set_xlabel(chart.axis)
    ax.margins(x=0.16)
    if many > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=many, frameon=False, borderaxespad=0, handlelength=1.2)
    _grid(ax, "x")


def _matrix(ax: Axes, chart: Matrix) -> None:
    count = len(chart.labels)
    right, wrong = cell_shades(chart.counts)
    size = 14 if count <= 4 else 12 if count <= 8 else 9
    for row in range(count):
        for column in range(count):
            shade = right[row][column] if row == column else wrong[row][column]
            colour, shade = (BLUE if row == column else ORANGE), shade or 0.0
            ax.add_patch(_cell(column, row, colour, 0.05 + 0.95 * shade))
            ax.text(column, row, f"{chart.counts[row][column]:,}", ha="center", va="center", fontsize=size,
                    color="white" if shade > 0.5 else _INK)  # fmt: skip
    names = [words.shortened(label, 18 if count <= 4 else 12) for label in chart.labels]
    turned = max(len(name) for name in names) * count > 34
    turn: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    ax.set_xticks(range(count), names, **turn)
    ax.set_yticks(range(count), names)
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_ylim(count - 0.5, -0.5)
    ax.set_xlabel("predicted")
    ax.set_ylabel("actual")


def _cell(column: int, row: int, colour: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.49, row - 0.49), 0.98, 0.98, facecolor=colour, alpha=alpha, linewidth=0)


def _scatter(ax: Axes, chart: Scatter) -> None:
    values = [*chart.actual, *chart.predicted]
    room = 0.04 * (max(values) - min(values)) or 1.0
    ends = (min(values) - room, max(values) + room)
    few = len(chart.actual) <= 300
    ax.plot(ends, ends, "--", color=GREY, linewidth=1.5)
    ax.plot(chart.actual, chart.predicted, "o", color=BLUE, markersize=5 if few else 3, alpha=0.6 if few else 0.4,
            markeredgewidth=0)  # fmt: skip
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    ax.set_xlabel("actual")
    ax.set_ylabel("predicted")
    _grid(ax, "both")


def _histogram(ax: Axes, chart: Histogram) -> None:
    ax.stairs(chart.counts, chart.edges, fill=True, color=ORANGE)
    ax.axvline(0, color=GREY, linestyle="--")
    ax.set_ylim(bottom=0)
    ax.set_xlabel(chart.axis)
    ax.set_ylabel("rows")
    _grid(ax, "y")


def _reliability(ax: Axes, chart: Reliability) -> None:
    ax.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.5)
    for said, low, high in zip(chart.said, chart.low, chart.high, strict=True):
        if math.isfinite(low) and math.isfinite(high):
            ax.plot([said, said], [low, high], color=BLUE, alpha=0.4, linewidth=4, solid_capstyle="butt")
    ax.plot(chart.said, chart.happened, "o", color=BLUE, markersize=7)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(_as_percent)
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("probability as predicted")
    ax.set_ylabel("how often it was so")
    _grid(ax, "both")


_DRAWERS: dict[type, Callable[[Any, Any], None]] = {
    Ranges: _ranges, Bars: _bars, Matrix: _matrix, Scatter: _scatter, Histogram: _histogram, Reliability: _reliability,
}  # fmt: skip
