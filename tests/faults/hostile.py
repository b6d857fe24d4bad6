"""Files from strangers: every hostile file there is, and many random changes to sound ones."""

from __future__ import annotations

from hostile import make, suite

GOAL = "hostile files and random changes: 0 code run, 0 escapes, 0 crashes, all within time and memory"
CI = 2_000
FULL = 10_000


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Have every hostile file read once, and so many changes of sound files, 1,000 in a process."""
    results = suite.read_all(make.CASES)
    wrong = [text for case in make.CASES for text in suite.judge(case, results[case.name])]
    foreign, crashes = 0, 0
    for start in range(0, amount, 1000):
        found, ended = suite.work({"fuzz": [min(1000, amount - start), seed * 1_000_003 + start]})
        foreign += len(found)
        crashes += bool(ended)
    return {
        "hostile files": len(make.CASES),
        "random changes": amount,
        "code run": sum(make.CANARY in text for text in wrong),
        "escapes": sum(text.startswith("escape") for text in wrong),
        "crashes": sum(text.startswith("crash") for text in wrong) + crashes,
        "other errors than ours": sum(text.startswith("error") for text in wrong) + foreign,
        "over time": sum(text.startswith("time") for text in wrong),
        "over memory": sum(text.startswith("memory") for text in wrong),
        "slowest, s": round(max(result.get("seconds", 0.0) for result in results.values()), 2),
    }
