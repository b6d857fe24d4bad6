from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from neurokit import plots

HISTORY = {
    "loss": [3.0, 2.0],
    "accuracy": [0.5, 0.6],
    "val_loss": [4.0, 3.0],
    "val_accuracy": [0.4, 0.5],
    "lr": [0.1, 0.1],
}


def test_learning_curves_pair_training_with_validation() -> None:
    axes = plots.learning_curves(HISTORY, epochs=[0, 1])

    assert [axis.get_ylabel() for axis in axes] == ["loss", "accuracy"]
    for axis, name in zip(axes, ["loss", "accuracy"], strict=True):
        training, validation = axis.lines
        assert training.get_color() == validation.get_color()
        assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
        np.testing.assert_array_equal(training.get_ydata(), HISTORY[name])
        np.testing.assert_array_equal(validation.get_ydata(), HISTORY[f"val_{name}"])


def test_people_are_shown_epochs_from_one() -> None:
    (axis,) = plots.learning_curves({"loss": [3.0, 2.0]}, epochs=[0, 1])

    assert list(axis.lines[0].get_xdata()) == [1, 2]


def test_a_changing_learning_rate_gets_axes_of_its_own() -> None:
    axes = plots.learning_curves({"loss": [3.0, 2.0], "lr": [0.1, 0.05]}, epochs=[0, 1])

    assert [axis.get_ylabel() for axis in axes] == ["loss", "lr"]


def test_one_axes_takes_every_curve() -> None:
    axis = Figure().subplots()

    (returned,) = plots.learning_curves(HISTORY, epochs=[0, 1], ax=axis)

    assert returned is axis
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "loss (training)", "loss (validation)", "accuracy (training)", "accuracy (validation)",
    ]  # fmt: skip


def test_learning_curves_draw_into_given_axes() -> None:
    given = Figure().subplots(1, 2)

    assert list(plots.learning_curves(HISTORY, epochs=[0, 1], ax=given)) == list(given)


def test_too_few_axes_are_an_error() -> None:
    history = {"loss": [1.0], "mae": [1.0], "r2": [1.0]}

    with pytest.raises(ValueError, match=r"one axes, or 3: one each for loss, mae, r2\. Got 2"):
        plots.learning_curves(history, epochs=[0], ax=Figure().subplots(1, 2))


def test_an_empty_history_is_an_error() -> None:
    with pytest.raises(ValueError, match="Call fit first"):
        plots.learning_curves({}, epochs=[])


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrix_shows_scikit_learns_numbers(normalize: str | None) -> None:
    generator = np.random.default_rng(0)
    y_true, y_pred = generator.integers(3, size=(2, 50))

    axis = plots.confusion_matrix(torch.from_numpy(y_true), y_pred, normalize=normalize)

    expected = confusion_matrix(y_true, y_pred, normalize=normalize)
    shown = [float(text.get_text()) for text in axis.texts]
    np.testing.assert_allclose(shown, expected.ravel(), atol=0.005)


def test_a_class_without_rows_is_drawn_under_its_own_name() -> None:
    axis = plots.confusion_matrix([0, 2], [2, 2], class_names=["ant", "bee", "cat"])

    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["ant", "bee", "cat"]
    assert [text.get_text() for text in axis.texts] == ["0", "0", "1", "0", "0", "0", "0", "0", "1"]


def test_labels_may_be_the_names_themselves() -> None:
    axis = plots.confusion_matrix(["bee", "ant"], ["bee", "bee"], class_names=["bee", "ant"])

    assert [text.get_text() for text in axis.texts] == ["1", "0", "1", "0"]


def test_a_label_outside_the_names_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"class_names has 2 names.*\[2\]"):
        plots.confusion_matrix([0, 2], [1, 1], class_names=["ant", "bee"])


def test_unequal_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="got 3 and 2"):
        plots.confusion_matrix([0, 1, 1], [0, 1])


def test_confusion_matrix_draws_into_given_axes() -> None:
    axis = Figure().subplots()

    assert plots.confusion_matrix([0, 1], [0, 1], ax=axis) is axis


