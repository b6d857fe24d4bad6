"""Leaks: columns that alone determine the target, and columns that say the same as another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neurokit.encoding.reading import read_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from neurokit.encoding import Field

Array = np.ndarray[Any, Any]

TELLS_ALL = 0.99  # of the way from chance (0) to perfect (1)
_FOLDS = 5
_MOST_ROWS = 10_000


class Alone(NamedTuple):
    """How well one column alone tells the target, on rows it was not fitted on.

    Attributes:
        column: Its name.
        skill: R2 of a regression; of classes, balanced accuracy between chance, 0, and perfect, 1.
        score: The same as people say it: R2, or accuracy.
    """

    column: str
    skill: float
    score: float

    @property
    def tells_all(self) -> bool:
        """Whether it is the answer in other words."""
        return self.skill >= TELLS_ALL


def alone(frame: pd.DataFrame, fields: Sequence[Field], y: Array, *, classes: bool, seed: int) -> list[Alone]:
    """Return how well each column alone tells the target, the best first.

    A tree is grown on the column, on four fifths of the rows, and asked about the fifth, in turn; of categories it sees
    the target's mean in each. No more than 10,000 rows are looked at.

    Args:
        frame: Rows that are not for the test.
        fields: Its columns.
        y: Class indices, or numbers.
        classes: Which of them.
        seed: Of sample and folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    rng = np.random.default_rng(seed)
    if len(frame) > _MOST_ROWS:
        chosen = np.sort(rng.choice(len(frame), _MOST_ROWS, replace=False))
        frame, y = frame.iloc[chosen], y[chosen]
    folds = min(_FOLDS, len(y) // 2)
    if classes:
        folds = min(folds, int(np.bincount(y)[np.bincount(y) > 0].min()))
    if folds < 2:
        return []
    kind = StratifiedKFold if classes else KFold
    parts = list(kind(folds, shuffle=True, random_state=seed % 2**32).split(np.zeros(len(y)), y if classes else None))
    found = [_alone(field, read_column(frame[field.name], field), y, parts, classes) for field in fields]
    return sorted(found, key=lambda one: -one.skill)


def _alone(field: Field, values: Any, y: Array, parts: Any, classes: bool) -> Alone:
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    told = np.zeros(len(y), dtype=y.dtype if classes else np.float64)
    for known, asked in parts:
        x = _encoded(values, y, known, classes) if field.type == "category" else _filled(values)
        tree = (DecisionTreeClassifier if classes else DecisionTreeRegressor)(random_state=0)
        told[asked] = tree.fit(x[known], y[known]).predict(x[asked])
    if not classes:
        score = float(r2_score(y, told))
        return Alone(field.name, score, score)
    chance = 1 / len(np.unique(y))
    skill = (float(balanced_accuracy_score(y, told)) - chance) / (1 - chance)
    return Alone(field.name, skill, float((told == y).mean()))


def _filled(values: Array) -> Array:
    """Numbers with a value of their own for missing ones, in float32's range, which trees compute in."""
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)  # a tree sees the order only
    return np.where(np.isnan(values), -1.0, ranks)[:, None]


def _encoded(values: list[Any], y: Array, known: Array, classes: bool) -> Array:
    """For each category the shares of the classes, or the mean, among known rows; the overall ones for others."""
    targets = np.eye(int(y.max()) + 1)[y] if classes else y[:, None].astype(np.float64)
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    codes = np.array([places[value] for value in values])
    sums, counts = np.zeros((len(places), targets.shape[1])), np.zeros(len(places))
    np.add.at(sums, codes[known], targets[known])
    np.add.at(counts, codes[known], 1)
    overall = targets[known].mean(0)
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], overall)
    return np.asarray(means[codes])


def same_information(frame: pd.DataFrame, fields: Sequence[Field], most: int = 50) -> list[tuple[str, str]]:
    """Return pairs of columns that say the same: each value of one goes with one value of the other, and back.

    Of numbers of more than ``most`` values, pairs that are in the same order or in the opposite one.
    """
    codes, numbers = {}, {}
    for field in fields:
        if frame[field.name].nunique() < 2:
            continue
        if frame[field.name].nunique() <= most or field.type == "category":
            codes[field.name] = frame[field.name].factorize()[0]
        elif field.type in ("number", "integer"):
            numbers[field.name] = frame[field.name].rank().to_numpy(dtype=float)
    found = []
    names = list(codes)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            known = (codes[one] >= 0) & (codes[other] >= 0)
            a, b = codes[one][known], codes[other][known]
            pairs = len(set(zip(a.tolist(), b.tolist(), strict=True)))
            if pairs == len(set(a.tolist())) == len(set(b.tolist())) and pairs > 1:
                found.append((one, other))
    names = list(numbers)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            known = ~np.isnan(numbers[one]) & ~np.isnan(numbers[other])
            if known.sum() > 2 and abs(np.corrcoef(numbers[one][known], numbers[other][known])[0, 1]) > 1 - 1e-9:
                found.append((one, other))
    return found


def counts_rows(series: pd.Series[Any]) -> bool:
    """Tell whether a column only counts the rows, in their order or another."""
    if getattr(series.dtype, "kind", "O") not in "iu" or len(series) < 20:
        return False
    values = series.to_numpy()
    return len(np.unique(values)) == len(values) and bool((np.diff(values) == 1).all())
