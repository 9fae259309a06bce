"""From what arrives to results in the PACS, for as long as nobody ends it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

from echocare_core.arrivals.inbox import Inbox
from echocare_core.arrivals.orthanc import OrthancFeed
from echocare_core.arrivals.record import WRITTEN, Records, Say
from echocare_core.arrivals.studies import Studies, WatchOrders
from echocare_core.atomic import ENTERED_BY_OWNER
from echocare_core.counting import counted
from echocare_core.disk import explained
from echocare_core.errors import OutputError, PacsError
from echocare_core.lock import FolderLock
from echocare_core.results.apart import check_apart

STATE, POSITION = ".echocare-watch", "orthanc.json"
QUIET_S = 30.0  # how long nothing may have come to a study in a folder; Orthanc says itself when one is whole
LOOK_S = 5.0  # between two looks
AGAIN_S = 60.0  # after a fault of the disk, or of Orthanc


def watch(
    inbox: str | Path,
    out: str | Path,
    orders: WatchOrders,
    *,
    orthanc: str | None = None,
    backlog: bool = False,
    quiet_s: float | None = None,
    once: bool = False,
    say: Say = print,
) -> dict[str, str]:
    """Predict on each study that arrives in a folder, or in Orthanc, and store the results.

    Each prediction is a process of its own, one at a time. Ended and begun again, it goes on where it was.

    Args:
        inbox: the folder; each study is a folder or a ZIP archive in it, and is only read.
        out: gets OUT/STUDY/BUNDLE with the results, and `watched.csv`; made where it is missing.
        orders: which bundles, and where to send.
        orthanc: root of an Orthanc whose stable studies are fetched to `inbox`, such as http://127.0.0.1:8042.
        backlog: begin with the studies that Orthanc has, not with those that come; only the first time.
        quiet_s: how long nothing may have come to a study before it is taken.
        once: take what is there, and end.
        say: is called with each line for people.

    Returns:
        The state of each study that was looked at, where `once` is set: "done", "failed" or "unsent".

    Raises:
        OutputError: `inbox` is not there, `out` cannot be written or lies in it, or another watch is at work in it.
        BundleError, SettingsError: a bundle, or an address, that there is not.
        PacsError: an extra is not installed, or there is no Orthanc at the address.
    """
    inbox, out = Path(inbox), Path(out)
    _check_places(inbox, out, orthanc)
    state = out / STATE
    with explained(out, WRITTEN):
        state.mkdir(ENTERED_BY_OWNER, parents=True, exist_ok=True)
    default = 0.0 if orthanc else QUIET_S
    quiet_s = default if quiet_s is None else quiet_s
    places = Inbox(inbox, quiet_s, once=once)
    with FolderLock(state, WRITTEN):
        studies = Studies(places, Records(out, say), orders)
        feed = None
        if orthanc:
            feed = OrthancFeed(orthanc, inbox, state / POSITION, backlog=backlog, ca_bundle=orders.ca_bundle)
        if loose := places.loose():
            say(f"{counted(loose, 'loose file')} in {inbox} left alone: a study is a folder or a ZIP archive there.")
        if not once:
            say(f"Watches {orthanc or inbox} until Ctrl-C.")
            _go_on(feed, studies, say)
        _round(feed, studies, say)
        _say_what_arrives(places, quiet_s, say)
        return studies.states


def _check_places(inbox: Path, out: Path, orthanc: str | None) -> None:
    check_apart([inbox], out)
    if inbox.resolve() in out.resolve().parents:
        raise OutputError(f"{out} lies inside {inbox}, where it would be taken for a study; needed another. Name one.")
    if not inbox.is_dir() and not orthanc:
        raise OutputError(f"No folder at {inbox}; needed that in which studies arrive. Make it, or correct the path.")


def _go_on(feed: OrthancFeed | None, studies: Studies, say: Say) -> NoReturn:
    """Look again and again; what fails is told, and tried again."""
    while True:
        wait_s = LOOK_S
        try:
            _round(feed, studies, say)
        except (OutputError, PacsError) as fault:
            say(f"{fault} Tried again in {AGAIN_S:.0f} s.")
            wait_s = AGAIN_S
        time.sleep(wait_s)


def _round(feed: OrthancFeed | None, studies: Studies, say: Say) -> None:
    """Fetch what is whole, then take it; nothing is taken where fetching failed, as half of it might be there."""
    for line in feed.bring() if feed else ():
        say(line)
    studies.look()


def _say_what_arrives(places: Inbox, quiet_s: float, say: Say) -> None:
    """Name the studies that a single look has left."""
    if places.arriving:
        still = f"something came to {counted(places.arriving, 'study')} less than {quiet_s:g} s ago"
        say(f"Left for later: {still}. Give the same command again then, or a shorter --quiet.")
