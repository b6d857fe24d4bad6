"""No source file of ours can run code that is in a file it reads: looked up in the syntax tree, not by grep."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

MODULES = {
    "pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "code",
    "codeop", "runpy", "imp",
}  # fmt: skip
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execve", "os.execvp", "os.spawnv",
    "commands.getoutput", "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn", "pandas.read_pickle",
    "torch.distributed.checkpoint.load", "torch.distributed.checkpoint.load_state_dict", "torch.jit.load",
    "torch.export.load", "torch.package.PackageImporter", "torch.hub.load", "torch.ops.load_library",
    "ctypes.cdll.LoadLibrary", "builtins.eval", "builtins.exec", "shutil.unpack_archive", "logging.config.fileConfig",
    "torch.serialization.add_safe_globals", "torch.serialization.safe_globals",
}  # fmt: skip
METHODS = {"extractall", "extract", "read_pickle", "to_pickle", "unpack_archive", "unsafe_load", "full_load"}
NUMPY_LOADERS = {"numpy.load", "numpy.lib.npyio.load", "numpy.fromregex"}
YAML_LOADERS = {"yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"}
IMPORTERS = {"importlib.import_module", "importlib.util.spec_from_file_location", "import_module"}

# What is allowed, by file: each with the reason. The names that import_module gets there are our own.
ALLOWED = {
    ("neurokit/__init__.py", "import_module"),  # of a fixed table of public names
    ("neurokit/bundle/programs.py", "torch.export.load"),  # only where the caller said trusted=True
    ("neurokit/export/programs.py", "torch.export.load"),  # of the file that it has written itself just now
    ("neurokit/torch_files.py", "pickle"),  # for the class of an error: the unpickler is torch's restricted one
}

# What lies in the package beside Python.
PAGES = {
    *(f"assessment/report/{name}" for name in ("template.html", "style.css", "page.js")),
    *(f"serve/page/{name}" for name in ("form.html", "docs.html", "style.css", "form.js")),
}


def dangers(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything in a source that could run code from a file."""
    tree = ast.parse(source)
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for name in [alias.name for alias in node.names]:
                full = f"{module}.{name}" if module else name
                found = MODULES & {full.split(".")[0]} or CALLS & {full}
                yield from ((node.lineno, str(one)) for one in found)
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, name) for name in _dangers_of_call(node, aliases))
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            name = _dotted(node, aliases)
            if name in CALLS - {"compile"}:  # passed on under another name, or called
                yield node.lineno, name


def _dangers_of_call(node: ast.Call, aliases: dict[str, str]) -> Iterator[str]:
    name = _dotted(node.func, aliases)
    options = {word.arg: word.value for word in node.keywords}
    if name == "compile":
        yield name
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield node.func.attr
    if name in ("torch.load", "torch.serialization.load") and not _is(options.get("weights_only"), True):
        yield name
    if name in NUMPY_LOADERS and not _is(options.get("allow_pickle"), False):
        yield name
    if name in YAML_LOADERS:
        yield name
    if "shell" in options and not _is(options["shell"], False):
        yield "shell"
    if _is(options.get("allow_pickle"), True):
        yield "allow_pickle"
    if _is(options.get("weights_only"), False):
        yield "weights_only"
    if name in IMPORTERS and not (node.args and isinstance(node.args[0], ast.Constant)):
        yield name.split(".")[-1]
    if None in options and name in ("torch.load", "numpy.load", "subprocess.run", "subprocess.Popen"):
        yield f"{name} with ** that may hold anything"


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return what names stand for: ``np`` for numpy, ``dcp`` for torch.distributed.checkpoint."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """Return a name as it is written out: ``np.load`` is ``numpy.load``."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, aliases)}.{node.attr}"
    return ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_source_file_holds_nothing_that_runs_code_from_a_file(path: Path) -> None:
    name = str(path.relative_to(ROOT / "src"))

    found = [(line, danger) for line, danger in dangers(path.read_text()) if (name, danger) not in ALLOWED]

    assert found == []


def test_every_exception_is_needed() -> None:
    found = {
        (str(path.relative_to(ROOT / "src")), danger) for path in SOURCES for _, danger in dangers(path.read_text())
    }

    assert found == ALLOWED


