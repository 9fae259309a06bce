"""A DICOMDIR is followed and checked: what it lists and is missing, and what is there and not listed."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from ultrasound_files import SHIPPED, write_dataset, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.inventory.dicomdir import is_dicomdir, listed_files
from echocare_core.inventory.inspection import inspect_export

DIRECTORY, EXPLICIT, IMPLICIT, BIG_ENDIAN = (f"1.2.840.10008.{end}" for end in ("1.3.10", "1.2.1", "1.2", "1.2.2"))
FOLDER = SHIPPED / "dicomdirtests"


def write_dicomdir(path: Path, files: list[str], transfer_syntax: str = EXPLICIT) -> Path:
    """A DICOMDIR with a patient, and a record for each file, whose components are joined by slashes."""
    patient = Dataset()
    patient.DirectoryRecordType, patient.PatientName, patient.PatientID = "PATIENT", "Doe^Jane", "ID-4711"
    records = [patient]
    for file in files:
        image, icon = Dataset(), Dataset()
        icon.Rows = 2
        image.DirectoryRecordType, image.ReferencedFileID = "IMAGE", file.split("/")
        image.IconImageSequence = Sequence([icon])
        records.append(image)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.FileSetID = DIRECTORY, "DISC"
    dataset.DirectoryRecordSequence = Sequence(records)
    return write_dataset(path, dataset, transfer_syntax)


def listed(path):
    return [file.relative_to(path.parent).as_posix() for file in listed_files(path)]


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_files_are_listed_in_order_in_any_byte_order(tmp_path, transfer_syntax):
    path = write_dicomdir(tmp_path / "DICOMDIR", ["US/IM1", "US/IM2", "IM3"], transfer_syntax)
    assert is_dicomdir(path)
    assert listed(path) == ["US/IM1", "US/IM2", "IM3"]


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nooffset"])
def test_a_real_dicomdir_lists_files_that_are_there(name):
    found = list(listed_files(FOLDER / name))
    assert len(found) == 31
    assert all(path.is_file() for path in found)


def test_names_are_found_as_other_systems_spell_them(tmp_path):
    (tmp_path / "us").mkdir()
    for name in ("im1", "IM2;1"):
        (tmp_path / "us" / name).touch()
    assert listed(write_dicomdir(tmp_path / "DICOMDIR", ["US/IM1", "US/IM2"])) == ["us/im1", "us/IM2;1"]


def test_no_file_outside_its_folder_is_listed(tmp_path):
    assert listed(write_dicomdir(tmp_path / "DICOMDIR", ["../IM1", "A/../../IM1", "A"])) == ["A"]


def test_a_dicomdir_cut_short_is_refused(tmp_path):
    path = write_dicomdir(tmp_path / "DICOMDIR", ["A" * 16] * 20)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UnreadableFrames, match="breaks off"):
        inspect_export(path)


@pytest.fixture
def disc(tmp_path):
    """A disc with two listed files, one of them missing, one that is not listed, and its DICOMDIR."""
    write_ultrasound(tmp_path / "IM1", bytes([1, 20, 40, 80]) * 576, attributes={"Rows": 24, "Columns": 32})
    write_ultrasound(tmp_path / "IM3", bytes([3, 20, 40, 80]) * 576, attributes={"Rows": 24, "Columns": 32})
    return write_dicomdir(tmp_path / "DICOMDIR", ["IM1", "IM2"])


def aside(summary):
    return sorted(one["reason"][:35] for one in summary["set_aside"]["reasons"])


def test_of_a_dicomdir_only_what_it_lists_is_read(disc):
    summary = inspect_export(disc)
    assert summary["usable"]["files"] == 1
    assert summary["dicomdir"] == {"listed": 2, "missing": 1, "unlisted": 1}
    assert aside(summary) == [
        "is a DICOMDIR, the list of an expor",
        "is listed by the DICOMDIR but is no",
        "is not listed by the DICOMDIR. Give",
    ]


def test_of_a_folder_all_is_read_and_what_its_dicomdir_misses_is_named(disc):
    summary = inspect_export(disc.parent)
    assert summary["usable"]["files"] == 2
    assert summary["files"] == 3
    assert summary["dicomdir"] == {"listed": 2, "missing": 1, "unlisted": 1}
    assert "is listed by the DICOMDIR but is no" in aside(summary)


def test_a_file_that_was_missing_is_read_when_it_comes(disc, tmp_path):
    out = tmp_path / "out"
    inspect_export(disc, out)
    write_ultrasound(tmp_path / "IM2", bytes([2, 20, 40, 80]) * 576, attributes={"Rows": 24, "Columns": 32})
    assert inspect_export(disc, out)["dicomdir"] == {"listed": 2, "missing": 0, "unlisted": 1}


def test_a_file_that_was_not_listed_is_read_when_it_is(disc, tmp_path):
    out = tmp_path / "out"
    inspect_export(disc, out)
    write_dicomdir(disc, ["IM1", "IM3"])
    summary = inspect_export(disc, out)
    assert (summary["usable"]["files"], summary["dicomdir"]["unlisted"]) == (2, 0)


def test_a_folder_without_a_dicomdir_says_nothing_of_one(tmp_path):
    write_ultrasound(tmp_path / "IM1", bytes([1, 20, 40, 80]) * 576, attributes={"Rows": 24, "Columns": 32})
    assert inspect_export(tmp_path)["dicomdir"] is None
