"""Sequences: explanations of token ids as words, for shap's text plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neurokit.explanations.library import load_shap
from neurokit.explanations.report import attach, report_of


def as_words(explanation: Any, vocabulary: Mapping[int, str] | Sequence[str] | Callable[[int], str]) -> Any:
    """Return an explanation of token ids with words in their place, as ``shap.plots.text`` writes them.

    Args:
        explanation: One of sequences of ids ``(N, steps)``.
        vocabulary: The word of each id: a list in the order of the ids, a dict by id, or a function of one.

    Raises:
        ValueError: If the explanation is none of sequences of ids, or an id has no word.

    Example:
        >>> from neurokit.explanations.library import load_shap
        >>> found = load_shap().Explanation(np.zeros((1, 2)), base_values=np.zeros(1), data=np.array([[1.0, 0.0]]))
        >>> as_words(found, ["<pad>", "good"]).data.tolist()
        [['good ', '<pad> ']]
    """
    data = np.asarray(explanation.data)
    if data.ndim != 2 or not np.array_equal(data, np.round(data)):
        raise ValueError(
            f"as_words takes an explanation of sequences of token ids (N, steps), and this one is of data {data.shape} "
            f"{'that are no whole numbers' if data.ndim == 2 else ''}. Take whole rows: explanation[:4]."
        )
    look_up = vocabulary if callable(vocabulary) else vocabulary.__getitem__
    words = np.empty(data.shape, dtype=object)
    for place, token in np.ndenumerate(data.astype(np.int64)):
        try:
            words[place] = f"{look_up(int(token))} "
        except LookupError:
            raise ValueError(f"The vocabulary has no word for the id {token}, in row {place[0]}.") from None
    found = load_shap().Explanation(
        explanation.values, base_values=explanation.base_values, data=words, output_names=explanation.output_names,
        compute_time=explanation.compute_time,
    )  # fmt: skip
    if (report := report_of(explanation)) is not None:
        attach(report, found)
    return found
