from __future__ import annotations

import json

import numpy as np
import pytest

import neurokit as nk
from neurokit.tabular import TabularPipeline

from .conftest import pipeline_of

pytestmark = pytest.mark.usefixtures("silent")


def test_an_assessment_speaks_of_raw_columns_and_own_labels(binary, multiclass) -> None:
    found = binary.assess()
    test = binary.split["test"].reset_index(drop=True)
    assert found.names == ["benign", "malignant"]
    assert found.positive == "malignant"
    assert found.n == len(test)
    worst = found.top_losses(3)
    for number, row in worst.iterrows():
        assert row["mean radius"] == test.loc[number, "mean radius"]
        assert row["actual"] == test.loc[number, "target"]
    assert float(found["accuracy"]) == binary.evaluate()["accuracy"]
    assert multiclass.assess().names == ["1", "2", "3"]


def test_an_assessment_of_a_regression_is_in_own_units(regression) -> None:
    found = regression.assess()
    assert found.kind == "regression"
    assert float(found["mae"]) == pytest.approx(regression.evaluate()["mae"])
    assert found.baseline.y_pred[0] == pytest.approx(regression.split["train"]["target"].mean())
    assert {"age", "sex", "bmi"} <= set(found.top_losses(2).columns)


def test_groups_are_of_any_raw_column_also_one_that_is_not_learnt_from(people, regression) -> None:
    pytest.importorskip("fairlearn")
    pipeline = pipeline_of(people, "pays", drop=["city"]).train_model(epochs=2)
    assert set(pipeline.assess(sensitive="city").groups.sizes.index) == {"Bern", "Chur", "Genf"}
    assert set(regression.assess().by_group("sex").sizes.index) == {"one", "two"}


def test_a_column_that_looks_protected_is_warned_of_at_the_line_that_asks(regression) -> None:
    with pytest.warns(nk.SensitiveFeatureWarning, match="'age' and 'sex' look like protected") as caught:
        regression.assess()
    assert caught[0].filename == __file__


def test_new_rows_are_assessed_under_their_own_name(binary) -> None:
    rows = binary.split["validation"]
    found = binary.assess(rows, name="validation")
    assert (found.n, found.name) == (len(rows), "validation")
    with pytest.raises(ValueError, match="needs a DataFrame that has the target 'target'"):
        binary.assess(rows.drop(columns="target"))
    with pytest.raises(TypeError, match="Did you mean 'sensitive'"):
        binary.assess(sensitve="x")


def test_explanations_are_of_raw_columns_and_add_up_to_the_answers(binary, regression, multiclass) -> None:
    for pipeline in (binary, multiclass, regression):
        rows = pipeline.split["test"].head(2)
        found = pipeline.explain(rows, max_evals=200)
        assert list(found.feature_names) == [field.name for field in pipeline.fields]
        told = pipeline.predict(rows) if pipeline is regression else pipeline.predict_proba(rows)
        np.testing.assert_allclose(found.values.sum(1) + found.base_values, told, atol=1e-5 * np.abs(told).max())
    assert found.values.shape == (2, 10)
    assert list(found.display_data[:, list(found.feature_names).index("sex")]) == list(rows["sex"])


def test_text_with_gaps_and_dates_is_explained(people) -> None:
    people.loc[::7, "city"] = None
    pipeline = pipeline_of(people, "pays").train_model(epochs=1)
    found = pipeline.explain(pipeline.split["test"].head(2), max_evals=100)
    assert found.values.shape == (2, len(pipeline.fields), 2)
    assert np.isfinite(found.values).all()


def test_the_card_tells_what_was_done_to_the_data(people) -> None:
    people.loc[[1, 5], "pays"] = np.nan
    pipeline = pipeline_of(people, "pays", drop=["smokes"]).train_model(epochs=1)
    card = pipeline.card(license="mit", plots=False)
    assert "2 rows without a target dropped" in card["Data/Preprocessing"]
    assert "the same as an earlier one dropped" in card["Data/Preprocessing"]
    assert "Column says left out: it alone determines the target" in card["Data/Quality issues"]
    assert "Column smokes left out: you said so" in card["Data/Quality issues"]
    assert "3 rows dropped before the split" in card["Data/Quality issues"]
    assert "with each class in its share" in card["Data/Split"]
    assert "city" in card["Model/Signature"]
    assert "license" not in card.missing()
    again = nk.ModelCard.from_record(json.loads(card.record.to_json()))
    assert again.text == card.text


def test_the_card_of_a_regression_has_the_targets_own_units(regression) -> None:
    train = regression.split["train"]["target"]
    balance = regression.trainer.record.balance["train"]
    assert balance["mean"] == pytest.approx(train.mean())
    assert balance["max"] == train.max()


def test_the_report_is_one_file(binary, tmp_path) -> None:
    path = binary.report(tmp_path / "report.html", figures="svg")
    text = path.read_text(encoding="utf-8")
    assert "malignant" in text
    assert "mean radius" in text or path.stat().st_size > 10_000


@pytest.mark.parametrize("which", ["binary", "regression", "multiclass"])
def test_a_bundle_answers_raw_rows_as_the_pipeline_does(which, request, tmp_path) -> None:
    pipeline = request.getfixturevalue(which)
    pipeline.save(tmp_path / which)
    bundle = nk.load_bundle(tmp_path / which)
    rows = pipeline.split["test"]
    told = bundle.predict(rows)
    if which == "regression":
        np.testing.assert_allclose(told, pipeline.predict(rows), rtol=1e-5)
    else:
        assert list(told) == list(pipeline.predict(rows))
        np.testing.assert_allclose(bundle.predict_proba(rows), pipeline.predict_proba(rows), atol=1e-6)
    assert bundle.fields == pipeline.fields
    assert "Preprocessing" in bundle.card
    files = {one.suffix for one in (tmp_path / which).iterdir()}
    assert files <= {".json", ".safetensors", ".md", ".png"}


def test_a_bundle_computes_ratios_and_dates_and_wants_the_columns_of_functions(people, tmp_path, caplog) -> None:
    pipeline = TabularPipeline(verbose=0).load_data(people).clean_data()
    pipeline.engineer_features({"area": lambda frame: frame["rooms"] * 20}, ratios={"each": ["rooms", "persons"]})
    pipeline.prepare_data("pays").train_model(epochs=1).save(tmp_path / "people")
    assert "rows for the bundle must have area already" in caplog.text
    bundle = nk.load_bundle(tmp_path / "people")
    rows = pipeline.split["test"]
    np.testing.assert_allclose(bundle.predict_proba(rows), pipeline.predict_proba(rows), atol=1e-6)
    with pytest.raises(ValueError, match="lacks the column 'area'"):
        bundle.predict(rows.drop(columns="area"))
    assert len(pipeline.predict(rows.drop(columns="area"))) == len(rows)
