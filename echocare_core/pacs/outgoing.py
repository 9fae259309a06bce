"""What may be stored in a PACS: DICOM objects that this project made, and nothing that lies beside them.

A results folder can lie beside the export it was made from. So an object goes out only where its SOP Class is one of
results and its manufacturer is this project; images of patients, objects of other software and what is cut short
stay where they are, each with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from echocare_core.checksum import sha256_of
from echocare_core.errors import OutputError, UnreadableFrames
from echocare_core.frames.dicom.header import UNPARSABLE, Header, looks_like_dicom, name_of, read_header, uid, value
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.pacs.whole import CONTENT_SEQUENCE, PIXEL_DATA, is_whole
from echocare_core.result_files import DICOM
from echocare_core.types import SetAside
from echocare_core.version import MANUFACTURER

KINDS = {  # SOP Class (PS3.4 B.5) to what people call it
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "segmentation",  # label map
    "1.2.840.10008.5.1.4.1.1.88.22": "structured report",  # enhanced
    "1.2.840.10008.5.1.4.1.1.88.33": "structured report",  # comprehensive
    "1.2.840.10008.5.1.4.1.1.88.34": "structured report",  # comprehensive 3D
    "1.2.840.10008.5.1.4.1.1.88.59": "key object selection",
    "1.2.840.10008.5.1.4.1.1.7": "secondary capture",
    "1.2.840.10008.5.1.4.1.1.7.2": "secondary capture",  # multi-frame, grey
    "1.2.840.10008.5.1.4.1.1.7.4": "secondary capture",  # multi-frame, colour
}
_REPORTS = ("structured report", "key object selection")
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_HEAD = 132  # bytes that tell DICOM from other files


@dataclass(frozen=True)
class Outgoing:
    """An object that may be stored.

    Attributes:
        path: the file.
        name: its path below the folder that was given, with forward slashes.
        kind: what its SOP Class is called.
        sop_class, transfer_syntax: UIDs, of the file as it is.
        study_uid, series_uid, instance_uid: where it belongs.
        sha256: of the file, in hexadecimal.
    """

    path: Path
    name: str
    kind: str
    sop_class: str
    transfer_syntax: str
    study_uid: str
    series_uid: str
    instance_uid: str
    sha256: str


class _NotOurs(Exception):  # noqa: N818  (it reads as what was found)
    """A file stays where it is; its text is the reason."""


def find_outgoing(path: Path) -> tuple[list[Outgoing], list[SetAside]]:
    """The objects to store, in the order of their names, and the DICOM files that stay with their reasons.

    Args:
        path: a results folder, whose `dicom` alone is looked through; another folder, of any depth; or one file.

    Raises:
        OutputError: nothing is there, or nothing in it may be stored.
    """
    root = path / DICOM if (path / DICOM).is_dir() else path
    if not root.exists():
        raise OutputError(f"Nothing is at {path}; needed results with DICOM objects. Correct the path.")
    found: dict[str, Outgoing] = {}
    set_aside: list[SetAside] = []
    for file in _files_below(root):
        name = file.relative_to(path).as_posix() if file != path else file.name
        try:
            one = _read(file, name)
            if found.setdefault(one.instance_uid, one).sha256 != one.sha256:
                raise _NotOurs("another object here has its SOP Instance UID. Make one of them anew.")
        except _NotOurs as reason:
            set_aside.append(SetAside(name, str(reason)))
    if not found:
        raise OutputError(_nothing(path, set_aside))
    return list(found.values()), set_aside


def _files_below(root: Path) -> Iterator[Path]:
    """Every file that looks like DICOM; one that is named itself whatever it looks like; none of hidden folders."""
    if root.is_file():
        yield root
        return
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (file for name in sorted(files) if _is_dicom(file := Path(folder, name)))


def _is_dicom(file: Path) -> bool:
    if file.name.startswith(".") or not file.is_file():
        return False
    with file.open("rb") as opened:
        return looks_like_dicom(opened.read(_HEAD))


def _read(file: Path, name: str) -> Outgoing:
    """An object of a file, or `_NotOurs`."""
    try:
        header = read_header(file, ["Manufacturer"])
        with suppress_warnings():
            meta = read_file_meta_info(file)
    except (UnreadableFrames, *UNPARSABLE):
        raise _NotOurs("it cannot be parsed as DICOM. Make it anew.") from None
    _check_made_here(header)
    study, series, instance = (uid(header.dataset, keyword) for keyword in _UIDS)
    if not (study and series and instance and header.transfer_syntax):
        raise _NotOurs("it lacks a UID of its study, series, object or transfer syntax. Make it anew.")
    own = uid(meta, "MediaStorageSOPClassUID"), uid(meta, "MediaStorageSOPInstanceUID")
    if own != (header.sop_class, instance):
        raise _NotOurs("its meta header names another object than it is. Make it anew.")
    kind, syntax = KINDS[header.sop_class], header.transfer_syntax
    if not is_whole(file, CONTENT_SEQUENCE if kind in _REPORTS else PIXEL_DATA):
        raise _NotOurs("it is cut short. Make it anew.")
    return Outgoing(file, name, kind, header.sop_class, syntax, study, series, instance, sha256_of(file))


def _check_made_here(header: Header) -> None:
    if header.sop_class not in KINDS:
        what = name_of(header.sop_class) or "of no SOP Class"
        raise _NotOurs(f"it is no result but {what}. Store it with another program if it should be in the PACS.")
    maker = value(header.dataset, "Manufacturer")
    if str(maker or "").strip(" \0") != MANUFACTURER:
        raise _NotOurs("it was made by other software. Store it with that if it should be in the PACS.")


def _nothing(path: Path, set_aside: list[SetAside]) -> str:
    reasons = f" ({len(set_aside)} DICOM files stay: {set_aside[0].reason.partition('.')[0]})" if set_aside else ""
    return (
        f"{path} has no DICOM object that EchoCare wrote{reasons}; needed the results of `echocare predict --dicom`. "
        "Run that first."
    )
