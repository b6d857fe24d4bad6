"""The same training by hand, by neurokit and by other libraries, for benchmarks/training.py.

Each runner takes a job, a number of epochs, and ``tick``, which it calls as training starts and as each epoch ends. All
use Adam with a rate of 0.001, report the loss of the epoch, and the accuracy where there are classes; none draws a bar.
Each library is used as its documentation shows it, with arrays where it takes arrays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

from jobs import Job

Tick = Callable[[], None]


def hand(job: Job, epochs: int, tick: Tick, device: str = "cpu") -> None:
    """The loop that everyone writes."""
    model, criterion, loader = job.make().to(device), job.criterion(), job.loader()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    tick()
    for _ in range(epochs):
        model.train()
        total, correct, rows = 0.0, 0, 0
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            outputs = model(x)
            loss = criterion(outputs, y)
            loss.backward()
            optimizer.step()
            total += loss.item()
            if job.classes:
                rows += len(y)
                correct += (outputs.argmax(1) == y).sum().item()
        tick()


def floor(job: Job, epochs: int, tick: Tick) -> None:
    """What the arithmetic alone takes: rows picked by a permutation, the fused Adam, no loss or metric read."""
    model, criterion = job.make().train(), job.criterion()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    tick()
    for _ in range(epochs):
        for rows in torch.randperm(len(job.x)).split(job.batch_size):
            criterion(model(job.x.index_select(0, rows)), job.y.index_select(0, rows)).backward()
            optimizer.step()
            optimizer.zero_grad()
        tick()


def neurokit(job: Job, epochs: int, tick: Tick, cached: bool = True, **options: Any) -> None:
    """Train by neurokit; pictures that are decoded are so once, or in each epoch where they are not to be cached."""
    import neurokit as nk

    class Clock(nk.Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            tick()

    metrics = ["accuracy"] if job.classes else []
    trainer = nk.Trainer(job.make(), loss=job.loss, optimizer="adam", metrics=metrics, device="cpu", **options)
    tick()
    if job.x is None:
        batches = nk.cached(job.loader()) if cached else job.loader()
        trainer.fit(batches, epochs=epochs, callbacks=[Clock()], verbose=0)
    else:
        trainer.fit(job.x, job.y, batch_size=job.batch_size, epochs=epochs, callbacks=[Clock()], verbose=0)


def neurokit_compiled(job: Job, epochs: int, tick: Tick) -> None:
    neurokit(job, epochs, tick, compile=True)


def poutyne(job: Job, epochs: int, tick: Tick) -> None:
    import poutyne

    class Clock(poutyne.Callback):
        def on_epoch_end(self, epoch_number: int, logs: Any) -> None:
            tick()

    network = job.make()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    metrics = ["accuracy"] if job.classes else None
    model = poutyne.Model(network, optimizer, job.criterion(), batch_metrics=metrics)
    tick()
    if job.x is None:
        model.fit_generator(job.loader(), epochs=epochs, callbacks=[Clock()], verbose=False)
    else:
        x, y = job.x.numpy(), job.y.numpy()
        model.fit(x, y, batch_size=job.batch_size, epochs=epochs, callbacks=[Clock()], verbose=False)


def ignite(job: Job, epochs: int, tick: Tick) -> None:
    from ignite.engine import Events, create_supervised_trainer
    from ignite.metrics import Accuracy, Loss

    model = job.make()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    engine = create_supervised_trainer(
        model, optimizer, job.criterion(), output_transform=lambda x, y, outputs, loss: (outputs, y)
    )
    Loss(job.criterion()).attach(engine, "loss")
    if job.classes:
        Accuracy().attach(engine, "accuracy")
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: tick())
    tick()
    engine.run(job.loader(), max_epochs=epochs)


def skorch(job: Job, epochs: int, tick: Tick) -> None:
    from skorch import NeuralNetClassifier, NeuralNetRegressor
    from skorch.callbacks import Callback

    class Clock(Callback):
        def on_epoch_end(self, net: Any, **given: Any) -> None:
            tick()

    net = (NeuralNetClassifier if job.classes else NeuralNetRegressor)(
        job.make(), criterion=job.criterion(), optimizer=torch.optim.Adam, lr=1e-3, batch_size=job.batch_size,
        max_epochs=epochs, train_split=None, verbose=0, callbacks=[Clock()],
        iterator_train__shuffle=True, iterator_train__num_workers=job.workers,
    )  # fmt: skip
    tick()
    if job.x is None:
        net.fit(job.dataset, None)
    else:
        net.fit(job.x.numpy(), job.y.numpy())


def accelerate(job: Job, epochs: int, tick: Tick) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model, criterion = job.make(), job.criterion()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, job.loader())
    tick()
    for _ in range(epochs):
        model.train()
        total, correct = 0.0, 0
        for x, y in loader:
            optimizer.zero_grad()
            outputs = model(x)
            loss = criterion(outputs, y)
            accelerator.backward(loss)
            optimizer.step()
            total += loss.item()
            if job.classes:
                correct += (outputs.argmax(1) == y).sum().item()
        tick()


def pytorch_accelerated(job: Job, epochs: int, tick: Tick) -> None:
    """It counts no accuracy by itself, and is spared it."""
    from pytorch_accelerated.callbacks import TrainerCallback
    from pytorch_accelerated.trainer import Trainer

    class Clock(TrainerCallback):
        def on_train_epoch_end(self, trainer: Any, **given: Any) -> None:
            tick()

    model = job.make()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    trainer = Trainer(model, job.criterion(), optimizer, callbacks=[Clock])
    tick()
    trainer.train(
        job.dataset, epochs, per_device_batch_size=job.batch_size, train_dataloader_kwargs={"num_workers": job.workers}
    )


def fastai(job: Job, epochs: int, tick: Tick) -> None:
    """It counts metrics in validation only, which is left out."""
    from functools import partial

    from fastai.callback.core import Callback, CancelValidException
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    class Clock(Callback):
        def after_train(self) -> None:
            tick()

        def before_validate(self) -> None:
            raise CancelValidException

    loaders = DataLoaders(job.loader(), job.loader())
    adam = partial(OptimWrapper, opt=torch.optim.Adam)
    learner = Learner(loaders, job.make(), loss_func=job.criterion(), opt_func=adam, lr=1e-3)
    tick()
    learner.fit(epochs, cbs=[Clock()])


def lightning(job: Job, epochs: int, tick: Tick) -> None:
    import lightning
    from torchmetrics.classification import MulticlassAccuracy

    class Clock(lightning.Callback):
        def on_train_epoch_end(self, *given: Any) -> None:
            tick()

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.criterion = job.make(), job.criterion()
            self.accuracy = MulticlassAccuracy(10, average="micro") if job.classes else None

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            outputs = self.model(x)
            loss = self.criterion(outputs, y)
            self.log("loss", loss, on_step=False, on_epoch=True)
            if self.accuracy is not None:
                self.accuracy(outputs, y)
                self.log("accuracy", self.accuracy, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", callbacks=[Clock()], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    tick()
    trainer.fit(Module(), job.loader())


def keras(job: Job, epochs: int, tick: Tick) -> None:
    """Keras 3 on torch, of its own layers; KERAS_BACKEND is set by the caller."""
    import keras
    from keras import layers

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            tick()

    if job.classes:
        hidden: list[Any] = []
        for units, share in ((256, 0.3), (128, 0.3), (64, 0.2)):
            hidden += [layers.Dense(units), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(share)]
        model = keras.Sequential([layers.Flatten(), *hidden, layers.Dense(10)])
        loss: Any = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        hidden = [layers.Dense(units, activation="relu") for units in (64, 32)]
        model, loss = keras.Sequential([*hidden, layers.Dense(1)]), "mse"
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"] if job.classes else None)
    tick()
    if job.x is None:
        model.fit(job.loader(), epochs=epochs, callbacks=[Clock()], verbose=0)
    else:
        x, y = job.x.numpy(), job.y.numpy()
        model.fit(x, y, batch_size=job.batch_size, epochs=epochs, callbacks=[Clock()], verbose=0)


OWN = {"hand": hand, "floor": floor, "neurokit": neurokit, "neurokit compiled": neurokit_compiled}
PEERS = {
    "poutyne": poutyne, "ignite": ignite, "skorch": skorch, "accelerate": accelerate,
    "pytorch-accelerated": pytorch_accelerated, "fastai": fastai, "lightning": lightning, "keras": keras,
}  # fmt: skip
PACKAGES = {"ignite": "pytorch-ignite"}  # where the distribution has another name than its column
