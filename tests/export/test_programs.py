from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import neurokit as nk
from export import models
from neurokit.export.leaves import named_leaves
from neurokit.onnx_program import OnnxProgram

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(4, 1, 8, 8, generator=GENERATOR)
ROWS = torch.rand(4, 4, generator=GENERATOR)
PAIR = (torch.randint(0, 10, (4, 6), generator=GENERATOR), torch.rand(4, 2, generator=GENERATOR))
CASES: dict[str, tuple[Any, Any]] = {
    "convolution": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()), IMAGES),
    "positional": (models.TwoInputs, PAIR),
    "keyword": (models.TwoInputs, {"numbers": PAIR[1], "words": PAIR[0]}),
    "dict of outputs": (models.Deep, ROWS),
    "named tuple": (models.Named, ROWS),
    "recurrent": (models.Recurrent, torch.rand(4, 5, 3, generator=GENERATOR)),
    "double": (lambda: nn.Linear(4, 2).double(), ROWS.double()),
}  # fmt: skip


def _run(export: Any, x: Any) -> dict[str, Tensor]:
    """What a file says, asked as somebody would who has no neurokit."""
    members = (
        x
        if isinstance(x, dict)
        else dict(zip([one["name"] for one in export.inputs], x if isinstance(x, tuple) else (x,), strict=True))
    )
    if export.kind == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(export.path), providers=["CPUExecutionProvider"])
        found = session.run(None, {name: tensor.numpy() for name, tensor in members.items()})
        return {one.name: torch.from_numpy(array) for one, array in zip(session.get_outputs(), found, strict=True)}
    program = torch.export.load(export.path).module()
    return named_leaves(program(**x) if isinstance(x, dict) else program(*members.values()))[0]


def _take(x: Any, rows: int) -> Any:
    if isinstance(x, dict):
        return {name: _take(one, rows) for name, one in x.items()}
    if isinstance(x, tuple):
        return tuple(_take(one, rows) for one in x)
    return x[torch.arange(rows) % len(x)]


@pytest.mark.parametrize("kind", ["onnx", "pt2"])
@pytest.mark.parametrize("name", CASES)
def test_a_program_says_what_the_module_says_for_any_number_of_rows(name: str, kind: str, tmp_path: Path) -> None:
    build, x = CASES[name]
    with nk.seeded(0):
        module = build().eval()

    export = getattr(nk.export, f"to_{kind}")(module, tmp_path / f"model.{kind}", x)

    assert export.largest_difference < 1e-5
    assert export.bytes == (tmp_path / f"model.{kind}").stat().st_size
    for rows in (1, 2, 50):
        some = _take(x, rows)
        expected, _ = named_leaves(
            module(**some) if isinstance(some, dict) else module(*some) if isinstance(some, tuple) else module(some)
        )
        found = _run(export, some)
        assert list(found) == list(expected) == export.outputs
        for output, tensor in expected.items():
            torch.testing.assert_close(found[output], tensor.detach(), atol=1e-5, rtol=1e-5)


