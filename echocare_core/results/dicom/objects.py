"""The DICOM objects of a run: of each file one of every kind that has something to say of it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import Dataset

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import MALFORMED, looks_like_dicom
from echocare_core.result_files import DICOM
from echocare_core.results.dicom.common import Kind
from echocare_core.results.dicom.said import NoObject, Said
from echocare_core.results.dicom.seg import SEG, build_seg
from echocare_core.results.dicom.source import Source, read_source
from echocare_core.results.dicom.uids import seal, write_object
from echocare_core.results.table import FILE, Row
from echocare_core.types import BundleCard, Details, Objects, SetAside

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
        build: makes it, without its UID, from the rows of a file that it concerns; it raises NoObject where it cannot.
    """

    kind: Kind
    concerns: Callable[[Row, Details], bool]
    build: Callable[[Said], Dataset]


MAKERS = (  # a new kind is a module beside this one and a line here
    Maker(SEG, lambda row, details: bool(row.get("mask")) and row["frame"] is not None, build_seg),
)


class ObjectWriter:
    """Writes the objects of a run, one file after the other.

    Args:
        folder: in which results are prepared, masks and overlays among them.
        card: of the bundle.
        files: source in the rows -> where the file stands.
        name_of: source -> path of its results without extension, relative and legal on every disk.
    """

    def __init__(
        self, folder: Path, card: BundleCard, files: Mapping[str, Path], name_of: Callable[[str], str]
    ) -> None:
        self.folder, self.card, self.files, self.name_of = folder, card, files, name_of
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
        shared = _shared_uids(rows)
        for source, of_file in places.items():
            with self._noting(source):
                found = self._source(source, rows[of_file[0]], shared)
                for maker in MAKERS:
                    about = [place for place in of_file if maker.concerns(rows[place], details[place])]
                    if not about:
                        continue
                    with self._noting(source, f"{maker.kind.description}: "):
                        chosen = [rows[place] for place in about], [details[place] for place in about]
                        path = self._write_object(maker, source, Said(found, self.card, self.folder, *chosen))
                        for place in about:
                            named[place][f"dicom_{maker.kind.name}{FILE}"] = path
        return named, Objects(self._number, tuple(self._without))

    def _places_by_source(self, rows: Sequence[Row]) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if row.get("level") != "study":
                places[str(row["source"])].append(place)
        return places

    @contextmanager
    def _noting(self, source: str, kind: str = "") -> Iterator[None]:
        """Note why a file has no object, and go on with the next."""
        try:
            yield
        except UnreadableFrames as fault:
            self._note(source, kind + fault.reason)
        except NoObject as fault:
            self._note(source, kind + str(fault))
        except OSError:  # of the disk, and not of one file
            raise
        except MALFORMED as fault:  # its own text may quote a value of the file
            self._note(source, f"{kind}cannot be made of what its header says ({type(fault).__name__}).")

    def _note(self, source: str, reason: str) -> None:
        self._without.append(SetAside(source, reason))

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

    def _write_object(self, maker: Maker, source: str, said: Said) -> str:
        path = f"{DICOM}/{self.name_of(source)}_{maker.kind.name}.dcm"
        dataset = seal(maker.build(said))
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_object(dataset, self.folder / path)
        self._number += 1
        return path


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
        if row.get(INSTANCE) and str(row["source"]) not in sources[row[INSTANCE]]:
            sources[row[INSTANCE]].append(str(row["source"]))
    many = [group for group in sources.values() if len(group) > 1]
    return {source: group[0] if source != group[0] else group[1] for group in many for source in group}
