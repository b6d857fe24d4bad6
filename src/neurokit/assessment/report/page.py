"""The page: everything the report says, put into one HTML file that asks for nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neurokit.arguments import check_choice, check_path
from neurokit.assessment.decisions import Decisions
from neurokit.assessment.report import judgement, panels, sections, words
from neurokit.assessment.report.charts import Chart, Panel, Table
from neurokit.storage import replace_file
from neurokit.wording import counted

if TYPE_CHECKING:
    from neurokit.assessment.assessment import Assessment

_ALL = 1_000  # inputs: those that are not drawn are summed up
_INSTALL = 'pip install "neurokit-torch[report]"'


def to_html(
    assessment: Assessment,
    path: str | os.PathLike[str],
    *,
    explanation: Any = None,
    decisions: Decisions | None = None,
    title: str | None = None,
    good_for: Sequence[str] | str | None = None,
    not_for: Sequence[str] | str | None = None,
    notes: Sequence[str] | str = (),
    figures: Literal["auto", "plotly", "svg"] = "auto",
) -> Path:
    """Write a report for somebody who decides and does not know machine learning, and return its path.

    One file of HTML: styles, scripts and figures are in it, no request leaves it, and its own policy forbids any. It
    can be read on a phone and printed. With plotly (4.8 MB once a file) figures can be pointed at; as SVG the file
    is small and needs no scripts.

    Args:
        assessment: What ``nk.assess`` returned.
        path: The file. Missing folders are made; a file that is there is replaced, whole or not at all.
        explanation: What ``nk.explain`` returned, or a summary of it, for the panel of importance; that of the run's
            record when ``None``.
        decisions: What ``assessment.decide`` returned; the latest when ``None``.
        title: The heading.
        good_for: Sentences of your own on what the model is good for, before those that the numbers give.
        not_for: The same for what it is not.
        notes: Sentences of your own for the limits.
        figures: ``"plotly"``, ``"svg"``, or ``"auto"``: plotly where it is installed.

    Raises:
        ValueError: If ``figures`` is none of these.
        TypeError: If an argument is of another type.
        ImportError: If plotly is asked for and not installed.
        OSError: If the file cannot be written; names the path.

    Example:
        >>> import tempfile
        >>> from neurokit.assessment.assessment import Assessment
        >>> assessment = Assessment.from_arrays([0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9], kind="binary")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = assessment.to_html(f"{folder}/report.html", figures="svg")
        ...     file.read_text(encoding="utf-8")[:15]
        '<!doctype html>'
    """
    check_path("path", path)
    check_choice("figures", figures, ("auto", "plotly", "svg"))
    has_plotly = util.find_spec("plotly") is not None
    if figures == "plotly" and not has_plotly:
        raise ImportError(
            f"figures='plotly' needs plotly, which is not installed. Run {_INSTALL}, or pass figures='svg'."
        )
    own = {name: _sentences(name, said) for name, said in
           (("good_for", good_for), ("not_for", not_for), ("notes", notes))}  # fmt: skip
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title is text, got {title!r:.60} ({type(title).__name__}). Pass title='What it is about'.")
    if decisions is not None and not isinstance(decisions, Decisions):
        raise TypeError(
            f"decisions is what assessment.decide(policy) returned, got {decisions!r:.60} "
            f"({type(decisions).__name__}). Leave it out for the latest."
        )
    if Path(path).expanduser().is_dir():
        raise ValueError(f"{path} is a folder. Pass the name of a file in it, such as {Path(path) / 'report.html'}.")
    interactive = figures == "plotly" or (figures == "auto" and has_plotly)
    text = _rendered(assessment, _summarized(assessment, explanation), decisions, title, own, interactive)
    content = text.encode("utf-8", errors="replace")  # half of a surrogate pair, from a broken column name
    place = Path(path).expanduser()
    replace_file(place, [content], len(content))
    return place


def _sentences(name: str, said: Any) -> list[str]:
    if said is None:
        return []
    if isinstance(said, str):
        return [said]
    if not isinstance(said, Sequence) or not all(isinstance(one, str) for one in said):
        raise TypeError(f"{name} is a list of sentences, got {said!r:.80}. Pass {name}=['A sentence.', 'Another.'].")
    return list(said)


def _summarized(assessment: Assessment, explanation: Any) -> Mapping[str, Any] | None:
    """The explanation as plain values: one that was passed, or the one the run's record keeps."""
    if explanation is None:
        kept = {} if assessment.record is None else assessment.record.explanation
        return kept or None
    if isinstance(explanation, Mapping) and "features" in explanation:
        return explanation
    from neurokit.explanations import summarize

    summary: Mapping[str, Any] = summarize(explanation, top=_ALL)
    return summary


