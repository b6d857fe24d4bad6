"""Both ways of drawing a chart: plotly's JSON and matplotlib's SVG."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from neurokit.assessment.report import plotly_charts, svg_charts
from neurokit.assessment.report.charts import (
    Bars,
    Histogram,
    Mark,
    Matrix,
    Ranges,
    Reliability,
    Scatter,
    Table,
)

HARD = "</script><b>$x$</b> & {{ y }}"
CHARTS = [
    Ranges("r", [Mark(HARD, 0.9, 0.8, 0.95, 0.5), Mark("empty", None)], "axis", True, (0.0, 1.0)),
    Ranges("r", [Mark("a", 12.0, None, None)], "units"),
    Bars("b", [HARD, "b"], {"Rows": [3.0, 0.0]}, "rows", whole=True, wrong=True),
    Bars("b", ["a", "b"], {"Found": [3, 1], "Missed": [1, 2], HARD: [0, 0]}, "rows"),
    Bars("b", ["a"], {"Importance": [-0.5]}, "importance"),
    Matrix("m", [HARD, "dog"], [[3, 1], [0, 0]]),
    Scatter("s", [1.0, 2.0], [1.0, 2.5], Table(["a"], [["1"]])),
    Scatter("s", [1.0], [1.0], Table(["a"], [["1"]])),
    Histogram("h", [0.0, 1.0, 2.0], [3, 4], "error"),
    Reliability("c", [0.2, 0.8], [0.1, 0.9], [5, 5], [0.0, float("nan")], [0.3, float("nan")]),
]
each = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)


@each
def test_plotly_draws_it_from_json_that_ends_no_script(chart):
    text, height = plotly_charts.drawn(chart)
    assert not set(text) & set("<>&")
    assert "NaN" not in text
    figure = json.loads(text)
    assert figure["data"]
    assert 100 < height < 700


@each
def test_matplotlib_draws_it_with_ids_of_its_own_and_no_address(chart):
    markup = svg_charts.drawn(chart, "one")
    root = ElementTree.fromstring(markup)
    assert root.tag == "svg"
    assert root.get("aria-label") == chart.title
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("one-") for name in ids)
    assert "http" not in markup
    used = re.findall(r"url\(#([^)]*)\)", markup) + [e.get("href")[1:] for e in root.iter() if e.get("href")]
    assert set(used) <= set(ids)


@each
def test_its_table_has_a_cell_for_each_heading(chart):
    table = chart.table()
    assert table.rows
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert all(isinstance(cell, str) for row in table.rows for cell in row)


def test_the_bars_are_where_the_numbers_are():
    figure = json.loads(plotly_charts.drawn(Bars("b", ["a", "b"], {"Rows": [3.0, 1.0]}, "rows"))[0])
    assert figure["data"][0]["x"] == [3.0, 1.0]
    assert figure["layout"]["yaxis"]["ticktext"] == ["a  ", "b  "]


def test_a_name_is_no_markup_and_no_formula_for_either():
    assert plotly_charts.plain(HARD) == "&lt;/script&gt;&lt;b&gt;&#36;x&#36;&lt;/b&gt; &amp; {{ y }}"
    root = ElementTree.fromstring(svg_charts.drawn(Bars("b", ["$x$ <b>"], {"Rows": [1.0]}, "rows"), "k"))
    assert "$x$ <b>" in [element.text for element in root.iter("text")]


def test_names_that_the_measuring_font_lacks_are_drawn_without_a_warning():
    assert "猫" in svg_charts.drawn(Bars("b", ["猫"], {"Rows": [1.0]}, "rows"), "k")


def test_a_figure_of_the_user_stays_as_it_is():
    from matplotlib import pyplot as plt

    plt.figure()
    before = plt.get_fignums()
    svg_charts.drawn(CHARTS[0], "k")
    assert plt.get_fignums() == before


def test_shades_are_shares_of_the_line():
    right, wrong = plotly_charts.cell_shades([[8, 2], [0, 0]])
    assert np.isclose(right[0][0], 0.8)
    assert np.isclose(wrong[0][1], 0.2)
    assert right[1][1] == 0
