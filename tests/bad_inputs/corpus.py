"""What a user may get wrong, as data: each case is one call, and the four parts its error has to have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from neurokit import Trainer


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        name: What is wrong, in a few words; unique in its file.
        call: The user's call. It gets the trainer, or nothing where ``trainer`` is ``None``.
        where: The argument, file or name as the user wrote it.
        got: What arrived: a shape, a dtype, a number, the first offending row.
        needed: What is taken instead, and by whom.
        do: What to do about it.
        trainer: What makes the trainer that the call is made on.
        error: The class of the error.
    """

    name: str
    call: Callable[..., Any]
    where: str
    got: str
    needed: str
    do: str
    trainer: Callable[[], Trainer] | None = None
    error: type[Exception] = ValueError


def classifier(inputs: int = 4, outputs: int = 3, **arguments: Any) -> Trainer:
    """A trainer whose model takes 4 numbers and tells 3 classes apart."""
    return Trainer(nn.Linear(inputs, outputs), **{"loss": "cross_entropy", "device": "cpu"} | arguments)


def regressor(inputs: int = 4, outputs: int = 1, **arguments: Any) -> Trainer:
    """A trainer whose model turns 4 numbers into one."""
    return Trainer(nn.Linear(inputs, outputs), **{"loss": "mse", "device": "cpu"} | arguments)


def rows(count: int = 12, width: int = 4) -> torch.Tensor:
    """Inputs: numbers between 0 and 1."""
    return torch.rand(count, width, generator=torch.Generator().manual_seed(1))


def labels(count: int = 12, classes: int = 3) -> torch.Tensor:
    """Targets: every class in turn."""
    return torch.arange(count) % classes
