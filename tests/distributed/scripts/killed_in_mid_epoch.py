"""Run by torchrun: one rank is killed where KILL says, "rank:step"; what the run ends with goes to OUT."""

import json
import os
import signal
import sys

import numpy as np
import torch
from torch import nn

import neurokit as nk

folder, out = sys.argv[1:3]
kill = os.environ.get("KILL", "")
print("begins", flush=True)
first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"


class Killer(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        group, state = self.trainer.group, self.trainer.state
        if first_attempt and kill == f"{group.rank}:{state.step}":
            os.kill(os.getpid(), signal.SIGKILL)


nk.seed_everything(3)
numbers = np.random.default_rng(0)
x = numbers.normal(size=(101, 6)).astype("float32")
y = (x[:, :3] + numbers.normal(size=(101, 3))).argmax(1)
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
trainer = nk.Trainer(model, loss="cross_entropy", optimizer="adamw", metrics=["accuracy"], device="cpu", accumulate=2)
stop = nk.EarlyStopping(patience=50)
plateau = nk.ReduceLROnPlateau(patience=1)
history = trainer.fit(
    x, y, batch_size=16, epochs=4, validation_split=0.2, resume=folder, verbose=0, checks=False,
    callbacks=[Killer(), stop, plateau, nk.ModelCheckpoint(folder, save_every=3), nk.CSVLogger(folder + ".csv")],
)  # fmt: skip
assert trainer.group.gather(history.history) == [history.history] * trainer.group.world
if trainer.group.is_first:
    weights = torch.cat([one.detach().reshape(-1) for one in model.state_dict().values()])
    with open(out, "w") as file:
        json.dump({"weights": weights.tolist(), "history": history.history, "steps": trainer.state.step}, file)
