"""A PACS that speaks DICOMweb: what it has (QIDO-RS) and its objects as it stores them (WADO-RS), PS3.18."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.message import Message
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.filereader import read_file_meta_info

from echocare_core.errors import NotRetrieved, PacsError, SettingsError, UnreadableFrames
from echocare_core.frames.dicom.header import UNPARSABLE, read_header, text
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.pacs.multipart import BrokenMessage, single_part
from echocare_core.pacs.query import Instance, StudyQuery
from echocare_core.pacs.search import Resource, Searches, value_of
from echocare_core.pacs.web_session import HOW_TO_SAY_WHO, PacsSession
from echocare_core.types import SetAside

STUDY_DATE, MODALITY, PATIENT = "00080020", "00080060", "00100020"
STUDY_UID, SERIES_UID, INSTANCE_UID = "0020000D", "0020000E", "00080018"
DICOM = 'multipart/related; type="application/dicom"'  # the one form that every server must have (PS3.18 8.7.3.5)
AS_STORED = f"{DICOM}; transfer-syntax=*"
NO_SUCH_FORM = (400, 406, 415)  # 400 is what some answer instead of 406
CHUNK = 1 << 20
WAITS_S = (0, 1, 4)  # before each attempt to get an object that was cut off on the way


class _CutOff(Exception):  # noqa: N818
    """An answer ended too early."""


class DicomWeb:
    """The DICOMweb service at an address.

    Args:
        url: its root, such as https://pacs.example/dicom-web.
        ca_bundle: PEM file with the certificates to trust; see `PacsSession`.

    Raises:
        SettingsError: the address or the credentials are not what they must be.
    """

    def __init__(self, url: str, ca_bundle: Path | None = None) -> None:
        self.address = check_address(url)
        self._session = PacsSession(self.address, ca_bundle)
        self._client = DICOMwebClient(self.address, session=self._session)
        self._client.set_http_retry_params(retry=False)  # the session tries again, also where a connection breaks
        self._studies = Resource("studies", self._client.search_for_studies, STUDY_UID)
        self._series = Resource("series of a study", self._client.search_for_series, SERIES_UID)
        self._instances = Resource("objects of a series", self._client.search_for_instances, INSTANCE_UID)

    def find(self, query: StudyQuery, set_aside: list[SetAside]) -> Iterator[Instance]:
        """Search studies, their series of the wanted modality and their instances; page by page, each once.

        Args:
            query: what to look for.
            set_aside: what cannot be asked for is added here.

        Raises:
            PacsError: the server cannot be searched, or answers with studies that were not asked for.
        """
        searches = Searches(self.address, set_aside)
        for filters in query.filters():
            for study in searches.all(self._studies, filters):
                self._check_asked_for(study, filters)
                yield from self._find_instances(searches, value_of(study, STUDY_UID), query.modality)

    def download(self, instance: Instance, path: Path) -> tuple[str, bool]:
        """Write one object to a file as the server stores it, or else as it converts it; memory stays bounded.

        dicomweb-client would hold the object in memory and encode it anew, so the session is used directly.

        Returns:
            SHA-256 of the file in hexadecimal; whether the object is as it was stored.

        Raises:
            NotRetrieved: the server does not give this object, or gives another one; the file is then of no use.
            PacsError: the server cannot be asked any more.
        """
        for wait_s in WAITS_S:
            time.sleep(wait_s)
            try:
                digest, stored = self._receive(instance, path)
            except _CutOff:
                continue
            _check_same(instance, path)
            return digest, stored
        raise NotRetrieved(f"was cut off on the way {len(WAITS_S)} times. Run the same command again.")

    def _find_instances(self, searches: Searches, study_uid: str, modality: str) -> Iterator[Instance]:
        for series in searches.all(self._series, {"Modality": modality}, study_instance_uid=study_uid):
            if value_of(series, MODALITY) not in (modality, ""):
                continue  # a server may ignore the filter
            series_uid = value_of(series, SERIES_UID)
            for item in searches.all(self._instances, {}, study_instance_uid=study_uid, series_instance_uid=series_uid):
                yield Instance(study_uid, series_uid, value_of(item, INSTANCE_UID))

    def _check_asked_for(self, study: dict[str, Any], filters: dict[str, str]) -> None:
        first, _, last = filters.get("StudyDate", "-").partition("-")
        day = value_of(study, STUDY_DATE).replace(".", "")  # as ACR-NEMA wrote it
        same = [("StudyInstanceUID", STUDY_UID), ("PatientID", PATIENT)]
        if not all(value_of(study, tag) == filters[keyword] for keyword, tag in same if keyword in filters) or (
            day and not (first or day) <= day <= (last or day)
        ):
            raise PacsError(
                f"{self.address} answers a search with studies that were not asked for, so it would give the data of "
                f"others. It must heed {' and '.join(name for name in filters if name != 'ModalitiesInStudy')}; name "
                "the studies by their UIDs, or ask its maker."
            )

    def _receive(self, instance: Instance, path: Path) -> tuple[str, bool]:
        url = f"{self.address}/{instance.resource}"
        for form in (AS_STORED, DICOM):
            with self._session.get(
                url, headers={"Accept": form, "Accept-Encoding": "identity"}, stream=True
            ) as response:
                if response.status_code in NO_SUCH_FORM and form == AS_STORED:
                    continue
                if response.status_code != requests.codes.ok:
                    raise NotRetrieved(_why_not_retrieved(response.status_code))
                return _save(response, path), form == AS_STORED
        raise NotRetrieved("is not given in any form")


def check_address(url: str) -> str:
    """The address of a DICOMweb service without a slash at its end.

    Raises:
        SettingsError: it is none, or holds a password; its text is not repeated then.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "The address of the PACS cannot be used; needed one such as https://pacs.example/dicom-web."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "The address of the PACS holds credentials or a query, which shells and logs keep; needed its root alone. "
            f"{HOW_TO_SAY_WHO}."
        )
    return parts.geturl().rstrip("/")


