"""Storage: files that are whole or absent, and files from strangers read strictly, within limits. No torch here."""

from __future__ import annotations

from neurokit.storage.files import CheckpointError, append_to_file, check_exists, make_folders, replace_file
from neurokit.storage.limits import Limits, open_regular
from neurokit.storage.strict_json import parse_json, read_json

__all__ = [
    "replace_file",
    "append_to_file",
    "make_folders",
    "check_exists",
    "parse_json",
    "read_json",
    "open_regular",
    "Limits",
    "CheckpointError",
]
