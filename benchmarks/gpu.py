"""What a fit takes on a GPU, beside the loop written by hand on the same GPU.

usage: python benchmarks/gpu.py [--device cuda] [--scale 1.0] [--results FILE]

lesson   the lesson's deep net on 48,000 images of MNIST's shape, batch 128, Adam, accuracy: seconds for 20 epochs. By
         hand: a DataLoader with two workers, a copy of each batch, loss.item(). With neurokit: the images as one tensor
         on the GPU, as it is and with compile=True.
resnet   torchvision's ResNet-18 on 32 x 32 images, batch 256, SGD, bf16, channels last: seconds per epoch against a
         hand-tuned loop with the same settings, its data on the GPU too.
syncs    whether an epoch passes under torch.cuda.set_sync_debug_mode("error").

Images are random bytes: speed does not depend on them. ``--scale 0.01 --device cpu`` tries the script out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import neurokit as nk
from jobs import deep_net

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--device", default="cuda")
parser.add_argument("--scale", type=float, default=1.0, help="share of the rows")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--results", type=Path, help="a JSON file to write the figures to")
options = parser.parse_args()
DEVICE = torch.device(options.device)


def rows_of(count: int, batch: int) -> int:
    return max(2 * batch, round(count * options.scale) // batch * batch)


def resnet() -> nn.Module:
    return torchvision.models.resnet18(num_classes=10).to(memory_format=torch.channels_last)


def seconds(work: Callable[[], Any]) -> float:
    """Seconds until the device has done it, too."""
    wait()
    began = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - began


def wait() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def lesson_by_hand(x: Tensor, y: Tensor, epochs: int) -> None:
    model = deep_net().to(DEVICE).train()
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(x, y), 128, shuffle=True, num_workers=2)
    for _ in range(epochs):
        total, hits = 0.0, 0
        for images, labels in loader:
            images, labels = images.to(DEVICE), labels.to(DEVICE)
            optimizer.zero_grad()
            outputs = model(images)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
            hits += outputs.argmax(1).eq(labels).sum().item()


def lesson_by_neurokit(x: Tensor, y: Tensor, epochs: int, **how: Any) -> None:
    trainer = nk.Trainer(deep_net(), loss="cross_entropy", metrics=["accuracy"], device=DEVICE, **how)
    trainer.fit(x.to(DEVICE), y.to(DEVICE), batch_size=128, epochs=epochs, verbose=0)


def lesson() -> dict[str, list[float]]:
    rows, epochs = rows_of(48_000, 128), 20
    x, y = torch.randn(rows, 1, 28, 28), torch.randint(0, 10, (rows,))
    found: dict[str, list[float]] = {"by hand": [], "neurokit": [], "neurokit, compiled": []}
    for _ in range(options.rounds):
        found["by hand"].append(seconds(lambda: lesson_by_hand(x, y, epochs)))
        found["neurokit"].append(seconds(lambda: lesson_by_neurokit(x, y, epochs)))
        found["neurokit, compiled"].append(seconds(lambda: lesson_by_neurokit(x, y, epochs, compile=True)))
    return found


def resnet_by_hand(x: Tensor, y: Tensor, epochs: int) -> list[float]:
    model, criterion = resnet().to(DEVICE).train(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    taken = []

    def epoch() -> None:
        total = torch.zeros((), device=DEVICE)
        for rows in torch.randperm(len(x), device=DEVICE).split(256):
            with torch.autocast(DEVICE.type, torch.bfloat16):
                loss = criterion(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.detach()
        total.item()

    for _ in range(epochs):
        taken.append(seconds(epoch))
    return taken


class Clock(nk.Callback):
    def __init__(self) -> None:
        self.taken: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        wait()
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.taken.append(time.perf_counter() - self.began)


def resnet_by_neurokit(x: Tensor, y: Tensor, epochs: int) -> list[float]:
    def sgd(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True)

    clock = Clock()
    trainer = nk.Trainer(resnet(), loss="cross_entropy", optimizer=sgd, device=DEVICE, precision="bf16")
    trainer.fit(x, y, batch_size=256, epochs=epochs, callbacks=[clock], verbose=0)
    return clock.taken


def resnets() -> dict[str, list[float]]:
    rows = rows_of(25_600, 256)
    x = torch.randn(rows, 3, 32, 32, device=DEVICE).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (rows,), device=DEVICE)
    found: dict[str, list[float]] = {"by hand": [], "neurokit": []}
    for _ in range(options.rounds):
        found["by hand"].append(statistics.median(resnet_by_hand(x, y, 4)[1:]))
        found["neurokit"].append(statistics.median(resnet_by_neurokit(x, y, 4)[1:]))
    return found


class Strict(nk.Callback):
    """From the second batch of an epoch to its last nothing may wait for the device."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 1:
            torch.cuda.set_sync_debug_mode("error")
        if batch + 1 == self.trainer.state.steps_per_epoch:
            torch.cuda.set_sync_debug_mode("default")


def syncs() -> str:
    if DEVICE.type != "cuda":
        return "not tried: this device is no CUDA device"
    x, y = torch.randn(4096, 1, 28, 28, device=DEVICE), torch.randint(0, 10, (4096,), device=DEVICE)
    trainer = nk.Trainer(deep_net(), loss="cross_entropy", metrics=["accuracy"], device=DEVICE)
    try:
        trainer.fit(x, y, batch_size=128, epochs=3, callbacks=[Strict()], verbose=0)
    except RuntimeError as error:
        return f"an epoch waits for the device: {error}"
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "no step of an epoch waits for the device"


def told(name: str, found: dict[str, list[float]]) -> dict[str, Any]:
    base = statistics.median(found["by hand"])
    table = {}
    for who, taken in found.items():
        middle = statistics.median(taken)
        table[who] = {"seconds": round(middle, 4), "least": round(min(taken), 4), "most": round(max(taken), 4)}
        print(f"{name:8} {who:20} {middle:9.3f} s   {base / middle:6.2f} times as fast as by hand")
    return table


if __name__ == "__main__":
    with torch.cuda.device(DEVICE) if DEVICE.type == "cuda" else nullcontext():
        figures: dict[str, Any] = {
            "date": datetime.date.today().isoformat(),
            "device": torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else "cpu",
            "torch": torch.__version__,
            "neurokit": nk.__version__,
            "scale": options.scale,
            "lesson": told("lesson", lesson()),
            "resnet": told("resnet", resnets()),
            "syncs": syncs(),
        }
    print(figures["syncs"])
    if options.results is not None:
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.write_text(json.dumps(figures, indent=1) + "\n")
