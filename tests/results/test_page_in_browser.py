"""The page of a run in a browser, as a reader uses it: the list, a case, a cine, a correction, paper."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile_files import GOOD_NAMES
from PIL import Image

from echocare_core.frames.manifest import read_table
from echocare_core.printable import printable
from echocare_core.results import ResultsWriter, write_summary
from echocare_core.types import (
    Boxes,
    BundleCard,
    Embedding,
    JoinKeys,
    KnownImage,
    Mask,
    Measurement,
    OperatingPoint,
    Picture,
    Plausible,
    Points,
    Prediction,
    Scores,
    SetAside,
    Text,
)

EVIL = "</script><img src=x onerror=alert(1)>\u202e'\"&=1"
CARD = BundleCard(
    "lesions", "1.2.0", "Lesion outline", "Research.", "ab" * 32, {"area_mm2": Plausible(0, 2000, "a book")}
)
TICK = 1  # ms at which a frame of the cine follows another, so that a test need not wait


def picture(level: int = 90) -> np.ndarray:
    grey = np.random.default_rng(level).integers(level - 30, level + 30, (60, 80), dtype=np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def disc(radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:60, :80]
    return ((rows - 30) ** 2 + (columns - 40) ** 2 < radius**2).astype(np.uint8)


def still(name: str, area: float, probability: float, **fields) -> Prediction:
    scores = Scores(
        "pathology", {"benign": 1 - probability, "malignant": probability}, OperatingPoint("malignant", 0.35)
    )
    outputs = (Mask(disc(15), {1: "lesion"}), Measurement("area", area, "mm2"), scores)
    return Prediction(name, outputs, frame=0, image=picture(), spacing_mm=(0.2, 0.2), **fields)


def cine(name: str, frames: int, keys: JoinKeys) -> list[Prediction]:
    return [
        Prediction(
            name,
            (Mask(disc(10 + number), {1: "lesion"}), Measurement("area", 100.0 + 10 * number, "mm2")),
            frame=number,
            image=picture(60 + 10 * number),
            frame_time_ms=float(TICK * number),
            spacing_mm=(0.2, 0.2),
            keys=keys,
        )
        for number in range(frames)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A folder with a run of 60 stills, a cine, a hostile name, all kinds of output, and something set aside."""
    folder = tmp_path_factory.mktemp("run")
    with ResultsWriter(folder / "out", CARD) as writer:
        for number in range(60):
            writer.add(still(f"A/{number}.png", 2100.0 - 20 * number, number / 60))
        for one in cine("B/cine.dcm", 6, JoinKeys("B/cine.dcm", "patient-1", "1.2.3", "1.2", "1.1")):
            writer.add(one)
        writer.add(still(EVIL, 5.0, 0.1))
        writer.add(every_kind("C/all.png"))
        writer.finish([SetAside("A/notes", f"not a picture {EVIL}")])
    return folder / "out" / "report.html"


def every_kind(name: str) -> Prediction:
    outputs = (
        Mask(disc(15), {1: "lesion"}),
        Boxes(np.array([[5.0, 5.0, 30.0, 40.0]]), ("cyst",), (0.9,), ("nodule", "cyst")),
        Points(np.array([[12.0, 40.0], [np.nan, np.nan]]), ("apex", "annulus")),
        Scores("birads", {"3": 0.2, "4": 0.8}),
        Picture("enhanced", picture(200)),
        Text("report", f"All well. {EVIL}"),
        Measurement("long_axis", 12.3, "mm", np.array([[10.0, 10.0], [40.0, 60.0]])),
        Embedding("embedding", np.array([0.6, 0.8], np.float32), (KnownImage("SET 1", "breast", 0.87),)),
    )
    return Prediction(name, outputs, frame=0, image=picture())


def names(page) -> list[str]:
    return [text.replace("\n", "") for text in page.locator("table.cases tbody tr:visible th a").all_inner_texts()]


def test_the_list_is_shown_a_page_at_a_time(open_page, run):
    page = open_page(run)
    assert page.locator("#counted").inner_text() == "63 cases"
    assert len(names(page)) == 50
    page.get_by_role("button", name="Next page").click()
    assert len(names(page)) == 13
    assert page.get_by_role("button", name="Next page").is_disabled()


def test_a_head_sorts_and_says_so(open_page, run):
    page = open_page(run)
    page.get_by_role("button", name="area mm²").click()
    assert names(page)[0].startswith("</script>")
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("area")
    page.get_by_role("button", name="area mm²").click()
    assert names(page)[:2] == ["A/0.png", "A/1.png"]
    assert page.locator("#announced").inner_text() == "Sorted by area mm², descending"


