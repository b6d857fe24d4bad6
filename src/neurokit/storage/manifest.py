"""Manifests: a sealed JSON file that says which files a folder holds, with their sizes and SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurokit.storage.files import CheckpointError, measure, read_up_to
from neurokit.storage.limits import Limits, open_regular


def seal(meta: Mapping[str, Any]) -> bytes:
    """Return JSON whose last entry is the SHA-256 of the rest: the bytes are fixed, so any change to them shows."""
    digest = hashlib.sha256(json.dumps(meta).encode()).hexdigest()
    return json.dumps({**meta, "sha256": digest}, indent=2).encode() + b"\n"


def is_entry(value: Any) -> bool:
    """Tell whether this is what a manifest says of one file."""
    return isinstance(value, dict) and type(value.get("size")) is int and isinstance(value.get("sha256"), str)


def small_content(path: Path, limits: Limits) -> bytes:
    """Return what a small file holds; one byte more than the limit where it is longer."""
    with open_regular(path) as file:
        return read_up_to(file.fileno(), limits.json_bytes + 1)


def verify_files(folder: Path, files: Mapping[str, Any], limits: Limits, kind: str) -> None:
    """Compare every file of a folder with the size and SHA-256 that its manifest gives.

    Args:
        folder: The folder.
        files: Entries by file name.
        limits: What they may have together.
        kind: What the folder is, for the message.

    Raises:
        CheckpointError: If a file is missing or differs; names it.
    """
    if sum(written["size"] for written in files.values()) > limits.total_bytes:
        raise CheckpointError(f"{folder} has more than the {limits.total_bytes:,} bytes that are read.")
    for name, written in files.items():
        path = folder / name
        try:
            with open_regular(path) as file:
                _compare(path, file.fileno(), written)
        except FileNotFoundError:
            raise CheckpointError(f"The {kind} {folder} is incomplete: {name} is missing.") from None


def _compare(path: Path, handle: int, written: Mapping[str, Any]) -> None:
    """Raise if an open file is not the one that was written."""
    size = os.fstat(handle).st_size
    if size != written["size"]:
        raise CheckpointError(f"{path} is damaged: it has {size:,} bytes and was written with {written['size']:,}.")
    if measure(handle) != written:
        raise CheckpointError(f"{path} is damaged: its content is not what was written (SHA-256 differs).")
