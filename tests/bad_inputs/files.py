"""Files and folders: to load from, to resume from, to write to; and states of something else."""

from __future__ import annotations

import atexit
import io
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

import neurokit as nk
from bad_inputs.corpus import Case, classifier, labels, rows
from neurokit import Trainer
from neurokit.seeding import preserved_rng
from neurokit.storage import CheckpointError
from neurokit.storage.manifest import seal

FOLDER = Path(tempfile.mkdtemp())  # beside the test's own folder, in which nothing may be written
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


class Plain(nn.Module):
    """Something to pickle whole."""


def written(name: str, content: bytes | str) -> Path:
    """A file of this content."""
    path = FOLDER / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def torch_saved(what: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(what, buffer, **how)
    return buffer.getvalue()


def weights(name: str, tensors: dict[str, torch.Tensor]) -> Path:
    """A safetensors file."""
    save_file(tensors, str(FOLDER / name))
    return FOLDER / name


def linear(prefix: str = "", inputs: int = 4, outputs: int = 3) -> dict[str, torch.Tensor]:
    return {f"{prefix}weight": torch.ones(outputs, inputs), f"{prefix}bias": torch.ones(outputs)}


def deep() -> Trainer:
    """Four layers with one number each beside their weights."""
    return Trainer(nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)]), loss="mse", device="cpu")


@cache
def saved(kind: str) -> Path:
    """The folder of a trainer that was saved: of the same model, of a wider one, or with another optimizer."""
    with preserved_rng():
        trainer = {
            "same": classifier,
            "wider": lambda: classifier(inputs=5),
            "sgd": lambda: classifier(optimizer="sgd"),
        }[kind]()
        return trainer.save(FOLDER / f"saved-{kind}")


@cache
def run(model: Callable[[], nn.Module]) -> Path:
    """A run folder with a checkpoint."""
    folder = FOLDER / f"run-{model.__name__}"
    with preserved_rng():
        trainer = Trainer(model(), loss="cross_entropy", device="cpu")
    trainer.fit(rows(), labels(), verbose=0, callbacks=[nk.ModelCheckpoint(folder)])
    return folder


def one_layer() -> nn.Module:
    return nn.Linear(4, 3)


def wrapped_layer() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3))


def newer(path: Path) -> Path:
    """A copy of a saved folder that says it is of a format nobody has yet."""
    copy = FOLDER / "newer"
    shutil.copytree(path, copy, dirs_exist_ok=True)
    meta = json.loads((copy / "meta.json").read_text())
    del meta["sha256"]
    (copy / "meta.json").write_bytes(seal({**meta, "format": 99}))
    return copy


def load(path: Callable[[], Any]) -> Callable[[Trainer], None]:
    return lambda trainer: trainer.load(path())


def load_weights(path: Callable[[], Any]) -> Callable[[Trainer], None]:
    return lambda trainer: trainer.load_weights(path())


