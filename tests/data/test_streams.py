"""Everything that yields batches and cannot be indexed: generators, iterables, IterableDatasets with workers."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from neurokit.data.streams import StreamLoader
from neurokit.seeding import cpu_streams


class Batches:
    """A re-iterable of the user's that permutes once a pass and draws from all streams for each batch."""

    def __iter__(self):
        for row in torch.randperm(6).tolist():
            yield torch.tensor([[random.random(), float(np.random.rand()), float(torch.rand(()))]]), torch.tensor([row])


class Walk:
    """Each batch depends on all that were drawn before."""

    def __iter__(self):
        position = torch.zeros(1, 1)
        for step in range(5):
            position = position + torch.randn(1, 1)
            yield position, torch.tensor([step])


class Stream(IterableDataset):
    """Sharded by worker, as torch's documentation does it; draws from all streams."""

    def __init__(self, rows=12):
        self.rows = rows
        self.first, self.step = None, 1

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        if self.first is not None:
            first, step = self.first, self.step
        for row in range(first, self.rows, step):
            yield torch.tensor([random.random(), float(np.random.rand()), float(torch.rand(()))]), row


def shard_by_init(worker_id):
    """The other way that torch's documentation shards."""
    info = get_worker_info()
    info.dataset.first, info.dataset.step = worker_id, info.num_workers


def plain(source, seed=3, whole=False) -> StreamLoader:
    return StreamLoader(source, seed=seed, whole=whole)


def workers(dataset=None, seed=3, **settings) -> StreamLoader:
    description = DataLoader(Stream() if dataset is None else dataset, **{"batch_size": 2} | settings)
    return StreamLoader.over_workers(description, seed=seed, whole=False)


KINDS = {
    "re-iterable": lambda: plain(Batches()),
    "walk": lambda: plain(Walk()),
    "a loader's own class": lambda: plain(DataLoader(Stream(), 2)),
    "iterable dataset": workers,
    "two workers": lambda: workers(num_workers=2),
    "two workers that stay": lambda: workers(num_workers=2, persistent_workers=True),
    "no batching": lambda: workers(batch_size=None, collate_fn=lambda item: (item[0][None], torch.tensor([item[1]]))),
}


def read(one, data_pass, start=0) -> list[tuple]:
    return [(batch.x.tolist(), batch.y.tolist()) for batch in one.batches(data_pass, start)]


@pytest.mark.parametrize("kind", KINDS)
def test_any_position_of_any_pass_can_be_entered(kind):
    one, other = KINDS[kind](), KINDS[kind]()
    passes = [read(one, data_pass) for data_pass in (0, 1)]
    assert passes[0] != passes[1]
    for data_pass, start in ((1, 0), (0, 2), (1, 3), (0, 99)):
        torch.rand(1), random.random(), np.random.rand()
        assert read(other, data_pass, start) == passes[data_pass][start:]


@pytest.mark.parametrize("kind", KINDS)
def test_neither_reading_nor_a_look_moves_a_stream(kind):
    one = KINDS[kind]()
    before = cpu_streams()
    one.peek()
    read(one, 0)
    read(one, None)
    batches = one.batches(1)
    next(batches)
    batches.close()
    assert cpu_streams() == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_trains_nothing_has_numbers_of_its_own(kind):
    one = KINDS[kind]()
    assert read(one, None) == read(one, None)
    assert read(one, None) not in (read(one, 0), read(one, 1))


def test_other_seeds_draw_other_numbers():
    assert read(workers(seed=3), 0) != read(workers(seed=4), 0)


@pytest.mark.parametrize("settings", [{}, {"worker_init_fn": shard_by_init}], ids=["by worker", "by worker_init_fn"])
def test_workers_share_the_rows_and_draw_different_numbers(settings):
    batches = read(workers(num_workers=2, **settings), 0)
    assert sorted(row for _, y in batches for row in y) == list(range(12))
    drawn = [tuple(row) for x, _ in batches for row in x]
    assert len(set(drawn)) == 12


def test_workers_that_stay_can_be_asked_for_a_pass_within_a_pass():
    one = workers(num_workers=2, persistent_workers=True)
    expected = read(one, 0)
    live = one.batches(0)
    first = next(live)
    assert read(one, None)
    assert [(first.x.tolist(), first.y.tolist()), *((b.x.tolist(), b.y.tolist()) for b in live)] == expected


