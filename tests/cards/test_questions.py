from __future__ import annotations

import copy
import pickle

import pytest

from neurokit import RunRecord
from neurokit.cards.questions import ASKED, QUESTIONS, answer, checked_answers, missing


def test_every_question_ends_as_one_and_has_a_name_of_its_own() -> None:
    assert len(set(ASKED)) == len(ASKED)
    assert all(question.isidentifier() and "?" in question.asks for question in QUESTIONS)


def test_a_question_reads_as_its_name_and_can_be_copied() -> None:
    for one in (copy.deepcopy(QUESTIONS[0]), pickle.loads(pickle.dumps(QUESTIONS[0]))):
        assert one == "license"
        assert one.asks == QUESTIONS[0].asks


def test_what_is_answered_is_not_missing_and_blanks_are_no_answer() -> None:
    record = RunRecord(answers={"license": "mit", "owner": "  ", "contact": [], "limitations": ["a"]})
    assert "license" not in missing(record)
    assert {"owner", "contact"} <= set(missing(record))
    assert answer(record, "limitations") == "- a"


def test_groups_that_were_measured_are_not_asked_for() -> None:
    record = RunRecord(assessments={"test": {"groups": None}})
    assert {"sensitive_columns", "metric_choice"} <= set(missing(record))
    record.assessments["validation"] = {"groups": {"groups": [{"n": 3}]}}
    assert "sensitive_columns" not in missing(record)


def test_other_usual_names_are_understood() -> None:
    given = {"licence": "mit", "provenance": "a registry", "known_limitations": ("a", "b"), "ethics": None}
    assert checked_answers("f", given) == {
        "license": "mit", "data_source": "a registry", "limitations": ["a", "b"], "ethical_considerations": "",
    }  # fmt: skip


def test_an_answer_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Pass text, or a list of texts: owner="):
        checked_answers("f", {"owner": {"name": "us"}})
    with pytest.raises(TypeError, match=r"contact is an answer in words, got \[1\] \(list\)"):
        checked_answers("f", {"contact": [1]})


def test_answers_of_a_strangers_record_that_are_no_text_are_none() -> None:
    record = RunRecord(answers={"license": 3, "owner": {"a": 1}, "contact": [1, None]})
    assert {"license", "owner", "contact"} <= set(missing(record))
