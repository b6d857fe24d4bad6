"""A published CIFAR-10 speed run, by a loop like its own and by ``Trainer.fit``; for benchmarks/gpu.py.

The run is airbench94_muon.py of https://github.com/KellerJordan/cifar10-airbench (Keller Jordan, MIT licence, as of
March 2025), which takes 2.59 s on an A100 to 94 % by its own account. Network, optimizers, augmentation, schedule and
all numbers are the script's; the code is written anew. One thing differs: how the network is compiled (``MODE``), since
the script's "max-autotune" takes minutes, and neither loop gains by it over the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

import neurokit as nk

EPOCHS, BATCH = 8, 2000
MODE = "reduce-overhead"
_WHITENS = 3  # epochs in which the first layer's bias is trained
_BIAS_RATE, _HEAD_RATE, _FILTER_RATE, _DECAY = 0.053, 0.67, 0.24, 2e-6 * BATCH
_SMOOTHING = 0.2
_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_MOST = 2  # pixels by which a picture is shifted


def pixels(folder: Path | None, rows: int, *, train: bool) -> tuple[Tensor, Tensor]:
    """Return bytes (rows, 32, 32, 3) and labels: CIFAR-10's from a folder that holds it, or random ones."""
    if folder is not None:
        found = torchvision.datasets.CIFAR10(str(folder), train=train)
        return torch.from_numpy(found.data)[:rows], torch.tensor(found.targets)[:rows]
    draw = torch.Generator().manual_seed(0)
    return (
        torch.randint(0, 256, (rows, 32, 32, 3), dtype=torch.uint8, generator=draw),
        torch.randint(0, 10, (rows,), generator=draw),
    )


class Pictures:
    """The pictures on the device, an epoch each time one goes through them: shifted anew, mirrored every other time."""

    def __init__(self, bytes_: Tensor, labels: Tensor, device: torch.device, dtype: torch.dtype, batch: int) -> None:
        mean, std = (torch.tensor(one, device=device, dtype=dtype).view(1, 3, 1, 1) for one in (_MEAN, _STD))
        scaled = bytes_.to(device).to(dtype).div(255).permute(0, 3, 1, 2)
        self.plain = scaled.sub(mean).div(std).contiguous(memory_format=torch.channels_last)
        self.labels, self.batch, self.epoch = labels.to(device), batch, 0
        mirrored = torch.rand(len(bytes_), 1, 1, 1, device=device) < 0.5
        once = torch.where(mirrored, self.plain.flip(-1), self.plain)
        self._padded = F.pad(once, (_MOST,) * 4, "reflect")

    def set_epoch(self, epoch: int) -> None:
        """Begin with an epoch, as ``fit`` says: it has looked at a batch before."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.plain) // self.batch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        pictures = shifted(self._padded)
        if self.epoch % 2:
            pictures = pictures.flip(-1)
        self.epoch += 1
        order = torch.randperm(len(pictures), device=pictures.device)
        for rows in order[: len(self) * self.batch].split(self.batch):
            yield pictures[rows], self.labels[rows]


def shifted(padded: Tensor) -> Tensor:
    """Return pictures cut out of padded ones at a place drawn for each, channels last."""
    count, size, device = len(padded), padded.shape[-1] - 2 * _MOST, padded.device
    top, left = torch.randint(0, 2 * _MOST + 1, (2, count, 1), device=device)
    along = torch.arange(size, device=device)
    picture = torch.arange(count, device=device).view(-1, 1, 1)
    cut = padded[picture, :, (top + along).unsqueeze(2), (left + along).unsqueeze(1)]
    return cut.permute(0, 3, 1, 2)


class Norm(nn.BatchNorm2d):
    """BatchNorm in single precision, with statistics that follow fast and a scale that stays one."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-12, momentum=0.4)
        self.weight.requires_grad_(False)


