"""From a CSV to a service by the command, on scikit-learn's data."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

import neurokit as nk
from neurokit import cli

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, and a bundle that was trained on it."""
    place = tmp_path_factory.mktemp("commands")
    frame = load_iris(as_frame=True).frame
    frame["target"] = np.array(["setosa", "versicolor", "virginica"])[frame["target"]]
    frame.rename(columns={"target": "species"}).to_csv(place / "iris.csv", index=False)
    arguments = ["train", str(place / "iris.csv"), "--target", "species", "--output", str(place / "runs" / "iris")]
    assert cli.main([*arguments, "--epochs", "15"]) == 0
    return place


def _printed(capsys: Any, *arguments: Any) -> str:
    assert cli.main([str(one) for one in arguments]) == 0
    return str(capsys.readouterr().out)


def _json(capsys: Any, *arguments: Any) -> Any:
    return json.loads(_printed(capsys, *arguments, "--json"))


def _refused(capsys: Any, code: int, *arguments: Any) -> str:
    """What is said of a command that ends with a code, in one sentence."""
    try:
        found = cli.main([str(one) for one in arguments])
    except SystemExit as error:
        found = error.code if isinstance(error.code, int) else -1
    said = capsys.readouterr()
    assert found == code, said.err
    assert said.err.count("\n") == 1
    return str(said.err)


def test_train_says_every_step_and_who_wins(folder: Path, capsys: Any, tmp_path: Path) -> None:
    said = _printed(
        capsys, "train", folder / "iris.csv", "--target", "species", "--output", tmp_path / "iris", "--epochs", 3
    )

    assert "150 rows and 5 columns from iris.csv" in said
    assert "1 row the same as an earlier one dropped" in said or "rows the same as an earlier one dropped" in said
    assert "task multiclass: species" in said
    for name in ("TabularNet", "LogisticRegression", "HistGradientBoosting"):
        assert f"\n{name} " in said
    assert "wins: accuracy" in said or "No model wins" in said
    assert nk.load_bundle(tmp_path / "iris").target.classes == ("setosa", "versicolor", "virginica")  # type: ignore[union-attr]


def test_train_takes_numbers_and_prints_json(capsys: Any, tmp_path: Path) -> None:
    load_diabetes(as_frame=True).frame.to_csv(tmp_path / "diabetes.csv", index=False)

    told = _json(
        capsys, "train", tmp_path / "diabetes.csv", "--target", "target", "--output", tmp_path / "model", "--epochs", 3,
        "--drop", "s1", "s2", "--no-background",
    )  # fmt: skip

    assert told["task"] == "regression"
    assert told["metrics"].keys() == {"mae", "rmse", "r2"}
    assert told["models"].keys() >= {"TabularNet", "HistGradientBoosting"}
    bundle = nk.load_bundle(tmp_path / "model")
    assert "s1" not in [one.name for one in bundle.fields or ()]
    assert bundle.background is None


def test_evaluate_has_intervals_and_counts_what_it_left_out(folder: Path, capsys: Any, tmp_path: Path) -> None:
    frame = pd.read_csv(folder / "iris.csv")
    frame.loc[:4, "species"] = None
    frame.to_csv(tmp_path / "some.csv", index=False)

    text = _printed(capsys, "evaluate", folder / "runs/iris", tmp_path / "some.csv")
    told = _json(capsys, "evaluate", folder / "runs/iris", tmp_path / "some.csv", "--report", tmp_path / "report.html")

    assert "145 rows of" in text
    assert "5 without a target left out" in text
    assert (told["rows"], told["left_out"]) == (145, 5)
    assert (
        told["metrics"]["accuracy"]["low"] < told["metrics"]["accuracy"]["value"] <= told["metrics"]["accuracy"]["high"]
    )
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predict_writes_predictions_beside_the_columns(name: str, folder: Path, capsys: Any, tmp_path: Path) -> None:
    bundle, frame = nk.load_bundle(folder / "runs/iris"), pd.read_csv(folder / "iris.csv")

    told = _json(capsys, "predict", folder / "runs/iris", folder / "iris.csv", tmp_path / name)

    found = pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)
    assert told["rows"] == len(found) == 150
    assert list(found.columns[:5]) == list(frame.columns)
    assert found["prediction"].tolist() == bundle.predict(frame).tolist()
    probabilities = found[["probability_setosa", "probability_versicolor", "probability_virginica"]]
    np.testing.assert_allclose(probabilities, bundle.predict_proba(frame), atol=1e-6)


