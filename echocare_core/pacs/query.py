"""Which studies are asked of a PACS, and how one of its objects is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from echocare_core.errors import SettingsError

UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*")  # PS3.5 9.1; leading zeros are common and harmless
MODALITY = re.compile(r"[A-Z]{1,16}")
WILDCARDS = set("*?\\")  # PS3.4 C.2.2.2: they would match the data of other patients


@dataclass(frozen=True)
class Instance:
    """Where a PACS keeps one object: its Study, Series and SOP Instance UID."""

    study_uid: str
    series_uid: str
    instance_uid: str

    @property
    def resource(self) -> str:
        """Its path below the root of a DICOMweb service (PS3.18 10.4)."""
        return f"studies/{self.study_uid}/series/{self.series_uid}/instances/{self.instance_uid}"


@dataclass(frozen=True)
class StudyQuery:
    """Which studies to look for, by their own UIDs or by patients, and by date.

    Attributes:
        studies: Study Instance UIDs.
        patients: Patient IDs, as the PACS has them. Either these or `studies`, or neither.
        since: first day of Study Date.
        until: last day of Study Date.
        modality: of the series that are wanted, such as "US" or "IVUS".

    Raises:
        SettingsError: nothing is named, so that the whole archive would be meant, or a value is not what it must be.
            Its sentence never repeats the value.
    """

    studies: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    modality: str = "US"

    def __post_init__(self) -> None:
        if not (self.studies or self.patients or self.since or self.until):
            raise SettingsError("No study, patient or date is named; the whole archive is too much. Name one of them.")
        if self.studies and self.patients:
            raise SettingsError("Both studies and patients are named; needed one of them. Name the studies alone.")
        if not all(UID.fullmatch(study) for study in self.studies):
            raise SettingsError("A study is not named by a UID; needed digits and dots, at most 64. Correct it.")
        if any(not patient.strip() or WILDCARDS & set(patient) for patient in self.patients):
            raise SettingsError("A patient id is empty or holds *, ? or \\; needed whole ids. Correct it.")
        if self.since and self.until and self.since > self.until:
            raise SettingsError("The first day is after the last; needed them in order. Exchange them.")
        if not MODALITY.fullmatch(self.modality):
            raise SettingsError("The modality is no DICOM code; needed one such as US or IVUS. Correct it.")

    def filters(self) -> Iterator[dict[str, str]]:
        """The attributes of each search for studies that this takes (PS3.18 10.6.1), by keyword."""
        common = {"ModalitiesInStudy": self.modality}
        if self.since or self.until:
            common["StudyDate"] = f"{_day(self.since)}-{_day(self.until)}"
        if not (self.studies or self.patients):
            yield common
        for study in self.studies:
            yield {**common, "StudyInstanceUID": study}
        for patient in self.patients:
            yield {**common, "PatientID": patient.strip()}


def _day(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""
