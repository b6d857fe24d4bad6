"""What the scripts about divided checkpoints train: a net with weights of every kind that a checkpoint must hold."""

from functools import partial

import numpy as np
import torch
from torch import nn

import neurokit as nk

numbers = np.random.default_rng(0)
x = numbers.normal(size=(60, 6)).astype("float32")
y = x.sum(1, keepdims=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 9)  # nine rows for two ranks, or three
        self.middle, self.again = nn.Linear(9, 9), nn.Linear(9, 9)
        self.again.weight = self.middle.weight  # tied
        self.last = nn.Linear(9, 1)  # one row: the other ranks have none
        self.frozen = nn.Linear(2, 5, dtype=torch.bfloat16).requires_grad_(False)
        self.register_buffer("seen", torch.tensor(7))
        self.register_buffer("mask", torch.tensor([True, False]))

    def forward(self, x):
        x = torch.tanh(self.middle(torch.tanh(self.first(x))))
        return self.last(torch.tanh(self.again(x)))


def trainer(strategy="auto", **how):
    torch.manual_seed(0)
    made = {"loss": "mse", "optimizer": partial(torch.optim.AdamW, lr=1e-2), "device": "cpu", "strategy": strategy}
    return nk.Trainer(Net(), **(made | how))


def fit(one, **how):
    return one.fit(x, y, **({"batch_size": 10, "epochs": 4, "verbose": 0, "checks": False} | how))
