"""Heads: the layer that says which class, found in any classifier and exchanged for one of other classes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from torch import nn
from torch.nn.parameter import is_lazy

from neurokit.arguments import check_count, suggests_arguments
from neurokit.trainer import Trainer
from neurokit.transfer.freezing import as_module, check_name, is_under
from neurokit.transfer.tracing import LAYERS, calls, last_layers, trace

logger = logging.getLogger("neurokit")

_HEADS = (
    "fc", "head", "heads", "classifier", "classification_head", "cls_head", "last_linear", "output", "output_layer",
    "out", "out_proj", "logits", "logit", "score", "predictor", "prediction", "final", "final_layer", "lm_head",
)  # fmt: skip  # what people call a head, for models whose forward cannot be traced
_COUNTS = ("num_classes", "num_labels", "n_classes")


class ReplacedHead(NamedTuple):
    """Which layer was replaced, by which.

    Attributes:
        name: Where it is in the model, such as ``"classifier.6"``.
        old: The layer that was there, as it was.
        new: The layer that is there now.
        auxiliary: The same of each further classifier that helps in training, as GoogLeNet and Inception have them.

    Example:
        >>> print(ReplacedHead("2", nn.Linear(8, 3), nn.Linear(8, 5)).name)
        2
    """

    name: str
    old: nn.Module
    new: nn.Module
    auxiliary: tuple[ReplacedHead, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of all layers that were replaced, the classifier first."""
        return [self.name, *(one.name for one in self.auxiliary)]

    def __str__(self) -> str:
        return "; ".join([f"{self.name}: {self.old} -> {self.new}", *map(str, self.auxiliary)])


class Head(NamedTuple):
    """Where a model's classifier is, and its auxiliary ones."""

    name: str
    auxiliary: tuple[str, ...] = ()


@suggests_arguments
def replace_head(model: nn.Module, num_classes: int, *, name: str | None = None) -> ReplacedHead:
    """Give a model a new classifier in place of its own, and return which layer that was.

    The head is found by following ``forward`` back from its output to the last layer with parameters, whatever it is
    called and wherever it was registered; auxiliary classifiers, whose outputs come in training only, are replaced with
    it. This needs no input, and works for every classification model of torchvision. Where ``forward`` decides by
    values and cannot be followed, the layer is taken that is called ``fc``, ``classifier``, ``head`` or the like, or
    the only linear one. Where there is no telling nothing is changed, and the error lists what it may be.

    The new layer takes the old one's input, kind (``Linear`` or convolution, with its kernel), bias or none, dtype,
    device and mode. Its weights are fresh, and it is trainable, also where the old one was frozen. Attributes
    ``num_classes`` and ``num_labels`` that held the old number hold the new one.

    Replace a head before you build the ``Trainer``: its optimizer holds the parameters that it saw. ``fit`` warns of
    others (``not-in-optimizer``).

    Args:
        model: The model, changed in place.
        num_classes: Outputs of the new head.
        name: The layer to replace, or the part whose last layer it is, where it cannot be found or shall be another.

    Raises:
        ValueError: If there is no telling which layer it is, or it cannot be replaced; nothing is changed then.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1000))
        >>> print(replace_head(model, 3))
        2: Linear(in_features=8, out_features=1000, bias=True) -> Linear(in_features=8, out_features=3, bias=True)
    """
    if isinstance(model, Trainer):
        raise TypeError(
            "model is a Trainer, whose optimizer holds the parameters of the old head, so a new one could not learn. "
            "Replace the head first, replace_head(model, num_classes), then build the Trainer."
        )
    replaced = exchange_head(as_module("model", model), num_classes, name)
    logger.warning("The head of %s was replaced: %s", type(model).__name__, replaced)
    return replaced


def exchange_head(model: nn.Module, num_classes: int, name: str | None = None) -> ReplacedHead:
    """Like ``replace_head``, but say nothing of it."""
    check_count("num_classes", num_classes)
    head = find_head(model) if name is None else Head(_named(model, name))
    new = {one: _like(model.get_submodule(one), num_classes, one) for one in (head.name, *head.auxiliary)}
    done = [_exchange(model, one, layer) for one, layer in new.items()]
    replaced = ReplacedHead(*done[0][:3], auxiliary=tuple(done[1:]))
    _tell_count(model, replaced, num_classes)
    return replaced