def test_the_settings_of_the_loader_are_kept():
    one = workers(Stream(5), drop_last=True, collate_fn=lambda samples: {"x": torch.stack([x for x, _ in samples])})
    assert [batch.x.shape for batch in one.batches()] == [(2, 3), (2, 3)]
    assert one.num_batches is None


@pytest.mark.parametrize(("count", "expected"), [(0, 6), (1, 6), (2, None)])
def test_batches_are_counted_unless_several_workers_each_end_with_a_part(count, expected):
    class Sized(Stream):
        def __len__(self):
            return 12

    assert workers(Sized(), num_workers=count).num_batches == expected


class Parts:
    """Batches of the sizes asked for, in the structure asked for."""

    def __init__(self, *sizes, form=lambda x, y: (x, y)):
        self.sizes, self.form = sizes, form

    def __iter__(self):
        rows = torch.arange(sum(self.sizes)).split(list(self.sizes))
        return (self.form(part[:, None].float(), part) for part in rows)


@pytest.mark.parametrize(
    ("sizes", "joined"),
    [
        ((3, 3, 1), [3, 4]),
        ((3, 1, 3), [4, 3]),
        ((3, 1, 1), [5]),
        ((1, 3), [1, 3]),
        ((1,), [1]),
        ((3, 3), [3, 3]),
        ((), []),
    ],
)
def test_lone_rows_join_the_batch_before_them_where_batch_norm_trains(sizes, joined, caplog):
    one = StreamLoader(Parts(*sizes), seed=0, whole=False, join_lone_row=True)
    batches = [batch.y.tolist() for batch in one.batches(0)]
    assert [len(batch) for batch in batches] == joined
    assert [row for batch in batches for row in batch] == list(range(sum(sizes)))
    for start in range(len(joined)):
        assert [batch.y.tolist() for batch in one.batches(0, start)] == batches[start:]
    assert [len(batch.y) for batch in one.batches()] == list(sizes)
    assert one.joins is (len(joined) < len(sizes))
    assert caplog.text.count("too few for BatchNorm") == one.joins


def test_lone_rows_join_in_every_structure():
    def form(x, y):
        return ({"a": x, "b": (x, torch.tensor(2.0))}, [{"row": row} for row in y.tolist()], y.float())

    (batch,) = StreamLoader(Parts(2, 1, form=form), seed=0, whole=False, join_lone_row=True).batches(0)
    assert batch.x["a"].tolist() == batch.x["b"][0].tolist() == [[0], [1], [2]]
    assert batch.x["b"][1] == 2
    assert batch.y == [{"row": 0}, {"row": 1}, {"row": 2}]
    assert batch.weight.tolist() == [0, 1, 2]


def test_a_generator_is_not_read_ahead():
    source = iter(Parts(2, 2, 1))
    batches = StreamLoader(source, seed=0, whole=False, join_lone_row=True).batches(0)
    next(batches)
    assert len(next(source)[1]) == 2


# ------------------------------------------------------------------------------------------------- one-shot iterators


def test_a_generator_goes_on_where_it_stands():
    one = plain((torch.full((2, 1), float(i)), torch.tensor([i, i])) for i in range(5))
    assert one.one_shot
    assert one.num_batches is None
    first = one.batches(0)
    assert next(first).y.tolist() == [0, 0]
    assert next(first).y.tolist() == [1, 1]
    assert [batch.y.tolist()[0] for batch in one.batches(1)] == [2, 3, 4]
    assert list(one.batches(2)) == []


def test_a_look_at_a_generator_is_put_back():
    one = plain(iter([torch.tensor([[i]]) for i in range(3)]))
    assert one.peek().x.item() == 0
    assert one.peek().x.item() == 0
    assert [batch.x.item() for batch in one.batches(0)] == [0, 1, 2]


def test_a_generator_draws_what_it_would_draw_in_a_loop_of_the_users():
    def draws():
        while True:
            yield torch.rand(2, 1)

    torch.manual_seed(1)
    expected = [torch.rand(2, 1) for _ in range(3)]
    torch.manual_seed(1)
    one = plain(draws())
    one.peek()
    for batch, rows in zip(one.batches(0), expected, strict=False):
        assert torch.equal(batch.x, rows)


