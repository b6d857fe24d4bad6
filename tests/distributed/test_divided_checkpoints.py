"""Checkpoints of divided weights: written by those who hold them, read by any number of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurokit import checkpoint
from neurokit.checkpoint.tensors import read_header


@pytest.fixture(scope="module")
def written(launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two ranks wrote, having seen to all that can be seen among them."""
    out = tmp_path_factory.mktemp("divided")
    done = launch("divided_checkpoints.py", out)
    assert done.returncode == 0
    assert done.stdout.strip().endswith("done")
    return out


@pytest.mark.parametrize("processes", [1, 3])
def test_another_number_of_processes_goes_on_with_it(written: Path, launch, processes: int) -> None:
    done = launch("divided_goes_on.py", written, processes=processes)

    assert done.returncode == 0
    assert f"by {processes}: weights differ" in done.stdout
    names = {path.name for path in (written / f"by-{processes}").glob("model*")}
    parts = {f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)}
    assert names == (parts if processes == 3 else {"model.safetensors"})


def test_its_manifest_names_every_part(written: Path) -> None:
    meta = checkpoint.verify(written / "saved")

    assert len(meta["files"]) == 5
    assert meta["files"].keys() == {path.name for path in (written / "saved").iterdir()} - {"meta.json", "run.json"}
    assert all(len(entry["sha256"]) == 64 for entry in meta["files"].values())


@pytest.mark.parametrize("name", ["model-00002-of-00002.safetensors", "state-00001-of-00002.safetensors"])
def test_a_damaged_part_is_passed_over_with_a_warning(written: Path, name: str) -> None:
    run = written / "late"
    path = run / "step-00000006" / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.warns(UserWarning, match=f"Passing over the checkpoint step-00000006. .*{name} is damaged"):
            found = checkpoint.newest(run)
    finally:
        path.write_bytes(content)

    assert found == run / "step-00000003"


def test_a_missing_part_is_named(written: Path) -> None:
    path = written / "saved" / "model-00001-of-00002.safetensors"
    aside = path.rename(path.with_suffix(".aside"))
    try:
        with pytest.raises(checkpoint.CheckpointError, match=r"model-00001-of-00002\.safetensors is missing"):
            checkpoint.read(written / "saved")
    finally:
        aside.rename(path)


def test_no_part_holds_more_than_its_share(written: Path) -> None:
    folder = written / "saved"
    first, second = (folder / f"state-0000{number}-of-00002.safetensors" for number in (1, 2))
    rows = {path: {one.name: one.shape for one in read_header(path).entries} for path in (first, second)}
    (moment,) = (name for name in rows[second] if name.endswith("first.weight.exp_avg"))

    assert [rows[path][moment][0] for path in (first, second)] == [5, 4]
    assert not any(name.endswith("last.bias.exp_avg") for name in rows[second])
    assert not any(name.endswith(".step") for name in rows[second])


def test_a_rank_that_dies_in_the_middle_of_a_save_leaves_no_folder_that_verifies(
    written: Path, launch, tmp_path: Path
) -> None:
    done = launch("divided_killed.py", tmp_path, written / "expected.safetensors", restarts=2)

    assert done.returncode == 0
    assert "found step-00000006" in done.stdout  # rank 1 died at step 8
    assert "found step-00000012" in done.stdout  # and rank 0 at step 16
    assert "ended as if nothing had happened" in done.stdout
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.json", "step-00000024"}
