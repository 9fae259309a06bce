"""The header of a copy: PS3.15 Table E.1-1, and of the rest only what a picture needs."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from ultrasound_files import region

from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.privacy.attributes import EMPTY, _elements, actions, deidentify_header, say_pixels_were_cleaned
from echocare_core.privacy.vocabulary import (
    CODE,
    CODE_SEQUENCES,
    COUNTERS,
    QUANTITIES,
    REGION,
    TERMS,
    WORDS,
)
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


def code_of(value, scheme, meaning):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def counted(function, calls):
    def count(*arguments):
        for found in function(*arguments):
            calls.append(found)
            yield found

    return count


def copied(key=KEY, **attributes):
    return deidentify_header(header(**attributes), key, "source").dataset


def test_nothing_is_kept_that_the_table_acts_upon():
    lists = (QUANTITIES, REGION, COUNTERS, CODE_SEQUENCES, CODE_SEQUENCES.values(), CODE, TERMS, WORDS)
    kept = sorted({keyword for words in lists for keyword in words})
    assert kept
    assert [keyword for keyword in kept if tag_for_keyword(keyword) in actions()] == []


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


@pytest.mark.parametrize("text", ["LINEAR Ng", "jane", "Doe, Jane", "Mueller", "Li", "123"])
def test_no_text_that_somebody_typed_is_kept_in_whatever_order_case_and_spelling(text):
    typed = ["Manufacturer", "ManufacturerModelName", "BodyPartExamined", "TransducerType", "RescaleType", "Laterality"]
    code = code_of(text, "99LOCAL", text)
    item = region((0, 0, 30, 40), (0.1, 0.2))
    with suppress_warnings():
        copy = copied(
            **dict.fromkeys(typed, text),
            ImageType=["ORIGINAL", "PRIMARY", text, text],
            AnatomicRegionSequence=[code],
            SequenceOfUltrasoundRegions=[item],
        )

    assert not [keyword for keyword in [*typed, "AnatomicRegionSequence"] if copy.get(keyword)]
    assert list(copy.ImageType) == ["ORIGINAL", "PRIMARY"]
    assert copy.SequenceOfUltrasoundRegions[0] == item


def test_words_of_the_standard_and_of_makers_are_kept():
    copy = copied(
        BodyPartExamined="HEART",
        TransducerType="CURVED LINEAR",
        PatientOrientation=["R", "PF"],
        ImageType=["ORIGINAL", "SECONDARY", "FETAL HEART", "0001"],
        Manufacturer="GE Medical Systems Ng",
        ManufacturerModelName="VIVID E9 of Jane",
    )

    assert (copy.BodyPartExamined, copy.TransducerType) == ("HEART", "CURVED LINEAR")
    assert list(copy.PatientOrientation) == ["R", "PF"]
    assert list(copy.ImageType) == ["ORIGINAL", "SECONDARY", "FETAL HEART"]
    assert (copy.Manufacturer, copy.ManufacturerModelName) == ("GE", "Vivid")


def test_a_known_code_is_kept_with_the_meaning_of_the_standard():
    views = [
        code_of("399214001", "SCT", "Jane's heart"),
        code_of("T-62000", "SRT", "Doe"),
        code_of("4711", "SRT", "Doe"),
    ]
    copy = copied(ViewCodeSequence=views)

    kept = [(code.CodeValue, code.CodeMeaning) for code in copy.ViewCodeSequence]
    assert kept == [("399214001", "Apical four chamber"), ("T-62000", "Liver")]


def test_a_code_outside_a_sequence_of_codes_is_not_kept():
    item = region((0, 0, 30, 40), (0.1, 0.2), CodeValue="4711", CodeMeaning="Doe")
    copy = copied(CodeValue="Doe", CodingSchemeDesignator="SCT", CodeMeaning="Doe", SequenceOfUltrasoundRegions=[item])

    assert "CodeValue" not in copy
    assert "CodeMeaning" not in copy.SequenceOfUltrasoundRegions[0]


@pytest.mark.parametrize("number", ["0300", "30", "5"])
def test_numbers_of_geometry_time_and_pixels_stay_whatever_the_patient_is_called(number):
    item = region((0, 0, 300, 30), (0.3, 0.3), PhysicalDeltaX=0.03, ReferencePixelPhysicalValueX=30.0)
    kept = {"FrameTime": "300", "Rows": 300, "BitsStored": 5, "PixelSpacing": ["0.3000", "0.0300"], "HeartRate": "30"}
    copy = copied(PatientID=number, InstanceNumber="5", SequenceOfUltrasoundRegions=[item], **kept)

    assert copy.SequenceOfUltrasoundRegions[0] == item
    assert (copy.FrameTime, copy.Rows, copy.BitsStored, copy.HeartRate, copy.InstanceNumber) == (300, 300, 5, 30, 5)
    assert list(copy.PixelSpacing) == [0.3, 0.03]


def test_a_number_of_the_patient_that_counts_something_is_not_kept():
    copy = copied(PatientID="P-00471", SeriesNumber="471", InstanceNumber="12", StageNumber="0471")

    assert (copy.SeriesNumber, copy.InstanceNumber) == (None, 12)
    assert "StageNumber" not in copy


def test_a_date_or_a_long_number_is_no_quantity():
    copy = copied(FrameTime="19700131", HeartRate="1970013", RescaleSlope="7730915", CineRate="30")

    assert not {"FrameTime", "HeartRate", "RescaleSlope"} & set(copy.dir())
    assert copy.CineRate == 30


def test_a_value_of_another_kind_is_read_as_its_own_or_left_out():
    original = header()
    with suppress_warnings():
        original.add_new("Rows", "LO", "300")
        original.add_new("Columns", "LO", "Doe")
        original.add_new("NumberOfFrames", "FD", 2.5)
        original.add_new("SequenceOfUltrasoundRegions", "LO", "Doe")
        original.add_new("ImageType", "OB", b"Doe")
    copy = deidentify_header(original, KEY, "source").dataset

    assert copy.Rows == 300
    assert not {"Columns", "NumberOfFrames", "SequenceOfUltrasoundRegions"} & set(copy.dir())


def test_a_region_more_costs_no_more_than_the_one_before(monkeypatch):
    asked = []
    monkeypatch.setattr("echocare_core.privacy.attributes._elements", counted(_elements, asked))
    for many in (50, 100):
        copied(SequenceOfUltrasoundRegions=[region((0, 0, 30, 40), (0.1, 0.2)) for _ in range(many)])
        asked.append(None)

    first = asked.index(None)
    assert len(asked) - first < 2.2 * first


def test_uids_and_the_patient_follow_from_the_key_alone():
    first, again, other = copied(), copied(), copied(SecretKey(b"x" * 32))
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"):
        assert first[keyword] == again[keyword] != other[keyword]
    assert first.StudyInstanceUID.startswith("2.25.")
    assert first.StudyInstanceUID.is_valid


def test_two_patients_without_an_id_do_not_become_one():
    assert copied(PatientID="", StudyInstanceUID="1.2.5").PatientID != copied(PatientID="", StudyInstanceUID="1.2.6")


def test_a_copy_says_how_it_was_made():
    copy = copied(RecognizableVisualFeatures="YES", BurnedInAnnotation="NO")

    assert copy.PatientIdentityRemoved == "YES"
    assert [code.CodeValue for code in copy.DeidentificationMethodCodeSequence] == ["113100"]
    assert copy.LongitudinalTemporalInformationModified == "REMOVED"
    assert copy.RecognizableVisualFeatures == "YES"  # of which nothing is taken away
    assert "BurnedInAnnotation" not in copy  # what a file says of its pixels is no word on those of a copy


def test_only_a_copy_whose_pixels_were_cleaned_says_so_and_that_nobody_looked():
    copy = copied(BurnedInAnnotation="YES")
    say_pixels_were_cleaned(copy)

    assert (copy.BurnedInAnnotation, copy.ImageType[0]) == ("NO", "DERIVED")
    assert copy.DeidentificationMethod[1] == "Text in pixels searched by program, copy not reviewed"
    assert [code.CodeValue for code in copy.DeidentificationMethodCodeSequence] == ["113100", "113101"]


def test_dates_go_unless_intervals_are_asked_for():
    dates = {"StudyDate": "20200301", "ContentDate": "20200229", "ContentTime": "101112"}
    original = header(**dates)

    copy = deidentify_header(original, KEY, "source", keep_intervals=True).dataset
    without = deidentify_header(original, KEY, "source").dataset

    assert without.StudyDate == ""
    assert not without.get("ContentDate")
    assert "20200301" > copy.StudyDate > copy.ContentDate
    assert [code.CodeValue for code in copy.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert copy.PatientBirthDate == ""


def test_times_move_with_their_dates_so_that_intervals_stay_and_digits_do_not():
    moments = {
        "StudyDate": "20200301",
        "StudyTime": "235950",
        "ContentDate": "20200302",
        "ContentTime": "000010.193702",
    }
    copy = deidentify_header(header(**moments), KEY, "source", keep_intervals=True).dataset

    study, content = (
        datetime.strptime(copy[f"{name}Date"].value + copy[f"{name}Time"].value, "%Y%m%d%H%M%S")
        for name in ("Study", "Content")
    )
    assert (content - study).total_seconds() == 20
    assert copy.ContentTime != "000010"


@pytest.mark.parametrize("time", ["19370215", "193702.150000Doe", "250000", "Doe", "1"])
def test_what_is_no_time_is_not_kept_as_one(time):
    with suppress_warnings():
        original = header(ContentDate="20200301", ContentTime=time.removesuffix("Doe"))
    copy = deidentify_header(original, KEY, "source", keep_intervals=True).dataset

    assert copy.ContentDate
    assert "1937" not in copy.ContentTime


def test_values_that_are_not_what_they_should_be_are_not_kept():
    with suppress_warnings():
        original = header(ImageType=["ORIGINAL", "see Dr. Huber"], Rows=30, BodyPartExamined="Anna, Miller")
    copy = deidentify_header(original, KEY, "source").dataset

    assert list(copy.ImageType) == ["ORIGINAL", "PRIMARY"]
    assert "BodyPartExamined" not in copy
    assert copy.Rows == 30
