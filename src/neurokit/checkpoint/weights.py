"""Weights alone: one safetensors file, or the files of those who wrote them together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from neurokit.checkpoint.contents import siblings
from neurokit.checkpoint.tensors import bad_name, is_storable, pack_tensors, read_whole
from neurokit.storage.files import CheckpointError, StrPath, check_exists, replace_file
from neurokit.storage.limits import LIMITS, Limits, open_regular


def save_weights(path: StrPath, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to one safetensors file, whole or not at all; a file that is already there is replaced.

    Any library that knows safetensors reads it. Shared tensors are written once, in the way of
    ``safetensors.torch.save_model``, and ``load_weights`` gives them all their names again.

    Args:
        path: The file, by custom ``*.safetensors``.
        tensors: By name, such as a module's ``state_dict()``.

    Raises:
        TypeError: If a value is not a dense tensor of a dtype that safetensors knows; names it.
        ValueError: If the suffix promises another format, or a name cannot be stored.
        OSError: If it cannot be written; names the path and the bytes it needs.

    Example:
        >>> import tempfile, torch
        >>> path = Path(tempfile.mkdtemp()) / "weights.safetensors"
        >>> save_weights(path, {"weight": torch.ones(2)})
        >>> load_weights(path)
        {'weight': tensor([1., 1.])}
    """
    path = Path(path)
    if path.suffix.lower() in (".pt", ".pth", ".bin", ".ckpt", ".h5", ".hdf5", ".keras"):
        better = path.with_suffix(".safetensors").name
        raise ValueError(
            f"Weights are written as safetensors, and {path.name!r} promises another format. Name it {better!r}."
        )
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(
                f"{name} is a {kind}, and a file of weights holds tensors only. Trainer.save keeps everything."
            )
        if not is_storable(name):
            raise ValueError(f"{path} was not written: {bad_name(name)}.")
    content = pack_tensors(tensors)
    replace_file(path, content.chunks(), content.size)


def load_weights(path: StrPath, *, limits: Limits | None = None) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, on the CPU.

    Args:
        path: The file. One of those that several processes wrote together, such as
            ``model-00001-of-00002.safetensors``, stands for all of them: the tensors are whole.
        limits: What it may ask for; the default takes every file that neurokit writes.

    Raises:
        FileNotFoundError: If there is no such file; names the nearest.
        CheckpointError: If it is not a sound safetensors file; says what it is instead, and what to do.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder. Trainer.load takes a checkpoint folder, load_weights a file in it.")
    check_exists(path)
    _refuse_other_formats(path)
    tensors = read_whole(path, limits, follow=True)
    if tensors is not None:
        return tensors
    from neurokit.checkpoint.divided import read_divided  # a second, which a whole file does not cost

    return read_divided(siblings(path), limits or LIMITS, follow=True)


_KERAS = "Load it in Keras and save its arrays with safetensors.numpy.save_file"
_OTHER_STARTS = {
    b"version https://git-lfs": "a Git LFS pointer, which stands for the file. Fetch the file: git lfs pull",
    b"\x89HDF": f"an HDF5 file, as Keras writes .h5. {_KERAS}",
    b"\x80": "what an old torch.save, or joblib, writes",
    b"PK": "a zip archive, as torch.save writes .pt, .pth and .ckpt",
    b"<": "a web page, perhaps an error or login page saved in place of the file. Download it again",
}


def _refuse_other_formats(path: Path) -> None:
    """Raise if a file begins as one of another kind does."""
    with open_regular(path, follow=True) as file:
        start = file.read(64)
    if not start:
        raise CheckpointError(f"{path} is empty (0 bytes). Was a download or a copy interrupted?")
    if start[8:9] == b"{":  # a header follows its length, whatever the bytes of the length look like
        return
    if start.startswith(b"PK") and path.suffix == ".keras":
        raise CheckpointError(f"{path} is a Keras archive. {_KERAS}.")
    for signature, meaning in _OTHER_STARTS.items():
        if start.lstrip().startswith(signature):
            raise CheckpointError(f"{path} is not safetensors: it is {meaning}.{_way_in(path, signature)}")


def _way_in(path: Path, signature: bytes) -> str:
    """Return the lines to type for a file that torch may have written."""
    if signature not in (b"\x80", b"PK"):
        return ""
    better = str(path.with_suffix(".safetensors"))
    return (
        " Reading that can run code, so it is read in a process of its own, once:\n"
        f"    neurokit.import_pt({str(path)!r}, {better!r})\n"
        f"    trainer.load_weights({better!r})"
    )
