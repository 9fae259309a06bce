"""A team's table of images and reports becomes the table that a report is trained on."""

import csv

import pytest

from echocare_core.errors import TableError
from echocare_core.tasks.report import describe_reports
from echocare_core.tasks.report.own_table import read_reports

REPORTS = ["Sharp margin,\r\n no spikes. ", "  =Haut „dünn“; äöüß", "边缘清晰。\n无毛刺", "", " \n"]


def write(folder, reports=REPORTS, columns=("image", "patient", "report")):
    folder.mkdir(exist_ok=True)
    with (folder / "reports.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([f"images/{number}.png", f"p{number}", text] for number, text in enumerate(reports))
    return folder / "reports.csv"


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_texts_of_all_languages_survive_character_by_character(tmp_path, lexicon):
    table = write(tmp_path / "in")
    rows, _ = read_reports(table)
    describe_reports(table, tmp_path / "table.csv", lexicon)

    assert list(rows["report"]) == REPORTS[:3]
    assert [row["report"] for row in read(tmp_path / "table.csv")] == REPORTS[:3]


def test_what_is_heard_stands_in_a_column_and_what_is_not_is_empty(tmp_path, lexicon):
    describe_reports(write(tmp_path / "in"), tmp_path / "table.csv", lexicon)
    first, second, _ = read(tmp_path / "table.csv")

    assert {name: first[name] for name in lexicon.names} == {"skin": "", "margin": "sharp", "spikes": "no", "grade": ""}
    assert {second[name] for name in lexicon.names} == {""}
    assert first["patient"] == "p0"


def test_paths_of_images_lead_to_the_same_files(tmp_path, lexicon):
    describe_reports(write(tmp_path / "in"), tmp_path / "table.csv", lexicon)
    assert read(tmp_path / "table.csv")[0]["image"] == "in/images/0.png"


def test_an_empty_report_is_named_and_set_aside(tmp_path, lexicon, caplog):
    aside = describe_reports(write(tmp_path / "in"), tmp_path / "table.csv", lexicon)

    assert [one.source for one in aside] == ["images/3.png", "images/4.png"]
    assert "2 empty reports set aside: images/3.png; images/4.png" in caplog.text


def test_a_table_without_reports_is_refused(tmp_path, lexicon):
    with pytest.raises(TableError, match="has no row with a report"):
        describe_reports(write(tmp_path, ["", " "]), tmp_path / "table.csv", lexicon)
    with pytest.raises(TableError, match="lacks the columns report"):
        describe_reports(write(tmp_path, columns=("image", "patient", "text")), tmp_path / "table.csv", lexicon)
    assert not (tmp_path / "table.csv").exists()


def test_a_column_in_the_place_of_a_descriptor_is_refused(tmp_path, lexicon):
    with pytest.raises(TableError, match="has the column skin already"):
        describe_reports(write(tmp_path, columns=("image", "skin", "report")), tmp_path / "table.csv", lexicon)
