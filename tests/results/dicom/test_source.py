"""What is repeated of a source: its patient and study, mended where files are not as they should be."""

import logging

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from ultrasound_files import BIG_ENDIAN, CINE, DEFLATED, IMPLICIT, PATIENT_NAME, marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.results.dicom.source import read_source


def source_of(folder, pixels=None, **attributes):
    path = write_ultrasound(folder / "IM0001", marked() if pixels is None else pixels, attributes=attributes)
    return read_source(path)


def test_patient_and_study_are_those_of_the_source(tmp_path):
    found = source_of(tmp_path, StudyInstanceUID="1.2.3", AccessionNumber="A1", StudyDescription="Breast").dataset
    assert [str(found.PatientName), found.PatientID, found.PatientBirthDate] == [PATIENT_NAME, "ID-4711", "19700131"]
    assert [found.StudyInstanceUID, found.AccessionNumber, found.StudyDescription] == ["1.2.3", "A1", "Breast"]


def test_what_no_source_says_is_empty_and_not_made_up(tmp_path):
    found = source_of(tmp_path).dataset
    assert [found[name].value for name in ("PatientSex", "StudyID", "StudyDate", "ReferringPhysicianName")] == [""] * 4
    assert "FrameOfReferenceUID" not in found
    assert "StudyDescription" not in found


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_it_is_read_in_every_transfer_syntax_the_reader_takes(tmp_path, syntax):
    path = write_ultrasound(tmp_path / "IM0001", marked(frames=3), transfer_syntax=syntax)
    assert (read_source(path).frames, read_source(path).dataset.PatientID) == (3, "ID-4711")


def test_it_is_read_without_a_meta_header(tmp_path):
    path = write_ultrasound(tmp_path / "IM0001", marked(), transfer_syntax=IMPLICIT, meta=False)
    assert read_source(path).dataset.PatientID == "ID-4711"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("14:04:38", "140438"), ("140438.5", "140438.5"), ("1404", "1404"), ("25:00:00", ""), ("noon", "")],
)
def test_a_time_is_mended_where_its_meaning_is_plain(tmp_path, written, meant):
    assert source_of(tmp_path, StudyTime=written).dataset.StudyTime == meant


@pytest.mark.parametrize(("written", "meant"), [("1997.04.24", "19970424"), ("20230231", ""), ("0000", "")])
def test_a_date_is_mended_where_its_meaning_is_plain(tmp_path, written, meant):
    assert source_of(tmp_path, StudyDate=written).dataset.StudyDate == meant


def test_the_date_is_the_nearest_to_the_picture(tmp_path):
    dates = {"StudyDate": "20200101", "StudyTime": "080000", "AcquisitionDate": "20200102", "AcquisitionTime": "0910"}
    assert source_of(tmp_path, **dates).date_and_time == ("20200102", "0910")
    assert source_of(tmp_path).date_and_time == ("19000101", "000000")


def test_an_invalid_character_set_is_no_reason_to_fail(tmp_path):
    found = source_of(tmp_path, SpecificCharacterSet="ISO 2022 GREEK", PatientID="ID-4711").dataset
    assert found.PatientID == "ID-4711"


def test_letters_beyond_ascii_are_kept(tmp_path):
    found = source_of(tmp_path, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Änne").dataset
    assert (str(found.PatientName), found.SpecificCharacterSet) == ("Müller^Änne", "ISO_IR 192")


def test_a_value_of_a_wrong_vr_is_left_out(tmp_path):
    path = write_ultrasound(tmp_path / "IM0001", marked(), attributes={"StudyDate": "20200101", "PatientSex": "F"})
    content = path.read_bytes().replace(b"DA\x08\x0020200101", b"FD\x08\x0020200101").replace(b"F ", b"W ")
    path.write_bytes(content)
    found = read_source(path).dataset
    assert (found.StudyDate, found.PatientSex) == ("", "")


def test_frames_are_counted_as_the_reader_counts_them(tmp_path):
    found = source_of(tmp_path, marked(frames=3), NumberOfFrames=None, SOPClassUID=CINE)
    assert (found.frames, found.dataset.NumberOfFrames, found.size) == (3, 3, (24, 32))


def test_a_study_without_uid_gets_one_made_of_the_object(tmp_path):
    uid = generate_uid()
    first, again = (source_of(tmp_path, SOPInstanceUID=uid).dataset for _ in range(2))
    assert first.StudyInstanceUID == again.StudyInstanceUID != first.SeriesInstanceUID
    assert first.StudyInstanceUID.startswith("2.25.")


def test_a_source_that_was_deidentified_says_so(tmp_path):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113100", "DCM", "Basic profile"
    said = {"PatientIdentityRemoved": "YES", "DeidentificationMethodCodeSequence": [code], "BurnedInAnnotation": "NO"}
    found = source_of(tmp_path, **said).dataset
    assert (found.PatientIdentityRemoved, found.BurnedInAnnotation) == ("YES", "NO")
    assert found.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


@pytest.mark.parametrize("lacking", ["SOPInstanceUID", "SOPClassUID"])
def test_what_cannot_be_referred_to_is_refused_by_tag(tmp_path, lacking):
    path = write_ultrasound(tmp_path / "IM0001", marked(), attributes={lacking: None}, meta=False)
    with pytest.raises(UnreadableFrames, match=r"IM0001 has no SOP \w+ UID \(0008,001"):
        read_source(path)


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"gone\.dcm is not there any more"):
        read_source(tmp_path / "gone.dcm")


def test_nobody_stands_in_its_repr_or_in_a_log(tmp_path, caplog):
    said = {"PatientName": "Doe^Jane" + "x" * 80, "StudyInstanceUID": "1.2.03", "PatientBirthDate": "x"}
    path = write_ultrasound(tmp_path / "IM0001", marked(), attributes=said)
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    found = read_source(path)
    assert not [one for one in ("Doe", "4711", "1.2.03") if one in f"{found!r} {found} {caplog.text}"]
