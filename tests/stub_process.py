"""A process of a model that has no model: what a job's file is called, it does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from echocare_core.integrations.service.faults import Fault
from echocare_core.integrations.service.job import Answer, Loaded
from echocare_core.integrations.service.limits import Limits


def work(connection: Connection, bundle: str, settings: Mapping[str, Any], limits: Limits, scratch: str) -> None:
    """Stands for `process.work`."""
    if settings.get("fails"):
        connection.send(Fault(500, "WeightsError", "They do not fit; needed others. Copy them."))
        return
    connection.send(Loaded({"process": os.getpid()}))
    held = []
    while True:
        job = connection.recv()
        what = job.files[0].name
        if what == "exit":
            os._exit(3)
        if what == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "hang":
            time.sleep(60)
        if what == "eat":
            held.append(b"\1" * (300 << 20))
            time.sleep(60)
        refused = Fault(422, "UnreadableFrames", "It is text. Leave it out.")
        connection.send(refused if what == "text" else Answer(job.files[0], f"text/{os.getpid()}"))
