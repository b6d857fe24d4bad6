"""Power failure: every prefix of the system calls of a run, on a disk that loses whatever was not made durable."""

from __future__ import annotations

import os
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.fresh import in_a_fresh_process
from faults.system import WRITING, Watch
from faults.training import Commits, Position, committed, train
from neurokit import checkpoint
from neurokit.record import RunRecord

GOAL = "Power failure after every system call, with un-fsynced writes and names lost: a committed step is found"
CI = 1
FULL = 20
SPLIT = False


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Replay every prefix of a run's calls: without anything un-fsynced, with all names, and with random parts."""
    return in_a_fresh_process("faults.power", "_run", amount, seed)


@dataclass
class File:
    """A file's bytes, and those that survive."""

    data: bytes = b""
    durable: bytes = b""


@dataclass
class Folder:
    """A folder's names, those that survive, and the changes in between, which survive in any combination."""

    names: dict[str, Any] = field(default_factory=dict)
    durable: dict[str, Any] = field(default_factory=dict)
    pending: list[dict[str, Any]] = field(default_factory=list)

    def change(self, **changes: Any) -> None:
        """Give names to files and folders, or take them away with ``None``: one call, whole or not at all."""
        self.pending.append(changes)
        self.names = _changed(self.names, changes)


def _changed(names: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in (names | changes).items() if node is not None}


Call = tuple[str, tuple[str, ...], Any]


class Disk:
    """What a disk holds after some calls, and what of it survives."""

    def __init__(self) -> None:
        self.root = Folder()

    def find(self, path: tuple[str, ...]) -> Any:
        """Return the file or folder at a path."""
        node: Any = self.root
        for name in path:
            node = node.names[name]
        return node

    def do(self, call: Call) -> None:
        """Make one call."""
        kind, path, value = call
        parent = self.find(path[:-1]) if path else self.root
        if kind == "open":
            if path[-1] not in parent.names:
                parent.change(**{path[-1]: File()})
        elif kind == "write":
            self.find(path).data += value
        elif kind == "ftruncate":
            self.find(path).data = self.find(path).data[:value]
        elif kind == "fsync":
            node = self.find(path)
            if isinstance(node, File):
                node.durable = node.data
            else:
                node.durable, node.pending = dict(node.names), []
        elif kind == "mkdir":
            parent.change(**{path[-1]: Folder()})
        elif kind in ("unlink", "rmdir"):
            parent.change(**{path[-1]: None})
        elif kind in ("rename", "replace"):
            assert value[:-1] == path[:-1]  # within one folder: one change
            parent.change(**{path[-1]: None, value[-1]: parent.names[path[-1]]})
        else:
            raise AssertionError(kind)

    def survives(self, place: Path, how: str, moments: random.Random) -> None:
        """Write what is left after a power failure into a folder."""
        _put(self.root, place, how, moments)


def _put(node: Any, place: Path, how: str, moments: random.Random) -> None:
    if isinstance(node, File):
        rest = node.data[len(node.durable) :] if node.data.startswith(node.durable) else b""
        kept = rest[: moments.randint(0, len(rest))] if how == "a part" else b""
        place.write_bytes(node.durable + kept)
        return
    place.mkdir(exist_ok=True)
    names = dict(node.durable)
    for changes in node.pending:
        if how == "all names" or (how == "a part" and moments.random() < 0.5):
            names = _changed(names, changes)
    for name, inner in names.items():
        _put(inner, place / name, how, moments)


def _run(amount: int, seed: int) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        calls, commits = _record(Path(place) / "disk")
        counts = {"calls": len(calls), "commits": len(commits), "renames out of order": _out_of_order(calls, commits)}
        return counts | _replay(calls, commits, Path(place), amount, random.Random(seed))


def _record(root: Path) -> tuple[list[Call], list[tuple[int, Position]]]:
    """Run once; return its calls, and after how many of them it said that a position is committed."""
    root.mkdir()
    root = root.resolve()
    calls: list[Call] = []
    commits: list[tuple[int, Position]] = []

    def parts(path: Any) -> tuple[str, ...]:
        return Path(os.fsdecode(path)).relative_to(root).parts

    def note(name: str, path: str, arguments: tuple[Any, ...]) -> None:
        if name == "close" or (name == "open" and not arguments[1] & os.O_CREAT):
            return
        value = {"write": lambda: bytes(arguments[1]), "ftruncate": lambda: arguments[1]}.get(name, lambda: None)()
        calls.append((name, parts(path), parts(arguments[1]) if name in ("rename", "replace") else value))

    def commit(what: str, position: Position) -> None:
        if what == "committed":
            commits.append((len(calls), position))

    with Watch(root, lambda *_: None, WRITING, after=note):
        train(root / "all" / "runs" / "one", Commits(commit))
    return calls, commits


def _out_of_order(calls: list[Call], commits: list[tuple[int, Position]]) -> int:
    """Count checkpoints for which fsync(files) < fsync(folder) < rename < fsync(parent) < committed does not hold."""
    placed = [
        at
        for at, (kind, path, target) in enumerate(calls)
        if kind == "rename" and path[-1].startswith(".tmp-") and target[-1].startswith("step-")
    ]
    return sum(not _is_in_order(calls, at, min(done for done, _ in commits if done > at)) for at in placed)


def _is_in_order(calls: list[Call], at: int, said: int) -> bool:
    folder = calls[at][1]
    written, synced, folder_synced = {}, {}, -1
    for index, (kind, path, _) in enumerate(calls[:at]):
        if kind == "write" and path[:-1] == folder:
            written[path[-1]] = index
        elif kind == "fsync" and path[:-1] == folder:
            synced[path[-1]] = index
        elif kind == "fsync" and path == folder:
            folder_synced = index
    return (
        [*written] == [*synced] == ["model.safetensors", "state.safetensors", "state.json", "meta.json"]
        and all(written[name] < synced[name] < folder_synced for name in written)
        and ("fsync", folder[:-1], None) in calls[at:said]
    )


def _replay(
    calls: list[Call], commits: list[tuple[int, Position]], place: Path, amount: int, moments: random.Random
) -> dict[str, int]:
    disk, counts = Disk(), {"replays": 0, "lost": 0, "torn records": 0, "damaged under a final name": 0}
    for done in range(len(calls) + 1):
        if done:
            disk.do(calls[done - 1])
        least = max((position for index, position in commits if index <= done), default=(0, 0))
        for how in ["nothing", "all names", *["a part"] * amount]:
            with tempfile.TemporaryDirectory(dir=place) as survivor:
                disk.survives(Path(survivor), how, moments)
                folder = Path(survivor) / "all" / "runs" / "one"
                counts["damaged under a final name"] += sum(not _is_sound(path) for path in folder.glob("step-*"))
                found = committed(folder) if folder.exists() else None
                counts["replays"] += 1
                counts["lost"] += (found[0] if found else (0, 0)) < least
                counts["torn records"] += _is_torn(folder / "run.json")
    return counts


def _is_sound(folder: Path) -> bool:
    try:
        checkpoint.verify(folder)
    except ValueError:
        return False
    return True


def _is_torn(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        RunRecord.load(path)
    except ValueError:
        return True
    return False
