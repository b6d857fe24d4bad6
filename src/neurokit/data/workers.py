"""Workers: a torch DataLoader of ours with the user's worker processes, which says what a failing one was doing."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import shutil
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, Protocol

import torch
from torch.utils.data import DataLoader, get_worker_info

from neurokit.devices import has_streams

logger = logging.getLogger("neurokit")

_SETTINGS = ("num_workers", "pin_memory", "multiprocessing_context", "prefetch_factor", "persistent_workers")
_TIMEOUT = 300.0  # seconds that a batch may take where the user's DataLoader sets no limit
_POLL = 5.0  # seconds between two looks at whether the workers live: no signal tells of one that exits with 0
WHOLE, COLLATING, DONE = -1, -2, -3  # places in a batch that are no sample's


class Asked(NamedTuple):
    """One batch, as the workers are asked for it.

    Attributes:
        number: Batches asked for before it by this process, and one.
        keys: What the sampler gave.
    """

    number: int
    keys: list[Any]


class Progress:
    """Where a process stands in its batches. A worker's is in shared memory: the main process reads it after its death.

    Args:
        cells: The number of the batch, 0 before the first; the place in it; when it began, in ns of a monotonic clock.
    """

    def __init__(self, cells: MutableSequence[int] | None = None) -> None:
        self._cells = [0, DONE, 0] if cells is None else cells

    def begin(self, number: int) -> None:
        """Note that a batch begins."""
        self._cells[0], self._cells[1], self._cells[2] = number, WHOLE, time.monotonic_ns()

    def reach(self, place: int) -> None:
        """Note the sample that is read now, by its position in the batch, or one of the other places."""
        self._cells[1] = place  # 0.1 us: it comes with every sample

    @property
    def number(self) -> int:
        """The batch that was begun last."""
        return self._cells[0]

    @property
    def place(self) -> int:
        """The place in it."""
        return self._cells[1]

    @property
    def began(self) -> int:
        """When it began."""
        return self._cells[2]


class Source(Protocol):
    """What a Reader reads: a wrapper of the user's dataset that makes whole batches and notes its progress."""

    dataset: Any
    progress: Progress

    def told(self, keys: list[Any] | None, number: int, place: int) -> str:
        """Say what is done at a place of a batch, as in "reading sample 3"."""
        ...


class Reader:
    """What a DataLoader yields, read from a wrapper of its dataset with its workers.

    A worker that dies, or gives nothing within the DataLoader's timeout (300 s where it sets none), is an error that
    names it and the samples it held. Such an error is raised where the next batch is asked for and nowhere else,
    though torch's comes whenever the process ends: in the middle of an update, or of a checkpoint.

    Args:
        description: The user's DataLoader.
        dataset: The wrapper.
        workers: How many workers read; ``None`` is the user's number.
        **arguments: How it makes batches, in DataLoader's own words.
    """

    def __init__(
        self, description: DataLoader[Any], dataset: Any, *, workers: int | None = None, **arguments: Any
    ) -> None:
        self.description, self.dataset, self.arguments = description, dataset, arguments
        self.num_workers = description.num_workers if workers is None else workers
        self._stays = description.persistent_workers and workers is None
        self._working: list[_Crew] = []
        self._resting: _Crew | None = None  # workers that stay, between two passes

    def in_one_worker(self, **changes: Any) -> Reader:
        """Return a Reader for a look: one worker where there are any, since a dataset may open files in its own."""
        return Reader(self.description, self.dataset, workers=min(1, self.num_workers), **self.arguments | changes)

    def __iter__(self) -> Iterator[Any]:
        if not self.num_workers:
            settings = dict.fromkeys(("multiprocessing_context", "prefetch_factor"))
            yield from self._make(self._asking(), **settings, persistent_workers=False)
            return
        crew = self._engage()
        self._working.append(crew)
        complete = False
        try:
            for item in crew:
                if isinstance(item, Failure):
                    item.reraise()
                yield item
            complete = True
        finally:
            if crew in self._working:
                self._working.remove(crew)
            if complete and crew.stays and self._resting is None:
                self._resting = crew
            else:
                crew.end()

    def close(self) -> None:
        """End every worker, also of a pass that someone still holds."""
        for crew in (*self._working, *([self._resting] if self._resting else [])):
            crew.end()
        self._working, self._resting = [], None

    def _engage(self) -> _Crew:
        """The workers that stayed, if they answer; else new ones."""
        crew, self._resting = self._resting, None
        if crew is not None:
            if crew.begin():
                return crew
            crew.end()
            logger.warning("%s: others take their place.", crew.why or "The workers that stayed do not answer")
        # Workers that stay serve one pass at a time: a pass within a pass gets others.
        stays = self._stays and not self._working
        board = torch.zeros(self.num_workers + 1, 3, dtype=torch.int64).share_memory_()
        limit = float(self.description.timeout) or _TIMEOUT
        asked, start = self._asking(), _WorkerStart(board, self.description.worker_init_fn)
        timeout = min(limit, _POLL)
        loader = self._make(asked, timeout=timeout, worker_init_fn=start, persistent_workers=stays)
        return _Crew(loader, board, limit, asked)

    def _asking(self) -> _Asking | None:
        """The user's batches in numbers; ``None`` for a stream, of which nothing is asked by index."""
        batches = self.arguments.get("batch_sampler")
        ahead = (self.description.prefetch_factor or 2) * self.num_workers
        return None if batches is None else _Asking(batches, 2 * ahead + 2)

    def _make(self, asked: _Asking | None, **changes: Any) -> DataLoader[Any]:
        settings = {name: getattr(self.description, name) for name in _SETTINGS} | {"num_workers": self.num_workers}
        settings["pin_memory"] &= _pins()
        arguments = self.arguments | ({} if asked is None else {"batch_sampler": asked})
        # Without a generator of its own, a DataLoader draws from the global stream.
        return DataLoader(self.dataset, generator=torch.Generator(), **settings | arguments | changes)


