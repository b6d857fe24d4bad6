"""Run by torchrun: weights, logs and predictions are those of one process with the same global batches."""

import sys
from functools import partial

import numpy as np
import pytest
import torch
from synced_norm import SyncedNorm
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import neurokit as nk

ROWS, COLUMNS, CLASSES = 103, 6, 3
TOLERANCE = 1e-6


def data(rows=ROWS):
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(rows, COLUMNS)).astype("float32")
    return x, (x[:, :CLASSES] + numbers.normal(size=(rows, CLASSES))).argmax(1), numbers.uniform(0.1, 3, rows)


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(COLUMNS, 16), nn.Tanh(), nn.Linear(16, CLASSES))


def normed():
    first, activation, last = network()
    return nn.Sequential(first, SyncedNorm(16), activation, last)  # alone, both ranks hold the same rows: no difference


class Rows(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] + np.float32(np.random.normal(scale=0.01)), self.y[index]


class OwnStep(nk.Trainer):
    """What a user writes who knows nothing of several processes."""

    def train_step(self, batch):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(batch.x), batch.y)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss}


class PartByPart(nk.Trainer):
    """Never calls the model itself, so nothing of the reducer is ever prepared."""

    def train_step(self, batch):
        outputs = batch.x
        for layer in self.model:
            outputs = layer(outputs)
        loss = F.cross_entropy(outputs, batch.y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss}


class Unused(nn.Sequential):
    """Has a parameter that gets no gradient, for which the reducer would wait."""

    def __init__(self):
        super().__init__(*network())
        self.idle = nn.Linear(4, 4)

    def forward(self, x):
        return self[2](self[1](self[0](x)))


def fitted(kind=nk.Trainer, make=network, given=None, trainer=None, fit=None, strategy="auto"):
    torch.manual_seed(0)
    np.random.seed(0)
    made = {"loss": "cross_entropy", "optimizer": "adam", "metrics": ["accuracy", "f1", "roc_auc"], "device": "cpu"}
    one = kind(make(), **{**made, **(trainer or {})}, strategy=strategy)
    x, y, _ = data()
    arguments = {
        "epochs": 5,
        "batch_size": 10,
        "verbose": 0,
        "checks": {"shared-rows": False},
        "validation_data": data(57)[:2],
    } | (fit or {})
    history = one.fit(*((x, y) if given is None else given()), **arguments)
    return one, history


def weights(trainer):
    return torch.cat([one.detach().reshape(-1) for one in trainer.model.parameters()])


def compare(name, **how):
    (alone, one), (shared, together) = fitted(strategy="none", **how), fitted(**how)
    difference = float((weights(alone) - weights(shared)).abs().max())
    steps = alone.state.step
    assert difference < TOLERANCE, f"{name}: weights differ by {difference} after {steps} steps"
    for key, values in one.history.items():
        np.testing.assert_allclose(together.history[key], values, rtol=1e-5, atol=1e-6, err_msg=f"{name}: {key}")
    if shared.group.is_first:
        print(f"{name}: {steps} steps, weights differ by {difference:.1e}", flush=True)
    return alone, shared


