"""Names of two tables meet where only one thing can be meant."""

import pytest

from echocare_core.assessment.matching import CLASSES, IDS, Match, Matcher, PathMatcher, nearest


@pytest.mark.parametrize(
    ("written", "known"),
    [("00123", "123"), ("123", "00123"), ("123.0", "00123"), (" a-12 ", "A12"), ("P 0012", "p0012"), ("0", "0")],
)
def test_a_number_is_found_as_spreadsheets_and_people_write_it(written: str, known: str) -> None:
    assert Matcher([known, "other"], IDS).find(written) == Match(known)


def test_what_is_written_alike_comes_before_what_is_forgiven() -> None:
    assert Matcher(["0012", "12"], IDS).find("12") == Match("12")


def test_a_class_that_is_a_number_is_found_as_a_spreadsheet_writes_it() -> None:
    assert Matcher(["3", "4"], CLASSES).find("4.0") == Match("4")


def test_a_number_that_could_be_two_is_ambiguous() -> None:
    assert Matcher(["0012", "012"], IDS).find("12") == Match(several=2)


FILES = {name: name for name in ("ST1/IM1.dcm", "ST2/IM1.dcm", "ST1/IM2.dcm", "scan 3.DCM")}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("ST1/IM1.dcm", "ST1/IM1.dcm"),
        ("./ST1\\IM1.dcm", "ST1/IM1.dcm"),
        ("EXPORT/st2/im1.DCM", "ST2/IM1.dcm"),
        ("IM2.dcm", "ST1/IM2.dcm"),
        ("pictures/ST1/IM2.png", "ST1/IM2.dcm"),
        ("ST1/IM2.png", "ST1/IM2.dcm"),
        ("Scan 3", "scan 3.DCM"),
        ("ST3/IM1.dcm", None),
    ],
)
def test_a_path_is_found_as_one_end_of_another(written: str, found: str | None) -> None:
    assert PathMatcher(FILES).find(written) == Match(found)


@pytest.mark.parametrize(
    ("written", "found"),
    [("1.2.840.7", None), ("1.2.840.5", "1.2.840.5"), ("1.2.840.5.png", "1.2.840.5"), ("1.2.840.6", "1.2.840.6.dcm")],
)
def test_files_called_by_their_uids_are_told_apart(written: str, found: str | None) -> None:
    files = ("1.2.840.5", "1.2.840.6.dcm")
    assert PathMatcher({name: name for name in files}).find(written) == Match(found)


def test_a_name_that_is_in_two_folders_is_ambiguous() -> None:
    assert PathMatcher(FILES).find("IM1.dcm") == Match(several=2)


def test_the_nearest_names_are_those_spelt_alike() -> None:
    assert nearest("Malignnt", ["benign", "malignant"], 1) == ["malignant"]
