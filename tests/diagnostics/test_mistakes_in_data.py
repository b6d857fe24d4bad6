"""Each mistake of outputs and data is named, by diagnose and by fit; its neighbour is not; it can be silenced."""

from __future__ import annotations

import copy
import logging

import pytest
import torch

import neurokit as nk
from diagnostics.mistakes_in_data import MISTAKES, Mistake, found
from neurokit import diagnostics
from neurokit.seeding import rng_state

CASES = [pytest.param(mistake, id=f"{mistake.code}: {mistake.name}") for mistake in MISTAKES]
ERRORS = [case for case in CASES if case.values[0].level == "error"]
SAID = [case for case in CASES if case.values[0].level != "error"]


def equal(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize("mistake", CASES)
def test_diagnose_names_the_mistake_and_its_mend(mistake: Mistake):
    (finding,) = found(mistake.wrong(), mistake.code)

    assert finding.level == mistake.level
    assert [word for word in mistake.words if word not in finding.message] == [], finding.message


@pytest.mark.parametrize("mistake", CASES)
def test_the_message_is_three_sentences_at_most(mistake: Mistake):
    (finding,) = found(mistake.wrong(), mistake.code)

    assert finding.message.endswith(".")
    assert len([part for part in finding.message.split(". ") if part]) <= 3, finding.message


@pytest.mark.parametrize("mistake", CASES)
def test_the_nearest_set_up_that_is_right_is_not_named(mistake: Mistake):
    assert found(mistake.right(), mistake.code) == []


@pytest.mark.parametrize("mistake", ERRORS)
def test_fit_refuses_an_error_before_anything_changed(mistake: Mistake):
    call = mistake.wrong()
    before = copy.deepcopy({"rng": rng_state(), **call.trainer.state_dict(), "counters": vars(call.trainer.state)})

    with pytest.raises(ValueError, match=mistake.code):
        call.trainer.fit(*call.data, **call.arguments, verbose=0)

    assert equal(before, {"rng": rng_state(), **call.trainer.state_dict(), "counters": vars(call.trainer.state)})


@pytest.mark.parametrize("mistake", SAID)
def test_fit_says_a_warning_or_a_note_once_and_writes_it_down(mistake: Mistake, caplog):
    call = mistake.wrong()

    with caplog.at_level(logging.WARNING, logger="neurokit"):
        for _ in range(2):
            call.trainer.fit(*call.data, **call.arguments, verbose=0)

    assert len([text for text in caplog.messages if f"[{mistake.code}]" in text]) == 1
    if mistake.code not in ("first-loss", "one-class", "large-targets"):  # of a model that is new
        written = [one for one in call.trainer.record.findings if one["code"] == mistake.code]
        assert [one["level"] for one in written] == [mistake.level]


@pytest.mark.filterwarnings("ignore:Using a target size")  # torch's own, which the check says in other words
@pytest.mark.parametrize("mistake", CASES)
def test_a_check_is_left_out_by_its_code(mistake: Mistake, caplog):
    call = mistake.wrong()

    with caplog.at_level(logging.WARNING, logger="neurokit"):
        call.trainer.fit(*call.data, **call.arguments, checks={mistake.code: False}, verbose=0)

    assert mistake.code not in caplog.text
    assert [one for one in call.trainer.record.findings if one["code"] == mistake.code] == []


@pytest.mark.parametrize("mistake", CASES)
def test_looking_changes_no_weight_and_no_random_stream(mistake: Mistake):
    call = mistake.right()
    before = copy.deepcopy({"rng": rng_state(), **call.trainer.state_dict()})

    nk.diagnose(call.trainer, *call.data, **call.arguments)

    assert equal(before, {"rng": rng_state(), **call.trainer.state_dict()})


def test_every_check_of_outputs_and_data_has_a_mistake():
    ours = {code for code, check in {**diagnostics.BEFORE, **diagnostics.AFTER}.items() if _is_ours(check)}

    assert ours - {"no-gradient"} == {mistake.code for mistake in MISTAKES}


def _is_ours(check) -> bool:
    return check.__module__.rpartition(".")[2] in ("outputs", "rows", "scales", "judgement")