def find_head(model: nn.Module) -> Head:
    """Return where a model's classifier is.

    Raises:
        ValueError: If there is no telling; lists the candidates.
    """
    if isinstance(model, LAYERS):
        raise _no_telling(model, "it is one layer itself; wrap it, nn.Sequential(model), to have one in it", [])
    graph = trace(model, training=False)
    if graph is None:
        name = _by_name(model)
        auxiliary = [one for one, layer in _layers(model) if "aux" in one.lower() and _same_outputs(model, name, layer)]
    else:
        found = last_layers(model, graph, prediction_only=True)
        name = _only(model, found)
        if list(calls(graph)).count(name) > 1:
            raise _no_telling(model, f"forward uses {name!r} {list(calls(graph)).count(name)} times", [name])
        auxiliary = _auxiliary(model, name, last_layers(model, graph, prediction_only=False))
    _check_alone(model, name)
    return Head(name, tuple(one for one in auxiliary if one != name))


def _only(model: nn.Module, found: list[str]) -> str:
    """The one layer that the output comes from."""
    if not found:
        raise _no_telling(
            model, "no layer with parameters leads to its output", [name for name, _ in _layers(model)][-6:]
        )
    if len(found) > 1:
        raise _no_telling(model, f"its output comes from {len(found)} layers at once", found)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if found[0] in parameters:
        raise _no_telling(model, f"its output is made of the parameter {found[0]!r}, which is in no nn.Linear", [])
    layer = model.get_submodule(found[0])
    if not isinstance(layer, LAYERS):
        why = f"the last layer that learns is {found[0]!r}, a {type(layer).__name__}, which is no linear one"
        raise _no_telling(model, why, [name for name, _ in _layers(model)][-4:])
    return found[0]


def _auxiliary(model: nn.Module, head: str, in_evaluation: list[str]) -> list[str]:
    """The classifiers whose outputs come in training only."""
    graph = trace(model, training=True)
    if graph is None:
        found = [name for name, _ in _layers(model) if "aux" in name.lower()]
    else:
        found = [name for name in last_layers(model, graph, prediction_only=False) if name not in in_evaluation]
    layers = dict(_layers(model))
    return [name for name in found if name in layers and _same_outputs(model, head, layers[name])]


def _same_outputs(model: nn.Module, head: str, layer: nn.Module) -> bool:
    return _outputs(model.get_submodule(head)) == _outputs(layer)


def _outputs(layer: nn.Module) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)  # type: ignore[arg-type]


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return ((name, one) for name, one in model.named_modules() if isinstance(one, LAYERS))


def _by_name(model: nn.Module) -> str:
    """The head of a model that cannot be traced: by what it is called, or because it is the only linear layer."""
    layers = [name for name, _ in _layers(model)]
    called = [name for name in layers if name.split(".")[0].lower() in _HEADS]
    parts = {name.split(".")[0] for name in called}
    if len(parts) == 1:
        return called[-1]
    linear = [name for name, one in _layers(model) if isinstance(one, nn.Linear)]
    if len(linear) == 1 and not called:
        return linear[0]
    if not layers:
        raise _no_telling(model, "it has no linear and no convolutional layer", [])
    why = "its forward cannot be followed without data, and " + (
        f"{len(parts)} parts are called like a head" if parts else "no part is called like a head"
    )
    raise _no_telling(model, why, called or layers[-6:])


class NoTellingError(ValueError):
    """There is no telling which layer is a model's head.

    Attributes:
        why: What stands against it, in words.
        candidates: The names of layers that it may be.
    """

    def __init__(self, why: str, candidates: list[str], message: str) -> None:
        super().__init__(message)
        self.why, self.candidates = why, candidates


