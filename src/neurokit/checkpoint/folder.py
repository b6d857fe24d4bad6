"""The checkpoint folder: written by one rename, verified before it is read, found by listing."""

from __future__ import annotations

import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from neurokit import __version__
from neurokit.arguments import suggestions
from neurokit.checkpoint.contents import META, MODEL, STATE, TREE, Part, Whole, is_complete, is_part, pack
from neurokit.checkpoint.tensors import read_tensors
from neurokit.checkpoint.tree import Keys, tensor_places, unpack
from neurokit.storage.files import (
    CheckpointError,
    StrPath,
    all_beside,
    beside,
    check_room,
    clear_abandoned,
    discard,
    explained,
    is_abandoned,
    make_folders,
    sync_folder,
    told_by_name,
    write_file,
)
from neurokit.storage.folders import is_occupied, put_in_place, standing
from neurokit.storage.limits import LIMITS, Limits
from neurokit.storage.manifest import is_entry, seal, small_content, verify_files
from neurokit.storage.strict_json import parse_json

Found = TypeVar("Found")
Like = Callable[[Keys], Tensor | None]

FORMAT = 1


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
        ValueError: If the state is beyond the limits of the format, or the path is not UTF-8.
        FileExistsError: If the folder holds another checkpoint, or anything that is none.
        OSError: If it cannot be written; names the path and the bytes it needs. Nothing is left behind.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / step_name(120)
        >>> read(write(folder, {"model": {"weight": torch.ones(2)}, "epoch": 3}))
        {'model': {'weight': tensor([1., 1.])}, 'epoch': 3}
    """
    return commit(folder, pack(state), replace=replace)


def commit(folder: StrPath, contents: Whole | Part, *, replace: bool = False) -> Path:
    """Write what ``pack`` gave: as ``write`` does, whole or not at all, and in any thread.

    What ``pack_part`` gave is written together with the other processes, each of which must call this.

    Raises:
        ValueError: If the path is not UTF-8.
        FileExistsError: If the folder holds another checkpoint, or anything that is none.
        OSError: If it cannot be written; names the path and the bytes it needs. Nothing is left behind.
    """
    filling = _Filling(Path(folder).expanduser().resolve(), replace=replace)
    try:
        if isinstance(contents, Whole):
            with explained(filling.place, contents.size):
                temporary = filling.begin(contents.size)
                filling.seal({name: write_file(temporary / name, one.chunks()) for name, one in contents.files.items()})
        else:
            from neurokit.checkpoint.divided import write_part  # a second, which one process does not pay

            write_part(contents, filling)
    finally:
        filling.discard()
    return Path(folder)


class _Filling:
    """A checkpoint folder that is filled beside its place, and takes it once it is sealed."""

    def __init__(self, place: Path, *, replace: bool) -> None:
        self.place, self.replace = place, replace
        self.temporary: Path | None = None

    def begin(self, size: int) -> Path:
        """Make the folder to fill, if a checkpoint may stand in its place and there is room for it."""
        _refuse_unreadable(self.place)
        _recover(self.place)
        _refuse_strangers(self.place)
        check_room(self.place, size)
        make_folders(self.place.parent)
        clear_abandoned(self.place)
        self.temporary = beside(self.place, "tmp")
        os.mkdir(self.temporary)
        return self.temporary

    def seal(self, files: Mapping[str, Any]) -> None:
        """Write ``meta.json``, wait until all is on disk, and put the folder in its place."""
        assert self.temporary is not None
        write_file(self.temporary / META, [_sealed(files)])
        sync_folder(self.temporary)
        if self.replace or not _already_holds(self.place, files):
            put_in_place(self.temporary, self.place)
        self.discard()
        for aside in all_beside(self.place, "old"):
            discard(aside)

    def discard(self) -> None:
        """Delete what did not take its place."""
        if self.temporary is not None:
            discard(self.temporary)


def _refuse_unreadable(place: Path) -> None:
    try:
        str(place).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{str(place)!r} is not UTF-8, and safetensors opens no other path. Nothing was written. "
            "Choose another name."
        ) from None


def _recover(place: Path) -> None:
    """Put back what a replacement that never ended had moved aside, if nothing took its place."""
    if not os.path.lexists(place) and (aside := next(filter(_is_sound, all_beside(place, "old")), None)):
        os.rename(aside, place)


def _refuse_strangers(place: Path) -> None:
    """Raise if anything stands at a checkpoint's place that neurokit did not put there."""
    if not os.path.lexists(place):
        return
    found = os.listdir(place) if place.is_dir() else [place.name]
    strangers = sorted(name for name in found if not (name in _OURS or is_part(name) or name.startswith(".")))
    if strangers:
        raise FileExistsError(
            f"{place} exists and is not a checkpoint of ours: there is {strangers[0]!r}. Nothing was changed. "
            "Choose another folder, or move that away."
        )


