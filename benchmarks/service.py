"""The service under load: every answer is that of `echocare predict` or a named refusal, and memory stays bounded.

    python benchmarks/service.py --out runs/service

Starts `echocare serve` on a free port of 127.0.0.1, sends a fixed number of requests from some clients (stills, cines,
PNG, JPEG, ZIP, and a third of broken, huge and hostile files), kills a process of a model once on the way, and ends the
service by SIGTERM. Compared are every value of every row and every byte of every mask. Refused for a full queue, a
client waits as Retry-After says and sends again; that time counts. Linux alone, where memory is read from /proc.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from service_cases import Case, expect, make_cases

from echocare_core.demo import EXPORT
from echocare_core.prediction import installed_engine
from echocare_core.types import Results

READY = re.compile(r"Serves .* on (http://127\.0\.0\.1:\d+)")
LONGEST_S = 900.0  # of a whole load
PATIENCE_S = 10.0
AGAIN = ("QueueFull", "WorkerDied")  # a client sends again
LIMITS = {"upload-mib": 32, "frames": 60, "seconds": 60}


@dataclass
class Load:
    """What came of a load.

    Attributes:
        seconds: of each case that was answered, from the first byte to the last, waiting for a place included.
        worked_s: the same of the last try alone.
        errors: how often each name was answered.
        wrong: answers that are neither right nor the refusal that was due.
        resident_mib: memory of server and processes together, at each look.
        processor_s: of each process, at the first and the last look; one that is started again loads in this time.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    worked_s: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    resident_mib: list[float] = field(default_factory=list)
    processor_s: dict[int, tuple[float, float]] = field(default_factory=dict)


@contextmanager
def serving(bundles: Sequence[str | Path], scratch: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Address and process of a service, whose temporary files lie in `scratch`; ended by SIGTERM."""
    named = ",".join(map(str, bundles))
    command = [sys.executable, "-m", "echocare_core", "serve", "--bundles", named, "--port", "0", *options]
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    log: list[str] = []
    try:
        yield _address(server, log), server
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)
    finally:
        server.kill()
        server.wait()
        (scratch.parent / "service.log").write_text("".join(log), encoding="utf-8")


def _address(server: subprocess.Popen[str], log: list[str]) -> str:
    assert server.stderr is not None
    for line in server.stderr:
        log.append(line)
        if found := READY.search(line):
            threading.Thread(target=lambda: log.extend(server.stderr or ()), daemon=True).start()
            return found[1]
    raise RuntimeError("The service did not start: " + "".join(log))


def load(
    address: str,
    server: int,
    requests: Sequence[tuple[str, Case]],
    expected: Mapping[tuple[str, Path], Results],
    clients: int,
    *,
    kill_at: int = -1,
) -> Load:
    """Send requests from several clients at once.

    Args:
        address: of the service.
        server: its process.
        requests: name of the bundle and case of each.
        expected: what `predict` says of those that must be answered.
        clients: threads that send, each one request at a time.
        kill_at: at which request a process of a model is killed; never when negative.
    """
    done, numbers, lock, ended = Load(), count(), threading.Lock(), threading.Event()

    def send_all() -> None:
        with httpx.Client(base_url=address, timeout=LONGEST_S) as client:
            while (number := next(numbers)) < len(requests):
                if number == kill_at:
                    os.kill(children_of(server)[0], signal.SIGKILL)
                _send(client, *requests[number], expected, done, lock)

    def look() -> None:
        while not ended.wait(0.1):
            processes = (server, *children_of(server))
            done.resident_mib.append(sum(map(resident_mib, processes)))
            for process in processes:
                first, last = done.processor_s.get(process, (processor_s(process), 0.0))
                done.processor_s[process] = first, max(last, processor_s(process))

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    threads = [threading.Thread(target=send_all) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_S)
    ended.set()
    watching.join()
    return done


def _send(client: httpx.Client, bundle: str, case: Case, expected: Any, done: Load, lock: threading.Lock) -> None:
    begun = time.monotonic()
    while True:
        tried = time.monotonic()
        with case.file.open("rb") as file:
            answer = client.post(f"/predict/{bundle}", files={"file": (case.file.name, file)})
        error = "" if answer.status_code == 200 else answer.json()["error"]
        now = time.monotonic()
        with lock:
            done.errors[error or "answered"] += 1
        if error not in AGAIN or now - begun > LONGEST_S:
            break
        time.sleep(min(2.0, float(answer.headers.get("retry-after", 1))))
    wrong = difference(answer.json(), expected.get((bundle, case.file))) if not error else ""
    with lock:
        done.seconds.setdefault(case.name, []).append(now - begun)
        done.worked_s.append(now - tried)
        if error != case.error or wrong:
            done.wrong.append(f"{bundle} {case.name}: {error or wrong or 'answered'}, not {case.error or 'right'}")


def difference(answer: Any, expected: Results | None) -> str:
    """What is another in an answer than in the results of `predict`; "" where nothing is."""
    if expected is None:
        return "answered"
    if [one["row"] for one in answer["results"]] != json.loads(json.dumps([dict(row) for row in expected])):
        return "another row"
    for file in (file for one in answer["results"] for file in one["files"]):
        if base64.b64decode(file["base64"]) != (expected.folder / file["name"]).read_bytes():
            return f"another {file['column']}"
    return ""


def children_of(process: int) -> list[int]:
    """Processes that it started for models, without the one that `multiprocessing` keeps for itself."""
    listed = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(child) for path in listed for child in path.read_text().split()]
    return [child for child in children if b"spawn_main" in command_of(child)]


def command_of(process: int) -> bytes:
    """Its command line, empty where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def processor_s(process: int) -> float:
    """Processor time of a process so far, 0 where it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: int) -> float:
    """Memory of a process, 0 where it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def files_below(folder: Path) -> list[str]:
    """What of requests still lies in the temporary folder of a service, a while after the last was answered."""
    until = time.monotonic() + PATIENCE_S
    while True:
        every = folder.glob("echocare-serve-*/**/*")
        left = [path.relative_to(folder).as_posix() for path in every if path.name != ".echocare-lock"]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.1)


