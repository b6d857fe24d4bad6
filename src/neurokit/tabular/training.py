"""Training: the net that suits a table, or any module, under a trainer whose defaults suit tables."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from neurokit.architectures import MLP, TabularNet
from neurokit.arguments import check_keywords
from neurokit.callbacks import EarlyStopping, ReduceLROnPlateau
from neurokit.callbacks.callback import Callback
from neurokit.encoding import TableEncoding, Target
from neurokit.modes import evaluating
from neurokit.seeding import preserved_rng, seeded
from neurokit.tabular.preparing import Prepared
from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

Array = np.ndarray[Any, Any]

EPOCHS: Final = 200
PATIENCE: Final = 16
LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 1e-2
ROWS_FOR_WAVES: Final = 2000  # of fewer, the finer details of numbers are noise: measured in benchmarks/tabular.py

_OF_TRAINER: Final = tuple(inspect.signature(Trainer).parameters)[1:]
_OF_FIT: Final = tuple(name for name in inspect.signature(Trainer.fit).parameters if name not in ("self", "x", "y"))
_OURS: Final = ("validation_data", "validation_split")


def default_net(encoding: TableEncoding, outputs: int, rows: int) -> TabularNet:
    """Return the net for a table: embeddings and an MLP; its numbers through waves where there are rows enough.

    Args:
        encoding: The columns, in the embedded layout.
        outputs: How many numbers it answers a row with.
        rows: How many rows train.
    """
    waves = 16 if rows >= ROWS_FOR_WAVES else 0
    columns = encoding.columns.get("numbers", [])
    return TabularNet(len(columns), encoding.cardinalities, outputs, frequencies=waves, frequency_scale=0.3)


def default_batch_size(rows: int) -> int:
    """Return a power of two near a fortieth of the rows, 16 to 256.

    Example:
        >>> [default_batch_size(rows) for rows in (100, 1000, 100_000)]
        [16, 32, 256]
    """
    return int(np.clip(2 ** round(np.log2(max(rows, 1) / 40)), 16, 256))


def outputs_of(target: Target) -> int:
    """Return how many numbers a module answers a row with: one, or one for each of three classes and more."""
    return len(target.classes or ()) if target.kind == "multiclass" else 1


def train(
    prepared: Prepared, module: Any, *, seed: int, epochs: int, patience: int | None, options: Mapping[str, Any],
    callbacks: Iterable[Callback],
) -> tuple[Trainer, Prepared, list[str]]:  # fmt: skip
    """Return the trained trainer, what it was trained on (in the layout that suits the module), and notes."""
    known = [name for name in (*_OF_TRAINER, *_OF_FIT) if name not in _OURS]
    check_keywords("train_model", options, ["module", "epochs", "patience", "callbacks", *known])
    rows = len(prepared.split.train)
    with seeded(seed):
        module, prepared, notes = _module(prepared, module, rows)
        shape = _answered(module, prepared)
        prepared = replace(prepared, is_column=shape == (1,))
        loss = options.get("loss") or _loss(prepared.target, shape)
        trainer = Trainer(module, **_trainer_options(prepared, options, loss))
        callbacks = list(callbacks)
        if patience is not None:
            callbacks += [EarlyStopping(patience=patience, restore_best_weights=True)]
            callbacks += (
                [ReduceLROnPlateau(factor=0.3, patience=max(1, patience // 3))] if "optimizer" not in options else []
            )
        fit = {"batch_size": default_batch_size(rows)} | {name: options[name] for name in _OF_FIT if name in options}
        fit["class_weight"] = _class_weight(prepared.target, options.get("class_weight"))
        trainer.fit(
            inputs(prepared, "train"), targets(prepared, "train"), epochs=epochs, callbacks=callbacks,
            validation_data=(inputs(prepared, "validation"), targets(prepared, "validation")), **fit,
        )  # fmt: skip
    parameters = sum(parameter.numel() for parameter in module.parameters())
    best = trainer.history.best("val_loss")
    epochs_run, reason = len(trainer.history.epoch), trainer.record.stop_reason
    notes.append(
        f"{type(module).__name__} with {parameters:,} parameters, loss {_name(loss)}, batches of {fit['batch_size']}"
    )
    notes.append(
        f"{epochs_run} epochs, stop reason: {reason}; best val_loss {best.value:.4f} in epoch {best.epoch + 1}"
    )
    return trainer, prepared, notes


def _name(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def inputs(prepared: Prepared, name: str) -> Any:
    """Return a split's inputs as the trainer takes them."""
    return as_inputs(prepared.encoding, prepared.table(name))


def as_inputs(encoding: TableEncoding, rows: Any) -> Any:
    """Return rows as a trainer takes them: by keyword embedded, one matrix one-hot, whose name is the module's own."""
    found = encoding.transform(rows)
    return found["x"] if encoding.layout == "one-hot" else found


def targets(prepared: Prepared, name: str) -> Array:
    """Return a split's targets as the trainer takes them: texts as they are, so that everything after knows them."""
    return as_targets(prepared, prepared.encoded(name))


def as_targets(prepared: Prepared, encoded: Array) -> Array:
    """Return encoded targets as a trainer takes them: texts as they are, so that everything after knows them."""
    classes = prepared.target.classes
    found = prepared.target.decode(encoded) if classes is not None and type(classes[0]) is str else encoded
    return found[:, None] if prepared.is_column else found


