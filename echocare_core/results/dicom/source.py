"""What a new DICOM object repeats of the object it is about; no other module knows whose images these are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import MALFORMED, Header, read_header, text, uid, value
from echocare_core.frames.dicom.read import open_frames
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.results.dicom.lossy import ATTRIBUTES as LOSSY
from echocare_core.results.dicom.lossy import describe_loss
from echocare_core.results.dicom.uids import uid_of

NO_DATE, NO_TIME = "19000101", "000000"  # of a source that names none: what software writes where it must write one
_DATE = re.compile(r"(\d{4})([-.:/]?)(\d\d)\2(\d\d)")  # also as ACR-NEMA wrote it, and files still do
_TIME = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d|60)(\.\d{1,6})?)?)?")
_MOMENTS = ("Content", "Acquisition", "Series", "Study")  # the nearest to the picture first


@dataclass(frozen=True, repr=False, eq=False)
class Source:
    """A DICOM object that results are about.

    Attributes:
        dataset: what describes patient, study and image, every value as its VR wants it: what a new object repeats. It
            has no equipment, no regions and no pixels. It names a patient, so nothing of it may reach a log or a
            message.
        frames: how many frames it really has, whatever it says.
        size: (height, width) in pixels of its frames as they are stored.
    """

    dataset: Dataset
    frames: int
    size: tuple[int, int]

    @property
    def study_of_patient(self) -> str:
        """The same for all objects of one study of one patient, and another for every other; it leads to nobody."""
        who = ("StudyInstanceUID", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
        return uid_of("study of patient", *(str(self.dataset.get(keyword, "")) for keyword in who))

    @property
    def date_and_time(self) -> tuple[str, str]:
        """When it was recorded, as DA and TM; `NO_DATE` and `NO_TIME` where it does not say."""
        for name in _MOMENTS:
            if self.dataset.get(f"{name}Date"):
                return self.dataset[f"{name}Date"].value, self.dataset.get(f"{name}Time") or NO_TIME
        return NO_DATE, NO_TIME


def read_source(path: Path) -> Source:
    """Read the header of an object: as tolerant as `read_dicom`, whose frames are those that are counted.

    A value that is not what its VR allows (PS3.5 6.2) is mended where its meaning is plain, as of the time "14:04:38",
    and left out otherwise. A study or series that has no UID gets one made from that of the object.

    Args:
        path: of the file.

    Raises:
        UnreadableFrames: it is gone, no ultrasound, or has no SOP Class or SOP Instance UID by which it could be named.
    """
    if not path.is_file():
        raise UnreadableFrames(path, "is not there any more. Copy it again.")
    header = read_header(path, [*_READ, *LOSSY])
    frames = open_frames(header)
    instance = uid(header.dataset, "SOPInstanceUID")
    if not instance or not header.sop_class:
        lacking = "SOP Instance UID (0008,0018)" if header.sop_class else "SOP Class UID (0008,0016)"
        raise UnreadableFrames(path, f"has no {lacking}, by which an object could refer to it. Export it again.")
    dataset = _described(header, instance)
    dataset.Rows, dataset.Columns = frames.size
    describe_loss(dataset, header, len(frames))
    if len(frames) > 1 or "NumberOfFrames" in header.dataset:
        dataset.NumberOfFrames = len(frames)
    return Source(dataset, len(frames), frames.size)


def _described(header: Header, instance: str) -> Dataset:
    found, dataset = header.dataset, Dataset()
    with suppress_warnings():
        for keyword, read in _READ.items():
            one = read(found, keyword)
            if one or keyword in _EVEN_EMPTY:
                setattr(dataset, keyword, one)
        dataset.SOPClassUID, dataset.SOPInstanceUID = header.sop_class, instance
        dataset.StudyInstanceUID = uid(found, "StudyInstanceUID") or uid_of("study", instance)
        dataset.SeriesInstanceUID = uid(found, "SeriesInstanceUID") or uid_of("series", instance)
        dataset.Modality = text(found, "Modality") or "US"
        if not all(str(element.value).isascii() for element in dataset):
            dataset.SpecificCharacterSet = "ISO_IR 192"
    return dataset


def _text(found: Dataset, keyword: str) -> str:
    """A text without padding and control characters."""
    one = value(found, keyword)
    try:
        one = one.decode("latin-1") if isinstance(one, bytes) else one
        plain = "" if one is None else "\\".join(map(str, one)) if isinstance(one, MultiValue) else str(one)
    except MALFORMED:
        return ""
    return "".join(sign for sign in plain if sign.isprintable()).strip()


def _one_text(found: Dataset, keyword: str) -> str:
    """The same, where there may be only one."""
    plain = _text(found, keyword)
    return "" if "\\" in plain else plain


def _date(found: Dataset, keyword: str) -> str:
    match = _DATE.fullmatch(_text(found, keyword))
    if match is None:
        return ""
    try:
        return f"{date(int(match[1]), int(match[3]), int(match[4])):%Y%m%d}".zfill(8)
    except ValueError:
        return ""


def _time(found: Dataset, keyword: str) -> str:
    match = _TIME.fullmatch(_text(found, keyword))
    return "" if match is None else "".join(part or "" for part in match.groups())


def _one_of(*words: str) -> Callable[[Dataset, str], str]:
    def read(found: Dataset, keyword: str) -> str:
        word = _text(found, keyword).upper()
        return word if word in words else ""

    return read


def _whole(found: Dataset, keyword: str) -> int | None:
    try:
        return int(_text(found, keyword))
    except ValueError:
        return None


def _codes(found: Dataset, keyword: str) -> Any:
    """A sequence of codes without what does not belong into one."""
    items = []
    for item in value(found, keyword) or ():
        code = Dataset()
        for part in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
            if isinstance(item, Dataset) and (word := _text(item, part)):
                setattr(code, part, word)
        items += [code] if len(code) == 3 else []
    return items


# How each attribute is read. Nothing about equipment, people other than the referring physician, or the past of the
# patient: the new object is no copy of the old one.
_READ: dict[str, Callable[[Dataset, str], Any]] = {
    **dict.fromkeys(("PatientName", "PatientID", "IssuerOfPatientID"), _text),
    **dict.fromkeys(("ReferringPhysicianName", "StudyID", "AccessionNumber", "StudyDescription"), _one_text),
    **{"PatientBirthDate": _date, "PatientSex": _one_of("M", "F", "O")},
    **dict.fromkeys((f"{name}Date" for name in _MOMENTS), _date),
    **dict.fromkeys((f"{name}Time" for name in _MOMENTS), _time),
    **{"SeriesNumber": _whole, "InstanceNumber": _whole, "FrameOfReferenceUID": uid},
    **{"PatientIdentityRemoved": _one_of("YES", "NO"), "BurnedInAnnotation": _one_of("YES", "NO")},
    **{"DeidentificationMethod": _text, "DeidentificationMethodCodeSequence": _codes},
    **{"LongitudinalTemporalInformationModified": _one_of("UNMODIFIED", "MODIFIED", "REMOVED")},
    "Laterality": _one_of("L", "R"),
}
_EVEN_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyID", "AccessionNumber", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
