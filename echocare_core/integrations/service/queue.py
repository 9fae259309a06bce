"""The requests to one model: few that wait, one that is worked on, and a refusal for those beyond."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Protocol

from echocare_core.errors import EchoCareError
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Answer, Job, Loaded
from echocare_core.integrations.service.limits import Limits

FIRST_GUESS_S = 1.0  # of a request, before one was answered


class Works(Protocol):
    """What answers the requests to a model, one at a time: `worker.Worker`."""

    name: str
    about: Loaded
    restarts: int

    @property
    def is_alive(self) -> bool:
        """Whether it can answer at once."""

    @property
    def resident_bytes(self) -> int:
        """Memory of its process."""

    def start(self) -> None:
        """Load the network where it is not loaded; EchoCareError where it cannot be."""

    def run(self, job: Job) -> Answer:
        """Answer one request; EchoCareError where there are no results."""

    def stop(self) -> None:
        """End, whatever it does."""


class ModelQueue:
    """The requests to one model.

    Args:
        worker: of the model.
        limits: of the service.
        threads: in which the worker is waited for; one for each model at least.

    Attributes:
        closing: whether the service ends: what waits is refused then.
        taken: requests that are received, wait, are worked on or sent back.
        is_working: whether one of them is being worked on; that one is answered even where the service ends.
    """

    def __init__(self, worker: Works, limits: Limits, threads: Executor) -> None:
        self.worker, self.closing, self.taken, self.is_working = worker, False, 0, False
        self._limits, self._threads = limits, threads
        self._turn = asyncio.Lock()
        self._usual_s = FIRST_GUESS_S
        self._reviving: asyncio.Task[None] | None = None

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, from before a request is received until its answer is sent.

        Raises:
            Refused: with 503, there is none, or the service ends.
        """
        self._check_open()
        if self.taken > self._limits.waiting:
            raise Refused(
                503,
                "QueueFull",
                f"{self.taken} requests to {self.worker.name} are under way; needed a free place. Send it again after "
                "the seconds in Retry-After.",
                self._wait_s(),
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, job: Job) -> Answer:
        """Have a request answered when its turn comes.

        Raises:
            Refused: its turn does not come in time, the service ends, or there are no results.
        """
        try:
            await asyncio.wait_for(self._turn.acquire(), self._limits.seconds)
        except (TimeoutError, asyncio.TimeoutError):
            raise Refused(
                503,
                "WaitedTooLong",
                f"The request waited {self._limits.seconds:g} s for {self.worker.name}; needed its turn. Send it again "
                "after the seconds in Retry-After.",
                self._wait_s(),
            ) from None
        try:
            self._check_open()
            begun = time.monotonic()
            running = asyncio.get_running_loop().run_in_executor(self._threads, self.worker.run, job)
        except BaseException:
            self._turn.release()
            raise
        self.is_working = True
        running.add_done_callback(self._end_turn)  # also where nobody waits for it any more
        try:
            answer = await asyncio.shield(running)
        finally:
            self._usual_s = 0.8 * self._usual_s + 0.2 * (time.monotonic() - begun)
            self.revive()
        return answer

    def revive(self) -> None:
        """Start a worker that has ended again, in the background."""
        is_at_it = self._reviving is not None and not self._reviving.done()
        if not (self.worker.is_alive or self.closing or is_at_it):
            self._reviving = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        async with self._turn:
            if not self.closing:
                try:
                    await asyncio.get_running_loop().run_in_executor(self._threads, self.worker.start)
                except EchoCareError:
                    return  # the next request tries again, and is told

    def _end_turn(self, _: asyncio.Future[Answer]) -> None:
        self.is_working = False
        self._turn.release()

    def _check_open(self) -> None:
        if self.closing:
            raise Refused(
                503, "Closing", "The service is being shut down; needed a running one. Send it again later.", 10
            )

    def _wait_s(self) -> int:
        """A guess at when there is a place."""
        return max(1, min(math.ceil(self.taken * self._usual_s), math.ceil(self._limits.seconds)))
