from __future__ import annotations

import datetime
import enum
import functools
import hashlib
import json
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import neurokit
from neurokit import record as room
from neurokit.record import RunRecord, collect_versions, describe, fingerprint, git_state, hardware
from neurokit.storage import Limits


def filled() -> RunRecord:
    return RunRecord(
        versions=collect_versions(),
        seed=2**64 - 1,
        git={"commit": "abc", "branch": None, "dirty": True},
        data={"x": fingerprint(np.zeros((3, 2)))},
        split={"how": "stratified", "fraction": 0.2, "seed": 1, "indices": [2, 0]},
        parameters={"batch_size": 32, "loss": "cross_entropy", "callbacks": []},
        hardware=hardware(),
        timings={"seconds": 1.5, "epochs": [0.7, 0.8]},
        findings=[{"code": "softmax", "says": "größe ✓"}],
        metrics={"last": {"loss": 0.1, "val_loss": math.inf}},
        epochs_run=2,
        stop_reason="completed",
    )


def test_a_record_equals_itself_after_a_round_trip(tmp_path: Path) -> None:
    record = filled()
    record.save(tmp_path / "deep" / "run.json")

    assert RunRecord.from_json(record.to_json()) == record
    assert RunRecord.load(tmp_path / "deep" / "run.json") == record
    assert RunRecord(**record.to_dict()) == record
    assert os.listdir(tmp_path / "deep") == ["run.json"]


def test_an_empty_record_is_one(tmp_path: Path) -> None:
    record = RunRecord()

    assert RunRecord.from_json(record.to_json()) == record
    assert datetime.datetime.fromisoformat(record.created).utcoffset() == datetime.timedelta(0)


def test_nan_is_written_as_strict_json_and_comes_back() -> None:
    text = RunRecord(metrics={"loss": math.nan}).to_json()

    assert json.loads(text, parse_constant=pytest.fail)["metrics"] == {"loss": {"$float": "nan"}}
    assert math.isnan(RunRecord.from_json(text).metrics["loss"])


def test_the_json_has_a_line_for_each_entry() -> None:
    lines = filled().to_json().splitlines()

    assert '  "seed": 18446744073709551615,' in lines
    assert '    "batch_size": 32,' in lines
    assert any('"indices": [2, 0]' in line for line in lines)


def test_what_is_not_plain_is_described_when_it_is_written() -> None:
    record = RunRecord(metrics={"loss": np.float32(0.5), "best": (1, 2)}, parameters={"loss": nn.MSELoss})

    found = RunRecord.from_json(record.to_json())

    assert found.metrics == {"loss": 0.5, "best": [1, 2]}
    assert found.parameters == {"loss": "torch.nn.modules.loss.MSELoss"}


