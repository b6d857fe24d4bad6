from __future__ import annotations

import asyncio
import threading
from typing import Any

from neurokit.serve.batching import Batcher
from neurokit.serve.errors import RequestError


class Model:
    """Answers rows by doubling them, once it is let."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, rows: list[Any]) -> list[dict[str, Any]]:
        self.begun.set()
        assert self.go.wait(10)
        self.sizes.append(len(rows))
        if "bad" in rows:
            raise RequestError(422, "a bad row")
        return [{"prediction": 2 * one} for one in rows]


def _submitted(batcher: Batcher, rows: list[Any]) -> asyncio.Future[Any]:
    """What will hold the answers, or the refusal."""
    try:
        return batcher.submit(rows)
    except RequestError as error:
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused


def _run(model: Model, requests: list[list[Any]], **limits: int) -> list[Any]:
    """The answers to requests of which the first finds the model idle and the others find it at work."""

    async def main() -> list[Any]:
        batcher = Batcher(model, **{"batch_rows": 100, "queued_rows": 1000, **limits})
        told = [_submitted(batcher, requests[0])]
        assert await asyncio.to_thread(model.begun.wait, 10)
        told += [_submitted(batcher, one) for one in requests[1:]]
        model.go.set()
        answers = await asyncio.gather(*told, return_exceptions=True)
        await batcher.close()
        return list(answers)

    return asyncio.run(main())


def _numbers(answer: list[dict[str, Any]]) -> list[Any]:
    return [one["prediction"] for one in answer]


def test_requests_that_arrive_while_the_model_works_go_together_in_order() -> None:
    model = Model()

    answers = _run(model, [[1], [2, 3], [4], [5, 6, 7]])

    assert [_numbers(one) for one in answers] == [[2], [4, 6], [8], [10, 12, 14]]
    assert model.sizes == [1, 6]


def test_a_batch_is_no_larger_than_it_may_be() -> None:
    model = Model()

    _run(model, [[0], [1, 1], [2, 2], [3, 3]], batch_rows=4)

    assert model.sizes == [1, 4, 2]


def test_without_batching_each_request_goes_alone() -> None:
    model = Model()

    answers = _run(model, [[1], [2, 3], [4]], batch_rows=1)

    assert model.sizes == [1, 2, 1]
    assert _numbers(answers[1]) == [4, 6]


def test_a_bad_request_fails_alone() -> None:
    answers = _run(Model(), [[1], [2], ["bad"], [3]])

    assert [_numbers(one) for one in (answers[0], answers[1], answers[3])] == [[2], [4], [6]]
    assert isinstance(answers[2], RequestError)


def test_what_is_too_much_is_asked_to_come_again() -> None:
    answers = _run(Model(), [[1], [1] * 8, [2] * 3], queued_rows=10)

    assert isinstance(answers[2], RequestError)
    assert (answers[2].status, answers[2].headers) == (503, {"Retry-After": "1"})
    assert _numbers(answers[1]) == [2] * 8


def test_requests_that_wait_are_counted_as_well() -> None:
    answers = _run(Model(), [[1], [2], [3], [4]], queued_requests=2)

    assert isinstance(answers[3], RequestError)
    assert [_numbers(one) for one in answers[:3]] == [[2], [4], [6]]


def test_whoever_left_is_not_computed_for_and_takes_no_place() -> None:
    model = Model()

    async def main() -> None:
        batcher = Batcher(model, batch_rows=100, queued_rows=1000, queued_requests=2)
        first = batcher.submit([1])
        assert await asyncio.to_thread(model.begun.wait, 10)
        second, third = batcher.submit([2]), batcher.submit([3])
        second.cancel()
        fourth = batcher.submit([4])
        model.go.set()
        assert [_numbers(await one) for one in (first, third, fourth)] == [[2], [6], [8]]
        await batcher.close()

    asyncio.run(main())
    assert model.sizes == [1, 2]


def test_what_waits_is_answered_when_it_closes() -> None:
    model = Model()

    async def main() -> list[Any]:
        batcher = Batcher(model, batch_rows=1, queued_rows=1000)
        answers = [batcher.submit([number]) for number in range(3)]
        model.go.set()
        await batcher.close()
        return [_numbers(one.result()) for one in answers]

    assert asyncio.run(main()) == [[0], [2], [4]]
