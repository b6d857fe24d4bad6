"""Files that mean harm, made here and copied from nowhere: what each is, who reads it, and what has to come of it."""

# ruff: noqa: E501 (a table of cases is read by the line)

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from torch import nn

from neurokit import RunRecord, Trainer
from neurokit.checkpoint import folder as room
from neurokit.checkpoint import save_weights
from neurokit.storage.manifest import seal

CANARY = "CANARY"  # a folder of this name appears if code from a file runs


@dataclass(frozen=True)
class Case:
    """One hostile file or folder.

    Attributes:
        name: What it is; unique.
        reader: Who is given it: a name in ``worker.READERS``.
        make: Makes it at a path.
        error: The class of the error, by name; empty where it is read without harm.
        says: A part of the message.
        suffix: Of its name.
    """

    name: str
    reader: str
    make: Callable[[Path], None]
    error: str = "CheckpointError"
    says: str = ""
    suffix: str = ""


def model() -> nn.Module:
    """What every reader's trainer trains."""
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


def trainer() -> Trainer:
    """One with an optimizer whose kernels trust their state."""
    return Trainer(model(), loss="mse", optimizer="adam", device="cpu")


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.canary,)


def canary(path: Path) -> Evil:
    """What makes a folder beside a path."""
    return Evil(path.parent / CANARY)


def write(content: bytes) -> Callable[[Path], None]:
    """Make a file of these bytes."""
    return lambda path: path.write_bytes(content) and None  # type: ignore[func-returns-value]


# Weights


def framed(header: bytes, data: bytes = b"") -> bytes:
    """A safetensors file of this header."""
    return len(header).to_bytes(8, "little") + header + data


def tensors(header: Mapping[str, Any] | bytes, data: bytes = bytes(8)) -> Callable[[Path], None]:
    """Make a safetensors file of this header."""
    return write(framed(header if isinstance(header, bytes) else json.dumps(header).encode(), data))


def entry(shape: Any = (2,), span: Any = (0, 8), dtype: Any = "F32") -> dict[str, Any]:
    """A tensor in a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": span}


def many(count: int) -> bytes:
    """A header of so many empty tensors."""
    one = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return ("{" + ",".join(one % number for number in range(count)) + "}").encode()


def spare(size: int) -> Callable[[Path], None]:
    """Make a file of so many bytes that takes up none."""

    def make(path: Path) -> None:
        path.write_bytes(framed(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'))
        os.truncate(path, size)

    return make


def weights(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Make a file of weights that fit the trainer's model but for a change."""

    def make(path: Path) -> None:
        own = model().state_dict()
        change(own)
        save_weights(path, own)

    return make


def pickled(protocol: int, data: bytes = b"") -> Callable[[Path], None]:
    """Make a pickle that creates a file when it is read, with bytes before it."""
    return lambda path: path.write_bytes(data + pickle.dumps({"a": canary(path)}, protocol)) and None  # type: ignore[func-returns-value]


def object_array(path: Path) -> None:
    """Make an ``.npz`` with an array of objects."""
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([canary(path)], dtype=object), allow_pickle=True)
    path.write_bytes(buffer.getvalue())


def zipped(*members: tuple[str, bytes], kind: int = zipfile.ZIP_STORED) -> Callable[[Path], None]:
    """Make a zip archive."""

    def make(path: Path) -> None:
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", kind) as archive:
            warnings.simplefilter("ignore")  # two members of one name are meant
            for name, content in members:
                archive.writestr(name, content)

    return make


def pipe(path: Path) -> None:
    """Make a named pipe, which a reader waits on for ever."""
    os.mkfifo(path)


def link(target: str) -> Callable[[Path], None]:
    """Make a link."""
    return lambda path: path.symlink_to(target)


def loop_of_links(path: Path) -> None:
    """Make a link to itself."""
    path.symlink_to(path.name)


