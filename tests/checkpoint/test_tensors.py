from __future__ import annotations

import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import safetensors.torch
import torch
from hypothesis import given
from torch import Tensor, nn

import neurokit
from neurokit.checkpoint import load_weights, save_weights
from neurokit.checkpoint.tensors import DTYPES
from neurokit.storage import CheckpointError, Limits


def sample(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randint(0, 2, shape).to(dtype)


TENSORS = {
    "matrix": torch.randn(3, 5),
    "scalar": torch.tensor(1.5),
    "empty": torch.empty(0, 4),
    "transposed": torch.randn(4, 3).T,
    "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "strided": torch.arange(20)[::3],
    "one of a stride": torch.arange(4)[::2][:1],
    "expanded": torch.ones(1, 3).expand(4, 3),
    "odd": torch.tensor([True, False, True]),
    "nan": torch.tensor([float("nan"), float("inf"), -0.0]),
    "parameter": nn.Parameter(torch.randn(2)),
    "größe der schicht": torch.randn(2),
} | {str(dtype): sample(dtype, 2, 3) for dtype in DTYPES.values()}


def same(a: Tensor, b: Tensor) -> bool:
    """Equal in dtype, shape and every bit."""
    flat = [torch.empty(t.shape, dtype=t.dtype).copy_(t.detach()).reshape(-1).view(torch.uint8) for t in (a, b)]
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(*flat)


def test_what_was_saved_is_loaded_bit_for_bit(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", TENSORS)

    found = load_weights(tmp_path / "w.safetensors")

    assert found.keys() == TENSORS.keys()
    assert all(same(found[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize("count", range(len(TENSORS) + 1))
def test_the_safetensors_library_reads_it_back(tmp_path: Path, count: int) -> None:
    tensors = dict(list(TENSORS.items())[:count])
    save_weights(tmp_path / "w.safetensors", tensors)

    found = safetensors.torch.load_file(tmp_path / "w.safetensors")

    assert found.keys() == tensors.keys()
    assert all(same(found[name], tensor) for name, tensor in tensors.items())


def test_every_tensor_lies_aligned_in_the_file(tmp_path: Path) -> None:
    save_weights(
        tmp_path / "w.safetensors",
        {"a": torch.ones(3, dtype=torch.bool), "b": torch.ones(1), "c": torch.ones(1).double()},
    )

    content = (tmp_path / "w.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])

    assert length % 8 == 0
    assert [header[name]["data_offsets"][0] for name in "cba"] == [0, 8, 12]


def test_what_the_safetensors_library_writes_is_read(tmp_path: Path) -> None:
    tensors = {name: tensor.detach().contiguous() for name, tensor in TENSORS.items()}
    safetensors.torch.save_file(tensors, tmp_path / "w.safetensors", metadata={"format": "pt", "note": "mine"})

    found = load_weights(tmp_path / "w.safetensors")

    assert found.keys() == tensors.keys()
    assert all(same(found[name], tensor) for name, tensor in tensors.items())


def test_shared_tensors_are_written_once_and_keep_their_names(tmp_path: Path) -> None:
    shared = torch.randn(1000)
    save_weights(tmp_path / "w.safetensors", {"a": shared, "b": shared, "c": shared.view(10, 100), "d": shared[:500]})

    found = load_weights(tmp_path / "w.safetensors")

    assert (tmp_path / "w.safetensors").stat().st_size < 4 * 2500 + 1000
    assert found["a"] is found["b"]
    assert torch.equal(found["b"], shared)
    assert torch.equal(found["c"], shared.view(10, 100))
    assert torch.equal(found["d"], shared[:500])


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
        self.head.weight = self.embed.weight


def test_tied_weights_load_in_the_safetensors_library_and_from_it(tmp_path: Path) -> None:
    module, ours, theirs = Tied(), Tied(), Tied()
    save_weights(tmp_path / "ours.safetensors", module.state_dict())
    safetensors.torch.save_model(module, str(tmp_path / "theirs.safetensors"))

    safetensors.torch.load_model(ours, tmp_path / "ours.safetensors")
    theirs.load_state_dict(load_weights(tmp_path / "theirs.safetensors"))

    assert torch.equal(ours.head.weight, module.embed.weight)
    assert torch.equal(theirs.head.weight, module.embed.weight)


def test_a_conjugate_is_not_mistaken_for_its_tensor(tmp_path: Path) -> None:
    tensor = torch.tensor([1 + 2j])
    save_weights(tmp_path / "w.safetensors", {"a": tensor, "b": tensor.conj(), "c": tensor.conj().imag})

    found = load_weights(tmp_path / "w.safetensors")

    assert found["b"].item() == 1 - 2j
    assert found["c"].item() == -2


def test_another_default_device_changes_nothing(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {"a": torch.ones(3)})

    with torch.device("meta"):
        found = load_weights(tmp_path / "w.safetensors")

    assert torch.equal(found["a"], torch.ones(3))


@pytest.mark.parametrize(
    ("tensor", "what"),
    [
        (torch.zeros(2, dtype=torch.complex128), "dtype torch.complex128"),
        (torch.eye(2).to_sparse(), "layout torch.sparse_coo"),
        (torch.empty(2, device="meta"), "on the meta device"),
        (nn.LazyLinear(2).weight, "lazy module that has seen no data"),
        (torch.zeros([1] * 17), "of 17 axes"),
        (torch.zeros(2).as_subclass(type("Fancy", (Tensor,), {})), "a Fancy"),
    ],
)
def test_a_tensor_that_safetensors_cannot_hold_is_named(tmp_path: Path, tensor: Tensor, what: str) -> None:
    with pytest.raises(TypeError, match=f"layer.weight is .*{what}"):
        save_weights(tmp_path / "w.safetensors", {"layer.weight": tensor})

    assert os.listdir(tmp_path) == []


@pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions.*:UserWarning")
def test_a_quantised_tensor_is_refused(tmp_path: Path) -> None:
    tensor = torch.quantize_per_tensor(torch.ones(2), scale=1.0, zero_point=0, dtype=torch.qint8)

    with pytest.raises(TypeError, match=r"torch\.qint8"):
        save_weights(tmp_path / "w.safetensors", {"layer.weight": tensor})


def test_a_value_that_is_no_tensor_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"_extra_state is a dict, .* Trainer\.save keeps everything"):
        save_weights(tmp_path / "w.safetensors", {"_extra_state": {}})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "../a", "a..b", "a\nb", "\ud800", "x" * 513, "__metadata__"])
def test_a_name_that_cannot_be_stored_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a tensor's"):
        save_weights(tmp_path / "w.safetensors", {name: torch.ones(1)})


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".h5", ".keras"])
def test_a_suffix_of_another_format_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ValueError, match=r"promises another format\. Name it 'best\.safetensors'"):
        save_weights(tmp_path / f"best{suffix}", {})


