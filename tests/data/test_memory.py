"""Batches of data in memory: the rows in order, each once, never the user's own memory."""

import pytest
import scipy.sparse
import torch

from neurokit.data import memory
from neurokit.data.arrays import SparseRows
from neurokit.data.memory import InMemoryLoader
from neurokit.seeding import order

X = torch.arange(100.0).reshape(50, 2)
Y = torch.arange(50)


def rows(batches) -> list[list[int]]:
    return [batch.y.tolist() for batch in batches]


def in_order(visited, size) -> list[list[int]]:
    return [part.tolist() for part in torch.as_tensor(visited).split(size)]


@pytest.mark.parametrize("size", [1, 7, 10, 50, 1000])
@pytest.mark.parametrize("block_bytes", [1, 200, 2**22])
def test_a_pass_visits_the_rows_in_the_documented_order(monkeypatch, size, block_bytes):
    monkeypatch.setattr(memory, "BLOCK_BYTES", block_bytes)
    loader = InMemoryLoader(X, Y, batch_size=size, shuffle=True, seed=5)
    for data_pass in range(3):
        batches = list(loader.batches(data_pass))
        assert rows(batches) == in_order(order(50, 5, data_pass), size)
        assert all(torch.equal(batch.x, X[batch.y]) for batch in batches)
        assert len(batches) == loader.num_batches
    assert rows(loader.batches()) == in_order(range(50), size)


@pytest.mark.parametrize("joins", [False, True])
@pytest.mark.parametrize("block_bytes", [1, 100, 2**22])
def test_any_position_can_be_entered(monkeypatch, joins, block_bytes):
    monkeypatch.setattr(memory, "BLOCK_BYTES", block_bytes)
    loader = InMemoryLoader(X[:49], Y[:49], batch_size=8, shuffle=True, seed=1, join_lone_row=joins)
    whole = rows(loader.batches(2))
    assert [len(batch) for batch in whole] == ([8] * 5 + [9] if joins else [8] * 6 + [1])
    for start in range(len(whole) + 2):
        assert rows(loader.batches(2, start)) == whole[start:]


def test_without_shuffling_every_pass_is_in_order():
    loader = InMemoryLoader(X, Y, batch_size=20)
    assert rows(loader.batches(3)) == in_order(range(50), 20)


@pytest.mark.parametrize(
    ("count", "size", "sizes"), [(9, 4, [4, 5]), (9, 8, [9]), (8, 4, [4, 4]), (1, 4, [1]), (3, 1, [1, 1, 1])]
)
def test_a_lone_last_row_joins_the_batch_before_it(count, size, sizes):
    loader = InMemoryLoader(X[:count], Y[:count], batch_size=size, join_lone_row=True)
    assert [len(batch.y) for batch in loader.batches()] == sizes
    assert loader.num_batches == len(sizes)
    assert loader.joins is (sum(sizes) != count or sizes[-1] > size)


def test_in_another_size_no_last_row_is_alone():
    loader = InMemoryLoader(torch.arange(9), batch_size=3).resized(4)
    assert [batch.x.tolist() for batch in loader.batches()] == [[0, 1, 2, 3], [4, 5, 6, 7, 8]]
    assert [loader.bounds(index) for index in range(loader.num_batches)] == [(0, 4), (4, 9)]


def test_incomplete_batches_can_be_left_out():
    loader = InMemoryLoader(X, Y, batch_size=20, shuffle=True, seed=3, drop_last=True)
    assert rows(loader.batches(1)) == in_order(order(50, 3, 1), 20)[:2]
    assert (loader.num_batches, loader.num_rows) == (2, 40)
    assert rows(loader.batches(1, 1)) == in_order(order(50, 3, 1), 20)[1:2]
    assert InMemoryLoader(X, Y, batch_size=51, drop_last=True).num_batches == 0


