"""Tensors in safetensors files: the length of the header (8 bytes), the header (JSON), then the tensors' bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from neurokit.arguments import suggestions
from neurokit.checkpoint.files import CheckpointError, StrPath, replace_file

MAX_HEADER_BYTES = 16 << 20
MAX_TENSORS = 100_000  # in one file
MAX_NAME_BYTES = 512
MAX_RANK = 16

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


def save_weights(path: StrPath, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to one safetensors file, whole or not at all; a file that is already there is replaced.

    Any library that knows safetensors reads it. Shared tensors are written once, in the way of
    ``safetensors.torch.save_model``, and ``load_weights`` gives them all their names again.

    Args:
        path: The file, by custom ``*.safetensors``.
        tensors: By name, such as a module's ``state_dict()``.

    Raises:
        TypeError: If a value is not a dense tensor of a dtype that safetensors knows; names it.
        ValueError: If the suffix promises another format, or a name cannot be stored.
        OSError: If it cannot be written; names the path and the bytes it needs.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "weights.safetensors"
        >>> save_weights(path, {"weight": torch.ones(2)})
        >>> load_weights(path)
        {'weight': tensor([1., 1.])}
    """
    path = Path(path)
    if path.suffix.lower() in (".pt", ".pth", ".bin", ".ckpt", ".h5", ".hdf5", ".keras"):
        better = path.with_suffix(".safetensors").name
        raise ValueError(
            f"Weights are written as safetensors, and {path.name!r} promises another format. Name it {better!r}."
        )
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(
                f"{name} is a {kind}, and a file of weights holds tensors only. Trainer.save keeps everything."
            )
        if not is_storable(name):
            raise ValueError(f"{path} was not written: {_bad_name(name)}.")
    content = pack_tensors(tensors)
    replace_file(path, content.chunks(), content.size)


def load_weights(path: StrPath) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file; names the nearest.
        CheckpointError: If it is not a sound safetensors file; says what it is instead, and what to do.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder. Trainer.load takes a checkpoint folder, load_weights a file in it.")
    if not path.is_file():
        there = os.listdir(path.parent) if path.parent.is_dir() else []
        hint = suggestions(path.name, there) or " Pass the file that save_weights wrote."
        raise FileNotFoundError(f"There is no file {path}.{hint}")
    _refuse_other_formats(path)
    return read_tensors(path)


_KERAS = "Load it in Keras and save its arrays with safetensors.numpy.save_file"
_TORCH = (
    "Reading that can run code. If you trust it, load it with torch in a process of its own (weights_only=True) and "
    "write the tensors with safetensors.torch.save_file"
)
_OTHER_STARTS = {
    b"version https://git-lfs": "a Git LFS pointer, which stands for the file. Fetch the file: git lfs pull",
    b"\x89HDF": f"an HDF5 file, as Keras writes .h5. {_KERAS}",
    b"\x80": f"what an old torch.save writes. {_TORCH}",
    b"PK": f"a zip archive, as torch.save writes .pt, .pth and .ckpt. {_TORCH}",
    b"<": "a web page, perhaps an error or login page saved in place of the file. Download it again",
}


def _refuse_other_formats(path: Path) -> None:
    """Raise if a file begins as one of another kind does."""
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise CheckpointError(f"{path} is empty (0 bytes). Was a download or a copy interrupted?")
    if start[8:9] == b"{":  # a header follows its length, whatever the bytes of the length look like
        return
    if start.startswith(b"PK") and path.suffix == ".keras":
        raise CheckpointError(f"{path} is a Keras archive. {_KERAS}.")
    for signature, meaning in _OTHER_STARTS.items():
        if start.lstrip().startswith(signature):
            raise CheckpointError(f"{path} is not safetensors: it is {meaning}.")


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


def pack_tensors(tensors: Mapping[str, Tensor]) -> Content:
    """Return tensors as a file's content: shared ones once, under the first name, the others in the metadata.

    Raises:
        TypeError: If one of them cannot be held by safetensors.
        ValueError: If they are too many.
    """
    for name, tensor in tensors.items():
        if defect := find_defect(tensor):
            raise TypeError(f"{name} is {defect}, which safetensors cannot hold.")
    names: dict[Any, str] = {}
    aliases, entries, stored, position = {"format": "pt"}, {}, [], 0
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
    if len(tensors) > MAX_TENSORS or len(header) > MAX_HEADER_BYTES:
        raise ValueError(
            f"{len(tensors):,} tensors with {len(header):,} bytes of names and shapes are more than one file takes "
            f"({MAX_TENSORS:,} and {MAX_HEADER_BYTES:,}). Stack small tensors into larger ones."
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
    if tensor.ndim > MAX_RANK:
        return f"a tensor of {tensor.ndim} axes (at most {MAX_RANK})"
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


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, on the CPU, in memory of their own.

    Raises:
        CheckpointError: If it is not sound: a lying length, a hole, an overlap, a bad name, beyond a limit.
    """
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as plain:
        length = int.from_bytes(plain.read(8), "little")
    try:
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"its header would have {length:,} bytes, and at most {MAX_HEADER_BYTES:,} are read")
        with safe_open(path, framework="pt", device="cpu") as file:
            names, metadata = list(file.keys()), file.metadata() or {}
            aliases = {name: first for name, first in metadata.items() if first in names and name not in names}
            _check_names([*names, *aliases])
            tensors = {name: file.get_tensor(name).clone() for name in names}  # its own memory, no longer the file's
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} is not a sound safetensors file: {error}.") from error
    aliases.pop("format", None)  # "pt", as other writers note their framework
    return tensors | {name: tensors[first] for name, first in aliases.items()}


def _check_names(names: Sequence[str]) -> None:
    if len(names) > MAX_TENSORS:
        raise ValueError(f"it has more than {MAX_TENSORS:,} tensors")
    for name in names:
        if not is_storable(name):
            raise ValueError(_bad_name(name))


def is_storable(name: str) -> bool:
    """Return whether a tensor may have this name: short, printable, and nothing that could be taken for a path."""
    odd = any(part in name for part in ("/", "\\", "..")) or name == "__metadata__"
    return name.isprintable() and 0 < len(name.encode()) <= MAX_NAME_BYTES and not odd


def _bad_name(name: str) -> str:
    return (
        f"the name {name!r:.80} cannot be a tensor's: it takes 1 to {MAX_NAME_BYTES} bytes of printable text, without "
        "slashes and without two dots in a row"
    )
