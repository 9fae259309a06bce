"""A store SCP of a few lines for the tests, which can be made to refuse, to warn, to stall and to drop."""

from __future__ import annotations

import ssl
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRootFind
from result_objects import ONE_OF_EACH, STUDY

from echocare_core.pacs.cstore import send_at_once


class SmallScp:
    """Stores what is sent; answers C-FIND where it is one that does.

    Attributes:
        address: dicom:// of it.
        calling: AE titles that came.
        stored: bytes of the data set of each object, by UID; `times` says how often each came.
        studies: UIDs of those it has.
        misbehave: the event of a C-STORE to a status; None stores. It may abort the association, or wait.
    """

    def __init__(self) -> None:
        self.address = ""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Have one study with nothing in it, and behave."""
        self.calling: list[str] = []
        self.stored: dict[str, bytes] = {}
        self.times: Counter[str] = Counter()
        self.studies = [STUDY]
        self.misbehave: Callable[[Any], int | None] = lambda event: None

    def store(self, event: Any) -> int:
        status = self.misbehave(event)
        if status is not None and status & 0xF000 != 0xB000:
            return status
        uid = str(event.request.AffectedSOPInstanceUID)
        self.stored.setdefault(uid, event.request.DataSet.getvalue())
        self.times[uid] += 1
        return status or 0

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier
        level = {"STUDY": ("StudyInstanceUID", self.studies), "IMAGE": ("SOPInstanceUID", self.stored)}
        keyword, known = level[asked.QueryRetrieveLevel]
        if asked[keyword].value in known:
            yield 0xFF00, asked

    def associated(self, event: Any) -> None:
        self.calling.append(event.assoc.requestor.ae_title)


@contextmanager
def running_scp(
    scp: SmallScp,
    *,
    answers_find: bool = True,
    classes: Sequence[str] = ONE_OF_EACH,
    called: str | None = None,
    port: int = 0,
    certificate: Path | None = None,
) -> Iterator[SmallScp]:
    """Serve it on a free port of 127.0.0.1, with TLS where there is a certificate (PEM, key included)."""
    entity = AE(ae_title=called or "SMALL")
    entity.require_called_aet = called is not None
    for sop_class in classes:
        entity.add_supported_context(sop_class, ExplicitVRLittleEndian)
    if answers_find:
        entity.add_supported_context(StudyRootFind)
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    handlers = [(evt.EVT_C_STORE, scp.store), (evt.EVT_C_FIND, scp.find), (evt.EVT_ACCEPTED, scp.associated)]
    handlers.append((evt.EVT_CONN_OPEN, send_at_once))
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers, ssl_context=context)
    scp.address = f"dicom{'s' if certificate else ''}://SMALL@127.0.0.1:{server.server_address[1]}"
    try:
        yield scp
    finally:
        server.shutdown()


def data_set_of(path: Path) -> bytes:
    """What C-STORE sends of a file: all behind its meta header, whose elements are of group 2 (PS3.10 7.1)."""
    file, at = path.read_bytes(), 132
    while file[at : at + 2] == b"\x02\x00":
        long = file[at + 4 : at + 6] in (b"OB", b"UN")
        (length,) = struct.unpack_from("<I" if long else "<H", file, at + (8 if long else 6))
        at += (12 if long else 8) + length
    return file[at:]
