"""Samplers: those inside a user's data that want to be told the epoch, and whether anyone tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from neurokit.data.datasets import DatasetLoader
from neurokit.data.sources import Loader
from neurokit.data.streams import StreamLoader

_MOST_OBJECTS = 500


def held(root: Any, depth: int = 4) -> Iterator[Any]:
    """Yield an object and what it holds in its attributes, lists and dicts, and what these hold, each once.

    Args:
        root: Where to begin, such as a dataset.
        depth: How far to go.

    Example:
        >>> len(list(held([1, [2, [3]]])))
        3
    """
    seen: set[int] = set()
    level = [root]
    for _ in range(depth + 1):
        following: list[Any] = []
        for one in level:
            if id(one) in seen or len(seen) >= _MOST_OBJECTS or isinstance(one, _SHUT):
                continue
            seen.add(id(one))
            yield one
            following += _members(one)
        level = following


_SHUT = (type, ModuleType, FunctionType, Tensor, np.ndarray, str, bytes, int, float, complex, type(None))


def _members(one: Any) -> list[Any]:
    if isinstance(one, (list, tuple)):
        return list(one[:64])
    if isinstance(one, dict):
        return list(islice(one.values(), 64))
    return list(vars(one).values()) if hasattr(one, "__dict__") else []


def source_of(loader: Loader) -> Any:
    """Return what the user passed, as far as it can hold a sampler: the DataLoader or iterable; ``None`` for arrays."""
    if isinstance(loader, DatasetLoader):
        return loader.description
    if isinstance(loader, StreamLoader):
        return getattr(loader.source, "description", loader.source)  # a reader of ours has the DataLoader
    return None


class EpochCalls:
    """Notes whether anybody, the loader among them, calls ``set_epoch`` of the samplers inside a user's data.

    Args:
        loader: The training data.
    """

    def __init__(self, loader: Loader) -> None:
        source = source_of(loader)
        found = [] if source is None else [one for one in held(source) if _changes_with_epoch(one)]
        self._called: set[int] = set()
        self._watched = [one for one in found if self._watch(one)]

    def _watch(self, sampler: Any) -> bool:
        tell = sampler.set_epoch

        def noted(*arguments: Any, **options: Any) -> Any:
            self._called.add(id(sampler))
            return tell(*arguments, **options)

        with suppress(AttributeError, TypeError):  # what has no room for an attribute is not watched
            sampler.set_epoch = noted
            return True
        return False

    def never(self) -> list[Any]:
        """Return those that were not called."""
        return [one for one in self._watched if id(one) not in self._called]

    def remove(self) -> None:
        """Leave the samplers as they were."""
        for one in self._watched:
            with suppress(KeyError):
                del vars(one)["set_epoch"]
        self._watched = []


def _changes_with_epoch(one: Any) -> bool:
    """Tell whether ``set_epoch`` changes an order: not where ``shuffle`` is off. A dataset goes to workers as it is."""
    if isinstance(one, (DataLoader, Dataset)) or not callable(getattr(type(one), "set_epoch", None)):
        return False
    if "set_epoch" in getattr(one, "__dict__", {}):
        return False
    return bool(getattr(one, "shuffle", True))
