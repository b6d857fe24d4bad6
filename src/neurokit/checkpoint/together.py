"""Together: several processes agree on the checkpoint that they read, and each verifies its share of the files."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from neurokit.checkpoint.contents import META
from neurokit.checkpoint.folder import Like, UnknownFormatError, read_verified, sound_share, steps
from neurokit.processes import Group
from neurokit.storage.files import CheckpointError, StrPath
from neurokit.storage.folders import standing
from neurokit.storage.limits import LIMITS, Limits


class Division(NamedTuple):
    """How a state lies in several processes.

    Attributes:
        like: Given the keys that lead to a tensor, the ``DTensor`` whose division it takes; ``None`` for a whole one.
        group: The processes.
    """

    like: Like
    group: Group


def read_together(folder: StrPath, division: Division, *, limits: Limits | None = None) -> dict[str, Any] | None:
    """Return the state in a checkpoint, or in a run's newest sound one, each process its part; ``None`` without one.

    The first process lists, so that all take the same. Each computes the SHA-256 of its share of the files, so that
    together they read the checkpoint once for that, and then what it holds itself, whoever wrote it.

    Args:
        folder: A checkpoint, or a run's folder.
        division: How the state lies here.
        limits: What its files may ask for.

    Raises:
        UnknownFormatError: If another neurokit wrote the newest in a format that this one does not read.
        CheckpointError: If ``folder`` is itself a checkpoint, and damaged.
    """
    group, limits = division.group, limits or LIMITS
    named = standing(Path(folder).expanduser(), META)
    is_named, found, failure = group.gather(_listed(named) if group.is_first else None)[0]
    if failure is not None:
        raise failure
    for path in found:
        files, failure = _verified(path, group, limits)
        if failure is None:
            return read_verified(path, files, limits, division.like)
        if is_named or isinstance(failure, UnknownFormatError):
            raise failure
        if group.is_first:
            warnings.warn(f"Passing over the checkpoint {path.name}. {failure}", stacklevel=3)
    return None


def _listed(folder: Path) -> tuple[bool, list[Path], OSError | None]:
    """Tell whether a folder is itself a checkpoint, which checkpoints to try one after the other, or why it cannot."""
    try:
        is_named = (folder / META).exists()
        return is_named, [folder] if is_named else [path for _, path in steps(folder)], None
    except OSError as error:
        return False, [], error


def _verified(path: Path, group: Group, limits: Limits) -> tuple[dict[str, Any], Exception | None]:
    """Return a checkpoint's files, and why it is not sound, as the first process has it that found something."""
    files: dict[str, Any] = {}
    failure: Exception | None = None
    try:
        if os.path.islink(path):
            raise CheckpointError(f"{path} is a link. Name the folder that it points to.")
        files = sound_share(path, limits, group.rank, group.world)
    except (CheckpointError, OSError) as error:
        failure = error
    return files, next((one for one in group.gather(failure) if one is not None), None)
