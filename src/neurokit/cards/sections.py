"""Sections: the parts of a card, each a function of the record alone that gives Markdown, or "" for nothing to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from neurokit.cards.datasheet import data_sections
from neurokit.cards.evaluation import evaluation_sections, places
from neurokit.cards.front_matter import title
from neurokit.cards.limits import limits
from neurokit.cards.markdown import bullets, code, folded, paragraph, plain, prose, table
from neurokit.cards.numbers import counted, estimate, number, times
from neurokit.cards.pictures import importance_of, pictures_of
from neurokit.cards.questions import answer, missing
from neurokit.cards.training import epochs_of, rows_of, training_sections
from neurokit.record import RunRecord
from neurokit.wording import duration, size

_LONG_TABLE = 25  # rows, from which on a table is folded
_MOST_COLUMNS = 40
_MOST_CLASSES = 20
_LONGEST_VALUE = 2000  # of an argument
_LONGEST_CLASS = 200


def sections(record: RunRecord) -> dict[str, str]:
    """Return the text of each part by its address, such as ``"Evaluation/test/Groups"``; none is empty.

    Args:
        record: The run, with what was found of it and answered.
    """
    found = {address: text for part in _PARTS for address, text in part(record)}
    for one in pictures_of(record):
        place = one["section"] if found.get(one["section"]) else "Plots"
        found[place] = "\n\n".join(filter(None, [found.get(place), one["markdown"]]))
    last = ("Reproduce", "To be completed")  # also after Plots
    order = [*(address for address in found if address not in last), *last]
    return {address: found[address] for address in order if found.get(address)}


def _summary(record: RunRecord) -> Iterator[tuple[str, str]]:
    trained = f"trained for {counted(epochs_of(record), 'epoch')}{rows_of(record, 'train', ' on ')}"
    kind = record.model.get("class") or "model"
    opening = f"{title(record)} is a {kind}" if title(record) != kind else f"A {kind}"
    opening += f" with {_sizes(record)}, "
    opening += f"{trained if record.data else 'not trained here'}. "
    opening += f"Task: {record.task.get('description') or 'not known'}."
    verdicts = [f"{name}: {one['verdict']}" for name, one in record.assessments.items() if one.get("verdict")]
    yield (
        "Summary",
        "\n\n".join(filter(None, [prose(answer(record, "description")), paragraph(opening), bullets(verdicts)])),
    )


def _sizes(record: RunRecord) -> str:
    if "parameters" not in record.model:
        return "parameters not counted"
    return f"{counted(record.model['parameters'], 'parameter')} ({number(record.model.get('trainable', 0))} trained)"


def _details(record: RunRecord) -> Iterator[tuple[str, str]]:
    names = {"Version": "version", "Owner": "owner", "Contact": "contact", "Licence": "license", "Citation": "citation"}
    rows = [[words, " ".join(answer(record, name).split())] for words, name in names.items() if answer(record, name)]
    versions = [f"{name} {record.versions[name]}" for name in ("neurokit", "torch") if name in record.versions]
    began = ["Run began" if record.data else "Written", record.created]
    rows = [began, *rows, ["Made with", ", ".join(versions) or "versions not known"]]
    yield "Details", table(["item", "value"], rows, limit=_LONGEST_VALUE)


def _uses(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "Intended use", prose(answer(record, "intended_use"))
    yield "Out-of-scope use", prose(answer(record, "out_of_scope_use"))


_LOSSES: Final = {
    ("multiclass", "softmax"): "cross_entropy",
    ("multiclass", "exp"): "nll",
    ("binary", "sigmoid"): "bce_with_logits",
    ("multilabel", "sigmoid"): "bce_with_logits",
    ("binary", "identity"): "bce",
    ("multilabel", "identity"): "bce",
}


def _how_to_use(record: RunRecord) -> Iterator[tuple[str, str]]:
    """The bundle that answers for new rows; else a function of the model's class and weights, which no record holds."""
    if record.model.get("bundle"):
        yield "How to use", _of_bundle(record)
        return
    outputs = record.signature.get("outputs", [])
    output = outputs[0] if len(outputs) == 1 else {}
    loss = _LOSSES.get((str(output.get("kind")), str(output.get("activation"))))
    classes = output.get("classes") if loss and output.get("kind") in ("binary", "multiclass") else None
    if classes and (len(classes) > _MOST_CLASSES or max(len(str(one)) for one in classes) > _LONGEST_CLASS):
        classes = None
    lines = ["import numpy as np"] if classes else []
    lines += ["import neurokit as nk", "", "", "def predict(model, weights, x):"]
    compared = f', loss="{loss}"' if loss else ""
    lines += [f'    trainer = nk.Trainer(model{compared}, device="cpu")']
    lines += ["    trainer.load_weights(weights)"]
    if classes:
        shown = [one if isinstance(one, (int, float, bool)) else str(one) for one in classes]
        lines += [f"    classes = np.array({shown!r})", "    return classes[trainer.predict_labels(x)]"]
    else:
        lines += [f"    return trainer.{'predict_labels' if loss else 'predict'}(x)"]
    told = f"model is a {record.model.get('class') or 'model'} as it was built for training, weights is the file that "
    told += "trainer.save_weights wrote, and x has rows like those under Signature, prepared in the same way."
    yield "How to use", f"{code(chr(10).join(lines), 'python')}\n\n{paragraph(told)}"


