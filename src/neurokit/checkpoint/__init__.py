"""Checkpoints: whatever must survive a crash, written whole or not at all, and verified before it is used.

A checkpoint is a folder of four files. ``model.safetensors`` holds the model's tensors and ``state.safetensors`` all
others; ``state.json`` is the tree of everything else, which refers to those tensors; ``meta.json`` has the format,
the versions, and the size and SHA-256 of each file. It is written beside its place, made durable, and renamed into
place once. Reading one runs no code, follows no path that it names, and stays within declared limits.

Where weights lie divided between several processes, each writes its own part of the two files of tensors, such as
``model-00001-of-00002.safetensors``; any number of processes reads them, whole or divided otherwise.
"""

from __future__ import annotations

from neurokit.checkpoint.background import BackgroundWriter
from neurokit.checkpoint.contents import Part, Whole, pack, pack_part
from neurokit.checkpoint.folder import (
    UnknownFormatError,
    check_writable,
    commit,
    look_of,
    newest,
    prune,
    read,
    read_newest,
    remove,
    remove_leftovers,
    step_name,
    verify,
    write,
)
from neurokit.checkpoint.lock import RunLock, refuse_if_held
from neurokit.checkpoint.module import load_module, match
from neurokit.checkpoint.optimizer import load_optimizer_state, match_optimizer, optimizer_state
from neurokit.checkpoint.tensors import identity, read_tensors
from neurokit.checkpoint.together import Division, read_together
from neurokit.checkpoint.weights import load_weights, save_weights
from neurokit.storage import CheckpointError, Limits

__all__ = [
    "write",
    "pack",
    "pack_part",
    "Whole",
    "Part",
    "commit",
    "look_of",
    "BackgroundWriter",
    "read",
    "read_together",
    "Division",
    "verify",
    "newest",
    "read_newest",
    "step_name",
    "remove",
    "prune",
    "remove_leftovers",
    "check_writable",
    "RunLock",
    "refuse_if_held",
    "save_weights",
    "load_weights",
    "match",
    "load_module",
    "optimizer_state",
    "match_optimizer",
    "load_optimizer_state",
    "read_tensors",
    "identity",
    "Limits",
    "CheckpointError",
    "UnknownFormatError",
]
