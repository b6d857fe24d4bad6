import pytest
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, SequentialSampler

from neurokit.data.datasets import DatasetLoader
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sharing import Share, dealt_out, shared_out
from neurokit.data.streams import StreamLoader


class Numbers(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return torch.tensor(index)


def in_memory(rows, size, **how):
    return InMemoryLoader(torch.arange(rows), batch_size=size, shuffle=True, seed=5, **how)


def a_dataset(rows, size, **how):
    loader = DataLoader(Numbers(rows), size, shuffle=True)
    return DatasetLoader(loader, seed=5, whole=False, **how)


def numbers(batch):
    return batch.x.tolist()


@pytest.mark.parametrize("make", [in_memory, a_dataset])
@pytest.mark.parametrize(
    ("rows", "size", "world"), [(10, 4, 2), (9, 4, 2), (13, 5, 3), (3, 2, 4), (1, 8, 3), (12, 4, 3)]
)
def test_shares_of_a_batch_are_its_rows_each_once(make, rows, size, world):
    whole = [numbers(batch) for batch in make(rows, size).batches(2)]
    loaders = [shared_out(make(rows, size), rank, world, batch_norm=False) for rank in range(world)]

    for start in (0, len(whole) - 1):
        passes = [list(loader.batches(2, start)) for loader in loaders]
        for index, expected in enumerate(whole[start:], start):
            shares = [loader.share(2, index) for loader in loaders]
            parts = [numbers(one[index - start]) for one in passes]
            found = [row for part, share in zip(parts, shares, strict=True) for row in part[: share.rows]]
            assert sorted(found) == sorted(expected)
            assert {share.whole for share in shares} == {len(expected)}
            assert max(share.rows for share in shares) - min(share.rows for share in shares) <= 1
            assert all(len(part) == max(share.rows, 1) for part, share in zip(parts, shares, strict=True))
            assert shares[0].rows > 0


@pytest.mark.parametrize("make", [in_memory, a_dataset])
@pytest.mark.parametrize(("rows", "size", "world"), [(10, 4, 2), (13, 5, 3), (3, 4, 2), (24, 4, 3)])
def test_batches_dealt_in_turn_are_all_batches_in_their_order(make, rows, size, world):
    whole = [numbers(batch) for batch in make(rows, size).batches()]
    dealt = [list(map(numbers, dealt_out(make(rows, size), rank, world).batches())) for rank in range(world)]

    in_turn = [dealt[index % world][index // world] for index in range(len(whole))]
    assert in_turn == whole
    assert sum(map(len, dealt)) == len(whole)


@pytest.mark.parametrize("make", [in_memory, a_dataset])
def test_a_pass_that_trains_nothing_is_whole_on_every_process(make):
    whole = [numbers(batch) for batch in make(10, 4).batches()]
    assert [numbers(batch) for batch in shared_out(make(10, 4), 1, 2, batch_norm=False).batches()] == whole


def test_a_lone_last_row_joins_before_batches_are_shared_out():
    loader = shared_out(in_memory(9, 4, join_lone_row=True), 1, 2, batch_norm=True)
    assert [len(batch.x) for batch in loader.batches(0)] == [2, 2]
    assert loader.share(0, 1) == Share(2, 5)


def test_streams_are_refused():
    stream = StreamLoader(iter([torch.ones(2)]), seed=0, whole=False)
    with pytest.raises(TypeError, match="is a stream"):
        shared_out(stream, 0, 2, batch_norm=False)
    with pytest.raises(TypeError, match="validation_data is a stream"):
        dealt_out(stream, 0, 2, "validation_data")


def test_a_sampler_that_deals_out_rows_itself_is_refused():
    sampler = DistributedSampler(Numbers(10), num_replicas=2, rank=0)
    loader = DatasetLoader(DataLoader(Numbers(10), 4, sampler=sampler), seed=0, whole=False)
    with pytest.raises(TypeError, match="DistributedSampler"):
        shared_out(loader, 0, 2, batch_norm=False)


def test_batches_too_small_for_batch_norm_are_refused():
    with pytest.raises(ValueError, match="Pass batch_size=4 or more"):
        shared_out(in_memory(10, 3), 0, 2, batch_norm=True)


def test_a_sampler_without_a_length_is_refused_where_batches_are_dealt():
    class Endless(SequentialSampler):
        def __len__(self):
            raise TypeError

    loader = DatasetLoader(DataLoader(Numbers(10), 4, sampler=Endless(Numbers(10))), seed=0, whole=False)
    with pytest.raises(TypeError, match="does not say how many batches"):
        dealt_out(loader, 0, 2)