def test_a_position_in_a_generator_is_reached_by_taking_what_comes_before():
    assert [batch.x.item() for batch in plain(iter([torch.tensor([[i]]) for i in range(5)])).batches(0, 3)] == [3, 4]


def test_an_endless_iterable_is_read_as_far_as_asked():
    class Endless:
        def __iter__(self):
            while True:
                yield torch.rand(2, 1)

    one = plain(Endless())
    batches = one.batches(0)
    drawn = [next(batches).x for _ in range(5)]
    assert torch.equal(next(one.batches(0, 4)).x, drawn[4])


@pytest.mark.parametrize("source", [[], iter([])], ids=["re-iterable", "iterator"])
def test_nothing_is_refused(source):
    with pytest.raises(ValueError, match="gave no batch"):
        plain(source).peek()


def test_batches_of_every_form_are_read():
    one = plain([(np.ones((2, 3)), [0, 1]), {"x": torch.ones(2, 3), "y": torch.zeros(2)}])
    assert [batch.x.dtype for batch in one.batches()] == [torch.float64, torch.float32]
    assert plain([(torch.ones(1), torch.ones(1))], whole=True).peek().y is None


def test_an_error_on_the_way_leaves_the_streams_alone():
    class Broken:
        def __iter__(self):
            yield torch.rand(1, 1)
            torch.rand(1)
            raise RuntimeError("the disk is gone")

    before = cpu_streams()
    with pytest.raises(RuntimeError, match="the disk is gone"):
        list(plain(Broken()).batches(0))
    assert cpu_streams() == before


def test_a_loader_that_shuffles_says_that_it_is_not_in_order():
    assert plain(Batches()).in_order
    assert not plain(DataLoader([1, 2, 3], shuffle=True)).in_order


def test_there_is_nothing_to_remember():
    one = plain(Batches())
    read(one, 0)
    assert one.state_dict() == {}
    one.load_state_dict({})


def test_the_number_of_workers_is_remembered_for_their_batches_follow_from_it(caplog):
    one = workers(num_workers=2)
    assert one.state_dict() == {"workers": 2}
    one.load_state_dict({"workers": 2})
    workers().load_state_dict({"workers": 1})  # one worker makes the batches that this process would make
    assert not caplog.text
    workers().load_state_dict({"workers": 2})
    assert "with 2 workers, and this one has 0" in caplog.text


@pytest.mark.parametrize("kind", [Stream, lambda: Stream(5)])
def test_one_worker_changes_nothing(kind):
    for data_pass in (0, 1, None):
        assert read(workers(kind(), num_workers=1), data_pass) == read(workers(kind()), data_pass)


class Told(Stream):
    """A stream that shuffles by an epoch it is told, as a streamed Hugging Face dataset does."""

    def __init__(self):
        super().__init__()
        self.epoch = -1

    def set_epoch(self, epoch):
        self.epoch = epoch


class Epochal:
    def __init__(self):
        self.told = []

    def set_epoch(self, epoch):
        self.told.append(epoch)


class OwnLoader(DataLoader):
    """A loader that iterates its own way, and holds a sampler all the same."""

    def __iter__(self):
        yield torch.zeros(2, 1)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_training_pass_is_told_to_a_stream_that_asks_for_it(num_workers):
    dataset = Told()
    one = workers(dataset, num_workers=num_workers, collate_fn=lambda samples: torch.tensor([[float(dataset.epoch)]]))
    for data_pass in (0, 3):
        assert {x for rows, _ in read_inputs(one, data_pass) for x in rows[0]} == {data_pass}
    list(one.batches(None))
    assert dataset.epoch == 3


def read_inputs(one, data_pass) -> list[tuple]:
    return [(batch.x.tolist(), None) for batch in one.batches(data_pass)]


def test_the_sampler_of_a_loader_that_iterates_its_own_way_is_told_every_pass():
    source = OwnLoader([1, 2, 3])
    object.__setattr__(source, "sampler", Epochal())
    one = plain(source)
    for data_pass in (0, 1, None):
        list(one.batches(data_pass))
    assert source.sampler.told == [0, 1]
