from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from neurokit.assessment.groups.gaps import difference_ends, pair_quantile, ratio_ends
from neurokit.assessment.intervals import normal_quantile, wilson_ends


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (499, 1000)])
def test_wilsons_interval_is_scipys(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson_ends(hits / n, n, normal_quantile(0.95)) == pytest.approx((expected.low, expected.high))
    assert all(math.isnan(end) for end in wilson_ends(math.nan, 0, 1.96))


def test_two_groups_take_the_normal_quantile_and_more_a_wider_one() -> None:
    assert pair_quantile(2, 0.9) == pytest.approx(norm.ppf(0.95), abs=1e-4)
    assert pair_quantile(2, 0.95) < pair_quantile(3, 0.95) < pair_quantile(20, 0.95)


@pytest.mark.parametrize(
    ("one", "other", "ends"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_a_difference_of_two_rates_has_newcombes_interval(
    one: tuple[int, int], other: tuple[int, int], ends: tuple[float, float]
) -> None:
    points = np.array([one[0] / one[1], other[0] / other[1]])
    low, high = np.array(
        [wilson_ends(one[0] / one[1], one[1], 1.96), wilson_ends(other[0] / other[1], other[1], 1.96)]
    ).T
    assert difference_ends(points, low, high) == pytest.approx(ends, abs=5e-5)
    assert difference_ends(points[::-1], low[::-1], high[::-1]) == pytest.approx(ends, abs=5e-5)


def test_a_difference_is_never_below_zero_and_a_ratio_never_above_one() -> None:
    points, low, high = np.array([0.5, 0.5, 0.51]), np.array([0.4, 0.4, 0.4]), np.array([0.6, 0.6, 0.6])
    assert difference_ends(points, low, high)[0] == 0
    assert ratio_ends(points, low, high)[1] == 1


def test_a_rate_of_zero_or_an_unknown_end_breaks_nothing() -> None:
    points = np.array([0.0, 0.0, 0.8])
    low, high = np.array([wilson_ends(point, 40, 1.96) for point in points]).T
    low_ratio, high_ratio = ratio_ends(points, low, high)
    assert (low_ratio, 0 < high_ratio < 0.2) == (0, True)
    nowhere = np.full(3, math.nan)
    assert all(map(math.isnan, (*difference_ends(points, nowhere, high), *ratio_ends(points, nowhere, high))))


@pytest.mark.parametrize("rates", [(0.9, 0.8), (0.5, 0.5), (0.98, 0.9), (0.85,) * 4, (0.95, 0.8, 0.8), (0.6,) * 8])
def test_intervals_cover_the_true_gap_as_often_as_they_say(rates: tuple[float, ...]) -> None:
    generator, runs, wide = np.random.default_rng(0), 1000, pair_quantile(len(rates), 0.95)
    sizes = np.resize([60, 200], len(rates))
    covered = np.zeros(2)
    for hits in generator.binomial(sizes, rates, (runs, len(rates))):
        points = hits / sizes
        low, high = np.array([wilson_ends(*one, wide) for one in zip(points, sizes, strict=True)]).T
        difference, ratio = difference_ends(points, low, high), ratio_ends(points, low, high)
        covered += difference[0] <= np.ptp(rates) <= difference[1], ratio[0] <= min(rates) / max(rates) <= ratio[1]
    assert (covered / runs > 0.93).all()  # 0.95 less three standard errors; more where many groups are alike
