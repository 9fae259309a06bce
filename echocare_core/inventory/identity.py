"""Which patient, study, series and object a file belongs to, as pseudonyms: the only place that reads who it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from echocare_core.frames.dicom.header import value
from echocare_core.secret import SecretKey

UIDS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
IDENTITY = ["PatientID", "PatientBirthDate", "PatientSex", *UIDS.values()]
# What stands in place of a Patient ID (0010,0020) where nobody has one, without blanks and signs. A word with a number,
# such as ANON0012, tells patients apart and is none of these.
PLACEHOLDER = re.compile(
    "0*|X*|ANON|ANONYM|ANONYMOUS|ANONYMIZED|ANONYMISED|DEIDENTIFIED|UNKNOWN|UNKNOWNID|NONE|NULL|NIL|NA|NAN|NOID|"
    "NOPATIENTID|MISSING|EMPTY|BLANK|REMOVED|DELETED|HIDDEN|MASKED|WITHHELD|ID|PATIENT|PATIENTID|TEST|TESTPATIENT|DUMMY"
)
DATE = re.compile("(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])")
NO_DATE = "19000101"  # what software writes where it must write a date
SEXES = ("F", "M")  # O says "other" or "unknown" (PS3.3 C.7.1.1) and contradicts neither


@dataclass(frozen=True)
class Identity:
    """Pseudonyms of what an object says about itself; None where it says nothing, or nothing that tells apart.

    Attributes:
        patient: of its Patient ID; None where that is blank or stands for "no id", such as ANONYMOUS.
        patient_id: "stated", "blank" or "placeholder".
        birth_date, sex: they show that an id or a study was given to several people.
        study, series, instance: of its UIDs.
    """

    patient: str | None = None
    patient_id: str = "blank"
    birth_date: str | None = None
    sex: str | None = None
    study: str | None = None
    series: str | None = None
    instance: str | None = None


def read_identity(dataset: Dataset, key: SecretKey) -> Identity:
    """Turn the attributes in `IDENTITY` into key, and take them out of the dataset."""
    patient, birth_date, sex = (_text(dataset, keyword) for keyword in IDENTITY[:3])
    kind = "blank" if not patient else "placeholder" if is_placeholder(patient) else "stated"
    identity = Identity(
        patient=key.pseudonym("patient", patient.upper()) if kind == "stated" else None,
        patient_id=kind,
        birth_date=key.pseudonym("birth_date", birth_date) if _is_date(birth_date) else None,
        sex=key.pseudonym("sex", sex) if sex in SEXES else None,
        **{name: key.pseudonym(name, uid) if (uid := _text(dataset, tag)) else None for name, tag in UIDS.items()},
    )
    for keyword in IDENTITY:
        if keyword in dataset:
            delattr(dataset, keyword)
    return identity


def is_placeholder(patient: str) -> bool:
    """Whether a Patient ID stands for nobody, such as ANONYMOUS or 000."""
    letters = re.sub("[^A-Z0-9]", "", patient.upper()) if patient.isascii() else patient.upper()
    return PLACEHOLDER.fullmatch(letters) is not None


def _text(dataset: Dataset, keyword: str) -> str:
    """An attribute as text without padding, "" where there is none."""
    found = value(dataset, keyword)
    return "" if found is None else str(found).strip(" \0\t\r\n")


def _is_date(text: str) -> bool:
    return DATE.fullmatch(text) is not None and text != NO_DATE
