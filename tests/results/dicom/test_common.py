"""What every object has, and that the same result is the same object."""

import pydicom
import pytest
from pydicom.dataset import Dataset
from ultrasound_files import marked, write_ultrasound

from echocare_core.results.dicom.common import Kind, algorithm, describe
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import seal, uid_of, write_object

KIND = Kind("seg", "SEG", 1, "Segmentation")


@pytest.fixture
def source(tmp_path):
    about = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "SOPInstanceUID": "1.2.3.4.5"}
    more = {"SeriesNumber": 7, "InstanceNumber": 12, "StudyDate": "20200102", "StudyTime": "101500"}
    return read_source(write_ultrasound(tmp_path / "IM0001", marked(), attributes={**about, **more}))


def described(source, card, **others):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.InstanceCreationDate = "1.2.840.10008.5.1.4.1.1.66.4", "20990101"
    describe(dataset, KIND, source, card)
    for keyword, value in others.items():
        setattr(dataset, keyword, value)
    return seal(dataset)


def test_patient_and_study_are_repeated_and_the_equipment_is_the_bundle(source, card):
    found = described(source, card)
    assert [found.PatientID, found.StudyInstanceUID, found.StudyDate] == ["ID-4711", "1.2.3", "20200102"]
    assert [found.Manufacturer, found.ManufacturerModelName] == ["EchoCare, open", "lesion_bundle"]
    assert (found.SeriesNumber, found.InstanceNumber, found.ContentTime) == (71, 12, "101500")


def test_the_same_result_is_the_same_object(source, card, tmp_path):
    names = ("first.dcm", "again.dcm")
    for name in names:
        write_object(described(source, card), tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in names}) == 1


def test_another_result_has_another_uid(source, card):
    first, other = described(source, card), described(source, card, ContentLabel="OTHER")
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert first.SeriesInstanceUID != source.dataset.SeriesInstanceUID


def test_an_object_is_a_series_of_its_own_and_pictures_stand_together(source, card):
    series = []
    for instance in ("1.2.3.4.5", "1.2.3.4.6"):
        source.dataset.SOPInstanceUID = instance
        for kind in (KIND, KIND._replace(alone=False)):
            dataset = Dataset()
            describe(dataset, kind, source, card)
            series.append(dataset.SeriesInstanceUID)
    assert series[0] != series[2]
    assert series[1] == series[3]


def test_letters_beyond_ascii_name_their_character_set(source, card, tmp_path):
    assert "SpecificCharacterSet" not in described(source, card)
    write_object(described(source, card, PatientName="Müller^Änne"), tmp_path / "one.dcm")
    found = pydicom.dcmread(tmp_path / "one.dcm")
    assert (found.SpecificCharacterSet, str(found.PatientName)) == ("ISO_IR 192", "Müller^Änne")


def test_the_algorithm_is_named_with_its_version_and_weights(card):
    found = algorithm(card)
    assert [found.AlgorithmName, found.AlgorithmVersion] == ["lesion_bundle", "1.2.0"]
    assert found.AlgorithmParameters == f"weights_sha256={'ab' * 32}"


def test_uids_are_valid_and_made_of_their_parts():
    assert uid_of("a", "b") == uid_of("a", "b") != uid_of("ab", "")
    assert pydicom.uid.UID(uid_of("a")).is_valid
    assert uid_of("a").startswith("2.25.")