class _Asking:
    """A batch sampler's batches, numbered; the last few, which a worker may still hold, are remembered."""

    def __init__(self, batches: Iterable[list[Any]], kept: int) -> None:
        self.batches, self.kept, self.count = batches, kept, 0
        self.recent: dict[int, list[Any]] = {}

    def __iter__(self) -> Iterator[Asked]:
        for keys in self.batches:
            self.count += 1
            self.recent[self.count] = keys
            self.recent.pop(self.count - self.kept, None)
            yield Asked(self.count, keys)


class _Crew:
    """The worker processes of one DataLoader, and the batches of the pass they are at."""

    def __init__(self, loader: DataLoader[Any], board: torch.Tensor, limit: float, asked: _Asking | None) -> None:
        self._loader, self._limit, self._asked = loader, limit, asked
        self.stays = loader.persistent_workers
        *rows, gate = _cells(board)
        self._progress = [Progress(cells) for cells in rows]
        self._noticed: BaseException | None = None
        self._waits_in: int | None = None  # the thread that waits for a batch
        self._owner = os.getpid()
        self._iterator: Any = _begun(loader, gate)
        self._workers: list[BaseProcess] = list(getattr(self._iterator, "_workers", ()))  # by worker id
        _crews[id(self)] = self
        _listen()
        gate[0] = 1  # no worker reads before its end would be noticed

    def begin(self) -> bool:
        """Begin another pass; tell whether all workers answer."""
        self._waits_in = threading.get_ident()
        try:
            if self._noticed is None:
                self._iterator = iter(self._loader)
        except RuntimeError as error:
            self._noticed = error
        finally:
            self._waits_in = None
        return self._noticed is None

    @property
    def why(self) -> str:
        """What became of the workers between two passes, where one ended."""
        gone = [] if self._noticed is None else self.names(self._noticed)
        return f"{self._called(gone[0])} {_how(self._workers[gone[0]].exitcode)} between two passes" if gone else ""

    def __iter__(self) -> _Crew:
        return self

    def __next__(self) -> Any:
        began = time.monotonic()
        self._waits_in = threading.get_ident()
        try:
            while True:
                if self._noticed is not None:
                    raise self._noticed
                if self._iterator is None:
                    raise RuntimeError(
                        "This pass over the data has ended with the fit, evaluation or prediction it belonged to. "
                        "Take all batches before that."
                    )
                try:
                    return next(self._iterator)
                except RuntimeError as error:
                    if not str(error).startswith("DataLoader timed out"):
                        raise
                    if time.monotonic() - began >= self._limit:  # else only a look at whether all of them live
                        raise self._timed_out() from error
        except (RuntimeError, OSError, EOFError) as error:
            self._waits_in = None  # the signal of the same death may come only now
            if gone := self.names(error) or self._broken_off(error):
                raise self._died(gone[0]) from error
            raise
        finally:
            self._waits_in = None

    def names(self, error: BaseException) -> list[int]:
        """Return the ids of this crew's workers that an error of torch's says are gone."""
        found = re.search(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)", str(error))
        pids = {int(pid) for pid in found[1].split(",")} if found else set()
        return [number for number, worker in enumerate(self._workers) if worker.pid in pids]

    def _broken_off(self, error: BaseException) -> list[int]:
        """The workers whose end explains why what they sent cannot be read."""
        if isinstance(error, RuntimeError):
            return []
        ended = wait([worker.sentinel for worker in self._workers], timeout=1)
        for worker in self._workers:
            if worker.sentinel in ended:
                worker.join(1)  # its files close a moment before it has an exit code
        codes = [worker.exitcode for worker in self._workers]
        done = [one.place == DONE for one in self._progress]  # of a stream, whose workers end with it
        return [number for number, code in enumerate(codes) if code or (code == 0 and not done[number])]

    def notice(self, error: BaseException) -> bool:
        """Keep an error until the next batch is asked for; ``False`` where this very thread waits for one."""
        if self._waits_in == threading.get_ident():
            return False
        self._noticed = error
        return True

    def _died(self, number: int) -> RuntimeError:
        worker, progress = self._workers[number], self._progress[number]
        worker.join(1)
        return RuntimeError(
            f"{self._called(number)} {_how(worker.exitcode)} while it was {self._doing(progress)}. "
            f"{_hint(worker.exitcode, len(self._workers), progress.number == 0)}"
        )

    def _timed_out(self) -> RuntimeError:
        """Of the workers that are at a batch, the one that has been longest; end them all, since they will not."""
        busy = [number for number, one in enumerate(self._progress) if one.place != DONE]
        number = min(busy or range(len(self._workers)), key=lambda one: self._progress[one].began)
        doing = self._doing(self._progress[number])
        self._waits_in = None  # the ends that follow are ours
        for one in busy:
            self._workers[one].terminate()  # torch's workers then exit with 0, wherever they are
        return RuntimeError(
            f"{self._called(number)} gave nothing for {self._limit:g} s and is still {doing}. If it only needs longer, "
            f"say so: DataLoader(..., timeout={max(3600, math.ceil(10 * self._limit))}). If it hangs, look for a lock, "
            "a network drive or threads in the dataset: num_workers=0 shows where."
        )

    def _doing(self, progress: Progress) -> str:
        """Say what a worker was doing, and which samples were asked of it last."""
        if progress.number == 0:
            return "waiting for its first batch" if progress.place == DONE else "starting, before its first batch"
        keys = None if self._asked is None else self._asked.recent.get(progress.number)
        source: Any = self._loader.dataset
        return source.told(keys, progress.number, progress.place)  # type: ignore[no-any-return]

    def _called(self, number: int) -> str:
        return f"DataLoader worker {number} of {len(self._workers)} (pid {self._workers[number].pid})"

    def end(self) -> None:
        """End the workers: those that read finish within 5 s, or are terminated."""
        if self._iterator is None or os.getpid() != self._owner:  # a fork of the user's has only copies
            return
        iterator, self._iterator = self._iterator, None
        self._loader._iterator = None
        _shut_down(iterator)


