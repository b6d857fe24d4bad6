"""Policies: the rule that turns a probability into an action, chosen on some rows for others."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from neurokit.arguments import check_number, suggestions
from neurokit.assessment.calibration import fit_temperature, with_temperature
from neurokit.assessment.measures import Answers, falling

Array = np.ndarray[Any, Any]
Band = float | tuple[float, float] | None

logger = logging.getLogger("neurokit")

ABSTAIN = "abstain"
OUTCOMES = ("true_negative", "false_positive", "false_negative", "true_positive")
COSTS = (*OUTCOMES, "abstain")
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

    Example:
        >>> Policy(threshold=0.2, temperature=1.0, positive="ill", negative="well").positive
        'ill'
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


def choose_policy(
    answers: Answers,
    names: Sequence[str],
    *,
    costs: Any,
    precision: float | None,
    recall: float | None,
    abstain: Band,
    calibrate: bool,
    temperature: float,
    chosen_on: Mapping[str, Any],
) -> Policy:
    """Return the policy that ``Assessment.threshold`` describes.

    Args:
        answers: Of two classes.
        names: The classes'.
        costs: By outcome; or one of the next two.
        precision: To be reached.
        recall: To be reached.
        abstain: The half width of a band around the threshold, or its two ends.
        calibrate: Learn a temperature.
        temperature: What the scores were divided by already.
        chosen_on: What tells these rows from others.

    Raises:
        ValueError: If none or several goals are given, one class is missing, or no threshold reaches the goal.
    """
    goal, target = _checked_goal(answers, names, costs, precision, recall, abstain)
    prices = None if costs is None else checked_costs(costs)
    if abstain is not None and prices is not None and "abstain" not in prices:
        raise ValueError(
            f"abstain={abstain} leaves rows to a person, and costs has no price for that: it would look like a "
            "saving. Pass costs={..., 'abstain': 0.5}, which also tells by itself where abstaining pays."
        )
    learnt = fit_temperature(answers.scores, answers.y_true, answers.weight) if calibrate else 1.0
    probability = with_temperature(answers.scores, learnt)[:, 1]
    if prices is not None:
        at = cheapest_threshold(answers.y_true, probability, prices, answers.weight)
        said = ", ".join(f"{name.replace('_', ' ')} {cost:g}" for name, cost in prices.items() if cost)
        goal = f"the lowest cost ({said})"
    else:
        at = threshold_for(answers.y_true, probability, answers.weight, goal, target)
        goal = f"a {goal} of {target:g}"
    band = abstain_band(at, prices, abstain)
    negative, positive = names
    if band is not None and ABSTAIN in names:
        raise ValueError(
            f"A class is named {ABSTAIN!r}, as the action of leaving a row to a person is. Pass "
            "class_names with another name for it."
        )
    if band is not None and (band[0] <= 0 or band[1] >= 1):
        never = negative if band[0] <= 0 else positive
        logger.warning(
            "Rows are left to a person from a probability of %.3g to %.3g, so that the answer is never %r. Pass a "
            "smaller abstain, or another cost of it.", *band, never,
        )  # fmt: skip
    return Policy(at, learnt * temperature, positive, negative, band, prices, goal, chosen_on)


def _checked_goal(
    answers: Answers, names: Sequence[str], costs: Any, precision: float | None, recall: float | None, abstain: Band
) -> tuple[str, float]:
    """The goal's name, and what is to be reached; NaN for costs."""
    goals = {"costs": costs, "precision": precision, "recall": recall}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise ValueError(
            f"A threshold is chosen by one goal, got {' and '.join(given) or 'none'}. Pass "
            "costs={'false_positive': 1, 'false_negative': 5}, or precision=0.9, or recall=0.9."
        )
    if len(np.unique(answers.y_true)) < 2:
        only = names[int(answers.y_true[0])] if len(answers) else "none"
        raise ValueError(
            f"All {len(answers)} rows are of one class ({only}), and a threshold tells two apart. Choose it "
            "on rows of both."
        )
    for name, value in (("precision", precision), ("recall", recall)):
        if value is not None:
            check_number(name, value, "a number above 0 and up to 1", lambda share: 0 < share <= 1, such_as=0.9)
    for value in abstain if isinstance(abstain, (tuple, list)) else [abstain]:
        if value is not None:
            check_number("abstain", value, "a number from 0 to 1", lambda share: 0 <= share <= 1, such_as=0.05)
    return given[0], math.nan if given[0] == "costs" else float(goals[given[0]])


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
        costs = dict(zip(OUTCOMES, table.ravel().tolist(), strict=True))
    found = dict.fromkeys(OUTCOMES, 0.0)
    for name, cost in costs.items():
        known = _OTHER_NAMES.get(str(name).lower(), name)
        if known not in COSTS:
            raise ValueError(
                f"costs has no outcome {name!r}.{suggestions(str(name), COSTS)} It takes {', '.join(COSTS)}."
            )
        check_number(f"costs[{name!r}]", cost, "a number", math.isfinite, such_as=1.0)
        found[known] = float(cost)
    dearest = max(found["true_positive"], found["true_negative"])
    if "abstain" in found and found["abstain"] <= dearest:
        raise ValueError(
            f"costs['abstain'] is {found['abstain']:g}, no more than a right answer may cost ({dearest:g}): then it "
            "would pay to leave sure answers to a person. Pass what a person's look at a row costs."
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
    order, ends = falling(probability)
    hits = np.cumsum((weights * y_true)[order])[ends]
    return hits, np.cumsum(weights[order])[ends] - hits, probability[order][ends]


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
        if len(width) != 2:
            raise ValueError(f"abstain is a half width, or two probabilities, got {width!r}. Pass abstain=(0.4, 0.6).")
        low, high = width
        if not low <= min(threshold, 1.0) <= high:
            raise ValueError(
                f"abstain={tuple(width)} does not hold the threshold, {threshold:.3g}, where rows are uncertain. Pass "
                "two probabilities around it, or the half width of a band."
            )
        return float(low), float(high)
    if width is not None:
        return max(0.0, threshold - width), max(min(1.0, threshold + width), threshold)
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
