"""What happens when one rank dies, raises, hangs, or alone has something to say."""

import json
import re

import numpy as np
import pytest

SCRIPT = "killed_in_mid_epoch.py"


@pytest.fixture(scope="module")
def whole(launch, tmp_path_factory):
    """What a run ends with to which nothing happens, and its file of metrics."""
    folder = tmp_path_factory.mktemp("whole")
    assert launch(SCRIPT, folder / "run", folder / "end.json").returncode == 0
    return json.loads((folder / "end.json").read_text()), (folder / "run.csv").read_text()


@pytest.mark.parametrize("machines", [1, 2])
def test_a_rank_killed_in_mid_epoch_ends_with_the_weights_of_the_uninterrupted_run(launch, tmp_path, whole, machines):
    how = {"nodes": machines, "processes": 2 // machines, "restarts": 1, "KILL": "1:8"}
    done = launch(SCRIPT, tmp_path / "run", tmp_path / "end.json", **how)
    assert done.returncode == 0
    assert done.stdout.count("begins") == 4  # each rank twice: no restart is lost on the dead
    expected, metrics = whole
    found = json.loads((tmp_path / "end.json").read_text())
    np.testing.assert_allclose(found["weights"], expected["weights"], atol=1e-7)
    assert found["history"] == expected["history"]
    assert found["steps"] == expected["steps"]
    assert (tmp_path / "run.csv").read_text() == metrics


def test_a_rank_that_raises_is_named_by_the_others_with_its_reason(launch, tmp_path):
    launch("falls_silent.py", "raises", tmp_path)
    assert (tmp_path / "1.txt").read_text() == "ValueError: the disk of rank 1 is full."
    said = (tmp_path / "0.txt").read_text()
    assert "Rank 1 failed with ValueError: the disk of rank 1 is full" in said


def test_a_rank_that_hangs_is_named_after_the_timeout(launch, tmp_path):
    launch("falls_silent.py", "hangs", tmp_path, NEUROKIT_TIMEOUT="3")
    said = (tmp_path / "0.txt").read_text()
    assert "No answer came from rank 1" in said
    assert "max-restarts" in said


def test_what_one_rank_has_to_say_ends_all_of_them_alike(launch, tmp_path):
    launch("falls_silent.py", "alike", tmp_path)
    first, second = ((tmp_path / f"{rank}.txt").read_text() for rank in (0, 1))
    assert first == second
    fewer, other, alone, moved, stopped, ended = first.splitlines()
    assert "rows to train on 100 on rank 0, and 91 on rank 1" in fewer
    assert "a first batch whose numbers add up to" in other
    assert "act together Mine(save_every=None, save_best_only=False) on rank 0, and None on rank 1" in alone
    assert "no longer hold the same weights" in moved
    assert re.fullmatch(r"rank 1 has seen enough after ([5-9]|1[0-3]) steps", stopped)  # all of 25 are not done
    step = re.fullmatch(r"ended after (\d+) steps", ended)
    assert step
    assert 5 <= int(step[1]) < 14
    assert [path.name for path in (tmp_path / "run").glob("step-*")] == [f"step-{int(step[1]):08d}"]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_what_the_first_fails_at_both_hear_of_and_go_on(launch, tmp_path, strategy):
    assert launch("first_fails.py", strategy, tmp_path, NEUROKIT_TIMEOUT="20").returncode == 0
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    for name in ("no folder", "no log", "save", "save_weights"):
        assert first[name].startswith("20 NotADirectoryError: [Errno 20] ")
    assert first["made"] is False
    assert first["full at first"] == "completed"  # training goes on, and the best that could be saved is the best
    assert first["best"] == [0.6, "step-00000012"]
    assert first["full at last"].startswith("27 OSError: The last state of this run could not be saved in ")
    assert first["another run"].startswith("None FileExistsError: ")
    assert first["after all"] == "saved"
