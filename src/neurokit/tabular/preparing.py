"""Preparing: target, split, what is left out and why, and the encoding fitted on the rows that train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurokit.arguments import suggestions
from neurokit.encoding import Field, TableEncoding, Target, infer_fields, infer_kind
from neurokit.encoding.plain import kind_of
from neurokit.encoding.reading import as_category, plain_values
from neurokit.encoding.target import Kind
from neurokit.tabular.cleaning import stacked
from neurokit.tabular.leaks import LEAST_ROWS, Alone, alone, counts_rows, same_information
from neurokit.tabular.splitting import Split, rare_classes, split_rows
from neurokit.wording import counted, number

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """A table that is ready to be trained on.

    Attributes:
        frame: The rows with a target.
        target: What is predicted, fitted on the rows that train.
        kind_told: Why it is a question of that kind, in words.
        split: Which rows train, validate and test.
        fields: The columns that are learnt from.
        encoding: These as numbers, fitted on the rows that train.
        layout: As asked: ``"auto"`` suits the module.
        left_out: Columns that are not learnt from, each with the reason.
        alone: How well each column alone tells the target, the best first.
        arguments: How the split was made, to be written down.
        is_column: The module answers a row with one number in an axis of its own, so that targets have one too.
    """

    frame: pd.DataFrame
    target: Target
    kind_told: str
    split: Split
    fields: tuple[Field, ...]
    encoding: TableEncoding
    layout: str
    left_out: dict[str, str]
    alone: tuple[Alone, ...]
    arguments: dict[str, Any]
    is_column: bool = False

    def table(self, name: str) -> pd.DataFrame:
        """Return the raw columns of a split's rows."""
        rows: pd.DataFrame = self.frame.iloc[getattr(self.split, name)]
        return rows[[field.name for field in self.fields]]

    def labels(self, name: str) -> Array:
        """Return the target of a split's rows as it stands in the table."""
        found: Array = self.frame[self.target.name].iloc[getattr(self.split, name)].to_numpy()
        return found

    def encoded(self, name: str) -> Array:
        """Return the target of a split's rows as the model learns it."""
        return self.target.encode(self.labels(name))

    def with_layout(self, layout: str) -> Prepared:
        """Return the same with the encoding in another layout: what was fitted stays."""
        return replace(self, encoding=self.encoding.with_layout(layout))  # type: ignore[arg-type]


