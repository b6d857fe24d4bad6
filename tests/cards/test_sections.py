from __future__ import annotations

from neurokit import RunRecord
from neurokit.cards.sections import sections


def test_sections_come_in_order_and_none_is_empty() -> None:
    found = sections(RunRecord(answers={"limitations": "None known."}))
    assert all(found.values())
    top = [address for address in found if "/" not in address]
    assert top == [
        "Summary", "Details", "How to use", "Model", "Data", "Training", "Evaluation", "Limits", "Reproduce",
        "To be completed",
    ]  # fmt: skip
    for address in found:
        assert "/" not in address or address.rpartition("/")[0] in found


def test_a_long_table_of_layers_is_folded() -> None:
    layers = "\n".join(f"  {place}  Linear" for place in range(60))
    assert "<details>" in sections(RunRecord(model={"class": "Net", "layers": layers}))["Model/Layers"]
    assert "<details>" not in sections(RunRecord(model={"class": "Net", "layers": "0 Linear"}))["Model/Layers"]


def test_a_ranking_by_permutation_says_what_was_measured() -> None:
    explanation = {
        "method": "permutation importance", "metric": "accuracy", "rows": 50,
        "features": [{"name": "age", "importance": 0.2, "low": 0.1, "high": 0.3}],
    }  # fmt: skip
    written = sections(RunRecord(explanation=explanation))["Explanation"]
    assert "what accuracy loses when it is shuffled over 50 rows" in written
    assert "| 1 | age | 0.2 (0.1 to 0.3) |" in written


def test_a_picture_without_its_section_stands_under_plots() -> None:
    plots = [
        {"file": "a.png", "title": "A", "section": "No such"},
        {"file": "b.png", "title": "B", "section": "Limits"},
    ]
    found = sections(RunRecord(answers={"card": {"plots": plots}}))
    assert found["Plots"] == "![A](a.png)"
    assert found["Limits"].endswith("![B](b.png)")
    assert list(found)[-2:] == ["Reproduce", "To be completed"]
