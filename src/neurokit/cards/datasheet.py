"""Datasheet: what is known of the data a run was made on, with what a person answered of them.

After Gebru et al. 2021, "Datasheets for Datasets": composition, source, preprocessing, quality and consent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from neurokit.cards.markdown import folded, paragraph, prose, table
from neurokit.cards.numbers import counted, number, share, times
from neurokit.cards.questions import answer
from neurokit.cards.training import findings_of
from neurokit.record import RunRecord

_MOST_CLASSES = 20
_ABOUT_DATA: Final = frozenset(
    (
        "epoch-not-set", "feature-scales", "large-targets", "one-class", "partial-sampler", "same-augmentation",
        "scaler-before-split", "selection-on-test", "shared-rows", "sorted-labels", "unreachable-targets",
    )
)  # fmt: skip


def data_sections(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield titles and texts of the data block: first the data alone, then each part of it."""
    name = answer(record, "data_name")
    splits = {split: told for split, told in record.data.items() if isinstance(told, Mapping)}
    sizes = "; ".join(f"{split}: {counted(told.get('rows'), 'row')}" for split, told in splits.items())
    opening = f"{name or 'The data'}: {sizes}." if sizes else f"{name or 'The data'}: no fit was recorded."
    yield "Data", paragraph(opening)
    yield "Data/Source", prose(answer(record, "data_source"))
    yield "Data/Fingerprint", _fingerprints(splits)
    yield "Data/Split", paragraph(how_split(record)) if splits else ""
    yield "Data/Balance", "\n\n".join(_balances(record.balance))
    yield "Data/Preprocessing", prose(answer(record, "preprocessing"))
    codes = dict.fromkeys(str(one["code"]) for one in _findings(record) if one.get("code") in _ABOUT_DATA)
    noticed = paragraph(f"The checks saw {', '.join(codes)}: see Limits.") if codes else ""
    yield "Data/Quality issues", "\n\n".join(filter(None, [prose(answer(record, "data_quality")), noticed]))
    yield "Data/Consent", prose(answer(record, "consent"))


def _findings(record: RunRecord) -> Iterator[Mapping[str, Any]]:
    yield from findings_of(record)
    for assessed in record.assessments.values():
        yield from assessed.get("findings") or []


def how_split(record: RunRecord) -> str:
    """Return in a sentence how the rows that validate were chosen."""
    split, told = record.split or {}, record.data.get("validation")
    rows = told.get("rows") if isinstance(told, Mapping) else None
    if split:
        fraction, how = split.get("fraction"), split.get("how")
        drawn = "at random, with each class in its share" if how == "stratified" else f"{how}"
        part = f"{100 * fraction:.3g} % of the rows" if isinstance(fraction, (int, float)) else "Some rows"
        told = f"{part} ({counted(rows, 'row')}) validate and were not trained on; drawn {drawn}"
        return f"{told}, seed {split.get('seed')}."
    if isinstance(told, Mapping):
        return f"The {counted(rows, 'validation row')} came as a data set of their own."
    return "All rows were trained on; none validated during training."


def _fingerprints(splits: Mapping[str, Any]) -> str:
    """A table of the arrays; one that several splits draw their rows from stands in it once."""
    found: dict[tuple[str, ...], list[str]] = {}
    for split, told in splits.items():
        for array, print_ in told.items():
            for name, one in _leaves(array, print_):
                shape = times(one.get("shape") or []) or f"{counted(one.get('rows'), 'row')}"
                digest = one.get("sha256", "not hashed")
                digest += " (of evenly spaced rows)" if one.get("sampled") else ""
                found.setdefault((name, shape, str(one.get("dtype", one.get("class", ""))), digest), []).append(split)
        if "source" in told:
            batches = counted(told.get("batches"), "batch", "batches")
            found.setdefault(
                ("batches", batches, str(told["source"]), "not hashed: rows come from a loader"), []
            ).append(split)
    rows = [[", ".join(names), *leaf] for leaf, names in found.items()]
    return table(["split", "array", "shape", "dtype", "SHA-256"], rows)


def _leaves(name: str, told: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(told, Mapping):
        return
    if "sha256" in told or "class" in told:
        yield name, told
        return
    for member, one in told.items():
        yield from _leaves(f"{name}[{member}]", one)


def _balances(balance: Mapping[str, Any], output: str = "") -> Iterator[str]:
    """Tables of the classes of each split, or of the range of its numbers; one for each output."""
    of_output = f" of {output}" if output else ""
    counts = {split: one["counts"] for split, one in balance.items() if _has(one, "counts")}
    if counts:
        yield _class_table(counts, of_output)
    numbers = {split: one for split, one in balance.items() if _has(one, "mean", plain_numbers=True)}
    if numbers:
        rows = [
            [f"{split}{of_output}", *(number(one.get(name)) for name in ("mean", "std", "min", "max"))]
            for split, one in numbers.items()
        ]
        yield table(["target", "mean", "standard deviation", "least", "largest"], rows, numbers=1)
    nested: dict[str, dict[str, Any]] = {}
    for split, one in balance.items():
        if split not in counts and split not in numbers and isinstance(one, Mapping):
            for name, told in one.items():
                nested.setdefault(name, {})[split] = told
    for name, of_splits in nested.items():
        yield from _balances(of_splits, name)


def _has(told: Any, name: str, *, plain_numbers: bool = False) -> bool:
    if not isinstance(told, Mapping) or name not in told:
        return False
    return isinstance(told[name], (int, float)) if plain_numbers else isinstance(told[name], Mapping)


def _class_table(counts: Mapping[str, Mapping[str, Any]], of_output: str) -> str:
    names = list(dict.fromkeys(name for one in counts.values() for name in one))
    totals = {split: sum(one.values()) for split, one in counts.items()}
    rows = [
        [
            name,
            *(
                f"{number(one.get(name, 0))} ({share(one.get(name, 0), totals[split])})"
                for split, one in counts.items()
            ),
        ]
        for name in names
    ]
    written = table([f"class{of_output}", *counts], rows, numbers=1)
    return written if len(names) <= _MOST_CLASSES else folded(f"The rows of {len(names)} classes{of_output}", written)