def prepare(
    frame: pd.DataFrame,
    target: str,
    *,
    task: str,
    test_size: float,
    validation_size: float,
    split: str,
    group: str | None,
    time: str | None,
    keep: Iterable[str],
    drop: Iterable[str],
    types: Mapping[str, str],
    rare: str,
    ratios: Mapping[str, Sequence[str]],
    date_parts: Mapping[str, Sequence[str]],
    layout: str,
    encoding: Mapping[str, Any],
    seed: int,
) -> tuple[Prepared, pd.DataFrame, list[str], list[str]]:
    """Return what is prepared, dropped rows, notes, and warnings; see ``TabularPipeline.prepare_data``."""
    keep, drop = _names("keep", keep, frame), _names("drop", drop, frame)
    for name, column in (("target", target), ("group", group), ("time", time)):
        if column is not None and column not in frame.columns:
            raise ValueError(f"{name}={column!r} is no column.{suggestions(str(column), frame.columns)} The table has "
                             f"{', '.join(frame.columns)}.")  # fmt: skip
    if target in (*keep, *drop):
        raise ValueError(f"{target!r} is the target, and keep and drop are about the other columns.")
    frame, dropped, notes = _with_target(frame, target)
    kind, told = _kind(frame[target], task, target)
    if kind != "regression":
        frame, more, said = _without_rare(frame, target, rare, test_size, validation_size)
        dropped, notes = stacked(dropped, more), [*notes, *said]
        kind, told = _kind(frame[target], task, target)
    notes.insert(0, told)
    codes = None if kind == "regression" else frame[target].astype(object).factorize(sort=True)[0]
    parts = split_rows(
        len(frame), test_size=test_size, validation_size=validation_size, seed=seed,
        classes=codes if split == "random" else None, groups=None if group is None else frame[group],
        times=None if time is None else _moments(frame[time], time),
    )  # fmt: skip
    found = Target.fit(target, frame[target].iloc[parts.train], kind)
    _check_classes(frame[target], parts, found)
    sizes = ", ".join(f"{counted(len(rows), 'row')} {verb}" for rows, verb in zip(parts[:3], _VERBS, strict=True))
    notes.append(f"split {'at random, each class in its share' if parts.how == 'stratified' else f'by {parts.how}'}"
                 f", seed {seed}: {sizes}".replace("by random", "at random"))  # fmt: skip
    notes += parts.notes
    left_out = _told_out(frame, target, group, time, keep, drop, parts)
    candidates = [name for name in frame.columns if name != target and name not in left_out]
    train = frame.iloc[parts.train]
    asked = {name: one for name, one in types.items() if name in candidates}
    fields, more_out = infer_fields(train[candidates], types=asked, keep=[one for one in keep if one in candidates])
    left_out |= more_out
    known = np.concatenate([parts.train, parts.validation])
    ranking = alone(
        frame.iloc[known], _constant_out(fields, train, left_out), found.encode(frame[target].iloc[known]),
        classes=kind != "regression", seed=seed,
    )  # fmt: skip
    if len(known) < LEAST_ROWS:
        notes.append(f"{counted(len(known), 'row')} are too few to tell whether a column alone determines the target")
    warnings = []
    for one in ranking:
        if not one.tells_all:
            continue
        score = f"R2 {number(one.score, 4)}" if kind == "regression" else f"accuracy {number(one.score, 4)}"
        sentence = f"{one.column!r} alone determines {target!r} ({score} on rows it was not fitted on)"
        if one.column in keep:
            warnings.append(f"{sentence}: kept, as you say. Will it be known when a prediction is made?")
        else:
            left_out[one.column] = f"it alone determines the target ({score} on rows it was not fitted on)"
            warnings.append(f"{sentence}: it is left out. keep=[{one.column!r}] keeps it.")
    fields = tuple(field for field in fields if field.name not in left_out)
    if not fields:
        raise ValueError(f"No column is left to tell {target!r} from. {_reasons(left_out)}")
    names = [field.name for field in fields]
    ratios = {name: pair for name, pair in ratios.items() if set(pair) <= set(names)}
    fitted = TableEncoding.fit(
        train, fields, ratios=ratios, layout="embedded" if layout == "auto" else layout,  # type: ignore[arg-type]
        date_parts={name: one for name, one in date_parts.items() if name in names}, **encoding,
    )  # fmt: skip
    warned = [one.column for one in ranking if one.tells_all]
    notes += [f"{name} left out: {reason}" for name, reason in left_out.items() if name not in warned]
    best = [one for one in ranking if one.column in names][:1]
    notes += [f"best column alone: {one.column} ({_skill(one, kind)})" for one in best]
    notes += [f"{one} and {other} say the same" for one, other in same_information(train, fields)]
    notes += [f"encoding: {note}" for note in fitted.notes]
    made = " and ".join(f"{len(columns):,} {key}" for key, columns in fitted.columns.items())
    notes.append(f"{counted(len(fields), 'column')} become {made}, fitted on the rows that train")
    arguments = {"how": parts.how, "seed": seed, "test_size": test_size, "validation_size": validation_size,
                 "group": group, "time": time}  # fmt: skip
    prepared = Prepared(frame, found, told, parts, fields, fitted, layout, left_out, tuple(ranking), arguments)
    return prepared, dropped, notes, warnings


_VERBS = ("train", "validate", "test")


def _skill(one: Alone, kind: str) -> str:
    return f"R2 {number(one.score)}" if kind == "regression" else f"accuracy {number(one.score)}"


def _names(argument: str, given: Any, frame: pd.DataFrame) -> list[str]:
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in frame.columns:
            raise ValueError(f"{argument} names {name!r}, which is no column.{suggestions(str(name), frame.columns)}")
    return names


