"""Architectures: a closed list of nets for tables, each rebuilt from a few plain values.

A bundle of one of these needs no code of its user's: the class's name and its arguments say what it is.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from neurokit.arguments import check_choice, check_count, check_keywords, check_number, suggests_arguments
from neurokit.seeding import preserved_rng

MAX_PARAMETERS: Final = 100_000_000  # of a net that a stranger describes: 400 MB
_MAX_WIDTH: Final = 1 << 24  # features, categories, units: nothing that is counted is more
_MAX_LAYERS: Final = 100
_MAX_COLUMNS: Final = 10_000


class MLP(nn.Module):
    """A multi-layer perceptron: linear layers with ReLU and dropout between them, for one matrix of numbers.

    Args:
        in_features: Columns of the matrix.
        out_features: Numbers it answers a row with: one for a regression or two classes, else one for each class.
        hidden: The widths of the hidden layers; none makes it a linear model.
        dropout: The share of hidden units that are left out in each step of training.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If one is out of range.

    Example:
        >>> MLP(4, 3)(torch.zeros(2, 4)).shape
        torch.Size([2, 3])
    """

    @suggests_arguments
    def __init__(
        self, in_features: int, out_features: int, hidden: Sequence[int] = (64, 32), dropout: float = 0.0
    ) -> None:
        _check_size("in_features", in_features)
        _check_size("out_features", out_features)
        hidden = _checked_sizes("hidden", hidden, 1, _MAX_LAYERS)
        _check_dropout(dropout)
        super().__init__()
        self.arguments: dict[str, Any] = {
            "in_features": int(in_features), "out_features": int(out_features), "hidden": hidden,
            "dropout": float(dropout),
        }  # fmt: skip
        self.layers = _layers(in_features, out_features, hidden, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers to rows ``(N, in_features)``: ``(N, out_features)``, with no activation at the end."""
        outputs: Tensor = self.layers(x)
        return outputs


class TabularNet(nn.Module):
    """The net for a table: each number and each category becomes a vector of its own, and an MLP reads them all.

    A category is looked up in a table that is learnt (Guo and Berkhahn 2016, "Entity Embeddings of Categorical
    Variables"). A number is seen through a few learnt waves (Gorishniy et al. 2022, "On Embeddings for Numerical
    Features in Tabular Deep Learning", their PLR in the form "lite"), beside its own value, so that the net can follow
    the steps and bends that a plain MLP smooths over and trees find at once.

    Index 0 of a category is the bucket of those that training never saw. Its vector begins at zero, the middle of all,
    and stays there unless training rows were put into that bucket.

    Args:
        numbers: How many columns of numbers there are, which should be scaled to about one.
        cardinalities: For each column of categories, how many indices there are, the unknown bucket included.
        out_features: Numbers it answers a row with: one for a regression or two classes, else one for each class.
        hidden: The widths of the MLP's hidden layers.
        dropout: The share of hidden units that are left out in each step of training.
        frequencies: Waves by which a number is seen; 0 passes numbers on as they are.
        frequency_scale: The deviation of their first frequencies: the larger, the finer the details that are learnt,
            and the sooner noise is.
        number_size: The length of the vector of a number.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If one is out of range, or there are neither numbers nor categories.

    Example:
        >>> net = TabularNet(numbers=2, cardinalities=[4], out_features=1)
        >>> net(torch.zeros(5, 2), torch.zeros(5, 1, dtype=torch.int64)).shape
        torch.Size([5, 1])
    """

    @suggests_arguments
    def __init__(
        self,
        numbers: int,
        cardinalities: Sequence[int],
        out_features: int,
        hidden: Sequence[int] = (128, 64),
        dropout: float = 0.1,
        *,
        frequencies: int = 16,
        frequency_scale: float = 0.3,
        number_size: int = 8,
    ) -> None:
        _check_size("numbers", numbers, 0)
        cardinalities = _checked_sizes("cardinalities", cardinalities, 1, _MAX_COLUMNS)
        _check_size("out_features", out_features)
        hidden = _checked_sizes("hidden", hidden, 1, _MAX_LAYERS)
        _check_dropout(dropout)
        _check_size("frequencies", frequencies, 0)
        check_number("frequency_scale", frequency_scale, "a number above 0", lambda scale: scale > 0, such_as=0.1)
        _check_size("number_size", number_size)
        if not numbers and not cardinalities:
            raise ValueError("TabularNet has neither numbers nor cardinalities. Pass at least one column of either.")
        super().__init__()
        self.arguments: dict[str, Any] = {
            "numbers": int(numbers), "cardinalities": cardinalities, "out_features": int(out_features),
            "hidden": hidden, "dropout": float(dropout), "frequencies": int(frequencies),
            "frequency_scale": float(frequency_scale), "number_size": int(number_size),
        }  # fmt: skip
        waves = bool(numbers and frequencies)
        self.waves = Waves(numbers, frequencies, number_size, frequency_scale) if waves else None
        embeddings = [nn.Embedding(count, embedding_size(count)) for count in cardinalities]
        with torch.no_grad():
            for embedding in embeddings:
                embedding.weight[0] = 0.0
        self.embeddings = nn.ModuleList(embeddings)
        width = numbers * (1 + number_size * waves) + sum(map(embedding_size, cardinalities))
        self.layers = _layers(width, out_features, hidden, dropout)

    def forward(self, numbers: Tensor | None = None, categories: Tensor | None = None) -> Tensor:
        """Return the answers to rows: ``(N, out_features)``, with no activation at the end.

        Args:
            numbers: Scaled numbers ``(N, n)``; ``None`` where the table has none.
            categories: Indices ``(N, k)``, int64, each below its column's cardinality; ``None`` where it has none.
        """
        _check_parts(self.arguments, numbers, categories)
        parts = []
        if numbers is not None:
            parts.append(numbers)
            if self.waves is not None:
                parts.append(self.waves(numbers))
        if categories is not None:
            parts += [embedding(categories[:, place]) for place, embedding in enumerate(self.embeddings)]
        outputs: Tensor = self.layers(torch.cat(parts, dim=1))
        return outputs


