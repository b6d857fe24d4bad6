"""Training: how a run went, with what arguments, on what machine; and the two phases of ``fine_tune`` as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from neurokit.cards.markdown import bullets, folded, paragraph, table
from neurokit.cards.numbers import counted, number
from neurokit.record import RunRecord
from neurokit.wording import duration, size

_LONGEST_VALUE = 2000  # of an argument
_MOST_RATES = 8
FINE_TUNE: Final = "fine_tune"  # under which the record's parameters tell of both phases


def training_sections(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield titles and texts of the training block.

    Args:
        record: The run, with what was found of it and answered.
    """
    yield "Training", "\n\n".join(_ended(record))
    yield "Training/Fine-tuning", "\n\n".join(filter(None, _phases(record)))
    yield "Training/Hyper-parameters", _arguments(record)
    yield "Training/Results", _results(record)
    yield "Training/Versions", table(["what computed", "version"], record.versions.items())
    yield "Training/Hardware", _hardware(record.hardware)
    notes = [str(one.get("message")) for one in findings_of(record) if is_of_the_keeping(one)]
    yield "Training/Notes", bullets(dict.fromkeys(notes))


def epochs_of(record: RunRecord) -> int:
    """Return how many epochs the model has had: also those before a resume, and both phases of ``fine_tune``."""
    return (first_phase(record).get("epochs_run") or 0) + _epochs_of_last_phase(record)


def _epochs_of_last_phase(record: RunRecord) -> int:
    return max(record.epochs_run, len(record.timings.get("epochs") or []))


def rows_of(record: RunRecord, split: str, before: str) -> str:
    """Return how many rows a split has, after ``before``; "" where nobody counted."""
    told = record.data.get(split)
    rows = told.get("rows") if isinstance(told, Mapping) else None
    return f"{before}{counted(rows, 'row')}" if isinstance(rows, int) else ""


def fine_tuned(record: RunRecord) -> Mapping[str, Any]:
    """Return what ``fine_tune`` wrote into a record; nothing for any other run."""
    told = record.parameters.get(FINE_TUNE)
    return told if isinstance(told, Mapping) else {}


def first_phase(record: RunRecord) -> Mapping[str, Any]:
    """Return how the first phase of ``fine_tune`` went, where the record is the second's."""
    told = fine_tuned(record).get("first_phase")
    return told if isinstance(told, Mapping) else {}


def findings_of(record: RunRecord) -> list[dict[str, Any]]:
    """Return what was noticed in training, in the first phase of ``fine_tune`` too; each once."""
    found: list[dict[str, Any]] = []
    for one in [*(first_phase(record).get("findings") or []), *record.findings]:
        if one not in found:
            found.append(one)
    return found


def is_of_the_keeping(finding: Mapping[str, Any]) -> bool:
    """Tell whether a finding is about how a run was kept (resumed, written down) and not about what it learnt.

    Checks have a code, and what costs accuracy is a warning or an error; a note without a code is neither.
    """
    return finding.get("level", "note") == "note" and not finding.get("code")


def _ended(record: RunRecord) -> Iterator[str]:
    if not record.data:
        yield paragraph("This model was not trained with neurokit, or its record was not kept.")
        return
    took = duration(_seconds(first_phase(record).get("timings") or {}) + _seconds(record.timings))
    yield paragraph(f"{counted(epochs_of(record), 'epoch')} in {took} on {_device(record.hardware)}.")
    rows = [
        ["Wall time", took],
        ["Stop reason", record.stop_reason or "has not ended"],
        ["Seed", _or(record.seed)],
        ["Seed of the data", _or(record.data_seed)],
    ]
    yield table(["item", "value"], rows)


def _seconds(timings: Mapping[str, Any]) -> float:
    return float(max(timings.get("seconds") or 0.0, sum(timings.get("epochs") or [])))


def _or(value: Any) -> str:
    return "not set" if value is None else str(value)


def _device(hardware: Mapping[str, Any]) -> str:
    names = [*(hardware.get("accelerators") or []), *filter(None, [hardware.get("cpu")])]
    return f"{hardware.get('device', 'a device not known')}" + (f" ({names[0]})" if names else "")


