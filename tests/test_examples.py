from __future__ import annotations

import gzip
import re
import struct
import subprocess
import sys
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
    said = _run("table_report.py", *QUICK, folder=tmp_path)

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

    said = _run("table_report.py", "--csv", "homes.csv", "--target", "price", *QUICK, folder=tmp_path)

    card = _leaves_a_report(tmp_path / "runs" / "homes", said)
    assert "1 row" in said
    assert "size" in card
    assert "is off by" in said


@_needs("titanic.csv")
def test_titanic_is_reported_by_sex_without_the_answer_among_its_columns(tmp_path: Path) -> None:
    said = _run(
        "table_report.py", "--csv", str(DATA / "titanic.csv"), "--target", "survived", "--sensitive", "sex",
        "--exclude", "who", "adult_male", *QUICK, folder=tmp_path,
    )  # fmt: skip

    card = _leaves_a_report(tmp_path / "runs" / "titanic", said)
    assert "'alive' alone determines 'survived'" in said
    assert "# titanic: survived" in card
    assert re.search(r"\| sex \| female \| \d+ \|", card)
    assert re.search(r"\| sex \| male \| \d+ \|", card)
    assert "sensitive_columns" not in said.split("For a person to say")[1]


@_needs("california_housing.csv")
def test_california_housing_is_reported_in_its_units(tmp_path: Path) -> None:
    said = _run(
        "table_report.py", "--csv", str(DATA / "california_housing.csv"), "--target", "median_house_value", *QUICK,
        folder=tmp_path,
    )  # fmt: skip

    card = _leaves_a_report(tmp_path / "runs" / "california_housing", said)
    assert "left out" not in said
    assert "# california_housing: median_house_value" in card
    assert re.search(r"is off by [1-9]\d,\d{3} on average", said)
    assert "median_income" in card.split("## Explanation")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--csv", "few.csv", "--target", "c"], "is no column"),
        (["--csv", "fwe.csv", "--target", "a"], "There is no file fwe.csv. Did you mean 'few.csv'?"),
        (["--csv", "few.csv"], "--csv and --target come together"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("a,b\n1,x\n2,y\n")
    command = [sys.executable, EXAMPLES / "table_report.py", *arguments]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert run.returncode != 0
    assert words in run.stderr
    assert "Traceback" not in run.stderr
