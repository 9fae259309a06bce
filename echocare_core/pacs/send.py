"""From a results folder to a PACS: each DICOM object once, as it is, and what became of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from echocare_core.counting import counted, enumerated
from echocare_core.errors import PacsDown, PacsError
from echocare_core.optional import check_installed
from echocare_core.pacs.outcome import CONFIRMED, NOT_SENT, THERE, Outcome
from echocare_core.pacs.outgoing import Outgoing, find_outgoing
from echocare_core.pacs.sent import SentJournal
from echocare_core.types import SetAside

CALLING = "ECHOCARE"  # AE title of this side
WAITS_S = (0, 2, 8, 30)  # before each attempt to send an object; a PACS that starts anew takes as long
_KEEPS = "the PACS has an object of its UID, and keeps that one"
_NO_STUDY = (
    "the PACS does not have the study it belongs to: it was deleted there, or is in another PACS. If a study of "
    "results alone is wanted there, say --new-studies."
)
_DELETED = "the PACS had it and has it no more: it was deleted there. If it is wanted again, say --new-studies."
_GONE = "its file went away meanwhile. Make it anew."

Say = Callable[[str], None]


class Destination(Protocol):
    """Something that stores objects, which may be asked what it has."""

    address: str

    def connected(self, objects: Sequence[Outgoing]) -> AbstractContextManager[None]:
        """Prepare for sending these objects, none of them yet."""

    def has_study(self, study_uid: str) -> bool | None:
        """Whether it has a study; None where it does not say."""

    def has(self, one: Outgoing) -> bool | None:
        """Whether it has an object; None where it does not say."""

    def store(self, one: Outgoing) -> Outcome:
        """Send one object."""


@dataclass(frozen=True)
class Sent:
    """What one call did.

    Attributes:
        table: `sent.csv`, with a row for each object.
        outcomes: of each object, in the order of their names.
        set_aside: DICOM files that are none of this project's results, by their names.
    """

    table: Path
    outcomes: tuple[tuple[Outgoing, Outcome], ...]
    set_aside: tuple[SetAside, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many objects had each outcome."""
        return dict(Counter(outcome.name for _, outcome in self.outcomes))

    @property
    def not_stored(self) -> tuple[SetAside, ...]:
        """What the PACS does not have, with the reason."""
        lacking = ((one, outcome) for one, outcome in self.outcomes if outcome.name not in CONFIRMED)
        return tuple(SetAside(one.name, outcome.detail) for one, outcome in lacking)

    @property
    def warnings(self) -> tuple[SetAside, ...]:
        """What there is to say of objects that the PACS has."""
        told = ((one, outcome) for one, outcome in self.outcomes if outcome.name in CONFIRMED and outcome.detail)
        return tuple(SetAside(one.name, outcome.detail) for one, outcome in told)


def send(
    path: str | Path,
    url: str,
    *,
    calling: str = CALLING,
    new_studies: bool = False,
    ca_bundle: Path | None = None,
    say: Say = lambda line: None,
) -> Sent:
    """Store the DICOM objects of results in a PACS, as their files are; nothing is sent twice.

    Objects that this project made are sent, nothing else (`outgoing`). What the PACS has, or has confirmed before, is
    not sent again. An object whose study the PACS does not have is not sent either, unless `new_studies` is set: the
    study was deleted there, or this is another PACS than its images are in.

    Args:
        path: a results folder, another folder of DICOM objects, or one object.
        url: root of a DICOMweb service (https://pacs.example/dicom-web) to store by STOW-RS, or
            dicom://CALLED_AET@host:port, dicoms:// with TLS, to store by C-STORE.
        calling: AE title of this side, for C-STORE.
        new_studies: send also what belongs to a study that the PACS does not have, or has no more.
        ca_bundle: PEM file with the certificates of servers to trust; the system's where None.
        say: is called with what will be sent, before it is, and before each wait.

    Returns:
        What became of each object; it stands in `sent.csv` beside them too.

    Raises:
        PacsError: pynetdicom or dicomweb-client is not installed; the PACS cannot be reached, goes away, or does not
            trust or accept this side. What it has confirmed is noted, and the next call goes on after it.
        SettingsError: an address or credentials that cannot be used.
        OutputError: nothing is there to send, or `sent.csv` cannot be written, or another process sends the folder.
    """
    path = Path(path)
    with _quiet_libraries():
        server = destination_at(url, calling, ca_bundle)
        objects, set_aside = find_outgoing(path)
        say(f"Sends to {server.address}: {_in_words(objects)}. {_stays(set_aside)}".rstrip())
        journal = SentJournal(path if path.is_dir() else path.parent, server.address)
        outcomes: dict[Outgoing, Outcome] = {}
        with journal.held():
            try:
                with server.connected(objects):
                    _send_all(server, journal, objects, new_studies, outcomes, say)
            finally:
                rest = Outcome(NOT_SENT, "the PACS went away or was not reached before. Run the same command again.")
                every = tuple((one, outcomes.get(one, rest)) for one in objects)
                journal.write_table(every)
    return Sent(journal.table, every, tuple(set_aside))


