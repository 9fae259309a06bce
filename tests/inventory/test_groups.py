"""Splits by patient survive ids that are blank, stand for nothing, or were given to several people."""

import pytest

from echocare_core.errors import SettingsError
from echocare_core.inventory.inspection import inspect_export


def groups(rows):
    return {name: row["group"] for name, row in rows.items()}


def test_studies_of_one_patient_are_one_group(add, rows):
    for number in range(3):
        add(f"a{number}", "P1", study=str(number), grey=10 + number)
    add("b", "P2", study="9", grey=20)
    found = groups(rows())
    assert found["a0"] == found["a1"] == found["a2"] != found["b"]
    assert found["a0"].startswith("patient-")


def test_padding_and_capitals_of_an_id_make_no_difference(add, rows):
    add("a", "Ab-1 ", study="1")
    add("b", "AB-1", study="2", grey=11)
    assert len(set(groups(rows()).values())) == 1


@pytest.mark.parametrize("patient", ["", None, "ANONYMOUS", "anonymous", "0", "0000", "Unknown", "N/A", "XXX", "---"])
def test_an_id_that_stands_for_nobody_leaves_each_study_a_group(add, rows, patient):
    add("a", patient, study="1", grey=10)
    add("b", patient, study="1", grey=11)
    add("c", patient, study="2", grey=12)
    found = groups(rows())
    assert found["a"] == found["b"] != found["c"]
    assert found["a"].startswith("study-")


@pytest.mark.parametrize("patient", ["ANON0012", "1", "11", "TEST7"])
def test_a_number_behind_a_word_is_an_id(add, rows, patient):
    add("a", patient, study="1")
    add("b", patient, study="2", grey=11)
    assert len(set(groups(rows()).values())) == 1


def test_files_without_an_id_join_the_patient_of_their_study(add, rows):
    add("a", "P1", study="1")
    add("b", "", study="1", grey=11)
    add("c", "P1", study="2", grey=12)
    assert len(set(groups(rows()).values())) == 1


def test_a_report_lends_its_study_the_id(add, rows):
    add("a", "", study="1")
    add("sr", "P1", study="1", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    add("b", "P1", study="2", grey=11)
    found = groups(rows())
    assert set(found) == {"a", "b"}
    assert found["a"] == found["b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19800101"}),
        ({"PatientSex": "F"}, {"PatientSex": "M"}),
    ],
)
def test_an_id_given_to_two_people_is_split_by_study_and_told(add, export, rows, one, other):
    add("a", "1", study="1", **one)
    add("b", "1", study="2", grey=11, **other)
    add("c", "1", study="3", grey=12)
    assert len(set(groups(rows()).values())) == 3
    assert inspect_export(export)["identity"]["patient_ids_of_several_people"] == 1


def test_studies_of_a_reused_id_with_the_same_birth_date_stay_together(add, rows):
    add("a", "1", study="1", PatientBirthDate="19500101")
    add("b", "1", study="2", grey=11, PatientBirthDate="19500101")
    add("c", "1", study="3", grey=12, PatientBirthDate="19800101")
    found = groups(rows())
    assert found["a"] == found["b"] != found["c"]


@pytest.mark.parametrize(
    "blank", [{}, {"PatientBirthDate": "19000101"}, {"PatientSex": "O"}, {"PatientBirthDate": "x"}]
)
def test_saying_nothing_contradicts_nobody(add, rows, blank):
    add("a", "P1", study="1", PatientBirthDate="19500101", PatientSex="F")
    add("b", "P1", study="2", grey=11, **blank)
    assert len(set(groups(rows()).values())) == 1


def test_a_study_uid_given_to_two_people_does_not_join_them(add, rows):
    add("a", "P1", study="0", PatientBirthDate="19500101")
    add("b", "P2", study="0", grey=11, PatientBirthDate="19800101")
    found = groups(rows())
    assert found["a"] != found["b"]


def test_pictures_without_a_header_are_grouped_by_folder(add, export, rows):
    from PIL import Image

    for number, name in enumerate(("A/1.png", "A/2.png", "B/3.png")):
        (export / name).parent.mkdir(exist_ok=True)
        picture = Image.new("RGB", (32, 32), (number, 0, 0))
        picture.paste((200, 0, 0), (0, 0, 8, 8))
        picture.save(export / name)
    found = groups(rows())
    assert found["1.png"] == found["2.png"] != found["3.png"]
    assert found["1.png"].startswith("folder-")


def test_no_group_stands_in_two_splits_and_all_shares_are_drawn(add, rows):
    for number in range(60):
        add(f"f{number}", f"P{number // 2}", study=str(number), grey=10 + number)
    table = rows(split=(0.5, 0.25, 0.25))
    splits = {}
    for row in table.values():
        splits.setdefault(row["group"], set()).add(row["split"])
    assert len(splits) == 30
    assert all(len(found) == 1 for found in splits.values())
    assert set().union(*splits.values()) == {"train", "val", "test"}


def test_splits_stay_when_files_are_added(add, rows):
    for number in range(20):
        add(f"f{number}", f"P{number}", study=str(number), grey=10 + number)
    before = {name: (row["group"], row["split"]) for name, row in rows().items()}
    for number in range(20, 40):
        add(f"e{number}", f"P{number // 2}", study=str(number), grey=10 + number)
    after = {name: (row["group"], row["split"]) for name, row in rows().items()}
    assert before.items() <= after.items()


@pytest.mark.parametrize("split", [(0.7, 0.3), (0.7, 0.2, 0.2), (1.5, -0.25, -0.25)])
def test_shares_that_do_not_add_up_are_refused(export, split):
    with pytest.raises(SettingsError, match="add up to 1"):
        inspect_export(export, split=split)
