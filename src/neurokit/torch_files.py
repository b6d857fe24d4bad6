"""import_pt: weights out of a ``.pt`` file from elsewhere, read in a process that can do no harm.

What ``torch.save`` writes is a program for an interpreter, and the interpreter has had holes even where it runs only
what is allowed. So this process looks at no more than the list of an archive's members. Another one reads the file,
under limits that the system enforces, and writes the tensors as safetensors, which are then read as strictly as any
stranger's.
"""

from __future__ import annotations

import json
import logging
import os
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from neurokit.checkpoint import identity, read_tensors, save_weights
from neurokit.storage import CheckpointError, Limits, check_exists, open_regular, read_json

SLACK_BYTES = 64 << 20  # beside what is in proportion to the file
MOST_VALUES = 1_000_000  # tensors and others, in lists and dicts that may hold each other many times
START_SECONDS = 60  # starting Python and torch takes a few, on a busy machine many
_FOUND, _REPORT, _ERRORS = "found.safetensors", "report.json", "errors.txt"


def import_pt(
    path: str | os.PathLike[str],
    to: str | os.PathLike[str] | None = None,
    *,
    key: str | None = None,
    limits: Limits | None = None,
) -> dict[str, Tensor]:
    """Return the tensors in a file that ``torch.save`` wrote, by name, and leave them as safetensors.

    The file is read in a process of its own, with ``weights_only=True``, without the network where the system allows
    that, and with bounds on memory, time and disk. There is no fallback: what needs code to be read is refused.

    Args:
        path: A ``.pt``, ``.pth``, ``.bin`` or ``.ckpt`` file: tensors by name, or a checkpoint with such an entry.
        to: A ``.safetensors`` file to write them to, for ``trainer.load_weights``.
        key: The entry to take, such as ``"ema"``, with dots where entries lie in each other. Without it, the one entry
            that is called as weights are, such as ``"state_dict"``, or all tensors, with dotted names.
        limits: What it may ask for.

    Returns:
        Dense tensors on the CPU. What shared its memory in whole shares it still.

    Raises:
        FileNotFoundError: If there is no such file; names the nearest.
        CheckpointError: If it cannot be read as tensors only; says why, and what to do.

    Example:
        >>> path = Path(tempfile.mkdtemp()) / "best.pt"
        >>> torch.save({"state_dict": {"weight": torch.ones(2)}}, path)
        >>> import_pt(path, path.with_suffix(".safetensors"))
        {'weight': tensor([1., 1.])}
    """
    place, limits = Path(path).expanduser(), limits or Limits()
    check_exists(place)
    with open_regular(place, follow=True) as file:
        size = os.fstat(file.fileno()).st_size
        _check_start(place, file, size, limits)
        try:
            _check_archive(file, size, limits)
        except _RefusedError as error:
            raise CheckpointError(f"{place} was not imported: {error}") from None
        with tempfile.TemporaryDirectory(prefix="neurokit-") as folder:
            report = _run_apart(place, file, Path(folder), {"size": size, "key": key, "limits": asdict(limits)})
            if "refused" in report:
                raise CheckpointError(f"{place} was not imported: {str(report['refused'])[:2000]}")
            try:
                tensors = read_tensors(Path(folder) / _FOUND, limits)
            except (CheckpointError, OSError) as error:
                raise CheckpointError(f"{place} was not imported: what came of it is not sound ({error}).") from error
    if note := str(report.get("note", ""))[:2000]:
        logging.getLogger("neurokit").warning(f"{place}: {note}")
    if to is not None:
        save_weights(to, tensors)
    return tensors


_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # a pickled magic number, before there were zip archives


def _check_start(place: Path, file: BinaryIO, size: int, limits: Limits) -> None:
    start = file.read(len(_LEGACY_START))
    if size > limits.total_bytes:
        raise CheckpointError(f"{place} has {size:,} bytes, and at most {limits.total_bytes:,} are read.")
    if start[8:9] == b"{":
        raise CheckpointError(f"{place} is a safetensors file. Load it with trainer.load_weights.")
    if not start.startswith((b"PK\x03\x04", _LEGACY_START)):
        raise CheckpointError(
            f"{place} is not what torch.save writes: it begins with {start[:8]!r}. Where does it come from?"
        )


class _RefusedError(Exception):
    """Why a file is not imported, in words."""


