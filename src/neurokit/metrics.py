"""Metrics: what a run is judged by. Sums while the batches pass, one exact number at the epoch's end."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit import totals
from neurokit.arguments import check_binds_two, check_choice, nearest, question, suggestions, suggests_arguments
from neurokit.devices import sent
from neurokit.seeding import preserved_cpu_rng
from neurokit.task import Kind, Task

Array = np.ndarray[Any, Any]
Direction = Literal["min", "max"]


@runtime_checkable
class MetricLike(Protocol):
    """Any object with these three methods is a metric: your own, or one of torchmetrics.

    ``update`` gets the model's own outputs and the targets, both detached. A last axis of length one is removed from
    the outputs where the targets have none. For two classes and for several labels, torchmetrics objects get
    probabilities and integer targets: they would otherwise guess, batch by batch, whether they see logits.

    An attribute ``direction`` (``"min"`` or ``"max"``) or ``higher_is_better`` says which values are good; ``name``
    says what to log, else the class name in snake case. An object with ``state_dict`` and ``load_state_dict``
    survives an interruption in the middle of an epoch.
    """

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Take in one batch."""

    def compute(self) -> Any:
        """Return one number for all batches since the last reset."""

    def reset(self) -> None:
        """Forget all batches."""


def _function_name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None) or _snake_case(type(function).__name__)
    if name == "<lambda>":
        raise ValueError("A lambda has no name to log its metric under. Write nk.Metric(function, name=...).")
    return str(name)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _checked_direction(name: str, direction: Any) -> Direction | None:
    if direction in ("min", "max", None):
        return direction  # type: ignore[no-any-return]
    raise ValueError(
        f"The direction of metric {name!r} is 'min', 'max' or None, but got {direction!r}. Pass 'max' where higher is "
        "better."
    )


# What is good about scikit-learn's functions, and which of them make nothing of labels.
# fmt: off
_SKLEARN_DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys((
        "accuracy_score", "adjusted_mutual_info_score", "adjusted_rand_score", "average_precision_score",
        "balanced_accuracy_score", "cohen_kappa_score", "d2_absolute_error_score", "d2_brier_score",
        "d2_log_loss_score", "d2_pinball_score", "d2_tweedie_score", "dcg_score", "explained_variance_score",
        "f1_score", "fbeta_score", "jaccard_score", "label_ranking_average_precision_score", "matthews_corrcoef",
        "ndcg_score", "normalized_mutual_info_score", "precision_score", "r2_score", "recall_score", "roc_auc_score",
        "top_k_accuracy_score",
    ), "max"),
    **dict.fromkeys((
        "brier_score_loss", "coverage_error", "hamming_loss", "hinge_loss", "label_ranking_loss", "log_loss",
        "max_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_gamma_deviance",
        "mean_pinball_loss", "mean_poisson_deviance", "mean_squared_error", "mean_squared_log_error",
        "mean_tweedie_deviance", "median_absolute_error", "root_mean_squared_error", "root_mean_squared_log_error",
        "zero_one_loss",
    ), "min"),
}
_SKLEARN_OF_SCORES = frozenset((
    "average_precision_score", "brier_score_loss", "coverage_error", "d2_brier_score", "d2_log_loss_score",
    "dcg_score", "hinge_loss", "label_ranking_average_precision_score", "label_ranking_loss", "log_loss", "ndcg_score",
    "roc_auc_score", "top_k_accuracy_score",
))
# fmt: on


