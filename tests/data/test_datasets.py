"""Datasets through a DataLoader of the user's: in our order, each sample under its own stream, in any process."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, WeightedRandomSampler, get_worker_info

from neurokit.data.batch import Batch
from neurokit.data.datasets import DatasetLoader
from neurokit.seeding import cpu_streams, order, seed_sample


class Rows(Dataset):
    """Row numbers, and how often each was read."""

    def __init__(self, rows=20):
        self.reads = [0] * rows

    def __len__(self):
        return len(self.reads)

    def __getitem__(self, index):
        self.reads[index] += 1
        return torch.tensor([float(index)]), index


class Noisy(Rows):
    """Draws from all three global streams."""

    def __getitem__(self, index):
        return torch.tensor([random.random(), float(np.random.rand()), float(torch.rand(()))]), index


class Lazy(Rows):
    """Draws for one row in ten, so that most batches draw nothing."""

    def __getitem__(self, index):
        return torch.rand(1) if index % 10 == 7 else torch.zeros(1), index


class InTurn(Rows):
    """Draws from one stream after another."""

    def __getitem__(self, index):
        draw = (lambda: 0.0, random.random, np.random.rand, lambda: float(torch.rand(())))[index // 5]
        return torch.tensor([float(draw())]), index


class AtOnce(Noisy):
    """Reads a list of rows in one go, as a Hugging Face dataset does."""

    def __getitems__(self, indices):
        return [self[index] for index in indices]


class NoisyBatches(Noisy):
    """Gives whole batches."""

    def __getitem__(self, index):
        return torch.stack([super().__getitem__(index)[0]] * 2), torch.tensor([index, index])


def mixing(samples):
    """A collate function that draws, as mixup does."""
    x, y = zip(*samples, strict=True)
    return torch.stack(x) * torch.rand(()), torch.tensor(y)


def loader(dataset=None, seed=3, joins=False, whole=False, **settings) -> DatasetLoader:
    description = DataLoader(Rows() if dataset is None else dataset, **{"batch_size": 4} | settings)
    return DatasetLoader(description, seed=seed, whole=whole, join_lone_row=joins)


def read(one, data_pass, start=0) -> list[tuple]:
    return [(batch.x.tolist(), batch.y.tolist()) for batch in one.batches(data_pass, start)]


def test_batches_are_those_of_the_hand_written_loop_in_our_order():
    dataset = Rows()
    for batch, rows in zip(loader(dataset, shuffle=True).batches(2), order(20, 3, 2).split(4), strict=True):
        assert isinstance(batch, Batch)
        assert batch.y.tolist() == rows.tolist()
        assert batch.x.tolist() == [[row] for row in rows.tolist()]


def test_every_row_is_read_once_a_pass_where_nothing_is_drawn():
    dataset = Rows()
    read(loader(dataset, shuffle=True), 0)
    assert dataset.reads == [1] * 20


AUGMENTED = {
    "noisy": {"dataset": Noisy()},
    "rarely": {"dataset": Lazy()},
    "in turn": {"dataset": InTurn()},
    "subset": {"dataset": Subset(Noisy(), range(5, 20))},
    "at once": {"dataset": AtOnce()},
    "subset at once": {"dataset": Subset(AtOnce(), range(5, 20))},
    "collate draws": {"dataset": Rows(), "collate_fn": mixing},
    "no batching": {"dataset": NoisyBatches(), "batch_size": None},
}


@pytest.mark.parametrize("kind", AUGMENTED)
def test_augmentation_can_be_entered_anywhere_and_moves_no_stream(kind):
    one = loader(shuffle=True, **AUGMENTED[kind])
    passes = [read(one, data_pass) for data_pass in (0, 1)]
    assert passes[0] != passes[1]
    for data_pass, start in ((1, 0), (0, 0), (0, 1), (1, 3)):
        torch.rand(1), random.random(), np.random.rand()
        before = cpu_streams()
        assert read(loader(shuffle=True, **AUGMENTED[kind]), data_pass, start) == passes[data_pass][start:]
        one.peek()
        assert read(one, None) == read(one, None)
        assert cpu_streams() == before


@pytest.mark.parametrize("kind", ["noisy", "rarely", "in turn", "subset", "at once", "collate draws", "no batching"])
def test_workers_change_nothing(kind):
    expected = read(loader(shuffle=True, **AUGMENTED[kind]), 1)
    assert read(loader(shuffle=True, num_workers=2, **AUGMENTED[kind]), 1) == expected
    assert read(loader(shuffle=True, num_workers=1, **AUGMENTED[kind]), 1, 2) == expected[2:]


def test_persistent_workers_change_nothing():
    plain, kept = loader(Noisy(), shuffle=True), loader(Noisy(), shuffle=True, num_workers=2, persistent_workers=True)
    for data_pass in (0, 1, 0):
        assert read(kept, data_pass) == read(plain, data_pass)
    next(kept.batches(1))  # broken off
    assert read(kept, 1, 3) == read(plain, 1, 3)
    first = kept.batches(0)
    next(first)
    assert read(kept, None) == read(plain, None)  # a pass within a pass
    assert [batch.y.tolist() for batch in first] == [batch.y.tolist() for batch in plain.batches(0, 1)]


def test_a_samples_numbers_are_a_function_of_seed_pass_and_index():
    drawn = {}
    for size, workers in ((4, 0), (5, 0), (4, 2)):
        for batch in loader(Noisy(), batch_size=size, shuffle=True, num_workers=workers).batches(6):
            for row, index in zip(batch.x, batch.y, strict=True):
                assert torch.equal(drawn.setdefault(int(index), row), row)
    seed_sample(3, 6, 11)
    expected = [random.random(), float(np.random.rand()), float(torch.rand(()))]
    assert torch.allclose(drawn[11], torch.tensor(expected))
    assert len({tuple(row.tolist()) for row in drawn.values()}) == 20


def test_only_the_streams_that_are_drawn_from_are_seeded():
    one = loader(InTurn())
    fetched = one._reader.dataset
    batches = one.batches(0)
    for drawn in ([], ["python"], ["numpy", "python"], ["numpy", "python", "torch"]):
        next(batches)
        assert sorted(fetched.drawn) == drawn


def test_other_seeds_draw_other_numbers():
    assert read(loader(Noisy(), seed=3), 0) != read(loader(Noisy(), seed=4), 0)


def test_what_trains_nothing_has_numbers_of_its_own_in_the_datasets_order():
    one = loader(Noisy(), shuffle=True)
    validated = {index: row for x, y in read(one, None) for row, index in zip(x, y, strict=True)}
    assert list(validated) == list(range(20))
    for data_pass in range(3):
        for x, y in read(one, data_pass):
            assert all(validated[index] != row for row, index in zip(x, y, strict=True))


def test_keys_of_any_kind_are_passed_on():
    class Named(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, key):
            return torch.rand(1), key

    one = loader(Named(), sampler=["a", "b", np.int64(3)], batch_size=2)
    (x, _), (x2, _) = [(batch.x, batch.y) for batch in one.batches(0)]
    assert len({*x.reshape(-1).tolist(), *x2.reshape(-1).tolist()}) == 3
    assert torch.equal(next(one.batches(0)).x, x)


def test_numpy_and_tensor_indices_draw_as_plain_ones_do():
    plain = read(loader(Noisy(), sampler=[1, 2, 3, 4]), 0)
    assert read(loader(Noisy(), sampler=np.array([1, 2, 3, 4])), 0) == plain
    assert read(loader(Noisy(), sampler=torch.tensor([1, 2, 3, 4])), 0) == plain


def test_items_that_are_batches_already_are_read_as_such():
    class Batches(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return torch.full((2, 5), float(index)), np.array([index, index])

    one = loader(Batches(), batch_size=None)
    assert [batch.x.shape for batch in one.batches()] == [(2, 5)] * 3
    assert [batch.y.tolist() for batch in one.batches()] == [[0, 0], [1, 1], [2, 2]]
    assert one.peek().y.tolist() == [0, 0]


def test_a_collate_function_of_the_users_makes_the_batch():
    def named(samples):
        return {"x": torch.stack([x for x, _ in samples]), "y": torch.tensor([y for _, y in samples])}

    assert next(loader(collate_fn=named).batches()).y.tolist() == [0, 1, 2, 3]
    assert loader(collate_fn=lambda samples: samples, whole=True).peek().x == tuple(
        (torch.tensor([float(i)]), i) for i in range(4)
    )


def test_a_lone_last_row_joins_the_batch_before_it():
    one = loader(Rows(9), batch_size=4, joins=True)
    assert [batch.y.tolist() for batch in one.batches()] == [[0, 1, 2, 3], [4, 5, 6, 7, 8]]
    assert one.joins
    assert one.num_batches == 2


def test_a_look_draws_nothing_and_reads_the_front():
    for settings in ({}, {"shuffle": True}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}):
        one = loader(Noisy(), **settings)
        before = cpu_streams()
        assert one.peek().y.tolist() == [0, 1, 2, 3]
        assert cpu_streams() == before


class OpensLazily(Rows):
    """Opens its file in whichever process first reads, as one does for HDF5."""

    opened_in = None

    def __getitem__(self, index):
        if self.opened_in is None:
            self.opened_in = -1 if get_worker_info() is None else get_worker_info().id
        assert self.opened_in == (-1 if get_worker_info() is None else get_worker_info().id)
        return torch.zeros(1), index


def test_a_look_never_reads_here_what_workers_will_read():
    dataset = OpensLazily()
    one = loader(dataset, num_workers=2)
    one.peek()
    assert dataset.opened_in is None
    assert len(read(one, 0)) == 5


def tell_the_dataset(worker_id):
    """A worker_init_fn that shards, as the documentation of torch shows."""
    get_worker_info().dataset.worker = worker_id


class Told(Rows):
    worker = -1

    def __getitem__(self, index):
        assert get_worker_info().dataset is self
        return torch.tensor([float(self.worker)]), index


def test_a_workers_init_function_finds_the_users_own_dataset():
    one = loader(Told(), num_workers=2, worker_init_fn=tell_the_dataset)
    assert [batch.x[0].item() for batch in one.batches(0)] == [0, 1, 0, 1, 0]


def test_an_error_in_the_dataset_arrives_as_it_is():
    class Broken(Rows):
        def __getitem__(self, index):
            raise KeyError(f"row {index}")

    with pytest.raises(KeyError, match="row 0"):
        list(loader(Broken()).batches())


def test_the_state_is_the_samplers():
    def make():
        return loader(sampler=WeightedRandomSampler([1.0] * 20, 20, generator=torch.Generator().manual_seed(1)))

    one, resumed = make(), make()
    read(one, 0)
    resumed.load_state_dict(one.state_dict())
    assert read(resumed, 1) == read(one, 1)
    assert loader().state_dict() == {}
