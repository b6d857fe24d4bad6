"""Every block of Python on every page runs, from top to bottom of its page, or says why not; links lead somewhere."""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

PAGES = Path(__file__).parents[1] / "docs"
MNIST = Path(__file__).parents[2] / "shared" / "data" / "MNIST" / "raw"
ALL = sorted(path for path in PAGES.rglob("*.md") if not {"_build", "node_modules"} & set(path.parts))
SHOWN = {path.relative_to(PAGES).with_suffix("").as_posix(): path.read_text() for path in ALL}
ELSEWHERE = {"diagnostics"}  # fragments, as the page says: each check has tests that make its mistake
NOT_RUN = "# not run by the tests: "  # the first line of a block that the tests leave out says why
REASONS = [
    ("howto/many_gpus", "it needs torchrun"),
    ("howto/many_gpus", "it needs Ray"),
    ("transfer", "it downloads torchvision's weights"),
    ("transfer", "it reads a file of torchvision's weights"),
    ("tutorials/transfer_learning", "it downloads torchvision's weights"),
]


def _blocks(page: str) -> list[str]:
    blocks = re.findall(r"^```python\n(.*?)^```", SHOWN[page], re.DOTALL | re.MULTILINE)
    assert len(blocks) == SHOWN[page].count("```python")
    return blocks


@pytest.mark.parametrize("page", [page for page in SHOWN if _blocks(page) and page not in ELSEWHERE])
@pytest.mark.filterwarnings("default")
def test_what_a_page_shows_runs_from_top_to_bottom(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("agg")
    monkeypatch.chdir(tmp_path)
    ran = [block for block in _blocks(page) if not block.startswith(NOT_RUN)]
    if any("MNIST(" in block for block in ran):
        _lay_out_mnist(tmp_path / "data" / "MNIST" / "raw")
    module = ModuleType("page")  # in which a class of the page is found again
    monkeypatch.setitem(sys.modules, "page", module)

    assert ran
    for number, block in enumerate(ran, 1):
        exec(compile(block, f"docs/{page}.md, block {number}", "exec"), vars(module))
    plt.close("all")


def _lay_out_mnist(folder: Path) -> None:
    """Put MNIST's files where torchvision looks before it downloads them."""
    if not MNIST.is_dir():
        pytest.skip(f"needs MNIST in {MNIST}, which is not there, or a download")
    folder.mkdir(parents=True)
    for packed in MNIST.iterdir():
        content = packed.read_bytes()
        unpacked = gzip.decompress(content) if packed.suffix == ".gz" else content
        (folder / packed.name.removesuffix(".gz")).write_bytes(unpacked)


def test_what_is_not_run_is_listed_here() -> None:
    told = [(page, block.splitlines()[0]) for page in SHOWN for block in _blocks(page) if block.startswith(NOT_RUN)]

    assert told == [(page, NOT_RUN + reason) for page, reason in REASONS]


@pytest.mark.parametrize("page", SHOWN)
def test_links_within_the_site_lead_somewhere(page: str) -> None:
    prose = re.sub(r"^```.*?^```", "", SHOWN[page], flags=re.DOTALL | re.MULTILINE)
    targets = [one for one in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"https?://|#|mailto:", one)]

    lost = [one for one in targets if not (PAGES / page).parent.joinpath(one.partition("#")[0]).exists()]

    assert lost == []
