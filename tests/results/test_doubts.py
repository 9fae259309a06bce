"""Numbers that cannot be are marked wherever they are shown, and never left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from html_page import Page

from echocare_core.bundle import read_plausible, shipped_folder
from echocare_core.results import ResultsWriter
from echocare_core.results.captions import caption_lines
from echocare_core.results.doubts import doubts_of
from echocare_core.results.levels import Levels
from echocare_core.types import Boxes, Mask, Measurement, Plausible, Prediction

NOISE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
HEAD, LESION, HEART = "fetal_head_segmentation", "breast_lesion_segmentation", "ejection_fraction_regression"


def measured(*numbers: tuple[str, float, str], **fields) -> Prediction:
    return Prediction("a", tuple(Measurement(*number) for number in numbers), image=NOISE, frame=0, **fields)


def flagged(prediction: Prediction, plausible: dict[str, Plausible], **values: object) -> list[str]:
    numbers = {one.column: one.value for one in prediction.outputs if isinstance(one, Measurement)}
    return [doubt.text for doubt in doubts_of(prediction, {**numbers, **values}, plausible)]


@pytest.mark.parametrize(
    ("bundle", "number", "says"),
    [
        (HEAD, ("head_circumference", 31886.0, "mm"), "head circumference is outside 40 to 360 mm: 31886.0 mm"),
        (HEAD, ("head_circumference", 365.7, "mm"), "head circumference is outside 40 to 360 mm: 365.7 mm"),
        (LESION, ("lesion_long_axis", 0.3, "mm"), "lesion long axis is outside 2 to 100 mm: 0.3 mm"),
        (LESION, ("lesion_area", 9e5, "mm2"), "lesion area is outside 3 to 4000 mm²: 900000 mm²"),
        (LESION, ("lesions", 212.0, "count"), "lesions is outside 0 to 5: 212"),
        (
            HEART,
            ("ejection_fraction_difference_of_methods", 22.3, "percent"),
            "ejection fraction difference of methods is outside -15 to 15 %: 22.3 %",
        ),
    ],
)
def test_a_number_that_no_body_has_is_flagged_by_its_bundle(bundle: str, number: tuple[str, float, str], says: str):
    plausible = read_plausible(shipped_folder() / bundle)
    assert flagged(measured(number), plausible) == [says]
    assert flagged(measured((number[0], (plausible[f"{number[0]}_{number[2]}"].low + 1), number[2])), plausible) == []


def test_any_unit_has_its_range_and_the_limits_themselves_are_believed():
    known = {"ejection_fraction_percent": Plausible(5, 90, "x"), "volume_ml": Plausible(10, 400, "x")}
    assert flagged(measured(("ejection_fraction", 90, "percent"), ("volume", 10, "ml")), known) == []
    assert flagged(measured(("ejection_fraction", -3, "percent"), ("volume", 900, "ml")), known) == [
        "ejection fraction is outside 5 to 90 %: -3.0 %",
        "volume is outside 10 to 400 ml: 900.0 ml",
    ]


def test_what_speaks_against_all_that_a_bundle_says_stands_first_in_every_row():
    known = {"volume_ml": Plausible(10, 400, "x")}
    prediction = measured(("volume", 900, "ml"))
    doubts = doubts_of(prediction, {"volume_ml": 900.0}, known, "not trained on thyroid")
    assert [doubt.text for doubt in doubts] == ["not trained on thyroid", "volume is outside 10 to 400 ml: 900.0 ml"]


def test_what_is_not_known_is_in_no_doubt():
    known = {"a / b": Plausible(0.5, 1, "x"), "a_mm": Plausible(1, 9, "x")}
    assert flagged(measured(("a", float("nan"), "mm"), ("b", 2.0, "mm")), known) == []
    assert flagged(measured(("a", 2.0, "mm"), ("b", float("nan"), "mm")), known) == []


def test_a_column_of_any_kind_of_output_may_have_a_range():
    assert flagged(measured(), {"cyst_boxes_count": Plausible(0, 9, "x")}, cyst_boxes_count=40) == [
        "cyst boxes is outside 0 to 9: 40"
    ]


def test_an_unknown_number_is_not_flagged():
    plausible = read_plausible(shipped_folder() / HEAD)
    assert flagged(measured(), plausible, head_circumference_mm=None) == []


@pytest.mark.parametrize("unit", ["mm", "px"])
def test_a_quotient_is_judged_without_calibration(unit: str):
    plausible = read_plausible(shipped_folder() / HEAD)
    axes = measured(("biparietal_diameter", 50, unit), ("occipitofrontal_diameter", 100, unit))
    words = "biparietal diameter to occipitofrontal diameter is outside 0.65 to 0.95: 0.50"
    assert flagged(axes, plausible) == [words]


def test_a_blank_picture_is_named_though_a_corner_has_a_caption():
    blank = np.full((60, 80, 3), 7, dtype=np.uint8)
    blank[:3, :5] = 255
    assert flagged(replace(measured(), image=blank), {}) == ["the picture is blank"]
    assert flagged(measured(), {}) == []


def test_only_what_the_probe_saw_counts_as_the_picture():
    screen = NOISE.copy()
    screen[10:50, 20:70] = 0
    assert flagged(replace(measured(), image=screen, scan_box=(10, 20, 50, 70)), {}) == ["the picture is blank"]
    mask = np.zeros((60, 80), dtype=np.uint8)
    mask[10:50, 20:70] = 1
    covered = Prediction("a", (Mask(mask, {1: "head"}),), image=NOISE, frame=0, scan_box=(10, 20, 50, 70))
    assert flagged(covered, {}) == ["the mask of head covers the whole picture: 100 %"]
    assert flagged(replace(covered, scan_box=None), {}) == []


@pytest.mark.parametrize(
    "nothing", [Mask(np.zeros((60, 80), np.uint8), {1: "head"}), Boxes(np.zeros((0, 4)), (), (), ("cyst",))]
)
def test_that_nothing_was_found_is_a_flag(nothing: Mask | Boxes):
    assert flagged(Prediction("a", (nothing,), image=NOISE, frame=0), {}) == ["nothing found"]


@pytest.fixture
def written(tmp_path: Path, card, frame_of):
    """Frames with these long axes in mm, of which 10 to 20 are plausible, as a run writes them."""

    def write(*axes: float) -> tuple[pd.DataFrame, Page]:
        judged = replace(card, plausible={"long_axis_mm": Plausible(10, 20, "Textbook <of> sizes")})
        with ResultsWriter(tmp_path / "out", judged) as writer:
            for number, axis in enumerate(axes):
                writer.add(frame_of(frame=number, outputs=(Measurement("long_axis", axis, "mm"),)))
            writer.finish()
        table = pd.read_csv(tmp_path / "out" / "results.csv")
        return table, Page((tmp_path / "out" / "report.html").read_text("utf-8"))

    return write


def test_table_and_page_show_the_number_with_its_flag(written):
    table, page = written(31886.0)
    assert table.long_axis_mm.tolist() == [31886.0]
    assert table["doubts"].tolist() == ["long axis is outside 10 to 20 mm: 31886.0 mm"]
    assert "Check this: long axis is outside 10 to 20 mm (31886.0 mm)." in page.text
    assert "long axis 31886.0 mm not plausible" in page.text


def test_a_cine_says_in_how_many_frames(written):
    _, page = written(15, 150, 11, 5)
    assert "Check this: long axis is outside 10 to 20 mm (in 2 of 4 frames)." in page.text
    assert "4 of 4 2 not plausible" in page.text


def test_plausible_numbers_leave_no_column_and_no_doubt_and_the_ranges_are_on_the_page(written):
    table, page = written(15)
    assert "doubts" not in table
    assert "Check" not in page.text
    assert "not plausible" not in page.text
    assert "long axis 10 to 20 mm (Textbook <of> sizes)" in page.text


def test_the_words_below_the_picture_say_it_too(frame_of):
    known = {"long_axis_mm": Plausible(10, 12, "x")}
    prediction = frame_of()
    doubts = doubts_of(prediction, {"long_axis_mm": 12.34567}, known)
    assert caption_lines(prediction, doubts)[-1] == "CHECK: long axis is outside 10 to 12 mm: 12.3 mm"


def test_a_cine_is_doubted_by_what_its_probe_saw_like_its_frames():
    export = SimpleNamespace(source_of=lambda _: "a", keys_of=lambda _: None)
    frames = SimpleNamespace(pixels=NOISE[None], scan_box=(10, 10, 30, 30), path=Path("a"), notes=())
    levels = SimpleNamespace(export=export, study_of={})
    assert Levels.cine_prediction(levels, frames, 0, None, ()).scan_box == (10, 10, 30, 30)