def _sklearn_name(function: Callable[..., Any]) -> str:
    """Return the name in ``sklearn.metrics`` of a function that is the very one found there, else nothing."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", "")
    module = sys.modules.get("sklearn.metrics")  # whoever holds one of its functions has imported it
    return str(name) if name and getattr(module, name, None) is function else ""


def _check_takes_two(function: Callable[..., Any]) -> None:
    """Refuse a function that the end of an epoch could not call."""
    name = getattr(function, "__name__", type(function).__name__)
    check_binds_two(
        function,
        name,
        "A metric is called with (y_true, y_pred)",
        f"Write a function of these two around it, such as def metric(y_true, y_pred): return {name}(...).",
    )


def _takes_weight(function: Callable[..., Any]) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except ValueError:  # a builtin that shows no signature
        return False


def _on_host(column: Tensor | None) -> Array | None:
    return None if column is None else column.numpy()


def _as_number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        arrived = f"{type(value).__name__} of shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
        raise TypeError(
            f"The metric {name!r} computed {arrived}, but a metric is one number. "
            "Average it (many functions have average='macro'), or pick one entry in a function of your own."
        ) from None


class Metric:
    """Any function of ``(y_true, y_pred)`` as a metric, scikit-learn's for instance.

    Predictions and targets are kept, and the function runs once, at the epoch's end, over all of them: exact for
    every function, at the price of rows x columns x 4 bytes (8 for labels) on the model's device while the epoch
    lasts, and the same on the host at its end. The metrics that have a name of their own keep sums instead, except
    ``roc_auc`` and ``average_precision``.

    A run with sample weights passes them as ``sample_weight``. Rows whose target is the loss's ``ignore_index`` are
    left out.

    Args:
        function: Takes two NumPy arrays, returns a number.
        needs: What the function gets as ``y_pred``. ``"labels"``: class indices 0, 1, 2, ... (encoded ones, where the
            classes were strings), 0 or 1 for each label, or the predicted values for regression. ``"scores"``: the
            probability of the positive class (N,) for two classes, whatever the model's head; all probabilities
            (N, C) for more, (N, L) for several labels at once; the predicted values for regression.
        name: The name it is logged under; the function's own when left out.
        direction: ``"max"`` when higher is better, ``"min"`` when lower is. Known for scikit-learn's functions;
            ``None`` for any other function means unknown.

    Raises:
        ValueError: If there is no name to log under (a lambda), or an argument is none of its choices.

    Example:
        >>> from sklearn.metrics import f1_score
        >>> metric = Metric(functools.partial(f1_score, average="macro"))
        >>> metric.name, metric.direction
        ('f1_score', 'max')
        >>> metric.update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]))
        >>> round(metric.compute(), 3)
        0.667
    """

    @suggests_arguments
    def __init__(
        self,
        function: Callable[..., Any],
        *,
        needs: Literal["labels", "scores"] = "labels",
        name: str | None = None,
        direction: Direction | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(
                f"Metric wraps a function (y_true, y_pred) -> number, but got {function!r:.60}. Pass a function, or "
                "write a name into metrics=[...] as it is."
            )
        check_choice("needs of Metric", needs, ("labels", "scores"), proba="scores", probabilities="scores")
        _check_takes_two(function)
        self.function = function
        self.needs = needs
        self.name = name or _function_name(function)
        self.direction = _checked_direction(self.name, direction) or _SKLEARN_DIRECTIONS.get(_sklearn_name(function))
        self._takes_weight = _takes_weight(function)
        self.reset()

    def update(
        self, predictions: Tensor, targets: Tensor, weight: Tensor | None = None, mask: Tensor | None = None
    ) -> None:
        """Keep one batch: predictions as ``needs`` says, targets in class indices or numbers.

        Args:
            predictions: Labels (rows,) or (rows, labels), or scores.
            targets: What is true, one entry for each row.
            weight: Sample weights (rows,), or ``None``.
            mask: ``False`` for each row that is to be left out (rows,), or ``None``.

        Raises:
            ValueError: If there are weights and the function has no parameter ``sample_weight``.
        """
        if weight is not None and not self._takes_weight:
            raise ValueError(
                f"This run has sample weights, but the function of metric {self.name!r} has no parameter "
                "sample_weight, so its number would silently ignore them. Give it one, or leave out the metric."
            )
        self._kept.append((predictions, targets, weight, mask))

    def compute(self) -> float:
        """Return the function's value over everything kept; nan when nothing was."""
        predictions, targets, weight, mask = map(_on_host, self._columns())
        if predictions is None or targets is None:
            return math.nan
        if mask is not None:
            predictions, targets, weight = predictions[mask], targets[mask], None if weight is None else weight[mask]
        if len(targets) == 0:
            return math.nan
        try:
            value = self.function(targets, predictions, **({} if weight is None else {"sample_weight": weight}))
        except Exception as error:
            error.add_note(f"Raised by the function of metric {self.name!r}, called with NumPy arrays.")
            raise
        return _as_number(self.name, value)

    def reset(self) -> None:
        """Forget all batches."""
        self._kept: list[tuple[Tensor, Tensor, Tensor | None, Tensor | None]] = []

    def state_dict(self) -> dict[str, Tensor | None]:
        """Return what was kept, each column in one piece."""
        return dict(zip(("predictions", "targets", "weight", "mask"), self._columns(), strict=True))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        predictions, targets, weight, mask = (state[key] for key in ("predictions", "targets", "weight", "mask"))
        self._kept = [] if predictions is None else [(predictions, targets, weight, mask)]

    def _columns(self) -> list[Tensor | None]:
        """Return predictions, targets, weight and mask, each joined over the batches."""
        columns = zip(*self._kept, strict=True) if self._kept else [()] * 4
        pieces = ([piece for piece in column if piece is not None] for column in columns)
        # piece by piece to the host: after a resume some lie there already, and the device never holds two copies
        return [torch.cat([piece.cpu() for piece in column]) if column else None for column in pieces]


