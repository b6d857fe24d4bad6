from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from neurokit import History, RunRecord
from neurokit.cards import pictures


def test_a_picture_is_drawn_on_a_figure_of_its_own(tumours: Any) -> None:
    drawn = [*pictures.of_history(tumours.trainer.history), *pictures.of_assessment("test", "E", tumours.assessment)]
    contents = [one.content() for one in drawn]
    assert all(content.startswith(b"\x89PNG") for content in contents)
    assert plt.get_fignums() == []
    assert contents == [one.content() for one in drawn]  # the same bytes each time
    assert len({one.file for one in drawn}) == len(drawn)


def test_a_record_tells_its_own_pictures() -> None:
    record = RunRecord(
        assessments={"te/st": {"n": 3, "confusion": {"labels": ["$\\frac", "b" * 99], "counts": [[1.5, 0], [1, 1]]}}},
        explanation={
            "features": [{"name": "数据 $x_", "importance": 0.5}, {"name": "b", "importance": None}],
            "rows": 2,
        },
    )
    found = pictures.told_by(record)
    assert [one.file for one in found] == ["card_te_st_confusion_matrix.png", "card_importance.png"]
    assert all(one.content().startswith(b"\x89PNG") for one in found)
    assert pictures.told_by(RunRecord()) == []


def test_a_history_without_numbers_has_no_curves() -> None:
    assert pictures.of_history(History({})) == []
    history = History({})
    history.append(0, {"lr": 0.1})
    assert pictures.of_history(history) == []


def test_a_figure_is_kept_as_it_was_when_it_was_passed() -> None:
    figure = Figure()
    axes = figure.subplots()
    [picture] = pictures.given(axes)
    before = picture.content()
    axes.plot([1, 2], [3, 4])
    assert picture.content() == before
    assert [one.file for one in pictures.given([figure, np.asarray([axes])])] == ["card_plot_1.png", "card_plot_2.png"]


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a\\b.png", "c:a.png", "a.txt", "a", "", ".png\n", "a.png "])
def test_a_name_that_leads_elsewhere_is_no_picture(name: str) -> None:
    assert not pictures.is_beside(name)
    assert pictures.is_beside("a.png")