def test_the_list_is_filtered_by_text_folder_finding_and_state(open_page, run):
    page = open_page(run)
    page.get_by_label("Search").fill("a/5")
    assert names(page) == ["A/5.png", *(f"A/{number}.png" for number in range(50, 60))]
    page.get_by_label("Search").fill("")
    page.get_by_label("Folder or study").select_option("B")
    assert names(page) == ["B/cine.dcm"]
    page.get_by_label("Folder or study").select_option("")
    page.get_by_label("Finding").select_option("pathology: malignant")
    assert page.locator("#counted").inner_text() == "39 cases"
    page.get_by_label("State").select_option("check")
    assert page.locator("#counted").inner_text() == "0 cases"
    page.get_by_label("Finding").select_option("")
    assert names(page) == [f"A/{number}.png" for number in range(5)]


def test_what_was_set_aside_is_a_state(open_page, run):
    page = open_page(run)
    page.get_by_label("State").select_option("aside")
    assert page.locator("#counted").inner_text() == "1 entry set aside"
    assert page.locator("table.cases").is_hidden()
    assert page.locator("table.aside tbody tr:visible").count() == 1


def test_a_case_is_opened_by_keyboard_and_back_leads_to_its_row(open_page, run):
    page = open_page(run)
    page.get_by_label("Search").fill("cine")
    page.locator("table.cases tbody tr:visible th a").focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="B/cine.dcm")
    heading.wait_for()
    assert page.evaluate("document.activeElement.textContent") == "B/cine.dcm"
    assert page.title().startswith("B/cine.dcm")
    page.go_back()
    heading.wait_for(state="hidden")
    assert "cine.dcm" in page.evaluate("document.activeElement.textContent")


def test_a_case_has_an_address_of_its_own_and_leads_to_its_neighbours(open_page, run):
    page = open_page(run, "#case-2")
    assert page.get_by_role("heading", name="A/1.png").is_visible()
    page.get_by_role("link", name="Next").click()
    page.get_by_role("heading", name="A/2.png").wait_for()
    page.get_by_role("link", name="Previous").click()
    page.get_by_role("heading", name="A/1.png").wait_for()
    page.get_by_role("link", name="Previous").click()
    page.get_by_role("heading", name="A/0.png").wait_for()
    assert page.get_by_role("link", name="Previous").count() == 0  # leads nowhere
    page.get_by_role("link", name="All cases").click()
    page.locator("table.cases").wait_for()


def pixels(locator) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def test_the_slider_takes_the_outline_away_and_brings_it_back(open_page, run):
    page = open_page(run, "#case-1")
    stage, slider = page.locator(".open .stage .picture"), page.get_by_label("Outline")
    drawn = pixels(stage)
    slider.focus()
    page.keyboard.press("Home")
    bare = pixels(stage)
    page.keyboard.press("End")
    assert np.abs(drawn - bare).max() > 60
    assert np.ptp(bare, axis=2).max() < 12  # a grey picture, and nothing else
    assert np.array_equal(pixels(stage), drawn)


def test_a_legend_says_what_each_mark_is_by_form_and_words(open_page, run):
    page = open_page(run, "#case-63")
    keys = page.get_by_role("list", name="Drawn on the picture").get_by_role("listitem")
    assert keys.all_inner_texts() == ["lesion", "cyst 90%", "1 apex", "2 annulus not found", "long axis 12.3 mm"]
    signs = keys.locator("path").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    assert len(set(signs)) == 4  # both points are crosses
    drawn = page.locator(".open .marks path:not(.rim)")
    colours = [drawn.nth(number).get_attribute("stroke") for number in range(drawn.count())]
    assert {one.get_attribute("stroke") for one in keys.locator("path").all()} >= set(colours)


def run_of_beats(folder: Path, frame_ms: float | None) -> Path:
    """A cine of six frames whose row names two of them."""
    parts = [
        replace(one, outputs=one.outputs[1:], frame_time_ms=frame_ms and frame_ms * number)
        for number, one in enumerate(cine("heart.mha", 6, JoinKeys("heart.mha")))
    ]
    ends = (Measurement("end_diastolic", 1.0, "frame"), Measurement("end_systolic", 4.0, "frame"))
    with ResultsWriter(folder / "out", CARD) as writer:
        for one in (*parts, replace(parts[0], outputs=ends, level="cine", frame=None, frame_time_ms=None)):
            writer.add(one)
        writer.finish([])
    return folder / "out" / "report.html"


