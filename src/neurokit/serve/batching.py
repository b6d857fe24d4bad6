"""Batching: rows of requests that arrive together, predicted together.

A request that finds the model idle is answered at once. Those that arrive while it is at work wait for it, and then go
in one batch: under load a batch grows by itself, and nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from neurokit.serve.errors import RequestError
from neurokit.serve.working import Worker

Answers = list[dict[str, Any]]


class _Waiting(NamedTuple):
    rows: list[Any]
    answer: asyncio.Future[Answers]


class Batcher:
    """Collects rows while the model is at work. Belongs to one event loop.

    Args:
        predict: From rows to one answer for each; runs in a thread of its own, one call at a time.
        batch_rows: Rows that go together at most; 1 turns batching off.
        queued_rows: Rows that may wait.
        queued_requests: Requests that may wait; ``None`` is any number.
    """

    def __init__(
        self,
        predict: Callable[[list[Any]], Answers],
        batch_rows: int,
        queued_rows: int,
        queued_requests: int | None = None,
    ) -> None:
        self._batch_rows, self._queued_rows, self._queued_requests = batch_rows, queued_rows, queued_requests
        self._waiting: deque[_Waiting] = deque()
        self._rows_waiting = 0
        self._loop_task: asyncio.Task[None] | None = None
        self.worker: Worker[list[Any], Answers] = Worker(predict, "model")
        self.batches = 0

    def submit(self, rows: list[Any]) -> asyncio.Future[Answers]:
        """Return what will hold the answers to rows, in their order. Whoever cancels it is left out.

        Raises:
            RequestError: If too much is waiting.
        """
        if self._waiting and self._is_full(len(rows)):
            self._forget_who_left()
            if self._waiting and self._is_full(len(rows)):
                raise RequestError(503, "Too much is waiting. Ask again in a second.", headers={"Retry-After": "1"})
        answer: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(rows, answer))
        self._rows_waiting += len(rows)
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._work())
        return answer

    def _is_full(self, more: int) -> bool:
        full = self._queued_requests is not None and len(self._waiting) >= self._queued_requests
        return full or self._rows_waiting + more > self._queued_rows

    def _forget_who_left(self) -> None:
        self._waiting = deque(one for one in self._waiting if not one.answer.cancelled())
        self._rows_waiting = sum(len(one.rows) for one in self._waiting)

    async def _work(self) -> None:
        while self._waiting:
            batch = self._next()
            if batch:
                await self._answer(batch)

    def _next(self) -> list[_Waiting]:
        """The requests that go together: the first, and what fits beside it. Whoever left is left out."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].rows) <= self._batch_rows):
            one = self._waiting.popleft()
            self._rows_waiting -= len(one.rows)
            if not one.answer.cancelled():
                batch.append(one)
                size += len(one.rows)
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        rows = [row for one in batch for row in one.rows]
        try:
            found = await self.worker(rows)
        except Exception as error:
            if len(batch) == 1:
                if not batch[0].answer.done():
                    batch[0].answer.set_exception(error)
                return
            for one in batch:  # one of them is to blame, and only that one fails
                await self._answer([one])
            return
        self.batches += 1
        first = 0
        for one in batch:
            if not one.answer.done():
                one.answer.set_result(found[first : first + len(one.rows)])
            first += len(one.rows)

    async def close(self) -> None:
        """Answer what waits, then let the thread go."""
        if self._loop_task is not None:
            await self._loop_task
        self.worker.close()