def embedding_size(cardinality: int) -> int:
    """Return the length of a category's vector: fastai's rule, ``1.6 * cardinality ** 0.56``, fitted by experiments.

    Args:
        cardinality: How many indices the column has, the unknown bucket included.

    Example:
        >>> [embedding_size(count) for count in (2, 4, 8, 1000, 1_000_000)]
        [2, 3, 5, 77, 600]
    """
    return int(min(600, round(1.6 * cardinality**0.56)))


class Waves(nn.Module):
    """A vector for each number: sines and cosines of learnt frequencies, then one linear layer for all columns, and ReLU.

    Args:
        columns: How many numbers a row has.
        frequencies: Frequencies of each.
        size: The length of a number's vector.
        scale: The deviation of the first frequencies, which are normal and cut at three of it.
    """  # noqa: E501

    def __init__(self, columns: int, frequencies: int, size: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.frequencies = nn.Parameter(torch.empty(columns, frequencies))
        nn.init.trunc_normal_(self.frequencies, std=scale, a=-3 * scale, b=3 * scale)
        self.linear = nn.Linear(2 * frequencies, size)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return ``(N, columns * size)`` for numbers ``(N, columns)``."""
        angles = 2 * math.pi * self.frequencies * numbers.unsqueeze(-1)  # (N, columns, frequencies)
        seen = self.linear(torch.cat([angles.sin(), angles.cos()], dim=-1))
        vectors: Tensor = seen.relu().flatten(1)
        return vectors

    def extra_repr(self) -> str:
        """Say how many columns and frequencies there are."""
        columns, frequencies = self.frequencies.shape
        return f"columns={columns}, frequencies={frequencies}, scale={self.scale}"


def _layers(in_features: int, out_features: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(in_features, width), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        in_features = width
    return nn.Sequential(*layers, nn.Linear(in_features, out_features))


def _check_parts(arguments: Mapping[str, Any], numbers: Tensor | None, categories: Tensor | None) -> None:
    """Refuse inputs of other columns than the net has: shapes are read, never values."""
    given = {"numbers": numbers, "categories": categories}
    for name, wanted in (("numbers", arguments["numbers"]), ("categories", len(arguments["cardinalities"]))):
        tensor = given[name]
        found = 0 if tensor is None else tensor.shape[-1]
        if found != wanted or (tensor is not None and tensor.ndim != 2):
            shape = "none" if tensor is None else f"shape {tuple(tensor.shape)}"
            what = f"Pass a tensor of shape (rows, {wanted})." if wanted else f"Leave {name} out."
            raise ValueError(f"This TabularNet takes {wanted} columns of {name}, and got {shape}. {what}")


def _check_size(name: str, value: Any, least: int = 1) -> None:
    check_count(name, value, least)
    if value > _MAX_WIDTH:
        raise ValueError(f"{name} is at most {_MAX_WIDTH:,}, got {value:,}. Pass {name}=128, for instance.")


def _checked_sizes(name: str, values: Any, least: int, most: int) -> list[int]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise TypeError(f"{name} is a sequence of whole numbers, got {values!r:.60}. Pass {name}=(64, 32).")
    if len(values) > most:
        raise ValueError(f"{name} has at most {most:,} entries, got {len(values):,}.")
    for place, value in enumerate(values):
        _check_size(f"{name}[{place}]", value, least)
    return list(map(int, values))


def _check_dropout(dropout: Any) -> None:
    check_number("dropout", dropout, "a number from 0 to below 1", lambda share: 0 <= share < 1, such_as=0.1)


# --------------------------------------------------------------------------------------------------- as plain values

ARCHITECTURES: Final[dict[str, type[nn.Module]]] = {"MLP": MLP, "TabularNet": TabularNet}


def described(module: nn.Module) -> dict[str, Any] | None:
    """Return what ``built`` needs to make such a module again, as JSON values; ``None`` where it is none of ours.

    A subclass is none of ours, nor is a module whose layers, forward, hooks or dtype somebody changed: its class and
    arguments would not say what it does. Weights are not looked at.

    Example:
        >>> described(MLP(4, 3))
        {'class': 'MLP', 'arguments': {'in_features': 4, 'out_features': 3, 'hidden': [64, 32], 'dropout': 0.0}}
        >>> described(nn.Linear(4, 3)) is None
        True
    """
    name = type(module).__name__
    if ARCHITECTURES.get(name) is not type(module):
        return None
    arguments = getattr(module, "arguments", None)
    if not isinstance(arguments, dict) or _is_changed(module):
        return None
    try:
        with preserved_rng(), torch.device("meta"):
            fresh = ARCHITECTURES[name](**arguments)
    except (TypeError, ValueError):  # somebody wrote into the arguments
        return None
    if repr(module) != repr(fresh) or _shapes(module) != _shapes(fresh):
        return None
    return {"class": name, "arguments": {key: _copied(value) for key, value in fresh.arguments.items()}}  # type: ignore[union-attr, operator]


def _is_changed(module: nn.Module) -> bool:
    """Whether a forward, a hook or a class of the module or of one in it is another than ours."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(
        "forward" in vars(one) or any(getattr(one, name, None) for name in hooks) or not _is_known(type(one))
        for one in module.modules()
    )


