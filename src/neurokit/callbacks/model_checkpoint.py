"""ModelCheckpoint: the whole run on disk, at each epoch's end and in between, to resume from or to load the best of."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from neurokit import checkpoint
from neurokit.arguments import check_count, suggests_arguments
from neurokit.callbacks.callback import BatchLogs, Callback, Logs
from neurokit.callbacks.monitor import Monitor
from neurokit.checkpoint import RunLock
from neurokit.record import RunRecord
from neurokit.signals import NOTICES
from neurokit.state import TrainingState
from neurokit.storage import make_folders

IN_THE_BACKGROUND = 50 * 2**20  # bytes; a smaller state is written sooner than it is copied


class ModelCheckpoint(Callback):
    """Writes checkpoints of the run to ``folder/step-00000120``, keeping the best, the last and the newest few.

    Each one is complete: ``trainer.load(path)`` takes its weights, ``fit(..., resume=folder)`` goes on from the newest,
    bit for bit on the CPU. It is written after every other callback has seen the event, whole or not at all. The run's
    record is kept beside them as ``run.json``.

    While a run trains, no other can use its folder. A save that fails, as on a full disk, leaves the older checkpoints
    as they were; training goes on and the next save tries again. Only when the last one has failed too does ``fit``
    raise, at its very end. A checkpoint is deleted only when ``keep`` newer ones were read back and found sound.

    A state of 50 MB or more is copied, which takes some 0.1 s for 1 GB once the memory for it is there, and written by
    a thread while training goes on; ``fit`` waits for the last one. The copy takes as much memory as the state.

    Weights that are not finite are not written, with a warning. A NaN never becomes the best; the best is not deleted,
    and is remembered when the run is resumed. A fresh run refuses a folder that holds the checkpoints of another one.
    Ctrl-C ends the run with a checkpoint after the present step. So do SIGTERM, as schedulers and containers send it,
    and SIGUSR1 and SIGUSR2, SLURM's notice ahead of it, unless you handle these yourself; SIGTERM is then delivered
    under its old handler (exit code 143). A second signal acts at once.

    Of several processes the first writes, what one process would. Where weights are divided (``strategy="fsdp"``), each
    copies and writes its own part. Any number of processes goes on from either.

    Args:
        folder: The run's folder; made if it is missing.
        monitor: What tells the best; ``None`` is ``val_loss`` when there is validation, else no best is kept.
        mode: ``"min"``, ``"max"``, or ``"auto"`` to take the metric's own direction.
        save_best_only: At an epoch's end, write only what is the best so far.
        save_every: Write after every so many batches too, to resume in the middle of an epoch.
        keep: How many of the newest to keep beside the best.
        initial_value_threshold: Only what is better than this can be the best.

    Attributes:
        best: The best value so far.

    Raises:
        ValueError: If an argument is out of range; at the begin of training, if the name will not be logged.
        FileExistsError: Before the first step, if the folder holds another run.
        BlockingIOError: Before the first step, if another run that lives uses the folder; names its process.
        OSError: Before the first step, if the folder cannot be written; at the end, if the last state could not be
            saved. Names the path and the reason.

    Example:
        >>> ModelCheckpoint("runs/mnist", monitor="val_accuracy", keep=1).best_path is None
        True
    """

    makes_files = True
    order = 2  # last, so a checkpoint holds what every other callback has seen

    @suggests_arguments
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        mode: str = "auto",
        save_best_only: bool = False,
        save_every: int | None = None,
        keep: int = 3,
        initial_value_threshold: float | None = None,
    ) -> None:
        for name, value in (("keep", keep), ("save_every", 1 if save_every is None else save_every)):
            check_count(f"{name} of ModelCheckpoint", value, such_as=3)
        self.folder = Path(folder).expanduser()
        self.monitor = monitor
        self.mode = mode
        self.save_best_only = save_best_only
        self.save_every = save_every
        self.keep = keep
        self.initial_value_threshold = initial_value_threshold
        self.best: float | None = initial_value_threshold
        watch = Monitor("val_loss" if monitor is None else monitor, mode, owner="ModelCheckpoint")  # checks the mode
        self._watch = None if monitor is None else watch
        self._best_step: int | None = None
        self._last_step: int | None = None
        self._saved_at: tuple[int, int] | None = None
        self._is_ours = False  # whether the checkpoints in the folder are this run's
        self._place = self.folder  # where it is, whatever becomes the working folder
        self._lock = RunLock(self._place)
        self._sound: dict[Path, Any] = {}  # the checkpoints that were verified
        self._failure: OSError | None = None  # why the last save failed; None if it did not
        self._writer: checkpoint.BackgroundWriter[_Tidied] = checkpoint.BackgroundWriter()
        self._talk: Any = None  # in which the processes agree on this one's files, where each writes its part
        self._in_flight: _Remembered | None = None  # what to go back to if the save that is under way fails

    @property
    def best_path(self) -> Path | None:
        """The checkpoint of the best epoch; ``None`` while there is none."""
        self._settle()
        return self._existing(self._best_step)

    @property
    def last_path(self) -> Path | None:
        """The checkpoint that was written last; ``None`` while there is none."""
        self._settle()
        return self._existing(self._last_step)

    def _existing(self, step: int | None) -> Path | None:
        if step is None or not (self._place / checkpoint.step_name(step)).is_dir():
            return None
        return self.folder / checkpoint.step_name(step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.monitor is None:
            known = "val_loss" in self.trainer.monitors
            self._watch = Monitor("val_loss", self.mode, owner="ModelCheckpoint") if known else None
        if self._watch is not None:
            self._watch.resolve(self.trainer)
        elif self.save_best_only:
            raise ValueError(
                "ModelCheckpoint has save_best_only=True, and without validation there is no best. Pass "
                "validation_data or validation_split to fit, or name a monitor."
            )
        self.best, self._best_step, self._last_step = self.initial_value_threshold, None, None
        self._saved_at = self._failure = None
        self._claim_folder()
        if self.trainer.shards:  # saves of several, and trainer.save, go on at the same time
            self._talk = self.trainer.group.apart()
        self.trainer.signals.listen(*NOTICES)

    def _claim_folder(self) -> None:
        """Make the folder this run's alone, and find out that it can be written before anything is trained."""
        self._refuse_twins()
        self._place = self.folder.absolute()
        with self.trainer.group.as_one():
            if self.trainer.group.is_first:  # one process writes
                self._take_folder()

    def _take_folder(self) -> None:
        self._lock, self._sound = RunLock(self._place), {}
        try:
            make_folders(self._place)
            self._take_lock()
            checkpoint.check_writable(self._place)
            checkpoint.remove_leftovers(self._place)
            self._keep_answers()
        except OSError as error:
            if error.errno is None:  # ours, which says everything
                raise
            raise OSError(
                error.errno,
                f"ModelCheckpoint cannot write to this folder: {error.strerror or error}. Nothing was trained. Choose "
                "another folder, or make this one writable",
                str(self.folder),
            ) from error

    def _keep_answers(self) -> None:
        """What a person said of this run in its card stays said, when it goes on and writes its record anew."""
        try:
            before = RunRecord.load(self._place / "run.json").answers
        except (OSError, ValueError):
            return
        card = before.get("card")
        if isinstance(card, dict):  # by which a card is known again that somebody wrote in; its pictures are old
            before["card"] = {name: value for name, value in card.items() if name == "sha256"}
        self.trainer.record.answers = before | self.trainer.record.answers

    def _refuse_twins(self) -> None:
        for other in self.trainer._hooks.callbacks:
            if isinstance(other, ModelCheckpoint) and other is not self and _same(other.folder, self.folder):
                raise ValueError(
                    f"Two ModelCheckpoints write to {self.folder}, and each would delete what the other keeps. "
                    "Give each a folder of its own, or keep one of them."
                )

    def _take_lock(self) -> None:
        if note := self._lock.take():
            self.trainer._note(note)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._is_ours:
            return
        with self.trainer.group.as_one():
            if self.trainer.group.is_first:
                self._refuse_another_run()
                self._write_record()
        self._is_ours = True

    def _refuse_another_run(self) -> None:
        if found := checkpoint.newest(self._place):
            raise FileExistsError(
                f"{self.folder} holds the checkpoints of another run, the newest {found.name}. Nothing was trained. "
                f"Pass resume={str(self.folder)!r} to fit to go on with that run, or choose another folder."
            )

    def _write_record(self) -> None:
        self.trainer.record.save(self._place / "run.json")

    def on_train_batch_end(self, batch: int, logs: BatchLogs | None = None) -> None:
        state = self.trainer.state
        if self.save_every is None or state.step % self.save_every:
            return
        if state.batch != state.steps_per_epoch or self.save_best_only:  # else the epoch's end writes this step
            self._save()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._settle()
        self._go_by_the_first()
        value = None if self._watch is None else self._watch.read(logs or {})
        is_best = self._is_best(value)
        if is_best or not self.save_best_only:
            self._save(value if is_best else None)

    def on_interrupt(self, logs: Logs | None = None) -> None:
        self._go_by_the_first()
        if self._is_ours and self._saved_at != _position(self.trainer.state):
            self._save()

    def _go_by_the_first(self) -> None:
        """Take over what the first of several processes knows, which alone hears how a save of whole weights ended."""
        names = ("best", "_best_step", "_last_step", "_saved_at", "_is_ours")
        vars(self).update(self.trainer.group.gather({name: getattr(self, name) for name in names})[0])

    def _is_best(self, value: float | None) -> bool:
        if self._watch is None or value is None:
            return False
        return self._watch.improved(value, self._watch.worst if self.best is None else self.best)

    def _save(self, best: float | None = None) -> None:
        """Write the present step's checkpoint, as the best with this value if there is one; delete what is not kept."""
        self._settle()
        name = _first_not_finite(self.model)
        if name is not None:
            warnings.warn(
                f"No checkpoint was written at step {self.trainer.state.step}: the parameter {name} is not finite. "
                "Look for NaN in the data, lower learning_rate, or set max_grad_norm.",
                stacklevel=2,
            )
            return
        before = _Remembered(self.best, self._best_step, self._last_step)
        self._last_step = self.trainer.state.step
        if best is not None:
            self.best, self._best_step = best, self._last_step
        try:
            contents = self.trainer.packed(self._talk)  # of several processes each gives its part
            self._keep_folder()
            if self.trainer.group.is_first or self.trainer.shards:
                work = self._work(self._last_step)
                if contents.size < IN_THE_BACKGROUND:
                    self._written(work(contents))
                else:
                    self._writer.start(partial(work, self._writer.copied(contents)))
                    self._in_flight = before
        except OSError as error:
            self._failed(error, before)
            return
        self._saved_at = _position(self.trainer.state)
        self._is_ours = True

    def _work(self, step: int) -> Callable[[checkpoint.Whole | checkpoint.Part], _Tidied]:
        """What writes a checkpoint and, in the process that writes alone or first, deletes what is not kept."""
        place = self._place / checkpoint.step_name(step)
        if not self.trainer.group.is_first:
            return partial(_write, place)
        spare = {step for step in (self._best_step, self._last_step) if step is not None}
        prune = partial(checkpoint.prune, self._place, self.keep, spare, self._sound)
        return partial(_write, place, prune=prune, known=self._sound)

    def _settle(self) -> None:
        """Wait for a save that is under way, and take in how it ended."""
        before, self._in_flight = self._in_flight, None
        if before is None:
            return
        try:
            tidied = self._writer.result()
        except OSError as error:
            self._failed(error, before)
            return
        assert tidied is not None
        self._written(tidied)

    def _failed(self, error: OSError, before: _Remembered) -> None:
        step = self._last_step
        self.best, self._best_step, self._last_step = before
        self._saved_at = None
        if self._failure is None:  # said once, when it begins to fail
            self.trainer._note(
                f"No checkpoint was written at step {step}. {error} Training goes on, and the next save tries again."
            )
        self._failure = error

    def _written(self, tidied: _Tidied) -> None:
        """Bring the record up to date, and say what is wrong with older checkpoints."""
        self._failure = None
        for damage in tidied.damages:
            self.trainer._note(f"{damage} An older checkpoint is kept in its stead.")
        try:
            if self.trainer.group.is_first:
                self._write_record()
            if tidied.error is not None:
                raise tidied.error
        except OSError as error:
            self.trainer._note(f"The checkpoint of step {self._last_step} is written, but: {error}")

    def _keep_folder(self) -> None:
        """Take the folder again if somebody removed or moved it.

        Raises:
            OSError: If it cannot be taken.
        """
        with self.trainer.group.as_one():
            if self.trainer.group.is_first:
                self._take_folder_again()

    def _take_folder_again(self) -> None:
        if self._lock.is_held():
            return
        if not self._place.exists():
            make_folders(self._place)
            self.trainer._note(
                f"{self._place} was removed or moved while this run wrote to it. It was made again, without the "
                "checkpoints that were in it."
            )
        self._take_lock()

    def on_train_end(self, logs: Logs | None = None) -> None:
        try:
            self._settle()
            try:
                if self._is_ours and self._lock.is_held():
                    self._write_record()
            finally:
                self._raise_failure()
        finally:
            self._writer.close()
            if self._talk is not None:
                self.trainer.group.leave(self._talk)
            self._is_ours, self._talk = False, None
            self._lock.release()

    def _raise_failure(self) -> None:
        """Raise if the last save failed: what the run ends with is in memory only."""
        failure, self._failure = self._failure, None
        if failure is not None:
            error = OSError(
                f"The last state of this run could not be saved in {self.folder}. {failure} The history is complete, "
                "and the weights are in memory: trainer.save writes them to another folder."
            )
            error.errno = failure.errno
            raise error from failure

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_step": self._best_step, "last_step": self._last_step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self._best_step, self._last_step = state["best"], state["best_step"], state["last_step"]
        self._is_ours = self.trainer.group.gather(self._existing(self.trainer.state.step) is not None)[0]


