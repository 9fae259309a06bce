"""A header without identity: the Basic Application Level Confidentiality Profile (PS3.15 E.2) and more.

Two nets. Only what a picture needs is copied, number by number and word by word (`vocabulary`): no text of the file,
no private attribute, overlay, curve, icon, comment, retired attribute or one of a future edition reaches a copy. And
of that nothing upon which Table E.1-1 of the edition 2026c acts, as the library dicom-anonymizer (BSD) carries it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from echocare_core.errors import SettingsError
from echocare_core.frames.dicom.header import MALFORMED
from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.optional import import_package
from echocare_core.privacy.values import (
    make_code,
    read_codes,
    read_image_type,
    read_items,
    read_plain,
    read_pointer,
    read_quantity,
    read_region,
    read_sop_class,
    read_terms,
)
from echocare_core.privacy.vocabulary import CODE_SEQUENCES, COUNTERS, QUANTITIES, TERMS, WORDS, known_word
from echocare_core.secret import SecretKey

EDITION = "2026c"
RULES = 3  # another number where the same file gives another copy: folders of both are not mixed
EMPTY = (  # Type 2 of the ultrasound objects (PS3.3 A.6, A.7): empty in every copy
    *("PatientName", "PatientBirthDate", "PatientSex", "ReferringPhysicianName"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
)
EMPTY_UNLESS_KEPT = ("SeriesNumber", "InstanceNumber", "Laterality", "PatientOrientation", "Manufacturer")
REQUIRED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
DATES = ("Study", "Series", "Acquisition", "Content")  # whose date and time are kept together
TIME = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d){1,2}")
PROFILE = "113100", "Basic Application Confidentiality Profile"  # CID 7050
CLEAN_PIXELS = "113101", "Clean Pixel Data Option"
SEARCHED = "Text in pixels searched by program, copy not reviewed"  # LO: 64 characters
MODIFIED_DATES = "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
NUMBERED = {"PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "AdmissionID"}
DISTINCT = 100  # a number as small identifies nobody, and counts in every series


@dataclass(frozen=True)
class Deidentified:
    """A header that names nobody.

    Attributes:
        dataset: what a copy says, without Pixel Data.
        patient: the new Patient ID.
        removed: how many attributes of the original, in sequences too, are not in it.
    """

    dataset: Dataset
    patient: str
    removed: int


def deidentify_header(original: Dataset, key: SecretKey, source: str, *, keep_intervals: bool = False) -> Deidentified:
    """Make the header of a copy.

    Args:
        original: the whole header, without Pixel Data.
        key: for new UIDs and the new Patient ID.
        source: stands for the file where it has no SOP Instance UID of its own.
        keep_intervals: keep the dates and times of study, series, acquisition and content, moved back by the same days
            and seconds for one patient.

    Raises:
        SettingsError: the library with the table is not installed.
    """
    with suppress_warnings():
        return _deidentify(original, key, source, keep_intervals)


def _deidentify(original: Dataset, key: SecretKey, source: str, keep_intervals: bool) -> Deidentified:
    patient = _identity(original) or source
    found = list(_elements(original))
    copy = _clean(original, key, _given_numbers(found))
    kept = sum(1 for _ in _elements(copy))
    for keyword in EMPTY:
        setattr(copy, keyword, "")
    for keyword in REQUIRED_UIDS:
        if not copy.get(keyword):
            setattr(copy, keyword, key.uid(f"{source if keyword == 'SOPInstanceUID' else patient} {keyword}"))
    if keep_intervals:
        _shift_dates(original, copy, key.shift(patient))
    for keyword in EMPTY_UNLESS_KEPT:
        if keyword not in copy:
            setattr(copy, keyword, None)
    copy.PatientID = copy.PatientName = key.patient(patient)
    copy.ImageType = read_image_type(original)
    _say_how(copy, keep_intervals)
    return Deidentified(copy, copy.PatientID, len(found) - kept)


def say_pixels_were_cleaned(header: Dataset) -> None:
    """PS3.15 E.3.1: every frame was searched, and what may be text in it is black.

    Burned In Annotation (PS3.3 C.7.6.1) is NO, as E.3.1 asks of a copy that was cleaned; that a program did it, which
    misses some text, and that nobody looked stands in De-identification Method. What may be recognised of a person, as
    a face, is not looked for; a file's own word on that stays.
    """
    header.BurnedInAnnotation = "NO"
    header.DeidentificationMethod = [header.DeidentificationMethod, SEARCHED]
    header.ImageType = ["DERIVED", *header.ImageType[1:]]
    header.DeidentificationMethodCodeSequence.append(make_code(*CLEAN_PIXELS))


@lru_cache(maxsize=1)
def actions() -> dict[int, str]:
    """Table E.1-1: tag to "X" (remove), "Z" (empty), "U" (new UID) or "D" (replace).

    Where the table leaves a choice (X/Z, Z/D, ...), its first letter; repeating groups (60xx, 50xx) are not in it.

    Raises:
        SettingsError: the library with the table is not installed.
    """
    library = import_package("dicomanonymizer.dicomfields_selector", subject="De-identification", error=SettingsError)
    table = library.dicom_anonymization_database_selector(f"dicomfields_{EDITION}")
    del table["ALL_TAGS"]
    return {
        tag[0] << 16 | tag[1]: name[0] for name, tags in table.items() for tag in tags if len(tag) == 2
    }  # names are X_TAGS, Z_D_TAGS, ...


def _clean(original: Dataset, key: SecretKey, given: frozenset[float]) -> Dataset:
    """What of a header is kept, and the UIDs that stand for the file's."""
    copy = Dataset()
    for keyword in REQUIRED_UIDS:
        if uid := read_plain(original, keyword):
            setattr(copy, keyword, key.uid(uid))
    kept = {
        "SOPClassUID": read_sop_class(original),
        "FrameIncrementPointer": read_pointer(original),
        **{keyword: read_quantity(original, keyword) for keyword in QUANTITIES},
        **{keyword: read_quantity(original, keyword, given) for keyword in COUNTERS},
        **{keyword: read_terms(original, keyword) for keyword in TERMS},
        **{keyword: known_word(keyword, read_plain(original, keyword)) for keyword in WORDS},
        **{keyword: read_codes(original, keyword, modifier) for keyword, modifier in CODE_SEQUENCES.items()},
        "SequenceOfUltrasoundRegions": [
            read_region(item) for item in read_items(original, "SequenceOfUltrasoundRegions")
        ],
    }
    for keyword, found in kept.items():
        if found is not None and found != [] and (tag_for_keyword(keyword) or 0) not in actions():
            setattr(copy, keyword, found)
    return copy


