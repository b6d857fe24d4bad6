"""Reads hostile files, one after another, in a process that notes whatever it should not do.

Run as ``python worker.py FOLDER``, with the names of cases on standard input; writes a line of JSON before and after
each. A process that ends early says by that which file did it.
"""

# ruff: noqa: T201 (what is printed is what it is for)

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import neurokit as nk
from hostile import make
from neurokit import checkpoint

HANG = 60  # seconds after which a reader counts as hanging
X = torch.arange(32.0).reshape(16, 2)


def load(path: Path) -> nk.Trainer:
    """Load a checkpoint."""
    one = make.trainer()
    one.load(path)
    return one


READERS: dict[str, Callable[[Path], Any]] = {
    "load_weights": lambda path: make.trainer().load_weights(path),
    "load": load,
    "resume": lambda path: make.trainer().fit(X, X, epochs=3, batch_size=8, verbose=0, resume=path),
    "record": nk.RunRecord.load,
    "import_pt": nk.import_pt,
}

# What reading a file may not do. An import reads files, so that only writing counts with "open".
FORBIDDEN = (
    "os.", "shutil.", "socket.", "subprocess.", "urllib.", "http.", "ftplib.", "smtplib.", "tempfile.", "ctypes.dlopen",
    "pickle.", "marshal.dump", "pty.", "webbrowser.",
)  # fmt: skip
HARMLESS = ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv", "os.walk", "os.fwalk")
NOTED: list[str] = []


def note(event: str, args: tuple[Any, ...]) -> None:
    """Keep an audit event that reading a file should not cause."""
    if event == "open":
        _, _, flags = args
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            NOTED.append(f"open {args[0]!s:.200} for writing")
    elif event.startswith(FORBIDDEN) and event not in HARMLESS:
        NOTED.append(f"{event} {args!s:.200}")


def status(name: str) -> int:
    """Return a number of bytes from the system's description of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) << 10


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of a folder's files."""
    return sum(one.lstat().st_size for one in [path, *path.rglob("*")] if not one.is_dir() or one.is_symlink())


def listing(folder: Path) -> list[str]:
    """Return every path in a folder, and in that for temporary files."""
    return [str(path) for place in (folder, Path(os.environ["TMPDIR"])) for path in place.rglob("*")]


def read(case: make.Case, folder: Path) -> dict[str, Any]:
    """Have a case's file read, and return what came of it."""
    place = folder / "case" / f"given{case.suffix}"
    place.parent.mkdir()
    case.make(place)
    before, size = listing(folder), size_of(place)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory is counted from here
    memory = status("VmRSS")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    NOTED.clear()
    signal.alarm(HANG)
    start = time.process_time()
    error, says, used = "", "", None
    try:
        used = READERS[case.reader](place)
    except Exception as caught:
        error, says = type(caught).__name__, str(caught)
        error = error if type(caught).__module__ != "builtins" or error == "ValueError" else builtin(caught)
    seconds = time.process_time() - start
    signal.alarm(0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "name": case.name,
        "error": error,
        "says": says[:3000],
        "seconds": seconds,
        "child_seconds": after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime,
        "growth": status("VmHWM") - memory,
        "size": size,
        "events": list(NOTED),
        "created": sorted(set(listing(folder)) - set(before)),
    }
    if isinstance(used, nk.Trainer):
        used.fit(X, X, epochs=1, batch_size=8, verbose=0)  # what was loaded must bear being used
    shutil.rmtree(folder / "case")
    return found


def builtin(error: Exception) -> str:
    """Return the name of a built-in error; of ``OSError``, that of the family."""
    return (
        "OSError" if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) else type(error).__name__
    )


# Mutations: the bytes are changed and the checksums made right again, so that the change reaches the parser


def mutated(content: bytes, dice: random.Random) -> bytes:
    """Return bytes with one to four edits: a flip, a cut, a splice, a token of the format put in."""
    found = bytearray(content)
    for _ in range(dice.choice([1, 1, 2, 4])):
        at = dice.randrange(len(found) + 1)
        to = min(len(found), at + dice.choice([1, 1, 2, 8, 64]))
        match dice.randrange(5):
            case 0 if at < len(found):
                found[at] ^= 1 << dice.randrange(8)
            case 1:
                del found[at:to]
            case 2:
                source = dice.randrange(len(found) + 1)
                found[at:at] = found[source : source + dice.choice([1, 4, 32])]
            case 3:
                found[at:to] = dice.choice(TOKENS)
            case _ if dice.random() < 0.1:
                del found[at:]
    return bytes(found)


def fingerprint(one: nk.Trainer) -> str:
    """Return what tells whether anything of a trainer changed."""
    state = one.state_dict()
    kept = {name: state[name] for name in state if name not in ("rng", "record")}
    return repr(kept)


