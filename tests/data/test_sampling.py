"""Which rows make up which batch, as a DataLoader's own sampler, batch size and flags say."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from neurokit.data.sampling import Sampling, length, tell_epoch
from neurokit.seeding import cpu_streams, order

ROWS = list(range(23))


def sampling(joins=False, dataset=ROWS, seed=4, **settings) -> Sampling:
    return Sampling(DataLoader(dataset, **settings), seed, joins)


def keys(one: Sampling, data_pass, start=0) -> list[list]:
    one.enter(data_pass, start)
    batches = list(one)
    assert all(key[0] == data_pass for batch in batches for key in batch)
    return [[key for _, key in batch] for batch in batches]


def chunks(visited, size) -> list[list[int]]:
    return [part.tolist() for part in torch.as_tensor(visited).split(size)]


class Drawn:
    """A sampler of the user's that draws from all global streams."""

    def __iter__(self):
        for _ in range(20):
            yield int(torch.randint(20, ())) + random.randrange(2) + np.random.randint(2)

    def __len__(self):
        return 20


class Endless:
    """A sampler that never ends, and has no length."""

    def __iter__(self):
        while True:
            yield int(torch.randint(len(ROWS), ()))


class ByParity(BatchSampler):
    """A batch sampler of the user's own."""

    def __init__(self):
        pass

    def __iter__(self):
        shuffled = torch.randperm(len(ROWS)).tolist()
        yield [row for row in shuffled if row % 2]
        yield [row for row in shuffled if row % 2 == 0]

    def __len__(self):
        return 2


class Epochal:
    """A sampler that is told the epoch, as torch's DistributedSampler is."""

    def __init__(self):
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return iter([row + self.epoch for row in range(10)])

    def __len__(self):
        return 10


WEIGHTS = torch.linspace(0.1, 1, 23)
KINDS = {
    "sequential": lambda: {"batch_size": 5},
    "shuffled": lambda: {"batch_size": 5, "shuffle": True},
    "drop last": lambda: {"batch_size": 5, "shuffle": True, "drop_last": True},
    "weighted": lambda: {"batch_size": 5, "sampler": WeightedRandomSampler(WEIGHTS, 30)},
    "weighted with a generator": lambda: {
        "batch_size": 5,
        "sampler": WeightedRandomSampler(WEIGHTS, 30, generator=torch.Generator().manual_seed(1)),
    },
    "with replacement": lambda: {"batch_size": 5, "sampler": RandomSampler(ROWS, replacement=True)},
    "subset": lambda: {"batch_size": 5, "sampler": SubsetRandomSampler(ROWS[::2])},
    "drawn from everywhere": lambda: {"batch_size": 5, "sampler": Drawn()},
    "a plain list": lambda: {"batch_size": 5, "sampler": [3, 1, 2]},
    "batch sampler": lambda: {"batch_sampler": BatchSampler(RandomSampler(ROWS), 5, False)},
    "own batch sampler": lambda: {"batch_sampler": ByParity()},
    "list of batches": lambda: {"batch_sampler": [[0, 1], [2], [3, 4, 5]]},
    "no batching": lambda: {"batch_size": None, "shuffle": True},
    "lists as keys": lambda: {"batch_size": None, "sampler": BatchSampler(SequentialSampler(ROWS), 4, False)},
    "epochal": lambda: {"batch_size": 5, "sampler": Epochal()},
}
FIXED = ("sequential", "a plain list", "list of batches", "lists as keys")


@pytest.mark.parametrize("kind", KINDS)
def test_any_position_of_any_pass_can_be_entered(kind):
    one = sampling(**KINDS[kind]())
    for data_pass in (0, 1, 7):
        whole = keys(one, data_pass)
        assert len(whole) == one.num_batches
        for start in range(len(whole) + 1):
            assert keys(one, data_pass, start) == whole[start:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_depends_on_nothing_that_was_drawn_before(kind):
    first, second = sampling(**KINDS[kind]()), sampling(**KINDS[kind]())
    expected = [keys(first, data_pass) for data_pass in range(3)]
    random.random(), np.random.rand(), torch.rand(3)
    second.front()
    keys(second, None)
    assert [keys(second, data_pass) for data_pass in range(3)] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_moves_no_global_stream(kind):
    one = sampling(**KINDS[kind]())
    before = cpu_streams()
    one.front()
    keys(one, 0)
    keys(one, None)
    assert cpu_streams() == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in FIXED])
def test_passes_differ_where_the_sampler_draws(kind):
    one = sampling(**KINDS[kind]())
    assert keys(one, 0) != keys(one, 1)


@pytest.mark.parametrize("settings", [{"shuffle": True}, {"shuffle": True, "generator": torch.Generator()}])
def test_torchs_shuffling_becomes_ours(settings):
    one = sampling(batch_size=5, **settings)
    assert keys(one, 3) == chunks(order(23, 4, 3), 5)
    assert not one.in_order


def test_outside_of_training_nothing_is_shuffled():
    assert keys(sampling(batch_size=5, shuffle=True), None) == chunks(ROWS, 5)


def test_a_stock_batch_sampler_is_read_for_what_it_holds():
    one = sampling(batch_sampler=BatchSampler(RandomSampler(ROWS), 5, True))
    assert keys(one, 3) == chunks(order(23, 4, 3), 5)[:-1]
    assert (one.num_batches, one.num_rows) == (4, 20)
    assert sampling(batch_sampler=BatchSampler(SequentialSampler(ROWS), 5, False)).in_order


