"""Decisions: from a probability to an action, by a rule that was chosen on other rows than it is judged on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.arguments import check_number, suggestions
from neurokit.assessment.intervals import Estimate, bootstrap

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

ABSTAIN = "abstain"
_OUTCOMES = ("true_negative", "false_positive", "false_negative", "true_positive")
_COSTS = (*_OUTCOMES, "abstain")
_OTHER_NAMES = {"tn": "true_negative", "fp": "false_positive", "fn": "false_negative", "tp": "true_positive"}


@dataclass(frozen=True)
class Policy:
    """A rule that turns the probability of ``positive`` into an action.

    Attributes:
        threshold: From this calibrated probability on, the action is ``positive``.
        temperature: What probabilities are calibrated by first; 1 leaves them as they are.
        positive: The name of the class that the probability is of.
        negative: The name of the other.
        band: Between these two probabilities the rule abstains, and a person decides; ``None`` where it always acts.
        costs: What each outcome costs, by ``true_negative``, ``false_positive``, ``false_negative``, ``true_positive``
            and ``abstain``; ``None`` where the threshold was chosen by another goal.
        goal: What it was chosen for, in words.
        chosen_on: The name of the data it was chosen on, their number of rows, and the SHA-256 of what is true and said
            of them.
    """

    threshold: float
    temperature: float
    positive: str
    negative: str
    band: tuple[float, float] | None = None
    costs: Mapping[str, float] | None = None
    goal: str = ""
    chosen_on: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        """The rule as a sentence."""
        if self.band is None:
            return f"{self.positive} from a probability of {self.threshold:.3g} on, else {self.negative}"
        low, high = self.band
        return (
            f"{self.positive} from a probability of {high:.3g} on, {self.negative} below {low:.3g}, and between them a "
            "person decides"
        )

    def actions(self, probability: Array) -> Array:
        """Return the action for each calibrated probability of ``positive``, as text ``(N,)``.

        Example:
            >>> Policy(0.5, 1.0, "yes", "no", band=(0.4, 0.6)).actions(np.array([0.1, 0.5, 0.9])).tolist()
            ['no', 'abstain', 'yes']
        """
        acted: Array = np.where(probability >= self.threshold, self.positive, self.negative).astype(object)
        if self.band is not None:
            acted[(probability >= self.band[0]) & (probability < self.band[1])] = ABSTAIN
        return acted

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, the rule in words among them."""
        band, costs = None if self.band is None else list(self.band), None if self.costs is None else dict(self.costs)
        return asdict(self) | {"band": band, "costs": costs, "chosen_on": dict(self.chosen_on), "rule": self.rule}

    def __str__(self) -> str:
        where = f", chosen on {self.chosen_on['n']} rows of {self.chosen_on['name']} data" if self.chosen_on else ""
        return f"{self.rule} ({self.goal}{where})"


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


def checked_costs(costs: Any) -> dict[str, float]:
    """Return what each outcome costs, 0 where nothing was said.

    Args:
        costs: A dict by outcome, or a matrix ``[[true negative, false positive], [false negative, true positive]]``.

    Raises:
        ValueError: If an outcome is unknown, a cost is no number, or right answers cost more than wrong ones.
        TypeError: If it is neither.

    Example:
        >>> checked_costs({"false_negative": 5, "fp": 1})["false_negative"]
        5.0
    """
    if not isinstance(costs, Mapping):
        table = np.asarray(costs)
        if table.shape != (2, 2) or table.dtype.kind not in "iuf":
            raise TypeError(
                f"costs are a dict by outcome, or a table of two by two, got {costs!r:.80}. Pass "
                "costs={'false_positive': 1, 'false_negative': 5}."
            )
        costs = dict(zip(_OUTCOMES, table.ravel().tolist(), strict=True))
    found = dict.fromkeys(_OUTCOMES, 0.0)
    for name, cost in costs.items():
        known = _OTHER_NAMES.get(str(name).lower(), name)
        if known not in _COSTS:
            raise ValueError(
                f"costs has no outcome {name!r}.{suggestions(str(name), _COSTS)} It takes {', '.join(_COSTS)}."
            )
        check_number(f"costs[{name!r}]", cost, "a number", math.isfinite, such_as=1.0)
        found[known] = float(cost)
    if "abstain" in found and found["abstain"] <= min(found["true_positive"], found["true_negative"]):
        raise ValueError(
            f"costs['abstain'] is {found['abstain']:g}, no more than a right answer costs: then nothing would ever be "
            "decided. Pass what a person's look at a row costs."
        )
    for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
        if found[wrong] <= found[right]:
            raise ValueError(
                f"A {wrong} costs {found[wrong]:g} and a {right} {found[right]:g}: then being wrong is no worse than "
                f"being right, and no threshold is needed. Pass costs={{'{wrong}': 1, ...}}; gains are negative costs."
            )
    return found


