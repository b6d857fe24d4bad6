"""What an older neurokit wrote must keep loading: there is a checkpoint of every format that was ever released."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

import neurokit
from neurokit.checkpoint import UnknownFormatError, folder
from neurokit.storage.manifest import seal

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("format-*"))


def trainer() -> neurokit.Trainer:
    return neurokit.Trainer(
        nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), loss="mse", optimizer="adam", device="cpu"
    )


def test_there_is_a_checkpoint_of_every_format() -> None:
    assert [path.name for path in FIXTURES] == [f"format-{number}" for number in range(1, folder.FORMAT + 1)]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_a_checkpoint_of_an_older_format_loads_and_trains_on(path: Path) -> None:
    one = trainer()

    one.load(path)

    assert torch.equal(one.model[0].weight, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert one.record.seed == 1
    assert one.history.epoch == [0, 1]
    assert one.state.step == 4
    (optimizer,) = one.optimizers.values()
    assert {float(entry["step"]) for entry in optimizer.state.values()} == {4.0}
    one.fit(torch.ones(4, 2), torch.ones(4, 2), batch_size=2, verbose=0)


def test_a_newer_format_says_who_wrote_it_and_what_to_do(tmp_path: Path) -> None:
    place = tmp_path / "step-00000001"
    shutil.copytree(FIXTURES[-1], place)
    meta = json.loads((place / "meta.json").read_text())
    meta.pop("sha256")
    (place / "meta.json").write_bytes(seal(meta | {"format": folder.FORMAT + 1, "neurokit": "9.9"}))

    with pytest.raises(
        UnknownFormatError, match=rf"was written by neurokit 9\.9 .*\({neurokit.__version__}\)"
    ) as caught:
        trainer().load(place)

    assert "pip install --upgrade neurokit-torch" in str(caught.value)
