from __future__ import annotations

import pytest

from neurokit.assessment.report import sections


def test_decisions_are_told_in_counts_and_cost(binary):
    found = binary.to_dict()
    section = sections.decisions(found)
    done, turned_out, costs = section.tables
    assert sum(int(row[1]) for row in done.rows) == binary.n
    abstained = binary.decisions.counts["abstain"]
    assert sum(int(row[1]) for row in turned_out.rows) == binary.n - abstained
    assert costs.rows[0][1].startswith(f"{float(binary.decisions.cost):.3g}")
    assert [row[0] for row in costs.rows[1:]] == ["Always benign", "Always malignant"]
    assert "a person decides" in section.lead
    assert section.points[-1].startswith("The rule was chosen on “validation”")


def test_without_decisions_it_says_how_to_get_them(binary, regression):
    assert "threshold(costs=...)" in sections.decisions({**binary.to_dict(), "decisions": None}).lead
    assert "another kind of question" in sections.decisions(regression.to_dict()).lead


@pytest.mark.parametrize(
    ("cost", "says"),
    [
        ({"value": 10.0, "low": 5.0, "high": 15.0, "n": 50}, "It saves 20 over the cheapest way"),
        ({"value": 28.0, "low": 20.0, "high": 35.0, "n": 50}, "is not shown"),
        ({"value": 50.0, "low": 40.0, "high": 60.0, "n": 50}, "without a model would be cheaper, by 20"),
    ],
)
def test_savings_are_claimed_only_where_the_interval_carries_them(binary, cost, says):
    found = binary.to_dict()
    found["decisions"] |= {"cost": {"total": cost}, "compare": {"always yes": 30.0, "always no": 40.0}}
    assert any(says in point for point in sections.decisions(found).points)


def test_a_rule_chosen_on_the_same_rows_is_pointed_out(binary):
    found = binary.to_dict()
    assert "not on the rows reported here" in sections.decisions(found).points[-1]
    found["decisions"]["same_rows"] = True
    assert "the numbers above are too good" in sections.decisions(found).points[-1]


def test_groups_show_sizes_and_grey_out_the_small(binary):
    section = sections.groups(binary.to_dict())
    table = section.tables[0]
    small = [row for place, row in enumerate(table.rows) if place in table.muted]
    assert [row[:2] for row in small] == [["unknown (too few rows to judge)", "5"]]
    assert sum(int(row[1]) for row in table.rows) == binary.n
    assert len(section.tables[1].rows) == len(binary.groups.gaps)


def test_without_groups_there_is_no_section(regression):
    assert sections.groups(regression.to_dict()) is None


def test_limits_gather_what_is_small_and_what_was_noticed(binary):
    points = sections.limits(binary, binary.to_dict(), ["One hospital."]).points
    assert points[0] == "One hospital."
    assert "Noticed: The learning rate was high." in points
    assert any("Groups too small to judge: “unknown” (5)" in point for point in points)
    assert any("about 95 % of such measurements" in point for point in points)


def test_the_hashes_are_those_of_the_arrays(regression):
    from neurokit.record import fingerprint

    shown = {row[0]: row[1] for row in sections.reproduce(regression, regression.to_dict()).tables[0].rows}
    assert shown["SHA-256 of their truth"] == fingerprint(regression.y_true)["sha256"]
    assert shown["SHA-256 of the model's answers"] == fingerprint(regression.scores)["sha256"]


def test_several_inputs_have_a_hash_each():
    rows = sections._data({"train": {"rows": 3, "x": {"a": {"sha256": "1"}, "b": {"sha256": "2", "sampled": True}}}})
    assert rows == [["Rows of train data", "3"], ["SHA-256 of train x", "a 1; b 2 (of rows evenly spaced)"]]