_OURS = (MODEL, STATE, TREE, META, "run.json")  # the last is the record that Trainer.save puts in


def _already_holds(place: Path, files: Mapping[str, Any]) -> bool:
    """Return whether a place holds a checkpoint of these contents; raise if it holds another, warn if a damaged one."""
    if not is_occupied(place):
        return False
    try:
        if _verify(place)["files"] == files:
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


def read(folder: StrPath, *, limits: Limits | None = None) -> dict[str, Any]:
    """Return the state in a checkpoint folder, verified first; tensors are on the CPU, and whole.

    Args:
        folder: The checkpoint.
        limits: What it may ask for; the default takes every checkpoint that neurokit writes.

    Raises:
        FileNotFoundError: If there is no such folder.
        UnknownFormatError: If another neurokit wrote it in a format that this one does not read.
        CheckpointError: If a file is missing, damaged or not what it should be; names the file and the cause.
    """
    return _undisturbed(Path(folder).expanduser(), partial(_read, limits=limits or LIMITS))


def _read(folder: Path, limits: Limits) -> dict[str, Any]:
    return read_verified(folder, _verify(folder, limits)["files"], limits)


def read_verified(folder: Path, files: Collection[str], limits: Limits, like: Like | None = None) -> dict[str, Any]:
    """Return the state in a checkpoint folder that was verified.

    Args:
        folder: The checkpoint.
        files: What it holds.
        limits: What it may ask for.
        like: Given the keys that lead to a tensor, the ``DTensor`` whose division it takes: only this process's part of
            it is read, whoever wrote it. ``None`` for one that is to be whole.

    Raises:
        CheckpointError: If a file is not what it should be.
    """
    try:
        tree = parse_json(small_content(folder / TREE, limits), limits)
    except ValueError as error:
        raise CheckpointError(f"{folder / TREE} does not describe a state: {error}.") from error
    if MODEL in files and like is None:
        weights, tensors = read_tensors(folder / MODEL, limits), read_tensors(folder / STATE, limits)
    else:
        weights, tensors = (_read_parts(folder, files, of, tree, limits, like) for of in ("$weight", "$tensor"))
    try:
        return dict(unpack(tree, weights, tensors, limits))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{folder / TREE} does not describe a state: {error}.") from error


def _read_parts(
    folder: Path, files: Collection[str], mark: str, tree: Any, limits: Limits, like: Like | None
) -> dict[str, Tensor]:
    """Return the tensors of one kind, from one file or from many, each whole or divided."""
    from neurokit.checkpoint.divided import read_divided  # a second, which a whole file does not cost

    stem = Path(MODEL if mark == "$weight" else STATE).stem
    keys = {name: path for path, kind, name in tensor_places(tree) if kind == mark}
    division = None if like is None else lambda name, shape: _of_shape(like(keys.get(name, ())), shape)
    own = [name for name in sorted(files) if name.startswith(stem) and name != TREE]
    return read_divided([folder / name for name in own], limits, division)


def _of_shape(like: Tensor | None, shape: list[int]) -> Tensor | None:
    return like if like is not None and list(like.shape) == shape else None


def verify(folder: StrPath, *, limits: Limits | None = None) -> dict[str, Any]:
    """Return what ``meta.json`` says, after comparing every file with the size and SHA-256 it gives.

    Costs one reading of the files: about 0.5 ms for each MB.

    Raises:
        FileNotFoundError: If there is no such folder.
        UnknownFormatError: If another neurokit wrote it in a format that this one does not read.
        CheckpointError: If a file is missing or differs; names it.
    """
    return _undisturbed(Path(folder).expanduser(), partial(_verify, limits=limits or LIMITS))


def _verify(folder: Path, limits: Limits = LIMITS, rank: int = 0, world: int = 1) -> dict[str, Any]:
    meta = _read_meta(folder)
    parts = len(meta["files"]) // 2  # by as many processes: each wrote one of the model, and one of the rest
    share = dict(list(meta["files"].items())[rank::world])
    verify_files(folder, share, replace(limits, total_bytes=limits.total_bytes * parts), "checkpoint")
    return meta