def _no_telling(model: nn.Module, why: str, candidates: list[str]) -> NoTellingError:
    modules = dict(model.named_modules())
    candidates = [name for name in candidates if name and name in modules]
    shown = "".join(f"\n  {name}: {modules[name]!s:.100}" for name in candidates)
    mend = "Replace the layer yourself, or make it an nn.Linear."
    if candidates:
        mend = f"Candidates:{shown}\nSay which: replace_head(model, num_classes, name={candidates[-1]!r})."
    message = f"There is no telling which layer is the head of {type(model).__name__}: {why}. {mend}"
    return NoTellingError(why, candidates, message)


def _check_alone(model: nn.Module, name: str) -> None:
    """Refuse a head that is in use elsewhere: to replace it would change that too, or break a tie."""
    layer = model.get_submodule(name)
    places = [place for place, one in model.named_modules(remove_duplicate=False) if one is layer and place != name]
    if places:
        raise _no_telling(model, f"{name!r} is the same layer as {', '.join(map(repr, places))}", [name])
    own = set(layer.parameters())
    named = model.named_parameters(remove_duplicate=False)
    tied = [place for place, one in named if one in own and not is_under(place, name)]
    if tied:
        why = f"the weights of {name!r} are tied to {', '.join(map(repr, tied))}, which a new head would not be"
        raise _no_telling(model, why, [name])


def _named(model: nn.Module, name: str) -> str:
    """The layer of this name, or the last one under it."""
    if not isinstance(name, str):
        raise TypeError(f"name is the name of a layer, got {name!r:.60} ({type(name).__name__}). Pass a str.")
    check_name(model, name, "layer")
    found = [one for one, _ in _layers(model) if is_under(one, name)]
    if not found:
        kinds = ", ".join(one for one, _ in list(_layers(model))[-6:])
        raise ValueError(
            f"{name!r} holds no linear and no convolutional layer, so there is none to replace. Pass name=... of one "
            f"that is: {kinds or 'this model has none'}."
        )
    return found[-1]


def _like(old: nn.Module, num_classes: int, name: str) -> nn.Module:
    """A fresh layer like an old one, with other outputs."""
    weight: Any = old.weight
    how: dict[str, Any] = {"bias": old.bias is not None, "device": weight.device, "dtype": weight.dtype}
    if isinstance(old, nn.Linear):
        new: nn.Module = (
            nn.LazyLinear(num_classes, **how) if is_lazy(weight) else nn.Linear(old.in_features, num_classes, **how)
        )
        return new.train(old.training)
    assert isinstance(old, nn.modules.conv._ConvNd)
    if is_lazy(weight) or old.transposed or (old.groups > 1 and num_classes % old.groups):
        raise ValueError(
            f"The head {name!r} is {old}, for which {num_classes} outputs cannot be made in the same way. Replace it "
            "yourself, or pass name=... of another layer."
        )
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[len(old.kernel_size)]
    shape = {one: getattr(old, one) for one in ("kernel_size", "stride", "padding", "dilation", "groups")}
    layer: Any = kind(old.in_channels, num_classes, padding_mode=old.padding_mode, **shape, **how)
    layer.train(old.training)
    return cast(nn.Module, layer)


def _exchange(model: nn.Module, name: str, new: nn.Module) -> ReplacedHead:
    """Put a layer in an old one's place, in every place that it has."""
    old = model.get_submodule(name)
    for parent in list(model.modules()):
        for attribute, child in parent._modules.items():
            if child is old:
                setattr(parent, attribute, new)
    return ReplacedHead(name, old, new)


def _tell_count(model: nn.Module, replaced: ReplacedHead, num_classes: int) -> None:
    """Bring up to date what a model remembers of its number of classes."""
    before = _outputs(replaced.old)
    path = replaced.name.split(".")[:-1]
    owners: list[Any] = [model.get_submodule(".".join(path[:length])) for length in range(len(path) + 1)]
    for owner in [*owners, getattr(model, "config", None)]:
        for attribute in _COUNTS:
            value = getattr(owner, attribute, None)
            if type(value) is int and value == before:
                setattr(owner, attribute, num_classes)