@pytest.mark.parametrize(("frame_ms", "axis"), [(50.0, ["0 ms", "250 ms"]), (None, ["frame 0", "frame 5"])])
def test_the_frames_that_a_cine_names_are_marked_on_its_curve(open_page, tmp_path, frame_ms, axis):
    page = open_page(run_of_beats(tmp_path, frame_ms), "#case-1")
    curve = page.locator(".open .curve").first
    assert curve.locator("text").all_text_contents()[2:] == [*axis, "ED", "ES"]
    assert curve.locator("title").all_text_contents() == ["end diastolic", "end systolic"]
    left, right = (curve.locator(".named").nth(number).bounding_box()["x"] for number in (0, 1))
    width = curve.locator(".axis").first.bounding_box()["width"]
    assert right - left == pytest.approx(3 / 5 * width, rel=0.02)


def test_a_cine_is_played_stepped_and_sought_with_its_curve(open_page, run):
    page = open_page(run, "#case-61")
    place, dot = page.locator(".open .place"), page.locator(".open .curve .dot")
    assert place.inner_text() == "Frame 0 (1 of 6, 0 ms)"
    first = dot.get_attribute("cx")
    page.get_by_label("One frame on").click()
    assert place.inner_text() == "Frame 1 (2 of 6, 1 ms)"
    assert "110 mm²" in page.locator(".open .of-frame").inner_text()
    assert dot.get_attribute("cx") != first
    page.get_by_role("slider", name="Frame").focus()
    page.keyboard.press("Home")
    page.get_by_label("Speed").select_option("2")
    page.get_by_role("button", name="Play").press("Enter")
    page.get_by_role("button", name="Play").wait_for()  # it has come to its end
    assert place.inner_text() == "Frame 5 (6 of 6, 5 ms)"


def test_every_kind_of_output_is_shown(open_page, run):
    page = open_page(run, "#case-63")
    said = page.locator(".open").inner_text()
    for words in ("cyst", "apex", "birads", "All well.", "12.3 mm", "SET 1", "enhanced"):
        assert words in said
    assert page.locator(".open .picture").count() == 2
    assert page.locator(".open .marks path").count() > 4


def test_a_hostile_name_does_nothing(open_page, run):
    page = open_page(run, "#case-62")
    assert page.locator(".open h2").inner_text() == EVIL.replace("\u202e", "\\u202e")
    assert page.locator("img[src=x]").count() == 0


def test_names_that_are_code_are_names(open_page, tmp_path):
    with ResultsWriter(tmp_path / "out", CARD) as writer:
        for name in GOOD_NAMES:
            writer.add(still(name, 20.0, 0.5))
        writer.finish([SetAside(name, name) for name in GOOD_NAMES])
    page = open_page(tmp_path / "out" / "report.html")
    assert names(page) == [printable(name) for name in GOOD_NAMES]
    page.goto(f"{page.url}#case-5")
    page.get_by_label("Wrong").check()
    page.get_by_label("Comment").fill("@SUM(1)")
    page.get_by_role("link", name="All cases").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save 1 reading").click()
    download.value.save_as(tmp_path / "t.csv")
    [row] = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False).to_dict("records")
    assert (row["image"], row["source"], row["comment"]) == ("./=HYPERLINK(1)", "./=HYPERLINK(1)", "'@SUM(1)")


def correct(page) -> None:
    """Type a reading of frame 2 of the cine, and one of a still."""
    page.get_by_role("slider", name="Frame").fill("2")
    page.get_by_role("textbox", name="area (mm²)").fill("123,5")
    page.get_by_label("Wrong").check()
    page.get_by_label("Comment").fill('=cmd, "quoted"\nand a line')
    page.goto(page.url.split("#")[0] + "#case-1")
    page.get_by_role("heading", name="A/0.png").wait_for()
    page.get_by_role("combobox", name="pathology").select_option("malignant")
    page.get_by_label("Right").check()
    page.get_by_role("link", name="All cases").click()


