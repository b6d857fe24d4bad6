"""Run by torchrun: each of two ranks writes its own part of a checkpoint, and what they can rely on."""

import errno
import io
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from divided_net import fit, trainer
from torch.distributed.tensor import DTensor

import neurokit as nk
from neurokit import checkpoint
from neurokit.callbacks import model_checkpoint
from neurokit.checkpoint import divided
from neurokit.storage.files import write_file

out = Path(sys.argv[1])
rank = int(os.environ["RANK"])
parts = [f"{kind}-0000{number}-of-00002.safetensors" for kind in ("model", "state") for number in (1, 2)]


def say(text):
    if rank == 0:
        print(text, flush=True)


def refuse(*args, **kwargs):
    raise AssertionError("a whole tensor was gathered")


def in_memory(function, place):
    """Let the processes talk, and no file be written or read so that code could run."""

    def checked(*args, **kwargs):
        assert isinstance(args[place], io.BytesIO)
        return function(*args, **kwargs)

    return checked


def own(one):
    return [value.to_local().clone() for value in one.model.parameters()]


def equal(some, others):
    return all(map(torch.equal, some, others))


class Falls(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.step == 9:
            raise RuntimeError("all of us fall")


# Two go on where two stopped, in the middle of an epoch; nobody gathers a whole tensor, and nothing could run code.
kept = DTensor.full_tensor, torch.save, torch.load, pickle.load, pickle.dump
DTensor.full_tensor = refuse
torch.save, torch.load, pickle.load, pickle.dump = map(in_memory, kept[1:], (1, 0, 0, 1))
straight, first, second = trainer("fsdp"), trainer("fsdp"), trainer("fsdp")
fit(straight)
with pytest.raises(RuntimeError, match="all of us fall"):
    fit(first, callbacks=[Falls(), nk.ModelCheckpoint(out / "two", save_every=8)])
files = sorted(path.name for path in (out / "two" / "step-00000008").iterdir())
assert files == sorted(["meta.json", "state.json", *parts]), files
fit(second, resume=out / "two")
assert equal(own(second), own(straight))
assert second.history.history == straight.history.history
other = trainer("fsdp")
other.load(second.save(out / "saved"))
assert equal(own(other), own(second))


# What callbacks keep of the weights goes on too.
def kept_by_callbacks(one, others=(), resume=None):
    """Train with all that keep weights; return each one's: EMA's average, SWA's, and what EarlyStopping put back."""
    swa, sees = nk.SWA(0), Sees()
    best = nk.EarlyStopping(monitor="loss", mode="max", patience=9, restore_best_weights=True)  # the first epoch's
    fit(one, epochs=3, resume=resume, callbacks=[nk.EMA(0.9), swa, best, sees, *others])
    return [*sees.average, *(value.to_local() for value in swa.state_dict()["average"].values()), *own(one)]


class Sees(nk.Callback):
    order = 3  # EMA has put its average in

    def on_epoch_end(self, epoch, logs=None):
        self.average = own(self.trainer)


expected = kept_by_callbacks(trainer("fsdp"))
with pytest.raises(RuntimeError, match="all of us fall"):
    kept_by_callbacks(trainer("fsdp"), others=[Falls(), nk.ModelCheckpoint(out / "kept", save_every=8)])
assert equal(kept_by_callbacks(trainer("fsdp"), resume=out / "kept"), expected)
DTensor.full_tensor, torch.save, torch.load, pickle.load, pickle.dump = kept
say("two to two: equal bits, mid-epoch, nothing gathered, callbacks' weights too")

# The files are torch's: its own reader takes them.
found = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in second.model.state_dict().items()}
found.pop("again.weight")  # tied, and written once
dcp.load(found, storage_reader=dcp.HuggingFaceStorageReader(str(out / "saved")))
whole = second.state_dict()["model"]
assert all(torch.equal(value, whole[name]) for name, value in found.items())
second.save_weights(out / "expected.safetensors")
say("torch's own reader reads them")

# A checkpoint that is written while training goes on holds the weights of the step it was begun at.
model_checkpoint.IN_THE_BACKGROUND = 0
went_on = threading.Event()


def late(path, chunks):
    assert went_on.wait(30)
    return write_file(path, chunks)


class Watches(nk.Callback):
    order = 3  # after the checkpoint was begun

    def __init__(self):
        self.seen = {}

    def on_train_batch_end(self, batch, logs=None):
        self.seen[self.trainer.state.step] = own(self.trainer)
        if self.trainer.state.step == 5:
            assert not (out / "late" / "step-00000003").exists()
            went_on.set()


divided.write_file = late
watches, one = Watches(), trainer("fsdp")
fit(one, epochs=1, callbacks=[watches, nk.ModelCheckpoint(out / "late", save_every=3)])
divided.write_file = write_file
other = trainer("fsdp")
other.load(out / "late" / "step-00000003")
assert equal(own(other), watches.seen[3])
assert not equal(own(other), watches.seen[4])
say("written while training goes on")


