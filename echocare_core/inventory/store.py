"""What is known of every file, in one SQLite file: written as it is found, and gone on with where it was left."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from echocare_core.atomic import OWNER_ALONE
from echocare_core.errors import OutputError
from echocare_core.frames.export import INVENTORY
from echocare_core.inventory.compare import Compared
from echocare_core.inventory.identity import Identity
from echocare_core.inventory.record import Record
from echocare_core.optional import is_installed

STORE_FILE = INVENTORY
KILLED = "ends the program that reads it: it is damaged in a way no reader expects. Export it again."
EXTRAS = ("av", "itk", "nibabel")  # packages that some formats need
PAGE = 256  # files that are handed out at a time
IDENTITY_COLUMNS = [field.name for field in fields(Identity)]
RECORD_COLUMNS = [*(field.name for field in fields(Record) if field.name != "identity"), *IDENTITY_COLUMNS]
SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE IF NOT EXISTS files (
        source TEXT PRIMARY KEY, folder TEXT, size INTEGER, mtime_ns INTEGER, seen INTEGER,
        {", ".join(RECORD_COLUMNS)},
        stored_digest TEXT, decoded_digest TEXT, damaged INTEGER DEFAULT 0,
        patient_group TEXT, split TEXT, role TEXT, same_as TEXT, conflict INTEGER DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS unread ON files (source) WHERE kind IS NULL;
    CREATE INDEX IF NOT EXISTS looks ON files (fingerprint);
    CREATE TABLE IF NOT EXISTS listed (source TEXT PRIMARY KEY);
"""
UNREAD = ", ".join(
    ["damaged = 0", *(f"{column} = NULL" for column in [*RECORD_COLUMNS, "stored_digest", "decoded_digest"])]
)


_FAULTS = {  # in SQLite's words
    "locked": "is in use by another run; wait for it",
    "full": "has no room on its disk; free some space and give the same command again",
    "readonly": "may not be written; change its permissions",
}