@pytest.mark.parametrize(
    ("settings", "batches", "rows"),
    [
        ({"batch_size": 5}, 5, 23),
        ({"batch_size": 5, "drop_last": True}, 4, 20),
        ({"batch_size": 50, "drop_last": True}, 0, 0),
        ({"batch_size": 5, "sampler": WeightedRandomSampler(WEIGHTS, 12)}, 3, 12),
        ({"batch_sampler": ByParity()}, 2, None),
        ({"batch_size": None}, 23, 23),
        ({"batch_size": 5, "sampler": Endless()}, None, None),
        ({"batch_size": 5, "sampler": RandomSampler(ROWS[:7])}, 2, 7),
    ],
    ids=lambda value: None,
)
def test_batches_and_rows_are_counted_before_they_are_drawn(settings, batches, rows):
    one = sampling(**settings)
    assert (one.num_batches, one.num_rows) == (batches, rows)
    if batches is not None:
        assert len(keys(one, 0)) == batches


@pytest.mark.parametrize("settings", [{}, {"shuffle": True}, {"sampler": WeightedRandomSampler(WEIGHTS, 23)}])
def test_a_lone_last_row_joins_the_batch_before_it(settings):
    one = sampling(joins=True, batch_size=11, **settings)
    assert [len(batch) for batch in keys(one, 1)] == [11, 12]
    assert one.joins
    assert one.num_batches == 2
    assert keys(one, 1, 1) == keys(one, 1)[1:]


def test_a_sampler_without_end_is_entered_by_skipping_keys():
    one = sampling(batch_size=4, sampler=Endless())
    before = cpu_streams()

    def first(start, count):
        one.enter(2, start)
        batches = iter(one)
        return [next(batches) for _ in range(count)]

    assert first(3, 4) == first(0, 7)[3:]
    assert cpu_streams() == before


def test_a_generator_of_the_users_goes_on_from_pass_to_pass():
    def weighted():
        return WeightedRandomSampler(WEIGHTS, 30, generator=torch.Generator().manual_seed(1))

    sampler, one = weighted(), sampling(batch_size=5, sampler=weighted())
    assert keys(one, 0) == chunks(list(sampler), 5)
    assert keys(one, 1) == chunks(list(sampler), 5)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("ended", [False, True], ids=["in the middle of a pass", "at its end"])
def test_a_generator_of_the_users_is_put_back_on_resume(inner, ended):
    def make():
        sampler = WeightedRandomSampler(WEIGHTS, 30, generator=torch.Generator().manual_seed(1))
        settings = (
            {"batch_sampler": type("Own", (BatchSampler,), {})(sampler, 5, False)} if inner else {"sampler": sampler}
        )
        return sampling(**settings)

    one, resumed = make(), make()
    keys(one, 0)
    present = keys(one, 1)
    resumed.load_state_dict(one.state_dict())
    if not ended:
        assert keys(resumed, 1, 2) == present[2:]
    assert keys(resumed, 2) == keys(one, 2)


def test_without_a_generator_there_is_nothing_to_remember():
    one = sampling(batch_size=5, shuffle=True)
    keys(one, 0)
    assert one.state_dict() == {}
    one.load_state_dict({})


@pytest.mark.parametrize("kind", KINDS)
def test_the_front_is_a_first_batch(kind):
    front = [key for _, key in sampling(**KINDS[kind]()).front()]
    assert front
    if kind in ("sequential", "shuffled", "drop last", "batch sampler"):
        assert front == [0, 1, 2, 3, 4]


def test_the_front_of_nothing_is_empty():
    assert sampling(batch_size=5, sampler=[]).front() == []


def test_a_length_that_only_raises_is_none():
    class Refuses:
        def __len__(self):
            raise NotImplementedError

    assert length(Refuses()) is None
    assert length(iter(())) is None
    assert length([1]) == 1


class Wrapping(BatchSampler):
    """A batch sampler of the user's around another, as libraries for distributed training write it."""

    def __init__(self, batch_sampler):
        self.batch_sampler = batch_sampler

    def __iter__(self):
        return iter(self.batch_sampler)

    def __len__(self):
        return len(self.batch_sampler)


HOLDING = {
    "a sampler": lambda sampler: {"batch_size": 4, "sampler": sampler},
    "no batching": lambda sampler: {"batch_size": None, "sampler": sampler},
    "torch's batch sampler": lambda sampler: {"batch_sampler": BatchSampler(sampler, 4, False)},
    "a batch sampler of the user's": lambda sampler: {"batch_sampler": Wrapping(BatchSampler(sampler, 4, False))},
}


@pytest.mark.parametrize("how", HOLDING)
def test_every_pass_is_told_to_a_distributed_sampler_wherever_it_is(how):
    sampler = DistributedSampler(ROWS, num_replicas=2, rank=1, shuffle=True, seed=3)
    one = sampling(**HOLDING[how](sampler))
    for data_pass in (0, 1, 5):
        read = [row for batch in keys(one, data_pass) for row in batch]
        expected = DistributedSampler(ROWS, num_replicas=2, rank=1, shuffle=True, seed=3)
        expected.set_epoch(data_pass)
        assert read == list(expected)
    assert sampler.epoch == 5


def test_evaluation_tells_no_pass():
    sampler = DistributedSampler(ROWS, num_replicas=2, rank=1, shuffle=True, seed=3)
    sampler.set_epoch(4)
    keys(sampling(batch_size=4, sampler=sampler), None)
    assert sampler.epoch == 4


def test_an_object_that_answers_to_every_name_is_told_too():
    class Everything:
        def __init__(self):
            self.told = []

        def __getattr__(self, name):
            return Everything() if name in ("sampler", "batch_sampler") else self.told.append

    one = Everything()
    tell_epoch(one, 3)
    assert one.told == [3]
