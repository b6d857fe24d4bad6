from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from neurokit.assessment import Assessment


@pytest.fixture(autouse=True)
def _figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    mpl.use("agg")
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a plot called show()"))
    yield
    plt.close("all")


def _made(kind: str) -> Assessment:
    generator = np.random.default_rng(0)
    if kind == "regression":
        y = generator.normal(size=60)
        return Assessment.from_arrays(y, y + generator.normal(size=60), kind="regression")
    if kind == "multilabel":
        y = generator.integers(2, size=(60, 3))
        return Assessment.from_arrays(y, generator.uniform(size=(60, 3)), kind="multilabel")
    classes = {"binary": 2, "multiclass": 4, "many": 14}[kind]
    y = generator.integers(classes, size=300)
    names = [f"class {index}" for index in range(classes)]
    scores = generator.dirichlet(np.ones(classes), 300)
    return Assessment.from_arrays(y, scores, kind="binary" if classes == 2 else "multiclass", class_names=names)


CASES = [
    (kind, name) for kind in ("binary", "multiclass", "multilabel", "regression") for name in _made(kind).plots.suited()
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_picture_draws_into_the_axes_it_is_given_and_has_a_twin_in_numbers(kind: str, name: str) -> None:
    plots = _made(kind).plots
    figure, axes = plt.subplots()

    drawn = getattr(plots, name)(ax=axes)

    assert drawn is axes
    assert axes.has_data()
    assert axes.get_xlabel()
    assert plt.get_fignums() == [figure.number]
    assert len(plots.data(name))
    assert getattr(plots, name).data().equals(plots.data(name))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_without_axes_a_figure_is_made(kind: str, name: str) -> None:
    drawn = getattr(_made(kind).plots, name)()

    assert plt.get_fignums()
    drawn.figure.canvas.draw()


def test_the_pictures_show_the_numbers_of_their_twins() -> None:
    plots = _made("binary").plots
    curve, table = plots.roc().lines[0], plots.data("roc")
    assert set(curve.get_ydata()) <= set(table["true_positive_rate"])
    assert "class 1" in plots.roc().get_legend().get_texts()[0].get_text()

    cells = [int(text.get_text()) for text in plots.confusion_matrix().texts]
    assert cells == plots.data("confusion_matrix").to_numpy().ravel().tolist()

    points = plots.calibration().lines[1]
    assert points.get_ydata() == pytest.approx(plots.data("calibration")["rate"])


def test_of_very_many_classes_the_ones_told_apart_worst_are_drawn() -> None:
    axes = _made("many").plots.roc()

    assert len(axes.lines) == 11  # ten curves and chance


def test_pictures_a_task_does_not_have_are_refused_before_a_figure_is_made() -> None:
    with pytest.raises(ValueError, match="residuals is for regression"):
        _made("binary").plots.residuals()
    with pytest.raises(ValueError, match="confusion_matrix is for binary and multiclass"):
        _made("multilabel").plots.confusion_matrix()
    with pytest.raises(ValueError, match=r"name is one of .*Did you mean 'calibration'"):
        _made("binary").plots.data("calibrations")
    assert not plt.get_fignums()
