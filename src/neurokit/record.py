"""The record of a run: everything needed to say what was done, with which code, on which data, and how it ended."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import inspect
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neurokit import __version__
from neurokit.data.memory import InMemoryLoader
from neurokit.devices import describe_device
from neurokit.signature import balance
from neurokit.storage import Limits, check_exists, open_regular, parse_json, replace_file
from neurokit.summary import layer_table
from neurokit.task import Task, in_words

MAX_HASHED_BYTES = 64 << 20
MAX_TARGETS = 100  # numbers a row: targets that are pictures are not gone through
_ADDED_LATER = frozenset(("signature", "balance", "assessments", "explanation", "answers"))  # older records lack them
SHOWN = 32  # so many numbers of an array are written out; of a longer one, type and shape


@dataclass
class RunRecord:
    """What was done: filled by ``fit``, written as ``run.json``, read by card, report and bundle.

    Values are plain: numbers, text, lists and dicts with text for keys. Whatever else is put in is described when the
    record is written.

    Attributes:
        created: When the run began, UTC, as ISO 8601.
        versions: Of Python, neurokit, torch and NumPy, and the platform.
        seed: The seed of the global generators; ``None`` when none was set.
        data_seed: The seed of the order and of the split.
        git: Commit, branch, and whether tracked files differed from it; ``None`` outside a repository.
        data: A fingerprint of each array that was trained on.
        split: How validation rows were chosen: ``how``, ``fraction``, ``seed`` and ``indices``.
        parameters: Every argument of ``Trainer`` and ``fit``; ``batch_size`` as it was, also where none was given.
        model: Class, number of parameters, how many of them were trained, bytes, and the table of layers.
        task: What the model was asked for.
        signature: What goes in (names, dtypes, shapes, columns) and what comes out (kinds, classes).
        balance: Of each data set, the rows of each class, or mean, deviation and range of its numbers.
        hardware: Device, CPU, cores, memory, accelerators, threads, and whether algorithms were deterministic.
        timings: When the run started, its seconds, and the seconds of each epoch.
        findings: What the checks before and during training noticed.
        metrics: The logs of the last epoch, and the best value of each.
        epochs_run: Epochs completed.
        stop_reason: Why it ended; ``None`` while it goes on.
        assessments: What ``nk.assess`` found, by the name of the data, as ``Assessment.to_dict`` gives it. A model card
            writes this, and the next two.
        explanation: What ``nk.explain`` found, as ``explanations.summarize`` gives it.
        answers: What only a person knows: licence, uses, limits; under ``card``, what a model card keeps for itself.

    Example:
        >>> record = RunRecord(seed=42, epochs_run=3, stop_reason="completed")
        >>> RunRecord.from_json(record.to_json()) == record
        True
    """

    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    data_seed: int | None = None
    git: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    signature: dict[str, Any] = field(default_factory=dict)
    balance: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    epochs_run: int = 0
    stop_reason: str | None = None
    assessments: dict[str, Any] = field(default_factory=dict)
    explanation: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        model: nn.Module,
        device: torch.device,
        *,
        data_seed: int,
        parameters: Mapping[str, Any],
        data: Mapping[str, Any],
        split: Mapping[str, Any],
        task: Task | Mapping[str, Task] | None,
        signature: Mapping[str, Any],
    ) -> RunRecord:
        """Return what can be said of a run before its first epoch.

        Args:
            model: What is trained.
            device: Where.
            data_seed: The seed of the order and of the split.
            parameters: Every argument of ``Trainer`` and ``fit``.
            data: The loaders by what they are for; ``None`` for one that is not there.
            split: How validation rows were chosen; empty when they were not.
            task: What is asked, by output name where there are several.
            signature: What goes in and comes out, as ``signature.signature`` tells it.
        """
        sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
        loaders = {name: loader for name, loader in data.items() if isinstance(loader, InMemoryLoader)}
        return cls(
            versions=collect_versions(),
            seed=torch.initial_seed(),
            data_seed=data_seed,
            git=git_state(),
            data={name: None if loader is None else _fingerprint_of(loader) for name, loader in data.items()},
            split=dict(split) or None,
            parameters={name: describe(value) for name, value in parameters.items()},
            model={
                "class": type(model).__qualname__,
                "parameters": sum(size for size, _ in sizes),
                "trainable": sum(size for size, trains in sizes if trains),
                "bytes": sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers()]),
                "layers": layer_table(model),
            },
            task={"description": in_words(task)},
            signature=dict(signature),
            balance={name: balance(loader.targets(MAX_TARGETS), task) for name, loader in loaders.items()},
            hardware=hardware(device),
            timings={"epochs": []},
        )

    def differences(self, resumed: RunRecord) -> list[str]:
        """Return what a run that resumes this one does otherwise, in words; empty where it goes on as it was.

        Raises:
            ValueError: If it trains on other data or other rows, or in other batches: that would be another run.
        """
        before, now = self.to_dict(), resumed.to_dict()
        for name, what in (("data", "data"), ("split", "validation rows")):
            if before[name] != now[name]:
                raise ValueError(
                    f"The checkpoint's run had other {what} than this one. Resume with the same, or begin a new run in "
                    "another folder."
                )
        free = {"epochs", "callbacks", "resume", "verbose", "checks"}  # what may change from one start to the next
        given, had = now["parameters"], before["parameters"]
        changed = [name for name in given if name not in free and had.get(name) != given[name]]
        if "batch_size" in changed and None not in (had["batch_size"], given["batch_size"]):  # None: not known
            raise ValueError(
                f"The checkpoint's run had batch_size={had['batch_size']!r}, this one has {given['batch_size']!r}. "
                "Resume with the same, or begin a new run in another folder."
            )
        return [
            f"The resumed run had {name}={had.get(name)!r}, and this one is given {given[name]!r}. What the checkpoint "
            "holds goes on."
            for name in changed
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {item.name: describe(getattr(self, item.name)) for item in dataclasses.fields(self)}

    def to_json(self) -> str:
        """Return the record as JSON, an entry a line; NaN, which JSON has no word for, is ``{"$float": "nan"}``."""
        return _in_lines(_with_marks(self.to_dict()))

    @classmethod
    def from_json(cls, text: str | bytes, *, limits: Limits | None = None) -> RunRecord:
        """Return the record in a JSON text.

        Args:
            text: What ``to_json`` gave.
            limits: What it may ask for; the default is that of every JSON file.

        Raises:
            ValueError: If it is no record: not strict JSON, an unknown or missing field, or one of the wrong type.
        """
        try:
            found = parse_json(text if isinstance(text, bytes) else text.encode(), limits or Limits())
            values = _without_marks(found)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"This is not the record of a run: {error}.") from error
        if not isinstance(values, dict):
            raise ValueError(f"This is not the record of a run: it holds a {type(values).__name__}.")
        kinds = {name: _kinds(hint) for name, hint in get_type_hints(cls).items()}
        values |= {name: {} for name in _ADDED_LATER - set(values)}
        if set(values) != set(kinds):
            unknown, missing = sorted(set(values) - set(kinds)), sorted(set(kinds) - set(values))
            raise ValueError(
                f"This is not the record of a run: unknown fields {unknown!s:.200}, missing fields {missing}. "
                "It may have been written by another version of neurokit."
            )
        wrong = [name for name, value in values.items() if type(value) not in kinds[name]]
        if wrong or not all(isinstance(finding, dict) for finding in values["findings"]):
            name = (wrong or ["findings"])[0]
            raise ValueError(f"This is not the record of a run: {name} cannot be {values[name]!r:.80}.")
        return cls(**values)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as a JSON file, whole or not at all; a file that is there is replaced.

        Raises:
            OSError: If it cannot be written; names the path.
        """
        text = self.to_json().encode() + b"\n"
        replace_file(path, [text], len(text))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, limits: Limits | None = None) -> RunRecord:
        """Return the record in a JSON file.

        Args:
            path: The file.
            limits: What it may ask for; the default is that of every JSON file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it holds no record; names the file.
        """
        place, limits = Path(path).expanduser(), limits or Limits()
        check_exists(place)
        with open_regular(place, follow=True) as file:
            text = file.read(limits.json_bytes + 1)
        try:
            return cls.from_json(text, limits=limits)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _kinds(hint: Any) -> set[Any]:
    """Return the types a field may have: ``dict[str, Any] | None`` gives ``{dict, NoneType}``."""
    return {get_origin(part) or part for part in (get_args(hint) if isinstance(hint, UnionType) else [hint])}


