from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_page import Page

from echocare_core.errors import OutputError
from echocare_core.results import ResultsWriter, write_summary
from echocare_core.types import Measurement, Picture, Prediction, SetAside, Text

ASIDE = SetAside("DICOMDIR", "not an image")


@pytest.fixture
def two_runs(tmp_path: Path, card, frame_of):
    """Two bundles that read the same file, each in its subfolder."""
    runs = []
    for name, measurement in (
        ("heads", Measurement("circumference", 231.4, "mm")),
        ("lesions", Measurement("area", 5, "mm2")),
    ):
        one = replace(card, name=name, title=f"Title of {name}")
        with ResultsWriter(tmp_path / name, one) as writer:
            writer.add(frame_of(outputs=(frame_of().outputs[0], measurement)))
            runs.append((one, writer.finish([ASIDE])))
    return runs


def test_the_rows_of_all_runs_stand_in_one_table(tmp_path: Path, two_runs):
    write_summary(tmp_path, two_runs)
    table = pd.read_csv(tmp_path / "results.csv")
    assert table.bundle.tolist() == ["heads", "lesions"]
    assert table.circumference_mm.isna().tolist() == [False, True]
    assert table.area_mm2.isna().tolist() == [True, False]


def test_masks_and_overlays_are_found_from_the_summary(tmp_path: Path, two_runs):
    results = write_summary(tmp_path, two_runs)
    assert all((tmp_path / str(row[name])).is_file() for row in results for name in ("mask", "overlay"))
    assert results.rows[1]["mask"] == "lesions/masks/STUDY1/IM0001_f0000.png"


def test_the_page_shows_every_bundle_and_counts_a_file_once(tmp_path: Path, two_runs):
    write_summary(tmp_path, two_runs)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Title of heads" in page
    assert "Title of lesions" in page
    assert 'href="lesions/overlays/STUDY1/IM0001_f0000.png"' in page
    assert "1 frame of 1 file measured, 1 file set aside." in page
    assert Page(page).pictures == [
        one
        for name in ("heads", "lesions")
        for one in Page((tmp_path / name / "report.html").read_text("utf-8")).pictures
    ]


def test_what_both_runs_set_aside_is_named_once(tmp_path: Path, two_runs):
    assert write_summary(tmp_path, two_runs).set_aside == (ASIDE,)
    assert len(pd.read_csv(tmp_path / "set_aside.csv")) == 1


def test_an_earlier_summary_is_replaced_and_nothing_else_is_left(tmp_path: Path, two_runs):
    write_summary(tmp_path, two_runs)
    write_summary(tmp_path, two_runs[:1])
    assert len(pd.read_csv(tmp_path / "results.csv")) == 1
    assert {path.name for path in tmp_path.iterdir()} == {
        "heads",
        "lesions",
        "results.csv",
        "set_aside.csv",
        "report.html",
    }


def test_a_summary_that_fails_leaves_the_earlier_one(tmp_path: Path, two_runs):
    write_summary(tmp_path, two_runs)
    before = (tmp_path / "results.csv").read_bytes()
    (tmp_path / "lesions" / "report.html").unlink()
    with pytest.raises(OutputError):
        write_summary(tmp_path, two_runs[::-1])
    assert (tmp_path / "results.csv").read_bytes() == before
    assert not list(tmp_path.glob(".echocare-*"))


def test_a_run_outside_the_folder_is_refused(tmp_path: Path, two_runs):
    with pytest.raises(OutputError, match="not inside"):
        write_summary(tmp_path / "heads", two_runs)


def test_runs_with_and_without_studies_stand_in_one_table_and_a_frame_counts_once(tmp_path: Path, card, frame_of):
    runs = []
    for name, study in (("scores", 1), ("masks", None)):
        with ResultsWriter(tmp_path / name, replace(card, name=name)) as writer:
            writer.add(frame_of(study=study))
            if study:
                report = (Text("report", "all well"), Picture("curve", np.zeros((20, 30, 3), np.uint8)))
                writer.add(Prediction("STUDY1", report, "study", study=study))
            runs.append((replace(card, name=name), writer.finish()))
    results = write_summary(tmp_path, runs)
    assert [(row["level"], row["frame"]) for row in results] == [("frame", 0), ("study", None), ("frame", 0)]
    study = results.rows[1]
    assert (study["report_file"], study["curve_file"]) == (
        "scores/texts/study_0001_report.txt",
        "scores/pictures/study_0001_curve.png",
    )
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "1 frame and 1 study of 1 file measured" in page
    assert "In the folder of each bundle, masks/ holds" in page
    assert len(results.details) == 3
