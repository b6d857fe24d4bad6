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
from neurokit.storage.limits import LIMITS, Limits

MAX_INT_DIGITS = 65_536  # hexadecimal ones
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
        if len(path) > LIMITS.json_depth:
            raise ValueError(
                f"{_dotted(path)[:80]}... is nested deeper than {LIMITS.json_depth} levels. Does it hold itself?"
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
            return value if _is_int64(value) else {"$int": _hex(value, path)}
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


def _hex(value: int, path: Keys) -> str:
    if value.bit_length() > 4 * MAX_INT_DIGITS:
        raise TypeError(_unfit(path, f"an int of {value.bit_length():,} bits"))
    return hex(value)


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


def tensor_places(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, str, str]]:
    """Yield of each tensor in what ``Tree.pack`` returned the keys that lead to it, its mark and its name.

    Example:
        >>> list(tensor_places({"model": {"bias": {"$weight": "bias"}}}))
        [(('model', 'bias'), '$weight', 'bias')]
    """
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from tensor_places(entry, (*path, index))
    elif isinstance(value, dict):
        for key, entry in value.items():
            if key in ("$weight", "$tensor") and isinstance(entry, str):
                yield path, key, entry
            else:
                yield from tensor_places(entry, (*path, key))


def unpack(value: Any, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], limits: Limits = LIMITS) -> Any:
    """Return what ``Tree.pack`` was given.

    Args:
        value: What it returned, as ``parse_json`` reads it.
        weights: The tensors of the model.
        tensors: All others.
        limits: How many numbers may become Python's own.

    Raises:
        ValueError: If the value is not one that ``Tree.pack`` returns; says what is wrong with it.
    """
    return _Unpacking(weights, tensors, limits.listed_numbers).unpack(value)


class _Unpacking:
    """One reading of a tree. Every tensor is referred to once, so that what is made stays in proportion to the file."""

    def __init__(self, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], listed_numbers: int) -> None:
        self.weights, self.tensors, self.listed_numbers = dict(weights), dict(tensors), listed_numbers
        self.left = listed_numbers

    def unpack(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.unpack(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        if not any(key.startswith("$") for key in value):
            return {key: self.unpack(entry) for key, entry in value.items()}
        if len(value) != 1:
            raise ValueError(f"a mark stands beside other keys: {', '.join(map(repr, value))!s:.80}")
        ((mark, content),) = value.items()
        match mark, content:
            case "$weight", str():
                return self._take(content, self.weights)
            case "$tensor", str():
                return self._take(content, self.tensors)
            case "$array", str():
                return self._array(content)
            case "$scalar", str():
                array = self._array(content)
                if array.ndim == 0:
                    return array[()]
            case "$list", str():
                return self._long_list(content)
            case "$tuple", _:
                entries = self.unpack(content)  # a list, or the mark of a long one
                if isinstance(entries, list):
                    return tuple(entries)
            case (("$dict" | "$counter"), list()):
                pairs = {key: self.unpack(entry) for key, entry in self._pairs(content)}
                return pairs if mark == "$dict" else self._counter(pairs)
            case "$int", str():
                if re.fullmatch(rf"-?0x[0-9a-f]{{1,{MAX_INT_DIGITS}}}", content):
                    return int(content, 16)
            case "$float", ("nan" | "inf" | "-inf"):
                return float(content)
        raise ValueError(f"{mark!r:.40} is no known mark, or has not its kind of content")

    def _take(self, name: str, tensors: dict[str, Tensor]) -> Tensor:
        try:
            return tensors.pop(name)
        except KeyError:
            raise ValueError(
                f"it refers to the tensor {name!r:.80}, which is not there, or for the second time"
            ) from None

    def _array(self, name: str) -> Any:
        tensor = self._take(name, self.tensors)
        try:
            return tensor.numpy()
        except TypeError:
            raise ValueError(f"NumPy has no dtype for {name!r:.80}, a tensor of {tensor.dtype}") from None

    def _long_list(self, name: str) -> list[Any]:
        numbers = self._take(name, self.tensors)
        if numbers.ndim != 1 or numbers.dtype not in (torch.float64, torch.int64):
            raise ValueError(f"{name!r:.80} is no list of numbers")
        self.left -= len(numbers)
        if self.left < 0:
            raise ValueError(f"it has lists of more than the {self.listed_numbers:,} numbers that are read")
        found: list[Any] = numbers.tolist()
        return found

    def _pairs(self, content: list[Any]) -> list[list[Any]]:
        sound = all(isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (str, int) for pair in content)
        if not sound or len({key for key, _ in content}) != len(content):
            raise ValueError("a dict is no list of pairs with keys of their own")
        return content

    def _counter(self, pairs: dict[Any, Any]) -> Counter[Any]:
        if any(type(count) is not int for count in pairs.values()):
            raise ValueError("a counter does not count in whole numbers")
        return Counter(pairs)
