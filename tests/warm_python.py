"""Python commands in processes of their own that have imported PyTorch and MONAI already, which takes 9 seconds.

The fork server of `multiprocessing` imports them once for each process of tests; it computes nothing and starts no
thread of Python. Every command is a fork of it, with words, folder, environment, output, signals and an exit code of
its own, and imports this package by itself. What only a cold start can show is left to a few tests that say so, and to
`.ci/run`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.connection import wait
from pathlib import Path

TESTS = Path(__file__).resolve().parent
IMPORTED = ["monai.bundle", "torch._dynamo", "highdicom", "fire", "typer"]  # and what they import


def run_python(
    *words: object, cwd: Path, env: Mapping[str, str] = os.environ, processes: int = 1
) -> subprocess.CompletedProcess[str]:
    """`python WORDS`, of which the first are a script or `-m` and a module.

    Args:
        words: what follows `python`.
        cwd: the working directory.
        env: all of the environment.
        processes: how many to start, which find each other as those of `torchrun` do; one that fails ends the others.

    Returns:
        Exit code (minus the signal that ended it) and output; of several processes, the first code that is not 0.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(IMPORTED)
    places = [{}] if processes == 1 else _places_of(processes)
    command = [str(word) for word in words]
    with tempfile.TemporaryDirectory() as said:
        started = [server.Process(target=_become, args=(command, str(cwd), {**env, **place}, said)) for place in places]
        for process in started:
            process.start()
        running = {process.sentinel: process for process in started}
        codes = []
        while running:
            for sentinel in wait(list(running)):
                ended = running.pop(sentinel)
                ended.join()
                codes.append(ended.exitcode)
                for other in running.values() if ended.exitcode else ():
                    other.terminate()
        out, err = (Path(said, name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(command, next(filter(None, codes), 0), out, err)


def _places_of(processes: int) -> list[dict[str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    common["LOCAL_WORLD_SIZE"] = common["WORLD_SIZE"]
    return [{**common, "RANK": str(number), "LOCAL_RANK": str(number)} for number in range(processes)]


def _become(words: list[str], cwd: str, env: dict[str, str], said: str) -> None:
    """Be the process of a command; runs in the fork."""
    gc.freeze()  # what was imported before the fork is no garbage, and stays shared where nobody looks at it
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(said, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    module = words[1] if words[0] == "-m" else None
    sys.argv = words[1:] if module else words
    given = [entry for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    of_tests = [entry for entry in sys.path if Path(entry or ".").resolve().is_relative_to(TESTS)]
    first = cwd if module else str(Path(words[0]).resolve().parent)
    sys.path[:] = [first, *given, *(entry for entry in sys.path if entry not in of_tests)]
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(words[0], run_name="__main__")
    except Exception:  # noqa: BLE001  (what a program raises, Python hands to this)
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