def test_resnet18_is_exported_as_it_is(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    with nk.seeded(0):
        model = resnet18(weights=None, num_classes=5)

    export = nk.export.to_onnx(model, tmp_path / "resnet18.onnx", torch.rand(2, 3, 64, 64, generator=GENERATOR))

    assert export.largest_difference < 1e-4
    assert export.inputs == [{"name": "x", "dtype": "float32", "shape": [3, 64, 64]}]
    onnx.checker.check_model(str(export.path))
    assert model.training


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")  # by torch 2.11, as it compiles
def test_a_fitted_trainer_needs_no_rows(tmp_path: Path) -> None:
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "c"])
    trainer = nk.Trainer(nn.Linear(3, 2), loss="cross_entropy")
    trainer.fit(x, np.arange(40) % 2, verbose=0)
    expected = trainer.predict(x)
    trainer.model.compile()  # as Trainer(compile=True) does; what is exported is the module behind it

    export = nk.export.to_onnx(trainer, tmp_path / "model.onnx")

    found = _run(export, torch.tensor(x.to_numpy()).float())["output"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert trainer.model._compiled_call_impl is not None


def test_a_length_may_be_free_too(tmp_path: Path) -> None:
    model = models.TwoInputs().eval()

    export = nk.export.to_onnx(model, tmp_path / "model.onnx", PAIR, dynamic={"words": {1: "length"}})

    longer = (torch.randint(0, 10, (2, 11), generator=GENERATOR), PAIR[1][:2])
    torch.testing.assert_close(_run(export, longer)["output"], model(*longer).detach(), atol=1e-5, rtol=1e-5)
    assert export.inputs[0]["shape"] == [None]


def test_module_modes_gradients_and_random_streams_stay(tmp_path: Path) -> None:
    model = models.Deep().train()
    model.body[1].eval()
    model(ROWS)["logits"].sum().backward()
    modes = [one.training for one in model.modules()]
    state = {name: one.clone() for name, one in model.state_dict().items()}
    gradient, rng = model.head.weight.grad.clone(), torch.get_rng_state()  # type: ignore[union-attr]

    nk.export.to_onnx(model, tmp_path / "model.onnx", ROWS)

    assert [one.training for one in model.modules()] == modes
    assert all(torch.equal(state[name], one) for name, one in model.state_dict().items())
    assert torch.equal(gradient, model.head.weight.grad)  # type: ignore[arg-type]
    assert torch.equal(rng, torch.get_rng_state())
    assert all(one.requires_grad for one in model.parameters())


def test_what_was_measured_is_told(tmp_path: Path) -> None:
    told = nk.export.to_onnx(nn.Linear(2, 1), tmp_path / "line.onnx", torch.zeros(1, 2)).to_dict()

    assert told["batch_sizes"] == [1, 7]
    assert told["versions"].keys() == {"neurokit", "torch", "onnxruntime"}
    assert told["structure"] == "output"
    metadata = {one.key: one.value for one in onnx.load(tmp_path / "line.onnx").metadata_props}
    assert metadata["class"] == "Linear"


REFUSED = [
    ("If", "depends on the values of its inputs at models.py, line {} (if x.sum() > 0:)", "if x.sum()"),
    ("Item", "depends on the values of its inputs at models.py, line {} (", "return x / scale"),
    ("Numpy", "leaves torch at models.py, line {} (return torch.from_numpy", "from_numpy"),
    ("FixedRows", "takes 3 rows and not 1 at models.py, line {} (return x.view(3, -1)", "x.view(3"),
    ("Random", "says something else each time it is asked", ""),
    ("OneNumber", "has not one row for each", ""),
    ("Counts", "was not kept: its output 'output' differs from that of Counts by ", ""),
]


@pytest.mark.parametrize(("name", "said", "line"), REFUSED)
@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_what_cannot_be_exported_is_said_with_its_line(kind, name, said, line, tmp_path: Path, capfd) -> None:
    source = Path(models.__file__).read_text().splitlines()
    number = next((at for at, text in enumerate(source, 1) if line and line in text), 0)
    (tmp_path / f"model.{kind}").write_text("an older one")

    with pytest.raises(ValueError, match=r"cannot be exported|not kept|says something|has not one row") as caught:
        getattr(nk.export, f"to_{kind}")(getattr(models, name)(), tmp_path / f"model.{kind}", ROWS[:3] + 1)

    assert said.format(number) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [f"model.{kind}"]
    assert (tmp_path / f"model.{kind}").read_text() == "an older one"
    assert capfd.readouterr() == ("", "")
    assert not nn.modules.module._global_buffer_registration_hooks  # with one, torch 2.11 compiles no step


def test_an_operator_without_translation_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"operator .*bessel_i0.* has no translation into ONNX.*nk.export.to_pt2"):
        nk.export.to_onnx(models.Unknown(), tmp_path / "model.onnx", ROWS)

    assert nk.export.to_pt2(models.Unknown(), tmp_path / "model.pt2", ROWS).largest_difference < 1e-5


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"path": "model.pt"}, ValueError, r"does not say that it is a .onnx. Name it 'model.onnx'"),
        ({"x": None}, ValueError, "Nobody knows what a row looks like"),
        ({"x": ROWS[:0]}, ValueError, "0 rows"),
        ({"trainer_or_module": nn.Linear}, TypeError, "a Trainer or an nn.Module, got a type"),
        ({"dynamic": {"y": {1: "length"}}}, ValueError, "names the input 'y', which the model has not"),
        ({"dynamic": {"x": {0: "rows"}}}, ValueError, "The first, that of rows, is free anyway"),
        ({"tolerance": -1}, ValueError, "tolerance is a number above 0"),
        ({"opset": 7}, ValueError, "opset is 18 or more"),
        ({"tolerence": 1}, TypeError, "Did you mean 'tolerance'"),
    ],
)
def test_mistakes_are_named(arguments, error, said, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error, match=said):
        nk.export.to_onnx(**{"trainer_or_module": nn.Linear(4, 1), "path": "model.onnx", "x": ROWS} | arguments)

    assert list(tmp_path.iterdir()) == []


