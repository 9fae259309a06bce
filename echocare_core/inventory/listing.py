"""What an export holds: every file of what was given, or those that a DICOMDIR lists, with what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.export import walk_export, walk_inputs
from echocare_core.frames.inputs import Inputs, Places
from echocare_core.frames.policy import LINK as LINK_REASON
from echocare_core.frames.policy import find_links
from echocare_core.inventory.copies import KEPT, LINK
from echocare_core.inventory.dicomdir import NAME, is_dicomdir, listed_files
from echocare_core.inventory.record import Record
from echocare_core.inventory.store import Store

MISSING = "is listed by the DICOMDIR but is not there. Copy or export it again."
UNLISTED = "is not listed by the DICOMDIR. Give its folder in place of the DICOMDIR to read it all the same."
UNNAMEABLE = "has a name that is not UTF-8, so no table can hold it. Rename it."


def list_export(inputs: Inputs, store: Store) -> None:
    """Take down in the store what there is to read.

    A folder is read whole, and where a DICOMDIR stands in it, files that are listed and missing are named. Of a
    DICOMDIR given alone only the files it lists are read; others below its folder are set aside.

    Raises:
        UnreadableFrames: a DICOMDIR was given alone and breaks off.
    """
    places = inputs.places
    by_list = inputs.single if inputs.single and is_dicomdir(inputs.single) else None
    set_aside: dict[str, Record] = {}  # folders, links and odd names: few
    same_as: dict[str, str] = {}

    def set_folder_aside(fault: UnreadableFrames) -> None:
        set_aside[_source(fault.path, places)] = Record("folder", reason=fault.reason)

    def found() -> Iterator[tuple[str, int, int]]:
        walked = walk_export(places.root, set_folder_aside) if by_list else walk_inputs(inputs, set_folder_aside)
        paths = list(walked)
        links = find_links(paths, places.source_of)
        for path in paths:
            source = _source(path, places)
            if path in links:
                set_aside[source] = Record(LINK, reason=LINK_REASON.format(first=KEPT))
                same_as[source] = _source(links[path], places)
            elif source != places.source_of(path):
                set_aside[source] = Record("other", reason=UNNAMEABLE)
            else:
                yield (source, *_size_and_time(path))
        for source in set_aside:
            yield source, 0, 0

    store.note_files(found())
    store.forget(f"kind IN ('unlisted', '{LINK}')")  # the list may be another by now, and links may lead elsewhere
    _read_lists([by_list] if by_list else _dicomdirs(places, store), store, places, demanded=by_list is not None)
    store.put_records(set_aside.items())
    store.put_links(same_as)
    _set_aside_where(store, "size IS NULL", Record("missing", reason=MISSING))
    if by_list:
        unlisted = f"kind IS NULL AND source NOT IN listed AND source <> '{by_list.name.replace(chr(39), chr(39) * 2)}'"
        _set_aside_where(store, unlisted, Record("unlisted", reason=UNLISTED))


def _source(path: Path, places: Places) -> str:
    """Path below the export; bytes that are no UTF-8 are spelled out."""
    return os.fsencode(places.source_of(path)).decode("utf-8", "backslashreplace")


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _dicomdirs(places: Places, store: Store) -> Iterator[Path]:
    """Files of an export that are called DICOMDIR: an export may hold the copies of several discs."""
    for page in store.pages(f"source = '{NAME}' COLLATE NOCASE OR source LIKE '%/{NAME}'"):
        yield from (path for path in map(places.path_of, page) if is_dicomdir(path))


def _read_lists(dicomdirs: Iterator[Path] | list[Path], store: Store, places: Places, *, demanded: bool) -> None:
    """Fill `listed`; one that breaks off matters only where it was asked for."""
    with store.transaction():
        store.database.execute("DELETE FROM listed")
        for path in dicomdirs:
            try:
                store.database.executemany(
                    "INSERT OR IGNORE INTO listed VALUES (?)", ([_source(file, places)] for file in listed_files(path))
                )
            except UnreadableFrames:
                if demanded:
                    raise
        store.database.execute(
            "INSERT OR IGNORE INTO files (source, folder) SELECT source, '' FROM listed"
            " WHERE source NOT IN (SELECT source FROM files)"
        )


def _set_aside_where(store: Store, condition: str, record: Record) -> None:
    for page in store.pages(condition):
        store.put_records((source, record) for source in page)