OTHER_KINDS = {
    "PNG of 100,000 x 100,000": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    + struct.pack(">II", 100_000, 100_000)
    + b"\x08\x06\x00\x00\x00",
    "truncated JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "SVG with a script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "web page": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "HDF5 with an external file": b"\x89HDF\r\n\x1a\n" + b"/etc/passwd" * 20,
    "YAML bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "CSV with formulas": b"=cmd|' /C calc'!A0,1\n",
    "ONNX with external data": b"\x08\x08\x12\x04evil:\x10location\x12../../../etc/passwd",
    "tar archive": b"../x".ljust(257, b"\0") + b"ustar\0" + bytes(249),
    "zeros": bytes(1000),
    "nothing": b"",
    "seven bytes": b"1234567",
}

WEIGHTS = [
    *(Case(name, "load_weights", write(content)) for name, content in OTHER_KINDS.items()),
    *(Case(f"pickle of protocol {number}", "load_weights", pickled(number), suffix=".pt") for number in (0, 2, 4, 5)),
    Case("pickle behind a header length", "load_weights", pickled(2, (50).to_bytes(8, "little")), suffix=".safetensors"),
    Case("joblib", "load_weights", lambda path: joblib.dump({"a": canary(path)}, path) and None, suffix=".joblib"),
    Case("npz of objects", "load_weights", object_array, suffix=".npz"),
    Case("zip under our suffix", "load_weights", zipped(("a", b"x")), says="import_pt", suffix=".safetensors"),
    Case("zip with ways out", "load_weights", zipped(("../x", b""), ("/abs", b""), ("C:\\x", b""))),
    Case("zip bomb", "load_weights", zipped(("a", bytes(10**7)), kind=zipfile.ZIP_DEFLATED)),
    Case("a Keras archive with a Lambda", "load_weights", zipped(("config.json", b"{}")), says="Keras", suffix=".keras"),
    Case("safetensors and zip in one", "load_weights",
         write(framed(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\1") + b"PK\3\4" + bytes(90))),
    Case("safetensors and HTML in one", "load_weights", write(framed(b'{"a":1}', b"<html>"))),
    Case("length beyond the file", "load_weights", write((1000).to_bytes(8, "little") + b"{}"), says="beyond its end"),
    Case("length of 2^63", "load_weights", write((2**63).to_bytes(8, "little") + b"{}"), says="beyond its end"),
    Case("header of 100 MB of spaces", "load_weights", tensors(b"{" + b" " * (100 << 20) + b"}"), says="at most 16,777,216"),
    Case("header of 16 MB of spaces", "load_weights", tensors(b"{" + b" " * (15 << 20) + b"}", b""), "CheckpointError", "fit"),
    Case("deep header", "load_weights", tensors(b'{"a":' + b"[" * 10**5)),
    Case("deep closed header", "load_weights", tensors(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"), says="deeper than 3"),
    Case("name twice", "load_weights", tensors(b'{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{}}'), says="twice"),
    Case("name that is a path", "load_weights", tensors({"../../x": entry()}), says="cannot be a tensor's"),
    Case("name that is absolute", "load_weights", tensors({"/etc/passwd": entry()}), says="cannot be a tensor's"),
    Case("name of a device", "load_weights", tensors({"C:\\con": entry()}), says="cannot be a tensor's"),
    Case("name with control characters", "load_weights", tensors({"a\x1b[2J\n": entry()}), says="cannot be a tensor's"),
    Case("name that reads backwards", "load_weights", tensors({"a\u202eb": entry()}), says="cannot be a tensor's"),
    Case("name of half a character", "load_weights", tensors({"\ud800": entry()}), says="cannot be a tensor's"),
    Case("name of 600 bytes", "load_weights", tensors({"x" * 600: entry()}), says="1 to 512 bytes"),
    Case("overlap", "load_weights", tensors({"a": entry(), "b": entry(span=(4, 12))}, bytes(12)), says="begins at byte 4"),
    Case("hole", "load_weights", tensors({"a": entry(span=(4, 12))}, bytes(12)), says="begins at byte 4"),
    Case("same bytes 1,000 times", "load_weights", tensors({str(n): entry() for n in range(1000)})),
    Case("bytes that nobody owns", "load_weights", tensors({"a": entry()}, bytes(100)), says="its tensors end at"),
    Case("too few bytes for its shape", "load_weights", tensors({"a": entry([3])}), says="do not agree"),
    Case("unknown dtype", "load_weights", tensors({"a": entry(dtype="F1024")}), says="known dtype"),
    Case("dtype of another size", "load_weights", tensors({"a": entry(dtype="F64")}), says="do not agree"),
    Case("negative shape", "load_weights", tensors({"a": entry([-1, -2])}), says="at most"),
    Case("negative span", "load_weights", tensors({"a": entry([0], [-8, -8])}), says="at most"),
    Case("backward span", "load_weights", tensors({"a": entry(span=[8, 0])}), says="do not agree"),
    Case("shape that overflows", "load_weights", tensors({"a": entry([2**32, 2**32])}, b""), says="at most"),
    Case("shape that overflows to nothing", "load_weights", tensors({"a": entry([2**62, 2**62, 0], [0, 0])}, b""), says="at most"),
    Case("shape of 10^6 digits", "load_weights", tensors(b'{"a":{"dtype":"U8","shape":[' + b"9" * 10**6 + b"]}}"), says="digits"),
    Case("shape of fractions", "load_weights", tensors({"a": entry([2.0])}), says="not described"),
    Case("rank of 1,000", "load_weights", tensors({"a": entry([1] * 1000, [0, 4])}, bytes(4)), says="1000 axes"),
    Case("rank of a million", "load_weights", tensors({"a": entry([1] * 10**6, [0, 4])}, bytes(4)), says="axes"),
    Case("200,000 empty tensors", "load_weights", tensors(many(200_000), b""), says="more than 100,000 tensors"),
    Case("200,000 tensors in disguise", "load_weights", tensors(many(200_000).replace(b"data_o", b"d\\u0061ta_o"), b"")),
    Case("50,000 empty tensors", "load_weights", tensors(many(50_000), b""), says="do not fit"),
    Case("metadata of 50 MB", "load_weights", tensors({"__metadata__": {"a": "x" * (50 << 20)}}, b""), says="at most 16,777,216"),
    Case("metadata that are code", "load_weights", tensors({"__metadata__": {"a": ["os.system"]}}, b""), says="texts by name"),
    Case("alias that is a path", "load_weights", tensors({"__metadata__": {"../x": "a"}, "a": entry()}), says="cannot be a tensor's"),
    Case("100,000 aliases", "load_weights", tensors({"__metadata__": {f"b{n}": "a" for n in range(10**5)}, "a": entry()}), says="more than 100,000"),
    Case("truth values of 7", "load_weights", tensors({"a": entry([8], dtype="BOOL")}, b"\7" * 8), says="neither 0 nor 1"),
    Case("NaN weights", "load_weights", weights(lambda own: own["0.weight"].fill_(float("nan"))), error=""),
    Case("shape of another model", "load_weights", weights(lambda own: own.update({"0.weight": torch.ones(9, 9)})), says="mismatched"),
    Case("ten thousand names of another model", "load_weights",
         weights(lambda own: own.update({f"layer{n}.weight": torch.ones(0) for n in range(10_000)})), says="unexpected (10000)"),
    Case("file of 1 TB that takes no space", "load_weights", spare(1 << 40), says="at most 68,719,476,736"),
    Case("pipe", "load_weights", pipe, says="is a pipe"),
    Case("link to a device", "load_weights", link("/dev/zero"), says="is a device"),
    Case("link to itself", "load_weights", loop_of_links, error="FileNotFoundError"),
    Case("folder", "load_weights", lambda path: path.mkdir(), says="is a folder"),
]  # fmt: skip


# Checkpoints: every one carries sizes and SHA-256s that are right


def reseal(folder: Path, **changes: Any) -> None:
    """Write the manifest that a checkpoint's files need, with changes."""
    meta = json.loads((folder / room.META).read_bytes())
    meta.pop("sha256")
    for name in meta["files"]:
        content = (folder / name).read_bytes()
        meta["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / room.META).write_bytes(seal(meta | changes))


@functools.cache
def sound_files() -> dict[str, bytes]:
    """The files of a sound checkpoint, of a trainer after two epochs."""
    one = trainer()
    x = torch.arange(32.0).reshape(16, 2)
    one.fit(x, x, epochs=2, batch_size=8, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        return {path.name: path.read_bytes() for path in one.save(Path(folder) / "saved").iterdir()}


def saved(folder: Path) -> Path:
    """Make a sound checkpoint."""
    folder.mkdir()
    for name, content in sound_files().items():
        (folder / name).write_bytes(content)
    return folder


def state_text(text: bytes) -> Callable[[Path], None]:
    """Make a checkpoint with this ``state.json``."""

    def make(path: Path) -> None:
        saved(path)
        (path / room.TREE).write_bytes(text)
        reseal(path)

    return make


def state_entry(text: str | bytes) -> Callable[[Path], None]:
    """Make a checkpoint whose ``state.json`` has this entry beside the sound ones."""
    text = text if isinstance(text, bytes) else text.encode()

    def make(path: Path) -> None:
        saved(path)
        sound = (path / room.TREE).read_bytes()
        (path / room.TREE).write_bytes(b'{"evil": ' + text + b", " + sound[1:])
        reseal(path)

    return make


def state_of(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Make a checkpoint of a trainer's state with a change."""

    def make(path: Path) -> None:
        saved(path)
        state = room.read(path)
        change(state)
        shutil.rmtree(path)
        room.write(path, state)

    return make


def stored(name: str, content: Callable[[Path], bytes]) -> Callable[[Path], None]:
    """Make a checkpoint in which one file has another content."""

    def make(path: Path) -> None:
        saved(path)
        (path / name).write_bytes(content(path))
        reseal(path)

    return make


def listed(count: int, references: int) -> Callable[[Path], None]:
    """Make a checkpoint that refers to one long list of numbers many times."""

    def make(path: Path) -> None:
        saved(path)
        header = json.dumps({"a": entry([count], [0, 8 * count], "I64")}).encode()
        (path / room.STATE).write_bytes(framed(header, bytes(8 * count)))
        (path / room.TREE).write_text(json.dumps({"x": [{"$list": "a"}] * references}))
        reseal(path)

    return make


def meta_of(**changes: Any) -> Callable[[Path], None]:
    """Make a checkpoint with changes in its manifest."""

    def make(path: Path) -> None:
        saved(path)
        reseal(path, **changes)

    return make


def replaced(name: str, make_instead: Callable[[Path], None]) -> Callable[[Path], None]:
    """Make a checkpoint in which something else stands in a file's place."""

    def make(path: Path) -> None:
        saved(path)
        (path / name).unlink()
        make_instead(path / name)

    return make


def elsewhere(name: str) -> Callable[[Path], None]:
    """Make a checkpoint in which a file is a link to the sound file in another folder."""

    def make(path: Path) -> None:
        saved(path)
        os.rename(path / name, path.parent / "elsewhere")
        (path / name).symlink_to(path.parent / "elsewhere")

    return make


def with_file(name: str) -> Callable[[Path], None]:
    """Make a sound checkpoint with one file more, which nobody reads."""

    def make(path: Path) -> None:
        saved(path)
        pickled(4)(path / name)

    return make


def distributed(path: Path) -> None:
    """Make the folder of torch.distributed.checkpoint, whose metadata are a pickle."""
    path.mkdir()
    pickled(4)(path / ".metadata")


def linked_step(path: Path) -> None:
    """Make a run folder whose only checkpoint is a link to another folder."""
    saved(path.parent / "elsewhere")
    path.mkdir()
    (path / "step-00000001").symlink_to(path.parent / "elsewhere")


def moments(shape: tuple[int, ...]) -> Callable[[dict[str, Any]], None]:
    """Give an optimizer's state another shape than its parameter: fused kernels read and write beyond it."""

    def change(state: dict[str, Any]) -> None:
        (one,) = state["optimizers"].values()
        one["state"]["0.weight"]["exp_avg"] = torch.zeros(shape)

    return change


def optimizer_own(state: dict[str, Any]) -> None:
    """Give an optimizer a state in its own form, which is not checked by name."""
    (one,) = state["optimizers"].values()
    one["own"] = {"state": {0: {"exp_avg": torch.ones(1)}}, "param_groups": []}


def numpy_position(state: dict[str, Any]) -> None:
    """Have NumPy's generator go on far beyond its memory."""
    name, key, _, *rest = state["rng"]["numpy"]
    state["rng"]["numpy"] = (name, key, 10**9, *rest)


def deep(levels: int) -> Any:
    """Dicts in each other."""
    found: Any = 1
    for _ in range(levels):
        found = {"a": found}
    return found


STATE = "does not describe a state"
KEYS = "{" + ",".join(f'"{number:x}":1' for number in range(600_000)) + "}"
CHECKPOINTS = [
    Case("JSON of depth 100,000", "load", state_entry("[" * 10**5), says=STATE),
    Case("JSON of depth 100,000, closed", "load", state_entry("[" * 10**5 + "]" * 10**5), says="deeper than 64"),
    Case("marks of depth 5,000", "load", state_entry('{"$tuple":' * 5000 + "[]" + "}" * 5000), says="deeper than 64"),
    Case("number of 10^6 digits", "load", state_entry("9" * 10**6), says="digits"),
    Case("fraction of 10^6 digits", "load", state_entry("0." + "9" * 10**6), says="digits"),
    Case("number beyond infinity", "load", state_entry("1e999"), says="not JSON"),
    Case("NaN", "load", state_entry("NaN"), says="not JSON"),
    Case("-Infinity", "load", state_entry("-Infinity"), says="not JSON"),
    Case("key twice", "load", state_entry('{"a": 1, "a": 2}'), says="twice"),
    Case("byte order mark", "load", state_text(b'\xef\xbb\xbf{"a": 1}'), says=STATE),
    Case("UTF-16", "load", state_text('{"a": 1}'.encode("utf-16")), says="UTF-8"),
    Case("half a character", "load", state_entry('"\\ud800"'), error=""),
    Case("10^7 keys", "load", state_text(b"{" + b'"a":1,' * 10**7 + b'"a":1}'), says="8,388,608 bytes"),
    Case("600,000 keys", "load", state_entry(KEYS), says="values"),
    Case("million empty lists", "load", state_entry("[" + "[]," * 10**6 + "[]]"), says="values"),
    Case("two million texts", "load", state_entry("[" + '"",' * (2 * 10**6) + '""]'), says="values"),
    Case("texts without end", "load", state_entry('["' + '\\"' * (4 * 10**6 - 9000)), says=STATE),
    Case("$int of 8 MB", "load", state_entry('{"$int": "0x' + "f" * (8 * 10**6) + '"}'), says="no known mark"),
    Case("$int in decimal", "load", state_entry('{"$int": "' + "9" * 10**5 + '"}'), says="no known mark"),
    Case("$float of text", "load", state_entry('{"$float": "' + "1" * 10**6 + '"}'), says="no known mark"),
    Case("$call", "load", state_entry('{"$call": "os.system"}'), says="no known mark"),
    Case("$module:attribute", "load", state_entry('{"$import": "os:system", "args": ["id"]}'), says="a mark stands beside"),
    Case("$counter of lists", "load", state_entry('{"$counter": [["a", [1]]]}'), says="does not count"),
    Case("$dict of unhashables", "load", state_entry('{"$dict": [[[], 1]]}'), says="pairs"),
    Case("$dict with a key twice", "load", state_entry('{"$dict": [[1, 2], [1, 3]]}'), says="pairs"),
    Case("$tensor that is a path", "load", state_entry('{"$tensor": "../../etc/passwd"}'), says="not there"),
    Case("$tensor of a list", "load", state_entry('{"$tensor": ["a"]}'), says="no known mark"),
    Case("$list of weights", "load", state_entry('{"$list": "0.weight"}'), says="not there"),
    Case("$list 100,000 times", "load", listed(1000, 100_000), says="second time"),
    Case("$list of 20 million", "load", listed(20_000_000, 1), says="16,777,216 numbers"),
    Case("state that is a list", "load", state_text(b"[1, 2]"), says=STATE),
    Case("state that is empty", "load", state_text(b"{}"), says="no state of a Trainer"),
    Case("record that is none", "load", state_of(lambda s: s.update(record="[1]")), says="record"),
    Case("record that is a bomb", "load", state_of(lambda s: s.update(record="[" * 10**5)), says="record"),
    Case("history of texts", "load", state_of(lambda s: s["history"].update(history={"loss": ["x"]})), says="History"),
    Case("history of other lengths", "load", state_of(lambda s: s["history"].update(epoch=[1] * 50)), says="History"),
    Case("counters that are infinite", "load", state_of(lambda s: s["state"].update(step=float("inf"))), says="no state"),
    Case("modes that are texts", "load", state_of(lambda s: s["modes"].update({"0": "eval()"})), says="modes"),
    Case("optimizers that are numbers", "load", state_of(lambda s: s.update(optimizers={"optimizer": 3})), says="optimizers"),
    Case("moments of one number", "load", state_of(moments((1,))), says="exp_avg of shape"),
    Case("moments of another shape", "load", state_of(moments((2, 1000))), says="exp_avg of shape"),
    Case("optimizer in its own form", "load", state_of(optimizer_own), says="grouped"),
    Case("random state beyond memory", "resume", state_of(numpy_position), error="ValueError", says="NumPy"),
    Case("weights of another model in a checkpoint", "load", state_of(lambda s: s["model"].pop("0.bias")), says="missing"),
    Case("weights that are nested", "load", state_of(lambda s: s["model"].update({"0.bias": deep(50)})), says="mismatched"),
    Case("pickle for weights", "load", stored(room.MODEL, lambda path: pickle.dumps(canary(path), 4)), says="model.safetensors"),
    Case("zip for weights", "load", stored(room.MODEL, lambda _: b"PK\3\4" + bytes(90)), says="model.safetensors"),
    Case("pickle for the tree", "load", stored(room.TREE, lambda path: pickle.dumps(canary(path), 0)), says="state.json"),
    Case("pickle for the manifest", "load", replaced(room.META, pickled(0)), says="meta.json"),
    Case("manifest that names other files", "load", meta_of(files={"../../x": {"size": 1, "sha256": ""}}), says="meta.json"),
    Case("manifest of lists", "load", meta_of(files=[[1], [2]]), says="meta.json"),
    Case("manifest of numbers", "load", meta_of(files={room.MODEL: 1, room.STATE: 2, room.TREE: 3}), says="meta.json"),
    Case("manifest with a size that lies", "load",
         meta_of(files={name: {"size": -(10**15), "sha256": ""} for name in (room.MODEL, room.STATE, room.TREE)}), says="damaged"),
    Case("manifest with a size of 10^18", "load",
         meta_of(files={name: {"size": 10**18, "sha256": ""} for name in (room.MODEL, room.STATE, room.TREE)}), says="68,719,476,736"),
    Case("manifest of a newer format", "load", meta_of(format=2, neurokit="9.9"), error="UnknownFormatError", says="written by neurokit 9.9"),
    Case("manifest of a format that is no number", "load", meta_of(format=deep(30)), error="UnknownFormatError"),
    Case("manifest that is a pipe", "load", replaced(room.META, pipe), says="is a pipe"),
    Case("weights that are a pipe", "load", replaced(room.MODEL, pipe), says="is a pipe"),
    Case("weights that are a folder", "load", replaced(room.MODEL, lambda path: path.mkdir()), says="is a folder"),
    Case("weights that are a device", "load", replaced(room.MODEL, link("/dev/zero")), says="is a link"),
    *(Case(f"{name} that is elsewhere", "load", elsewhere(name), says="is a link")
      for name in (room.MODEL, room.STATE, room.TREE, room.META)),
    Case("run whose step is elsewhere", "load", linked_step, says="meta.json"),
    Case("folder of torch.distributed.checkpoint", "load", distributed, says="meta.json"),
    Case("sound one with a pickle beside", "load", with_file("evil.pkl"), error=""),
    Case("file for a folder", "load", pickled(4), "OSError", "is a file"),
]  # fmt: skip


# Records


def record(**changes: Any) -> Callable[[Path], None]:
    """Make the record of a run with changes in its JSON."""
    return lambda path: path.write_text(json.dumps(json.loads(RunRecord().to_json()) | changes)) and None  # type: ignore[func-returns-value]


NO_RECORD = "not the record of a run"
RECORDS = [
    Case("record of depth 100,000", "record", write(b"[" * 10**5), "ValueError", NO_RECORD),
    Case("record with a field twice", "record", write(b'{"seed": 1, "seed": 2}'), "ValueError", "twice"),
    Case("record with NaN", "record", write(b'{"seed": NaN}'), "ValueError", NO_RECORD),
    Case("record of another type", "record", record(seed=[1]), "ValueError", "seed cannot be"),
    Case("record with a command", "record", record(command="rm -rf /"), "ValueError", "unknown fields"),
    Case("record of 100 MB", "record", write(b'{"a": "' + b"x" * 10**8 + b'"}'), "ValueError", "8,388,608 bytes"),
    Case("record of a million lists", "record", record(findings=[{}] * 10**6), "ValueError", "values"),
    Case("record that is a pickle", "record", pickled(4), "ValueError", NO_RECORD),
    Case("record that is a pipe", "record", pipe, "CheckpointError", "is a pipe"),
    Case("record with markup", "record", record(stop_reason="<script>{{7*7}}</script>"), ""),
]


# What torch.save writes


def torch_saved(value: Callable[[Path], Any], legacy: bool = False) -> Callable[[Path], None]:
    """Make a file of ``torch.save``."""

    def make(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sparse tensors are in beta
            torch.save(value(path), path, _use_new_zipfile_serialization=not legacy)

    return make


def torch_members(path: Path) -> list[tuple[str, bytes]]:
    """The members of a sound archive."""
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(4)}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def archive_of(
    change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]], kind: int = zipfile.ZIP_STORED
) -> Callable[[Path], None]:
    """Make an archive of torch's members with a change."""
    return lambda path: zipped(*change(torch_members(path)), kind=kind)(path)


def with_pickle(content: Callable[[Path], bytes]) -> Callable[[Path], None]:
    """Make an archive of torch's with another pickle in it."""

    def make(path: Path) -> None:
        members = [(name, content(path) if name.endswith("data.pkl") else data) for name, data in torch_members(path)]
        zipped(*members)(path)

    return make


def lying_csr(path: Path) -> Any:
    """A sparse matrix whose rows begin far beyond its values; the next product with it is a segmentation fault."""
    return torch.sparse_csr_tensor(
        torch.tensor([0, 10**6, 2 * 10**6]), torch.tensor([0, 1]), torch.ones(2), (2, 2), check_invariants=False
    )


def lying_storage(path: Path) -> bytes:
    """A pickle whose storage has more elements than its member."""
    sound = next(data for name, data in torch_members(path) if name.endswith("data.pkl"))
    return sound.replace(b"K\x04tq", b"J\xff\xff\xff\x7ftq", 1)


def changed_bytes(make: Callable[[Path], None], change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Make a file, then change its bytes."""

    def both(path: Path) -> None:
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return both


def overlapping(content: bytes) -> bytes:
    """Let every member of an archive begin where the first does, and be as long as the archive."""
    found, at = bytearray(content), content.find(b"PK\1\2")
    while at >= 0:
        found[at + 20 : at + 28] = struct.pack("<II", len(content) - 100, len(content) - 100)
        at = content.find(b"PK\1\2", at + 4)
    return bytes(found)


def many_members(path: Path) -> None:
    """Make an archive of 10^6 members out of one directory entry, repeated."""
    zipped(("archive/data.pkl", b""))(path)
    content = path.read_bytes()
    at, end = content.find(b"PK\1\2"), content.find(b"PK\5\6")
    entries = content[at:end] * 10**6
    size = len(entries)
    zip64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 10**6, 10**6, size, at)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, at + size, 1)
    path.write_bytes(
        content[:at]
        + entries
        + zip64
        + locator
        + b"PK\5\6"
        + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    )


def scripted(path: Path) -> None:
    """Make a TorchScript archive."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), str(path))


def reduced(function: bytes, argument: bytes) -> Callable[[Path], bytes]:
    """A pickle that calls a function that is on torch's list of harmless ones."""
    return lambda _: b"\x80\x02c" + function + b"\n" + argument + b"\x85R."


def nested(path: Path) -> Any:
    """Lists in each other, without end."""
    return b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."


IMPORTED = "was not imported"
PT_AT_ONCE = [  # refused before another process is started
    *(Case(f"{name} as .pt", "import_pt", write(content), suffix=".pt") for name, content in list(OTHER_KINDS.items())[:6]),
    *(Case(f"bare pickle of protocol {number}", "import_pt", pickled(number), suffix=".pt") for number in (0, 2, 5)),
    Case("joblib as .pt", "import_pt", lambda path: joblib.dump({"a": canary(path)}, path) and None, suffix=".pt"),
    Case("tar as .pt", "import_pt", write(OTHER_KINDS["tar archive"]), suffix=".pt"),
    Case("safetensors as .pt", "import_pt", tensors({"a": entry()}), says="Load it with trainer.load_weights", suffix=".pt"),
    Case("zip bomb of 1:1000", "import_pt", archive_of(lambda m: [*m, ("archive/data/9", bytes(10**7))], zipfile.ZIP_DEFLATED), says="compressed", suffix=".pt"),
    Case("members that overlap", "import_pt", changed_bytes(archive_of(lambda m: m), overlapping), says="overlap", suffix=".pt"),
    Case("10^6 members", "import_pt", many_members, says="lists 1,000,000 members", suffix=".pt"),
    Case("two members of one name", "import_pt", archive_of(lambda m: [*m, m[0]]), says="twice the same", suffix=".pt"),
    *(Case(f"member {name!r}", "import_pt", archive_of(lambda m, name=name: [*m, (name, b"")]), says="ways out", suffix=".pt")
      for name in ("../x", "/abs", "C:\\x", "..\\x", "archive/../../b")),
    Case("encrypted members", "import_pt", changed_bytes(archive_of(lambda m: m), lambda c: c.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")), says="encrypted", suffix=".pt"),
    Case("zip without a directory", "import_pt", write(b"PK\3\4" + bytes(500)), says="no sound zip archive", suffix=".pt"),
    Case("zip cut short", "import_pt", changed_bytes(archive_of(lambda m: m), lambda c: c[:-30]), says="no sound zip archive", suffix=".pt"),
    Case("contents of 20 MB", "import_pt", with_pickle(lambda _: bytes(20 << 20)), says="table of contents", suffix=".pt"),
    Case(".pt that is a pipe", "import_pt", pipe, says="is a pipe", suffix=".pt"),
    Case(".pt of 1 TB", "import_pt", spare(1 << 40), says="at most 68,719,476,736", suffix=".pt"),
]  # fmt: skip
PT = [
    Case("canary in an archive", "import_pt", torch_saved(lambda path: {"a": canary(path)}), says="which is no tensor", suffix=".pt"),
    Case("canary in the old form", "import_pt", torch_saved(lambda path: {"a": canary(path)}, legacy=True), says="which is no tensor", suffix=".pt"),
    Case("canary in a bare archive", "import_pt", with_pickle(lambda path: pickle.dumps(canary(path), 2)), says="which is no tensor", suffix=".pt"),
    Case("whole module", "import_pt", torch_saved(lambda _: nn.Linear(2, 2)), says="weights_only=False", suffix=".pt"),
    Case("TorchScript", "import_pt", scripted, says=IMPORTED, suffix=".pt"),
    Case("sparse matrix that lies", "import_pt", torch_saved(lying_csr), says=IMPORTED, suffix=".pt"),
    Case("tensor of 10^12 elements", "import_pt", torch_saved(lambda _: torch.zeros(1).expand(10**6, 10**6)), says="would take 4,000,000,000,000 bytes", suffix=".pt"),
    Case("storage that lies", "import_pt", with_pickle(lying_storage), says=IMPORTED, suffix=".pt"),
    Case("bytearray of 10^12", "import_pt", with_pickle(reduced(b"builtins\nbytearray", b"\x8a\x06\x00\x00\x00\x00\x00\x01")), says=IMPORTED, suffix=".pt"),
    Case("lists in lists in lists", "import_pt", with_pickle(nested), says=IMPORTED, suffix=".pt"),
    Case("names that are paths in a .pt", "import_pt", torch_saved(lambda _: {"../../x": torch.ones(1)}), says="cannot be a tensor's", suffix=".pt"),
    Case("archive with a web page behind", "import_pt", changed_bytes(torch_saved(lambda _: {"a": torch.ones(1)}), lambda c: c + b"<html>"), error="", suffix=".pt"),
]  # fmt: skip

CASES = [*WEIGHTS, *CHECKPOINTS, *RECORDS, *PT_AT_ONCE, *PT]