def _of_bundle(record: RunRecord) -> str:
    needs = {"weights": ", model=model", "pt2": ", trusted=True"}.get(str(record.model["bundle"]), "")
    lines = ["import neurokit as nk", "", f'bundle = nk.load_bundle("folder"{needs})', "bundle.predict(rows)"]
    told = "folder is where this card lies, and "
    told += "model what was trained, built in the same way. " if "model" in needs else "no training code is needed. "
    if "fields" in record.signature:
        told += "rows is a data frame or a list of dicts with the columns under Signature, just as they are."
    else:
        told += "rows are like those under Signature, prepared in the same way; predict_labels gives classes by name."
    return f"{code(chr(10).join(lines), 'python')}\n\n{paragraph(told)}"


def _model(record: RunRecord) -> Iterator[tuple[str, str]]:
    told = f"{record.model.get('class') or 'A model'} with {_sizes(record)}"
    if isinstance(record.model.get("bytes"), (int, float)):
        told += f", {size(record.model['bytes'])} of weights and buffers"
    yield "Model", paragraph(f"{told}.")
    layers = str(record.model.get("layers") or "")
    written = code(layers)
    is_long = layers.count("\n") > _LONG_TABLE
    yield "Model/Layers", "" if not layers else folded("The table of all layers", written) if is_long else written
    yield "Model/Signature", "\n\n".join(filter(None, _signature(record.signature)))


def _signature(signature: Mapping[str, Any]) -> Iterator[str]:
    inputs, outputs = signature.get("inputs", []), signature.get("outputs", [])
    if not inputs and not any(output.get("kind") for output in outputs):
        return
    rows = [
        [one.get("name"), one.get("dtype"), _shape(one.get("shape")), len(one.get("columns") or []) or "-"]
        for one in inputs
    ]
    yield table(["input", "dtype", "shape of a row", "named columns"], rows)
    for one in inputs:
        if columns := one.get("columns"):
            listed = table(
                ["position", f"column of {one.get('name')}"], [[place, name] for place, name in enumerate(columns)]
            )
            yield (
                listed
                if len(columns) <= _MOST_COLUMNS // 4
                else folded(f"The {len(columns)} columns of {one.get('name')}", listed)
            )
    rows = [
        [
            one.get("name") or "the output",
            one.get("kind") or "not known",
            {"identity": "as it is"}.get(str(one.get("activation")), str(one.get("activation"))),
            _classes(one),
        ]
        for one in outputs
    ]
    yield table(["output", "kind", "made a probability by", "classes"], rows)


def _shape(shape: Any) -> str:
    if not isinstance(shape, list):
        return "not known"
    return times(shape) or "a number"


def _classes(output: Mapping[str, Any]) -> str:
    classes = output.get("classes")
    if classes is None:
        return "-" if output.get("num_classes") is None else f"{output['num_classes']}, numbered from 0"
    more = len(classes) - _MOST_CLASSES
    return ", ".join(plain(one, 40) for one in classes[:_MOST_CLASSES]) + (f" and {more} more" if more > 0 else "")


