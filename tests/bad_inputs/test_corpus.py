"""Every mistake in the corpus is answered in full, before anything was trained, changed or written."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
import torch

from bad_inputs import arguments, arrays, files, labels, loaders, models
from bad_inputs.corpus import Case
from neurokit import Trainer
from neurokit.seeding import rng_state

FILES = (arrays, labels, loaders, models, arguments, files)
CASES = [
    pytest.param(case, id=f"{module.__name__.split('.')[-1]}: {case.name}") for module in FILES for case in module.CASES
]
LINES = 12


def everything(trainer: Trainer | None) -> Any:
    """What a refused call may not change."""
    state = {"rng": rng_state()}
    if trainer is not None:
        if trainer.optimizers:
            state |= trainer.state_dict()
        state["counters"] = copy.copy(vars(trainer.state))
    return copy.deepcopy(state)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool((one == other).all()) if hasattr(one, "all") else one == other


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_answered_with_where_got_needed_and_do(case: Case, tmp_path, monkeypatch):
    trainer = None if case.trainer is None else case.trainer()
    monkeypatch.chdir(tmp_path)
    before, files = everything(trainer), sorted(os.listdir(tmp_path))

    with pytest.raises(case.error) as caught:
        case.call() if trainer is None else case.call(trainer)

    message = str(caught.value)
    missing = {
        part: getattr(case, part) for part in ("where", "got", "needed", "do") if getattr(case, part) not in message
    }
    assert not missing, message
    assert message.count("\n") < LINES
    assert equal(before, everything(trainer))
    assert sorted(os.listdir(tmp_path)) == files


@pytest.mark.parametrize("case", CASES)
def test_the_four_parts_of_a_case_are_four(case: Case):
    assert len({case.where, case.got, case.needed, case.do}) == 4


def test_the_corpus_is_as_large_as_promised():
    assert len({case.id for case in CASES}) == len(CASES) >= 150
