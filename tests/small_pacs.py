"""A PACS of a few lines for the tests, which can be made to misbehave: one study, one series, a few objects.

What is sent to it, it has.
"""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

PATIENT_ID, STUDY, SERIES, DATE = "CANARY-4711", "1.2.3", "1.2.3.4", "20240105"
MULTIPART = 'multipart/related; type="application/dicom"; boundary=abc'


class Answer:
    """What a request is answered with.

    Args:
        status: of HTTP.
        body: what follows.
        kind: Content-Type.
        announced: Content-Length; that of `body` when None, none at all when 0.
        headers: further ones.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        kind: str = "text/html",
        announced: int | None = None,
        **headers: str,
    ) -> None:
        self.status, self.body, self.kind = status, body, kind
        self.announced = len(body) if announced is None else announced
        self.headers = headers


def searched(*items: dict[str, str]) -> Answer:
    """The answer to a search: attributes by tag."""
    found = [{tag: {"vr": "LO", "Value": [value]} for tag, value in item.items()} for item in items]
    return Answer(200, json.dumps(found).encode(), "application/dicom+json")


def wrapped(body: bytes) -> Answer:
    """An object as the one part of a multipart answer."""
    return Answer(200, b"--abc\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--abc--\r\n", MULTIPART)


class SmallPacs:
    """Answers searches and gives objects; `misbehave` comes first and leaves a request alone by answering None.

    Attributes:
        address: of its DICOMweb service.
        requests: (path with query, headers) of each that came.
        misbehave: (path without query, headers) to an answer.
        studies: UIDs of those it has; a stored object adds its own.
        stored: objects that were sent, by UID, and how often each came.
        misbehave_on_store: UID of the object, and whether it was stored before the answer, to an answer.
    """

    def __init__(self, files: list[Path], studies: Sequence[str] = (STUDY,)) -> None:
        self.files = {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID): file for file in files}
        self.studies = list(studies)
        self.stored: dict[str, bytes] = {}
        self.times: Counter[str] = Counter()
        self.misbehave_on_store: Callable[[str, bool], Answer | None] = lambda uid, stored: None
        self.requests: list[tuple[str, Any]] = []
        self.misbehave: Callable[[str, Any], Answer | None] = lambda path, headers: None
        self.address = ""

    @property
    def objects_asked_for(self) -> int:
        return sum(path.rpartition("/")[2] in self.files for path, _ in self.requests)

    def answer(self, path: str, headers: Any) -> Answer:
        self.requests.append((path, headers))
        parts = urlsplit(path)
        strange = self.misbehave(parts.path, headers)
        if strange:
            return strange
        if "offset" in parse_qs(parts.query) and parse_qs(parts.query)["offset"] != ["0"]:
            return searched()
        if "SOPInstanceUID" in parse_qs(parts.query):
            asked = parse_qs(parts.query)["SOPInstanceUID"]
            return searched(*({"00080018": uid} for uid in asked if uid in self.stored))
        named = parse_qs(parts.query).get("StudyInstanceUID", self.studies)
        studies = [{"0020000D": uid, "00100020": PATIENT_ID, "00080020": DATE} for uid in self.studies if uid in named]
        match parts.path.removeprefix("/dicom-web/").split("/"):
            case ["studies"]:
                return searched(*studies)
            case ["studies", _, "series"]:
                return searched({"0020000E": SERIES, "00080060": "US"})
            case ["studies", _, "series", _, "instances"]:
                return searched(*({"00080018": uid} for uid in self.files))
            case ["studies", _, "series", _, "instances", uid] if uid in self.files:
                return wrapped(self.files[uid].read_bytes())
        return Answer(404)

    def store(self, body: bytes) -> Answer:
        """Take the one object of a STOW-RS request, and answer as PS3.18 10.5.3 says."""
        sent = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        dataset = dcmread(DicomBytesIO(sent))
        uid = str(dataset.SOPInstanceUID)
        strange = self.misbehave_on_store(uid, False)
        if strange:
            return strange
        self.stored.setdefault(uid, sent)
        self.times[uid] += 1
        self.studies.append(str(dataset.StudyInstanceUID))
        return self.misbehave_on_store(uid, True) or told({"00081155": uid})


def told(*stored: dict[str, str | int], failed: Sequence[dict[str, str | int]] = (), status: int = 200) -> Answer:
    """The answer to STOW-RS: what was stored, and what failed, by tag."""
    sequences = {"00081199": stored, "00081198": failed}
    body = {
        tag: {
            "vr": "SQ",
            "Value": [{name: {"vr": "UI", "Value": [one]} for name, one in item.items()} for item in items],
        }
        for tag, items in sequences.items()
        if items
    }
    return Answer(status, json.dumps(body).encode(), "application/dicom+json")


@contextmanager
def running(pacs: SmallPacs, certificate: Path | None = None) -> Iterator[SmallPacs]:
    """Serve it on a free port of 127.0.0.1, by https where there is a certificate (PEM, key included)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.give(pacs.answer(self.path, self.headers))

        def do_POST(self) -> None:
            self.give(pacs.store(self.rfile.read(int(self.headers["Content-Length"]))))

        def give(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Connection", "close")
            if answer.announced:
                self.send_header("Content-Length", str(answer.announced))
            for name, value in answer.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    pacs.address = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}/dicom-web"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield pacs
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
