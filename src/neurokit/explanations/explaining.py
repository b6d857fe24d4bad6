"""Explaining: what each input contributed to each prediction, as a shap.Explanation."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch

from neurokit.arguments import check_choice, check_count, check_flag, suggestions, suggests_arguments
from neurokit.data.arrays import map_leaves
from neurokit.explanations.background import choose_background
from neurokit.explanations.columns import Array, Columns
from neurokit.explanations.functions import Output, explained, rows_of
from neurokit.explanations.library import load_shap
from neurokit.explanations.methods import METHODS, NoGradientError, Question, Shared, choose, share
from neurokit.explanations.names import feature_names_of, table_values
from neurokit.explanations.report import ExplanationReport, attach

logger = logging.getLogger("neurokit")

_OUTPUTS = ("auto", "probability", "logit")
_SAME_OUTPUTS = {"raw": "logit", "logits": "logit", "prediction": "logit", "proba": "probability",
                 "probabilities": "probability"}  # fmt: skip


@suggests_arguments
def explain(
    trainer_or_module: Any,
    x: Any,
    background: Any = None,
    method: Literal["auto", "exact", "permutation", "partition", "gradient", "deep"] = "auto",
    output: str = "auto",
    *,
    seed: int = 0,
    max_evals: int | Literal["auto"] = "auto",
    interactions: bool = False,
    classes: Any = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Any:
    """Return what each input contributed to each prediction: a ``shap.Explanation``, which every shap plot takes.

    A row's values and the base value add up to what the model says of it. ``base_values`` is ``(N,)`` with values of
    the shape of x for one number a row, and ``(N, C)`` with an axis of outputs at the end for several, two classes
    included: ``shap.plots.beeswarm(explanation[:, :, 1])``. The model, its modes, hooks, gradients and every random
    stream are afterwards what they were.

    Several tabular inputs become the columns of one explanation (``"user.age"``); inputs with axes, such as a picture
    beside a table, one explanation each, in the structure of x. A dict of losses gives a dict by output name. How it
    was made is in ``explanation.report``.

    Args:
        trainer_or_module: A trainer, explained on probabilities where it classifies; a module, on its raw output; an
            estimator with ``predict_proba``; or any function from rows to numbers, such as one that encodes a table
            with text: values are then those of the table's own columns.
        x: The rows to explain, as ``predict`` takes them; a hundred are plenty.
        background: The rows that a hidden input takes its values from: up to 100 whole, of more a seeded sample.
            ``None`` is a sample of the data that the trainer was fitted on, else x itself, which is said.
        method: ``"auto"`` enumerates up to ten columns (``"exact"``), follows gradients for pictures, and permutes
            otherwise. ``"partition"`` hides groups: regions of a picture, neighbours in a sequence, columns that go
            together. ``"deep"`` is fast and often wrong: it is kept only where its values add up.
        output: ``"probability"``, or ``"logit"`` for the model's own numbers, which do not saturate.
        seed: Of permutations and samples. The same seed gives the same values.
        max_evals: Evaluations of the model for each row, or samples for gradients; ``"auto"`` is
            ``max(500, 10 * (2 * columns + 1))`` permuted, 500 partitioned, 200 samples.
        interactions: Values for pairs of columns ``(N, D, D)``, by the exact method. A column's pairs add up to its
            value.
        classes: Explain only these outputs, by number or name; a single one has no axis of outputs.
        feature_names: What to call the columns, where x does not say.
        class_names: What to call the outputs, where the trainer does not know.

    Raises:
        TypeError: If the first argument answers no rows, or x is none, or holds text that the model cannot take.
        ValueError: If x or background has no rows, other columns, or numbers of which the model makes NaN; or the
            method cannot answer here.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> model, x = nn.Linear(3, 1), torch.randn(8, 3)
        >>> found = explain(model, x[:2], background=x)
        >>> contribution = (x[:2] - x.mean(0)) * model.weight.detach()
        >>> found.values.shape, found.base_values.shape, bool(np.allclose(found.values, contribution, atol=1e-5))
        ((2, 3), (2,), True)
    """
    check_choice("method", method, METHODS, kernel="permutation", sampling="permutation", owen="partition",
                 deeplift="deep", expected_gradients="gradient", shapley="exact")  # fmt: skip
    output = _SAME_OUTPUTS.get(output, output) if isinstance(output, str) else output
    check_choice("output", output, _OUTPUTS, labels="probability", scores="logit")
    check_count("seed", seed, 0, such_as=0)
    check_flag("interactions", interactions)
    if max_evals != "auto":
        check_count("max_evals", max_evals, such_as=500)
    began = time.perf_counter()
    target = explained(trainer_or_module, output)
    with torch.inference_mode(False), target.untouched():  # what is made in inference mode has no gradients
        rows = target.read(x, "x")
        _refuse_odd(rows)
        given = None if background is None else target.read(background, "background")
        answers = target(rows)
        outputs = [target.output_of(name, found.shape[1]) for name, found in answers.items()]
        outputs = _renamed(outputs, class_names)
        chosen = _chosen(outputs, classes)
        if isinstance(classes, (str, int, np.integer)):
            outputs = [replace(outputs[0], is_single=True)]
        known = choose_background(target, given, rows, seed)
        columns = Columns(rows, known.rows)
        names = feature_names_of(trainer_or_module, x, target.known, columns.leaves, feature_names)
        question = Question(
            target, columns, chosen, np.concatenate(list(answers.values()), axis=1)[:, chosen],
            np.zeros(len(chosen)), seed, None if max_evals == "auto" else int(max_evals), bool(interactions),
        )  # fmt: skip
        _refuse_not_finite(question.answers, columns.numbers(), "x")
        at_background = question.function(columns.background)
        _refuse_not_finite(at_background, columns.background_numbers(), "background")
        question.base = at_background.mean(axis=0)
        shared = _shared(method, question)
    residual = np.abs(question.residual(shared))
    if shared.method == "gradient":
        target.notes.append(
            f"Gradients at {shared.max_evals} random points a row estimate the values; on average they leave "
            f"{residual.mean():.2g} of a prediction unexplained. max_evals={5 * shared.max_evals} halves that."
        )
    shap = load_shap()
    report = ExplanationReport(
        method=shared.method, output=", ".join(sorted({one.kind for one in outputs})), rows=len(columns.x),
        background_rows=len(columns.background), background_source=known.source, seed=seed,
        max_evals=shared.max_evals, scale=float(np.abs(question.answers - shared.base).max()),
        residual_max=float(residual.max()), residual_mean=float(residual.mean()),
        seconds=round(time.perf_counter() - began, 6), shap=str(shap.__version__), notes=target.notes,
    )  # fmt: skip
    return _arranged(shared, columns, outputs, chosen, names, table_values(x, target.known), report)


def _refuse_odd(x: Any) -> None:
    """Refuse inputs that have no rows of one shape, and none at all."""

    def look(value: Any, path: str) -> None:
        if not hasattr(value, "shape"):
            raise TypeError(
                f"{path} is a {type(value).__name__}, and what is explained are rows of one shape. Pass arrays or "
                "tensors, padded where they differ."
            )

        lengths[path] = len(value)

    lengths: dict[str, int] = {}
    map_leaves(look, x, "x")
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"The inputs differ in their number of rows: {', '.join(f'{n} in {path}' for path, n in lengths.items())}. "
            "Every input has one row for each sample."
        )
    if not rows_of(x):
        raise ValueError("x has 0 rows, so there is nothing to explain. Pass some, such as x_test[:100].")


def _shared(method: str, question: Question) -> Shared:
    """What the method finds; where nobody asked for gradients and there turn out to be none, permutation does."""
    chosen = choose(method, question)
    try:
        return share(chosen, question)
    except NoGradientError as error:
        if method != "auto":
            raise
        text = f"{error} The permutation method was used."
        question.explained.notes.append(text)
        logger.warning(text)
        return share("permutation", question)


def _refuse_not_finite(answers: Array, inputs: Sequence[Array], name: str) -> None:
    """Refuse rows of which the model makes NaN or infinity; what is missing may be what it knows how to take."""
    if np.isfinite(answers).all():
        return
    row = int(np.flatnonzero(~np.isfinite(answers).all(axis=1))[0])
    held = [one for one in inputs if not np.isfinite(one[row]).all()]
    why = f"{name} holds NaN or infinity there. Fill it, or leave the row out" if held else "Look into the model"
    raise ValueError(f"The model makes NaN or infinity of row {row} of {name}, and that has no parts. {why}.")


def _renamed(outputs: list[Output], names: Sequence[str] | None) -> list[Output]:
    if names is None:
        return outputs
    names = tuple(map(str, names))
    columns = [one.columns for one in outputs]
    if len(outputs) > 1 or len(names) != columns[0]:
        raise ValueError(
            f"class_names has {len(names)} names, and the model has {' and '.join(map(str, columns))} outputs. Pass "
            "one name for each."
        )
    return [replace(outputs[0], names=names)]


def _chosen(outputs: Sequence[Output], classes: Any) -> list[int]:
    """Which columns of all outputs are asked for."""
    total = sum(one.columns for one in outputs)
    if classes is None:
        return list(range(total))
    if len(outputs) > 1:
        raise ValueError(
            f"classes chooses among the outputs of one loss, and there are {len(outputs)}: "
            f"{', '.join(one.name for one in outputs)}. Leave it out, and take the one that is meant from the result."
        )
    wanted = [classes] if isinstance(classes, (str, int, np.integer)) else list(classes)
    names = list(outputs[0].names)
    found = []
    for one in wanted:
        if str(one) in names and not (isinstance(one, (int, np.integer)) and 0 <= one < total):
            found.append(names.index(str(one)))
        elif isinstance(one, (int, np.integer)) and not isinstance(one, bool) and -total <= one < total:
            found.append(int(one) % total)
        else:
            raise ValueError(
                f"classes asks for {one!r}, and the outputs are 0 to {total - 1}"
                f"{': ' + ', '.join(names) if names else ''}.{suggestions(str(one), names)}"
            )
    if not found:
        raise ValueError("classes is empty. Pass the outputs to explain, such as classes=[1], or leave it out.")
    return found


# ------------------------------------------------------------------------------------------ the explanations themselves


def _arranged(
    shared: Shared,
    columns: Columns,
    outputs: Sequence[Output],
    chosen: Sequence[int],
    names: list[str],
    tables: Mapping[str, Array],
    report: ExplanationReport,
) -> Any:
    """One explanation, or one for each output, or for each input that has axes."""
    found = {}
    first = 0
    for one in outputs:
        places = [place for place, column in enumerate(chosen) if first <= column < first + one.columns]
        own = [one.names[chosen[place] - first] for place in places] if one.names and not one.is_single else None
        part = Shared(shared.values[..., places], shared.base[:, places], shared.method, shared.max_evals)
        found[one.name] = _for_output(part, columns, one.is_single, own, names, tables, report)
        first += one.columns
    return found[""] if list(found) == [""] else found


def _for_output(
    shared: Shared,
    columns: Columns,
    is_single: bool,
    output_names: list[str] | None,
    names: list[str],
    tables: Mapping[str, Array],
    report: ExplanationReport,
) -> Any:
    leaves, numbers = columns.leaves, columns.numbers()
    values, base = shared.values, shared.base
    if is_single:
        values, base = values[..., 0], base[:, 0]
    if all(len(leaf.shape) <= 1 for leaf in leaves):
        data = np.concatenate([one.reshape(len(one), -1) for one in numbers], axis=1)
        shown = [tables.get(leaf.path, one.reshape(len(one), -1)) for leaf, one in zip(leaves, numbers, strict=True)]
        display = np.concatenate([np.asarray(one, dtype=object) for one in shown], axis=1) if tables else None
        return _explanation(values, base, data, display, names, output_names, report)
    ends = np.cumsum([leaf.width for leaf in leaves])
    parts = []
    for leaf, data, end in zip(leaves, numbers, ends, strict=True):
        own = values[:, end - leaf.width : end]
        shape = (len(own), *leaf.shape, *own.shape[2:])
        own_names = names[end - leaf.width : end] if len(leaf.shape) <= 1 else None
        if not leaf.shape:
            shape, data = (len(own), 1, *own.shape[2:]), data[:, None]
        parts.append(
            _explanation(own.reshape(shape), base, data, tables.get(leaf.path), own_names, output_names, report)
        )
    in_order = iter(parts)
    return map_leaves(lambda *_: next(in_order), columns.structure, "")


def _explanation(
    values: Array,
    base: Array,
    data: Array,
    display: Array | None,
    names: list[str] | None,
    output_names: list[str] | None,
    report: ExplanationReport,
) -> Any:
    shap = load_shap()
    found = shap.Explanation(
        values, base_values=base, data=data, display_data=display, feature_names=names, output_names=output_names,
        compute_time=report.seconds,
    )  # fmt: skip
    attach(report, found)
    return found