class Store:
    """The files of one export.

    Columns of `files`: `source` (path below the export, with forward slashes), `folder` of it, `size`, `mtime_ns`, the
    fields of `Record` and `Identity` (`kind` is NULL until the file was read), `stored_digest`, `decoded_digest` and
    `damaged` where pixels were compared, and what `groups` and `copies` find: `patient_group`, `split`, `role`,
    `same_as`, `conflict`. `listed` has what a DICOMDIR names.

    Args:
        path: of the SQLite file; None for one without a name, which is gone when it is closed or the process ends.
        export: pseudonym of the export; a store belongs to one.

    Raises:
        OutputError: it belongs to another export, is in use, or is no such file.
    """

    def __init__(self, path: Path | None, export: str) -> None:
        self.name = path.name if path else STORE_FILE
        if path:
            with suppress(OSError):  # SQLite says it better
                path.touch(OWNER_ALONE)  # it names files, which may name patients
        self.database = sqlite3.connect(path or "", isolation_level=None, timeout=1.0)
        try:
            with self.faults():
                self.database.execute("PRAGMA locking_mode = EXCLUSIVE")
                self.database.execute("PRAGMA synchronous = NORMAL")
                self.database.execute("PRAGMA temp_store = FILE")
                with self.transaction():
                    self.run(SCHEMA)
                    self._claim(export)
        except OutputError:
            self.close()
            raise

    def close(self) -> None:
        """Let another run use it."""
        self.database.close()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn SQLite's errors into one sentence."""
        try:
            yield
        except sqlite3.Error as fault:
            what = next((words for sign, words in _FAULTS.items() if sign in str(fault)), None)
            what = what or f"cannot be used ({type(fault).__name__})"
            raise OutputError(f"{self.name} {what}, or name a new folder.") from fault

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside, or none."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    def run(self, statements: str) -> None:
        """Execute SQL statements, separated by semicolons, within the transaction that is open."""
        for statement in statements.split(";"):
            self.database.execute(statement)

    def note_files(self, found: Iterable[tuple[str, int, int]]) -> None:
        """Take down what is in the export now, as (source, size, mtime_ns), and forget what is not there any more.

        A file that changed its size or time counts as unread; one that did not keeps what is known of it.
        """
        with self.transaction():
            self.database.execute("UPDATE files SET seen = 0")
            self.database.executemany(
                """
                INSERT INTO files (source, folder, size, mtime_ns, seen) VALUES (?, ?, ?, ?, 1)
                ON CONFLICT (source) DO UPDATE SET
                    seen = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns THEN 1 ELSE 2 END,
                    size = excluded.size, mtime_ns = excluded.mtime_ns
                """,
                ((source, source.rpartition("/")[0], size, mtime_ns) for source, size, mtime_ns in found),
            )
            self.forget("seen = 2")
            self.database.execute("DELETE FROM files WHERE seen = 0")

    def forget(self, condition: str) -> None:
        """Count the files that fulfil an SQL condition as unread."""
        self.database.execute(f"UPDATE files SET {UNREAD} WHERE {condition}")

    def pages(self, condition: str) -> Iterator[list[str]]:
        """Sources of the files that fulfil an SQL condition, some at a time; they may be changed in between."""
        last = ""
        while True:
            page = [
                source
                for (source,) in self.database.execute(
                    f"SELECT source FROM files WHERE ({condition}) AND source > ? ORDER BY source LIMIT {PAGE}", [last]
                )
            ]
            if not page:
                return
            yield page
            last = page[-1]

    def count(self, condition: str) -> int:
        """How many files fulfil an SQL condition."""
        return self.one(f"SELECT COUNT(*) FROM files WHERE {condition}")

    def one(self, query: str, values: Sequence[Any] = ()) -> Any:
        """The first value of the first row of a query; None where there is none."""
        row = self.database.execute(query, values).fetchone()
        return None if row is None else row[0]

    def put_records(self, records: Iterable[tuple[str, Record | None]]) -> None:
        """Keep what was read of some files; None = a file that killed its reader."""
        columns = ", ".join(f"{column} = ?" for column in RECORD_COLUMNS)
        rows = ((*_values(record or Record("other", reason=KILLED)), source) for source, record in records)
        with self.transaction():
            self.database.executemany(f"UPDATE files SET {columns} WHERE source = ?", rows)

    def put_links(self, same_as: Mapping[str, str]) -> None:
        """Keep which file each link leads to."""
        with self.transaction():
            self.database.executemany(
                "UPDATE files SET same_as = ? WHERE source = ?", ((first, link) for link, first in same_as.items())
            )

    def put_compared(self, compared: Iterable[tuple[str, Compared | None]]) -> None:
        """Keep what a comparison of pixels found; a file that cannot be read after all is set aside."""
        rows = ((source, one or Compared(reason=KILLED)) for source, one in compared)
        with self.transaction():
            self.database.executemany(
                """
                UPDATE files SET stored_digest = COALESCE(?, stored_digest),
                    decoded_digest = COALESCE(?, decoded_digest), damaged = damaged + ?,
                    usable = ? = '', reason = ? WHERE source = ?
                """,
                (
                    (one.stored_digest, one.decoded_digest, one.damaged, one.reason, one.reason, source)
                    for source, one in rows
                ),
            )

    def _claim(self, export: str) -> None:
        """Check that the store is of this export; files that other readers have read are read again."""
        known = dict(self.database.execute("SELECT key, value FROM about"))
        if known.get("export", export) != export:
            raise OutputError(f"{self.name} is the inventory of another export. Name a new folder.")
        if known.get("readers") != (readers := _readers()):
            self.forget("TRUE")
        self.database.executemany(
            "INSERT OR REPLACE INTO about VALUES (?, ?)", [("export", export), ("readers", readers)]
        )


def _values(record: Record) -> list[Any]:
    return [getattr(record.identity if column in IDENTITY_COLUMNS else record, column) for column in RECORD_COLUMNS]


def _readers() -> str:
    """Hash of what reads files, this package's source and the extras: after a change nothing is taken over."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted([*package.glob("frames/**/*.py"), *package.glob("inventory/*.py")]):
        digest.update(path.read_bytes())
    digest.update(bytes(is_installed(extra) for extra in EXTRAS))
    return digest.hexdigest()
