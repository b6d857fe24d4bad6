"""Several: the processes that train together. What one of them says to all, and what is said when one falls silent."""

from __future__ import annotations

import atexit
import builtins
import gc
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from neurokit.distributed import environment, private
from neurokit.distributed.meeting import meet
from neurokit.processes import Group

_LAST = 0.1  # seconds for the group's threads to let go of what is Python's
_GRACE = 3.0  # seconds in which the others are given to say that they, too, are stuck


class Several(Group):
    """One of several processes, each with a rank.

    Args:
        device: Where tensors are that are added up.
    """

    is_several = True
    _now: ClassVar[Several | None] = None

    def __init__(self, device: torch.device) -> None:
        self._owned = not dist.is_initialized()
        if self._owned:
            meet(device)
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.is_first = self.rank == 0
        self.device = device
        # Small things are said over the CPU, so that saying them never waits for a GPU.
        plain = dist.get_backend() == "gloo"
        self._talk: Any = None if plain else dist.new_group(backend="gloo", timeout=environment.patience())
        self._files: Any = None
        self._store = private.default_store()
        self._store.set(f"neurokit/at/{self.rank}", f"process {os.getpid()} on {socket.gethostname()}")
        self._number = 0  # of what is done together, the same in every process
        self._depth = 0
        self._failed: int | None = None  # what was done when this process failed by itself
        self._is_by_itself = False  # whether the others do something else
        self.is_broken = False
        if not self.is_first:  # one process speaks
            logging.getLogger("neurokit").addFilter(_is_grave)
        if self._owned:
            atexit.register(_leave)

    def gather(self, value: Any) -> list[Any]:
        """Return what each process passed, by rank. The processes of one job trust each other: torch pickles it."""
        self._refuse_broken()
        found: list[Any] = [None] * self.world
        with self._watching():
            dist.all_gather_object(found, value, group=self._talk)
        return found

    def highest(self, numbers: Sequence[int]) -> list[int]:
        """Return the highest that any process passed, place by place."""
        self._refuse_broken()
        found = torch.tensor(numbers)
        with self._watching():
            dist.all_reduce(found, dist.ReduceOp.MAX, group=self._talk)
        return [int(one) for one in found]

    @property
    def files(self) -> Any:
        """The group in which files are agreed on, beside what training says; made when all first ask for it."""
        if self._files is None:
            self._files = self.apart()
        return self._files

    def apart(self) -> Any:
        """Return a group of its own for what is said beside the others: in one, messages are told apart by order."""
        return dist.new_group(backend="gloo", timeout=environment.patience())

    def leave(self, group: Any) -> None:
        """Give up what ``apart`` returned."""
        dist.destroy_process_group(group)

    def add_up(self, tensor: Tensor) -> Tensor:
        """Return the sum of every process's tensor, on its device, which need not be waited for."""
        total = tensor.detach().clone()
        dist.all_reduce(total)
        return total

    def average(self, gradients: Sequence[Tensor], share: Tensor | float) -> None:
        """Replace gradients by their sum over the processes, each times its share: one message for each dtype."""
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for gradient in gradients:
            by_dtype.setdefault(gradient.dtype, []).append(gradient)
        for alike in by_dtype.values():
            flat = torch.cat([gradient.reshape(-1) for gradient in alike])
            dist.all_reduce(shared(flat, share))
            pieces = flat.split([gradient.numel() for gradient in alike])
            torch._foreach_copy_(alike, [piece.view_as(one) for piece, one in zip(pieces, alike, strict=True)])

    # ------------------------------------------------------------------------------------------------ what goes wrong

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Run what the processes do together.

        An exception here is told to the others, who would wait for this process. One that comes from waiting for
        another process says which one fell silent, and why where it has told.
        """
        self._depth += 1
        if self._depth == 1:
            self._number += 1
            self._refuse_out_of_step()
        try:
            yield
        except GeneratorExit:  # predictions that nobody reads to their end
            raise
        except BaseException as error:
            if self._depth > 1:
                raise
            if not (self.is_broken or private.is_broken_talk(error)):
                self._tell("failed", f"{type(error).__name__}: {error}"[:500])
                self._failed = self._number
                raise
            self.is_broken = True
            raise RuntimeError(self._why(what)) from error
        finally:
            self._depth -= 1

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """Run what may fail in one process and not in another; all wait for each other, and all raise what one did.

        Who fails by itself raises its own exception. The others raise the lowest rank's, of the same class where that
        is Python's own, with a note of where it was raised. Inside goes what this process does alone, and nothing in
        which it waits for the others.
        """
        failure: Exception | None = None
        try:
            try:
                yield
            except Exception as error:
                failure = error
            lost = failure is not None and (self.is_broken or private.is_broken_talk(failure))
            alone = lost or self._is_by_itself
            said = [] if alone else self.gather(None if failure is None else _Told.of(failure))
            if failure is not None:
                raise failure
            for rank, told in enumerate(said):
                if told is not None:
                    raise told.rebuilt(rank)
        finally:
            del failure  # whose traceback holds this frame

    @contextmanager
    def by_itself(self) -> Iterator[None]:
        """Run what this process does while the others do something else: ``as_one`` waits for nobody there."""
        before, self._is_by_itself = self._is_by_itself, True
        try:
            yield
        finally:
            self._is_by_itself = before

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Remember that the talk broke, so that nobody waits a second time."""
        try:
            yield
        except RuntimeError:
            self.is_broken = True
            raise

    def _refuse_out_of_step(self) -> None:
        """Go on after a failure only if all processes had it, as when each refuses the same argument."""
        if self._failed is None:
            return
        end = time.monotonic() + _GRACE
        while len(self._told("failed", self._failed)) < self.world and not self.is_broken:
            if time.monotonic() > end:
                self.is_broken = True
            time.sleep(0.01)
        self._refuse_broken()
        self._failed = None

    def _refuse_broken(self) -> None:
        if self.is_broken:
            raise RuntimeError(
                f"The process of rank {self.rank} has lost the others, and can do nothing with them any more. Start "
                "them anew: torchrun does so with --max-restarts 3, and fit(resume=folder) goes on."
            )

    def _tell(self, kind: str, text: str) -> None:
        """Leave a word for the others in the store, which outlives this process; where that fails, they time out."""
        with suppress(Exception):  # what is being said is another exception
            self._store.set(f"neurokit/{self._number}/{kind}/{self.rank}", text)

    def _told(self, kind: str, number: int | None = None) -> dict[int, str]:
        """What was left in the store of what is done now, or was."""
        number = self._number if number is None else number
        found = {}
        for rank in range(self.world):
            key = f"neurokit/{number}/{kind}/{rank}"
            if self._store.check([key]):
                found[rank] = self._store.get(key).decode(errors="replace")
        return found

    def _why(self, what: str) -> str:
        """Say who fell silent: one that failed has told so; of the others all that live say that they are stuck."""
        self._tell("stuck", what)
        try:
            end = time.monotonic() + _GRACE
            while not (failed := self._told("failed")) and time.monotonic() < end:
                time.sleep(0.05)
            quiet = sorted(set(range(self.world)) - self._told("stuck").keys() - failed.keys())
            silent = [f"rank {rank} ({self._store.get(f'neurokit/at/{rank}').decode()})" for rank in quiet]
        except Exception:
            failed, silent = {}, ["another rank" if self.is_first else "rank 0"]  # its machine keeps the store
        waiting = f"Rank {self.rank} was in {what} and lost the others. "
        if failed:
            rank, message = next((rank, text.rstrip(".")) for rank, text in failed.items())
            return (
                f"{waiting}Rank {rank} failed with {message}. Its own traceback says where; mend that and start anew."
            )
        if not silent:
            return (
                f"{waiting}All of them wait, for different things. Look for what depends on the rank: a callback, a "
                "save, a branch of the script."
            )
        return (
            f"{waiting}No answer came from {', '.join(silent)}: it was killed (out of memory?), its "
            "machine is gone, or it hangs. Look at its output and at its machine; it may wait for data or be in "
            "another branch of the script. Run under torchrun --max-restarts 3 with fit(resume=folder) to go on from "
            "the newest checkpoint, and set NEUROKIT_TIMEOUT to wait for longer than "
            f"{environment.patience().total_seconds():g} s."
        )


