"""Files: where a card lies, and what of the user's it must not be written over."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from neurokit.arguments import check_path
from neurokit.cards.front_matter import OURS
from neurokit.cards.gathering import MARKDOWN, RECORD, identity
from neurokit.cards.questions import ASKED, NOT_ALWAYS, QUESTIONS, is_answer
from neurokit.record import RunRecord
from neurokit.storage import open_regular, replace_file

_MOST_READ = 1 << 24


def card_path(path: str | os.PathLike[str]) -> Path:
    """Return the file of a card: a ``.md`` file as it is, and in a folder its ``README.md``.

    Raises:
        ValueError: If it is some other kind of file.

    Example:
        >>> str(card_path("runs/first"))
        'runs/first/README.md'
    """
    check_path("path", path)
    place = Path(path).expanduser()
    if place.is_dir() or not place.suffix or place.suffix[1:].isdigit():  # "v1.2" is a folder
        return place / "README.md"
    if place.suffix.lower() not in MARKDOWN:
        raise ValueError(
            f"A card is Markdown, and {place.name!r} says that it is something else. Pass "
            f"{str(place.with_suffix('.md'))!r}, or a folder."
        )
    return place


def put(path: Path, content: bytes) -> None:
    """Write a file whole; one that holds this already is left alone."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    replace_file(path, [content], len(content))


def digest(text: str) -> str:
    """Return by what a text is known again, whatever ends its lines."""
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def refuse_others(place: Path, record: RunRecord) -> None:
    """Refuse to write a card over what is not its own.

    That is a file which is no card, a card that somebody changed since it was written, and the record of another run.
    A card and the record beside it are one, and are replaced together.

    Args:
        place: Where the card is to lie.
        record: What it is written from.

    Raises:
        FileExistsError: Naming the file, and what to do.
    """
    found = _text(place)
    if place.exists() and (found is None or not _is_card(found)):
        raise FileExistsError(
            f"{place} exists and is no card of neurokit's. Save the card elsewhere, such as "
            f"{str(place.with_name('MODEL_CARD.md'))!r}, or pass overwrite=True to replace it."
        )
    beside = place.parent / RECORD
    if not beside.exists():
        return
    try:
        other = RunRecord.load(beside)
    except ValueError as error:
        raise FileExistsError(
            f"{beside} exists and is no record of a run, and the card's would replace it. Save the card in another "
            "folder, or pass overwrite=True."
        ) from error
    if found is None and identity(other) != identity(record):
        raise FileExistsError(
            f"{beside} is the record of another run, begun {other.created} where this one began {record.created}. Save "
            "the card in another folder, or pass overwrite=True to replace it."
        )
    if _is_changed(found, other.answers):
        raise FileExistsError(
            f"{place} was changed since it was written, and the card would replace what somebody put in. Give the card "
            "their answers, card.fill(owner='...'), save it elsewhere, or pass overwrite=True."
        )


def is_changed(place: Path) -> bool:
    """Tell whether somebody changed the card at a place since it was written, as far as its record knows."""
    return _is_changed(_text(place), _kept_beside(place))


def _is_changed(found: str | None, answers: dict[str, Any]) -> bool:
    kept = answers.get("card")
    written = kept.get("sha256") if isinstance(kept, dict) else None
    return found is not None and written is not None and digest(found) != written


def answers_at(place: Path) -> dict[str, str | list[str]]:
    """Return what was answered in the card at a place, as the record beside it keeps it."""
    kept = _kept_beside(place)
    return {name: value for name, value in kept.items() if name in ASKED and is_answer(value) and value}


def answers_lost_at(place: Path) -> list[str]:
    """Return what the card at a place was answered where no card's record lies beside it, as after another ``fit``."""
    found = _text(place)
    if found is None or not _is_card(found) or "card" in _kept_beside(place):
        return []
    asked = re.findall(r"^- \[ \] (\w+): ", found, re.MULTILINE)
    return [str(one) for one in QUESTIONS if one not in asked and one not in NOT_ALWAYS]


def _kept_beside(place: Path) -> dict[str, Any]:
    beside = place.parent / RECORD
    try:
        return RunRecord.load(beside).answers if beside.is_file() else {}
    except ValueError:  # no record, which overwrite=True replaces
        return {}


def _text(path: Path) -> str | None:
    """The text of a file that is there."""
    if not path.is_file():
        return None
    with open_regular(path, follow=True) as file:
        return file.read(_MOST_READ).decode("utf-8", "replace")


def _is_card(text: str) -> bool:
    """Tell whether a text is a card that neurokit wrote."""
    front = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", text[: 1 << 20], re.DOTALL)
    return front is not None and OURS in front[1].splitlines()
