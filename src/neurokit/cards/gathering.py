"""Gathering: what a card is written from, as plain values, out of a trainer, assessments and explanations."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from neurokit.arguments import check_path, suggestions
from neurokit.data.batch import Batch
from neurokit.probe import call, has_lazy_parameters
from neurokit.record import RunRecord, collect_versions, describe
from neurokit.storage import Limits
from neurokit.summary import layer_table
from neurokit.tree import map_tensors

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")

RECORD: Final = "run.json"
MARKDOWN: Final = (".md", ".markdown")


def record_of(trainer: Trainer) -> RunRecord:
    """Return a copy of a trainer's record, with the shapes of layers where rows are known, and its optimizers in full.

    Of a trainer that never fitted it holds what there is to say.
    """
    if trainer.record.model:
        record = RunRecord(**trainer.record.to_dict())
    elif has_lazy_parameters(trainer.model):
        record = RunRecord(versions=collect_versions())
        record.model = {"class": type(trainer.model).__qualname__, "layers": layer_table(trainer.model)}
    else:
        record = RunRecord.begin(
            trainer.model, trainer.runtime.device, data_seed=trainer.data_seed(), parameters=trainer.arguments, data={},
            split={}, task=trainer.task, signature={},
        )  # fmt: skip
        record.git = None  # of the code that trained it nothing is known
    record.model["optimizers"] = describe(trainer.optimizers)  # with the options that nobody passed
    rows = None if trainer.background is None else map_tensors(lambda tensor: tensor[:2], trainer.background)
    if rows is not None and not trainer.arguments.get("compile"):  # hooks would have it compiled again
        try:
            example, notes = trainer.place(Batch(rows)).x, ["shapes are those of two rows"]
            record.model["layers"] = layer_table(trainer.model, example, call=call, notes=notes)
        except Exception as error:  # a forward that only training can call
            logger.warning("The card's layers have no shapes, since the model refused two training rows: %s", error)
    return record


def assessments_by_name(given: Any) -> dict[str, Any]:
    """Return assessments, or what their ``to_dict`` gave, by name: one, a list of them, or a dict by other names.

    Raises:
        TypeError: If something else was passed.
        ValueError: If two have one name.
    """
    if given is None:
        return {}
    if _is_assessment(given) or not isinstance(given, (Mapping, list, tuple)):
        given = [given]
    pairs = list(given.items()) if isinstance(given, Mapping) else [(_name_of(one), one) for one in given]
    names = [str(name) for name, _ in pairs]
    for name, (_, one) in zip(names, pairs, strict=True):
        if not _is_assessment(one):
            raise TypeError(
                f"assessment is what nk.assess returned, or several, got a {type(one).__name__}. Pass "
                "assessment=nk.assess(trainer, x_test, y_test)."
            )
        if names.count(name) > 1:
            raise ValueError(
                f"Two assessments are called {name!r}. Name them, nk.assess(..., name='validation'), or pass a dict: "
                "assessment={'validation': first, 'test': second}."
            )
    return dict(zip(names, (one for _, one in pairs), strict=True))


def _is_assessment(one: Any) -> bool:
    if isinstance(one, Mapping):
        return isinstance(one.get("metrics"), Mapping) and "n" in one
    return hasattr(one, "metrics") and hasattr(one, "to_dict") and hasattr(one, "y_true")


def _name_of(one: Any) -> str:
    return str(one.get("name", "test") if isinstance(one, Mapping) else getattr(one, "name", ""))


def refuse_other_run(name: str, assessment: Any, run: RunRecord) -> None:
    """Refuse numbers of other weights: of another trainer, or of a fit before the latest.

    Raises:
        ValueError: If the assessment knows its run and that is another.
    """
    other = getattr(assessment, "record", None)
    if other is None or other is run or identity(other) == identity(run):
        return
    raise ValueError(
        f"The assessment {name!r} is of another run than this card: of one begun {other.created} with "
        f"{other.epochs_run} epochs, and the card's began {run.created} with {run.epochs_run}. Assess this trainer: "
        "nk.assess(trainer, x_test, y_test)."
    )


def identity(record: RunRecord) -> tuple[Any, ...]:
    """Return what tells one run from another, whatever was found of it since."""
    plain = record.to_dict()
    return tuple(repr(plain[name]) for name in ("created", "data", "parameters", "epochs_run", "timings", "metrics"))


def explained(explanation: Any) -> dict[str, Any]:
    """Return an explanation in short, as plain values: of ``explain``, of a ranking by permutation, or as it is.

    Raises:
        TypeError: If something else was passed.
    """
    if isinstance(explanation, Mapping) and isinstance(explanation.get("features"), (list, tuple)):
        return dict(explanation)
    told = explanation.to_dict() if hasattr(explanation, "to_dict") else None
    if isinstance(told, Mapping) and "features" in told:
        return {"method": "permutation importance", **told}
    if not _are_explanations(explanation):
        raise TypeError(
            f"explanation is what nk.explain returned, got a {type(explanation).__name__}. Pass "
            "explanation=nk.explain(trainer, x_test[:100]), or what nk.permutation_importance returned."
        )
    from neurokit.explanations import summarize

    return summarize(explanation)


def _are_explanations(one: Any) -> bool:
    """Tell whether something is a ``shap.Explanation``, or several, as models of many inputs or outputs have."""
    if isinstance(one, (Mapping, list, tuple)):
        return bool(one) and all(map(_are_explanations, one.values() if isinstance(one, Mapping) else one))
    return hasattr(one, "values") and hasattr(one, "base_values")


def record_in(given: Mapping[str, Any]) -> RunRecord:
    """Return the record in the values of a ``run.json`` that was read already, or that ``to_dict`` gave.

    Raises:
        ValueError: If it is none.
    """
    names = {one.name for one in dataclasses.fields(RunRecord)}
    is_whole = "created" in given and set(given) <= names
    return RunRecord.from_json(RunRecord(**given).to_json() if is_whole else json.dumps(dict(given), default=str))


def record_at(path: str | os.PathLike[str], limits: Limits | None = None) -> tuple[RunRecord, Path]:
    """Return the record at a ``run.json``, in the folder that holds one, or beside a card; and that folder.

    Raises:
        FileNotFoundError: If there is none, saying what writes it.
        ValueError: If the file holds no record.
    """
    check_path("record", path)
    place = Path(path).expanduser()
    place = place / RECORD if place.is_dir() else place
    place = place.with_name(RECORD) if place.suffix.lower() in MARKDOWN else place
    try:
        return RunRecord.load(place, limits=limits), place.parent
    except FileNotFoundError as error:
        there = sorted(one.name for one in place.parent.iterdir()) if place.parent.is_dir() else []
        raise FileNotFoundError(
            f"There is no record of a run at {place}.{suggestions(place.name, there)} A card is written from the "
            f"{RECORD} that card.save(folder) leaves, and nk.ModelCheckpoint(folder) in a fit. Pass it, or its folder."
        ) from error