def _phases(record: RunRecord) -> Iterator[str]:
    told, first = fine_tuned(record), first_phase(record)
    if not told:
        return
    head = ", ".join(map(str, told.get("head") or [])) or "the head"
    yield paragraph(
        f"A pretrained model was taught something new by fine_tune: first its head ({head}) alone, then all of it, "
        f"each layer at {_or(told.get('decay'))} times the rate of the one above."
    )
    last: dict[str, Any] = {
        "epochs_run": _epochs_of_last_phase(record), "timings": record.timings, "stop_reason": record.stop_reason,
        "metrics": record.metrics, "trainable": record.model.get("trainable"),
    }  # fmt: skip
    rows = [_phase("head", told, last if told.get("phase") == "head" else first)]
    rows.append(_phase("full", told, last if told.get("phase") == "full" else {}))
    header = ["phase", "trained parameters", "epochs", "rate of the head", "wall time", "stop reason", "last epoch"]
    yield table(header, rows, limit=_LONGEST_VALUE)
    rates = told.get("learning_rates")
    if isinstance(rates, Mapping):
        shown = [[name, number(rate)] for name, rate in rates.items()]
        written = table(["layer, in the second phase", "learning rate"], shown, numbers=1)
        yield written if len(rates) <= _MOST_RATES else folded(f"The learning rates of {len(rates)} groups", written)


def _phase(name: str, told: Mapping[str, Any], went: Mapping[str, Any]) -> list[str]:
    words = {"head": "the head alone", "full": "all of it"}[name]
    planned = told.get(f"{name}_epochs")
    if not went:
        return [words, "-", f"0 of {_or(planned)}", "-", "-", "left out" if not planned else "did not run", "-"]
    rate = told.get("learning_rate")
    logs = (went.get("metrics") or {}).get("last") or {}
    return [
        words,
        number(went.get("trainable")),
        f"{went.get('epochs_run')} of {_or(planned)}",
        "the optimizer's own" if rate is None else number(rate),
        duration(_seconds(went.get("timings") or {})),
        str(went.get("stop_reason") or "has not ended"),
        ", ".join(f"{metric} {number(value)}" for metric, value in logs.items() if not is_rate(metric)),
    ]


def is_rate(name: str) -> bool:
    """Tell whether a logged number is a learning rate and not a result."""
    return name == "lr" or name.startswith("lr_")


def _arguments(record: RunRecord) -> str:
    named = {name: value for name, value in record.parameters.items() if name != FINE_TUNE or not fine_tuned(record)}
    rows = [[name, _python(value)] for name, value in named.items()]
    if "batch_size" in named and named["batch_size"] is None:
        rows[list(named).index("batch_size")][1] = "the loader's own"
    for name, options in (record.model.get("optimizers") or {}).items():
        rows.append([f"optimizer {name} in full".replace("  ", " "), _python(options)])
    return table(["argument", "value"], rows, limit=_LONGEST_VALUE)


def _python(value: Any) -> str:
    """A described argument as it would be written: a class with its arguments, a list, a word."""
    if isinstance(value, Mapping):
        pairs = [(key, entry) for key, entry in value.items() if key != "class"]
        if "class" in value:
            return f"{value['class']}({', '.join(f'{key}={_python(entry)}' for key, entry in pairs)})"
        return "{" + ", ".join(f"{key}: {_python(entry)}" for key, entry in pairs) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _results(record: RunRecord) -> str:
    last, best = record.metrics.get("last") or {}, record.metrics.get("best") or {}
    rows = []
    for name in filter(lambda name: not is_rate(name), dict.fromkeys([*last, *best])):
        split = "validation" if name.startswith("val_") else "train"
        measured = f"{split}{rows_of(record, split, ', n = ').removesuffix(' rows').removesuffix(' row')}"
        rows.append(
            [name.removeprefix("val_"), measured, *(number(one[name]) if name in one else "" for one in (last, best))]
        )
    written = table(["number", "measured on", "last epoch", "best epoch"], rows, numbers=2)
    note = "Those of train are means over an epoch during which the weights moved; none has an interval."
    note += " Of fine_tune they are the second phase's." if first_phase(record) else ""
    return f"{written}\n\n{paragraph(note)}" if rows else ""


def _hardware(hardware: Mapping[str, Any]) -> str:
    told = dict(hardware)
    if isinstance(told.get("memory"), (int, float)):
        told["memory"] = size(told["memory"])
    return table(["hardware", "value"], [[name, _python(value)] for name, value in told.items() if value != []])
