"""Telling: what a pipeline did with its data, for the record of the run and so for the model's card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.tabular.step import Step
from neurokit.wording import counted

if TYPE_CHECKING:
    from neurokit.record import RunRecord
    from neurokit.tabular.preparing import Prepared


def tell(record: RunRecord, prepared: Prepared, steps: Sequence[Step], data_name: str, dropped: int) -> None:
    """Write into a run's record what was done before it: raw columns, split, steps, left-out columns, dropped rows."""
    record.parameters["pipeline"] = {step.name: dict(step.arguments) for step in steps if step.arguments}
    record.split = {
        "how": _HOW.get(prepared.split.how, prepared.split.how),
        "fraction": len(prepared.split.validation) / len(prepared.frame),
        "seed": prepared.arguments["seed"],
        "rows": {name: len(getattr(prepared.split, name)) for name in ("train", "validation", "test")},
    }  # fmt: skip
    record.signature["fields"] = [field.to_dict() for field in prepared.fields]
    record.signature["target"] = prepared.target.to_dict()
    for given, known in zip(record.signature.get("inputs", []), prepared.encoding.inputs, strict=False):
        given["columns"] = known["columns"]
    _rename_classes(record, prepared)
    record.answers.setdefault("preprocessing", _preprocessing(prepared, steps))
    record.answers.setdefault("data_quality", _quality(prepared, dropped))
    if data_name:
        record.answers.setdefault("data_name", data_name)


_HOW = {"group": "by group", "time": "by time"}


def _rename_classes(record: RunRecord, prepared: Prepared) -> None:
    """Classes by their own names, where the trainer knew their indices; numbers in the target's own units."""
    classes = prepared.target.classes
    for name, told in record.balance.items():
        if classes is None:
            values = prepared.labels(name).astype(np.float64)
            told |= {"mean": float(values.mean()), "std": float(values.std()), "min": float(values.min()),
                     "max": float(values.max())}  # fmt: skip
        elif "counts" in told and set(told["counts"]) <= set(map(str, range(len(classes)))):
            told["counts"] = {str(classes[int(index)]): count for index, count in told["counts"].items()}
    for output in record.signature.get("outputs", []):
        if classes is not None and output.get("classes") is None:
            output["classes"] = list(classes)


def _preprocessing(prepared: Prepared, steps: Sequence[Step]) -> list[str]:
    """What was done to the data, a sentence for each thing: steps with their counts, then how columns are encoded."""
    found = [f"{step.name}: {note}" for step in steps if step.name != "train_model" for note in step.notes
             if " left out: " not in note]  # fmt: skip
    return [_sentence(one) for one in found]


def _quality(prepared: Prepared, dropped: int) -> list[str]:
    found = [f"{counted(dropped, 'row')} dropped before the split" if dropped else "No row was dropped"]
    found += [f"Column {name} left out: {reason}" for name, reason in prepared.left_out.items()]
    gaps = [field.name for field in prepared.fields if field.nullable]
    found += [f"Values are missing in {', '.join(gaps)}"] if gaps else []
    return [_sentence(one) for one in found]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def arguments_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as plain values, those that are nothing left out."""
    from neurokit.record import describe

    return {name: describe(value) for name, value in values.items() if value is not None and value not in ((), {}, [])}