def join(strategy: str, device: torch.device) -> Group:
    """Return the group that this process trains in: the same one for every trainer of a process."""
    if not environment.asked_for(strategy):
        return Group()
    if device.type not in ("cpu", "cuda"):
        raise ValueError(
            f"Several processes talk over the CPU or CUDA, and this device is {device}. Pass device='cpu', or start "
            "one process."
        )
    if Several._now is None or not dist.is_initialized():
        Several._now = Several(device)
    return Several._now


def shared(flat: Tensor, share: Tensor | float) -> Tensor:
    """Multiply in place by this process's share; one of nothing leaves nothing, whatever was there, NaN too."""
    if isinstance(share, Tensor):
        return flat.mul_(share).masked_fill_(share == 0, 0)
    if share == 0:
        return flat.zero_()
    return flat if share == 1 else flat.mul_(share)


class _Told(NamedTuple):
    """An exception in words, as it is sent to the others: an object of somebody's class may not survive that.

    Attributes:
        kind: The name of its class, or of the one of Python's own that it is made from.
        arguments: What that is made with.
        errno: The system's number of an ``OSError``.
        notes: What was added to it.
    """

    kind: str
    arguments: tuple[Any, ...]
    errno: int | None
    notes: list[str]

    @classmethod
    def of(cls, error: Exception) -> _Told:
        kind = next(one for one in type(error).__mro__ if one.__module__ == "builtins")
        arguments: tuple[Any, ...] = error.args
        if type(error) is not kind:
            arguments = (f"{type(error).__name__}: {error}",)
        elif isinstance(error, OSError) or any(type(one) not in (str, int, float, bool) for one in arguments):
            arguments = (str(error),)
        return cls(kind.__name__, arguments, getattr(error, "errno", None), list(getattr(error, "__notes__", ())))

    def rebuilt(self, rank: int) -> Exception:
        """Return it as the process of another rank raises it."""
        try:
            error: Exception = getattr(builtins, self.kind)(*self.arguments)
        except TypeError:  # one that takes more than words
            error = RuntimeError(f"{self.kind}: {', '.join(map(str, self.arguments))}")
        if isinstance(error, OSError):
            error.errno = self.errno
        for note in [*self.notes, f"It was raised in the process of rank {rank}."]:
            error.add_note(note)
        return error


def _leave() -> None:
    """Take the process group down while Python still runs: a thread of it that wants Python later ends in an abort."""
    group, Several._now = Several._now, None
    if group is not None:
        group._talk = group._files = group._store = None
    if dist.is_initialized():
        dist.destroy_process_group()
        gc.collect()
        time.sleep(_LAST)


def _is_grave(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING
