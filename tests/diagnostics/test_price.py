"""The checks cost next to nothing: counted on the processor's clock, which other programs do not move."""

from __future__ import annotations

import importlib.util
import statistics
from pathlib import Path

import pytest
import torch

from diagnostics.recipes import RECIPES
from neurokit import Callback

_FILE = Path(__file__).parents[2] / "benchmarks" / "checks.py"
_SPEC = importlib.util.spec_from_file_location("checks_benchmark", _FILE)
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)


def spent(call, rounds: int = 3) -> float:
    """The median seconds that the checks take in a fit."""
    seconds = []
    for _ in range(rounds):
        with benchmark.clocks() as clocks:
            call.trainer.fit(*call.data, **call.arguments, verbose=0)
        seconds.append(sum(clocks.values()))
    return statistics.median(seconds)


@pytest.mark.parametrize(
    "name",
    ["classification of a table", "images", "regression", "several inputs and a dict of losses", "early stopping"],
)
def test_a_small_job_pays_less_than_fifty_milliseconds(name):
    assert spent(RECIPES[name]()) < 0.050


def test_a_large_job_pays_no_more_than_a_small_one():
    x, y = torch.randn(60_000, 100), torch.randint(0, 10, (60_000,))
    held_out = torch.randn(10_000, 100), torch.randint(0, 10, (10_000,))
    with benchmark.clocks() as clocks:
        benchmark.fit(x, y, True, validation_data=held_out, steps_per_epoch=2)

    assert sum(clocks.values()) < 0.050


def test_nothing_is_paid_after_the_first_epoch():
    call = RECIPES["images"]()
    with benchmark.clocks() as clocks:
        call.trainer.fit(*call.data, **call.arguments | {"epochs": 1}, verbose=0)
    one = dict.fromkeys(clocks)
    counted = []

    class Late(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            counted.append(dict(clocks))

    with benchmark.clocks() as clocks:
        call.trainer.fit(*call.data, **call.arguments | {"epochs": 4, "callbacks": Late()}, verbose=0)

    assert clocks.keys() == one.keys()
    assert counted[1] == counted[2] == counted[3] == clocks