def _identity(original: Dataset) -> str:
    """What makes a patient: the id and who issued it, else the study, so that blanks never meet; "" without either."""
    identity = read_plain(original, "PatientID")
    issuer = read_plain(original, "IssuerOfPatientID")
    return f"{issuer} {identity}" if identity else read_plain(original, "StudyInstanceUID")


def _given_numbers(elements: list[Any]) -> frozenset[float]:
    """The numbers by which the file's patient and study are known, as far as they are large enough to be told apart."""
    found = [str(element.value) for element in elements if element.keyword in NUMBERED]
    return frozenset(float(digits) for text in found for digits in re.findall(r"\d+", text) if int(digits) >= DISTINCT)


def _elements(dataset: Dataset) -> Iterator[Any]:
    """Every element that can be read, in sequences too."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except MALFORMED:
            continue
        yield element
        if element.VR == "SQ":
            for item in element.value or ():
                yield from _elements(item)


def _shift_dates(original: Dataset, copy: Dataset, back: timedelta) -> None:
    """Dates, and times to the second where they are times, all moved alike: no digit of the file's stays as it was."""
    for name in DATES:
        date, time = (read_plain(original, f"{name}{part}") for part in ("Date", "Time"))
        time = time.partition(".")[0]
        time = time.ljust(6, "0") if TIME.fullmatch(time) else ""
        try:
            when = datetime.strptime(f"{date} {time or '000000'}", "%Y%m%d %H%M%S")
            moved = when - (back if time else timedelta(back.days))
        except (ValueError, OverflowError):
            continue
        setattr(copy, f"{name}Date", f"{moved:%Y%m%d}")
        setattr(copy, f"{name}Time", f"{moved:%H%M%S}" if time else "")


def _say_how(copy: Dataset, keep_intervals: bool) -> None:
    """PS3.15 E.1.1 and PS3.3 C.7.1.1, C.12.1: what was done to the header."""
    copy.SpecificCharacterSet = "ISO_IR 192"
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = f"echocare {version('echocare')}, PS3.15 {EDITION}"
    methods = (PROFILE, MODIFIED_DATES) if keep_intervals else (PROFILE,)
    copy.DeidentificationMethodCodeSequence = [make_code(*method) for method in methods]
    copy.LongitudinalTemporalInformationModified = "MODIFIED" if keep_intervals else "REMOVED"
