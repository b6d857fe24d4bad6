from __future__ import annotations

import json

import numpy as np
import pytest

from assessment.calibrated import calibrated_assessment
from neurokit.assessment import Assessment, Policy
from neurokit.assessment.policies import checked_costs


def test_decisions_count_actions_outcomes_and_cost_as_a_loop_would() -> None:
    test = calibrated_assessment(200, seed=1, name="test")
    costs = {"false_positive": 2.0, "false_negative": 7.0, "abstain": 0.5}
    policy = Policy(0.4, 1.0, "yes", "no", band=(0.3, 0.6), costs=checked_costs(costs))

    decisions = test.decide(policy)

    total, counts = 0.0, {"yes": 0, "no": 0, "abstain": 0}
    for p, y in zip(test.scores[:, 1], test.y_true, strict=True):
        action = "abstain" if 0.3 <= p < 0.6 else "yes" if p >= 0.4 else "no"
        counts[action] += 1
        total += {"abstain": 0.5, "yes": 2.0 * (y == 0), "no": 7.0 * (y == 1)}[action]
    assert decisions.counts == counts
    assert decisions.cost == pytest.approx(total)
    assert decisions.cost.low < total < decisions.cost.high
    positives = int(test.y_true.sum())
    assert decisions.compare == {"always yes": 2.0 * (200 - positives), "always no": 7.0 * positives}
    assert sum(decisions.outcomes.values()) + counts["abstain"] == 200
    assert test.decisions is decisions
    json.dumps(test.to_dict(), allow_nan=False)


def test_each_decision_has_action_probability_and_margin() -> None:
    test = calibrated_assessment(50, seed=2, name="test")

    table = test.decide(Policy(0.4, 1.0, "yes", "no")).to_frame()

    assert list(table.columns) == ["action", "probability", "margin", "actual"]
    assert table["margin"].to_numpy() == pytest.approx(np.abs(test.scores[:, 1] - 0.4))
    assert set(table["action"]) == {"yes", "no"}
    assert "between 0.4" not in str(table)


def test_a_policy_brings_its_temperature_to_other_rows() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 1.5, 3000)
    y = (generator.uniform(size=3000) < 1 / (1 + np.exp(-logits))).astype(int)
    too_sure = 1 / (1 + np.exp(-4 * logits))
    validation = Assessment.from_arrays(y[:2000], too_sure[:2000], kind="binary", name="validation")
    test = Assessment.from_arrays(y[2000:], too_sure[2000:], kind="binary")

    policy = validation.threshold(costs={"fp": 1, "fn": 1})

    assert policy.temperature == pytest.approx(4, rel=0.15)
    assert test.decide(policy).probability == pytest.approx(1 / (1 + np.exp(-logits[2000:])), abs=0.03)
    assert (policy.chosen_on["name"], policy.chosen_on["n"]) == ("validation", 2000)
    assert not test.decide(policy).same_rows


def test_leaving_rows_to_a_person_is_no_saving() -> None:
    with pytest.raises(ValueError, match=r"costs has no price for that.*'abstain': 0\.5"):
        calibrated_assessment().threshold(costs={"fp": 1, "fn": 1}, abstain=0.45)
    by_hand = Policy(0.5, 1.0, "yes", "no", band=(0.1, 0.9), costs=checked_costs({"fp": 1, "fn": 1}))
    assert calibrated_assessment(name="test").decide(by_hand).cost is None


def test_deciding_on_the_rows_that_chose_is_pointed_out_whatever_they_are_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen, others = calibrated_assessment(name="test"), calibrated_assessment(seed=1, name="test")
    policy = chosen.threshold(recall=0.9)

    assert not others.decide(policy).same_rows
    assert not caplog.text
    renamed = calibrated_assessment(name="validation")
    assert renamed.decide(policy).same_rows
    assert "chosen on these very rows" in caplog.text
