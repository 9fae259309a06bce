"""A process that dies, hangs or takes too much is ended and started again, and the request is told so by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import stub_process

from echocare_core.integrations.service import worker as module
from echocare_core.integrations.service.faults import Refused
from echocare_core.integrations.service.job import Job
from echocare_core.integrations.service.limits import Limits
from echocare_core.integrations.service.worker import Worker


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Worker]:
    monkeypatch.setattr(module, "work", stub_process.work)
    worker = Worker(tmp_path / "bright", {}, Limits(seconds=20, memory_mib=200), tmp_path)
    worker.start()
    yield worker
    worker.stop()


def job(what: str) -> Job:
    return Job((Path(what),), Path("folder"))


def test_requests_are_answered_by_one_process(worker: Worker) -> None:
    assert {worker.run(job("still")).media_type for _ in range(3)} == {f"text/{worker.about.about['process']}"}
    with pytest.raises(Refused, match="It is text"):
        worker.run(job("text"))
    assert worker.is_alive
    assert worker.restarts == 0


@pytest.mark.parametrize(("what", "how"), [("crash", "signal SIGKILL"), ("exit", "exit code 3")])
def test_one_that_dies_is_named_and_the_next_request_is_answered(what: str, how: str, worker: Worker) -> None:
    with pytest.raises(Refused, match=rf"The process of bright ended \({how}\) at this request") as error:
        worker.run(job(what))

    assert (error.value.fault.status, error.value.fault.error) == (500, "WorkerDied")
    assert not worker.is_alive
    assert worker.run(job("still"))
    assert worker.restarts == 1


def test_one_that_died_while_nobody_asked_is_started_again(worker: Worker) -> None:
    os.kill(worker.about.about["process"], signal.SIGKILL)
    while worker.is_alive:
        time.sleep(0.01)

    assert worker.run(job("still"))


def test_one_that_hangs_is_ended_after_the_time_limit(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_limits", Limits(seconds=0.3))
    with pytest.raises(Refused, match=r"gave no answer in 0\.3 s") as error:
        worker.run(job("hang"))

    assert (error.value.fault.status, error.value.fault.error) == (504, "TimeLimit")
    with pytest.raises(ProcessLookupError):
        os.kill(worker.about.about["process"], 0)
    monkeypatch.setattr(worker, "_limits", Limits(seconds=20))
    assert worker.run(job("still"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is read from /proc")
def test_one_that_takes_too_much_memory_is_ended(worker: Worker) -> None:
    assert 0 < worker.resident_bytes < 200 << 20
    with pytest.raises(Refused, match="took more than 200 MiB") as error:
        worker.run(job("eat"))

    assert error.value.fault.status == 413
    assert not worker.is_alive


def test_a_model_that_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "work", stub_process.work)
    worker = Worker(tmp_path / "bright", {"fails": True}, Limits(), tmp_path)

    with pytest.raises(Refused, match="They do not fit"):
        worker.start()
    assert not worker.is_alive
