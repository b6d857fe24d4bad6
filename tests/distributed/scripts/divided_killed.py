"""Run by torchrun: one rank, and then the other, is killed in the middle of writing its part."""

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
attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
victim, step = (("1", 8), ("0", 16), ("nobody", 0))[attempt]


def killed(path, chunks):
    if os.environ["RANK"] == victim and checkpoint.step_name(step) in str(path) and "state" in path.name:
        path.write_bytes(next(iter(chunks)))  # a part of it
        os.kill(os.getpid(), signal.SIGKILL)
    return write_file(path, chunks)


divided.write_file = killed
if attempt and os.environ["RANK"] == "0":
    print(f"found {checkpoint.newest(out / 'run').name}", flush=True)
model_checkpoint.IN_THE_BACKGROUND = 0
one, expected = trainer("fsdp"), checkpoint.load_weights(sys.argv[2])
fit(one, resume=out / "run", callbacks=[nk.ModelCheckpoint(out / "run", save_every=4, keep=1)])
found = one.state_dict()["model"]
assert all(torch.equal(value, expected[name]) for name, value in found.items())
assert one.state.step == 24
if one.group.is_first:
    print("ended as if nothing had happened", flush=True)
