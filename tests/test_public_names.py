from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import neurokit as nk

SLOW_TO_IMPORT = ["sklearn", "shap", "pandas", "matplotlib", "torchvision", "scipy", "tqdm", "tensorboard"]
SLOW_TO_IMPORT += ["fairlearn", "plotly", "jinja2", "yaml", "onnx", "onnxscript", "onnxruntime", "fastapi", "uvicorn"]


@pytest.mark.parametrize("name", nk.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(nk, name) is not None
    assert name in dir(nk)


def test_the_namespace_holds_the_public_names_and_nothing_else() -> None:
    for name in nk.__all__:
        getattr(nk, name)
    rooms = {name for name, value in vars(nk).items() if isinstance(value, ModuleType)} - set(nk.__all__)
    from_typing = {"annotations", "Any", "TYPE_CHECKING"}

    found = {name for name in vars(nk) if not name.startswith("_")} - rooms - from_typing

    assert found == set(nk.__all__)


def test_editors_see_the_same_names() -> None:
    source = Path(nk.__file__).read_text()
    imported = {
        line.split(" as ")[1].split()[0]
        for line in source.splitlines()
        if line.startswith("    ") and " as " in line and "import " in line
    }

    assert imported - {"nk"} == set(nk.__all__)


def test_no_room_has_the_name_of_a_public_function() -> None:
    rooms = {path.stem for path in Path(nk.__file__).parent.iterdir()}
    functions = {name for name in nk.__all__ if not isinstance(getattr(nk, name), ModuleType)}

    assert not rooms & functions


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Trainr'"):
        nk.Trainr  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    try:
        installed = metadata.version("neurokit-torch")
    except metadata.PackageNotFoundError:
        pytest.skip("runs from the source tree: nothing is installed")

    assert installed == nk.__version__


def _in_a_fresh_process(code: str) -> object:
    return json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def test_importing_loads_no_slow_package() -> None:
    loaded = _in_a_fresh_process(
        "import json, sys; import neurokit; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )

    assert not set(SLOW_TO_IMPORT) & set(loaded)


def test_a_trainer_can_be_built_without_loading_a_slow_package() -> None:
    loaded = _in_a_fresh_process(
        "import json, sys; import torch; before = set(sys.modules); import neurokit as nk;"
        "nk.Trainer(torch.nn.Linear(2, 1), loss='mse');"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )

    assert not set(SLOW_TO_IMPORT) & set(loaded)


def test_importing_takes_little_longer_than_importing_torch() -> None:
    code = (
        "import json, time; import torch; start = time.process_time(); import neurokit;"
        "print(json.dumps(time.process_time() - start))"
    )

    assert min(_in_a_fresh_process(code) for _ in range(3)) < 0.15  # whatever else a machine does only adds to it


def test_a_misspelt_public_name_gets_the_nearest():
    with pytest.raises(AttributeError, match=r"module 'neurokit' has no attribute 'Trainr'. Did you mean 'Trainer'"):
        nk.Trainr  # noqa: B018
    with pytest.raises(AttributeError, match=r"It has .*EarlyStopping.*Trainer"):
        nk.qqqqq  # noqa: B018
    assert not hasattr(nk, "__path__of_nothing__")