def test_saving_again_replaces_the_file(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        save_weights(tmp_path / "deep" / "w.safetensors", {"a": torch.tensor(value)})

    assert load_weights(tmp_path / "deep" / "w.safetensors")["a"] == 2
    assert os.listdir(tmp_path / "deep") == ["w.safetensors"]


@pytest.mark.gpu
def test_tensors_of_an_accelerator_are_written_from_there(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {name: tensor.cuda() for name, tensor in TENSORS.items()})

    found = load_weights(tmp_path / "w.safetensors")

    assert all(same(found[name], tensor) for name, tensor in TENSORS.items())


# Files that are something else


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("w.safetensors", b"", "is empty"),
        ("w.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        ("w.safetensors", b"<!DOCTYPE html><html>", "a web page"),
        ("w.safetensors", b"\n  <html>", "a web page"),
        ("w.pt", b"PK\x03\x04" + bytes(100), "zip archive, as torch.save writes"),
        ("w.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "can run code"),
        ("w.keras", b"PK\x03\x04" + bytes(100), "a Keras archive"),
        ("w.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        ("w.safetensors", b"nonsense" * 20, "header"),
    ],
)
def test_another_kind_of_file_is_said_to_be_it(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CheckpointError, match=what):
        load_weights(tmp_path / name)


@pytest.mark.parametrize("old", [False, True])
def test_what_torch_saves_is_refused(tmp_path: Path, old: bool) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pt", _use_new_zipfile_serialization=not old)

    with pytest.raises(CheckpointError, match="can run code"):
        load_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("length", [0x3C, 0x80, 0x4B50])
def test_a_header_length_that_looks_like_another_format_is_no_obstacle(tmp_path: Path, length: int) -> None:
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(length)
    (tmp_path / "w.safetensors").write_bytes(length.to_bytes(8, "little") + header + b"\x07")

    assert load_weights(tmp_path / "w.safetensors")["a"].tolist() == [7]


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    save_weights(tmp_path / "best.safetensors", {})

    with pytest.raises(FileNotFoundError, match=r"Did you mean 'best\.safetensors'"):
        load_weights(tmp_path / "bset.safetensors")


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a folder\. Trainer\.load"):
        load_weights(tmp_path)


# Files that lie


def entry(dtype: Any = "F32", shape: Any = (2,), span: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": span}


HOSTILE = {
    "a hole": {"a": entry(span=(4, 12))},
    "an overlap": {"a": entry(), "b": entry(span=(4, 12))},
    "the same bytes twice": {"a": entry(), "b": entry()},
    "too short for its shape": {"a": entry(shape=[3])},
    "beyond the file": {"a": entry(shape=[3], span=[0, 12])},
    "negative": {"a": entry(shape=[-2], span=[0, -8])},
    "a float": {"a": entry(shape=[2.0])},
    "a bool": {"a": entry(shape=[True, 2])},
    "a huge product": {"a": entry(shape=[2**62, 2**62, 0], span=[0, 0]), "b": entry()},
    "an unknown dtype": {"a": entry(dtype="F4")},
    "a dtype that is a list": {"a": entry(dtype=["F32"])},
    "a missing field": {"a": {"dtype": "F32"}},
    "not a mapping": {"a": 7},
    "three offsets": {"a": entry(span=[0, 8, 8])},
    "a path for a name": {"../../x": entry()},
    "a path for an alias": {"__metadata__": {"../x": "a"}, "a": entry()},
    "metadata that are a list": {"__metadata__": [1], "a": entry()},
    "bytes that nobody owns": {},
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_lies_is_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))

    with pytest.raises(CheckpointError, match="not a sound safetensors file"):
        load_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "header",
    [b"", b"[]", b"{", b'{"a": 1, "a": 2}', b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe{}", b" " * (17 << 20)],
    ids=lambda header: repr(header[:10]),
)
def test_a_header_that_is_not_strict_json_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)

    with pytest.raises(CheckpointError, match="not a sound safetensors file"):
        load_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**6])
