"""find_lr: the learning rate, found by trying: a few steps at ever higher rates, drawn, and taken back."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from neurokit import probe
from neurokit.arguments import check_count, check_number, suggestions, suggests_arguments
from neurokit.callbacks.callback import BatchLogs, Callback
from neurokit.callbacks.rates import set_rate
from neurokit.diagnostics.setup import optimizers_of
from neurokit.failures import NonFiniteLoss
from neurokit.rehearsal import preserved, preserved_attributes, unsaid
from neurokit.trainer import Trainer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SMOOTHING = 0.9  # the weight of what was before: about ten steps are seen at once
_DIVERGED = 3.0  # times the loss, or its fall, above the lowest: there is nothing more to learn from the curve
_FIRST = 10  # steps, from which it is told how much a loss varies by itself
_FEWEST = 10


@dataclass(frozen=True)
class LRFinderResult:
    """The loss at each learning rate that was tried, and the rate to take.

    Attributes:
        learning_rates: The rates, rising. With several parameter groups, that of the group with the highest.
        losses: The loss of each step, of its batch alone, before its update.
        smoothed: Their exponential mean without its bias towards zero, which the suggestion and the end go by.
        suggestion: A tenth of the rate at which the smoothed loss was lowest: below that the loss falls, and near it
            training is about to break. ``None`` where the curve does not tell.
        reason: In a sentence, where the suggestion comes from, or why there is none.
        diverged: Whether the sweep ended because the loss broke away, rather than at its last rate.

    Example:
        >>> result = LRFinderResult([1e-3, 1e-2, 1e-1], [2.0, 1.0, 3.0], [2.0, 1.2, 2.5], 1e-3, "A tenth.", True)
        >>> result
        LRFinderResult(suggestion=0.001, 3 steps from 0.001 to 0.1)
        >>> result.plot().get_xlabel()
        'learning rate'
    """

    learning_rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float | None
    reason: str
    diverged: bool = field(default=False)

    @property
    def data(self) -> dict[str, Any]:
        """What ``plot`` draws, as plain values by name."""
        return {
            "learning_rates": list(self.learning_rates), "losses": list(self.losses), "smoothed": list(self.smoothed),
            "suggestion": self.suggestion,
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Return a ``pandas.DataFrame`` with a row a step: ``learning_rate``, ``loss``, ``smoothed``."""
        import pandas as pd

        return pd.DataFrame(
            {"learning_rate": self.learning_rates, "loss": self.losses, "smoothed": self.smoothed},
            index=pd.RangeIndex(len(self.losses), name="step"),
            dtype="float64",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss over the learning rate, with the suggestion, and return the axes.

        Args:
            ax: Where to draw; ``None`` makes a figure.
        """
        if ax is None:
            from matplotlib import pyplot as plt

            ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")[1]
        ax.plot(self.learning_rates, self.losses, color="C0", alpha=0.35, linewidth=1, label="loss of a batch")
        ax.plot(self.learning_rates, self.smoothed, color="C0", label="smoothed")
        if self.suggestion is not None:
            ax.axvline(self.suggestion, color="C1", linestyle="--", label=f"suggestion: {self.suggestion:.2g}")
        shown = [value for value in self.smoothed if math.isfinite(value)]
        if self.diverged and shown:  # the last losses may be a million times the first
            low, first = min(shown), shown[0]
            room = max(first - low, 0.1 * abs(first), 1e-12)
            ax.set_ylim(low - 0.3 * room, first + 1.2 * room)
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.grid(alpha=0.3)
        ax.legend()
        return ax

    def __repr__(self) -> str:
        steps = f"{len(self.losses)} steps from {self.learning_rates[0]:.3g} to {self.learning_rates[-1]:.3g}"
        found = f"{self.suggestion:.3g}" if self.suggestion is not None else f"None: {self.reason}"
        return f"LRFinderResult(suggestion={found}, {steps})"


@suggests_arguments
def find_lr(
    trainer: Trainer,
    x: Any,
    y: Any = None,
    *,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    monitor: str = "loss",
) -> LRFinderResult:
    """Try rising learning rates for a step each, and return how the loss answered, with a rate to take.

    Everything is put back, bit for bit, also if a step raises: weights, buffers, gradients, modes, optimizers, history,
    record, every random stream, and of your loader its generators, samplers and counters. Your trainer's own
    ``train_step`` runs, with accumulation, precision and clipping as they are; callbacks do not.

    The rates grow by the same factor from step to step. Several parameter groups or optimizers keep their ratios, and
    the rate shown is the highest. The sweep ends early once the smoothed loss is far above its lowest, or not finite.
    The suggestion is a tenth of the rate with the lowest smoothed loss. Build the trainer with it:
    ``nk.Trainer(model, ..., learning_rate=result.suggestion)``.

    Args:
        trainer: As it would fit.
        x: As in ``fit``; something that can be gone through again.
        y: As in ``fit``.
        start: The first rate.
        end: The last rate, which is reached only if the loss stays bounded.
        steps: Updates of the weights, one a rate. Data that are shorter are gone through again.
        batch_size: As in ``fit``; take the one you will train with.
        sample_weight: As in ``fit``.
        class_weight: As in ``fit``.
        monitor: What to follow of that which the step logs, such as ``"g_loss"`` of a ``train_step`` of your own.

    Raises:
        ValueError: If rates or steps are out of range, the step does not log ``monitor``, or the first loss is NaN.
        TypeError: If x can be gone through only once, or it gets no Trainer.

    Source:
        Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3.

    Example:
        >>> from neurokit import Trainer
        >>> x = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
        >>> trainer = Trainer(nn.Linear(4, 1), loss="mse", optimizer="sgd")
        >>> result = find_lr(trainer, x, x.sum(1))
        >>> 1e-3 < result.suggestion < 1, trainer.history.epoch
        (True, [])
    """
    _check(trainer, x, start, end, steps)
    if trainer.group.is_several:
        raise ValueError(
            "find_lr follows the losses of one process, and each of several would suggest another rate. Look for it in "
            "one process, with the batch_size that all have together, and pass learning_rate to the Trainer."
        )
    if batch_size is not None:
        check_count("batch_size", batch_size, such_as=32)
    optimizers = list(optimizers_of(trainer.optimizers, vars(trainer)).values())
    sweep = _Sweep(optimizers, np.geomspace(start, end, steps).tolist(), trainer.runtime.accumulate, monitor)
    with ExitStack() as kept:
        _keep_belongings(kept, trainer, x)
        kept.enter_context(unsaid())
        trainer.arguments = trainer.arguments | {"metrics": ()}  # nobody looks at them, and the user's own would count
        try:
            trainer.fit(
                x, y, batch_size=batch_size, sample_weight=sample_weight, class_weight=class_weight, epochs=1,
                steps_per_epoch=steps * trainer.runtime.accumulate, callbacks=[sweep], checks=False, verbose=0,
            )  # fmt: skip
        except NonFiniteLoss:
            if not sweep.losses:  # not the rate's doing
                raise
        interrupted = trainer.state.stop_reason == "interrupted"
    if interrupted:
        raise KeyboardInterrupt
    if not sweep.losses:
        raise ValueError(f"{monitor!r} was not finite in the first step already. Look at the data with nk.diagnose.")
    return _result(sweep)


def _check(trainer: Trainer, x: Any, start: Any, end: Any, steps: Any) -> None:
    if not isinstance(trainer, Trainer):
        raise TypeError(
            f"find_lr takes a Trainer, and got a {type(trainer).__name__}. Build one around the model: "
            "find_lr(nk.Trainer(model, loss='cross_entropy'), x, y)."
        )
    check_number("start", start, "a number above 0", lambda rate: rate > 0, such_as=1e-7)
    check_number("end", end, "a number above start", lambda rate: rate > start, such_as=10.0)
    check_count("steps", steps, _FEWEST, such_as=100)
    if isinstance(x, Iterator):
        raise TypeError(
            f"x is a {type(x).__name__}, which gives its batches once: a look would take them from the fit. Pass "
            "something that can be gone through again (arrays, a Dataset, a DataLoader)."
        )
    if probe.has_lazy_parameters(trainer.model):
        raise ValueError(
            "The model's lazy parameters have no shapes yet, and values they got in a sweep could not be taken back. "
            "Show it a few rows first: trainer.predict(x[:2])."
        )


class _Sweep(Callback):
    """Sets the rate before each update and notes the loss after it; ends when that breaks away."""

    def __init__(self, optimizers: list[Optimizer], rates: list[float], accumulate: int, monitor: str) -> None:
        self.rates, self.accumulate, self.monitor = rates, accumulate, monitor
        self.groups = [group for one in optimizers for group in one.param_groups]
        present = [float(group["lr"]) for group in self.groups]
        highest = max(present, default=0.0)
        self.ratios = [rate / highest if highest else 1.0 for rate in present]
        self.learning_rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.diverged = False
        self.not_finite = False
        self._mean = 0.0

    def on_train_batch_begin(self, batch: int, logs: BatchLogs | None = None) -> None:
        if batch % self.accumulate == 0:
            rate = self.rates[min(batch // self.accumulate, len(self.rates) - 1)]
            for group, ratio in zip(self.groups, self.ratios, strict=True):
                set_rate(group, rate * ratio)

    def on_train_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        if (batch + 1) % self.accumulate:
            return
        loss = self._loss(batch)
        if not math.isfinite(loss):
            self.diverged = self.not_finite = True
            self.trainer.stop("the loss is not finite")
            return
        self.learning_rates.append(self.rates[batch // self.accumulate])
        self.losses.append(loss)
        self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * loss
        self.smoothed.append(self._mean / (1 - _SMOOTHING ** len(self.losses)))
        lowest, first = min(self.smoothed), self.smoothed[0]
        if self.smoothed[-1] > lowest + _DIVERGED * max(abs(lowest), first - lowest):
            self.diverged = True
            self.trainer.stop("the loss broke away")

    def _loss(self, batch: int) -> float:
        """The mean of the window's losses: a host read, for which the sweep waits."""
        means, names = self.trainer.means, self.trainer.means.names()
        if self.monitor not in names:
            if (
                self.monitor == "loss"
                and (parts := [name for name in names if name.endswith("_loss")])
                and (isinstance(self.trainer.criterion, dict))
            ):
                return sum(float(np.mean(means.last_values(one, batch + 1, self.accumulate))) for one in parts)
            hint = suggestions(self.monitor, names) or (f" Pass monitor={names[0]!r}." if names else "")
            raise ValueError(
                f"find_lr follows {self.monitor!r}, and the step logs {', '.join(names) or 'nothing'}.{hint} What "
                "train_step returns is logged under its own keys."
            )
        return float(np.mean(means.last_values(self.monitor, batch + 1, self.accumulate)))


def _result(sweep: _Sweep) -> LRFinderResult:
    suggestion, reason = _suggest(sweep)
    return LRFinderResult(
        sweep.learning_rates, sweep.losses, sweep.smoothed, suggestion, reason, diverged=sweep.diverged
    )


def _suggest(sweep: _Sweep) -> tuple[float | None, str]:
    """A tenth of the rate at the minimum, where the curve has one; and the sentence for it."""
    rates, losses, smoothed = sweep.learning_rates, sweep.losses, sweep.smoothed
    lowest = int(np.argmin(smoothed))
    early = losses[: min(_FIRST, max(2, lowest + 1))]
    level, noise = float(np.mean(early)), float(np.std(early))
    fell = level - smoothed[lowest] > max(noise, 0.01 * abs(level))
    if sweep.not_finite and (len(losses) < _FEWEST or not fell):  # a rate that is too high is seen to break away first
        return None, (
            f"The loss was not finite at step {len(losses) + 1}, though the rate was still "
            f"{sweep.rates[len(losses)]:.3g} and the loss had not risen before: a row may hold NaN. Look at the data "
            "with nk.diagnose."
        )
    if len(losses) < _FEWEST:
        return None, (
            f"The loss broke away after {len(losses)} steps, at {rates[-1]:.3g}. Pass a start below {rates[0]:.3g}."
        )
    if not fell:
        return None, (
            f"The loss did not fall by more than it varies from batch to batch ({level:.4g}, then at the least "
            f"{smoothed[lowest]:.4g}). Pass more steps or a larger batch_size, or look at the model with nk.diagnose."
        )
    if lowest == len(smoothed) - 1 and not sweep.diverged:
        return None, f"The loss was still falling at the last rate, {rates[-1]:.3g}. Pass a higher end, or more steps."
    reason = f"A tenth of {rates[lowest]:.3g}, where the smoothed loss was lowest."
    if sweep.not_finite:
        reason += f" Step {len(losses) + 1} was not finite: if its rows hold NaN, which nk.diagnose tells, mend them."
    return rates[lowest] / 10, reason


# ------------------------------------------------------------------- what belongs to the user, beyond trainer and model

_MOST = 2000  # objects that are looked into
_LEFT_ALONE = (  # the first part of a class's module; functions and modules are of builtins
    "builtins", "neurokit", "torch", "numpy", "pandas", "scipy", "PIL", "threading", "_thread", "multiprocessing",
    "logging",
)  # fmt: skip
_OF_TORCH = ("torch.utils.data", "torch.optim.lr_scheduler")
_CONTAINERS = (list, dict, set, deque)
_STREAMS: dict[type, tuple[str, str]] = {  # how each kind tells where it is, and is set there
    torch.Generator: ("get_state", "set_state"),
    np.random.RandomState: ("get_state", "set_state"),
    random.Random: ("getstate", "setstate"),
}


def _keep_belongings(kept: ExitStack, trainer: Trainer, x: Any) -> None:
    """Have put back the trainer, and whatever it or a loader holds: generators, counters, networks of the user's."""
    found = _reachable([x, *vars(trainer).values()])
    for one in found:
        kept.callback(_restorer(one))
    objects = [one for one in found if hasattr(one, "__dict__") and not isinstance(one, (nn.Module, Optimizer))]
    kept.enter_context(preserved_attributes(*objects))
    ours = {*trainer.model.modules(), *trainer.optimizers.values()}
    others = [one for one in found if isinstance(one, (nn.Module, Optimizer)) and one not in ours]
    kept.enter_context(preserved(trainer, *others))


def _reachable(roots: list[Any]) -> list[Any]:
    """What can be reached from objects by attributes and containers, each once, that may change in a sweep."""
    found: dict[int, Any] = {}
    ahead = deque(roots)
    while ahead and len(found) < _MOST:
        one = ahead.popleft()
        if id(one) not in found and (parts := _parts(one)) is not None:
            found[id(one)] = one
            ahead.extend(parts)
    return list(found.values())


def _parts(one: Any) -> list[Any] | None:
    """What an object holds; nothing of what is put back as a whole; ``None`` where it does not change."""
    if isinstance(one, (nn.Module, Optimizer, np.random.BitGenerator, *_STREAMS)):
        return []
    if isinstance(one, np.random.Generator):
        return [one.bit_generator]
    if isinstance(one, (*_CONTAINERS, tuple)):
        return list(one.values() if isinstance(one, dict) else one)[:_MOST]
    place = type(one).__module__
    known = place.startswith(_OF_TORCH) or place.partition(".")[0] not in _LEFT_ALONE
    return list(vars(one).values()) if known and hasattr(one, "__dict__") and not isinstance(one, type) else None


def _restorer(one: Any) -> Callable[[], Any]:
    """Remember where a random stream is or what a container holds; return what puts it back."""
    if isinstance(one, np.random.BitGenerator):
        return partial(setattr, one, "state", one.state)
    for kind, (read, write) in _STREAMS.items():
        if isinstance(one, kind):
            return partial(getattr(one, write), getattr(one, read)())
    return _container(one) if isinstance(one, _CONTAINERS) else lambda: None


def _container(one: Any) -> Callable[[], None]:
    def held() -> list[Any]:
        return [*one, *one.values()] if isinstance(one, dict) else [*one]

    before = held()

    def restore() -> None:
        if list(map(id, held())) == list(map(id, before)):
            return  # untouched, which it is as a rule
        one.clear()
        half = len(before) // 2
        if isinstance(one, dict):
            one.update(zip(before[:half], before[half:], strict=True))
        else:
            one.update(before) if isinstance(one, set) else one.extend(before)

    return restore
