from __future__ import annotations

import json
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from sklearn.metrics import roc_auc_score

from neurokit.assessment.protected import (
    ProtectedColumn,
    SensitiveFeatureWarning,
    check_features,
    name_parts,
    protected_attribute,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"


def _shared(name: str) -> pd.DataFrame:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name} in the shared data")
    return pd.read_csv(path)


def _people(rows: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    sex = generator.choice(["f", "m"], rows)
    return pd.DataFrame(
        {
            "Sex": sex,
            "height": np.where(sex == "m", 178, 165) + generator.normal(0, 9, rows),
            "income": generator.lognormal(10, 0.5, rows),
        }
    )


def _said(table: Any, **options: Any) -> tuple[list[ProtectedColumn], str]:
    """What was found, and the one warning; "" without one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = check_features(table, **options)
    assert len(caught) <= 1
    assert all(one.category is SensitiveFeatureWarning for one in caught)
    return found, str(caught[0].message) if caught else ""


# Names


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("Sex", "sex"), ("sex", "sex"), ("GENDER", "sex"), ("gender_Male", "sex"), ("isFemale", "sex"),
        ("adult_male", "sex"), ("x_gender_code2", "sex"),
        ("race", "race or ethnicity"), ("Ethnicity", "race or ethnicity"), ("ethnic group", "race or ethnicity"),
        ("is_hispanic", "race or ethnicity"), ("skin_tone", "race or ethnicity"), ("skinColour", "race or ethnicity"),
        ("age", "age"), ("Age", "age"), ("age_group", "age"), ("AGE2", "age"), ("patientAge", "age"), ("dob", "age"),
        ("customerDOB", "age"), ("DOBDate", "age"), ("DateOfBirth", "age"), ("date of birth", "age"),
        ("birth-date", "age"), ("birthdate", "age"), ("year_born", "age"), ("policyHolderAge", "age"),
        ("mean age of tenants", "age"),
        ("religion", "religion"), ("Religious_Affiliation", "religion"),
        ("nationality", "nationality"), ("country_of_birth", "nationality"), ("native-country", "nationality"),
        ("foreign_worker", "nationality"), ("birthPlace", "nationality"), ("national_origin", "nationality"),
        ("native_language", "native language"), ("motherTongue", "native language"),
        ("marital-status", "marital status"), ("MaritalStatus", "marital status"), ("is_married", "marital status"),
        ("civil_status", "marital status"), ("relationship_status", "marital status"),
        ("disability", "disability"), ("isDisabled", "disability"), ("pregnant", "pregnancy"),
        ("Pregnancies", "pregnancy"), ("sexual_orientation", "sexual orientation"),
        ("patientsex", "sex"), ("agecat", "age"), ("age_cat", "age"), ("tribe", "race or ethnicity"),
        ("maiden_name", "marital status"), ("mental_illness", "health"), ("healthStatus", "health"),
        ("num_children", "parental status"), ("NumberOfChildren", "parental status"),
        ("political_party", "political opinion"), ("union_member", "union membership"), ("veteran", "veteran status"),
    ],
)  # fmt: skip
def test_a_protected_attribute_is_found_in_a_name(name: str, attribute: str) -> None:
    assert protected_attribute(name) == attribute


@pytest.mark.parametrize(
    "name",
    [
        "page", "pageviews", "stage", "average", "usage", "message", "Essex", "sussex", "image", "manager", "tracer",
        "trace", "percentage", "package", "storage", "voltage", "damage", "wages", "agent", "agency", "race_time",
        "raceTime", "lap_race_position", "HouseAge", "housing_median_age", "account_age_days", "vehicle_age",
        "carAge", "embrace", "terrace", "gracefulness", "bracelet", "birth_weight", "birth_rate", "date", "country",
        "status", "language", "skin_thickness", "SkinThickness", "skinfold", "origination_date", "union_find",
        "party_size", "member_since", "native_resolution", "x1", "", "42", "postcode", "zip_code", "pixel_0_1",
        "MedInc", "male_connector", "user_disabled", "bandage", "dosage", "sextant", "unisexual", "aged_debt",
        "server_health_status", "health_check", "node_num_children", "cagecat", "tributary", "file_name",
        "maiden_voyage",
        "n_rows", "has_header", "condition", "chronic_delay", "agenda", "orangecat", "health_food_sales",
    ],
)  # fmt: skip
def test_ordinary_names_are_left_alone(name: str) -> None:
    assert protected_attribute(name) is None


def test_letters_of_other_languages_do_not_cut_words() -> None:
    assert name_parts("Équipage") == ["équipage"]
    assert protected_attribute("équipéage") is None


@pytest.mark.parametrize("table", [load_wine, "california_housing.csv"])
def test_tables_that_are_not_about_people_say_nothing(table: Any) -> None:
    data = _shared(table) if isinstance(table, str) else table(as_frame=True).data
    assert _said(data) == ([], "")


# The warning


def test_the_warning_says_what_is_used_what_stands_in_and_what_to_pass() -> None:
    people = _people()
    auc = roc_auc_score(people["Sex"] == "m", people["height"])
    found, message = _said(people)
    assert message == (
        "Column 'Sex' looks like a protected attribute and is used as a feature. "
        f"Column 'height' (AUC {auc:.2f}) can stand in for it, so dropping it is not enough by itself.\n"
        'Pass `sensitive=["Sex"]` to report results by group, `exclude=["Sex"]` to leave it out, or '
        '`acknowledge=["Sex"]` to silence this.'
    )
    [column] = found
    assert (column.name, column.attribute, column.use) == ("Sex", "sex", "feature")
    assert column.stand_ins == (("height", pytest.approx(auc, abs=1e-4)),)
    assert json.loads(json.dumps(column.to_dict()))["stand_ins"][0]["column"] == "height"


def test_several_columns_make_one_warning() -> None:
    people = _people().assign(age=np.arange(400))
    _, message = _said(people)
    assert message.startswith("Columns 'Sex' and 'age' look like protected attributes and are used as features.")
    assert "Column 'height' (AUC 0.8" in message
    assert 'acknowledge=["Sex", "age"]' in message


def test_the_warning_points_at_the_caller_asked_for() -> None:
    def library(table: pd.DataFrame) -> None:
        check_features(table, stacklevel=3)

    with pytest.warns(SensitiveFeatureWarning) as caught:
        library(_people())
    assert caught[0].filename == __file__
    assert caught[0].lineno == library.__code__.co_firstlineno + 4


@pytest.mark.parametrize("argument", ["sensitive", "exclude", "acknowledge"])
@pytest.mark.parametrize("given", [True, 0.5])
def test_what_is_no_list_of_columns_says_what_it_takes(argument: str, given: Any) -> None:
    with pytest.raises(TypeError, match=rf'{argument} is a list of column names, got .*such as {argument}=\["Sex"\]'):
        check_features(_people(), **{argument: given})


@pytest.mark.parametrize("argument", ["sensitive", "exclude", "acknowledge"])
@pytest.mark.parametrize("form", [["Sex"], "Sex", ("Sex",)])
def test_a_column_that_was_decided_on_does_not_warn(argument: str, form: Any) -> None:
    found, message = _said(_people(), **{argument: form})
    assert message == ""
    assert [one.name for one in found] == ["Sex"]


def test_what_stands_in_for_an_excluded_column_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "neurokit"):
        _, message = _said(_people(), exclude=["Sex"])
    assert message == ""
    assert len(caplog.messages) == 1
    assert "Column 'height' (AUC 0.8" in caplog.text
    assert "can stand in for 'Sex', which is left out" in caplog.text
    caplog.clear()
    for options in ({"exclude": ["Sex"], "acknowledge": ["Sex"]}, {"exclude": ["Sex"], "acknowledge": ["height"]},
                    {"exclude": ["Sex", "height"]}, {"sensitive": ["Sex"]}):  # fmt: skip
        _said(_people(), **options)
    assert caplog.messages == []


@pytest.mark.parametrize("form", ["dict", "frame", "series", "tensor"])
def test_sensitive_values_outside_the_table_are_looked_for_in_it(form: str, caplog: pytest.LogCaptureFixture) -> None:
    people = _people()
    sex = people.pop("Sex")
    given = {"dict": {"group": sex.tolist()}, "frame": sex.rename("group").to_frame(),
             "series": pd.Series(sex.to_numpy(), index=range(1, 401), name="group"),
             "tensor": {"group": torch.tensor((sex == "m").to_numpy())}}[form]  # fmt: skip
    with caplog.at_level(logging.WARNING, "neurokit"):
        [column], message = _said(people, **({"sensitive": given} if form == "dict" else {"sensitive_values": given}))
    assert message == ""
    assert (column.name, column.attribute, column.use) == ("group", "named by you", "outside")
    assert [name for name, _ in column.stand_ins] == ["height"]
    assert "'group', which is not among the features" in caplog.text


@pytest.mark.parametrize("argument", ["sensitive", "exclude", "acknowledge"])
def test_an_unknown_name_is_refused_with_the_nearest(argument: str) -> None:
    with pytest.raises(ValueError, match=rf"{argument} names 'Sexx', which is no column. Did you mean 'Sex'"):
        check_features(_people(), **{argument: ["Sexx"]})


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="3 names and the table 2 columns"):
        check_features(np.zeros((5, 2)), feature_names=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"shape \(5,\)"):
        check_features(np.zeros(5))
    with pytest.raises(ValueError, match="5 rows and the features 400"):
        check_features(_people(), sensitive_values={"g": [1] * 5})
    with pytest.raises(ValueError, match="threshold"):
        check_features(_people(), threshold=75)


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_arrays_come_with_names(kind: str) -> None:
    people = _people()
    values = np.stack([people["Sex"] == "m", people["height"], people["income"]], 1).astype(float)
    table = torch.tensor(values) if kind == "tensor" else values
    found, message = _said(table, feature_names=["sex", "height", "income"])
    assert "Column 'sex' looks like" in message
    assert [name for name, _ in found[0].stand_ins] == ["height"]
    assert _said(table) == ([], "")


# What stands in


def _stand_ins(sensitive: Any, **columns: Any) -> dict[str, float]:
    table = pd.DataFrame({"sex": sensitive, **columns})
    return dict(check_features(table, acknowledge=["sex"])[0].stand_ins)


def test_the_auc_of_a_number_is_scikit_learns_in_either_direction() -> None:
    people = _people()
    expected = roc_auc_score(people["Sex"] == "m", people["height"])
    found = _stand_ins(people["Sex"], height=people["height"], shortness=-people["height"])
    assert list(found.values()) == pytest.approx([expected, expected], abs=1e-4)


def test_noise_of_any_kind_stands_in_for_nothing() -> None:
    for seed in range(5):
        generator = np.random.default_rng(seed)
        rows = 120
        noise = {f"number{place}": generator.normal(size=rows) for place in range(40)}
        noise |= {f"text{place}": generator.choice(list("abcdefghijkl"), rows) for place in range(20)}
        noise |= {"name": [f"row {row}" for row in range(rows)], "constant": ["same"] * rows}
        assert _stand_ins(generator.choice(["f", "m"], rows), **noise) == {}


def test_text_codes_missing_values_booleans_and_dates_can_stand_in() -> None:
    sex = np.resize(["f", "m", "m", "f"], 400)
    title = np.where(sex == "f", np.resize(["Mrs", "Miss"], 400), "Mr")
    code = np.where(sex == "f", 2, np.resize([1, 3], 400))  # in no order
    maiden = np.where(sex == "f", "Smith", None)
    checked = np.where(sex == "m", np.nan, np.arange(400.0))
    date = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.where(sex == "f", 0, 400) + np.arange(400) % 7, unit="D")
    found = _stand_ins(sex, title=title, code=code, maiden=maiden, checked=checked, date=date, flag=sex == "f",
                       kind=pd.Categorical(title))  # fmt: skip
    assert set(found) == {"title", "code", "maiden", "checked", "date", "flag", "kind"}
    assert min(found.values()) > 0.95


def test_of_several_groups_the_one_told_best_counts() -> None:
    generator = np.random.default_rng(0)
    origin = generator.choice(["a", "b", "c"], 600)
    marker = generator.normal(size=600) + np.where(origin == "b", 4, 0)
    assert _stand_ins(origin, marker=marker)["marker"] == pytest.approx(
        max(roc_auc_score(origin == group, marker) for group in "abc"), abs=1e-4
    )


def test_a_group_of_a_few_rows_is_not_asked_about() -> None:
    origin = np.r_[np.repeat("a", 300), np.repeat("b", 300), np.repeat("rare", 5)]
    marker = np.r_[np.resize([0.0, 1.0, 2.0], 600), np.full(5, 9.0)]
    assert _stand_ins(origin, marker=marker) == {}


def test_a_quantity_is_told_by_its_upper_half_also_as_dates_in_text() -> None:
    generator = np.random.default_rng(0)
    age = generator.uniform(18, 90, 500)
    table = pd.DataFrame({
        "dob": (pd.Timestamp("2020-01-01") - pd.to_timedelta(age * 365.25, unit="D")).strftime("%Y-%m-%d"),
        "seniority": age - 18 + generator.normal(0, 10, 500), "noise": generator.normal(size=500),
    })  # fmt: skip
    [column] = check_features(table, acknowledge="dob")
    assert [name for name, _ in column.stand_ins] == ["seniority"]
    age_itself = table.assign(age=age).drop(columns="dob")
    assert check_features(age_itself, acknowledge="age")[0].stand_ins[0][0] == "seniority"


def test_missing_sensitive_values_are_left_out() -> None:
    people = _people()
    expected = roc_auc_score(people["Sex"][50:] == "m", people["height"][50:])
    sex = people["Sex"].astype(object).copy()
    sex[:50] = None
    assert _stand_ins(sex, height=people["height"])["height"] == pytest.approx(expected, abs=1e-4)


def test_the_threshold_can_be_moved() -> None:
    people = _people()
    assert check_features(people, acknowledge="Sex", threshold=0.95)[0].stand_ins == ()


def test_nothing_is_changed_and_no_global_stream_is_touched() -> None:
    people = _people(20_000)
    before, numpy_state, torch_state = people.copy(), np.random.get_state()[1].copy(), torch.get_rng_state().clone()
    one, same = (check_features(people, acknowledge="Sex") for _ in range(2))
    assert one == same
    pd.testing.assert_frame_equal(people, before)
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_a_large_table_is_sampled() -> None:
    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.normal(size=(200_000, 50))).add_prefix("x")
    table["gender"] = generator.choice(["f", "m"], len(table))
    check_features(table[:100], acknowledge="gender")
    start = time.perf_counter()
    check_features(table, acknowledge="gender")
    assert time.perf_counter() - start < 5  # 0.1 s on one core; of all rows it takes longer than fitting


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_table_of_hardly_any_rows_is_judged_by_names_alone(rows: int) -> None:
    found, message = _said(_people()[:rows])
    assert "Column 'Sex' looks like" in message
    assert found[0].stand_ins == ()


def test_values_that_cannot_be_hashed_or_names_that_come_twice_break_nothing() -> None:
    table = _people()
    table["list"] = [[1, 2]] * len(table)
    table = pd.concat([table, table[["income"]]], axis=1)
    assert [name for name, _ in check_features(table, acknowledge="Sex")[0].stand_ins] == ["height"]


def test_diabetes_has_age_and_sex() -> None:
    found, message = _said(load_diabetes(as_frame=True).data)
    assert [one.name for one in found] == ["age", "sex"]
    assert "Columns 'age' and 'sex'" in message


def test_the_titanic_tells_sex_by_who() -> None:
    found, _ = _said(_shared("titanic.csv").drop(columns=["survived", "alive"]))
    by_name = {one.name: dict(one.stand_ins) for one in found}
    assert set(by_name) == {"sex", "age", "adult_male"}
    assert by_name["sex"]["who"] > 0.98


def test_penguins_tell_sex_by_their_mass() -> None:
    found, message = _said(_shared("penguins.csv"))
    assert [one.name for one in found] == ["sex"]
    assert "'body_mass_g' (AUC 0.75)" in message