def _loss(target: Target, shape: tuple[int, ...]) -> str:
    if target.kind == "regression":
        return "mse"
    return "bce_with_logits" if target.kind == "binary" and shape in ((), (1,)) else "cross_entropy"


def _trainer_options(prepared: Prepared, options: Mapping[str, Any], loss: Any) -> dict[str, Any]:
    found = {name: options[name] for name in _OF_TRAINER if name in options} | {"loss": loss}
    rate = found.get("learning_rate")
    if "optimizer" not in found:
        rate = LEARNING_RATE if rate is None else rate
        found |= {"optimizer": partial(torch.optim.AdamW, lr=rate, weight_decay=WEIGHT_DECAY), "learning_rate": None}
    found.setdefault("metrics", ["r2"] if prepared.target.kind == "regression" else ["accuracy"])
    return found


def _class_weight(target: Target, given: Any) -> Any:
    """Weights by the labels the trainer gets: texts are themselves, others their index."""
    if not isinstance(given, Mapping) or target.classes is None or type(target.classes[0]) is str:
        return given
    places = {label: place for place, label in enumerate(target.classes)}
    unknown = [label for label in given if label not in places]
    if unknown:
        raise ValueError(
            f"class_weight names {unknown[0]!r}, and the classes are {', '.join(map(repr, target.classes))}."
        )
    return {places[label]: weight for label, weight in given.items()}


# ------------------------------------------------------------------------------------------------------------ modules


def _module(prepared: Prepared, module: Any, rows: int) -> tuple[nn.Module, Prepared, list[str]]:
    """A module for the table, and the table in the layout that it takes."""
    outputs = outputs_of(prepared.target)
    if module is None and prepared.layout != "one-hot":
        prepared = prepared.with_layout("embedded")
        return default_net(prepared.encoding, outputs, rows), prepared, []
    embedded = isinstance(module, TabularNet) or prepared.layout == "embedded"
    prepared = prepared.with_layout("embedded" if embedded else "one-hot")
    if module is None:
        module = MLP(len(prepared.encoding.columns["x"]), outputs, hidden=(128, 64), dropout=0.1)
    if not isinstance(module, nn.Module) and callable(module):
        module = _made(module, prepared, outputs)
    _check_takes(module, prepared)
    return module, prepared, []


def _made(factory: Callable[..., Any], prepared: Prepared, outputs: int) -> nn.Module:
    if prepared.encoding.layout != "one-hot":
        raise TypeError(
            "With layout='embedded' a module is passed as it is: a factory gets (in_features, out_features), and there "
            "are two inputs. Pass TabularNet(...), or leave layout out of prepare_data."
        )
    width = len(prepared.encoding.columns["x"])
    made = factory(width, outputs)
    if not isinstance(made, nn.Module):
        raise TypeError(
            f"module({width}, {outputs}) returned a {type(made).__name__}. A factory takes (in_features, out_features) "
            "and returns an nn.Module."
        )
    return made


def _check_takes(module: Any, prepared: Prepared) -> None:
    """Refuse a module that cannot take the table, with its width, before anything is trained."""
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"module is a {type(module).__name__}. Pass an nn.Module, a factory (in_features, out_features) -> module, "
            "or leave it out for the net that suits the table."
        )
    if isinstance(module, TabularNet):
        wanted = {"numbers": len(prepared.encoding.columns.get("numbers", [])),
                  "cardinalities": list(prepared.encoding.cardinalities)}  # fmt: skip
        found = {name: module.arguments[name] for name in wanted}
        if found != wanted:
            raise ValueError(
                f"This TabularNet has {_listed(found)}, and the table {_listed(wanted)}. Build it with the table's: "
                "they are in pipeline.encoding.columns and pipeline.encoding.cardinalities."
            )
        return
    first = next((one for one in module.modules() if isinstance(one, nn.Linear)), None)
    width = sum(map(len, prepared.encoding.columns.values()))
    lazy = any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in module.parameters())
    if prepared.encoding.layout == "one-hot" and not lazy:
        try:
            _answered(module, prepared)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            takes = f"; its first linear layer takes {first.in_features}" if first is not None else ""
            raise ValueError(
                f"The module cannot take this table, which is one matrix of {width} columns{takes}: {error!s:.200}. "
                "Pass a factory, module=lambda in_features, out_features: ..., and the widths are always right."
            ) from error


def _answered(module: nn.Module, prepared: Prepared) -> tuple[int, ...]:
    """The shape of a module's answer to a row, asked with two rows; the module stays as it is."""
    given = as_inputs(prepared.encoding, prepared.table("train").iloc[:2])
    place = next((one for one in module.parameters()), torch.zeros(1))
    dtype = place.dtype if place.is_floating_point() else torch.float32

    def tensor(values: Array) -> torch.Tensor:
        found = torch.from_numpy(values).to(place.device)
        return found.to(dtype) if found.is_floating_point() else found

    with preserved_rng(), torch.no_grad(), evaluating(module):
        if isinstance(given, Mapping):
            answers = module(**{name: tensor(one) for name, one in given.items()})
        else:
            answers = module(tensor(given))
    if not isinstance(answers, torch.Tensor):
        return (0,)
    shape = tuple(answers.shape[1:])
    kind, wanted = prepared.target.kind, outputs_of(prepared.target)
    allowed = [(), (1,)] if wanted == 1 else [(wanted,)]
    if shape not in [*allowed, *[(2,)] * (kind == "binary")]:
        raise ValueError(f"The module answers a row with the shape {shape}, and a {kind} target needs ({wanted},).")
    return shape


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
