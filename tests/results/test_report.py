from __future__ import annotations

import base64
import re
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from html_page import Page
from PIL import Image

from echocare_core.results import ResultsWriter
from echocare_core.results.page import pictures
from echocare_core.results.page.document import source_of
from echocare_core.results.page.report import Section, write_report
from echocare_core.types import BundleCard, Mask, Measurement, OperatingPoint, Scores, SetAside


@pytest.fixture
def page_of(tmp_path: Path, card: BundleCard):
    """Writes frames as a run does and reads its page."""

    def write_and_read(*predictions, set_aside=(), card=card) -> Page:
        with ResultsWriter(tmp_path / "out", card, overwrite=True) as writer:
            for item in predictions:
                writer.add(item)
            writer.finish(set_aside)
        return Page((tmp_path / "out" / "report.html").read_text("utf-8"))

    return write_and_read


def test_a_file_name_cannot_bring_a_script_into_the_page(page_of, frame_of):
    evil = "</script><script>alert(1)</script>&\"'<!--"
    page = page_of(frame_of(evil), set_aside=[SetAside(evil, evil)])
    assert [attributes for attributes in page.all("script") if attributes.keys() <= {"type"}] == [{}, {}]
    assert page.text.count("<script>alert(1)") == 4  # list, heading, set-aside file, its reason
    assert page.data["cases"][0]["source"] == evil
    assert len(page.pictures) == 1


def test_a_bundle_card_is_escaped(page_of, frame_of):
    evil = BundleCard(*["<b onclick='x'>$name</b>"] * 5)
    assert not page_of(frame_of(outputs=()), card=evil).all("b")


def test_nothing_is_loaded_from_outside(page_of, frame_of):
    page = page_of(frame_of("a b/#1?.dcm"))
    loaded = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert loaded
    assert not [value for value in loaded if re.match(r"[a-z]+:|//|/", value)]
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "img"}
    assert page.pictures[0]["src"].startswith("data:image/webp;base64,")
    styles = "".join(text for _, text in page.unseen)
    assert "url(" not in styles
    assert "@import" not in styles


def test_no_element_has_a_style_of_its_own(page_of, frame_of):
    scores = Scores("pathology", {"benign": 0.2, "malignant": 0.8}, OperatingPoint("malignant", 0.35))
    page = page_of(frame_of(outputs=(scores,)))
    assert not [attributes for _, attributes in page.tags if "style" in attributes]


def test_every_link_leads_to_a_file_beside_the_page(page_of, frame_of, tmp_path: Path):
    page = page_of(frame_of("a b/50%20 & #1;x.dcm"), frame_of("c.dcm"))
    links = [unquote(urlsplit(attributes["href"]).path) for attributes in page.all("a")]
    links = [link for link in links if link]
    assert len(links) == 6  # two masks, two overlays, two tables
    assert all((tmp_path / "out" / link).is_file() for link in links)


def picture_in(entry) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(entry["src"].partition(",")[2])))


def test_a_picture_is_the_frame_as_it_was_recorded_and_its_marks_lie_over_it(page_of, frame_of):
    white = np.full((60, 80, 3), 200, np.uint8)
    [found] = page_of(frame_of(image=white)).pictures
    assert (found["w"], found["h"], found["size"]) == (80, 60, [80, 60])
    assert np.abs(np.asarray(picture_in(found)).astype(int) - 200).max() <= 3
    assert found["marks"][0]["d"].startswith("M")
    assert found["marks"][0]["d"].endswith("Z")


def test_a_large_frame_is_smaller_on_the_page_and_its_marks_have_its_own_pixels(page_of, frame_of):
    large = frame_of(image=np.zeros((1200, 1600, 3), np.uint8), outputs=())
    [found] = page_of(large).pictures
    assert (found["w"], found["h"], found["size"]) == (640, 480, [1600, 1200])


def test_a_still_shows_its_measurements_with_units(page_of, frame_of):
    text = page_of(frame_of()).text
    assert "lesion area 123 mm²" in text
    assert "long axis 12.3 mm" in text
    assert "0.250 mm per pixel" in text


def test_a_cine_shows_median_and_range(page_of, frame_of):
    frames = [frame_of(frame=n, outputs=(Measurement("long_axis", v, "mm"),)) for n, v in enumerate([30, 10, 11])]
    assert "long axis 11.0 mm 10.0 to 30.0 mm 3 of 3" in page_of(*frames).text


def test_every_frame_of_a_cine_is_on_the_page_with_its_time(page_of, frame_of):
    page = page_of(*(frame_of(frame=number, frame_time_ms=40.0 * number) for number in range(11)))
    [case] = page.data["cases"]
    assert [(row["frame"], row["ms"]) for row in case["rows"]] == [(number, 40.0 * number) for number in range(11)]
    assert len(page.pictures) == 11


