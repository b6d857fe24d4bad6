from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import util

import numpy as np
import pytest

from neurokit.assessment.assessment import Assessment
from neurokit.assessment.report import page, to_html

from_elsewhere = pytest.mark.parametrize("figures", ["plotly", "svg"])
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """What a browser would find in a page: tags, attributes, texts, and whether each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack[-1] == tag, f"</{tag}> closes <{self.stack[-1]}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        inside = self.stack[-1] if self.stack else ""
        {"script": self.scripts, "style": self.styles}.get(inside, self.texts).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def values(self, name: str) -> list[str]:
        return [found[name] or "" for _, found in self.tags if name in found]


def read(assessment: Assessment, folder, **options) -> Page:
    return Page(assessment.to_html(folder / "report.html", **options).read_text(encoding="utf-8"))


@from_elsewhere
def test_a_report_refers_to_nothing_outside_itself(every, tmp_path, figures):
    found = read(every, tmp_path, figures=figures)
    assert found.stack == []
    for name in ("src", "srcset", "action", "data", "poster", "background", "formaction"):
        assert found.values(name) == []
    assert all(link.startswith("#") for link in found.values("href"))
    assert {tag for tag, _ in found.tags}.isdisjoint({"link", "iframe", "object", "embed", "base", "img", "image"})
    styles = " ".join([*found.styles, *found.values("style"), *found.values("clip-path"), *found.values("fill")])
    assert "@import" not in styles
    assert all(inner.strip("'\"").startswith("#") for inner in re.findall(r"url\(([^)]*)\)", styles))
    policy = next(given["content"] for tag, given in found.tags if given.get("http-equiv"))
    assert policy.startswith("default-src 'none';")


@from_elsewhere
def test_every_id_is_there_once_and_every_reference_meets_one(every, tmp_path, figures):
    found = read(every, tmp_path, figures=figures)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    used = re.findall(
        r"url\(#([^)]*)\)", " ".join([*found.values("clip-path"), *found.values("style"), *found.values("fill")])
    )
    assert {link[1:] for link in found.values("href")} | set(used) | set(found.values("data-from")) <= set(ids)


@from_elsewhere
def test_every_figure_has_its_numbers_in_a_table(every, tmp_path, figures):
    text = every.to_html(tmp_path / "report.html", figures=figures).read_text(encoding="utf-8")
    drawn = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert len(drawn) >= 3
    for figure in drawn:
        inside = Page(figure)
        assert [tag for tag, _ in inside.tags].count("table") == 1
        assert [tag for tag, _ in inside.tags].count("td") >= 2
        assert any(given.get("role") == "img" and given.get("aria-label") for _, given in inside.tags)


def test_it_says_what_a_reader_needs_in_the_order_of_the_reading(binary, tmp_path):
    found = read(binary, tmp_path, explanation=None, title="Masses", good_for="A second look.", notes=["One hospital."])
    places = [
        found.text.index(words)
        for words in (
            "Masses", binary.verdict(), "What it is good for", "A second look.",
            "What it is not good for", "Performance", "What it relies on", "Predicted against actual",
            "Where it is wrong", "Decisions", "Groups", "Limits", "One hospital.", "How to reproduce it",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_it_tells_how_to_reproduce_the_run(binary, tmp_path):
    found = read(binary, tmp_path, figures="svg")
    for told in ("abc123, and files differed from it", "f" * 64, "7; of order and split", "adam", "not set",
                 "Noticed: The learning rate was high."):  # fmt: skip
        assert told in found.text


def test_a_report_without_a_record_says_so(regression, tmp_path):
    assert "without a record of the training" in read(regression, tmp_path, figures="svg").text


def test_the_explanation_of_the_record_is_used_where_none_is_passed(binary, tmp_path, monkeypatch):
    assert "No explanation was made" in read(binary, tmp_path, figures="svg").text
    kept = {"features": [{"name": "girth", "importance": 2.0}], "notes": []}
    monkeypatch.setattr(binary.record, "explanation", kept)
    assert "rest most on “girth”" in read(binary, tmp_path, figures="svg").text


def test_a_genuine_explanation_is_summed_up(binary, tmp_path):
    shap = pytest.importorskip("shap")
    explanation = shap.Explanation(np.array([[0.1, -0.5], [0.3, 0.5]]), feature_names=["age", "fare"])
    assert "rest most on “fare” and “age”" in read(binary, tmp_path, figures="svg", explanation=explanation).text


def test_decisions_that_are_passed_take_the_place_of_the_latest(binary, tmp_path):
    latest = binary.decisions
    other = binary.decide(binary.threshold(recall=0.9))
    binary.decisions = latest
    assert "a recall of 0.9" in read(binary, tmp_path, figures="svg", decisions=other).text
    assert "a recall of 0.9" not in read(binary, tmp_path, figures="svg").text


@from_elsewhere
def test_hostile_names_stay_text(hostile, hostile_options, tmp_path, figures):
    found = read(hostile, tmp_path, figures=figures, **hostile_options)
    assert found.stack == []
    assert [tag for tag, _ in found.tags if tag in ("img", "b", "a")] == []
    assert not any(name.startswith("on") for _, given in found.tags for name in given)
    kinds = [given.get("type") for tag, given in found.tags if tag == "script"]
    ours = 2 if figures == "plotly" else 1
    assert kinds.count(None) == ours
    assert "{{ 7*7 }}" in found.text
    assert "<script>window.hacked=1</script>" in found.text


def test_plotly_is_in_the_file_once(binary, tmp_path):
    size = binary.to_html(tmp_path / "report.html", figures="plotly").stat().st_size
    assert 4_000_000 < size < 6_000_000
    assert binary.to_html(tmp_path / "small.html", figures="svg").stat().st_size < 300_000


def test_without_plotly_it_is_drawn_as_svg(binary, tmp_path, monkeypatch):
    find = util.find_spec
    monkeypatch.setattr(page.util, "find_spec", lambda name: None if name == "plotly" else find(name))
    assert "<svg" in binary.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ImportError, match=r'pip install "neurokit-torch\[report\]"'):
        binary.to_html(tmp_path / "report.html", figures="plotly")


def test_folders_are_made_and_the_path_is_returned(regression, tmp_path):
    place = tmp_path / "runs" / "one" / "report.html"
    assert to_html(regression, str(place), figures="svg") == place
    assert [one.name for one in place.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"figures": "png"}, ValueError, "figures is one of 'auto', 'plotly', 'svg'"),
        ({"good_for": 3}, TypeError, r"Pass good_for=\['A sentence\.'"),
        ({"notes": [1]}, TypeError, "notes is a list of sentences"),
        ({"title": 3}, TypeError, "title is text"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_written(regression, tmp_path, options, error, says):
    with pytest.raises(error, match=says):
        regression.to_html(tmp_path / "report.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_two_reports_of_one_assessment_are_the_same(regression, tmp_path):
    first = regression.to_html(tmp_path / "first.html", figures="svg").read_bytes()
    assert regression.to_html(tmp_path / "second.html", figures="svg").read_bytes() == first


def test_settings_of_matplotlib_neither_reach_it_nor_change(binary, tmp_path):
    import matplotlib as mpl

    plain = binary.to_html(tmp_path / "plain.html", figures="svg").read_bytes()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert binary.to_html(tmp_path / "styled.html", figures="svg").read_bytes() == plain
        assert mpl.rcParams["font.size"] == 30


def test_rows_with_weights_and_several_outputs_are_reported(tmp_path):
    generator = np.random.default_rng(0)
    true = generator.standard_normal((80, 2))
    weighted = Assessment.from_arrays(
        true, true + 0.1, kind="regression", sample_weight=generator.uniform(0.5, 2, 80), class_names=None
    )
    found = read(weighted, tmp_path, figures="svg")
    assert "output 2" in found.text
    assert "Metrics count rows by the weights" in found.text
    assert "none" not in found.text


def test_a_handful_of_rows_is_reported_as_too_few(tmp_path):
    few = Assessment.from_arrays([0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9], kind="binary")
    text = read(few, tmp_path, figures="svg").text
    assert "These numbers do not show that it is good for anything yet." in text
    assert "4 rows in all: too few" in text


def test_what_is_no_decision_no_explanation_and_no_file_is_refused(binary, tmp_path):
    with pytest.raises(TypeError, match=r"decisions is what assessment\.decide"):
        binary.to_html(tmp_path / "a.html", decisions=5)
    with pytest.raises(TypeError, match=r"An explanation is what nk\.explain"):
        binary.to_html(tmp_path / "a.html", explanation="nonsense")
    with pytest.raises(ValueError, match=r"is a folder\. Pass the name of a file in it"):
        binary.to_html(tmp_path)
    assert not list(tmp_path.iterdir())
