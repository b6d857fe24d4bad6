"""A short soak: what a long run would leak shows in a small one too, where objects and files are counted."""

import gc
import os

import pytest
import torch

from faults import soak
from faults.soak import Looks, Meter
from neurokit import Callback


@pytest.fixture(scope="module")
def figures():
    return soak.run(soak.CI)


PARTS = ["one fit", "with checkpoints", "many fits"]


@pytest.mark.parametrize("part", PARTS)
def test_memory_stays_what_it_was(figures, part):
    assert figures[f"{part}: memory growth %"] < 1


@pytest.mark.parametrize("part", PARTS)
def test_no_file_thread_or_process_stays(figures, part):
    assert figures[f"{part}: files, threads, processes more"] == 0


def test_an_epoch_leaves_no_object(figures):
    assert figures["one fit: tracked objects more"] <= 10  # in 140 epochs
    assert figures["with checkpoints: tracked objects more"] <= 10


def test_a_fit_leaves_no_object(figures):
    assert figures["many fits: tracked objects more"] <= figures["fits"] // 2


def test_history_is_a_few_numbers_an_epoch(figures):
    assert figures["one fit: bytes of history per epoch"] < 300


class Leaks(Callback):
    """Keeps an object, a megabyte and an open file of every epoch."""

    def __init__(self) -> None:
        self.kept: list = []

    def on_epoch_end(self, epoch, logs=None):
        self.kept.append(([epoch], torch.ones(250_000), os.open(os.devnull, os.O_RDONLY)))


def test_a_leak_is_found():
    leaking = Leaks()
    gc.freeze()
    meter, _ = soak.one_fit(100, [leaking])
    gc.unfreeze()
    figures = meter.figures("")
    for *_, file in leaking.kept:
        os.close(file)
    assert figures[": memory growth %"] > 1
    assert figures[": tracked objects more"] >= 60
    assert figures[": files, threads, processes more"] == 100


def test_a_measure_is_taken_after_everything_an_epochs_end_does():
    assert Looks(Meter(), 1).order > max(one.order for one in (Callback, soak.ModelCheckpoint, soak.EMA))