# Several are written at a time, by each rank at its own pace, and nobody's parts come into another's.
def slow(path, chunks):
    if ("/a/" in str(path)) == (rank == 0):
        time.sleep(0.2)
    return write_file(path, chunks)


class SavesToo(nk.Callback):
    order = 3  # the others have begun

    def __init__(self):
        self.seen = {}

    def on_train_batch_end(self, batch, logs=None):
        self.seen[self.trainer.state.step] = own(self.trainer)
        if self.trainer.state.step == 4:
            self.trainer.save(out / "meanwhile")


divided.write_file = slow
saves, one = SavesToo(), trainer("fsdp")
fit(one, epochs=1, callbacks=[saves, *(nk.ModelCheckpoint(out / name, save_every=3) for name in "ab")])
divided.write_file = write_file
for folder, step in ((out / "a" / "step-00000003", 3), (out / "b" / "step-00000003", 3), (out / "meanwhile", 4)):
    other = trainer("fsdp")
    other.load(folder)
    assert equal(own(other), saves.seen[step]), folder
where = out / ("mine" if rank == 0 else "yours")
with pytest.raises(ValueError, match=r"/mine was to be written, and other processes came with .*/yours"):
    checkpoint.commit(where, one.packed(), replace=True)
say("several at a time")


# What keeps the first from looking is told to all.
def unreadable(folder):
    return False, [], PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


with pytest.MonkeyPatch.context() as patch:
    patch.setattr("neurokit.checkpoint.together._listed", unreadable if rank == 0 else None)
    with pytest.raises(PermissionError):
        trainer("fsdp").load(out / "a")


# All take the same checkpoint, the one before where any rank finds its share of the newest damaged.
path = out / "late" / "step-00000006" / parts[-1]
content = path.read_bytes()
one.group.gather(None)
if rank == 0:
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
one.group.gather(None)
other = trainer("fsdp")
with warnings.catch_warnings(record=True) as caught:
    other.load(out / "late")
assert other.state.step == 3
found = [str(one.message) for one in caught if "Passing over the checkpoint step-00000006" in str(one.message)]
assert len(found) == (rank == 0), found
with pytest.raises(checkpoint.CheckpointError, match="is damaged"):  # asked for by name
    other.load(out / "late" / "step-00000006")
one.group.gather(None)
if rank == 0:
    path.write_bytes(content)
one.group.gather(None)
say("a damaged part is passed over by all")


# One rank that cannot write is named by all, and there is no folder.
def full(path, chunks):
    if rank == 1 and "00000003" in str(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return write_file(path, chunks)


divided.write_file = full
for name, background in (("full", 0), ("full-now", 1 << 40)):
    model_checkpoint.IN_THE_BACKGROUND = background
    one, saves = trainer("fsdp"), nk.ModelCheckpoint(out / name, save_every=3)
    fit(one, epochs=1, callbacks=[saves])
    (note,) = [finding.message for finding in one.findings if "written at step 3" in finding.message]
    assert "Rank 1 could not write its part" in note, note
    assert saves.last_path == out / name / "step-00000006"
    one.group.gather(None)
    assert [path.name for path in (out / name).glob("*step-*")] == ["step-00000006"]
with pytest.raises(OSError, match="Rank 1 could not write its part of the checkpoint: No space left"):
    trainer("fsdp").save(out / "full" / "00000003")
assert not (out / "full" / "00000003").exists()
divided.write_file = write_file
say("a full disk is named by its rank")

# SIGTERM on one rank: all write a checkpoint after the same step, and the run goes on from it.
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
heard = []


class Terminates(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if rank == 1 and self.trainer.state.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)


one, other = trainer("fsdp"), trainer("fsdp")
fit(one, callbacks=[Terminates(), nk.ModelCheckpoint(out / "ended")])
assert heard == [signal.SIGTERM], heard
assert (one.history.stop_reason, checkpoint.newest(out / "ended").name) == (
    "interrupted",
    checkpoint.step_name(one.state.step),
)
assert 2 <= one.state.step < 24
fit(other, resume=out / "ended")
assert equal(own(other), own(straight))
say("SIGTERM ends with a checkpoint")

# A bundle is written by one process, which holds the weights whole.
with pytest.raises(ValueError, match="save_bundle needs whole weights in one process"):
    nk.save_bundle(one, out / "bundle")

# A folder that is not ours is refused by all.
(out / "stranger").mkdir(exist_ok=True)
(out / "stranger" / "thesis.txt").write_text("mine")
with pytest.raises(FileExistsError, match="thesis"):
    trainer("fsdp").save(out / "stranger")
assert checkpoint.newest(out / "late") == out / "late" / "step-00000006"
say("done")
