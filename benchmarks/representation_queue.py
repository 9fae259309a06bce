"""Jobs whose results are kept: each is done once, whoever asks, and several processes can share the folder."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rich.console import Console

from echocare_core.atomic import replacing
from echocare_core.lock import try_lock

PAUSE_S = 1.0  # between two looks at what others are doing
Found = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """Something to compute.

    Attributes:
        name: a path of words; the result is kept in a file of that name.
        run: gives the result, which JSON can hold, from the results of the jobs in `needs` by their names.
        needs: names of jobs that come first.
    """

    name: str
    run: Callable[[Mapping[str, Found]], Found]
    needs: tuple[str, ...] = ()


def chosen(jobs: Sequence[Job], patterns: Iterable[str]) -> list[Job]:
    """The jobs whose names match one of the patterns (as of file names), and those that they need, in their order."""
    by_name = {job.name: job for job in jobs}
    open_names = [job.name for job in jobs if any(fnmatch(job.name, pattern) for pattern in patterns)]
    wanted: set[str] = set()
    while open_names:
        name = open_names.pop()
        if name not in wanted:
            wanted.add(name)
            open_names += by_name[name].needs
    return [job for job in jobs if job.name in wanted]


class Queue:
    """The results in a folder.

    Args:
        work: the folder; it may be shared by processes, which divide the jobs between them.
    """

    def __init__(self, work: Path) -> None:
        self.work = work

    def is_done(self, name: str) -> bool:
        """Whether a job's result is kept."""
        return self._file(name).is_file()

    def found(self, name: str) -> Found:
        """The result of a job that is done."""
        return json.loads(self._file(name).read_text(encoding="utf-8"))

    def all_found(self) -> dict[str, Found]:
        """Every kept result by the name of its job."""
        root = self.work / "results"
        names = sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("[!.]*.json"))
        return {name: self.found(name) for name in names}

    def run(self, jobs: Sequence[Job]) -> list[str]:
        """Do what is not done, in order, beside other processes; returns the names of those that failed here."""
        failed: list[str] = []
        while waiting := [job for job in jobs if job.name not in failed and not self.is_done(job.name)]:
            tried = False
            for job in waiting:
                if set(job.needs) & set(failed):
                    failed.append(job.name)
                elif all(self.is_done(name) for name in job.needs):
                    tried |= self._try(job, failed)
            if not tried:
                time.sleep(PAUSE_S)
        return failed

    def _try(self, job: Job, failed: list[str]) -> bool:
        """Do a job unless another process is at it or has done it; whether it was done here, or failed."""
        with _claimed(self.work / "claims" / job.name) as ours:
            if not ours or self.is_done(job.name):
                return False
            started = time.perf_counter()
            try:
                self._keep(job.name, job.run({name: self.found(name) for name in job.needs}))
            except Exception:  # noqa: BLE001  # the others go on; the command ends with an error
                failed.append(job.name)
                traceback.print_exc()
            word = "failed after" if job.name in failed else "took"
            Console(width=160).print(
                f"{time.strftime('%H:%M:%S')} {job.name} {word} {time.perf_counter() - started:.0f} s"
            )
            return True

    def _keep(self, name: str, found: Found) -> None:
        path = self._file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(found) + "\n", encoding="utf-8")

    def _file(self, name: str) -> Path:
        return self.work / "results" / f"{name}.json"


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Whether a claim is this process's own; it lapses with the process, however that ends."""
    path = path.with_name(f"{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield try_lock(descriptor) is not False
    finally:
        os.close(descriptor)
