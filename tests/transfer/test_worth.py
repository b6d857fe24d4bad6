from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def _benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_transfer", ROOT / "benchmarks" / "transfer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "MNIST" / "raw").is_dir(), reason=f"needs MNIST's files in {DATA}, which are not there")
def test_what_was_learnt_of_digits_0_to_4_helps_with_5_to_9() -> None:
    benchmark = _benchmark()
    data = benchmark.read(DATA)
    assert {name: len(values) for name, values in data.items()} == {
        "x_train": 60_000, "y_train": 60_000, "x_test": 10_000, "y_test": 10_000,
    }  # fmt: skip
    found = benchmark.run(data, 0, examples=5, pretrain=6_000, longer=2)
    scratch = [value for name, value in found.items() if name.startswith("scratch")]
    assert len(scratch) == 2
    assert found["fine-tuned"] > max(scratch) + 0.01, found


def test_the_interval_is_students_over_paired_differences() -> None:
    from scipy import stats

    differences = [0.02, 0.01, 0.03, 0.015, 0.025]
    middle, low, high = _benchmark().interval(differences)
    oracle = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    assert middle == pytest.approx(0.02)
    assert (low, high) == pytest.approx((oracle.low, oracle.high))


def test_the_examples_are_so_many_of_each_digit_and_follow_from_the_seed() -> None:
    import numpy as np

    benchmark = _benchmark()
    y = np.arange(1000) % 10
    rows = benchmark.few(y, range(5, 10), 4, seed=1)
    assert np.bincount(y[rows]).tolist() == [0] * 5 + [4] * 5
    assert (rows == benchmark.few(y, range(5, 10), 4, seed=1)).all()
    assert (rows != benchmark.few(y, range(5, 10), 4, seed=2)).any()