def _class_indices(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return targets as class indices: those given as class probabilities become the likeliest class."""
    if targets.ndim == predictions.ndim > 1:
        targets = targets.argmax(1) if targets.shape[1] > 1 else targets.squeeze(1)
    if targets.ndim != predictions.ndim - 1 or (targets.ndim > 1 and targets.shape[1:] != predictions.shape[2:]):
        raise _misfit(predictions, targets, "multiclass", "(N, C, ...) and (N, ...)")
    return targets.long()


def _aligned(predictions: Tensor, targets: Tensor, kind: Kind) -> Tensor:
    """Return predictions in the shape of the targets, which may differ by axes of length one only."""
    if predictions.shape == targets.shape:
        return predictions
    if predictions.shape == (*targets.shape, 1):  # the usual case, spared two views
        return predictions.squeeze(-1)
    if predictions.squeeze().shape != targets.squeeze().shape:
        raise _misfit(predictions, targets, kind, "the same shape for both")
    return predictions.reshape(targets.shape)


def _misfit(predictions: Tensor, targets: Tensor, kind: Kind, expected: str) -> ValueError:
    return ValueError(
        f"Metrics got predictions of shape {tuple(predictions.shape)} and targets of shape {tuple(targets.shape)}, "
        f"but a {kind} task needs {expected}."
    )


def _widest(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64


class _Batch:
    """One batch in the form all metrics share: one row for each thing that is counted, each view made when first asked.

    Pixels and tokens are rows of their own. Rows whose target is the ignored one stay, with weight zero: leaving them
    out would need their number, which the host does not know.

    Attributes:
        given: Predictions and targets as they came.
        predictions: The model's outputs, (N, C, ...) for classes, else in the shape of the targets.
        targets: Class indices (rows,), 0 or 1 for each label (rows, labels), or numbers (rows, ...).
        rows: Their number.
        mask: ``False`` for ignored rows (rows,), or ``None`` when the task ignores nothing.
        sample_weight: The user's weights (rows,), or ``None``.
        weight: What each row counts, the two above together, bool or floating; ``None`` when each counts one.
        origin: What ``r2`` measures targets from, set where it is wanted.
    """

    origin: Tensor

    def __init__(self, task: Task, predictions: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        self.task = task
        self.given = predictions, targets
        mask = None
        if task.kind == "multiclass":
            targets = _class_indices(predictions, targets)
        elif task.kind is not None:
            if task.kind == "regression" and targets.ndim == 2 and targets.shape[1] == 1:
                targets = targets.squeeze(1)
            predictions = _aligned(predictions, targets, task.kind)
        if task.ignore_index is not None and task.kind in ("binary", "multiclass"):
            mask = targets != task.ignore_index
            targets = targets * mask
        if task.kind in ("binary", "multilabel"):
            targets = (targets > 0.5).long()
        if weight is not None:
            weight = weight.to(_widest(weight.device))
        if targets.ndim > 1 and task.kind in ("binary", "multiclass"):
            if weight is not None:
                weight = weight.reshape(-1, *[1] * (targets.ndim - 1)).expand(targets.shape).reshape(-1)
            mask = None if mask is None else mask.reshape(-1)
            targets = targets.reshape(-1)
        self.predictions, self.targets, self.rows = predictions, targets, len(targets)
        self.sample_weight, self.mask = weight, mask
        self.weight = mask if weight is None else weight if mask is None else weight * mask

    @property
    def total_weight(self) -> Tensor | int:
        """What all rows count together."""
        return self.rows if self.weight is None else self.weight.sum()

    @functools.cached_property
    def outputs(self) -> Tensor:
        """The predictions in single precision or better: (rows, classes) for many classes, else like the targets."""
        outputs = self.predictions
        if self.task.kind == "multiclass" and outputs.ndim > 2:
            outputs = outputs.movedim(1, -1).reshape(-1, outputs.shape[1])
        elif self.task.kind == "binary":
            outputs = outputs.reshape(-1)
        return outputs.to(torch.promote_types(outputs.dtype, torch.float32))

    @functools.cached_property
    def labels(self) -> Tensor:
        """The predicted class indices, or values for regression, in the shape of the targets."""
        if self.task.kind == "regression":
            return self.outputs
        labels = self.task.labels(self.predictions)
        return labels if labels.ndim == self.targets.ndim else labels.reshape(self.targets.shape)

    @functools.cached_property
    def scores(self) -> Tensor:
        """Probabilities (rows, classes or labels), of the positive class (rows,) where there are two; else outputs."""
        probabilities = self.task.probabilities(self.outputs)
        if self.task.kind == "multiclass" and probabilities.shape[1] == 2:
            return probabilities[:, 1]
        return probabilities

    @functools.cached_property
    def errors(self) -> Tensor:
        """Predicted minus true values, exact for single precision (rows, ...)."""
        return self.outputs.to(_widest(self.outputs.device)) - self.targets


# What a batch adds to the running sums. Each function is called once a batch, however many metrics read its sums.


def _hits(batch: _Batch) -> Tensor:
    hits = batch.labels == batch.targets
    return _summed(hits.flatten(1).all(1) if batch.task.kind == "multilabel" else hits, batch.weight)


def _top_k_hits(batch: _Batch, k: int) -> Tensor:
    likeliest = batch.outputs.topk(min(k, batch.outputs.shape[1]), dim=1).indices  # (rows, k)
    return _summed((likeliest == batch.targets[:, None]).any(1), batch.weight)


def _class_counts(batch: _Batch) -> Tensor:
    """Return how often each class was hit, predicted and true, (3, classes): a confusion matrix's diagonal and margins.

    The metrics need no more of it, and its size would grow with the square of the classes.
    """
    labels, targets, weight = batch.labels, batch.targets, batch.weight
    if batch.task.kind == "multilabel":
        return _summed(torch.stack((labels * targets, labels, targets), dim=1), weight)
    classes = 2 if batch.task.kind == "binary" else batch.predictions.shape[1]
    each = torch.ones_like(targets) if weight is None else weight * 1  # a mask becomes numbers
    index = torch.cat((targets, labels + classes, targets + 2 * classes))
    counted = torch.cat(((labels == targets) * each, each, each))
    # not bincount, which waits for the device to learn the largest index
    return counted.new_zeros(3 * classes).index_add_(0, index, counted).reshape(3, classes)


def _log_losses(batch: _Batch) -> Tensor:
    """Return the summed negative log-likelihood, natural logarithm; probabilities are clipped as in scikit-learn."""
    outputs, targets, activation = batch.outputs, batch.targets, batch.task.activation
    if batch.task.kind == "multiclass":
        losses = F.nll_loss(outputs if activation == "exp" else outputs.log_softmax(1), targets, reduction="none")
    elif activation == "sigmoid":
        losses = F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), reduction="none")
    else:
        smallest = torch.finfo(outputs.dtype).eps
        probabilities = batch.scores.clamp(smallest, 1 - smallest)
        losses = F.binary_cross_entropy(probabilities, targets.to(outputs.dtype), reduction="none")
    return _summed(losses, batch.weight)


def _absolute_errors(batch: _Batch) -> Tensor:
    return _summed(batch.errors.abs(), batch.weight)


def _squared_errors(batch: _Batch) -> Tensor:
    return _summed(batch.errors.square(), batch.weight)


def _spreads(batch: _Batch) -> Tensor:
    """Return sums of squared errors, and of the targets' deviations and squared deviations from the origin, (3, ...).

    Measured from a target, not from zero, the squares stay small where all targets are large and near each other.
    """
    deviations = batch.targets - batch.origin
    return _summed(torch.stack((batch.errors.square(), deviations, deviations.square()), dim=1), batch.weight)


def _summed(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return weighted sums over the rows, in the widest type; a row of weight zero may hold anything, even nan."""
    if weight is not None:
        weight = weight.reshape(-1, *[1] * (values.ndim - 1)) if values.ndim > 1 else weight
        values = (values * weight).masked_fill(weight == 0, 0) if values.is_floating_point() else values * weight
    return values.sum(0, dtype=_widest(values.device) if values.is_floating_point() else torch.int64)


# The two that need every score at once.


def _roc_auc(y_true: Array, y_score: Array, sample_weight: Array | None = None) -> float:
    with preserved_cpu_rng():  # what scikit-learn imports may draw, and a resumed run imports it elsewhere
        from sklearn.metrics import roc_auc_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is missing makes it nan, which says as much
        return float(roc_auc_score(_one_against_rest(y_true, y_score), y_score, sample_weight=sample_weight))


def _average_precision(y_true: Array, y_score: Array, sample_weight: Array | None = None) -> float:
    with preserved_cpu_rng():
        from sklearn.metrics import average_precision_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is missing counts 0
        return float(average_precision_score(_one_against_rest(y_true, y_score), y_score, sample_weight=sample_weight))


def _one_against_rest(y_true: Array, y_score: Array) -> Array:
    """Return a column for each class where the scores have one, also for classes that never occur."""
    if y_true.ndim == y_score.ndim:
        return y_true
    columns: Array = y_true[:, None] == np.arange(y_score.shape[1])
    return columns.astype(np.int64)


class _Streaming(NamedTuple):
    """A metric that is a function of sums: what to add up, under which key, and how to read it."""

    key: str
    sums: Callable[[_Batch], Tensor]
    finish: Callable[[totals.Totals], float]
    direction: Direction
    kinds: tuple[Kind, ...]
    least_classes: int = 0


class _Ranking(NamedTuple):
    """A metric that needs every score at once."""

    function: Callable[..., float]
    kinds: tuple[Kind, ...]
    least_classes: int = 0


def _top_k_accuracy(k: int) -> _Streaming:
    return _Streaming(f"top_{k}_hits", functools.partial(_top_k_hits, k=k), totals.mean, "max", ("multiclass",), k + 1)


_TOP_K = r"top_([1-9]\d*)_accuracy"
_ANY: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
_ONE: tuple[Kind, ...] = ("binary", "multiclass")
_NUMBERS: tuple[Kind, ...] = ("regression",)
_NAMED: dict[str, _Streaming | _Ranking] = {
    "accuracy": _Streaming("hits", _hits, totals.mean, "max", _ANY),
    "top_k_accuracy": _top_k_accuracy(5),
    "log_loss": _Streaming("log_losses", _log_losses, totals.mean, "min", _ANY),
    "precision": _Streaming("class_counts", _class_counts, totals.precision, "max", _ANY),
    "recall": _Streaming("class_counts", _class_counts, totals.recall, "max", _ANY),
    "f1": _Streaming("class_counts", _class_counts, totals.f1, "max", _ANY),
    "balanced_accuracy": _Streaming("class_counts", _class_counts, totals.balanced_accuracy, "max", _ONE),
    "matthews_corrcoef": _Streaming("class_counts", _class_counts, totals.matthews_corrcoef, "max", _ONE),
    "roc_auc": _Ranking(_roc_auc, _ANY),
    "average_precision": _Ranking(_average_precision, _ANY),
    "mae": _Streaming("absolute_errors", _absolute_errors, totals.mean, "min", _NUMBERS),
    "mse": _Streaming("squared_errors", _squared_errors, totals.mean, "min", _NUMBERS),
    "rmse": _Streaming("squared_errors", _squared_errors, totals.root_mean, "min", _NUMBERS),
    "r2": _Streaming("spreads", _spreads, totals.r2, "max", _NUMBERS),
}


_OTHER_NAMES = {  # of Keras, scikit-learn and torchmetrics, and what people say
    "acc": "accuracy", "binary_accuracy": "accuracy", "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy", "accuracy_score": "accuracy", "auc": "roc_auc", "auroc": "roc_auc",
    "roc_auc_score": "roc_auc", "f1_score": "f1", "precision_score": "precision", "recall_score": "recall",
    "mean_absolute_error": "mae", "mean_squared_error": "mse", "root_mean_squared_error": "rmse", "r2_score": "r2",
    "mcc": "matthews_corrcoef", "cross_entropy": "log_loss",
}  # fmt: skip


def metric_names(name: str) -> list[str]:
    """Return up to three metrics that a name may mean, the nearest first.

    Example:
        >>> metric_names("acc")
        ['accuracy']
    """
    if name.lower() in _OTHER_NAMES:
        return [_OTHER_NAMES[name.lower()]]
    known = {one: one for one in [*_NAMED, "top_3_accuracy"]} | _OTHER_NAMES
    return list(dict.fromkeys(known[one] for one in nearest(name, known)))


def _unknown(name: str) -> str:
    return (
        f"There is no metric {name!r}.{question(metric_names(name))} The names are "
        f"{', '.join([*_NAMED, 'top_3_accuracy'])}. A function (y_true, y_pred) or a torchmetrics object may stand "
        "beside them."
    )


def _named(name: str, task: Task) -> _Streaming | Metric:
    """Return the metric of this name.

    Raises:
        ValueError: If there is none, or it does not fit the task.
    """
    found = _NAMED.get(name)
    if top := re.fullmatch(_TOP_K, name):
        found = _top_k_accuracy(int(top[1]))
    if found is None:
        raise ValueError(_unknown(name))
    if task.kind not in found.kinds:
        fitting = [other for other, metric in _NAMED.items() if task.kind in metric.kinds]
        told = f"a {task.kind} task" if task.kind else "a task that its loss and targets do not tell"
        advice = f"one of {', '.join(fitting)}" if fitting else "nk.Metric(function, needs='scores')"
        raise ValueError(f"The metric {name!r} is for {' or '.join(found.kinds)}; this is {told}. Use {advice}.")
    if name == "log_loss" and task.kind == "multiclass" and task.activation == "identity":
        raise ValueError(
            "log_loss needs probabilities, and this loss does not tell how the outputs become some. Use "
            "loss='cross_entropy' or 'nll'; for a model that puts out probabilities write nk.Metric("
            "sklearn.metrics.log_loss, needs='scores')."
        )
    if task.num_classes is not None and task.num_classes < found.least_classes:
        raise ValueError(
            f"The metric {name!r} looks at the {found.least_classes - 1} likeliest classes, but there are only "
            f"{task.num_classes}: it would always be 1. Use accuracy, or top_<k>_accuracy with a smaller k."
        )
    return Metric(found.function, needs="scores", name=name, direction="max") if isinstance(found, _Ranking) else found


def _check_needs(metric: Metric, task: Task, *, wrapped: bool) -> None:
    """Raise, or warn, when a function would not get what it is about."""
    if task.kind is None and metric.needs == "labels":
        raise ValueError(
            f"The metric {metric.name!r} wants labels, but loss and targets do not tell what the model is asked for. "
            "Write nk.Metric(function, needs='scores'): it gets the model's own outputs."
        )
    if not wrapped and task.kind != "regression" and _sklearn_name(metric.function) in _SKLEARN_OF_SCORES:
        warnings.warn(
            f"{metric.name} is about scores, but a function that is not wrapped gets labels. "
            f"Write nk.Metric({metric.name}, needs='scores').",
            stacklevel=2,
        )


def _resolve(entry: Any, task: Task) -> Iterator[tuple[str, _Streaming | MetricLike]]:
    """Yield the metrics behind one entry of the user's list, with their names."""
    if isinstance(entry, str):
        yield entry, _named(entry, task)
        return
    for name, metric in _objects(entry):
        if isinstance(metric, Metric):
            _check_needs(metric, task, wrapped=metric is entry)
        yield name, metric


def _objects(entry: Any) -> list[tuple[str, MetricLike]]:
    """Return what an entry that is no name stands for, with its names; a bare function is wrapped.

    Raises:
        TypeError: If it is not a metric at all.
    """
    if isinstance(entry, nn.ModuleDict):  # a torchmetrics collection
        return list(entry.items())  # type: ignore[arg-type]
    if isinstance(entry, type):
        raise TypeError(
            f"metrics takes names, objects and functions, but got the class {entry.__name__}. Write "
            f"{entry.__name__}(...)."
        )
    if isinstance(entry, Metric):
        return [(entry.name, entry)]
    if isinstance(entry, MetricLike):
        return [(getattr(entry, "name", None) or _snake_case(type(entry).__name__), entry)]
    if callable(entry) and not isinstance(entry, nn.Module):
        return [(metric.name, metric) for metric in (Metric(entry),)]
    raise TypeError(
        "metrics takes names, nk.Metric and torchmetrics objects, and functions (y_true, y_pred) of arrays, "
        f"but got {entry!r:.60} ({type(entry).__name__}). Write metrics=['accuracy'], for instance."
    )


def _direction(name: str, metric: _Streaming | MetricLike) -> Direction | None:
    if hasattr(metric, "direction"):
        return _checked_direction(name, metric.direction)
    higher_is_better = getattr(metric, "higher_is_better", None)
    return None if higher_is_better is None else "max" if higher_is_better else "min"


def _feed(name: str, metric: MetricLike, batch: _Batch) -> None:
    """Give a batch to a metric that is not a sum of ours."""
    if isinstance(metric, Metric):
        predictions = batch.labels if metric.needs == "labels" else batch.scores
        metric.update(predictions, batch.targets, batch.sample_weight, batch.mask)
        return
    if batch.sample_weight is not None:
        raise ValueError(
            f"This run has sample weights, but the metric {name!r} cannot weigh its rows: update(predictions, targets) "
            "has no place for weights. Use one of our names, or nk.Metric with a function that takes sample_weight."
        )
    predictions, targets = batch.given
    if predictions.ndim == targets.ndim + 1 and predictions.shape[-1] == 1:
        predictions = predictions.squeeze(-1)
    if _is_torchmetrics(metric):
        if batch.task.kind in ("binary", "multilabel"):
            predictions, targets = batch.task.probabilities(predictions), targets.round().long()
        elif batch.task.kind == "multiclass":
            targets = _class_indices(predictions, targets)
    metric.update(predictions, targets)


def _is_torchmetrics(metric: object) -> bool:
    torchmetrics = sys.modules.get("torchmetrics")  # whoever holds one of its objects has imported it
    return torchmetrics is not None and isinstance(metric, torchmetrics.Metric)


def _moved(value: Any, device: torch.device) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.to(device, _widest(device) if value.is_floating_point() else value.dtype)


def _object_state(metric: Any) -> dict[str, Any]:
    if _is_torchmetrics(metric):  # its own state_dict leaves the running state out
        parts = [part for part in metric.modules() if _is_torchmetrics(part)]
        return {"parts": [{"updates": p.update_count, "state": copy.deepcopy(p.metric_state)} for p in parts]}
    return copy.deepcopy(dict(metric.state_dict())) if hasattr(metric, "state_dict") else {}


def _torchmetrics_parts(metric: Any) -> list[Any]:
    return [part for part in metric.modules() if _is_torchmetrics(part)] if _is_torchmetrics(metric) else []


def _from_origin(key: str, state: Mapping[str, Any], origin: Tensor | None) -> Any:
    """One process's sums; deviations of targets measured from the origin that all shall share."""
    sums = state["sums"][key]
    if key != "spreads":
        return sums
    moved, weight = state["origin"] - origin, state["weight"]
    errors, deviations, squares = sums
    return torch.stack((errors, deviations + weight * moved, squares + 2 * moved * deviations + weight * moved**2))


def _joined_states(metric: Any, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One state from those of several processes: kept rows one after another, or as torchmetrics says."""
    if isinstance(metric, Metric):
        columns = {name: [state[name] for state in states if state[name] is not None] for name in states[0]}
        return {name: torch.cat(column) if column else None for name, column in columns.items()}
    parts = []
    of_parts = zip(*(state["parts"] for state in states), strict=True)
    for part, saved in zip(_torchmetrics_parts(metric), of_parts, strict=True):
        values = {name: [one["state"][name] for one in saved] for name in saved[0]["state"]}
        joined = {
            name: [row for rows in found for row in rows] if isinstance(found[0], list)
            else part._reductions[name](torch.stack(found))
            for name, found in values.items()
        }  # fmt: skip
        parts.append({"updates": sum(one["updates"] for one in saved), "state": joined})
    return {"parts": parts}


def _load_object_state(name: str, metric: Any, state: Mapping[str, Any]) -> None:
    if _is_torchmetrics(metric):
        parts = [part for part in metric.modules() if _is_torchmetrics(part)]
        for part, saved in zip(parts, state["parts"], strict=True):
            part._update_count = saved["updates"]  # has no public way in; without it compute() warns
            for key, value in saved["state"].items():
                setattr(part, key, copy.deepcopy(value))
    elif hasattr(metric, "load_state_dict"):
        metric.load_state_dict(state)
    else:
        warnings.warn(
            f"The metric {name!r} has no state_dict, so its value for the epoch that is continued covers only "
            "the batches from here on.",
            stacklevel=2,
        )


def check_metrics(metrics: Any) -> None:
    """Refuse what no task could make metrics of, before there are data: misspelt names, classes, wrong functions.

    Raises:
        ValueError: If a name is unknown.
        TypeError: If an entry is not a metric at all, or there is no list of them.

    Example:
        >>> check_metrics(["accuracy", "top_3_accuracy"])
    """
    if isinstance(metrics, Mapping):
        for part in metrics.values():
            check_metrics(part)
        return
    if isinstance(metrics, (str, nn.Module)) or not isinstance(metrics, Iterable):
        raise _no_list(metrics)
    for entry in metrics:
        if isinstance(entry, str):
            if entry not in _NAMED and not re.fullmatch(_TOP_K, entry):
                raise ValueError(_unknown(entry))
        else:
            _objects(entry)


def _no_list(metrics: Any) -> TypeError:
    hint = f"Pass metrics=[{metrics!r:.40}]." if isinstance(metrics, (str, nn.Module)) else "Pass such a list, or ()."
    if isinstance(metrics, Mapping):
        hint = "A mapping gives metrics by output name, for a dict of losses."
    return TypeError(f"metrics is a list such as ['accuracy'], but got {metrics!r:.60}. {hint}")


class MetricSet:
    """All metrics of one output: fed batch by batch without waiting for the device, read once at the epoch's end.

    Made by ``MetricSet.resolve``. The numbers are those of scikit-learn over the whole epoch in one piece, with
    ``sample_weight`` where there is one. Where a metric has a choice, it is this:

    - ``accuracy`` of several labels at once is the share of rows with every label right.
    - ``precision``, ``recall`` and ``f1`` are those of the second class where there are two, else the plain average
      over the classes that occur (over all labels for several at once); 0 where nothing was predicted or true.
      They, ``balanced_accuracy`` and ``matthews_corrcoef`` share one table: a class counts as absent when its rows
      weigh nothing, where scikit-learn would still count it.
    - ``roc_auc`` and ``average_precision`` of many classes or labels average one-against-the-rest over all of them;
      a ``roc_auc`` with a class that never or always occurs is nan.
    - ``log_loss`` comes from the logits themselves where the loss takes logits, so that a confident mistake is not
      clipped; of several labels at once it is the average over the labels.
    - ``mae``, ``mse``, ``rmse`` and ``r2`` of several outputs are averages over the outputs.

    Attributes:
        names: What ``compute`` returns, in the user's order.
        directions: For each name whether ``"min"`` or ``"max"`` is good; ``None`` when nobody said.
    """

    _device: torch.device | None
    _rows: int
    _weight: Tensor | int  # an int as long as every row weighs one
    _origin: Tensor | None  # the first target: what r2 measures the others from
    _sums: dict[str, Tensor | int]

    def __init__(self, metrics: Mapping[str, _Streaming | MetricLike], task: Task) -> None:
        self.names: list[str] = list(metrics)
        self.directions: dict[str, Direction | None] = {n: _direction(n, metric) for n, metric in metrics.items()}
        self._task = task
        self._streaming = {n: metric for n, metric in metrics.items() if isinstance(metric, _Streaming)}
        self._objects = {n: metric for n, metric in metrics.items() if not isinstance(metric, _Streaming)}
        self._statistics = {metric.key: metric.sums for metric in self._streaming.values()}  # shared ones are one
        self.reset()

    @property
    def is_streaming(self) -> bool:
        """Whether taking in a batch runs no code of the user's: all metrics are sums of our own."""
        return not self._objects

    @classmethod
    def resolve(cls, metrics: Any, task: Task | Mapping[str, Task]) -> MetricSet:
        """Return the metrics a user asked for, ready for a task.

        Args:
            metrics: Names, ``Metric`` and torchmetrics objects, functions ``(y_true, y_pred)``, in any mixture.
            task: What the model is asked for. For several outputs a task by output: then predictions and targets are
                mappings too, every metric applies to each output and is logged as ``{output}_{name}``, and
                ``metrics`` may be a mapping from output to its own list.

        Raises:
            ValueError: If a name is unknown or given twice, or a metric does not fit the task.
            TypeError: If an entry is not a metric at all.

        Example:
            >>> metrics = MetricSet.resolve(["accuracy", "f1"], Task("binary", "sigmoid", num_classes=2))
            >>> metrics.update(torch.tensor([-1.0, 2.0, 0.5]), torch.tensor([0.0, 1.0, 0.0]))
            >>> {name: round(value, 3) for name, value in metrics.compute().items()}
            {'accuracy': 0.667, 'f1': 0.667}
        """
        if isinstance(task, Mapping):
            return _MetricsByOutput(metrics, task)
        if isinstance(metrics, (str, nn.Module, Mapping)) or not isinstance(metrics, Iterable):
            raise _no_list(metrics)
        resolved: dict[str, _Streaming | MetricLike] = {}
        for name, metric in (pair for entry in metrics for pair in _resolve(entry, task)):
            if name in resolved or name in ("loss", "lr"):
                taken = "is given twice" if name in resolved else "is logged by the trainer itself"
                raise ValueError(
                    f"The metric name {name!r} {taken}. Leave one out, or rename it: "
                    "nk.Metric(function, name=...), or an attribute `name` on your metric object."
                )
            resolved[name] = metric
        return MetricSet(resolved, task)

    def update(self, predictions: Any, targets: Any, weight: Tensor | None = None) -> None:
        """Take in one batch, detached; nothing here waits for the device.

        Args:
            predictions: The model's own outputs: (N,) or (N, 1) for two classes with one output, (N, C, ...) for
                classes, (N, L) for labels, (N,) or (N, k) for regression.
            targets: Class indices (N, ...) or class probabilities like the predictions, 0 and 1, or numbers.
            weight: Sample weights (N,), or ``None``.

        Raises:
            ValueError: If the shapes do not fit the task, or a metric cannot weigh its rows.
        """
        if not self.names:
            return
        batch = _Batch(self._task, predictions, targets, weight)
        if predictions.device != self._device:
            self._move(predictions.device)
        if "spreads" in self._statistics:
            if self._origin is None:
                self._origin = batch.targets[0].to(_widest(predictions.device), copy=True)  # a view would keep it all
            batch.origin = self._origin
        self._rows += batch.rows
        self._weight = self._weight + batch.total_weight
        for key, sums in self._statistics.items():
            self._sums[key] = self._sums[key] + sums(batch)
        for name, metric in self._objects.items():
            _feed(name, metric, batch)

    def _move(self, device: torch.device) -> None:
        """Bring sums that were loaded, and metrics that are modules, to where the batches are."""
        self._device = device
        moved = {key: _moved(value, device) for key, value in self._sums.items()}
        self._sums, self._weight, self._origin = moved, _moved(self._weight, device), _moved(self._origin, device)
        for metric in self._objects.values():
            if isinstance(metric, nn.Module):
                metric.to(device)

    def compute(self) -> dict[str, float]:
        """Return each metric over everything since the last reset, nan where nothing counted.

        The sums come to the host in one transfer; collected predictions and foreign objects in their own.
        """
        found = self.sums()
        if found is None:
            return dict.fromkeys(self.names, math.nan)
        packed, read = found
        values = read(packed.cpu())
        values |= {name: _as_number(name, metric.compute()) for name, metric in self._objects.items()}
        return {name: values[name] for name in self.names}

    def sums(self) -> tuple[Tensor, Callable[[Tensor], dict[str, float]]] | None:
        """Return what the streaming metrics come from as one vector, where the batches are, and what reads it there.

        Returns:
            The vector, and a function of the vector on the host that gives each such metric, nan where nothing counted;
            ``None`` before the first batch. Metrics that collect predictions are none of them.
        """
        if self._rows == 0:
            return None
        numbers = [self._weight, *self._sums.values()]
        tensors = [one if isinstance(one, Tensor) else torch.full((), one, device=self._device) for one in numbers]
        packed = torch.cat([tensor.reshape(-1).to(_widest(tensor.device)) for tensor in tensors])
        rows, keys, shapes = self._rows, list(self._sums), [tuple(tensor.shape) for tensor in tensors]

        def read(host: Tensor) -> dict[str, float]:
            pieces = np.split(host.double().numpy(), np.cumsum([math.prod(shape) for shape in shapes])[:-1])
            weight, *sums = (piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))
            summed = {
                key: totals.Totals(total, float(weight), rows, self._task.kind)
                for key, total in zip(keys, sums, strict=True)
            }
            return {
                name: float(metric.finish(summed[metric.key])) if weight > 0 else math.nan
                for name, metric in self._streaming.items()
            }

        return packed, read

    def reset(self) -> None:
        """Forget all batches."""
        self._device = self._origin = None
        self._rows = self._weight = 0
        self._sums = dict.fromkeys(self._statistics, 0)
        for metric in self._objects.values():
            metric.reset()

    def fresh(self) -> MetricSet:
        """Return the same metrics with nothing in them, apart from these: for an evaluation amid an epoch."""
        copies = {
            name: copy.copy(metric) if isinstance(metric, Metric) else copy.deepcopy(metric)  # no copy of what is kept
            for name, metric in self._objects.items()
        }
        return MetricSet({name: {**self._streaming, **copies}[name] for name in self.names}, self._task)

    def state_dict(self) -> dict[str, Any]:
        """Return the sums and kept predictions of a half-done epoch, as tensors and plain values."""
        if self._rows == 0:
            return {"rows": 0}
        return {
            "rows": self._rows,
            "weight": self._weight,
            "origin": self._origin,
            "sums": dict(self._sums),
            "objects": {name: _object_state(metric) for name, metric in self._objects.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``; the next batch says on which device.

        Raises:
            ValueError: If the state was saved with other metrics.
        """
        if state["rows"]:
            saved, needed = {*state["sums"], *state["objects"]}, {*self._statistics, *self._objects}
            if saved != needed:
                raise ValueError(
                    f"The saved metrics hold {sorted(saved)}, but this trainer's need {sorted(needed)}. "
                    "Continue a half-done epoch with the metrics it was started with."
                )
        self.reset()
        if state["rows"]:
            self._rows, self._weight, self._origin = state["rows"], state["weight"], state["origin"]
            self._sums = dict(state["sums"])
            for name, metric in self._objects.items():
                _load_object_state(name, metric, state["objects"][name])

    def merged(self, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return one state from those of several processes, each of which saw some of the rows."""
        states = [state for state in states if state["rows"]]
        if not states:
            return {"rows": 0}
        origin = states[0]["origin"]
        return {
            "rows": sum(state["rows"] for state in states),
            "weight": sum(state["weight"] for state in states),
            "origin": origin,
            "sums": {key: sum(_from_origin(key, state, origin) for state in states) for key in self._statistics},
            "objects": {
                name: _joined_states(metric, [state["objects"][name] for state in states])
                for name, metric in self._objects.items()
            },
        }

    def check_mergeable(self) -> None:
        """Refuse what cannot be put together from several processes; keep torchmetrics from waiting by itself.

        Raises:
            TypeError: If there is such a metric.
        """
        for name, metric in self._objects.items():
            if not isinstance(metric, Metric) and not _is_torchmetrics(metric):
                raise TypeError(
                    f"The metric {name!r} ({type(metric).__name__}) sees the rows of one process, and nothing says how "
                    "those of several become one number. Use one of our names, a torchmetrics object, or nk.Metric "
                    "with a function (y_true, y_pred)."
                )
            for part in _torchmetrics_parts(metric):
                if None in part._reductions.values():
                    raise TypeError(
                        f"The metric {name!r} ({type(part).__name__}) does not say how its state is put together from "
                        "several processes: give add_state a dist_reduce_fx, such as 'sum'."
                    )
                part.sync_on_compute = False


class _MetricsByOutput(MetricSet):
    """A ``MetricSet`` for each output of a model that has several, read as one."""

    def __init__(self, metrics: Any, tasks: Mapping[str, Task]) -> None:
        by_output = metrics if isinstance(metrics, Mapping) else {output: copy.deepcopy(metrics) for output in tasks}
        if unknown := sorted(set(by_output) - set(tasks)):
            raise ValueError(
                f"metrics names the outputs {unknown}, but the losses are for {sorted(tasks)}."
                f"{suggestions(str(unknown[0]), tasks) or ' Name the metrics as the losses are named.'}"
            )
        self._sets: dict[str, MetricSet] = {}
        for output, task in tasks.items():
            try:
                self._sets[output] = MetricSet.resolve(by_output.get(output, ()), task)
            except (TypeError, ValueError) as error:
                error.add_note(f"While reading the metrics of output {output!r}. A mapping gives each output its own.")
                raise
        self.names = [f"{output}_{name}" for output, part in self._sets.items() for name in part.names]
        self.directions = {f"{o}_{n}": d for o, part in self._sets.items() for n, d in part.directions.items()}

    @property
    def is_streaming(self) -> bool:
        return all(part.is_streaming for part in self._sets.values())

    def update(self, predictions: Any, targets: Any, weight: Tensor | None = None) -> None:
        for output, part in self._sets.items():
            part.update(predictions[output], targets[output], weight)

    def compute(self) -> dict[str, float]:
        return {f"{o}_{name}": value for o, part in self._sets.items() for name, value in part.compute().items()}

    def sums(self) -> tuple[Tensor, Callable[[Tensor], dict[str, float]]] | None:
        found = {output: sums for output, part in self._sets.items() if (sums := part.sums()) is not None}
        if not found:
            return None
        vectors = [vector for vector, _ in found.values()]
        packed = torch.cat([sent(vector, vectors[0].device) for vector in vectors])
        sizes = [len(vector) for vector in vectors]

        def read(host: Tensor) -> dict[str, float]:
            pieces = zip(found.items(), host.split(sizes), strict=True)
            return {f"{o}_{name}": value for (o, (_, part)), piece in pieces for name, value in part(piece).items()}

        return packed, read

    def reset(self) -> None:
        for part in self._sets.values():
            part.reset()

    def fresh(self) -> MetricSet:
        copied = copy.copy(self)
        copied._sets = {output: part.fresh() for output, part in self._sets.items()}
        return copied

    def state_dict(self) -> dict[str, Any]:
        return {output: part.state_dict() for output, part in self._sets.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for output, part in self._sets.items():
            part.load_state_dict(state[output])

    def merged(self, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {output: part.merged([state[output] for state in states]) for output, part in self._sets.items()}

    def check_mergeable(self) -> None:
        for part in self._sets.values():
            part.check_mergeable()
