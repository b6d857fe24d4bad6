"""A fit in several processes: what each reads, what they agree on, and how they end together.

The loop is the same as in one process. It takes its batches from here, so what must happen in every process at the
same step happens between two of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from neurokit import modes
from neurokit.callbacks.callback import Callback
from neurokit.callbacks.hooks import Hooks, is_ours
from neurokit.callbacks.model_checkpoint import ModelCheckpoint
from neurokit.data.batch import Batch
from neurokit.data.memory import InMemoryLoader
from neurokit.data.sharing import Share, SharedLoader, SharedMemory, dealt_out, shared_out
from neurokit.data.sources import Loader
from neurokit.diagnostics import Finding
from neurokit.loop import Feed
from neurokit.optimizers import needs_closure
from neurokit.reduction import enter_streams, leave_streams
from neurokit.shared_runtime import SharedRuntime
from neurokit.signals import Signals
from neurokit.tree import map_tensors

if TYPE_CHECKING:
    from neurokit.planning import Plan
    from neurokit.trainer import Trainer

_EVERY = 8  # at most so many batches between two looks at whether anyone wants to stop: each costs a small message
_SECONDS = 1.0  # and not longer, where batches are slow: torchrun gives thirty after SIGTERM
_ECHO = 2.0  # seconds in which a signal is the first one again, as when a scheduler and torchrun both send it


class SharedFeed(Feed):
    """The batches of one of several processes: its share of each, under the settings of that share."""

    loader: SharedLoader

    def epoch(self) -> Iterator[tuple[Batch, bool]]:
        """Yield this epoch's remaining batches, as one process does; end early, on all together, where one must."""
        state = self.trainer.state
        norms = [one for one in self.trainer.model.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
        due, batches, began = state.step + 1, 1, time.perf_counter()
        for batch, closes in super().epoch():
            share = self.loader.share(state.data_pass, state.data_batch)
            with self._taking(share, norms):
                yield batch, closes
            if state.step >= due:
                slowest = agree(self.trainer, time.perf_counter() - began) / batches
                batches = max(1, min(_EVERY, int(_SECONDS / max(slowest, 1e-3))))
                due, began = state.step + batches, time.perf_counter()
                if state.stop_reason is not None:
                    return

    @contextmanager
    def _taking(self, share: Share, norms: Sequence[nn.Module]) -> Iterator[None]:
        """Make a step count as its share of the batch; one without rows leaves no trace but its messages."""
        trainer = self.trainer
        runtime: SharedRuntime = trainer.runtime  # type: ignore[assignment]
        alike = trainer.is_plain and isinstance(self.loader, SharedMemory)
        runtime.begin_step(share.rows, share.whole, alike=alike)
        if norms:
            runtime.engine.share_buffers()
        awake = [one for one in norms if one.training]
        if any(isinstance(one, nn.SyncBatchNorm) for one in awake):
            check_synced(share.whole, trainer.group.world)
            awake = [one for one in awake if not isinstance(one, nn.SyncBatchNorm)]  # the others wait for its word
        awake = awake if share.rows < 2 else []  # too few to vary
        metrics = trainer.metrics
        if not share.rows:
            trainer.metrics = metrics.fresh()
        for one in awake:
            one.training = False
        try:
            yield
        finally:
            for one in awake:
                one.training = True
            if not share.rows:
                trainer.metrics = metrics
        if not share.rows:
            trainer.means.withdraw()


def check_synced(rows: int, world: int) -> None:
    """Refuse a batch of which a process holds no row, where each row counts in the statistics of all.

    Raises:
        ValueError: If there are fewer rows than processes.
    """
    if rows < world:
        raise ValueError(
            f"A batch of {rows} rows leaves some of {world} processes none, and SyncBatchNorm takes a row of each. "
            "Choose a batch_size that leaves a larger last batch."
        )


def check_gpus(device: torch.device) -> None:
    """Refuse SyncBatchNorm where torch has none.

    Raises:
        ValueError: If the device is no GPU.
    """
    if device.type != "cuda":
        raise ValueError(
            f"SyncBatchNorm takes statistics over GPUs, and this trains on {device}. Leave BatchNorm as it is here, or "
            "use GroupNorm, which needs no other rows."
        )


class SharedSignals(Signals):
    """Hears a signal as ``Signals`` does, and waits until all processes know of it before anything follows.

    Attributes:
        heard: The signal that came to this process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard: int | None = None
        self._heard_at = 0.0

    def _note(self, number: int, frame: Any) -> None:
        if self.heard is None:
            self.heard, self._heard_at = number, time.monotonic()
            return
        if time.monotonic() - self._heard_at < _ECHO:
            return
        self.requested = self.requested or self.heard
        super()._note(number, frame)

    def close(self) -> None:
        """Put the old handlers back; hand on the signal that came, also where the fit ended before anyone was told."""
        self.requested, self.heard = self.requested or self.heard, None
        super().close()


def agree(trainer: Trainer, seconds: float = 0.0) -> float:
    """Let one process's wish to stop, or its signal, be that of all, at the same step; return the longest of times."""
    group, signals = trainer.group, trainer.signals
    assert isinstance(signals, SharedSignals)
    signal, wishes, longest = group.highest([signals.heard or 0, int(trainer.wish is not None), int(seconds * 1e6)])
    if wishes:
        trainer.state.stop_reason = next(wish for wish in group.gather(trainer.wish) if wish is not None)
        trainer.wish = None
    if signal:
        signals.requested = signal
        trainer.state.stop_reason = "interrupted"
    return longest / 1e6


def take_share(trainer: Trainer, plan: Plan) -> None:
    """Take this process's share of what was planned, once it is known that all planned the same. Changes no trainer.

    Raises:
        TypeError: If the data are a stream, or a metric cannot be put together from several processes.
        ValueError: If the processes differ, or something works in one process only.
    """
    group, data = trainer.group, plan.data
    plan.metrics.check_mergeable()
    if any(map(needs_closure, trainer.optimizers.values())):
        raise ValueError(
            "LBFGS evaluates the loss as often as each process's own rows ask for, so several processes would fall out "
            "of step. Train in one process, strategy='none', or with optimizer='adam'."
        )
    batch_norm = modes.trains_batch_norm(trainer.model)
    train = shared_out(data.train, group.rank, group.world, batch_norm=batch_norm)
    if data.validation is not None and not trainer.shards:
        data.validation = dealt_out(data.validation, group.rank, group.world, "validation_data")
    check_alike(trainer, plan)
    data.train = train
    if batch_norm:
        plan.findings += _said_of_batch_norm(trainer, plan)


def _said_of_batch_norm(trainer: Trainer, plan: Plan) -> list[Finding]:
    """What to know of statistics that each process takes of its own rows; refuse those that cannot be shared here."""
    norms = [one for one in trainer.model.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    synced = [one for one in norms if isinstance(one, nn.SyncBatchNorm)]
    if synced:
        check_gpus(trainer.runtime.device)
    train = plan.data.train
    if isinstance(train, InMemoryLoader) and modes.trains_batch_norm(trainer.model, nn.SyncBatchNorm):
        first, stop = train.bounds(train.num_batches - 1)  # the last batch, which may be the shortest
        check_synced(stop - first, trainer.group.world)
    if len(synced) == len(norms):
        return []
    text = (
        f"BatchNorm takes statistics of each process's rows, 1/{trainer.group.world} of a batch. They are not those of "
        "one process; GroupNorm's would be, and on GPUs SyncBatchNorm's."
    )
    return [Finding("note", text)]


def begin(trainer: Trainer) -> None:
    """Begin a fit: weights of the first process in all of them, and random streams of its own in each."""
    runtime: SharedRuntime = trainer.runtime  # type: ignore[assignment]
    losses = [one.function for one in trainer.criteria() if isinstance(one.function, nn.Module)]
    runtime.engine.attach(trainer.model, losses, list(trainer.optimizers.values()))
    enter_streams(trainer.group, trainer.state)


def end(trainer: Trainer) -> None:
    """End a fit that went well: all processes hold the same, and what was written is there for each of them."""
    runtime: SharedRuntime = trainer.runtime  # type: ignore[assignment]
    runtime.engine.share_buffers()
    leave_streams(trainer.group)
    if missing := runtime.engine.missing:
        trainer.tell(
            Finding(
                "note",
                f"{len(missing)} trainable parameter tensors got no gradient, {missing[0]} among them, so processes "
                "average after the backward pass instead of during it. Freeze them: requires_grad_(False).",
            )
        )


def check_alike(trainer: Trainer, plan: Plan) -> None:
    """Refuse a fit in which the processes do not train the same thing.

    Raises:
        ValueError: If they differ; says in what.
    """
    restored = plan.restored
    looks = {
        "rows to train on": plan.data.train.num_rows,
        "batches in an epoch": plan.state.steps_per_epoch,
        "epochs": plan.state.epochs,
        "trainable parameter tensors": sum(one.requires_grad for one in trainer.model.parameters()),
        "a first batch whose numbers add up to": _sum(plan.data.train),
        "rows that validate": None if plan.data.validation is None else plan.data.validation.num_rows,
        "a checkpoint to resume from at step": None if restored is None else restored["state"]["step"],
        "callbacks that act together": ", ".join(_acting_together(plan.hooks)) or None,
    }
    said = trainer.group.gather(looks)
    for name, value in said[0].items():
        for rank, other in enumerate(said):
            if other[name] != value:
                raise ValueError(
                    f"The processes were not given the same: {name} {value} on rank 0, and {other[name]} on rank "
                    f"{rank}. Each runs the whole script and is given all of the data, of which fit takes its share. "
                    "Read them from where all can, seed what is drawn (nk.seed_everything), and give every rank "
                    "the same callbacks: of those that write, only the first does."
                )


def _acting_together(hooks: Hooks) -> list[str]:
    """The callbacks of this library that remember something: what they decide, save or average is that of all."""
    return [_described(one) for one in hooks.callbacks if not one.for_one and _is_kept_by_us(type(one))]


def _is_kept_by_us(kind: type[Callback]) -> bool:
    return any(is_ours(one) and "state_dict" in vars(one) for one in kind.__mro__ if one is not Callback)


def _described(callback: Callback) -> str:
    name = type(callback).__name__
    if not isinstance(callback, ModelCheckpoint):
        return name
    return f"{name}(save_every={callback.save_every}, save_best_only={callback.save_best_only})"


def _sum(loader: Loader) -> float | None:
    """The sum over a first batch, to nine digits; ``None`` for a dataset, which may draw as it is read."""
    total = 0.0
    if not isinstance(loader, InMemoryLoader):
        return None

    def add(tensor: Tensor) -> Tensor:
        nonlocal total
        total += float(tensor.double().sum()) if not tensor.is_complex() else 0.0
        return tensor

    map_tensors(add, tuple(loader.peek()))
    return float(f"{total:.9g}") if math.isfinite(total) else None  # NaN equals nothing, and is told of by others