def _is_known(kind: type) -> bool:
    return kind is Waves or kind in ARCHITECTURES.values() or kind.__module__.startswith("torch.nn.modules.")


def _shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...], torch.dtype]]:
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return [(name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors]


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def built(description: Any, *, max_parameters: int = MAX_PARAMETERS) -> nn.Module:
    """Return the module that ``described`` told of, with weights that are to be loaded; it may come from a stranger.

    The global random streams are left as they were.

    Args:
        description: ``{"class": ..., "arguments": {...}}``.
        max_parameters: How many parameters it may have. They are counted before any memory is taken.

    Raises:
        ValueError: If it describes none of ours, or one that is too large.

    Example:
        >>> built({"class": "MLP", "arguments": {"in_features": 4, "out_features": 3}})(torch.zeros(2, 4)).shape
        torch.Size([2, 3])
    """
    kind, arguments = _parts_of(description)
    try:
        with preserved_rng(), torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in kind(**arguments).parameters())
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(f"This describes no {kind.__name__}: {error!s:.200}") from error
    if parameters > max_parameters:
        raise ValueError(
            f"This describes a {kind.__name__} of {parameters:,} parameters, and at most {max_parameters:,} are built. "
            "Pass max_parameters=..., if you know where it comes from."
        )
    with preserved_rng():
        return kind(**arguments)


def widest(module: nn.Module) -> int:
    """Return how many numbers a row becomes, at most, within such a module: what decides how many rows fit in memory.

    Example:
        >>> widest(MLP(4, 3, hidden=[64, 32]))
        64
    """
    counts = [1]
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            counts += [layer.in_features, layer.out_features]
        elif isinstance(layer, Waves):
            counts.append(2 * layer.frequencies.numel())
    return max(counts)


def _parts_of(description: Any) -> tuple[type[nn.Module], dict[str, Any]]:
    if not isinstance(description, Mapping) or set(description) != {"class", "arguments"}:
        raise ValueError(
            f"An architecture is a class and its arguments, got {description!r:.80}. Pass what described() returned."
        )
    name, arguments = description["class"], description["arguments"]
    check_choice("class", name, tuple(ARCHITECTURES))
    if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
        raise ValueError(f"The arguments of {name} are a dict by name, got {arguments!r:.80}.")
    kind = ARCHITECTURES[name]
    try:
        check_keywords(name, arguments, inspect.signature(kind).parameters)
    except TypeError as error:
        raise ValueError(f"This describes no {name}: {error}") from None
    return kind, dict(arguments)
