from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest

from neurokit import checkpoint
from neurokit.history import BestValue, History


def filled() -> History:
    history = History({"loss": "min", "accuracy": "max", "val_loss": "min", "lr": None})
    rows = [(0.9, 0.5, 1.0), (0.5, 0.8, 0.7), (0.4, 0.8, 0.8)]
    for epoch, (loss, accuracy, val_loss) in enumerate(rows):
        history.append(epoch, {"loss": loss, "accuracy": accuracy, "val_loss": val_loss, "lr": 0.1})
    return history


def test_it_holds_a_list_for_each_name_as_in_keras() -> None:
    history = filled()

    assert history.history["loss"] == [0.9, 0.5, 0.4]
    assert list(history.history) == ["loss", "accuracy", "val_loss", "lr"]
    assert history.epoch == [0, 1, 2]
    assert history.stop_reason is None


def test_values_are_plain_floats_whatever_was_logged() -> None:
    history = History()
    history.append(0, {"loss": np.float32(0.5), "steps": 3})  # type: ignore[dict-item]

    assert [type(values[0]) for values in history.history.values()] == [float, float]


def test_a_name_that_comes_late_or_goes_has_nan_where_it_is_missing() -> None:
    history = History()
    for epoch, logs in enumerate([{"loss": 1.0}, {"loss": 2.0, "late": 3.0}, {"late": 4.0}]):
        history.append(epoch, logs)

    assert np.array_equal(history.history["late"], [math.nan, 3, 4], equal_nan=True)
    assert np.array_equal(history.history["loss"], [1, 2, math.nan], equal_nan=True)


@pytest.mark.parametrize(("monitor", "value", "epoch"), [("loss", 0.4, 2), ("accuracy", 0.8, 1), ("val_loss", 0.7, 1)])
def test_the_best_goes_by_the_declared_direction_and_takes_the_first(monitor: str, value: float, epoch: int) -> None:
    best = filled().best(monitor)

    assert (best, best.value, best.epoch) == (value, value, epoch)
    assert type(best.value) is float


def test_the_best_is_a_number_to_everybody_else() -> None:
    best = filled().best("loss")

    assert best < 0.5
    assert f"{best:.2f} {best}" == "0.40 0.4"
    assert json.dumps(best) == "0.4"
    assert repr(best) == "0.4 (epoch 2)"
    assert copy.deepcopy(best).epoch == 2


def test_a_mode_overrides_the_direction() -> None:
    assert filled().best("loss", mode="max") == 0.9
    assert filled().best("lr", mode="min").epoch == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_is_never_the_best(bad: float) -> None:
    history = History({"loss": "min"})
    for epoch, loss in enumerate([bad, 0.5, bad]):
        history.append(epoch, {"loss": loss})

    assert history.best("loss").epoch == 1


def test_the_epoch_of_the_best_is_the_epochs_number_and_not_its_place() -> None:
    history = History({"loss": "min"})
    for epoch in (5, 6):
        history.append(epoch, {"loss": -float(epoch)})

    assert history.best("loss").epoch == 6


def test_errors_say_what_there_is_and_what_to_do() -> None:
    history = filled()
    history.append(3, {"never": math.nan})

    with pytest.raises(ValueError, match=r"'val_los' was never logged; .*'accuracy'.* Did you mean 'val_loss'\?"):
        history.best("val_los")
    with pytest.raises(ValueError, match=r"which way 'lr' is better\. Pass mode='min' or mode='max'"):
        history.best("lr")
    with pytest.raises(ValueError, match="'never' was NaN in each of the 4 epochs"):
        history.best("never", mode="min")
    with pytest.raises(ValueError, match="mode is one of 'auto', 'min', 'max', got 'lowest'"):
        history.best("loss", mode="lowest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"The history is empty.*Call fit first"):
        History({"loss": "min"}).best("loss")


def test_a_frame_has_a_row_for_each_epoch() -> None:
    frame = filled().to_frame()

    assert list(frame.columns) == ["loss", "accuracy", "val_loss", "lr"]
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == [0, 1, 2]
    assert frame["loss"].tolist() == [0.9, 0.5, 0.4]


def test_an_empty_frame_is_empty() -> None:
    frame = History().to_frame()

    assert frame.shape == (0, 0)
    assert frame.index.name == "epoch"


def test_the_plot_pairs_training_and_validation_in_one_colour() -> None:
    axes = filled().plot()

    training, validation = axes[0].lines
    assert training.get_color() == validation.get_color()
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert training.get_ydata().tolist() == [0.9, 0.5, 0.4]
    assert validation.get_ydata().tolist() == [1.0, 0.7, 0.8]


def test_the_plot_takes_axes() -> None:
    from matplotlib import pyplot as plt

    axes = plt.subplots()[1]

    assert filled().plot(ax=axes)[0] is axes


def test_the_plot_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="history is empty"):
        History().plot()


def test_its_state_survives_a_checkpoint(tmp_path: Path) -> None:
    history, restored = filled(), History()
    history.append(3, {"loss": math.nan, "accuracy": -math.inf})
    history.stop_reason = "early stopping"

    state = checkpoint.read(checkpoint.write(tmp_path / "step-00000001", {"history": history.state_dict()}))
    restored.load_state_dict(state["history"])

    assert repr(restored.state_dict()) == repr(history.state_dict())


def test_its_state_is_a_copy() -> None:
    history = filled()
    state = history.state_dict()
    history.append(3, {"loss": 0.0})

    assert len(state["history"]["loss"]) == 3


def test_directions_of_the_present_fit_stay() -> None:
    history = History({"loss": "max", "new": "max"})

    history.load_state_dict(filled().state_dict())

    assert history.directions["loss"] == "max"
    assert history.directions["new"] == "max"
    assert history.directions["accuracy"] == "max"


def test_its_repr_is_short() -> None:
    history = filled()
    history.stop_reason = "completed"

    assert repr(history) == "History(3 epochs, loss=0.4, accuracy=0.8, val_loss=0.8, completed)"
    assert repr(History()) == "History(0 epochs)"


def test_a_best_value_is_made_of_a_number_and_an_epoch() -> None:
    assert BestValue(0.5, 3).epoch == 3