def cheapest_threshold(y_true: Array, probability: Array, costs: Mapping[str, float], weight: Array | None) -> float:
    """Return the threshold with the lowest total cost on these rows, halfway to the next lower probability.

    Among equally cheap ones it is the one nearest to what well-calibrated probabilities would need,
    (fp - tn) / (fp - tn + fn - tp) in terms of costs (Elkan 2001, "The Foundations of Cost-Sensitive Learning").

    Args:
        y_true: 0 or 1, ``(N,)``.
        probability: Of 1, ``(N,)``.
        costs: By outcome.
        weight: One weight per row, or ``None``.

    Example:
        >>> costs = checked_costs({"false_positive": 1, "false_negative": 1})
        >>> cheapest_threshold(np.array([0, 0, 1]), np.array([0.1, 0.6, 0.9]), costs, None)
        0.75
    """
    hits, alarms, values = _above(y_true, probability, weight)
    total, positives = alarms[-1] + hits[-1], hits[-1]
    hits, alarms = np.append(0, hits), np.append(0, alarms)  # above the highest probability nothing is called
    cost = (
        costs["true_positive"] * hits
        + costs["false_negative"] * (positives - hits)
        + costs["false_positive"] * alarms
        + costs["true_negative"] * (total - positives - alarms)
    )
    thresholds = _between(np.append(np.nextafter(1.0, 2.0), values), np.append(values, 0.0))
    best = np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-12, atol=1e-12))
    return float(thresholds[best[np.abs(thresholds[best] - theoretical_threshold(costs)).argmin()]])


def _between(upper: Array, lower: Array) -> Array:
    """Thresholds that part two probabilities: halfway, and above the lower one also where nothing lies between."""
    halfway = (upper + lower) / 2
    found: Array = np.where(halfway > lower, halfway, upper)
    return found


def theoretical_threshold(costs: Mapping[str, float]) -> float:
    """Return the threshold that is cheapest where probabilities are well calibrated.

    Example:
        >>> theoretical_threshold(checked_costs({"false_positive": 1, "false_negative": 4}))
        0.2
    """
    alarm = costs["false_positive"] - costs["true_negative"]
    miss = costs["false_negative"] - costs["true_positive"]
    return alarm / (alarm + miss)


def threshold_for(y_true: Array, probability: Array, weight: Array | None, goal: str, target: float) -> float:
    """Return the threshold that reaches a precision or a recall and gives away least of the other.

    Args:
        y_true: 0 or 1, ``(N,)``.
        probability: Of 1, ``(N,)``.
        weight: One weight per row, or ``None``.
        goal: ``"precision"``: the lowest threshold from which on it is reached; ``"recall"``: the highest.
        target: What is to be reached.

    Raises:
        ValueError: If no threshold reaches it; names the best there is.
    """
    hits, alarms, values = _above(y_true, probability, weight)
    called = hits + alarms if goal == "precision" else np.full_like(hits, hits[-1])
    reached = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    fitting = np.flatnonzero(reached >= target)
    if not len(fitting):
        raise ValueError(
            f"No threshold reaches a {goal} of {target:g} on these rows: the best is {reached.max():.3g}, at "
            f"{values[reached.argmax()]:.3g}. Pass {goal}={math.floor(reached.max() * 100) / 100:g} or less, or "
            "train a better model."
        )
    at = fitting[-1] if goal == "precision" else fitting[0]  # values fall
    below = values[at + 1] if at + 1 < len(values) else 0.0
    return float(_between(values[at : at + 1], np.asarray([below]))[0])


def _above(y_true: Array, probability: Array, weight: Array | None) -> tuple[Array, Array, Array]:
    """True and false positives from each distinct probability on, and these, falling."""
    weights = np.ones(len(y_true)) if weight is None else weight
    order = probability.argsort(kind="stable")[::-1]
    values = probability[order]
    ends = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    hits = np.cumsum((weights * y_true)[order])[ends]
    return hits, np.cumsum(weights[order])[ends] - hits, values[ends]


def abstain_band(
    threshold: float, costs: Mapping[str, float] | None, width: float | Sequence[float] | None
) -> tuple[float, float] | None:
    """Return the probabilities between which abstaining is cheaper than acting, or a band of a given half width.

    With a cost of abstaining the rule is Chow's (1970, "On optimum recognition error and reject tradeoff"): abstain
    where both actions are expected to cost more than it. ``None`` where neither was asked for, or it never pays.

    Example:
        >>> abstain_band(0.5, checked_costs({"false_positive": 1, "false_negative": 1, "abstain": 0.2}), None)
        (0.2, 0.8)
    """
    if isinstance(width, Sequence):
        low, high = width
        if not low <= threshold <= high:
            raise ValueError(
                f"abstain={tuple(width)} does not hold the threshold, {threshold:.3g}, where rows are uncertain. Pass "
                "two probabilities around it, or the half width of a band."
            )
        return float(low), float(high)
    if width is not None:
        return max(0.0, threshold - width), min(1.0, threshold + width)
    if costs is None or "abstain" not in costs:
        return None
    price = costs["abstain"]
    acting = (
        (costs["true_positive"] - costs["false_positive"], costs["false_positive"] - price),  # the positive action
        (costs["false_negative"] - costs["true_negative"], costs["true_negative"] - price),  # the negative one
    )
    low, high = 0.0, 1.0
    for slope, start in acting:  # each costs more than abstaining where slope * p + start > 0
        if slope:
            end = -start / slope
            low, high = (max(low, end), high) if slope > 0 else (low, min(high, end))
        elif start <= 0:
            return None
    if low >= high:
        return None
    return min(low, threshold), max(high, threshold)


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
    cells = np.where(acted, 2 * y_true + positive, len(_OUTCOMES))
    outcomes = {name: int((cells == index).sum()) for index, name in enumerate(_OUTCOMES)}
    names = [policy.positive, policy.negative, *([ABSTAIN] if policy.band else [])]
    cost, compare = None, {}
    if policy.costs is not None and (acted.all() or "abstain" in policy.costs):  # else what is left has no price
        prices = np.asarray([policy.costs.get(name, 0.0) for name in _COSTS])
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