def _in_lines(value: Any, margin: str = "") -> str:
    """Return JSON with each entry of an outer dict on its own line; what is deeper, or a list, stays on one."""
    if not value or not isinstance(value, dict) or len(margin) > 2:
        return json.dumps(value, allow_nan=False)
    inner = margin + "  "
    entries = [f"{inner}{json.dumps(key)}: {_in_lines(entry, inner)}" for key, entry in value.items()]
    return "{\n" + ",\n".join(entries) + f"\n{margin}}}"


def _with_marks(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, int) and value.bit_length() > 64:  # more digits than are read
        return {"$int": hex(value)}
    if isinstance(value, dict):
        return {key: _with_marks(entry) for key, entry in value.items()}
    return [_with_marks(entry) for entry in value] if isinstance(value, list) else value


def _without_marks(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_marks(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$float"} and value["$float"] in ("nan", "inf", "-inf"):
        return float(value["$float"])
    if value.keys() == {"$int"} and re.fullmatch("-?0x[0-9a-f]{1,65536}", str(value["$int"])):
        return int(value["$int"], 16)
    return {key: _without_marks(entry) for key, entry in value.items()}


# What goes into it


def collect_versions() -> dict[str, str]:
    """Return the versions of what computed: Python, neurokit, torch, NumPy and the platform."""
    return {
        "python": platform.python_version(),
        "neurokit": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def git_state(timeout: float = 2.0) -> dict[str, Any] | None:
    """Return ``commit``, ``branch`` and ``dirty`` of the repository around the current folder; ``None`` without one.

    A branch is ``None`` where none is checked out, a commit before the first one. ``dirty`` tells whether tracked files
    differ from the commit: then the commit alone does not say what ran.

    Args:
        timeout: Seconds after which git is not waited for.
    """
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch"]
    try:
        status = subprocess.run(
            [*command, "--untracked-files=no"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):  # no git, no repository, or no answer
        return None
    head = dict(line.removeprefix("# branch.").split(" ", 1) for line in status if line.startswith("# branch."))
    commit, branch = head.get("oid"), head.get("head")
    return {
        "commit": None if commit == "(initial)" else commit,
        "branch": None if branch == "(detached)" else branch,
        "dirty": any(not line.startswith("#") for line in status),
    }


def hardware(device: str | torch.device = "cpu") -> dict[str, Any]:
    """Return what a run computes on: device, CPU, cores, memory in bytes, accelerators, threads, determinism."""
    device, cpu = torch.device(device), describe_device("cpu")
    return {
        "device": str(device),
        "cpu": cpu.name,
        "cores": cpu.cores,
        "memory": cpu.memory,
        "accelerators": [] if device.type == "cpu" else [describe_device(device).name],
        "threads": cpu.threads,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _fingerprint_of(loader: Any) -> dict[str, Any]:
    """What identifies the data of a loader: hashes of the arrays it has, else its kind and size."""
    columns = {name: getattr(loader, name, None) for name in ("x", "y", "weight")}
    known: dict[str, Any] = {name: fingerprint(column) for name, column in columns.items() if column is not None}
    batches = getattr(loader, "told_batches", loader.num_batches)  # which its workers do not change
    return {"rows": loader.num_rows, **(known or {"source": type(loader).__name__, "batches": batches})}


def fingerprint(data: Any) -> dict[str, Any]:
    """Return what identifies data: shape, dtype, number of rows and the SHA-256 of the content.

    Of more than 64 MiB, evenly spaced rows of that size are hashed, and ``sampled`` is true. An array and a tensor of
    the same numbers have the same hash.

    Args:
        data: An array, a tensor, or what NumPy makes an array of; the first axis is the rows. Of a tuple or mapping,
            each member is told; of anything else, such as a ``Dataset``, the class and the number of rows.

    Example:
        >>> fingerprint(np.zeros((3, 2), np.float32)) == fingerprint(torch.zeros(3, 2))
        True
    """
    if isinstance(data, (tuple, Mapping)):
        members = data.items() if isinstance(data, Mapping) else enumerate(data)
        return {str(name): fingerprint(member) for name, member in members}
    if isinstance(data, Tensor) and data.layout == torch.strided:
        values: Any = data.detach()
    elif hasattr(data, "__array__") and not isinstance(data, Tensor):
        values = np.asarray(data)
    else:
        return {"class": type(data).__qualname__, "rows": len(data) if hasattr(data, "__len__") else None}
    rows = values.shape[0] if values.ndim else 1
    kept = min(rows, max(1, MAX_HASHED_BYTES * rows // max(1, values.nbytes)))
    chosen = values if kept == rows else values[np.linspace(0, rows - 1, kept).astype(np.int64)]
    return {
        "shape": list(values.shape),
        "dtype": str(values.dtype).removeprefix("torch."),
        "rows": rows,
        "sha256": hashlib.sha256(_content(chosen)).hexdigest(),
        "sampled": kept < rows,
    }


def _content(values: Any) -> bytes | memoryview:
    """Return the bytes of an array or tensor, in row order and little-endian; of objects, those of their text."""
    if isinstance(values, Tensor):
        dense = values.resolve_conj().resolve_neg().cpu().contiguous()
        return dense.as_strided((dense.numel(),), (1,)).view(torch.uint8).numpy().data
    if values.dtype.hasobject:
        return "\0".join(map(repr, values.ravel().tolist())).encode(errors="replace")
    return bytes(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())


def describe(value: Any) -> Any:
    """Return any argument as plain values that say what it was.

    Numbers, text, lists and mappings stay themselves; functions and classes become their qualified names; other objects
    their class, with the arguments of its constructor that they still hold; an optimizer its class and defaults; large
    arrays their dtype and shape.

    Example:
        >>> describe({"loss": torch.nn.CrossEntropyLoss, "sizes": (64, 10), "device": torch.device("cpu")})
        {'loss': 'torch.nn.modules.loss.CrossEntropyLoss', 'sizes': [64, 10], 'device': 'cpu'}
    """
    return _described(value, 0)


_DEEPEST = 20
_INTO_OBJECT = 7  # levels an object counts for: objects are told to the third, so that a graph of them has an end


def _described(value: Any, depth: int) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if depth > _DEEPEST:
        return type(value).__qualname__
    if isinstance(value, Mapping):
        return {str(key): _described(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(entry, depth + 1) for entry in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return _described_array(value)
    if isinstance(value, enum.Enum):
        return str(value)
    if isinstance(value, (float, int, str)):  # a subclass of one
        return next(kind(value) for kind in (float, int, str) if isinstance(value, kind))
    if isinstance(value, (os.PathLike, torch.device, torch.dtype, np.dtype, complex)):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, functools.partial):
        arguments = [*map(describe, value.args)]
        return {"partial": describe(value.func), "arguments": arguments, **_described(value.keywords, depth + 1)}
    if isinstance(value, type) or inspect.isroutine(value) or isinstance(value, np.ufunc):
        return f"{getattr(value, '__module__', None) or type(value).__name__}.{getattr(value, '__qualname__', value)}"
    return _described_object(value, depth)


def _described_array(value: Tensor | np.ndarray[Any, Any] | np.generic) -> Any:
    dense = not isinstance(value, Tensor) or (value.layout == torch.strided and not value.is_meta)
    if dense and math.prod(value.shape) <= SHOWN:
        return describe(value.tolist())
    return f"{str(value.dtype).removeprefix('torch.')} {type(value).__name__} of shape {tuple(value.shape)}"


def _described_object(value: Any, depth: int) -> Any:
    kind, shape = type(value).__qualname__, getattr(value, "shape", None)
    if isinstance(shape, tuple):  # a data frame, a sparse matrix
        return f"{kind} of shape {tuple(shape)}"
    if isinstance(value, Optimizer):
        return {"class": kind, **_described(value.defaults, depth + 1)}
    held = dict(getattr(value, "__dict__", {}))
    if isinstance(value, torch.nn.Module):
        held |= dict(value.named_buffers(recurse=False))
    try:
        parameters = list(inspect.signature(type(value)).parameters)
    except (TypeError, ValueError):  # of some classes written in C nothing can be told
        parameters = []
    arguments = {
        name: _described(held.get(name, held.get(f"_{name}")), depth + _INTO_OBJECT)
        for name in parameters
        if name in held or f"_{name}" in held
    }
    return {"class": kind, **arguments} if arguments else kind
