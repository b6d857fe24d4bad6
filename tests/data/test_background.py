from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.utils.data import DataLoader

import neurokit as nk
from neurokit.data.background import BACKGROUND_ROWS, background
from neurokit.data.batch import Batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sources import make_loader


def _fitted(x: object, y: object = None) -> nk.Trainer:
    trainer = nk.Trainer(nn.Linear(3, 2), loss="cross_entropy")
    trainer.fit(x, y, verbose=0, checks={"sorted-labels": False})
    return trainer


def test_a_fit_keeps_a_seeded_sample_of_its_training_rows_with_each_class_in_its_share() -> None:
    x = torch.arange(3000.0).reshape(1000, 3)
    y = (torch.arange(1000) >= 900).long()
    nk.seed_everything(3)

    kept = _fitted(x, y).background
    again = background(InMemoryLoader(x, y, batch_size=32), None, seed=3)

    assert kept.shape == (BACKGROUND_ROWS, 3)
    assert torch.equal(kept, again)
    assert (kept[:, 0] >= 2700).sum() == 10  # rows of the rare class, a tenth
    assert not torch.equal(kept, background(InMemoryLoader(x, y, batch_size=32), None, seed=4))


def test_few_rows_are_all_kept_and_validation_rows_are_none_of_them() -> None:
    x, y = torch.arange(120.0).reshape(40, 3), torch.arange(40) % 2
    trainer = nk.Trainer(nn.Linear(3, 2), loss="cross_entropy")

    trainer.fit(x, y, validation_split=0.25, verbose=0)

    held_out = x[trainer.record.split["indices"]]
    assert len(trainer.background) == 30
    assert not torch.isin(trainer.background[:, 0], held_out[:, 0]).any()


def test_drawing_moves_no_random_stream_and_shares_no_memory() -> None:
    x = np.ones((200, 3), np.float32)
    before = torch.get_rng_state()

    kept = background(InMemoryLoader(torch.from_numpy(x), batch_size=8), None, seed=0)
    kept += 1

    assert torch.equal(before, torch.get_rng_state())
    assert (x == 1).all()


def test_structures_sparse_rows_and_loaders_are_kept_in_their_form() -> None:
    loader = DataLoader([(torch.rand(3), index % 2) for index in range(64)], batch_size=16)
    assert _fitted(loader).background.shape == (16, 3)

    matrix = sparse.random_array((150, 3), density=0.5, rng=0, format="csr")
    assert _fitted(matrix, np.arange(150) % 2).background.shape == (100, 3)

    rows = InMemoryLoader({"a": torch.rand(5, 2), "b": torch.zeros(5, 4, dtype=torch.int64)}, batch_size=2)
    kept = background(rows, None, seed=0)
    assert {name: tuple(one.shape) for name, one in kept.items()} == {"a": (5, 2), "b": (5, 4)}


def test_of_large_rows_of_a_loader_fewer_are_kept_and_of_what_has_no_rows_none() -> None:
    pictures = [(torch.zeros(1 << 20), 0) for _ in range(8)]
    stream = DataLoader(pictures, batch_size=8)
    batch = Batch(next(iter(stream))[0])
    ragged = Batch([torch.zeros(3), torch.zeros(5)])
    source = make_loader(
        stream, None, None, **nk.Trainer(nn.Linear(1, 1), loss="mse").reading(0)._asdict(), batch_size=None
    )

    assert background(source, batch, seed=0).shape == (4, 1 << 20)
    assert background(source, ragged, seed=0) is None
    assert background(source, None, seed=0) is None


def test_of_large_rows_fewer_are_kept() -> None:
    loader = InMemoryLoader(torch.zeros(120, 1 << 20), batch_size=8)

    assert background(loader, None, seed=0).shape == (4, 1 << 20)
