"""What the README says of speed is what a run measured; the benchmarks run. Nothing here is timed."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text()
SPEED = README.partition("## Speed\n")[2].partition("\n## ")[0]
TRAINING = json.loads((RESULTS / "training.json").read_text())
_SECONDS = ("seconds", "first")
PRINTED = {"hand-written loop": "hand", "bare floor": "floor", "Keras 3": "keras"}


def _table() -> dict[str, dict[str, str]]:
    """The README's cells by runner and job."""
    lines = [line for line in SPEED.splitlines() if line.startswith("|")]
    (_, *jobs), _, *rows = ([cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines)
    return {PRINTED.get(name, name.lower()): dict(zip(jobs, cells, strict=True)) for name, *cells in rows}


def test_the_readmes_figures_are_those_that_were_measured() -> None:
    told = {name: {job: cell for job, cell in cells.items() if cell != "-"} for name, cells in _table().items()}

    measured: dict[str, dict[str, str]] = {}
    for job, one in TRAINING.items():
        for name, found in one["runners"].items():
            spread = f" ({found['lowest']:.2f} to {found['highest']:.2f})" if name != "hand" else ""
            measured.setdefault(name, {})[job] = f"{found['ratio']:.2f}{spread}"
    assert told == measured


@pytest.mark.parametrize("job", TRAINING)
def test_the_readme_says_where_and_when_it_was_measured(job: str) -> None:
    one = TRAINING[job]

    assert one["date"] in SPEED
    assert one["cpu"] in SPEED
    assert f"torch {one['versions']['torch']}" in SPEED
    assert one["threads"] == 1
    assert "one thread" in SPEED


def test_the_readmes_sentences_give_the_processor_time_that_was_measured() -> None:
    ours, compiled = (
        [f"{TRAINING[job]['runners'][name]['cpu_ratio']:.2f}" for job in ("tabular", "arrays")]
        for name in ("neurokit", "neurokit compiled")
    )
    accelerate = TRAINING["arrays"]["runners"]["accelerate"]
    said = " ".join(SPEED.split())

    assert f"neurokit takes {' and '.join(ours)} of the loop's, and compiled {' and '.join(compiled)};" in said
    assert f"between {accelerate['lowest']:.2f} and {accelerate['highest']:.2f} of it on the arrays" in said


def test_the_picture_was_drawn_from_the_figures_of_today() -> None:
    picture = Image.open(ROOT / "docs" / "_static" / "speed.png")

    assert picture.text["Description"] == hashlib.sha256((RESULTS / "training.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_results_say_how_they_came_about_and_name_no_private_path(path: Path) -> None:
    text = path.read_text()
    found = json.loads(text)

    for one in found.values() if path.stem == "training" else [found]:
        assert one["command"].startswith(f"python benchmarks/{path.stem}.py")
        assert {"date", "cpu", "cores", "threads", "versions"} <= set(one)
    assert not re.search(r"/(home|root|Users|work|tmp)/\w", text)


@pytest.mark.slow
def test_a_benchmark_measures_each_runner_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "benchmarks" / "training.py", "tabular", "--rounds", "1", "--epochs", "2"]
    command += ["--rows", "64", "--only", "hand", "floor", "neurokit", "--to", tmp_path]

    run = subprocess.run(command, capture_output=True, text=True, check=True)

    found = json.loads((tmp_path / "training.json").read_text())["tabular"]
    assert list(found["runners"]) == ["hand", "floor", "neurokit"]
    assert all(one["seconds"] > 0 for one in found["runners"].values())
    assert "64 rows of 10 numbers" in run.stdout


def test_the_page_on_folders_of_images_gives_the_figures_that_were_measured() -> None:
    page = (ROOT / "docs" / "howto" / "image_folders.md").read_text()
    found = json.loads((RESULTS / "folders.json").read_text())

    assert f"{found['images']:,} files" in " ".join(page.split())
    assert f"{found['date']}, {found['cpu']}, torch {found['versions']['torch']}" in " ".join(page.split())
    told = re.findall(r"^\| .+ \| (\d.\d\d .+) \| (\d.*) \| (\d.*) \|$", page, re.MULTILINE)
    assert told == [
        (f"{one['ratio']:.2f} ({one['lowest']:.2f} to {one['highest']:.2f})", *(f"{one[key]:.2f}" for key in _SECONDS))
        for one in found["ways"].values()
    ]


def test_the_pages_give_what_growth_and_checkpoints_were_measured_to_cost() -> None:
    faster, many = (
        " ".join((ROOT / "docs/howto" / name).read_text().split()) for name in ("faster.md", "many_gpus.md")
    )
    growth, saves = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("growth", "checkpoints"))
    alone, divided, peak = saves["one process"], saves["two processes, divided"], growth["stream_peak_mib"]

    assert f"{growth['date']}, {growth['cpu']}, torch {growth['versions']['torch']}" in faster
    assert f"held {peak['1000']:.0f} MiB after 1,000 batches and {peak['100000']:.0f} after 100,000" in faster
    for rows, one in growth["rows"].items():
        assert f"| {int(rows):,} | {one['batch_size']:,} | {one['seconds']:.2f} | {one['ns_per_row']:,} |" in faster
    assert (growth["cpu"], saves["date"]) == (saves["cpu"], growth["date"])  # "the same machine"
    stops = f"stops for {alone['pause_s']:.2f} s, the first time {alone['first_pause_s']:.2f}"
    assert stops in faster
    assert f"waited for, it would be {alone['written_s']:.2f} s ({saves['date']}" in faster
    assert f"stops for {divided['pause_s']:.2f} s, the first time {divided['first_pause_s']:.2f}" in many
    assert f"takes {divided['written_s']:.2f} s and {divided['more_memory_mib']:.1f} MiB more in rank 0" in many


def test_the_page_on_gpus_says_what_was_measured_on_one_or_that_nothing_was() -> None:
    page, results = (ROOT / "docs" / "howto" / "gpu.md").read_text(), RESULTS / "gpu.json"
    unmeasured = "None of this has run on a GPU yet"
    if not results.is_file():
        assert unmeasured in page
        return
    found = json.loads(results.read_text())
    assert found["scale"] == 1
    assert unmeasured not in page
    assert found["device"] in page
    for job in ("lesson", "resnet", "cifar"):
        for name, one in found[job]["runners"].items():
            assert f"| {job} | {name} | {one['seconds']:.3f} | {one['ratio']:.4f} |" in page  # as gpu.py prints it


@pytest.mark.slow
def test_fit_trains_the_speed_run_as_its_own_loop_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import cifar

    class Still(cifar.Pictures):
        def __iter__(self):
            yield from zip(self.plain.split(self.batch), self.labels.split(self.batch), strict=True)

    weights = []
    for train in (cifar.by_hand, cifar.by_neurokit):
        torch.manual_seed(0)
        pictures = Still(*cifar.pixels(None, 8, train=True), torch.device("cpu"), torch.float32, 4)
        model = cifar.Network(torch.float32)
        model.begin(pictures.plain)
        train(model, pictures, cifar.orthogonal)
        weights.append(torch.cat([value.double().flatten() for value in model.state_dict().values()]))

    assert torch.equal(*weights)


@pytest.mark.slow
def test_the_gpus_benchmark_runs_on_a_cpu_to_be_tried_out(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "benchmarks" / "gpu.py", "resnet", "--device", "cpu", "--scale", "0.0001"]

    subprocess.run([*command, "--rounds", "1", "--to", tmp_path], capture_output=True, text=True, check=True)

    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["device"] == "cpu"
    assert list(found["resnet"]["runners"]) == ["by hand", "neurokit"]
