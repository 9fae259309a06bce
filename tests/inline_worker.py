"""A model of the service in the process of the test, in place of one of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echocare_core.integrations.service.job import Answer, Job, Loaded
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.served import ServedBundle


class InlineWorker:
    """Answers as `worker.Worker` does, by the same `ServedBundle`."""

    restarts, resident_bytes, is_alive = 0, 0, True

    def __init__(self, bundle: Path, limits: Limits, settings: Mapping[str, Any]) -> None:
        self.name = bundle.name
        self._served = ServedBundle(bundle, settings, limits)
        self.about = Loaded(self._served.about)

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def run(self, job: Job) -> Answer:
        before = tempfile.tempdir
        try:
            return self._served.answer(job)
        finally:
            tempfile.tempdir = before
