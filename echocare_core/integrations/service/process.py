"""What runs in the process of a model: it loads the network, then answers one request after the other."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from echocare_core.integrations.service.faults import Fault, fault_of
from echocare_core.integrations.service.job import Answer, Loaded
from echocare_core.integrations.service.limits import Limits
from echocare_core.parent import end_with_parent


def work(connection: Connection, bundle: str, settings: Mapping[str, Any], limits: Limits, scratch: str) -> None:
    """Load a bundle and answer jobs until the server closes the connection or ends.

    Says `Loaded` or a `Fault` first, then an `Answer` or a `Fault` for each `Job`. `scratch` is its temporary folder.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the server's to answer
    end_with_parent()
    _say_nothing()
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    try:
        from echocare_core.integrations.service.served import ServedBundle

        served = ServedBundle(bundle, settings, limits)
    except Exception as error:  # noqa: BLE001  (whatever a bundle raises while it is loaded)
        connection.send(fault_of(error))
        return
    gc.collect()
    gc.freeze()  # what is loaded stays, and need not be gone through after each request
    connection.send(Loaded(served.about))
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            said: Answer | Fault = served.answer(job)
        except Exception as error:  # noqa: BLE001  (whatever a file makes a bundle raise)
            said = fault_of(error)
        connection.send(said)
        gc.collect()  # an engine of MONAI and its handlers hold each other, and the last pictures


def _say_nothing() -> None:
    """Leave nothing to the terminal or the log: what libraries print may quote a header or the name of a file."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
