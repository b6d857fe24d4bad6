"""BackgroundWriter: checkpoints written while training goes on, from a copy of the state."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch
from torch import Tensor

from neurokit.checkpoint.contents import Part, Whole

Result = TypeVar("Result")


class BackgroundWriter(Generic[Result]):
    """Does one piece of work at a time in a thread: writing and hashing release the interpreter, so that steps go on.

    A thread and no process: forking one after threads and CUDA have begun is unsafe, and takes longer.
    """

    def __init__(self) -> None:
        self._buffers: list[Tensor] = []
        self._thread: ThreadPoolExecutor | None = None
        self._work: Future[Result] | None = None

    def copied(self, contents: Whole | Part) -> Whole | Part:
        """Return contents whose tensors later steps leave alone, in memory on the host that is kept for the next time.

        Pages are fresh the first time only: then 1 GB takes a sixth of the time. A few small tensors of a state, an
        epoch's losses so far, are of another size each time.
        """
        tensors = [tensor.detach() for tensor in contents.tensors]
        kept = [self._taken(one) for one in tensors]
        self._buffers = []  # those that fit nothing any more
        self._buffers = [
            torch.empty(one.shape, dtype=one.dtype, device="cpu") if buffer is None else buffer
            for one, buffer in zip(tensors, kept, strict=True)
        ]
        for buffer, tensor in zip(self._buffers, tensors, strict=True):
            buffer.copy_(tensor)
        return contents.holding(self._buffers)

    def _taken(self, tensor: Tensor) -> Tensor | None:
        """Take a buffer that fits a tensor out of those there are."""
        fits = (
            place for place, one in enumerate(self._buffers) if (one.shape, one.dtype) == (tensor.shape, tensor.dtype)
        )
        place = next(fits, None)
        return None if place is None else self._buffers.pop(place)

    def start(self, work: Callable[[], Result]) -> None:
        """Begin a piece of work; the one before it has to be over."""
        assert self._work is None
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="neurokit-checkpoint")
        self._work = self._thread.submit(work)

    def result(self) -> Result | None:
        """Wait for the work that was begun and return what it gave, once; ``None`` where there is none.

        Raises:
            Exception: What the work raised.
        """
        work, self._work = self._work, None
        return None if work is None else work.result()

    def close(self) -> None:
        """End the thread and give the memory back. Work that was begun is waited for."""
        if self._thread is not None:
            self._thread.shutdown()
        self._thread, self._buffers = None, []
