"""Objects about files of real scanners: valid, and about the file that they are about, whatever that says of itself."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from dicom_oracles import errors_of
from output_bundle import KINDS
from pydicom import dcmread
from ultrasound_files import STILL

from echocare_core.frames import read_frames
from echocare_core.results import ResultsWriter
from echocare_core.types import BundleCard, Measurement, Prediction

NAMES = """
    ExplVR_BigEnd.dcm examples_jpeg2k.dcm examples_palette.dcm examples_rgb_color.dcm examples_ybr_color.dcm
    JPGLosslessP14SV1_1s_1f_8b.dcm
    OBXXXX1A.dcm OBXXXX1A_2frame.dcm OBXXXX1A_expb.dcm OBXXXX1A_expb_2frame.dcm OBXXXX1A_rle.dcm
    OBXXXX1A_rle_2frame.dcm US1_J2KI.dcm US1_J2KR.dcm US1_UNCI.dcm US1_UNCR.dcm color-pl.dcm color-px.dcm
    color3d_jpeg_baseline.dcm gdcm-US-ALOKA-16.dcm gdcm-US-ALOKA-16_big.dcm
    GREYSCALE_IMAGE.dcm RGB_IMAGE.dcm ultrasound-multiframe.dcm
"""
PACKAGES = ("pydicom", "data_store", "deid_data")  # of pydicom, pydicom-data and deid-data


def folders():
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]


FILES = {path.name: path for folder in folders() for path in sorted(folder.rglob("*.dcm"))}


@pytest.mark.parametrize("name", NAMES.split())
def test_every_object_about_it_is_valid_and_about_it(name, tmp_path):
    if name not in FILES:
        pytest.skip(f"{name} is in none of pydicom, pydicom-data and deid-data here")
    card = BundleCard("all_kinds", "1.0.0", "All kinds of output", "Tests.", "ab" * 32)
    frames = read_frames(FILES[name])
    with ResultsWriter(tmp_path / "out", card, dicom={name: frames.path}) as writer:
        for number in sorted({0, len(frames) // 2, len(frames) - 1}):
            writer.add(said_of(frames, name, number))
        results = writer.finish()

    assert results.objects.without == ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = dcmread(frames.path, stop_before_pixels=True)
        own = errors_of(frames.path)
        for kind in ("seg", "overlay", "sr"):
            [path] = {results.folder / row[f"dicom_{kind}_file"] for row in results}
            assert [error for error in errors_of(path) if error not in own and not is_of_source(error, source)] == []
            found = dcmread(path, stop_before_pixels=True)
            assert (found.StudyInstanceUID, found.PatientID) == (source.StudyInstanceUID, source.get("PatientID") or "")
            assert source.SOPInstanceUID in str(found)


def is_of_source(error, source):
    """Whether an error is that of the source: one of its UIDs, or frames in a class of stills, which number none."""
    uids = (source.SOPInstanceUID, source.SeriesInstanceUID, source.StudyInstanceUID)
    in_still = source.SOPClassUID == STILL and source.get("NumberOfFrames", 1) > 1
    return any(f'"{uid}"' in error for uid in uids) or (in_still and "<ReferencedFrameNumber>" in error)


def said_of(frames, name, number):
    """A prediction of every kind of output about one frame."""
    image = np.asarray(frames.pixels[number])
    bright = np.zeros(image.shape[:2], bool)
    bright[10:40, 20:50] = True
    line = np.array([[10.0, 20.0], [39.0, 49.0]])
    outputs = (*(make(bright) for make in KINDS.values()), Measurement("long_axis", 12.5, "mm", line))
    return Prediction(name, outputs, frame=number, image=image, spacing_mm=frames.spacing_mm, notes=frames.notes)
