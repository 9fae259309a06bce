"""A prediction in a process of its own: what it says reaches the watch, and it ends when the watch does."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from echocare_core.arrivals import worker
from echocare_core.arrivals.worker import predict_apart
from echocare_core.errors import BundleError


@pytest.fixture
def instead(monkeypatch):
    """Run other Python in place of the command."""
    return lambda code: monkeypatch.setattr(worker, "COMMAND", f"import os, sys, time\n{code}")


def test_it_is_the_command_with_its_words(instead, tmp_path):
    instead(f"open({str(tmp_path / 'words')!r}, 'w').write(repr(sys.argv[1:]))")
    predict_apart("NAME", tmp_path / "in", tmp_path / "out", ("--set", "device=cpu"))
    words = ["predict", "NAME", str(tmp_path / "in"), str(tmp_path / "out"), "--dicom", "--set", "device=cpu"]
    assert (tmp_path / "words").read_text() == repr(words)


def test_results_of_an_earlier_run_are_replaced(instead, tmp_path):
    (tmp_path / "results.csv").touch()
    instead("sys.exit('--overwrite' not in sys.argv)")
    predict_apart("NAME", tmp_path / "in", tmp_path)


def test_its_last_line_is_the_reason(instead, tmp_path):
    instead("print('a bar', file=sys.stderr); sys.exit('UnreadableFrames: IM1 has no pixels. Export it again.')")
    with pytest.raises(BundleError, match=r"^UnreadableFrames: IM1 has no pixels\. Export it again\.$"):
        predict_apart("NAME", tmp_path, tmp_path / "out")


def test_a_process_that_is_killed_or_says_nothing_is_said(instead, tmp_path):
    instead("os.kill(os.getpid(), 9)")
    with pytest.raises(BundleError, match="ended by SIGKILL, as by a system without memory"):
        predict_apart("NAME", tmp_path, tmp_path / "out")
    instead("os._exit(7)")
    with pytest.raises(BundleError, match="ended with 7 and said nothing"):
        predict_apart("NAME", tmp_path, tmp_path / "out")


def test_a_process_that_hangs_is_ended(instead, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LONGEST_S", 0.2)
    instead("time.sleep(60)")
    with pytest.raises(BundleError, match="did not end within"):
        predict_apart("NAME", tmp_path, tmp_path / "out")


def test_a_watch_that_is_told_to_end_tells_it_and_waits(instead, tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever a process of tests was left with
    note = tmp_path / "note"
    instead(
        "import signal\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (open({str(note)!r}, 'w').write('paused'), sys.exit(0)))\n"
        f"open({str(tmp_path / 'runs')!r}, 'w').close(); time.sleep(60)"
    )

    def stop_once_it_runs():
        while not (tmp_path / "runs").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop_once_it_runs, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        predict_apart("NAME", tmp_path, tmp_path / "out")
    assert note.read_text() == "paused"


def test_it_ends_with_a_watch_that_is_killed(tmp_path):
    pid, code = tmp_path / "pid", worker.COMMAND.partition("; from")[0]
    waits = f"{code}; import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    watch = (
        "from pathlib import Path\nfrom echocare_core.arrivals import worker\n"
        f"worker.COMMAND = {waits!r}\nworker.predict_apart('NAME', Path('in'), Path({str(tmp_path)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", watch])
    while not (pid.exists() and pid.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    until = time.monotonic() + 60
    while _runs(int(pid.read_text())):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as state:
        return state.read().split()[2] != "Z"
