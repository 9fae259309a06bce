"""`echocare serve` as users start it, asked by several clients at once: a small run of benchmarks/service.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from output_bundle import write_output_bundle
from ultrasound_files import marked, write_ultrasound

REPOSITORY = Path(__file__).parents[2]
LIMITS = ("--upload-mib", "2", "--frames", "8", "--waiting", "3", "--seconds", "60", "--set", "device=cpu")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads the memory of processes in /proc")


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """The modules of the benchmark."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    import service
    import service_cases

    yield service, service_cases
    for name in ("service", "service_cases"):
        del sys.modules[name]


def ask_slowly(address: str, file: Path) -> httpx.Response:
    """Ask for all that can be had of a file, which takes longest."""
    return httpx.post(
        f"{address}/predict/bright?dicom=true",
        content=file.read_bytes(),
        headers={"accept": "application/zip"},
        timeout=60,
    )


def test_every_answer_under_load_is_right_or_a_named_refusal(benchmark: tuple[Any, Any], tmp_path: Path) -> None:
    service, of_cases = benchmark
    bundle = write_output_bundle(tmp_path / "bright", ["mask", "number"])
    still = write_ultrasound(tmp_path / "IM1", marked(1, 96, 128), spacing_mm=(0.5, 0.5))
    cases = of_cases.make_cases([still], tmp_path / "cases", upload_mib=2, frames=8)
    cases = [case for case in cases if case.name != "cine"]  # of 12 and more frames
    cases.append(of_cases.Case("cine", of_cases.write_cine(still, tmp_path / "cases" / "cine", 5)))
    expected = {
        (bundle.name, case.file): of_cases.expect(bundle, case, tmp_path / "out" / case.file.name, {"device": "cpu"})
        for case in cases
        if not case.error
    }
    requests = [(bundle.name, case) for case in (*cases, *(case for case in cases if not case.error))]
    scratch = tmp_path / "tmp"
    scratch.mkdir()

    with service.serving([bundle], scratch, *LIMITS) as (address, server):
        done = service.load(address, server.pid, requests, expected, clients=4, kill_at=len(requests) // 2)
        left = service.files_below(scratch)
        under_way = ThreadPoolExecutor(1).submit(ask_slowly, address, cases[-1].file)
        while 'running{model="bright"} 0' in httpx.get(f"{address}/metrics").text and not under_way.done():
            pass

    assert under_way.result().status_code == 200  # though the service was told to end meanwhile
    assert done.wrong == []
    assert sum(map(len, done.seconds.values())) == len(requests)
    assert done.errors["answered"] == 2 * sum(not case.error for case in cases)
    assert left == []
    assert list(scratch.iterdir()) == []
    assert server.returncode == 143
    log = (tmp_path / "service.log").read_text(encoding="utf-8")
    assert log.count("POST /predict/{bundle} bright ") >= len(requests)
    assert not [word for word in ("IM1", "still_0", "cine", "Doe", "127.0.0.1 ", "Traceback") if word in log]
