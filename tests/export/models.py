"""Modules to export, and to refuse."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.layer = nn.Embedding(10, 3), nn.Linear(5, 2)

    def forward(self, words: Tensor, numbers: Tensor) -> Tensor:
        return self.layer(torch.cat([self.words(words).mean(1), numbers], dim=1))


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict[str, Any]:
        hidden = self.body(x)
        return {"logits": self.head(hidden), "hidden": (hidden, hidden.sum(1)), "nothing": None}


class Answer(NamedTuple):
    mean: Tensor
    deviation: Tensor


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Answer:
        both = self.layer(x)
        return Answer(both[:, 0], both[:, 1].exp())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


class If(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


class Item(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        scale = x.abs().max().item()
        return x / scale if scale > 1 else x


class Numpy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy() * 2)


class FixedRows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(3, -1) * 2


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class OneNumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean()


class Unknown(nn.Module):
    """An operator that ONNX has no translation for."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.modified_bessel_i0(x)


CALLS = [0]


class Counts(nn.Module):
    """Depends on what a program cannot see."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (2 if torch.compiler.is_exporting() else 1)
