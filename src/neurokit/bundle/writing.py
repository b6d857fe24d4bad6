"""Writing: a bundle's JSON files, and the manifest that seals the others."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from neurokit import __version__
from neurokit.bundle.layout import FORMAT, MANIFEST
from neurokit.storage.files import measure, write_file
from neurokit.storage.limits import open_regular
from neurokit.storage.manifest import seal


def write_json(path: Path, values: Any) -> None:
    """Write plain values as a new JSON file, which NaN has no place in."""
    write_file(path, [json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False).encode() + b"\n"])


def program_of_export(kind: Literal["onnx", "pt2"], done: Any) -> dict[str, Any]:
    """Return what the manifest says of a program that ``nk.export`` wrote."""
    return {"kind": kind, **done.to_dict()}


def write_manifest(folder: Path, name: str, program: Mapping[str, Any], names: list[str]) -> None:
    """Write ``bundle.json``, once everything that it seals is there.

    Args:
        folder: The bundle's.
        name: What the model is called.
        program: Its kind, and what that needs.
        names: The files that are verified before they are used.
    """
    import torch

    files = {}
    for one in names:
        with open_regular(folder / one) as file:
            files[one] = measure(file.fileno())
    versions = {"neurokit": __version__, "torch": str(torch.__version__), "python": platform.python_version()}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_file(
        folder / MANIFEST,
        [seal({"format": FORMAT, **versions, "created": created, "name": name, "program": program, "files": files})],
    )
