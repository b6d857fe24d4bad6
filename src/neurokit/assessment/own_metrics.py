"""Own metrics: what the trainer was told to judge by, beyond what every assessment measures."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurokit.assessment.measures import Statistic
from neurokit.metrics import MetricSet
from neurokit.task import Task

Array = np.ndarray[Any, Any]

logger = logging.getLogger("neurokit")

OWN_RESAMPLES = 200  # a function of a user's may take milliseconds a call


def own_statistics(
    metrics: Any, task: Task, predictions: Tensor, targets: Tensor, weight: Tensor | None, known: Iterable[str]
) -> dict[str, Statistic]:
    """Return the metrics of a trainer that have other names than ``known``, as statistics of how often rows count.

    Args:
        metrics: What the trainer was given.
        task: What it asks.
        predictions: Of the model, rows first, on the host.
        targets: What is true.
        weight: One weight per row, or ``None``.
        known: Names that are measured already.

    Example:
        >>> told, task = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), Task("multiclass", "softmax", 3)
        >>> own = own_statistics(["top_2_accuracy"], task, told, torch.tensor([1, 0]), None, [])
        >>> own["top_2_accuracy"](np.array([1, 1]))
        0.5
    """
    own = _Own(MetricSet.resolve(metrics, task), predictions, targets, weight)
    taken = set(known)
    return {name: partial(own.value, name) for name in own.metrics.names if name not in taken}


class _Own:
    """A trainer's metrics of some rows, all of them computed together, once for each resample."""

    def __init__(self, metrics: MetricSet, predictions: Tensor, targets: Tensor, weight: Tensor | None) -> None:
        self.metrics, self.predictions, self.targets, self.weight = metrics, predictions, targets, weight
        self._counts: Array | None = None
        self._values: dict[str, float] = {}

    def value(self, name: str, counts: Array) -> float:
        """Return one of them; NaN where it cannot be told, as of a resample without one of the classes."""
        if self._counts is not counts:
            self._counts, self._values = counts, self._computed(counts)
        return self._values.get(name, math.nan)

    def _computed(self, counts: Array) -> dict[str, float]:
        rows = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
        weight = None if self.weight is None else self.weight[rows]
        fresh = self.metrics.fresh()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a resample without one of the classes
                fresh.update(self.predictions[rows], self.targets[rows], weight)
                return fresh.compute()
        except Exception as error:  # a function of the user's
            if (counts == 1).all():
                logger.warning("The trainer's own metrics cannot be told of these rows: %s", error)
            return {}