WEIGHTS = [
    Case(
        "a misspelt file of weights",
        load_weights(lambda: weights("mnist.safetensors", linear()).with_name("mnits.safetensors")),
        "no file", "mnits.safetensors", "There is no", "Did you mean 'mnist.safetensors'", classifier,
        FileNotFoundError,
    ),
    Case(
        "a file of weights where nothing is like it",
        load_weights(lambda: FOLDER / "zzzzzzzz"),
        "no file", "zzzzzzzz", "There is", "Pass the file that save_weights wrote", classifier, FileNotFoundError,
    ),
    Case(
        "no path",
        load_weights(lambda: None),
        "path is", "None (NoneType)", "a path", "Pass a str or pathlib.Path", classifier, TypeError,
    ),
    Case(
        "a folder for a file of weights",
        load_weights(lambda: saved("same")),
        "saved-same", "is a folder", "load_weights a file in it", "Trainer.load takes", classifier, CheckpointError,
    ),
    Case(
        "an empty file",
        load_weights(lambda: written("empty.safetensors", "")),
        "empty.safetensors", "0 bytes", "is empty", "Was a download or a copy interrupted", classifier,
        CheckpointError,
    ),
    Case(
        "a pointer of Git LFS",
        load_weights(lambda: written("lfs.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
        "lfs.safetensors", "a Git LFS pointer", "is not safetensors", "git lfs pull", classifier, CheckpointError,
    ),
    Case(
        "a web page saved as weights",
        load_weights(lambda: written("page.safetensors", "<!doctype html><html>Sign in</html>")),
        "page.safetensors", "a web page", "is not safetensors", "Download it again", classifier, CheckpointError,
    ),
    Case(
        "an HDF5 file",
        load_weights(lambda: written("keras.h5", b"\x89HDF\r\n\x1a\n" + bytes(64))),
        "keras.h5", "an HDF5 file, as Keras writes", "is not safetensors", "safetensors.numpy.save_file", classifier,
        CheckpointError,
    ),
    Case(
        "a Keras archive",
        load_weights(lambda: written("model.keras", b"PK\x03\x04" + bytes(64))),
        "model.keras", "a Keras archive", "Load it in Keras", "safetensors.numpy.save_file", classifier,
        CheckpointError,
    ),
    Case(
        "weights from torch.save",
        load_weights(lambda: written("weights.pt", torch_saved(linear()))),
        "weights.pt", "a zip archive, as torch.save writes", "is not safetensors", "Reading that can run code",
        classifier, CheckpointError,
    ),
    Case(
        "a Lightning checkpoint",
        load_weights(lambda: written("last.ckpt", torch_saved({"state_dict": linear(), "epoch": 3}))),
        "last.ckpt", "writes .pt, .pth and .ckpt", "is not safetensors", "Reading that can run code", classifier,
        CheckpointError,
    ),
    Case(
        "a whole pickled module",
        load_weights(lambda: written("module.pt", torch_saved(Plain()))),
        "module.pt", "a zip archive", "is not safetensors", "Reading that can run code", classifier, CheckpointError,
    ),
    Case(
        "a pickle",
        load_weights(lambda: written("weights.pkl", pickle.dumps({"weight": 1}))),
        "weights.pkl", "is not safetensors", "torch.save", "can run code", classifier, CheckpointError,
    ),
    Case(
        "weights of a wrapped model",
        load_weights(lambda: weights("wrapped.safetensors", linear("module."))),
        "wrapped.safetensors", "unexpected (2): module.", "missing (2): weight (3, 4) F32",
        'name.replace("module.", "")', classifier, CheckpointError,
    ),
    Case(
        "weights of a compiled model",
        load_weights(lambda: weights("compiled.safetensors", linear("_orig_mod."))),
        "compiled.safetensors do not fit Linear", "unexpected (2): _orig_mod.", "missing (2)",
        'name.replace("_orig_mod.", "")', classifier, CheckpointError,
    ),
    Case(
        "weights of a Lightning module",
        load_weights(lambda: weights("lightning.safetensors", linear("model."))),
        "lightning.safetensors do not fit Linear", "model.bias (3,) F32", "missing (2)", "A wrapper's prefix?",
        classifier, CheckpointError,
    ),
    Case(
        "weights of a wider model",
        load_weights(lambda: weights("wider.safetensors", linear(inputs=5))),
        "wider.safetensors do not fit Linear", "weight is (3, 5) F32", "(3, 4) F32 in the module",
        "Build the module as the saved one was", classifier, CheckpointError,
    ),
    Case(
        "weights under other names",
        load_weights(lambda: weights("renamed.safetensors", {"weights": torch.ones(3, 4), "bias": torch.ones(3)})),
        "renamed.safetensors do not fit Linear", "unexpected (1): weights", "missing (1): weight (3, 4) F32",
        "Renamed? weight may be weights", classifier, CheckpointError,
    ),
    Case(
        "weights of a deep model's first layer",
        load_weights(lambda: weights("first.safetensors", linear("0.", outputs=4))),
        "first.safetensors do not fit Sequential", "missing (6): 1.weight (4, 4) F32", "and 1 more",
        "Build the module as the saved one was", deep, CheckpointError,
    ),
    Case(
        "weights of another kind of number",
        load_weights(
            lambda: weights("complex.safetensors", {name: one.to(torch.complex64) for name, one in linear().items()})
        ),
        "complex.safetensors do not fit Linear", "C64", "F32 in the module", "Build the module as the saved one was",
        classifier, CheckpointError,
    ),
    Case(
        "weights into a name that promises another format",
        lambda trainer: trainer.save_weights("weights.pt"),
        "'weights.pt'", "promises another format", "written as safetensors", "Name it 'weights.safetensors'",
        classifier,
    ),
    Case(
        "a number to save weights to",
        lambda trainer: trainer.save_weights(3),
        "path is", "got 3 (int)", "a path", "Pass a str or pathlib.Path", classifier, TypeError,
    ),
]  # fmt: skip

FOLDERS = [
    Case(
        "a misspelt checkpoint",
        load(lambda: saved("same").with_name("saved-sane")),
        "no checkpoint", "saved-sane", "There is no", "Did you mean 'saved-same'", classifier, FileNotFoundError,
    ),
    Case(
        "no folder",
        load(lambda: None),
        "folder is", "None (NoneType)", "a path", "Pass a str or pathlib.Path", classifier, TypeError,
    ),
    Case(
        "a file for a checkpoint",
        load(lambda: weights("alone.safetensors", linear())),
        "alone.safetensors", "is a file", "the folder that save or ModelCheckpoint wrote", "trainer.load_weights(path)",
        classifier, NotADirectoryError,
    ),
    Case(
        "a checkpoint of a newer neurokit",
        load(lambda: newer(saved("same"))),
        "The checkpoint", "in format 99", "reads format 1", "pip install --upgrade neurokit-torch", classifier,
        CheckpointError,
    ),
    Case(
        "the checkpoint of a wider model",
        load(lambda: saved("wider")),
        "do not fit Linear", "weight is (3, 5) F32", "(3, 4) F32 in the module",
        "Build the module as the saved one was", classifier, CheckpointError,
    ),
    Case(
        "the checkpoint of another optimizer",
        load(lambda: saved("sgd")),
        "The saved state is", "that of SGD", "this optimizer is Adam", "Use SGD to continue", classifier,
        CheckpointError,
    ),
    Case(
        "a run of another model to resume",
        lambda trainer: trainer.fit(rows(), labels(), resume=run(wrapped_layer), verbose=0),
        "do not fit Linear", "unexpected (2): 0.weight (3, 4) F32", "missing (2): weight (3, 4) F32",
        "Give the layers the names", classifier, CheckpointError,
    ),
    Case(
        "a fresh run in the folder of another",
        lambda trainer: trainer.fit(rows(), labels(), verbose=0, callbacks=[nk.ModelCheckpoint(run(one_layer))]),
        "run-one_layer", "the newest step-00000001", "the checkpoints of another run", "Pass resume=", classifier,
        FileExistsError,
    ),
    Case(
        "a folder that holds something else to save to",
        lambda trainer: trainer.save(written("notes.txt", "mine").parent),
        "is not a checkpoint of ours", "there is '", "Nothing was changed", "Choose another folder", classifier,
        FileExistsError,
    ),
]  # fmt: skip

STATES = [
    Case(
        "a list for a state",
        lambda trainer: trainer.load_state_dict([1]),
        "state is", "got [1]", "a list", "Pass what state_dict() returned", classifier, TypeError,
    ),
    Case(
        "an empty state",
        lambda trainer: trainer.load_state_dict({}),
        "no state of a Trainer", "got []", "'optimizers'", "Pass what state_dict() returned", classifier,
    ),
    Case(
        "a model's weights for a trainer's state",
        lambda trainer: trainer.load_state_dict(linear()),
        "no state of a Trainer", "got ['bias', 'weight']", "'optimizers'", "trainer.model.load_state_dict(state)",
        classifier,
    ),
    Case(
        "a state with other optimizers",
        lambda trainer: trainer.load_state_dict(trainer.state_dict() | {"optimizers": {"head": {}}}),
        "The state holds the optimizers", "['head']", "this trainer has ['']", "Build the trainer as the saved one",
        classifier,
    ),
]  # fmt: skip

CASES = [*WEIGHTS, *FOLDERS, *STATES]
