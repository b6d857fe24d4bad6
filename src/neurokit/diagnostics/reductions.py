"""Checks of what a loss is a mean over: sums over rows, hidden weights, and sample weights that nobody uses (S8)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from neurokit import modes
from neurokit.data.batch import Batch, count_rows
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import FirstEpoch
from neurokit.diagnostics.setup import Setup
from neurokit.losses import NUMBERS
from neurokit.rehearsal import preserved_attributes
from neurokit.seeding import preserved_rng
from neurokit.tree import map_tensors

_MOST_ROWS = 64  # a look at a part of a large batch tells the same
_MOST_COUNTS = 6


def sum_loss(setup: Setup) -> Finding | None:
    """The loss is a sum over the rows, so its size and that of a step depend on the batch (S8)."""
    for answer in setup.answers():
        function, name = answer.criterion.function, f"loss[{answer.name!r}]" if answer.name else "loss"
        if isinstance(function, nn.Module) and getattr(function, "reduction", None) == "sum":
            return Finding(
                "note",
                f"{name} is {answer.criterion.name} with reduction='sum': it is reported as the sum over all rows, so "
                "loss and val_loss are over different numbers of rows, and steps grow with the batch size. Leave "
                "reduction out for a mean.",
            )
        loss = _forgetful(function)
        if answer.criterion.kind is None and loss is not None and _adds_up(loss, answer.predictions, answer.targets):
            return Finding(
                "warning",
                f"{name} is {answer.criterion.name}, a sum over the rows: twice the rows give twice the loss, so what "
                "is reported depends on the batch size, a smaller last batch counts too little, and steps grow with "
                "the batch. Return the mean, or one value per row (.sum(dim=1)), which is then averaged exactly.",
            )
    return None


def _forgetful(function: Any) -> Callable[..., Any] | None:
    """A loss that can be called once more without leaving a trace: it, or a copy; ``None`` if nobody can tell."""
    if isinstance(function, FunctionType):
        inside = [cell.cell_contents for cell in function.__closure__ or ()]
        plain = (int, float, str, type(None), Tensor, FunctionType, *NUMBERS)
        return function if all(isinstance(one, plain) for one in inside) else None
    if isinstance(function, nn.Module) and not any(True for _ in function.parameters()):
        try:
            return copy.deepcopy(function)
        except Exception:
            return None
    return None


def _adds_up(loss: Callable[..., Any], predictions: Tensor, targets: Any) -> bool:
    """Tell whether twice the rows give twice the loss."""
    if not isinstance(targets, Tensor) or targets.shape[:1] != predictions.shape[:1]:
        return False
    once, twice = predictions.detach()[:_MOST_ROWS], targets[:_MOST_ROWS]
    with torch.no_grad(), preserved_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about the sizes
        try:
            single, double = loss(once, twice), loss(torch.cat([once, once]), torch.cat([twice, twice]))
        except Exception:  # the user's own loss, which may know its batch size
            return False
    return _is_double(single, double)


def _is_double(single: Any, double: Any) -> bool:
    if not isinstance(single, Tensor) or not isinstance(double, Tensor) or single.ndim or double.ndim:
        return False
    one, two = float(single), float(double)
    return bool(abs(one) > 1e-12 and abs(two - 2 * one) < 1e-3 * abs(two))  # false for NaN as well


def hidden_sum(epoch: FirstEpoch) -> Finding | None:
    """A model's own loss, or compute_loss, gives a sum over the rows as if it were a mean (S8)."""
    look = _look(epoch)
    if look is None or look.whole.weight is not None or look.whole.parts:
        return None
    doubled = look.call(_rows_of(look.batch, torch.arange(look.rows).repeat(2)))
    if doubled is None or not _is_double(look.whole.loss, doubled.loss):
        return None
    return Finding(
        "warning",
        f"{look.who} gives a sum over the rows: twice the rows give twice the loss, and it is averaged as a mean, so "
        "what is reported depends on the batch size and a smaller last batch counts too little. Divide it by the "
        + ("number of rows." if look.plain else "number of rows, or return StepOutput(loss, weight='sum')."),
    )