class _Remembered(NamedTuple):
    """What stood before a save."""

    best: float | None
    best_step: int | None
    last_step: int | None


class _Tidied(NamedTuple):
    """How older checkpoints were found once a new one stood.

    Attributes:
        damages: What is wrong with them.
        error: Why those that are not kept could not be deleted, which the next save tries again.
    """

    damages: Sequence[str] = ()
    error: OSError | None = None


def _write(
    place: Path,
    contents: checkpoint.Whole | checkpoint.Part,
    *,
    prune: Callable[[], Sequence[str]] = tuple,
    known: dict[Path, Any] | None = None,
) -> _Tidied:
    """Write a checkpoint and delete what is not kept; in whatever thread.

    Raises:
        OSError: If it could not be written.
    """
    checkpoint.commit(place, contents, replace=True)  # an epoch's end replaces its batch's
    try:
        if known is not None and isinstance(contents, checkpoint.Part):  # whoever wrote a part has read it back
            known[place] = checkpoint.look_of(place)
        return _Tidied(prune())
    except OSError as error:
        return _Tidied(error=error)


def _position(state: TrainingState) -> tuple[int, int]:
    return state.epoch, state.step


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


@torch.no_grad()
def _first_not_finite(model: nn.Module) -> str | None:
    """Return the name of the first parameter that is not finite. One host read, unless there is one."""
    named = [(name, one) for name, one in model.named_parameters() if one.is_floating_point() and one.numel()]
    if not named:
        return None
    norms = torch._foreach_norm([one for _, one in named])
    finite = torch.stack([norm.isfinite().to(norms[0].device) for norm in norms])
    if bool(finite.all()):
        return None
    return next((name for name, one in named if not bool(one.isfinite().all())), None)  # a norm alone may overflow
