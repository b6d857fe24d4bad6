from __future__ import annotations

import gzip
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"


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
