"""Every finding's link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurokit import Finding, diagnostics

PAGE = (Path(__file__).parents[2] / "docs" / "diagnostics.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
CODES = sorted(diagnostics.chosen(True))


@pytest.mark.parametrize("code", CODES)
def test_every_check_has_a_section_with_its_level_its_mend_and_how_to_silence_it(code):
    text = SECTIONS[code]

    assert re.search(r"\*\*(Error|Warning|Note)", text)
    assert "```python" in text
    assert f'checks={{"{code}": False}}' in text


def test_sections_are_of_codes_in_the_order_of_the_alphabet():
    assert list(SECTIONS) == sorted({*CODES, "refused", "shuffled-prediction"})  # these two cannot be left out


def test_a_finding_links_to_its_section():
    assert Finding("note", "A text.", "one-class").docs == "diagnostics.html#one-class"
