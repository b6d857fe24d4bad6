"""Decisions: what a policy does with rows, in counts and in cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.assessment.intervals import Estimate, bootstrap
from neurokit.assessment.policies import ABSTAIN, COSTS, OUTCOMES, Policy

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, repr=False)
class Decisions:
    """What a policy does with some rows, and what comes of it.

    Attributes:
        policy: The rule.
        action: What is done, the name of a class or ``"abstain"``, ``(N,)``.
        probability: The calibrated probability of the positive class, ``(N,)``. That of the action is 1 less it where
            the action is the other class.
        margin: How far the probability is from the threshold, ``(N,)``: near 0 a small error would change the action.
        y_true: What is true, 0 or 1, ``(N,)``.
        counts: How often each action is taken.
        outcomes: How often each outcome comes of it; those abstained from are in none.
        cost: What all rows cost together, with a bootstrap interval; ``None`` without costs, or where rows are left to
            a person at no price that was told.
        compare: What always acting one way would have cost, by name; empty without costs.
        same_rows: Whether the policy was chosen on these very rows, which flatters it.

    Example:
        >>> policy = Policy(0.5, 1.0, "yes", "no", band=(0.4, 0.6))
        >>> y, scores = np.array([0, 1, 1]), np.array([0.1, 0.5, 0.9])
        >>> decisions = decide(policy, y, scores, weight=None, confidence=0.95, seed=0)
        >>> decisions.action.tolist(), decisions.counts
        (['no', 'abstain', 'yes'], {'yes': 1, 'no': 1, 'abstain': 1})
    """

    policy: Policy
    action: Array
    probability: Array
    margin: Array
    y_true: Array
    counts: dict[str, int]
    outcomes: dict[str, int]
    cost: Estimate | None
    compare: dict[str, float]
    same_rows: bool = False

    def __len__(self) -> int:
        return len(self.action)

    @property
    def abstained(self) -> Array:
        """Which rows are left to a person, ``(N,)``."""
        left: Array = self.action == ABSTAIN
        return left

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each decision."""
        import pandas as pd

        names = np.asarray([self.policy.negative, self.policy.positive], dtype=object)
        columns = {
            "action": self.action, "probability": self.probability, "margin": self.margin, "actual": names[self.y_true],
        }  # fmt: skip
        return pd.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Return counts and cost as plain values."""
        cost = None
        if self.cost is not None:
            n = len(self.action)
            per_row = Estimate(
                self.cost / n, self.cost.low / n, self.cost.high / n, n, self.cost.method, self.cost.confidence
            )
            cost = {"total": self.cost.to_dict(), "per_row": per_row.to_dict()}
        return {
            "policy": self.policy.to_dict(), "n": len(self.action), "counts": self.counts, "outcomes": self.outcomes,
            "cost": cost, "compare": self.compare or None, "same_rows": self.same_rows,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Decisions about {self}>"

    def __str__(self) -> str:
        counted = ", ".join(f"{action!r} for {count}" for action, count in self.counts.items())
        cost = "" if self.cost is None else f"; cost {self.cost}"
        return f"{len(self.action)} rows: {counted}{cost}"


def decide(
    policy: Policy,
    y_true: Array,
    probability: Array,
    *,
    weight: Array | None,
    confidence: float,
    seed: int,
    same_rows: bool = False,
) -> Decisions:
    """Return what a policy does with rows of these calibrated probabilities, in counts and cost.

    Args:
        policy: The rule.
        y_true: 0 or 1, ``(N,)``.
        probability: Calibrated, of 1, ``(N,)``.
        weight: One weight per row, or ``None``: it weighs costs, and counts count rows.
        confidence: Of the interval of the cost.
        seed: Of its resamples.
        same_rows: Whether the policy was chosen on them.
    """
    action = policy.actions(probability)
    acted, positive = action != ABSTAIN, action == policy.positive
    cells = np.where(acted, 2 * y_true + positive, len(OUTCOMES))
    outcomes = {name: int((cells == index).sum()) for index, name in enumerate(OUTCOMES)}
    names = [policy.positive, policy.negative, *([ABSTAIN] if policy.band else [])]
    cost, compare = None, {}
    if policy.costs is not None and (acted.all() or "abstain" in policy.costs):  # else what is left has no price
        prices = np.asarray([policy.costs.get(name, 0.0) for name in COSTS])
        weights = np.ones(len(y_true)) if weight is None else weight
        paid = weights * prices[cells]
        total = {"cost": lambda counts: float(counts @ paid)}
        cost = bootstrap(total, len(paid), seed=seed, confidence=confidence)["cost"]
        compare = {
            f"always {policy.positive}": float(weights @ prices[2 * y_true + 1]),
            f"always {policy.negative}": float(weights @ prices[2 * y_true]),
        }
    return Decisions(
        policy, action, probability, np.abs(probability - policy.threshold), y_true,
        {name: int((action == name).sum()) for name in names}, outcomes, cost, compare,
        same_rows,
    )  # fmt: skip
