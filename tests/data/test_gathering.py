from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from torch import nn

import neurokit as nk
from neurokit.data.arrays import SparseRows
from neurokit.data.gathering import Gathering, Store
from neurokit.data.memory import InMemoryLoader

META = torch.device("meta")  # a device whose tensors have a place and no numbers
X = torch.arange(120, dtype=torch.uint8).reshape(10, 3, 2, 2)
Y = torch.arange(10)


def loader(**options) -> InMemoryLoader:
    return InMemoryLoader(X, Y, batch_size=4, **options)


def test_rows_stay_where_their_column_is() -> None:
    x, y = Gathering([X, Y])(torch.tensor([7, 0]))

    assert torch.equal(x, X[[7, 0]])
    assert y.tolist() == [7, 0]


def test_batches_are_made_on_the_device_and_keep_their_dtype() -> None:
    made = loader(shuffle=True).made_on(Store(META, room=10_000))

    assert made.is_on(META)
    assert [(batch.x.device.type, batch.x.dtype, len(batch.y)) for batch in made.batches(0)] == [
        ("meta", torch.uint8, 4), ("meta", torch.uint8, 4), ("meta", torch.uint8, 2),
    ]  # fmt: skip
    assert made.columns[0].device.type == "cpu"  # where those look who ask for numbers


def test_one_store_keeps_columns_that_two_loaders_share_once() -> None:
    store, whole = Store(META, room=10_000), loader()
    for rows in (torch.arange(6), torch.arange(6, 10)):
        whole.subset(rows, shuffle=False, join_lone_row=False).made_on(store)

    assert store.used == X.nbytes + Y.nbytes


def test_what_has_no_room_is_sent_block_by_block() -> None:
    store = Store(META, room=X.nbytes)

    made = loader().made_on(store)

    assert store.used == 0  # all columns or none: half of a batch on the device would still wait for the other half
    assert {batch.x.device.type for batch in made.batches(0)} == {"meta"}


def test_sparse_rows_become_dense_and_go_to_the_device() -> None:
    rows = SparseRows(scipy.sparse.csr_array(np.eye(10)), "x", torch.float32)
    made = InMemoryLoader(rows, Y, batch_size=4).made_on(Store(META, room=10_000))

    assert made.is_on(META)
    assert [tuple(batch.x.shape) for batch in made.batches(0)] == [(4, 10), (4, 10), (2, 10)]


def test_on_the_cpu_nothing_is_made_anew() -> None:
    one = loader()

    assert one.made_on(Store(torch.device("cpu"))) is one


def test_pictures_come_channels_last_where_the_model_is_so() -> None:
    made = loader(shuffle=True, seed=3).made_on(Store(torch.device("cpu")), frozenset({3}))

    for batch, plain in zip(made.batches(1), loader(shuffle=True, seed=3).batches(1), strict=True):
        assert batch.x.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch.x, plain.x)
        assert torch.equal(batch.y, plain.y)


def images(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, 1, 6, 6, generator=generator), torch.randint(0, 3, (rows,), generator=generator)


class Places(nk.Callback):
    """Notes where the steps' batches are, and how much of the device is in use."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.used: list[int] = []

    def on_train_begin(self, logs=None) -> None:
        self.trainer.model.register_forward_pre_hook(lambda module, inputs: self.seen.add(str(inputs[0].device)))

    def on_epoch_end(self, epoch, logs=None) -> None:
        self.used.append(torch.cuda.memory_allocated())


@pytest.mark.gpu
@pytest.mark.parametrize("room", [None, 0], ids=["kept there", "sent in blocks"])
def test_a_fit_on_a_gpu_learns_what_it_learns_on_the_cpu(room, monkeypatch) -> None:
    if room is not None:
        monkeypatch.setattr("neurokit.data.gathering.free_memory", lambda device: room)
    x, y = images(1000)
    weights = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.Tanh(), nn.Linear(16, 3))
        trainer = nk.Trainer(model, loss="cross_entropy", optimizer=torch.optim.SGD, learning_rate=0.1, device=device)
        trainer.fit(x, y, validation_split=0.2, epochs=3, verbose=0)
        weights.append(torch.cat([one.detach().cpu().flatten() for one in model.parameters()]))

    assert torch.allclose(*weights, atol=1e-4)


@pytest.mark.gpu
def test_rows_live_on_the_gpu_while_a_fit_lasts() -> None:
    x, y = torch.randn(60_000, 1, 28, 28), torch.randint(0, 10, (60_000,))
    trainer = nk.Trainer(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), loss="cross_entropy", device="cuda")
    places = Places()

    trainer.fit(x, y, batch_size=100, epochs=2, callbacks=[places], verbose=0)

    assert places.seen == {"cuda:0"}
    assert min(places.used) > x.nbytes
    assert torch.cuda.memory_allocated() < x.nbytes


@pytest.mark.gpu
def test_tensors_that_are_on_the_gpu_are_not_copied() -> None:
    x, y = torch.randn(60_000, 1, 28, 28, device="cuda"), torch.randint(0, 10, (60_000,), device="cuda")
    trainer = nk.Trainer(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), loss="cross_entropy", device="cuda")
    places = Places()
    before = torch.cuda.memory_allocated()

    trainer.fit(x, y, batch_size=100, epochs=2, callbacks=[places], verbose=0)

    assert max(places.used) < before + x.nbytes
