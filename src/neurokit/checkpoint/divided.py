"""Divided: tensors that lie in several processes, through torch.distributed.checkpoint, in safetensors files.

Torch plans who writes what, sees that the parts make up each tensor, and finds for whoever reads which rows of which
file it needs. The files are those of its ``HuggingFaceStorageWriter``, and its ``HuggingFaceStorageReader`` reads them,
here and in any other program. What its writer does is done by ours, because of what a checkpoint promises: that writer
holds a part three times while it writes (a copy, its bytes, the file's bytes), refuses tied weights, gives no digest,
and in torch 2.11 syncs a file before its last bytes were handed to the system. Torch's default reader and writer, whose
files run code when they are read, are not used.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner, TensorWriteData, WriteItem
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.checkpoint.storage import StorageWriter, WriteResult
from torch.distributed.tensor import DTensor
from torch.futures import Future

from neurokit.checkpoint.contents import MODEL, STATE, TREE, Part, named, part_name
from neurokit.checkpoint.tensors import OFFSETS, SHARDING, Content, pack_tensors, read_header
from neurokit.storage.files import CheckpointError, explained, measure, write_file
from neurokit.storage.limits import LIMITS, Limits, open_regular


class Filling(Protocol):
    """A folder that is filled beside its place, and then takes it."""

    place: Path
    temporary: Path | None

    def begin(self, size: int) -> Path:
        """Make the folder to fill and return it."""

    def seal(self, files: Mapping[str, Any]) -> None:
        """Write what it holds into ``meta.json``, and put it in its place."""


# Writing


def write_part(part: Part, filling: Filling) -> None:
    """Write a checkpoint together with the other processes, each its part; in whatever thread.

    The first process makes the folder, and seals it when each has told what it wrote. Where one cannot, none can: all
    raise, and there is no folder that verifies.

    Raises:
        OSError: If a process could not write; names it by rank.
        RuntimeError: If one failed otherwise, or fell silent.
    """
    planner = DefaultSavePlanner(flatten_state_dict=False)
    try:
        save(dict(part.layout), storage_writer=_Writer(part, filling), planner=planner, process_group=part.group)
    except CheckpointException as error:
        rank, (cause, _) = min(error.failures.items(), key=lambda failure: failure[0])
        raise _by_rank(rank, cause) from error


def _by_rank(rank: int, cause: BaseException) -> Exception:
    """Return what one process failed with, as every process raises it."""
    text = f"Rank {rank} could not write its part of the checkpoint: {getattr(cause, 'strerror', None) or cause}"
    if isinstance(cause, OSError):
        return type(cause)(text) if cause.errno is None else OSError(cause.errno, text)
    return ValueError(text) if isinstance(cause, ValueError) else RuntimeError(f"{text} ({type(cause).__name__})")


class _Writer(StorageWriter):
    """Writes a process's part of each file: durable, with its digest, tensor by tensor."""

    def __init__(self, part: Part, filling: Filling) -> None:
        self.part, self.filling = part, filling

    def reset(self, checkpoint_id: Any = None) -> None:
        pass

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        pass

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Any) -> bool:
        return True

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        """Say which checkpoint this is a part of."""
        return replace(plan, storage_data=self._name)

    @property
    def _name(self) -> str:
        return "/".join(self.filling.place.parts[-2:])

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        """Make the folder, in the first process, and tell each where it is, and which of the parts it writes."""
        if strange := {plan.storage_data for plan in plans} - {self._name}:
            raise ValueError(
                f"{self._name} was to be written, and other processes came with {', '.join(sorted(strange))}. All save "
                "the same, in the same order: look for a save that depends on the rank."
            )
        size = len(self.part.tree) + sum(map(_bytes, plans))
        with explained(self.filling.place, size):
            folder = str(self.filling.begin(size))
        return [replace(plan, storage_data=(folder, number, len(plans))) for number, plan in enumerate(plans, 1)]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        folder, number, count = plan.storage_data
        written = []
        with explained(self.filling.place, _bytes(plan)):
            for file in (MODEL, STATE):
                own = {item.index.fqn: _data(item) for item in plan.items if item.index.fqn.startswith(file)}
                tensors = {named(key): self.part.own[key] for key in own}
                offsets = {named(key): {OFFSETS: list(data.chunk.offsets)} for key, data in own.items()}
                notes = {**self.part.aliases[file], SHARDING: json.dumps(offsets)}
                name = part_name(file, number, count)
                entry = _written(Path(folder) / name, pack_tensors(tensors, notes))
                written.append(WriteResult(MetadataIndex(name), entry["size"], entry))
        done: Future[list[WriteResult]] = Future()
        done.set_result(written)
        return done

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Seal the folder, in the first process, when each has told what it wrote."""
        folder = self.filling.temporary
        assert folder is not None
        files = {one.index.fqn: one.storage_data for written in results for one in written}
        with explained(self.filling.place, len(self.part.tree)):
            for name, entry in files.items():
                if not (folder / name).exists() or os.stat(folder / name).st_size != entry["size"]:
                    raise OSError(
                        f"{name} was written by another process, and is not in {folder} here. Several processes write "
                        "to one folder: choose one that all machines see."
                    )
            files[TREE] = write_file(folder / TREE, [self.part.tree])
            self.filling.seal(files)


def _written(path: Path, content: Content) -> dict[str, Any]:
    """Write a file, read it back, and return what ``meta.json`` says of it."""
    entry = write_file(path, content.chunks())
    with open_regular(path) as file:
        if measure(file.fileno()) != entry:
            raise OSError(f"{path.name} was read back otherwise than it was written. Look after that disk.")
    return entry


def _bytes(plan: SavePlan) -> int:
    """Return how many bytes a plan writes."""
    return sum(math.prod(_data(item).chunk.sizes) * _data(item).properties.dtype.itemsize for item in plan.items)


def _data(item: WriteItem) -> TensorWriteData:
    assert item.tensor_data is not None  # all that is written are tensors
    return item.tensor_data


# Reading


class Stored(NamedTuple):
    """A whole tensor, and where its parts are.

    Attributes:
        dtype: Its dtype.
        shape: Its shape.
        chunks: Of each part the file, where it begins in the whole, and its shape.
    """

    dtype: torch.dtype
    shape: list[int]
    chunks: list[tuple[Path, list[int], list[int]]]


def read_divided(
    paths: Sequence[Path],
    limits: Limits = LIMITS,
    like: Callable[[str, list[int]], Tensor | None] | None = None,
    *,
    follow: bool = False,
) -> dict[str, Tensor]:
    """Return the tensors that lie in several files, or in one, each whole or divided as another one is.

    Of what is divided, only this process's part is read. It takes no talk between the processes.

    Args:
        paths: The files.
        limits: What each may ask for.
        like: Given a tensor's name and shape, the ``DTensor`` whose division it takes; ``None`` for a whole one.
        follow: Read links, too.

    Raises:
        CheckpointError: If a file is missing or not sound, or the parts of a tensor do not make it up.
    """
    stored, aliases = _survey(paths, limits, follow)
    found = {name: _empty(one, None if like is None else like(name, one.shape)) for name, one in stored.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # each reads what it needs alone
        load(dict(found), storage_reader=_Reader(paths[0].parent, stored), no_dist=True)
    return found | {name: found[first] for name, first in aliases.items()}


class _Reader(HuggingFaceStorageReader):
    """Reads as torch does, what was looked through before."""

    def __init__(self, folder: Path, stored: Mapping[str, Stored]) -> None:
        super().__init__(str(folder))
        self.stored = stored

    def read_metadata(self) -> Metadata:
        tensors: dict[str, Any] = {}
        places: dict[MetadataIndex, Any] = {}
        for name, (dtype, shape, chunks) in self.stored.items():
            parts = [ChunkStorageMetadata(torch.Size(begin), torch.Size(size)) for _, begin, size in chunks]
            tensors[name] = TensorStorageMetadata(TensorProperties(dtype=dtype), torch.Size(shape), parts)
            places |= {MetadataIndex(name, torch.Size(begin)): _Place(str(path)) for path, begin, _ in chunks}
        return Metadata(tensors, storage_data=places)


class _Place(NamedTuple):
    """Where torch's reader looks for a part."""

    relative_path: str


