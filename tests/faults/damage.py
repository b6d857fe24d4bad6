"""Bits that flip, files that are cut, swapped between checkpoints or deleted: found, named, and passed over."""

from __future__ import annotations

import random
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from neurokit import checkpoint
from neurokit.checkpoint import UnknownFormatError
from neurokit.storage import CheckpointError

GOAL = "Bit flips (this many) and truncations (a fifth) of each file of a checkpoint: all detected, the file named"
CI = 1000
FULL = 1000
SPLIT = True
FILES = ("model.safetensors", "state.safetensors", "state.json", "meta.json")


def run(amount: int, seed: int = 0) -> dict[str, int | float | str]:
    """Damage each file of the newest of two checkpoints so many times, and read it each time."""
    counts = dict.fromkeys(
        ("bit flips", "truncations", "swaps", "deletions", "undetected", "not named", "older one not used"), 0
    )
    with tempfile.TemporaryDirectory() as place:
        older, newer = (checkpoint.write(Path(place) / checkpoint.step_name(step), _state(step)) for step in (1, 2))
        for name in FILES:
            path = newer / name
            sound = path.read_bytes()
            for kind, content in _damages(sound, (older / name).read_bytes(), amount, random.Random(f"{seed} {name}")):
                counts[kind] += 1
                path.unlink()
                if content is not None:
                    path.write_bytes(content)
                _read(newer, name, counts)
                path.unlink(missing_ok=True)
                path.write_bytes(sound)
            _fall_back(newer, older, counts, name)
        assert checkpoint.newest(place) == newer  # it was whole again between the damages
    return dict(counts)


def _state(step: int) -> dict[str, object]:
    generator = torch.Generator().manual_seed(step)
    weights = {"weight": torch.randn(40, 30, generator=generator), "bias": torch.randn(40, generator=generator)}
    moments = {name: torch.rand(value.shape, generator=generator) for name, value in weights.items()}
    return {"model": weights, "optimizer": moments, "history": [step / 3] * 20, "step": step}


def _damages(sound: bytes, other: bytes, amount: int, moments: random.Random) -> Iterator[tuple[str, bytes | None]]:
    for _ in range(amount):
        flipped = bytearray(sound)
        flipped[moments.randrange(len(sound))] ^= 1 << moments.randrange(8)
        yield "bit flips", bytes(flipped)
    for _ in range(max(1, amount // 5)):
        yield "truncations", sound[: moments.randrange(len(sound))]
    yield "swaps", other
    yield "deletions", None


def _read(folder: Path, name: str, counts: dict[str, int]) -> None:
    """Read a damaged checkpoint, which has to fail and to name the file; the other's manifest disagrees with a file."""
    try:
        checkpoint.read(folder)
    except UnknownFormatError:  # damage is not another version
        counts["undetected"] += 1
    except CheckpointError as error:
        swapped = (folder / name).exists() and name == "meta.json" and "SHA-256 differs" in str(error)
        counts["not named"] += name not in str(error) and not swapped
    else:
        counts["undetected"] += 1


def _fall_back(newer: Path, older: Path, counts: dict[str, int], name: str) -> None:
    """A run takes the older one, and says which file of the newer one is damaged."""
    aside = shutil.move(newer / name, newer.parent / "aside")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        counts["older one not used"] += checkpoint.newest(newer.parent) != older
    counts["not named"] += not any(name in str(warning.message) for warning in said)
    shutil.move(aside, newer / name)
