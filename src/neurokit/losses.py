"""Losses: from a name, module or function to a criterion that knows what its mean is over."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from neurokit.arguments import check_binds_two, nearest, question
from neurokit.broadcasting import Broadcasts
from neurokit.data.targets import TargetKind
from neurokit.means import SUM
from neurokit.seeding import preserved_rng

logger = logging.getLogger("neurokit")

NUMBERS = (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss, nn.PoissonNLLLoss)
_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)
_BINARY = (nn.BCEWithLogitsLoss, nn.BCELoss, nn.MultiLabelSoftMarginLoss)
_VALUES = (*NUMBERS, nn.KLDivLoss, nn.SoftMarginLoss, nn.HingeEmbeddingLoss)
_USUAL_NAMES: Final = {
    "BCEWithLogitsLoss": "bce_with_logits",
    "L1Loss": "mae",
    "SmoothL1Loss": "smooth_l1",
    "KLDivLoss": "kl_div",
    "MultiLabelMarginLoss": "multilabel_margin",
    "MultiLabelSoftMarginLoss": "multilabel_soft_margin",
}
_OTHER_NAMES: Final = {
    "mae": "l1",
    "meanabsoluteerror": "l1",
    "meansquarederror": "mse",
    "binarycrossentropy": "bce",
    "binarycrossentropywithlogits": "bcewithlogits",
    "negativeloglikelihood": "nll",
}


def loss_names() -> dict[str, type[nn.Module]]:
    """Return the losses that go by a name, with their classes: those of ``torch.nn`` that take (predictions, targets).

    Example:
        >>> loss_names()["mae"]
        <class 'torch.nn.modules.loss.L1Loss'>
    """
    return {_usual_name(cls): cls for cls in _torch_losses() if _takes_two(cls)}


def _torch_losses() -> list[type[nn.Module]]:
    return [cls for name, cls in vars(nn).items() if name.endswith("Loss") and issubclass(cls, nn.Module)]


def _takes_two(cls: type[nn.Module]) -> bool:
    needed = [p for p in inspect.signature(cls).parameters.values() if p.default is p.empty]
    return not needed and len(inspect.signature(cls.forward).parameters) == 3  # self, predictions, targets


def _usual_name(cls: type) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__.removesuffix("Loss"))
    return _USUAL_NAMES.get(cls.__name__, words.lower())


def _key(name: str) -> str:
    """A name without what spellings differ in: ``CrossEntropyLoss`` and ``cross-entropy`` are one."""
    key = re.sub(r"[\s_-]", "", name.lower()).removesuffix("loss")
    return _OTHER_NAMES.get(key, key)


def make_criterion(loss: Any) -> Criterion | dict[str, Criterion] | None:
    """Return the criterion behind what the user passed as ``loss``: one, one per output name, or ``None``.

    Raises:
        ValueError: If a name is unknown, or belongs to a loss that takes other inputs.
        TypeError: If it is nothing that can be called.

    Example:
        >>> make_criterion("CrossEntropyLoss").name
        'cross_entropy'
    """
    if loss is None:
        return None
    if not isinstance(loss, Mapping):
        return _one_criterion(loss)
    if not loss:
        raise ValueError(
            "loss is an empty dict, and it takes a loss for each output. Name them, such as loss={'kind': "
            "'cross_entropy'}, or pass None for a model that returns its own."
        )
    return {str(output): _one_criterion(part, f"loss[{output!r}]") for output, part in loss.items()}


def _one_criterion(loss: Any, argument: str = "loss") -> Criterion:
    if isinstance(loss, str):
        return Criterion(_class_by_name(loss, argument)())
    if inspect.isclass(loss) and issubclass(loss, nn.Module):
        raise TypeError(
            f"{argument} is the class {loss.__name__}, not a loss. Pass {loss.__name__}(), which makes one."
        )
    if not callable(loss):
        several = " Of several outputs each has its own: a dict by output name." if isinstance(loss, list) else ""
        raise TypeError(
            f"{argument} is of type {type(loss).__name__}: {loss!s:.60} is no loss. Pass a name such as "
            f"'cross_entropy', a module, or a function of (predictions, targets).{several}"
        )
    return Criterion(_as_module(loss))


def check_takes_two(loss: Callable[..., Any], argument: str = "loss") -> None:
    """Refuse what cannot be called as a loss is, with two arguments, before anything is trained.

    Raises:
        TypeError: Naming its own arguments.

    Example:
        >>> check_takes_two(nn.MSELoss())
    """
    name = getattr(loss, "__name__", type(loss).__name__)
    check_binds_two(
        loss.forward if isinstance(loss, nn.Module) else loss,
        name,
        f"{argument} is called with (predictions, targets)",
        f"Write a function of these two around it: lambda predictions, targets: {name}(...).",
    )


def _class_by_name(name: str, argument: str) -> type[nn.Module]:
    usual, key = loss_names(), _key(name)
    known = {_key(one): one for one in usual}
    if key in known:
        return usual[known[key]]
    if key in map(_key, (cls.__name__ for cls in _torch_losses())):
        raise ValueError(
            f"The loss {name!r} takes more than (predictions, targets). Pass as {argument} a function of these two "
            "that calls it, or override compute_loss."
        )
    spellings = known | {other: known[one] for other, one in _OTHER_NAMES.items()}
    near = [spellings[spelling] for spelling in nearest(key, spellings)]
    if key.endswith("crossentropy"):  # Keras's names for it
        near = ["cross_entropy"]
    raise ValueError(
        f"There is no loss named {name!r}.{question(near)} Known: {', '.join(sorted(usual))}. {argument} also takes a "
        "module, or a function of (predictions, targets)."
    )


def _as_module(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return the module that does the same, for a function of ``torch.nn.functional``, options bound to it included."""
    bound = loss if isinstance(loss, functools.partial) else functools.partial(loss)
    function, options = bound.func, bound.keywords
    name = getattr(function, "__name__", "")
    cls = {_key(one): cls for one, cls in loss_names().items()}.get(_key(name))
    if cls is None or getattr(functional, name, None) is not function or bound.args:
        return loss
    return cls(**options) if options.keys() <= inspect.signature(cls).parameters.keys() else loss


