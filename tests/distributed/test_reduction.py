"""Metrics of every kind, callbacks that decide and callbacks that write, in two ranks."""


def test_metrics_decisions_and_files_are_those_of_one_process(launch, tmp_path):
    done = launch("metrics_and_callbacks.py", tmp_path)
    assert done.returncode == 0
    for part in ("metrics", "outputs", "decisions", "writers", "adversaries", "refusals"):
        assert f"{part}: done" in done.stdout
    assert done.stdout.count("epoch 3/3") == 1  # one rank draws
