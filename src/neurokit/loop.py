"""The loop: ``fit``, one epoch of training, one of evaluation, and prediction. The only loops over batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import count, islice, repeat
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from neurokit import failures, modes
from neurokit.callbacks.hooks import Hooks
from neurokit.data.batch import Batch, count_rows
from neurokit.data.prefetch import arriving
from neurokit.data.sources import Loader
from neurokit.devices import Arriving, has_streams, sent
from neurokit.means import RunningMeans
from neurokit.metrics import MetricSet

if TYPE_CHECKING:
    from neurokit.trainer import Trainer


def fit(trainer: Trainer, train: Feed, validation: Loader | None, hooks: Hooks, restore: Callable[[], None]) -> None:
    """Train until the planned epochs are done or someone stops; leave everything in order on every way out.

    Per epoch: ``on_epoch_begin``; train; validate; ``on_epoch_end`` with the logs of both. A checkpoint is written
    last, so it holds what every callback has seen. A signal leaves the epoch as it stands between two steps, and
    ``on_interrupt`` follows: what is saved then goes on from there.

    Args:
        trainer: What is trained, and its state.
        train: The training data.
        validation: The validation data, or ``None``.
        hooks: The callbacks of this fit.
        restore: Puts back a checkpoint, where the run resumes from one; called after ``on_train_begin``.

    Raises:
        neurokit.NonFiniteLoss: When an epoch's loss was not finite, after everything is closed.
    """
    state = trainer.state
    logs: dict[str, float] = {}
    failure: BaseException | None = None
    try:
        with modes.training(trainer.model):
            hooks.begin({})
            restore()
            while state.epoch < state.epochs and state.stop_reason is None:
                epoch = state.epoch
                if state.batch == 0:  # an epoch resumed in its middle has begun already
                    trainer.begin_epoch()
                    hooks.fire("on_epoch_begin", epoch, {})
                logs = train_epoch(trainer, train, hooks)
                if trainer.signals.requested is None and validation is not None:
                    scores = eval_epoch(trainer, validation, hooks)
                    logs |= {f"val_{name}": value for name, value in scores.items()}
                if trainer.signals.requested is not None:  # in the middle of an epoch, between two steps
                    break
                logs |= trainer.learning_rates()
                hooks.fire("on_epoch_end", epoch, logs)
                _refuse_keras_flag(trainer)
            if trainer.signals.requested is not None:
                hooks.fire("on_interrupt", logs)
    except KeyboardInterrupt as error:
        state.stop_reason = "interrupted"
        failure = error if trainer.signals.is_urgent else None
    except BaseException as error:
        failure, state.stop_reason = error, f"{type(error).__name__}: {error}"
    trainer.end_fit()
    with trainer.group.as_one() if failure is None else trainer.group.by_itself():
        hooks.close("on_train_end", logs, failure)


def train_epoch(trainer: Trainer, train: Feed, hooks: Hooks) -> dict[str, float]:
    """Train on this epoch's batches, from where the state stands; return the epoch's means and metrics."""
    state, runtime, means = trainer.state, trainer.runtime, trainer.means
    before, after = hooks.hears("on_train_batch_begin"), hooks.hears("on_train_batch_end")
    running = BatchLogs(trainer.means, trainer.metrics)
    with trainer.taking_steps(train.loader, hooks) as step:
        for batch, closes in train.epoch():
            if before:
                hooks.fire("on_train_batch_begin", state.batch, running)
            runtime.closes = closes
            try:
                logs = step(batch)
            except (RuntimeError, MemoryError) as error:
                if note := failures.out_of_memory(error, batch, runtime.accumulate):
                    error.add_note(note)
                raise
            means.add(logs, count_rows(batch.x))
            state.end_batch(closes)
            if after:
                hooks.fire("on_train_batch_end", state.batch - 1, running)
                _refuse_keras_flag(trainer)
            if state.stop_reason is not None:
                break
    if trainer.signals.requested is not None:
        return {}
    runtime.abandon_window()
    failures.check_finite(trainer, train.loader)
    return trainer.finish_logs(trainer.means, trainer.metrics)


def eval_epoch(trainer: Trainer, loader: Loader, hooks: Hooks) -> dict[str, float]:
    """Evaluate one pass over the data in eval mode, without gradients; return its means and metrics."""
    means, metrics = trainer.begin_evaluation()
    before, after = hooks.hears("on_test_batch_begin"), hooks.hears("on_test_batch_end")
    running = BatchLogs(means, metrics)
    hooks.fire("on_test_begin", {})
    with modes.evaluating(trainer.model), torch.no_grad():
        asleep = [module for module in trainer.model.modules() if not module.training]
        for index, batch in enumerate(placed(trainer, loader)):
            if before:
                hooks.fire("on_test_batch_begin", index, running)
            means.add(trainer.test_step(batch, metrics), count_rows(batch.x))
            if after:
                hooks.fire("on_test_batch_end", index, running)
            if trainer.signals.requested is not None:
                return {}
        trainer.woken = [module for module in asleep if module.training]
    logs = trainer.finish_logs(means, metrics)
    hooks.fire("on_test_end", logs)
    return logs


def predict_batches(trainer: Trainer, loader: Loader, hooks: Hooks) -> Iterator[Any]:
    """Yield the model's outputs batch by batch, in eval mode and without gradients."""
    before, after = hooks.hears("on_predict_batch_begin"), hooks.hears("on_predict_batch_end")
    hooks.fire("on_predict_begin", {})
    with closing(loader):
        for index, batch in enumerate(placed(trainer, loader)):
            if before:
                hooks.fire("on_predict_batch_begin", index, {})
            with modes.evaluating(trainer.model), torch.no_grad():  # a consumer may train between two batches
                outputs = trainer.predict_step(batch)
            if after:
                hooks.fire("on_predict_batch_end", index, {"outputs": outputs})
            yield outputs
    hooks.fire("on_predict_end", {})