def hidden_weights(epoch: FirstEpoch) -> Finding | None:
    """compute_loss returns a mean over something else than rows, such as tokens, and does not say so (S8)."""
    look = _look(epoch)
    if look is None or look.plain or look.whole.weight is not None or look.whole.parts:
        return None
    for name, weights in islice(_countable(look.batch, look.rows), _MOST_COUNTS):
        order = weights.argsort()
        first, second = order[: look.rows // 2], order[look.rows // 2 :]
        halves = [(rows, look.call(_rows_of(look.batch, rows))) for rows in (first, second)]
        if any(output is None or not isinstance(output.loss, Tensor) for _, output in halves):
            return None
        losses = [float(output.loss) for _, output in halves]
        by_rows = _mean(losses, [len(rows) for rows, _ in halves])
        by_weight = _mean(losses, [float(weights[rows].sum()) for rows, _ in halves])
        whole = float(look.whole.loss)
        if abs(whole - by_weight) < 2e-5 * abs(whole) and abs(whole - by_rows) > 1e-3 * abs(whole):
            return Finding(
                "warning",
                f"compute_loss returns a mean over {name}, {int(weights.sum())} of them in {look.rows} rows, and does "
                "not say so: batches are averaged by their rows, so one with few of them counts as much as one with "
                f"many. Return StepOutput(loss, predictions, targets, weight={name}.sum()).",
            )
    return None


def _mean(values: list[float], weights: list[float] | list[int]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / max(sum(weights), 1e-12)


def ignored_sample_weight(epoch: FirstEpoch) -> Finding | None:
    """sample_weight was passed, and compute_loss does not use it (S8)."""
    look = _look(epoch)
    if look is None or look.plain or not isinstance(look.batch.weight, Tensor) or look.rows < 4:
        return None
    every_other = torch.arange(look.rows, device=look.batch.weight.device) % 2
    weights = [one.to(look.batch.weight) for one in (every_other, 1 - every_other)]
    outputs = [look.call(look.batch._replace(weight=one)) for one in weights]
    told = [None if one is None or one.loss is None else (float(one.loss), _number(one.weight)) for one in outputs]
    if None in told or told[0] != told[1] or told[0][0] == 0:  # type: ignore[index]
        return None
    return Finding(
        "warning",
        "sample_weight was passed and compute_loss gives the same loss whatever the weights are, so they count for "
        "nothing. Use batch.weight: StepOutput((losses * batch.weight).sum() / batch.weight.sum(), predictions, "
        "targets, batch.weight).",
    )


def _number(weight: Any) -> Any:
    return float(weight.sum()) if isinstance(weight, Tensor) else weight


class _Look:
    """What ``compute_loss`` made of one batch in eval mode, and can make of others.

    Attributes:
        batch: The batch.
        rows: How many rows it has.
        whole: What came of it.
        plain: Whether compute_loss is ours, over a model that returns its own loss.
        who: Whose loss it is, in words.
    """

    def __init__(self, epoch: FirstEpoch, batch: Batch) -> None:
        self.trainer, self.plain = epoch.trainer, epoch.setup.plain
        self.who = f"{type(epoch.model).__name__}" if self.plain else "compute_loss"
        self.rows = min(count_rows(batch.x), _MOST_ROWS)
        self.batch = _rows_of(batch, torch.arange(self.rows))
        self.whole = self.call(self.batch)

    def call(self, batch: Batch) -> Any:
        """Return the step's output, or ``None`` where the user's code does not take these rows."""
        counters = preserved_attributes(self.trainer)  # it may count its calls
        try:
            with counters, modes.evaluating(self.trainer.model), torch.no_grad(), preserved_rng():
                return self.trainer.compute_loss(batch)
        except Exception:
            return None


def _look(epoch: FirstEpoch) -> _Look | None:
    """One look at the loss of a batch, taken once for all checks; ``None`` where the loss is torch's or not called."""
    setup = epoch.setup
    own_model = setup.plain and not setup.losses
    if not own_model and not epoch.overrides_loss:
        return None
    if epoch.look is None:
        batch = epoch.some_batch()
        epoch.look = False if batch is None or not _has_rows(batch) else _Look(epoch, batch)
    look = epoch.look
    usable = look and look.whole is not None and isinstance(getattr(look.whole, "loss", None), Tensor)
    return look if usable and look.rows >= 4 and not look.whole.loss.ndim and bool(look.whole.loss.isfinite()) else None


def _has_rows(batch: Batch) -> bool:
    """Tell whether every tensor of a batch has the same number of rows."""
    sizes: set[int] = set()
    map_tensors(lambda tensor: sizes.add(len(tensor) if tensor.ndim else -1), batch)
    return len(sizes) == 1 and -1 not in sizes


def _rows_of(batch: Batch, rows: Tensor) -> Batch:
    chosen: Batch = map_tensors(lambda tensor: tensor[rows.to(tensor.device)], batch)
    return chosen


def _countable(batch: Batch, rows: int) -> Iterator[tuple[str, Tensor]]:
    """What a loss may count in a batch: its words in Python, and how many there are in each row."""
    told: list[Tensor] = []
    for path, tensor in [*_leaves(batch.y, "batch.y"), *_leaves(batch.x, "batch.x")]:
        if tensor.is_floating_point():
            counts = {f"(~{path}.isnan())": ~tensor.isnan()}
        elif tensor.dtype == torch.bool:
            counts = {path: tensor, f"(~{path})": ~tensor}
        else:
            counts = {f"({path} != -100)": tensor != -100, f"({path} != 0)": tensor != 0, f"({path} >= 0)": tensor >= 0}
        if tensor.is_floating_point() and bool(((tensor == 0) | (tensor == 1)).all()):
            counts[path] = tensor == 1
        for name, counted in counts.items():
            per_row = counted.reshape(rows, -1).sum(1).double().cpu()
            known = any(torch.equal(per_row, one) for one in told)
            if per_row.min() < per_row.max() and not known:  # the same number in each row is a mean over rows
                told.append(per_row)
                yield name, per_row


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, f"{path}[{name!r}]")
    elif isinstance(value, (tuple, list)):
        for index, one in enumerate(value):
            yield from _leaves(one, f"{path}[{index}]")
