"""The model card: a run written down for those who have to rely on its model. A record in, Markdown out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from neurokit.arguments import check_flag, suggestions
from neurokit.cards import pictures
from neurokit.cards.files import answers_at, answers_lost_at, card_path, digest, put, refuse_others
from neurokit.cards.front_matter import front_matter, title, to_yaml
from neurokit.cards.gathering import (
    RECORD,
    assessments_by_name,
    explained,
    record_at,
    record_in,
    record_of,
    refuse_other_run,
)
from neurokit.cards.markdown import escaped, heading, paragraph
from neurokit.cards.questions import ASKED, Question, checked_answers, kept_name, missing
from neurokit.cards.sections import places, sections
from neurokit.cards.training import first_phase
from neurokit.record import RunRecord
from neurokit.storage import Limits

if TYPE_CHECKING:
    from neurokit.trainer import Trainer

logger = logging.getLogger("neurokit")


class ModelCard:
    """What a model is, how it was made, how good it is and what is not known of it, as Markdown with YAML front matter.

    Everything that a run knows of itself is filled in without asking, by ``from_trainer``. What only a person knows is
    listed by ``missing``, asked once at the end of the card, and answered by ``fill``. The text is a function of the
    record alone: ``from_record`` writes the same card from the ``run.json`` that ``save`` leaves beside it. Hugging
    Face's ``ModelCard.load`` reads it back, results included.

    Args:
        record: The run, with what was found of it and answered.

    Attributes:
        record: A copy of the run's record, with ``assessments``, ``explanation`` and ``answers`` filled.

    Example:
        >>> import torch, neurokit as nk
        >>> trainer = nk.Trainer(torch.nn.Linear(1, 1), loss="mse")
        >>> history = trainer.fit(torch.ones(8, 1), torch.ones(8, 1), verbose=0)
        >>> card = ModelCard.from_trainer(trainer, license="mit", owner="The toy department")
        >>> "license" in card.missing(), "intended_use" in card.missing()
        (False, True)
        >>> print(card["Model"].splitlines()[0])
        Linear with 2 parameters (2 trained), 8 bytes of weights and buffers.
    """

    __slots__ = ("_content", "_dropped", "_folder", "record")

    def __init__(self, record: RunRecord) -> None:
        if not isinstance(record, RunRecord):
            raise TypeError(
                f"A card is written from the record of a run, got a {type(record).__name__}. Use "
                "ModelCard.from_trainer(trainer), or ModelCard.from_record('run.json')."
            )
        self.record = RunRecord(**record.to_dict())  # the run's own stays as it is
        self._folder: Path | None = None  # where the record was read, and its pictures lie
        self._content: dict[str, Callable[[], bytes]] = {}
        self._dropped: set[str] = set()  # answers taken back, which save is not to find again

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what the card would not show."""
        if name in ModelCard.__slots__:
            object.__setattr__(self, name, value)
            return
        if (known := kept_name(name)) in ASKED:
            raise AttributeError(f'A card shows answers that fill puts in. Write card.fill({known}="...").')
        raise AttributeError(
            f"{name!r} cannot be set: a card is written from its record. What only a person knows goes in with "
            'card.fill(license="..."), what was found with ModelCard.from_trainer(trainer, assessment, explanation).'
        )

    @classmethod
    def from_trainer(
        cls,
        trainer: Trainer,
        assessment: Any = None,
        explanation: Any = None,
        *,
        plots: Any = None,
        answers: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> ModelCard:
        """Return the card of a trainer's latest run. The trainer stays as it is.

        Args:
            trainer: What was trained; an untrained one gives a card that says so.
            assessment: What ``nk.assess`` returned: one, a list of several under their own names (validation and test),
                or a dict by other names.
            explanation: What ``nk.explain`` returned.
            plots: ``None`` draws learning curves and the pictures of assessment and explanation; ``False`` draws none.
                Files, figures or axes, in a list or a dict by title, are shown as well.
            answers: What only a person knows, by name, as a team keeps it in a file for all its models.
            **named: The same, one by one, which go before ``answers``: ``license``, ``owner``, ``contact``,
                ``intended_use``, ``data_source`` and what else ``missing`` lists; and, if you like, ``name``,
                ``version``, ``description``, ``data_name``, ``citation`` and ``tags``.

        Raises:
            TypeError: If an answer is none that a card asks for, or something else is of the wrong kind.
            ValueError: If an assessment is of another run, or two have one name.
        """
        if not hasattr(trainer, "record") or not hasattr(trainer, "history"):
            raise TypeError(
                f"A card tells of a run, and a {type(trainer).__name__} has none. Pass the Trainer that was fitted, "
                "ModelCard.from_trainer(trainer), or a record, ModelCard.from_record('run.json')."
            )
        card = cls(record_of(trainer))
        told = checked_answers("ModelCard.from_trainer", answers, named)
        card._take(assessment, explanation, plots, told, run=trainer.record)
        if plots is not False:
            of = " of the second phase of fine_tune" if first_phase(card.record) else ""
            card._show(pictures.of_history(trainer.history, of))
        return card

    @classmethod
    def from_record(
        cls,
        record: RunRecord | Mapping[str, Any] | str | os.PathLike[str],
        assessment: Any = None,
        explanation: Any = None,
        *,
        plots: Any = None,
        limits: Limits | None = None,
        answers: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> ModelCard:
        """Return the card of a record: of one that a card left, the same text.

        Args:
            record: A ``RunRecord``, a ``run.json``, the folder that holds one, or what ``json.load`` read from it.
            assessment: As in ``from_trainer``, beside what the record holds already.
            explanation: As in ``from_trainer``.
            plots: As in ``from_trainer``.
            limits: What the file may ask for, where it comes from a stranger.
            answers: As in ``from_trainer``; they replace those in the record.
            **named: As in ``from_trainer``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it holds no record.
        """
        folder = None
        if isinstance(record, Mapping):
            record = record_in(record)
        elif not isinstance(record, RunRecord):
            record, folder = record_at(record, limits)
        card = cls(record)
        card._folder = folder
        told = checked_answers("ModelCard.from_record", answers, named)
        card._take(assessment, explanation, plots, told, run=record)
        try:
            _ = card.text
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"No run wrote this record: a card cannot be written from it, {error!r:.200}.") from error
        return card

    def _take(
        self, assessment: Any, explanation: Any, plots: Any, told: Mapping[str, str | list[str]], run: RunRecord
    ) -> None:
        """Put what was found and answered into the record, all of it checked before any of it is taken."""
        assessed = assessments_by_name(assessment)
        for name, one in assessed.items():
            refuse_other_run(name, one, run)
        extra = [] if plots is None or isinstance(plots, bool) else pictures.given(plots)
        record = self.record
        record.assessments |= {
            name: one if isinstance(one, Mapping) else one.to_dict() for name, one in assessed.items()
        }
        if explanation is not None:
            record.explanation = explained(explanation)
        self.record = RunRecord(**record.to_dict())
        self._answer(told)
        drawn: list[pictures.Picture] = []
        if plots is False:
            self._kept().pop("plots", None)
        else:
            drawn = pictures.told_by(self.record) if assessed or explanation is not None else []
            where = places(self.record)
            for name, one in assessed.items():
                drawn += [] if isinstance(one, Mapping) else pictures.of_assessment(name, where[name], one)
        self._show([*drawn, *extra])

    def _show(self, shown: list[pictures.Picture]) -> None:
        known = {one["file"]: one for one in pictures.pictures_of(self.record)}
        entries = {file: {key: one[key] for key in ("file", "title", "section")} for file, one in known.items()}
        entries |= {one.file: one.entry() for one in shown}
        if entries:
            self.record.answers["card"] = self._kept() | {"plots": list(entries.values())}
        self._content |= {one.file: one.content for one in shown}

    def _kept(self) -> dict[str, Any]:
        """What the card itself keeps in the record, beside the answers."""
        kept = self.record.answers.get("card")
        return kept if isinstance(kept, dict) else {}

    def _answer(self, told: Mapping[str, str | list[str]]) -> None:
        for name, value in told.items():
            if value:
                self.record.answers[name] = value
                self._dropped.discard(name)
            else:
                self.record.answers.pop(name, None)
                self._dropped.add(name)

    # ------------------------------------------------------------------------------------------------- what it says

    def fill(self, answers: Mapping[str, Any] | None = None, **named: Any) -> ModelCard:
        """Answer what only a person knows, and return the card; an empty answer, ``license=""``, takes one back.

        Args:
            answers: Text, or a list of texts, by the names that ``missing`` lists. Markdown is welcome; HTML, headings
                and pictures are shown as they were typed.
            **named: The same, one by one, which go before ``answers``.

        Raises:
            TypeError: If a name is none that a card asks for, or an answer is no text; nothing is changed then.

        Example:
            >>> ModelCard(RunRecord()).fill(license="mit").missing()[:2]
            ['owner', 'contact']
        """
        self._answer(checked_answers("ModelCard.fill", answers, named))
        return self

    def missing(self) -> list[Question]:
        """Return what only a person can say and nobody did: names, each with the question in its ``asks``.

        Example:
            >>> ModelCard(RunRecord()).missing()[0].asks
            'Under which licence may the model be used? An SPDX name such as mit, or your own words.'
        """
        return missing(self.record)

    @property
    def sections(self) -> Mapping[str, str]:
        """The text of each part by its address, such as ``"Evaluation/test/Groups"``, in the order of the card."""
        return MappingProxyType(sections(self.record))  # what is put into a copy would never be shown

    @property
    def front_matter(self) -> dict[str, Any]:
        """What machines read: licence, library, task, tags, and the results as ``model-index``."""
        return front_matter(self.record)

    @property
    def text(self) -> str:
        """The whole card: front matter, then Markdown."""
        return f"{to_yaml(self.front_matter)}\n{self._body()}"

    def _body(self) -> str:
        opening = "This card was written by neurokit from the record of the run, run.json beside it."
        opening += " What only a person can say is asked at its end." if self.missing() else ""
        return "\n\n".join([f"# {escaped(title(self.record))}", paragraph(opening), *_written(self.sections)]) + "\n"

    def __str__(self) -> str:
        return self.text

    def __getitem__(self, address: str) -> str:
        """Return a part with everything below it, without its own heading.

        Raises:
            KeyError: If the card has no such part.
        """
        found = self.sections
        if address not in found:
            hint = suggestions(str(address), found, cutoff=0.4) or f" It has {', '.join(found)}."
            raise KeyError(f"This card has no part {address!r}.{hint}")
        below = {name: text for name, text in found.items() if name.startswith(f"{address}/")}
        return "\n\n".join([found[address], *_written(below)])

    def __contains__(self, address: object) -> bool:
        return address in self.sections

    def __iter__(self) -> Iterator[str]:
        return iter(self.sections)

    def __len__(self) -> int:
        return len(self.sections)

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return self._body()

    def __repr__(self) -> str:
        open_ = len(self.missing())
        return f"ModelCard({title(self.record)!r}, {len(self)} sections, {open_} answers missing)"

    # --------------------------------------------------------------------------------------------------- on the disk

    def save(self, path: str | os.PathLike[str] = "README.md", *, overwrite: bool = False) -> Path:
        """Write the card, its pictures and the ``run.json`` it can be written from again; return the card's path.

        Each file is written whole or not at all. Answers of the card that is replaced, as its ``run.json`` holds them,
        are taken over where this card has none, so that training again loses no words; ``fill(license="")`` before it
        drops one. A picture that can neither be drawn nor found is left out of the card. Both are said.

        Args:
            path: A ``.md`` file, or a folder, which gets a ``README.md``.
            overwrite: Replace also a file that is no card of neurokit's, a card that somebody changed since it was
                written, and the ``run.json`` of another run.

        Raises:
            FileExistsError: If there is such a file, and ``overwrite`` is ``False``; nothing is written then.
            ValueError: If the path is some other kind of file.

        Example:
            >>> import tempfile
            >>> path = ModelCard(RunRecord()).save(tempfile.mkdtemp())
            >>> ModelCard.from_record(path.parent).text == path.read_text(encoding="utf-8")
            True
        """
        check_flag("overwrite", overwrite)
        place = card_path(path)
        if not overwrite:
            refuse_others(place, self.record)
        self._take_over(place)
        content = self._contents()
        gone = [one["file"] for one in pictures.pictures_of(self.record) if one["file"] not in content]
        if gone:
            logger.warning(
                "The card leaves out %s: what they show is not in the record, and the files are not beside it. Write "
                "the card with ModelCard.from_trainer, or from the folder that holds them.",
                ", ".join(gone),
            )
            kept = [one for one in self._kept()["plots"] if one["file"] in content]
            self.record.answers["card"] = self._kept() | {"plots": kept}
        for file, picture in content.items():
            put(place.parent / file, picture)
        text = self.text
        self.record.answers["card"] = self._kept() | {"sha256": digest(text)}  # to see whether somebody changes it
        self.record.save(place.parent / RECORD)
        put(place, text.encode())
        return place

    def _take_over(self, place: Path) -> None:
        """Keep what a person answered in the card that is replaced."""
        here = {*self.record.answers, *self._dropped}
        kept = {name: value for name, value in answers_at(place).items() if name not in here}
        self.record.answers |= kept
        if kept:
            logger.warning(
                "The card keeps what the one it replaces was answered: %s. See whether it is still true; an empty "
                'answer before save drops one, card.fill(%s="").', ", ".join(kept), next(iter(kept)),
            )  # fmt: skip
        lost = [name for name in answers_lost_at(place) if name not in here | set(kept)]
        if lost:
            logger.warning(
                "%s was answered %s, and the %s beside it does not hold that any more: the card is written without. "
                'Answer again, card.fill(%s="...").', place.name, ", ".join(lost), RECORD, lost[0],
            )  # fmt: skip

    def _contents(self) -> dict[str, bytes]:
        """The bytes of each picture: as drawn for this card, or from the record, or found beside it."""
        told = {one.file: one.content for one in pictures.told_by(self.record)}
        found = {}
        for one in pictures.pictures_of(self.record):
            file = one["file"]
            source = None if self._folder is None else self._folder / file
            if content := self._content.get(file, told.get(file)):
                found[file] = content()
            elif source is not None and source.is_file():
                found[file] = source.read_bytes()
        return found


def _written(found: Mapping[str, str]) -> Iterator[str]:
    for address, text in found.items():
        yield heading(address.rpartition("/")[2], address.count("/") + 2)
        yield text
