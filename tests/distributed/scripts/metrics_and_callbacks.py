"""Run by torchrun: metrics of every kind, callbacks that decide, callbacks that write."""

import copy
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from sklearn.metrics import median_absolute_error
from torch import nn
from torch.nn import functional as F

import neurokit as nk

out = Path(sys.argv[1])
numbers = np.random.default_rng(0)
x = numbers.normal(size=(107, 5)).astype("float32")
values = (100 + x @ numbers.normal(size=5) + numbers.normal(size=107)).astype("float32")
labels = (values > 100).astype("int64")


def net(outputs=1, norm=False):
    torch.manual_seed(1)
    middle = [nn.BatchNorm1d(12)] if norm else []
    return nn.Sequential(nn.Linear(5, 12), *middle, nn.Tanh(), nn.Linear(12, outputs))


def pair(make, y, *, callbacks=lambda: [], trainer=None, **fit):
    """The same fit alone and together; its history must be the same."""
    made = []
    for strategy in ("none", "auto"):
        torch.manual_seed(0)
        one = nk.Trainer(make(), device="cpu", strategy=strategy, **copy.deepcopy(trainer or {}))
        arguments = {"batch_size": 17, "epochs": 6, "verbose": 0, "checks": False, "validation_split": 0.3} | fit
        one.fit(x, y, callbacks=callbacks(), **arguments)
        made.append(one)
    alone, together = made
    assert together.history.epoch == alone.history.epoch
    assert together.history.stop_reason == alone.history.stop_reason
    for name, expected in alone.history.history.items():
        np.testing.assert_allclose(together.history.history[name], expected, rtol=2e-5, atol=1e-6, err_msg=name)
    return together


def metrics():
    numeric = ["r2", "mae", "rmse", median_absolute_error, torchmetrics.MeanSquaredError()]
    pair(net, values, trainer={"loss": "mse", "metrics": numeric})
    area = ["roc_auc", "accuracy", "log_loss", torchmetrics.AUROC(task="binary"), torchmetrics.F1Score(task="binary")]
    pair(net, labels, trainer={"loss": "bce_with_logits", "metrics": area})
    pair(partial(net, 2), labels, trainer={"loss": "cross_entropy", "metrics": ["f1", "matthews_corrcoef"]})


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.heads = net(8), nn.ModuleDict({"value": nn.Linear(8, 1), "label": nn.Linear(8, 2)})

    def forward(self, x):
        return {name: head(self.body(x)) for name, head in self.heads.items()}


class OwnLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, x, y):
        return F.mse_loss(self.net(x).squeeze(1), y)


def outputs():
    pair(TwoHeads, {"value": values / 100, "label": labels},
         trainer={"loss": {"value": "mse", "label": "cross_entropy"}, "metrics": {"label": ["accuracy"]}})  # fmt: skip
    pair(OwnLoss, values / 100, validation_split=0.0)


def decisions():
    how = {"loss": "mse", "optimizer": partial(torch.optim.SGD, lr=1e-2), "metrics": ["mae"]}
    stopped = pair(net, values, trainer=how, epochs=60, callbacks=lambda: [nk.EarlyStopping(patience=1, min_delta=5.0)])
    assert stopped.history.stop_reason != "completed"
    slowed = pair(net, values, trainer=how, epochs=8,
                  callbacks=lambda: [nk.ReduceLROnPlateau(patience=0, min_delta=50.0)])  # fmt: skip
    assert slowed.history.history["lr"][-1] < 1e-2
    pair(net, values / 100, trainer=how, callbacks=lambda: [nk.LRSchedule("OneCycleLR", max_lr=0.05)])
    pair(net, values / 100, trainer=how, callbacks=lambda: [nk.EMA(0.9)])


def writers():
    class Written(nk.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert self.trainer.group.gather(sorted(logs.items())) == [sorted(logs.items())] * self.trainer.group.world

    kept = nk.ModelCheckpoint(out / "run")
    both = [Written(), kept, nk.CSVLogger(out / "log.csv"), nk.ProgressBar(2)]
    trainer = nk.Trainer(net(norm=True), loss="mse", device="cpu")
    trainer.fit(x, values / 100, batch_size=16, epochs=3, callbacks=both, validation_split=0.3, verbose=0)
    assert kept.best_path is not None
    trainer.load(kept.best_path)
    scores = trainer.evaluate(x, values / 100)
    assert trainer.group.gather(scores) == [scores] * trainer.group.world
    trainer.save(out / "saved")
    bundle = nk.save_bundle(trainer, out / "bundle", format="safetensors")
    assert (bundle / "signature.json").exists()
    alone = nk.Trainer(net(norm=True), loss="mse", device="cpu", strategy="none")
    alone.load(out / "saved")
    np.testing.assert_allclose(alone.predict(x), trainer.predict(x), atol=1e-6)
    state = [one.detach().clone() for one in trainer.model.state_dict().values()]
    for other in trainer.group.gather(state):
        assert all(torch.equal(one, same) for one, same in zip(state, other, strict=True))
    assert len((out / "log.csv").read_text().splitlines()) == 4


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = nn.Linear(3, 5), nn.Linear(5, 1)

    def forward(self, noise):
        return self.generator(noise)


class GANTrainer(nk.Trainer):
    def train_step(self, batch):
        drawn = self.model(torch.randn(len(batch.x), 3))
        judged = F.softplus(-self.model.discriminator(batch.x)).mean()
        judged = judged + F.softplus(self.model.discriminator(drawn.detach())).mean()
        self.optimizers["discriminator"].zero_grad()
        judged.backward()
        self.optimizers["discriminator"].step()
        fooled = F.softplus(-self.model.discriminator(drawn)).mean()
        self.optimizers["generator"].zero_grad()
        fooled.backward()
        self.optimizers["generator"].step()
        return {"discriminator": judged, "generator": fooled}


def adversaries():
    torch.manual_seed(int(torch.initial_seed()) % 7)
    trainer = GANTrainer(
        GAN(), optimizer={"generator": torch.optim.Adam, "discriminator": torch.optim.Adam}, device="cpu"
    )
    trainer.fit(x, batch_size=16, epochs=3, verbose=0)  # compares the weights of all ranks at each epoch's end
    draws = trainer.group.gather(trainer.history.history)
    assert draws == [draws[0]] * trainer.group.world


def refusals():
    def refused(error, text, given=(x, values / 100), fit=None, **how):
        with pytest.raises(error, match=text):
            nk.Trainer(how.pop("model", None) or net(), loss="mse", device="cpu", **how).fit(
                *given, verbose=0, **(fit or {})
            )

    refused(TypeError, "is a stream", given=(iter([(x, values)]),))
    refused(ValueError, "LBFGS", optimizer="lbfgs")
    refused(ValueError, "compile=True", compile=True)
    refused(ValueError, "BatchNorm", model=net(norm=True), fit={"batch_size": 3})
    refused(ValueError, "SyncBatchNorm takes", model=nn.SyncBatchNorm.convert_sync_batchnorm(net(norm=True)))

    class Own:
        def update(self, predictions, targets): ...
        def compute(self):
            return 0.0

        def reset(self): ...

    refused(TypeError, "'own'", metrics=[Own()])
    rows = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(values))
    sampler = torch.utils.data.DistributedSampler(rows)
    refused(TypeError, "DistributedSampler", given=(torch.utils.data.DataLoader(rows, 4, sampler=sampler),))


for part in (metrics, outputs, decisions, writers, adversaries, refusals):
    part()
    if torch.distributed.get_rank() == 0:
        print(f"{part.__name__}: done", flush=True)
