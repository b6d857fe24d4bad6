"""Draw benchmarks/results/training.json for the README: docs/_static/speed.png, and the table beside it.

    python benchmarks/drawing.py

The picture carries the digest of the file that it was drawn from, so that a test can tell an old one.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl

import machine

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "_static" / "speed.png"
TITLES = {
    "tabular": "tabular\n800 rows, small MLP",
    "arrays": "arrays\n48,000 pictures in memory",
    "lesson": "lesson\nthe same, decoded by 2 workers",
}
NAMES = {
    "hand": "hand-written loop", "floor": "bare floor", "poutyne": "Poutyne", "ignite": "Ignite",
    "accelerate": "Accelerate", "lightning": "Lightning", "keras": "Keras 3",
}  # fmt: skip
OURS, OTHERS, BARE, INK = "#c2410c", "#9fb3c8", "#d4d4d4", "#1f2933"


def main() -> None:
    source = machine.RESULTS / "training.json"
    jobs = {job: one for job, one in machine.read("training").items() if job in TITLES}
    draw(jobs, hashlib.sha256(source.read_bytes()).hexdigest())
    write_table(ROOT / "README.md", table(jobs))


def order(jobs: dict[str, Any]) -> list[str]:
    """Return ours, the floor, the loop, then the others from fast to slow by the mean of their ratios."""
    found: dict[str, list[float]] = {}
    for one in jobs.values():
        for name, figures in one["runners"].items():
            found.setdefault(name, []).append(figures["ratio"])
    first = [name for name in ("neurokit compiled", "neurokit", "floor", "hand") if name in found]
    others = sorted(set(found) - set(first), key=lambda name: sum(found[name]) / len(found[name]))
    return first + others


def draw(jobs: dict[str, Any], digest: str) -> None:
    names = order(jobs)
    figure, axes = plt.subplots(1, len(jobs), figsize=(11, 0.34 * len(names) + 1.5), sharey=True, squeeze=False)
    for axis, (job, one) in zip(axes[0], jobs.items(), strict=True):
        draw_job(axis, names, one["runners"])
        axis.set_title(TITLES[job], fontsize=10, color=INK)
    axes[0][0].set_yticks(range(len(names)), [NAMES.get(name, name) for name in names], color=INK)
    axes[0][0].invert_yaxis()
    for label in axes[0][0].get_yticklabels():
        label.set_fontweight("bold" if label.get_text().startswith("neurokit") else "normal")
    figure.supxlabel("seconds per epoch beside the hand-written loop: shorter is faster", fontsize=10, color=INK)
    figure.tight_layout()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110, facecolor="white", metadata={"Description": digest})
    print(f"drawn: {PICTURE}")


def draw_job(axis: Axes, names: list[str], found: dict[str, Any]) -> None:
    """Draw a bar for each runner that there is, the whole of its spread as a line, and the ratio behind it."""
    end = 1.18 * max(one["highest"] for one in found.values())
    axis.axvline(1, color=INK, linewidth=0.8, linestyle=":", zorder=0)
    for place, name in enumerate(names):
        if name not in found:
            axis.text(0.015 * end, place, "not measured", va="center", fontsize=8.5, color=OTHERS)
            continue
        one = found[name]
        color = OURS if name.startswith("neurokit") else BARE if name == "floor" else OTHERS
        axis.barh(place, one["ratio"], color=color, height=0.7)
        axis.hlines(place, one["lowest"], one["highest"], color=INK, linewidth=0.8)
        weight = "bold" if name.startswith("neurokit") else "normal"
        behind = max(one["highest"], one["ratio"]) + 0.015 * end
        label = axis.text(behind, place, f"{one['ratio']:.2f}", va="center", fontsize=8.5, color=INK, fontweight=weight)
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axis.set_xlim(0, end)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", colors=INK, labelsize=8)
    axis.spines[["top", "right", "left"]].set_visible(False)


def table(jobs: dict[str, Any]) -> str:
    """Return the ratios as Markdown: a column for each job, and the spread of ours."""
    lines = [f"| | {' | '.join(jobs)} |", f"| --- |{' ---: |' * len(jobs)}"]
    for name in order(jobs):
        cells = [cell(one["runners"].get(name), name) for one in jobs.values()]
        label = NAMES.get(name, name)
        lines.append(f"| {f'**{label}**' if name.startswith('neurokit') else label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(one: dict[str, float] | None, name: str) -> str:
    if one is None:
        return "-"
    if name == "hand":
        return "1.00"
    return f"{one['ratio']:.2f} ({one['lowest']:.2f} to {one['highest']:.2f})"


def write_table(page: Path, lines: str) -> None:
    """Replace what stands between the marks in a page."""
    text = page.read_text()
    marked = re.compile(r"(<!-- speed-table -->\n).*?(\n<!-- end -->)", re.DOTALL)
    assert marked.search(text), f"{page} has no marks for the table"
    page.write_text(marked.sub(lambda found: found[1] + lines + found[2], text))
    print(f"written: {page}")


if __name__ == "__main__":
    main()