def _save(response: requests.Response, path: Path) -> str:
    """Write the object in an answer to a file; SHA-256 of it."""
    kind = Message()
    kind["Content-Type"] = response.headers.get("Content-Type", "")
    pieces: Iterator[bytes] = response.iter_content(CHUNK)
    boundary = kind.get_boundary()
    if kind.get_content_type() == "multipart/related" and boundary:
        pieces = single_part(pieces, boundary.encode())
    elif kind.get_content_type() != "application/dicom":
        raise NotRetrieved("came as something else than DICOM, such as a web page. Look at the server's log.")
    digest = sha256()
    try:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
    except (requests.RequestException, BrokenMessage):
        raise _CutOff from None
    return digest.hexdigest()


def _check_same(instance: Instance, path: Path) -> None:
    if instance.instance_uid not in _uids_in(path):
        raise NotRetrieved("came as no DICOM file, or as another object than asked for. Look at the server's log.")


def _uids_in(path: Path) -> Iterator[str]:
    """What a file calls its object: in its File Meta Information, then in the object, where archives may differ."""
    try:
        with suppress_warnings():
            yield text(read_file_meta_info(path), "MediaStorageSOPInstanceUID")
            yield text(read_header(path, ["SOPInstanceUID"]).dataset, "SOPInstanceUID")
    except (*UNPARSABLE, UnreadableFrames):
        return


def _why_not_retrieved(status: int) -> str:
    if status == requests.codes.forbidden:
        return f"is not given to these credentials ({status}). Ask the administrator of the PACS."
    if status in (requests.codes.not_found, requests.codes.gone):
        return f"was found but is not there any more ({status}). Check it in the PACS."
    if status in NO_SUCH_FORM:
        return f"is given neither as stored nor converted ({status}). Export it from the PACS."
    return f"could not be had from the server ({status}). Look at the server's log."
