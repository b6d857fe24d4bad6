"""Questions: what a card needs to say and only a person knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from neurokit.arguments import check_keywords
from neurokit.record import RunRecord


class Question(str):
    """The name of an answer, which reads as text, and the question it answers.

    Attributes:
        asks: The question, as one would ask a colleague.

    Example:
        >>> question = Question("contact", "Where do questions go?")
        >>> question, question.asks
        ('contact', 'Where do questions go?')
    """

    asks: str

    def __new__(cls, name: str, asks: str) -> Question:
        """Return the name with its question."""
        made = super().__new__(cls, name)
        made.asks = asks
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.asks


QUESTIONS: Final = (
    Question("license", "Under which licence may the model be used? An SPDX name such as mit, or your own words."),
    Question("owner", "Who is responsible for this model?"),
    Question("contact", "Where do questions, errors and complaints go?"),
    Question("intended_use", "What is the model for, by whom is it used, and what follows from its answers?"),
    Question("out_of_scope_use", "For what, and for whom, should it not be used?"),
    Question("data_source", "Where do the data come from: who collected them, when, how, and what is one row?"),
    Question("preprocessing", "What was done to the data before fit: rows dropped, gaps filled, scaling, encoding?"),
    Question("data_quality", "Which errors, gaps and biases of the data are known?"),
    Question("consent", "Are the data about people, and on what ground may they be used: consent, contract, law?"),
    Question("sensitive_columns", "Which columns say who a row is about (sex, age, origin, ...), or are there none?"),
    Question("metric_choice", "Why are these the numbers that matter here, and which error is the worse one?"),
    Question("ethical_considerations", "Who may be harmed by a wrong answer, how, and what is done about it?"),
    Question("limitations", "Where is the model known to fail, or was never tried?"),
)
OPTIONAL: Final = ("name", "version", "description", "data_name", "citation", "tags")  # a card is complete without
NOT_ALWAYS: Final = ("sensitive_columns", "metric_choice")  # asked only where the run does not tell
ASKED: Final = (*map(str, QUESTIONS), *OPTIONAL)

_OTHER_NAMES: Final = {
    "licence": "license",
    "owners": "owner",
    "author": "owner",
    "authors": "owner",
    "intended_uses": "intended_use",
    "uses": "intended_use",
    "out_of_scope": "out_of_scope_use",
    "out_of_scope_uses": "out_of_scope_use",
    "source": "data_source",
    "provenance": "data_source",
    "data_provenance": "data_source",
    "data_preprocessing": "preprocessing",
    "quality_issues": "data_quality",
    "quality": "data_quality",
    "data_consent": "consent",
    "sensitive": "sensitive_columns",
    "ethics": "ethical_considerations",
    "known_limitations": "limitations",
    "model_name": "name",
    "title": "name",
    "dataset_name": "data_name",
}


def missing(record: RunRecord) -> list[Question]:
    """Return what only a person can say of a run and nobody did, in the order in which the card asks it."""
    return [question for question in QUESTIONS if not answer(record, question) and _applies(question, record)]


def _applies(question: Question, record: RunRecord) -> bool:
    if question == "sensitive_columns":
        return not any(one.get("groups") for one in record.assessments.values())
    return question != "metric_choice" or bool(record.assessments)


def answer(record: RunRecord, name: str) -> str:
    """Return what a person answered, a list as a list of Markdown; "" where there is no answer."""
    given = record.answers.get(name)
    if isinstance(given, list):
        return "\n".join(f"- {one}" for one in given if isinstance(one, str))
    return given.strip() if isinstance(given, str) else ""


def is_answer(value: Any) -> bool:
    """Tell whether a value is text, or a list of it."""
    listed = isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)
    return listed or isinstance(value, str)


def kept_name(name: str) -> str:
    """Return the name that an answer is kept under: ``license`` of ``licence``."""
    return _OTHER_NAMES.get(name, name)


def checked_answers(owner: str, *given: Mapping[str, Any] | None) -> dict[str, str | list[str]]:
    """Return answers by the names they are kept under; one that is empty takes an answer back.

    Args:
        owner: The function, as the user calls it.
        *given: What the user passed, of which a later one goes before an earlier.

    Raises:
        TypeError: If a name is none of those asked, or an answer is neither text nor a list of it.
    """
    renamed: dict[str, Any] = {}
    for one in given:
        if one is not None and not isinstance(one, Mapping):
            raise TypeError(
                f"answers is a mapping of names to texts, got a {type(one).__name__}. Pass "
                'answers={"license": "mit"}, or license="mit".'
            )
        renamed |= {kept_name(str(name)): value for name, value in (one or {}).items()}
    check_keywords(owner, renamed, ASKED)
    for name, value in renamed.items():
        if value is not None and not is_answer(value):
            raise TypeError(
                f"{name} is an answer in words, got {value!r:.80} ({type(value).__name__}). Pass text, or a list of "
                f'texts: {name}="...".'
            )
    return {
        name: "" if value is None else value if isinstance(value, str) else list(value)
        for name, value in renamed.items()
    }
