from faults.kill import CI, run


def test_a_run_that_is_killed_again_and_again_loses_nothing_and_ends_bit_identically():
    figures = run(CI)

    assert figures["kills"] >= 50
    assert figures["at random"] >= 25
    assert figures["named steps"] >= 30
    assert figures["runs ended"] >= 3
    assert {name: figures[name] for name in ("lost", "mixed", "leftovers", "failed")} == {
        "lost": 0, "mixed": 0, "leftovers": 0, "failed": 0}  # fmt: skip
