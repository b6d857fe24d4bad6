"""The arithmetic of the pages to play with: node compares it with PyTorch's, whose answers are made anew here."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from play.export_reference import REFERENCE, reference

PAGES = Path(__file__).parents[2] / "docs" / "play"
NODE = shutil.which("node")


def _numbers(value: Any, path: str = "") -> dict[str, Any]:
    """Every leaf by its place, so that a difference can be found."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value}
    return {place: leaf for key, inner in items for place, leaf in _numbers(inner, f"{path}/{key}").items()}


def test_the_reference_is_what_pytorch_says_now() -> None:
    kept = _numbers(json.loads(REFERENCE.read_text(encoding="utf-8")))

    made = _numbers(reference())

    assert list(made) == list(kept)
    words = {place for place, value in kept.items() if isinstance(value, str)}
    assert {place: made[place] for place in words} == {place: kept[place] for place in words}
    numbers = [place for place in kept if place not in words and kept[place] is not None]
    assert [made[place] for place in numbers] == pytest.approx([kept[place] for place in numbers], rel=1e-12, abs=1e-12)


@pytest.mark.skipif(NODE is None, reason="the pages' arithmetic is tested by node, which is not in the PATH")
def test_the_arithmetic_of_the_pages_is_pytorchs() -> None:
    run = subprocess.run([NODE, "--test", "core.test.mjs"], cwd=Path(__file__).parent, capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "\n# pass 15\n" in run.stdout or "ℹ pass 15\n" in run.stdout  # noqa: RUF001 - node's own sign


def test_what_the_pages_are_built_from_is_pinned_without_addresses() -> None:
    needs = json.loads((PAGES / "package.json").read_text())
    lock = json.loads((PAGES / "package-lock.json").read_text())["packages"]

    for name, version in (needs["dependencies"] | needs["devDependencies"]).items():
        assert lock[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package and "resolved" not in package for place, package in lock.items() if place)
