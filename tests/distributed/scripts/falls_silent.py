"""Run by torchrun: rank 1 raises or hangs, or only one rank has something to say; what each rank says goes to OUT."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import neurokit as nk

how, out = sys.argv[1], Path(sys.argv[2])
rank = int(os.environ["RANK"])


class AtStep5(nk.Callback):
    def __init__(self, act):
        self.act = act

    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.step == 5 and rank == 1:
            self.act(self.trainer)


class Closing(nk.Callback):
    """Writes at the end, as the how-to says."""

    def on_train_end(self, logs=None):
        with self.trainer.group.as_one():
            if self.trainer.group.is_first:
                (out / "end").touch()


class Mine(nk.ModelCheckpoint):
    def state_dict(self):
        return super().state_dict() | {"mine": 1}


def full(trainer):
    raise ValueError("the disk of rank 1 is full.")


@torch.no_grad()
def move(trainer):
    trainer.model.weight.mul_(1.01)


def told(*callbacks, rows=100, seed=0):
    """What a fit ends with on this rank, in words."""
    numbers = np.random.default_rng(seed)
    x = numbers.normal(size=(rows, 4)).astype("float32")
    trainer = nk.Trainer(nn.Linear(4, 1), loss="mse", device="cpu")
    try:
        history = trainer.fit(x, x.sum(1), batch_size=4, epochs=3, callbacks=callbacks, verbose=0, checks=False)
    except SystemExit:
        return f"ended after {trainer.state.step} steps"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"{history.stop_reason} after {trainer.state.step} steps"


began = time.monotonic()
if how == "raises":
    said = [told(AtStep5(full), Closing())]
elif how == "hangs":
    said = [told(AtStep5(lambda trainer: time.sleep(600)))]
else:
    said = [
        told(rows=91 if rank == 1 else 100),
        told(seed=rank),
        told(*[Mine(out / "alone")] * (rank == 0), nk.LambdaCallback(), *[nk.LambdaCallback()] * rank),
        told(AtStep5(move)),
        told(AtStep5(lambda trainer: trainer.stop("rank 1 has seen enough"))),
    ]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    said.append(told(AtStep5(lambda trainer: os.kill(os.getpid(), signal.SIGTERM)), nk.ModelCheckpoint(out / "run")))
Path(out, f"{rank}.txt").write_text("\n".join(said))
print(f"rank {rank}, {time.monotonic() - began:.1f} s:", *said, sep="\n  ", flush=True)
if how == "raises" and rank == 1:
    os._exit(0)  # as an exception would end it, but torchrun gives rank 0 time to speak
if how == "hangs" and rank == 0:
    sys.exit(1)  # torchrun ends the one that hangs
