"""A closer look at what another bundle outlines: a note of size and place, and its surroundings as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outlining_bundle import write_outliner
from ultrasound_files import region, write_ultrasound

from echocare_core.errors import BundleError, SettingsError
from echocare_core.frames.reduced import reduced_frames
from echocare_core.recognition import LookCloserd
from echocare_core.transforms import LoadUltrasoundd
from echocare_core.transforms.outline import outline_in
from echocare_core.types import Frames

PART = (slice(60, 70), slice(140, 160))  # 20 pixels wide, right of the middle


def picture(part: tuple[slice, slice] | None = PART) -> np.ndarray:
    pixels = np.full((120, 200, 3), 40, dtype=np.uint8)
    if part:
        pixels[part] = 220
    return pixels


@pytest.fixture
def outliner(tmp_path: Path) -> Path:
    return write_outliner(tmp_path / "outliner")


def look(outliner: Path | str | None, pixels: Any, **settings: Any) -> dict[str, Any]:
    item = LoadUltrasoundd("image")({"image": pixels})
    given = {"widening": 2.0, "least_share": 0.05, **settings}
    return LookCloserd("image", closer="lesion", segmenter=outliner and str(outliner), device="cpu", **given)(item)


def box_of(item: dict[str, Any]) -> list[int]:
    return [int(edge) for edge in item["lesion"].meta["scan_box"]]


def test_the_copy_shows_a_square_around_the_long_axis(outliner: Path) -> None:
    item = look(outliner, picture())
    top, left, bottom, right = box_of(item)

    assert (bottom - top, right - left) == pytest.approx((45, 45), abs=2)  # twice the diagonal of 20 x 10
    assert ((top + bottom) / 2, (left + right) / 2) == pytest.approx((64.5, 149.5), abs=1)
    assert (item["lesion"] == item["image"]).all()
    assert [int(edge) for edge in item["image"].meta["scan_box"]] == [0, 0, 120, 200]


def test_the_square_ends_where_the_scan_region_does(outliner: Path) -> None:
    assert box_of(look(outliner, picture((slice(0, 10), slice(180, 200)))))[0::3] == [0, 200]


def test_the_square_of_something_tiny_is_not_tiny(outliner: Path) -> None:
    top, left, bottom, right = box_of(look(outliner, picture((slice(60, 63), slice(90, 93))), least_share=0.3))
    assert (bottom - top, right - left) == pytest.approx((60, 60), abs=2)


def test_size_and_place_are_noted(outliner: Path) -> None:
    outline = outline_in(look(outliner, picture())["image"].meta)

    assert outline.value("lesions") == (1.0, "count")
    assert outline.value("lesion_long_axis") == (pytest.approx(np.hypot(20, 10), abs=0.1), "px")
    assert outline.centre == pytest.approx((64.5 / 120, 149.5 / 200), abs=0.01)


def test_of_a_calibrated_picture_the_size_is_in_mm(outliner: Path, tmp_path: Path) -> None:
    path = write_ultrasound(tmp_path / "a", picture()[None], regions=[region((0, 0, 120, 200), (0.5, 0.5))])
    outline = outline_in(look(outliner, str(path))["image"].meta)
    assert outline.value("lesion_long_axis") == (pytest.approx(np.hypot(20, 10) / 2, abs=0.1), "mm")


def test_of_a_reduced_frame_lines_and_pixels_are_those_of_the_recorded_one(outliner: Path) -> None:
    frames = Frames(Path("large"), [picture()], (120, 200))
    halved = reduced_frames(frames, 120 * 200 // 4)
    whole, half = (outline_in(look(outliner, one)["image"].meta) for one in (frames, halved))

    lengths = [one.value("lesion_long_axis")[0] for one in (whole, half)]
    lines = [
        next(one.line_px for one in outline.measured if one.name == "lesion_long_axis") for outline in (whole, half)
    ]
    assert lengths[1] == pytest.approx(lengths[0], abs=1)
    assert lines[1] == pytest.approx(lines[0], abs=1)


def test_where_nothing_is_outlined_that_is_noted_and_the_copy_shows_all(outliner: Path) -> None:
    item = look(outliner, picture(None))
    assert outline_in(item["image"].meta).value("lesion_long_axis") is None
    assert outline_in(item["image"].meta).value("lesions") == (0.0, "count")
    assert box_of(item) == [0, 0, 120, 200]


def test_without_the_other_bundle_nothing_is_said_at_all() -> None:
    with pytest.raises(BundleError, match="No bundle 'no_such_bundle'"):
        look("no_such_bundle", picture())


def test_where_none_is_asked_nothing_is_noted_and_the_copy_shows_all() -> None:
    item = look(None, picture())
    assert outline_in(item["image"].meta) is None
    assert box_of(item) == [0, 0, 120, 200]


@pytest.mark.parametrize("wrong", [{"widening": 0.5}, {"least_share": 0.0}, {"least_share": 1.5}])
def test_settings_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="needed 1 or more, and a share above 0 to 1"):
        look(None, picture(), **wrong)
