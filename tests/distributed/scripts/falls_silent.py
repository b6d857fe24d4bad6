"""Run by torchrun: rank 1 raises, hangs, or was given something else; what every rank says of it goes to OUT."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import neurokit as nk

how, out = sys.argv[1:3]
rank = int(os.environ["RANK"])


class AtStep5(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.step != 5 or rank != 1:
            return
        if how == "raises":
            raise ValueError("the disk of rank 1 is full")
        if how == "hangs":
            time.sleep(600)
        if how == "stops":
            self.trainer.stop("rank 1 has seen enough")
        if how == "is told to end":
            os.kill(os.getpid(), signal.SIGTERM)


class OnOneRank(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if rank == 1:
            with torch.no_grad():
                self.model.weight.mul_(1.01)


numbers = np.random.default_rng(rank if how == "draws other data" else 0)
x = numbers.normal(size=(91 if how == "has fewer rows" and rank == 1 else 100, 4)).astype("float32")
y = x.sum(1)
trainer = nk.Trainer(nn.Linear(4, 1), loss="mse", device="cpu")
callbacks = [AtStep5()]
if how == "moves its own weights":
    callbacks.append(OnOneRank())
if how == "is told to end":
    callbacks.append(nk.ModelCheckpoint(Path(out) / "run"))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
began = time.monotonic()
said = "nothing"
try:
    history = trainer.fit(x, y, batch_size=4, epochs=3, callbacks=callbacks, verbose=0, checks=False)
    said = f"{history.stop_reason} after {trainer.state.step} steps, {history.epoch}"
except SystemExit:
    said = f"ended after {trainer.state.step} steps"
except BaseException as error:
    said = f"{type(error).__name__}: {error}"
    print(f"rank {rank}, {time.monotonic() - began:.1f} s: {said}", flush=True)
Path(out, f"{rank}.txt").write_text(said)
if how == "hangs":
    os._exit(0)
time.sleep(4)  # so that each rank speaks before torchrun ends them all
