"""Metrics of groups: each a function of rows, with the cases it rests on and what a gap in it means."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from neurokit.arguments import check_binds_two, suggestions

Array = np.ndarray[Any, Any]
Better = Literal["higher", "lower", "zero", "neither"]


@dataclass(frozen=True, eq=False)
class GroupMetric:
    """A number that any set of rows has.

    Attributes:
        name: What it is called.
        on: Returns the number of some rows, given their positions; NaN where it is not defined.
        cases: Marks the rows it rests on, bool ``(n,)``: for a true positive rate those that truly are positive.
        hits: Of a rate, marks the cases that count for it; ``None`` where it is no rate.
        better: Which way is good; ``"neither"`` where that depends on what the prediction brings.
        means: What a difference in it says, in plain words.
        ratio: Whether the ratio of two groups says anything.
        many: Returns the numbers of many draws from some rows: their positions ``(n,)``, and which of these were drawn,
            ``(draws, n)``.
        bounded: It lies between 0 and 1.
        costly: Each draw is a call of the user's function.
        support: Returns how many cases it hangs on, given positions, where these are fewer than ``cases`` marks: the
            rarer class, for a ROC AUC.
    """

    name: str
    on: Callable[[Array], float]
    cases: Array
    hits: Array | None
    better: Better
    means: str
    ratio: bool
    many: Callable[[Array, Array], Array]
    bounded: bool = False
    costly: bool = False
    support: Callable[[Array], int] | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """What was predicted for which truth, row by row.

    Attributes:
        kind: ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``"regression"``.
        y_true: Class indices ``(n,)``, 0 and 1 for each label ``(n, labels)``, or numbers ``(n,)`` or ``(n, outputs)``.
        y_pred: Predictions of the same shape.
        scores: Probabilities, ``(n, classes)`` or the positive class's ``(n,)``; may be ``None``.
        weights: The rows' weights ``(n,)``; ``None`` for equal ones.
        class_names: In the order of the indices.
    """

    kind: str
    y_true: Array
    y_pred: Array
    scores: Array | None
    weights: Array | None
    class_names: Sequence[str]

    @property
    def weight(self) -> Array:
        """The weights, also where all are 1."""
        return np.ones(len(self.y_true)) if self.weights is None else self.weights


_DEFAULTS = {
    "binary": ("accuracy", "selection_rate", "true_positive_rate", "false_positive_rate", "precision", "roc_auc"),
    "multiclass": ("accuracy", "balanced_accuracy", "f1"),
    "multilabel": ("accuracy", "exact_match", "selection_rate", "true_positive_rate", "false_positive_rate", "f1"),
    "regression": ("mae", "rmse", "mean_error"),
}
_OTHER_NAMES = {
    "acc": "accuracy", "accuracy_score": "accuracy", "auc": "roc_auc", "auroc": "roc_auc", "roc_auc_score": "roc_auc",
    "tpr": "true_positive_rate", "recall": "true_positive_rate", "sensitivity": "true_positive_rate",
    "recall_score": "true_positive_rate", "equal_opportunity": "true_positive_rate", "fpr": "false_positive_rate",
    "tnr": "true_negative_rate", "specificity": "true_negative_rate", "fnr": "false_negative_rate",
    "demographic_parity": "selection_rate", "precision_score": "precision", "ppv": "precision", "f1_score": "f1",
    "balanced_accuracy_score": "balanced_accuracy", "mean_absolute_error": "mae", "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse", "r2_score": "r2", "bias": "mean_error", "brier": "brier_score",
    "brier_score_loss": "brier_score", "prevalence": "base_rate", "subset_accuracy": "exact_match",
}  # fmt: skip


def group_metrics(judged: Judged, metrics: Any = None) -> tuple[list[GroupMetric], list[str]]:
    """Return the metrics that were asked for, or the usual ones of the task, and notes on what was left out.

    Args:
        judged: Truth and predictions.
        metrics: Names, functions of ``(y_true, y_pred)``, a list of both, or a dict of names and functions. A function
            with an argument ``sample_weight`` gets the weights.

    Raises:
        ValueError: If a name is unknown for this task.
        TypeError: If a metric is neither a name nor such a function.

    Example:
        >>> judged = Judged("binary", np.array([0, 1, 1]), np.array([0, 1, 0]), None, None, ["no", "yes"])
        >>> [found], _ = group_metrics(judged, "recall")
        >>> found.name, found.on(np.arange(3))
        ('true_positive_rate', 0.5)
    """
    known = {one.name: one for one in _KNOWN[judged.kind](judged)}
    notes: list[str] = []
    if metrics is None:
        return [known[name] for name in _DEFAULTS[judged.kind] if name in known], notes
    chosen: dict[str, GroupMetric] = {}
    for name, asked in _asked(metrics):
        if callable(asked):
            chosen[name] = _of_function(name, asked, judged, notes)
            continue
        if not isinstance(asked, str):
            raise TypeError(
                f"A metric is a name or a function of (y_true, y_pred), got {asked!r} ({type(asked).__name__}). "
                f"Pass metrics={list(known)[:2]}, for instance."
            )
        if asked in ("count", "n", "size"):
            notes.append(f"{asked!r} is no metric here: the number of rows, n, is always shown.")
            continue
        plain = asked.lower().replace(" ", "_").replace("-", "_")
        plain = plain if plain in known else _OTHER_NAMES.get(plain, plain)
        if plain not in known:
            needs = " It needs scores, and none were passed." if plain in _NEED_SCORES and judged.scores is None else ""
            raise ValueError(
                f"by_group knows no metric {asked!r} for a {judged.kind} task.{needs}"
                f"{suggestions(asked, [*known, *_OTHER_NAMES])} It knows {', '.join(known)}; any other can be passed "
                "as a function of (y_true, y_pred)."
            )
        called = name if isinstance(metrics, Mapping) else plain
        chosen[called] = dataclasses.replace(known[plain], name=called)
    if not chosen:
        raise ValueError(f"metrics names none. Pass some of {', '.join(known)}, or leave it out for the usual ones.")
    return list(chosen.values()), notes


def _asked(metrics: Any) -> list[tuple[str, Any]]:
    if isinstance(metrics, Mapping):
        return [(str(name), one) for name, one in metrics.items()]
    given = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
    return [(_called(one, place), one) for place, one in enumerate(given)]


def _called(metric: Any, place: int) -> str:
    name = getattr(metric, "__name__", None) or getattr(getattr(metric, "func", None), "__name__", None)
    return f"metric_{place + 1}" if name in (None, "<lambda>") else str(name)


# Metrics that are a sum over a sum: a draw of rows is then one pass over it.


def _of_sums(
    name: str, judged: Judged, top: Any, bottom: Any, better: Better, means: str, *,
    root: bool = False, bounded: bool | None = None,
) -> GroupMetric:  # fmt: skip
    """Return the metric that is the sum of ``top`` over that of ``bottom``, weighted, or the square root of it."""
    above, below = np.asarray(top), np.broadcast_to(np.asarray(bottom), len(judged.y_true))
    rate = above.dtype == bool and below.dtype == bool
    cases = below != 0
    weighted_above, weighted_below = above * judged.weight, below * judged.weight

    def many(rows: Array, draws: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            share = weighted_above[rows][draws].sum(-1) / weighted_below[rows][draws].sum(-1)
        return np.asarray(np.sqrt(share) if root else share)

    return GroupMetric(
        name=name,
        on=lambda rows: float(many(rows, np.arange(len(rows)))) if len(rows) else math.nan,
        cases=cases,
        hits=above if rate else None,
        better=better,
        means=f"difference in {means}",
        ratio=better != "zero",
        many=many,
        bounded=rate if bounded is None else bounded,
    )


def _of_rows(
    name: str,
    judged: Judged,
    function: Callable[[Array], float],
    better: Better,
    means: str,
    *,
    bounded: bool = True,
    support: Callable[[Array], int] | None = None,
    many: Callable[[Array, Array], Array] | None = None,
) -> GroupMetric:
    """Return a metric that is a function of rows and of nothing simpler."""
    return GroupMetric(
        name=name,
        on=lambda rows: float(function(rows)) if len(rows) else math.nan,
        cases=np.ones(len(judged.y_true), dtype=bool),
        hits=None,
        better=better,
        means=f"difference in {means}",
        ratio=bounded,
        many=many or (lambda rows, draws: np.asarray([function(rows[drawn]) for drawn in draws], dtype=float)),
        bounded=bounded,
        support=support,
    )


def _binary(judged: Judged) -> list[GroupMetric]:
    true, picked = judged.y_true.ravel().astype(int) == 1, judged.y_pred.ravel().astype(int) == 1
    every = np.ones(len(true), dtype=bool)
    yes = repr(str(judged.class_names[1])) if len(judged.class_names) > 1 else "positive"
    sums = functools.partial(_of_sums, judged=judged)

    def rarer(rows: Array) -> int:
        return int(min(true[rows].sum(), (~true[rows]).sum()))

    found = [
        sums("accuracy", top=true == picked, bottom=every, better="higher",
             means="accuracy: how many more answers are right in one group, whichever mistakes are made"),
        sums("selection_rate", top=picked, bottom=every, better="neither",
             means=f"selection rate (demographic parity): how much more often one group is predicted {yes}, whatever "
                   "the truth is"),
        sums("true_positive_rate", top=true & picked, bottom=true, better="higher",
             means=f"true positive rate (equal opportunity): of the rows that truly are {yes}, how many more are found "
                   "in one group"),
        sums("false_positive_rate", top=~true & picked, bottom=~true, better="lower",
             means=f"false positive rate (with the true positive rate: equalized odds): of the rows that truly are not "
                   f"{yes}, how many more are taken for it in one group"),
        sums("precision", top=true & picked, bottom=picked, better="higher",
             means=f"precision (predictive parity): of the rows predicted {yes}, how many more truly are in one group"),
        sums("true_negative_rate", top=~true & ~picked, bottom=~true, better="higher",
             means=f"true negative rate: of the rows that truly are not {yes}, how many more are left alone"),
        sums("false_negative_rate", top=true & ~picked, bottom=true, better="lower",
             means=f"false negative rate: of the rows that truly are {yes}, how many more are missed in one group"),
        sums("base_rate", top=true, bottom=every, better="neither",
             means=f"base rate: how much more often one group truly is {yes}; it describes the data, not the model"),
        sums("f1", top=2 * (true & picked), bottom=true.astype(int) + picked, better="higher", bounded=True,
             means="F1: precision and true positive rate in one number"),
        _of_rows("balanced_accuracy", judged, _balanced_accuracy(judged), "higher", support=rarer,
                 means="balanced accuracy: the mean of true positive and true negative rate"),
    ]  # fmt: skip
    if judged.scores is None:
        return found
    score = judged.scores[:, -1] if judged.scores.ndim == 2 else judged.scores
    score = score.astype(float)
    off = score - true
    chance = np.clip(np.where(true, score, 1 - score), np.finfo(float).eps, 1)
    areas = functools.partial(_areas, true, score, judged.weight)
    return [
        *found,
        _of_rows("roc_auc", judged, lambda rows: float(areas(rows, np.arange(len(rows))[None])[0]), "higher",
                 support=rarer, many=areas,
                 means=f"ROC AUC: how much more often a row that is {yes} ranks above one that is not, inside a group"),
        sums("mean_error", top=off, bottom=every, better="zero",
             means=f"mean error of the probability (calibration in the large): by how much the probability of {yes} is "
                   "too high on average"),
        sums("brier_score", top=off**2, bottom=every, better="lower", bounded=True,
             means="Brier score: the mean squared error of the probability"),
        sums("log_loss", top=-np.log(chance), bottom=every, better="lower",
             means="log loss: how surprised the probabilities are by the truth"),
    ]  # fmt: skip


def _areas(true: Array, score: Array, weight: Array, rows: Array, draws: Array) -> Array:
    """The areas under the ROC curves of many draws, ties counting half; NaN where only one class occurs.

    The rows are sorted once, and each draw only counts them in that order.
    """
    values, place = np.unique(score[rows], return_inverse=True)
    cells = place[draws] + len(values) * np.arange(len(draws))[:, None]
    shape = (len(draws), len(values))
    positive, negative = (
        np.bincount(cells.ravel(), (weight[rows] * side)[draws].ravel(), len(draws) * len(values)).reshape(shape)
        for side in (true[rows], ~true[rows])
    )
    below = negative.cumsum(1) - negative / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positive * below).sum(1) / (positive.sum(1) * negative.sum(1)))


def _class_counts(judged: Judged, rows: Array) -> tuple[Array, Array, Array]:
    """How much weight was right, predicted and true of each class, each of shape ``(classes,)``."""
    true, predicted = judged.y_true.ravel()[rows].astype(int), judged.y_pred.ravel()[rows].astype(int)
    classes = max(len(judged.class_names), int(max(true.max(), predicted.max())) + 1)
    weight = judged.weight[rows]
    right = np.bincount(true, weight * (true == predicted), classes)
    return right, np.bincount(predicted, weight, classes), np.bincount(true, weight, classes)


def _balanced_accuracy(judged: Judged) -> Callable[[Array], float]:
    def mean_recall(rows: Array) -> float:
        right, _, true = _class_counts(judged, rows)
        return float((right[true > 0] / true[true > 0]).mean()) if (true > 0).any() else math.nan

    return mean_recall


def _multiclass(judged: Judged) -> list[GroupMetric]:
    every = np.ones(len(judged.y_true), dtype=bool)
    true, predicted = judged.y_true.ravel().astype(int), judged.y_pred.ravel().astype(int)

    def macro_f1(rows: Array) -> float:
        right, guessed, real = _class_counts(judged, rows)
        occurs = guessed + real > 0
        return float((2 * right[occurs] / (guessed + real)[occurs]).mean()) if occurs.any() else math.nan

    found = [
        _of_sums("accuracy", judged, true == predicted, every, "higher",
                 "accuracy: how many more answers are right in one group, whichever mistakes are made"),
        _of_rows("balanced_accuracy", judged, _balanced_accuracy(judged), "higher",
                 "balanced accuracy: the mean, over the classes that a group holds, of the share that is found"),
        _of_rows("f1", judged, macro_f1, "higher",
                 "macro F1: the mean F1 over the classes that occur in a group, truly or as predictions"),
    ]  # fmt: skip
    if judged.scores is None or judged.scores.ndim != 2:
        return found
    chance = np.clip(judged.scores[np.arange(len(true)), true].astype(float), np.finfo(float).eps, 1)
    loss = "log loss: how surprised the probabilities are by the truth"
    return [*found, _of_sums("log_loss", judged, -np.log(chance), every, "lower", loss)]


def _multilabel(judged: Judged) -> list[GroupMetric]:
    true, picked = judged.y_true.astype(int) == 1, judged.y_pred.astype(int) == 1
    every, labels = np.ones(len(true), dtype=bool), true.shape[1]
    sums = functools.partial(_of_sums, judged=judged)
    return [
        sums("accuracy", top=(true == picked).sum(1), bottom=np.full(len(true), labels), better="higher", bounded=True,
             means="accuracy: how many more labels are right in one group"),
        sums("exact_match", top=(true == picked).all(1), bottom=every, better="higher",
             means="exact match: how many more rows have every label right in one group"),
        sums("selection_rate", top=picked.sum(1), bottom=np.full(len(true), labels), better="neither", bounded=True,
             means="selection rate (demographic parity): how many more labels one group is given"),
        sums("true_positive_rate", top=(true & picked).sum(1), bottom=true.sum(1), better="higher", bounded=True,
             means="true positive rate (equal opportunity): of the labels that truly hold, how many more are found"),
        sums("false_positive_rate", top=(~true & picked).sum(1), bottom=(~true).sum(1), better="lower", bounded=True,
             means="false positive rate: of the labels that do not hold, how many more are given"),
        sums("precision", top=(true & picked).sum(1), bottom=picked.sum(1), better="higher", bounded=True,
             means="precision (predictive parity): of the labels that are given, how many more truly hold"),
        sums("f1", top=2 * (true & picked).sum(1), bottom=true.sum(1) + picked.sum(1), better="higher", bounded=True,
             means="F1 over all labels: precision and true positive rate in one number"),
    ]  # fmt: skip


def _regression(judged: Judged) -> list[GroupMetric]:
    rows = len(judged.y_true)
    true = judged.y_true.reshape(rows, -1).astype(float)
    errors = judged.y_pred.reshape(rows, -1).astype(float) - true
    every = np.ones(rows, dtype=bool)

    def explained(chosen: Array) -> float:
        weight, off, target = judged.weight[chosen, None], errors[chosen], true[chosen]
        if len(chosen) < 2 or not weight.sum():
            return math.nan
        spread = (weight * (target - (weight * target).sum(0) / weight.sum()) ** 2).sum(0)
        left = (weight * off**2).sum(0)
        constant = np.where(left == 0, 1.0, 0.0)  # as scikit-learn has it
        return float(np.where(spread > 0, 1 - left / np.where(spread > 0, spread, 1), constant).mean())

    sums = functools.partial(_of_sums, judged=judged, bottom=every)
    return [
        sums("mae", top=np.abs(errors).mean(1), better="lower",
             means="mean absolute error, in units of the target: by how much one group's predictions are further off"),
        sums("rmse", top=(errors**2).mean(1), better="lower", root=True,
             means="root mean squared error, in units of the target; a few large mistakes weigh most"),
        sums("mse", top=(errors**2).mean(1), better="lower",
             means="mean squared error, in squared units of the target"),
        sums("mean_error", top=errors.mean(1), better="zero",
             means="mean error (predicted minus true), in units of the target: one group is estimated too high against "
                   "another"),
        _of_rows("r2", judged, explained, "higher", bounded=False,
                 means="R2, the explained share of the variance inside each group: a group that varies little scores "
                       "low with the same errors"),
    ]  # fmt: skip


_KNOWN: dict[str, Callable[[Judged], list[GroupMetric]]] = {
    "binary": _binary, "multiclass": _multiclass, "multilabel": _multilabel, "regression": _regression,
}  # fmt: skip
_NEED_SCORES = {"roc_auc", "log_loss", "brier_score", "mean_error"}
KINDS = tuple(_KNOWN)


def _of_function(name: str, function: Callable[..., Any], judged: Judged, notes: list[str]) -> GroupMetric:
    """Return a function of the user's as a metric: NaN, with a note, for a group that it cannot judge."""
    check_binds_two(function, name, "A metric is called with (y_true, y_pred)", "Pass functools.partial of it.")
    weighs = judged.weights is not None and _takes_weights(function)
    if judged.weights is not None and not weighs:
        notes.append(f"{name!r} takes no sample_weight: its numbers count every row alike.")
    every = np.arange(len(judged.y_true))

    def called(rows: Array) -> float:
        more = {"sample_weight": judged.weight[rows]} if weighs else {}
        with warnings.catch_warnings():  # a class that a group lacks is said by the NaN, or by the size of the group
            warnings.simplefilter("ignore")
            value = function(judged.y_true[rows], judged.y_pred[rows], **more)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"The metric {name!r} returned {value!r:.80} ({type(value).__name__}), and a metric of a group is one "
                "number. Return a float."
            ) from None

    called(every)  # what fails on all rows is a mistake of the function, and is raised as it is

    def number(rows: Array, said: list[str]) -> float:
        try:
            return called(rows)
        except Exception as error:  # the function is the user's, and so is what it raises of one class only
            reason = f"{name!r} is not defined for some groups: {type(error).__name__}: {str(error)[:120]}"
            if reason not in said:
                said.append(reason)
            return math.nan

    return GroupMetric(
        name=name,
        on=lambda rows: number(rows, notes) if len(rows) else math.nan,
        cases=np.ones(len(judged.y_true), dtype=bool),
        hits=None,
        better="neither",
        means=f"difference in {name}, as the function passed for it has it",
        ratio=True,
        many=lambda rows, draws: np.asarray([number(rows[drawn], []) for drawn in draws], dtype=float),
        costly=True,
    )


def _takes_weights(function: Callable[..., Any]) -> bool:
    try:
        parameters: Iterable[inspect.Parameter] = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(one.name == "sample_weight" for one in parameters)