def _pins() -> bool:
    """Tell whether there is a device to pin memory for: without one, torch warns in each pass."""
    device = torch.accelerator.current_accelerator(check_available=True)
    return device is not None and has_streams(device)


# From Python 3.12 on filelock, which torch loads, refuses a fork while another thread forks. So one loader starts its
# workers at a time; one whose sampler is slow to begin holds up the others.
_starting = threading.RLock()


def _start_anew() -> None:
    """Let the child of a fork start workers, whoever held the lock in its parent."""
    global _starting
    _starting = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def _begun(loader: DataLoader[Any], gate: MutableSequence[int]) -> Any:
    """Begin a pass. Where that fails, in the user's sampler as a rule, no worker that has started is left."""
    try:
        with _starting:
            return iter(loader)
    except BaseException as error:
        gate[0] = 1
        for frame, _ in traceback.walk_tb(error.__traceback__):
            _shut_down(frame.f_locals.get("self"))
        raise


def _shut_down(iterator: Any) -> None:
    """End the workers of a DataLoader's iterator now: a traceback may keep it, and so them, alive for long."""
    if (shut_down := getattr(iterator, "_shutdown_workers", None)) is not None:
        shut_down()


_crews: weakref.WeakValueDictionary[int, _Crew] = weakref.WeakValueDictionary()


class _Doorkeeper:
    """Stands before torch's SIGCHLD handler, whose error would come between any two lines of the main thread.

    Args:
        earlier: The handler that was there.
    """

    def __init__(self, earlier: Callable[[int, Any], Any]) -> None:
        self.earlier = earlier

    def __call__(self, signum: int, frame: Any) -> None:
        try:
            self.earlier(signum, frame)
        except RuntimeError as error:
            crew = next((crew for crew in list(_crews.values()) if crew.names(error)), None)
            if crew is None or not crew.notice(error):
                raise


def _listen() -> None:
    """Take our place before the handler, which torch installs with its first workers and never removes."""
    if hasattr(signal, "SIGCHLD") and threading.current_thread() is threading.main_thread():
        earlier = signal.getsignal(signal.SIGCHLD)
        if callable(earlier) and not isinstance(earlier, _Doorkeeper):
            signal.signal(signal.SIGCHLD, _Doorkeeper(earlier))


