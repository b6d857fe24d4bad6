from faults.damage import CI, FILES, run


def test_every_damage_is_detected_and_the_file_named():
    figures = run(CI)

    assert figures["bit flips"] == CI * len(FILES)
    assert figures["truncations"] >= 40 * len(FILES)
    assert figures["swaps"] == figures["deletions"] == len(FILES)
    assert {name: figures[name] for name in ("undetected", "not named", "older one not used")} == {
        "undetected": 0, "not named": 0, "older one not used": 0}  # fmt: skip
