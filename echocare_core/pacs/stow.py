"""Storing by DICOMweb: one object at a time, streamed from its file (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import requests

from echocare_core.errors import PacsError
from echocare_core.pacs.dicomweb import INSTANCE_UID, STUDY_UID, check_address
from echocare_core.pacs.outcome import REFUSED, STORED, Outcome, outcome_of, with_code
from echocare_core.pacs.outgoing import Outgoing
from echocare_core.pacs.search import ROOT_IS_NEEDED, value_of
from echocare_core.pacs.web_session import PacsSession

JSON = "application/dicom+json"
REFERENCED, FAILED = "00081199", "00081198"  # Referenced SOP Sequence, Failed SOP Sequence
REFERENCED_UID, WARNING, FAILURE = "00081155", "00081196", "00081197"
ANSWERS = (200, 202, 409)  # that say of each object what became of it (PS3.18 table 10.5.3-1)
NO_SERVICE = (404, 405, 501)
WORDS = {
    400: "the PACS cannot read the request",
    403: "the PACS does not let these credentials store. Ask its administrator",
    411: "the PACS wants it in another way than STOW-RS has. Ask its maker",
    413: "the object is larger than the PACS takes. Ask its administrator to raise that limit",
    415: "the PACS does not take this kind of DICOM object. Ask its administrator",
    507: "the PACS has no room. Ask its administrator",
}


class StowRs:
    """The DICOMweb service at an address, to store in.

    Args:
        url: its root, such as https://pacs.example/dicom-web.
        ca_bundle: PEM file with the certificates to trust; see `PacsSession`.

    Raises:
        SettingsError: the address or the credentials are not what they must be.
    """

    def __init__(self, url: str, ca_bundle: Path | None = None) -> None:
        self.address = check_address(url)
        self._session = PacsSession(self.address, ca_bundle)

    @contextmanager
    def connected(self, objects: Sequence[Outgoing]) -> Iterator[None]:
        """Nothing is prepared: each request stands alone."""
        with self._session:
            yield

    def has_study(self, study_uid: str) -> bool | None:
        """Whether the PACS has a study (QIDO-RS); None where it does not answer that."""
        return self._finds("studies", {"StudyInstanceUID": study_uid}, STUDY_UID, study_uid)

    def has(self, one: Outgoing) -> bool | None:
        """Whether the PACS has an object of this UID (QIDO-RS); None where it does not answer that."""
        where = f"studies/{one.study_uid}/instances"
        return self._finds(where, {"SOPInstanceUID": one.instance_uid}, INSTANCE_UID, one.instance_uid)

    def store(self, one: Outgoing) -> Outcome:
        """Send one object, byte by byte as its file is.

        Raises:
            PacsDown: the server cannot be reached, is busy, or the connection broke: it may have the object or not.
            PacsError: it has no such service, does not trust this side, or is not trusted.
            OSError: the file is gone.
        """
        boundary = secrets.token_hex(16)
        form = f'multipart/related; type="application/dicom"; boundary={boundary}'
        with one.path.open("rb") as file:
            response = self._session.post(
                f"{self.address}/studies",
                data=_Message(file, one.path.stat().st_size, boundary),
                headers={"Content-Type": form, "Accept": JSON},
                allow_redirects=False,  # requests would ask there, and send nothing
            )
        if response.is_redirect or response.status_code in NO_SERVICE:
            raise PacsError(f"{self.address} takes no objects ({response.status_code}). {ROOT_IS_NEEDED}")
        if response.status_code in ANSWERS:
            return self._read_answer(response, one)
        return _refused(response.status_code)

    def _read_answer(self, response: requests.Response, one: Outgoing) -> Outcome:
        try:
            answer = response.json()
        except (ValueError, RecursionError):
            answer = None
        stored, failed = (_item_of(answer, sequence, one) for sequence in (REFERENCED, FAILED))
        if failed is not None:
            return outcome_of(_number(failed, FAILURE) or 0x0110)
        if stored is not None:
            return outcome_of(_number(stored, WARNING))
        if response.ok and self.has(one):  # it does not name it, but has it
            return Outcome(STORED)
        if response.ok:
            return Outcome(REFUSED, "the PACS does not say that it has stored it. Look there, and at its log.")
        return _refused(response.status_code)

    def _finds(self, where: str, filters: dict[str, str], tag: str, uid: str) -> bool | None:
        response = self._session.get(f"{self.address}/{where}", params=filters, headers={"Accept": JSON})
        if response.status_code == requests.codes.no_content:
            return False
        if not response.ok:
            return False if response.status_code == requests.codes.not_found and "/" in where else None
        try:
            items = response.json()
        except (ValueError, RecursionError):
            return None
        if not isinstance(items, list):
            return None
        return any(value_of(item, tag) == uid for item in items)


class _Message:
    """A multipart message with one file in it, of known length, that is read as it is sent."""

    def __init__(self, file: BinaryIO, size: int, boundary: str) -> None:
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        self._parts: list[BinaryIO] = [BytesIO(head), file, BytesIO(tail)]
        self.len = len(head) + size + len(tail)  # by this name requests looks for it

    def read(self, size: int = -1) -> bytes:
        """The next piece, at most so long; empty at the end."""
        while self._parts:
            piece = self._parts[0].read(size)
            if piece:
                return piece
            self._parts.pop(0)
        return b""


def _item_of(answer: Any, sequence: str, one: Outgoing) -> Mapping[str, Any] | None:
    """What a sequence of an answer in DICOM JSON says of an object; None where it does not name it."""
    try:
        items = answer[sequence]["Value"]
        return next((item for item in items if value_of(item, REFERENCED_UID) == one.instance_uid), None)
    except (KeyError, TypeError):
        return None


def _number(item: Mapping[str, Any], tag: str) -> int:
    """A status in DICOM JSON; 0 where there is none."""
    text = value_of(dict(item), tag)
    return int(text) if text.isdecimal() else 0


def _refused(status: int) -> Outcome:
    phrase = next((one.phrase for one in HTTPStatus if one == status), "")
    why = WORDS.get(status, "the PACS refuses it. Look at its log")
    code = f"{status} {phrase}".strip()
    return Outcome(REFUSED, with_code(why, code), may_pass=status >= requests.codes.server_error)
