from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from neurokit.tabular import TabularPipeline

from .conftest import DATA, pipeline_of

NAMES = ("train", "validation", "test")


def _rows(pipeline) -> list[set]:
    return [set(part.index) for part in pipeline.split.values()]


# ----------------------------------------------------------------------------------------------------------- the target


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["yes", "no"] * 50, "binary"),
        ([True, False] * 50, "binary"),
        ([0.0, 1.0] * 50, "binary"),
        (["a", "b", "c", "d"] * 25, "multiclass"),
        ([3, 4, 5, 6] * 25, "multiclass"),
        (list(np.linspace(0, 1, 100)), "regression"),
        (list(range(100)), "regression"),
    ],
)
def test_the_task_is_told_from_the_target_and_said(values, kind) -> None:
    pipeline = pipeline_of({"x": np.random.default_rng(0).normal(size=100), "y": values}, "y")
    assert pipeline.target.kind == kind
    assert pipeline.step("prepare_data").notes[0].startswith(f"task {kind}: y has ")


def test_the_task_can_be_overridden() -> None:
    frame = {"x": np.random.default_rng(0).normal(size=100), "y": [3, 4, 5, 6] * 25}
    assert pipeline_of(frame, "y", task="regression").target.kind == "regression"
    assert pipeline_of(frame, "y", task="multiclass").target.classes == (3, 4, 5, 6)


def test_rows_without_a_target_are_dropped_and_counted(people) -> None:
    people.loc[[1, 5], "pays"] = np.nan
    pipeline = pipeline_of(people, "pays")
    gone = pipeline.dropped[pipeline.dropped["step"] == "prepare_data"]
    assert gone.index.tolist() == [1, 5]
    assert set(gone["reason"]) == {"the target pays is missing"}
    assert "2 rows without a target dropped" in pipeline.step("prepare_data").notes


def test_rare_classes_are_an_error_or_dropped_and_counted() -> None:
    frame = {"x": np.arange(102) ** 0.5, "y": ["a"] * 50 + ["b"] * 50 + ["c"] * 2}
    with pytest.raises(ValueError, match=r"1 class too rare to train, validate and test with: 'c' \(2 rows\)"):
        pipeline_of(frame, "y")
    pipeline = pipeline_of(frame, "y", rare="drop")
    assert pipeline.target.classes == ("a", "b")
    assert pipeline.dropped["reason"].tolist() == ["its class is too rare"] * 2


# ------------------------------------------------------------------------------------------------------------ the split


def test_a_random_split_is_seeded_stratified_and_covers_every_row_once(people) -> None:
    pipeline = pipeline_of(people, "pays")
    train, validation, test = _rows(pipeline)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert train | validation | test == set(pipeline.frame.index)
    assert abs(len(test) / len(pipeline.frame) - 0.2) < 0.02
    shares = [pipeline.split[name]["pays"].mean() for name in NAMES]
    assert max(shares) - min(shares) < 0.05
    assert _rows(pipeline_of(people, "pays")) == _rows(pipeline)
    assert _rows(pipeline_of(people, "pays", seed=1)) != _rows(pipeline)


def test_no_group_is_on_two_sides(people) -> None:
    pipeline = pipeline_of(people, "pays", split="group", group="household")
    groups = [set(part["household"]) for part in pipeline.split.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert "household" in pipeline.left_out


def test_the_latest_rows_test(people) -> None:
    pipeline = pipeline_of(people, "pays", split="time", time="since")
    train, validation, test = (pipeline.split[name]["since"] for name in NAMES)
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    assert "since" in pipeline.left_out
    assert "since" not in pipeline_of(people, "pays", split="time", time="since", keep=["since"]).left_out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "group"}, "split='group' and group= come together"),
        ({"time": "since"}, "split='time' and time= come together"),
        ({"split": "group", "group": "houshold"}, "Did you mean 'household'"),
        ({"split": "time", "time": "city"}, "time='city' is neither dates nor numbers"),
        ({"split": "time", "time": "age"}, "time='age' is missing in"),
        ({"split": "chronological"}, "Did you mean 'time'"),
        ({"test_size": 1.0}, "test_size is a share between 0 and 1"),
        ({"keep": ["Age"]}, "keep names 'Age', which is no column. Did you mean 'age'"),
        ({"drop": ["pays"]}, "'pays' is the target"),
        ({"categories": ["rooms"], "scaling": "zscore"}, "Did you mean 'standard'"),
        ({"drop": ["age", "city", "rooms", "persons", "since", "smokes", "household"]}, "No column is left"),
    ],
)
def test_mistakes_in_preparing_are_named(people, options, message) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        pipeline_of(people, "pays", **options)


# ------------------------------------------------------------------------------------------------------- nothing leaks


