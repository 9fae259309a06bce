"""Work on files in several processes: little in flight at a time, and a file that kills its process is named."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from echocare_core.parent import end_with_parent

Result = TypeVar("Result")
Work = Callable[[list[str]], list[Result]]
AHEAD = 3  # batches that wait for each process


def work_on(
    batches: Iterable[list[str]], work: Work[Result], processes: int
) -> Iterator[tuple[list[str], list[Result | None]]]:
    """Do the work on every batch, in order.

    Args:
        batches: names of files; taken a few at a time.
        work: gives one result for each name; travels to other processes by pickle.
        processes: 1 = here, where a file that kills the process ends it.

    Yields:
        Each batch and its results, None for a file that killed the process it was read in.
    """
    if processes == 1:
        for batch in batches:
            yield batch, [*work(batch)]
        return
    pool = _pool(processes)
    running: deque[tuple[list[str], Future[list[Result]]]] = deque()
    rest = iter(batches)
    try:
        while True:
            while len(running) < AHEAD * processes and (batch := next(rest, [])):
                running.append((batch, pool.submit(work, batch)))
            if not running:
                return
            batch, future = running[0]
            try:
                results: list[Any] = future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=True)
                results = [_alone(name, work) for name in batch]
                pool = _pool(processes)
                running = deque((other, pool.submit(work, other)) for other, _ in running)
            running.popleft()
            yield batch, results
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, get_context("spawn"), _begin)


def _begin() -> None:
    """In each process: an interruption is the parent's to answer, and its end is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _alone(name: str, work: Work[Result]) -> Result | None:
    """One file in a process of its own; None where it kills it."""
    with _pool(1) as pool:
        try:
            return pool.submit(work, [name]).result()[0]
        except BrokenProcessPool:
            return None
