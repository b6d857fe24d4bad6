"""SWA: the plain average of the weights of the last epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from neurokit import modes
from neurokit.arguments import check_number, suggests_arguments
from neurokit.callbacks.callback import Callback, Logs
from neurokit.callbacks.rates import set_rate


class SWA(Callback):
    """Averages the weights at each epoch's end from ``start_epoch`` on, and ends the run with the average.

    Stochastic weight averaging, Izmailov et al., https://arxiv.org/abs/1803.05407. Until the run ends the model holds
    the weights as they are trained, so validation scores those. At the end the average is put in, and the statistics of
    BatchNorm layers that were training are computed anew in one pass over the training data, with everything else in
    eval mode. A run that is broken off in the middle of an epoch keeps the trained weights; its checkpoints hold the
    average, and a resumed run goes on with it.

    Args:
        start_epoch: The first epoch whose weights count, from 0, or a fraction of the planned epochs such as 0.75.
        swa_lr: A constant learning rate from that epoch on; ``None`` leaves the rate alone.

    Attributes:
        averaged: How many epochs are in the average.

    Raises:
        ValueError: If ``start_epoch`` is out of range; at the begin of training, if the run ends before it.

    Example:
        >>> SWA(0.75, swa_lr=0.05).start_epoch
        0.75
    """

    @suggests_arguments
    def __init__(self, start_epoch: int | float = 0.75, *, swa_lr: float | None = None) -> None:
        words = "an epoch from 0 on, or a fraction below 1 of the epochs"
        check_number("start_epoch of SWA", start_epoch, words, lambda one: _is_start(start_epoch), such_as=0.75)
        if swa_lr is not None:
            check_number("swa_lr of SWA", swa_lr, "a number of 0 or more", lambda rate: rate >= 0, such_as=0.01)
        self.start_epoch = start_epoch
        self.swa_lr = swa_lr
        self.averaged = 0
        self._start = 0
        self._average: dict[str, Tensor] = {}
        self._norms: list[_BatchNorm] = []
        self._runs = False
        self._in_epoch = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        epochs = self.trainer.state.epochs
        fraction = isinstance(self.start_epoch, float)
        self._start = int(self.start_epoch * epochs) if fraction else int(self.start_epoch)
        if self._start >= epochs:
            raise ValueError(
                f"SWA starts at epoch {self._start + 1}, and this fit has {epochs}. Pass an earlier start_epoch, or a "
                "fraction of the epochs such as 0.75."
            )
        self.averaged, self._runs, self._in_epoch = 0, True, False
        self._average = {name: weight.clone() for name, weight in self._weights().items()}
        norms = [one for one in self.model.modules() if isinstance(one, _BatchNorm)]
        self._norms = [one for one in norms if one.training and one.track_running_stats]  # not what the user froze

    def _weights(self) -> dict[str, Tensor]:
        return {name: one.detach() for name, one in self.model.named_parameters() if one.is_floating_point()}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._in_epoch = True
        if self.swa_lr is not None and epoch >= self._start:
            for optimizer in self.trainer.optimizers.values():
                for group in optimizer.param_groups:
                    set_rate(group, self.swa_lr)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._in_epoch = False
        if epoch >= self._start:
            self.averaged += 1
            torch._foreach_lerp_([*self._average.values()], [*self._weights().values()], 1 / self.averaged)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._runs and self.averaged and not self._in_epoch:
            for name, weight in self._weights().items():
                weight.copy_(self._average[name])
            self._compute_statistics()
        self._runs, self._norms = False, []

    def _compute_statistics(self) -> None:
        """Compute BatchNorm's statistics over the training data, each batch counting the same, as in ``update_bn``."""
        if not self._norms:
            return
        with modes.evaluating(self.model), _plain_mean(self._norms), torch.no_grad():
            for batch in islice(self.trainer.train_batches(), self.trainer.state.steps_per_epoch):
                self.trainer.predict_step(batch)

    def state_dict(self) -> dict[str, Any]:
        return {"averaged": self.averaged, "average": self._average}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.averaged = state["averaged"]
        for name, average in self._average.items():
            average.copy_(state["average"][name])
        self._in_epoch = self.trainer.state.batch > 0


def _is_start(epoch: float) -> bool:
    """Tell whether a number is an epoch, or a fraction of them."""
    return 0 < epoch < 1 if isinstance(epoch, float) else epoch >= 0 and epoch == int(epoch)


@contextmanager
def _plain_mean(norms: list[_BatchNorm]) -> Iterator[None]:
    """Let BatchNorm layers collect their statistics anew, as plain means over the batches."""
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