def _check_archive(file: BinaryIO, size: int, limits: Limits) -> None:
    """Refuse a zip archive that is not laid out as ``torch.save`` does; nothing is taken out of it."""
    file.seek(0)
    if file.read(2) != b"PK":
        return
    try:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end is not None and (end[4] > limits.tensors + 16 or end[5] > limits.header_bytes):
            raise _RefusedError(f"it lists {end[4]:,} members, and at most {limits.tensors:,} tensors are read.")
        members = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error, OSError) as error:
        raise _RefusedError(f"it is no sound zip archive: {error}. Is it damaged?") from None
    names = [member.filename for member in members]
    if len(set(names)) != len(names) or any(re.search(r"(^|/)\.\.(/|$)|^/|[\\:\0]", name) for name in names):
        raise _RefusedError("its members have names that torch.save does not give: twice the same, or ways out of it.")
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        raise _RefusedError("its members are compressed or encrypted, and torch.save stores them as they are.")
    if sum(member.file_size for member in members) > size:
        raise _RefusedError("its members are larger together than the file: they overlap.")
    if any(member.filename.endswith("data.pkl") and member.file_size > limits.header_bytes for member in members):
        raise _RefusedError(f"its table of contents has more than the {limits.header_bytes:,} bytes that are read.")


_CODE = """
import json, sys
job = json.loads(sys.argv[1])
sys.path[:] = job.pop("paths")
from neurokit.torch_files import convert
convert(job)
"""