def test_an_onnx_program_runs_where_there_is_no_torch(tmp_path: Path) -> None:
    model = nn.Linear(4, 2)
    export = nk.export.to_onnx(model, tmp_path / "line.onnx", ROWS)
    code = (
        "import sys\nsys.modules['torch'] = None\nimport numpy as np\nfrom neurokit.onnx_program import OnnxProgram\n"
        "print(OnnxProgram(sys.argv[1])({'x': np.ones((2, 4), np.float32)})['output'].tolist())"
    )

    done = subprocess.run([sys.executable, "-c", code, str(export.path)], capture_output=True, text=True, check=True)

    np.testing.assert_allclose(eval(done.stdout), model(torch.ones(2, 4)).tolist(), atol=1e-6)


def test_a_program_names_what_it_takes(tmp_path: Path) -> None:
    program = OnnxProgram(nk.export.to_onnx(nn.Linear(4, 2), tmp_path / "line.onnx", ROWS).path)
    row = np.ones((1, 4), np.float32)

    assert program.inputs == [{"name": "x", "dtype": "float32", "shape": [4]}]
    with pytest.raises(ValueError, match="and 'x' is missing"):
        program({})
    with pytest.raises(ValueError, match="takes x, and no 'y'"):
        program({"x": row, "y": row})
    with pytest.raises(
        ValueError, match=r"'x' as float32 with rows of the shape \(4\), and got float64 with rows of \(4,\)"
    ):
        program({"x": row.astype(np.float64)})
    with pytest.raises(ValueError, match=r"and got float32 with rows of \(3,\)"):
        program({"x": row[:, :3]})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08\x01" * 50, b"<html>"])
def test_what_is_no_program_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(ValueError, match="is no ONNX program"):
        OnnxProgram(tmp_path / "model.onnx")


@pytest.mark.parametrize("told", ["weights.bin", "../weights.bin", "{folder}/weights.bin"])
def test_numbers_in_other_files_are_not_fetched(told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where ONNX Runtime would look
    path = nk.export.to_onnx(nn.Linear(64, 64), tmp_path / "line.onnx", torch.zeros(2, 64)).path
    onnx.save_model(
        onnx.load(path), str(tmp_path / "split.onnx"), save_as_external_data=True, location="weights.bin",
        size_threshold=0,
    )  # fmt: skip

    split = onnx.load("split.onnx", load_external_data=False)
    for tensor in split.graph.initializer:
        for entry in tensor.external_data:
            entry.value = told.format(folder=tmp_path) if entry.key == "location" else entry.value
    (tmp_path / "split.onnx").write_bytes(split.SerializeToString())

    with pytest.raises(ValueError, match="keeps numbers in other files, and what a program names is not opened"):
        OnnxProgram(tmp_path / "split.onnx")
    with pytest.raises(ValueError, match="has more than the 10 bytes"):
        OnnxProgram(path, limits=nk.Limits(total_bytes=10))
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'line.onnx'"):
        OnnxProgram(tmp_path / "lin.onnx")
