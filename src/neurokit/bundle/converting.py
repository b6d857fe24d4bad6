"""Converting: the same bundle with another program, for a place without torch or a reader of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurokit.bundle.interface import Input
from neurokit.bundle.layout import BACKGROUND_ARRAYS, MANIFEST, PROGRAMS
from neurokit.bundle.programs import ModuleProgram
from neurokit.bundle.replacing import own_files, refuse_to_replace
from neurokit.bundle.writing import program_of_export, write_manifest
from neurokit.storage.folders import replacing_folder

if TYPE_CHECKING:
    from neurokit.bundle.bundle import Bundle

_EXAMPLES = 4  # rows that are traced, where the bundle brings none


def convert(bundle: Bundle, folder: str | os.PathLike[str], to: Literal["onnx", "pt2"]) -> Path:
    """Write the bundle with its program as ONNX or ``.pt2``; see ``Bundle.export``."""
    from neurokit import export

    module = bundle.run.module if isinstance(bundle.run, ModuleProgram) else None
    if module is None or bundle.kind == "pt2":
        raise ValueError(
            f"{bundle.folder} holds a finished program ({bundle.kind}), which cannot become another. Export from the "
            "trainer, or from a bundle that holds weights."
        )
    place = Path(folder).expanduser().resolve()
    if place == bundle.folder.resolve():
        raise ValueError(f"{folder} is the bundle itself. Choose another folder for the exported one.")
    refuse_to_replace(place)
    rows = _examples(bundle)
    exporting = export.to_onnx if to == "onnx" else export.to_pt2
    with replacing_folder(place) as temporary:
        done = exporting(module, temporary / PROGRAMS[to], rows)
        names = [PROGRAMS[to]]
        for name in sorted(own_files(bundle.folder) - {MANIFEST, PROGRAMS[bundle.kind]}):
            path = bundle.folder / name
            if path.is_file() and not path.is_symlink():
                shutil.copyfile(path, temporary / name)
            if name in bundle.manifest["files"]:
                names.append(name)
        write_manifest(temporary, bundle.name, program_of_export(to, done), names)
    return Path(folder)


def _examples(bundle: Bundle) -> Any:
    """Rows to trace with, as the program takes them: those that explanations compare with, or made up."""
    import torch

    if BACKGROUND_ARRAYS in bundle.manifest["files"]:
        tensors = list(bundle.background)
    elif bundle.encoding is not None and bundle.background is not None:
        arrays = bundle.encoding.transform(bundle.background)
        tensors = [torch.from_numpy(array) for array in arrays.values()]
    else:
        tensors = [torch.from_numpy(_made_up(one)) for one in bundle.inputs]
    cast = [tensor.to(getattr(torch, one.dtype)) for tensor, one in zip(tensors, bundle.inputs, strict=True)]
    if bundle.interface.passed == "keyword":
        return dict(zip([one.name for one in bundle.inputs], cast, strict=True))
    return cast[0] if bundle.interface.passed == "alone" else tuple(cast)


def _made_up(one: Input) -> np.ndarray[Any, Any]:
    """Rows of an input nobody kept rows of: noise, or the first category of each column."""
    shape = (_EXAMPLES, *(2 if size is None else size for size in one.shape))
    if np.dtype(one.dtype).kind == "f":
        return np.random.default_rng(0).standard_normal(shape).astype(one.dtype)
    return np.zeros(shape, one.dtype)
