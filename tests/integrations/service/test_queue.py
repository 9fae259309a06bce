"""Few requests wait for a model, each for a while, and those beyond are told when to come again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Answer, Job, Loaded
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.queue import ModelQueue

JOB = Job((Path("a"),), Path("folder"))


class Held:
    """A worker that answers when it is let."""

    def __init__(self) -> None:
        self.name, self.about, self.restarts, self.resident_bytes, self.is_alive = "held", Loaded(), 0, 0, True
        self.let, self.begun, self.at_once, self.started = threading.Event(), 0, 0, 0

    def start(self) -> None:
        self.started += 1
        self.is_alive = True

    def stop(self) -> None:
        pass

    def run(self, job: Job) -> Answer:
        self.begun, self.at_once = self.begun + 1, self.at_once + 1
        assert self.at_once == 1
        self.let.wait(20)
        self.at_once -= 1
        return Answer(job.files[0], "text/plain")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def run(
    test: Callable[[ModelQueue, Held], Coroutine[Any, Any, None]], threads: ThreadPoolExecutor, **limits: Any
) -> None:
    async def with_queue() -> None:
        worker = Held()
        try:
            await test(ModelQueue(worker, Limits(**{"seconds": 20, "waiting": 2, **limits}), threads), worker)
        finally:
            worker.let.set()

    asyncio.run(with_queue())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def ask(queue: ModelQueue) -> Answer:
    with queue.place():
        return await queue.run(JOB)


def test_those_beyond_the_queue_are_told_when_to_come_again(threads: ThreadPoolExecutor) -> None:
    async def test(queue: ModelQueue, worker: Held) -> None:
        three = [asyncio.create_task(ask(queue)) for _ in range(3)]
        await until(lambda: queue.taken == 3)
        with pytest.raises(Refused, match="3 requests to held are under way") as error:
            await ask(queue)
        assert (error.value.fault.status, error.value.fault.error) == (503, "QueueFull")
        assert error.value.fault.retry_after_s >= 1
        worker.let.set()
        assert len(await asyncio.gather(*three)) == 3
        assert (queue.taken, worker.begun) == (0, 3)

    run(test, threads)


def test_one_that_waits_too_long_is_told_so(threads: ThreadPoolExecutor) -> None:
    async def test(queue: ModelQueue, worker: Held) -> None:
        first = asyncio.create_task(ask(queue))
        await until(lambda: worker.begun == 1)
        with pytest.raises(Refused, match=r"The request waited 0\.1 s") as error:
            await ask(queue)
        assert error.value.fault.status == 503
        worker.let.set()
        await first

    run(test, threads, seconds=0.1)


def test_at_the_end_what_waits_is_refused_and_what_is_worked_on_is_answered(threads: ThreadPoolExecutor) -> None:
    async def test(queue: ModelQueue, worker: Held) -> None:
        first, waiting = asyncio.create_task(ask(queue)), asyncio.create_task(ask(queue))
        await until(lambda: worker.begun == 1 and queue.taken == 2)
        queue.closing = True
        worker.let.set()
        assert await first
        with pytest.raises(Refused, match="being shut down"):
            await waiting
        with pytest.raises(Refused, match="being shut down"):
            await ask(queue)
        assert worker.begun == 1

    run(test, threads)


def test_a_request_that_is_given_up_does_not_let_the_next_in_before_its_worker_is_free(
    threads: ThreadPoolExecutor,
) -> None:
    async def test(queue: ModelQueue, worker: Held) -> None:
        given_up, next_one = asyncio.create_task(ask(queue)), asyncio.create_task(ask(queue))
        await until(lambda: worker.begun == 1 and queue.taken == 2)
        given_up.cancel()
        await until(lambda: queue.taken == 1)
        assert worker.begun == 1
        worker.let.set()
        assert await next_one  # `run` of the worker sees to it that there is one at a time

    run(test, threads)


def test_a_worker_that_has_ended_is_started_again_though_nobody_asks(threads: ThreadPoolExecutor) -> None:
    async def test(queue: ModelQueue, worker: Held) -> None:
        queue.revive()
        assert worker.started == 0
        worker.is_alive = False
        queue.revive()
        await until(lambda: worker.is_alive)
        assert worker.started == 1

    run(test, threads)
