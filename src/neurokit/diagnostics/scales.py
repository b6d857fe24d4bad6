"""Checks of the numbers that come in: features and targets on scales that make learning slow, and who scaled them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from neurokit.data.memory import InMemoryLoader
from neurokit.diagnostics.finding import Finding
from neurokit.diagnostics.sample import inputs, picked, row_numbers, rows_of, spread
from neurokit.diagnostics.setup import Answer, Setup

_ROWS = 512
_FEW_ROWS = 8  # of which no scale can be told
_WEIGHTED = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase)
_SQUARES = (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss)
_LARGE = 100.0  # of a feature's mean or standard deviation
_LARGE_PIXELS = 30.0  # root mean square of inputs with more than two axes: pixels from 0 to 255 have 60 to 130
_FAR_APART = 1e4
_MOST_ROWS = 200_000  # of so many, those that validate move a scaler by nothing


# ------------------------------------------------------------------------------------------------------------- features


def feature_scales(setup: Setup) -> Finding | None:
    """Features of large or very different scales, which nothing in the model evens out (S22)."""
    if setup.batch is None or setup.outputs is None:
        return None
    for name, rows in _feature_rows(setup).items():
        if len(rows) < _FEW_ROWS or not rows.numel():
            continue
        found = _scales_of_table(name, rows) if rows.ndim == 2 else _scale_of_images(name, rows)
        if found is not None and _arrives_as_it_is(setup, rows):
            return found
    return None


def _feature_rows(setup: Setup) -> dict[str, Tensor]:
    """A few rows of each input, by name."""
    if isinstance(setup.train, InMemoryLoader):
        return rows_of(setup.train, _ROWS)
    assert setup.batch is not None
    x = setup.batch.x
    if isinstance(x, Tensor):
        return {"x": x}
    named = x if isinstance(x, dict) else dict(enumerate(x)) if isinstance(x, tuple) else {}
    return {f"x[{key!r}]": one for key, one in named.items() if isinstance(one, Tensor)}


def _scales_of_table(name: str, rows: Tensor) -> Finding | None:
    """Features whose mean or spread is far from 1, or from each other's; flags and constants have none."""
    values = rows.detach().to(torch.float32)
    spreads, means = values.std(0), values.mean(0)
    scales = torch.maximum(spreads, means.abs())
    flags = ((values == 0) | (values == 1)).all(0)
    counted = (spreads > 1e-8) & ~flags & torch.isfinite(scales)
    if not bool(counted.any()):
        return None
    features = counted.nonzero().reshape(-1)
    largest, smallest = int(features[scales[features].argmax()]), int(features[scales[features].argmin()])
    high, low = scales[largest].item(), scales[smallest].item()
    if high <= _LARGE and high <= _FAR_APART * low:
        return None
    other = f", and feature {smallest} of {_of(means[smallest], spreads[smallest])}" if high > 10 * low else ""
    return Finding(
        "warning",
        f"Feature {largest} of {name} has values of {_of(means[largest], spreads[largest])}{other}, and layers are "
        "made for numbers around 1: learning is slow, or follows the large ones alone. Standardise with the training "
        f"rows' figures, {name} = ({name} - {name}.mean(0)) / {name}.std(0), or begin the model with "
        f"nn.BatchNorm1d({values.shape[1]}).",
    )


def _of(mean: Tensor, deviation: Tensor) -> str:
    return f"{mean.item():.3g} +- {deviation.item():.2g}"


def _scale_of_images(name: str, rows: Tensor) -> Finding | None:
    """Inputs with more than two axes: one scale for all of them."""
    if rows.ndim < 2:
        return None
    values = rows.detach().to(torch.float32)
    scale = values.square().mean().sqrt().item()
    if not _LARGE_PIXELS < scale < math.inf:
        return None
    low, high = values.min().item(), values.max().item()
    mend = f"({name} - {name}.mean()) / {name}.std()"
    if low >= 0 and 2 < high <= 255:
        front = "torchvision's v2.ToDtype(torch.float32, scale=True)"
        mend = f"{name} / 255, or keep bytes and begin the model with {front}"
    return Finding(
        "note",
        f"{name} has values from {low:.4g} to {high:.4g}, and layers are made for numbers around 1: learning is slow "
        f"to begin. Scale them: {name} = {mend}.",
    )


def _arrives_as_it_is(setup: Setup, rows: Tensor) -> bool:
    """Whether a layer with weights gets numbers as large as these, before anything normalises them."""
    assert setup.batch is not None
    arrived: list[bool] = []

    def listen(layer: nn.Module, given: tuple[Any, ...]) -> None:
        large = next((one for one in given if isinstance(one, Tensor) and one.is_floating_point()), None)
        if not arrived and large is not None and large.numel() and large.detach().abs().amax() >= 0.5 * high:
            arrived.append(isinstance(layer, _WEIGHTED))

    parts = [one for one in _parts(setup.batch.x) if one.shape[1:] == rows.shape[1:]]
    high = max((one.detach().abs().amax().item() for one in parts if one.numel()), default=math.inf)
    layers = [one for one in setup.model.modules() if isinstance(one, _WEIGHTED) or _normalises(one)]
    handles = [layer.register_forward_pre_hook(listen) for layer in layers]
    try:
        setup.forward()
    finally:
        for handle in handles:
            handle.remove()
    return arrived == [True]


