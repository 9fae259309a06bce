"""A ZIP archive of an export, read where it lies: its files stand in a temporary folder as long as they are needed.

What is in an archive comes from anywhere: it is bounded before it is unpacked, and nothing is written elsewhere.
"""

from __future__ import annotations

import errno
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.lock import LOCK_FILE, FolderLock, is_abandoned

BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")  # of an archive, and of an empty one
PREFIX = "echocare-zip-"
MOST_FILES, MOST_BYTES, MOST_FOLDERS = 200_000, 1 << 36, 32
MOST_RATIO, RATIO_FROM_BYTES = 100, 1 << 28  # a whole export of ultrasound packs to a tenth at best
COPIED_AT_ONCE = 1 << 20
UNREAD = "cannot be unpacked: it is damaged, or packed in a way that is not read. Export it again."
TOO_LONG = "has a name that is longer than this machine can store. It was not unpacked; give it a shorter one."
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)


def is_archive(path: Path) -> bool:
    """Whether a path is a file that begins like a ZIP archive."""
    try:
        with path.open("rb") as file:
            return file.read(4) in BEGINNINGS
    except OSError:
        return False


class UnpackedArchive:
    """The files of an archive, for their owner alone, until nobody needs this any more; what a process that was killed
    left behind is removed by the next.

    Args:
        path: the archive.

    Attributes:
        folder: where its files stand, by the names they have in the archive.
        set_aside: those that were not unpacked.

    Raises:
        UnreadableFrames: it is damaged, encrypted, or beyond what an export can be; the sentence says which.
    """

    def __init__(self, path: Path) -> None:
        _remove_abandoned()
        self.set_aside: list[UnreadableFrames] = []
        self._kept = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self._lock = FolderLock(Path(self._kept.name), "the files of an archive")
        self.folder = Path(self._kept.name) / "files"
        self.folder.mkdir()
        try:
            with zipfile.ZipFile(path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.filename.endswith(("/", "\\"))]
                _check_bounds(path, entries, shutil.disk_usage(self.folder).free)
                for entry in entries:
                    self._unpack(archive, entry)
        except DAMAGE as fault:
            raise UnreadableFrames(path, "is a damaged ZIP archive, or cut short. Copy or export it again.") from fault

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self._lock.release()
            self._kept.cleanup()

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        fault, parts = _fault(entry), _parts(entry)
        path = self.folder.joinpath(*parts) if not fault else self.folder / re.sub(r"[^\w.-]+", "_", entry.filename)
        try:
            if not fault:
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, path.open("xb") as file:
                    shutil.copyfileobj(packed, file, COPIED_AT_ONCE)
        except FileExistsError:
            fault = "has the name of another file or folder of its archive. Unpack that, and give its folder."
        except DAMAGE as damage:
            with suppress(OSError):  # a name that is too long can no more be removed than written
                path.unlink(missing_ok=True)
            fault = TOO_LONG if getattr(damage, "errno", None) == errno.ENAMETOOLONG else UNREAD
        if fault:
            self.set_aside.append(UnreadableFrames(path, fault))


def _parts(entry: zipfile.ZipInfo) -> list[str]:
    """Folders and name of an entry, without the `.` and double slashes that mean nothing between them; older Windows
    tools write backslashes, against APPNOTE 4.4.17.1."""
    first, *others = re.split(r"[/\\]", entry.filename)
    return [part for part in (first, *others) if part not in ("", ".")] if first else ["", *others]


def _fault(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is not unpacked."""
    parts = _parts(entry)
    if ".." in parts or not parts or not parts[0] or ":" in parts[0]:
        return "has a name that leads out of its archive. It was not unpacked; export it again."
    if len(parts) > MOST_FOLDERS:
        return f"lies {len(parts) - 1} folders deep in its archive; {MOST_FOLDERS} are read. Export it again."
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link inside an archive, which is not followed. Put the file itself into it."
    if entry.flag_bits & 1:
        return "is encrypted. Unpack its archive with the password, and give the folder."
    return None


def _check_bounds(path: Path, entries: list[zipfile.ZipInfo], free: int) -> None:
    """UnreadableFrames where an archive is larger than an export can be, by what it says itself; no entry unpacks to
    more than that."""
    unpacked, packed = (sum(getattr(entry, size) for entry in entries) for size in ("file_size", "compress_size"))
    advice = "Unpack it, look at it, and give its folder."
    if len(entries) > MOST_FILES:
        raise UnreadableFrames(path, f"is a ZIP archive of {len(entries)} files; {MOST_FILES} are read. {advice}")
    if unpacked > MOST_BYTES:
        raise UnreadableFrames(path, f"unpacks to {unpacked >> 20} MiB; {MOST_BYTES >> 20} are read. {advice}")
    if unpacked > max(RATIO_FROM_BYTES, MOST_RATIO * max(packed, path.stat().st_size)):
        raise UnreadableFrames(path, f"unpacks to {unpacked >> 20} MiB, {MOST_RATIO} times its own size. {advice}")
    if unpacked > free:
        where = f"the temporary folder has room for {free >> 20}. Set TMPDIR to a larger one"
        raise UnreadableFrames(path, f"unpacks to {unpacked >> 20} MiB; {where}, or unpack it and give its folder.")


def _remove_abandoned() -> None:
    for folder in _others():
        if is_abandoned(folder / LOCK_FILE) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _others() -> Iterator[Path]:
    return Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
