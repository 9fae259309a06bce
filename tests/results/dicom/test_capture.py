"""Overlays as secondary capture: the frames in order and in time, in a form that every viewer shows."""

from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from ultrasound_files import marked, streams_of, write_ultrasound

from echocare_core.frames import read_frames
from echocare_core.results.dicom.capture import CINE, OVERLAY, STILL, Captured, Drawn, write_capture
from echocare_core.results.dicom.source import read_source


def drawn_on(folder, number, time_ms=None, height=40):
    """A picture of a size of its own, of one colour for each frame."""
    colour = (200 - 30 * number, 60, 30 * number)
    Image.new("RGB", (81, height), colour).save(folder / f"{number}.png")
    return Drawn(folder / f"{number}.png", number, time_ms)


@pytest.fixture
def source(tmp_path):
    return source_of(tmp_path)


def source_of(folder, frames=6, **attributes):
    about = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
    path = write_ultrasound(folder / "IM0001", marked(frames=frames), attributes={**about, **attributes})
    return read_source(path)


def capture(folder, drawn, source, card):
    what = Captured(OVERLAY, "What was found, drawn on the picture.")
    write_capture(folder / "capture.dcm", drawn, source, card, what)
    return pydicom.dcmread(folder / "capture.dcm")


def test_the_overlay_of_a_still_is_an_image_of_one_frame(tmp_path, card, valid):
    found = capture(tmp_path, [drawn_on(tmp_path, 0)], source_of(tmp_path, frames=1), card)
    assert (found.SOPClassUID, found.Rows, found.Columns) == (STILL, 40, 82)
    assert "NumberOfFrames" not in found
    assert valid(tmp_path / "capture.dcm")


def test_overlays_of_a_cine_play_as_it_does(tmp_path, source, card, valid):
    found = capture(tmp_path, [drawn_on(tmp_path, number, 40.0 * number) for number in range(3)], source, card)
    assert (found.SOPClassUID, found.NumberOfFrames, found.FrameTime) == (CINE, 3, 40)
    assert found[found.FrameIncrementPointer].keyword == "FrameTime"
    assert valid(tmp_path / "capture.dcm")


def test_frames_at_uneven_times_keep_them(tmp_path, source, card, valid):
    times_ms = [0.0, 33.5, 100.0]
    found = capture(tmp_path, [drawn_on(tmp_path, number, time) for number, time in enumerate(times_ms)], source, card)
    assert np.cumsum(found.FrameTimeVector).tolist() == times_ms
    assert "FrameTime" not in found
    assert valid(tmp_path / "capture.dcm")


def test_frames_without_times_are_pages_and_no_rate_is_made_up(tmp_path, source, card, valid):
    found = capture(tmp_path, [drawn_on(tmp_path, number) for number in range(3)], source, card)
    assert found[found.FrameIncrementPointer].value == [1, 2, 3]
    assert not {"FrameTime", "FrameTimeVector", "CineRate"} & set(found.dir())
    assert valid(tmp_path / "capture.dcm")


def test_every_frame_shows_its_picture_filled_up_below(tmp_path, source, card):
    heights = (40, 61, 50)
    drawn = [drawn_on(tmp_path, number, 40.0 * number, height) for number, height in enumerate(heights)]
    found = capture(tmp_path, drawn, source, card)
    pictures = [np.asarray(Image.open(BytesIO(stream)).convert("RGB"), int) for stream in streams_of(found)]
    for number, (picture, height) in enumerate(zip(pictures, heights, strict=True)):
        assert picture.shape == (61, 82, 3)
        assert np.abs(picture[: height - 2, :78] - (200 - 30 * number, 60, 30 * number)).max() < 6
        assert (picture[height + 8 :] < 6).all()


def test_it_refers_to_the_frames_that_it_shows(tmp_path, source, card):
    [all_of_it] = capture(
        tmp_path, [drawn_on(tmp_path, number) for number in range(6)], source, card
    ).SourceImageSequence
    [some] = capture(tmp_path, [drawn_on(tmp_path, number) for number in (1, 4)], source, card).SourceImageSequence
    assert all_of_it.ReferencedSOPInstanceUID == some.ReferencedSOPInstanceUID == "1.2.5"
    assert ("ReferencedFrameNumber" in all_of_it, some.ReferencedFrameNumber) == (False, [2, 5])


@pytest.mark.parametrize(("said", "written"), [("NO", "NO"), ("YES", "YES"), (None, "YES")])
def test_burned_in_text_is_believed_away_only_where_the_source_says_so(tmp_path, card, said, written):
    about = {"BurnedInAnnotation": said}
    found = capture(tmp_path, [drawn_on(tmp_path, 0)], source_of(tmp_path, **about), card)
    assert found.BurnedInAnnotation == written


def test_no_program_takes_a_drawing_for_ultrasound(tmp_path, source, card):
    capture(tmp_path, [drawn_on(tmp_path, 0)], source, card)
    with pytest.raises(Exception, match="is not ultrasound"):
        read_frames(tmp_path / "capture.dcm")


def test_the_same_overlay_is_the_same_object_and_another_is_another(tmp_path, source, card):
    names = [capture(tmp_path, [drawn_on(tmp_path, number)], source, card).SOPInstanceUID for number in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_the_offset_table_leads_to_every_frame(tmp_path, source, card):
    found = capture(tmp_path, [drawn_on(tmp_path, number) for number in range(4)], source, card)
    data = found.PixelData
    table = np.frombuffer(data[8 : 8 + 16], "<u4")
    starts = [8 + 16 + int(offset) for offset in table]
    assert [data[start + 8 : start + 10] for start in starts] == [b"\xff\xd8"] * 4
