"""Contents: what a checkpoint is written from, by one process whole, or by several that each have a part."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from neurokit.checkpoint.tensors import Content, identity, pack_tensors
from neurokit.checkpoint.tree import Keys, Tree
from neurokit.storage.files import CheckpointError
from neurokit.storage.strict_json import MAX_JSON_BYTES, check_json

MODEL, STATE, TREE, META = "model.safetensors", "state.safetensors", "state.json", "meta.json"


@dataclass(frozen=True)
class Whole:
    """A checkpoint that one process writes: its files by name, all but ``meta.json``."""

    files: Mapping[str, Content]

    @property
    def size(self) -> int:
        """Number of bytes."""
        return sum(content.size for content in self.files.values())

    @property
    def tensors(self) -> list[Tensor]:
        """What a copy is made of."""
        return [tensor for content in self.files.values() for tensor in content.tensors]

    def holding(self, copies: Sequence[Tensor]) -> Whole:
        """Return the same with other tensors, in the order of ``tensors``."""
        rest = iter(copies)
        return Whole({name: Content(one.head, [next(rest) for _ in one.tensors]) for name, one in self.files.items()})


@dataclass(frozen=True)
class Part:
    """One process's part of a checkpoint that several write.

    Attributes:
        layout: How each tensor lies, by ``key_of`` its file and name: a ``DTensor``, or a whole one in rank 0.
        own: What this process writes of each.
        aliases: The further names of shared tensors, each with the first, by file.
        tree: What ``state.json`` says, which the first process writes.
        size: Number of bytes in all processes together, but for what only the first has.
        group: The ``torch.distributed`` group in which they agree, in whatever thread.
    """

    layout: Mapping[str, Tensor]
    own: Mapping[str, Tensor]
    aliases: Mapping[str, Mapping[str, str]]
    tree: bytes
    size: int
    group: Any

    @property
    def tensors(self) -> list[Tensor]:
        """What a copy is made of."""
        return list(self.own.values())

    def holding(self, copies: Sequence[Tensor]) -> Part:
        """Return the same with other tensors, in the order of ``tensors``."""
        return replace(self, own=dict(zip(self.own, copies, strict=True)))


def pack(state: Mapping[str, Any]) -> Whole:
    """Return a state as the contents of three files. Its tensors are shared, not copied.

    Raises:
        TypeError: If the state holds something that a checkpoint cannot; says where.
        ValueError: If it is beyond the limits of the format.
    """
    tree = Tree()
    text = _text(tree, state)
    return Whole({MODEL: pack_tensors(tree.weights), STATE: pack_tensors(tree.tensors), TREE: Content(text)})


def pack_part(state: Mapping[str, Any], rank: int, group: Any) -> Part:
    """Return what this process writes of a state whose tensors lie divided between several.

    Everything that is not divided, such as buffers, counters and the optimizer's steps, is the first process's to
    write, as it was before. A process that has no row of a tensor writes nothing of it, and tied weights are written
    once.

    Args:
        state: As for ``pack``, with torch's ``DTensor`` for what is divided. The same in structure in each process.
        rank: Which of the processes this is.
        group: The ``torch.distributed`` group in which they agree.

    Raises:
        TypeError: As ``pack``.
        ValueError: As ``pack``.
    """
    tree = _DividedTree()
    text = _text(tree, state)
    layout: dict[str, Tensor] = {}
    own: dict[str, Tensor] = {}
    aliases: dict[str, dict[str, str]] = {MODEL: {}, STATE: {}}
    for file, tensors in ((MODEL, tree.weights), (STATE, tree.tensors)):
        first: dict[Any, str] = {}
        for name, tensor in tensors.items():
            key = key_of(file, name)
            whole = tree.divided.get(key)
            if rank if whole is None else not tensor.numel() and whole.numel():
                continue
            if (known := first.setdefault(identity(tensor) or name, name)) != name:
                aliases[file][name] = known
                continue
            layout[key], own[key] = tensor if whole is None else whole, tensor
    return Part(layout, own, aliases, text, sum(one.nbytes for one in tree.divided.values()), group)


class _DividedTree(Tree):
    """A tree whose tensors may be divided: it takes in this process's own part of each, and remembers whose it is."""

    def __init__(self) -> None:
        super().__init__()
        self.divided: dict[str, Tensor] = {}

    def _place(self, tensor: Tensor, path: Keys, tensors: dict[str, Tensor] | None = None) -> str:
        from torch.distributed.tensor import DTensor

        if not isinstance(tensor, DTensor):
            return super()._place(tensor, path, tensors)
        name = super()._place(tensor.to_local(), path, tensors)
        self.divided[key_of(STATE if tensors is None else MODEL, name)] = tensor
        return name


def key_of(file: str, name: str) -> str:
    """Return what a tensor is called among those of both files."""
    return f"{file}/{name}"  # no name has a slash


def named(key: str) -> str:
    """Return the name in what ``key_of`` gave."""
    return key.partition("/")[2]


def _text(tree: Tree, state: Mapping[str, Any]) -> bytes:
    """Return the plain values of a state as JSON; its tensors are in the tree then."""
    text = json.dumps(tree.pack(dict(state)), allow_nan=False).encode()
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(
            f"The state holds {len(text):,} bytes of plain values, and {TREE} takes {MAX_JSON_BYTES:,}. "
            "Keep large tables as tensors or arrays."
        )
    try:
        check_json(text)
    except ValueError as error:
        raise ValueError(f"The state cannot be kept: {error}. Keep large tables as tensors or arrays.") from None
    return text


# The names of parts, as Hugging Face has them


def part_name(file: str, number: int, count: int) -> str:
    """Return the name of one of the parts of a file, counted from 1.

    Example:
        >>> part_name("model.safetensors", 1, 2)
        'model-00001-of-00002.safetensors'
    """
    return f"{Path(file).stem}-{number:05d}-of-{count:05d}.safetensors"


def is_complete(names: Collection[str]) -> bool:
    """Tell whether these are the files of a checkpoint, all but ``meta.json``: whole ones, or every part."""
    count = (len(names) - 1) // 2
    parts = {part_name(file, number, count) for file in (MODEL, STATE) for number in range(1, count + 1)}
    return set(names) in ({MODEL, STATE, TREE}, {TREE} | parts if parts else None)


def is_part(name: str) -> bool:
    """Tell whether ``part_name`` gave a file its name."""
    return re.fullmatch(r"(model|state)-[0-9]{5}-of-[0-9]{5}\.safetensors", name) is not None


def siblings(path: Path) -> list[Path]:
    """Return all parts of the whole of which a file is one.

    Raises:
        CheckpointError: If its name does not say which parts there are.
    """
    found = re.fullmatch(r"(.+)-([0-9]{5})-of-([0-9]{5})\.safetensors", path.name)
    if found is None:
        raise CheckpointError(
            f"{path} holds a part of what several processes wrote, and its name does not say how many parts there are. "
            f"Give the files the names they were written under, such as {part_name(MODEL, 1, 2)}."
        )
    return [path.with_name(part_name(found[1], number, int(found[3]))) for number in range(1, int(found[3]) + 1)]
