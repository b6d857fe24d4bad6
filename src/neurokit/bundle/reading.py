"""Reading: a bundle's folder, verified, looked through and opened. No torch unless its program needs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neurokit import __version__
from neurokit.arguments import check_flag, check_path, suggestions
from neurokit.bundle.bundle import Bundle
from neurokit.bundle.interface import Interface
from neurokit.bundle.layout import FORMAT, MANIFEST, PREPROCESSING, PROGRAMS, SEALED, SIGNATURE
from neurokit.bundle.programs import open_program
from neurokit.encoding import TableEncoding
from neurokit.storage import CheckpointError, Limits, parse_json, read_json
from neurokit.storage.folders import standing
from neurokit.storage.manifest import is_entry, seal, small_content, verify_files


def load_bundle(
    folder: str | os.PathLike[str], model: Any = None, trusted: bool = False, *, limits: Limits | None = None
) -> Bundle:
    """Return what ``save_bundle`` left, ready to predict. It may come from a stranger: no file of it runs code.

    Args:
        folder: The bundle.
        model: The module, for a bundle that holds weights alone; it is loaded into and put in eval mode.
        trusted: Read a ``.pt2`` program, with torch's reader, which runs code that such a file may hold.
        limits: What its files may ask for.

    Raises:
        FileNotFoundError: If there is no such folder; names the nearest.
        ValueError: If it is no bundle, is damaged, needs a module or trust, or was written by a newer neurokit.
        ModuleNotFoundError: If what runs its program is not installed.

    Example:
        >>> import tempfile, numpy, torch, neurokit as nk
        >>> trainer = nk.Trainer(torch.nn.Linear(2, 1), loss="mse", device="cpu")
        >>> history = trainer.fit(torch.rand(8, 2), torch.rand(8, 1), verbose=0)
        >>> bundle = load_bundle(nk.save_bundle(trainer, tempfile.mkdtemp()))  # an ONNX program: no module is needed
        >>> bundle.kind, bundle.predict(numpy.zeros((3, 2))).shape
        ('onnx', (3, 1))
    """
    check_path("folder", folder)
    check_flag("trusted", trusted)
    return open_folder(Path(folder).expanduser(), model=model, trusted=bool(trusted), limits=limits)


def open_folder(folder: Path, *, model: Any = None, trusted: bool = False, limits: Limits | None = None) -> Bundle:
    """Return the bundle in a folder; see ``load_bundle``."""
    limits = limits or Limits()
    folder = standing(folder, MANIFEST)
    manifest = read_manifest(folder)
    files = manifest["files"]
    verify_files(folder, files, limits, "bundle")
    try:
        interface = Interface.from_dict(read_json(folder / SIGNATURE, limits))
        known = PREPROCESSING in files
        encoding = TableEncoding.from_dict(read_json(folder / PREPROCESSING, limits)) if known else None
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{folder} cannot be used: {error}.") from error
    program = open_program(folder, manifest["program"], interface, model, trusted, limits)
    return Bundle(folder, manifest, interface, program, encoding, limits)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what ``bundle.json`` says, which is sealed: a flipped bit is damage, never another bundle.

    Raises:
        FileNotFoundError: If there is no such folder.
        CheckpointError: If it is no bundle, damaged, or of a format that this neurokit does not read.
    """
    path = folder / MANIFEST
    if not folder.exists():
        there = os.listdir(folder.parent) if folder.parent.is_dir() else []
        hint = suggestions(folder.name, there) or " Pass the folder that save_bundle wrote."
        raise FileNotFoundError(f"There is no bundle {folder}.{hint}")
    try:
        content = small_content(path, Limits())
    except (FileNotFoundError, NotADirectoryError):
        mend = "Pass the folder that save_bundle wrote."
        if (folder / "meta.json").exists():
            mend = "It is a checkpoint: nk.Trainer(model).load(folder) takes it, and nk.save_bundle makes a bundle."
        raise CheckpointError(f"{folder} is no bundle: it has no {MANIFEST}. {mend}") from None
    try:
        manifest = parse_json(content)
        sealed = seal({name: value for name, value in manifest.items() if name != "sha256"})
        found, writer = manifest["format"], manifest["neurokit"]
        kind, files, name = manifest["program"]["kind"], manifest["files"], manifest["name"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    if content != sealed:
        raise CheckpointError(f"{path} is damaged: its content is not what was written.")
    if found != FORMAT:
        raise CheckpointError(
            f"The bundle {folder} was written by neurokit {writer!s:.20} in format {found!s:.20}, and this neurokit "
            f"({__version__}) reads format {FORMAT}. Upgrade: pip install --upgrade neurokit-torch."
        )
    sound = isinstance(files, dict) and isinstance(name, str) and isinstance(kind, str) and kind in PROGRAMS
    if not sound or not all(map(is_entry, files.values())) or not {SIGNATURE, PROGRAMS[kind]} <= set(files) <= SEALED:
        raise CheckpointError(f"{path} is damaged: it does not name the files of a bundle.")
    return dict(manifest)
