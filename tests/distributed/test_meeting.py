"""Processes that are started anew meet each other, and not what those before them have left."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import torch
from torch.distributed import HashStore, TCPStore

from neurokit.distributed.meeting import common_name
from neurokit.distributed.meeting import meet as meet_by

WORLD = 4


@pytest.fixture
def store():
    return TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=10), wait_for_workers=False)


def client(server):
    return TCPStore("127.0.0.1", server.port, is_master=False, timeout=timedelta(seconds=10))


def meet(server, ranks, world):
    """What each rank comes to, all at a time."""
    with ThreadPoolExecutor(len(ranks)) as pool:
        return list(pool.map(lambda rank: common_name(client(server), rank, world), ranks))


@pytest.mark.parametrize("world", [WORLD, 2, 6, 1])
def test_those_who_meet_again_have_one_name_and_a_new_one(store, world):
    before = set(meet(store, range(WORLD), WORLD))
    after = set(meet(store, range(world), world))
    assert len(before) == len(after) == 1
    assert before != after


@pytest.mark.parametrize("dead", [[1], [3, 2, 1]])
def test_what_those_have_left_who_died_before_all_were_there_is_answered_by_nobody(store, dead, monkeypatch):
    monkeypatch.setenv("NEUROKIT_TIMEOUT", "0.3")
    for rank in dead:
        client(store).set(f"neurokit/here/{rank}", "left")
    with pytest.raises(RuntimeError, match=r"Of 4 processes, ranks 1, 2, 3 did not come to train within 0\.3 s"):
        common_name(client(store), 0, WORLD)
    monkeypatch.setenv("NEUROKIT_TIMEOUT", "10")
    assert len(set(meet(store, range(WORLD), WORLD))) == 1


def test_a_process_names_the_first_where_that_does_not_come(monkeypatch):
    monkeypatch.setenv("NEUROKIT_TIMEOUT", "7")
    store = HashStore()
    store.set_timeout(timedelta(seconds=0.2))
    with pytest.raises(RuntimeError, match="rank 0 did not come to train within 7 s"):
        common_name(store, 1, 2)


@pytest.mark.parametrize("rank", [0, 1])
def test_where_the_first_process_keeps_the_store_those_who_came_are_told_that_not_all_did(rank, port, monkeypatch):
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    for name, value in (place | {"NEUROKIT_TIMEOUT": "1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match="Of 2 processes, one or more did not come to train within 1 s"):
        meet_by(torch.device("cpu"))
