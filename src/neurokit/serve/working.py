"""Working: a thread of its own for what takes long, so that the event loop goes on answering."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


class Worker(Generic[Given, Result]):
    """One thread that calls a function, one call after the other. It begins with the first call.

    It is a daemon, unlike those of ``concurrent.futures``: a call that takes minutes keeps no process from ending.

    Args:
        function: What it calls.
        name: What the thread is called.
    """

    def __init__(self, function: Callable[[Given], Result], name: str) -> None:
        self._function, self._name = function, name
        self._calls: SimpleQueue[tuple[Given, Future[Result]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, given: Given) -> Future[Result]:
        """Have the function called, and return what will hold its result."""
        found: Future[Result] = Future()
        self._calls.put((given, found))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        return found

    async def __call__(self, given: Given) -> Result:
        """Return what the function makes of it, or raise what it raises."""
        return await asyncio.wrap_future(self.begin(given))

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            given, found = call
            if not found.set_running_or_notify_cancel():
                continue
            try:
                found.set_result(self._function(given))
            except BaseException as error:  # the thread lives on, and whoever waits is told
                found.set_exception(error)
            del call, given, found  # rows are not kept until the next call

    def close(self) -> None:
        """Let the thread end once it has nothing to do. A later call begins another."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None
