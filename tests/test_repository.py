from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import neurokit as nk

ROOT = Path(__file__).parents[1]
TEXT = {".py", ".md", ".toml", ".yaml", ".cff", ".mjs", ".js", ".html", ".css", ".json", ""}


def _files() -> list[Path]:
    """Every text file of the checkout that is ours: nothing made by a build or a run."""
    folders = [ROOT / name for name in (".ci", "docs", "examples", "scripts", "src", "tests")]
    inside = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if not {"__pycache__", "_build", "_built", "generated", "node_modules"} & set(path.parts)
    ]
    return [path for path in [*ROOT.iterdir(), *inside] if path.is_file() and path.suffix in TEXT]


def test_the_licence_is_apache_2() -> None:
    licence = (ROOT / "LICENSE").read_text()

    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_the_changelog_says_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()

    assert changelog.startswith("# Changelog")
    assert re.search(r"^## \[Unreleased\]\n\n### (Added|Changed|Fixed|Removed)$", changelog, re.MULTILINE)


def test_contributing_can_be_read_in_a_minute() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 60


def test_the_citation_has_our_version() -> None:
    assert f"\nversion: {nk.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_no_file_names_a_private_path() -> None:
    private = re.compile(r"/(home|root|Users|work)/\w")

    assert [path for path in _files() if private.search(path.read_text()) and path != Path(__file__)] == []


def test_types_are_shipped() -> None:
    assert (Path(nk.__file__).parent / "py.typed").exists()


def test_what_is_imported_at_run_time_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[\[<>=~ ]", need)[0] for need in project["dependencies"]}

    assert declared == {
        "torch", "torchvision", "numpy", "pandas", "scikit-learn", "shap", "tqdm", "matplotlib", "safetensors",
        "jinja2", "pyyaml",
    }  # fmt: skip


def test_the_extra_all_holds_every_extra_for_users() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (everything,) = extras["all"]

    assert set(re.split(r"[\[\],]", everything)[1:-1]) == set(extras) - {"all", "test", "docs", "dev"}


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").iterdir()))
def test_scripts_are_shell_without_syntax_errors(script: str) -> None:
    path = ROOT / "scripts" / script

    subprocess.run(["bash", "-n", path], check=True)
    assert script.startswith("_") or path.stat().st_mode & 0o111


README = (ROOT / "README.md").read_text()


def test_the_readme_says_first_which_neurokit_this_is() -> None:
    first_lines = "\n".join(README.splitlines()[:6])

    assert "neurokit-torch" in first_lines
    assert "biosignal" in first_lines
    assert not re.search(r"pip install neurokit(?!-torch)", README)


@pytest.mark.slow
def test_the_readmes_example_prints_what_the_readme_shows(tmp_path: Path) -> None:
    code, shown = re.search(r"```python\n(.*?)```\n.*?```text\n(.*?)```", README, re.DOTALL).groups()

    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    number = re.compile(r"\d+(?:\.\d+)?")
    assert number.sub("#", run.stdout) == number.sub("#", shown)
    fraction = re.compile(r"\d\.\d+")  # their last digits, and the number of epochs, differ between machines
    expected, printed = ([float(text) for text in fraction.findall(said)] for said in (shown, run.stdout))
    assert printed == pytest.approx(expected, abs=0.05)