def _how(exitcode: int | None) -> str:
    if exitcode is None:
        return "is gone"
    return f"exited with code {exitcode}" if exitcode >= 0 else f"was killed by {_signal(exitcode)}"


def _signal(exitcode: int | None) -> str:
    """The name of the signal that ended a process; empty where none did."""
    if exitcode is None or exitcode >= 0:
        return ""
    try:
        return signal.Signals(-exitcode).name
    except ValueError:
        return f"signal {-exitcode}"


def _hint(exitcode: int | None, workers: int, starting: bool) -> str:
    """What as a rule is behind such an end, and what to do."""
    name = _signal(exitcode)
    fewer = f"fewer workers than num_workers={workers}" if workers > 1 else "num_workers=0"
    if name in ("SIGKILL", "SIGBUS"):
        return (
            f"The system does this when memory runs out{_memory()}. Pass {fewer}, a smaller prefetch_factor or smaller "
            "batches; in a container, give it a larger /dev/shm (docker run --shm-size=8g)."
        )
    if name == "SIGTERM":
        return "Someone ended it: a scheduler, a container or a script."
    if name:
        return (
            "Native code that the dataset calls crashed. num_workers=0 under python -X faulthandler shows where; a "
            "library that does not survive a fork needs DataLoader(..., multiprocessing_context='spawn'). Memory may "
            f"also be short{_memory()}: pass {fewer}."
        )
    if starting:
        return (
            "It could not start: its own error is above. Where workers are spawned, what trains stands in the script "
            "under if __name__ == '__main__', and the dataset must be one that can be pickled."
        )
    return "Something the dataset calls ended the process (os._exit, sys.exit): num_workers=0 shows where."


def _memory() -> str:
    """What is free now, where the system says."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        shared = shutil.disk_usage("/dev/shm")
        return f" ({free:.1f} GB free now; /dev/shm has {shared.free / 1e9:.1f} of {shared.total / 1e9:.1f} GB free)"
    return ""


class Failure:
    """An exception on its way from a worker: itself where it can travel, its traceback as text.

    torch makes a new one from the text alone, which fails for a class that takes other arguments.
    """

    def __init__(self, error: Exception) -> None:
        self.text = "".join(traceback.format_exception(error))
        self.error, self.notes = _portable(error), list(error.__notes__)

    def reraise(self) -> None:
        """Raise the exception here, its notes on it, its traceback in the worker as its cause."""
        self.error.__notes__ = self.notes
        raise self.error from _InWorker(self.text)


class _InWorker(Exception):  # noqa: N818  it is shown as a cause and never caught
    """The traceback that an exception had in a worker."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _portable(error: Exception) -> Exception:
    """The exception, where the main process can rebuild it; else one of its nearest base class that can be."""
    text = f"{type(error).__name__}: {error}"
    kinds = [kind for kind in type(error).__mro__ if issubclass(kind, Exception) and kind is not Exception]
    for kind in kinds:
        with contextlib.suppress(Exception):
            one = error if kind is type(error) else kind(text)
            ForkingPickler.dumps(one)
            reduced: Any = one.__reduce__()
            if type(reduced[0](*reduced[1])) is kind:
                return one
    return RuntimeError(text)


class _WorkerStart:
    """What a worker does first: show the user's dataset as ``get_worker_info().dataset``, then what the user asks."""

    def __init__(self, board: torch.Tensor, user_function: Callable[[int], None] | None) -> None:
        self.board, self.user_function = board, user_function

    def __call__(self, worker_id: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all: what it means, the trainer says
        info = get_worker_info()
        assert info is not None
        source: Any = info.dataset
        *rows, gate = _cells(self.board)
        source.progress = progress = Progress(rows[worker_id])
        parent = os.getppid()
        while not gate[0] and os.getppid() == parent:
            time.sleep(0.001)
        # A worker_init_fn that shards the dataset it finds here would shard our wrapper, and every row come twice.
        object.__setattr__(info, "dataset", source.dataset)
        if self.user_function is not None:
            try:
                self.user_function(worker_id)
            except Exception as error:
                error.add_note(f"Raised by worker_init_fn{in_worker()}.")
                raise
        progress.reach(DONE)


def _cells(board: torch.Tensor) -> list[MutableSequence[int]]:
    """One row of a shared table for each worker, as memory that costs 30 ns to write."""
    return [memoryview(row) for row in board.numpy()]  # type: ignore[misc]


def in_worker() -> str:
    """Say in which worker this is, for the end of a sentence; nothing in the main process."""
    info = get_worker_info()
    return "" if info is None else f", in worker {info.id} (pid {os.getpid()})"
