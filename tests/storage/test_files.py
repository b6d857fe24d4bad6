from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from neurokit.storage import replace_file


def failing(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = tmp_path / "run.json"
    replace_file(path, [b"old"], 3)
    monkeypatch.setattr(os, function, failing)

    with pytest.raises(OSError, match=r"No space left on device: .*run\.json needs 2,000 bytes.*Free some space"):
        replace_file(path, [b"new"], 2000)

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_an_exception_while_the_content_is_made_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    replace_file(path, [b"old"], 3)

    with pytest.raises(ZeroDivisionError):
        replace_file(path, (bytes(1 // number) for number in (1, 0)), 2)

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_link_to_a_file_keeps_pointing_to_it(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tmp_path / "run.json")

    replace_file(tmp_path / "latest", [b"new"], 3)

    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "run.json").read_bytes() == b"new"
