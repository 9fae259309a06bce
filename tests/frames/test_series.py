"""The folder of a series is one run of frames, in the order of its instances."""

import numpy as np
import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.series import find_in_series, read_series
from echocare_core.transforms import LoadUltrasound


@pytest.fixture
def series(tmp_path):
    """A cine of three frames that comes first by its Instance Number and last by its name, a still, and a report."""
    write_ultrasound(tmp_path / "z.dcm", marked(3), attributes={"InstanceNumber": 1})
    write_ultrasound(tmp_path / "a.dcm", marked() + np.uint8(5), attributes={"InstanceNumber": 2})
    write_ultrasound(tmp_path / "report.dcm", None, attributes={"InstanceNumber": 3, "Modality": "SR"})
    return tmp_path


def test_files_stand_in_the_order_of_their_instance_numbers(series):
    assert [(one.path.name, len(one)) for one in read_series(series)] == [("z.dcm", 3), ("a.dcm", 1)]


def test_frames_are_counted_through_the_files(series):
    files = read_series(series)
    assert [(one.path.name, number) for one, number in (find_in_series(files, frame) for frame in (0, 2, 3))] == [
        ("z.dcm", 0),
        ("z.dcm", 2),
        ("a.dcm", 0),
    ]


@pytest.mark.parametrize("frame", [-1, 4])
def test_a_frame_that_no_file_has_is_refused(series, frame):
    with pytest.raises(UnreadableFrames, match=f"has 4 frames; number {frame}, counted from 0, is asked for"):
        find_in_series(read_series(series), frame)


def test_a_folder_without_pictures_says_why(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(UnreadableFrames, match=r"^notes\.txt is not DICOM, PNG"):
        read_series(tmp_path)
    with pytest.raises(UnreadableFrames, match="cannot be listed"):
        read_series(tmp_path / "gone")


def test_the_loader_takes_the_folder_of_a_series(series):
    image = LoadUltrasound()(series, frame=3)
    assert (image[0, -1, 0], image.meta["frame"], image.meta["number_of_frames"]) == (15, 0, 4)
    assert image.meta["filename_or_obj"].endswith("a.dcm")


def test_the_loader_takes_a_clip_out_of_one_file_of_a_series(series):
    clip = LoadUltrasound()(series, frame=(1, 2))
    assert (tuple(clip.shape), clip[0, :, -1, 0].tolist()) == ((3, 2, 24, 32), [11, 12])
