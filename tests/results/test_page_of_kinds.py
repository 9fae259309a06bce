"""What the page says about each kind of output, about cines and about studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from html_page import Page

from echocare_core.results import ResultsWriter
from echocare_core.types import Boxes, Measurement, OperatingPoint, Picture, Points, Prediction, Scores, Text

NO_BOX = Boxes(np.zeros((0, 4)), (), (), ("nodule", "cyst"))


@pytest.fixture
def page_of(tmp_path: Path, card):
    """Writes predictions and reads their page."""

    def write_and_read(*predictions: Prediction) -> Page:
        with ResultsWriter(tmp_path / "out", card) as writer:
            for item in predictions:
                writer.add(item)
            writer.finish()
        return Page((tmp_path / "out" / "report.html").read_text("utf-8"))

    return write_and_read


def malignant(probability: float) -> Scores:
    return Scores("pathology", {"benign": 1 - probability, "malignant": probability}, OperatingPoint("malignant", 0.35))


def test_a_score_shows_answer_probabilities_and_operating_point(page_of, frame_of):
    text = page_of(frame_of(outputs=(malignant(0.8),))).text
    assert "pathology malignant benign 20% malignant 80% Operating point: malignant from 35% on." in text


def test_a_probability_just_below_the_operating_point_is_not_rounded_onto_it(page_of, frame_of):
    text = page_of(frame_of(outputs=(malignant(0.349),))).text
    assert "pathology benign" in text
    assert "malignant 34.9% Operating point: malignant from 35.0% on." in text


def test_the_scores_of_a_cine_are_counted(page_of, frame_of):
    frames = [frame_of(frame=n, outputs=(malignant(p),)) for n, p in enumerate([0.1, 0.4, 0.9])]
    assert "malignant 2 of 3 40% 10% to 90%" in page_of(*frames).text


def test_without_an_operating_point_the_likeliest_class_is_the_answer(page_of, frame_of):
    text = page_of(frame_of(outputs=(Scores("birads", {"3": 0.2, "4": 0.7, "5": 0.1}),))).text
    assert "birads 4 3 20% 4 70% 5 10% The likeliest class is the answer." in text


def test_a_text_stands_whole_and_is_no_html(page_of, frame_of):
    words = "A <b>mass</b>.\n\nSize: 14 x 11 mm.\n" * 40
    page = page_of(frame_of(outputs=(Text("report", words),)))
    assert not page.all("b")
    assert words.strip() in "".join(page.words)


def test_an_empty_text_is_called_empty(page_of, frame_of):
    assert "report empty" in page_of(frame_of(outputs=(Text("report", "\n"),))).text


def test_the_texts_of_a_long_cine_are_a_few_and_the_others_are_named(page_of, frame_of):
    page = page_of(*(frame_of(frame=number, outputs=(Text("finding", f"saying {number}"),)) for number in range(20)))
    assert page.text.count("saying") == 6
    assert "14 more texts in texts/" in page.text


@pytest.mark.parametrize(("spacing_mm", "size"), [((0.1, 0.2), "2.0 × 6.0 mm"), (None, "20 × 30 px")])
def test_a_box_is_listed_with_its_size(page_of, frame_of, spacing_mm, size: str):
    boxes = Boxes(np.array([[10.0, 10.0, 30.0, 40.0]]), ("cyst",), (0.91,), ("nodule", "cyst"))
    assert f"1 cyst 91% {size}" in page_of(frame_of(outputs=(boxes,), spacing_mm=spacing_mm)).text


def test_boxes_of_a_cine_are_counted_by_class(page_of, frame_of):
    one = Boxes(np.array([[1.0, 1.0, 9.0, 9.0]] * 2), ("cyst", "cyst"), (0.9, 0.8), ("nodule", "cyst"))
    text = page_of(frame_of(outputs=(one,)), frame_of(frame=1, outputs=(NO_BOX,))).text
    assert "nodule 0 of 2 0 cyst 1 of 2 2" in text
    assert "Nothing found: no nodule or cyst in 1 of 2 frames." in text


def test_no_box_is_said_in_words(page_of, frame_of):
    page = page_of(frame_of(outputs=(NO_BOX,)))
    assert "Nothing found: no nodule or cyst." in page.text
    assert page.data["cases"][0]["rows"][0]["said"] == "nothing found"


def test_a_point_that_was_not_found_is_said_in_words(page_of, frame_of):
    points = Points(np.array([[12.34, 40.0], [np.nan, np.nan]]), ("apex", "annulus_left"))
    assert "1 apex 12.3 40.0 2 annulus left not found" in page_of(frame_of(outputs=(points,))).text


def test_a_number_that_is_unknown_beside_others_is_called_so(page_of, frame_of):
    outputs = (Measurement("head_circumference", 60.0, "mm"), Measurement("gestational_age", np.nan, "week"))
    assert "head circumference 60.0 mm gestational age unknown" in page_of(frame_of(outputs=outputs)).text


def test_a_point_stands_with_its_confidence_where_the_bundle_gives_one(page_of, frame_of):
    points = Points(np.array([[12.34, 40.0], [np.nan, np.nan]]), ("apex", "annulus_left"), (0.874, 0.06))
    text = page_of(frame_of(outputs=(points,))).text
    assert "Column (px) Confidence 1 apex 12.3 40.0 87% 2 annulus left not found 6%" in text


def test_a_picture_stands_beside_its_frame_and_both_lead_to_their_files(page_of, frame_of):
    page = page_of(frame_of(outputs=(Picture("enhanced", np.full((60, 80, 3), 90, np.uint8)),)))
    assert [link["href"] for link in page.all("a") if link["href"].endswith(".png")] == [
        "overlays/STUDY1/IM0001_f0000.png",
        "pictures/STUDY1/IM0001_f0000_enhanced.png",
    ]
    [made] = page.pictures[0]["more"]
    assert (made["name"], made["w"], made["h"]) == ("enhanced", 80, 60)
    assert "frame 0" not in page.text


def test_a_score_alone_says_nothing_about_calibration_or_masks(page_of, frame_of):
    text = page_of(frame_of(outputs=(malignant(0.8),), spacing_mm=None)).text
    assert "calibrat" not in text
    assert "mask" not in text


def test_a_study_comes_before_its_files_and_a_cine_stands_with_its_frames(page_of, frame_of):
    volume = (Measurement("volume", 12.0, "ml"),)
    page = page_of(
        frame_of("b/2", outputs=volume, study=2),
        frame_of("a/1", outputs=volume, study=1),
        frame_of("a/1", None, outputs=volume, level="cine", study=1),
        Prediction("b", volume, "study", study=2),
        Prediction("a", volume, "study", study=1),
    )
    assert [case["name"] for case in page.data["cases"]] == ["Study 1", "a/1", "Study 2", "b/2"]
    assert [row.get("level") for row in page.data["cases"][1]["rows"]] == ["cine", None]
    assert "a/ 1 the whole cine" in page.text
    assert "2 frames, 1 cine and 2 studies of 2 files measured" in page.text


def test_any_file_that_a_row_names_is_linked(page_of, frame_of, tmp_path, card):
    with ResultsWriter(tmp_path / "out", card) as writer:
        writer.add(frame_of())
        writer._rows[0]["dicom_seg_file"] = "dicom/a b.dcm"  # as what is written at the end of a run adds it
        writer.finish()
    page = Page((tmp_path / "out" / "report.html").read_text("utf-8"))
    assert "dicom/a%20b.dcm" in [link["href"] for link in page.all("a")]
    assert page.data["cases"][0]["rows"][0]["files"]["DICOM segmentation"] == "dicom/a b.dcm"