def _parts(x: Any) -> list[Tensor]:
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (tuple, list)) else [x]
    return [one for one in parts if isinstance(one, Tensor)]


def _normalises(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and not any(isinstance(one, _WEIGHTED) for one in module.modules())


# -------------------------------------------------------------------------------------------------------------- targets


def large_targets(setup: Setup) -> Finding | None:
    """Numbers to predict that are far from 0 for their spread, or of a large spread (S9)."""
    for answer in setup.answers():
        targets = setup.all_targets(answer)
        if not isinstance(answer.criterion.function, _SQUARES) or not isinstance(targets, Tensor):
            continue
        if setup.trained or len(targets) < _FEW_ROWS or not targets.is_floating_point():
            continue
        if (column := _large_column(answer, targets)) is not None:
            values = targets.detach().cpu().reshape(len(targets), -1)[:, column].double()
            mean, deviation = values.mean().item(), values.std().item()
            y = f"y[{answer.name!r}]" if answer.name else "y"
            return Finding(
                "note",
                f"The targets are {mean:.4g} +- {deviation:.3g}, and a new model answers about "
                f"{answer.predictions.detach().mean().item():.2g}: the first epochs go into the scale alone. Train on "
                f"{y} = ({y} - mean) / std, mean and std being those of the training rows, and turn predictions back: "
                "trainer.predict(x) * std + mean.",
            )
    return None


def _large_column(answer: Answer, targets: Tensor) -> int | None:
    """The first target whose scale the model's answers are far from."""
    values = targets.detach().cpu().reshape(len(targets), -1).double()
    given = answer.predictions.detach().cpu().reshape(len(answer.predictions), -1).double()
    if given.shape[1] != values.shape[1]:
        return None
    means, spreads = values.mean(0), values.std(0)
    far = (spreads > 0) & ((means.abs() > 10 * spreads) | (spreads > 100))
    aside = (given.mean(0) - means).abs() > 3 * spreads
    narrow = (spreads > 100) & (
        given.std(0, correction=0) < 0.02 * spreads
    )  # one that rescales itself has 0.05 or more
    found = (far & (aside | narrow)).nonzero()
    return int(found[0]) if len(found) else None


# ------------------------------------------------------------------------------------------------------------ the split


def scaler_before_split(setup: Setup) -> Finding | None:
    """A scaler was fitted to training and validation rows together (S7)."""
    train, validation = setup.in_memory, setup.validation
    if train is None or not isinstance(validation, InMemoryLoader) or train.num_rows > _MOST_ROWS:
        return None
    others = inputs(validation)
    for name, column in inputs(train).items():
        other = others.get(name)
        if not isinstance(column, Tensor) or not isinstance(other, Tensor) or column.shape[1:] != other.shape[1:]:
            continue
        if (
            column.ndim != 2
            or not column.numel()
            or not column.is_floating_point()
            or min(train.num_rows, validation.num_rows) < _FEW_ROWS
        ):
            continue
        if scaler := _scaled_together(train, column, validation, other):
            return Finding(
                "note",
                f"{name} looks scaled by a {scaler} that saw the validation rows too: over both the features are "
                "scaled exactly, over the training rows alone they are not. It seldom matters much, but val_ values "
                "are then not quite those of new rows. Split first: scaler.fit(x_train), then transform both.",
            )
    return None


def _scaled_together(train: InMemoryLoader, column: Tensor, validation: InMemoryLoader, other: Tensor) -> str:
    """``"StandardScaler"`` or ``"MinMaxScaler"`` where both together are scaled exactly and one alone is not."""
    features = spread(column.shape[1], 32)
    few = picked(column, row_numbers(train, spread(train.num_rows, 256)), features)
    features = features[few.std(0) > 1e-8]
    if len(features) < min(2, column.shape[1]) or not _may_be_scaled(few):
        return ""
    scaler, ours = "", few
    for part in (features[:2], features):  # two features tell nearly always, and all of them cost a pass
        ours, theirs = picked(column, train.rows, part).double(), picked(other, validation.rows, part).double()
        scaler = _scaled_exactly(torch.cat([ours, theirs]))
        if not scaler:
            return ""
    if scaler == "StandardScaler":
        off = ours.mean(0).abs() > 1e-4
        return scaler if off.double().mean() > 0.5 else ""
    inside = (ours.amin(0) > 1e-6) | (ours.amax(0) < 1 - 1e-6)
    return scaler if int(inside.sum()) >= min(2, len(features)) else ""


def _may_be_scaled(few: Tensor) -> bool:
    """Whether a few rows look as a scaler leaves them, so that all are worth their price."""
    centred = bool((few.mean(0).abs() < 0.5).all()) and bool((few.std(0) < 4).all())
    return centred or bool(((few > -1e-6) & (few < 1 + 1e-6)).all())


def _scaled_exactly(values: Tensor) -> str:
    deviations = values.std(0, correction=0)
    if bool((values.mean(0).abs() < 1e-6).all()) and bool(((deviations - 1).abs() < 1e-2).all()):
        return "StandardScaler"
    between = (values.amin(0).abs() < 1e-6) & ((values.amax(0) - 1).abs() < 1e-6)
    return "MinMaxScaler" if bool(between.all()) else ""
