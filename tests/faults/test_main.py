import json
from pathlib import Path

from faults import __main__ as frame

NAMES = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")} - {"main"}
NAMES |= {"hostile"}  # whose tests are in tests/hostile


def test_every_experiment_is_found_and_has_a_test():
    assert set(frame.find()) == NAMES


def test_an_experiment_says_its_goal_and_its_amounts():
    for name, module in frame.find().items():
        assert len(module.GOAL) > 20, name
        assert module.CI <= module.FULL or module.FULL == 0, name  # 0: all there are
        assert callable(module.run), name


def test_the_figures_of_parts_are_added_up():
    module = frame.find()["damage"]
    figures = frame.measure("damage", module, 21, 0, processes=2)
    assert figures["bit flips"] == 21 * 4
    assert figures["swaps"] == 2 * 4
    assert json.dumps(figures)


def test_a_row_that_was_not_run_again_stays_in_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "PAGE", tmp_path / "faults.md")
    rows = {name: [name, "goal", "1 kill", "2026-01-01", "`scripts/faults`", "machine"] for name in ("kill", "soak")}
    frame._write_page(rows)
    assert frame._written_rows() == rows
