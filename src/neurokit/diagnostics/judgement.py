"""Checks of what was learnt: the first loss, and the classes that the model tells apart afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurokit.data.batch import Batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import Loader
from neurokit.diagnostics.evaluation import Evaluation
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.first_epoch import FirstEpoch
from neurokit.diagnostics.sample import inputs, labels_in_order, spread
from neurokit.diagnostics.setup import Answer

_CLASS_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss)
_ROWS, _MOST_VALUES = 512, 2**20
_FEW_ROWS = 64  # of which a single class may be chance
_SOME_UPDATES = 50  # before that, running statistics may not have arrived
_MANY_UPDATES = 200  # after which a model that learns tells classes apart


def first_loss(epoch: FirstEpoch) -> Finding | None:
    """A first loss far above that of guessing evenly among the classes (S10)."""
    setup, means = epoch.setup, epoch.trainer.means
    if setup.trained or not setup.plain:
        return None
    for name, criterion in setup.losses.items():
        classes, key = setup.tasks[name].num_classes, f"{name}_loss" if name else "loss"
        if not isinstance(criterion.function, _CLASS_LOSSES) or criterion.function.reduction != "mean" or not classes:
            continue
        first = means.first(key)
        if first is not None and first > max(3.0, 3 * math.log(classes)):
            return Finding(
                "note",
                f"The first {key} was {first:.3g}, and guessing evenly among {classes} classes costs "
                f"ln({classes}) = {math.log(classes):.2f}: the new model is sure of what it cannot know, and first has "
                "to unlearn it. Standardise the inputs, or begin with a small last layer: "
                "nn.init.normal_(head.weight, std=0.01).",
            )
    return None


def one_class(judged: FirstEpoch | Evaluation) -> Finding | None:
    """The model answers one class for all rows, though there are others (S20)."""
    batches = _few_batches(judged.loader, judged.batch)
    if not batches or _knows_more_than_shares(batches, judged.logs):
        return None
    by_output = zip(*map(judged.answers, batches), strict=True)
    return next((found for parts in by_output if (found := _tells_one(_joined(parts), judged.updates))), None)


def _few_batches(loader: Loader, batch: Batch | None) -> list[Batch]:
    """A few hundred rows in batches of the size the model is used to, or the one batch that was read before."""
    if not isinstance(loader, InMemoryLoader):
        return [] if batch is None else [batch]
    size = min(loader.batch_size, loader.num_rows)
    values = sum(column[:1].numel() for column in inputs(loader).values() if isinstance(column, Tensor))
    most = max(_FEW_ROWS, min(_ROWS, _MOST_VALUES // max(1, values)))
    positions = spread(loader.num_rows, max(size, most // size * size))
    return [loader.rows_at(chunk) for chunk in positions.split(size) if len(chunk) == size]


def _knows_more_than_shares(batches: list[Batch], logs: Mapping[str, float]) -> bool:
    """Whether each loss is below that of knowing only how frequent classes are: then no row is looked at again."""
    targets = batches[0].y
    named = {f"{name}_loss": name for name in targets} if isinstance(targets, Mapping) else {"loss": None}
    for key, name in named.items():
        parts = [batch.y if name is None else batch.y[name] for batch in batches]
        labels = labels_in_order(torch.cat(parts)) if all(isinstance(part, Tensor) for part in parts) else None
        if labels is not None and not logs.get(key, math.inf) < 0.95 * _entropy(labels):
            return False
    return True


def _entropy(labels: Tensor) -> float:
    """The loss of knowing only the classes' shares."""
    shares = torch.unique(labels.cpu(), return_counts=True)[1].double() / len(labels)
    return float(-(shares * shares.log()).sum())


def _joined(parts: Sequence[Answer]) -> Answer:
    """The answers for several batches as one."""
    targets = [part.targets for part in parts]
    whole = torch.cat(targets) if all(isinstance(one, Tensor) for one in targets) else None
    return parts[0]._replace(predictions=torch.cat([part.predictions for part in parts]), targets=whole)


def _tells_one(answer: Answer, updates: int) -> Finding | None:
    if answer.task.kind not in ("binary", "multiclass") or not isinstance(answer.targets, Tensor):
        return None
    told, true = _labels(answer)
    if told is None or true is None or len(true) < _FEW_ROWS or len(told.unique()) > 1:
        return None
    counts = torch.unique(true, return_counts=True)[1].double()
    shares = counts / len(true)
    if len(counts) < 2 or shares.max() > 0.8:  # where most rows are of one class, to say so is mostly right
        return None
    prior = _entropy(true)
    loss = answer.criterion(answer.predictions.float(), answer.targets)[0].item()
    logits = answer.predictions.float()
    constant = bool((logits.std(0) <= 1e-6 * (1 + logits.abs().amax())).all())
    learnt_nothing = updates >= _MANY_UPDATES and loss > 0.98 * prior
    if not (
        constant or learnt_nothing or (updates >= _SOME_UPDATES and loss > 3 * math.log(answer.task.num_classes or 2))
    ):
        return None
    right = (told == true).double().mean().item()
    label = told[0].item() if answer.task.classes is None else answer.task.classes.tolist()[int(told[0])]
    why = "whatever the inputs are, so units may be dead" if constant else "and the loss is that of not knowing"
    return Finding(
        "note",
        f"After {updates} updates the model answers class {label!r} for all of {len(true)} rows of {len(counts)} "
        f"classes, {why}: it is right for {right:.0%} of them (loss {loss:.3g}, knowing only the classes' shares "
        f"{prior:.3g}). Standardise the inputs, or try another rate: Trainer(..., learning_rate=1e-3).",
    )


def _labels(answer: Answer) -> tuple[Tensor | None, Tensor | None]:
    """The class told and the class meant for every row that counts; ``None`` where targets are no classes."""
    targets: Any = answer.targets
    if targets.is_floating_point() and answer.task.kind == "multiclass":
        return None, None
    told, true = answer.task.labels(answer.predictions).reshape(-1), targets.reshape(-1).to(torch.int64)
    if told.shape != true.shape:
        return None, None
    counts = torch.ones_like(true, dtype=torch.bool)
    if answer.task.ignore_index is not None:
        counts = torch.ne(true, answer.task.ignore_index)
    return told[counts].cpu(), true[counts].cpu()