def test_a_length_beyond_the_file_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "w.safetensors").write_bytes(length.to_bytes(8, "little") + b"{}")

    with pytest.raises(CheckpointError, match="header"):
        load_weights(tmp_path / "w.safetensors")


def test_too_many_tensors_are_refused_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {str(number): torch.ones(1) for number in range(11)}
    save_weights(tmp_path / "w.safetensors", tensors)
    monkeypatch.setattr("neurokit.checkpoint.tensors.LIMITS", Limits(tensors=10))

    with pytest.raises(CheckpointError, match="more than 10 tensors"):
        load_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="Stack small tensors"):
        save_weights(tmp_path / "more.safetensors", tensors)


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ({"total_bytes": 200}, "at most 200 are read"),
        ({"header_bytes": 100}, "at most 100 are read"),
        ({"tensors": 1}, "more than 1 tensors"),
        ({"name_bytes": 7}, "1 to 7 bytes"),
        ({"rank": 2}, "3 axes, and at most 2"),
        ({"elements": 23}, "at most 23 elements"),
        ({"integer_digits": 2}, "the 2 digits"),
    ],
)
def test_every_limit_can_be_lowered_and_raised(tmp_path: Path, limit: dict[str, int], what: str) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": torch.zeros(2, 3, 4), "longname": torch.zeros(3)})

    assert len(load_weights(path, limits=Limits(**{name: 10 * value + 100 for name, value in limit.items()}))) == 2
    with pytest.raises(CheckpointError, match=what):
        load_weights(path, limits=Limits(**limit))


@given(st.binary(max_size=60), st.integers(0, 60))
def test_whatever_is_accepted_the_safetensors_library_reads_alike(noise: bytes, at: int) -> None:
    """The header is parsed by us: it must never take what the format's own library would not."""
    sound = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
    text = (sound[:at] + noise[:3] + sound[at + len(noise[:3]) :])[: len(sound)]
    content = len(text).to_bytes(8, "little") + text + bytes(8)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "w.safetensors").write_bytes(content)
        try:
            found = load_weights(Path(folder) / "w.safetensors")
        except CheckpointError:
            return
    expected = safetensors.torch.load(content)
    assert found.keys() == expected.keys()
    assert all(same(found[name], expected[name]) for name in expected)


def test_a_truth_value_that_is_neither_is_refused(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\x01\x07")

    with pytest.raises(CheckpointError, match="neither 0 nor 1"):
        load_weights(tmp_path / "w.safetensors")


def test_a_link_that_the_user_names_is_followed(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {"a": torch.ones(1)})
    (tmp_path / "link").symlink_to(tmp_path / "w.safetensors")

    assert load_weights(tmp_path / "link")["a"] == 1


def test_what_torch_saves_comes_with_the_lines_to_type(tmp_path: Path) -> None:
    path, model = tmp_path / "it's mine.pt", nn.Linear(2, 1)
    torch.save(nn.Linear(2, 1).state_dict(), path)
    trainer = neurokit.Trainer(model, loss="mse")

    with pytest.raises(CheckpointError) as caught:
        trainer.load_weights(path)
    code = "\n".join(line.strip() for line in str(caught.value).splitlines()[1:])
    exec(code, {"neurokit": neurokit, "trainer": trainer})

    assert torch.equal(model.weight, torch.load(path, weights_only=True)["weight"])


def test_any_damage_is_an_error_or_a_file_of_the_same_names(tmp_path: Path) -> None:
    """Without a manifest a changed value cannot be seen, but nothing else than ``CheckpointError`` may come out."""
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": torch.ones(2), "b": torch.ones(1, dtype=torch.int64)})
    sound, moments = path.read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(sound)
        damaged[moments.randrange(len(sound))] ^= 1 << moments.randrange(8)
        path.write_bytes(damaged[: moments.choice([len(sound), moments.randrange(1, len(sound))])])
        try:
            found = load_weights(path)
        except CheckpointError:
            continue
        assert sum(tensor.nbytes for tensor in found.values()) <= len(sound)