@pytest.mark.parametrize(
    "bad",
    [
        "import pickle",
        "from pickle import loads",
        "import _pickle as harmless",
        "import marshal",
        "import shelve",
        "import dill",
        "import joblib",
        "from joblib import load",
        "def f():\n    import cloudpickle",
        "eval('1')",
        "exec(text)",
        "compile(text, 'x', 'exec')",
        "run = eval\nrun(text)",
        "import builtins\nbuiltins.exec(text)",
        "__import__(name)",
        "import os\nos.system('x')",
        "from os import system\nsystem('x')",
        "import os as o\no.popen('x')",
        "import subprocess\nsubprocess.run('x', shell=True)",
        "import subprocess\nsubprocess.run('x', shell=flag)",
        "import subprocess\nsubprocess.run('x', **options)",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import torch\ntorch.load(path, weights_only=flag)",
        "import torch\ntorch.load(path, **options)",
        "import torch as t\nt.load(path)",
        "from torch import load\nload(path)",
        "from torch.serialization import load as safe\nsafe(path)",
        "import torch.distributed.checkpoint as dcp\ndcp.load(state)",
        "from torch.distributed import checkpoint\ncheckpoint.load(state)",
        "import torch\ntorch.distributed.checkpoint.load(state)",
        "import torch\ntorch.jit.load(path)",
        "import torch\ntorch.export.load(path)",
        "import torch\ntorch.hub.load('x', 'y')",
        "from torch.hub import load\nload('x')",
        "import numpy as np\nnp.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy\nnumpy.load(path, allow_pickle=flag)",
        "from numpy import load\nload(path)",
        "loader(path, allow_pickle=True)",
        "import pandas as pd\npd.read_pickle(path)",
        "frame.to_pickle(path)",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "archive.extractall(folder)",
        "archive.extract('x')",
        "import shutil\nshutil.unpack_archive(path)",
        "import importlib\nimportlib.import_module(name)",
        "from importlib import import_module\nimport_module(name)",
        "from importlib.util import spec_from_file_location\nspec_from_file_location(name, path)",
        "import torch\ntorch.serialization.add_safe_globals([x])",
    ],
)
def test_the_search_finds(bad: str) -> None:
    assert list(dangers(bad)) != []


@pytest.mark.parametrize(
    "good",
    [
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import re\nre.compile('x')",
        "model.eval()",
        "import subprocess\nsubprocess.run(['git', 'status'])",
        "import torch\ntorch.compile(model)",
        "Trainer(model, compile=compile)",
        "trainer.load(folder)",
        "from importlib import import_module\nimport_module('torch')",
        "'pickle, eval( and torch.load( in a text'",
    ],
)
def test_the_search_lets_pass(good: str) -> None:
    assert list(dangers(good)) == []


def test_the_wheel_holds_these_sources_and_nothing_that_could_run_otherwise() -> None:
    """Everything in the package's folder goes into the wheel: Python, the mark that it has types, the pages."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    inside = [
        path for path in (ROOT / "src" / "neurokit").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]

    assert wheel == {"packages": ["src/neurokit"]}
    others = {str(path.relative_to(ROOT / "src" / "neurokit")) for path in inside if path.suffix != ".py"}
    assert others == {"py.typed", *PAGES}


def test_nothing_runs_when_it_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert "hooks" not in project["tool"]["hatch"].get("build", {})
    assert not (ROOT / "setup.py").exists()


def test_the_threat_model_is_one_sentence_that_users_can_find() -> None:
    policy = " ".join((ROOT / "SECURITY.md").read_text().split())

    assert (
        "No neurokit function that reads a file or a request runs code from it, reads or writes a path that it names, "
        "or uses more than declared limits."
    ) in policy
    assert "90 days" in policy
    assert "@" not in policy  # no address that nobody reads


def test_the_documented_limits_are_the_real_ones() -> None:
    import dataclasses

    from neurokit import Limits

    page = (ROOT / "docs" / "security.md").read_text()

    for field in dataclasses.fields(Limits):
        assert f"| `{field.name}` | {field.default:,} |" in page