def _send_all(
    server: Destination,
    journal: SentJournal,
    objects: Sequence[Outgoing],
    new_studies: bool,
    outcomes: dict[Outgoing, Outcome],
    say: Say,
) -> None:
    from rich.progress import track

    waits_s: Sequence[float] = WAITS_S
    for one in track(objects, "sending", transient=True):
        try:
            outcome = _send_patiently(server, journal, one, new_studies, waits_s, say)
        except PacsDown as fault:
            done = sum(outcome.name in CONFIRMED for outcome in outcomes.values())
            raise PacsDown(f"{fault} {done} of {counted(len(objects), 'object')} are there.") from None
        journal.add(one, outcome)
        outcomes[one] = outcome
        waits_s = WAITS_S[:1] if outcome.may_pass else WAITS_S  # a PACS without room has none for the next one either


def _send_patiently(
    server: Destination, journal: SentJournal, one: Outgoing, new_studies: bool, waits_s: Sequence[float], say: Say
) -> Outcome:
    """What came of the last attempt, of which one is made after each wait while the next may come to more."""
    down: PacsDown | None = None
    for wait_s in waits_s:
        if wait_s:
            say(f"The PACS did not take it; tried again in {wait_s:g} s.")
        time.sleep(wait_s)
        try:
            outcome, down = _send_one(server, journal, one, new_studies), None
        except PacsDown as fault:
            down = fault
            continue
        if not outcome.may_pass:
            break
    if down:
        raise down
    return outcome


def _send_one(server: Destination, journal: SentJournal, one: Outgoing, new_studies: bool) -> Outcome:
    """Make sure that the PACS has an object; PacsDown where that is not known."""
    known, there = journal.has(one), server.has(one)
    if there or (known and there is None):
        return Outcome(THERE, "" if known else _KEEPS)
    if known and not new_studies:
        return Outcome(NOT_SENT, _DELETED)
    if not new_studies and server.has_study(one.study_uid) is False:
        return Outcome(NOT_SENT, _NO_STUDY)
    try:
        return server.store(one)
    except OSError:
        return Outcome(NOT_SENT, _GONE)


def _in_words(objects: Sequence[Outgoing]) -> str:
    kinds = Counter(one.kind for one in objects)
    studies = len({one.study_uid for one in objects})
    return f"{enumerated([counted(number, kind) for kind, number in kinds.items()])} of {counted(studies, 'study')}"


def _stays(set_aside: Sequence[SetAside]) -> str:
    if not set_aside:
        return ""
    first = f"{set_aside[0].source}: {set_aside[0].reason}"
    return f"Not sent: {counted(len(set_aside), 'DICOM file')}{', such as' if set_aside[1:] else ':'} {first}"


def destination_at(url: str, calling: str = CALLING, ca_bundle: Path | None = None) -> Destination:
    """What stores at an address, which is not asked yet; the arguments are those of `send`.

    Raises:
        PacsError: an extra is not installed.
        SettingsError: an address or credentials that cannot be used.
    """
    _check_extra()
    if urlsplit(url.strip()).scheme.startswith("dicom"):
        from echocare_core.pacs.cstore import CStore

        return CStore(url, calling, ca_bundle)
    from echocare_core.pacs.stow import StowRs

    return StowRs(url, ca_bundle)


def _check_extra() -> None:
    check_installed("dicomweb_client", "pynetdicom", "requests", "urllib3", subject="Sending", error=PacsError)


@contextmanager
def _quiet_libraries() -> Iterator[Any]:
    """Check that what an extra brings is there, and keep its logs, which quote values, silent."""
    _check_extra()
    from echocare_core.pacs.web_session import suppress_library_logs

    with suppress_library_logs():
        yield