def changed(**entries: Any) -> str:
    return json.dumps(json.loads(RunRecord().to_json()) | entries)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "{",
        "[" * 100_000,
        '{"seed": 1, "seed": 2}',
        changed(seed=math.nan),
        changed(seed="1"),
        changed(seed=True),
        changed(seed=1.0),
        changed(created=None),
        changed(metrics=[]),
        changed(findings={}),
        changed(findings=[1]),
        changed(epochs_run=None),
        changed(command="rm"),
        "\ud800",
    ],
)
def test_what_is_no_record_is_a_clear_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the record of a run"):
        RunRecord.from_json(text.encode(errors="surrogatepass"))
    (tmp_path / "run.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ValueError, match=r"run\.json: This is not the record of a run"):
        RunRecord.load(tmp_path / "run.json")


def test_unknown_and_missing_fields_are_named() -> None:
    values = json.loads(changed(command="rm"))
    del values["seed"]

    with pytest.raises(ValueError, match=r"unknown fields \['command'\], missing fields \['seed'\]"):
        RunRecord.from_json(json.dumps(values))


@pytest.mark.parametrize("number", [2**64, 10**30, -(10**5000)], ids=["a", "b", "c"])
def test_a_number_of_any_size_comes_back(number: int) -> None:
    record = RunRecord(parameters={"number": number, "small": 2**64 - 1})

    assert RunRecord.from_json(record.to_json()) == record


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(changed(created="x" * 2000))

    with pytest.raises(ValueError, match="more than the 1,000 bytes"):
        RunRecord.load(tmp_path / "run.json", limits=Limits(json_bytes=1000))


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunRecord.load(tmp_path / "run.json")


# Versions, git, hardware


def test_versions_are_those_that_run() -> None:
    versions = collect_versions()

    assert versions["neurokit"] == neurokit.__version__
    assert versions["torch"] == torch.__version__
    assert versions["numpy"] == np.__version__
    assert all(type(version) is str for version in versions.values())


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    git("init", "-b", "trunk")
    return tmp_path


def test_git_tells_commit_branch_and_changes(repository: Path) -> None:
    assert git_state() == {"commit": None, "branch": "trunk", "dirty": False}

    (repository / "train.py").write_text("x = 1")
    git("add", "train.py")
    git("commit", "-m", "first")
    (repository / "notes.txt").write_text("not tracked")
    commit = git("rev-parse", "HEAD")
    assert git_state() == {"commit": commit, "branch": "trunk", "dirty": False}

    (repository / "train.py").write_text("x = 2")
    assert git_state() == {"commit": commit, "branch": "trunk", "dirty": True}

    git("checkout", "--detach")
    assert git_state() == {"commit": commit, "branch": None, "dirty": True}


def test_git_runs_nothing_that_the_repository_asks_for(repository: Path) -> None:
    git("config", "core.fsmonitor", "touch canary; false")

    git_state()

    assert not (repository / "canary").exists()


def test_without_a_repository_or_git_there_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state() is None

    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state() is None


def test_git_that_does_not_answer_is_not_waited_for(repository: Path) -> None:
    assert git_state(timeout=0) is None


def test_hardware_is_plain_and_names_the_device() -> None:
    found = hardware("cpu")

    assert describe(found) == found
    assert found["device"] == "cpu"
    assert found["threads"] == torch.get_num_threads()
    assert found["accelerators"] == []
    assert found["deterministic"] is False


@pytest.mark.gpu
def test_hardware_names_the_accelerator() -> None:
    assert hardware("cuda")["accelerators"] == [torch.cuda.get_device_name()]


# Fingerprints


def test_a_fingerprint_says_shape_dtype_rows_and_content() -> None:
    data = np.arange(6, dtype=np.float32).reshape(3, 2)

    assert fingerprint(data) == {
        "shape": [3, 2],
        "dtype": "float32",
        "rows": 3,
        "sha256": hashlib.sha256(data.tobytes()).hexdigest(),
        "sampled": False,
    }


@pytest.mark.parametrize(
    "data",
    [
        torch.arange(6, dtype=torch.float32).reshape(3, 2),
        torch.arange(6, dtype=torch.float32).reshape(3, 2).requires_grad_(),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)),
        torch.tensor([[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]).T,
        pd.DataFrame(np.arange(6, dtype=np.float32).reshape(3, 2)),
    ],
)
def test_the_same_numbers_have_the_same_fingerprint(data: Any) -> None:
    assert fingerprint(data) == fingerprint(np.arange(6, dtype=np.float32).reshape(3, 2))


def test_byte_order_does_not_change_the_content() -> None:
    data = np.arange(4.0)

    assert fingerprint(data.astype(">f8"))["sha256"] == fingerprint(data)["sha256"]


def test_one_number_more_or_less_shows() -> None:
    data = torch.zeros(1000, 3)
    other = data.clone()
    other[777, 1] = 1e-30

    assert fingerprint(other)["sha256"] != fingerprint(data)["sha256"]


