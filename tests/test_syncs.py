"""No step of an epoch waits for the device: operations that would are looked for on the CPU, and torch's own watch
over a GPU is switched on where there is one."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import neurokit as nk

aten = torch.ops.aten
_WAIT = {
    aten._local_scalar_dense, aten.nonzero, aten.nonzero_static, aten.masked_select, aten._unique2, aten.unique_dim,
    aten.unique_consecutive, aten.bincount, aten.equal, aten.is_nonzero, aten.repeat_interleave, aten.histc,
    aten.lift_fresh,  # torch.tensor(numbers), which a GPU would wait for
}  # fmt: skip


class Waits(TorchDispatchMode):
    """Notes operations that make the host wait on a GPU: those whose numbers, or whose size, Python gets to know."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        indices = args[1] if function.overloadpacket in (aten.index, aten.index_put, aten.index_put_) else ()
        masks = any(one is not None and one.dtype in (torch.bool, torch.uint8) for one in indices)
        if masks or function.overloadpacket in _WAIT:
            self.found.append(str(function))
        return function(*args, **(kwargs or {}))


class Watched(nk.Callback):
    """Has a watch look on from the first batch of an epoch to its last."""

    def __init__(self, begin: Any, end: Any, epoch: int = 1) -> None:
        self.begin, self.end, self.epoch = begin, end, epoch
        self.watched = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.trainer.state.epoch == self.epoch:
            if batch == 0:
                self.begin()
            self.watched += 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.trainer.state.epoch == self.epoch and batch + 1 == self.trainer.state.steps_per_epoch:
            self.end()


class Listener(nk.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def classes() -> tuple[nn.Module, Any, Any, str]:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
    return model, torch.randn(60, 6), torch.randint(0, 3, (60,)), "cross_entropy"


def ignored() -> tuple[nn.Module, Any, Any, str]:
    model, x, y, loss = classes()
    return model, x, y.where(torch.rand(60) > 0.3, -100), loss


def binary() -> tuple[nn.Module, Any, Any, str]:
    return nn.Linear(6, 1), torch.randn(60, 6), torch.randint(0, 2, (60,)), "bce_with_logits"


def values() -> tuple[nn.Module, Any, Any, str]:
    return nn.Linear(6, 2), torch.randn(60, 6), torch.randn(60, 2), "mse"


CASES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "fp32": (classes, {"metrics": ["accuracy", "f1", "log_loss"]}, {}),
    "bf16": (classes, {"precision": "bf16", "metrics": ["accuracy"]}, {}),
    "fp16": (classes, {"precision": "fp16", "metrics": ["accuracy"]}, {}),
    "clipped": (classes, {"max_grad_norm": 0.5}, {}),
    "accumulated": (classes, {"accumulate": 3, "max_grad_norm": 0.5}, {}),
    "class weights": (classes, {"metrics": ["accuracy"]}, {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
    "class weights of 0": (classes, {}, {"class_weight": {0: 1.0, 1: 0.0, 2: 0.5}}),
    "sample weights": (classes, {"metrics": ["accuracy", "f1"]}, {"sample_weight": torch.rand(60)}),
    "ignored": (ignored, {"metrics": ["accuracy", "f1"]}, {}),
    "ignored, accumulated": (ignored, {"accumulate": 2, "metrics": ["accuracy"]}, {}),
    "binary": (binary, {"metrics": ["accuracy", "roc_auc"]}, {}),
    "values": (values, {"metrics": ["mae", "r2"]}, {}),
    "schedule": (classes, {}, {"callbacks": lambda: [nk.LRSchedule("OneCycleLR", max_lr=0.1), nk.EMA(0.9)]}),
    "listeners and a bar": (classes, {"metrics": ["accuracy"]}, {"callbacks": lambda: [Listener(), bar()]}),
}


def bar() -> nk.ProgressBar:
    """A bar that is drawn at every batch."""
    clock = itertools.count()
    return nk.ProgressBar(1, stream=Terminal(), clock=lambda: float(next(clock)) * 100)


def watched(case: str, device: str, watch: Watched, **more: Any) -> None:
    make, options, arguments = CASES[case]
    torch.manual_seed(0)
    model, x, y, loss = make()
    callbacks = arguments.get("callbacks", list)()
    trainer = nk.Trainer(model, loss=loss, optimizer="adam", device=device, **options, **more)
    arguments = arguments | {"epochs": watch.epoch + 2, "callbacks": [watch, *callbacks]}
    trainer.fit(x, y, batch_size=8, verbose=0, **arguments)
    assert watch.watched == 8


@pytest.mark.filterwarnings("ignore:.*fp16")
@pytest.mark.parametrize("case", [case for case in CASES if case != "listeners and a bar"])
def test_no_step_asks_for_a_number(case: str) -> None:
    waits = Waits()
    watched(case, "cpu", Watched(waits.__enter__, lambda: waits.__exit__(None, None, None)))

    assert waits.found == []


def test_the_watch_sees_who_asks() -> None:
    class Asks(nk.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            float(self.trainer.model[0].weight.detach()[0, 0])

    waits = Waits()
    watch = Watched(waits.__enter__, lambda: waits.__exit__(None, None, None))
    model, x, y, loss = classes()
    trainer = nk.Trainer(model, loss=loss, device="cpu")
    trainer.fit(x, y, batch_size=8, epochs=3, callbacks=[watch, Asks()], verbose=0)

    assert waits.found == ["aten._local_scalar_dense.default"] * 7  # the watch ends before it is asked again


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("case", "compiled"),
    [*((case, False) for case in CASES), *((case, True) for case in ("fp32", "sample weights", "schedule"))],
)
def test_no_step_waits_for_the_gpu(case: str, compiled: bool) -> None:
    epoch = 3 if compiled else 1  # by then the graph is recorded
    watch = Watched(lambda: torch.cuda.set_sync_debug_mode("error"), end_of_watch, epoch)
    try:
        watched(case, "cuda", watch, compile=compiled)
    finally:
        end_of_watch()


@pytest.mark.gpu
def test_an_epoch_of_many_steps_does_not_wait_either() -> None:
    """Every so many steps what they logged is put together."""
    x, y = torch.randn(9000, 6), torch.randint(0, 3, (9000,))
    watch = Watched(lambda: torch.cuda.set_sync_debug_mode("error"), end_of_watch)
    trainer = nk.Trainer(classes()[0], loss="cross_entropy", metrics=["accuracy"], device="cuda")
    try:
        trainer.fit(x, y, batch_size=4, epochs=2, callbacks=[watch], verbose=0)
    finally:
        end_of_watch()
    assert watch.watched == 2250


def end_of_watch() -> None:
    torch.cuda.set_sync_debug_mode("default")
