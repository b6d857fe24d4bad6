"""Of set-ups that are right, nothing is said."""

from __future__ import annotations

import logging

import pytest

import neurokit as nk
from diagnostics.recipes import RECIPES


def test_there_are_twenty_recipes_and_more():
    assert len(RECIPES) >= 20


@pytest.mark.parametrize("name", RECIPES)
def test_diagnose_finds_nothing_in_a_clean_recipe(name: str, caplog):
    call = RECIPES[name]()

    with caplog.at_level(logging.WARNING, logger="neurokit"):
        assert nk.diagnose(call.trainer, *call.data, **call.arguments) == []

    assert caplog.messages == []


@pytest.mark.parametrize("name", RECIPES)
def test_fit_says_nothing_of_a_clean_recipe(name: str, caplog):
    call = RECIPES[name]()

    with caplog.at_level(logging.WARNING, logger="neurokit"):
        call.trainer.fit(*call.data, **call.arguments, verbose=0)
        call.trainer.fit(*call.data, **call.arguments, verbose=0)

    assert (call.trainer.record.findings, caplog.messages) == ([], [])
