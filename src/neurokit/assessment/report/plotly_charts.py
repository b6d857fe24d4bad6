"""Charts drawn by plotly in the reader's browser: each becomes the JSON of a figure, with no text read as markup.

Colours of text and grid come from the page's style sheet, so that they follow light, dark and print; marks have colours
that can be told apart on all of these, and by those who do not see red and green. Axes have numbers for places and
names for ticks, so that a class called "1" or "2020-01-01" stays a name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

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
from neurokit.wording import counted

BLUE, ORANGE, GREY = "#2f78b7", "#d1640f", "#7d8794"
SERIES = (BLUE, ORANGE, GREY)
_PATTERNS = ("", "/", "x")
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def drawn(chart: Chart) -> tuple[str, int]:
    """Return a chart as the JSON of a plotly figure, safe inside ``<script>``, and its height in pixels.

    Example:
        >>> from neurokit.assessment.report.charts import Bars
        >>> text, height = drawn(Bars("", ["</script>"], {"Rows": [1.0]}, "rows"))
        >>> "<" in text, height > 100
        (False, True)
    """
    import plotly.graph_objects as go

    data, layout, height = _DRAWERS[type(chart)](chart)
    figure = go.Figure(data=data, layout={**_layout(height), **layout})
    text: str = figure.to_json()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text, height


def plain(text: object) -> str:
    """Return text that plotly shows as it is: in names it reads ``<b>``, ``<a href>``, entities, and ``$`` as TeX.

    Example:
        >>> plain("<b>x</b> & y")
        '&lt;b&gt;x&lt;/b&gt; &amp; y'
    """
    clean = "".join(sign if sign.isprintable() else " " for sign in str(text))
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "&#36;")


def _layout(height: int) -> dict[str, Any]:
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 12, "r": 16, "t": 8, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 12},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"font": {"family": _FONT, "size": 12}},
        "bargap": 0.35,
    }


def _axis(title: str = "", **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": plain(title), "font": {"size": 12}, "standoff": 8},
        "fixedrange": True,
        "automargin": True,
        "zeroline": False,
        "showline": False,
        "gridcolor": "#dde2e7",
        "ticks": "",
        **more,
    }


def _names(labels: Sequence[str], **more: Any) -> dict[str, Any]:
    """An axis with a name at each place, the first on top."""
    count = len(labels)
    return _axis(
        tickmode="array",
        tickvals=list(range(count)),
        ticktext=[f"{plain(words.shortened(label))}  " for label in labels],
        range=[count - 0.4, -0.6],
        showgrid=False,
        **more,
    )


Drawing = tuple[list[dict[str, Any]], dict[str, Any], int]


def _ranges(chart: Ranges) -> Drawing:
    marks = [(place, mark) for place, mark in enumerate(chart.marks) if mark.value is not None]
    told = [f"{plain(mark.label)}: {words.with_interval(vars(mark), mark.unit)}" for _, mark in marks]
    bars = {
        "type": "scatter",
        "mode": "lines",
        "x": [end for _, mark in marks for end in (mark.low, mark.high, None)],
        "y": [end for place, _ in marks for end in (place, place, None)],
        "line": {"color": BLUE, "width": 5},
        "opacity": 0.45,
        "hoverinfo": "skip",
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": [mark.value for _, mark in marks],
        "y": [place for place, _ in marks],
        "marker": {"color": BLUE, "size": 11},
        "hovertext": told,
        "hoverinfo": "text",
        "name": "measured",
    }
    theirs = [(place, mark) for place, mark in enumerate(chart.marks) if mark.baseline is not None]
    hollow = {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": [mark.baseline for _, mark in theirs],
        "y": [place for place, _ in theirs],
        "marker": {"color": GREY, "size": 9, "symbol": "diamond-open", "line": {"width": 2}},
        "hovertext": [f"baseline: {words.value(mark.baseline, mark.unit)}" for _, mark in theirs],
        "hoverinfo": "text",
        "name": "baseline",
    }
    layout = {
        "xaxis": _axis(
            chart.axis,
            **({"tickformat": ".0%"} if chart.percent else {}),
            **({"range": _padded(chart.span)} if chart.span else {"rangemode": "tozero"}),
        ),
        "yaxis": _names([mark.label for mark in chart.marks]),
        "margin": {"l": 12, "r": 62, "t": 8, "b": 44},
        "annotations": [
            {
                "x": 1.0, "xref": "paper", "xanchor": "left", "xshift": 10, "y": place, "showarrow": False,
                "text": words.value(mark.value, mark.unit),
            }
            for place, mark in marks
        ],
    }  # fmt: skip
    return [bars, *([hollow] if theirs else []), dots], layout, max(130, 64 + 30 * len(chart.marks))


def _padded(span: tuple[float, float]) -> list[float]:
    room = 0.02 * (span[1] - span[0])
    return [span[0] - room, span[1] + room]


def _bars(chart: Bars) -> Drawing:
    many = len(chart.series) > 1
    first = ORANGE if chart.wrong else BLUE
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(values),
            "y": list(range(len(chart.labels))),
            "marker": {
                "color": first if at == 0 else SERIES[at % 3],
                "pattern": {
                    "shape": _PATTERNS[at % 3],
                    "size": 6,
                    "solidity": 0.2,
                    "bgcolor": first if at == 0 else SERIES[at % 3],
                    "fgcolor": "#ffffff",
                },
            },
            "text": [f"{value:,.0f}" if chart.whole else words.number(value) for value in values],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [
                f"{plain(label)}: {plain(name)} {f'{value:,.0f}' if chart.whole else words.number(value)}"
                for label, value in zip(chart.labels, values, strict=True)
            ],
            "hoverinfo": "text",
            "name": plain(name),
        }
        for at, (name, values) in enumerate(chart.series.items())
    ]
    lengths = [value for values in chart.series.values() for value in values]
    most, least = max([0.0, *lengths]), min([0.0, *lengths])
    room = 0.06 * (most - least) or 1.0
    layout: dict[str, Any] = {
        "xaxis": _axis(chart.axis, range=[least - (room if least else 0), most + room], nticks=6),
        "yaxis": _names(chart.labels),
        "margin": {"l": 12, "r": 48, "t": 8, "b": 44},
    }
    if many:
        layout |= {
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"},
            "bargap": 0.3,
            "bargroupgap": 0.1,
            "margin": {"l": 12, "r": 48, "t": 40, "b": 44},
        }
    height = 64 + 30 * len(chart.labels) * (len(chart.series) if many else 1)
    return data, layout, max(height, 130) + (34 if many else 0)


def _matrix(chart: Matrix) -> Drawing:
    count = len(chart.labels)
    right, wrong = cell_shades(chart.counts)
    places = list(range(count))
    told = [
        [
            f"actual {plain(true)}, predicted {plain(said)}: {counted(chart.counts[row][column], 'row')}"
            for column, said in enumerate(chart.labels)
        ]
        for row, true in enumerate(chart.labels)
    ]
    layers = [
        {
            "type": "heatmap",
            "x": places,
            "y": places,
            "z": shades,
            "zmin": 0,
            "zmax": 1,
            "xgap": 2,
            "ygap": 2,
            "colorscale": [[0, _clear(colour, 0.05)], [1, colour]],
            "showscale": False,
            "hoverongaps": False,
            "hovertext": told,
            "hoverinfo": "text",
        }
        for shades, colour in ((right, BLUE), (wrong, ORANGE))
    ]
    size = 14 if count <= 4 else 12 if count <= 8 else 10
    texts = [
        {
            "x": column,
            "y": row,
            "text": f"{chart.counts[row][column]:,}",
            "showarrow": False,
            "font": {"size": size, "color": "#ffffff" if shade > 0.5 else "#20262e"},
        }
        for row in places
        for column in places
        if (shade := right[row][column] or wrong[row][column] or 0.0) is not None
    ]
    names = [plain(words.shortened(label, 18 if count <= 4 else 12)) for label in chart.labels]
    ticks = {"tickmode": "array", "tickvals": places, "ticktext": names, "showgrid": False}
    turned = -35 if max(len(name) for name in names) * count > 34 else 0
    layout = {
        "xaxis": _axis("predicted", **ticks, tickangle=turned, range=[-0.5, count - 0.5]),
        "yaxis": _axis("actual", **ticks, range=[count - 0.5, -0.5]),
        "annotations": texts,
    }
    return layers, layout, min(max(250, 110 + 44 * count), 480)


def _clear(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _scatter(chart: Scatter) -> Drawing:
    ends = _ends([*chart.actual, *chart.predicted])
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": ends,
        "y": ends,
        "line": {"color": GREY, "width": 1.5, "dash": "dash"},
        "hoverinfo": "skip",
    }
    few = len(chart.actual) <= 300
    dots = {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": list(chart.actual),
        "y": list(chart.predicted),
        "marker": {"color": BLUE, "size": 6 if few else 4, "opacity": 0.6 if few else 0.4},
        "hovertext": [
            f"actual {words.number(true)}, predicted {words.number(told)}"
            for true, told in zip(chart.actual, chart.predicted, strict=True)
        ],
        "hoverinfo": "text",
    }
    layout = {"xaxis": _axis("actual", range=ends), "yaxis": _axis("predicted", range=ends)}
    return [line, dots], layout, 340


def _ends(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 1.0
    return [low - room, high + room]


def _histogram(chart: Histogram) -> Drawing:
    pairs = list(zip(chart.edges, chart.edges[1:], strict=False))
    bars = {
        "type": "bar",
        "x": [(low + high) / 2 for low, high in pairs],
        "width": [high - low for low, high in pairs],
        "y": list(chart.counts),
        "marker": {"color": ORANGE, "line": {"width": 1, "color": "rgba(255,255,255,0.6)"}},
        "hovertext": [
            f"{words.number(low)} to {words.number(high)}: {counted(count, 'row')}"
            for (low, high), count in zip(pairs, chart.counts, strict=True)
        ],
        "hoverinfo": "text",
    }
    zero = {
        "type": "line",
        "x0": 0,
        "x1": 0,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": GREY, "dash": "dash"},
    }
    layout = {"xaxis": _axis(chart.axis), "yaxis": _axis("rows", rangemode="tozero"), "shapes": [zero], "bargap": 0}
    return [bars], layout, 260


def _reliability(chart: Reliability) -> Drawing:
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"color": GREY, "width": 1.5, "dash": "dash"},
        "hoverinfo": "skip",
    }
    bars = {
        "type": "scatter",
        "mode": "lines",
        "x": [end for said in chart.said for end in (said, said, None)],
        "y": [end for pair in zip(chart.low, chart.high, strict=True) for end in (*map(_or_none, pair), None)],
        "line": {"color": BLUE, "width": 4},
        "opacity": 0.4,
        "hoverinfo": "skip",
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": list(chart.said),
        "y": list(chart.happened),
        "marker": {"color": BLUE, "size": 9},
        "hovertext": [
            f"it said {words.percent(said)}, it was so in {words.percent(true)} of {counted(n, 'row')}"
            for said, true, n in zip(chart.said, chart.happened, chart.n, strict=True)
        ],
        "hoverinfo": "text",
    }
    scale = {"tickformat": ".0%", "range": [-0.03, 1.03]}
    layout = {"xaxis": _axis("probability as predicted", **scale), "yaxis": _axis("how often it was so", **scale)}
    return [line, bars, dots], layout, 320


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


_DRAWERS: dict[type, Callable[[Any], Drawing]] = {
    Ranges: _ranges, Bars: _bars, Matrix: _matrix, Scatter: _scatter, Histogram: _histogram, Reliability: _reliability,
}  # fmt: skip
