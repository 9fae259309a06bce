"""What a header says of an examination: subgroups in words, never whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from labelled_results import write_export
from PIL import Image

from echocare_core.assessment.about import About, read_about


def about(folder: Path, **attributes: Any) -> About:
    return read_about(write_export(folder, {"a": attributes}) / "a")


@pytest.mark.parametrize(
    ("attributes", "name", "found"),
    [
        ({"PatientAge": "045Y"}, "age", "40 to 59"),
        ({"PatientAge": "011M"}, "age", "0 to 17"),
        ({"PatientBirthDate": "19700131", "StudyDate": "20300101"}, "age", "40 to 59"),
        ({"PatientAge": "old", "PatientBirthDate": "", "StudyDate": ""}, "age", "not stated"),
        ({"PatientBirthDate": "19000101", "StudyDate": "20300101"}, "age", "not stated"),
        ({"PatientSex": "F"}, "sex", "female"),
        ({"PatientSex": "?"}, "sex", "not stated"),
        ({"ManufacturerModelName": " EPIQ  7 "}, "device", "EPIQ 7"),
        ({"ManufacturerModelName": "Doe^Jane"}, "device", "not stated"),
        ({"InstitutionName": "St. Mary's (North)"}, "centre", "St. Mary's (North)"),
    ],
)
def test_a_subgroup_is_said_in_words(tmp_path: Path, attributes: dict, name: str, found: str) -> None:
    assert about(tmp_path, **attributes).subgroups[name] == found


def test_an_id_that_stands_for_nobody_tells_nobody_apart(tmp_path: Path) -> None:
    found = about(tmp_path, PatientID="ANONYMOUS", StudyInstanceUID="1.2.3")
    assert (found.patient, found.unit) == ("", ("study", "1.2.3"))


def test_neither_numbers_nor_subgroups_are_in_its_text(tmp_path: Path) -> None:
    found = about(tmp_path, PatientID="0815", AccessionNumber="4711", PatientSex="F")
    assert not [word for word in ("0815", "4711", "female") if word in repr(found)]


def test_a_picture_and_a_file_that_is_gone_say_nothing(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert read_about(tmp_path / "a.png").subgroups == read_about(tmp_path / "gone").subgroups == {}