class Criterion:
    """A loss, and what it is a mean over, so that means of batches of any size add up to the exact mean.

    Args:
        function: A module or function of (predictions, targets).

    Attributes:
        function: The user's module or function.
        kind: How it takes its targets; ``None`` for a function of the user's.
        ignore_index: Targets of this value count for nothing; ``None`` where the loss knows none.
        counts_ignored: Whether training targets may hold ``ignore_index``, so that those that count have to be counted.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.kind = _kind(function)
        self.ignore_index: int | None = getattr(function, "ignore_index", None) if self.kind == "classes" else None
        self.counts_ignored = True
        reduction = getattr(function, "reduction", "mean") if isinstance(function, nn.Module) else "mean"
        self._reduction: str = reduction
        self._mean_over = self._what_the_mean_is_over()
        self._class_weight: Tensor | None = None
        self._device, self._dtype = torch.device("cpu"), torch.get_default_dtype()
        self._own_shape: bool | None = None  # not known yet
        self._told = False
        self._prepare()

    def _what_the_mean_is_over(self) -> Literal["classes", "values", "rows"]:
        if isinstance(self.function, (nn.CrossEntropyLoss, nn.NLLLoss)):
            return "classes"
        return "values" if self.kind in ("binary", "values") and self._reduction != "batchmean" else "rows"

    @property
    def name(self) -> str:
        """What people call it."""
        function = self.function.func if isinstance(self.function, functools.partial) else self.function
        if type(function) in _torch_losses():
            return _usual_name(type(function))
        return str(getattr(function, "__name__", type(function).__name__))

    @property
    def class_weight(self) -> Tensor | None:
        """One weight per class for the present fit, ``(classes,)``; for training, not for validation, as in Keras."""
        return self._class_weight

    @class_weight.setter
    def class_weight(self, weights: Tensor | None) -> None:
        self._class_weight = None if weights is None else weights.to(self._device, self._dtype)
        self._prepare()

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """Move the loss's own tensors to a device; torch's, such as class weights, take the model's dtype as well."""
        self._device, self._dtype = device, dtype or self._dtype
        if isinstance(self.function, nn.Module):
            self.function.to(device, None if self.kind is None else dtype)
        self.class_weight = self._class_weight

    def _prepare(self) -> None:
        """Derive what a step calls, in evaluation (False) and in training: the loss, and the loss without reduction."""
        weighted = self.function
        if self._class_weight is not None and self._mean_over == "classes":
            weighted = _variant(weighted, weight=self._class_weight)
        self._reduced: dict[bool, Any] = {False: self.function, True: weighted}
        self._by_row = self._reduced
        if isinstance(self.function, nn.Module) and "reduction" in vars(self.function):
            self._by_row = {mode: _variant(loss, reduction="none") for mode, loss in self._reduced.items()}
        self._weighs_rows = False  # torch divides by the weights' sum too, but its gradient is NaN where that is 0
        if self._class_weight is not None:
            self._weighs_rows = self._mean_over != "classes" or not bool(self._class_weight.all())

    def __call__(
        self, predictions: Tensor, targets: Any, weight: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, Tensor | int | str | None]:
        """Return the loss as the user's function gives it, and what it is a mean over.

        Args:
            predictions: What the model says, ``(rows, ...)``.
            targets: What is true, in the loss's own form.
            weight: One weight per row, ``(rows,)``.
            training: The loss is learnt from: ``class_weight`` and ``counts_ignored`` apply.

        Returns:
            The loss, a scalar; and its weight, ``None`` for the number of rows, or ``SUM`` for one that is no mean.

        Raises:
            ValueError: If shapes do not fit, or there are weights and the loss gives no value per row.
            TypeError: If the loss is no tensor.
        """
        if not isinstance(targets, Tensor):
            self._check_structure(targets)
        elif targets.shape != predictions.shape or self.kind == "classes":
            targets = self._fit_targets(predictions, targets)
        if weight is not None or (training and self._weighs_rows):
            return self._weighted(self._losses_by_row(predictions, targets, training), targets, weight, training)
        try:
            loss = self._reduced[training](predictions, targets)
        except Exception as error:
            if isinstance(self.function, nn.BCELoss):
                self.check_probabilities(predictions)
            error.add_note(
                f"Raised by the loss {self.name!r} for predictions of shape {tuple(predictions.shape)}, "
                f"{predictions.dtype}, and targets {_told(targets)}."
            )
            raise
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"The loss {self.name!r} returned a {type(loss).__name__}, from which no gradient can be computed; got "
                f"{loss!r:.40}. Return a tensor: no .item(), float() or NumPy in a loss."
            )
        if loss.ndim:
            return self._mean(loss, targets, training)
        if self._reduction == "sum":
            return loss, SUM
        if self._mean_over == "values":
            return loss, targets.numel()
        return loss, None if self._mean_over == "rows" else self._count(targets, training)

    def check_probabilities(self, predictions: Tensor) -> None:
        """Refuse what lies outside 0 to 1, where the loss takes probabilities."""
        if bool(((predictions < 0) | (predictions > 1)).any()):  # NaN is another mistake
            low, high = predictions.min().item(), predictions.max().item()
            raise ValueError(
                f"The loss {self.name!r} takes probabilities, and the model gives numbers from {low:.4g} to "
                f"{high:.4g}. Use 'bce_with_logits' for them, or end the model with a Sigmoid."
            )

    def _check_structure(self, targets: Any) -> None:
        if self.kind is not None:
            raise TypeError(
                f"The loss {self.name!r} takes one tensor of targets, and these are a {type(targets).__name__}. "
                "Pass a dict of losses by output name, a function of your own, or override compute_loss."
            )

    def _fit_targets(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return targets in the shape the loss takes: only axes of length one may differ."""
        expected = predictions.shape
        if self.kind == "classes":
            if targets.shape == expected and isinstance(self.function, nn.CrossEntropyLoss) and len(expected) > 1:
                return targets if targets.is_floating_point() else targets.to(predictions.dtype)  # a share per class
            expected = expected[:1] + expected[2:]
        if targets.shape == expected:
            return targets
        same_rows = targets.shape[:1] == expected[:1]
        if same_rows and [size for size in targets.shape if size != 1] == [size for size in expected if size != 1]:
            if self.kind is None and self.takes_own_shape(predictions, targets):
                return targets
            self._tell(targets.shape, expected)
            return targets.reshape(expected)
        if self.kind is None:
            return targets
        mend = "Change the model's last layer or the targets' shape."
        if self.kind == "classes" and predictions.shape[:-1] == targets.shape:
            mend = "It takes classes on axis 1: return outputs.movedim(-1, 1) from the model."
        raise ValueError(
            f"The model gives {tuple(predictions.shape)}, for which {self.name!r} takes targets of shape "
            f"{tuple(expected)}, and these have {tuple(targets.shape)}. {mend}"
        )

    def takes_own_shape(self, predictions: Tensor, targets: Tensor) -> bool:
        """Tell whether a function of the user's gives predictions the targets' shape itself; tried once, on one batch.

        Then it must get them as they are: given the predictions' shape, it would compare each row with all.
        """
        if self._own_shape is None:
            reshaped = targets.reshape(predictions.shape)
            self._own_shape = self._mixes_rows(predictions, reshaped) and not self._mixes_rows(predictions, targets)
        return self._own_shape

    def _mixes_rows(self, predictions: Tensor, targets: Tensor) -> bool:
        """Tell whether the function broadcasts row against row, or refuses these shapes."""
        with torch.enable_grad(), preserved_rng(), Broadcasts() as seen, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, about the sizes
            try:
                self.function(predictions.detach().requires_grad_(), targets)
            except Exception:
                return True
        return seen.shapes is not None

    def _tell(self, given: torch.Size, taken: torch.Size) -> None:
        if not self._told:
            logger.warning("targets of shape %s are read as %s, the shape the loss takes.", tuple(given), tuple(taken))
        self._told = True

    def _mean(self, losses: Tensor, targets: Any, training: bool) -> tuple[Tensor, Tensor | int | str | None]:
        """The mean of a loss that came without its reduction."""
        if self._mean_over == "classes":
            return self._weighted(losses, targets, None, training)
        return losses.mean(), losses.numel() if losses.numel() > 1 else None  # one number stands for the batch

    def _count(self, targets: Tensor, training: bool) -> Tensor | int:
        """What torch divides a mean of class losses by: the targets that count, each times its class's weight."""
        if targets.is_floating_point():
            return targets.numel() // targets.shape[1]
        weight = self._reduced[training].weight  # read each time: some users change it as they train
        if weight is None and training and not self.counts_ignored:
            return targets.numel()
        return self._shares(targets, weight).sum()

    def _shares(self, targets: Tensor, weight: Tensor | None) -> Tensor:
        """What each target adds to that count: nothing, one, or its class's weight."""
        assert self.ignore_index is not None
        kept = torch.ne(targets, self.ignore_index)
        return kept if weight is None else _widened(weight)[targets.where(kept, 0)] * kept

    def _losses_by_row(self, predictions: Tensor, targets: Any, training: bool) -> Tensor:
        losses = self._by_row[training](predictions, targets)
        if not isinstance(losses, Tensor) or losses.shape[:1] != predictions.shape[:1]:
            raise ValueError(
                f"The loss {self.name!r} gives one number for the whole batch, so rows cannot be weighed. "
                "Return one value per row (reduction='none'), or leave sample_weight and class_weight out."
            )
        return losses

    def _weighted(
        self, losses: Tensor, targets: Any, weight: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor | str]:
        """The weighted mean of losses, one or several a row, and the weights' sum."""
        if self._reduction == "batchmean":
            losses = losses.flatten(1).sum(1)
        losses = _widened(losses)
        weights = torch.ones_like(losses)
        if weight is not None:
            weights = _widened(weight).reshape(-1, *[1] * (losses.ndim - 1)).expand_as(losses)
        if training and self._class_weight is not None and self._mean_over != "classes":
            weights = weights * self._weight_of(targets)
        total = (losses * weights).sum()
        if self._reduction == "sum":
            return total, SUM
        if self._mean_over == "classes" and not targets.is_floating_point():
            weights = weights * self._shares(targets, self._reduced[training].weight)
        divisor = weights.sum()
        return total / divisor.clamp_min(torch.finfo(divisor.dtype).tiny), divisor  # 0, not NaN, where nothing counts

    def _weight_of(self, targets: Tensor) -> Tensor:
        """Each target's class weight; a share between two classes has its share of both."""
        assert self._class_weight is not None
        if targets.is_floating_point():
            return torch.lerp(self._class_weight[0], self._class_weight[1], targets)
        return self._class_weight[targets]


def _kind(function: Any) -> TargetKind | None:
    if isinstance(function, _CLASSES):
        return "classes"
    if isinstance(function, _BINARY):
        return "binary"
    return "values" if isinstance(function, _VALUES) else None


def _variant(function: Any, **attributes: Any) -> Any:
    """A module that shares everything with another but these attributes."""
    variant = copy.copy(function)
    if attributes.keys() & function._buffers.keys():
        variant._buffers = dict(function._buffers)
    for name, value in attributes.items():
        setattr(variant, name, value)
    return variant


def _told(targets: Any) -> str:
    if isinstance(targets, Tensor):
        return f"of shape {tuple(targets.shape)}, {targets.dtype}"
    return f"in a {type(targets).__name__}"


def _widened(tensor: Tensor) -> Tensor:
    """Half precision as single: 300 rows in bfloat16 would not add up to 300."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
