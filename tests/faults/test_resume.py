"""A run that was interrupted anywhere and resumed ends as if it had never been: the same bits in everything."""

import copy

import pytest
import torch

from faults import resume
from faults.resume import KINDS, Point, Runs, difference, points
from neurokit import Trainer

POINTS = points(resume.CI, seed=2026)


@pytest.fixture(scope="module")
def made():
    with resume.runs() as runs:
        yield runs


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.kind}-{point.step}-{point.workers}-{point.then}")
def test_a_resumed_run_ends_bit_identically(made: Runs, point: Point):
    assert made.resumed(point) is None


def test_the_sample_holds_all_kinds_with_both_numbers_of_workers_and_every_change_of_it():
    assert len(POINTS) == resume.CI
    for workers in (0, 2):
        kinds = {point.kind for point in POINTS if (point.workers, point.then) == (workers, workers)}
        assert kinds >= KINDS.keys() - {"in memory"}
    assert {(0, 2), (2, 0), (2, 1)} <= {(point.workers, point.then) for point in POINTS}
    assert {point.step % 8 for point in POINTS if point.kind != "steps across passes"} == set(range(8))


def test_all_points_are_every_step_of_every_kind():
    every = points(resume.FULL, seed=0)
    assert len(every) == len(set(every)) == 13 * 24 * 3 + 24 - (24 - 15) * 3
    for name in KINDS:
        steps = {point.step for point in every if point.kind == name}
        assert steps == set(range(1, (15 if name == "steps across passes" else 24) + 1))


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"iterable", "in memory"}))
def test_the_number_of_workers_decides_nothing(made: Runs, name):
    assert difference(made.uninterrupted(name, 0)[1], made.uninterrupted(name, 2)[1]) is None


@pytest.mark.parametrize("lost", ["rng", "optimizers", "means", "callbacks"])
def test_a_resume_that_loses_something_is_found(made: Runs, monkeypatch, lost):
    whole = Trainer._resume

    def without(trainer, state):
        own = trainer.state_dict()
        own["means"] = copy.deepcopy(own["means"])
        whole(trainer, state | {lost: [] if lost == "callbacks" else own[lost]})

    monkeypatch.setattr(Trainer, "_resume", without)
    assert made.resumed(Point("batch norm", 5, 0, 0)) is not None


def test_a_difference_of_one_bit_is_found():
    zeros = {"a": [torch.zeros(2), 1.0, float("nan")]}
    assert difference(zeros, copy.deepcopy(zeros)) is None
    assert difference(zeros, {"a": [torch.tensor([0.0, -0.0]), 1.0, float("nan")]}) == ".a[0]"
    assert difference(zeros, {"a": [torch.zeros(2), 1, float("nan")]}) == ".a[1]"
    assert difference(zeros, {"a": [torch.zeros(2), 1.0]}) == ".a"
