"""Weights, logs, evaluations and predictions of two and of three ranks are those of one process."""


def test_two_ranks_train_to_the_weights_of_one_process(launch):
    done = launch("equals_one_process.py")
    assert done.returncode == 0
    assert "rank 0 of 2 is done" in done.stdout
    assert "rank 1 of 2 is done" in done.stdout
    assert "own step" in done.stdout
    assert "part by part" in done.stdout
    assert "synced norm, weighted" in done.stdout


def test_three_ranks_split_what_cannot_be_split_evenly(launch):
    done = launch("equals_one_process.py", "short", processes=3)
    assert done.returncode == 0
    assert "rank 2 of 3 is done" in done.stdout
    assert "a short last batch is refused" in done.stdout
