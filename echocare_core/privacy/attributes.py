"""A header without identity: the Basic Application Level Confidentiality Profile (PS3.15 E.2) and more.

Two nets. First Table E.1-1 of the edition 2026c, as the library dicom-anonymizer (BSD) carries it: what it says to
remove, empty or replace is. Of what the table leaves alone, only attributes that a picture needs (`KEPT`) are copied,
in sequences too, each value checked; so private attributes, overlays, curves, icons, comments, retired attributes and
those of a future edition never reach a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID

from echocare_core.errors import SettingsError
from echocare_core.frames.dicom.header import CODE_OR_UID, MALFORMED, numbers, suppress_warnings, value
from echocare_core.optional import import_package
from echocare_core.secret import SecretKey

EDITION = "2026c"
_KEPT = """
    SOPClassUID Modality ImageType InstanceNumber SeriesNumber AcquisitionNumber Manufacturer ManufacturerModelName
    NumberOfFrames Rows Columns SamplesPerPixel PhotometricInterpretation PlanarConfiguration PixelAspectRatio
    BitsAllocated BitsStored HighBit PixelRepresentation WindowCenter WindowWidth RescaleSlope RescaleIntercept
    RescaleType PresentationLUTShape PixelSpacing UltrasoundColorDataPresent
    LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod
    FrameIncrementPointer FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate FrameDelay
    ActualFrameDuration EffectiveDuration StartTrim StopTrim PreferredPlaybackSequencing HeartRate RWaveTimeVector
    StageNumber NumberOfStages ViewNumber NumberOfViewsInStage
    TransducerType MechanicalIndex BoneThermalIndex SoftTissueThermalIndex CranialThermalIndex DepthOfScanField
    BodyPartExamined Laterality ImageLaterality PatientOrientation
    AnatomicRegionSequence ViewCodeSequence ViewModifierCodeSequence
    CodeValue CodingSchemeDesignator CodeMeaning
    SequenceOfUltrasoundRegions RegionSpatialFormat RegionDataType RegionFlags RegionLocationMinX0
    RegionLocationMinY0 RegionLocationMaxX1 RegionLocationMaxY1 ReferencePixelX0 ReferencePixelY0
    PhysicalUnitsXDirection PhysicalUnitsYDirection ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY
    PhysicalDeltaX PhysicalDeltaY TransducerFrequency PulseRepetitionFrequency DopplerCorrectionAngle SteeringAngle
    DopplerSampleVolumeXPosition DopplerSampleVolumeYPosition TMLinePositionX0 TMLinePositionY0 TMLinePositionX1
    TMLinePositionY1 PixelComponentOrganization PixelComponentMask PixelComponentRangeStart PixelComponentRangeStop
    PixelComponentPhysicalUnits PixelComponentDataType
