from faults.power import CI, run

WRONG = ("renames out of order", "lost", "torn records", "damaged under a final name")


def test_a_committed_step_is_found_after_a_power_failure_at_any_moment():
    figures = run(CI)

    assert figures["calls"] > 200
    assert figures["replays"] == (figures["calls"] + 1) * (CI + 2)
    assert figures["commits"] >= 9
    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