def _empty(stored: Stored, like: Tensor | None) -> Tensor:
    """Return room for a tensor, or for this process's part of it."""
    if not isinstance(like, DTensor):
        return torch.empty(stored.shape, dtype=stored.dtype, device="cpu")
    return torch.distributed.tensor.empty(
        *stored.shape, dtype=stored.dtype, device_mesh=like.device_mesh, placements=like.placements
    )


def _survey(paths: Iterable[Path], limits: Limits, follow: bool) -> tuple[dict[str, Stored], dict[str, str]]:
    """Return what files hold together, by name, and the further names of shared tensors, each with the first."""
    stored: dict[str, Stored] = {}
    aliases: dict[str, str] = {}
    for path in paths:
        try:
            header = read_header(path, limits, follow=follow)
        except FileNotFoundError:
            raise CheckpointError(f"{path} is missing, and what lies beside it is not whole without it.") from None
        aliases |= header.aliases
        for entry in header.entries:
            offsets = [0] * len(entry.shape) if header.offsets is None else header.offsets[entry.name]
            one = stored.setdefault(entry.name, Stored(entry.dtype, [0] * len(entry.shape), []))
            if one.dtype != entry.dtype or len(one.shape) != len(entry.shape):
                raise CheckpointError(f"{path} is not sound: {entry.name} is another kind of tensor in other files.")
            one.chunks.append((path, offsets, entry.shape))
            one.shape[:] = map(max, one.shape, map(sum, zip(offsets, entry.shape, strict=True)))
    for name, one in stored.items():
        if not _fills(one) or math.prod(filter(None, one.shape)) > limits.elements:
            raise CheckpointError(f"{one.chunks[0][0]} is not sound: the parts of {name} do not make up a whole one.")
    return stored, aliases


def _fills(stored: Stored) -> bool:
    """Tell whether parts make up a whole tensor: a grid without a hole or an overlap, so that each number is read."""
    cells = 1
    for axis, length in enumerate(stored.shape):
        end = 0
        cuts = sorted({(begin[axis], shape[axis]) for _, begin, shape in stored.chunks})
        for begin, size in cuts:
            if begin != end:
                return False
            end += size
        cells *= len(cuts)
        if end != length:
            return False
    return cells == len(stored.chunks) == len({tuple(begin) for _, begin, _ in stored.chunks})