def test_what_is_fitted_does_not_change_with_the_rows_that_are_not_trained_on(people) -> None:
    people = people.drop_duplicates()
    pipeline = pipeline_of(people, "pays")
    others = pipeline.split["validation"].index.append(pipeline.split["test"].index)
    other = people.copy()
    other.loc[others, "age"] = 1e6
    other.loc[others, "city"] = "Atlantis"
    other.loc[others, "rooms"] = np.nan
    changed = pipeline_of(other, "pays")
    assert _rows(changed) == _rows(pipeline)
    assert changed.encoding.to_dict() == pipeline.encoding.to_dict()
    assert changed.target == pipeline.target


def test_a_column_that_alone_determines_the_target_is_named_and_left_out_unless_kept(people, caplog) -> None:
    with caplog.at_level(logging.WARNING, "neurokit"):
        pipeline = pipeline_of(people, "pays")
    assert "'says' alone determines 'pays' (accuracy 1 on rows it was not fitted on): it is left out" in caplog.text
    assert "says" in pipeline.left_out
    assert "says" not in [field.name for field in pipeline.fields]
    with pytest.raises(ValueError, match="lacks the column 'says'"):
        pipeline_of(people, "pays", keep=["says"]).encoding.transform(people.drop(columns="says"))
    assert "kept, as you say" in caplog.text


@pytest.mark.parametrize(
    "leak",
    [
        lambda y: 2 * y + 1,
        lambda y: -np.log(y),
        lambda y: y + np.random.default_rng(0).normal(0, 0.005, len(y)),
        lambda y: pd.Series(pd.qcut(y, 60, duplicates="drop").astype(str)),
    ],
)
def test_a_number_in_other_words_is_found(leak) -> None:
    frame = datasets.load_diabetes(as_frame=True).frame
    frame["target"] /= frame["target"].max()
    frame["leak"] = leak(frame["target"]).to_numpy()
    assert "leak" in pipeline_of(frame, "target", keep=[]).left_out


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_clean_tables_raise_no_alarm(name, caplog) -> None:
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    for seed in range(3):
        assert pipeline_of(frame, "target", seed=seed).left_out == {}
    assert "alone determines" not in caplog.text


@pytest.mark.skipif(not (DATA / "titanic.csv").is_file(), reason=f"needs titanic.csv in {DATA}")
def test_the_titanics_alive_is_found_and_twins_are_said() -> None:
    pipeline = pipeline_of(DATA / "titanic.csv", "survived")
    assert list(pipeline.left_out) == ["alive"]
    assert sum("alive" in note for note in pipeline.step("prepare_data").notes) == 1
    notes = pipeline.step("prepare_data").notes
    assert "pclass and class say the same" in notes
    assert "embarked and embark_town say the same" in notes


@pytest.mark.skipif(not (DATA / "california_housing.csv").is_file(), reason=f"needs california_housing.csv in {DATA}")
def test_californias_houses_raise_no_alarm() -> None:
    assert pipeline_of(DATA / "california_housing.csv", "median_house_value").left_out == {}


def test_names_and_counters_of_rows_are_left_out(people) -> None:
    people["number"] = np.arange(len(people)) + 100
    pipeline = pipeline_of(people, "pays")
    assert pipeline.left_out["number"] == "it only counts the rows"
    assert "nearly unique" in pipeline.left_out["name"]
    kept = pipeline_of(people, "pays", keep=["number", "name"])
    assert not {"number", "name"} & set(kept.left_out)


def test_categories_drop_and_types_are_followed(people) -> None:
    made = TabularPipeline(verbose=0).load_data(people, types={"persons": "category"}).clean_data()
    made.prepare_data("pays", categories=["rooms"], drop="smokes", layout="one-hot")
    types = {field.name: field.type for field in made.fields}
    assert (types["rooms"], types["persons"]) == ("category", "category")
    assert made.left_out["smokes"] == "you said so"
    assert list(made.encoding.transform(made.frame)) == ["x"]


def test_a_constant_target_is_refused() -> None:
    frame = pd.DataFrame({"x": range(40), "z": range(40), "y": [1] * 40})
    with pytest.raises(ValueError, match=r"The target 'y' is .* in every row, so clean_data dropped it"):
        pipeline_of(frame, "y")


def test_of_a_few_rows_nothing_is_said_to_tell_all() -> None:
    pipeline = pipeline_of({"x": range(10), "z": range(10), "y": ["a", "b"] * 5}, "y", test_size=0.3)
    assert pipeline.left_out == {}
    notes = pipeline.step("prepare_data").notes
    assert "7 rows are too few to tell whether a column alone determines the target" in notes


def test_a_target_of_two_kinds_is_refused() -> None:
    frame = pd.DataFrame({"x": range(40), "y": [1, "a"] * 20})
    with pytest.raises(ValueError, match="The target 'y' mixes number and text values"):
        pipeline_of(frame, "y")
