"""The process of one model, as the server sees it: started, asked one thing at a time, and started again."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from echocare_core.integrations.service.faults import Fault, Refused
from echocare_core.integrations.service.job import Answer, Job, Loaded
from echocare_core.integrations.service.limits import MIB, Limits
from echocare_core.integrations.service.process import work

LOOK_S = 0.25  # how often the memory of a process that works is looked at
LOADING_S = 600.0


class Worker:
    """A model in a process of its own, which has loaded the network once.

    Not for two threads at a time: `queue` sees to that.

    Args:
        bundle: its folder.
        settings: as for `predict`.
        limits: of the service.
        scratch: private folder of the service, where its libraries may leave files.

    Attributes:
        name: of the bundle.
        about: what the process said of itself when it was loaded.
        restarts: how often it was started again.
    """

    def __init__(self, bundle: Path, settings: Mapping[str, Any], limits: Limits, scratch: Path) -> None:
        self.name, self.about = bundle.name, Loaded()
        self.restarts = -1
        self._arguments = (str(bundle), dict(settings), limits, str(scratch))
        self._limits = limits
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def is_alive(self) -> bool:
        """Whether its process runs and has loaded the network."""
        return self._process is not None and self._process.is_alive()

    @property
    def resident_bytes(self) -> int:
        """Memory of its process, 0 where that is not known."""
        return resident_bytes(self._process.pid or 0) if self._process else 0

    def start(self) -> None:
        """Start the process and wait until the network is loaded; nothing where it runs.

        Raises:
            Refused: it cannot be loaded.
        """
        if self.is_alive:
            return
        self.stop()
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, *self._arguments), daemon=True, name=self.name)
        process.start()
        theirs.close()
        self._process = process
        said = self._hear(time.monotonic() + LOADING_S)
        if not isinstance(said, Loaded):
            self.stop()
            raise Refused.of(said if isinstance(said, Fault) else self._slow(LOADING_S))
        self.about = said
        self.restarts += 1

    def run(self, job: Job) -> Answer:
        """Answer a request; a process that does not is ended.

        Raises:
            Refused: with the reason.
        """
        self.start()
        try:
            assert_connection(self._connection).send(job)
            said = self._hear(time.monotonic() + self._limits.seconds)
        except (BrokenPipeError, ConnectionError):  # it died since
            said = self._died()
        if isinstance(said, Answer):
            return said
        raise Refused.of(said if isinstance(said, Fault) else self._slow(self._limits.seconds))

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._connection = None

    def _hear(self, until: float) -> Any:
        """What the process says; a Fault where it dies or takes too much, None where it says nothing in time."""
        connection = assert_connection(self._connection)
        while (left := until - time.monotonic()) > 0:
            try:
                if connection.poll(min(LOOK_S, left)):
                    return connection.recv()
            except (EOFError, ConnectionError):
                return self._died()
            if self.resident_bytes > self._limits.memory_mib * MIB:
                self.stop()
                return self._fault(
                    "TooMuchMemory",
                    f"took more than {self._limits.memory_mib} MiB and was ended; needed less. Send fewer or smaller "
                    "frames.",
                    413,
                )
        self.stop()
        return None

    def _died(self) -> Fault:
        process = self._process
        if process is not None:
            process.join(timeout=5)
        code = None if process is None else process.exitcode
        self.stop()
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        return self._fault(
            "WorkerDied",
            f"ended ({how}) at this request; needed an answer. It is started again: send this file once more, alone, "
            "and leave it out if it happens again.",
            500,
        )

    def _slow(self, seconds: float) -> Fault:
        return self._fault(
            "TimeLimit",
            f"gave no answer in {seconds:g} s and was ended; needed one. Send fewer frames, or ask who runs the "
            "service for more time.",
            504,
        )

    def _fault(self, error: str, what: str, status: int) -> Fault:
        return Fault(status, error, f"The process of {self.name} {what}")


def assert_connection(connection: Connection | None) -> Connection:
    """The connection of a process that was started."""
    if connection is None:
        raise ValueError("the process was not started")
    return connection


def resident_bytes(process: int) -> int:
    """Resident memory of a process, 0 where it is not known (not Linux, or it has ended)."""
    if sys.platform != "linux" or not process:
        return 0
    try:
        pages = int(Path("/proc", str(process), "statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
