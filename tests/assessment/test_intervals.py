from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from scipy import stats

from neurokit.assessment.intervals import Estimate, bootstrap, mean_of_rates, wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (7, 10), (10, 10), (431, 500)])
def test_wilson_is_scipys(hits: int, n: int) -> None:
    found = wilson(hits, n, 0.9)
    interval = stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")

    assert found == hits / n
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert (found.n, found.method, found.confidence) == (n, "wilson", 0.9)


def test_a_rate_of_no_cases_is_no_number_and_json_says_none() -> None:
    found = wilson(0, 0)

    assert math.isnan(found)
    assert found.to_dict() == {
        "value": None, "low": None, "high": None, "n": 0, "method": "wilson", "confidence": 0.95
    }  # fmt: skip


def test_an_estimate_is_a_float_that_survives_copies_and_plain_values() -> None:
    made = Estimate(0.5, 0.25, 0.75, 12, "bootstrap", 0.9)

    assert made + 1 == 1.5
    assert f"{made:.2f}" == "0.50"
    assert str(made) == "0.5 (0.25 to 0.75, n = 12)"
    for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert (again, again.interval, again.n, again.method, again.confidence) == (
            0.5, (0.25, 0.75), 12, "bootstrap", 0.9
        )  # fmt: skip


def test_the_bootstrap_of_a_mean_agrees_with_scipys() -> None:
    x = np.random.default_rng(0).normal(size=200)
    ours = bootstrap({"mean": lambda counts: float(counts @ x / counts.sum())}, 200, resamples=4000)["mean"]
    theirs = stats.bootstrap((x,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval

    assert ours == pytest.approx(x.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_no_global_stream_moves() -> None:
    x = np.random.default_rng(0).normal(size=50)
    before = np.random.get_state()[1].copy()
    statistics = {"mean": lambda counts: float(counts @ x / counts.sum())}

    first, second = (bootstrap(statistics, 50, seed=7)["mean"] for _ in range(2))

    assert first.interval == second.interval
    assert first.interval != bootstrap(statistics, 50, seed=8)["mean"].interval
    assert (np.random.get_state()[1] == before).all()


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        x = generator.exponential(size=80)
        found = bootstrap({"m": lambda counts, x=x: float(counts @ x / 80)}, 80, resamples=200, confidence=0.9)["m"]
        held += found.low <= 1 <= found.high

    assert 0.82 <= held / 200 <= 0.95


def test_a_statistic_that_hardly_any_resample_defines_has_no_interval() -> None:
    found = bootstrap({"rare": lambda counts: 1.0 if (counts == 1).all() else math.nan}, 30)["rare"]

    assert found == 1.0
    assert math.isnan(found.low)


def test_where_every_resample_gives_the_same_there_is_no_interval() -> None:
    found = bootstrap({"sure": lambda counts: 1.0}, 30)["sure"]

    assert found == 1
    assert math.isnan(found.low)


def test_without_resamples_there_are_values_alone() -> None:
    found = bootstrap({"mean": lambda counts: float(counts.mean())}, 30, resamples=0)["mean"]

    assert (found, found.n, found.method) == (1.0, 30, "")
    assert math.isnan(found.low)


def test_the_mean_of_rates_holds_the_truth_also_where_one_class_has_few_cases() -> None:
    generator = np.random.default_rng(0)
    truths, sizes, held = (0.9, 0.8), (45, 5), 0
    for _ in range(1000):
        rates = [wilson(int(generator.binomial(n, rate)), n) for rate, n in zip(truths, sizes, strict=True)]
        found = mean_of_rates(rates)
        held += found.low <= np.mean(truths) <= found.high

    assert 0.93 <= held / 1000 <= 0.99
