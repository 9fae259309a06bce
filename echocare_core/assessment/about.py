"""What a file's header says of its examination: by what labels join, whose it is, and in which subgroup it falls.

The only place of an evaluation that reads who a patient is. Numbers of patients and examinations stay in memory, to
join labels and to tell patients apart; what is written of them is a keyed pseudonym, and of an age its band.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydicom.dataset import Dataset

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import looks_like_dicom, read_header, uid, value
from echocare_core.frames.read import first_bytes
from echocare_core.inventory.identity import NO_DATE, is_placeholder

READ = (
    *("PatientID", "AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    *("PatientSex", "PatientAge", "PatientBirthDate", "StudyDate"),
    *("Manufacturer", "ManufacturerModelName", "InstitutionName"),
)
NOT_STATED = "not stated"
BANDS = ((18, "0 to 17"), (40, "18 to 39"), (60, "40 to 59"), (80, "60 to 79"), (200, "80 and over"))
SEXES = {"F": "female", "M": "male", "O": "other"}
AGE = re.compile(r"(\d{1,3})([DWMY])")
YEARS = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
NAME = re.compile(r"[^\W_][\w .,+&@/()'#:-]{0,63}")  # of a device or a place; a person's name has ^ in it


@dataclass(frozen=True)
class About:
    """One file.

    Attributes:
        accession: Accession Number; "" where the file has none.
        patient: Patient ID; "" where it has none, or one that stands for nobody, such as ANONYMOUS.
        unit: what surely shows one patient: "patient", "study", "series" or "file", and its name.
        subgroups: name of a subgroup -> what the file says; "not stated" where it says nothing.
    """

    accession: str = field(default="", repr=False)
    patient: str = field(default="", repr=False)
    unit: tuple[str, str] = field(default=("file", ""), repr=False)
    subgroups: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_about(path: Path) -> About:
    """What a file says of its examination; of a picture that is no DICOM, nothing."""
    try:
        if not looks_like_dicom(first_bytes(path)):
            return About(unit=("file", str(path)))
        dataset = read_header(path, also=READ).dataset
    except (UnreadableFrames, OSError):
        return About(unit=("file", str(path)))
    patient = _text(dataset, "PatientID")
    patient = "" if is_placeholder(patient) else patient
    named = [("patient", patient.upper()), ("study", uid(dataset, "StudyInstanceUID"))]
    named += [("series", uid(dataset, "SeriesInstanceUID")), ("file", str(path))]
    return About(
        accession=_text(dataset, "AccessionNumber"),
        patient=patient,
        unit=next(one for one in named if one[1]),
        subgroups={
            "device": _name(dataset, "ManufacturerModelName"),
            "manufacturer": _name(dataset, "Manufacturer"),
            "centre": _name(dataset, "InstitutionName"),
            "sex": SEXES.get(_text(dataset, "PatientSex").upper(), NOT_STATED),
            "age": _age_band(dataset),
        },
    )


def _text(dataset: Dataset, keyword: str) -> str:
    found = value(dataset, keyword)
    return "" if found is None else str(found).strip(" \0\t\r\n")


def _name(dataset: Dataset, keyword: str) -> str:
    found = " ".join(_text(dataset, keyword).split())
    return found if NAME.fullmatch(found) else NOT_STATED


def _age_band(dataset: Dataset) -> str:
    years = _age(dataset)
    return NOT_STATED if years is None else next((name for below, name in BANDS if years < below), NOT_STATED)


def _age(dataset: Dataset) -> float | None:
    stated = AGE.fullmatch(_text(dataset, "PatientAge").upper())
    if stated:
        return float(stated[1]) / YEARS[stated[2]]
    born, seen = (_date(_text(dataset, keyword)) for keyword in ("PatientBirthDate", "StudyDate"))
    years = None if born is None or seen is None else (seen - born).days / 365.25
    return years if years is not None and years >= 0 else None


def _date(text: str) -> date | None:
    try:
        return None if text == NO_DATE else date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:8]}")
    except ValueError:
        return None