def test_predict_writes_to_stdout_and_not_over_what_it_reads(folder: Path, capsys: Any) -> None:
    before = (folder / "iris.csv").read_bytes()

    assert _printed(capsys, "predict", folder / "runs/iris", folder / "iris.csv", "-").count("\n") == 151
    for command, option in (("predict", ()), ("explain", ("--output",))):
        said = _refused(capsys, 2, command, folder / "runs/iris", folder / "iris.csv", *option, folder / "iris.csv")
        assert f"{folder}/iris.csv itself, and what is read is not written over" in said
    assert (folder / "iris.csv").read_bytes() == before


def test_explain_ranks_the_columns(folder: Path, capsys: Any, tmp_path: Path) -> None:
    told = _json(
        capsys, "explain", folder / "runs/iris", folder / "iris.csv", "--rows", 5, "--output", tmp_path / "values.csv",
        "--plot", tmp_path / "plot.png",
    )  # fmt: skip

    values = pd.read_csv(tmp_path / "values.csv")
    importance = [one["importance"] for one in told["features"]]
    assert importance == sorted(importance, reverse=True)
    assert {one["feature"] for one in told["features"]} == set(load_iris().feature_names)
    assert len(values) == 5 * 3
    sums = values.drop(columns=["row", "output"]).sum(axis=1)
    np.testing.assert_allclose(sums.groupby(values["row"]).sum(), 1, atol=1e-5)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_card_is_shown_asked_and_answered(folder: Path, capsys: Any, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(folder / "runs/iris", tmp_path / "iris"))
    version = nk.load_bundle(bundle).version

    assert "license " in _printed(capsys, "card", bundle, "--missing")
    assert "license answered" in _printed(capsys, "card", bundle, "--set", "license=mit")
    assert _printed(capsys, "card", bundle).startswith("---\nlicense: mit\n")
    assert "license" not in _json(capsys, "card", bundle)["missing"]
    assert nk.load_bundle(bundle).version == version
    assert "--set takes NAME=ANSWER, got 'mit'" in _refused(capsys, 2, "card", bundle, "--set", "mit")
    assert "Did you mean 'license'" in _refused(capsys, 2, "card", bundle, "--set", "licens=mit")


@pytest.mark.filterwarnings("ignore:# The axis name")
def test_export_gives_a_bundle_or_a_file(folder: Path, capsys: Any, tmp_path: Path) -> None:
    told = _json(capsys, "export", folder / "runs/iris", "--output", tmp_path / "onnx")
    text = _printed(capsys, "export", folder / "runs/iris", "--output", tmp_path / "model.onnx")

    frame = pd.read_csv(folder / "iris.csv")
    assert told["kind"] == "onnx"
    assert "model.onnx: onnx, at most" in text
    exported = nk.load_bundle(tmp_path / "onnx")
    np.testing.assert_allclose(
        exported.predict_proba(frame), nk.load_bundle(folder / "runs/iris").predict_proba(frame), atol=1e-6
    )
    assert "is no .pt2" in _refused(
        capsys, 2, "export", folder / "runs/iris", "--to", "pt2", "--output", tmp_path / "model.onnx"
    )


def test_runs_stand_side_by_side(folder: Path, capsys: Any, tmp_path: Path) -> None:
    for rate in ("0.01", "0.001"):
        arguments = ["train", str(folder / "iris.csv"), "--target", "species", "--output", str(tmp_path / rate)]
        assert cli.main([*arguments, "--epochs", "2", "--no-compare", "--learning-rate", rate]) == 0
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/run.json").write_text("{}")
    capsys.readouterr()

    text = _printed(capsys, "runs", tmp_path, "--sort", "learning_rate")
    told = _json(capsys, "runs", tmp_path, "--sort", "val_loss")

    assert text.index(" 0.001 ") < text.index(" 0.01 ")
    assert "The same in all of them: model=TabularNet" in text
    assert "odd/run.json is no record of a run" in text
    assert [one["val_loss"] for one in told["runs"]] == sorted(one["val_loss"] for one in told["runs"])
    assert "there is no such column. Did you mean 'val_loss'" in _refused(
        capsys, 2, "runs", tmp_path, "--sort", "val_los"
    )
    assert _printed(capsys, "runs", tmp_path, "--csv").startswith("run,created,")


