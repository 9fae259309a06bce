"""Storing by the DICOM network: C-STORE, each object in the transfer syntax of its file (PS3.4 B, PS3.7)."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRootFind

from echocare_core.errors import PacsDown, PacsError, SettingsError
from echocare_core.pacs.outcome import REFUSED, Outcome, outcome_of
from echocare_core.pacs.outgoing import Outgoing
from echocare_core.pacs.web_session import client_certificate, pem_file, warn_of_plain_text

SCHEMES = ("dicom", "dicoms")  # the latter is encrypted (PS3.15 B.1)
AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")  # PS3.5 6.2: no backslash, no control character
CONNECT_S, ASSOCIATE_S = 10, 30  # to connect; to be accepted
ANSWER_S = 120  # to an answer, and between two pieces of one
PENDING = (0xFF00, 0xFF01)
TRANSIENT = 2  # result of a rejection (PS3.8 9.3.4)


@dataclass(frozen=True)
class DicomAddress:
    """Where an application entity listens.

    Attributes:
        text: as it was given.
        called: its AE title.
        host, port: of its machine.
        encrypted: whether by TLS.
    """

    text: str
    called: str
    host: str
    port: int
    encrypted: bool


class CStore:
    """An application entity to store in.

    Args:
        url: dicom://CALLED_AET@host:port, or dicoms:// for TLS.
        calling: AE title of this side.
        ca_bundle: PEM file with the certificates to trust, those of the system when None; for dicoms:// alone.

    Raises:
        SettingsError: the address, a title or a certificate is not what it must be.
    """

    def __init__(self, url: str, calling: str, ca_bundle: Path | None = None) -> None:
        self._peer = read_dicom_address(url)
        self.address = self._peer.text
        if not AE_TITLE.fullmatch(calling) or not calling.strip():
            raise SettingsError("The calling AE title cannot be used; needed 1 to 16 characters without a backslash.")
        self._tls = _tls(ca_bundle) if self._peer.encrypted else None
        self._entity = AE(ae_title=calling)
        self._entity.connection_timeout, self._entity.acse_timeout = CONNECT_S, ASSOCIATE_S
        self._entity.dimse_timeout = self._entity.network_timeout = ANSWER_S
        self._association: Any = None
        warn_of_plain_text(self.address, SCHEMES[1])

    @contextmanager
    def connected(self, objects: Sequence[Outgoing]) -> Iterator[None]:
        """Offer what these objects need; the association is made when it is first used, and released at the end."""
        offered = {(one.sop_class, one.transfer_syntax) for one in objects}
        for sop_class, transfer_syntax in sorted(offered):  # a context of its own for each, so that none is converted
            self._entity.add_requested_context(sop_class, transfer_syntax)
        self._entity.add_requested_context(StudyRootFind)
        before = _config.STORE_SEND_CHUNKED_DATASET
        _config.STORE_SEND_CHUNKED_DATASET = True  # sends the bytes of the file, piece by piece
        try:
            yield
        finally:
            _config.STORE_SEND_CHUNKED_DATASET = before
            if self._association is not None and self._association.is_established:
                self._association.release()

    def has_study(self, study_uid: str) -> bool | None:
        """Whether the PACS has a study (C-FIND); None where it does not answer that."""
        return self._finds("STUDY", StudyInstanceUID=study_uid)

    def has(self, one: Outgoing) -> bool | None:
        """Whether the PACS has an object of this UID (C-FIND); None where it does not answer that."""
        uids = {"StudyInstanceUID": one.study_uid, "SeriesInstanceUID": one.series_uid}
        return self._finds("IMAGE", **uids, SOPInstanceUID=one.instance_uid)

    def store(self, one: Outgoing) -> Outcome:
        """Send one object.

        Raises:
            PacsDown: the peer cannot be reached, is busy, does not answer or broke off: it may have the object or not.
            PacsError: it does not accept this side.
            OSError: the file is gone.
        """
        association = self._associated()
        accepted = {(one.abstract_syntax, *one.transfer_syntax) for one in association.accepted_contexts}
        if (one.sop_class, one.transfer_syntax) not in accepted:
            return Outcome(REFUSED, f"the PACS takes no {one.kind} in the transfer syntax it has. Allow both there.")
        try:
            status = association.send_c_store(one.path)
        except (RuntimeError, ValueError):
            status = Dataset()
        return outcome_of(self._status(status))

    def _associated(self) -> Any:
        """The association, made anew where there is none."""
        if self._association is None or not self._association.is_established:
            peer = self._peer
            tls = (self._tls, peer.host) if self._tls else None
            self._association = self._entity.associate(
                peer.host,
                peer.port,
                ae_title=peer.called,
                tls_args=tls,
                evt_handlers=[(evt.EVT_CONN_OPEN, send_at_once)],
            )
        if not self._association.is_established:
            raise self._not_associated()
        return self._association

    def _not_associated(self) -> PacsError:
        answer = self._association.acceptor.primitive
        if not self._association.is_rejected or answer is None:
            return PacsDown(
                f"{self.address} cannot be reached; a PACS that runs and lets this machine in is needed. Check the "
                "address, the port and the firewall, and run the same command again; it goes on where it stopped."
            )
        if answer.result == TRANSIENT:
            return PacsDown(
                f"{self.address} is too busy. Run the same command again later; it goes on where it stopped."
            )
        return PacsError(
            f"{self.address} does not accept this side ({answer.reason_str}). Check the called AE title in the "
            "address, and have the calling one (--calling) and this machine entered there."
        )

    def _finds(self, level: str, **uids: str) -> bool | None:
        association = self._associated()
        if not any(context.abstract_syntax == StudyRootFind for context in association.accepted_contexts):
            return None
        asked = Dataset()
        asked.QueryRetrieveLevel = level
        for keyword, uid in uids.items():
            setattr(asked, keyword, uid)
        lowest, found = list(uids.items())[-1], False
        try:
            for answer, item in association.send_c_find(asked, StudyRootFind):
                status = self._status(answer)
                found = found or (item is not None and item.get(lowest[0]) == lowest[1])
        except (RuntimeError, ValueError):
            status = self._status(Dataset())
        return found if status == 0 or status in PENDING else None

    def _status(self, answer: Dataset) -> int:
        """The status in an answer; PacsDown where none came."""
        if "Status" not in answer:
            self._association.abort()
            raise PacsDown(
                f"{self.address} broke off or did not answer within {self._entity.dimse_timeout} s. Run the same "
                "command again later; it goes on where it stopped."
            )
        return int(answer.Status)


def read_dicom_address(url: str) -> DicomAddress:
    """The parts of dicom://CALLED_AET@host:port.

    Raises:
        SettingsError: it is none; its text is not repeated.
    """
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        called, at, _ = parts.netloc.rpartition("@")
        usable = parts.scheme in SCHEMES and at and AE_TITLE.fullmatch(called) and parts.hostname and parts.port
    except ValueError:
        usable = False
    if not usable or parts.path or parts.query or parts.fragment or ":" in called:
        raise SettingsError(
            "The address of the PACS cannot be used; needed its AE title, name and port, such as "
            "dicom://CALLED_AET@pacs.example:104."
        )
    return DicomAddress(parts.geturl(), called, str(parts.hostname), int(parts.port or 0), parts.scheme == SCHEMES[1])


def send_at_once(event: Any) -> None:
    """Let a connection not wait for more to send, by which each answer would come 40 ms later."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _tls(ca_bundle: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pem_file(ca_bundle, "CA bundle") if ca_bundle else None)
    certificate = client_certificate()
    if certificate:
        context.load_cert_chain(*([certificate] if isinstance(certificate, str) else certificate))
    return context