def main():
    x, y, weight = data()
    alone, shared = compare("odd last batches", fit={"batch_size": 17, "epochs": 8})
    if "short" in sys.argv:
        finish(alone, shared)
        refuse_a_short_last_batch()
        return
    compare("a rank without rows", fit={"batch_size": 34, "epochs": 15})
    compare("accumulated", trainer={"accumulate": 3})
    compare("clipped", trainer={"max_grad_norm": 0.05, "optimizer": partial(torch.optim.SGD, lr=0.5)})
    compare(
        "accumulated, clipped", trainer={"accumulate": 4, "max_grad_norm": 0.1}, fit={"batch_size": 17, "epochs": 8}
    )
    compare("weighted", fit={"sample_weight": weight}, trainer={"metrics": ["accuracy"]})
    compare("weighted, accumulated", fit={"sample_weight": weight}, trainer={"accumulate": 2, "metrics": ["accuracy"]})
    compare("class weights", fit={"class_weight": {0: 1.0, 1: 2.0, 2: 5.0}})
    summed = {"loss": nn.CrossEntropyLoss(reduction="sum"), "optimizer": partial(torch.optim.SGD, lr=1e-3)}
    compare("a sum", trainer=summed)
    compare("a sum, accumulated", trainer=summed | {"accumulate": 2}, fit={"batch_size": 34})
    sgd = {"optimizer": partial(torch.optim.SGD, lr=0.1), "metrics": ["accuracy"]}
    uneven = {"batch_size": 17, "epochs": 3}
    compare("synced norm", make=normed, trainer=sgd, fit=uneven)
    compare("synced norm, weighted", make=normed, trainer=sgd, fit=uneven | {"sample_weight": weight})
    compare("synced norm, accumulated", make=normed, trainer=sgd | {"accumulate": 2}, fit=uneven)
    own = {"metrics": ()}
    compare("own step", kind=OwnStep, trainer=own, fit={"batch_size": 17, "epochs": 8})
    compare("part by part", kind=PartByPart, trainer=own, fit={"batch_size": 17, "epochs": 8})
    compare("unused parameters", make=Unused, fit={"checks": False})
    compare("steps_per_epoch", fit={"steps_per_epoch": 7, "epochs": 8})
    loader = partial(DataLoader, batch_size=17, shuffle=True)
    compare("a dataset", given=lambda: (loader(Rows(x, y)),), fit={"batch_size": None, "epochs": 8})
    compare(
        "a dataset, two workers",
        given=lambda: (loader(Rows(x, y), num_workers=2),),
        fit={"batch_size": None, "epochs": 2},
    )

    finish(alone, shared)


def refuse_a_short_last_batch():
    """Three ranks, and two rows left over: of data in memory known before a step, of a loader when it comes."""
    x, y, _ = data(2 * 17 + 2)
    loader = DataLoader(Rows(x, y), batch_size=17)
    for given, batch_size, steps in (((x, y), 17, 0), ((loader,), None, 2)):
        trainer = nk.Trainer(normed(), loss="cross_entropy", device="cpu")
        with pytest.raises(ValueError, match="A batch of 2 rows leaves some of 3 processes none"):
            trainer.fit(*given, batch_size=batch_size, verbose=0, checks=False)
        assert trainer.state.step == steps
    if trainer.group.is_first:
        print("a short last batch is refused", flush=True)


def finish(alone, shared):
    for rows in (1, 2, 5, 57, 256, 300, 513):
        a, b, w = data(rows)
        for given in ({}, {"sample_weight": w}):
            metrics = {"strategy": "none", "metrics": ["accuracy", "balanced_accuracy", "log_loss"]}
            one = nk.Trainer(alone.model, loss="cross_entropy", device="cpu", **metrics)
            all_of_us = nk.Trainer(alone.model, loss="cross_entropy", device="cpu", **(metrics | {"strategy": "auto"}))
            expected, found = one.evaluate(a, b, **given), all_of_us.evaluate(a, b, **given)
            assert expected.keys() == found.keys()
            for key in expected:
                within = 1e-14 if "accuracy" in key else 1e-6  # a float32 forward depends on where its rows lie
                np.testing.assert_allclose(found[key], expected[key], rtol=within, err_msg=f"{rows} rows: {key}")
        np.testing.assert_allclose(one.predict(a, batch_size=3), all_of_us.predict(a, batch_size=3), atol=1e-6)
        np.testing.assert_array_equal(one.predict_labels(a), all_of_us.predict_labels(a))

    assert type(shared.model) is nn.Sequential
    assert list(shared.model.state_dict()) == list(alone.model.state_dict())
    assert not shared.model._forward_pre_hooks
    assert not shared.model._forward_hooks
    again = torch.rand(1)
    assert all(one == again for one in shared.group.gather(again)), "what a script draws next differs"
    print(f"rank {shared.group.rank} of {shared.group.world} is done", flush=True)


main()
