"""The folder that objects of a PACS are fetched to: names that say nothing, and a list of what is there and whole.

    OUT/1c9e.../83ab....dcm           one folder per study, one file per object
    OUT/.echocare-fetch/index.csv     which object each file is, its size and checksum
    OUT/.echocare-fetch/set_aside.csv what could not be had, and why
    OUT/.echocare-fetch/key           makes the names

Names of files go into results and reports, so a name is a keyed hash of the UID: without the key it cannot be led back
to the study. The objects themselves are as the PACS has them, patient and all, so the folder is for its owner alone.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from echocare_core.atomic import ENTERED_BY_OWNER, OWNER_ALONE, replacing
from echocare_core.checksum import sha256_of
from echocare_core.disk import explained, sync
from echocare_core.errors import OutputError
from echocare_core.lock import FolderLock
from echocare_core.pacs.query import Instance
from echocare_core.secret import KEY_BYTES, SecretKey, read_or_make_key
from echocare_core.spreadsheet import text_cell

STATE = ".echocare-fetch"  # a folder that `read_export` passes over
SET_ASIDE = f"{STATE}/set_aside.csv"
UNFINISHED, WRITTEN = "unfinished-", "what is fetched"
COLUMNS = ("file", "study_uid", "series_uid", "instance_uid", "form", "bytes", "sha256")


class FetchedFolder:
    """A folder for fetched objects, new or of an earlier fetch.

    Raises:
        OutputError: it is a file, or holds other files than those of a fetch, or cannot be written.
        SettingsError: its key file holds no key.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._state = root / STATE
        with explained(root, WRITTEN):
            if root.exists() and not self._state.is_dir() and (not root.is_dir() or any(root.iterdir())):
                raise OutputError(f"{root} holds something else than an earlier fetch; needed a new folder. Name one.")
            root.mkdir(ENTERED_BY_OWNER, parents=True, exist_ok=True)
            self._state.mkdir(ENTERED_BY_OWNER, exist_ok=True)
            self._key = self._read_key()
            self._known = self._read_index()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other fetches out, and remove what one that was killed has left unfinished.

        Raises:
            OutputError: another fetch is at work in it.
        """
        with explained(self.root, WRITTEN), FolderLock(self._state, WRITTEN):
            for leftover in self._state.glob(f"{UNFINISHED}*"):
                leftover.unlink()
            yield

    def name_of(self, instance: Instance) -> str:
        """Path of an object's file, relative to the folder, with forward slashes."""
        return f"{self._hash(instance.study_uid)}/{self._hash(instance.instance_uid)}.dcm"

    def has(self, instance: Instance) -> bool:
        """Whether an object was fetched and its file is still the same, to the byte."""
        name = self.name_of(instance)
        path = self.root / name
        size, checksum = self._known.get(name, (-1, ""))
        return path.is_file() and path.stat().st_size == size and sha256_of(path) == checksum

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """Yield a path to write to; what is still there when the block ends is removed."""
        with explained(self.root, WRITTEN):
            handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=self._state)
            os.close(handle)
            try:
                yield Path(name)
            finally:
                Path(name).unlink(missing_ok=True)

    def add(self, instance: Instance, unfinished: Path, checksum: str, form: str) -> None:
        """Put a whole file in its place and into the index."""
        name = self.name_of(instance)
        size = unfinished.stat().st_size
        (self.root / name).parent.mkdir(ENTERED_BY_OWNER, exist_ok=True)
        sync(unfinished)
        unfinished.replace(self.root / name)
        self._known[name] = size, checksum
        with (self._state / "index.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([name, *astuple(instance), form, size, checksum])

    def write_set_aside(self, reasons: dict[Instance, str]) -> None:
        """List what could not be had; the UIDs stand here, for whoever looks the objects up in the PACS."""
        with (
            explained(self.root, WRITTEN),
            replacing(self.root / SET_ASIDE, OWNER_ALONE) as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["file", "study_uid", "series_uid", "instance_uid", "reason"])
            for instance, reason in reasons.items():
                writer.writerow(map(text_cell, [self.name_of(instance), *astuple(instance), reason]))

    def _hash(self, uid: str) -> str:
        return self._key.pseudonym("", uid)

    def _read_key(self) -> SecretKey:
        path = self._state / "key"
        if path.exists() and path.stat().st_size == KEY_BYTES:  # the bytes themselves, as earlier fetches wrote them
            return SecretKey(path.read_bytes())
        return read_or_make_key(path)

    def _read_index(self) -> dict[str, tuple[int, str]]:
        """Size and checksum of each file; a line that was cut off names none, or none that fits."""
        path = self._state / "index.csv"
        if not path.exists():
            with replacing(path, OWNER_ALONE) as unfinished:
                unfinished.write_text(",".join(COLUMNS) + "\n")
        text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")  # as a power cut may leave it
        if not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")
        rows = [row for row in csv.DictReader(text.splitlines()) if (row.get("bytes") or "").isdigit()]
        return {row["file"]: (int(row["bytes"]), row["sha256"]) for row in rows}
