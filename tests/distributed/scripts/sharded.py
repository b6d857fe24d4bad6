"""Run by torchrun: weights divided between the processes train to the same, and any number of them goes on."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor

import neurokit as nk

out = Path(sys.argv[1])
numbers = np.random.default_rng(0)
x = numbers.normal(size=(103, 6)).astype("float32")
y = (x[:, :3] + numbers.normal(size=(103, 3))).argmax(1)
weight = numbers.uniform(0.1, 3, 103)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(9), nn.Linear(9, 9)

    def forward(self, x):
        return x + torch.tanh(self.layer(self.norm(x)))


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 9), *[Block() for _ in range(3)], nn.Linear(9, 3))


def trainer(strategy, **how):
    torch.manual_seed(0)
    made = {"loss": "cross_entropy", "optimizer": partial(torch.optim.AdamW, lr=1e-2), "metrics": ["accuracy"]}
    return nk.Trainer(net(), device="cpu", strategy=strategy, **(made | how))


def weights(one):
    return torch.cat([value.reshape(-1) for value in one.state_dict()["model"].values()])


def compare(name, fit=None, **how):
    arguments = {"batch_size": 17, "epochs": 8, "verbose": 0, "validation_split": 0.2} | (fit or {})
    alone, together = trainer("none", **how), trainer("fsdp", **how)
    assert isinstance(next(together.model.parameters()), DTensor)
    for one in (alone, together):
        one.fit(x, y, **arguments)
    difference = float((weights(alone) - weights(together)).abs().max())
    assert difference < 2e-6, f"{name}: weights differ by {difference}"
    for key, values in alone.history.history.items():
        np.testing.assert_allclose(together.history.history[key], values, rtol=1e-4, atol=1e-5, err_msg=key)
    np.testing.assert_allclose(together.predict(x), alone.predict(x), atol=1e-5)
    if together.group.is_first:
        print(f"{name}: {alone.state.step} steps, weights differ by {difference:.1e}", flush=True)
    return together


together = compare("plain")
compare("clipped", max_grad_norm=0.1)
compare("accumulated", accumulate=3)
compare("weighted", fit={"sample_weight": weight})


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, outputs, targets):
        return nn.functional.cross_entropy(outputs * self.scale, targets)


with pytest.raises(ValueError, match="this loss has weights of its own"):
    trainer("fsdp", loss=Scaled())


class Falls(nk.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.trainer.state.step == 5:
            raise RuntimeError("all of us fall")


# Two go on where one stopped, and one where two did.
fit = {"batch_size": 17, "verbose": 0}
straight = trainer("none")
straight.fit(x, y, epochs=4, **fit)
for first, second in (("none", "fsdp"), ("fsdp", "none"), ("fsdp", "fsdp"), ("ddp", "none")):
    folder = out / f"{first}-{second}"
    one = trainer(first)
    if first != "none" or torch.distributed.get_rank() == 0:
        one.fit(x, y, epochs=2, callbacks=[nk.ModelCheckpoint(folder)], **fit)
    torch.distributed.barrier()
    other = trainer(second)
    other.fit(x, y, epochs=4, resume=folder, **fit)
    difference = float((weights(straight) - weights(other)).abs().max())
    assert difference < 2e-6, f"{first} to {second}: weights differ by {difference}"
    if torch.distributed.get_rank() == 0:
        print(f"{first} to {second}: weights differ by {difference:.1e}", flush=True)

# The same in the middle of an epoch, and of an accumulation window.
straight = trainer("none", accumulate=2)
straight.fit(x, y, epochs=2, **fit)
for first, second in (("none", "ddp"), ("ddp", "none"), ("ddp", "fsdp")):
    folder = out / f"middle-{first}-{second}"
    if first != "none" or torch.distributed.get_rank() == 0:
        with pytest.raises(RuntimeError, match="all of us fall"):
            trainer(first, accumulate=2).fit(
                x, y, epochs=2, callbacks=[Falls(), nk.ModelCheckpoint(folder, save_every=3)], **fit
            )
    torch.distributed.barrier()
    other = trainer(second, accumulate=2)
    history = other.fit(x, y, epochs=2, resume=folder, **fit)
    assert other.state.step == straight.state.step
    difference = float((weights(straight) - weights(other)).abs().max())
    assert difference < 2e-6, f"{first} to {second}: weights differ by {difference}"
    np.testing.assert_allclose(history.history["loss"], straight.history.history["loss"], rtol=1e-5)
    if torch.distributed.get_rank() == 0:
        print(f"{first} to {second} in the middle: weights differ by {difference:.1e}", flush=True)
