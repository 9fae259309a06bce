"""A folder of copies that name nobody, from a hospital export."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from rich.progress import track

from echocare_core.atomic import replacing
from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.frames.dicom.header import UNPARSABLE, read_on, suppress_warnings
from echocare_core.frames.dicom.read import DicomPixels
from echocare_core.frames.read import read_frames
from echocare_core.optional import check_installed
from echocare_core.privacy.attributes import EDITION, deidentify_header
from echocare_core.privacy.burned_in import BurnedIn, find_burned_in
from echocare_core.privacy.copy import write_copy
from echocare_core.secret import SecretKey, read_or_make_key

TABLE, NOTE = "deidentified.csv", "deidentified.json"


@dataclass(frozen=True)
class Row:
    """What became of one file; no name, number or date of the file is in it, nor its path.

    Attributes:
        file: its place in the export, from 1, all paths sorted.
        source: what its path became under the key.
        copy: path in the folder of copies, "" where it was set aside.
        frames: how many it has.
        form: how its pixels are written, see `copy.Written`.
        frames_changed: how many frames have other pixels than before.
        blanked_percent: share of the picture that is black now and held something, or nothing, before.
        text_lines: lines of text that were found inside the scan sector, once for each frame where they move.
        attributes_removed: how many attributes, in sequences too, are not in the copy or empty.
        set_aside: why there is no copy, "" where there is one.
    """

    file: int
    source: str
    copy: str = ""
    frames: int = 0
    form: str = ""
    frames_changed: int = 0
    blanked_percent: float = 0.0
    text_lines: int = 0
    attributes_removed: int = 0
    set_aside: str = ""


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
        keep_intervals: keep dates, moved by the same number of days for one patient; else there are none.

    Returns:
        What became of each file. Anything but readable ultrasound DICOM is set aside with its reason.

    Raises:
        UnreadableFrames: the export does not exist.
        OutputError: `out` holds other files, lies in the export or the other way round, or cannot be written.
        SettingsError: the key file holds something else, or the library with the table is not installed.
    """
    export, out = Path(export), Path(out)
    check_installed("dicomanonymizer", subject="De-identification", error=SettingsError)
    if not export.exists():
        raise UnreadableFrames(export, "does not exist; a file or folder is needed. Check the path.")
    _check_apart(export.resolve(), out.resolve())
    try:
        out.mkdir(parents=True, exist_ok=True)
        secret = read_or_make_key(Path(key) if key else out.resolve().with_name(out.resolve().name + ".key"))
        rows = _claim(out, {"key": secret.mark(), "keep_intervals": keep_intervals, "edition": EDITION})
        root = export if export.is_dir() else export.parent
        paths = list(_files(export))
        done = {row.source for row in rows}
        copies = {row.copy for row in rows}
        with (out / TABLE).open("a", encoding="utf-8", newline="") as file:
            for number, path in track(list(enumerate(paths, start=1)), "de-identifying", transient=True):
                source = secret.source(path.relative_to(root).as_posix())
                if source in done:
                    continue
                row = _copy(path, out, Row(number, source), secret, copies, keep_intervals)
                copies.add(row.copy)
                rows.append(row)
                file.write(_line(list(asdict(row).values())))
                file.flush()
    except OSError as fault:
        raise OutputError(
            f"The folder of copies cannot be written ({fault.strerror or type(fault).__name__}); needed a folder you "
            "may write to, with space for the copies. The same command goes on from here."
        ) from None
    return Copies(out, tuple(rows))


def _copy(path: Path, out: Path, row: Row, key: SecretKey, copies: set[str], keep_intervals: bool) -> Row:
    """Copy one file, or say why not, without its name."""
    try:
        frames = read_frames(path)
        if not isinstance(frames.pixels, DicomPixels):
            raise UnreadableFrames(path, "is not DICOM; only DICOM objects are copied. Leave it out.")
        original = _header(path)
        made = deidentify_header(original, key, row.source, keep_intervals=keep_intervals)
        header = made.dataset
        if "SOPClassUID" not in header:
            raise UnreadableFrames(path, "has no SOP Class UID (0008,0016), which a copy needs. Export it again.")
        copy = f"{made.patient}/{header.StudyInstanceUID}/{header.SOPInstanceUID}.dcm"
        if copy in copies:
            raise UnreadableFrames(
                path,
                "has the SOP Instance UID of another file, whose copy stands for it. Where `echocare inspect` calls "
                "the two a conflict and not the same object, export it again.",
            )
        burned_in = find_burned_in(frames)
    except UnreadableFrames as fault:
        return _set_aside(row, fault.reason)
    header.BurnedInAnnotation = "NO"
    header.ImageType = ["DERIVED", *(list(header.get("ImageType") or ())[1:] or ["PRIMARY"])]
    painter = _Painter(burned_in)
    (out / copy).parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(out / copy) as unfinished:
            written = write_copy(unfinished, frames.pixels, header, original, painter)
    except UnreadableFrames as fault:
        return _set_aside(row, fault.reason)
    return Row(
        row.file,
        row.source,
        copy,
        len(frames),
        written.form,
        written.changed,
        round(100 * painter.blanked / (len(frames) * frames.size[0] * frames.size[1]), 2),
        painter.lines,
        made.removed,
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
    return Row(row.file, row.source, set_aside=reason[:1].upper() + reason[1:])


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


def _files(export: Path) -> Iterator[Path]:
    """All files below a folder, sorted; a single file is its own."""
    if not export.is_dir():
        yield export
        return
    for folder, folders, names in os.walk(export):
        folders.sort()
        yield from (Path(folder) / name for name in sorted(names))


def _check_apart(export: Path, out: Path) -> None:
    if out == export or export in out.parents or out in export.parents:
        raise OutputError(
            "The folder of copies and the export lie in one another; needed a folder beside it. Choose another one."
        )


def _claim(out: Path, settings: dict[str, object]) -> list[Row]:
    """Note the settings in a new folder, or find that an earlier run had the same; the rows it wrote.

    A row that was cut off when that run was stopped is dropped from the table, and its file copied again.
    """
    note, table = out / NOTE, out / TABLE
    text = json.dumps(settings, indent=1) + "\n"
    if not note.exists():
        if any(out.iterdir()):
            raise OutputError(
                "The folder of copies holds other files; needed a new or empty one. Choose another folder."
            )
        with replacing(table) as unfinished:
            unfinished.write_text(_line([field.name for field in fields(Row)]), encoding="utf-8", newline="")
        with replacing(note) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    if note.read_text(encoding="utf-8") != text:
        raise OutputError(
            "The folder holds copies made with another key or other settings; needed the same call as before. Choose "
            "another folder."
        )
    whole = table.read_text(encoding="utf-8").rpartition("\n")[0] + "\n"
    with replacing(table) as unfinished:
        unfinished.write_text(whole, encoding="utf-8", newline="")
    return [_row(cells) for cells in csv.DictReader(io.StringIO(whole))]


def _row(cells: dict[str, str]) -> Row:
    kinds = {"int": int, "float": float, "str": str}
    return Row(**{field.name: kinds[str(field.type)](cells[field.name]) for field in fields(Row)})


def _line(cells: list[object] | list[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(cells)
    return file.getvalue()
