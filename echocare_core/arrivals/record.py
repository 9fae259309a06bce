"""What was done with each study: a small file beside its results, and a line for people.

OUT/STUDY/.echocare-watch.json   how far it is, read when the watch starts again
OUT/watched.csv                  one row for whatever happened, the latest last
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from echocare_core.atomic import ENTERED_BY_OWNER, OWNER_ALONE, replacing
from echocare_core.disk import explained
from echocare_core.spreadsheet import path_cell, text_cell

RECORD, WATCHED_CSV = ".echocare-watch.json", "watched.csv"
COLUMNS = ("time", "study", "bundle", "outcome", "detail")
WRITTEN = "what was done with each study"
BEGUN, FAILED, UNSENT, DONE = "begun", "failed", "unsent", "done"
MOST_ATTEMPTS = 3  # at a study that ends this process, or fails, each time

Say = Callable[[str], None]


@dataclass(frozen=True)
class Record:
    """How far a study is.

    Attributes:
        state: one of the words above.
        stamp, content: of the files it was taken with (`Arrival`).
        attempts: how often it was begun with these.
        predicted: bundles that have predicted on these files.
    """

    state: str = BEGUN
    stamp: str = ""
    content: str = ""
    attempts: int = 0
    predicted: tuple[str, ...] = ()


class Records:
    """The records in a folder of results.

    Args:
        out: the folder.
        say: is called with each line for people, too.
    """

    def __init__(self, out: Path, say: Say) -> None:
        self.out, self._say = out, say

    def read(self, study: str) -> Record:
        """Of a study; an empty one where there is none that can be read."""
        try:
            found = json.loads((self.out / study / RECORD).read_text(encoding="utf-8"))
            return Record(**{**found, "predicted": tuple(found["predicted"])})
        except (OSError, ValueError, TypeError, KeyError):
            return Record()

    def write(self, study: str, record: Record) -> None:
        """Write that of a study, whole or not at all.

        Raises:
            OutputError: the disk is full or gone.
        """
        folder = self.out / study
        with explained(folder, WRITTEN):
            folder.mkdir(ENTERED_BY_OWNER, exist_ok=True)
            with replacing(folder / RECORD, OWNER_ALONE) as path:
                path.write_text(json.dumps(asdict(record)), encoding="utf-8")

    def tell(self, study: str, bundle: str, outcome: str, detail: str = "") -> None:
        """Say what happened, and add a row to `watched.csv`.

        Raises:
            OutputError: the disk is full or gone.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._say(f"{now} {study} {bundle}: {outcome}. {detail}".rstrip())
        path = self.out / WATCHED_CSV
        with explained(self.out, WRITTEN):
            if not path.exists():
                with replacing(path, OWNER_ALONE) as unfinished:
                    unfinished.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
            with path.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
                csv.writer(file).writerow([now, path_cell(study), *map(text_cell, (bundle, outcome, detail))])
