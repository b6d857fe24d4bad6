"""Nothing a stranger hands us runs code, leaves its place, crashes, or takes more than its share."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hostile import make, suite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and open files are looked up in /proc")


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """What came of every case: those that start a process of their own are read beside the others.

    What took too long is read again when the others are done, twice at most: a busy machine adds to a time, and what
    is slow in itself is slow each time.
    """
    halves = [case for case in make.CASES if case not in make.PT], make.PT[::2], make.PT[1::2]
    with ThreadPoolExecutor(3) as threads:
        found = {name: result for part in threads.map(suite.read_all, halves) for name, result in part.items()}
    for _ in range(2):
        slow = [
            case for case in make.CASES if any(one.startswith("time") for one in suite.judge(case, found[case.name]))
        ]
        found |= suite.read_all(slow) if slow else {}
    return found


@pytest.mark.parametrize("case", make.CASES, ids=lambda case: f"{case.reader}: {case.name}")
def test_a_hostile_file_does_no_harm(case: make.Case, results: dict[str, dict[str, Any]]) -> None:
    assert suite.judge(case, results[case.name]) == []


def test_there_are_enough_of_them_and_no_two_are_one() -> None:
    assert len({case.name for case in make.CASES}) == len(make.CASES) >= 80
    assert sum(case.reader == "import_pt" for case in make.CASES) >= 30


def test_random_changes_give_no_error_but_ours() -> None:
    found, ended = suite.work({"fuzz": [2000, 0]})

    assert (found, ended) == ([], "")


# The suite itself: a harm that it could not see would pass for none


def result(**changes: Any) -> dict[str, Any]:
    sound = {"error": "CheckpointError", "says": "", "seconds": 0.0, "child_seconds": 0.0, "growth": 0, "size": 0}
    return sound | {"events": [], "created": []} | changes


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"crash": "signal 11"}, "crash"),
        ({"error": "KeyError"}, "error"),
        ({"error": ""}, "error"),
        ({"created": ["case/CANARY"]}, "escape: created"),
        ({"events": ["subprocess.Popen ('id',)"]}, "escape"),
        ({"events": ["socket.connect ('1.1.1.1',)"]}, "escape"),
        ({"seconds": 1.1}, "time"),
        ({"growth": 65 << 20}, "memory"),
    ],
)
def test_every_harm_is_seen(changes: dict[str, Any], wrong: str) -> None:
    case = make.Case("x", "load_weights", make.write(b""))

    assert suite.judge(case, result()) == []
    assert suite.judge(case, result(**changes))[0].startswith(wrong)


def test_a_reader_that_unpickles_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """With ``torch.load`` in the place of our reader, the canary appears."""
    import torch

    place = tmp_path / "given.pt"
    next(case for case in make.PT if case.name == "canary in an archive").make(place)

    torch.load(place, weights_only=False)

    assert (tmp_path / make.CANARY).exists()
