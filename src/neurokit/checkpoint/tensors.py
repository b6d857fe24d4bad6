"""Tensors in safetensors files: the length of the header (8 bytes), the header (JSON), then the tensors' bytes."""

from __future__ import annotations

import gc
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from neurokit.storage.files import CheckpointError
from neurokit.storage.limits import LIMITS, Limits, open_regular
from neurokit.storage.strict_json import parse_json

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}

# Where torch.distributed.checkpoint notes, in a file's metadata, which part of a whole tensor the file has.
SHARDING, OFFSETS = "DCP_SHARDING_INFO", "saved_offsets"


# Writing


class Content(NamedTuple):
    """What goes into a file: bytes, then those of tensors, which come to the CPU one at a time."""

    head: bytes
    tensors: Sequence[Tensor] = ()

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.head) + sum(tensor.nbytes for tensor in self.tensors)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """Return the bytes, piece by piece."""
        yield self.head
        for tensor in self.tensors:
            yield _memory(tensor.detach().resolve_conj().resolve_neg().cpu().contiguous())


def _memory(tensor: Tensor) -> memoryview:
    """Return the bytes of a contiguous CPU tensor, shared."""
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8).numpy().data


def pack_tensors(tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> Content:
    """Return tensors as a file's content: shared ones once, under the first name, the others in the metadata.

    Args:
        tensors: By name.
        notes: What else the metadata say.

    Raises:
        TypeError: If one of them cannot be held by safetensors.
        ValueError: If they are too many.
    """
    for name, tensor in tensors.items():
        if defect := find_defect(tensor):
            raise TypeError(f"{name} is {defect}, which safetensors cannot hold.")
    names: dict[Any, str] = {}
    aliases, entries, stored, position = {"format": "pt", **(notes or {})}, {}, [], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):  # so that each lies aligned
        first = names.setdefault(identity(tensor) or name, name)
        if first != name:
            aliases[name] = first
            continue
        span = [position, position + tensor.nbytes]
        entries[name] = {"dtype": dtype_name(tensor), "shape": list(tensor.shape), "data_offsets": span}
        stored.append(tensor)
        position += tensor.nbytes
    header = json.dumps({"__metadata__": aliases, **entries}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(tensors) > LIMITS.tensors or len(header) > LIMITS.header_bytes:
        raise ValueError(
            f"{len(tensors):,} tensors with {len(header):,} bytes of names and shapes are more than one file takes "
            f"({LIMITS.tensors:,} and {LIMITS.header_bytes:,}). Stack small tensors into larger ones."
        )
    return Content(len(header).to_bytes(8, "little") + header, stored)


def find_defect(tensor: Tensor) -> str | None:
    """Return why safetensors cannot hold a tensor, or ``None`` when it can."""
    if is_lazy(tensor):
        return "a parameter of a lazy module that has seen no data yet (run one batch through the model first)"
    if tensor.layout != torch.strided or tensor.is_nested:
        return f"a tensor of layout {tensor.layout}"
    if tensor.dtype not in _DTYPE_NAMES:
        return f"a tensor of dtype {tensor.dtype}"
    if tensor.is_meta:
        return "a tensor on the meta device, which has no values"
    if tensor.ndim > LIMITS.rank:
        return f"a tensor of {tensor.ndim} axes (at most {LIMITS.rank})"
    return None if type(tensor.detach()) is Tensor else f"a {type(tensor).__name__}"


def identity(tensor: Tensor) -> tuple[Any, ...] | None:
    """Return what two tensors have in common when they are one and the same; ``None`` where there is no memory."""
    if is_lazy(tensor) or tensor.layout != torch.strided or not tensor.data_ptr():
        return None
    view = tensor.shape, tensor.stride(), tensor.dtype, tensor.is_conj(), tensor.is_neg()
    return tensor.device, tensor.data_ptr(), view


def dtype_name(tensor: Tensor) -> str:
    """Return a dtype as safetensors writes it, such as ``"F32"``."""
    return _DTYPE_NAMES.get(tensor.dtype, str(tensor.dtype))


# Reading


class Entry(NamedTuple):
    """Where a tensor lies in a file, counted from the end of the header, and what it is."""

    begin: int
    end: int
    name: str
    dtype: torch.dtype
    shape: list[int]


class Header(NamedTuple):
    """What a file holds.

    Attributes:
        entries: Its tensors, in the order they lie in.
        aliases: The further names of shared tensors, each with the first.
        offsets: Where each tensor begins in a whole one, axis by axis, in a file that holds parts; else ``None``.
    """

    entries: list[Entry]
    aliases: dict[str, str]
    offsets: dict[str, list[int]] | None


def read_header(path: Path, limits: Limits | None = None, *, follow: bool = False) -> Header:
    """Return what a safetensors file holds, checked whole, without a tensor of it.

    Raises:
        CheckpointError: If it is not sound.
    """
    with open_regular(path, follow=follow) as file:
        try:
            return _read_header(file, os.fstat(file.fileno()).st_size, limits or LIMITS)
        except ValueError as error:
            raise _unsound(path, error) from error


def _unsound(path: Path, error: ValueError) -> CheckpointError:
    return CheckpointError(f"{path} is not a sound safetensors file: {error}.")


def read_tensors(path: Path, limits: Limits | None = None, *, follow: bool = False) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, on the CPU, in memory of their own.

    The header is checked whole before a tensor is made, so that memory goes up by the file's size and no more.

    Args:
        path: The file.
        limits: What it may ask for.
        follow: As ``open_regular`` takes it.

    Raises:
        CheckpointError: If it is not sound: a lying length, a hole, an overlap, a bad name, beyond a limit. If it holds
            parts of tensors, as one of several processes writes them.
    """
    tensors = read_whole(path, limits, follow=follow)
    if tensors is None:
        raise CheckpointError(f"{path} holds parts of tensors, whose other parts are in the files beside it.")
    return tensors


def read_whole(path: Path, limits: Limits | None = None, *, follow: bool = False) -> dict[str, Tensor] | None:
    """Return what ``read_tensors`` returns; ``None`` for a file that holds parts of tensors."""
    with open_regular(path, follow=follow) as file, _without_collections():
        try:
            entries, aliases, offsets = _read_header(file, os.fstat(file.fileno()).st_size, limits or LIMITS)
            if offsets is not None:
                return None
            tensors = {entry.name: _read_tensor(file, entry) for entry in entries}  # in the order they lie in
        except ValueError as error:
            raise _unsound(path, error) from error
    return tensors | {name: tensors[first] for name, first in aliases.items()}


@contextmanager
def _without_collections() -> Iterator[None]:
    """Pause the search for cycles: many small objects set it off, and each time it goes through all that torch has."""
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()


def _read_header(file: BufferedReader, size: int, limits: Limits) -> Header:
    """Return what a file holds, with the file at the first tensor's bytes."""
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if size > limits.total_bytes:
        raise ValueError(f"it has {size:,} bytes, and at most {limits.total_bytes:,} are read")
    if len(start) < 8 or length > size - 8:
        raise ValueError(f"its header would have {length:,} bytes, which is beyond its end")
    if length > limits.header_bytes:
        raise ValueError(f"its header would have {length:,} bytes, and at most {limits.header_bytes:,} are read")
    text = file.read(length)
    if text.count(b'"data_offsets"') > limits.tensors:  # before anything is made of them
        raise ValueError(f"it has more than {limits.tensors:,} tensors")
    values = limits.tensors * (limits.rank + 8)  # a tensor is an object with two lists
    size_alone = dict.fromkeys(("json_bytes", "string_length"), limits.header_bytes)
    most = replace(limits, json_values=values, json_depth=3, **size_alone)
    header = parse_json(text, most, objects=limits.tensors + 2)  # the header itself, and its metadata
    if not isinstance(header, dict) or not text.startswith(b"{"):
        raise ValueError("its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    aliases = {name: first for name, first in metadata.items() if first in header and name not in header}
    aliases.pop("format", None)  # "pt", as other writers note their framework
    _check_names([*header, *aliases], limits)
    entries = sorted((_entry(name, value, limits) for name, value in header.items()), key=lambda entry: entry[:2])
    position = 0
    for entry in entries:
        if entry.begin != position:
            raise ValueError(f"{entry.name} begins at byte {entry.begin:,}, and what is before it ends at {position:,}")
        position = entry.end
    if position != size - 8 - length:
        raise ValueError(f"its tensors end at byte {position:,}, and the file at {size - 8 - length:,}")
    noted = metadata.get(SHARDING)
    return Header(entries, aliases, None if noted is None else _read_offsets(parse_json(noted.encode(), most), entries))


def _read_offsets(noted: Any, entries: Sequence[Entry]) -> dict[str, list[int]]:
    """Return where each tensor of a file begins in a whole one."""
    try:
        offsets = {name: list(value[OFFSETS]) for name, value in noted.items()}
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"its {SHARDING} does not give offsets by name") from None
    sound = all(type(one) is int and one >= 0 for each in offsets.values() for one in each)
    if not sound or {name: len(each) for name, each in offsets.items()} != {
        entry.name: len(entry.shape) for entry in entries
    }:
        raise ValueError(f"its {SHARDING} does not give one offset for each axis of each tensor")
    return offsets


def _entry(name: str, value: Any, limits: Limits) -> Entry:
    """Return an entry of a header, checked in itself: the bytes are as many as dtype and shape need."""
    try:
        kind, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
        dtype = DTYPES[kind]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{name} is not described by a known dtype, a shape and two offsets") from None
    if len(value) != 3 or type(shape) is not list or {*map(type, shape), type(begin), type(end)} != {int}:
        raise ValueError(f"{name} is not described by a known dtype, a shape and two offsets")
    if len(shape) > limits.rank:
        raise ValueError(f"{name} has {len(shape)} axes, and at most {limits.rank} are read")
    if min([*shape, begin], default=0) < 0 or math.prod(filter(None, shape)) > limits.elements:
        raise ValueError(f"{name} has the shape {shape}, and at most {limits.elements:,} elements are read")
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} is {kind} of shape {shape} in {end - begin:,} bytes, which do not agree")
    return Entry(begin, end, name, dtype, shape)


