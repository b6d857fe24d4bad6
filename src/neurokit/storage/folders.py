"""Folders that are whole or absent: filled beside their place, then renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurokit.storage.files import all_beside, beside, clear_abandoned, discard, explained, make_folders, sync_folder


@contextmanager
def replacing_folder(place: Path) -> Iterator[Path]:
    """Yield a new folder to fill, which then takes the place of what stood there; after an error all is as it was.

    Args:
        place: Where it shall stand. Missing parents are made.

    Raises:
        OSError: If the system refuses; names the path.
    """
    with explained(place, 0):
        if not os.path.lexists(place) and (aside := next(iter(all_beside(place, "old")), None)):
            os.rename(aside, place)  # a replacement that never ended had moved it
        make_folders(place.parent)
        clear_abandoned(place)
        temporary = beside(place, "tmp")
        os.mkdir(temporary)
    try:
        yield temporary
        with explained(place, 0):
            sync_folder(temporary)
            put_in_place(temporary, place)
    finally:
        discard(temporary)
    for aside in all_beside(place, "old"):
        discard(aside)


def is_occupied(place: Path) -> bool:
    """Tell whether a folder stands there with something in it."""
    return place.is_dir() and any(place.iterdir())


def put_in_place(temporary: Path, place: Path) -> None:
    """Rename a finished folder into place; if this fails, all is as it was.

    What stands there is moved aside first. Between the two renames readers find it there, and so does the next start.
    """
    aside = beside(place, "old") if is_occupied(place) else None
    try:
        if aside is not None:
            os.rename(place, aside)
        os.rename(temporary, place)
        sync_folder(place.parent)
    except BaseException:
        if place.exists() and not temporary.exists():
            os.rename(place, temporary)  # which the caller deletes
        if aside is not None and aside.exists():
            os.rename(aside, place)
        raise


def standing(folder: Path, marker: str) -> Path:
    """Return where a folder stands: at its place or, if a replacement was interrupted, beside it.

    Args:
        folder: Its place.
        marker: A file that it has.
    """
    if os.path.lexists(folder):
        return folder
    return next((path for path in all_beside(folder, "old") if (path / marker).exists()), folder)
