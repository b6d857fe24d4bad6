"""Draw the pictures that the tutorials show: run each page's blocks, and keep its last figure.

python docs/pictures.py [PAGE ...], from an environment with the extra "all". MNIST is downloaded where data/ has none.
"""

# ruff: noqa: T201 (it says what it has drawn)

import argparse
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).resolve().parent
PAGES = [
    "scratch", "tutorials/first_network", "tutorials/tabular", "tutorials/transfer_learning", "tutorials/explaining",
    "tutorials/fairness_and_decisions",
]  # fmt: skip

parser = argparse.ArgumentParser(description="Draw the pictures that the tutorials show.")
parser.add_argument("pages", nargs="*", default=PAGES)
parser.add_argument("--folder", default=".", help="where the pages run: what they write is left there")
options = parser.parse_args()
os.chdir(options.folder)
for page in options.pages:
    text = (DOCS / f"{page}.md").read_text()
    sys.modules["page"] = module = ModuleType("page")
    plt.close("all")
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if not block.startswith("# not run"):
            exec(compile(block, page, "exec"), vars(module))
    target = DOCS / "_static" / f"{Path(page).name}.png"
    plt.figure(plt.get_fignums()[-1]).savefig(target, dpi=110, bbox_inches="tight")
    print(f"drawn: {target}")
