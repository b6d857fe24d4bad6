"""Run by torchrun: the rank that KILL names is killed in the middle of writing its part, while training goes on."""

import os
import signal
import sys
from pathlib import Path

import torch
from divided_net import fit, trainer

import neurokit as nk
from neurokit import checkpoint
from neurokit.callbacks import model_checkpoint
from neurokit.checkpoint import divided
from neurokit.storage.files import write_file

out = Path(sys.argv[1])
is_first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"


def killed(path, chunks):
    if os.environ["RANK"] == os.environ["KILL"] and "00000008" in str(path) and "state" in path.name:
        path.write_bytes(next(iter(chunks)))  # a part of it
        os.kill(os.getpid(), signal.SIGKILL)
    return write_file(path, chunks)


if is_first_attempt:
    divided.write_file = killed
elif os.environ["RANK"] == "0":
    print(f"found {checkpoint.newest(out / 'run').name} after the kill", flush=True)
model_checkpoint.IN_THE_BACKGROUND = 0
one, expected = trainer("fsdp"), checkpoint.load_weights(sys.argv[2])
fit(one, resume=out / "run", callbacks=[nk.ModelCheckpoint(out / "run", save_every=4, keep=1)])
found = one.state_dict()["model"]
assert all(torch.equal(value, expected[name]) for name, value in found.items())
assert one.state.step == 24
if one.group.is_first:
    print("ended as if nothing had happened", flush=True)
