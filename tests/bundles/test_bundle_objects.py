"""What a bundle says of real images as DICOM objects: valid, with the pixels, numbers and codes of its results."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_oracles import errors_of, planes_of
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

import echocare_core as echocare
from echocare_core.bundle import read_codes
from echocare_core.types import Measurement, Results

DEMO = Path(echocare.__file__).parent / "demo" / "export"
SOURCES = [DEMO / "BREAST/ST000001/SE000001/IM000001", DEMO / "FETAL/ST000008/SE000001/IM000001"]  # a still, a cine


def first_frames(cine: Path, number: int, path: Path) -> Path:
    """A cine of the first frames of another, whose header it has."""
    pixels, dataset = echocare.read_frames(cine).pixels, pydicom.dcmread(cine)
    dataset.file_meta.TransferSyntaxUID, dataset.PhotometricInterpretation = ExplicitVRLittleEndian, "RGB"
    dataset.NumberOfFrames = number
    dataset.add_new("PixelData", "OB", np.stack([pixels[frame] for frame in range(number)]).tobytes())
    dataset.save_as(path)
    return path


@pytest.fixture(scope="module")
def ran() -> dict[Path, Results]:
    """Results by bundle, so that each predicts once."""
    return {}


@pytest.fixture
def results(bundle: Path, ran: dict[Path, Results], tmp_path_factory: pytest.TempPathFactory) -> Results:
    if bundle not in ran:
        folder, settings = tmp_path_factory.mktemp("dicom"), {"dicom": True, "device": "cpu"}
        needed = json.loads((bundle / "configs" / "metadata.json").read_text()).get("needs", {}).get("frames", 0)
        sources = [SOURCES[0], first_frames(SOURCES[1], max(3, needed), folder / "cine")]
        ran[bundle] = echocare.predict(bundle, sources, folder / "out", settings=settings)
    return ran[bundle]


def test_its_objects_are_valid(results: Results) -> None:
    paths = sorted((results.folder / "dicom").rglob("*.dcm"))
    assert len(paths) == results.objects.number
    assert {path.name: errors_of(path) for path in paths if errors_of(path)} == {}


def test_every_mask_that_holds_something_is_in_a_segmentation(results: Results) -> None:
    for row in (row for row in results if row.get("mask")):
        mask = np.asarray(Image.open(results.folder / row["mask"]))
        found = pydicom.dcmread(results.folder / row["dicom_seg_file"]) if row["dicom_seg_file"] else None
        planes = {} if found is None else planes_of(found)
        assert {label: plane.sum() for (frame, label), plane in planes.items() if frame == row["frame"]} == {
            label: (mask == label).sum() for label in np.unique(mask[mask > 0]).tolist()
        }


def test_its_reports_hold_every_number_and_refer_to_what_is_there(results: Results) -> None:
    objects = {path: pydicom.dcmread(path) for path in (results.folder / "dicom").rglob("*.dcm")}
    reports = {str(row["dicom_sr_file"]) for row in results}
    items = [item for report in reports for item in items_of(objects[results.folder / report])]
    values = [item.MeasuredValueSequence[0].FloatingPointValue for item in items if item.ValueType == "NUM"]
    outputs = [output for one in results.details for output in one.outputs]
    measured = [one.value for one in outputs if isinstance(one, Measurement) and math.isfinite(one.value)]
    there = {pydicom.dcmread(source, stop_before_pixels=True).SOPInstanceUID for source in SOURCES}
    there |= {one.SOPInstanceUID for one in objects.values()}
    referred = {one.ReferencedSOPInstanceUID for item in items for one in item.get("ReferencedSOPSequence", ())}

    assert [value for value in measured if value not in values] == []
    assert referred
    assert referred <= there
    assert all(row["dicom_overlay_file"] for row in results if row.get("level") != "study")


def items_of(item: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    """Every item below another one of a report."""
    for one in item.get("ContentSequence", ()):
        yield one
        yield from items_of(one)


def test_labels_have_the_codes_of_its_metadata(bundle: Path, results: Results) -> None:
    known = read_codes(bundle).labels
    for path in {row["dicom_seg_file"] for row in results if row.get("dicom_seg_file")}:
        for segment in pydicom.dcmread(results.folder / path).SegmentSequence:
            if segment.SegmentLabel in known:
                code = segment.SegmentedPropertyTypeCodeSequence[0]
                assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == known[segment.SegmentLabel][1]