def _run_apart(place: Path, file: BinaryIO, folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """Have another process read a file, and return what it reports."""
    paths = [str(Path(__file__).parents[1]), *(entry for entry in sys.path if os.path.isabs(entry))]
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR")
    surroundings = {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),  # importing torch makes a folder there
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    seconds = _seconds(job)
    with (folder / _ERRORS).open("wb") as errors:
        try:
            # -I: nothing from this folder or the environment is imported; -B: no compiled files are left behind
            child = subprocess.run(
                [sys.executable, "-I", "-B", "-c", _CODE, json.dumps({**job, "paths": paths})],
                stdin=file,
                stdout=errors,
                stderr=errors,
                cwd=folder,
                env=surroundings,
                timeout=seconds + START_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CheckpointError(f"{place} was not imported: reading it took more than {seconds} s.") from None
    if child.returncode == 0:
        try:
            return dict(read_json(folder / _REPORT))
        except (ValueError, TypeError, OSError) as error:
            raise CheckpointError(f"{place} was not imported: what came of it is not sound ({error}).") from error
    said = (folder / _ERRORS).read_bytes()[-500:].decode(errors="replace").strip().splitlines()
    how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
    raise CheckpointError(
        f"{place} was not imported: the process that read it ended with {how}"
        f"{f' ({said[-1][:200]})' if said else ''}. It is damaged, or made to break its reader. Nothing was taken."
    )


def _seconds(job: Mapping[str, Any]) -> int:
    return int(job["limits"]["seconds"] * (1 + (job["size"] >> 30)))


# The other process


def convert(job: Mapping[str, Any]) -> None:
    """Read the file on standard input and write its tensors and a report into the present folder. Runs apart."""
    limits = Limits(**job["limits"])
    _shut_in(job, limits)
    report = {"note": ""}
    try:
        tensors, report["note"] = _chosen(_load(sys.stdin.buffer), job["key"])
        _check_tensors(tensors, job["size"], limits)
        save_weights(_FOUND, tensors)
    except (_RefusedError, TypeError, ValueError) as error:
        report = {"refused": str(error)}
    except MemoryError:
        report = {"refused": f"it asks for more memory than {limits.growth} times its size. It is damaged, or a bomb."}
    Path(_REPORT).write_text(json.dumps(report))


def _shut_in(job: Mapping[str, Any], limits: Limits) -> None:
    """Give up what reading a file does not need: the network, and more than its share of memory, time and disk."""
    if sys.platform != "linux":  # elsewhere the limits are those of the code below, and the time that is waited
        return
    import ctypes
    import resource

    libc = ctypes.CDLL(None)
    network, users = 0x40000000, 0x10000000  # CLONE_NEWNET alone takes privileges, with CLONE_NEWUSER often none
    if libc.unshare(network) != 0:
        libc.unshare(network | users)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    room = limits.growth * job["size"] + SLACK_BYTES
    for kind, most in (
        (resource.RLIMIT_AS, used + 2 * room + (256 << 20)),  # what was read, and what is written of it
        (resource.RLIMIT_FSIZE, room + limits.header_bytes),
        (resource.RLIMIT_CPU, _seconds(job) + int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + 1),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


_TRUSTED = (
    "It needs Python code to be read, which may do anything. If you trust it, in a place that holds nothing you could "
    "lose:\n    module = torch.load(path, weights_only=False)\n"
    "    safetensors.torch.save_model(module, 'weights.safetensors')"
)


def _load(file: BinaryIO) -> Any:
    """Return what ``torch.save`` was given, as far as that is tensors and plain values."""
    import pickle  # for the name of an error alone: the unpickler is torch's restricted one

    if tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) < (2, 10):
        raise _RefusedError(f"torch {torch.__version__} has known holes in its reader. Upgrade to torch 2.10 or newer.")
    file.seek(0)
    torch.sparse.check_sparse_tensor_invariants.enable()
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)|(TorchScript)", str(error))
        name = next(filter(None, found.groups())) if found else str(error).splitlines()[0][:200]
        raise _RefusedError(f"it holds {name}, which is no tensor. {_TRUSTED}") from None
    except MemoryError:
        raise
    except Exception as error:
        if "alloc" in str(error):  # what torch says when there is no memory
            raise MemoryError from None
        raise _RefusedError(f"torch cannot read it: {type(error).__name__}: {error!s:.300}. Is it damaged?") from None


_CONTAINERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")


def _chosen(found: Any, key: str | None) -> tuple[dict[str, Tensor], str]:
    """Return the tensors that are meant, and what to say about the rest."""
    if key is not None:
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                has = sorted(map(str, found))[:20] if isinstance(found, Mapping) else f"a {type(found).__name__}"
                raise _RefusedError(f"key={key!r:.80}: there is no {part!r:.80}; there is {has!s:.500}.")
            found = found[part]
    elif isinstance(found, Mapping):
        held = [name for name in _CONTAINERS if isinstance(found.get(name), Mapping) and any(_tensors(found[name]))]
        if len(held) > 1:
            raise _RefusedError(f"its entries {held} may all be the weights. Say which: key={held[0]!r}.")
        if held:
            others = ", ".join(sorted(str(name) for name in found if name != held[0]))
            return dict(
                _tensors(found[held[0]])
            ), f"took the entry {held[0]!r} and left out {others}." if others else ""
    tensors: dict[str, Tensor] = {}
    for name, tensor in _tensors(found):
        if name in tensors:
            raise _RefusedError(f"two tensors would have the name {name!r:.80}. Take one of its entries by key.")
        tensors[name] = tensor
    if not tensors:
        raise _RefusedError(f"there is no tensor in it, only a {type(found).__name__}.")
    return tensors, ""


def _tensors(found: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in nested values, with dotted names. Goes down with a list, not by calling itself."""
    left, seen = [("", found, 0)], 0
    while left:
        name, value, depth = left.pop()
        if (seen := seen + 1) > MOST_VALUES:
            raise _RefusedError(f"it has more than {MOST_VALUES:,} values. It is a bomb, or needs a key.")
        if isinstance(value, Tensor):
            yield name or "tensor", value
        elif isinstance(value, (Mapping, list, tuple)):
            if depth > 64:
                raise _RefusedError(f"{name[:80]}... is nested deeper than 64 levels.")
            entries = value.items() if isinstance(value, Mapping) else enumerate(value)
            below = [(f"{name}.{key}" if name else str(key), entry, depth + 1) for key, entry in entries]
            left += reversed(below)


def _check_tensors(tensors: Mapping[str, Tensor], size: int, limits: Limits) -> None:
    """Refuse what would be larger in a file of its own than the file it comes from can account for."""
    sizes: dict[Any, int] = {}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise _RefusedError(f"{name} is of layout {tensor.layout}, and only dense tensors are imported.")
        sizes[identity(tensor) or name] = tensor.numel() * tensor.element_size()  # shared ones are written once
    total = sum(sizes.values())  # an expanded one counts with all its elements
    if total > min(limits.growth * size + SLACK_BYTES, limits.total_bytes):
        name, largest = max(tensors.items(), key=lambda item: item[1].numel())
        raise _RefusedError(
            f"its tensors would take {total:,} bytes, and the file has {size:,}: {name} alone is of shape "
            f"{tuple(largest.shape)}. If it is sound, allow more: limits=neurokit.Limits(growth={total // size + 1})."
        )