def test_some_of_the_rows_keep_the_order_of_a_set_of_their_size():
    chosen = torch.arange(0, 50, 5)
    loader = InMemoryLoader(X, Y, batch_size=4, seed=2).subset(chosen, shuffle=True, join_lone_row=False)
    assert rows(loader.batches(1)) == in_order(chosen[order(10, 2, 1)], 4)
    assert rows(loader.batches()) == in_order(chosen, 4)
    assert loader.peek().y.tolist() == chosen[:4].tolist()
    again = loader.subset(torch.tensor([1, 3]), shuffle=False, join_lone_row=False)
    assert rows(again.batches()) == [[5, 15]]


STRUCTURES = {
    "inputs": (X, None, None),
    "inputs and targets": (X, Y, None),
    "weights": (X, Y, Y / 2),
    "weights without targets": (X, None, Y / 2),
    "several inputs": ((X, Y), Y, Y / 2),
    "one input in a tuple": ((X,), Y, None),
    "named inputs": ({"a": X, "b": (X, Y)}, {"c": Y, "d": Y}, None),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_batches_have_the_structure_of_the_data(name):
    def taken(value, rows):
        if isinstance(value, torch.Tensor):
            return value[rows].tolist()
        if isinstance(value, dict):
            return {key: taken(member, rows) for key, member in value.items()}
        return value if value is None else tuple(taken(member, rows) for member in value)

    data = STRUCTURES[name]
    loader = InMemoryLoader(*data, batch_size=30, shuffle=True, seed=0)
    for batch, visited in zip(loader.batches(0), order(50, 0, 0).split(30), strict=True):
        assert taken(tuple(batch), torch.arange(len(visited))) == taken(data, visited)
    assert taken(tuple(loader.peek()), torch.arange(30)) == taken(data, torch.arange(30))


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_never_share_memory_with_the_source(shuffle):
    x, y, weight = X.clone(), Y.clone(), torch.ones(50)
    loader = InMemoryLoader(x, y, weight, batch_size=50, shuffle=shuffle)
    for batch in [loader.peek(), *loader.batches(0), *loader.batches()]:
        for part in batch:
            part.zero_()
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    assert weight.min() == 1


def test_a_batch_that_is_kept_is_not_overwritten_by_the_next():
    first, *_ = batches = list(InMemoryLoader(X, Y, batch_size=10).batches())
    assert first.y.tolist() == list(range(10))
    assert len({batch.x.data_ptr() for batch in batches}) == len(batches)


def test_small_numbers_stay_small_until_they_leave():
    loader = InMemoryLoader(torch.zeros(10, 3, dtype=torch.uint8), torch.zeros(10, dtype=torch.int8), batch_size=4)
    assert loader.peek().x.dtype is torch.uint8
    assert next(loader.batches(0)).y.dtype is torch.int8


def test_sparse_rows_come_out_dense():
    dense = torch.eye(6)
    loader = InMemoryLoader(
        SparseRows(scipy.sparse.csr_array(dense.numpy()), "x", torch.float32), torch.arange(6), batch_size=4
    )
    assert torch.equal(torch.cat([batch.x for batch in loader.batches()]), dense)
    assert not loader.is_on(torch.device("cpu"))


def test_it_knows_where_its_batches_are():
    assert InMemoryLoader(X, Y, batch_size=4).is_on(torch.device("cpu"))
    assert not InMemoryLoader(X, Y, batch_size=4).is_on(torch.device("meta"))


@pytest.mark.gpu
def test_data_on_the_device_are_batched_there():
    loader = InMemoryLoader(X.cuda(), Y.cuda(), batch_size=20, shuffle=True, seed=5)
    assert rows(loader.batches(1)) == in_order(order(50, 5, 1), 20)
    assert loader.peek().x.is_cuda


def test_no_global_stream_moves():
    before = torch.get_rng_state()
    loader = InMemoryLoader(X, Y, batch_size=4, shuffle=True)
    loader.peek()
    list(loader.batches(3))
    assert torch.equal(before, torch.get_rng_state())


def test_there_is_nothing_to_remember():
    loader = InMemoryLoader(X, batch_size=4)
    assert loader.state_dict() == {}
    loader.load_state_dict({})
