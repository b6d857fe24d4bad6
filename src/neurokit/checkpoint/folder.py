"""The checkpoint folder: written by one rename, verified before it is read, found by listing."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from neurokit import __version__
from neurokit.checkpoint.files import (
    CheckpointError,
    StrPath,
    beside,
    beside_start,
    explained,
    is_abandoned,
    sync_folder,
    write_file,
)
from neurokit.checkpoint.limits import LIMITS, Limits, open_regular
from neurokit.checkpoint.strict_json import MAX_JSON_BYTES, check_json, read_json
from neurokit.checkpoint.tensors import Content, pack_tensors, read_tensors
from neurokit.checkpoint.tree import Tree, unpack

FORMAT = 1
MODEL, STATE, TREE, META = "model.safetensors", "state.safetensors", "state.json", "meta.json"


class UnknownFormatError(CheckpointError):
    """A checkpoint in a format that this neurokit does not read. It may be sound, so it is never passed over."""


def write(folder: StrPath, state: Mapping[str, Any], *, replace: bool = False) -> Path:
    """Write a checkpoint folder: all of it or nothing, and never over another one.

    A folder that already holds this state is left as it is. One that holds a damaged checkpoint is replaced, with a
    warning: nothing else could ever take its place.

    Args:
        folder: Where it shall stand. Missing parents are made.
        state: What ``state_dict`` methods give: dicts, lists, tuples, tensors, NumPy arrays and plain values, nested.
            The tensors of ``state["model"]`` go to a file of their own. Tied weights are written once.
        replace: Take the place of a checkpoint of another state, which is kept until the new one stands.

    Returns:
        The folder, as it was given.

    Raises:
        TypeError: If the state holds something that a checkpoint cannot; says where.
        ValueError: If the state is beyond the limits of the format.
        FileExistsError: If the folder holds another checkpoint, or anything that is none.
        OSError: If it cannot be written; names the path and the bytes it needs. Nothing is left behind.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / step_name(120)
        >>> read(write(folder, {"model": {"weight": torch.ones(2)}, "epoch": 3}))
        {'model': {'weight': tensor([1., 1.])}, 'epoch': 3}
    """
    place = Path(folder).expanduser().resolve()
    _refuse_strangers(place)
    contents = _pack(state)
    with explained(place, sum(content.size for content in contents.values())):
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(place, "tmp")
        try:
            temporary.mkdir()
            files = {name: write_file(temporary / name, content.chunks()) for name, content in contents.items()}
            write_file(temporary / META, [_sealed(files)])
            sync_folder(temporary)
            if replace or not _already_holds(place, files):
                with _set_aside(place):
                    os.rename(temporary, place)
                    sync_folder(place.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Path(folder)


def _refuse_strangers(place: Path) -> None:
    """Raise if anything stands at a checkpoint's place that neurokit did not put there."""
    if not os.path.lexists(place):
        return
    found = os.listdir(place) if place.is_dir() else [place.name]
    strangers = sorted(name for name in found if name not in _OURS and not name.startswith("."))
    if strangers:
        raise FileExistsError(
            f"{place} exists and is not a checkpoint of ours: there is {strangers[0]!r}. Nothing was changed. "
            "Choose another folder, or move that away."
        )


_OURS = (MODEL, STATE, TREE, META, "run.json")  # the last is the record that Trainer.save puts in


def _pack(state: Mapping[str, Any]) -> dict[str, Content]:
    """Return a state as the contents of three files."""
    tree = Tree()
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
    return {MODEL: pack_tensors(tree.weights), STATE: pack_tensors(tree.tensors), TREE: Content(text)}


def _already_holds(place: Path, files: Mapping[str, Any]) -> bool:
    """Return whether a place holds a checkpoint of these contents; raise if it holds another, warn if a damaged one."""
    if not _is_occupied(place):
        return False
    try:
        if verify(place)["files"] == files:
            return True
    except UnknownFormatError:
        pass
    except CheckpointError as error:
        warnings.warn(f"Replacing a damaged checkpoint. {error}", stacklevel=3)
        return False
    raise FileExistsError(
        f"{place} already holds a checkpoint of another state, which was kept. Resume from it, remove it, or train "
        "into another folder."
    )


def _is_occupied(place: Path) -> bool:
    return place.is_dir() and any(place.iterdir())


@contextmanager
def _set_aside(place: Path) -> Iterator[None]:
    """Move what stands at a place away: deleted after the block, or put back if the block fails."""
    if not _is_occupied(place):
        yield
        return
    aside = beside(place, "old")
    try:
        os.rename(place, aside)
        yield
    except BaseException:
        if aside.exists():
            if place.exists():
                remove(place)
            os.rename(aside, place)
        raise
    remove(aside)


def read(folder: StrPath, *, limits: Limits | None = None) -> dict[str, Any]:
    """Return the state in a checkpoint folder, verified first; tensors are on the CPU.

    Args:
        folder: The checkpoint.
        limits: What it may ask for; the default takes every checkpoint that neurokit writes.

    Raises:
        FileNotFoundError: If there is no such folder.
        UnknownFormatError: If another neurokit wrote it in a format that this one does not read.
        CheckpointError: If a file is missing, damaged or not what it should be; names the file and the cause.
    """
    folder = Path(folder).expanduser()
    limits = limits or LIMITS
    verify(folder, limits=limits)
    weights, tensors = read_tensors(folder / MODEL, limits), read_tensors(folder / STATE, limits)
    try:
        return dict(unpack(read_json(folder / TREE, limits), weights, tensors, limits))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{folder / TREE} does not describe a state: {error}.") from error