def test_pictures_are_smaller_where_there_are_many(page_of, frame_of, monkeypatch: pytest.MonkeyPatch):
    large = [frame_of(f"{name}.png", image=np.full((480, 640, 3), 90, np.uint8), outputs=()) for name in "abcd"]
    whole = page_of(*large).pictures
    monkeypatch.setattr(pictures, "MOST_BYTES", sum(len(one["src"]) for one in whole) // 2)
    smaller = page_of(*large).pictures
    assert len(smaller) == 4
    assert {one["w"] for one in smaller} <= {480, 360, 256}


def test_a_page_has_no_more_pictures_than_a_browser_can_hold(page_of, frame_of, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 4000)
    page = page_of(*(frame_of(f"{name}.png") for name in "abcdefgh"))
    assert 0 < len(page.pictures) < 8
    assert len(page.data["cases"]) == 8


def test_a_frame_without_calibration_is_named_as_such(page_of, frame_of):
    lengths = (Measurement("long_axis", 50.4, "px"),)
    text = page_of(frame_of(spacing_mm=None, outputs=lengths)).text
    assert "no calibration in the file: lengths in pixels" in text
    assert "long axis 50 px" in text


def test_what_was_noted_of_a_file_stands_once_before_its_numbers(page_of, frame_of):
    page = page_of(*(frame_of(frame=number, notes=("Grey <is> from the data.",)) for number in range(3)))
    assert page.text.count("Grey <is> from the data.") == 1


def test_a_calibrated_frame_is_not_called_uncalibrated(page_of, frame_of):
    assert "no calibration" not in page_of(frame_of()).text


def test_an_empty_mask_is_called_nothing_found(page_of, frame_of):
    empty = frame_of(outputs=(Mask(np.zeros((60, 80), np.uint8), {1: "lesion"}),))
    page = page_of(empty)
    assert "Nothing found: the mask is empty." in page.text
    assert page.data["cases"][0]["rows"][0]["said"] == "nothing found"


def test_the_summary_counts_frames_files_and_what_was_set_aside(page_of, frame_of):
    set_aside = [SetAside("x", "no pixels"), SetAside("y", "no pixels"), SetAside("a", "broken", frame=2)]
    text = page_of(frame_of("a"), frame_of("a", 1), frame_of("b"), set_aside=set_aside).text
    assert "3 frames of 2 files measured, 2 files and 1 frame set aside." in text


def test_what_was_set_aside_stands_there_with_its_reason(page_of):
    text = page_of(set_aside=[SetAside("DICOMDIR", "a directory, not an image.")]).text
    assert "DICOMDIR all a directory, not an image." in text
    assert "No frame was measured." in text


def test_the_page_says_what_made_it_and_that_it_is_no_medical_device(page_of, frame_of):
    text = page_of(frame_of()).text
    for words in ("Not a medical device.", "Research on phantoms.", "lesion_bundle, version 1.2.0", "ab" * 32):
        assert words in text


def test_the_page_says_when_it_was_written(tmp_path: Path, card: BundleCard):
    write_report(tmp_path / "r.html", [Section(card, [], [])], written=datetime(2026, 5, 4, 9, 30, tzinfo=timezone.utc))
    assert "2026-05-04 09:30 UTC+00:00" in (tmp_path / "r.html").read_text("utf-8")


def test_the_page_can_be_read_aloud(page_of, frame_of):
    page = page_of(frame_of(), set_aside=[SetAside("x", "no pixels")])
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["aria-label"] for image in page.all("svg") if image.get("role") == "img")
    assert {heading["scope"] for heading in page.all("th")} == {"col", "row"}


def test_a_still_has_no_number_and_a_cine_has(page_of, frame_of):
    page = page_of(frame_of("a", frame_time_ms=0.0), *(frame_of("b", n, frame_time_ms=40.0 * n) for n in (0, 1)))
    assert [case.get("still", False) for case in page.data["cases"]] == [True, False]
    assert "Beside this page of frame 1" in page.text
    assert "of frame 0" not in page.text


def test_a_folder_of_set_aside_files_is_named_once(page_of, frame_of):
    aside = [SetAside("set/z", "no pixels"), SetAside("set/y", "no pixels"), SetAside("alone/x", "no pixels")]
    text = page_of(frame_of("other/c"), set_aside=aside).text
    assert [text.count(words) for words in ("set/", "alone/ x")] == [1, 1]


def lengths(*values: float) -> tuple[Measurement, ...]:
    return tuple(Measurement("long_axis", value, "mm") for value in values)


def test_the_list_leads_to_each_case(page_of, frame_of):
    frames = [frame_of(f"{n}.png", outputs=lengths(n + 0.5)) for n in range(11)]
    page = page_of(*frames, frame_of("10.png", 1, outputs=lengths(12.5)))
    targets = {article["id"] for article in page.all("article")}
    links = [link["href"] for link in page.all("a") if link["href"].startswith("#case")]
    assert len(links) == 11
    assert {link[1:] for link in links} == targets
    assert "Case Frames long axis mm 0.png 1 0.5 1.png 1 1.5" in page.text
    assert "10.png 2 11.5" in page.text
    assert "Check" not in page.text


def test_the_list_names_what_is_to_be_checked(page_of, frame_of):
    blank = frame_of("blank.png", image=np.zeros((60, 80, 3), np.uint8), outputs=lengths(3))
    page = page_of(blank, *(frame_of(f"{n}.png", outputs=lengths(n)) for n in range(10)))
    assert "blank.png 3.0 the picture is blank" in page.text
    assert [row.get("data-state") for row in page.all("tr") if "data-picture" in row] == ["check"] + [None] * 10


def test_only_the_scripts_of_the_page_may_run(page_of, frame_of):
    page = page_of(frame_of())
    [policy] = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert len(page.code) == 2
    assert all(source_of(code) in policy for code in page.code)
    [style] = [text for attributes, text in page.unseen if text.startswith(":root")]
    assert source_of(style) in policy
    assert "unsafe" not in policy