def _explanation(record: RunRecord) -> Iterator[tuple[str, str]]:
    found = record.explanation
    if not found:
        return
    told = [f"Method: {found['method']}."] if found.get("method") else []
    if found.get("output"):
        told.append(f"What is explained: {found['output']}.")
    if found.get("rows") is not None:
        told.append(f"Rows explained: {number(found['rows'])}.")
    if background := found.get("background"):
        rows = counted(background.get("rows"), "row")
        told.append(f"Compared with {rows} of {background.get('source') or 'a background'}")
        told[-1] += "." if background.get("seed") is None else f", seed {background['seed']}."
    if found.get("residual") is not None:
        told.append(f"Residual, which the attributions leave unexplained: {_residual(found['residual'])}.")
    if found.get("seconds") is not None:
        told.append(f"It took {duration(found['seconds'])}.")
    of = f" over {counted(found['rows'], 'row')}" if found.get("rows") is not None else ""
    ranks = [
        [place, one.get("name"), estimate({**one, "value": one.get("importance")})]
        for place, one in enumerate(found.get("features") or [], 1)
    ]
    ranked = table(["rank", "input", f"{importance_of(record)}{of}"], ranks, numbers=2)
    yield "Explanation", "\n\n".join(filter(None, [bullets(told) or paragraph("Attributions were computed."), ranked]))
    outputs = found.get("by_output") or {}
    if len(outputs) == 2 and len({repr([one.get("name") for one in features]) for features in outputs.values()}) == 1:
        return  # of two classes one says it all
    named = [
        [output, ", ".join(f"{one.get('name')} {number(one.get('importance'))}" for one in features[:5])]
        for output, features in list(outputs.items())[:_MOST_CLASSES]
    ]
    yield "Explanation/By output", table(["output", f"what counts most{of}"], named)


def _residual(residual: Any) -> str:
    if not isinstance(residual, Mapping):
        return number(residual)
    return ", ".join(f"{name} {number(value)}" for name, value in residual.items())


def _ethics(record: RunRecord) -> Iterator[tuple[str, str]]:
    said = answer(record, "sensitive_columns")
    columns = f"Columns that say who a row is about: {said}" if said else ""
    texts = [prose(answer(record, "ethical_considerations")), prose(columns)]
    yield "Ethical considerations", "\n\n".join(filter(None, texts))


def _limits(record: RunRecord) -> Iterator[tuple[str, str]]:
    noticed = bullets(limits(record)) or paragraph("No check noticed anything.")
    yield "Limits", "\n\n".join(filter(None, [prose(answer(record, "limitations")), noticed]))


def _reproduce(record: RunRecord) -> Iterator[tuple[str, str]]:
    told = []
    if git := record.git:
        state = "dirty: with changes that were not committed" if git.get("dirty") else "clean: nothing changed since"
        told.append(f"Git commit: {git.get('commit') or 'none yet'} on {git.get('branch') or 'no branch'}, {state}.")
    told.append("Every number of this card stands in run.json beside it, from which the same card is written:")
    lines = ["import neurokit as nk", "", 'card = nk.ModelCard.from_record("run.json")']
    yield "Reproduce", f"{bullets(told)}\n\n{code(chr(10).join(lines), 'python')}"


def _to_be_completed(record: RunRecord) -> Iterator[tuple[str, str]]:
    open_ = missing(record)
    asked = "\n".join(f"- [ ] {paragraph(f'{name}: {name.asks}')}" for name in open_)
    how = paragraph('Only a person can say these: card.fill(owner="...") puts an answer in its place.')
    yield "To be completed", f"{how}\n\n{asked}" if open_ else ""


_PARTS: Final[tuple[Callable[[RunRecord], Iterator[tuple[str, str]]], ...]] = (
    _summary,
    _details,
    _uses,
    _how_to_use,
    _model,
    data_sections,
    training_sections,
    evaluation_sections,
    _explanation,
    _ethics,
    _limits,
    _reproduce,
    _to_be_completed,
)
__all__ = ["places", "sections"]
