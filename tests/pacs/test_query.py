"""What is asked of a PACS is checked before it is asked."""

from datetime import date

import pytest

from echocare_core.errors import SettingsError
from echocare_core.pacs.query import StudyQuery

FIRST, LAST = date(2024, 1, 5), date(2024, 2, 29)


def test_each_study_is_a_search_of_its_own():
    assert list(StudyQuery(studies=("1.2", "1.3")).filters()) == [
        {"ModalitiesInStudy": "US", "StudyInstanceUID": "1.2"},
        {"ModalitiesInStudy": "US", "StudyInstanceUID": "1.3"},
    ]


@pytest.mark.parametrize(
    ("days", "written"),
    [((FIRST, LAST), "20240105-20240229"), ((FIRST, None), "20240105-"), ((None, LAST), "-20240229")],
)
def test_days_are_written_as_a_range(days, written):
    (filters,) = StudyQuery(patients=(" 4711",), since=days[0], until=days[1]).filters()
    assert filters == {"ModalitiesInStudy": "US", "StudyDate": written, "PatientID": "4711"}


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({}, "whole archive"),
        ({"studies": ("1.2",), "patients": ("4711",)}, "Both studies and patients"),
        ({"studies": ("1.2/../4711",)}, "not named by a UID"),
        ({"studies": ("1." * 32 + "4711",)}, "not named by a UID"),
        ({"patients": ("4711*",)}, "whole ids"),
        ({"patients": ("",)}, "whole ids"),
        ({"since": LAST, "until": FIRST}, "first day is after the last"),
        ({"patients": ("4711",), "modality": "US&x=y"}, "no DICOM code"),
    ],
)
def test_what_cannot_be_asked_is_refused_without_repeating_it(wanted, sentence):
    with pytest.raises(SettingsError, match=sentence) as refusal:
        StudyQuery(**wanted)
    assert "4711" not in str(refusal.value)
