from __future__ import annotations

import gzip
import importlib.util
import re
import struct
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = EXAMPLES.parents[1] / "shared" / "data"


QUICK = ("--epochs", "3", "--explain", "8")


def _needs(file: str) -> Any:
    return pytest.mark.skipif(not (DATA / file).is_file(), reason=f"needs {file} in {DATA}, which is not there")


def _run(example: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, EXAMPLES / example, *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_regression_explains_most_of_the_variance(tmp_path: Path) -> None:
    r2 = float(re.search(r"test R2 ([\d.]+)", _run("regression.py", folder=tmp_path))[1])

    assert 0.9 < r2 <= 1.0


def test_gan_draws_digits(tmp_path: Path) -> None:
    said = _run("gan.py", "--epochs", "2", "--out", "gan.png", folder=tmp_path)

    assert re.search(r"generator [\d.]+, discriminator [\d.]+", said)
    assert (tmp_path / "gan.png").read_bytes().startswith(b"\x89PNG")


def _write_idx(path: Path, values: np.ndarray, packed: bool) -> None:
    content = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def _tiny_mnist(folder: Path, packed: bool) -> None:
    """Write a data set in MNIST's files: each class a bright bar in a row of its own, some noise over it."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part, rows in (("train", 400), ("t10k", 100)):
        labels = (np.arange(rows) % 10).astype(np.uint8)
        pixels = generator.integers(0, 60, size=(rows, 28, 28), dtype=np.uint8)
        pixels[np.arange(rows), 2 * labels + 4] = 255
        _write_idx(raw / f"{part}-images-idx3-ubyte", pixels, packed)
        _write_idx(raw / f"{part}-labels-idx1-ubyte", labels, packed)


def test_mnist_reads_packed_files_and_leaves_their_folder_alone(tmp_path: Path) -> None:
    _tiny_mnist(tmp_path / "data", packed=True)
    before = sorted((tmp_path / "data").rglob("*"))

    said = _run("mnist.py", "--data", "data", "--network", "simple", "--epochs", "1", folder=tmp_path)

    assert "400 training rows" in said
    assert sorted((tmp_path / "data").rglob("*")) == before


def test_mnist_trains_every_network_and_prints_the_table(tmp_path: Path) -> None:
    _tiny_mnist(tmp_path, packed=False)

    said = _run("mnist.py", "--data", ".", "--network", "all", "--seeds", "0", "1", "--epochs", "6", folder=tmp_path)

    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines() if line.startswith("| ")]
    assert [row[0] for row in table[2:]] == ["simple", "adam", "regularized", "deep", "cnn"]
    assert [row[1] for row in table[2:4]] == ["101,770", "101,770"]  # 784 * 128 + 128 + 128 * 10 + 10
    assert said.count("Train Loss") == 10
    best = max(float(row[-1].rstrip("%")) for row in table[2:])
    assert best > 90  # the bars are easy


def _leaves_a_report(folder: Path, said: str) -> str:
    """Check the three files of a report; return the card."""
    assert (folder / "explanation.png").read_bytes().startswith(b"\x89PNG")
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "What it is good for" in report
    assert "For a person to say, in the card: license" in said
    return (folder / "README.md").read_text(encoding="utf-8")


def test_classification_goes_from_a_table_to_card_report_and_explanation(tmp_path: Path) -> None:
    said = _run("classification_report.py", *QUICK, folder=tmp_path)

    card = _leaves_a_report(tmp_path / "runs" / "breast_cancer", said)
    assert "malignant" in card
    assert re.search(r"114 rows: 'malignant' for \d+, 'benign' for \d+; cost", said)


def test_regression_goes_from_a_table_of_ones_own_to_card_report_and_explanation(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    size, rooms = generator.uniform(30, 200, 300), generator.integers(1, 6, 300)
    kind = generator.choice(["flat", "house"], 300)
    price = 1000 * size + 20_000 * (kind == "house") + generator.normal(0, 5000, 300)
    rows = [f"{a:.1f},{b},{c},{d:.0f}" for a, b, c, d in zip(size, rooms, kind, price, strict=True)]
    (tmp_path / "homes.csv").write_text("\n".join(["size,rooms,kind,price", *rows, "50.0,,flat,"]))

    said = _run("regression_report.py", "--csv", "homes.csv", "--target", "price", *QUICK, folder=tmp_path)

    card = _leaves_a_report(tmp_path / "runs" / "homes", said)
    assert "1 of 301 rows have no price and are left out." in said
    assert "size" in card
    assert "is off by" in said


@_needs("titanic.csv")
def test_titanic_is_reported_by_sex_without_the_answer_among_its_columns(tmp_path: Path) -> None:
    said = _run(
        "classification_report.py", "--csv", str(DATA / "titanic.csv"), "--target", "survived", "--sensitive", "sex",
        "--exclude", "who", "adult_male", *QUICK, folder=tmp_path,
    )  # fmt: skip

    card = _leaves_a_report(tmp_path / "runs" / "titanic", said)
    assert "Left out 'alive': each of its 2 values goes with one survived: it is the answer in other words." in said
    assert "# titanic: survived" in card
    columns = card.split("The 10 columns of x" if "The 10 columns of x" in card else "### Signature")[1]
    assert "alive" not in columns.split("### Fingerprint")[0]
    assert re.search(r"\| sex \| female \| \d+ \|", card)
    assert re.search(r"\| sex \| male \| \d+ \|", card)
    assert "sensitive_columns" not in said.split("For a person to say")[1]


@_needs("california_housing.csv")
def test_california_housing_is_reported_in_its_units(tmp_path: Path) -> None:
    said = _run(
        "regression_report.py", "--csv", str(DATA / "california_housing.csv"), "--target", "median_house_value",
        *QUICK, folder=tmp_path,
    )  # fmt: skip

    card = _leaves_a_report(tmp_path / "runs" / "california_housing", said)
    assert "Left out" not in said
    assert "# california_housing: median_house_value" in card
    assert "InUnits" not in card.split("\n# ")[0]
    assert re.search(r"is off by [1-9]\d,\d{3} on average", said)
    assert "median_income" in card.split("## Explanation")[1]


def _tables() -> Any:
    spec = importlib.util.spec_from_file_location("tables_of_examples", EXAMPLES / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _table(**columns: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


NOISE = np.random.default_rng(0).normal(size=200)


@pytest.mark.parametrize(
    ("column", "y", "words"),
    [
        (3 * NOISE + 2, NOISE, "its correlation with target is 1.000: it is the answer in other numbers"),
        (-np.exp(5 * NOISE), NOISE, "its correlation with target is 1.000"),
        (np.arange(200) // 10, (np.arange(200) // 10) ** 2.5 % 7, "each of its 20 values goes with one target"),
        (
            np.array(list("abcd"))[np.arange(200) % 4],
            np.arange(200) % 4 % 2,
            "each of its 4 values goes with one target",
        ),
        (np.ones(200), NOISE, "it says the same for every row"),
        (np.where(np.arange(200) < 150, np.nan, NOISE), NOISE, "75% of it is missing"),
        ([f"name {row}" for row in range(200)], NOISE, "it is text with 200 different values"),
    ],
)
def test_a_column_that_teaches_nothing_is_left_out(
    column: Any, y: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    x = _table(useful=np.random.default_rng(1).normal(size=200), useless=column)
    assert _tables().sieve(x, y, "target") == ["useful"]
    assert f"Left out 'useless': {words}" in capsys.readouterr().out


def test_a_column_that_only_helps_stays(capsys: pytest.CaptureFixture[str]) -> None:
    x = _table(
        near=NOISE + np.random.default_rng(1).normal(size=200) / 20, number=np.arange(200),
        kind=np.array(list("ab"))[(NOISE > 0) * 1], gaps=np.where(np.arange(200) % 3, NOISE > 0, np.nan),
    )  # fmt: skip
    few = _table(row=np.arange(30))  # each value stands once, and so goes with one class
    assert _tables().sieve(x, NOISE, "y") == list(x)
    assert _tables().sieve(few, np.arange(30) % 2, "y") == ["row"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("y", "classes", "words"),
    [
        (["f", "m"] * 100, False, "^'sex' holds text: use classification_report.py.$"),
        ([True, False] * 100, False, "^'sex' holds truth values: use classification_report.py.$"),
        (NOISE, True, "^'sex' has 200 different values, too many for classes: use regression_report.py.$"),
        ([*"ab"] * 98 + [*"cccd"], True, r"^'sex' has classes of fewer than 5 rows \(c: 3, d: 1\), too few"),
        ([1.0] * 200, True, "^'sex' says the same for every row"),
        ([*NOISE[1:], np.inf], False, "^'sex' holds infinite numbers"),
        ([0, 1] * 4, True, "^8 rows are too few to train, validate and test with"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_answered_with_a_sentence(y: Any, classes: bool, words: str) -> None:
    options = Namespace(csv=None, sensitive=[], exclude=[], acknowledge=[])
    table = _table(sex=y, age=np.arange(len(y)))
    with pytest.raises(SystemExit, match=words):
        _tables().check(table[["age"]], table["sex"], options, classes=classes)


@pytest.mark.parametrize("option", ["sensitive", "exclude", "acknowledge"])
def test_a_misspelt_column_is_answered_with_the_nearest(option: str) -> None:
    options = Namespace(csv=Path("t.csv"), sensitive=[], exclude=[], acknowledge=[])
    setattr(options, option, ["Aeg"])
    table = _table(sex=["f", "m"] * 50, age=np.arange(100))
    with pytest.raises(SystemExit, match=rf"--{option}: t.csv has no column 'Aeg'. Did you mean 'age'\? It has age."):
        _tables().check(table[["age"]], table["sex"], options, classes=True)


def test_a_file_that_is_no_table_is_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("age,sex\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    (tmp_path / "torn.csv").write_text("a,b\n1,2\n1,2,3\n")
    for file, words in {
        "peopel.csv": "There is no file .*peopel.csv. Did you mean 'people.csv'?",
        "": r"is a folder. Name a file in it: empty.csv, people.csv",
        "empty.csv": "empty.csv is empty.",
        "picture.csv": "picture.csv cannot be read as a table",
        "torn.csv": "torn.csv cannot be read as a table",
        "no/such.csv": "There is no file",
    }.items():
        with pytest.raises(SystemExit, match=words):
            _tables().read(tmp_path / file, "sex")


def test_what_is_left_out_is_chosen_by_rows_that_train() -> None:
    for example in ("classification_report.py", "regression_report.py"):
        source = (EXAMPLES / example).read_text()
        assert source.index("tables.split(") < source.index("tables.sieve(")
        assert re.search(r"tables.sieve\(\w_train\.", source)


def test_a_misspelt_target_is_answered_with_the_columns_there_are(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("a,b\n1,x\n2,y\n")
    command = [sys.executable, EXAMPLES / "classification_report.py", "--csv", "few.csv", "--target", "c"]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert run.returncode != 0
    assert "few.csv has no column 'c'. It has a, b." in run.stderr
    assert "Traceback" not in run.stderr


def test_a_folder_that_holds_another_run_is_answered_with_a_sentence(tmp_path: Path) -> None:
    import torch

    import neurokit as nk

    trainer, x = nk.Trainer(torch.nn.Linear(2, 1), loss="mse", optimizer="adamw"), torch.randn(40, 2)
    checkpoints = nk.ModelCheckpoint(tmp_path / "runs" / "diabetes")
    trainer.fit(x, x[:, :1], epochs=1, callbacks=[checkpoints], checks=False, verbose=0)
    command = [sys.executable, EXAMPLES / "regression_report.py"]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    assert "had other data than this one" in run.stderr
    assert "--folder" in run.stderr