def _read_tensor(file: BufferedReader, entry: Entry) -> Tensor:
    tensor = torch.empty(entry.shape, dtype=entry.dtype, device="cpu")
    if tensor.numel() == 0:
        return tensor
    memory = _memory(tensor)
    if file.readinto(memory) != len(memory):
        raise ValueError(f"it ended while {entry.name} was read")
    if entry.dtype == torch.bool and tensor.view(torch.uint8).max() > 1:
        raise ValueError(f"{entry.name} holds truth values that are neither 0 nor 1")
    return tensor


def _check_names(names: Sequence[str], limits: Limits) -> None:
    if len(names) > limits.tensors:
        raise ValueError(f"it has more than {limits.tensors:,} tensors")
    for name in names:
        if not is_storable(name, limits):
            raise ValueError(bad_name(name, limits))


def is_storable(name: str, limits: Limits = LIMITS) -> bool:
    """Return whether a tensor may have this name: short, printable, and nothing that could be taken for a path."""
    odd = "/" in name or "\\" in name or ".." in name or name == "__metadata__"
    return name.isprintable() and 0 < len(name.encode()) <= limits.name_bytes and not odd


def bad_name(name: str, limits: Limits = LIMITS) -> str:
    """Return in words what a tensor may be called."""
    return (
        f"the name {name!r:.80} cannot be a tensor's: it takes 1 to {limits.name_bytes} bytes of printable text, "
        "without slashes and without two dots in a row"
    )
