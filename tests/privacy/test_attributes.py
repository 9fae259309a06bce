"""The header of a copy: PS3.15 Table E.1-1, and of the rest only what a picture needs."""

from __future__ import annotations

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from ultrasound_files import region

from echocare_core.frames.dicom.header import suppress_warnings
from echocare_core.privacy.attributes import EMPTY, KEPT, actions, deidentify_header
from echocare_core.secret import SecretKey

KEY = SecretKey(bytes(range(32)))


def header(**attributes):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.6.1", "US"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3", "1.2.4", "1.2.5"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Doe^Jane", "ID-4711", "19700131"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def copied(key=KEY, **attributes):
    return deidentify_header(header(**attributes), key, "source").dataset


def test_nothing_is_kept_that_the_table_acts_upon():
    assert [keyword for keyword in sorted(KEPT) if tag_for_keyword(keyword) in actions()] == []


def test_what_is_empty_in_every_copy_may_be_so_by_the_table():
    assert {actions()[tag_for_keyword(keyword)] for keyword in EMPTY} == {"Z"}


def test_what_a_scanner_measures_with_is_kept():
    item = region((0, 0, 30, 40), (0.1, 0.2))
    copy = copied(SequenceOfUltrasoundRegions=[item], FrameTime="33.3", FrameIncrementPointer=0x00181063)

    assert copy.SequenceOfUltrasoundRegions[0] == item
    assert (copy.FrameTime, copy.FrameIncrementPointer) == (33.3, 0x00181063)


def test_a_sequence_is_cleaned_inside():
    item = region((0, 0, 30, 40), (0.1, 0.2), PatientName="Doe^Jane", StudyDate="19700131", TextValue="Doe")
    item.add_new(0x00091001, "LO", "Doe")
    copy = copied(SequenceOfUltrasoundRegions=[item])

    assert "Doe" not in str(copy)
    assert "19700131" not in str(copy)


@pytest.mark.parametrize("keyword", ["Manufacturer", "ManufacturerModelName", "BodyPartExamined", "TransducerType"])
def test_a_kept_attribute_that_repeats_the_name_is_not_kept(keyword):
    assert not copied(**{keyword: "JANE"}).get(keyword)
    assert copied(**{keyword: "LINEAR"}).get(keyword) == "LINEAR"


def test_uids_and_the_patient_follow_from_the_key_alone():
    first, again, other = copied(), copied(), copied(SecretKey(b"x" * 32))
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"):
        assert first[keyword] == again[keyword] != other[keyword]
    assert first.StudyInstanceUID.startswith("2.25.")
    assert first.StudyInstanceUID.is_valid


def test_two_patients_without_an_id_do_not_become_one():
    assert copied(PatientID="", StudyInstanceUID="1.2.5").PatientID != copied(PatientID="", StudyInstanceUID="1.2.6")


def test_a_copy_says_how_it_was_made():
    copy = copied()

    assert copy.PatientIdentityRemoved == "YES"
    assert [code.CodeValue for code in copy.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert copy.LongitudinalTemporalInformationModified == "REMOVED"


def test_dates_go_unless_intervals_are_asked_for():
    dates = {"StudyDate": "20200301", "ContentDate": "20200229", "ContentTime": "101112"}
    original = header(**dates)

    copy = deidentify_header(original, KEY, "source", keep_intervals=True).dataset
    without = deidentify_header(original, KEY, "source").dataset

    assert without.StudyDate == ""
    assert not without.get("ContentDate")
    assert "20200301" > copy.StudyDate > copy.ContentDate
    assert copy.ContentTime == "101112"
    assert [code.CodeValue for code in copy.DeidentificationMethodCodeSequence] == ["113100", "113101", "113107"]
    assert copy.PatientBirthDate == ""


def test_values_that_are_not_what_they_should_be_are_not_kept():
    with suppress_warnings():
        original = header(ImageType=["ORIGINAL", "see Dr. Huber"], Rows=30, BodyPartExamined="Anna, Miller")
    copy = deidentify_header(original, KEY, "source").dataset

    assert "ImageType" not in copy
    assert "BodyPartExamined" not in copy
    assert copy.Rows == 30
