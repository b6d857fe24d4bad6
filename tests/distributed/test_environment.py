import errno
import logging
import pickle
from datetime import timedelta

import pytest
import torch
from torch import nn

from neurokit import NonFiniteLoss, Trainer
from neurokit.distributed import check_strategy
from neurokit.distributed.environment import agents_store, asked_for, own_device, patience
from neurokit.distributed.group import _Told
from neurokit.distributed.sharding import blocks
from neurokit.shared_fit import check_synced

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "host", "MASTER_PORT": "29500"}


@pytest.fixture
def torchrun(monkeypatch):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_an_unknown_strategy_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'ddp'"):
        check_strategy("dpp")


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_strategy_of_several_processes_says_how_they_are_started(strategy, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(ValueError, match=r"torchrun --nproc-per-node 2 train\.py"):
        Trainer(nn.Linear(1, 1), strategy=strategy)


def test_a_process_alone_trains_alone_whatever_is_asked(torchrun):
    assert asked_for("auto")
    assert asked_for("fsdp")
    assert not asked_for("none")
    torchrun.setenv("WORLD_SIZE", "1")
    assert not asked_for("ddp")


def test_without_a_gpu_the_device_is_the_one_that_was_asked_for(torchrun):
    assert own_device("cpu", "auto") == "cpu"
    if not torch.cuda.is_available():
        assert own_device("auto", "auto") == "auto"


def test_torchruns_agent_says_where_its_store_is(torchrun):
    assert agents_store() is None
    torchrun.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    assert agents_store() == ("host", 29500)


def test_patience_is_a_number_of_seconds(monkeypatch):
    assert patience() == timedelta(minutes=10)
    monkeypatch.setenv("NEUROKIT_TIMEOUT", "2.5")
    assert patience() == timedelta(seconds=2.5)
    for wrong in ("soon", "0", "-3"):
        monkeypatch.setenv("NEUROKIT_TIMEOUT", wrong)
        with pytest.raises(ValueError, match="NEUROKIT_TIMEOUT"):
            patience()


def test_one_process_is_a_group_that_waits_for_nobody(caplog):
    group = Trainer(nn.Linear(1, 1)).group
    assert (group.rank, group.world, group.is_first, group.is_several) == (0, 1, True, False)
    assert group.gather("word") == ["word"]
    assert group.highest([3, 0]) == [3, 0]
    with group.as_one(), group.by_itself(), group.doing("nothing"):
        logging.getLogger("neurokit").warning("heard")
    assert "heard" in caplog.text


class _MisreadError(UnicodeDecodeError):
    """One that words alone do not make."""


def _with(error, **attributes):
    vars(error).update(attributes)
    return error


def _without_room():
    error = OSError("the last state could not be saved")
    error.errno = errno.ENOSPC
    return error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("one"), ValueError, "one"),
        (KeyError("a"), KeyError, "'a'"),
        (FileNotFoundError(2, "gone", "file"), FileNotFoundError, "[Errno 2] gone: 'file'"),
        (_without_room(), OSError, "the last state could not be saved"),
        (_with(ValueError("one"), hook=lambda: None), ValueError, "one"),
        (ValueError({"a": 1}), ValueError, "{'a': 1}"),
        (NonFiniteLoss(0, 1, float("nan")), ArithmeticError, "NonFiniteLoss: The loss is nan"),
        (ExceptionGroup("two", [ValueError("one")]), RuntimeError, "ExceptionGroup: two (1 sub-exception)"),
        (_MisreadError("utf-8", b"x", 0, 1, "no"), RuntimeError, "UnicodeDecodeError: _MisreadError: "),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_an_exception_arrives_in_another_process(error, kind, text):
    error.add_note("seen")
    told = pickle.loads(pickle.dumps(_Told.of(error))).rebuilt(2)

    assert type(told) is kind
    assert str(told).startswith(text)
    assert getattr(told, "errno", None) == getattr(error, "errno", None)
    assert told.__notes__ == ["seen", "It was raised in the process of rank 2."]


def test_the_repeated_blocks_of_a_model_are_found():
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    model = nn.Sequential(nn.Linear(4, 8), encoder, nn.Linear(8, 2))
    assert blocks(model) == list(encoder.layers)
    assert blocks(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))) == []


def test_a_batch_of_fewer_rows_than_processes_is_refused_where_each_row_counts_in_all_statistics():
    check_synced(4, world=4)
    with pytest.raises(ValueError, match="A batch of 3 rows leaves some of 4 processes none"):
        check_synced(3, world=4)
