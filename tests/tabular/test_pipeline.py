from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris

import neurokit as nk
from neurokit.tabular import TabularPipeline

IRIS = load_iris(as_frame=True).frame


def _made(frame, **options) -> TabularPipeline:
    return TabularPipeline(verbose=0, **options).load_data(frame)


# --------------------------------------------------------------------------------------------- chaining and undoing


def test_the_seven_steps_are_one_chain(tmp_path) -> None:
    pipeline = TabularPipeline(seed=1, verbose=0)
    found = (
        pipeline.load_data(IRIS)
        .clean_data()
        .engineer_features(ratios={"shape": ["petal length (cm)", "petal width (cm)"]})
        .prepare_data("target")
        .train_model(epochs=5)
        .evaluate()
        .save(tmp_path / "iris")
    )
    assert found is pipeline
    assert [step.name for step in pipeline.steps] == [
        "load_data", "clean_data", "engineer_features", "prepare_data", "train_model", "evaluate", "save"
    ]  # fmt: skip
    text = str(pipeline)
    assert "load_data: 0 -> 150 x 0 -> 5" in text
    assert "1 row the same as an earlier one dropped" in text
    bundle = nk.load_bundle(tmp_path / "iris")
    np.testing.assert_array_equal(bundle.predict(pipeline.split["test"]), pipeline.predict(pipeline.split["test"]))


def test_undo_gives_back_the_very_table(people) -> None:
    pipeline = _made(people)
    frames = [pipeline.frame.copy()]
    pipeline.clean_data(missing="drop")
    frames.append(pipeline.frame.copy())
    pipeline.engineer_features({"older": lambda frame: frame["age"] + 1})
    frames.append(pipeline.frame.copy())
    pipeline.prepare_data("pays")
    pd.testing.assert_frame_equal(pipeline.undo().frame, frames[2])
    pd.testing.assert_frame_equal(pipeline.undo().frame, frames[1])
    pipeline.engineer_features({"older": lambda frame: frame["age"] + 1}).prepare_data("pays")
    pd.testing.assert_frame_equal(pipeline.undo("clean_data").frame, frames[0])
    assert [step.name for step in pipeline.steps] == ["load_data"]
    assert not len(pipeline.dropped)
    pd.testing.assert_frame_equal(frames[0], people)


def test_a_step_called_again_undoes_itself_and_what_follows_which_is_said(people, caplog) -> None:
    pipeline = _made(people).clean_data().prepare_data("pays")
    with caplog.at_level(logging.INFO, "neurokit"):
        pipeline.clean_data(duplicates="keep")
    assert "clean_data again: clean_data, prepare_data undone." in caplog.text
    assert len(pipeline.frame) == len(people)
    assert [step.name for step in pipeline.steps] == ["load_data", "clean_data"]


def test_a_step_that_fails_changes_nothing(people) -> None:
    pipeline = _made(people).clean_data().engineer_features(ratios={"r": ["rooms", "persons"]}).prepare_data("pays")
    before, steps = pipeline.frame, list(pipeline.steps)
    encoding = pipeline.encoding
    with pytest.raises(ValueError, match="no column"):
        pipeline.prepare_data("payz")
    with pytest.raises(ZeroDivisionError):
        pipeline.engineer_features({"x": lambda frame: 1 / 0})
    with pytest.raises(TypeError, match="has no argument 'epoch'"):
        pipeline.train_model(epoch=3)
    assert pipeline.frame is before
    assert pipeline.steps == steps
    assert pipeline.encoding is encoding


@pytest.mark.parametrize(
    ("call", "needs"),
    [
        (lambda one: one.clean_data(), "clean_data needs load_data first"),
        (lambda one: one.frame, "frame needs load_data first; done so far: no step"),
        (lambda one: one.load_data(IRIS).train_model(), "train_model needs prepare_data first; done so far: load_data"),
        (lambda one: one.load_data(IRIS).evaluate(), "evaluate needs train_model first"),
        (lambda one: one.load_data(IRIS).prepare_data("target").predict(IRIS), "trainer needs train_model first"),
        (lambda one: one.load_data(IRIS).prepare_data("target").metrics, "metrics needs evaluate first"),
        (lambda one: one.undo(), "no step to undo"),
        (lambda one: one.load_data(IRIS).undo("clean_data"), "clean_data was not called yet; done are load_data"),
        (lambda one: one.load_data(IRIS).undo("clean"), "Did you mean 'clean_data'"),
    ],
)
def test_a_step_out_of_order_says_which_is_missing(call, needs) -> None:
    with pytest.raises(ValueError, match=needs):
        call(TabularPipeline(verbose=0))


def test_reports_are_printed_unless_silent(people, capsys) -> None:
    TabularPipeline(verbose=1).load_data(people)
    assert "integer: household, pays" in capsys.readouterr().out
    TabularPipeline(verbose=0).load_data(people)
    assert not capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------------- cleaning


def test_every_dropped_row_is_counted_and_kept(people) -> None:
    pipeline = _made(people).clean_data(missing="drop")
    gone = pipeline.dropped
    assert len(gone) + len(pipeline.frame) == len(people)
    assert gone["reason"].value_counts().to_dict() == {
        "a value is missing": int(people["age"].isna().sum()), "the same as an earlier row": 1
    }  # fmt: skip
    assert set(gone["step"]) == {"clean_data"}
    pd.testing.assert_frame_equal(gone[people.columns], people.loc[gone.index], check_dtype=False)
    notes = pipeline.step("clean_data").notes
    assert f"{people['age'].isna().sum()} rows with a missing value dropped (age {people['age'].isna().sum()})" in notes
    assert "column planet dropped: it is 'earth' in every row" in notes


