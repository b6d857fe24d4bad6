from __future__ import annotations

from faults.signals import CI, run


def test_every_signal_at_every_point_leaves_a_run_that_resumes_bit_for_bit() -> None:
    figures = run(CI)

    assert figures["signals"] == 22
    assert figures["wrong exit code"] == figures["runs that ended differently"] == 0, figures["first failure"]
