"""Processes that end with the one that started them, however that ends: nothing works on for nobody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process

LOOK_SECONDS = 1.0


def end_with_parent() -> None:
    """End this process soon after the one that started it has; call it in a worker.

    A parent that is killed tells its workers nothing. Workers of `multiprocessing` can wait for its end; others see,
    where the system gives orphans to another process, as all but Windows do, that they have become one.
    """
    started_by = parent_process()
    wait = partial(_wait_to_be_orphaned, os.getppid()) if started_by is None else started_by.join
    threading.Thread(target=_end_after, args=(wait,), daemon=True, name="end with parent").start()


def _end_after(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _wait_to_be_orphaned(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
