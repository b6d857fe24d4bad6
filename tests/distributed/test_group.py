"""What happens when one rank dies, raises, hangs, or alone has something to say."""

import json
import re

import numpy as np


def test_a_rank_killed_in_mid_epoch_ends_with_the_weights_of_the_uninterrupted_run(launch, tmp_path):
    script = "killed_in_mid_epoch.py"
    whole, killed = tmp_path / "whole.json", tmp_path / "killed.json"
    assert launch(script, tmp_path / "whole", whole).returncode == 0
    assert launch(script, tmp_path / "killed", killed, restarts=2, KILL="1:8").returncode == 0
    expected, found = json.loads(whole.read_text()), json.loads(killed.read_text())
    np.testing.assert_allclose(found["weights"], expected["weights"], atol=1e-7)
    assert found["history"] == expected["history"]
    assert found["steps"] == expected["steps"]
    assert (tmp_path / "killed.csv").read_text() == (tmp_path / "whole.csv").read_text()


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
    fewer, other, moved, stopped, ended = first.splitlines()
    assert "rows to train on 100 on rank 0, and 91 on rank 1" in fewer
    assert "a first batch whose numbers add up to" in other
    assert "no longer hold the same weights" in moved
    assert re.fullmatch(r"rank 1 has seen enough after ([5-9]|1[0-3]) steps", stopped)  # all of 25 are not done
    step = re.fullmatch(r"ended after (\d+) steps", ended)
    assert step
    assert 5 <= int(step[1]) < 14
    assert [path.name for path in (tmp_path / "run").glob("step-*")] == [f"step-{int(step[1]):08d}"]