@pytest.mark.parametrize(
    "data",
    [np.array(1.5), np.zeros((0, 3)), torch.zeros(0), torch.tensor(2), np.array(["a", None], object),
     np.array(["b", "a"]), torch.ones(2, dtype=torch.bfloat16), np.zeros(2, "M8[s]"), torch.arange(4)[::2][:1],
     pd.Series(["a", "b"], dtype="category"), pd.DataFrame({"a": [1], "b": ["x"]})],
)  # fmt: skip
def test_anything_like_an_array_has_a_fingerprint_that_stays(data: Any) -> None:
    found = fingerprint(data)

    assert found == fingerprint(data)
    assert describe(found) == found


def test_labels_that_are_objects_are_told_apart_by_their_text() -> None:
    first, second = (np.array([word, "b"], object) for word in ("a", "c"))

    assert fingerprint(first)["sha256"] == fingerprint(first.copy())["sha256"]
    assert fingerprint(first)["sha256"] != fingerprint(second)["sha256"]


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_much_data_is_sampled_by_rows_and_says_so(convert: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_HASHED_BYTES", 80)
    data = np.arange(300.0).reshape(100, 3)

    found = fingerprint(convert(data))

    assert found["sampled"] is True
    assert found["rows"] == 100
    assert found["sha256"] == fingerprint(data[[0, 49, 99]])["sha256"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (TensorDataset(torch.zeros(3)), {"class": "TensorDataset", "rows": 3}),
        (iter([]), {"class": "list_iterator", "rows": None}),
        (torch.eye(2).to_sparse(), {"class": "Tensor", "rows": 2}),
    ],
)
def test_of_anything_else_class_and_rows_are_told(data: Any, expected: dict[str, Any]) -> None:
    assert fingerprint(data) == expected


# Descriptions


class Colour(enum.Enum):
    RED = 1


class Net(nn.Module):
    def __init__(self, hidden: int = 64, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.hidden, self._activation = hidden, activation


@dataclass
class Options:
    a: int
    b: Any = None


def scheduled(epoch: int) -> float:
    return 0.1


LOOP: list[Any] = []
LOOP.append(LOOP)

DESCRIPTIONS = [
    (None, None),
    (True, True),
    (2**70, 2**70),
    ("text", "text"),
    ((1, [2.5]), [1, [2.5]]),
    ({"b", "a"}, ["a", "b"]),
    ({0: 1.0, 1: 2.0}, {"0": 1.0, "1": 2.0}),
    (np.float64(0.5), 0.5),
    (np.arange(3), [0, 1, 2]),
    (np.zeros((100, 3)), "float64 ndarray of shape (100, 3)"),
    (torch.tensor(0.5), 0.5),
    (torch.zeros(100), "float32 Tensor of shape (100,)"),
    (torch.eye(2).to_sparse(), "float32 Tensor of shape (2, 2)"),
    (torch.device("cpu"), "cpu"),
    (torch.bfloat16, "torch.bfloat16"),
    (Path("a/b"), "a/b"),
    (1 + 2j, "(1+2j)"),
    (datetime.date(2020, 1, 2), "2020-01-02"),
    (Colour.RED, "Colour.RED"),
    (nn.MSELoss, "torch.nn.modules.loss.MSELoss"),
    (nn.functional.mse_loss, "torch.nn.functional.mse_loss"),
    (max, "builtins.max"),
    (pd.DataFrame({"a": [1, 2]}), "DataFrame of shape (2, 1)"),
    (scipy.sparse.eye_array(3), "dia_array of shape (3, 3)"),
    (object(), "object"),
    (nn.ReLU(), {"class": "ReLU", "inplace": False}),
    (nn.Sequential(nn.ReLU()), "Sequential"),
    (Options(1, Options(2)), {"class": "Options", "a": 1, "b": {"class": "Options", "a": 2, "b": None}}),
    (Net(32), {"class": "Net", "hidden": 32, "activation": "torch.nn.modules.activation.ReLU"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"), DESCRIPTIONS, ids=lambda value: repr(sorted(value) if isinstance(value, set) else value)[:20]
)
def test_a_value_is_described_in_plain_values(value: Any, expected: Any) -> None:
    assert describe(value) == expected
    assert type(describe(value)) is type(expected)


def test_a_function_is_its_qualified_name() -> None:
    assert describe(scheduled).endswith(".scheduled")
    assert describe(lambda: 0).endswith(".<lambda>")
    assert describe(Net(1).forward).endswith("_forward_unimplemented")


def test_a_partial_tells_its_arguments() -> None:
    assert describe(functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)) == {
        "partial": "torch.optim.sgd.SGD",
        "arguments": [],
        "lr": 0.1,
        "momentum": 0.9,
    }


def test_an_optimizer_is_its_class_and_defaults() -> None:
    found = describe(torch.optim.AdamW(nn.Linear(1, 1).parameters(), lr=0.01))

    assert (found["class"], found["lr"], found["betas"]) == ("AdamW", 0.01, [0.9, 0.999])


def test_a_loss_tells_what_changes_it() -> None:
    found = describe(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]), label_smoothing=0.1))

    assert found["class"] == "CrossEntropyLoss"
    assert found["label_smoothing"] == pytest.approx(0.1)
    assert found["weight"] == [1.0, 2.0]