def placed(trainer: Trainer, loader: Loader) -> Iterator[Batch]:
    """Yield one pass's batches on the device."""
    batches, place = arriving(loader, trainer.place, trainer.runtime.device)
    for batch in batches():
        yield batch if place is None else place(batch)


class Feed:
    """The batches of a fit, each epoch going on where the one before stopped.

    Without ``steps_per_epoch`` an epoch is one pass over the data. With it, passes and epochs run apart, and the live
    iterator is kept from one epoch to the next.

    Args:
        trainer: Its state says where the data stand; its runtime places batches.
        loader: The training data.
        cut: Whether ``steps_per_epoch`` was given.
    """

    def __init__(self, trainer: Trainer, loader: Loader, *, cut: bool) -> None:
        self.trainer, self.loader, self.cut = trainer, loader, cut
        place = None if trainer.holds(loader) else trainer.place
        self._batches, self._place = arriving(loader, place, trainer.runtime.device)
        self._live: Iterator[tuple[int, int, Batch]] | None = None

    def epoch(self) -> Iterator[tuple[Batch, bool]]:
        """Yield this epoch's remaining batches, placed, and whether each closes its accumulation window.

        Raises:
            ValueError: If the data have no batch left.
        """
        state, place, window = self.trainer.state, self._place, self.trainer.runtime.accumulate
        batches = self._cut_batches() if self.cut else self._one_pass()
        try:
            upcoming = next(batches, None)
            if upcoming is None and state.batch == 0:
                raise ValueError(
                    f"The training data gave no batch in epoch {state.epoch + 1}. Pass data with at least one row."
                )
            while upcoming is not None:
                (state.data_pass, state.data_batch, batch), upcoming = upcoming, None
                closes = (state.batch + 1) % window == 0 or (self.cut and state.batch + 1 == state.steps_per_epoch)
                if closes or self.cut:  # a batch read ahead might begin the sampler's next pass
                    yield batch if place is None else place(batch), closes
                    upcoming = next(batches, None)
                else:  # one batch ahead: the last window closes with whatever it holds
                    upcoming = next(batches, None)
                    yield batch if place is None else place(batch), upcoming is None
        except Exception:
            if self.trainer.signals.requested is None:
                raise  # else the signal that ends this run has ended its loader's workers as well

    def _one_pass(self) -> Iterator[tuple[int, int, Batch]]:
        state = self.trainer.state
        return zip(repeat(state.epoch), count(state.batch), self._batches(state.epoch, state.batch), strict=False)

    def _cut_batches(self) -> Iterator[tuple[int, int, Batch]]:
        state = self.trainer.state
        assert state.steps_per_epoch is not None
        if self._live is None:
            self._live = self._endless(state.data_pass, state.data_batch)
        return islice(self._live, state.steps_per_epoch - state.batch)

    def _endless(self, data_pass: int, start: int) -> Iterator[tuple[int, int, Batch]]:
        """Pass after pass, from a position on."""
        while True:
            index = start
            for batch in self._batches(data_pass, start):
                yield data_pass, index, batch
                index += 1
            if self.loader.one_shot:
                raise ValueError(
                    f"The training data are a one-shot iterator that ended after {index} batches, in epoch "
                    f"{self.trainer.state.epoch + 1}, and steps_per_epoch={self.trainer.state.steps_per_epoch} asks "
                    "for more. Pass something that can be gone through again (arrays, a Dataset, a DataLoader), or "
                    "fewer steps."
                )
            if index == 0:
                raise ValueError("The training data gave no batch. Pass data with at least one row.")
            data_pass, start = data_pass + 1, 0


