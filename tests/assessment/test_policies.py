from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from assessment.calibrated import calibrated_assessment
from neurokit.assessment import Assessment, Policy
from neurokit.assessment.policies import abstain_band, checked_costs, theoretical_threshold


def _cost(assessment: Assessment, threshold: float, costs: dict[str, float]) -> float:
    told, true = assessment.scores[:, 1] >= threshold, assessment.y_true == 1
    return costs["false_positive"] * (told & ~true).sum() + costs["false_negative"] * (~told & true).sum()


@pytest.mark.parametrize(
    "costs", [{"false_positive": 1, "false_negative": 8}, {"false_positive": 3, "false_negative": 1}]
)
def test_no_other_threshold_is_cheaper_on_the_rows_it_was_chosen_on(costs: dict[str, float]) -> None:
    validation = calibrated_assessment()

    policy = validation.threshold(costs=costs, calibrate=False)

    cheapest = min(_cost(validation, at, costs) for at in [*np.unique(validation.scores[:, 1]), 1.01])
    assert _cost(validation, policy.threshold, costs) == cheapest
    assert policy.threshold == pytest.approx(theoretical_threshold(checked_costs(costs)), abs=0.15)


def test_a_target_precision_or_recall_is_reached_and_gives_away_least_of_the_other() -> None:
    validation = calibrated_assessment()
    true, p = validation.y_true, validation.scores[:, 1]

    precise = validation.threshold(precision=0.8, calibrate=False).threshold
    complete = validation.threshold(recall=0.9, calibrate=False).threshold

    assert precision_score(true, p >= precise) >= 0.8
    assert recall_score(true, p >= complete) >= 0.9
    lower = p[p < precise].max()
    assert all(precision_score(true, p >= at) < 0.8 for at in np.unique(p[p <= lower]))
    assert recall_score(true, p >= np.unique(p[p > complete])[1]) < 0.9


def test_the_band_of_a_cost_is_chows_rule_by_brute_force() -> None:
    costs = checked_costs({"fp": 4, "fn": 2, "tn": 0.5, "abstain": 1.0})

    low, high = abstain_band(0.5, costs, None)

    for p in np.linspace(0.001, 0.999, 500):
        act = costs["false_positive"] * (1 - p) + costs["true_positive"] * p
        leave = costs["false_negative"] * p + costs["true_negative"] * (1 - p)
        assert (min(act, leave) > 1.0) == (low < p < high), p


def test_abstaining_that_never_pays_makes_no_band_and_a_width_makes_one() -> None:
    assert abstain_band(0.5, checked_costs({"fp": 1, "fn": 1, "abstain": 0.6}), None) is None
    assert abstain_band(0.9, None, 0.2) == pytest.approx((0.7, 1.0))


def test_a_band_that_does_not_pay_stays_shut_wherever_the_threshold_lies() -> None:
    assert abstain_band(0.9, checked_costs({"fp": 1, "fn": 1, "abstain": 0.6}), None) is None


def test_costs_that_make_an_action_cost_the_same_at_any_probability_are_no_division_by_zero() -> None:
    costs = checked_costs({"tn": 1, "fp": 3, "fn": 1.5, "tp": -5}) | {"false_negative": 1.0, "abstain": 0.0}

    low, high = abstain_band(0.3, costs, None)

    for p in np.linspace(0.001, 0.999, 200):
        act = 3 * (1 - p) - 5 * p
        assert (min(act, 1.0) > 0) == (low < p < high), p


def test_calling_nothing_is_cheapest_also_where_a_probability_is_one() -> None:
    validation = Assessment.from_arrays([0, 1, 1, 0, 0], [1.0, 0.9, 0.3, 0.2, 0.1], kind="binary")
    costs = {"fp": 100, "fn": 1}

    policy = validation.threshold(costs=costs, calibrate=False)

    assert validation.decide(policy).cost == 2
    assert validation.decide(policy).counts["1"] == 0


def test_neighbouring_probabilities_are_parted() -> None:
    high = 0.5
    low = np.nextafter(high, 0)
    validation = Assessment.from_arrays([1, 0, 1, 0], [high, low, 0.9, 0.1], kind="binary")

    policy = validation.threshold(precision=1.0, calibrate=False)

    assert validation.decide(policy).outcomes["true_positive"] == 2
    assert validation.decide(policy).outcomes["false_positive"] == 0


def test_costs_come_as_a_dict_or_a_table_and_wrong_ones_are_named() -> None:
    table = checked_costs([[0, 1], [5, -2]])
    assert table == {"true_negative": 0, "false_positive": 1, "false_negative": 5, "true_positive": -2}
    with pytest.raises(ValueError, match=r"no outcome 'false_negativ'. Did you mean 'false_negative'"):
        checked_costs({"false_negativ": 1})
    with pytest.raises(ValueError, match="A false_positive costs 0 and a true_negative 0"):
        checked_costs({"false_negative": 1})
    with pytest.raises(TypeError, match="a table of two by two"):
        checked_costs([1, 2, 3])


@pytest.mark.parametrize("given", [{}, {"precision": 0.9, "recall": 0.9}], ids=["none", "two"])
def test_a_threshold_has_one_goal(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="chosen by one goal"):
        calibrated_assessment().threshold(**given)


def test_what_cannot_be_decided_is_said() -> None:
    only = Assessment.from_arrays([0, 0], [0.1, 0.2], kind="binary")
    with pytest.raises(ValueError, match=r"All 2 rows are of one class \(0\)"):
        only.threshold(precision=0.9)
    with pytest.raises(ValueError, match=r"No threshold reaches a precision of 1 on these rows: the best is 0.5"):
        Assessment.from_arrays([0, 1, 0], [0.9, 0.8, 0.7], kind="binary").threshold(precision=1.0)
    with pytest.raises(TypeError, match=r"decide takes a policy, got 0\.5"):
        calibrated_assessment().decide(0.5)
    with pytest.raises(ValueError, match="The policy tells 'a' from 'b'"):
        calibrated_assessment().decide(Policy(0.5, 1.0, "b", "a"))
    named = Assessment.from_arrays([0, 1], [0.1, 0.9], kind="binary", class_names=["act", "abstain"])
    assert named.threshold(recall=0.5).positive == "abstain"
    with pytest.raises(ValueError, match="A class is named 'abstain'"):
        named.threshold(recall=0.5, abstain=0.1)
    three = Assessment.from_arrays([0, 1, 2], np.eye(3), kind="multiclass", class_names=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"one_vs_rest\('c'\)\.threshold"):
        three.threshold(recall=0.5)


def test_every_probability_gets_one_action() -> None:
    for band in (None, (0.3, 0.5)):
        policy = Policy(0.4, 1.0, "yes", "no", band=band)
        actions = policy.actions(np.linspace(0, 1, 101))
        changes = [action for action, _ in itertools.groupby(actions)]
        assert changes == (["no", "yes"] if band is None else ["no", "abstain", "yes"])
