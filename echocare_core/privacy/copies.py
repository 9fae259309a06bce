"""A folder of copies that name nobody, from a hospital export."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from rich.progress import track

from echocare_core.atomic import remove_unfinished, replacing
from echocare_core.disk import explained
from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.frames.dicom.header import UNPARSABLE, looks_like_dicom, read_on
from echocare_core.frames.dicom.read import DicomPixels, read_dicom
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.frames.export import walk_export
from echocare_core.frames.read import first_bytes
from echocare_core.lock import FolderLock
from echocare_core.optional import check_installed
from echocare_core.privacy.attributes import EDITION, RULES, deidentify_header, say_pixels_were_cleaned
from echocare_core.privacy.burned_in import BurnedIn, find_burned_in
from echocare_core.privacy.copy import write_copy
from echocare_core.privacy.table import NOT_WRITTEN, TABLE, Row, claim, line_of_row
from echocare_core.secret import SecretKey, read_or_make_key
from echocare_core.types import Frames

FULL = {errno.ENOSPC, errno.EDQUOT}
# What a reader says of a file may quote it, so that the table, which goes with the copies, has sentences of its own.
NOT_DICOM = "is not DICOM; only DICOM objects are copied. Leave it out."
NO_PICTURE = (
    "is no ultrasound picture that can be read. `echocare inspect` of the export says why: correct it, or leave it out."
)
DAMAGED = "has a frame that cannot be decoded. Copy or export it again."
NO_CLASS = "has no SOP Class UID (0008,0016) of the standard, which a copy needs. Export it again."
SAME_UID = (
    "has the SOP Instance UID of another file, whose copy stands for it. Where `echocare inspect` calls the two a "
    "conflict and not the same object, export it again."
)


@dataclass(frozen=True)
class Copies:
    """What one run left: the folder, and what became of each file in it, earlier runs included."""

    folder: Path
    rows: tuple[Row, ...]

    @property
    def made(self) -> int:
        return sum(1 for row in self.rows if row.copy)

    @property
    def set_aside(self) -> int:
        return len(self.rows) - self.made


def deidentify(
    export: str | Path, out: str | Path, *, key: str | Path | None = None, keep_intervals: bool = False
) -> Copies:
    """Copy the ultrasound objects of an export without what names a patient, following PS3.15 Annex E.

    Attributes: the Basic Application Level Confidentiality Profile, and fewer still (`attributes`). Pixels: the Clean
    Pixel Data Option; what is outside the regions and the scan sector, and text inside it, is black (`burned_in`). The
    finding of text is not perfect: look at the copies before you pass them on.

    Args:
        export: a file or folder. It is only read.
        out: new folder, or that of an earlier run that was stopped, which goes on; no copy is ever overwritten. It gets
            `<patient>/<study>/<object>.dcm`, all three new names, and `deidentified.csv`, a `Row` for each file.
        key: file with the secret that new names follow from, made where it is missing; `OUT.key` when None. The same
            key gives the same names in every export. Whoever has it can tell whether a copy is of a patient whose id
            he knows: keep it as you keep the export, or delete it.
        keep_intervals: keep dates and times, moved back alike for one patient; else there are none.

    Returns:
        What became of each file. Anything but readable ultrasound DICOM is set aside with its reason.

    Raises:
        UnreadableFrames: the export does not exist.
        OutputError: `out` holds other files, lies in the export or the other way round, is in use by another run, or
            cannot be written, as where its disk is full.
        SettingsError: the key file holds something else, or the library with the table is not installed.
    """
    export, out = Path(export), Path(out)
    check_installed("dicomanonymizer", subject="De-identification", error=SettingsError)
    if not export.exists():
        raise UnreadableFrames(export, "does not exist; a file or folder is needed. Check the path.")
    _check_apart(export.resolve(), out.resolve())
    with explained(out, "the copies"):
        out.mkdir(parents=True, exist_ok=True)
        with FolderLock(out, "the copies"):
            remove_unfinished(out)
            secret = read_or_make_key(key_of(out, key))
            settings = {"key": secret.mark(), "keep_intervals": keep_intervals, "edition": EDITION, "rules": RULES}
            rows = claim(out, settings)
            _copy_all(export, out, rows, secret, keep_intervals)
    return Copies(out, tuple(rows))


def key_of(out: Path, key: str | Path | None = None) -> Path:
    """The key file of a folder of copies: the one that is named, else that beside the folder."""
    return Path(key) if key else out.resolve().with_name(out.resolve().name + ".key")


def source_paths(export: Path) -> dict[str, tuple[Path, str]]:
    """Every file of an export by its path below the export: where it is, and why it is set aside unread, if it is."""
    if not export.is_dir():
        return {export.name: (export, "")}
    aside: list[UnreadableFrames] = []
    found = dict.fromkeys(walk_export(export, aside.append), "") | {fault.path: fault.reason for fault in aside}
    return {path.relative_to(export).as_posix(): (path, found[path]) for path in sorted(found)}


def _copy_all(export: Path, out: Path, rows: list[Row], key: SecretKey, keep_intervals: bool) -> None:
    """Copy every file that has no row yet, and give it one."""
    done, copies = {row.source for row in rows}, {row.copy for row in rows}
    found = source_paths(export).items()
    with (out / TABLE).open("a", encoding="utf-8", newline="") as table:
        for number, (name, (path, reason)) in enumerate(track(found, "de-identifying", transient=True), start=1):
            row = Row(number, key.source(name))
            if row.source in done:
                continue
            row = _set_aside(row, reason) if reason else _copy(path, out, row, key, copies, keep_intervals)
            copies.add(row.copy)
            rows.append(row)
            table.write(line_of_row(row))
            table.flush()


def _copy(path: Path, out: Path, row: Row, key: SecretKey, copies: set[str], keep_intervals: bool) -> Row:
    """Copy one file, or say why not, without its name; only a full disk stops the others."""
    try:
        return _try_to_copy(path, out, row, key, copies, keep_intervals)
    except UnreadableFrames as fault:
        return _set_aside(row, DAMAGED if fault.frame else fault.reason)
    except Exception as fault:
        if isinstance(fault, OSError) and fault.errno in FULL:
            raise
        if isinstance(fault, OSError) and fault.errno:
            return _set_aside(row, f"{NOT_WRITTEN} ({fault.strerror}). Correct that, and give the same command again.")
        return _set_aside(row, f"cannot be copied ({type(fault).__name__}). Export it again, or leave it out.")


def _try_to_copy(path: Path, out: Path, row: Row, key: SecretKey, copies: set[str], keep_intervals: bool) -> Row:
    frames, pixels = _read(path)
    made = deidentify_header(_header(path), key, row.source, keep_intervals=keep_intervals)
    header = made.dataset
    if "SOPClassUID" not in header:
        raise UnreadableFrames(path, NO_CLASS)
    copy = f"{made.patient}/{header.StudyInstanceUID}/{header.SOPInstanceUID}.dcm"
    if copy in copies:
        raise UnreadableFrames(path, SAME_UID)
    painter = _Painter(find_burned_in(frames))
    say_pixels_were_cleaned(header)
    (out / copy).parent.mkdir(parents=True, exist_ok=True)
    with replacing(out / copy) as unfinished:
        written = write_copy(unfinished, pixels, header, painter)
    return replace(
        row,
        copy=copy,
        frames=len(frames),
        form=written.form,
        frames_changed=written.changed,
        blanked_percent=round(100 * painter.blanked / (len(frames) * frames.size[0] * frames.size[1]), 2),
        text_lines=painter.lines,
        attributes_removed=made.removed,
    )


class _Painter:
    """Says what to make black in each frame, and adds up how much that was."""

    def __init__(self, burned_in: BurnedIn) -> None:
        self._burned_in = burned_in
        self.lines, self.blanked = burned_in.count, 0

    def __call__(self, number: int, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        masked, lines = self._burned_in.mask_of(picture)
        self.lines += lines
        self.blanked += int(masked.sum())
        return masked


def _set_aside(row: Row, reason: str) -> Row:
    return replace(row, set_aside=reason[:1].upper() + reason[1:])


def _read(path: Path) -> tuple[Frames, DicomPixels]:
    """The frames of an object.

    Raises:
        UnreadableFrames: it is none that can be copied.
    """
    if not looks_like_dicom(first_bytes(path)):
        raise UnreadableFrames(path, NOT_DICOM)
    try:
        frames = read_dicom(path)
    except UnreadableFrames:
        raise UnreadableFrames(path, NO_PICTURE) from None
    if not isinstance(frames.pixels, DicomPixels):
        raise UnreadableFrames(path, NO_PICTURE)
    return frames, frames.pixels


def _header(path: Path) -> Dataset:
    """The whole header of an object.

    Raises:
        UnreadableFrames: it cannot be parsed.
    """
    try:
        with path.open("rb") as file, suppress_warnings():
            dataset = dcmread(file, stop_before_pixels=True, force=True)
            read_on(file, dataset)
            return dataset
    except UNPARSABLE as fault:
        raise UnreadableFrames(path, f"cannot be parsed ({type(fault).__name__}). Export it again.") from None


def _check_apart(export: Path, out: Path) -> None:
    if out == export or export in out.parents or out in export.parents:
        raise OutputError(
            "The folder of copies and the export lie in one another; needed a folder beside it. Choose another one."
        )