def _with_target(frame: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    missing = frame[target].isna()
    dropped = frame[missing].assign(reason=f"the target {target} is missing")
    notes = [f"{counted(int(missing.sum()), 'row')} without a target dropped"] if missing.any() else []
    if missing.all():
        raise ValueError(f"The target {target!r} is missing in every row.")
    return frame[~missing], dropped, notes


def _kind(series: pd.Series[Any], task: str, target: str) -> tuple[Kind, str]:
    try:
        kind_of(list({as_category(value) for value in plain_values(series)}), f"The target {target!r}")
    except ValueError as error:
        raise ValueError(f"{error} Make it so: frame[{target!r}].astype(str), for instance.") from None
    kind: Any = infer_kind(series) if task == "auto" else task
    distinct = series.nunique()
    if kind == "regression":
        what = f"regression: {target} has {distinct:,} distinct numbers, {series.min():,} to {series.max():,}"
    else:
        shown = ", ".join(map(str, sorted(series.unique())[:6])) + (", ..." if distinct > 6 else "")
        what = f"{kind}: {target} has {distinct:,} classes ({shown})"
        kind = "binary" if distinct == 2 else "multiclass"
    other = "regression" if kind != "regression" and getattr(series.dtype, "kind", "O") in "iuf" else ""
    hint = f"; task={other!r} takes it as numbers" if other and task == "auto" else ""
    if kind == "regression" and task == "auto" and getattr(series.dtype, "kind", "O") in "iu":
        hint = "; task='multiclass' takes it as classes"
    return kind, f"task {what}{hint}"


def _without_rare(
    frame: pd.DataFrame, target: str, rare: str, test_size: float, validation_size: float
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    few = rare_classes(frame[target].tolist(), test_size, validation_size)
    if not few:
        return frame, frame.iloc[:0].assign(reason=""), []
    shown = ", ".join(f"{label!r} ({counted(count, 'row')})" for label, count in list(few.items())[:5])
    if rare == "error":
        raise ValueError(
            f"{target!r} has {counted(len(few), 'class', 'classes')} too rare to train, validate and test with: {shown}"
            f"{', ...' if len(few) > 5 else ''}. Pass rare='drop' to leave their rows out, give them to another class "
            "with engineer_features, or pass task='regression' if the target is a number."
        )
    out = frame[target].isin(list(few))
    note = f"{counted(int(out.sum()), 'row')} of rare classes dropped: {shown}"
    return frame[~out], frame[out].assign(reason="its class is too rare"), [note]


def _moments(series: pd.Series[Any], name: str) -> pd.Series[Any]:
    if getattr(series.dtype, "kind", "O") not in "Miuf":
        raise ValueError(
            f"time={name!r} is neither dates nor numbers. Use engineer_features(dates=[{name!r}]), or "
            f"load_data(..., types={{{name!r}: 'date'}})."
        )
    missing = int(series.isna().sum())
    if missing:
        raise ValueError(
            f"time={name!r} is missing in {counted(missing, 'row')}, and when these were is not known. Leave them out."
        )
    return series


def _check_classes(series: pd.Series[Any], parts: Split, target: Target) -> None:
    if target.classes is None:
        return
    for name in ("validation", "test"):
        unknown = set(series.iloc[getattr(parts, name)].tolist()) - set(target.classes)
        if unknown:
            raise ValueError(
                f"The rows that are to {name.replace('validation', 'validate')} have the class {sorted(unknown)[0]!r}, "
                f"which no row that trains has: a split by {parts.how} put it there. Pass another seed or size, or "
                "leave that class out."
            )


def _told_out(
    frame: pd.DataFrame,
    target: str,
    group: str | None,
    time: str | None,
    keep: list[str],
    drop: list[str],
    parts: Split,
) -> dict[str, str]:
    """What is left out without looking at the target."""
    found = dict.fromkeys(drop, "you said so")
    if group is not None and group not in keep:
        found[group] = "it names the groups, and those of new rows are others"
    if time is not None and time not in keep:
        found[time] = "it is when a row was, and new rows are all later than those that train"
    for name in frame.columns:
        if name not in (target, *found, *keep) and counts_rows(frame[name]):
            found[name] = "it only counts the rows"
    return found


def _constant_out(fields: Sequence[Field], train: pd.DataFrame, left_out: Mapping[str, str]) -> list[Field]:
    return [field for field in fields if field.name not in left_out and train[field.name].nunique(dropna=False) > 1]


def _reasons(left_out: Mapping[str, str]) -> str:
    return " ".join(f"{name!r} is left out: {reason}." for name, reason in left_out.items())