"""
KEPT = frozenset(_KEPT.split())
POINTERS = ("FrameTime", "FrameTimeVector")  # what Frame Increment Pointer may name
EMPTY = (  # Type 2 of the ultrasound objects (PS3.3 A.6, A.7): empty in every copy
    *("PatientName", "PatientBirthDate", "PatientSex", "ReferringPhysicianName"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
)
EMPTY_UNLESS_KEPT = ("SeriesNumber", "InstanceNumber", "Laterality", "PatientOrientation", "Manufacturer")
REQUIRED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
DATES = {"StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"}
TIMES = {"StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"}
METHODS = (  # CID 7050
    ("113100", "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
NAMING = ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "PatientBirthDate", "StudyDate", "SeriesDate")
SHORTEST = 4  # characters of a name or number that other text is searched for


@dataclass(frozen=True)
class Deidentified:
    """A header that names nobody.

    Attributes:
        dataset: what a copy says, without Pixel Data.
        patient: the new Patient ID.
        removed: how many attributes of the original, in sequences too, are not in it or empty.
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
        keep_intervals: keep the dates of study, series, acquisition and content, moved back by the same number of days
            for one patient, and their times.

    Raises:
        SettingsError: the library with the table is not installed.
    """
    with suppress_warnings():
        return _deidentify(original, key, source, keep_intervals)


def _deidentify(original: Dataset, key: SecretKey, source: str, keep_intervals: bool) -> Deidentified:
    patient = _identity(original) or source
    copy = _clean(original, key, _names(original))
    for keyword in EMPTY:
        setattr(copy, keyword, "")
    for keyword in REQUIRED_UIDS:
        if not copy.get(keyword):
            setattr(copy, keyword, key.uid(f"{source if keyword == 'SOPInstanceUID' else patient} {keyword}"))
    if keep_intervals:
        _shift_dates(original, copy, key.shift_days(patient))
    for keyword in EMPTY_UNLESS_KEPT:
        if keyword not in copy:
            setattr(copy, keyword, None)
    copy.PatientID = copy.PatientName = key.patient(patient)
    _say_how(copy, keep_intervals)
    kept = sum(1 for element in _elements(copy) if not element.is_empty and element.tag in _tags(original))
    return Deidentified(copy, copy.PatientID, max(sum(1 for _ in _elements(original)) - kept, 0))


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


def _clean(original: Dataset, key: SecretKey, names: frozenset[str]) -> Dataset:
    """One level of a header; sequences are cleaned by the same rules."""
    copy = Dataset()
    for tag in list(original.keys()):
        if not (keyword := keyword_for_tag(tag)):  # private, repeating or unknown
            continue
        action = actions().get(int(tag))
        if action == "U" and keyword in REQUIRED_UIDS:
            if uid := _plain(original, keyword):
                setattr(copy, keyword, key.uid(uid))
        elif action is None and keyword in KEPT:
            found = _clean_value(original, keyword, key, names)
            if found is not None:
                setattr(copy, keyword, found)
    return copy


def _clean_value(original: Dataset, keyword: str, key: SecretKey, names: frozenset[str]) -> Any:
    """A value as a copy may have it; None where it is not what its VR allows, or repeats a name of the file."""
    representation = dictionary_VR(tag_for_keyword(keyword) or 0)
    found = value(original, keyword)
    if found is None:
        return None
    if representation == "SQ":
        items = [_clean(item, key, names) for item in found if isinstance(item, Dataset)]
        return [item for item in items if len(item)] or None
    if representation == "AT":
        pointers = {found} if isinstance(found, int) else set(found)
        return next((tag for tag in map(tag_for_keyword, POINTERS) if tag in pointers), None)
    if representation == "UI":
        return found if UID(str(found)).type == "SOP Class" else None
    if representation in ("DS", "IS") or not isinstance(_first(found), (str, bytes)):
        plain = numbers(original, keyword)
        return None if not plain or _repeats_a_name(str(found), names) else found
    texts = [found] if isinstance(found, str) else list(found)
    if any(_repeats_a_name(text, names) for text in texts):
        return None
    if representation == "CS" and not all(not text or CODE_OR_UID.fullmatch(text.strip()) for text in texts):
        return None
    return found


def _first(found: Any) -> Any:
    return found[0] if not isinstance(found, (str, bytes)) and hasattr(found, "__getitem__") else found


def _identity(original: Dataset) -> str:
    """What makes a patient: the id and who issued it, else the study, so that blanks never meet; "" without either."""
    identity = _plain(original, "PatientID")
    issuer = _plain(original, "IssuerOfPatientID")
    return f"{issuer} {identity}" if identity else _plain(original, "StudyInstanceUID")


def _names(original: Dataset) -> frozenset[str]:
    """Names, numbers and dates in the file by which other text is searched, in capitals."""
    found = [_plain(original, keyword) for keyword in NAMING]
    for element in _elements(original):
        if element.VR == "PN":
            found += str(element.value).replace("^", " ").replace("=", " ").replace(",", " ").split()
    return frozenset(text.upper() for text in found if len(text) >= SHORTEST)


def _repeats_a_name(text: str, names: frozenset[str]) -> bool:
    return any(name in text.upper() for name in names)


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


def _tags(dataset: Dataset) -> frozenset[int]:
    return frozenset(int(element.tag) for element in _elements(dataset))


def _plain(dataset: Dataset, keyword: str) -> str:
    found = value(dataset, keyword)
    return "" if found is None else str(found).strip(" \0")


def _shift_dates(original: Dataset, copy: Dataset, days: int) -> None:
    for keyword in DATES:
        try:
            date = datetime.strptime(_plain(original, keyword)[:8], "%Y%m%d") - timedelta(days=days)
        except (ValueError, OverflowError):
            continue
        setattr(copy, keyword, date.strftime("%Y%m%d"))
    for keyword in TIMES:
        time = _plain(original, keyword)
        if time.replace(".", "", 1).isdigit():
            setattr(copy, keyword, time[:13])


def _say_how(copy: Dataset, keep_intervals: bool) -> None:
    """PS3.15 E.1.1 and PS3.3 C.7.1.1, C.12.1: what was done to the object."""
    copy.SpecificCharacterSet = "ISO_IR 192"
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = f"echocare {version('echocare')}, PS3.15 {EDITION}"
    copy.DeidentificationMethodCodeSequence = [
        _code(*method) for method in (METHODS if keep_intervals else METHODS[:2])
    ]
    copy.LongitudinalTemporalInformationModified = "MODIFIED" if keep_intervals else "REMOVED"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code
