from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import neurokit as nk


@pytest.fixture(scope="module")
def bundle(iris_trainer: Any, tmp_path_factory: pytest.TempPathFactory) -> nk.Bundle:
    return nk.load_bundle(nk.save_bundle(iris_trainer, tmp_path_factory.mktemp("bundles") / "iris"))


def test_rows_may_come_as_table_dicts_array_or_tensor(iris: Any, bundle: nk.Bundle) -> None:
    x, _ = iris
    expected = bundle.predict(x)

    for rows in (
        x.to_dict(orient="records"),
        x.to_numpy(),
        torch.tensor(x.to_numpy()),
        x[x.columns[::-1]],
        x.to_numpy().tolist(),
    ):
        np.testing.assert_array_equal(bundle.predict(rows), expected)


def test_any_batch_size_gives_the_same(iris: Any, bundle: nk.Bundle) -> None:
    x, _ = iris

    np.testing.assert_allclose(bundle.predict(x, batch_size=7), bundle.predict(x), rtol=1e-6, atol=1e-6)


def test_an_answer_has_labels_and_probabilities_from_one_pass(iris: Any, bundle: nk.Bundle) -> None:
    x, _ = iris

    answer = bundle.answer(x)

    assert answer.labels is not None
    assert answer.probabilities is not None
    np.testing.assert_array_equal(answer.labels, bundle.predict_labels(x))
    np.testing.assert_array_equal(answer.probabilities, bundle.predict_proba(x))
    assert answer.values is None


def test_it_knows_what_a_row_is(iris: Any, bundle: nk.Bundle) -> None:
    x, _ = iris
    assert bundle.fields is not None
    assert [field.name for field in bundle.fields] == list(x.columns)
    assert all(field.type == "number" and not field.nullable for field in bundle.fields)
    assert bundle.fields[0].minimum >= x.iloc[:, 0].min() - 1e-6  # type: ignore[operator]
    assert bundle.target is not None
    assert bundle.target.classes == ("setosa", "versicolor", "virginica")


def test_assess_equals_the_trainers(iris: Any, iris_trainer: nk.Trainer, bundle: nk.Bundle) -> None:
    x, y = iris

    found, expected = bundle.assess(x, y), nk.assess(iris_trainer, x, y)

    assert found.names == expected.names
    for name in ("accuracy", "log_loss", "roc_auc"):
        assert found.metrics[name] == pytest.approx(expected.metrics[name], abs=1e-6)
    assert bundle.evaluate(x, y)["accuracy"] == pytest.approx(
        iris_trainer.evaluate(x, y).get("accuracy", float(expected["accuracy"]))
    )


def test_explain_compares_with_the_rows_it_brings(iris: Any, iris_trainer: nk.Trainer, bundle: nk.Bundle) -> None:
    x, _ = iris

    found, expected = bundle.explain(x[:4]), nk.explain(iris_trainer, x[:4])

    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    assert found.feature_names == list(x.columns)
    assert list(found.output_names) == ["setosa", "versicolor", "virginica"]
    assert found.report.background_source != "x"


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        (lambda x: x.drop(columns="petal width (cm)"), ValueError, "lacks the column 'petal width"),
        (lambda x: x.to_numpy()[0], ValueError, r"the shape \(4\), and got an array of \(4,\). Add the axis of rows"),
        (lambda x: x.to_numpy()[:, :3], ValueError, r"has the shape \(4\), and got an array of \(150, 3\)"),
        (lambda x: [["a", "b", "c", "d"]], TypeError, "takes numbers"),
        (lambda x: x[:0], ValueError, "0 rows"),
        (lambda x: [{"sepal length (cm)": 1.0}], ValueError, "Row 0 lacks the column 'sepal width"),
    ],
)  # fmt: skip
def test_wrong_rows_are_named(rows: Any, error: Any, said: str, iris: Any, bundle: nk.Bundle) -> None:
    with pytest.raises(error, match=said):
        bundle.predict(rows(iris[0]))


def test_truth_that_is_missing_or_unknown_is_named(iris: Any, bundle: nk.Bundle) -> None:
    x, _ = iris
    with pytest.raises(ValueError, match="y is needed"):
        bundle.assess(x)
    with pytest.raises(ValueError, match="Row 0 has the class 'tulip', and the model knows 'setosa'"):
        bundle.assess(x, np.full(len(x), "tulip"))


def test_regression_and_two_inputs(two: Any, tmp_path: Path) -> None:
    trainer, x = two
    bundle = nk.load_bundle(nk.save_bundle(trainer, tmp_path / "two", format="safetensors"), model=trainer.model)

    with pytest.raises(ValueError, match=r"answer is of one output, and this model has several: size, kind"):
        bundle.answer(x)
    with pytest.raises(ValueError, match=r"takes the inputs first, second, and what was passed lacks 'second'"):
        bundle.predict({"first": x["first"]})
    with pytest.raises(ValueError, match=r"Lengths differ"):
        bundle.predict({"first": x["first"][:3], "second": x["second"]})
    records = [{"first": list(one), "second": list(other)} for one, other in zip(x["first"], x["second"], strict=True)]
    np.testing.assert_allclose(bundle.predict(records)["size"], trainer.predict(x)["size"], atol=1e-6)


def test_a_regression_gives_numbers(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(-1, 2)
    trainer = nk.Trainer(torch.nn.Linear(2, 1), loss="mse")
    trainer.fit(pd.DataFrame(x, columns=["a", "b"]), x.sum(1), epochs=1, verbose=0)

    bundle = nk.load_bundle(
        nk.save_bundle(trainer, tmp_path / "line", format="safetensors"), model=torch.nn.Linear(2, 1)
    )

    assert bundle.answer(x).values.shape == (20,)  # type: ignore[union-attr]
    assert bundle.evaluate(x, x.sum(1)).keys() >= {"mae", "r2"}
