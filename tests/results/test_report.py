from __future__ import annotations

import base64
import hashlib
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
from echocare_core.results.page import report
from echocare_core.results.page.index import SORT, SORT_SOURCE
from echocare_core.results.page.report import Section, write_report
from echocare_core.types import BundleCard, Mask, Measurement, SetAside


@pytest.fixture
def page_of(tmp_path: Path, card: BundleCard):
    """Writes frames as a run does and reads its page."""

    def write_and_read(*predictions, set_aside=(), card=card) -> Page:
        with ResultsWriter(tmp_path / "out", card) as writer:
            for item in predictions:
                writer.add(item)
            writer.finish(set_aside)
        return Page((tmp_path / "out" / "report.html").read_text("utf-8"))

    return write_and_read


def test_a_file_name_cannot_bring_a_script_into_the_page(page_of, frame_of):
    evil = "<script>alert(1)</script>&\"'"
    page = page_of(frame_of(evil), set_aside=[SetAside(evil, evil)])
    assert not page.all("script")
    assert page.text.count("<script>alert(1)") == 3  # heading, set-aside file, its reason
    assert evil in page.all("img")[0]["alt"]


def test_a_bundle_card_is_escaped(page_of, frame_of):
    evil = BundleCard(*["<b onclick='x'>$name</b>"] * 5)
    assert not page_of(frame_of(outputs=()), card=evil).all("b")


def test_nothing_is_loaded_from_outside(page_of, frame_of):
    page = page_of(frame_of("a b/#1?.dcm"))
    loaded = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert loaded
    assert not [value for value in loaded if re.match(r"(?!data:image/jpeg;)[a-z]+:|//|/", value)]
    assert not {tag for tag, _ in page.tags} & {"link", "script", "iframe"}
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_every_link_leads_to_a_file_beside_the_page(page_of, frame_of, tmp_path: Path):
    page = page_of(frame_of("a b/50%20 & #1;x.dcm"), frame_of("c.dcm"))
    links = [unquote(urlsplit(attributes["href"]).path) for attributes in page.all("a")]
    assert len(links) == 4  # two overlays, two tables
    assert all((tmp_path / "out" / link).is_file() for link in links)


def test_a_thumbnail_is_the_picture_without_its_caption(page_of, frame_of):
    (image,) = page_of(frame_of()).all("img")
    thumbnail = Image.open(BytesIO(base64.b64decode(image["src"].partition(",")[2])))
    assert thumbnail.width / thumbnail.height == pytest.approx(80 / 60, rel=0.01)
    assert thumbnail.size == (int(image["width"]), int(image["height"]))


def test_a_still_shows_its_measurements_with_units(page_of, frame_of):
    text = page_of(frame_of()).text
    assert "lesion area 123 mm²" in text
    assert "long axis 12.3 mm" in text
    assert "0.250 mm per pixel" in text


def test_a_cine_shows_median_and_range(page_of, frame_of):
    frames = [frame_of(frame=n, outputs=(Measurement("long_axis", v, "mm"),)) for n, v in enumerate([30, 10, 11])]
    assert "long axis 11.0 mm 10.0 to 30.0 mm 3 of 3" in page_of(*frames).text


def test_a_long_cine_shows_a_few_frames_and_says_where_the_others_are(page_of, frame_of):
    page = page_of(*(frame_of(frame=number) for number in range(11)))
    shown = [attributes["alt"].split("frame ")[1].split(":")[0] for attributes in page.all("img")]
    assert shown == ["0", "2", "4", "6", "8", "10"]
    assert "5 more frames in results.csv" in page.text


def test_a_large_export_does_not_make_a_large_page(page_of, frame_of, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "MOST_THUMBNAILS", 2)
    page = page_of(*(frame_of(f"{name}.png") for name in "abc"))
    assert len(page.all("img")) == 2
    assert "open the overlay" in page.text


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
    assert page.all("img")[0]["alt"].endswith("nothing found")


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
    assert all(image["alt"] for image in page.all("img"))
    assert {heading["scope"] for heading in page.all("th")} == {"col", "row"}


def test_a_still_has_no_number_and_no_time_below_it_and_a_cine_has(page_of, frame_of):
    text = page_of(frame_of("a", frame_time_ms=0.0), *(frame_of("b", n, frame_time_ms=40.0 * n) for n in (0, 1))).text
    assert text.count("frame 0") == text.count("0 ms, ") + 1 == 1
    assert "frame 1, 40 ms" in text


def test_a_folder_of_several_files_is_named_once(page_of, frame_of):
    aside = [SetAside("set/z", "no pixels"), SetAside("set/y", "no pixels"), SetAside("alone/x", "no pixels")]
    text = page_of(frame_of("long/way/a"), frame_of("long/way/b"), frame_of("other/c"), set_aside=aside).text
    assert [text.count(words) for words in ("long/ way/", "other/ c", "set/", "alone/ x")] == [1, 1, 1, 1]


def lengths(*values: float) -> tuple[Measurement, ...]:
    return tuple(Measurement("long_axis", value, "mm") for value in values)


def test_many_files_have_an_index_that_leads_to_each(page_of, frame_of):
    frames = [frame_of(f"{n}.png", outputs=lengths(n + 0.5)) for n in range(11)]
    page = page_of(*frames, frame_of("10.png", 1, outputs=lengths(12.5)))
    targets = {article["id"] for article in page.all("article")}
    links = [link["href"] for link in page.all("a") if link["href"].startswith("#")]
    assert len(links) == 11
    assert {link[1:] for link in links} == targets
    assert "File Frames long axis mm 0.png 1 0.5 1.png 1 1.5" in page.text
    assert "10.png 2 11.5" in page.text
    assert "Check" not in page.text


def test_the_index_names_a_folder_once_and_in_its_rows_only_when_they_are_sorted(page_of, frame_of):
    page = page_of(*(frame_of(f"{'ab'[n // 6]} long/series/{n}.dcm", outputs=lengths(n)) for n in range(12)))
    assert len([row for row in page.all("tr") if row.get("class") == "folder"]) == 2
    assert len([span for span in page.all("span") if span.get("class") == "above"]) == 12
    assert "a long/ series/ a long/ series/ 0.dcm 1 0.0" in page.text
    style = Path(report.__file__).with_name("report.css").read_text("utf-8")
    assert ".index .above { display: none; }" in style
    assert "overflow-wrap: anywhere" in style[style.index(".index tbody th") :].split("}")[0]


def test_only_the_script_that_sorts_the_index_may_run(page_of, frame_of):
    evil = "</script><script>alert(1)</script>"
    page = page_of(*(frame_of(f"{evil}{n}.png") for n in range(11)))
    [policy] = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert len(page.all("script")) == 1
    assert SORT_SOURCE in policy
    digest = hashlib.sha256(SORT.encode()).digest()
    assert f"'sha256-{base64.b64encode(digest).decode()}'" == SORT_SOURCE


def test_a_page_of_few_files_has_neither_index_nor_script(page_of, frame_of):
    page = page_of(*(frame_of(f"{n}.png") for n in range(10)))
    assert not page.all("script")
    assert "script-src" not in str(page.all("meta"))
    assert "File Frames" not in page.text


def test_the_index_names_what_is_to_be_checked(page_of, frame_of):
    blank = frame_of("blank.png", image=np.zeros((60, 80, 3), np.uint8), outputs=lengths(3))
    page = page_of(blank, *(frame_of(f"{n}.png", outputs=lengths(n)) for n in range(10)))
    assert "blank.png 1 3.0 the picture is blank" in page.text
