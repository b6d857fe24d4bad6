from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import neurokit as nk
from neurokit import cli
from neurokit.cli.doctor import installation
from neurokit.cli.quickstart import run_folder

PNG = b"\x89PNG"


def _neurokit(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "neurokit.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, _neurokit("quickstart", "--epochs", "2", folder=folder)


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_quickstart_leaves_pictures_numbers_and_a_checkpoint(quickstart) -> None:
    folder, run = quickstart
    made = folder / "runs" / "quickstart"

    assert run.returncode == 0, run.stderr
    assert (made / "learning_curves.png").read_bytes().startswith(PNG)
    assert (made / "confusion_matrix.png").read_bytes().startswith(PNG)
    assert [row["epoch"] for row in _rows(made / "history.csv")] == ["0", "1"]
    assert "macro avg" in (made / "classification_report.txt").read_text()
    assert isinstance(json.loads((made / "run.json").read_text()), dict)
    assert list(made.glob("step-*"))


def test_quickstart_says_what_it_made_and_where(quickstart) -> None:
    folder, run = quickstart
    accuracy = float(re.search(r"Test accuracy ([\d.]+)%", run.stdout)[1])

    assert 70 < accuracy <= 100
    listed = re.findall(r"^  (\S+)  ", run.stdout.partition("In runs/quickstart:")[2], re.MULTILINE)
    assert all(list((folder / "runs" / "quickstart").glob(name)) for name in listed)
    assert {"learning_curves.png", "confusion_matrix.png", "history.csv", "run.json"} <= set(listed)


def test_ctrl_c_in_a_second_run_ends_with_130_and_resume_continues_that_run(quickstart) -> None:
    folder, _ = quickstart
    command = [sys.executable, "-u", "-m", "neurokit.cli", "quickstart", "--epochs", "100000"]
    said = ""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said += line
                if line.startswith("epoch 2/"):
                    break
            process.send_signal(signal.SIGINT)
            said += process.communicate(timeout=60)[0]
        finally:
            process.kill()

    assert process.returncode == 130, said
    assert "Starting a new run in runs/quickstart-2" in said
    assert "--resume` continues runs/quickstart-2" in said
    assert "Traceback" not in said

    resumed = _neurokit("quickstart", "--epochs", "6", "--resume", "--json", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    printed = json.loads(resumed.stdout)  # one object and nothing else
    assert (printed["folder"], printed["epochs"]) == ("runs/quickstart-2", 6)
    assert 0 < printed["test"]["accuracy"] <= 1
    assert [row["epoch"] for row in _rows(folder / "runs" / "quickstart-2" / "history.csv")] == list("012345")
    assert not (folder / "runs" / "quickstart-3").exists()


def test_resuming_continues_the_newest_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("run", "run-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "something").touch()

    assert run_folder(tmp_path / "run", resume=True) == tmp_path / "run-2"
    assert f"Continuing the run in {tmp_path / 'run-2'}" in capsys.readouterr().out


def test_resuming_where_there_is_no_run_starts_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_folder(tmp_path / "run", resume=True) == tmp_path / "run"
    assert "no run in" in capsys.readouterr().out


def test_an_empty_folder_is_used_and_a_full_one_kept(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert run_folder(tmp_path / "run", resume=False) == tmp_path / "run"

    (tmp_path / "run" / "something").touch()
    assert run_folder(tmp_path / "run", resume=False) == tmp_path / "run-2"


def test_doctor_shows_versions_and_speed() -> None:
    run = _neurokit("doctor", folder=Path.cwd())

    assert run.returncode == 0, run.stdout
    assert torch.__version__.partition("+")[0] in run.stdout
    assert "GFLOP/s" in run.stdout
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert "none: training runs on the CPU" in run.stdout


def test_doctor_gives_the_same_as_json() -> None:
    report = json.loads(_neurokit("doctor", "--json", folder=Path.cwd()).stdout)

    assert report["versions"]["neurokit"] == nk.__version__
    assert report["device"]["device"] in ("cpu", "cuda", "mps")
    assert report["matmul"]["seconds"]["cpu"] > 0
    assert report["problems"] == []


def _install(folder: Path, name: str, package: str) -> None:
    """Lay out what pip leaves of a distribution with one module."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    information = folder / f"{name}-0.2.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.2.0\n")
    (information / "RECORD").write_text(f"{package}/__init__.py,,\n")


@pytest.mark.parametrize("name", ["neurokit", "somebodys-neurokit"])
def test_doctor_finds_a_distribution_that_installs_the_same_import_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, name, "neurokit")
    monkeypatch.syspath_prepend(tmp_path)

    problems, _ = installation()

    assert len(problems) == 1
    assert f"{name} 0.2.0 is installed" in problems[0]
    assert f"pip uninstall {name}" in problems[0]


def test_doctor_only_notes_the_biosignal_library_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "neurokit2", "neurokit2")
    monkeypatch.syspath_prepend(tmp_path)

    problems, notes = installation()

    assert problems == []
    assert "neurokit2" in notes[0]


@pytest.mark.parametrize(
    "command", ["quickstart", "doctor", "runs", "train", "evaluate", "predict", "explain", "card", "export", "serve"]
)
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])

    assert ended.value.code == 0
    assert f"example: neurokit {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "neurokit: the following arguments are required: COMMAND"),
        (["docter"], "Did you mean 'doctor'? See neurokit --help."),
        (["quickstart", "--epochs", "0"], "--epochs: takes a whole number of 1 or more, got '0'"),
        (["quickstart", "--epochs", "many"], "--epochs: takes a whole number of 1 or more, got 'many'"),
        (["quickstart", "--epoch", "3"], "Did you mean '--epochs'? See neurokit quickstart --help."),
    ],
)
def test_wrong_usage_ends_with_2_and_one_sentence(arguments: list[str], said: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_failure_is_one_sentence_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    run = _neurokit("quickstart", "--folder", "file/run", folder=tmp_path)

    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("neurokit quickstart: ")


@pytest.mark.parametrize("arguments", [["quickstart", "--seed", "-1", "--json"], ["doctor", "--jsom", "--json"]])
def test_with_json_an_error_is_one_object_on_stderr(arguments: list[str], tmp_path: Path) -> None:
    run = _neurokit(*arguments, folder=tmp_path)

    error = json.loads(run.stderr)
    assert run.returncode == error["exit_code"] == 2
    assert error["command"] == arguments[0]
    assert run.stdout == ""
    assert not list(tmp_path.iterdir())


def test_training_that_fails_ends_with_4(monkeypatch, capsys) -> None:
    def diverges(options: object) -> int:
        trainer = nk.Trainer(torch.nn.Linear(1, 1), loss="mse", optimizer="sgd", learning_rate=1e30, device="cpu")
        trainer.fit(torch.ones(64, 1), torch.ones(64, 1), epochs=3, verbose=0)
        return 0

    monkeypatch.setattr("neurokit.cli.doctor.run", diverges)

    assert cli.main(["doctor"]) == 4
    assert "The loss is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (cli.CommandError(cli.Exit.DATA, "no column 'age'"), 3),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=["data", "disk", "ctrl-c"],
)
def test_what_ends_a_command_has_its_code(error: BaseException, code: int, monkeypatch, capsys) -> None:
    def fails(options: object) -> int:
        raise error

    monkeypatch.setattr("neurokit.cli.doctor.run", fails)

    assert cli.main(["doctor"]) == code
    assert capsys.readouterr().err.startswith("neurokit doctor: ")


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("no number"), TypeError("no table")])
def test_what_is_wrong_with_a_file_in_a_block_of_data_ends_with_3(error: Exception) -> None:
    with pytest.raises(cli.CommandError, match=str(error)) as caught, cli.ending_with(cli.Exit.DATA):
        raise error
    assert caught.value.code == 3


def test_sigterm_in_training_leaves_a_checkpoint_and_ends_as_the_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "neurokit.cli", "quickstart", "--epochs", "100000"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("epoch 1/"):
                    break
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)[0]
        finally:
            process.kill()

    assert process.returncode == -signal.SIGTERM, said  # 143 in a shell
    assert list((tmp_path / "runs" / "quickstart").glob("step-*"))


def test_help_and_documentation_list_every_exit_code(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    helped = capsys.readouterr().out
    page = Path(__file__).parents[2] / "docs" / "command.md"
    documented = dict(re.findall(r"^\| (\d+) \| (.+) \|$", page.read_text(), re.MULTILINE))

    assert documented == {str(int(code)): meaning for code, meaning in cli.MEANINGS.items()}
    assert all(f"{int(code):<4} {meaning}" in helped for code, meaning in cli.MEANINGS.items())
