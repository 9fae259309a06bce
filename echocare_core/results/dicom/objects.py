"""The DICOM objects of a run: of each file one of every kind that has something to say of it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import Dataset

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import MALFORMED, looks_like_dicom
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.result_files import DICOM
from echocare_core.results.dicom.capture import OVERLAY, write_overlay
from echocare_core.results.dicom.common import Kind
from echocare_core.results.dicom.derived import derived_kind, derived_writer
from echocare_core.results.dicom.report import REPORT
from echocare_core.results.dicom.reports import Study, studies_of, write_report
from echocare_core.results.dicom.said import NoObject, Said
from echocare_core.results.dicom.seg import SEG, build_seg
from echocare_core.results.dicom.segments import Segmented, read_segmented
from echocare_core.results.dicom.source import Source, read_source
from echocare_core.results.dicom.statements import Reported
from echocare_core.results.dicom.uids import seal, write_object
from echocare_core.results.table import FILE, Row
from echocare_core.types import BundleCard, Details, Objects, Origin, SetAside

_log = logging.getLogger(__name__)
_HEAD_BYTES = 512
INSTANCE = "sop_instance_uid"  # column of the rows
NO_DICOM = "is no DICOM object, so nothing could refer to it."
SHARED_UID = (
    "has the SOP Instance UID of {other} and other pixels: an object that refers to it could be shown on the wrong "
    "picture. Give each a UID of its own."
)
REPLACED = "holds another object now than when it was measured. Run again."


class Maker(NamedTuple):
    """How one kind of object is made.

    Attributes:
        kind: of object.
        concerns: whether it says anything of a row.
        write: writes it, from the rows of a file that it concerns; it raises NoObject where it cannot.
    """

    kind: Kind
    concerns: Callable[[Row, Details], bool]
    write: Callable[[Said, Path], None]


def whole(build: Callable[[Said], Dataset]) -> Callable[[Said, Path], None]:
    """Writes an object that is made in memory, without its UID."""
    return lambda said, path: write_object(seal(build(said)), path)


MAKERS = (  # a new kind is a module beside this one and a line here
    Maker(SEG, lambda row, details: bool(row.get("mask")) and row["frame"] is not None, whole(build_seg)),
    Maker(OVERLAY, lambda row, details: bool(row.get("overlay")), write_overlay),
)


def maker_of(name: str) -> Maker:
    """How the objects of pictures of that name are made."""
    return Maker(derived_kind(name), lambda row, details: bool(row.get(f"{name}{FILE}")), derived_writer(name))


class ObjectWriter:
    """Writes the objects of a run, one file after the other, and of each study a report that refers to them.

    Args:
        folder: in which results are prepared, masks and overlays among them.
        card: of the bundle.
        origin: how the results were made; None where that is not known.
        files: source in the rows -> where the file stands.
        name_of: source -> path of its results without extension, relative and legal on every disk.
        derived: names of pictures that are the frame itself with other values, each of which gets objects too.
    """

    def __init__(
        self,
        folder: Path,
        card: BundleCard,
        origin: Origin | None,
        files: Mapping[str, Path],
        name_of: Callable[[str], str],
        derived: Sequence[str] = (),
    ) -> None:
        self.folder, self.card, self.origin, self.files, self.name_of = folder, card, origin, files, name_of
        self.derived = derived
        self._without: list[SetAside] = []
        self._number = 0

    def write(self, rows: Sequence[Row], details: Sequence[Details]) -> tuple[list[dict[str, object]], Objects]:
        """Write them, and name them in the rows.

        Args:
            rows: of `results.csv`.
            details: of each row.

        Returns:
            The rows, where an object is about one with its path in the column `dicom_KIND_file`; and how many objects
            there are.

        Raises:
            OSError: the disk cannot take them, or has lost what was prepared.
        """
        named, places = [dict(row) for row in rows], self._places_by_source(rows)
        shared, studies = _shared_uids(rows), {}
        for source, of_file in places.items():
            with self._noting(source):
                found = self._source(source, rows[of_file[0]], shared)
                studies[source] = found.study_of_patient
                for maker in (*MAKERS, *map(maker_of, self.derived)):
                    about = [place for place in of_file if maker.concerns(rows[place], details[place])]
                    if about:
                        self._make(maker, source, self._said(found, about, named, details), about, named)
        for number, study in enumerate(studies_of(rows, places, studies), start=1):
            self._report(f"study_{number:04d}", study, named, details)
        return named, Objects(self._number, tuple(self._without))

    def _places_by_source(self, rows: Sequence[Row]) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if row.get("level") != "study":
                places[str(row["source"])].append(place)
        return places

    def _said(self, source: Source, places: Sequence[int], rows: Sequence[Row], details: Sequence[Details]) -> Said:
        return Said(source, self.card, self.folder, [rows[one] for one in places], [details[one] for one in places])

    def _make(
        self, maker: Maker, source: str, said: Said, about: Sequence[int], named: list[dict[str, object]]
    ) -> None:
        """Write an object of a file, and name it in the rows that it is about."""
        with self._noting(source, kind=maker.kind):
            path = self._write(maker.kind, self.name_of(source), partial(maker.write, said))
            _name(named, about, maker.kind, path)

    def _report(self, name: str, study: Study, named: list[dict[str, object]], details: Sequence[Details]) -> None:
        """Write the report of a study."""
        with self._noting(*study.places, kind=REPORT):
            files = [
                Reported(
                    self._said(read_source(self.files[source]), of_file, named, details),
                    self._segmented(named, of_file),
                )
                for source, of_file in study.places.items()
            ]
            of_study = [(named[place], details[place]) for place in study.whole]
            path = self._write(REPORT, name, partial(write_report, files, of_study, self.card, self.origin))
            _name(named, study.rows, REPORT, path)

    def _segmented(self, named: Sequence[Row], places: Sequence[int]) -> Segmented | None:
        """What the segmentation object of a file holds; None where there is none."""
        paths = [str(named[place][_column(SEG)]) for place in places if named[place].get(_column(SEG))]
        return read_segmented(self.folder / paths[0]) if paths else None

    @contextmanager
    def _noting(self, *sources: str, kind: Kind | None = None) -> Iterator[None]:
        """Note why files have no object, and go on with the next; pydicom's warnings would quote their values."""
        try:
            with suppress_warnings():
                yield
            return
        except UnreadableFrames as fault:
            reason = fault.reason
        except NoObject as fault:
            reason = str(fault)
        except OSError:  # of the disk, and not of one file
            raise
        except MALFORMED as fault:  # its own text may quote a value of the file
            reason = f"cannot be made of what its header says ({type(fault).__name__})."
        which = f"{kind.description}: " if kind else ""
        self._without += [SetAside(source, f"{which}{reason}") for source in sources]

    def _source(self, source: str, row: Row, shared: Mapping[str, str]) -> Source:
        path = self.files[source]
        if not _is_dicom(path):
            raise NoObject(NO_DICOM)
        if source in shared:
            raise NoObject(SHARED_UID.format(other=shared[source]))
        found = read_source(path)
        if row.get(INSTANCE) and row[INSTANCE] != found.dataset.SOPInstanceUID:
            raise NoObject(REPLACED)
        return found

    def _write(self, kind: Kind, name: str, write: Callable[[Path], None]) -> str:
        """Write an object, whole or not at all: its path in the folder."""
        path = f"{DICOM}/{name}_{kind.name}.dcm"
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            write(self.folder / path)
        except BaseException:
            (self.folder / path).unlink(missing_ok=True)
            raise
        self._number += 1
        return path


def _column(kind: Kind) -> str:
    return f"dicom_{kind.name}{FILE}"


def _name(rows: Sequence[dict[str, object]], places: Iterable[int], kind: Kind, path: str) -> None:
    for place in places:
        rows[place][_column(kind)] = path


def _is_dicom(path: Path) -> bool:
    """Whether a file is a DICOM object; one that is gone may have been one."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return looks_like_dicom(file.read(_HEAD_BYTES))


def _shared_uids(rows: Sequence[Row]) -> dict[str, str]:
    """Sources whose SOP Instance UID another source has too, each with one of those."""
    sources: dict[object, list[str]] = defaultdict(list)
    for row in rows:
        if row.get("level") == "study":  # whose source is a folder, and whose UID that of its only file
            continue
        if row.get(INSTANCE) and str(row["source"]) not in sources[row[INSTANCE]]:
            sources[row[INSTANCE]].append(str(row["source"]))
    many = [group for group in sources.values() if len(group) > 1]
    return {source: group[0] if source != group[0] else group[1] for group in many for source in group}
