"""What was sent from a folder, and where to: so that nothing is sent twice, and everybody can look it up.

OUT/sent.csv                    what became of each object when it was last sent
OUT/.echocare-send/journal.csv  what a PACS has confirmed, line by line, for all places it was sent to
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from echocare_core.atomic import ENTERED_BY_OWNER, OWNER_ALONE, replacing
from echocare_core.disk import explained
from echocare_core.lock import FolderLock
from echocare_core.pacs.outcome import CONFIRMED, Outcome
from echocare_core.pacs.outgoing import Outgoing
from echocare_core.spreadsheet import path_cell, text_cell

STATE, SENT_CSV = ".echocare-send", "sent.csv"
WRITTEN = "what was sent"
JOURNAL_COLUMNS = ("destination", "sha256", "outcome", "time")
COLUMNS = ("file", "kind", "outcome", "detail", "destination", "time")


class SentJournal:
    """What of a folder is known to be at one destination.

    An object is told by the checksum of its file: made anew with another content, it is another one.

    Args:
        folder: the folder that is sent; of a single file, that it lies in.
        destination: address of the PACS.

    Raises:
        OutputError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, destination: str) -> None:
        self.table = folder / SENT_CSV
        self._folder, self._state, self._destination = folder, folder / STATE, destination
        self._path = self._state / "journal.csv"
        with explained(folder, WRITTEN):
            self._state.mkdir(ENTERED_BY_OWNER, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from sending the same folder, and read what was confirmed.

        Raises:
            OutputError: another process is sending it.
        """
        with explained(self._folder, WRITTEN), FolderLock(self._state, WRITTEN):
            self._confirmed = self._read()
            yield

    def has(self, one: Outgoing) -> bool:
        """Whether the PACS has confirmed this very object."""
        return one.sha256 in self._confirmed

    def add(self, one: Outgoing, outcome: Outcome) -> None:
        """Note what became of an object, where that means that the PACS has it."""
        if outcome.name not in CONFIRMED or self.has(one):
            return
        self._confirmed.add(one.sha256)
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([self._destination, one.sha256, outcome.name, _now()])

    def write_table(self, outcomes: Sequence[tuple[Outgoing, Outcome]]) -> None:
        """Write `sent.csv`: one row for each object."""
        with (
            explained(self._folder, WRITTEN),
            replacing(self.table, OWNER_ALONE) as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for one, outcome in outcomes:
                said = [one.kind, outcome.name, outcome.detail, self._destination, _now()]
                writer.writerow([path_cell(one.name), *map(text_cell, said)])

    def _read(self) -> set[str]:
        """Checksums of what this destination has; a line that was cut off names none that fits."""
        if not self._path.exists():
            with replacing(self._path, OWNER_ALONE) as unfinished:
                unfinished.write_text(",".join(JOURNAL_COLUMNS) + "\n")
        text = self._path.read_text(encoding="utf-8", errors="replace").replace("\0", "")  # as a power cut leaves it
        if not text.endswith("\n"):
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")
        rows = csv.DictReader(text.splitlines())
        return {row["sha256"] for row in rows if row["destination"] == self._destination and row["outcome"]}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