def sound_share(folder: Path, limits: Limits, rank: int, world: int) -> dict[str, Any]:
    """Return what ``meta.json`` says of the files, after comparing every ``world``-th of them, beginning at ``rank``.

    Raises:
        CheckpointError: As ``verify``.
    """
    files: dict[str, Any] = _verify(folder, limits, rank, world)["files"]
    return files


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    if not folder.exists():
        beside_it = os.listdir(folder.parent) if folder.parent.is_dir() else []
        hint = suggestions(folder.name, beside_it) or " Pass the folder that was saved to."
        raise FileNotFoundError(f"There is no checkpoint {folder}.{hint}")
    try:
        content = small_content(path, LIMITS)
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is not a complete checkpoint: it has no {META}.") from None
    try:
        meta = parse_json(content)
        sealed = seal({name: value for name, value in meta.items() if name != "sha256"})
        found, writer, files = meta["format"], meta["neurokit"], meta["files"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    if content != sealed:  # every format has this seal, so a flipped bit never looks like another format
        raise CheckpointError(f"{path} is damaged: its content is not what was written.")
    if found != FORMAT:
        raise UnknownFormatError(
            f"The checkpoint {folder} was written by neurokit {writer!s:.20} in format {found!s:.20}, and this "
            f"neurokit ({__version__}) reads format {FORMAT}. Upgrade: pip install --upgrade neurokit-torch."
        )
    if not isinstance(files, dict) or not is_complete(files) or not all(map(is_entry, files.values())):
        raise CheckpointError(f"{path} is damaged: it does not name the files of a checkpoint.")
    return dict(meta)


_ATTEMPTS = 200  # a run that saves as fast as it can replaces a small checkpoint about as often as it can be read
_PAUSE = 0.01  # seconds: file times may be no finer than 4 ms


def _undisturbed(folder: Path, look: Callable[[Path], Found]) -> Found:
    """Look at a checkpoint that stays the same meanwhile: a live run may replace it or delete it.

    One that was moved aside by a replacement that never ended is found where it lies.
    """
    failures = 0
    for _ in range(_ATTEMPTS):
        there, _ = before = _found(folder)
        try:
            found = look(there)
        except Exception:  # what vanishes while it is read fails in many ways
            if _found(folder) == before:
                failures += 1
                if there == folder or failures > 3:  # one beside its place may be in the middle of being deleted
                    raise
                time.sleep(_PAUSE)
        else:
            if _found(folder) == before:
                return found
    raise CheckpointError(f"{folder} was replaced {_ATTEMPTS} times while it was read. Read it when that run is over.")


def _found(folder: Path) -> tuple[Path, tuple[int, ...] | None]:
    """Return where a checkpoint stands, and what tells it from another one that stands there later."""
    there = standing(folder, META)
    try:
        found = os.stat(there)
    except OSError:
        return there, None
    return there, (found.st_dev, found.st_ino, found.st_mtime_ns)


def _sealed(files: Mapping[str, Any]) -> bytes:
    """Return ``meta.json`` as bytes."""
    versions = {"neurokit": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
    return seal({"format": FORMAT, **versions, "files": files})


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
    for _ in range(_ATTEMPTS):
        there, _ = before = _found(run_folder)
        if (there / META).exists():
            verify(run_folder)
            return run_folder  # which read finds beside its place, if it is there
        try:
            found = _newest_listed(run_folder)
        except FileNotFoundError:  # a live run deleted it, and has a newer one
            continue
        if found is not None or _found(run_folder) == before:
            return found
    raise CheckpointError(f"{run_folder} changed {_ATTEMPTS} times while it was read. Read it when that run is over.")


def _newest_listed(run_folder: Path) -> Path | None:
    for _, folder in steps(run_folder):
        try:
            if folder.is_symlink():  # a folder may not point elsewhere
                raise CheckpointError(f"{folder} is a link. Name the folder that it points to.")
            verify(folder)
        except UnknownFormatError:
            raise
        except (CheckpointError, OSError) as error:
            if not os.path.lexists(folder):
                raise FileNotFoundError(f"{folder} was deleted while it was read.") from error
            warnings.warn(f"Passing over the checkpoint {folder.name}. {error}", stacklevel=4)
        else:
            return folder
    return None


def read_newest(run_folder: StrPath, *, limits: Limits | None = None) -> dict[str, Any] | None:
    """Return the state in the checkpoint that ``newest`` finds, or ``None``; a live run may delete it meanwhile.

    Raises:
        UnknownFormatError: As ``newest``.
        CheckpointError: As ``newest`` and ``read``.
    """
    for _ in range(_ATTEMPTS):
        folder = newest(run_folder)
        try:
            return None if folder is None else read(folder, limits=limits)
        except FileNotFoundError:
            continue
    raise CheckpointError(f"{run_folder} changed {_ATTEMPTS} times while it was read. Read it when that run is over.")


def steps(run_folder: Path) -> list[tuple[int, Path]]:
    """Return a run's checkpoints with their steps, the highest first; one set aside after the one in its place."""
    if not run_folder.is_dir():
        return []
    found = []
    for name in os.listdir(run_folder):
        kind, label = told_by_name(name) or ("", name)
        if kind in ("", "old") and (step := _step_of(label)) is not None:
            found.append((step, kind == "", run_folder / name))
    return [(step, path) for step, _, path in sorted(found, reverse=True)]


def _step_of(name: str) -> int | None:
    found = re.fullmatch("step-([0-9]{8,18})", name)
    return None if found is None else int(found[1])


def remove(folder: StrPath) -> None:
    """Delete a checkpoint folder; at no moment, not even after a power failure, is a part of it under its name."""
    folder = Path(folder).expanduser()
    trash = beside(folder, "trash")
    os.rename(folder, trash)
    try:
        sync_folder(folder.parent)
    finally:
        discard(trash)


def check_writable(run_folder: StrPath) -> None:
    """Write what a checkpoint is made of into a run's folder, and delete it: what fails, fails before the training.

    Raises:
        OSError: If a checkpoint could not be written there: no permission, a read-only disk, a path that is too long.
        ValueError: If it could not be read again there.
    """
    place = Path(run_folder).expanduser().resolve() / step_name(0)
    _refuse_unreadable(place)
    temporary = beside(place, "tmp")
    try:
        os.mkdir(temporary)
        write_file(temporary / STATE, [b"?"])
        sync_folder(temporary)
    finally:
        discard(temporary)


def prune(
    run_folder: StrPath, keep: int, spare: Collection[int] = (), known: dict[Path, Any] | None = None
) -> list[str]:
    """Delete the checkpoints of a run that are older than the newest ``keep`` sound ones.

    A damaged one keeps nothing alive: as long as it is among the newest, one more stays.

    Args:
        run_folder: The run's folder.
        keep: How many sound ones to keep.
        spare: Steps that are never deleted.
        known: What was found sound before, so that each checkpoint is read once; the same dict each time.

    Returns:
        What is wrong with the damaged ones.

    Raises:
        OSError: If one cannot be deleted; the others were left alone.
    """
    run_folder, known = Path(run_folder).expanduser(), {} if known is None else known
    for name in os.listdir(run_folder):
        if (told_by_name(name) or ("",))[0] == "trash":  # what could not be deleted the last time
            discard(run_folder / name)
    sound, damaged = 0, []
    for step, folder in steps(run_folder):
        if told_by_name(folder.name):  # set aside: the next writing of that step deletes it, or the next start
            continue
        if sound >= keep:
            if step not in spare:
                remove(folder)
                known.pop(folder, None)
            continue
        try:
            _verify_once(folder, known)
            sound += 1
        except UnknownFormatError:
            pass
        except CheckpointError as error:
            damaged.append(str(error))
    return damaged


def _verify_once(folder: Path, known: dict[Path, Any]) -> None:
    """Verify a checkpoint unless its files are still those that were verified."""
    if known.get(folder) != (look := look_of(folder)):
        _verify(folder)
        known[folder] = look


def look_of(folder: Path) -> list[tuple[int, int, int]]:
    """Return what tells the files in a folder from others that stand there later."""
    files = [os.stat(folder / name) for name in sorted(os.listdir(folder))]
    return [(file.st_ino, file.st_size, file.st_mtime_ns) for file in files]


def remove_leftovers(run_folder: StrPath) -> None:
    """Clear what killed processes left in a run's folder: what was half-written or half-removed is deleted.

    Only what a process left of which it is sure that it no longer lives: another machine may be writing here. What an
    interrupted replacement had moved aside goes back to its place. Call it while holding the folder's lock.
    """
    run_folder = Path(run_folder).expanduser()
    for name in sorted(os.listdir(run_folder)):
        path, (kind, label) = run_folder / name, told_by_name(name) or ("", "")
        if kind == "old" and _step_of(label) is not None:
            _restore(path, run_folder / label)
        elif kind == "trash" or (kind == "tmp" and is_abandoned(path)):
            discard(path)


def _restore(aside: Path, place: Path) -> None:
    """End an interrupted replacement: keep what stands in the place if it is sound, else put back what stood there."""
    try:
        _verify(place)  # itself: what was moved aside would speak for it
    except UnknownFormatError:
        return
    except CheckpointError:
        if not _is_sound(aside):
            return
        remove(place)
    except FileNotFoundError:
        pass
    else:
        discard(aside)
        return
    os.rename(aside, place)
    sync_folder(place.parent)


def _is_sound(folder: Path) -> bool:
    try:
        _verify(folder)
    except (CheckpointError, OSError):
        return False
    return True
