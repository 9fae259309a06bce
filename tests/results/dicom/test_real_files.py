"""Segmentations about real files that pip brings: valid whatever the scanner wrote, and with the pixels of the mask.

`benchmarks/dicom_out.py` does so with all of them and every kind of object.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_oracles import errors_of
from PIL import Image
from ultrasound_files import SHIPPED

from echocare_core.frames.read import read_frames
from echocare_core.results.dicom.said import Said
from echocare_core.results.dicom.seg import build_seg
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import seal, write_object
from echocare_core.types import Details

FOLDERS = [SHIPPED, *(Path(find_spec(name).submodule_search_locations[0]) for name in ("data_store", "deid_data"))]
FILES = (
    *("ExplVR_BigEnd.dcm", "examples_jpeg2k.dcm", "examples_palette.dcm", "examples_ybr_color.dcm"),
    *("JPGLosslessP14SV1_1s_1f_8b.dcm", "OBXXXX1A_expb.dcm", "OBXXXX1A_rle_2frame.dcm", "US1_UNCI.dcm"),
    *("color3d_jpeg_baseline.dcm", "gdcm-US-ALOKA-16_big.dcm", "RGB_IMAGE.dcm", "ultrasound-multiframe.dcm"),
)
FRAMES = 3  # of a cine: its first, its last and one between


@pytest.mark.parametrize("name", FILES)
def test_a_segmentation_of_a_real_file_is_valid_and_reads_the_same(name, tmp_path, card):
    path = next((found for folder in FOLDERS for found in folder.rglob(name)), None)
    if path is None:
        pytest.skip(f"this version of pydicom, pydicom-data or deid-data has no {name}")
    source, frames = read_source(path), read_frames(path)
    numbers = sorted({*np.linspace(0, len(frames) - 1, FRAMES).astype(int).tolist()})
    row_mm, column_mm = frames.spacing_mm or (None, None)
    rows, masks = [], {}
    for number in numbers:
        masks[number] = np.zeros(source.size, np.uint8)
        masks[number][20 + number : 50, 30:41] = 1
        Image.fromarray(masks[number]).save(tmp_path / f"{number}.png")
        spacing = {"spacing_row_mm": row_mm, "spacing_column_mm": column_mm}
        rows.append({"source": name, "frame": number, "mask": f"{number}.png", **spacing})
    details = [Details((), None, False, labels={1: "lesion"})] * len(rows)
    write_object(seal(build_seg(Said(source, card, tmp_path, rows, details))), tmp_path / "seg.dcm")

    found = pydicom.dcmread(tmp_path / "seg.dcm")
    shape = int(found.NumberOfFrames), *source.size
    bits = np.unpackbits(np.frombuffer(found.PixelData, np.uint8), count=int(np.prod(shape)), bitorder="little")
    assert np.array_equal(bits.reshape(shape), [mask for mask in masks.values() if mask.any()])
    assert errors_of(tmp_path / "seg.dcm") == []
