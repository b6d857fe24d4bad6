"""Methods: the ways to share a prediction out among its inputs, each a thin layer over one of shap's explainers."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from neurokit.data.arrays import map_leaves
from neurokit.explanations.columns import Array, Columns
from neurokit.explanations.functions import Explained
from neurokit.explanations.interactions import pair_values
from neurokit.explanations.library import load_shap

logger = logging.getLogger("neurokit")

METHODS: Final = ("auto", "exact", "permutation", "partition", "gradient", "deep")
MOST_EXACT: Final = 10  # columns that "auto" enumerates: 2**10 mixtures of each row and each of the background
_MOST_ENUMERATED = 16
_MOST_PERMUTED = 512  # columns; a wider row takes minutes, and the gradient seconds
_GRADIENT_SAMPLES = 200
_TRIED = 8  # rows on which it is seen what a model makes of bytes: a hundred pictures with gradients fill a memory
_PARTITION_EVALUATIONS = 500
_MASKED_BYTES = 2**28  # of one row's mixtures at once
_DEEP_TOLERANCE = 0.01  # of what is to be explained


class NoGradientError(ValueError):
    """Gradients were to be followed, and there are none."""


@dataclass
class Question:
    """What is to be shared out.

    Attributes:
        explained: The function.
        columns: The rows to explain and the background, as matrices.
        chosen: Which of all outputs' columns are wanted.
        answers: The function's values at x ``(rows, outputs)``, of the chosen ones.
        base: The mean of its values at the background ``(outputs,)``.
        seed: Of permutations and samples.
        max_evals: How often the function may be evaluated for a row, ``None`` for the method's own.
        interactions: Share out pairs of columns too.
    """

    explained: Explained
    columns: Columns
    chosen: Sequence[int]
    answers: Array
    base: Array
    seed: int
    max_evals: int | None
    interactions: bool

    @property
    def width(self) -> int:
        """How many columns share."""
        return int(self.columns.x.shape[1])

    def function(self, rows: Array) -> Array:
        """Return the chosen outputs ``(rows, outputs)`` for rows of the matrix."""
        found = self.explained(self.columns.decode(rows))
        return np.concatenate(list(found.values()), axis=1)[:, list(self.chosen)]

    @cached_property
    def is_differentiable(self) -> bool:
        """Whether gradients reach every input: a module, of floating inputs or such as are made so, for it or by it."""
        if self.explained.as_module is None:
            return False
        whole = [place for place, one in enumerate(self._inputs(self.columns.x[:1])) if not one.is_floating_point()]
        return not whole or self._makes_floats(whole)

    def _makes_floats(self, whole: Sequence[int]) -> bool:
        """Tell whether these inputs of whole numbers are bytes of pictures, of which the model itself makes floats.

        It then says the same of floats, and every picture has a gradient; one whose bytes are looked up has none.
        """
        leaves = self.columns.leaves
        if not all(leaves[place].is_bytes and len(leaves[place].shape) > 1 for place in whole):
            return False
        try:
            module, x, _ = _copy(self)
            inputs = [one[:_TRIED].requires_grad_() for one in (x if isinstance(x, list) else [x])]
            with _gradients_on(module):
                answers = module(*inputs)
                gradients = torch.autograd.grad(answers.abs().sum(), inputs)
        except Exception:  # whatever a model makes of inputs that it does not take
            return False
        same = np.allclose(answers.detach().cpu().numpy(), self.answers[:_TRIED], rtol=1e-3, atol=1e-5)
        return bool(same) and all(bool(gradients[place].any()) for place in whole)

    def floats(self, rows: Array) -> list[Tensor]:
        """Return the inputs behind rows as the model gets them, in single precision."""
        return [one.float() for one in self._inputs(rows)]

    def _inputs(self, rows: Array) -> list[Tensor]:
        found: list[Tensor] = []
        map_leaves(lambda value, _: found.append(value), self.explained.place(self.columns.decode(rows)), "")
        return found

    def residual(self, shared: Shared) -> Array:
        """Return what the values leave unexplained, ``f(x) - base - sum``, ``(rows, outputs)``."""
        axes = tuple(range(1, shared.values.ndim - 1))
        residual: Array = self.answers - shared.base - shared.values.sum(axis=axes)
        return residual


class Shared(NamedTuple):
    """What a method found.

    Attributes:
        values: ``(rows, columns, outputs)``, or ``(rows, columns, columns, outputs)`` for interactions.
        base: What they start from, ``(rows, outputs)``.
        method: Which one it was in the end.
        max_evals: Evaluations, or samples, for a row.
    """

    values: Array
    base: Array
    method: str
    max_evals: int


def choose(method: str, question: Question) -> str:
    """Return the method to use for ``"auto"``, and refuse one that cannot answer.

    Up to ten columns are enumerated exactly. Pictures and other inputs with several axes a row, and rows of more than
    512 numbers, are followed by gradients where the model has some; everything else is permuted.

    Raises:
        ValueError: If the method asked for cannot be used here.
    """
    width = question.width
    if question.interactions and method not in ("auto", "exact"):
        raise ValueError(f"interactions=True is for the exact method, and method={method!r}. Pass method='exact'.")
    has_axes = any(len(leaf.shape) > 1 for leaf in question.columns.leaves)
    if question.interactions and has_axes:
        raise ValueError(
            "interactions=True is for tables, and x has rows of several axes. Pass them flat: x.reshape(len(x), -1)."
        )
    if method == "auto":
        affordable = question.max_evals is None or question.max_evals >= 2**width
        if question.interactions or (width <= MOST_EXACT and affordable):
            method = "exact"
        elif (has_axes or width > _MOST_PERMUTED) and question.is_differentiable:
            method = "gradient"
        else:
            return "permutation"
    if method == "exact" and width > _MOST_ENUMERATED:
        raise ValueError(
            f"The exact method evaluates every mixture of columns, 2**{width} for {width} of them; it takes up to "
            f"{_MOST_ENUMERATED}. Pass method='permutation'{' and interactions=False' * question.interactions}."
        )
    if method == "exact" and question.max_evals is not None and question.max_evals < 2**width:
        raise ValueError(
            f"The exact method evaluates all {2**width} mixtures of {width} columns, and max_evals is "
            f"{question.max_evals}. Leave max_evals out, or pass method='permutation'."
        )
    if method in ("gradient", "deep") and not question.is_differentiable:
        why = "the model looks whole numbers up, and there is no gradient between two of them"
        if question.explained.as_module is None:
            why = "what is explained is a function, not a module"
        raise ValueError(
            f"method={method!r} follows gradients from the output back to the inputs, and {why}. Pass "
            "method='permutation', or leave it out."
        )
    return method


def share(method: str, question: Question) -> Shared:
    """Return each column's part in each output, by a method."""
    return {"exact": _exact, "permutation": _permutation, "partition": _partition, "gradient": _gradient,
            "deep": _deep}[method](question)  # fmt: skip


