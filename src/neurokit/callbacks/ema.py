"""EMA: an exponential moving average of the weights, which is what is validated, saved and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from neurokit.arguments import check_count, check_number, suggests_arguments
from neurokit.callbacks.callback import BatchLogs, Callback, Logs


class EMA(Callback):
    """Averages the weights over the updates of a run, ``average = decay * average + (1 - decay) * weights``.

    While it trains, the model holds the weights as they are trained. From the start of validation (or the epoch's end,
    where there is none) to the next epoch's begin it holds the average, so validation, ``EarlyStopping`` and
    ``ModelCheckpoint`` all see the weights that were scored. However a run ends, it ends with the average. Buffers,
    such as BatchNorm's statistics, are shared by both.

    A checkpoint holds both, so a resumed run goes on exactly. Like torch's ``get_ema_multi_avg_fn``, the average starts
    at the initial weights. Values of parameters are exchanged in place; the parameters stay the same objects.

    Args:
        decay: How much of the average remains at each update, from 0 to 1. It looks back over about
            ``1 / (1 - decay)`` updates, which should be fewer than the run has.
        update_every: Average after every so many updates of the weights.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> EMA(decay=0.99).decay
        0.99
    """

    order = -1  # callbacks after it see the average

    @suggests_arguments
    def __init__(self, decay: float = 0.999, update_every: int = 1) -> None:
        check_number("decay of EMA", decay, "a number from 0 to 1", lambda one: 0 <= one <= 1, such_as=0.999)
        check_count("update_every of EMA", update_every)
        self.decay = decay
        self.update_every = update_every
        self._weights: dict[str, Tensor] = {}  # the model's own parameters; empty outside of a fit
        self._aside: dict[str, Tensor] = {}  # the average while training, the trained weights otherwise
        self._in_use = False  # whether the model holds the average
        self._updates = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        parameters = self.model.named_parameters()
        self._weights = {name: one.detach() for name, one in parameters if one.is_floating_point()}
        self._aside = {name: weight.clone() for name, weight in self._weights.items()}
        self._in_use, self._updates = False, 0

    def on_train_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        updates = self.trainer.state.updates
        if updates != self._updates and updates % self.update_every == 0:
            torch._foreach_lerp_([*self._aside.values()], [*self._weights.values()], 1 - self.decay)
        self._updates = updates

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._exchange(use_average=True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._exchange(use_average=True)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._exchange(use_average=False)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._updates:  # else the average is what the model holds
            self._exchange(use_average=True)
        self._weights = {}

    @torch.no_grad()
    def _exchange(self, use_average: bool) -> None:
        """Put the average into the model, or the trained weights back."""
        if self._in_use == use_average:
            return
        for name, weight in self._weights.items():
            held = weight.clone()
            weight.copy_(self._aside[name])
            self._aside[name].copy_(held)
        self._in_use = use_average

    def state_dict(self) -> dict[str, Any]:
        return {"aside": self._aside, "in_use": self._in_use, "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, aside in self._aside.items():
            aside.copy_(state["aside"][name])
        self._in_use, self._updates = state["in_use"], state["updates"]
