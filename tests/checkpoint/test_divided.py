"""Files in which tensors lie in parts: what makes up a whole one, and what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from neurokit import checkpoint
from neurokit.checkpoint import CheckpointError, load_weights, save_weights
from neurokit.checkpoint.contents import is_complete, part_name
from neurokit.checkpoint.tensors import SHARDING, pack_tensors, read_header
from neurokit.processes import Group

MATRIX = torch.arange(12.0).reshape(6, 2)


def write(folder: Path, *parts: dict[str, tuple[Tensor, list[int]]], notes: dict[str, str] | None = None) -> Path:
    """Write parts of tensors, each with where it begins in the whole; return the first file."""
    paths = [folder / part_name("model.safetensors", number, len(parts)) for number in range(1, len(parts) + 1)]
    for path, part in zip(paths, parts, strict=True):
        offsets = {name: {"saved_offsets": begin} for name, (_, begin) in part.items()}
        content = pack_tensors(
            {name: one for name, (one, _) in part.items()}, {SHARDING: json.dumps(offsets), **(notes or {})}
        )
        path.write_bytes(b"".join(content.chunks()))
    return paths[0]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_part_stands_for_the_whole(tmp_path: Path, which: int) -> None:
    rows = [(0, 3), (3, 5), (5, 6)]
    write(tmp_path, *({"w": (MATRIX[begin:end], [begin, 0])} for begin, end in rows))

    found = load_weights(sorted(tmp_path.iterdir())[which])

    assert found.keys() == {"w"}
    assert torch.equal(found["w"], MATRIX)


def test_parts_may_be_divided_along_any_axis_and_along_two(tmp_path: Path) -> None:
    grid = [
        {"w": (MATRIX[begin : begin + 3, column : column + 1].contiguous(), [begin, column])}
        for begin in (0, 3)
        for column in (0, 1)
    ]

    assert torch.equal(load_weights(write(tmp_path, *grid))["w"], MATRIX)


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(3.5), torch.zeros(0, 4), torch.tensor([True, False]), torch.ones(3, dtype=torch.bfloat16),
        torch.ones(2, dtype=torch.complex64), torch.ones(2, dtype=torch.uint64), torch.ones(4).to(torch.float8_e5m2),
    ],
    ids=lambda value: f"{value.dtype}{list(value.shape)}",
)  # fmt: skip
def test_what_is_whole_in_one_part_is_read_as_it_is(tmp_path: Path, value: Tensor) -> None:
    path = write(tmp_path, {"v": (value, [0] * value.ndim), "w": (MATRIX[:4], [0, 0])}, {"w": (MATRIX[4:], [4, 0])})

    found = load_weights(path)["v"]

    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    assert torch.equal(found.flatten().view(torch.uint8), value.flatten().view(torch.uint8))


def test_tied_weights_lie_there_once_and_have_all_their_names(tmp_path: Path) -> None:
    parts = [{"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:], [3, 0])}]

    found = load_weights(write(tmp_path, *parts, notes={"again": "w"}))

    assert found["again"] is found["w"]
    assert torch.equal(found["w"], MATRIX)


HOLE = [{"w": (MATRIX[:2], [0, 0])}, {"w": (MATRIX[3:], [3, 0])}]
LATE = [{"w": (MATRIX[:3], [1, 0])}, {"w": (MATRIX[3:], [4, 0])}]
OVERLAP = [{"w": (MATRIX[:4], [0, 0])}, {"w": (MATRIX[3:], [3, 0])}]
TWICE = [{"w": (MATRIX, [0, 0])}, {"w": (MATRIX, [0, 0])}]
CORNER = [{"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:, :1].contiguous(), [3, 0])}]
FAR = [{"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:], [2**62, 0])}]


@pytest.mark.parametrize("parts", [HOLE, LATE, OVERLAP, TWICE, CORNER, FAR])
def test_parts_that_do_not_make_up_a_whole_tensor_are_refused(tmp_path: Path, parts: list[Any]) -> None:
    with pytest.raises(CheckpointError, match="the parts of w do not make up a whole one"):
        load_weights(write(tmp_path, *parts))


def test_parts_of_two_dtypes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:].double(), [3, 0])})

    with pytest.raises(CheckpointError, match="w is another kind of tensor in other files"):
        load_weights(path)


@pytest.mark.parametrize(
    "noted",
    [
        "", "[]", "{}", "7", '{"w": 3}', '{"w": {"saved_offsets": [0]}}', '{"w": {"saved_offsets": [0, -1]}}',
        '{"w": {"saved_offsets": [0, true]}}', '{"w": {"saved_offsets": [0, 1e9]}}', '{"w": {"saved_offsets": 3}}',
        '{"w": {"saved_offsets": [0, 0]}, "v": {"saved_offsets": [0, 0]}}', "[" * 10_000,
        '{"w": {"saved_offsets": "ab"}}',
    ],
)  # fmt: skip
def test_offsets_that_lie_are_refused(tmp_path: Path, noted: str) -> None:
    path = tmp_path / part_name("model.safetensors", 1, 1)
    path.write_bytes(b"".join(pack_tensors({"w": MATRIX}, {SHARDING: noted}).chunks()))

    with pytest.raises(CheckpointError, match="is not a sound safetensors file"):
        load_weights(path)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:], [3, 0])})
    path.with_name("model-00002-of-00002.safetensors").unlink()

    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors is missing"):
        load_weights(path)


def test_a_part_under_another_name_says_what_it_needs(tmp_path: Path) -> None:
    path = write(tmp_path, {"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:], [3, 0])}).rename(tmp_path / "w.safetensors")

    with pytest.raises(CheckpointError, match="Give the files the names they were written under"):
        load_weights(path)


def test_parts_may_be_links_as_caches_keep_them(tmp_path: Path) -> None:
    write(tmp_path, {"w": (MATRIX[:3], [0, 0])}, {"w": (MATRIX[3:], [3, 0])})
    links = tmp_path / "links"
    links.mkdir()
    for path in tmp_path.glob("*.safetensors"):
        (links / path.name).symlink_to(path)

    assert torch.equal(load_weights(min(links.iterdir()))["w"], MATRIX)


def test_truth_values_that_are_neither_0_nor_1_become_1(tmp_path: Path) -> None:
    path = write(tmp_path, {"w": (torch.tensor([True, False]), [0])})
    path.write_bytes(path.read_bytes()[:-1] + b"\x02")

    assert load_weights(path)["w"].view(torch.uint8).tolist() == [1, 1]


def test_a_whole_file_has_no_offsets(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {"w": MATRIX})

    assert read_header(tmp_path / "w.safetensors").offsets is None


@pytest.mark.parametrize(
    ("names", "complete"),
    [
        (["model.safetensors", "state.safetensors", "state.json"], True),
        (["model-00001-of-00001.safetensors", "state-00001-of-00001.safetensors", "state.json"], True),
        (["model-00001-of-00002.safetensors", "state-00001-of-00002.safetensors", "state.json"], False),
        (["model-00001-of-00001.safetensors", "state.safetensors", "state.json"], False),
        (["model.safetensors", "state.safetensors"], False),
        (["state.json"], False),
        ([], False),
    ],
)
def test_a_checkpoint_has_whole_files_or_every_part(names: list[str], complete: bool) -> None:
    assert is_complete(names) == complete


def test_a_whole_checkpoint_read_as_it_is_divided_is_the_same_where_nothing_is(tmp_path: Path) -> None:
    state = {"model": {"w": MATRIX, "same": MATRIX}, "rest": [torch.tensor(2), {"a": (1, torch.ones(3))}]}
    folder = checkpoint.write(tmp_path / "step-00000001", state)

    found = checkpoint.read_together(folder, checkpoint.Division(lambda keys: None, Group()))

    assert repr(found) == repr(checkpoint.read(folder))