def test_what_is_kept_is_said_too(people) -> None:
    pipeline = _made(people).clean_data(duplicates="keep", constant="keep")
    notes = " ".join(pipeline.step("clean_data").notes)
    assert "missing values kept, to be filled by what training rows say: age" in notes
    assert "1 row the same as an earlier one kept" in notes
    assert "column planet kept" in notes
    assert len(pipeline.frame) == len(people)


def test_changed_values_are_counted() -> None:
    frame = pd.DataFrame({"a": ["x ", "x", "  ", None], "b": [1.0, np.inf, -np.inf, 2.0]})
    pipeline = _made(frame).clean_data(duplicates="keep")
    assert pipeline.frame["a"].tolist()[:2] == ["x", "x"]
    assert pipeline.frame["a"].isna().tolist() == [False, False, True, True]
    assert pipeline.frame["b"].isna().tolist() == [False, True, True, False]
    notes = pipeline.step("clean_data").notes
    assert "a: spaces taken away around 2 values" in notes
    assert "a: 1 empty text now missing" in notes
    assert "b: 2 infinite numbers now missing" in notes


def test_a_table_of_gaps_only_is_not_cleaned_away() -> None:
    with pytest.raises(ValueError, match="Cleaning would drop every row"):
        _made(pd.DataFrame({"a": [1, 2], "b": [None, None]})).clean_data(missing="drop")


# ---------------------------------------------------------------------------------------------------------- engineering


def test_functions_ratios_and_dates_make_columns_and_count_what_is_missing(people) -> None:
    people["since"] = people["since"].dt.strftime("%Y-%m-%d")
    pipeline = _made(people).engineer_features(
        {"area": lambda frame: frame["rooms"] * 20, "age": lambda frame: frame["age"].fillna(0)},
        ratios={"rooms_each": ["rooms", "persons"]},
        dates={"since": ["year", "month"]},
    )
    zero, gaps = int((people["persons"] == 0).sum()), int(people["age"].isna().sum())
    assert pipeline.step("engineer_features").notes == (
        "since: 201 texts read as dates",
        "area: made by your function",
        f"age: replaced by your function, {gaps} values changed",
        f"rooms_each: rooms / persons, missing in {zero} rows (persons is 0 in {zero})",
    )
    pipeline.prepare_data("pays")
    assert "rooms_each" in pipeline.encoding.columns["numbers"]
    assert "since: month (sine)" in pipeline.encoding.columns["numbers"]
    assert "since: days" not in pipeline.encoding.columns["numbers"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"functions": {"x": lambda frame: frame["rooms"].head(3)}},
            ValueError,
            r"functions\['x'\] gave 3 rows for 201",
        ),
        ({"functions": {"x": lambda frame: frame["rooms"].sort_values()}}, ValueError, "rows of another index"),
        ({"functions": {"x": lambda frame: frame[["rooms", "age"]]}}, ValueError, r"an array of shape \(201, 2\)"),
        ({"functions": {"x": 3}}, TypeError, "a function of a table is wanted"),
        ({"functions": [1]}, TypeError, "functions is a dict, got list"),
        ({"ratios": {"x": "rooms"}}, ValueError, "The ratio 'x' is two columns"),
        ({"ratios": {"x": ["rooms", "person"]}}, ValueError, "Did you mean 'persons'"),
        ({"ratios": {"x": ["rooms", "city"]}}, ValueError, "'city' has .* a number"),
        ({"ratios": {"rooms": ["rooms", "persons"]}}, ValueError, "has the name of a column"),
        ({"dates": ["city"]}, ValueError, "'city' has .* in row 0"),
        ({"dates": ["sinse"]}, ValueError, "Did you mean 'since'"),
    ],
)
def test_mistakes_in_engineering_are_named(people, arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        _made(people).engineer_features(**arguments)


def test_an_error_in_a_function_says_which_function(people) -> None:
    with pytest.raises(KeyError) as caught:
        _made(people).engineer_features({"x": lambda frame: frame["nothing"]})
    assert "in functions['x'] of engineer_features" in caught.value.__notes__[0]


def test_a_function_works_on_a_copy(people) -> None:
    def spoil(frame: pd.DataFrame) -> pd.Series:
        frame["rooms"] = 0.0
        return frame["age"]

    assert _made(people).engineer_features({"x": spoil}).frame["rooms"].equals(people["rooms"])


# ---------------------------------------------------------------------------------------------------- seeds and streams


def test_the_same_seed_gives_the_same_numbers_and_the_global_streams_are_left_alone() -> None:
    def run() -> np.ndarray:
        pipeline = TabularPipeline(seed=3, verbose=0).load_data(IRIS).prepare_data("target").train_model(epochs=3)
        return pipeline.predict_proba(IRIS)

    torch.manual_seed(9)
    np.random.seed(9)
    expected = torch.rand(2), np.random.random(2)
    torch.manual_seed(9)
    np.random.seed(9)
    first = run()
    assert torch.equal(torch.rand(2), expected[0])
    np.testing.assert_array_equal(np.random.random(2), expected[1])
    np.testing.assert_array_equal(first, run())