def verify(folder: StrPath, *, limits: Limits | None = None) -> dict[str, Any]:
    """Return what ``meta.json`` says, after comparing every file with the size and SHA-256 it gives.

    Costs one reading of the files: about 0.5 ms for each MB.

    Raises:
        FileNotFoundError: If there is no such folder.
        UnknownFormatError: If another neurokit wrote it in a format that this one does not read.
        CheckpointError: If a file is missing or differs; names it.
    """
    folder = Path(folder).expanduser()
    meta = _read_meta(folder)
    if sum(written["size"] for written in meta["files"].values()) > (limits or LIMITS).total_bytes:
        raise CheckpointError(f"{folder} has more than the {(limits or LIMITS).total_bytes:,} bytes that are read.")
    for name, written in meta["files"].items():
        path = folder / name
        if not os.path.lexists(path):
            raise CheckpointError(f"The checkpoint {folder} is incomplete: {name} is missing.")
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != written["size"]:
                raise CheckpointError(
                    f"{path} is damaged: it has {size:,} bytes and was written with {written['size']:,}."
                )
            if hashlib.file_digest(file, "sha256").hexdigest() != written["sha256"]:
                raise CheckpointError(f"{path} is damaged: its content is not what was written (SHA-256 differs).")
    return meta


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    if not folder.exists():
        old = sorted(folder.parent.glob(f"{beside_start(folder, 'old')}*"))
        hint = f" A replacement was interrupted: rename {old[-1].name} to {folder.name}." if old else ""
        raise FileNotFoundError(f"There is no checkpoint {folder}.{hint}")
    if not os.path.lexists(path):
        raise CheckpointError(f"{folder} is not a complete checkpoint: it has no {META}.")
    try:
        meta = read_json(path)
        found, writer, files = meta["format"], meta["neurokit"], meta["files"]
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    if found != FORMAT:
        raise UnknownFormatError(
            f"The checkpoint {folder} was written by neurokit {writer!s:.20} in format {found!s:.20}, and this "
            f"neurokit ({__version__}) reads format {FORMAT}. Upgrade: pip install --upgrade neurokit-torch."
        )
    if path.read_bytes() != _seal({name: value for name, value in meta.items() if name != "sha256"}) or not (
        isinstance(files, dict) and set(files) == {MODEL, STATE, TREE} and all(map(_is_file_entry, files.values()))
    ):
        raise CheckpointError(f"{path} is damaged: its content is not what was written.")
    return dict(meta)


def _is_file_entry(value: Any) -> bool:
    return isinstance(value, dict) and type(value.get("size")) is int and isinstance(value.get("sha256"), str)


def _sealed(files: Mapping[str, Any]) -> bytes:
    """Return ``meta.json`` as bytes."""
    versions = {"neurokit": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
    return _seal({"format": FORMAT, **versions, "files": files})


def _seal(meta: Mapping[str, Any]) -> bytes:
    """Return JSON whose last entry is the SHA-256 of the rest: the bytes are fixed, so any change to them shows."""
    digest = hashlib.sha256(json.dumps(meta).encode()).hexdigest()
    return json.dumps({**meta, "sha256": digest}, indent=2).encode() + b"\n"


# The checkpoints of a run


def step_name(step: int) -> str:
    """Return the name of a step's folder.

    Example:
        >>> step_name(120)
        'step-00000120'
    """
    return f"step-{step:08d}"


def newest(run_folder: StrPath) -> Path | None:
    """Return the checkpoint of the highest step that verifies, or ``None`` where there is none.

    Found by listing, so there is no pointer that could be wrong. A damaged one is passed over with a warning that says
    why, and the one before it is taken. A folder that is itself a checkpoint was asked for by name: it is returned, or
    the error says what is wrong with it.

    Raises:
        UnknownFormatError: If another neurokit wrote the newest in a format that this one does not read.
        CheckpointError: If ``run_folder`` is itself a checkpoint, and damaged.
    """
    run_folder = Path(run_folder).expanduser()
    if not run_folder.exists():
        return None
    if (run_folder / META).exists():
        verify(run_folder)
        return run_folder
    steps = [path for path in run_folder.iterdir() if re.fullmatch("step-[0-9]{8,}", path.name)]
    for folder in sorted(steps, key=lambda path: int(path.name.removeprefix("step-")), reverse=True):
        try:
            if folder.is_symlink():  # a folder may not point elsewhere
                raise CheckpointError(f"{folder} is a link. Name the folder that it points to.")
            verify(folder)
        except UnknownFormatError:
            raise
        except (CheckpointError, OSError) as error:
            warnings.warn(f"Passing over the checkpoint {folder.name}. {error}", stacklevel=2)
        else:
            return folder
    return None


def remove(folder: StrPath) -> None:
    """Delete a checkpoint folder; at no moment does a part of it stand under its name."""
    folder = Path(folder).expanduser()
    trash = beside(folder, "trash")
    os.rename(folder, trash)
    shutil.rmtree(trash)


def remove_leftovers(run_folder: StrPath) -> None:
    """Delete what killed processes left half-written or half-removed in a run's folder.

    Only what a process of this machine left that no longer lives: another machine may be writing here.
    """
    for path in Path(run_folder).expanduser().glob(".t*"):
        if path.name.startswith((".tmp-", ".trash-")) and is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
