"""Replacing: what a new bundle may take the place of, so that nothing of anybody's is lost."""

from __future__ import annotations

import os
from pathlib import Path

from neurokit.bundle.layout import CARD, MANIFEST, RECORD, SEALED

_OF_THE_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini"}


def refuse_to_replace(place: Path) -> None:
    """Refuse to put a bundle where something else stands, or in the place of one that holds something of somebody's.

    Raises:
        FileExistsError: Naming what is there: files that are no bundle's, or a card that was changed by hand.
    """
    from neurokit.cards.files import is_changed

    if not place.exists():
        return
    found = sorted(os.listdir(place)) if place.is_dir() else [place.name]
    if found and MANIFEST not in found:
        raise FileExistsError(
            f"{place} exists and is no bundle: there is {found[0]!r}. Nothing was changed. Choose another folder, or "
            "move that away."
        )
    own = own_files(place) | _OF_THE_SYSTEM
    others = [name for name in found if name not in own]
    if others:
        raise FileExistsError(
            f"{place} is a bundle that also holds {others[0]!r}, which is not the bundle's and would be lost. Nothing "
            "was changed. Move that away, or choose another folder."
        )
    if is_changed(place / CARD):
        raise FileExistsError(
            f"{place / CARD} was changed since it was written, and a new bundle would replace what somebody put in. "
            "Nothing was changed. Move the card away, or choose another folder; answers given by card.fill, or "
            "neurokit card --set, are kept."
        )


def own_files(folder: Path) -> set[str]:
    """Return the names of the files in a folder that are a bundle's: its own, and its card's pictures."""
    from neurokit.cards.pictures import pictures_of
    from neurokit.record import RunRecord

    try:
        pictures = {one["file"] for one in pictures_of(RunRecord.load(folder / RECORD))}
    except (ValueError, OSError):
        pictures = set()
    return {MANIFEST, *SEALED, RECORD, CARD, *pictures}