def _exact(question: Question) -> Shared:
    evaluations = 2**question.width
    if question.interactions:
        values = pair_values(question.function, question.columns.x, question.columns.background)
        return Shared(values, _bases(question), "exact", evaluations)
    explainer = load_shap().ExactExplainer(question.function, _masker(question))
    return Shared(_of_rows(explainer, question, evaluations), _bases(question), "exact", evaluations)


def _permutation(question: Question) -> Shared:
    shap = load_shap()
    least = 2 * question.width + 1
    evaluations = max(500, 10 * least) if question.max_evals is None else question.max_evals
    if evaluations < least:
        raise ValueError(
            f"max_evals={evaluations} is too low: one permutation of {question.width} columns, there and back, takes "
            f"{least}. Pass max_evals={10 * least}, or leave it out."
        )
    explainer = shap.PermutationExplainer(question.function, _masker(question), seed=question.seed % 2**32)
    return Shared(_of_rows(explainer, question, evaluations), _bases(question), "permutation", evaluations)


def _masker(question: Question) -> Any:
    """Columns take the values of every row of the background in turn."""
    shap = load_shap()
    background = question.columns.background
    masker = shap.maskers.Independent(background, max_samples=len(background))
    evaluations = 2**question.width if question.width <= _MOST_ENUMERATED else 2 * question.width + 1
    if evaluations * background.size * 8 > _MASKED_BYTES:
        masker.supports_delta_masking = False  # which would hold a row's mixtures all at once
    return masker


