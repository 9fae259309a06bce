"""A real PACS for the tests: Orthanc on loopback, with a storage of its own, ended with the test."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

ORTHANC = shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")  # alone: with others beside it, Orthanc may crash
MISSING = (
    None if ORTHANC and DICOMWEB.exists() else "Orthanc is not installed: apt-get install orthanc orthanc-dicomweb"
)
ENDS_WITH_THE_TESTS = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []  # also when they are killed
STARTS_WITHIN_S = 60
direct = build_opener(ProxyHandler({}))


@contextmanager
def running_orthanc(folder: Path) -> Iterator[str]:
    """Run Orthanc on a free port of 127.0.0.1 and yield the address of its DICOMweb service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(DICOMWEB)],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("w") as log:
        command = [*ENDS_WITH_THE_TESTS, str(ORTHANC), str(folder / "orthanc.json")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}/dicom-web"
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def store(address: str, files: list[Path]) -> None:
    """Send files by STOW-RS (PS3.18 10.5), byte by byte as they are."""
    boundary = "between-two-files"
    part = f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(part + file.read_bytes() for file in files) + f"\r\n--{boundary}--".encode()
    form = f'multipart/related; type="application/dicom"; boundary={boundary}'
    headers = {"Content-Type": form, "Accept": "application/dicom+json"}
    with direct.open(Request(f"{address}/studies", body, headers), timeout=30) as answer:
        stored = json.load(answer)["00081199"]["Value"]  # Referenced SOP Sequence
    assert len(stored) == len(files)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            direct.open(f"{address}/studies?limit=1", timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Orthanc did not start within {STARTS_WITHIN_S} s (exit code {process.poll()}).")