@pytest.mark.parametrize("shape", [(3, 8, 6), (3, 1, 8, 6), (3, 8, 6, 1), (3, 3, 8, 6), (3, 8, 6, 3), (3, 4, 8, 6)])
@pytest.mark.parametrize("kind", [torch.rand, lambda *shape: np.random.rand(*shape)])
def test_images_takes_channels_first_last_or_none(shape: tuple[int, ...], kind) -> None:
    axes = plots.images(kind(*shape))

    assert axes.shape == (1, 3)
    assert all(axis.images[0].get_array().shape[:2] == (8, 6) for axis in axes.ravel())


def test_images_undoes_the_normalisation_of_each_channel() -> None:
    original = torch.rand(2, 3, 5, 5)
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.1])
    normalised = (original - mean.view(3, 1, 1)) / std.view(3, 1, 1)

    axes = plots.images(normalised, mean=mean.tolist(), std=std.tolist())

    np.testing.assert_allclose(axes[0, 1].images[0].get_array(), original[1].permute(1, 2, 0), atol=1e-6)


def test_bytes_keep_their_scale() -> None:
    axes = plots.images(np.full((1, 4, 4), 51, dtype=np.uint8))

    np.testing.assert_allclose(axes[0, 0].images[0].get_array(), 0.2)


def test_other_ranges_are_drawn_on_one_scale_for_the_whole_grid() -> None:
    axes = plots.images(np.stack([np.zeros((2, 2)), np.full((2, 2), 8.0), np.full((2, 2), 16.0)]))

    assert [axis.images[0].get_array()[0, 0] for axis in axes.ravel()] == [0.0, 0.5, 1.0]


def test_images_makes_rows_and_hides_what_is_left_over() -> None:
    axes = plots.images(np.zeros((10, 4, 4)), columns=4)

    assert axes.shape == (3, 4)
    assert [len(axis.images) for axis in axes[2]] == [1, 1, 0, 0]
    assert not any(axis.axison for axis in axes.ravel())


def test_titles_tell_right_from_wrong() -> None:
    axes = plots.images(np.zeros((2, 4, 4)), labels=torch.tensor([7, 5]), predictions=[7, 3])

    assert [axis.get_title() for axis in axes.ravel()] == ["7", "3, not 5"]
    assert [axis.title.get_color() for axis in axes.ravel()] == ["green", "red"]


@pytest.mark.parametrize("name", ["labels", "predictions"])
def test_titles_of_one_kind_are_written_as_they_are(name: str) -> None:
    axes = plots.images(np.zeros((2, 4, 4)), **{name: ["cat", "dog"]})

    assert [axis.get_title() for axis in axes.ravel()] == ["cat", "dog"]


def test_images_draws_into_a_given_figure() -> None:
    figure = Figure()

    assert plots.images(np.zeros((1, 4, 4)), figure=figure)[0, 0].figure is figure


@pytest.mark.parametrize("shape", [(784,), (5, 784), (5, 2, 28, 28), (1, 1, 1, 28, 28)])
def test_other_shapes_are_an_error_that_says_how_to_reshape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x\.reshape\(-1, 28, 28\)"):
        plots.images(np.zeros(shape))


@pytest.mark.parametrize("rows", [0, 401])
def test_a_grid_has_a_limit(rows: int) -> None:
    with pytest.raises(ValueError, match=rf"1 to 400 pictures, got {rows}"):
        plots.images(np.zeros((rows, 2, 2)))


def test_a_label_is_needed_for_each_picture() -> None:
    with pytest.raises(ValueError, match="got 2 pictures and 3 labels"):
        plots.images(np.zeros((2, 4, 4)), labels=[1, 2, 3])


def test_plots_change_neither_backend_nor_style() -> None:
    backend, style = mpl.get_backend(), dict(mpl.rcParams)

    plots.learning_curves(HISTORY, epochs=[0, 1])
    plots.confusion_matrix([0, 1], [0, 1])
    plots.images(np.zeros((1, 4, 4)))

    assert (mpl.get_backend(), dict(mpl.rcParams)) == (backend, style)
