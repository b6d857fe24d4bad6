"""Metrics of groups: those that each task has by name, with what a gap in them means."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neurokit.arguments import suggestions
from neurokit.assessment.groups.judged import Judged
from neurokit.assessment.groups.statistics import GroupMetric, of_function, of_measures, of_sums
from neurokit.assessment.measures import MANY_CLASSES, Answers, Statistic, statistics

Array = np.ndarray[Any, Any]

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
    "mcc": "matthews_corrcoef", "matthews": "matthews_corrcoef", "ap": "average_precision",
    "average_precision_score": "average_precision", "median_ae": "median_absolute_error",
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
            chosen[name] = of_function(name, asked, judged, notes)
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
            near = suggestions(asked, [*known, *(one for one, meant in _OTHER_NAMES.items() if meant in known)])
            needs = " It needs scores, and none were passed." if plain in _NEED_SCORES and judged.scores is None else ""
            raise ValueError(
                f"by_group knows no metric {asked!r} for a {judged.kind} task.{needs}"
                f"{near} It knows {', '.join(known)}; any other can be passed "
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


def _binary(judged: Judged) -> list[GroupMetric]:
    true, picked = judged.answers.y_true == 1, judged.answers.y_pred == 1
    every = np.ones(len(true), dtype=bool)
    yes = repr(str(judged.class_names[1])) if len(judged.class_names) > 1 else "positive"
    sums = functools.partial(of_sums, judged=judged)

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
        of_measures("f1", judged, "higher", cases=true | picked,
                    means="F1: precision and true positive rate in one number"),
        of_measures("balanced_accuracy", judged, "higher", support=rarer,
                    means="balanced accuracy: the mean of true positive and true negative rate"),
        of_measures("matthews_corrcoef", judged, "higher", support=rarer, bounded=False, ratio=False,
                    means="Matthews correlation: how closely predictions follow the truth, chance taken off"),
    ]  # fmt: skip
    if judged.scores is None:
        return found
    off = judged.answers.scores[:, 1] - true
    return [
        *found,
        of_measures("roc_auc", judged, "higher", support=rarer,
                    means=f"ROC AUC: how much more often a row that is {yes} ranks above one that is not, inside a "
                          "group"),
        of_measures("average_precision", judged, "higher", support=rarer,
                    means=f"average precision: how many of the rows ranked first are {yes}; it rises with base rates"),
        sums("mean_error", top=off, bottom=every, better="zero",
             means=f"mean error of the probability (calibration in the large): by how much the probability of {yes} is "
                   "too high on average"),
        sums("brier_score", top=off**2, bottom=every, better="lower", bounded=True,
             means="Brier score: the mean squared error of the probability"),
        sums("log_loss", top=judged.answers.losses(), bottom=every, better="lower", means=_SURPRISE),
    ]  # fmt: skip


_SURPRISE = "log loss: how surprised the probabilities are by the truth"


def _multiclass(judged: Judged) -> list[GroupMetric]:
    every = np.ones(len(judged.y_true), dtype=bool)
    found = [
        of_sums("accuracy", judged, judged.answers.y_true == judged.answers.y_pred, every, "higher",
                "accuracy: how many more answers are right in one group, whichever mistakes are made"),
        of_measures("balanced_accuracy", judged, "higher",
                    "balanced accuracy: the mean, over the classes that a group holds, of the share that is found"),
        of_measures("f1", judged, "higher",
                    "macro F1: the mean F1 over the classes that occur in a group, truly or as predictions"),
        of_measures("precision", judged, "higher", "macro precision: of each class predicted, the share that truly is"),
        of_measures("recall", judged, "higher", "macro recall: of each class that occurs, the share that is found"),
        of_measures("matthews_corrcoef", judged, "higher", bounded=False, ratio=False,
                    means="Matthews correlation: how closely predictions follow the truth, chance taken off"),
    ]  # fmt: skip
    if judged.scores is None or judged.scores.ndim != 2:
        return found
    if judged.scores.shape[1] <= MANY_CLASSES:
        means = "ROC AUC of each class against the others, averaged: how well ranks tell classes apart inside a group"
        found.append(of_measures("roc_auc", judged, "higher", means))
    return [*found, of_sums("log_loss", judged, judged.answers.losses(), every, "lower", _SURPRISE)]


def _multilabel(judged: Judged) -> list[GroupMetric]:
    true, picked = judged.answers.y_true == 1, judged.answers.y_pred == 1
    every, labels = np.ones(len(true), dtype=bool), true.shape[1]
    sums = functools.partial(of_sums, judged=judged)

    def of_all_labels(answers: Answers) -> Statistic:
        """F1 over all labels at once: each a row of its own."""
        weight = None if answers.weight is None else answers.weight.repeat(labels)
        scores = np.broadcast_to(0.0, (answers.y_true.size, 2))
        flat = Answers("binary", answers.y_true.ravel(), answers.y_pred.ravel(), scores, weight)
        statistic = statistics(flat)["f1"]
        return lambda counts: statistic(counts.repeat(labels))

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
        of_measures("f1", judged, "higher", cases=(true | picked).any(1), of=of_all_labels,
                    means="F1 over all labels: precision and true positive rate in one number"),
    ]  # fmt: skip


def _regression(judged: Judged) -> list[GroupMetric]:
    rows = len(judged.y_true)
    errors = (judged.answers.y_pred - judged.answers.y_true).reshape(rows, -1)
    sums = functools.partial(of_sums, judged=judged, bottom=np.ones(rows, dtype=bool))
    return [
        sums("mae", top=np.abs(errors).mean(1), better="lower",
             means="mean absolute error, in units of the target: by how much one group's predictions are further off"),
        of_measures("rmse", judged, "lower", bounded=False,
                    means="root mean squared error, in units of the target; a few large mistakes weigh most"),
        of_measures("median_absolute_error", judged, "lower", bounded=False,
                    means="median absolute error, in units of the target: half of a group's predictions are nearer"),
        sums("mse", top=(errors**2).mean(1), better="lower",
             means="mean squared error, in squared units of the target"),
        sums("mean_error", top=errors.mean(1), better="zero",
             means="mean error (predicted minus true), in units of the target: one group is estimated too high against "
                   "another"),
        of_measures("r2", judged, "higher", bounded=False, ratio=False,
                    means="R2, the explained share of the variance inside each group: a group that varies little "
                          "scores low with the same errors"),
    ]  # fmt: skip


_KNOWN: dict[str, Callable[[Judged], list[GroupMetric]]] = {
    "binary": _binary, "multiclass": _multiclass, "multilabel": _multilabel, "regression": _regression,
}  # fmt: skip
_NEED_SCORES = {"roc_auc", "average_precision", "log_loss", "brier_score", "mean_error"}
KINDS = tuple(_KNOWN)
