"""Nested values as JSON and tensors: what ``state_dict`` methods give, and exactly that again when it is read."""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurokit.checkpoint.tensors import find_defect, is_storable

MAX_JSON_DEPTH = 64
LONG = 64  # a list of as many numbers is kept as an array: exact and compact, and the JSON stays readable

Keys = tuple[Any, ...]  # the keys that lead to a value


class Tree:
    """Turns nested values into JSON, and collects their tensors by name.

    What JSON has no form for becomes an object with one key that begins with ``$``; ``unpack`` reads it.

    Attributes:
        weights: The tensors of the entry ``"model"``, under their own names where these can be stored.
        tensors: All other tensors and arrays.
    """

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.tensors: dict[str, Tensor] = {}

    def pack(self, value: Any, path: Keys = ()) -> Any:
        """Return a value as JSON has it.

        Raises:
            TypeError: If it, or something in it, can be held neither by JSON nor by safetensors; says where.
            ValueError: If it is nested too deeply.
        """
        if len(path) > MAX_JSON_DEPTH:
            raise ValueError(
                f"{_dotted(path)[:80]}... is nested deeper than {MAX_JSON_DEPTH} levels. Does it hold itself?"
            )
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, Tensor):
            own = len(path) == 2 and path[0] == "model"
            return (
                {"$weight": self._place(value, path[1:], self.weights)}
                if own
                else {"$tensor": self._place(value, path)}
            )
        if isinstance(value, np.generic):  # before float: numpy.float64 is one
            return {"$scalar": self._place(_from_numpy(value, path), path)}
        if type(value) is np.ndarray:
            return {"$array": self._place(_from_numpy(value, path), path)}
        if isinstance(value, int):
            return value if _is_int64(value) else {"$int": hex(value)}
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": repr(float(value))}
        if type(value) is tuple:
            return {"$tuple": self.pack(list(value), path)}
        if type(value) is list:
            return self._pack_list(value, path)
        if type(value) in (dict, OrderedDict, Counter):
            return self._pack_dict(value, path)
        raise TypeError(_unfit(path, f"a {type(value).__name__}"))

    def _place(self, tensor: Tensor, path: Keys, tensors: dict[str, Tensor] | None = None) -> str:
        """Take in a tensor and return the name it has from now on."""
        tensors = self.tensors if tensors is None else tensors
        if defect := find_defect(tensor):
            raise TypeError(_unfit(path, defect))
        name = _dotted(path)
        if not is_storable(name):
            name = re.sub(r"[^\w .+-]|\.(?=\.)", "_", name)[:100]
        if name in tensors:
            name += f"~{len(tensors)}"
        tensors[name] = tensor
        return name

    def _pack_list(self, value: list[Any], path: Keys) -> Any:
        kinds = set(map(type, value)) if len(value) >= LONG else set()
        if kinds == {float} or (kinds == {int} and _is_int64(min(value)) and _is_int64(max(value))):
            numbers = np.array(value, np.float64 if kinds == {float} else np.int64)
            return {"$list": self._place(torch.from_numpy(numbers), path)}
        return [self.pack(entry, (*path, index)) for index, entry in enumerate(value)]

    def _pack_dict(self, value: dict[Any, Any], path: Keys) -> Any:
        for key in value:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise TypeError(_unfit(path, f"a dict with the key {key!r:.40}, a {type(key).__name__}"))
        packed = {key: self.pack(entry, (*path, key)) for key, entry in value.items()}
        if type(value) is Counter:  # MultiStepLR keeps its milestones in one
            return {"$counter": list(packed.items())}
        if all(isinstance(key, str) and not key.startswith("$") for key in packed):
            return packed
        return {"$dict": list(packed.items())}


def _is_int64(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _from_numpy(value: np.ndarray[Any, Any] | np.generic, path: Keys) -> Tensor:
    try:
        return torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("="), order="C"))
    except TypeError:
        raise TypeError(_unfit(path, f"of NumPy's dtype {value.dtype}")) from None


def _unfit(path: Keys, what: str) -> str:
    return (
        f"{_dotted(path)} is {what}, which a checkpoint cannot hold. Return numbers, strings, lists, dicts and tensors "
        "from state_dict."
    )


def _dotted(path: Keys) -> str:
    return ".".join(map(str, path))


def unpack(value: Any, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], depth: int = 0) -> Any:
    """Return what ``Tree.pack`` was given.

    Raises:
        ValueError: If the value is not one that ``Tree.pack`` returns.
        TypeError: If a mark has the wrong kind of content.
        KeyError: If it refers to a tensor that is not there.
    """
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_JSON_DEPTH} levels")

    def unpacked(entries: list[Any]) -> Iterator[Any]:
        return (unpack(entry, weights, tensors, depth + 1) for entry in entries)

    if isinstance(value, list):
        return list(unpacked(value))
    if not isinstance(value, dict):
        return value
    if not any(key.startswith("$") for key in value):
        return dict(zip(value, unpacked(list(value.values())), strict=True))
    ((mark, content),) = value.items()
    match mark:
        case "$weight":
            return weights[content]
        case "$tensor":
            return tensors[content]
        case "$array":
            return tensors[content].numpy()
        case "$scalar":
            return tensors[content].numpy()[()]
        case "$list":
            return tensors[content].tolist()
        case "$tuple":
            return tuple(unpack(content, weights, tensors, depth))
        case "$dict" | "$counter":
            pairs = zip([key for key, _ in content], unpacked([entry for _, entry in content]), strict=True)
            return dict(pairs) if mark == "$dict" else Counter(dict(pairs))
        case "$int":
            return int(content, 16)
        case "$float":
            return float(content)
    raise ValueError(f"the mark {mark!r:.40} is not known")
