"""Own metrics: what the trainer was told to judge by, beyond what every assessment measures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurokit.assessment.measures import Statistic
from neurokit.metrics import MetricSet
from neurokit.task import Task

Array = np.ndarray[Any, Any]

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
    resolved = MetricSet.resolve(metrics, task)
    last: list[Any] = [None, {}]  # all of them are computed together, once for each resample

    def computed(counts: Array) -> dict[str, float]:
        if last[0] is not counts:
            rows = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
            fresh = resolved.fresh()
            fresh.update(predictions[rows], targets[rows], None if weight is None else weight[rows])
            last[:] = [counts, fresh.compute()]
        return dict(last[1])

    def statistic(name: str) -> Statistic:
        return lambda counts: computed(counts)[name]

    taken = set(known)
    return {name: statistic(name) for name in resolved.names if name not in taken}