def _masks_at_once(question: Question) -> int:
    return max(1, _MASKED_BYTES // 4 // (question.columns.background.size * 8))


def _of_rows(explainer: Any, question: Question, evaluations: int) -> Array:
    """What an explainer finds for each row; of one that is all of the background there is nothing to find."""
    x, background = question.columns.x, question.columns.background
    varies = np.array([not np.isclose(background, row).all() for row in x])  # shap trips over one that does not
    values = np.zeros((*x.shape, len(question.chosen)))
    if varies.any():
        how = {"max_evals": evaluations, "batch_size": _masks_at_once(question), "silent": True}
        values[varies] = _values(explainer(x[varies], **how))
    return values


def _values(found: Any) -> Array:
    """What shap found ``(rows, ..., outputs)``: of a single output it leaves the axis out."""
    values = np.asarray(found.values, dtype=np.float64)
    return values if values.ndim > np.ndim(found.data) else values[..., None]


def _bases(question: Question) -> Array:
    return np.tile(question.base, (len(question.columns.x), 1))


# ------------------------------------------------------------------------------------------------------------ partition


def _partition(question: Question) -> Shared:
    """Owen values: columns that belong together share as groups first."""
    shap = load_shap()
    [leaf, *others] = question.columns.leaves
    evaluations = question.max_evals or _PARTITION_EVALUATIONS
    if question.width < 2:
        return _exact(question)
    is_picture = leaf.is_floating or (leaf.is_bytes and question.is_differentiable)
    if not others and is_picture and len(leaf.shape) in (2, 3):
        return _pictures(question, leaf.shape, evaluations)
    background = question.columns.background
    follow = not (others or leaf.is_floating) and isinstance(leaf.x, Tensor)
    masker = shap.maskers.Partition(
        background,
        max_samples=len(background),
        clustering=_neighbours(question.width) if follow else _alike(background),
    )
    explainer = shap.PartitionExplainer(question.function, masker)
    return Shared(_of_rows(explainer, question, evaluations), _bases(question), "partition", evaluations)


def _pictures(question: Question, shape: tuple[int, ...], evaluations: int) -> Shared:
    """Regions of a picture are hidden under the background's mean colour: shap's blur would need OpenCV."""
    shap = load_shap()
    channels, *area = shape if len(shape) == 3 else (1, *shape)
    columns = question.columns.plain()  # the mean colour is none of the background's own
    question = replace(question, columns=columns)
    rows = len(columns.x)

    def last(matrix: Array) -> Array:
        return np.moveaxis(matrix.reshape(-1, channels, *area), 1, -1)

    def function(pictures: Array) -> Array:
        return question.function(np.moveaxis(pictures, -1, 1).reshape(len(pictures), -1))

    colour = last(columns.background).mean(axis=(0, 1, 2))
    masker = shap.maskers.Image(np.broadcast_to(colour, (*area, channels)).astype(np.float64).copy())
    explainer = shap.PartitionExplainer(function, masker)
    found = explainer(last(columns.x), max_evals=evaluations, batch_size=64, silent=True)
    values = np.moveaxis(_values(found), -2, 1).reshape(rows, question.width, -1)
    base = np.asarray(found.base_values, dtype=np.float64).reshape(question.answers.shape)
    return Shared(values, base, "partition", evaluations)


def _neighbours(width: int) -> Array:
    """A tree over positions in a sequence: neighbours are joined first."""
    from scipy.cluster.hierarchy import linkage

    tree: Array = linkage(np.arange(width, dtype=np.float64)[:, None], "complete")
    return tree


def _alike(background: Array) -> Array:
    """A tree over columns: those that go with each other in the background are joined first."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    with np.errstate(all="ignore"):  # a column that never varies goes with none
        together = np.nan_to_num(np.corrcoef(background.T)) if len(background) > 1 else np.eye(background.shape[1])
    distance = np.clip(1.0 - np.abs(together), 0.0, 1.0)
    np.fill_diagonal(distance, 0.0)
    tree: Array = linkage(squareform(distance, checks=False), "complete")
    return tree


# ------------------------------------------------------------------------------------------------- gradients, on a copy


def _gradient(question: Question) -> Shared:
    """Expected gradients: the mean slope along straight ways from the background to each row."""
    shap = load_shap()
    samples = question.max_evals or _GRADIENT_SAMPLES
    module, x, background = _copy(question)
    with _gradients_on(module):
        try:
            explainer = shap.GradientExplainer(module, background)
            found = explainer.shap_values(x, nsamples=samples, rseed=question.seed % 2**32)
        except RuntimeError as error:
            raise NoGradientError(
                "No gradient can be followed from the output back to the inputs (look for argmax, rounding, .detach() "
                f"or NumPy in forward): {_first_sentence(error)}. Pass method='permutation'."
            ) from error
    shared = Shared(_joined(found, question), _bases(question), "gradient", samples)
    if not shared.values.any() and np.abs(question.answers - question.base).max() > 0:
        raise NoGradientError(
            "The gradient is 0 everywhere, though the output changes (look for rounding, thresholds or comparisons in "
            "forward). Pass method='permutation'."
        )
    return shared


def _deep(question: Question) -> Shared:
    """DeepLIFT's rules, kept only where they add up; else another method, with a sentence saying why."""
    shap = load_shap()
    module, x, background = _copy(question)
    why = ""
    with _gradients_on(module), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            explainer = shap.DeepExplainer(module, background)
            found = explainer.shap_values(x, check_additivity=False)
            shared = Shared(_joined(found, question), _bases(question), "deep", len(question.columns.background))
        except Exception as error:  # shap's rules meet layers that they were not written for
            why = f"it failed with {type(error).__name__}, {_first_sentence(error)}"
    unknown = sorted(
        {str(one.message).rpartition(": ")[2] for one in said if "unrecognized" in str(one.message)} - _OURS
    )
    if not why:
        left = float(np.abs(question.residual(shared)).max())
        scale = float(np.abs(question.answers - question.base).max())
        if np.isfinite(left) and left <= _DEEP_TOLERANCE * scale + 1e-6:
            return shared
        why = f"its values leave {left:.2g} of {scale:.2g} unexplained"
    if unknown:
        why += f" (it knows no rule for {', '.join(unknown)})"
    has_axes = any(len(leaf.shape) > 1 for leaf in question.columns.leaves)
    other = "gradient" if has_axes or question.width > _MOST_PERMUTED else "permutation"
    other = "exact" if question.width <= MOST_EXACT else other
    text = f"method='deep' is not to be trusted here: {why}. The {other} method was used."
    question.explained.notes.append(text)
    logger.warning(text)
    question.max_evals = None
    return share(other, question)


_OURS = {"_BothClasses", "_Exp"}  # which are followed as they are, and caught by the residual where that is wrong


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ")[0].split("\n")[0].rstrip(".")[:160]


def _copy(question: Question) -> tuple[nn.Module, Any, Any]:
    """A differentiable copy of the model, the rows to explain and the background, as shap takes them."""
    structure = question.explained.place(question.columns.decode(question.columns.x[:1]))

    def arranged(leaves: tuple[Tensor, ...]) -> Any:
        parts = iter(leaves)
        return map_leaves(lambda *_: next(parts), structure, "")

    assert question.explained.as_module is not None
    try:
        module: Any = question.explained.as_module(arranged)
    except (RuntimeError, TypeError) as error:
        raise NoGradientError(
            f"Gradients are taken on a copy, and the model cannot be copied: {_first_sentence(error)}. Pass "
            "method='permutation'."
        ) from error
    module.chosen = list(question.chosen)
    x, background = question.floats(question.columns.x), question.floats(question.columns.background)
    return (module, x[0], background[0]) if len(x) == 1 else (module, x, background)


@contextmanager
def _gradients_on(module: nn.Module) -> Iterator[None]:
    """Gradients of a copy, whatever the user switched off; cuDNN's recurrent layers have none in eval mode."""
    is_recurrent = any(isinstance(one, nn.RNNBase) for one in module.modules())
    cudnn = torch.backends.cudnn
    with torch.inference_mode(False), torch.enable_grad(), cudnn.flags(enabled=cudnn.enabled and not is_recurrent):
        yield


def _joined(found: Any, question: Question) -> Array:
    """What shap gives for each input as ``(rows, columns, outputs)``."""
    parts = found if isinstance(found, list) else [found]
    outputs, rows = len(question.chosen), len(question.columns.x)
    return np.concatenate([np.asarray(part, np.float64).reshape(rows, -1, outputs) for part in parts], axis=1)