TOKENS = [
    b"0", b"-1", b"9" * 18, b"1e308", b"null", b"true", b"[]", b"{}", b'""',
    b"[", b"}", b'"', b",", b"\\", b"\x00", b"\xff",
    b'{"$tensor":"a"}', b'{"$list":"0.weight"}', b'{"$tuple":[]}', b'{"$int":"0x1"}', b'{"$float":"nan"}', b'"$dict"',
    b"F64", b"BOOL", b"I8", b"C64", b"../",
]  # fmt: skip


def regrown(content: bytes, dice: random.Random) -> bytes:
    """Return JSON in which one value is another: what follows a parser must bear that as well."""
    tree = json.loads(content)
    places = [(tree, key) for key in tree]
    for node, key in places:  # grows while it is gone through
        inner = node[key]
        if isinstance(inner, dict | list):
            places += [(inner, below) for below in (inner if isinstance(inner, dict) else range(len(inner)))]
    node, key = dice.choice(places)
    other, same = dice.choice(places)
    match dice.randrange(4):
        case 0 if isinstance(node, dict):
            del node[key]
        case 1:
            node[key] = other[same] if not isinstance(other[same], dict | list) else None
        case _:
            node[key] = dice.choice(VALUES)
    return json.dumps(tree).encode()


VALUES: list[Any] = [
    None, True, 0, -1, 10**9, -(2**63), 1.5, 1e308, "", "x", "0.weight", [], {}, [[]], [1, "x"], {"a": {"b": []}},
    {"$weight": "0.weight"}, {"$list": "rng.numpy.1"}, {"$float": "nan"}, {"$int": "0xffffffffffffffffff"},
    {"$tuple": []}, {"$dict": [[0, 1]]}, {"$counter": [["a", 1]]},
]  # fmt: skip


def fuzz(amount: int, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Change sound files at random and read them; yield every error that is not ours, and every half-loaded state."""
    dice = random.Random(seed)
    sound = make.saved(folder / "sound")
    files = {path.name: path.read_bytes() for path in sound.iterdir()}
    place = folder / "mutated"
    place.mkdir()
    one = make.trainer()
    before = fingerprint(one)
    for number in range(amount):
        name = dice.choice(["model.safetensors", "state.safetensors", "state.json", "state.json", "meta.json"])
        change = regrown if name.endswith("json") and dice.random() < 0.7 else mutated
        content = change(files[name], dice)
        for other in files:
            (place / other).write_bytes(content if other == name else files[other])
        print(json.dumps({"start": f"mutation {number} of seed {seed}"}), flush=True)
        try:
            if name != "meta.json":
                make.reseal(place)
            if name == "model.safetensors":
                checkpoint.load_weights(place / name)
            one.load(place)
        except Exception as error:
            if type(error) not in (checkpoint.CheckpointError, checkpoint.UnknownFormatError, ValueError):
                yield {"mutation": number, "file": name, "error": f"{error!r:.300}"}
            if fingerprint(one) != before:
                yield {"mutation": number, "file": name, "error": f"half loaded, after {error!r:.300}"}
                one = make.trainer()
            before = fingerprint(one)
            continue
        with contextlib.suppress(Exception):  # it may fail, and must not crash
            one.fit(X[:8], X[:8], epochs=1, batch_size=8, verbose=0)
        one = make.trainer()
        before = fingerprint(one)


def main() -> None:
    """Read what is asked for on standard input."""
    folder = Path(sys.argv[1])
    os.chdir(folder)
    jobs = json.loads(sys.stdin.read())
    if "fuzz" in jobs:
        for found in fuzz(*jobs["fuzz"], folder):
            print(json.dumps(found), flush=True)
        print(json.dumps({"done": True}), flush=True)
        return
    cases = {case.name: case for case in make.CASES}
    sound = make.saved(folder / "sound")  # everything is imported, and every reader run, before what counts
    checkpoint.save_weights(folder / "sound.safetensors", make.model().state_dict())
    load(sound).fit(X, X, verbose=0)
    READERS["resume"](sound)
    READERS["load_weights"](folder / "sound.safetensors")
    READERS["record"](sound / "run.json")
    Path(folder / "warm").write_bytes(b"")
    for reader in READERS.values():
        with contextlib.suppress(ValueError, OSError):
            reader(folder / "warm")
    for path in (sound, folder / "sound.safetensors", folder / "warm"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    sys.addaudithook(note)
    for name in jobs["cases"]:
        print(json.dumps({"start": name}), flush=True)
        print(json.dumps(read(cases[name], folder)), flush=True)
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main()
