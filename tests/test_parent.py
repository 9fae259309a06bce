"""A worker ends with the process that started it, also where that is killed."""

import os
import signal
import subprocess
import sys

import pytest

WORKER = """
import os, time
from echocare_core.parent import end_with_parent
end_with_parent()
print(os.getpid(), flush=True)
time.sleep(60)
"""
STARTED = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {WORKER!r}]); time.sleep(60)"
OF_A_POOL = """
import os, time
from echocare_core.inventory.workers import work_on
def work(names):
    print(os.getpid(), flush=True)
    time.sleep(60)
if __name__ == "__main__":
    list(work_on([["a"], ["b"]], work, processes=2))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there an orphan keeps the number of its parent")
@pytest.mark.parametrize("program", [STARTED, OF_A_POOL], ids=["started", "of a pool"])
def test_a_worker_ends_soon_after_its_parent_was_killed(program, tmp_path):
    (tmp_path / "program.py").write_text(program)
    parent = subprocess.Popen([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True)
    workers = [int(parent.stdout.readline()) for _ in range(1 + ("work_on" in program))]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    try:
        assert parent.stdout.read() == ""  # it ends once nobody is left who holds the other end
    finally:
        subprocess.run(["kill", "-9", *map(str, workers)], check=False, capture_output=True)


def test_a_worker_whose_parent_lives_lives_on():
    code = WORKER.replace("time.sleep(60)", "time.sleep(1.2); print('done')")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[1:] == ["done"]
