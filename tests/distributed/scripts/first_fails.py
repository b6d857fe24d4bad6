"""Run by torchrun: what only rank 0 does, and fails at, both hear of, and both can go on; as JSON to OUT."""

import json
import os
import resource
import signal
import sys
from pathlib import Path

import torch
from torch import nn

import neurokit as nk

strategy, out = sys.argv[1], Path(sys.argv[2])
rank = int(os.environ["RANK"])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
(out / "file").touch()
x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
said: dict[str, object] = {}


def limit_files(size: int) -> None:
    """A disk that is full for this process."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Scored(nk.Trainer):
    """Logs 0.5, 0.4, 0.6, ... as the score of its epochs."""

    def train_step(self, batch):
        return super().train_step(batch) | {"score": (0.5, 0.4, 0.6)[self.state.epoch % 3]}


class FullDisk(nk.Callback):
    """Leaves rank 0 no room in some epochs."""

    def __init__(self, *epochs):
        self.epochs = epochs

    def on_train_batch_begin(self, batch, logs=None):
        if rank == 0:
            limit_files(1 if self.trainer.state.epoch in self.epochs else resource.RLIM_INFINITY)


def trained(*callbacks, epochs=3):
    trainer = Scored(nn.Linear(4, 1), loss="mse", device="cpu", strategy=strategy)
    trainer.fit(x, x[:, :1], batch_size=8, epochs=epochs, callbacks=callbacks, verbose=0)
    return trainer


def hear(name, act):
    """Note what an act ends with, in words."""
    try:
        said[name] = str(act())
    except Exception as error:
        said[name] = f"{getattr(error, 'errno', None)} {type(error).__name__}: {error}"


trainer = trained()
hear("no folder", lambda: trained(nk.ModelCheckpoint(out / "file" / "run")))
hear("no log", lambda: trained(nk.CSVLogger(out / "file" / "log.csv"), nk.ModelCheckpoint(out / "none")))
said["made"] = (out / "none").exists()
hear("save", lambda: trainer.save(out / "file" / "saved"))
hear("save_weights", lambda: trainer.save_weights(out / "file" / "weights.safetensors"))
best = nk.ModelCheckpoint(out / "best", monitor="score", mode="max", save_best_only=True)
hear("full at first", lambda: trained(FullDisk(0), best).history.stop_reason)
said["best"] = [best.best, best.best_path.name]
hear("full at last", lambda: trained(FullDisk(2), nk.ModelCheckpoint(out / "last")))
if rank == 0:
    limit_files(resource.RLIM_INFINITY)
hear("another run", lambda: trained(nk.ModelCheckpoint(out / "best")))
hear("after all", lambda: trainer.save(out / "saved").name)
Path(out, f"{rank}.json").write_text(json.dumps(said))
