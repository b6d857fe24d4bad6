from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import neurokit as nk
from neurokit.architectures import TabularNet
from neurokit.encoding import TableEncoding, Target


def _table(rows: int = 200) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": np.where(generator.random(rows) < 0.1, np.nan, generator.integers(1, 80, rows)),
            "sex": generator.choice(["female", "male"], rows),
            "fare": generator.lognormal(3, 1, rows),
            "alone": generator.random(rows) < 0.5,
        }
    )
    table["survived"] = np.where((table["sex"] == "female") | (table["age"] < 10), "yes", "no")
    table["price"] = 1000 + 30 * table["fare"] + 200 * (table["sex"] == "male")
    return table


FEATURES = ["age", "sex", "fare", "alone"]


def _saved(target: str, folder: Path) -> tuple[Path, nk.Trainer, TableEncoding, Target, pd.DataFrame]:
    table = _table()
    encoding, goal = TableEncoding.fit(table[FEATURES]), Target.fit(target, table[target])
    x, y = encoding.transform(table[FEATURES]), goal.encode(table[target])
    with nk.seeded(0):
        net = TabularNet(x["numbers"].shape[1], encoding.cardinalities, 1)
        trainer = nk.Trainer(net, loss="mse" if goal.classes is None else "bce_with_logits", learning_rate=0.01)
        trainer.fit(x, y.astype(np.float32), epochs=5, verbose=0)
    saved = nk.save_bundle(trainer, folder, encoding=encoding, target=goal, background=table[FEATURES].head(50))
    return saved, trainer, encoding, goal, table


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return _saved("survived", tmp_path_factory.mktemp("tables") / "classes")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return _saved("price", tmp_path_factory.mktemp("tables") / "numbers")


def test_rows_of_the_table_are_answered_in_the_targets_own_labels(classes: Any) -> None:
    folder, trainer, encoding, goal, table = classes
    bundle = nk.load_bundle(folder)
    probabilities = trainer.predict_proba(encoding.transform(table))

    np.testing.assert_allclose(bundle.predict_proba(table), probabilities, atol=1e-6)
    np.testing.assert_array_equal(bundle.predict(table), np.array(["no", "yes"])[probabilities.argmax(1)])
    assert bundle.target is not None
    assert (bundle.target.name, bundle.target.classes) == ("survived", ("no", "yes")) == (goal.name, goal.classes)


def test_numbers_are_in_the_targets_own_unit(numbers: Any) -> None:
    folder, trainer, encoding, goal, table = numbers
    bundle = nk.load_bundle(folder)

    expected = goal.decode(trainer.predict(encoding.transform(table)).reshape(-1))

    np.testing.assert_allclose(bundle.predict(table), expected, rtol=1e-6)
    assert bundle.evaluate(table)["r2"] > 0.3
    assert bundle.evaluate(table)["mae"] == pytest.approx(np.abs(expected - table["price"]).mean(), rel=1e-5)


def test_dicts_as_a_request_brings_them_give_the_same(classes: Any) -> None:
    folder, *_, table = classes
    bundle = nk.load_bundle(folder)
    rows = json.loads(table[FEATURES].to_json(orient="records", double_precision=15))

    np.testing.assert_allclose(bundle.predict_proba(rows), bundle.predict_proba(table), atol=1e-6)
    np.testing.assert_allclose(bundle.predict_proba(rows[:1]), bundle.predict_proba(table)[:1], atol=1e-6)


def test_it_asks_for_the_raw_columns(classes: Any) -> None:
    fields = nk.load_bundle(classes[0]).fields

    assert fields is not None
    assert [(one.name, one.type, one.nullable) for one in fields] == [
        ("age", "number", True), ("sex", "category", False), ("fare", "number", False), ("alone", "boolean", False),
    ]  # fmt: skip


def test_a_table_with_its_target_is_judged(classes: Any) -> None:
    folder, *_, table = classes
    bundle = nk.load_bundle(folder)

    assessment = bundle.assess(table)

    assert assessment.positive == "yes"
    assert float(assessment["accuracy"]) == pytest.approx((bundle.predict(table) == table["survived"]).mean())
    assert "sex" in assessment.top_losses(3).columns
    with pytest.raises(ValueError, match=r"the column 'survived' is needed. Pass it in the table, or as y"):
        bundle.assess(table[FEATURES])


def test_explanations_are_of_the_tables_columns(classes: Any) -> None:
    folder, *_, table = classes
    bundle = nk.load_bundle(folder)

    explanation = bundle.explain(table.head(4))

    assert explanation.feature_names == FEATURES
    told = explanation.values.sum(1) + explanation.base_values
    np.testing.assert_allclose(told, bundle.predict_proba(table.head(4)), atol=1e-5)
    assert np.abs(explanation.values[..., 1]).mean(0).argmax() == FEATURES.index("sex")


def test_an_unknown_category_is_answered_and_a_wrong_type_is_not(classes: Any) -> None:
    folder, *_, table = classes
    bundle = nk.load_bundle(folder)

    assert bundle.predict(table.head(1).assign(sex="other"))[0] in ("yes", "no")
    with pytest.raises(ValueError, match="age"):
        bundle.predict([{"age": "old", "sex": "male", "fare": 1.0, "alone": True}])
    with pytest.raises(ValueError, match="'sex'"):
        bundle.predict(table[["age", "fare", "alone"]])


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"format": 1}'])
def test_preprocessing_that_is_none_is_refused(content: bytes, classes: Any, changed: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(classes[0], tmp_path / "copy"))
    changed(folder, "preprocessing.json", content)

    with pytest.raises(ValueError, match="cannot be used"):
        nk.load_bundle(folder)


def test_numbers_far_from_zero_keep_what_tells_them_apart(tmp_path: Path) -> None:
    """A target of 10^9 give or take one: single precision has steps of 64 there."""
    table = _table().assign(price=lambda one: 1e9 + (one["sex"] == "male"))
    encoding, goal = TableEncoding.fit(table[FEATURES]), Target.fit("price", table["price"], "regression")
    x, y = encoding.transform(table[FEATURES]), goal.encode(table["price"])
    trainer = nk.Trainer(TabularNet(x["numbers"].shape[1], encoding.cardinalities, 1), loss="mse")
    trainer.fit(x, y[:, None], epochs=1, verbose=0)

    folder = nk.save_bundle(trainer, tmp_path / "far", encoding=encoding, target=goal, background=table[FEATURES][:5])

    told = nk.load_bundle(folder).predict(table)
    np.testing.assert_array_equal(told, goal.decode(trainer.predict(x)[:, 0]))
    assert len(set(told)) > 100


def test_spaces_around_texts_are_nothing_to_it(classes: Any) -> None:
    folder, *_, table = classes
    bundle = nk.load_bundle(folder)
    spaced = table.assign(sex=table["sex"].map(" {} ".format), survived=table["survived"] + " ")

    np.testing.assert_array_equal(bundle.predict_proba(spaced), bundle.predict_proba(table))
    assert bundle.evaluate(spaced) == bundle.evaluate(table)
