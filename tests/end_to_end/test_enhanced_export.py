"""An export is enhanced: stills, and cines frame by frame, as pictures, as MP4 and as derived DICOM objects."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from ultrasound_files import region, write_ultrasound

import echocare_core as echocare
from echocare_core.frames import read_frames
from echocare_core.types import Results

SIZE, FRAMES = (96, 130), 3
MENU = slice(16)  # rows outside the scan region


def scene() -> np.ndarray:
    """Grains of speckle with a dark cyst, below a menu: uint8 (height, width, 3)."""
    generator = np.random.default_rng(0)
    grains = np.hypot(*(gaussian_filter(generator.standard_normal(SIZE), (0.7, 1.4)) for _ in range(2)))
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    grains[np.hypot(rows - 60, columns - 60) < 15] *= 0.2
    return np.clip(110 * grains / grains.mean(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=-1)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Of a cine, its first frame as a picture, that with a patch of colour, and a file that is cut short."""
    export = tmp_path_factory.mktemp("export")
    regions = [region((16, 0, *SIZE), (0.3, 0.3))]
    cine = np.stack([np.roll(scene(), 3 * number, axis=1) for number in range(FRAMES)])
    write_ultrasound(export / "CINE", cine, regions=regions, frame_time_ms=50)
    Image.fromarray(scene()).save(export / "alone.png")
    coloured = scene()
    coloured[40:50, 90:100] = (210, 40, 30)
    Image.fromarray(coloured).save(export / "still.png")
    write_ultrasound(export / "CUT", scene()[None])
    (export / "CUT").write_bytes((export / "CUT").read_bytes()[:-9000])
    return echocare.predict(
        "ultrasound_enhancement",
        export,
        tmp_path_factory.mktemp("out") / "out",
        settings={"dicom": True, "device": "cpu"},
    )


def picture(results: Results, row: dict[str, object], name: str) -> np.ndarray:
    return np.asarray(Image.open(results.folder / str(row[f"{name}_file"])))


def first_of(results: Results) -> dict[str, object]:
    """The row of the first frame of the cine."""
    return next(row for row in results if (row["source"], row["frame"]) == ("CINE", 0))


def test_every_frame_is_enhanced_at_its_size_and_stays_grey(results: Results) -> None:
    cine = [row for row in results if row["source"] == "CINE"]
    assert len(cine) == FRAMES
    for number, row in enumerate(cine):
        enhanced = picture(results, row, "enhanced")
        assert enhanced.shape == (*SIZE, 3)
        assert (enhanced == enhanced[..., :1]).all()
        assert (enhanced != np.roll(scene(), 3 * number, axis=1)).any()
        assert row["mean_change_percent"] > 0


def test_a_frame_of_a_cine_is_enhanced_as_the_same_picture_alone(results: Results) -> None:
    """So that nothing flickers but what the cine itself shows."""
    [alone] = [row for row in results if row["source"] == "alone.png"]
    pair = [picture(results, row, "enhanced") for row in (first_of(results), alone)]
    np.testing.assert_array_equal(pair[0][MENU.stop :], pair[1][MENU.stop :])


def test_what_is_no_echo_stays_as_it_was_recorded(results: Results) -> None:
    np.testing.assert_array_equal(picture(results, first_of(results), "enhanced")[MENU], scene()[MENU])
    [still] = [row for row in results if row["source"] == "still.png"]
    assert (picture(results, still, "enhanced")[40:50, 90:100] == (210, 40, 30)).all()


def test_the_difference_is_that_of_the_pictures(results: Results) -> None:
    enhanced, shown = (picture(results, first_of(results), name).astype(int) for name in ("enhanced", "difference"))
    np.testing.assert_array_equal(shown, np.clip(128 + 4 * (enhanced - scene()), 0, 255))


def test_the_cine_plays_as_it_was_recorded(results: Results) -> None:
    [path] = {row["enhanced_video_file"] for row in results if row["source"] == "CINE"}
    frames = read_frames(results.folder / str(path))
    assert (len(frames), frames.size) == (FRAMES, SIZE)
    assert frames.frame_times_ms == pytest.approx([0, 50, 100])


def test_the_derived_object_is_calibrated_as_its_source(results: Results) -> None:
    [path] = {row["dicom_enhanced_file"] for row in results if row["source"] == "CINE"}
    found = pydicom.dcmread(results.folder / str(path))
    assert (found.NumberOfFrames, [float(side) for side in found.PixelSpacing]) == (FRAMES, [0.3, 0.3])
    assert list(found.ImageType)[:2] == ["DERIVED", "SECONDARY"]


def test_what_cannot_be_read_is_set_aside_by_name(results: Results) -> None:
    assert [aside.source for aside in results.set_aside] == ["CUT"]
