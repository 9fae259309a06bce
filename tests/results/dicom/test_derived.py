"""Pictures that a bundle makes of frames, as objects derived from their source."""

import numpy as np
import pydicom
import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.frames import read_frames
from echocare_core.results.writer import ResultsWriter
from echocare_core.types import Picture, Prediction


@pytest.fixture
def write(tmp_path, card):
    """Writes the results of a source with a brighter picture of each frame, and gives the derived object."""

    def write(path, spacing_mm=None, smaller=1):
        frames = read_frames(path)
        with ResultsWriter(tmp_path / "out", card, dicom={"A": path}, derived=["enhanced"]) as writer:
            for number in range(len(frames)):
                image = np.asarray(frames.pixels[number])
                brighter = Picture(
                    "enhanced", np.clip(image[::smaller, ::smaller].astype(int) + 60, 0, 255).astype(np.uint8)
                )
                writer.add(Prediction("A", (brighter,), frame=number, image=image, spacing_mm=spacing_mm,
                                      frame_time_ms=40.0 * number))  # fmt: skip
            results = writer.finish()
        [name] = {row["dicom_enhanced_file"] for row in results}
        return tmp_path / "out" / name

    return write


def test_a_still_becomes_an_image_that_names_its_source_and_is_calibrated_as_it_is(write, tmp_path, valid):
    whose = {"StudyInstanceUID": "1.2.3", "PatientID": "P1"}
    source = write_ultrasound(tmp_path / "A", marked(frames=1), spacing_mm=(0.2, 0.3), attributes=whose)
    path = write(source, (0.2, 0.3))
    found, of = pydicom.dcmread(path), pydicom.dcmread(source)
    assert list(found.ImageType) == ["DERIVED", "SECONDARY"]
    assert found.SourceImageSequence[0].ReferencedSOPInstanceUID == of.SOPInstanceUID
    assert (found.StudyInstanceUID, found.PatientID) == ("1.2.3", "P1")
    assert [float(side) for side in found.PixelSpacing] == [0.2, 0.3]
    assert "has made it of the source" in found.DerivationDescription
    assert valid(path)


def test_it_shows_the_picture_that_was_made_and_not_the_source(write, tmp_path):
    source = write_ultrasound(tmp_path / "A", marked(frames=1))
    recorded, shown = np.asarray(read_frames(source).pixels[0]), pydicom.dcmread(write(source)).pixel_array[..., 0]
    assert shown.mean() > recorded.mean() + 20


def test_a_cine_becomes_one_object_that_plays_as_it_does(write, tmp_path, valid):
    path = write(write_ultrasound(tmp_path / "A", marked(frames=4), frame_time_ms=40))
    found = pydicom.dcmread(path)
    assert (found.NumberOfFrames, found.FrameTime) == (4, 40)
    assert valid(path)


def test_a_picture_of_half_the_size_has_pixels_of_twice_the_length(write, tmp_path):
    source = write_ultrasound(tmp_path / "A", marked(frames=1), spacing_mm=(0.2, 0.3))
    found = pydicom.dcmread(write(source, (0.2, 0.3), smaller=2))
    assert [float(side) for side in found.PixelSpacing] == pytest.approx([0.4, 0.6], rel=0.02)


def test_a_source_without_calibration_gives_an_object_without_one(write, tmp_path):
    assert "PixelSpacing" not in pydicom.dcmread(write(write_ultrasound(tmp_path / "A", marked(frames=1))))