class Conv(nn.Conv2d):
    """A convolution that begins as a copy of its input's channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding="same", bias=False)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.dirac_(self.weight.data[: self.weight.shape[1]])


def group(inputs: int, outputs: int) -> nn.Sequential:
    halves = [Conv(inputs, outputs), nn.MaxPool2d(2), Norm(outputs), nn.GELU()]
    return nn.Sequential(*halves, Conv(outputs, outputs), Norm(outputs), nn.GELU())


class Network(nn.Module):
    """Whitening, three groups of two convolutions, and a linear head."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        self.layers = nn.Sequential(nn.GELU(), group(24, 64), group(64, 256), group(256, 256), nn.MaxPool2d(3))
        self.head = nn.Linear(256, 10, bias=False)
        self.whitens = True  # whether the bias of the first layer is trained
        self.to(dtype)
        for module in self.modules():
            if isinstance(module, Norm):
                module.float()

    def forward(self, x: Tensor) -> Tensor:
        bias = self.whiten.bias
        assert bias is not None
        x = self.layers(F.conv2d(x, self.whiten.weight, bias if self.whitens else bias.detach()))
        return self.head(x.flatten(1)) / x.shape[1]

    @torch.no_grad()
    def begin(self, pictures: Tensor) -> None:
        """Draw the weights anew, and whiten by the patches of some pictures."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, Norm, nn.Linear)):
                module.reset_parameters()
        self.head.weight.div_(self.head.weight.std())
        patches = pictures.unfold(2, 2, 1).unfold(3, 2, 1).transpose(1, 3).reshape(-1, 12).float()
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = vectors.T.reshape(12, 3, 2, 2) / (values.view(-1, 1, 1, 1) + 5e-4).sqrt()
        self.whiten.weight.copy_(torch.cat([filters, -filters]))


def orthogonal(gradient: Tensor) -> Tensor:
    """Return a matrix of nearly orthonormal rows or columns, by three steps of Newton and Schulz in bfloat16.

    A CPU, on which this is only tried out, multiplies such numbers a hundred times slower than others.
    """
    x = gradient.bfloat16() if gradient.is_cuda else gradient
    x = x / (x.norm() + 1e-7)
    high = x.shape[0] > x.shape[1]
    x = x.T if high else x
    for _ in range(3):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if high else x


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal, for filters that are kept at one norm."""

    def __init__(self, parameters: Any, lr: float, momentum: float, made: Any = orthogonal) -> None:
        self.made = made
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for one in self.param_groups:
            for p in one["params"]:
                if p.grad is None:
                    continue
                if "buffer" not in self.state[p]:
                    self.state[p]["buffer"] = torch.zeros_like(p.grad)
                buffer = self.state[p]["buffer"].mul_(one["momentum"]).add_(p.grad)
                ahead = p.grad.add(buffer, alpha=one["momentum"])
                p.mul_(len(p) ** 0.5 / p.norm())
                p.add_(self.made(ahead.reshape(len(ahead), -1)).view(p.shape), alpha=-one["lr"])


def optimizers(model: Network, made: Any) -> dict[str, torch.optim.Optimizer]:
    norms = [module.bias for module in model.modules() if isinstance(module, Norm)]
    filters = [module.weight for module in model.modules() if isinstance(module, Conv)]
    groups = [
        {"params": [model.whiten.bias], "lr": _BIAS_RATE, "weight_decay": _DECAY / _BIAS_RATE},
        {"params": norms, "lr": _BIAS_RATE, "weight_decay": _DECAY / _BIAS_RATE},
        {"params": [model.head.weight], "lr": _HEAD_RATE, "weight_decay": _DECAY / _HEAD_RATE},
    ]
    return {
        "biases": torch.optim.SGD(groups, momentum=0.85, nesterov=True, fused=True),
        "filters": Muon(filters, _FILTER_RATE, 0.6, made),
    }


def schedule(model: Network, both: dict[str, torch.optim.Optimizer], step: int, steps_per_epoch: int) -> None:
    """Set the rates of a step: all fall to zero, that of the first layer's bias sooner."""
    whitens = _WHITENS * steps_per_epoch
    left = 1 - step / (EPOCHS * steps_per_epoch)
    first, norms, head = both["biases"].param_groups
    first["lr"] = _BIAS_RATE * (1 - step / whitens)
    norms["lr"], head["lr"] = _BIAS_RATE * left, _HEAD_RATE * left
    both["filters"].param_groups[0]["lr"] = _FILTER_RATE * left
    model.whitens = step < whitens


def by_hand(model: Network, pictures: Pictures, made: Any) -> None:
    both, step = optimizers(model, made), 0
    for _ in range(EPOCHS):
        model.train()
        for x, y in pictures:
            F.cross_entropy(model(x), y, label_smoothing=_SMOOTHING, reduction="sum").backward()
            schedule(model, both, step, len(pictures))
            for one in both.values():
                one.step()
            model.zero_grad(set_to_none=True)
            step += 1


def by_neurokit(model: Network, pictures: Pictures, made: Any) -> None:
    class Rates(nk.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            schedule(model, self.trainer.optimizers, self.trainer.state.step, len(pictures))

    loss = nn.CrossEntropyLoss(label_smoothing=_SMOOTHING, reduction="sum")
    trainer = nk.Trainer(model, loss=loss, optimizer=optimizers(model, made), device=pictures.plain.device)
    trainer.fit(pictures, epochs=EPOCHS, callbacks=[Rates()], checks=False, verbose=0)


@torch.no_grad()
def accuracy(model: Network, pictures: Pictures) -> float:
    """Return the share of pictures named right, each seen six times: mirrored or not, shifted or not."""
    model.eval()
    hits = torch.zeros((), device=pictures.plain.device)
    for x, y in zip(pictures.plain.split(BATCH), pictures.labels.split(BATCH), strict=True):
        padded = F.pad(x, (1,) * 4, "reflect")
        answers = 0.5 * _mirrored(model, x)
        for first in (0, 2):
            answers = answers + 0.25 * _mirrored(model, padded[:, :, first : first + 32, first : first + 32])
        hits += (answers.argmax(1) == y).sum()
    return float(hits) / len(pictures.labels)


def _mirrored(model: Network, x: Tensor) -> Tensor:
    return 0.5 * model(x) + 0.5 * model(x.flip(-1))
