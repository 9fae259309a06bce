"""A real PACS for the tests: Orthanc on loopback, with a storage of its own, ended with the test."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
CALLING = "ECHOCARE"  # AE title that it knows
direct = build_opener(ProxyHandler({}))


class Orthanc:
    """One that can be stopped and started again: its storage and its ports stay.

    Its DICOM server cannot be bound to loopback; it takes nothing but from this machine and the title `CALLING`.

    Attributes:
        web: address of its DICOMweb service.
        rest: root of its own interface.
        dicom: where it takes C-STORE and C-FIND.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        http, dicom = _free_ports(2)
        self.rest, self.dicom = f"http://127.0.0.1:{http}", f"dicom://ORTHANC@127.0.0.1:{dicom}"
        self.web = f"{self.rest}/dicom-web"
        settings = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": http,
            "DicomPort": dicom,
            "DicomAlwaysAllowEcho": False,
            "DicomAlwaysAllowStore": False,
            "DicomCheckModalityHost": True,
            "DicomModalities": {"tests": [CALLING, "127.0.0.1", dicom]},
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "StableAge": 1,
            "Plugins": [str(DICOMWEB)],
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))

    def start(self) -> None:
        with (self.folder / "orthanc.log").open("a") as log:
            command = [*ENDS_WITH_THE_TESTS, str(ORTHANC), str(self.folder / "orthanc.json")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for(self.web, self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self, within_s: float = 10) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._process = None


@contextmanager
def an_orthanc(folder: Path) -> Iterator[Orthanc]:
    """Run Orthanc on free ports."""
    orthanc = Orthanc(folder)
    orthanc.start()
    try:
        yield orthanc
    finally:
        orthanc.stop()


@contextmanager
def running_orthanc(folder: Path) -> Iterator[str]:
    """Run Orthanc on a free port of 127.0.0.1 and yield the address of its DICOMweb service."""
    with an_orthanc(folder) as orthanc:
        yield orthanc.web


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


def delete_study(orthanc: Orthanc, study_uid: str) -> None:
    """Delete a study, as somebody does at the PACS."""
    asked = json.dumps({"Level": "Study", "Query": {"StudyInstanceUID": study_uid}}).encode()
    with direct.open(Request(f"{orthanc.rest}/tools/find", asked), timeout=30) as answer:
        (found,) = json.load(answer)
    direct.open(Request(f"{orthanc.rest}/studies/{found}", method="DELETE"), timeout=30).close()


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


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