class BatchLogs(Mapping[str, float]):
    """Running means and metrics of the epoch so far, computed when they are read: reading is the reader's sync."""

    def __init__(self, means: RunningMeans, metrics: MetricSet) -> None:
        self._means, self._metrics = means, metrics
        self.waits = has_streams(means.device)  # reading would wait
        self._coming: tuple[Arriving, Callable[[Tensor], dict[str, float]]] | None = None
        self._latest: dict[str, float] = {}

    def arrived(self) -> dict[str, float]:
        """Return the values that have come from the device by now, so that nobody waits: on the CPU those of now.

        Metrics that collect predictions are left out where there is a device to wait for.
        """
        if not self.waits:
            return dict(self.items())
        if self._coming is not None and (host := self._coming[0].numbers()) is not None:
            self._latest, self._coming = self._coming[1](host), None
        if self._coming is None and (names := self._means.names()):
            self._coming = self._sent(names)
        return self._latest

    def _sent(self, names: list[str]) -> tuple[Arriving, Callable[[Tensor], dict[str, float]]]:
        """Send the values of now on their way; return what comes, and what reads it."""
        vector, found = self._means.stacked(), self._metrics.sums()
        if found is not None:
            vector = torch.cat([vector, sent(found[0], vector.device)])

        def read(host: Tensor) -> dict[str, float]:
            means, sums = host[: len(names)], host[len(names) :]
            return dict(zip(names, means.tolist(), strict=True)) | ({} if found is None else found[1](sums))

        return Arriving(vector), read

    def _read(self) -> dict[str, float]:
        return self._means.compute() | self._metrics.compute()

    def __getitem__(self, name: str) -> float:
        if name in self._means.names():
            return float(self._means.mean(name))
        return self._metrics.compute()[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._means.names(), *self._metrics.names])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def items(self) -> Any:
        """All names and values, read at once."""
        return self._read().items()

    def __repr__(self) -> str:
        return repr(self._read())


def _refuse_keras_flag(trainer: Trainer) -> None:
    if "stop_training" in vars(trainer.model):
        raise AttributeError(
            "A callback set model.stop_training, which is Keras's way and stops nothing here. "
            "Write self.trainer.stop('reason') instead."
        )
