from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from neurokit import checkpoint
from neurokit.storage import CheckpointError, open_regular


def test_a_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")

    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"content"


def test_a_link_is_followed_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to("a")

    with open_regular(tmp_path / "link", follow=True) as file:
        assert file.read() == b"content"
    with (
        pytest.raises(CheckpointError, match=r"link is a link, and only a regular file is read\. Put the file itself"),
        open_regular(tmp_path / "link"),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("follow", [False, True])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, follow: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))

    for name, kind in (("pipe", "a pipe"), ("folder", "a folder"), ("socket", "a socket"), ("/dev/zero", "a device")):
        path = tmp_path / name  # an absolute name stays what it is
        with (
            pytest.raises(CheckpointError, match=f"is {kind}, and only a regular file"),
            open_regular(path, follow=follow),
        ):
            pass


def test_a_link_that_appears_after_the_look_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to("a")
    seen = os.stat(tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda *_, **__: seen)

        with pytest.raises(CheckpointError, match="is a link"), open_regular(tmp_path / "link"):
            pass


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_regular(tmp_path / "a"):
        pass


def test_limits_reach_every_file_of_a_checkpoint(tmp_path: Path) -> None:
    import torch

    place = checkpoint.write(
        tmp_path / "step-00000001", {"model": {"a": torch.ones(3)}, "b": torch.ones(4), "c": [[1]], "d": [0.5] * 70}
    )

    assert checkpoint.read(place, limits=checkpoint.Limits(listed_numbers=70))["c"] == [[1]]
    for limit, what in (
        ({"total_bytes": 100}, "more than the 100 bytes"),
        ({"header_bytes": 50}, "model.safetensors .* at most 50"),
        ({"elements": 3}, "state.safetensors .* at most 3 elements"),
        ({"json_depth": 2}, "state.json .* deeper than 2 levels"),
        ({"listed_numbers": 69}, "lists of more than the 69 numbers"),
    ):
        with pytest.raises(CheckpointError, match=what):
            checkpoint.read(place, limits=checkpoint.Limits(**limit))
