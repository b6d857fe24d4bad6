from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

PAGES = Path(__file__).parents[1] / "docs"
RUN = [
    "assessment", "bundles", "decisions", "explanations", "export", "fairness", "model_cards", "report", "scikit_learn",
    "serving", "tabular", "transfer",
]  # fmt: skip
NOT_RUN = "# not run by the tests: "  # the first line of a block that the tests leave out says why
REASONS = [
    ("transfer", "it downloads torchvision's weights"),
    ("transfer", "it reads a file of torchvision's weights"),
]


def _blocks(page: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == text.count("```python")
    return blocks


@pytest.mark.parametrize("page", RUN)
@pytest.mark.filterwarnings("default")
def test_what_a_page_shows_runs_from_top_to_bottom(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("agg")
    monkeypatch.chdir(tmp_path)
    module = ModuleType("page")  # in which a class of the page is found again
    monkeypatch.setitem(sys.modules, "page", module)
    ran = [block for block in _blocks(page) if not block.startswith(NOT_RUN)]

    assert ran
    for number, block in enumerate(ran, 1):
        exec(compile(block, f"docs/{page}.md, block {number}", "exec"), vars(module))
    plt.close("all")


def test_what_is_not_run_is_listed_here() -> None:
    told = [(page, block.splitlines()[0]) for page in RUN for block in _blocks(page) if block.startswith(NOT_RUN)]

    assert told == [(page, NOT_RUN + reason) for page, reason in REASONS]