def saved(page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save 2 readings").click()
    assert download.value.suggested_filename == "corrections.csv"
    download.value.save_as(folder / "corrections.csv")
    return folder / "corrections.csv"


def test_a_correction_is_saved_as_a_table_that_training_reads(open_page, run, tmp_path):
    page = open_page(run, "#case-61")
    correct(page)
    table = saved(page, tmp_path)
    right, wrong = pd.read_csv(table, dtype=str, keep_default_na=False).to_dict("records")
    assert (wrong["area_mm2"], wrong["original_area_mm2"], wrong["judgement"]) == ("123.5", "120", "wrong")
    assert (wrong["frame"], wrong["group"], wrong["sop_instance_uid"]) == ("2", "patient-1", "1.2.3")
    assert wrong["comment"] == '\'=cmd, "quoted" and a line'
    assert (wrong["bundle"], wrong["bundle_version"], wrong["weights_sha256"]) == ("lesions", "1.2.0", "ab" * 32)
    assert (right["pathology"], right["original_pathology"]) == ("malignant", "benign")
    assert right["area_mm2"] == right["original_area_mm2"] == "2100"

    for name in ("A/0.png", "B/cine.dcm"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(picture(60 + len(name))).save(tmp_path / name, "png")
    rows = read_table(table, "train", masks=False, columns=["area_mm2", "pathology"])
    assert [(row["image_in_table"], row["frame"], row["group"], row["area_mm2"]) for row in rows] == [
        ("A/0.png", 0, "A", "2100"),
        ("B/cine.dcm", 2, "patient-1", "123.5"),
    ]


def test_a_reading_survives_a_reload_and_goes_on_in_another_browser(open_page, run, tmp_path):
    page = open_page(run, "#case-61")
    correct(page)
    page.reload()
    page.locator(".read-mark").nth(1).wait_for(state="attached")
    table = saved(page, tmp_path)

    other = open_page(run)
    assert other.get_by_role("button", name="Save readings").is_disabled()
    other.get_by_label("Table of readings").set_input_files(table)
    other.get_by_text("Read 2 readings.").first.wait_for()
    other.get_by_label("State").select_option("read")
    assert names(other) == ["A/0.png", "B/cine.dcm"]
    assert saved(other, tmp_path).read_bytes() == table.read_bytes()


def test_a_table_that_a_spreadsheet_saved_with_semicolons_is_read(open_page, run, tmp_path):
    page = open_page(run)
    text = "source;frame;bundle;judgement;area_mm2\r\n./A/0.png;0;lesions;wrong;7\r\nelse;0;lesions;wrong;1\r\n"
    (tmp_path / "t.csv").write_text(text)
    page.get_by_label("Table of readings").set_input_files(tmp_path / "t.csv")
    page.get_by_text("Read 1 reading; 1 row about nothing on this page.").first.wait_for()


def test_what_is_no_number_is_told_and_not_kept(open_page, run):
    page = open_page(run, "#case-1")
    page.get_by_role("textbox", name="area (mm²)").fill("twelve")
    assert page.get_by_role("alert").inner_text() == "needed a number"
    assert page.evaluate("localStorage.length") == 0


def test_on_paper_every_case_of_the_list_stands_with_its_picture_and_no_control(open_page, run):
    page = open_page(run)
    page.get_by_label("Folder or study").select_option("B")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#cases > article:visible h2").all_inner_texts() == ["B/cine.dcm"]
    assert page.locator("#cases > article:visible .printed-pictures img").count() == 3
    assert page.locator(".printed-pictures .legend").all_inner_texts() == ["lesion"] * 3
    assert page.locator("button:visible:not(th button), input:visible, select:visible").count() == 0
    assert page.locator("article:visible").get_by_text("125 mm²").count()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_a_script_the_summary_the_table_and_what_was_set_aside_are_there(open_page, run):
    page = open_page(run, java_script_enabled=False)
    assert page.locator("table.cases tbody tr").count() == 63
    assert page.locator("table.cases").is_visible()
    assert "A/notes" in page.locator("table.aside").inner_text()
    assert page.get_by_role("search").is_hidden()
    assert page.locator("#case-63").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["", "#case-61"])
def test_nothing_keeps_anyone_out(open_page, run, scheme, address):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = open_page(run, address, color_scheme=scheme, bypass_csp=True)
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_cut_off(open_page, run, width):
    page = open_page(run, width=width)
    for address in ("#main", "#case-61", "#case-62", "#case-63"):
        page.evaluate("address => { window.location.hash = address; }", address)
        page.locator(f"{address}.open, body:not(.in-case) {address}").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_page_of_several_bundles_has_a_list_for_each(open_page, tmp_path):
    runs = []
    for name in ("heads", "lesions"):
        card = replace(CARD, name=name, title=f"Title of {name}")
        with ResultsWriter(tmp_path / name, card) as writer:
            writer.add(still("a.png", 20.0, 0.5))
            writer.add(still("b.png", 30.0, 0.6))
            runs.append((card, writer.finish()))
    write_summary(tmp_path, runs)
    page = open_page(tmp_path / "report.html")
    assert page.locator("table.cases").count() == 2
    page.get_by_label("Search").fill("b.png")
    assert page.locator("#counted").inner_text() == "2 cases"
    page.get_by_role("link", name="b.png").last.click()
    page.locator(".open .picture img").wait_for()
    assert page.locator(".open .picture img").count() == 1
    assert "lesions 1.2.0" in page.locator(".open").inner_text()
    assert json.loads(page.locator("#data").inner_text())["bundles"][1]["name"] == "lesions"