def main(
    out: Annotated[Path, typer.Option(help="Folder for service.json and the log.")],
    bundles: Annotated[str, typer.Option(help="With commas between.")] = (
        "fetal_head_segmentation,breast_lesion_segmentation"
    ),
    requests: Annotated[int, typer.Option(min=1, max=2000)] = 200,
    clients: Annotated[int, typer.Option(min=1, max=64)] = 8,
    waiting: Annotated[
        int, typer.Option(min=1, help="Requests that wait for a model; beyond, clients come again.")
    ] = 2,
) -> None:
    """Run the load, and print and write what came of it."""
    out.mkdir(parents=True, exist_ok=True)
    names = bundles.split(",")
    stills = sorted((EXPORT / "FETAL").glob("ST00000[1-7]/SE000001/IM*"))[:6]
    cases = make_cases(stills, out / "cases", LIMITS["upload-mib"], LIMITS["frames"])
    with TemporaryDirectory(dir=out) as scratch:
        expected = {
            (name, case.file): expect(name, case, Path(scratch, name, case.file.name), installed_engine(name))
            for name in names
            for case in cases
            if not case.error
        }
        order = np.random.default_rng(0).permutation(requests)
        sent = [(names[int(place) % len(names)], cases[int(place) // len(names) % len(cases)]) for place in order]
        folder = Path(scratch, "tmp")
        folder.mkdir()
        options = [word for name, value in {**LIMITS, "waiting": waiting}.items() for word in (f"--{name}", str(value))]
        with serving(names, folder, *options) as (address, server):
            begun = time.monotonic()
            done = load(address, server.pid, sent, expected, clients, kill_at=requests // 2)
            took = time.monotonic() - begun
            left = files_below(folder)
        left += [path.name for path in folder.iterdir()]
    report = summarise(done, took, left, server.returncode)
    (out / "service.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    show(report)
    if done.wrong or left:
        raise typer.Exit(1)


def summarise(done: Load, took: float, left: Sequence[str], exit_code: int | None) -> dict[str, Any]:
    """The numbers of a load."""
    every = [one for seconds in done.seconds.values() for one in seconds]
    memory = done.resident_mib
    rows = {"all": every, "last try": done.worked_s, **done.seconds}
    return {
        "requests": len(every),
        "took_s": took,
        "processor_s": sum(last - first for first, last in done.processor_s.values()),
        "wrong": done.wrong,
        "answers": dict(done.errors),
        "seconds": {name: {"n": len(one), **quantiles(one)} for name, one in rows.items()},
        "resident_mib": {"first": memory[0], "largest": max(memory), "last": memory[-1]},
        "left_in_tmp": list(left),
        "exit_code": exit_code,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and largest."""
    return {"p50": float(np.quantile(seconds, 0.5)), "p95": float(np.quantile(seconds, 0.95)), "max": max(seconds)}


def show(report: Mapping[str, Any]) -> None:
    """Print a row for each kind of request, and the rest below."""
    table = Table("requests", "n", "p50 s", "p95 s", "largest s")
    for name, one in report["seconds"].items():
        table.add_row(name, str(one["n"]), *(f"{one[key]:.2f}" for key in ("p50", "p95", "max")))
    console = Console(width=120)
    console.print(table)
    for name in (one for one in report if one != "seconds"):
        console.print(f"{name}: {report[name]}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
