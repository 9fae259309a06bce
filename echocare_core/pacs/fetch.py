"""From a PACS to a folder that is read like an export: each object once, as it is stored."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echocare_core.errors import NotRetrieved, PacsError
from echocare_core.optional import check_installed
from echocare_core.pacs.fetched import FetchedFolder
from echocare_core.pacs.query import Instance, StudyQuery
from echocare_core.types import SetAside

if TYPE_CHECKING:
    from echocare_core.pacs.dicomweb import DicomWeb

STORED, CONVERTED, THERE = "stored", "converted", "already there"


@dataclass(frozen=True)
class Fetched:
    """What one fetch did.

    Attributes:
        folder: where the objects are, to be read as an export.
        fetched: objects that came now.
        already_there: objects of an earlier fetch, found whole.
        converted: objects of `fetched` that the server gave only in another form than it stores. Their colours are as
            the server read them; Orthanc, for one, believes the header of a JPEG where its stream says otherwise.
        set_aside: what could not be had, by the name its file would have.
    """

    folder: Path
    fetched: int = 0
    already_there: int = 0
    converted: int = 0
    set_aside: tuple[SetAside, ...] = ()


def fetch(url: str, out: str | Path, query: StudyQuery, *, ca_bundle: Path | None = None) -> Fetched:
    """Fetch the ultrasound objects of studies from a PACS by DICOMweb (PS3.18), in the transfer syntax it stores.

    What an earlier fetch brought to `out` is checked and not asked for again. Credentials come from the environment or
    a netrc file, see `web_session`.

    Args:
        url: root of the DICOMweb service, such as https://pacs.example/dicom-web.
        out: new folder, or that of an earlier fetch; `fetched` says what stands in it. The objects name patients.
        query: which studies.
        ca_bundle: PEM file with the certificates of servers to trust; the system's where None.

    Raises:
        PacsError: dicomweb-client is not installed; the server cannot be reached, searched or trusted, does not accept
            who asks, or has nothing that was asked for. What came before stays, and the next call goes on after it.
        SettingsError: an address or credentials that cannot be used.
        OutputError: `out` cannot be written, holds something else, or another fetch is at work in it.
    """
    from rich.progress import track

    connect, suppress_library_logs = _libraries()
    with suppress_library_logs(), ExitStack() as stack:
        server = connect(url, ca_bundle)
        folder = FetchedFolder(Path(out))
        stack.enter_context(folder.held())
        set_aside: list[SetAside] = []
        found = track(server.find(query, set_aside), "searching the PACS", total=None, transient=True)
        instances = list(dict.fromkeys(found))
        if not instances:
            raise PacsError(_nothing_found(server.address, query, len(set_aside)))
        forms: Counter[str] = Counter()
        reasons: dict[Instance, str] = {}
        try:
            for instance in track(instances, "fetching", transient=True):
                try:
                    forms[_fetch_one(server, folder, instance)] += 1
                except NotRetrieved as fault:
                    reasons[instance] = str(fault)
        finally:
            folder.write_set_aside(reasons)
    set_aside += [SetAside(folder.name_of(instance), reason) for instance, reason in reasons.items()]
    came = forms[STORED] + forms[CONVERTED]
    return Fetched(folder.root, came, forms[THERE], forms[CONVERTED], tuple(set_aside))


def _fetch_one(server: DicomWeb, folder: FetchedFolder, instance: Instance) -> str:
    """Make sure that an object is in the folder; `THERE`, or the form in which it came."""
    if folder.has(instance):
        return THERE
    with folder.unfinished() as path:
        checksum, as_stored = server.download(instance, path)
        form = STORED if as_stored else CONVERTED
        folder.add(instance, path, checksum, form)
    return form


def _libraries() -> Any:
    """What needs dicomweb-client, which an extra brings."""
    check_installed("dicomweb_client", "requests", "urllib3", subject="Asking a PACS", error=PacsError)
    from echocare_core.pacs.dicomweb import DicomWeb
    from echocare_core.pacs.web_session import suppress_library_logs

    return DicomWeb, suppress_library_logs


def _nothing_found(address: str, query: StudyQuery, unusable: int) -> str:
    asked = f"{len(query.studies)} studies and {len(query.patients)} patients that were named"
    without = f" with a valid UID ({unusable} without)" if unusable else ""
    return (
        f"{address} has no {query.modality} object{without} for the {asked}, within the days that were. Look there for "
        "them, and check that these credentials may see them."
    )