MISTAKES = [
    (3, ["train", "{csv}", "--target", "specis", "--output", "{new}"], "Did you mean 'species'"),
    (3, ["train", "nowhere.csv", "--target", "a", "--output", "{new}"], "There is no file nowhere.csv"),
    (2, ["train", "{csv}", "--target", "species", "--output", "{bundle}"], "holds a bundle. Pass --overwrite"),
    (3, ["train", "{csv}", "--target", "species", "--output", "{home}"], "is no bundle"),
    (2, ["train", "{csv}", "--target", "species", "--output", "{new}", "--test-size", "2"], "a share between 0 and 1"),
    (3, ["evaluate", "{home}", "{csv}"], "is no bundle"),
    (3, ["evaluate", "{bundle}", "{bad}"], "lacks the column 'petal width (cm)'"),
    (3, ["predict", "{bundle}", "{bad}", "{new}.csv"], "lacks the column"),
    (2, ["predict", "{bundle}", "{csv}", "{new}.xlsx"], "OUT is a .csv or .parquet file"),
    (3, ["explain", "{nobundle}", "{csv}"], "There is no bundle"),
    (3, ["runs", "{home}/empty"], "There is no run.json"),
    (2, ["serve", "{bundle}", "--port", "99999"], "--port is 0 to 65535"),
    (3, ["serve", "{home}"], "is no bundle"),
]


@pytest.mark.parametrize(("code", "arguments", "said"), MISTAKES, ids=[" ".join(one[1][:2]) for one in MISTAKES])
def test_a_mistake_is_one_sentence_and_changes_nothing(code, arguments, said, folder: Path, capsys, tmp_path) -> None:
    home = tmp_path / "home"
    (home / "empty").mkdir(parents=True)
    (home / "thesis.tex").write_text("years")
    pd.read_csv(folder / "iris.csv").drop(columns="petal width (cm)").to_csv(tmp_path / "bad.csv", index=False)
    places = {
        "csv": folder / "iris.csv", "bundle": folder / "runs/iris", "home": home, "new": tmp_path / "new",
        "bad": tmp_path / "bad.csv", "nobundle": tmp_path / "bundel",
    }  # fmt: skip

    assert said in _refused(capsys, code, *(one.format(**places) for one in arguments))
    assert not list(tmp_path.glob("new*"))


