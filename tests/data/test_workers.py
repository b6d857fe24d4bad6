"""A DataLoader of ours with the user's workers."""

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from neurokit.data.workers import Reader


class Wrapper(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset

    def __getitem__(self, index):
        info = get_worker_info()
        return index, -1 if info is None else info.id, info is None or info.dataset is self.dataset

    def __len__(self):
        return 6


def numbers(samples):
    return [sample[:2] for sample in samples], all(sample[2] for sample in samples)


def reader(**settings) -> Reader:
    description = DataLoader(range(6), **settings)
    return Reader(description, Wrapper(description.dataset), batch_size=3, collate_fn=numbers)


def test_it_reads_with_the_users_workers():
    assert [item[0] for item in reader(num_workers=2)] == [[(0, 0), (1, 0), (2, 0)], [(3, 1), (4, 1), (5, 1)]]
    assert [item[0] for item in reader()] == [[(0, -1), (1, -1), (2, -1)], [(3, -1), (4, -1), (5, -1)]]


def test_workers_are_shown_the_users_dataset():
    assert all(item[1] for item in reader(num_workers=1))


def test_the_users_init_function_runs_after_that():
    seen = torch.zeros(2, dtype=torch.int64).share_memory_()

    def note(worker_id):
        seen[worker_id] = len(get_worker_info().dataset)

    list(reader(num_workers=2, worker_init_fn=note))
    assert seen.tolist() == [6, 6]


def test_a_look_takes_one_worker_where_there_are_any():
    assert reader(num_workers=2, persistent_workers=True).in_one_worker().num_workers == 1
    assert reader().in_one_worker().num_workers == 0


def test_workers_that_stay_are_the_same_from_pass_to_pass():
    one = reader(num_workers=1, persistent_workers=True)
    list(one)
    kept = one._loader._iterator
    live = iter(one)
    next(live)
    assert len(list(one)) == 2  # by others
    assert len(list(live)) == 1
    assert one._loader._iterator is kept


def test_no_global_stream_moves():
    before = torch.get_rng_state()
    list(reader())
    list(reader(num_workers=1))
    assert torch.equal(before, torch.get_rng_state())
