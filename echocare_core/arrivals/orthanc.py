"""Studies that have come to an Orthanc, whole: fetched into the watched folder as its changes name them.

Orthanc calls a study stable when nothing has come to it for its `StableAge`. It keeps the list of changes, so that
nothing is missed while nobody asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.disk import explained
from echocare_core.errors import PacsError
from echocare_core.optional import check_installed
from echocare_core.pacs.fetch import fetch
from echocare_core.pacs.fetched import FetchedFolder
from echocare_core.pacs.query import UID, StudyQuery

STABLE = "StableStudy"
PAGE = 100  # changes asked for at once
MODALITY = "US"
_NEEDED = "Needed is the root of an Orthanc, such as http://127.0.0.1:8042. Correct the address."


class OrthancFeed:
    """The changes of one Orthanc.

    Args:
        url: its root, such as http://127.0.0.1:8042; its DICOMweb plug-in is asked too, at /dicom-web.
        inbox: the watched folder, made where it is missing; it holds what is fetched alone (`FetchedFolder`).
        position: file in which stands how far its changes were read.
        backlog: begin with what it has; else with what comes from now on. Only the first time.
        ca_bundle: PEM file with the certificates to trust.

    Raises:
        PacsError: requests or dicomweb-client is not installed; it cannot be reached, or is no Orthanc.
        SettingsError: an address or credentials that cannot be used.
        OutputError: `inbox` holds something else, or cannot be written to.
    """

    def __init__(
        self, url: str, inbox: Path, position: Path, *, backlog: bool = False, ca_bundle: Path | None = None
    ) -> None:
        check_installed("dicomweb_client", "requests", "urllib3", subject="Asking Orthanc", error=PacsError)
        from echocare_core.pacs.dicomweb import check_address
        from echocare_core.pacs.web_session import PacsSession, suppress_library_logs

        self.address = check_address(url)
        self._session, self._quiet = PacsSession(self.address, ca_bundle), suppress_library_logs
        self._inbox, self._position, self._ca_bundle = FetchedFolder(inbox).root, position, ca_bundle
        if not position.exists():
            self._note(0 if backlog else self._number(self._get("changes?last"), "Last"))

    def bring(self) -> Iterator[str]:
        """Fetch each study that became stable since; yield what there is to say.

        What was brought is noted at once, so that this may end anywhere.

        Raises:
            PacsError: Orthanc cannot be asked now; what was not brought is brought the next time.
            OutputError: the disk is full or gone.
        """
        done = False
        while not done:
            page = self._get(f"changes?since={self._since()}&limit={PAGE}")
            for change in page.get("Changes", []):
                if change.get("ChangeType") == STABLE:
                    yield from self._bring_study(str(change.get("ID", "")))
                self._note(self._number(change, "Seq"))
            self._note(self._number(page, "Last"))
            done = page.get("Done") is not False

    def _bring_study(self, identifier: str) -> Iterator[str]:
        study = self._find(f"studies/{identifier}")
        series = self._find(f"studies/{identifier}/series")
        if study is None or series is None or all(_tag(one, "Modality") != MODALITY for one in series):
            return  # it was deleted meanwhile, or has no ultrasound
        uid = _tag(study, "StudyInstanceUID")
        if not UID.fullmatch(uid):
            yield "A study in Orthanc has no valid UID. Correct it there."
            return
        query = StudyQuery(studies=(uid,), modality=MODALITY)
        done = fetch(f"{self.address}/dicom-web", self._inbox, query, ca_bundle=self._ca_bundle)
        yield from (f"{aside.source} did not come: {aside.reason}" for aside in done.set_aside)

    def _get(self, resource: str) -> dict[str, Any]:
        found = self._find(resource)
        if not isinstance(found, dict):
            raise PacsError(f"{self.address} does not answer as Orthanc does. {_NEEDED}")
        return found

    def _find(self, resource: str) -> Any:
        """What Orthanc says of something, None where it is not there."""
        with self._quiet():
            response = self._session.get(f"{self.address}/{resource}")
        if response.status_code == requests.codes.not_found:
            return None
        try:
            return response.json() if response.ok else None
        except (ValueError, RecursionError):
            return None

    def _number(self, item: dict[str, Any], name: str) -> int:
        if not isinstance(item.get(name), int):
            raise PacsError(f"{self.address} does not answer as Orthanc does. {_NEEDED}")
        return int(item[name])

    def _since(self) -> int:
        return int(json.loads(self._position.read_text(encoding="utf-8")))

    def _note(self, number: int) -> None:
        with (
            explained(self._position.parent, "how far Orthanc was read"),
            replacing(self._position, OWNER_ALONE) as path,
        ):
            path.write_text(str(number), encoding="utf-8")


def _tag(item: dict[str, Any], name: str) -> str:
    return str((item.get("MainDicomTags") or {}).get(name, ""))