@dataclass(frozen=True)
class _Drawn:
    """A figure of the page: either markup, or the JSON that plotly draws from, and the numbers in it."""

    key: str
    title: str
    table: Table
    svg: str = ""
    data: str = ""
    height: int = 0


def _rendered(
    assessment: Assessment,
    explanation: Mapping[str, Any] | None,
    decisions: Decisions | None,
    title: str | None,
    own: Mapping[str, list[str]],
    interactive: bool,
) -> str:
    """Return the page as text."""
    from markupsafe import Markup

    found = assessment.to_dict()
    if decisions is not None:
        found["decisions"] = decisions.to_dict()
    four = [
        panels.performance(assessment, found),
        panels.importance(explanation),
        panels.predicted_actual(assessment, found),
        panels.errors(assessment, found),
    ]
    calibration = panels.calibration(assessment, found)
    every = four if calibration is None else [*four, calibration]
    drawings = {panel.key: list(_figures(panel, interactive)) for panel in every}
    template = _environment().get_template("template.html")
    text: str = template.render(
        style=Markup(_resource("style.css")),
        script=Markup(_resource("page.js")),
        plotly=Markup(_plotly_script()) if interactive else "",
        title=title or "Model report",
        date=_date(datetime.now(UTC)),
        model=_model(assessment),
        kind=words.capital(_kind(found)),
        found=found,
        standing=judgement.standing(found),
        tiles=judgement.tiles(assessment, found),
        good=[*own["good_for"], *judgement.good_for(assessment, found)],
        bad=[*own["not_for"], *judgement.not_for(assessment, found)],
        panels=four,
        calibration=calibration,
        drawings=drawings,
        decisions=sections.decisions(found),
        groups=sections.groups(found),
        limits=sections.limits(assessment, found, own["notes"]),
        reproduce=sections.reproduce(assessment, found),
    )
    return text


def _figures(panel: Panel, interactive: bool) -> Iterator[_Drawn]:
    from markupsafe import Markup

    for number, chart in enumerate(panel.charts, 1):
        key = f"figure-{panel.key}-{number}"
        if interactive:
            yield _interactive(chart, key)
            continue
        from neurokit.assessment.report.svg_charts import drawn

        yield _Drawn(key, chart.title, chart.table(), svg=Markup(drawn(chart, key)))


def _interactive(chart: Chart, key: str) -> _Drawn:
    from markupsafe import Markup

    from neurokit.assessment.report.plotly_charts import drawn

    data, height = drawn(chart)
    return _Drawn(key, chart.title, chart.table(), data=Markup(data), height=height)


def _environment() -> Any:
    from jinja2 import DictLoader, Environment, StrictUndefined

    made = Environment(
        loader=DictLoader({"template.html": _resource("template.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["unbroken"] = lambda text: str(text).replace(" %", "\u00a0%")
    return made


def _resource(name: str) -> str:
    return resources.files("neurokit.assessment.report").joinpath(name).read_text(encoding="utf-8")


def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


def _date(when: datetime) -> str:
    return f"{when.day} {when:%B %Y}"


def _model(assessment: Assessment) -> str:
    record = assessment.record
    return "" if record is None else str(record.model.get("class", ""))


def _kind(found: Mapping[str, Any]) -> str:
    """What the model does, in words."""
    names = found.get("class_names") or []
    if found["kind"] == "binary":
        return f"tells {words.quoted(names[1])} from {words.quoted(names[0])}"
    if found["kind"] == "multiclass":
        return f"chooses one of {len(names)} classes"
    if found["kind"] == "multilabel":
        return f"answers yes or no to {counted(len(names), 'label')}"
    return "predicts a number"
