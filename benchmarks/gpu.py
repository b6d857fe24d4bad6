"""What a fit takes on a GPU, beside loops written by hand on the same GPU.

usage: python benchmarks/gpu.py [JOB ...] [--device cuda] [--scale 1.0] [--rounds 3] [--cifar FOLDER]

lesson   the lesson's deep net, 48,000 pictures, batches of 128, Adam, accuracy: seconds for 20 epochs. By hand: a
         DataLoader of two workers decodes, each batch is copied, loss.item(); its second epoch times 20. With neurokit:
         the pictures as an array on the host, as it is, and with compile=True in the trainer's second fit; what the
         first took, compilation included, is "first".
resnet   ResNet-18 for 32 x 32 pictures, batches of 256, SGD, bf16, channels last, eager: seconds per epoch against a
         hand-tuned loop with the same settings and its data on the GPU. Also with compile=True, which the loop is not.
cifar    a published speed run (benchmarks/cifar.py) by its own loop and by fit: seconds from bytes to trained weights,
         the network compiled before, the same for both.

Pictures are random bytes, on which speed does not depend; --cifar names a folder with CIFAR-10, and accuracies are then
written too. Results go to benchmarks/results/gpu.json, after each job. `--device cpu --scale 0.01 --rounds 1` tries the
script out, with small batches, in single precision, and the large networks uncompiled.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

import cifar
import jobs
import machine
import neurokit as nk
import runners

EPOCHS = 20  # of the lesson


def main() -> None:
    options = arguments()
    device = torch.device(options.device)
    torch.backends.cudnn.benchmark = True  # for every runner
    figures = machine.circumstances(torch.get_num_threads()) | hardware(device) | {"scale": options.scale}
    print("| job | runner | seconds | of the loop's |\n|---|---|---|---|")
    for name in options.jobs:
        figures[name] = JOBS[name](device, options)
        print(table(name, figures[name]), flush=True)
        machine.save("gpu", figures, options.to)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", default=list(JOBS), metavar="JOB", help=f"of {', '.join(JOBS)}; or all")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cifar", type=Path, help="a folder that holds CIFAR-10, as torchvision unpacks it")
    parser.add_argument("--to", type=Path, default=machine.RESULTS, help="the folder of results")
    options = parser.parse_args()
    if unknown := set(options.jobs) - set(JOBS):
        parser.error(f"there is no job {sorted(unknown)[0]!r}; there are {', '.join(JOBS)}")
    return options


def hardware(device: torch.device) -> dict[str, Any]:
    """Return what the device is, with its driver, CUDA and cuDNN."""
    if device.type != "cuda":
        return {"device": device.type}
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(asked, capture_output=True, text=True).stdout.split() if shutil.which(asked[0]) else []
    return {
        "device": torch.cuda.get_device_name(device),
        "driver": driver[0] if driver else "not told",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Return the seconds until the device has done it, too."""
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Clock(nk.Callback):
    """Seconds of each epoch, between two reads of the device."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        wait(self.trainer.runtime.device)
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        wait(self.trainer.runtime.device)
        self.taken.append(time.perf_counter() - self.began)


def rows_of(count: int, batch: int, options: argparse.Namespace) -> int:
    return max(2 * batch, round(count * options.scale) // batch * batch)


def lesson(device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    rows = rows_of(jobs.PICTURES, 128, options)
    decoded, arrays, ticks = jobs.lesson(None, rows), jobs.arrays(None, rows), []
    runners.hand(decoded, 2, lambda: ticks.append(time.perf_counter()), str(device))
    found: dict[str, Any] = {"by hand": {"seconds": [EPOCHS * (ticks[2] - ticks[1])]}}

    def fit(trainer: nk.Trainer, epochs: int) -> nk.History:
        return trainer.fit(arrays.x, arrays.y, batch_size=128, epochs=epochs, verbose=0)

    for name, compiled in (("neurokit", False), ("neurokit compiled", True)):
        how = {"loss": "cross_entropy", "metrics": ["accuracy"], "device": device, "compile": compiled}
        trainer = nk.Trainer(jobs.deep_net(), **how)
        first = seconds(lambda: fit(trainer, 1), device)  # noqa: B023
        taken = [seconds(lambda: fit(trainer, EPOCHS), device) for _ in range(options.rounds)]  # noqa: B023
        found[name] = {"seconds": taken, "first": round(first, 3), "notes": notes(trainer)}
    return told(found)


def notes(trainer: nk.Trainer) -> list[str]:
    return [finding.message for finding in trainer.findings if "compile=True" in finding.message]


def resnet() -> nn.Module:
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()  # for small pictures
    return model.to(memory_format=torch.channels_last)


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True)


def resnet_by_hand(x: Tensor, y: Tensor, batch: int, epochs: int) -> list[float]:
    model, criterion = resnet().to(x.device).train(), nn.CrossEntropyLoss()
    optimizer, taken = sgd(model.parameters()), []

    def epoch() -> None:
        total = torch.zeros((), device=x.device)
        for rows in torch.randperm(len(x), device=x.device).split(batch):
            with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
                loss = criterion(model(x[rows].contiguous(memory_format=torch.channels_last)), y[rows])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.detach()
        total.item()

    for _ in range(epochs):
        taken.append(seconds(epoch, x.device))
    return taken


def resnet_by_neurokit(x: Tensor, y: Tensor, batch: int, epochs: int, **how: Any) -> tuple[list[float], nk.Trainer]:
    clock, precision = Clock(), "bf16" if x.is_cuda else "fp32"
    trainer = nk.Trainer(resnet(), loss="cross_entropy", optimizer=sgd, device=x.device, precision=precision, **how)
    trainer.fit(x, y, batch_size=batch, epochs=epochs, callbacks=[clock], verbose=0)
    return clock.taken, trainer


def resnets(device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    batch = 256 if options.scale == 1 else 8
    rows, draw = rows_of(25_600, batch, options), torch.Generator().manual_seed(0)
    x = torch.randn(rows, 3, 32, 32, generator=draw).to(device).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (rows,), generator=draw).to(device)
    found: dict[str, Any] = {"by hand": {"seconds": []}, "neurokit": {"seconds": []}}
    for _ in range(options.rounds):
        found["by hand"]["seconds"].append(statistics.median(resnet_by_hand(x, y, batch, 4)[1:]))
        found["neurokit"]["seconds"].append(statistics.median(resnet_by_neurokit(x, y, batch, 4)[0][1:]))
    if device.type == "cuda":
        taken, trainer = resnet_by_neurokit(x, y, batch, 2 + options.rounds, compile=True)
        found["neurokit compiled"] = {"seconds": taken[2:], "first": round(taken[0], 3), "notes": notes(trainer)}
    return told(found)


def cifars(device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    on_gpu = device.type == "cuda"
    dtype = torch.half if on_gpu else torch.float32
    batch = cifar.BATCH if options.scale == 1 else 8
    trains = cifar.pixels(options.cifar, rows_of(50_000, batch, options), train=True)
    trains = (trains[0].to(device), trains[1].to(device))
    tests = None if options.cifar is None else cifar.pixels(options.cifar, rows_of(10_000, 100, options), train=False)
    model = cifar.Network(dtype).to(device).to(memory_format=torch.channels_last)
    made: Any = cifar.orthogonal
    if on_gpu:
        model.compile(mode=cifar.MODE)
        made = torch.compile(made)
    found: dict[str, Any] = {}

    def run(train: Callable[..., None]) -> None:
        pictures = cifar.Pictures(*trains, device, dtype, batch)
        model.begin(pictures.plain[:5000])
        train(model, pictures, made)

    both = {"by hand": cifar.by_hand, "neurokit": cifar.by_neurokit}
    for name, train in both.items():  # compiles and warms up
        found[name] = {"first": round(seconds(lambda: run(train), device), 3), "seconds": [], "accuracies": []}  # noqa: B023
    for _ in range(options.rounds):
        for name, train in both.items():
            found[name]["seconds"].append(seconds(lambda: run(train), device))  # noqa: B023
            if tests is not None:
                answers = cifar.accuracy(model, cifar.Pictures(*tests, device, dtype, batch))
                found[name]["accuracies"].append(round(answers, 4))
    about = "random bytes" if options.cifar is None else "CIFAR-10"
    return {"pictures": about, "mode": cifar.MODE if on_gpu else "not compiled", **told(found)}


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of each runner, with the median of its seconds as a ratio to the loop's."""
    base = statistics.median(found["by hand"]["seconds"])
    for one in found.values():
        taken = one["seconds"]
        middle = statistics.median(taken)
        one |= {"seconds": round(middle, 4), "least": round(min(taken), 4), "most": round(max(taken), 4)}
        one["ratio"] = round(middle / base, 4)
    return {"runners": found}


def table(job: str, figures: dict[str, Any]) -> str:
    """Return the figures as rows of the table on the page about GPUs, and what the trainers said."""
    rows = [
        f"| {job} | {name} | {one['seconds']:.3f} | {one['ratio']:.4f} |" for name, one in figures["runners"].items()
    ]
    return "\n".join([*rows, *(note for one in figures["runners"].values() for note in one.get("notes", ()))])


JOBS: dict[str, Callable[..., dict[str, Any]]] = {"lesson": lesson, "resnet": resnets, "cifar": cifars}

if __name__ == "__main__":
    main()