def test_a_loader_tells_how_it_batches() -> None:
    found = describe(DataLoader(TensorDataset(torch.zeros(4)), batch_size=2, num_workers=0))

    assert (found["class"], found["batch_size"], found["num_workers"]) == ("DataLoader", 2, 0)


def test_a_property_of_an_object_is_not_run() -> None:
    class Lazy:
        def __init__(self, data: Any = None) -> None:
            pass

        @property
        def data(self) -> Any:
            raise AssertionError("asked")

    assert describe(Lazy()).endswith("Lazy")


def test_objects_that_hold_each_other_have_an_end() -> None:
    first, second = Options(1), Options(2)
    first.b, second.b = second, first

    json.dumps(describe(first))
    json.dumps(describe(LOOP))


@pytest.mark.parametrize("value", [value for value, _ in DESCRIPTIONS])
def test_a_description_is_json(value: Any) -> None:
    assert json.loads(json.dumps(describe(value), allow_nan=False)) == describe(value)


def test_a_resumed_run_with_nothing_left_to_train_tells_of_the_whole_run(tmp_path: Path) -> None:
    x = torch.rand(40, 2)
    folder = tmp_path / "run"

    def run() -> RunRecord:
        trainer = neurokit.Trainer(nn.Linear(2, 1), loss="mse")
        trainer.fit(x, x[:, :1], epochs=2, callbacks=[neurokit.ModelCheckpoint(folder)], resume=folder, verbose=0)
        return trainer.record

    first, again = run(), run()

    assert (again.epochs_run, again.metrics["last"]) == (2, first.metrics["last"])
    assert again.parameters["batch_size"] == 32


def test_a_resumed_run_keeps_its_beginning_its_seconds_and_what_a_person_said_of_it(tmp_path: Path) -> None:
    x, folder = torch.rand(40, 2), tmp_path / "run"

    def run(epochs: int) -> RunRecord:
        trainer = neurokit.Trainer(nn.Linear(2, 1), loss="mse")
        checkpoints = neurokit.ModelCheckpoint(folder)
        trainer.fit(x, x[:, :1], epochs=epochs, callbacks=[checkpoints], resume=folder, verbose=0)
        return trainer.record

    first = run(2)
    neurokit.ModelCard.from_record(folder, license="mit").save(folder)
    again = run(4)

    assert again.created == first.created
    assert again.timings["seconds"] > first.timings["seconds"] * 0.9
    assert again.timings["seconds"] >= sum(again.timings["epochs"])
    answers = RunRecord.load(folder / "run.json").answers
    assert answers["license"] == "mit"
    assert answers["card"].keys() == {"sha256"}
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nIn my own words.\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match="was changed since it was written"):
        neurokit.ModelCard.from_record(folder).save(folder)
