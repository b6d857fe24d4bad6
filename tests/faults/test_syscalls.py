from faults.syscalls import CI, run

WRONG = ("corrupted", "silent", "wrong error", "cannot go on")


def test_whichever_system_call_fails_nothing_is_corrupted_and_nothing_is_silent():
    figures = run(CI)

    assert figures["failures"] > 1000
    assert figures["in fit"] >= CI * 0.9
    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0)