def test_serve_answers_until_it_is_stopped(folder: Path) -> None:
    command = [sys.executable, "-m", "neurokit.cli", "serve", str(folder / "runs/iris"), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next(line["address"] for line in map(json.loads, process.stderr) if "address" in line)
        next(line for line in map(json.loads, process.stderr) if "startup complete" in line["message"])
        row = nk.load_bundle(folder / "runs/iris").background.iloc[0].to_dict()
        request = urllib.request.Request(
            f"{address}/predict", json.dumps({"rows": [row]}).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            told = json.loads(answer.read())
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        code = process.wait(30)

    assert told["predictions"][0]["prediction"] in ("setosa", "versicolor", "virginica")
    assert code == 130


def test_a_dockerfile_has_what_the_bundle_needs_and_no_more(folder: Path, capsys: Any, tmp_path: Path) -> None:
    assert cli.main(["export", str(folder / "runs/iris"), "--output", str(tmp_path / "onnx")]) == 0
    capsys.readouterr()

    with_torch = _printed(capsys, "serve", folder / "runs/iris", "--dockerfile")
    without = _printed(capsys, "serve", tmp_path / "onnx", "--dockerfile", "--port", 9000)

    assert '"torch==' in with_torch
    assert "onnxruntime==" in without
    assert "torch==" not in without.replace("neurokit-torch==", "")
    for text in (with_torch, without):
        lines = text.splitlines()
        assert lines[3].startswith("FROM python:3.")
        assert "USER model" in lines
        assert any(line.startswith("HEALTHCHECK") for line in lines)
        assert lines[-1].startswith('CMD ["neurokit", "serve", "/bundle", "--host", "0.0.0.0"')
    assert "EXPOSE 9000" in without


@pytest.mark.skipif(not (SHARED / "titanic.csv").exists(), reason="shared data are not beside this checkout")
def test_the_titanic_goes_all_the_way(capsys: Any, tmp_path: Path) -> None:
    told = _json(capsys, "train", SHARED / "titanic.csv", "--target", "survived", "--output", tmp_path / "titanic")

    assert "alive" in told["left_out"]
    assert told["metrics"]["accuracy"] > 0.75
    told = _json(capsys, "evaluate", tmp_path / "titanic", SHARED / "titanic.csv")
    assert told["metrics"]["roc_auc"]["value"] > 0.85


def test_a_target_of_whole_numbers_as_categories_is_read_again_as_they_were(capsys: Any, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"kind": generator.integers(1, 4, 200), "code": generator.choice(["01", "02"], 200)})
    frame["sold"] = np.where(frame["kind"] == 2, "yes", "no")
    frame["noise"] = generator.normal(size=200)
    frame.to_csv(tmp_path / "sales.csv", index=False)
    _printed(
        capsys, "train", tmp_path / "sales.csv", "--target", "sold", "--output", tmp_path / "model", "--epochs", 2,
        "--categories", "kind", "--keep", "kind", "--no-compare",
    )  # fmt: skip

    told = _json(capsys, "predict", tmp_path / "model", tmp_path / "sales.csv", tmp_path / "out.CSV")

    assert told["rows"] == 200
    assert nk.load_bundle(tmp_path / "model").fields[0].categories == (1, 2, 3)  # type: ignore[index]
    bundle = nk.load_bundle(tmp_path / "model")
    expected = bundle.predict(pd.read_csv(tmp_path / "sales.csv", dtype={"code": str}))
    assert pd.read_csv(tmp_path / "out.CSV")["prediction"].tolist() == expected.tolist()


def test_predictions_of_several_numbers_become_columns(capsys: Any, tmp_path: Path) -> None:
    from neurokit.architectures import MLP

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
    trainer = nk.Trainer(MLP(2, 2), loss="mse")
    trainer.fit(frame, np.zeros((40, 2), np.float32), epochs=1, verbose=0)
    nk.save_bundle(trainer, tmp_path / "two")
    frame.to_csv(tmp_path / "in.csv", index=False)

    _printed(capsys, "predict", tmp_path / "two", tmp_path / "in.csv", tmp_path / "out.PARQUET")

    told = pd.read_parquet(tmp_path / "out.PARQUET")
    assert list(told.columns) == ["a", "b", "prediction_0", "prediction_1"]
    np.testing.assert_allclose(told[["prediction_0", "prediction_1"]], trainer.predict(frame), atol=1e-6)


def test_what_is_written_is_asked_about_before_anything_is_computed(
    folder: Path, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, bundle = tmp_path / "iris.csv", folder / "runs/iris"
    shutil.copyfile(folder / "iris.csv", table)
    before = table.read_bytes()

    assert "--output is a .csv file" in _refused(capsys, 2, "explain", bundle, table, "--output", tmp_path / "a.txt")
    assert "--plot is a .png or .svg or .pdf" in _refused(capsys, 2, "explain", bundle, table, "--plot", table)
    assert "--report is a .html or .htm" in _refused(capsys, 2, "evaluate", bundle, table, "--report", table)
    assert "is itself" not in _refused(capsys, 3, "predict", bundle, tmp_path / "none.csv", table)
    _printed(capsys, "export", bundle, "--output", tmp_path / "program.onnx")
    _printed(capsys, "export", bundle, "--output", tmp_path / "exported")
    for place in (tmp_path / "program.onnx", tmp_path / "exported"):
        assert "Pass --overwrite to replace it" in _refused(capsys, 2, "export", bundle, "--output", place)
        _printed(capsys, "export", bundle, "--output", place, "--overwrite")
    assert table.read_bytes() == before

    shutil.copytree(bundle, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    _printed(capsys, "export", ".")
    assert (tmp_path / "here-onnx" / "model.onnx").exists()
